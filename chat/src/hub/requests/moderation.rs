//! What administrators do. An administrator can do nothing to another one, nor to oneself: so there is always one left.

use super::Caller;
use crate::account::{Identity, Role};
use crate::close::Farewell;
use crate::hub::calls::{unreadable, unwritable};
use crate::hub::outbox::Outbox;
use crate::hub::{Hub, now_ms};
use crate::protocol::moderation::{self, Act};
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
            return Err(Refusal::new(Code::NotAllowed, "Nothing can be done to an administrator."));
        }
        let is_here = self.people.iter().any(|(_, person)| person.name.as_deref() == Some(name));
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
        self.push(caller.conn, moderation::moderated(caller.id.as_deref(), act, name, until_ms));
        let farewell = match act {
            Act::Kick => Farewell::Kicked,
            Act::Ban => Farewell::Banned,
            Act::Mute | Act::Unmute | Act::Unban => return Ok(()),
        };
        self.dismiss(farewell, |person| person.name.as_deref() == Some(name));
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
        self.push(caller.conn, moderation::guests(caller.id.as_deref(), are_allowed));
        Ok(())
    }

    /// Whoever asks, if that is an administrator.
    pub(super) fn admin(&self, caller: &Caller) -> Result<Identity, Refusal> {
        let login = self.people.get(caller.conn).and_then(|person| person.login);
        let identity = match login {
            Some(login) => self.writer.identity(login.person).map_err(unreadable)?,
            None => None,
        };
        identity
            .filter(|identity| identity.role == Role::Admin)
            .ok_or_else(|| Refusal::new(Code::NotAllowed, "Only an administrator may do that."))
    }
}

fn no_such_person() -> Refusal {
    let sentence =
        "Nobody of this name is known. Who has come without a session can be removed, but nothing more.";
    Refusal::new(Code::NoSuchPerson, sentence)
}
