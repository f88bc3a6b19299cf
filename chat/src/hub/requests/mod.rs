//! What each request does: to the hub's state at once, to everything else by [`Effect`]s that wait for the commit.
//!
//! A request that changes a connection's name or rooms changes its session last, after everything that it does to others:
//! see [`again`](super::again).

mod again;
mod changes;
mod conversations;
mod invitations;
mod members;
mod messages;
mod moderation;
mod people;
mod presence;
mod reading;
mod rooms;
mod settings;

use std::sync::Arc;

use switchboard::{ConnectionId, Text};
use tokio::time::Instant;

use super::conversations::RoomList;
use super::effect::{Asker, Effect};
use super::outbox::{Group, Outbox, Outgoing};
use super::people::Client;
use super::{Command, Hub, What, now_ms};
use crate::close::Farewell;
use crate::protocol::event;
use crate::protocol::request::{ConversationRequest, shown_room};
use crate::protocol::{Code, Envelope, Refusal, Request, SUBPROTOCOL_V1};
use crate::session::Session;
use crate::store::{Stored, Viewer};
use crate::ticket::Ticket;

/// Who asks for something.
#[derive(Clone, Debug)]
struct Caller {
    conn: ConnectionId,
    ticket: Ticket,
    /// The client's name for the request.
    id: Option<String>,
    /// The hub before, which died, had this request, too: it may have done it without telling anybody.
    again: bool,
}

impl<O: Outbox> Hub<O> {
    pub(super) fn apply(&mut self, command: Command) {
        let Command { conn, ticket, attempt, repeated, session, what } = command;
        match what {
            What::Opened => self.opened(conn, &session),
            What::Closed => self.closed(conn, &session),
            What::Asked { envelope: Envelope { id, request }, fingerprint } => {
                let Some(client) = self.client(conn, &session) else { return };
                if client.has_just_asked(fingerprint, repeated) {
                    return;
                }
                let caller = Caller { conn, ticket, id, again: attempt > 1 };
                if self.was_done(&caller, &request) {
                    return;
                }
                self.asked(caller, request);
            }
        }
    }

    fn opened(&mut self, conn: ConnectionId, session: &[u8]) {
        if self.client(conn, session).is_some_and(|client| !client.v1) {
            self.effects.push(Effect::Send(Outgoing::Join { conn, group: Group::Plain }));
        }
    }

    /// Who is at the other end. A hub that was started since does not know connections that have closed meanwhile, but
    /// what they had asked for before is still carried out.
    pub(in crate::hub) fn client(&mut self, conn: ConnectionId, session: &[u8]) -> Option<&mut Client> {
        if self.people.get(conn).is_none() {
            let Some(session) = Session::decode(session) else {
                tracing::warn!(%conn, "a session of another version of the program: its client is asked to come back");
                self.send_away(conn, Farewell::Unknown);
                return None;
            };
            if !self.is_signed_in(&session) {
                self.send_away(conn, Farewell::SignedOut);
                return None;
            }
            self.admit(conn, session);
        }
        self.people.get_mut(conn)
    }

    /// Is the session that a connection has come with still there? Somebody may have ended it since.
    pub(in crate::hub) fn is_signed_in(&mut self, session: &Session) -> bool {
        let Some(login) = session.login else { return true };
        self.writer.use_login(login, now_ms()).unwrap_or_else(|error| {
            tracing::error!(%error, "a session could not be looked up");
            true
        })
    }

    pub(in crate::hub) fn send_away(&mut self, conn: ConnectionId, farewell: Farewell) {
        self.effects.push(Effect::Send(Outgoing::Disconnect { conn, farewell }));
    }

