//! The one connection that writes. Messages of many requests share one transaction, so that they share the cost of
//! one commit; nothing may be told to anybody before [`Writer::commit`] has answered.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension as _, TransactionBehavior};

use super::batch::{BatchRecord, Stored};
use super::conversations::{self, Membership};
use super::history::{self, RoomRef, Viewer};
use super::search::{self, Entry};
use super::{StoreError, configure, forgetting, integer, register, schema, unsigned};
use crate::protocol::Message;
use crate::protocol::conversation::Kind;
use crate::protocol::event::Page;
use crate::protocol::request::PagePosition;
use crate::ticket::Ticket;

/// The write connection and its open transaction.
pub(crate) struct Writer {
    pub(super) connection: Connection,
    pub(super) transaction: Transaction,
    pub(super) batch: BatchRecord,
    /// Names noted since those of long ago were forgotten.
    names_noted: usize,
    /// People who have come since those of long ago were forgotten.
    comings: usize,
}

/// So many names are noted before those of long ago are forgotten.
const NAMES_NOTED_MAX: usize = 1_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Transaction {
    None,
    Open,
    /// A statement failed: none of it may be committed.
    Failed,
}

/// A room as it is stored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct RoomRow {
    pub(crate) id: i64,
    pub(crate) key: String,
    pub(crate) title: String,
    /// The `seq` of its last message; 0 if it has none.
    pub(crate) seq: u64,
    /// The number of what has happened last to a message of it; 0 if nothing has.
    pub(crate) change: u64,
    pub(crate) kind: Kind,
    /// What it is about; empty: nobody has said.
    pub(crate) topic: String,
    /// Nothing is written there any more.
    pub(crate) is_archived: bool,
    /// The person who has made it, if a session said who that was.
    pub(crate) creator: Option<i64>,
    /// The row of its last message; 0 if it has none.
    pub(crate) last_row: i64,
    /// The `seq` of the last message that mentions anybody; 0: none does.
    pub(crate) last_mention: u64,
}

/// A room that is to be.
#[derive(Clone, Debug)]
pub(crate) struct NewRoom<'a> {
    /// Of the request.
    pub(crate) ticket: Ticket,
    pub(crate) key: &'a str,
    pub(crate) title: &'a str,
    pub(crate) kind: Kind,
    pub(crate) topic: &'a str,
    pub(crate) creator: Option<i64>,
    /// Who is a member from the beginning.
    pub(crate) members: &'a [(i64, Membership)],
    pub(crate) now_ms: u64,
}

/// A message that is to be stored.
#[derive(Clone, Debug)]
pub(crate) struct NewMessage<'a> {
    /// Of the request.
    pub(crate) ticket: Ticket,
    /// The number of the connection that sends it.
    pub(crate) conn: u64,
    pub(crate) room_id: i64,
    pub(crate) seq: u64,
    pub(crate) ts: u64,
    pub(crate) from: &'a str,
    /// Who that is, if a session says so.
    pub(crate) person: Option<i64>,
    pub(crate) text: &'a str,
    /// The sender's client key.
    pub(crate) client: &'a str,
    /// Its id for the message.
    pub(crate) client_id: Option<&'a str>,
    /// The `seq` of the message that it answers, in the same room.
    pub(crate) reply_to: Option<u64>,
    /// Whom it mentions; 0: everybody.
    pub(crate) mentions: &'a [i64],
}

/// A message that is stored, and what only its sender is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StoredMessage {
    pub(crate) row: i64,
    pub(crate) room_id: i64,
    pub(crate) message: Message,
    pub(crate) client_id: Option<String>,
}

