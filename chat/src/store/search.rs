//! The index by which messages are found, and the search itself.
//!
//! The index has no text, only which terms are in which message (`crate::search` says what terms are). It is written in the same
//! transactions as the messages. Its entries are in the order of the messages' rows: a search finds the newest first, and ends when
//! it has as many as were asked for.
//!
//! Messages that are older than the index are put into it by the hub, some at a time ([`Writer::index_more`]). A hub that indexed all of
//! them before it is ready would be taken for one that cannot start.

use std::ops::Range;

use rusqlite::{Connection, ErrorCode, OptionalExtension as _, Row, TransactionBehavior};

use super::history::{self, Viewer, first_from};
use super::reader::{ReadError, find_room};
use super::writer::Writer;
use super::{StoreError, conversations, integer, unsigned};
use crate::limits::{
    INDEX_BYTES_MAX, INDEX_MESSAGES_MAX, PAGE_BYTES_MAX, PRIVATE_ROOMS_SEARCHED_MAX, SEARCH_ROWS,
    SEARCH_ROWS_MAX,
};
use crate::markdown;
use crate::protocol::conversation::Kind;
use crate::protocol::event::Hits;
use crate::protocol::request::{Cursor, Search};
use crate::search::{context, exactly, of_message, public_term, room_term, sender_term};

/// Part of the schema, of the time before there was a term for what is public.
pub(super) const FIRST_TABLE: &str = "CREATE VIRTUAL TABLE search USING fts5 (terms, content = '', columnsize = 0, detail = 'none', tokenize = 'ascii');";

/// Part of the schema. `below`: messages of smaller rows are not in the index yet. The index is without `secure-delete`: with it FTS5 looks
/// up every term of a deleted entry by itself, which for one long message takes the hub as long as hundreds of messages.
pub(super) const TABLES: &str =
    "DROP TABLE search;
     CREATE VIRTUAL TABLE search USING fts5 (terms, content = '', columnsize = 0, detail = 'none', tokenize = 'ascii');
     CREATE TABLE not_indexed (id INTEGER PRIMARY KEY CHECK (id = 1), below INTEGER NOT NULL) STRICT;
     INSERT INTO not_indexed (id, below) SELECT 1, coalesce(max(id), 0) + 1 FROM messages;";

/// A message as the index knows it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry<'a> {
    pub(super) row: i64,
    pub(super) room_id: i64,
    pub(super) sender: &'a str,
    pub(super) text: &'a str,
}

/// Adds an entry, as part of the open transaction.
pub(super) fn add(connection: &Connection, entry: Entry<'_>) -> rusqlite::Result<()> {
    let mut insert = connection.prepare_cached("INSERT INTO search (rowid, terms) VALUES (?1, ?2)")?;
    insert.execute((entry.row, entry.terms(connection)?)).map(drop)
}

/// Puts another entry, or none, in the place of a message's entry, which must be given exactly as it was added. Does nothing for a message
/// that is not in the index yet: it will be indexed as it is by then.
pub(super) fn replace(
    connection: &Connection,
    old: Entry<'_>,
    new: Option<Entry<'_>>,
) -> rusqlite::Result<()> {
    if old.row < not_indexed_below(connection)? {
        return Ok(());
    }
    let mut delete =
        connection.prepare_cached("INSERT INTO search (search, rowid, terms) VALUES ('delete', ?1, ?2)")?;
    delete.execute((old.row, old.terms(connection)?))?;
    new.map_or(Ok(()), |new| add(connection, new))
}

/// Rows below it are not in the index.
fn not_indexed_below(connection: &Connection) -> rusqlite::Result<i64> {
    connection.prepare_cached("SELECT below FROM not_indexed")?.query_row([], |row| row.get(0))
}

impl Writer {
    /// Puts some more of the messages that are older than the index into it, the newest first, in a transaction of its own; no other
    /// may be open. False: there are no more.
    pub(crate) fn index_more(&mut self) -> Result<bool, StoreError> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let end = not_indexed_below(&transaction)?;
        if end == 0 {
            return Ok(false);
        }
        let (messages, below) = next_to_index(&transaction, end)?;
        // In ascending order: when a smaller row follows, FTS5 first writes out what it has in memory.
        for (row, room_id, sender, text) in messages.iter().rev() {
            add(&transaction, Entry { row: *row, room_id: *room_id, sender, text })?;
        }
        transaction.execute("UPDATE not_indexed SET below = ?1", [below])?;
        transaction.commit()?;
        Ok(below > 0)
    }
}

