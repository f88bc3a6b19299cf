//! What each request does: to the hub's state at once, to everything else by [`Effect`]s that wait for the commit.
//!
//! A request that changes a connection's name or rooms changes its session last, after everything that it does to others:
//! see [`again`](super::again).

use std::sync::Arc;

use switchboard::{ConnectionId, Text};
use tokio::time::Instant;

use super::effect::{Asker, Delivery, Effect, View};
use super::outbox::{Group, Outbox, Outgoing};
use super::people::Person;
use super::{Command, Hub, What, now_ms};
use crate::limits::{NOTICE_MEMBERS_MAX, ROOMS_PER_CONNECTION_MAX};
use crate::protocol::event::{self, Message, RoomSummary};
use crate::protocol::request::{shown_room, too_many_rooms};
use crate::protocol::{Code, Envelope, GUEST, LOBBY, Refusal, Request, SUBPROTOCOL_V1};
use crate::rooms::{Room, RoomIndex};
use crate::session::Session;
use crate::store::{NewMessage, Recorded, RoomRow, Stored};
use crate::ticket::Ticket;

/// Who asks for something.
#[derive(Clone, Debug)]
struct Caller {
    conn: ConnectionId,
    ticket: Ticket,
    /// The client's name for the request.
    id: Option<String>,
}

impl<O: Outbox> Hub<O> {
    pub(super) fn apply(&mut self, command: Command) {
        let Command { conn, ticket, repeated, session, what, .. } = command;
        match what {
            What::Opened => self.opened(conn, &session),
            What::Closed => self.closed(conn, &session),
            What::Asked { envelope: Envelope { id, request }, fingerprint } => {
                let Some(person) = self.person(conn, &session) else { return };
                if person.has_just_asked(fingerprint, repeated) {
                    return;
                }
                let caller = Caller { conn, ticket, id };
                if self.was_done(&caller, &request) {
                    return;
                }
                self.asked(caller, request);
            }
        }
    }

    fn opened(&mut self, conn: ConnectionId, session: &[u8]) {
        if self.person(conn, session).is_some_and(|person| !person.v1) {
            self.effects.push(Effect::Send(Outgoing::Join { conn, group: Group::Plain }));
        }
    }

    /// Who is at the other end. A hub that was started since does not know connections that have closed meanwhile, but
    /// what they had asked for before is still carried out.
    fn person(&mut self, conn: ConnectionId, session: &[u8]) -> Option<&mut Person> {
        if self.people.get(conn).is_none() {
            let Some(session) = Session::decode(session) else {
                tracing::warn!(%conn, "a session of another version of the program: its client is asked to come back");
                self.effects.push(Effect::Send(Outgoing::Disconnect { conn }));
                return None;
            };
            self.admit(conn, session);
        }
        self.people.get_mut(conn)
    }

    /// Knows a connection from here on, which is what its session says; nobody is told.
    pub(super) fn admit(&mut self, conn: ConnectionId, session: Session) {
        let person = Person::from_session(session, &self.rooms);
        if let Some(name) = &person.name {
            for room in &person.rooms {
                self.rooms[*room].members.enter(name);
            }
        }
        self.people.add(conn, person);
    }

    fn closed(&mut self, conn: ConnectionId, session: &[u8]) {
        match self.people.remove(conn) {
            Some(Person { name: Some(name), rooms, .. }) => {
                for room in rooms {
                    self.depart(room, &name, None);
                }
            }
            Some(_) => {}
            // It closed before this hub began, and nobody has been told.
            None => {
                let Some(Session { name, rooms, .. }) = Session::decode(session) else { return };
                for room in rooms.into_iter().filter_map(|id| self.rooms.with_id(id)).collect::<Vec<_>>() {
                    if !name.is_empty() && !self.rooms[room].members.contains(&name) {
                        self.tell_departure(room, &name, None);
                    }
                }
            }
        }
    }

    /// Does what is left to do of a request that comes again, if a hub that has died had carried it out.
    fn was_done(&mut self, caller: &Caller, request: &Request) -> bool {
        if request.changes_session()
            && self.people.get(caller.conn).is_some_and(|person| person.was_changed_by(caller.ticket))
        {
            return true;
        }
        match self.writer.find_repeat(caller.ticket) {
            None => return false,
            Some(Stored::Message { .. }) => {}
            Some(Stored::Room { row }) => {
                if let Some(room) = self.rooms.with_id(row) {
                    self.tell_creation(caller, room);
                }
            }
        }
        true
    }

    fn asked(&mut self, caller: Caller, request: Request) {
        let Some(person) = self.people.get(caller.conn) else { return };
        let asked = may_ask(person, &request).and_then(|()| self.keep_pace(caller.conn, &request));
        if let Err(refusal) = asked.and_then(|()| self.grant(&caller, request)) {
            self.push(caller.conn, refusal.id(caller.id).to_json());
        }
    }

