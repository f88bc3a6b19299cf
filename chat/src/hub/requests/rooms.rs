//! Rooms: who comes in, who leaves, and which there are.

use switchboard::ConnectionId;

use super::{Caller, not_joined};
use crate::hub::effect::{Effect, View};
use crate::hub::outbox::{Group, Outbox, Outgoing};
use crate::hub::{Hub, now_ms};
use crate::limits::ROOMS_PER_CONNECTION_MAX;
use crate::protocol::event::{self, RoomSummary};
use crate::protocol::request::{Known, shown_room, too_many_rooms};
use crate::protocol::{Code, Refusal};
use crate::rooms::{Room, RoomIndex};
use crate::store::RoomRow;

impl<O: Outbox> Hub<O> {
    pub(super) fn join(&mut self, caller: &Caller, room: &str) -> Result<(), Refusal> {
        let room = self.find(room)?;
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
            match self.find(&key).and_then(|room| self.come_in(caller, room)) {
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

    /// Puts a connection into a room, if it is not there yet.
    fn come_in(&mut self, caller: &Caller, room: RoomIndex) -> Result<Entrance, Refusal> {
        let conn = caller.conn;
        let mut entrance = None;
        if let Some(person) = self.people.get_mut(conn)
            && let Some(name) = person.name.clone()
            && !person.rooms.contains(&room)
        {
            if person.rooms.len() >= ROOMS_PER_CONNECTION_MAX {
                return Err(too_many_rooms().room(&*self.rooms[room].key));
            }
            person.rooms.push(room);
            self.effects.push(Effect::Send(Outgoing::Join { conn, group: Group::Room(self.rooms[room].id) }));
            entrance = Some(self.entered(room, &name, conn));
        }
        let asker = self.asker(caller);
        let members = self.member_list(room);
        self.effects_bytes += members.names.len() + members.people.len();
        let view = View { asker, room, position: self.rooms[room].position(), members };
        Ok(Entrance { view, is_new: entrance.is_some(), notice: entrance.flatten() })
    }

    pub(super) fn leave(&mut self, caller: &Caller, room: &str) -> Result<(), Refusal> {
        let conn = caller.conn;
        let index = self.find(room)?;
        let Some(person) = self.people.get_mut(conn) else { return Ok(()) };
        let Some(at) = person.rooms.iter().position(|joined| *joined == index) else {
            return Err(not_joined(room, person.v1));
        };
        person.rooms.swap_remove(at);
        let name = person.name.clone();
        self.effects.push(Effect::Send(Outgoing::Leave { conn, group: Group::Room(self.rooms[index].id) }));
        self.push(conn, event::left(caller.id.as_deref(), room));
        if let Some(name) = name {
            self.depart(index, &name, None);
        }
        self.changed(caller);
        Ok(())
    }

    pub(super) fn create(&mut self, caller: &Caller, title: &str, key: String) -> Result<(), Refusal> {
        if let Some(room) = self.rooms.find(&key).or_else(|| self.rooms.find_original(title)) {
            return Err(room_exists(&self.rooms[room].key));
        }
        if self.rooms.is_full() {
            let sentence = "The server has as many rooms as it may have. Use one of them.";
            return Err(Refusal::new(Code::TooManyRooms, sentence));
        }
        match self.writer.create_room(caller.ticket, &key, title, now_ms()) {
            Ok(Some(id)) => {
                let room = self.rooms.add(RoomRow { id, key, title: title.to_owned(), seq: 0, change: 0 });
                self.tell_creation(caller, room);
                Ok(())
            }
            Ok(None) => Err(room_exists(&key)),
            Err(error) => {
                tracing::error!(%error, "a room was not stored");
                Err(Refusal::internal().room(key))
            }
        }
    }

    pub(super) fn tell_creation(&mut self, caller: &Caller, room: RoomIndex) {
        let Room { key, title, .. } = &self.rooms[room];
        let created = event::created(caller.id.as_deref(), key, title);
        let frame = event::room(key, title).into();
        self.push(caller.conn, created);
        self.publish(Group::V1, frame, None);
    }

    pub(super) fn summaries(&self, conn: ConnectionId) -> impl Iterator<Item = RoomSummary<'_>> {
        let joined = self.people.get(conn).map_or(&[][..], |person| &person.rooms);
        self.rooms.iter().map(|(index, room)| RoomSummary {
            room: &room.key,
            title: &room.title,
            seq: room.seq,
            change: room.change,
            members: room.members.len(),
            joined: joined.contains(&index),
        })
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

fn room_exists(key: &str) -> Refusal {
    Refusal::new(Code::RoomExists, "There is a room of this title already, or of one that looks the same. Join it, or choose another title.")
        .room(key)
}
