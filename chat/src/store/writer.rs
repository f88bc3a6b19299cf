//! The one connection that writes. Messages of many requests share one transaction, so that they share the cost of
//! one commit; nothing may be told to anybody before [`Writer::commit`] has answered.

use std::path::Path;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension as _};

use super::history::{self, RoomRef};
use super::{StoreError, configure, integer, schema, unsigned};
use crate::protocol::event::{Message, Page};

/// The write connection and its open transaction.
pub(crate) struct Writer {
    connection: Connection,
    transaction: Transaction,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Transaction {
    None,
    Open,
    /// A statement failed: none of it may be committed.
    Failed,
}

/// A room as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RoomRow {
    pub(crate) id: i64,
    pub(crate) key: String,
    pub(crate) title: String,
    /// The `seq` of its last message; 0 if it has none.
    pub(crate) seq: u64,
}

/// A message that is to be stored.
#[derive(Clone, Debug)]
pub(crate) struct NewMessage<'a> {
    pub(crate) room_id: i64,
    pub(crate) seq: u64,
    pub(crate) ts: u64,
    pub(crate) from: &'a str,
    pub(crate) text: &'a str,
    /// The sender's client key and its id for the message.
    pub(crate) client_id: Option<(&'a str, &'a str)>,
}

/// What became of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Recorded {
    /// It is part of the open transaction.
    New,
    /// Its client key and id are those of this message, which is stored, or about to be.
    Known { room_id: i64, message: Message },
}