    /// Does a client not ask more often than it may?
    fn keep_pace(&mut self, conn: ConnectionId, request: &Request) -> Result<(), Refusal> {
        if self.pace.is_off() {
            return Ok(());
        }
        let address = self.outbox.address(conn);
        let Some(person) = self.people.get_mut(conn) else { return Ok(()) };
        let kept = self.pace.admit(request, &mut person.buckets, address, Instant::now());
        kept.map_err(|refusal| match request.room() {
            Some(room) => refusal.room(shown_room(room)),
            None => refusal,
        })
    }

    fn grant(&mut self, caller: &Caller, request: Request) -> Result<(), Refusal> {
        let id = caller.id.as_deref();
        match request {
            Request::Connect { name, client } => return self.connect(caller, name.into(), client),
            Request::Message { room, text } => return self.message(caller, &room, text),
            Request::Join { room } => return self.join(caller, &room),
            Request::Leave { room } => return self.leave(caller, &room),
            Request::Create { title, key } => return self.create(caller, &title, key),
            Request::Rooms => {
                let frame = event::rooms(id, self.summaries(caller.conn));
                self.push(caller.conn, frame);
            }
            Request::History { room, before, limit } => {
                let room = self.find(&room)?;
                let before = before.unwrap_or(u64::MAX);
                self.effects.push(Effect::History { asker: self.asker(caller), room, before, limit });
            }
            Request::Resume { rooms } => self.resume(caller, rooms),
            Request::Who { room } => {
                let room = &self.rooms[self.find(&room)?];
                let frame = event::who(id, &room.key, &room.members.list());
                self.push(caller.conn, frame);
            }
        }
        Ok(())
    }

