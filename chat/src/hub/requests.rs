//! What each request does: to the hub's state at once, to everything else by [`Effect`]s that wait for the commit.

use std::sync::Arc;

use switchboard::{ConnectionId, Text};

use super::effect::{Asker, Delivery, Effect, View};
use super::outbox::{Group, Outbox};
use super::people::Person;
use super::{Hub, now_ms};
use crate::limits::{NOTICE_MEMBERS_MAX, ROOMS_PER_CONNECTION_MAX};
use crate::protocol::event::{self, Message, RoomSummary};
use crate::protocol::request::{shown_room, too_many_rooms};
use crate::protocol::{Code, Envelope, GUEST, LOBBY, Refusal, Request, SUBPROTOCOL_V1};
use crate::rooms::{Room, RoomIndex};
use crate::store::{NewMessage, Recorded, RoomRow};

impl<O: Outbox> Hub<O> {
    pub(super) fn opened(&mut self, conn: ConnectionId, v1: bool) {
        self.people.add(conn, v1);
        if !v1 {
            self.effects.push(Effect::Join { conn, group: Group::Plain });
        }
    }

    pub(super) fn closed(&mut self, conn: ConnectionId) {
        let Some(Person { name: Some(name), rooms, .. }) = self.people.remove(conn) else { return };
        for room in rooms {
            self.depart(room, &name, None);
        }
    }

    pub(super) fn asked(&mut self, conn: ConnectionId, Envelope { id, request }: Envelope) {
        // A connection that is gone asks for nothing more.
        let Some(person) = self.people.get(conn) else { return };
        if let Err(refusal) = may_ask(person, &request).and_then(|()| self.grant(conn, id.clone(), request)) {
            self.push(conn, refusal.id(id).to_json());
        }
    }

    fn grant(&mut self, conn: ConnectionId, id: Option<String>, request: Request) -> Result<(), Refusal> {
        match request {
            Request::Connect { name, client } => self.connect(conn, id, name.into(), client),
            Request::Message { room, text } => return self.message(conn, id, &room, text),
            Request::Join { room } => return self.join(conn, id, &room),
            Request::Leave { room } => return self.leave(conn, id, &room),
            Request::Create { title, key } => return self.create(conn, id, &title, key),
            Request::Rooms => {
                let frame = event::rooms(id.as_deref(), self.summaries(conn));
                self.push(conn, frame);
            }
            Request::History { room, before, limit } => {
                let room = self.find(&room)?;
                let before = before.unwrap_or(u64::MAX);
                self.effects.push(Effect::History { asker: self.asker(conn, id), room, before, limit });
            }
            Request::Resume { rooms } => self.resume(conn, id, rooms),
            Request::Who { room } => {
                let room = &self.rooms[self.find(&room)?];
                let frame = event::who(id.as_deref(), &room.key, &room.members.list());
                self.push(conn, frame);
            }
        }
        Ok(())
    }

    /// A first name, or another one.
    fn connect(&mut self, conn: ConnectionId, id: Option<String>, name: Arc<str>, client: Option<String>) {
        let lobby = self.rooms.find(LOBBY);
        let Some(person) = self.people.get_mut(conn) else { return };
        let before = person.name.replace(name.clone());
        if let Some(client) = client {
            person.client = client.into();
        }
        let session = person.session().encode();
        let v1 = person.v1;
        let rooms = person.rooms.clone();
        if !v1 && rooms.is_empty() {
            person.rooms.extend(lobby);
        }
        self.effects.push(Effect::Session { conn, session });
        if v1 && before.is_none() {
            self.effects.push(Effect::Join { conn, group: Group::V1 });
        }
        if v1 {
            let frame = event::welcome(id.as_deref(), &name, self.summaries(conn));
            self.push(conn, frame);
        }
        let frame: Text = event::connect(&name).into();
        for group in [Group::Plain, Group::V1] {
            self.effects.push(Effect::Publish { group, frame: frame.clone(), except: None });
        }
        match before {
            Some(before) if before != name => {
                for room in rooms {
                    self.depart(room, &before, Some(conn));
                    self.enter(room, &name, conn);
                }
            }
            None if !v1 => {
                if let Some(lobby) = lobby {
                    self.enter(lobby, &name, conn);
                }
            }
            _ => {}
        }
    }

