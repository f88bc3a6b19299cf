//! Rooms: who comes in, and which there are.

use switchboard::ConnectionId;

use super::Caller;
use crate::hub::effect::{Effect, View};
use crate::hub::moves::Move;
use crate::hub::outbox::{Group, Outbox, Outgoing};
use crate::hub::people::Client;
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
        let from = self.effects.len();
        let Entrance { view, came, notices } = self.come_in(caller, room)?;
        let (is_recorded, has_come) = (view.is_recorded, came.is_some());
        if is_recorded {
            self.moves.extend(came);
        }
        self.effects.push(Effect::Joined(view));
        self.effects.extend(notices);
        if has_come {
            self.changed(caller);
        }
        if is_recorded {
            self.once_stored(from);
        }
        Ok(())
    }

    pub(super) fn resume(&mut self, caller: &Caller, rooms: Vec<(String, Known)>) {
        let from = self.effects.len();
        let mut views = Vec::new();
        let mut all_notices = Vec::new();
        let mut moves = Vec::new();
        for (key, known) in rooms {
            match self.find(caller.conn, &key).and_then(|room| self.come_in(caller, room)) {
                Ok(Entrance { view, came, notices }) => {
                    views.push((view, known));
                    all_notices.extend(notices);
                    moves.extend(came);
                }
                Err(refusal) => {
                    let refusal = refusal.room(shown_room(&key)).id(caller.id.clone());
                    self.push(caller.conn, refusal.to_json());
                }
            }
        }
        // They are in one session: all of them are stored, or none.
        let is_recorded = views.iter().any(|(view, _)| view.is_recorded);
        views.iter_mut().for_each(|(view, _)| view.is_recorded = is_recorded);
        self.effects.push(Effect::Resumed { views });
        self.effects.extend(all_notices);
        if !moves.is_empty() {
            self.changed(caller);
        }
        if is_recorded {
            self.moves.extend(moves);
            self.once_stored(from);
        }
    }

    /// Puts a connection into a room, if it is not there yet, and its person with it.
    fn come_in(&mut self, caller: &Caller, room: RoomIndex) -> Result<Entrance, Refusal> {
        let conn = caller.conn;
        let client = self.people.get(conn);
        let number = client.and_then(Client::number);
        let newcomer = client.filter(|client| !client.rooms.contains(&room));
        if newcomer.is_some_and(|client| client.rooms.len() >= ROOMS_PER_CONNECTION_MAX) {
            return Err(too_many_rooms().room(&*self.rooms[room].key));
        }
        let name = newcomer.and_then(|client| client.name.clone());
        // What can fail comes first: whoever is told of an error is not in the room.
        let mut belonging = Belonging::default();
        if let Some(person) = number {
            belonging = self.belong(caller, person, room, name.is_some())?;
        }
        let place = self.place(number, room)?;
        let (mut notices, mut came) = (Vec::new(), None);
        if let Some(name) = name
            && let Some(client) = self.people.get_mut(conn)
        {
            client.rooms.push(room);
            self.effects.push(Effect::Send(Outgoing::Join { conn, group: Group::Room(self.rooms[room].id) }));
            self.see_where(conn, room);
            let was_there = self.rooms[room].members.contains(&name);
            notices = self.entered(room, &name, conn);
            came = Some(Move::In { conn, room, was_there });
        }
        if let Err(refusal) = self.tell_room_to(&belonging.pages, room, None) {
            tracing::error!(?refusal, "somebody's other pages were not told that they have come into a room");
        }
        let asker = self.asker(caller);
        let members = self.member_list(room);
        self.effects_bytes += members.names.len() + members.people.len();
        let position = self.rooms[room].position();
        let view = View { asker, room, position, members, place, is_recorded: belonging.is_recorded };
        Ok(Entrance { view, came, notices })
    }

    /// Whoever comes into a public room is a member of it from then on, and whoever comes into a conversation that they had
    /// hidden has it in their list again. `is_new`: the connection was not there before.
    fn belong(
        &mut self,
        caller: &Caller,
        person: i64,
        room: RoomIndex,
        is_new: bool,
    ) -> Result<Belonging, Refusal> {
        let known = self.memberships.get(person, room);
        let membership = match known {
            None => Membership { read: self.rooms[room].seq, ..Membership::default() },
            Some(known) => Membership { is_hidden: false, is_unopened: false, ..known },
        };
        let is_recorded = known != Some(membership);
        if is_recorded {
            self.put_membership(person, room, membership)?;
        } else if !(is_new && caller.again) {
            return Ok(Belonging::default());
        }
        let was_hidden = known.is_some_and(|known| known.is_hidden);
        // Whoever asks again may have been told in between that it is gone.
        let pages = match was_hidden || caller.again {
            true => self.people.pages_of(person),
            false => self.other_pages(person, caller.conn),
        };
        Ok(Belonging { is_recorded, pages })
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
        let creator = self.people.get(caller.conn).and_then(Client::number);
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

/// What has to be told when a connection has come into a room.
struct Entrance {
    /// What the connection will be shown.
    view: View,
    /// It was not there before.
    came: Option<Move>,
    /// What the others are told.
    notices: Vec<Effect>,
}

/// What has changed of somebody's membership when they came into a room.
#[derive(Debug, Default)]
struct Belonging {
    /// The open transaction has it.
    is_recorded: bool,
    /// Their pages that are to be told.
    pages: Vec<ConnectionId>,
}

pub(super) fn room_exists(key: &str) -> Refusal {
    Refusal::new(Code::RoomExists, "There is a room of this title already, or of one that looks the same. Join it, or choose another title.")
        .room(key)
}
