//! Who is a member of a room: invited, removed, gone.

use std::sync::Arc;

use switchboard::ConnectionId;

use super::{Caller, not_joined};
use crate::hub::Hub;
use crate::hub::calls::unreadable;
use crate::hub::effect::Effect;
use crate::hub::moves::Move;
use crate::hub::outbox::{Group, Outbox, Outgoing};
use crate::hub::people::Client;
use crate::limits::{
    INVITATIONS_UNOPENED_MAX, MEMBERS_LISTED_MAX, PEOPLE_BYTES_MAX, PRIVATE_MEMBERS_MAX,
    PRIVATE_ROOMS_PER_PERSON_MAX,
};
use crate::protocol::conversation::{self, Kind, Member, Someone};
use crate::protocol::request::Whom;
use crate::protocol::{Code, Refusal, event};
use crate::rooms::RoomIndex;
use crate::store::Membership;

impl<O: Outbox> Hub<O> {
    pub(super) fn invite(&mut self, caller: &Caller, room: &str, whom: &Whom) -> Result<(), Refusal> {
        self.signed_in(caller)?;
        let room = self.private(caller, room)?;
        let someone = self.whom(whom)?;
        let known = self.writer.membership(someone.id, self.rooms[room].id).map_err(unreadable)?;
        if known.is_none() {
            if self.writer.count_members(self.rooms[room].id).map_err(unreadable)? >= PRIVATE_MEMBERS_MAX {
                let sentence = format!("A private room has at most {PRIVATE_MEMBERS_MAX} members.");
                return Err(Refusal::new(Code::RoomFull, sentence).room(&*self.key(room)));
            }
            self.has_room_for_more(someone.id)?;
            self.may_be_invited(caller, someone.id)?;
            let read = self.rooms[room].seq;
            let membership = Membership { read, is_unopened: true, ..Membership::default() };
            self.put_membership(someone.id, room, membership)?;
        }
        self.note_deed(caller, room)?;
        self.tell_invited(caller, room, &someone, known.is_none())
    }

    /// `is_news`: the others do not know it yet, and are told, too.
    pub(super) fn tell_invited(
        &mut self,
        caller: &Caller,
        room: RoomIndex,
        someone: &Someone,
        is_news: bool,
    ) -> Result<(), Refusal> {
        let key = self.key(room);
        self.confirm(caller, room, conversation::invited(caller.id.as_deref(), &key, someone));
        if is_news {
            let by = self.asker_of(caller)?;
            let pages = self.people.pages_of(someone.id);
            self.tell_room_to(&pages, room, Some(&by))?;
            self.publish_to_room(room, conversation::membership(&key, someone, true, Some(&by)));
        }
        Ok(())
    }

    pub(super) fn remove(&mut self, caller: &Caller, room: &str, whom: &Whom) -> Result<(), Refusal> {
        let person = self.signed_in(caller)?;
        let room = self.private(caller, room)?;
        self.manager(person, room)?;
        let someone = self.whom(whom)?;
        if someone.id == person {
            return Err(Refusal::new(Code::BadValue, "This is you: `leave` the room if you want to."));
        }
        let known = self.writer.membership(someone.id, self.rooms[room].id).map_err(unreadable)?;
        if known.is_some() {
            self.end_membership(someone.id, room)?;
        }
        self.note_deed(caller, room)?;
        self.tell_removed(caller, room, &someone, known.is_some())
    }

    /// `is_news`: the others do not know it yet, and are told, too.
    pub(super) fn tell_removed(
        &mut self,
        caller: &Caller,
        room: RoomIndex,
        someone: &Someone,
        is_news: bool,
    ) -> Result<(), Refusal> {
        let key = self.key(room);
        self.confirm(caller, room, conversation::removed(caller.id.as_deref(), &key, someone));
        if is_news {
            let by = self.asker_of(caller)?;
            let from = self.effects.len();
            self.put_out_all(someone.id, room, None);
            self.once_stored(from);
            self.publish_to_room(room, conversation::membership(&key, someone, false, Some(&by)));
        }
        Ok(())
    }

    /// A connection leaves a room. If it has a session its person is no member any more, on none of their devices.
    pub(super) fn leave(&mut self, caller: &Caller, room: &str) -> Result<(), Refusal> {
        let index = self.find(caller.conn, room)?;
        let Some(client) = self.people.get(caller.conn) else { return Ok(()) };
        let is_member = client.number().is_some_and(|number| self.memberships.get(number, index).is_some());
        if !client.rooms.contains(&index) && !is_member {
            return Err(not_joined(room, client.v1));
        }
        self.end_stay(caller, index)
    }