    fn message(
        &mut self,
        conn: ConnectionId,
        id: Option<String>,
        room: &str,
        text: String,
    ) -> Result<(), Refusal> {
        let Some(person) = self.people.get(conn) else { return Ok(()) };
        let index = self.find(room)?;
        if person.v1 && !person.rooms.contains(&index) || !person.v1 && room != LOBBY {
            return Err(not_joined(room, person.v1));
        }
        let from = person.name.as_deref().unwrap_or(GUEST).to_owned();
        let room = &mut self.rooms[index];
        let message = Message { seq: room.seq + 1, from, text, ts: now_ms() };
        let recorded = self.writer.record(&NewMessage {
            room_id: room.id,
            seq: message.seq,
            ts: message.ts,
            from: &message.from,
            text: &message.text,
            client_id: id.as_deref().map(|id| (&*person.client, id)),
        });
        let delivery = |room: &Room, message| Delivery {
            conn,
            id,
            group: Group::Room(room.id),
            room: room.key.clone(),
            message,
        };
        match recorded {
            Ok(Recorded::New) => {
                room.seq = message.seq;
                self.effects.push(Effect::Deliver(delivery(room, message)));
            }
            Ok(Recorded::Known { room_id, message }) => {
                let room = self.rooms.with_id(room_id).ok_or_else(Refusal::internal)?;
                self.effects.push(Effect::Repeat(delivery(room, message)));
            }
            Err(error) => {
                tracing::error!(%error, "a message was not stored");
                return Err(Refusal::internal().room(&*room.key));
            }
        }
        Ok(())
    }

    fn join(&mut self, conn: ConnectionId, id: Option<String>, room: &str) -> Result<(), Refusal> {
        let room = self.find(room)?;
        let (view, notice) = self.come_in(conn, id, room)?;
        self.effects.push(Effect::Joined(view));
        self.effects.extend(notice);
        Ok(())
    }

    fn resume(&mut self, conn: ConnectionId, id: Option<String>, rooms: Vec<(String, u64)>) {
        let mut views = Vec::new();
        let mut notices = Vec::new();
        for (key, after) in rooms {
            match self.find(&key).and_then(|room| self.come_in(conn, id.clone(), room)) {
                Ok((view, notice)) => {
                    views.push((view, after));
                    notices.extend(notice);
                }
                Err(refusal) => self.push(conn, refusal.room(shown_room(&key)).id(id.clone()).to_json()),
            }
        }
        self.effects.push(Effect::Resumed { views });
        self.effects.extend(notices);
    }

    /// Puts a connection into a room, if it is not there yet. What it will be shown, and what the others are told.
    fn come_in(
        &mut self,
        conn: ConnectionId,
        id: Option<String>,
        room: RoomIndex,
    ) -> Result<(View, Option<Effect>), Refusal> {
        let asker = self.asker(conn, id);
        let mut notice = None;
        if let Some(person) = self.people.get_mut(conn)
            && let Some(name) = person.name.clone()
            && !person.rooms.contains(&room)
        {
            if person.rooms.len() >= ROOMS_PER_CONNECTION_MAX {
                return Err(too_many_rooms().room(&*self.rooms[room].key));
            }
            person.rooms.push(room);
            self.effects.push(Effect::Join { conn, group: Group::Room(self.rooms[room].id) });
            notice = self.entered(room, &name, conn);
        }
        let members = self.rooms[room].members.list();
        self.effects_bytes += members.names.len();
        Ok((View { asker, room, seq: self.rooms[room].seq, members }, notice))
    }

    fn leave(&mut self, conn: ConnectionId, id: Option<String>, room: &str) -> Result<(), Refusal> {
        let index = self.find(room)?;
        let Some(person) = self.people.get_mut(conn) else { return Ok(()) };
        let Some(at) = person.rooms.iter().position(|joined| *joined == index) else {
            return Err(not_joined(room, person.v1));
        };
        person.rooms.swap_remove(at);
        let name = person.name.clone();
        self.effects.push(Effect::Leave { conn, group: Group::Room(self.rooms[index].id) });
        self.push(conn, event::left(id.as_deref(), room));
        if let Some(name) = name {
            self.depart(index, &name, None);
        }
        Ok(())
    }

