//! What the hub does once a transaction is committed.

use std::sync::Arc;

use bytes::Bytes;
use switchboard::{ConnectionId, Text};

use super::Hub;
use super::outbox::{Group, Outbox};
use crate::limits::{
    PAGE_BYTES_MAX, PAGE_MESSAGES_MAX, RESUME_BYTES_MAX, RESUME_MESSAGES_MAX, RESUME_ROOM_BYTES_MAX,
};
use crate::protocol::event::{self, MemberList, Message, Page};
use crate::protocol::{LOBBY, Refusal};
use crate::rooms::RoomIndex;
use crate::store::StoreError;
use crate::store::history::RoomRef;
use crate::store::reader::Read;

/// Something that clients will see, or that the library keeps for them.
#[derive(Debug)]
pub(super) enum Effect {
    Push {
        conn: ConnectionId,
        frame: Text,
    },
    Publish {
        group: Group,
        frame: Text,
        except: Option<ConnectionId>,
    },
    Join {
        conn: ConnectionId,
        group: Group,
    },
    Leave {
        conn: ConnectionId,
        group: Group,
    },
    Session {
        conn: ConnectionId,
        session: Bytes,
    },
    /// A message of the transaction: to its room, or an error to its sender.
    Deliver(Delivery),
    /// A message that was known already: to its sender alone.
    Repeat(Delivery),
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

/// A message and its sender.
#[derive(Debug)]
pub(super) struct Delivery {
    pub(super) conn: ConnectionId,
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
    pub(super) fn carry_out(&mut self, effect: Effect, stored: bool) {
        match effect {
            Effect::Push { conn, frame } => self.outbox.push(conn, frame),
            Effect::Publish { group, frame, except } => self.outbox.publish(group, frame, except),
            Effect::Join { conn, group } => self.outbox.join(conn, group),
            Effect::Leave { conn, group } => self.outbox.leave(conn, group),
            Effect::Session { conn, session } => self.outbox.set_session(conn, session),
            Effect::Deliver(Delivery { conn, id, room, .. })
            | Effect::Repeat(Delivery { conn, id, room, .. })
                if !stored =>
            {
                self.outbox.push(conn, Refusal::internal().id(id).room(&*room).to_json().into());
            }
            Effect::Deliver(delivery) => self.deliver(delivery),
            Effect::Repeat(Delivery { conn, id, room, message, .. }) => {
                self.outbox.push(conn, event::message(&room, &message, id.as_deref()).into());
            }
            Effect::Joined(view) => self.answer_join(view),
            Effect::Resumed { views } => self.answer_resume(views),
            Effect::History { asker, room, before, limit } => self.read_history(asker, room, before, limit),
        }
    }

    /// One frame for all, encoded once; the sender's own has its id.
    fn deliver(&self, Delivery { conn, id, group, room, message }: Delivery) {
        let except = id.map(|id| {
            self.outbox.push(conn, event::message(&room, &message, Some(&id)).into());
            conn
        });
        let frame: Text = event::message(&room, &message, None).into();
        if &*room == LOBBY {
            self.outbox.publish(Group::Plain, frame.clone(), except);
        }
        self.outbox.publish(group, frame, except);
    }

    fn answer_join(&self, View { asker, room, seq, members }: View) {
        let room = &self.rooms[room];
        // What was recorded before it and could not be stored is not there.
        let seq = seq.min(room.committed());
        let page = self.page(room.reference(), seq, PAGE_BYTES_MAX, &asker);
        let frame =
            page.map(|page| event::joined(asker.id.as_deref(), &room.key, &room.title, &page, seq, &members));
        self.answer(&asker, &room.key, frame);
    }

    fn answer_resume(&self, views: Vec<(View, u64)>) {
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
            self.answer(&asker, &room.key, frame);
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

    fn answer(&self, asker: &Asker, room: &str, frame: Result<String, StoreError>) {
        self.outbox.push(asker.conn, or_internal(frame, asker, room).into());
    }

    fn read_history(&self, asker: Asker, room: RoomIndex, before: u64, limit: usize) {
        let outbox = self.outbox.clone();
        let room = self.rooms[room].reference();
        let key = room.key.clone();
        let waiting = asker.clone();
        let read = Read {
            room,
            before,
            limit,
            viewer: asker.client.to_string(),
            done: Box::new(move |page| {
                let frame = page.map(|page| event::history(asker.id.as_deref(), &key, &page));
                outbox.push(asker.conn, or_internal(frame, &asker, &key).into());
            }),
        };
        if let Err(read) = self.reader.read(read) {
            let refusal = Refusal::busy().id(waiting.id).room(&*read.room.key);
            self.outbox.push(waiting.conn, refusal.to_json().into());
        }
    }
}

/// The frame, or the error that takes its place.
fn or_internal(frame: Result<String, StoreError>, asker: &Asker, room: &str) -> String {
    frame.unwrap_or_else(|error| {
        tracing::error!(%error, "messages could not be read");
        Refusal::internal().id(asker.id.clone()).room(room).to_json()
    })
}
