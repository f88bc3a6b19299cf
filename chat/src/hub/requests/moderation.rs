//! What administrators do. An administrator can do nothing to another one, nor to oneself but for another name: so there is always
//! one left.

use switchboard::ConnectionId;

use super::Caller;
use crate::account::{Identity, Profile, Role};
use crate::close::Farewell;
use crate::hub::calls::{unreadable, unwritable};
use crate::hub::outbox::Outbox;
use crate::hub::{Hub, now_ms};
use crate::protocol::moderation::{self, Act};
use crate::protocol::request::{OrderRequest, Whom};
use crate::protocol::{Code, Refusal};
use crate::store::{Deed, StoreError};

impl<O: Outbox> Hub<O> {
    pub(super) fn moderate(
        &mut self,
        caller: &Caller,
        act: Act,
        name: &str,
        minutes: u64,
    ) -> Result<(), Refusal> {
        let admin = self.admin(caller)?;
        let people = self.writer.people_named(name).map_err(unreadable)?;
        if people.iter().any(|person| person.role == Role::Admin) {
            return Err(not_to_administrators());
        }
        let is_here = self.people.iter().any(|(_, client)| client.name.as_deref() == Some(name));
        if people.is_empty() && !(act == Act::Kick && is_here) {
            return Err(no_such_person());
        }
        let now_ms = now_ms();
        let until_ms =
            if act == Act::Mute { now_ms.saturating_add(minutes.saturating_mul(60_000)) } else { 0 };
        for person in &people {
            self.change_person(act, person.id, until_ms).map_err(unwritable)?;
        }
        let deed =
            Deed { actor: admin.id, act: act.as_str(), subject: name, detail: until_ms, at_ms: now_ms };
        self.writer.record_deed(deed).map_err(unwritable)?;
        tracing::info!(admin = admin.id, act = act.as_str(), ?name, until_ms, "an administrator has acted");
        self.confirm_order(caller, moderation::moderated(caller.id.as_deref(), act, name, until_ms));
        let farewell = match act {
            Act::Kick => Farewell::Kicked,
            Act::Ban => Farewell::Banned,
            Act::Mute | Act::Unmute | Act::Unban => return Ok(()),
        };
        let from = self.effects.len();
        self.dismiss(farewell, |client| client.name.as_deref() == Some(name));
        self.all_once_stored(from);
        Ok(())
    }

    /// What they ask for beside that.
    pub(super) fn order(&mut self, caller: &Caller, request: OrderRequest) -> Result<(), Refusal> {
        let admin = self.admin(caller)?;
        match request {
            OrderRequest::Rename { whom, to } => self.rename_person(caller, &admin, &whom, &to),
            OrderRequest::Invitation { days, uses, token } => {
                self.make_invitation(caller, &admin, (days, uses), &token)
            }
            OrderRequest::Invitations => self.list_invitations(caller),
            OrderRequest::Revoke { number } => self.revoke_invitation(caller, &admin, number),
        }
    }

    fn rename_person(
        &mut self,
        caller: &Caller,
        admin: &Identity,
        whom: &Whom,
        to: &str,
    ) -> Result<(), Refusal> {
        let someone = self.whom(whom)?;
        let identity = self.writer.identity(someone.id).map_err(unreadable)?;
        let identity = identity.ok_or_else(super::conversations::no_such_person)?;
        if identity.role == Role::Admin && identity.id != admin.id {
            return Err(not_to_administrators());
        }
        let at_ms = now_ms();
        self.check_name(to, Some(&identity.name), Some(identity.id), at_ms)?;
        if identity.name != to {
            self.writer.rename(&identity, to, at_ms).map_err(unwritable)?;
            self.note_name(to, at_ms);
        }
        let (actor, detail) = (admin.id, identity.id.cast_unsigned());
        let before = Deed { actor, act: "rename", subject: &identity.name, detail, at_ms };
        let deed = self.writer.record_deed(before).map_err(unwritable)?;
        self.writer.record_deed(Deed { act: "renamed", subject: to, ..before }).map_err(unwritable)?;
        self.writer.note_act(caller.ticket, deed).map_err(unwritable)?;
        tracing::info!(admin = admin.id, person = identity.id, before = ?identity.name, ?to, "an administrator has renamed somebody");
        let from = self.effects.len();
        let profile = Profile { name: to.to_owned(), ..Profile::from(&identity) };
        self.tell_renamed(caller, &profile, (&identity.name, to), true)?;
        self.all_once_stored(from);
        Ok(())
    }

