//! What the hub does once a transaction is committed.

use std::sync::Arc;

use switchboard::{ConnectionId, Text};

use super::Hub;
use super::activity::EVERYBODY;
use super::outbox::{Group, Outbox, Outgoing};
use crate::limits::{
    PAGE_BYTES_MAX, PAGE_MESSAGES_MAX, RESUME_BYTES_MAX, RESUME_CHANGES_MAX, RESUME_MESSAGES_MAX,
    RESUME_ROOM_BYTES_MAX,
};
use crate::protocol::conversation::{Kind, Place};
use crate::protocol::event::{self, MemberList, Missed, Page, Position};
use crate::protocol::message::Change;
use crate::protocol::request::{Known, PagePosition};
use crate::protocol::{LOBBY, Message, Refusal};
use crate::rooms::{Room, RoomIndex};
use crate::store::history::RoomRef;
use crate::store::{StoreError, StoredChange, Viewer};

/// What a request leads to.
#[derive(Debug)]
pub(super) enum Effect {
    Send(Outgoing),
    /// Tells of something in the transaction; dropped if that is not stored.
    WhenStored(Outgoing),
    /// The answer to whoever has asked for it, or an error.
    Answer {
        conn: ConnectionId,
        id: Option<String>,
        /// That it is about.
        room: Option<Arc<str>>,
        frame: String,
    },
    /// A message of the transaction: to its room, or an error to its sender.
    Deliver(Delivery),
    /// A message that was known already: to whoever sent it again, alone.
    Repeat {
        asker: Asker,
        room: Arc<str>,
        message: Message,
    },
    /// Something of the transaction that happened to a message: to its room, or an error to whoever did it.
    Change {
        room: Arc<str>,
        stored: StoredChange,
        /// Whom the message has mentioned, or does now.
        recount: Vec<i64>,
    },
    /// Messages up to this one have changed, and nobody knows whom they have mentioned before: all members count anew.
    Recount {
        room: RoomIndex,
        seq: u64,
    },
    /// A message is already as somebody wants it: to them alone.
    Unchanged {
        asker: Asker,
        room: Arc<str>,
        /// Of what has happened to it last.
        number: u64,
        change: Change,
    },
    Joined(View),
    Resumed {
        views: Vec<(View, Known)>,
    },
    History {
        asker: Asker,
        room: RoomIndex,
        place: PagePosition,
        limit: usize,
    },
}

/// A message to a room.
#[derive(Debug)]
pub(super) struct Delivery {
    pub(super) row: i64,
    pub(super) conn: Option<ConnectionId>,
    /// The sender's name for it.
    pub(super) id: Option<String>,
    pub(super) group: Group,
    pub(super) room: Arc<str>,
    pub(super) message: Message,
}

/// Who asks for messages.
#[derive(Clone, Debug)]
pub(super) struct Asker {
    pub(super) conn: ConnectionId,
    pub(super) id: Option<String>,
    pub(super) viewer: Viewer,
}

/// A room at the moment in which somebody came into it.
#[derive(Debug)]
pub(super) struct View {
    pub(super) asker: Asker,
    pub(super) room: RoomIndex,
    /// How far it had come at that moment: what comes after it is delivered.
    pub(super) position: Position,
    pub(super) members: MemberList,
    /// Told to this person alone.
    pub(super) place: Place,
    /// That they came in is part of the open transaction: if that is not stored, they have not.
    pub(super) is_recorded: bool,
}

