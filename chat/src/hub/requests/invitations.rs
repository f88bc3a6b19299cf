//! Invitations: by them guests come in while the server is closed to guests.

use super::Caller;
use crate::account::{Identity, Token};
use crate::hub::calls::{unreadable, unwritable};
use crate::hub::outbox::Outbox;
use crate::hub::{Hub, now_ms};
use crate::limits::{DAY_MS, INVITATIONS_MAX};
use crate::protocol::Refusal;
use crate::protocol::moderation::{self, Invitation};
use crate::store::{Deed, NewInvitation};

impl<O: Outbox> Hub<O> {
    pub(super) fn make_invitation(
        &mut self,
        caller: &Caller,
        admin: &Identity,
        (days, uses): (u64, u64),
        token: &Token,
    ) -> Result<(), Refusal> {
        let now_ms = now_ms();
        if self.writer.invitations(now_ms).map_err(unreadable)?.len() >= INVITATIONS_MAX {
            return Err(Refusal::too_many_invitations());
        }
        let until_ms = now_ms.saturating_add(days.saturating_mul(DAY_MS));
        let new = NewInvitation { token: &token.hash(), actor: admin.id, now_ms, until_ms, uses };
        let number = self.writer.add_invitation(new).map_err(unwritable)?;
        let deed = self.record(admin, "invitation", number, now_ms)?;
        self.writer.note_act(caller.ticket, deed).map_err(unwritable)?;
        tracing::info!(admin = admin.id, number, until_ms, uses, "an administrator has made an invitation");
        let invitation = Invitation { number, by: admin.name.clone(), until_ms, uses };
        self.confirm_order(caller, moderation::invitation(caller.id.as_deref(), token, &invitation));
        Ok(())
    }

    /// It was stored by a hub that has died; it may have been used since, or have ended.
    pub(super) fn tell_invitation_again(
        &mut self,
        caller: &Caller,
        deed: i64,
        token: &Token,
    ) -> Result<(), Refusal> {
        let (_, number) = self.writer.deed(deed).map_err(unreadable)?.ok_or_else(Refusal::internal)?;
        let (number, now_ms) = (number.cast_signed(), now_ms());
        let holding = self.writer.invitations(now_ms).map_err(unreadable)?;
        let found = holding.into_iter().find(|invitation| invitation.number == number);
        let ended = Invitation { number, by: String::new(), until_ms: now_ms, uses: 0 };
        let invitation = found.unwrap_or(ended);
        self.confirm_order(caller, moderation::invitation(caller.id.as_deref(), token, &invitation));
        Ok(())
    }

    pub(super) fn list_invitations(&mut self, caller: &Caller) -> Result<(), Refusal> {
        let invitations = self.writer.invitations(now_ms()).map_err(unreadable)?;
        self.push(caller.conn, moderation::invitations(caller.id.as_deref(), &invitations));
        Ok(())
    }

    /// Also one that has ended already: then there is nothing left to do.
    pub(super) fn revoke_invitation(
        &mut self,
        caller: &Caller,
        admin: &Identity,
        number: i64,
    ) -> Result<(), Refusal> {
        self.writer.end_invitation(number).map_err(unwritable)?;
        self.record(admin, "revoke", number, now_ms())?;
        tracing::info!(admin = admin.id, number, "an administrator has ended an invitation");
        self.confirm_order(caller, moderation::revoked(caller.id.as_deref(), number));
        Ok(())
    }

    fn record(
        &mut self,
        admin: &Identity,
        act: &'static str,
        number: i64,
        at_ms: u64,
    ) -> Result<i64, Refusal> {
        let deed = Deed { actor: admin.id, act, subject: "", detail: number.cast_unsigned(), at_ms };
        self.writer.record_deed(deed).map_err(unwritable)
    }
}
