//! What the hub does once a transaction is committed.

use std::sync::Arc;

use switchboard::{ConnectionId, Text};

use super::Hub;
use super::outbox::{Group, Outbox, Outgoing};
use crate::limits::{
    PAGE_BYTES_MAX, PAGE_MESSAGES_MAX, RESUME_BYTES_MAX, RESUME_MESSAGES_MAX, RESUME_ROOM_BYTES_MAX,
};
use crate::protocol::event::{self, MemberList, Message, Page};
use crate::protocol::{LOBBY, Refusal};
use crate::rooms::RoomIndex;
use crate::store::StoreError;
use crate::store::history::RoomRef;

/// What a request leads to.
#[derive(Debug)]
pub(super) enum Effect {
    Send(Outgoing),
    /// A message of the transaction: to its room, or an error to its sender.
    Deliver(Delivery),
    /// A message that was known already: to whoever sent it again, alone.
    Repeat {
        asker: Asker,
        room: Arc<str>,
        message: Message,
    },
    Joined(View),
    Resumed {
        views: Vec<(View, u64)>,
    },
    History {
        asker: Asker,
        room: RoomIndex,
        before: u64,
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
    /// The client key: its own messages carry their ids.
    pub(super) client: Arc<str>,
}

/// A room at the moment in which somebody came into it.
#[derive(Debug)]
pub(super) struct View {
    pub(super) asker: Asker,
    pub(super) room: RoomIndex,
    /// The room's last message at that moment: what comes after it is delivered.
    pub(super) seq: u64,
    pub(super) members: MemberList,
}

impl<O: Outbox> Hub<O> {
    /// `stored`: whether what the transaction recorded is in the database.
    pub(super) async fn carry_out(&mut self, effect: Effect, stored: bool) {
        match effect {
            Effect::Send(outgoing) => self.outbox.send(outgoing).await,
            Effect::Deliver(delivery) if stored => self.deliver(delivery).await,
            Effect::Deliver(Delivery { conn, id, room, .. }) => {
                if let Some(conn) = conn {
                    self.answer(conn, Refusal::internal().id(id).room(&*room).to_json()).await;
                }
            }
            Effect::Repeat { asker, room, message } => {
                let id = asker.id;
                let frame = match stored {
                    true => event::message(&room, &message, id.as_deref()),
                    false => Refusal::internal().id(id).room(&*room).to_json(),
                };
                self.answer(asker.conn, frame).await;
            }
            Effect::Joined(view) => self.answer_join(view).await,
            Effect::Resumed { views } => self.answer_resume(views).await,
            Effect::History { asker, room, before, limit } => {
                let room = self.rooms[room].reference();
                let page = self.writer.page(&room, before, limit, PAGE_BYTES_MAX, &asker.client);
                let frame = page.map(|page| event::history(asker.id.as_deref(), &room.key, &page));
                self.answer(asker.conn, or_internal(frame, &asker, &room.key)).await;
            }
        }
    }

    /// One frame for all, encoded once; the sender's own has its id.
    async fn deliver(&self, Delivery { row, conn, id, group, room, message }: Delivery) {
        let except = conn.filter(|_| id.is_some());
        if let Some(conn) = except {
            self.answer(conn, event::message(&room, &message, id.as_deref())).await;
        }
        let frame: Text = event::message(&room, &message, None).into();
        if &*room == LOBBY {
            self.outbox.send(Outgoing::Publish { group: Group::Plain, frame: frame.clone(), except }).await;
        }
        self.outbox.send(Outgoing::Publish { group, frame, except }).await;
        self.outbox.note_published(row);
    }

    async fn answer(&self, conn: ConnectionId, frame: String) {
        self.outbox.send(Outgoing::Push { conn, frame: frame.into() }).await;
    }

    async fn answer_join(&self, View { asker, room, seq, members }: View) {
        let room = &self.rooms[room];
        // What was recorded before it and could not be stored is not there.
        let seq = seq.min(room.committed());
        let page = self.page(room.reference(), seq, PAGE_BYTES_MAX, &asker);
        let frame =
            page.map(|page| event::joined(asker.id.as_deref(), &room.key, &room.title, &page, seq, &members));
        self.answer(asker.conn, or_internal(frame, &asker, &room.key)).await;
    }

    async fn answer_resume(&self, views: Vec<(View, u64)>) {
        let mut bytes_left = RESUME_BYTES_MAX;
        for (View { asker, room, seq, members }, after) in views {
            let room = &self.rooms[room];
            let seq = seq.min(room.committed());
            let missed = self.missed(room.reference(), (after, seq), bytes_left, &asker);
            let frame = missed.map(|missed| {
                let messages = missed.as_ref().unwrap_or_else(|page| &page.messages);
                let bytes: usize = messages.iter().map(|message| message.len() + 1).sum();
                bytes_left = bytes_left.saturating_sub(bytes);
                event::resumed(asker.id.as_deref(), &room.key, missed.as_deref(), seq, &members)
            });
            self.answer(asker.conn, or_internal(frame, &asker, &room.key)).await;
        }
    }

    /// Everything after the client's position, or, if that cannot be given whole, the last page.
    fn missed(
        &self,
        room: RoomRef,
        (after, seq): (u64, u64),
        bytes_left: usize,
        asker: &Asker,
    ) -> Result<Result<Vec<String>, Page>, StoreError> {
        if after <= seq && seq - after <= RESUME_MESSAGES_MAX as u64 {
            let bytes_max = bytes_left.min(RESUME_ROOM_BYTES_MAX);
            let range = (after, seq);
            let missed = self.writer.missed(&room, range, RESUME_MESSAGES_MAX, bytes_max, &asker.client)?;
            if let Some(messages) = missed {
                return Ok(Ok(messages));
            }
        }
        Ok(Err(self.page(room, seq, bytes_left.min(PAGE_BYTES_MAX), asker)?))
    }

    fn page(&self, room: RoomRef, last: u64, bytes_max: usize, asker: &Asker) -> Result<Page, StoreError> {
        self.writer.page(&room, last.saturating_add(1), PAGE_MESSAGES_MAX, bytes_max, &asker.client)
    }
}

/// The frame, or the error that takes its place.
fn or_internal(frame: Result<String, StoreError>, asker: &Asker, room: &str) -> String {
    frame.unwrap_or_else(|error| {
        tracing::error!(%error, "messages could not be read");
        Refusal::internal().id(asker.id.clone()).room(room).to_json()
    })
}