type Unindexed = (i64, i64, String, String);

/// The messages of the greatest rows below `end`, descending, and the row below which there are more; 0: there are none.
fn next_to_index(connection: &Connection, end: i64) -> rusqlite::Result<(Vec<Unindexed>, i64)> {
    let mut read = connection.prepare_cached(
        "SELECT id, room_id, sender, text FROM messages WHERE deleted = 0 AND id < ?1 ORDER BY id DESC",
    )?;
    let mut rows = read.query([end])?;
    let (mut messages, mut bytes) = (Vec::new(), 0);
    while let Some(row) = rows.next()? {
        let message: Unindexed = (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
        bytes += message.3.len();
        let id = message.0;
        messages.push(message);
        if messages.len() == INDEX_MESSAGES_MAX || bytes >= INDEX_BYTES_MAX {
            return Ok((messages, id));
        }
    }
    Ok((messages, 0))
}

impl Entry<'_> {
    fn terms(&self, connection: &Connection) -> rusqlite::Result<String> {
        // The kind of a room never changes.
        let mut kind = connection.prepare_cached("SELECT kind FROM rooms WHERE id = ?1")?;
        let kind = Kind::from_number(kind.query_row([self.room_id], |row| row.get(0))?);
        Ok(of_message(self.room_id, kind == Kind::Public, self.sender, self.text))
    }
}

/// Whoever searches.
#[derive(Clone, Debug, Default)]
pub(crate) struct Asker {
    /// None: somebody without a session, who may read what is public.
    pub(crate) person: Option<i64>,
    pub(crate) viewer: Viewer,
}

/// The messages that are searched for and may be read, the newest first. The caller limits the connection's time; when that is up, the
/// search gives what it has found so far.
pub(super) fn find(connection: &Connection, search: &Search, asker: &Asker) -> Result<Hits, ReadError> {
    let rows = rows(connection, search, asker)?;
    let conditions = conditions(connection, search, asker)?;
    let mut finder = Finder { connection, search, asker, hits: Hits::default(), bytes: 0 };
    match finder.walk(&conditions, rows) {
        Err(error) if is_interrupted(&error) && finder.hits.messages.is_empty() => Err(ReadError::TooSlow),
        Err(error) if is_interrupted(&error) => {
            finder.hits.more = true;
            Ok(finder.hits)
        }
        Err(error) => Err(StoreError::from(error).into()),
        Ok(()) => Ok(finder.hits),
    }
}

fn is_interrupted(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::OperationInterrupted)
}

/// The range of rows that fit the cursor and the times.
fn rows(connection: &Connection, search: &Search, asker: &Asker) -> Result<Range<i64>, ReadError> {
    let end = match &search.cursor {
        Some(cursor) => row_of(connection, cursor, asker)?.ok_or(ReadError::BadCursor)?,
        None => i64::MAX,
    };
    let last: i64 = connection
        .query_row("SELECT coalesce(max(id), 0) FROM messages", [], |row| row.get(0))
        .map_err(StoreError::from)?;
    let mut time = connection
        .prepare_cached("SELECT sent_ms FROM messages WHERE id >= ?1 ORDER BY id LIMIT 1")
        .map_err(StoreError::from)?;
    // Rows are in the order of time, as far as the clock has never been set back.
    let mut first = |ms: u64| {
        first_from(1..last + 1, |row| {
            let sent: Option<i64> = time.query_row([row], |row| row.get(0)).optional()?;
            Ok(sent.is_some_and(|sent| sent < integer(ms)))
        })
        .map_err(StoreError::from)
    };
    let from = search.after.map(&mut first).transpose()?.unwrap_or(0);
    let to = search.before.map(&mut first).transpose()?.unwrap_or(i64::MAX);
    Ok(from..to.min(end).min(last + 1))
}

/// The row of the cursor's message, if it may be read.
fn row_of(connection: &Connection, cursor: &Cursor, asker: &Asker) -> Result<Option<i64>, ReadError> {
    let Some(room) = find_room(connection, &cursor.room, asker.person)? else { return Ok(None) };
    let mut find = connection
        .prepare_cached("SELECT id FROM messages WHERE room_id = ?1 AND seq = ?2")
        .map_err(StoreError::from)?;
    let row = find.query_row((room.id, integer(cursor.seq)), |row| row.get(0)).optional();
    Ok(row.map_err(StoreError::from)?)
}