impl<O: Outbox> Hub<O> {
    /// `stored`: whether what the transaction recorded is in the database.
    pub(super) async fn carry_out(&mut self, effect: Effect, stored: bool) {
        match effect {
            Effect::Send(outgoing) => self.outbox.send(outgoing).await,
            Effect::WhenStored(outgoing) if stored => self.outbox.send(outgoing).await,
            Effect::WhenStored(_) => {}
            Effect::Answer { conn, frame, .. } if stored => self.answer(conn, frame).await,
            Effect::Answer { conn, id, room, .. } => {
                self.answer(conn, unanswered(id, room.as_deref())).await;
            }
            Effect::Deliver(delivery) if stored => self.deliver(delivery).await,
            Effect::Deliver(Delivery { conn, id, room, .. }) => {
                if let Some(conn) = conn {
                    self.answer(conn, not_stored(id, &room)).await;
                }
            }
            Effect::Repeat { asker, room, message } => {
                let id = asker.id;
                let frame = match stored {
                    true => message.to_json(&room, id.as_deref()),
                    false => not_stored(id, &room),
                };
                self.answer(asker.conn, frame).await;
            }
            Effect::Change { room, stored: change, recount } if stored => {
                self.tell_change(&room, change, &recount).await;
            }
            Effect::Change { room, stored: StoredChange { conn, request_id, .. }, .. } => {
                if let Some(conn) = ConnectionId::new(conn) {
                    self.answer(conn, not_stored(request_id, &room)).await;
                }
            }
            Effect::Recount { room, seq } => self.recount(room, seq, &[EVERYBODY]).await,
            Effect::Unchanged { asker, room, number, change } => {
                let frame = match stored {
                    true => change.to_json(&room, number, asker.id.as_deref()),
                    false => not_stored(asker.id, &room),
                };
                self.answer(asker.conn, frame).await;
            }
            Effect::Joined(view) => self.answer_join(view, stored).await,
            Effect::Resumed { views } => self.answer_resume(views, stored).await,
            Effect::History { asker, room, place, limit } => {
                let room = self.rooms[room].reference();
                let page = self.writer.page(&room, place, limit, PAGE_BYTES_MAX, &asker.viewer);
                let frame = page.map(|page| event::history(asker.id.as_deref(), &room.key, &page));
                self.answer(asker.conn, or_internal(frame, &asker, &room.key)).await;
            }
        }
    }

    /// One frame for all, encoded once; the sender's own has its id.
    async fn deliver(&mut self, Delivery { row, conn, id, group, room, message }: Delivery) {
        let except = conn.filter(|_| id.is_some());
        if let Some(conn) = except {
            let is_v1 = self.people.get(conn).is_none_or(|client| client.v1);
            let id = id.as_deref();
            let own = if is_v1 { message.to_json(&room, id) } else { message.to_plain_json(&room, id) };
            self.answer(conn, own).await;
        }
        let frame: Text = message.to_json(&room, None).into();
        if &*room == LOBBY {
            let plain =
                if message.is_rich() { message.to_plain_json(&room, None).into() } else { frame.clone() };
            self.outbox.send(Outgoing::Publish { group: Group::Plain, frame: plain, except }).await;
        }
        self.outbox.send(Outgoing::Publish { group, frame, except }).await;
        if let Some(room) = self.rooms.find(&room) {
            self.tell_activity(room, &message).await;
            if message.seq == 1 && self.rooms[room].kind == Kind::Direct {
                self.tell_of_each_other(room).await;
            }
        }
        self.progress.message = row;
        self.outbox.note_published(self.progress);
    }

    /// To the v1 clients of the room; whoever did it has the id of the request in its copy.
    async fn tell_change(&mut self, room: &str, stored: StoredChange, recount: &[i64]) {
        let StoredChange { row, room_id, conn, request_id, number, change } = stored;
        let except = ConnectionId::new(conn).filter(|_| request_id.is_some());
        if let Some(conn) = except {
            self.answer(conn, change.to_json(room, number, request_id.as_deref())).await;
        }
        let frame = change.to_json(room, number, None).into();
        self.outbox.send(Outgoing::Publish { group: Group::Room(room_id), frame, except }).await;
        if let (Some(room), Change::Message(message)) = (self.rooms.find(room), &change) {
            self.recount(room, message.seq, recount).await;
        }
        self.progress.change = row;
        self.outbox.note_published(self.progress);
    }

    async fn answer(&self, conn: ConnectionId, frame: String) {
        self.outbox.send(Outgoing::Push { conn, frame: frame.into() }).await;
    }

    async fn answer_join(&self, view: View, stored: bool) {
        let View { asker, room, position, members, place, is_recorded } = view;
        let room = &self.rooms[room];
        if is_recorded && !stored {
            return self.answer(asker.conn, not_stored(asker.id, &room.key)).await;
        }
        let position = stored_of(position, room);
        let page = self.page(room.reference(), position.seq, PAGE_BYTES_MAX, &asker);
        let frame = page.map(|page| {
            event::joined(asker.id.as_deref(), &room.key, &room.title, &page, position, &members, &place)
        });
        self.answer(asker.conn, or_internal(frame, &asker, &room.key)).await;
    }

