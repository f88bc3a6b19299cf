//! A request comes again that the hub before had carried out in the database: what is told of it once more.
//!
//! Nothing is written again: what others have asked for meanwhile may have been carried out first, by the hub that came next. So
//! whoever asked is answered, and everybody is told how it is now.

use super::{Caller, not_joined};
use crate::hub::Hub;
use crate::hub::calls::unreadable;
use crate::hub::outbox::Outbox;
use crate::hub::people::Client;
use crate::protocol::request::{ConversationRequest, OrderRequest, Whom};
use crate::protocol::{Refusal, Request, conversation};
use crate::rooms::RoomIndex;
use crate::store::Membership;

impl<O: Outbox> Hub<O> {
    pub(super) fn tell_again(&mut self, caller: &Caller, request: &Request, room: RoomIndex) {
        let told = match request {
            Request::Leave { .. } => self.end_stay(caller, room),
            Request::Conversation(request) => self.converse_again(caller, request, room),
            _ => self.tell_creation(caller, room),
        };
        if let Err(refusal) = told {
            self.push(caller.conn, refusal.id(caller.id.clone()).to_json());
        }
    }

    /// `deed`: what an administrator has done, by its row in the record of that.
    pub(super) fn tell_deed_again(&mut self, caller: &Caller, request: &Request, deed: i64) {
        let told = match request {
            Request::Order(OrderRequest::Rename { to, .. }) => self.rename_again(caller, deed, to),
            Request::Order(OrderRequest::Invitation { token, .. }) => {
                self.tell_invitation_again(caller, deed, token)
            }
            // They note nothing.
            _ => Ok(()),
        };
        if let Err(refusal) = told {
            self.push(caller.conn, refusal.id(caller.id.clone()).to_json());
        }
    }

    fn converse_again(
        &mut self,
        caller: &Caller,
        request: &ConversationRequest,
        room: RoomIndex,
    ) -> Result<(), Refusal> {
        // Somebody may have removed whoever asks.
        let person = self.people.get(caller.conn).and_then(Client::number);
        if !self.may_read(person, room) {
            return Err(Refusal::no_such_room().room(&*self.key(room)));
        }
        match request {
            ConversationRequest::Direct { .. } => self.answer_direct(caller, room, true),
            ConversationRequest::Invite { whom, .. } => self.invite_again(caller, room, whom),
            ConversationRequest::Remove { whom, .. } => self.remove_again(caller, room, whom),
            ConversationRequest::Rename { .. }
            | ConversationRequest::Topic { .. }
            | ConversationRequest::Archive { .. } => self.tell_room(caller, room, true),
            ConversationRequest::Read { .. } => {
                let (person, membership) = self.membership_in(caller, room)?;
                self.tell_reading(caller, (person, room), membership, true)
            }
            ConversationRequest::Quiet { .. } => {
                let (person, membership) = self.membership_in(caller, room)?;
                self.tell_quiet(caller, (person, room), membership.is_muted, true);
                Ok(())
            }
            // They leave nothing.
            ConversationRequest::Typing { .. } | ConversationRequest::Members { .. } => Ok(()),
        }
    }

    fn invite_again(&mut self, caller: &Caller, room: RoomIndex, whom: &Whom) -> Result<(), Refusal> {
        let someone = self.whom(whom)?;
        if self.membership_of(someone.id, room)?.is_some() {
            return self.tell_invited(caller, room, &someone, true);
        }
        self.tell_invited(caller, room, &someone, false)?;
        self.tell_membership(caller, room, &someone, false)
    }

    fn remove_again(&mut self, caller: &Caller, room: RoomIndex, whom: &Whom) -> Result<(), Refusal> {
        let someone = self.whom(whom)?;
        let is_back = self.membership_of(someone.id, room)?.is_some();
        self.tell_removed(caller, room, &someone, !is_back)?;
        if is_back { self.tell_membership(caller, room, &someone, true) } else { Ok(()) }
    }

    /// Tells whoever has asked how it is now, because somebody else has changed it since. All others have been told of that.
    fn tell_membership(
        &mut self,
        caller: &Caller,
        room: RoomIndex,
        someone: &conversation::Someone,
        is_member: bool,
    ) -> Result<(), Refusal> {
        let by = self.asker_of(caller)?;
        let frame = conversation::membership(&self.key(room), someone, is_member, Some(&by));
        self.tell(caller.conn, frame);
        Ok(())
    }

    fn membership_of(&self, person: i64, room: RoomIndex) -> Result<Option<Membership>, Refusal> {
        self.writer.membership(person, self.rooms[room].id).map_err(unreadable)
    }

    fn membership_in(&self, caller: &Caller, room: RoomIndex) -> Result<(i64, Membership), Refusal> {
        let person = self.signed_in(caller)?;
        let membership = self.memberships.get(person, room);
        Ok((person, membership.ok_or_else(|| not_joined(&self.key(room), true))?))
    }
}