    /// It was stored by a hub that has died; others may have renamed them since.
    pub(super) fn rename_again(&mut self, caller: &Caller, deed: i64, to: &str) -> Result<(), Refusal> {
        let (before, person) = self.writer.deed(deed).map_err(unreadable)?.ok_or_else(Refusal::internal)?;
        match self.writer.identity(person.cast_signed()).map_err(unreadable)? {
            Some(identity) => self.tell_renamed(caller, &(&identity).into(), (&before, to), false),
            None => {
                self.confirm_order(caller, moderation::renamed(caller.id.as_deref(), &before, to));
                Ok(())
            }
        }
    }

    /// Everybody who has to do with them, and whoever has asked for it.
    fn tell_renamed(
        &mut self,
        caller: &Caller,
        profile: &Profile,
        (before, to): (&str, &str),
        is_recorded: bool,
    ) -> Result<(), Refusal> {
        self.claim_name(profile);
        self.rename_connections(profile, None, is_recorded);
        self.tell_new_name(profile.id)?;
        self.confirm_order(caller, moderation::renamed(caller.id.as_deref(), before, to));
        Ok(())
    }

    fn change_person(&mut self, act: Act, person: i64, until_ms: u64) -> Result<(), StoreError> {
        match act {
            Act::Mute | Act::Unmute => {
                self.writer.mute(person, until_ms)?;
                let conns = self.people.of_person(person).to_vec();
                for conn in conns {
                    if let Some(known) = self.people.get_mut(conn) {
                        known.muted_until_ms = until_ms;
                    }
                }
                Ok(())
            }
            Act::Ban | Act::Unban => self.writer.ban(person, act == Act::Ban),
            Act::Kick => Ok(()),
        }
    }

    pub(super) fn allow_guests(&mut self, caller: &Caller, are_allowed: bool) -> Result<(), Refusal> {
        let admin = self.admin(caller)?;
        self.writer.allow_guests(are_allowed).map_err(unwritable)?;
        let detail = u64::from(are_allowed);
        let deed = Deed { actor: admin.id, act: "guests", subject: "", detail, at_ms: now_ms() };
        self.writer.record_deed(deed).map_err(unwritable)?;
        tracing::info!(admin = admin.id, are_allowed, "an administrator has decided about guests");
        self.are_guests_allowed = are_allowed;
        self.confirm_order(caller, moderation::guests(caller.id.as_deref(), are_allowed));
        let from = self.effects.len();
        self.tell_administrators(Some(caller.conn)).map_err(unreadable)?;
        self.all_once_stored(from);
        Ok(())
    }

    /// Whether guests may come, to the pages of all administrators. `except`: the one that has decided it.
    fn tell_administrators(&mut self, except: Option<ConnectionId>) -> Result<(), StoreError> {
        for admin in self.writer.administrators()? {
            for conn in self.people.pages_of(admin).into_iter().filter(|conn| Some(*conn) != except) {
                self.tell_of_guests(conn);
            }
        }
        Ok(())
    }

    /// Whether guests may come, to an administrator.
    pub(super) fn tell_of_guests(&mut self, conn: ConnectionId) {
        self.push(conn, moderation::guests(None, self.are_guests_allowed));
    }

    /// What was in the open transaction is not stored: who may write, and who may come, is as it was.
    pub(in crate::hub) fn recall_order(&mut self) {
        let believed = self.are_guests_allowed;
        match self.writer.are_guests_allowed() {
            Ok(are_allowed) => self.are_guests_allowed = are_allowed,
            Err(error) => tracing::error!(%error, "it could not be read whether guests may come"),
        }
        // Whoever has come in the meantime was told what is not so.
        if self.are_guests_allowed != believed
            && let Err(error) = self.tell_administrators(None)
        {
            tracing::error!(%error, "administrators could not be told whether guests may come");
        }
        for person in self.memberships.people() {
            let Ok(Some(identity)) = self.writer.identity(person) else { continue };
            for conn in self.people.of_person(person).to_vec() {
                if let Some(known) = self.people.get_mut(conn) {
                    known.muted_until_ms = identity.muted_until_ms;
                }
            }
        }
    }

    /// Whoever asks, if that is an administrator.
    pub(super) fn admin(&self, caller: &Caller) -> Result<Identity, Refusal> {
        let login = self.people.get(caller.conn).and_then(|client| client.login);
        let identity = match login {
            Some(login) => self.writer.identity(login.person).map_err(unreadable)?,
            None => None,
        };
        identity
            .filter(|identity| identity.role == Role::Admin)
            .ok_or_else(|| Refusal::new(Code::NotAllowed, "Only an administrator may do that."))
    }
}

fn not_to_administrators() -> Refusal {
    Refusal::new(Code::NotAllowed, "Nothing can be done to an administrator.")
}

fn no_such_person() -> Refusal {
    let sentence =
        "Nobody of this name is known. Who has come without a session can be removed, but nothing more.";
    Refusal::new(Code::NoSuchPerson, sentence)
}