    fn create(
        &mut self,
        conn: ConnectionId,
        id: Option<String>,
        title: &str,
        key: String,
    ) -> Result<(), Refusal> {
        if self.rooms.find(&key).is_some() {
            return Err(room_exists(&key));
        }
        if self.rooms.is_full() {
            let sentence = "The server has as many rooms as it may have. Use one of them.";
            return Err(Refusal::new(Code::TooManyRooms, sentence));
        }
        // Rooms come into being rarely: one transaction each, and nothing to undo if it fails.
        self.settle();
        match self.writer.create_room(&key, title, now_ms()) {
            Ok(Some(row_id)) => {
                self.rooms.add(RoomRow { id: row_id, key: key.clone(), title: title.to_owned(), seq: 0 });
                self.push(conn, event::created(id.as_deref(), &key, title));
                let frame = event::room(&key, title).into();
                self.effects.push(Effect::Publish { group: Group::V1, frame, except: None });
                Ok(())
            }
            Ok(None) => Err(room_exists(&key)),
            Err(error) => {
                tracing::error!(%error, "a room was not stored");
                Err(Refusal::internal().room(key))
            }
        }
    }

    fn push(&mut self, conn: ConnectionId, frame: String) {
        self.effects_bytes += frame.len();
        self.effects.push(Effect::Push { conn, frame: frame.into() });
    }

    fn find(&self, room: &str) -> Result<RoomIndex, Refusal> {
        self.rooms.find(room).ok_or_else(|| {
            let sentence = "There is no such room. Ask for the `rooms` there are, or `create` it.";
            Refusal::new(Code::NoSuchRoom, sentence).room(shown_room(room))
        })
    }

    fn asker(&self, conn: ConnectionId, id: Option<String>) -> Asker {
        let client = self.people.get(conn).map_or_else(|| Arc::from(""), |person| person.client.clone());
        Asker { conn, id, client }
    }

    fn summaries(&self, conn: ConnectionId) -> impl Iterator<Item = RoomSummary<'_>> {
        let joined = self.people.get(conn).map_or(&[][..], |person| &person.rooms);
        self.rooms.iter().map(|(index, room)| RoomSummary {
            room: &room.key,
            title: &room.title,
            seq: room.seq,
            members: room.members.len(),
            joined: joined.contains(&index),
        })
    }

    /// A member more, and what its room is told of it: nothing if somebody of that name is there already.
    fn entered(&mut self, room: RoomIndex, name: &Arc<str>, conn: ConnectionId) -> Option<Effect> {
        let room = &mut self.rooms[room];
        let first = room.members.enter(name);
        (first && room.members.len() <= NOTICE_MEMBERS_MAX).then(|| Effect::Publish {
            group: Group::Room(room.id),
            frame: event::join(&room.key, name, room.members.len()).into(),
            except: Some(conn),
        })
    }

    fn enter(&mut self, room: RoomIndex, name: &Arc<str>, conn: ConnectionId) {
        let notice = self.entered(room, name, conn);
        self.effects.extend(notice);
    }

    /// A member less; the room is told when it was the last of that name.
    fn depart(&mut self, room: RoomIndex, name: &str, except: Option<ConnectionId>) {
        let room = &mut self.rooms[room];
        let last = room.members.leave(name);
        if last && room.members.len() < NOTICE_MEMBERS_MAX {
            let frame = event::leave(&room.key, name, room.members.len()).into();
            self.effects.push(Effect::Publish { group: Group::Room(room.id), frame, except });
        }
    }
}

/// What a client must have done, or be, before it can ask for something.
fn may_ask(person: &Person, request: &Request) -> Result<(), Refusal> {
    if !person.v1 && request.is_v1_only() {
        let sentence = format!(
            "This type needs the subprotocol {SUBPROTOCOL_V1}. Plain clients send connect and message."
        );
        return Err(Refusal::new(Code::UnknownType, sentence));
    }
    if person.v1 && person.name.is_none() && !matches!(request, Request::Connect { .. }) {
        let sentence = "Give a name first, with {\"type\":\"connect\",\"text\":\"Ann\"}.";
        return Err(Refusal::new(Code::NotConnected, sentence));
    }
    Ok(())
}

fn not_joined(room: &str, v1: bool) -> Refusal {
    let sentence = if v1 {
        "You are not in this room. Join it first.".to_owned()
    } else {
        format!(
            "Rooms other than the lobby need the subprotocol {SUBPROTOCOL_V1}. Leave `room` away to write to the lobby."
        )
    };
    Refusal::new(Code::NotJoined, sentence).room(shown_room(room))
}

fn room_exists(key: &str) -> Refusal {
    Refusal::new(Code::RoomExists, "There is a room of this title already. Join it, or choose another title.")
        .room(key)
}