    /// Takes the caller out of a room and ends the membership. Done again if the request comes again after a crash: requests that came
    /// before it, such as a `join`, may have been carried out again, too. The session of the connection is changed last.
    pub(super) fn end_stay(&mut self, caller: &Caller, room: RoomIndex) -> Result<(), Refusal> {
        let conn = caller.conn;
        let key = self.key(room);
        let from = self.effects.len();
        let number = self.people.get(conn).and_then(Client::number);
        let membership = number.and_then(|number| Some((number, self.memberships.get(number, room)?)));
        if let Some((number, membership)) = membership {
            match self.rooms[room].kind {
                Kind::Direct => {
                    self.put_membership(number, room, Membership { is_hidden: true, ..membership })?;
                }
                Kind::Public | Kind::Private => self.end_membership(number, room)?,
            }
            self.note_deed(caller, room)?;
        }
        if let Some(number) = number {
            self.put_out_all(number, room, Some(conn));
        }
        let name = self.put_out(conn, room);
        let left = event::left(caller.id.as_deref(), &key);
        match number {
            Some(_) => self.confirm(caller, room, left),
            None => self.push(conn, left),
        }
        if let Some(name) = &name {
            self.depart(room, name, None);
        }
        if let Some(id) = number.filter(|_| self.rooms[room].kind == Kind::Private) {
            let someone = Someone { id, name: self.name_of(conn) };
            self.publish_to_room(room, conversation::membership(&key, &someone, false, None));
        }
        self.changed(caller);
        if number.is_some() {
            self.moves.extend(name.map(|_| Move::Out { conn, room }));
            self.once_stored(from);
        }
        Ok(())
    }

    /// Takes the connections of somebody out of a room, except one, and tells them.
    fn put_out_all(&mut self, person: i64, room: RoomIndex, except: Option<ConnectionId>) {
        let mut conns = self.people.pages_of(person);
        conns.retain(|conn| Some(*conn) != except);
        let frame = conversation::gone(&self.key(room));
        for conn in conns {
            let name = self.put_out(conn, room);
            self.tell(conn, frame.clone());
            if let Some(name) = name {
                self.moves.push(Move::Out { conn, room });
                self.depart(room, &name, None);
                if let Some(client) = self.people.get(conn) {
                    let session = client.session(&self.rooms).encode();
                    self.effects.push(Effect::Send(Outgoing::Session { conn, session }));
                }
            }
        }
    }

    /// Takes a connection out of a room. Its name, if it was in the room.
    fn put_out(&mut self, conn: ConnectionId, room: RoomIndex) -> Option<Arc<str>> {
        let client = self.people.get_mut(conn)?;
        let at = client.rooms.iter().position(|joined| *joined == room)?;
        client.rooms.swap_remove(at);
        let name = client.name.clone();
        self.effects.push(Effect::Send(Outgoing::Leave { conn, group: Group::Room(self.rooms[room].id) }));
        self.see_where(conn, room);
        name
    }

    /// The members of a room, by name, and for one of them whether the others are here or not.
    pub(super) fn members(&mut self, caller: &Caller, room: &str) -> Result<(), Refusal> {
        let asker = self.signed_in(caller)?;
        let room = self.find(caller.conn, room)?;
        let is_told = self.memberships.get(asker, room).is_some() && self.rooms[room].shows_whereabouts();
        let stored = self.writer.members(self.rooms[room].id, MEMBERS_LISTED_MAX);
        let mut people = stored.map_err(unreadable)?;
        people.sort_by(|(one, _), (other, _)| one.name.cmp(&other.name));
        let mut bytes = 0;
        let members = people.into_iter().map_while(|(person, seen_ms)| {
            let whereabouts = is_told.then(|| self.whereabouts(person.id, seen_ms));
            let member = Member { person, whereabouts }.to_json();
            bytes += member.len() + 1;
            (bytes <= PEOPLE_BYTES_MAX).then_some(member)
        });
        let members: Vec<_> = members.collect();
        let frame = conversation::members(caller.id.as_deref(), &self.key(room), members);
        self.push(caller.conn, frame);
        Ok(())
    }

    /// Can this person be a member of another private room?
    pub(super) fn has_room_for_more(&self, person: i64) -> Result<(), Refusal> {
        if self.writer.count_private_rooms(person).map_err(unreadable)? < PRIVATE_ROOMS_PER_PERSON_MAX {
            return Ok(());
        }
        let sentence = format!(
            "A person can be a member of {PRIVATE_ROOMS_PER_PERSON_MAX} private rooms. Leave one first."
        );
        Err(Refusal::new(Code::TooManyRooms, sentence))
    }

    /// Does somebody look at what they are invited into? Else nobody could put them into anything more, or everybody into too much.
    fn may_be_invited(&mut self, caller: &Caller, person: i64) -> Result<(), Refusal> {
        let unopened = self.writer.count_unopened(person).map_err(unreadable)?;
        if unopened >= INVITATIONS_UNOPENED_MAX {
            let sentence = format!(
                "They have been invited into {INVITATIONS_UNOPENED_MAX} rooms that they have not looked at. Try again once they have."
            );
            return Err(Refusal::new(Code::UnopenedInvitations, sentence));
        }
        if unopened == 0 { Ok(()) } else { self.keep_pace_of_invitations(caller) }
    }

    /// A private room that the caller may see.
    fn private(&self, caller: &Caller, room: &str) -> Result<RoomIndex, Refusal> {
        let index = self.find(caller.conn, room)?;
        match self.rooms[index].kind {
            Kind::Private => Ok(index),
            Kind::Public | Kind::Direct => {
                let sentence = "Only private rooms have members who are invited and removed.";
                Err(Refusal::new(Code::NotAllowed, sentence).room(&*self.key(index)))
            }
        }
    }

    /// The person who asks, by the name that they have at this connection.
    pub(super) fn asker_of(&self, caller: &Caller) -> Result<Someone, Refusal> {
        Ok(Someone { id: self.signed_in(caller)?, name: self.name_of(caller.conn) })
    }

    fn name_of(&self, conn: ConnectionId) -> String {
        self.people.get(conn).and_then(|client| client.name.as_deref()).unwrap_or_default().to_owned()
    }
}
