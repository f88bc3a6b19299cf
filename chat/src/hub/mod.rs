//! The one place where things happen: a thread that owns rooms, presence and the database's write connection.
//!
//! Requests reach it through a bounded queue. It takes many at a time, works out what each of them does (to its own
//! state at once, to the database in one transaction, to the clients as a list of [`Effect`]s), commits, and only then
//! carries the effects out, in order. So nobody is told of a message that is not stored; all clients of a room see
//! the same order, that of `seq`; and a client that joins is given the history and then, without a gap or an overlap,
//! everything that comes after it.

mod effect;
pub(crate) mod outbox;
mod people;
mod queue;
mod requests;

use std::time::{SystemTime, UNIX_EPOCH};

use switchboard::ConnectionId;
use tokio::sync::mpsc;

use crate::limits::{BATCH_BYTES_MAX, BATCH_REQUESTS_MAX};
use crate::protocol::Envelope;
use crate::rooms::Rooms;
use crate::store::reader::Reader;
use crate::store::{StoreError, Writer};
use effect::Effect;
use outbox::Outbox;
use people::People;
pub(crate) use queue::{HubSender, queue};

/// Something that a connection did.
#[derive(Debug)]
pub(crate) struct Command {
    pub(crate) conn: ConnectionId,
    pub(crate) what: What,
}

/// What a connection did.
#[derive(Debug)]
pub(crate) enum What {
    Opened { v1: bool },
    Asked(Envelope),
    Closed,
}

/// See the module.
pub(crate) struct Hub<O> {
    outbox: O,
    writer: Writer,
    reader: Reader,
    rooms: Rooms,
    people: People,
    /// What is to be done once the open transaction is committed.
    effects: Vec<Effect>,
    /// About as much as the answers among them hold.
    effects_bytes: usize,
}

impl Hub<()> {
    /// Takes over the database.
    pub(crate) fn load(writer: Writer, reader: Reader) -> Result<Self, StoreError> {
        let rooms = Rooms::load(writer.rooms()?);
        let people = People::new(writer.nonce()?);
        Ok(Self { outbox: (), writer, reader, rooms, people, effects: Vec::new(), effects_bytes: 0 })
    }

    /// A hub without clients is no use: this gives it the way to them.
    pub(crate) fn attach<O: Outbox>(self, outbox: O) -> Hub<O> {
        let Self { outbox: (), writer, reader, rooms, people, effects, effects_bytes } = self;
        Hub { outbox, writer, reader, rooms, people, effects, effects_bytes }
    }
}

impl<O: Outbox> Hub<O> {
    /// Runs until every sender is gone and the queue is empty, then closes the database.
    pub(crate) fn run(mut self, mut queue: mpsc::Receiver<Command>) -> Result<(), StoreError> {
        let mut batch = Vec::with_capacity(BATCH_REQUESTS_MAX);
        while queue.blocking_recv_many(&mut batch, BATCH_REQUESTS_MAX) > 0 {
            self.handle(batch.drain(..));
        }
        // Its connection first: the last one to close takes the log with it.
        drop(self.reader);
        self.writer.close()
    }

    /// Carries out a batch of commands, in order.
    fn handle(&mut self, batch: impl IntoIterator<Item = Command>) {
        for Command { conn, what } in batch {
            match what {
                What::Opened { v1 } => self.opened(conn, v1),
                What::Asked(envelope) => self.asked(conn, envelope),
                What::Closed => self.closed(conn),
            }
            if self.effects_bytes > BATCH_BYTES_MAX {
                self.settle();
            }
        }
        self.settle();
    }

    /// Commits what was recorded and then does everything that waited for it.
    fn settle(&mut self) {
        let stored = if self.writer.in_transaction() {
            let committed = self.writer.commit();
            match &committed {
                Ok(()) => self.rooms.commit(),
                Err(error) => {
                    tracing::error!(%error, "messages were not stored; their senders are told");
                    self.rooms.roll_back();
                }
            }
            committed.is_ok()
        } else {
            true
        };
        self.effects_bytes = 0;
        for effect in std::mem::take(&mut self.effects) {
            self.carry_out(effect, stored);
        }
    }
}

/// Milliseconds since 1970.
fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