impl Writer {
    /// Opens the database, makes it if there is none, and brings it up to date.
    pub(crate) fn open(path: &Path) -> Result<Self, StoreError> {
        let open = || -> Result<Connection, rusqlite::Error> {
            let connection = Connection::open(path)?;
            configure(&connection)?;
            // In this mode readers and the writer do not wait for each other.
            connection.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()))?;
            // FULL: a commit is on the disk when it returns. NORMAL would lose the last ones when the power fails,
            // and they have been acknowledged.
            connection.pragma_update(None, "synchronous", "full")?;
            connection.pragma_update(None, "foreign_keys", true)?;
            // The log is as large as its largest burst until it is cut: 64 MiB are enough to keep.
            connection.pragma_update(None, "journal_size_limit", 64 << 20)?;
            Ok(connection)
        };
        let mut connection = open().map_err(|reason| StoreError::Open { path: path.to_owned(), reason })?;
        schema::migrate(&mut connection)?;
        Ok(Self { connection, transaction: Transaction::None })
    }

    /// All rooms, the oldest first: the lobby is the first one.
    pub(crate) fn rooms(&self) -> Result<Vec<RoomRow>, StoreError> {
        let mut statement = self.connection.prepare(
            "SELECT id, key, title, (SELECT max(seq) FROM messages WHERE room_id = rooms.id) FROM rooms ORDER BY id",
        )?;
        let rows = statement.query_map([], |row| {
            let seq: Option<i64> = row.get(3)?;
            Ok(RoomRow {
                id: row.get(0)?,
                key: row.get(1)?,
                title: row.get(2)?,
                seq: unsigned(seq.unwrap_or(0)),
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// A random text that no other run of the server has.
    pub(crate) fn nonce(&self) -> Result<String, StoreError> {
        Ok(self.connection.query_row("SELECT lower(hex(randomblob(12)))", [], |row| row.get(0))?)
    }

    /// Stores a room at once, in a transaction of its own: None if its key is taken. No transaction may be open.
    pub(crate) fn create_room(
        &mut self,
        key: &str,
        title: &str,
        now_ms: u64,
    ) -> Result<Option<i64>, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "INSERT INTO rooms (key, title, created_ms) VALUES (?1, ?2, ?3) ON CONFLICT (key) DO NOTHING",
        )?;
        let added = statement.execute((key, title, integer(now_ms)))?;
        Ok((added == 1).then(|| self.connection.last_insert_rowid()))
    }

    /// Adds a message to the open transaction, or begins one. After an error nothing of the transaction will be
    /// committed.
    pub(crate) fn record(&mut self, message: &NewMessage<'_>) -> Result<Recorded, StoreError> {
        if self.transaction == Transaction::Failed {
            return Err(StoreError::Aborted);
        }
        let recorded = self.try_record(message);
        if recorded.is_err() {
            self.transaction = Transaction::Failed;
        }
        recorded
    }

    fn try_record(&mut self, message: &NewMessage<'_>) -> Result<Recorded, StoreError> {
        if self.transaction == Transaction::None {
            self.connection.execute_batch("BEGIN IMMEDIATE")?;
            self.transaction = Transaction::Open;
        }
        let (client, client_id) = message.client_id.unzip();
        let mut insert = self.connection.prepare_cached(
            "INSERT INTO messages (room_id, seq, sent_ms, sender, text, client, client_id)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
             ON CONFLICT (client, client_id) WHERE client_id IS NOT NULL DO NOTHING",
        )?;
        let added = insert.execute((
            message.room_id,
            integer(message.seq),
            integer(message.ts),
            message.from,
            message.text,
            client,
            client_id,
        ))?;
        if added == 1 {
            return Ok(Recorded::New);
        }
        let mut known = self.connection.prepare_cached(
            "SELECT seq, sent_ms, sender, text, room_id FROM messages WHERE client = ?1 AND client_id = ?2",
        )?;
        Ok(known.query_row((client, client_id), |row| {
            Ok(Recorded::Known { room_id: row.get(4)?, message: history::message(row)? })
        })?)
    }

    /// Is there anything to commit?
    pub(crate) fn in_transaction(&self) -> bool {
        self.transaction != Transaction::None
    }

    /// Makes what was recorded durable. On an error none of it is stored.
    pub(crate) fn commit(&mut self) -> Result<(), StoreError> {
        let committed = match self.transaction {
            Transaction::None => return Ok(()),
            Transaction::Open => self.connection.execute_batch("COMMIT").map_err(StoreError::from),
            Transaction::Failed => Err(StoreError::Aborted),
        };
        self.transaction = Transaction::None;
        if committed.is_err() && !self.connection.is_autocommit() {
            // SQLite rolls some errors back by itself. If this fails too, the next BEGIN does, and says so.
            if let Err(error) = self.connection.execute_batch("ROLLBACK") {
                tracing::error!(%error, "cannot roll back");
            }
        }
        committed
    }

    /// See [`history::page`].
    pub(crate) fn page(
        &self,
        room: &RoomRef,
        before: u64,
        messages_max: usize,
        bytes_max: usize,
        viewer: &str,
    ) -> Result<Page, StoreError> {
        history::page(&self.connection, room, before, messages_max, bytes_max, viewer)
    }

    /// See [`history::missed`].
    pub(crate) fn missed(
        &self,
        room: &RoomRef,
        range: (u64, u64),
        messages_max: usize,
        bytes_max: usize,
        viewer: &str,
    ) -> Result<Option<Vec<String>>, StoreError> {
        history::missed(&self.connection, room, range, messages_max, bytes_max, viewer)
    }

    /// Writes the log into the database file and closes it.
    pub(crate) fn close(self) -> Result<(), StoreError> {
        let busy = self
            .connection
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, i64>(0))
            .optional()?;
        if busy == Some(1) {
            tracing::warn!("another program reads the database: its log is written back at the next start");
        }
        self.connection.close().map_err(|(_, error)| error.into())
    }

    #[cfg(test)]
    pub(crate) fn connection(&self) -> &Connection {
        &self.connection
    }
}

impl From<&RoomRow> for RoomRef {
    fn from(row: &RoomRow) -> Self {
        Self { id: row.id, key: Arc::from(row.key.as_str()) }
    }
}