/// The search as a query of FTS5. Which rooms the asker may read is part of it: if messages of other rooms became candidates first and were
/// left out later, the time that a search takes would tell of them.
fn conditions(connection: &Connection, search: &Search, asker: &Asker) -> Result<String, ReadError> {
    let mut conditions = search.query.conditions();
    if let Some(name) = &search.from {
        conditions.push(exactly(&sender_term(name)));
    }
    conditions.push(match &search.room {
        Some(key) => {
            let room = find_room(connection, key, asker.person)?.ok_or(ReadError::NoSuchRoom)?;
            exactly(&room_term(room.id))
        }
        None => may_read(connection, asker.person).map_err(StoreError::from)?,
    });
    Ok(conditions.join(" AND "))
}

/// The part of the query that says what may be read: what is public, and what is in this person's own rooms.
fn may_read(connection: &Connection, person: Option<i64>) -> rusqlite::Result<String> {
    let mut terms = exactly(&public_term());
    let mut rooms = connection.prepare_cached(
        "SELECT o.room_id FROM memberships o JOIN rooms r ON r.id = o.room_id WHERE o.person = ?1 AND r.kind != 0
         ORDER BY (SELECT id FROM messages WHERE room_id = o.room_id ORDER BY seq DESC LIMIT 1) DESC LIMIT ?2",
    )?;
    let mut rooms = rooms.query((person.unwrap_or(0), PRIVATE_ROOMS_SEARCHED_MAX as i64))?;
    while let Some(room) = rooms.next()? {
        terms.push_str(" OR ");
        terms.push_str(&exactly(&room_term(room.get(0)?)));
    }
    Ok(format!("({terms})"))
}

/// The statement that gives candidates, the newest first. ?1 and ?3: rows, from and before; ?2: a person; ?4: the query of FTS5.
fn candidates() -> String {
    format!(
        "SELECT m.id, m.text, m.sender, r.key, m.room_id, m.seq, m.sent_ms
         FROM search s CROSS JOIN messages m ON m.id = s.rowid CROSS JOIN rooms r ON r.id = m.room_id
         WHERE m.deleted = 0 AND s.rowid >= ?1 AND s.rowid < ?3 AND {} AND s.search MATCH ?4 ORDER BY s.rowid DESC",
        conversations::MAY_READ
    )
}

/// A search that is under way.
struct Finder<'a> {
    connection: &'a Connection,
    search: &'a Search,
    asker: &'a Asker,
    hits: Hits,
    bytes: usize,
}

impl Finder<'_> {
    /// Goes through the rows piece by piece: the clock is looked at only when the index has found something, or a piece is done.
    fn walk(&mut self, conditions: &str, rows: Range<i64>) -> rusqlite::Result<()> {
        let person = self.asker.person.unwrap_or(0);
        let mut statement = self.connection.prepare_cached(&candidates())?;
        let (mut end, mut count) = (rows.end, SEARCH_ROWS);
        while end > rows.start {
            let start = (end - count).max(rows.start);
            let mut candidates = statement.query((start, person, end, conditions))?;
            while let Some(candidate) = candidates.next()? {
                if !self.take(candidate)? {
                    self.hits.more = true;
                    return Ok(());
                }
            }
            end = start;
            count = (2 * count).min(SEARCH_ROWS_MAX);
        }
        Ok(())
    }

    /// Takes a candidate if it is a hit. False: there is no room for it any more.
    fn take(&mut self, candidate: &Row<'_>) -> rusqlite::Result<bool> {
        let Search { query, from, after, before, limit, .. } = self.search;
        let sent = unsigned(candidate.get(6)?);
        let sender: String = candidate.get(2)?;
        let is_meant = after.is_none_or(|after| sent >= after)
            && before.is_none_or(|before| sent < before)
            && from.as_ref().is_none_or(|from| sender_term(from) == sender_term(&sender));
        let text: String = candidate.get(1)?;
        let text = markdown::plain(&text);
        let Some(found) = query.find(&text).filter(|_| is_meant) else { return Ok(true) };
        if self.hits.messages.len() == *limit {
            return Ok(false);
        }
        let room: String = candidate.get(3)?;
        let frame = history::hit(
            self.connection,
            candidate.get(0)?,
            &room,
            &self.asker.viewer,
            &context(&text, &found),
        )?;
        self.bytes += frame.len() + 1;
        if self.bytes > PAGE_BYTES_MAX && !self.hits.messages.is_empty() {
            return Ok(false);
        }
        self.hits.messages.push(frame);
        self.hits.cursor = Some(Cursor { seq: unsigned(candidate.get(5)?), room });
        Ok(true)
    }
}
