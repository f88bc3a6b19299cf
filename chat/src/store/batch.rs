//! What the last batch of requests has left in the database: kept in the same transactions, so that whoever is given
//! those requests again knows which of them were carried out. What was acknowledged does not come again, so little has
//! to be kept.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use rusqlite::{Connection, OptionalExtension as _};

use super::StoreError;
use crate::binary::{Input, Output};
use crate::limits::{REPEATS_MAX, REPEATS_WITHIN_MS_MAX};
use crate::ticket::Ticket;

const MESSAGE: u8 = 0;
const ROOM: u8 = 1;
const CHANGE: u8 = 2;
const DEED: u8 = 3;

/// What a request has left, by its row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Stored {
    Message {
        row: i64,
        /// The number of the connection that sent it.
        conn: u64,
    },
    Room {
        row: i64,
    },
    /// Something that happened to a message; its row in the journal.
    Change {
        row: i64,
    },
    /// Something that an administrator has done; its row in the record of that.
    Deed {
        row: i64,
    },
}

/// What requests that may come again have left.
#[derive(Debug)]
pub(super) struct BatchRecord {
    /// Those of whoever had the database before.
    before: HashMap<Ticket, Stored>,
    /// Since when nothing is added to them.
    began: Instant,
    /// Those among them that have come again in the present batch.
    returned: Vec<(Ticket, Stored)>,
    /// Those that the present batch has added.
    added: Vec<(Ticket, Stored)>,
    /// So many of the added ones are committed.
    committed: usize,
}

impl BatchRecord {
    pub(super) fn load(connection: &Connection) -> Result<Self, StoreError> {
        let bytes: Option<Vec<u8>> =
            connection.query_row("SELECT stored FROM last_batch", [], |row| row.get(0)).optional()?;
        let before = decode(&bytes.unwrap_or_default()).collect();
        Ok(Self { before, began: Instant::now(), returned: Vec::new(), added: Vec::new(), committed: 0 })
    }

    /// The batches before this one will not come again.
    pub(super) fn begin(&mut self) {
        self.returned.clear();
        self.added.clear();
        self.committed = 0;
        if self.began.elapsed() > Duration::from_millis(REPEATS_WITHIN_MS_MAX) {
            self.before.clear();
        }
    }

    /// What a request of the present batch has left, if it comes again.
    pub(super) fn find(&mut self, ticket: Ticket) -> Option<Stored> {
        let stored = self.before.remove(&ticket)?;
        self.returned.push((ticket, stored));
        Some(stored)
    }

    /// The connections that have sent the messages of whoever had the database before, by row.
    pub(super) fn senders(&self) -> HashMap<i64, u64> {
        let sender = |stored: &Stored| match *stored {
            Stored::Message { row, conn } => Some((row, conn)),
            Stored::Room { .. } | Stored::Change { .. } | Stored::Deed { .. } => None,
        };
        self.before.values().filter_map(sender).collect()
    }

    pub(super) fn add(&mut self, ticket: Ticket, stored: Stored) {
        self.added.push((ticket, stored));
    }

    /// Makes it part of the open transaction, if that has added anything to it.
    pub(super) fn save(&self, connection: &Connection) -> rusqlite::Result<()> {
        if self.added.len() > self.committed {
            let mut update = connection.prepare_cached("UPDATE last_batch SET stored = ?1")?;
            let before = self.before.iter().map(|(ticket, stored)| (*ticket, *stored)).take(REPEATS_MAX);
            let present = self.returned.iter().chain(&self.added).copied();
            update.execute([encode(before.chain(present))])?;
        }
        Ok(())
    }

    pub(super) fn commit(&mut self) {
        self.committed = self.added.len();
    }

    pub(super) fn roll_back(&mut self) {
        self.added.truncate(self.committed);
    }
}

fn encode(entries: impl Iterator<Item = (Ticket, Stored)>) -> Vec<u8> {
    let mut out = Output::default();
    for (ticket, stored) in entries {
        let (kind, row, conn) = match stored {
            Stored::Message { row, conn } => (MESSAGE, row, conn),
            Stored::Room { row } => (ROOM, row, 0),
            Stored::Change { row } => (CHANGE, row, 0),
            Stored::Deed { row } => (DEED, row, 0),
        };
        out.byte(kind);
        out.number(row.cast_unsigned());
        out.number(conn);
        out.number(ticket.origin);
        out.number(ticket.number);
    }
    out.finish()
}

fn decode(bytes: &[u8]) -> impl Iterator<Item = (Ticket, Stored)> {
    let mut input = Input::new(bytes);
    std::iter::from_fn(move || {
        let (kind, row, conn) = (input.byte()?, input.number()?.cast_signed(), input.number()?);
        let ticket = Ticket { origin: input.number()?, number: input.number()? };
        let stored = match kind {
            ROOM => Stored::Room { row },
            CHANGE => Stored::Change { row },
            DEED => Stored::Deed { row },
            _ => Stored::Message { row, conn },
        };
        Some((ticket, stored))
    })
}