/// What became of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Recorded {
    /// It is part of the open transaction.
    New { row: i64 },
    /// Its client key and id are those of this message, which is stored, or about to be.
    Known { room_id: i64, message: Box<Message> },
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
            // What is deleted is gone from the file, too.
            connection.pragma_update(None, "secure_delete", true)?;
            // The log is as large as its largest burst until it is cut: 64 MiB are enough to keep.
            connection.pragma_update(None, "journal_size_limit", 64 << 20)?;
            Ok(connection)
        };
        let mut connection = open().map_err(|reason| StoreError::Open { path: path.to_owned(), reason })?;
        schema::migrate(&mut connection)?;
        let batch = BatchRecord::load(&connection)?;
        Ok(Self {
            connection,
            transaction: Transaction::None,
            batch,
            names_noted: NAMES_NOTED_MAX,
            comings: 0,
        })
    }

    /// All rooms that have not been forgotten, the oldest first: the lobby is the first one.
    pub(crate) fn rooms(&self) -> Result<Vec<RoomRow>, StoreError> {
        let mut statement = self.connection.prepare(
            "SELECT r.id, r.key, r.title, m.seq, r.change, r.kind, r.topic, r.archived, r.creator, m.id,
                    (SELECT max(seq) FROM mentions WHERE room_id = r.id)
             FROM rooms r LEFT JOIN messages m
                 ON m.room_id = r.id AND m.seq = (SELECT max(seq) FROM messages WHERE room_id = r.id)
             WHERE r.kind <> ?1 ORDER BY r.id",
        )?;
        let rows = statement.query_map([forgetting::NUMBER_ALONE], |row| {
            let seq: Option<i64> = row.get(3)?;
            Ok(RoomRow {
                id: row.get(0)?,
                key: row.get(1)?,
                title: row.get(2)?,
                seq: unsigned(seq.unwrap_or(0)),
                change: unsigned(row.get(4)?),
                kind: Kind::from_number(row.get(5)?),
                topic: row.get(6)?,
                is_archived: row.get(7)?,
                creator: row.get(8)?,
                last_row: row.get::<_, Option<i64>>(9)?.unwrap_or(0),
                last_mention: row.get::<_, Option<i64>>(10)?.map_or(0, unsigned),
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// What a request has left that whoever had the database before was given.
    pub(crate) fn find_repeat(&mut self, ticket: Ticket) -> Option<Stored> {
        self.batch.find(ticket)
    }

    /// The connections that have sent the last messages of whoever had the database before, by row.
    pub(crate) fn last_senders(&self) -> HashMap<i64, u64> {
        self.batch.senders()
    }

    /// The last messages of all rooms that were stored after the one of this row, in the order in which they were, and
    /// not more than `max`.
    pub(crate) fn stored_after(&self, row: i64, max: usize) -> Result<Vec<StoredMessage>, StoreError> {
        let mut statement = self
            .connection
            .prepare_cached(history::select!("WHERE m.id > ?1 ORDER BY m.id DESC LIMIT ?2"))?;
        let rows = statement.query_map((row, max as i64), |row| {
            let message = history::message(row)?;
            Ok(StoredMessage { message, room_id: row.get(15)?, client_id: row.get(5)?, row: row.get(6)? })
        })?;
        let mut messages = rows.collect::<Result<Vec<_>, _>>()?;
        messages.reverse();
        Ok(messages)
    }

    /// The room and the `seq` of a message.
    pub(crate) fn place_of(&self, row: i64) -> Result<Option<(i64, u64)>, StoreError> {
        let mut find = self.connection.prepare_cached("SELECT room_id, seq FROM messages WHERE id = ?1")?;
        Ok(find.query_row([row], |row| Ok((row.get(0)?, unsigned(row.get(1)?)))).optional()?)
    }

    /// The row of the message that was stored last, in whatever room; 0: there is none.
    pub(crate) fn last_row(&self) -> Result<i64, StoreError> {
        Ok(self.connection.query_row("SELECT coalesce(max(id), 0) FROM messages", [], |row| row.get(0))?)
    }

    /// What is stored from here on belongs to another batch of requests: those before will not come again.
    pub(crate) fn begin_batch(&mut self) {
        self.batch.begin();
    }

    /// Stores a room at once, in a transaction of its own: None if its key is taken. No transaction may be open.
    pub(crate) fn create_room(&mut self, new: &NewRoom<'_>) -> Result<Option<i64>, StoreError> {
        let NewRoom { ticket, key, title, kind, topic, creator, members, now_ms } = *new;
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut statement = transaction.prepare_cached(
            "INSERT INTO rooms (key, title, created_ms, kind, topic, creator) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT (key) DO NOTHING",
        )?;
        if statement.execute((key, title, integer(now_ms), kind.number(), topic, creator))? == 0 {
            return Ok(None);
        }
        drop(statement);
        let row = transaction.last_insert_rowid();
        for (person, membership) in members {
            conversations::put(&transaction, (*person, row), *membership, now_ms)?;
        }
        self.batch.add(ticket, Stored::Room { row });
        let committed = self.batch.save(&transaction).and_then(|()| transaction.commit());
        match committed {
            Ok(()) => self.batch.commit(),
            Err(_) => self.batch.roll_back(),
        }
        committed.map(|()| Some(row)).map_err(StoreError::from)
    }

    /// What a request has done to a room is in the open transaction: should the request come again, it was carried out.
    pub(crate) fn note_deed(&mut self, ticket: Ticket, room: i64) -> Result<(), StoreError> {
        if !self.begin_if_sound()? {
            return Err(StoreError::Aborted);
        }
        self.batch.add(ticket, Stored::Room { row: room });
        Ok(())
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
        self.begin()?;
        let mut insert = self.connection.prepare_cached(
            "INSERT INTO messages (room_id, seq, sent_ms, sender, text, client, client_id, reply_to, person)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
             ON CONFLICT (client, client_id) WHERE client_id IS NOT NULL DO NOTHING",
        )?;
        let added = insert.execute((
            message.room_id,
            integer(message.seq),
            integer(message.ts),
            message.from,
            message.text,
            message.client,
            message.client_id,
            message.reply_to.map(integer),
            message.person,
        ))?;
        if added == 1 {
            let row = self.connection.last_insert_rowid();
            conversations::mention(
                &self.connection,
                message.room_id,
                integer(message.seq),
                message.mentions,
            )?;
            let NewMessage { room_id, from, text, .. } = *message;
            search::add(&self.connection, Entry { row, room_id, sender: from, text })?;
            self.batch.add(message.ticket, Stored::Message { row, conn: message.conn });
            return Ok(Recorded::New { row });
        }
        let known = self.sent(message.client, message.client_id)?;
        let (room_id, message) = known.ok_or(rusqlite::Error::QueryReturnedNoRows)?;
        Ok(Recorded::Known { room_id, message: Box::new(message) })
    }

    fn sent(&self, client: &str, id: Option<&str>) -> rusqlite::Result<Option<(i64, Message)>> {
        let mut find =
            self.connection.prepare_cached(history::select!("WHERE m.client = ?1 AND m.client_id = ?2"))?;
        find.query_row((client, id), |row| Ok((row.get(15)?, history::message(row)?))).optional()
    }

    /// The message that a client has sent with this id, and its room.
    pub(crate) fn find_sent(
        &self,
        client: &str,
        id: Option<&str>,
    ) -> Result<Option<(i64, Message)>, StoreError> {
        Ok(self.sent(client, id)?)
    }

    pub(super) fn begin(&mut self) -> rusqlite::Result<()> {
        if self.transaction == Transaction::None {
            self.connection.execute_batch("BEGIN IMMEDIATE")?;
            self.transaction = Transaction::Open;
        }
        Ok(())
    }

    /// Who is or was here and would be taken for `name`; not whoever is called so exactly, and not `except`.
    pub(crate) fn find_original(
        &self,
        name: &str,
        except: Option<&str>,
        now_ms: u64,
    ) -> Result<Option<String>, StoreError> {
        Ok(register::find_original(&self.connection, name, except, now_ms)?)
    }

    /// Notes that somebody of this name came, if that is news, as part of the open transaction.
    pub(crate) fn note_name(&mut self, name: &str, now_ms: u64) -> Result<(), StoreError> {
        if self.transaction == Transaction::Failed
            || !register::is_worth_noting(&self.connection, name, now_ms)?
        {
            return Ok(());
        }
        self.begin()?;
        register::note(&self.connection, name, now_ms)?;
        self.names_noted += 1;
        if self.names_noted >= NAMES_NOTED_MAX {
            self.names_noted = 0;
            register::prune(&self.connection, now_ms)?;
        }
        Ok(())
    }

    /// Is there anything to commit?
    pub(crate) fn in_transaction(&self) -> bool {
        self.transaction != Transaction::None
    }

    /// Makes what was recorded durable. On an error none of it is stored.
    pub(crate) fn commit(&mut self) -> Result<(), StoreError> {
        let committed = match self.transaction {
            Transaction::None => return Ok(()),
            Transaction::Open => {
                let saved = self.batch.save(&self.connection);
                saved.and_then(|()| self.connection.execute_batch("COMMIT")).map_err(StoreError::from)
            }
            Transaction::Failed => Err(StoreError::Aborted),
        };
        self.transaction = Transaction::None;
        match committed {
            Ok(()) => self.batch.commit(),
            Err(_) => self.batch.roll_back(),
        }
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
        place: PagePosition,
        messages_max: usize,
        bytes_max: usize,
        viewer: &Viewer,
    ) -> Result<Page, StoreError> {
        history::page(&self.connection, room, place, messages_max, bytes_max, viewer)
    }

    /// See [`history::missed`].
    pub(crate) fn missed(
        &self,
        room: &RoomRef,
        range: (u64, u64),
        messages_max: usize,
        bytes_max: usize,
        viewer: &Viewer,
    ) -> Result<Option<Vec<String>>, StoreError> {
        history::missed(&self.connection, room, range, messages_max, bytes_max, viewer)
    }

    /// See [`history::changed`].
    pub(crate) fn changed(
        &self,
        room: &RoomRef,
        range: (u64, u64),
        messages_max: usize,
        bytes_max: usize,
        viewer: &Viewer,
    ) -> Result<Option<Vec<String>>, StoreError> {
        history::changed(&self.connection, room, range, messages_max, bytes_max, viewer)
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

    /// Begins a transaction if none is open; false if it cannot be committed any more.
    pub(super) fn begin_if_sound(&mut self) -> Result<bool, StoreError> {
        if self.transaction == Transaction::Failed {
            return Ok(false);
        }
        self.begin()?;
        Ok(true)
    }

    /// A statement failed: nothing of the open transaction may be committed.
    pub(super) fn fail(&mut self) {
        self.transaction = Transaction::Failed;
    }

    /// True for one in so many calls.
    pub(super) fn is_time_to_forget(&mut self, every: usize) -> bool {
        self.comings = (self.comings + 1) % every;
        self.comings == 1
    }

    pub(crate) fn connection(&self) -> &Connection {
        &self.connection
    }

    pub(super) fn connection_mut(&mut self) -> &mut Connection {
        &mut self.connection
    }
}

impl From<&RoomRow> for RoomRef {
    fn from(row: &RoomRow) -> Self {
        Self { id: row.id, key: Arc::from(row.key.as_str()) }
    }
}