    /// Takes a connection in, as its session describes it; nobody is told.
    pub(in crate::hub) fn admit(&mut self, conn: ConnectionId, session: Session) {
        let mut client = Client::from_session(session, &self.rooms);
        let number = client.number();
        if let Some(number) = number {
            self.remember(number);
        }
        // Not into rooms from which its client was removed in the meantime.
        client.rooms.retain(|room| self.may_read(number, *room));
        if let Some(login) = client.login
            && let Ok(Some(identity)) = self.writer.identity(login.person)
        {
            client.muted_until_ms = identity.muted_until_ms;
        }
        if let Some(name) = &client.name {
            for room in &client.rooms {
                self.rooms[*room].members.enter(name);
            }
            self.presences.arrive(name, client.is_away, client.since_ms);
            if let Some(number) = number {
                self.persons.arrive(&number, client.is_away, client.since_ms);
                self.return_in_time(number);
            }
        }
        self.people.add(conn, client);
        self.look_around(conn);
    }

    fn closed(&mut self, conn: ConnectionId, session: &[u8]) {
        let removed = self.people.remove(conn);
        if let Some(number) = removed.as_ref().and_then(Client::number) {
            self.look_away(conn, number);
        }
        match removed {
            Some(Client { name: Some(name), rooms, is_away, login, .. }) => {
                self.departed(&name, is_away, !rooms.is_empty());
                if let Some(login) = login {
                    self.disappear(login, is_away);
                }
                for room in rooms {
                    self.lose(room, &name);
                }
            }
            Some(_) => {}
            // It closed before this hub began, and nobody has been told.
            None => {
                let Some(Session { name, rooms, login, .. }) = Session::decode(session) else { return };
                let name: Arc<str> = name.into();
                if let Some(login) = login.filter(|_| !name.is_empty()) {
                    self.disappear_unseen(login);
                }
                for room in rooms.into_iter().filter_map(|id| self.rooms.with_id(id)).collect::<Vec<_>>() {
                    if !name.is_empty() && !self.rooms[room].members.contains(&name) {
                        self.lose_unseen(room, &name);
                    }
                }
            }
        }
    }

    /// Does what is left to do of a request that comes again, if a hub that has died had carried it out.
    fn was_done(&mut self, caller: &Caller, request: &Request) -> bool {
        if request.changes_session()
            && self.people.get(caller.conn).is_some_and(|client| client.was_changed_by(caller.ticket))
        {
            return true;
        }
        match self.writer.find_repeat(caller.ticket) {
            None => return false,
            Some(left @ (Stored::Message { .. } | Stored::Change { .. })) => {
                if let Some((conn, copy)) = self.late_copies.remove(&left) {
                    self.push(conn, copy);
                }
                if let Stored::Message { row, .. } = left {
                    self.follow_again(caller, row);
                }
            }
            Some(Stored::Room { row }) => {
                if let Some(room) = self.rooms.with_id(row) {
                    self.tell_again(caller, request, room);
                }
            }
            Some(Stored::Deed { row }) => self.tell_deed_again(caller, request, row),
        }
        true
    }

    fn asked(&mut self, caller: Caller, request: Request) {
        let Some(client) = self.people.get(caller.conn) else { return };
        let is_typing = matches!(request, Request::Conversation(ConversationRequest::Typing { .. }));
        let asked = self
            .may_come(client)
            .and_then(|()| may_ask(client, &request))
            .and_then(|()| self.keep_pace(caller.conn, &request));
        if let Err(refusal) = asked.and_then(|()| self.grant(&caller, request)) {
            // Nobody waits for an answer to that.
            if is_typing && refusal.code == Code::RateLimited {
                return;
            }
            self.push(caller.conn, refusal.id(caller.id).to_json());
        }
    }

    /// While the server is closed to guests, connections without a session are refused. Guests who have a session stay.
    fn may_come(&self, client: &Client) -> Result<(), Refusal> {
        if self.are_guests_allowed || client.login.is_some() { Ok(()) } else { Err(Refusal::guests_closed()) }
    }

    /// Counts the request; an error if the client has asked too often.
    fn keep_pace(&mut self, conn: ConnectionId, request: &Request) -> Result<(), Refusal> {
        if self.pace.is_off() {
            return Ok(());
        }
        let address = self.outbox.address(conn);
        let Some(client) = self.people.get_mut(conn) else { return Ok(()) };
        let kept = self.pace.admit(request, &mut client.buckets, address, Instant::now());
        kept.map_err(|refusal| match request.room() {
            Some(room) => refusal.room(shown_room(room)),
            None => refusal,
        })
    }

