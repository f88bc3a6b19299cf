//! Rooms: who comes in, and which there are.

use super::Caller;
use crate::hub::effect::{Effect, View};
use crate::hub::outbox::{Group, Outbox, Outgoing};
use crate::hub::people::Person;
use crate::hub::{Hub, now_ms};
use crate::limits::ROOMS_PER_CONNECTION_MAX;
use crate::protocol::conversation::Kind;
use crate::protocol::request::{Known, shown_room, too_many_rooms};
use crate::protocol::{Code, Refusal};
use crate::rooms::RoomIndex;
use crate::store::{Membership, NewRoom};

impl<O: Outbox> Hub<O> {
    pub(super) fn join(&mut self, caller: &Caller, room: &str) -> Result<(), Refusal> {
        let room = self.find(caller.conn, room)?;
        let Entrance { view, is_new, notice } = self.come_in(caller, room)?;
        self.effects.push(Effect::Joined(view));
        self.effects.extend(notice);
        if is_new {
            self.changed(caller);
        }
        Ok(())
    }

    pub(super) fn resume(&mut self, caller: &Caller, rooms: Vec<(String, Known)>) {
        let mut views = Vec::new();
        let mut notices = Vec::new();
        let mut has_changed = false;
        for (key, known) in rooms {
            match self.find(caller.conn, &key).and_then(|room| self.come_in(caller, room)) {
                Ok(Entrance { view, is_new, notice }) => {
                    views.push((view, known));
                    notices.extend(notice);
                    has_changed |= is_new;
                }
                Err(refusal) => {
                    let refusal = refusal.room(shown_room(&key)).id(caller.id.clone());
                    self.push(caller.conn, refusal.to_json());
                }
            }
        }
        self.effects.push(Effect::Resumed { views });
        self.effects.extend(notices);
        if has_changed {
            self.changed(caller);
        }
    }

    /// Puts a connection into a room, if it is not there yet, and its person with it.
    fn come_in(&mut self, caller: &Caller, room: RoomIndex) -> Result<Entrance, Refusal> {
        let conn = caller.conn;
        let mut entrance = None;
        let number = self.people.get(conn).and_then(Person::number);
        if let Some(person) = self.people.get_mut(conn)
            && let Some(name) = person.name.clone()
            && !person.rooms.contains(&room)
        {
            if person.rooms.len() >= ROOMS_PER_CONNECTION_MAX {
                return Err(too_many_rooms().room(&*self.rooms[room].key));
            }
            person.rooms.push(room);
            self.effects.push(Effect::Send(Outgoing::Join { conn, group: Group::Room(self.rooms[room].id) }));
            self.see_where(conn, room);
            entrance = Some(self.entered(room, &name, conn));
        }
        if let Some(person) = number {
            self.belong(caller, person, room, entrance.is_some())?;
        }
        let asker = self.asker(caller);
        let members = self.member_list(room);
        self.effects_bytes += members.names.len() + members.people.len();
        let place = self.place(number, room)?;
        let view = View { asker, room, position: self.rooms[room].position(), members, place };
        Ok(Entrance { view, is_new: entrance.is_some(), notice: entrance.flatten() })
    }

    /// Whoever comes into a public room is a member of it from then on, and whoever comes into a conversation that they had
    /// hidden has it in their list again. Their other pages are told. `is_new`: the connection was not there before.
    fn belong(&mut self, caller: &Caller, person: i64, room: RoomIndex, is_new: bool) -> Result<(), Refusal> {
        let known = self.memberships.get(person, room);
        let membership = match known {
            None => Membership { read: self.rooms[room].seq, ..Membership::default() },
            Some(known) => Membership { is_hidden: false, ..known },
        };
        if known != Some(membership) {
            self.put_membership(person, room, membership)?;
        } else if !(is_new && caller.again) {
            return Ok(());
        }
        let was_hidden = known.is_some_and(|known| known.is_hidden);
        // Whoever asks again may have been told in between that it is gone.
        let pages = match was_hidden || caller.again {
            true => self.people.pages_of(person),
            false => self.other_pages(person, caller.conn),
        };
        self.tell_room_to(&pages, room, None)
    }

    pub(super) fn create(
        &mut self,
        caller: &Caller,
        (title, key): (&str, &str),
        topic: &str,
        is_private: bool,
    ) -> Result<(), Refusal> {
        if is_private {
            return self.create_private(caller, title, topic);
        }
        if let Some(room) = self.rooms.find(key).or_else(|| self.rooms.find_original(title, None)) {
            return Err(room_exists(&self.rooms[room].key));
        }
        let creator = self.people.get(caller.conn).and_then(Person::number);
        let members: Vec<_> = creator.into_iter().map(|person| (person, Membership::default())).collect();
        let new = NewRoom {
            ticket: caller.ticket,
            key,
            title,
            kind: Kind::Public,
            topic,
            creator,
            members: &members,
            now_ms: now_ms(),
        };
        match self.begin_room(&new)? {
            Some(room) => self.tell_creation(caller, room),
            None => Err(room_exists(key)),
        }
    }
}

/// What follows from coming into a room.
struct Entrance {
    /// What the connection will be shown.
    view: View,
    /// It was not there before.
    is_new: bool,
    /// What the others are told.
    notice: Option<Effect>,
}

pub(super) fn room_exists(key: &str) -> Refusal {
    Refusal::new(Code::RoomExists, "There is a room of this title already, or of one that looks the same. Join it, or choose another title.")
        .room(key)
}
