//! How far somebody has read, what they want to hear of, and that they are writing.

use std::time::Duration;

use tokio::time::Instant;

use super::{Caller, not_joined};
use crate::hub::outbox::{Group, Outbox};
use crate::hub::{Hub, now_ms};
use crate::limits::TYPING_EVERY_MS;
use crate::protocol::conversation::{self, Kind};
use crate::protocol::{Code, Refusal};
use crate::rooms::RoomIndex;
use crate::store::Membership;

impl<O: Outbox> Hub<O> {
    /// Notes up to which message somebody has read. It may be an earlier one than before: what follows it is unread again.
    pub(super) fn read(&mut self, caller: &Caller, room: &str, seq: u64) -> Result<(), Refusal> {
        let (person, room, before) = self.membership(caller, room)?;
        let last = self.rooms[room].seq;
        if seq > last {
            let sentence = format!("`seq` must be from 0 to {last}, which is the last message.");
            return Err(Refusal::new(Code::BadValue, sentence).room(&*self.key(room)));
        }
        let membership = Membership { read: seq, is_unopened: false, ..before };
        if membership != before {
            self.put_membership(person, room, membership)?;
        }
        self.note_deed(caller, room)?;
        self.tell_reading(caller, (person, room), membership, membership != before)
    }

    /// `is_news`: the others do not know it yet, and are told, too.
    pub(super) fn tell_reading(
        &mut self,
        caller: &Caller,
        (person, room): (i64, RoomIndex),
        membership: Membership,
        is_news: bool,
    ) -> Result<(), Refusal> {
        let last = self.rooms[room].seq;
        let (key, reading) = (self.key(room), self.reading(person, room, membership, last)?);
        self.confirm(caller, room, conversation::read(caller.id.as_deref(), &key, reading));
        if !is_news {
            return Ok(());
        }
        for conn in self.other_pages(person, caller.conn) {
            self.tell(conn, conversation::read(None, &key, reading));
        }
        if self.rooms[room].kind == Kind::Direct {
            let others: Vec<_> = self.memberships.here(room).filter(|other| *other != person).collect();
            for conn in others.into_iter().flat_map(|other| self.people.pages_of(other)).collect::<Vec<_>>() {
                self.tell(conn, conversation::read_by(&key, person, membership.read));
            }
        }
        Ok(())
    }

    /// Whether somebody wants to hear nothing of a room.
    pub(super) fn quiet(&mut self, caller: &Caller, room: &str, on: bool) -> Result<(), Refusal> {
        let (person, room, before) = self.membership(caller, room)?;
        if before.is_muted != on {
            self.put_membership(person, room, Membership { is_muted: on, ..before })?;
        }
        self.note_deed(caller, room)?;
        self.tell_quiet(caller, (person, room), on, before.is_muted != on);
        Ok(())
    }

    /// `is_news`: the others do not know it yet, and are told, too.
    pub(super) fn tell_quiet(
        &mut self,
        caller: &Caller,
        (person, room): (i64, RoomIndex),
        on: bool,
        is_news: bool,
    ) {
        let key = self.key(room);
        self.confirm(caller, room, conversation::quiet(caller.id.as_deref(), &key, on));
        if is_news {
            for conn in self.other_pages(person, caller.conn) {
                self.tell(conn, conversation::quiet(None, &key, on));
            }
        }
    }

    /// Tells the others in a room that somebody writes; not too often, and not too many.
    pub(super) fn typing(&mut self, caller: &Caller, room: &str) -> Result<(), Refusal> {
        let index = self.find(caller.conn, room)?;
        let now = Instant::now();
        let is_large = self.is_large(index);
        let Some(client) = self.people.get_mut(caller.conn) else { return Ok(()) };
        if !client.rooms.contains(&index) {
            return Err(not_joined(room, client.v1));
        }
        let every = Duration::from_millis(TYPING_EVERY_MS);
        let is_soon = client.typed_at.is_some_and(|at| now.duration_since(at) < every);
        let is_silent = client.muted_until_ms > now_ms() || self.rooms[index].is_archived;
        if is_soon || is_silent || is_large {
            return Ok(());
        }
        client.typed_at = Some(now);
        let Some(name) = client.name.clone() else { return Ok(()) };
        let frame = conversation::typing(&self.rooms[index].key, &name, client.number());
        self.publish(Group::Room(self.rooms[index].id), frame.into(), Some(caller.conn));
        Ok(())
    }

    /// The person who asks, the room, and their membership of it.
    fn membership(&self, caller: &Caller, room: &str) -> Result<(i64, RoomIndex, Membership), Refusal> {
        let person = self.signed_in(caller)?;
        let index = self.find(caller.conn, room)?;
        let membership = self.memberships.get(person, index).ok_or_else(|| not_joined(room, true))?;
        Ok((person, index, membership))
    }
}