    fn grant(&mut self, caller: &Caller, request: Request) -> Result<(), Refusal> {
        let id = caller.id.as_deref();
        match request {
            Request::Connect { name, client } => return self.connect(caller, name, client),
            Request::Message { room, text, reply_to } => return self.message(caller, &room, text, reply_to),
            Request::Edit { room, seq, text } => return self.edit(caller, &room, seq, &text),
            Request::Delete { room, seq } => return self.delete(caller, &room, seq),
            Request::React { room, seq, emoji, on } => return self.react(caller, &room, seq, &emoji, on),
            Request::Join { room } => return self.join(caller, &room),
            Request::Leave { room } => return self.leave(caller, &room),
            Request::Create { title, key, topic, is_private } => {
                return self.create(caller, (&title, &key), &topic, is_private);
            }
            Request::Conversation(request) => return self.converse(caller, request),
            Request::Rooms => {
                let RoomList { first, rest } = self.room_list(caller.conn)?;
                self.push(caller.conn, event::rooms(id, &first));
                rest.into_iter().for_each(|frame| self.push(caller.conn, frame));
            }
            Request::History { room, place, limit } => {
                let room = self.find(caller.conn, &room)?;
                self.effects.push(Effect::History { asker: self.asker(caller), room, place, limit });
            }
            // The workers search. This one did not know yet that its client has connected.
            Request::Search(_) => return Err(Refusal::not_yet()),
            Request::Resume { rooms } => self.resume(caller, rooms),
            Request::Away { is_away } => self.away(caller, is_away),
            Request::Moderate { act, name, minutes } => return self.moderate(caller, act, &name, minutes),
            Request::Guests { are_allowed } => return self.allow_guests(caller, are_allowed),
            Request::Order(request) => return self.order(caller, request),
            Request::Who { room } => {
                let room = self.find(caller.conn, &room)?;
                let frame = event::who(id, &self.rooms[room].key, &self.member_list(room));
                self.push(caller.conn, frame);
            }
        }
        Ok(())
    }

    /// The server keeps what has become of a connection, once all else has been done.
    fn changed(&mut self, caller: &Caller) {
        let Some(client) = self.people.get_mut(caller.conn) else { return };
        client.change(caller.ticket);
        let session = client.session(&self.rooms).encode();
        self.effects.push(Effect::Send(Outgoing::Session { conn: caller.conn, session }));
    }

    pub(in crate::hub) fn push(&mut self, conn: ConnectionId, frame: String) {
        self.effects_bytes += frame.len();
        self.effects.push(Effect::Send(Outgoing::Push { conn, frame: frame.into() }));
    }

    fn publish(&mut self, group: Group, frame: Text, except: Option<ConnectionId>) {
        self.effects.push(Effect::Send(Outgoing::Publish { group, frame, except }));
    }

    fn asker(&self, Caller { conn, id, .. }: &Caller) -> Asker {
        let viewer = self.people.get(*conn).map(|client| Viewer {
            client: client.key.clone(),
            name: client.name.clone().unwrap_or_default(),
        });
        Asker { conn: *conn, id: id.clone(), viewer: viewer.unwrap_or_default() }
    }
}

/// What a client must have done, or be, before it can ask for something.
fn may_ask(client: &Client, request: &Request) -> Result<(), Refusal> {
    if !client.v1 && request.is_v1_only() {
        let sentence = format!(
            "This type needs the subprotocol {SUBPROTOCOL_V1}. Plain clients send connect and message."
        );
        return Err(Refusal::new(Code::UnknownType, sentence));
    }
    if client.v1 && client.name.is_none() && !matches!(request, Request::Connect { .. }) {
        let sentence = "Give a name first, with {\"type\":\"connect\",\"text\":\"Ann\"}.";
        return Err(Refusal::new(Code::NotConnected, sentence));
    }
    if request.speaks() && client.muted_until_ms > now_ms() {
        return Err(Refusal::muted(client.muted_until_ms));
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