    async fn answer_resume(&self, views: Vec<(View, Known)>, stored: bool) {
        let mut bytes_left = RESUME_BYTES_MAX;
        for (View { asker, room, position, members, place, is_recorded }, known) in views {
            let room = &self.rooms[room];
            if is_recorded && !stored {
                self.answer(asker.conn, not_stored(asker.id, &room.key)).await;
                continue;
            }
            let position = stored_of(position, room);
            let missed = self.missed(room.reference(), known, position, bytes_left, &asker);
            let frame = missed.map(|missed| {
                let (messages, changes) = match &missed {
                    Ok(Missed { messages, changes }) => (messages, changes.as_deref().unwrap_or_default()),
                    Err(page) => (&page.messages, &[][..]),
                };
                let bytes: usize = messages.iter().chain(changes).map(|frame| frame.len() + 1).sum();
                bytes_left = bytes_left.saturating_sub(bytes);
                event::resumed(asker.id.as_deref(), &room.key, missed.as_ref(), position, &members, &place)
            });
            self.answer(asker.conn, or_internal(frame, &asker, &room.key)).await;
        }
    }

    /// Everything after the client's position, or, if that cannot be given whole, the last page.
    fn missed(
        &self,
        room: RoomRef,
        known: Known,
        position: Position,
        bytes_left: usize,
        asker: &Asker,
    ) -> Result<Result<Missed, Page>, StoreError> {
        let bytes_max = bytes_left.min(RESUME_ROOM_BYTES_MAX);
        match self.all_missed(&room, known, position, bytes_max, &asker.viewer)? {
            Some(missed) => Ok(Ok(missed)),
            None => Ok(Err(self.page(room, position.seq, bytes_left.min(PAGE_BYTES_MAX), asker)?)),
        }
    }

    fn all_missed(
        &self,
        room: &RoomRef,
        known: Known,
        position: Position,
        bytes_max: usize,
        viewer: &Viewer,
    ) -> Result<Option<Missed>, StoreError> {
        let is_close = |after: u64, last: u64, max: usize| after <= last && last - after <= max as u64;
        if !is_close(known.seq, position.seq, RESUME_MESSAGES_MAX)
            || known.change.is_some_and(|change| change > position.change)
        {
            return Ok(None);
        }
        let range = (known.seq, position.seq);
        let Some(messages) = self.writer.missed(room, range, RESUME_MESSAGES_MAX, bytes_max, viewer)? else {
            return Ok(None);
        };
        let Some(change) = known.change else { return Ok(Some(Missed { messages, changes: None })) };
        let spent: usize = messages.iter().map(|frame| frame.len() + 1).sum();
        let bytes_max = bytes_max.saturating_sub(spent);
        let changes =
            self.writer.changed(room, (change, known.seq), RESUME_CHANGES_MAX, bytes_max, viewer)?;
        Ok(changes.map(|changes| Missed { messages, changes: Some(changes) }))
    }

    fn page(&self, room: RoomRef, last: u64, bytes_max: usize, asker: &Asker) -> Result<Page, StoreError> {
        let place = PagePosition::Before(last.saturating_add(1));
        self.writer.page(&room, place, PAGE_MESSAGES_MAX, bytes_max, &asker.viewer)
    }
}

/// What was recorded before and could not be stored is not there.
fn stored_of(position: Position, room: &Room) -> Position {
    let Position { seq, change } = room.committed();
    Position { seq: position.seq.min(seq), change: position.change.min(change) }
}

fn not_stored(id: Option<String>, room: &str) -> String {
    unanswered(id, Some(room))
}

fn unanswered(id: Option<String>, room: Option<&str>) -> String {
    let refusal = Refusal::internal().id(id);
    room.map_or(refusal.clone(), |room| refusal.room(room)).to_json()
}

/// The frame, or the error that takes its place.
fn or_internal(frame: Result<String, StoreError>, asker: &Asker, room: &str) -> String {
    frame.unwrap_or_else(|error| {
        tracing::error!(%error, "messages could not be read");
        Refusal::internal().id(asker.id.clone()).room(room).to_json()
    })
}
