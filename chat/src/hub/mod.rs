//! The one place where things happen: a process of its own that has rooms, presence and the database's write connection.
//!
//! Requests reach it as messages of the workers ([`HubSender`]). It takes many at a time, works out what each of them
//! does (to its own state at once, to the database in one transaction, to the clients as a list of [`Effect`]s), commits,
//! and only then carries the effects out, in order. So nobody is told of a message that is not stored; all clients of a
//! room see the same order, that of `seq`; and a client that joins is given the history and then, without a gap or an
//! overlap, everything that comes after it.
//!
//! Everything that it knows it can know again: rooms and messages are in the database, and who is where is in the
//! sessions that the server keeps with the connections. So another hub goes on where one has ended ([`rebuild`]), or was
//! killed: then the batch that it had in hand comes again ([`again`]).

mod activity;
mod again;
mod attempts;
mod calls;
mod conversations;
mod departures;
mod effect;
mod forgetting;
mod indexing;
mod memberships;
mod mentions;
mod moves;
pub(crate) mod outbox;
mod pace;
mod people;
mod presences;
mod process;
mod rebuild;
mod refuse;
mod requests;
mod sender;
mod whereabouts;
mod wire;

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use switchboard::ConnectionId;

use crate::limits::BATCH_BYTES_MAX;
use crate::protocol::request::ConversationRequest;
use crate::protocol::{Envelope, Request};
use crate::rooms::Rooms;
use crate::store::{Progress, StoreError, Writer};
use crate::ticket::Ticket;
use again::LateCopies;
use attempts::Attempts;
use departures::Departures;
use effect::Effect;
use forgetting::Forgetting;
use memberships::Memberships;
use moves::Move;
use outbox::Outbox;
use pace::Pace;
pub(crate) use pace::bucket_of;
use people::People;
use presences::Presences;
pub(crate) use presences::{Presence, Whereabouts};
pub(crate) use process::run;
pub(crate) use sender::{HUB, HubSender};
use whereabouts::Lingering;

/// Something that a connection did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Command {
    pub(crate) conn: ConnectionId,
    pub(crate) ticket: Ticket,
    /// 1, or more if a hub that was given it has died.
    pub(crate) attempt: u32,
    /// A worker that was given the event has died: the same may have been sent before, with another ticket.
    pub(crate) repeated: bool,
    /// The connection's session when it happened.
    pub(crate) session: Bytes,
    pub(crate) what: What,
}

/// What a connection did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum What {
    Opened,
    Asked {
        envelope: Envelope,
        /// The same for requests that are the same word for word.
        fingerprint: u64,
    },
    Closed,
}

impl Command {
    fn creates_room(&self) -> bool {
        let What::Asked { envelope, .. } = &self.what else { return false };
        matches!(
            envelope.request,
            Request::Create { .. } | Request::Conversation(ConversationRequest::Direct { .. })
        )
    }
}

/// See the module.
pub(crate) struct Hub<O> {
    outbox: O,
    writer: Writer,
    rooms: Rooms,
    people: People,
    memberships: Memberships,
    pace: Pace,
    /// How far it has published what is stored.
    progress: Progress,
    attempts: Attempts,
    /// By name, for rooms.
    presences: Presences<Arc<str>>,
    /// People with a session, by number.
    persons: Presences<i64>,
    lingering: Lingering,
    departures: Departures,
    late_copies: LateCopies,
    forgetting: Forgetting,
    are_guests_allowed: bool,
    /// By what is in the open transaction.
    moves: Vec<Move>,
    /// What is to be done once the open transaction is committed.
    effects: Vec<Effect>,
    /// About as much as the answers among them hold.
    effects_bytes: usize,
}

impl<O: Outbox> Hub<O> {
    /// Takes over the database.
    ///
    /// `leave_grace`: how long somebody without a connection has not left.
    fn load(outbox: O, writer: Writer, pace: Pace, leave_grace: Duration) -> Result<Self, StoreError> {
        let rooms = Rooms::load(writer.rooms()?);
        let people = People::default();
        let are_guests_allowed = writer.are_guests_allowed()?;
        let attempts = Attempts::new(pace.factor());
        Ok(Self {
            outbox,
            writer,
            rooms,
            people,
            memberships: Memberships::default(),
            pace,
            progress: Progress::default(),
            attempts,
            presences: Presences::default(),
            persons: Presences::default(),
            lingering: Lingering::default(),
            departures: Departures::new(leave_grace),
            late_copies: LateCopies::default(),
            forgetting: Forgetting::new(),
            are_guests_allowed,
            moves: Vec::new(),
            effects: Vec::new(),
            effects_bytes: 0,
        })
    }

    /// What comes from here on is another batch: what came before has been acknowledged.
    fn begin_batch(&mut self) {
        self.writer.begin_batch();
    }

    /// Carries out commands of a batch, in order.
    async fn handle(&mut self, batch: Vec<Command>) {
        for command in batch {
            // Rooms come into being rarely: one transaction each, and nothing to undo if it fails. To get to know whoever asks
            // may take one, too.
            let creates_room = command.creates_room();
            if creates_room {
                self.client(command.conn, &command.session);
            }
            if creates_room || self.effects_bytes > BATCH_BYTES_MAX {
                self.settle().await;
            }
            self.apply(command);
        }
        self.settle().await;
    }

    /// Commits what was recorded and then does everything that waited for it.
    async fn settle(&mut self) {
        let stored = if self.writer.in_transaction() {
            let committed = self.writer.commit();
            match &committed {
                Ok(()) => self.rooms.commit(),
                Err(error) => {
                    tracing::error!(%error, "messages were not stored; their senders are told");
                    self.rooms.roll_back();
                    self.look_up_all();
                    self.recall_order();
                }
            }
            committed.is_ok()
        } else {
            true
        };
        self.moves.clear();
        self.effects_bytes = 0;
        for effect in std::mem::take(&mut self.effects) {
            self.carry_out(effect, stored).await;
        }
    }

    /// Writes the database's log back and closes it.
    fn close(self) -> Result<(), StoreError> {
        self.writer.close()
    }
}

/// Milliseconds since 1970.
pub(crate) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