    /// A first name, or another one.
    fn connect(&mut self, caller: &Caller, name: Arc<str>, client: Option<String>) -> Result<(), Refusal> {
        let conn = caller.conn;
        let lobby = self.rooms.find(LOBBY);
        self.register(conn, &name)?;
        let Some(person) = self.people.get_mut(conn) else { return Ok(()) };
        let before = person.name.replace(name.clone());
        if let Some(client) = client {
            person.client = client.into();
        }
        let v1 = person.v1;
        let rooms = person.rooms.clone();
        if !v1 && rooms.is_empty() {
            person.rooms.extend(lobby);
        }
        if v1 && before.is_none() {
            self.effects.push(Effect::Send(Outgoing::Join { conn, group: Group::V1 }));
        }
        if v1 {
            let frame = event::welcome(caller.id.as_deref(), &name, self.summaries(conn));
            self.push(conn, frame);
        }
        let frame: Text = event::connect(&name).into();
        for group in [Group::Plain, Group::V1] {
            self.publish(group, frame.clone(), None);
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
        self.changed(caller);
        Ok(())
    }

    /// Sees to it that nobody is taken for somebody else: a name that looks like another one is refused.
    fn register(&mut self, conn: ConnectionId, name: &str) -> Result<(), Refusal> {
        let now = now_ms();
        // Who writes the own name in another way imitates nobody.
        let own = self.people.get(conn).and_then(|person| person.name.clone());
        let original = self.writer.find_original(name, own.as_deref(), now).map_err(|error| {
            tracing::error!(%error, "names could not be read");
            Refusal::internal()
        })?;
        if let Some(original) = original {
            return Err(Refusal::name_taken(original));
        }
        if let Err(error) = self.writer.note_name(name, now) {
            // It is not protected from imitation until it comes the next time.
            tracing::warn!(%error, "a name was not noted");
        }
        Ok(())
    }

    fn message(&mut self, caller: &Caller, room: &str, text: String) -> Result<(), Refusal> {
        let Caller { conn, ticket, id } = caller.clone();
        let Some(person) = self.people.get(conn) else { return Ok(()) };
        let index = self.find(room)?;
        if person.v1 && !person.rooms.contains(&index) || !person.v1 && room != LOBBY {
            return Err(not_joined(room, person.v1));
        }
        let from = person.name.as_deref().unwrap_or(GUEST).to_owned();
        let room = &mut self.rooms[index];
        let message = Message { seq: room.seq + 1, from, text, ts: now_ms() };
        let recorded = self.writer.record(&NewMessage {
            ticket,
            conn: conn.get(),
            room_id: room.id,
            seq: message.seq,
            ts: message.ts,
            from: &message.from,
            text: &message.text,
            client_id: id.as_deref().map(|id| (&*person.client, id)),
        });
        match recorded {
            Ok(Recorded::New { row }) => {
                room.seq = message.seq;
                let (group, room) = (Group::Room(room.id), room.key.clone());
                self.effects.push(Effect::Deliver(Delivery {
                    row,
                    conn: Some(conn),
                    id,
                    group,
                    room,
                    message,
                }));
            }
            Ok(Recorded::Known { room_id, message }) => {
                let room = self.rooms.with_id(room_id).ok_or_else(Refusal::internal)?;
                let room = self.rooms[room].key.clone();
                self.effects.push(Effect::Repeat { asker: self.asker(caller), room, message });
            }
            Err(error) => {
                tracing::error!(%error, "a message was not stored");
                return Err(Refusal::internal().room(&*room.key));
            }
        }
        Ok(())
    }

    fn join(&mut self, caller: &Caller, room: &str) -> Result<(), Refusal> {
        let room = self.find(room)?;
        let Entrance { view, is_new, notice } = self.come_in(caller, room)?;
        self.effects.push(Effect::Joined(view));
        self.effects.extend(notice);
        if is_new {
            self.changed(caller);
        }
        Ok(())
    }

    fn resume(&mut self, caller: &Caller, rooms: Vec<(String, u64)>) {
        let mut views = Vec::new();
        let mut notices = Vec::new();
        let mut has_changed = false;
        for (key, after) in rooms {
            match self.find(&key).and_then(|room| self.come_in(caller, room)) {
                Ok(Entrance { view, is_new, notice }) => {
                    views.push((view, after));
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
        let members = self.rooms[room].members.list();
        self.effects_bytes += members.names.len();
        let view = View { asker, room, seq: self.rooms[room].seq, members };
        Ok(Entrance { view, is_new: entrance.is_some(), notice: entrance.flatten() })
    }

    fn leave(&mut self, caller: &Caller, room: &str) -> Result<(), Refusal> {
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

    fn create(&mut self, caller: &Caller, title: &str, key: String) -> Result<(), Refusal> {
        if let Some(room) = self.rooms.find(&key).or_else(|| self.rooms.find_original(title)) {
            return Err(room_exists(&self.rooms[room].key));
        }
        if self.rooms.is_full() {
            let sentence = "The server has as many rooms as it may have. Use one of them.";
            return Err(Refusal::new(Code::TooManyRooms, sentence));
        }
        match self.writer.create_room(caller.ticket, &key, title, now_ms()) {
            Ok(Some(id)) => {
                let room = self.rooms.add(RoomRow { id, key, title: title.to_owned(), seq: 0 });
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

    fn tell_creation(&mut self, caller: &Caller, room: RoomIndex) {
        let Room { key, title, .. } = &self.rooms[room];
        let created = event::created(caller.id.as_deref(), key, title);
        let frame = event::room(key, title).into();
        self.push(caller.conn, created);
        self.publish(Group::V1, frame, None);
    }

    /// The server keeps what has become of a connection, once all else has been done.
    fn changed(&mut self, caller: &Caller) {
        let Some(person) = self.people.get_mut(caller.conn) else { return };
        person.change(caller.ticket);
        let session = person.session(&self.rooms).encode();
        self.effects.push(Effect::Send(Outgoing::Session { conn: caller.conn, session }));
    }

    fn push(&mut self, conn: ConnectionId, frame: String) {
        self.effects_bytes += frame.len();
        self.effects.push(Effect::Send(Outgoing::Push { conn, frame: frame.into() }));
    }

    fn publish(&mut self, group: Group, frame: Text, except: Option<ConnectionId>) {
        self.effects.push(Effect::Send(Outgoing::Publish { group, frame, except }));
    }

    fn find(&self, room: &str) -> Result<RoomIndex, Refusal> {
        self.rooms.find(room).ok_or_else(|| Refusal::no_such_room().room(shown_room(room)))
    }

    fn asker(&self, Caller { conn, id, .. }: &Caller) -> Asker {
        let client = self.people.get(*conn).map_or_else(|| Arc::from(""), |person| person.client.clone());
        Asker { conn: *conn, id: id.clone(), client }
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
        (first && room.members.len() <= NOTICE_MEMBERS_MAX).then(|| {
            Effect::Send(Outgoing::Publish {
                group: Group::Room(room.id),
                frame: event::join(&room.key, name, room.members.len()).into(),
                except: Some(conn),
            })
        })
    }

    fn enter(&mut self, room: RoomIndex, name: &Arc<str>, conn: ConnectionId) {
        let notice = self.entered(room, name, conn);
        self.effects.extend(notice);
    }

    /// A member less; the room is told when it was the last of that name.
    fn depart(&mut self, room: RoomIndex, name: &str, except: Option<ConnectionId>) {
        if self.rooms[room].members.leave(name) {
            self.tell_departure(room, name, except);
        }
    }

    fn tell_departure(&mut self, room: RoomIndex, name: &str, except: Option<ConnectionId>) {
        let room = &self.rooms[room];
        if room.members.len() < NOTICE_MEMBERS_MAX {
            let frame = event::leave(&room.key, name, room.members.len()).into();
            self.publish(Group::Room(room.id), frame, except);
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
    Refusal::new(Code::RoomExists, "There is a room of this title already, or of one that looks the same. Join it, or choose another title.")
        .room(key)
}
