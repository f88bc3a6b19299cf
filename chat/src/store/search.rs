//! The index by which messages are found, and the search itself.
//!
//! The index has no text, only which terms are in which message (`crate::search` says what terms are), and is written in the same
//! transactions as the messages. Its entries are in the order of the messages' rows, so that the newest are found first, and a search
//! ends when it has as many as were asked for.

use std::ops::Range;

use rusqlite::types::Value;
use rusqlite::{Connection, ErrorCode, OptionalExtension as _, Row, params_from_iter};

use super::history::{self, Viewer, first_from};
use super::reader::{ReadError, find_room};
use super::{StoreError, conversations, integer, unsigned};
use crate::limits::PAGE_BYTES_MAX;
use crate::markdown;
use crate::protocol::event::Hits;
use crate::protocol::request::{Cursor, Search};
use crate::search::{context, of_message, room_term, sender_term};

/// Part of the schema. What is deleted is gone from the index, too: without `secure-delete` it would stay until it is merged.
pub(super) const TABLE: &str =
    "CREATE VIRTUAL TABLE search USING fts5 (terms, content = '', columnsize = 0, detail = 'none', tokenize = 'ascii');
     INSERT INTO search (search, rank) VALUES ('secure-delete', 1);";

/// A message as the index knows it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry<'a> {
    pub(super) row: i64,
    pub(super) room_id: i64,
    pub(super) sender: &'a str,
    pub(super) text: &'a str,
}

/// As part of the open transaction, as what follows.
pub(super) fn add(connection: &Connection, entry: Entry<'_>) -> rusqlite::Result<()> {
    let mut insert = connection.prepare_cached("INSERT INTO search (rowid, terms) VALUES (?1, ?2)")?;
    insert.execute((entry.row, entry.terms())).map(drop)
}

/// `entry` is word for word what was added.
pub(super) fn remove(connection: &Connection, entry: Entry<'_>) -> rusqlite::Result<()> {
    let mut delete =
        connection.prepare_cached("INSERT INTO search (search, rowid, terms) VALUES ('delete', ?1, ?2)")?;
    delete.execute((entry.row, entry.terms())).map(drop)
}

/// Adds all messages that there are: a part of the migration that makes the index. It holds one of them at a time, and SQLite some
/// megabytes.
pub(super) fn fill(connection: &Connection) -> rusqlite::Result<()> {
    let mut read =
        connection.prepare("SELECT id, room_id, sender, text FROM messages WHERE deleted = 0 ORDER BY id")?;
    let mut rows = read.query([])?;
    while let Some(row) = rows.next()? {
        let (sender, text): (String, String) = (row.get(2)?, row.get(3)?);
        add(connection, Entry { row: row.get(0)?, room_id: row.get(1)?, sender: &sender, text: &text })?;
    }
    Ok(())
}

impl Entry<'_> {
    fn terms(&self) -> String {
        of_message(self.room_id, self.sender, self.text)
    }
}

/// Whoever searches.
#[derive(Clone, Debug, Default)]
pub(crate) struct Asker {
    /// None: somebody without a session, who may read what is public.
    pub(crate) person: Option<i64>,
    pub(crate) viewer: Viewer,
}

/// What may be read of what is searched for, the newest first. It is interrupted by whoever has set a limit to the connection's time,
/// and then gives what it has found.
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

/// The rows that can be meant: those before the cursor, and of the right time.
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
    Ok(from..to.min(end))
}

/// Of a message that may be read.
fn row_of(connection: &Connection, cursor: &Cursor, asker: &Asker) -> Result<Option<i64>, ReadError> {
    let Some(room) = find_room(connection, &cursor.room, asker.person)? else { return Ok(None) };
    let mut find = connection
        .prepare_cached("SELECT id FROM messages WHERE room_id = ?1 AND seq = ?2")
        .map_err(StoreError::from)?;
    let row = find.query_row((room.id, integer(cursor.seq)), |row| row.get(0)).optional();
    Ok(row.map_err(StoreError::from)?)
}

/// In the language of the index; empty: there is nothing that it could tell.
fn conditions(connection: &Connection, search: &Search, asker: &Asker) -> Result<String, ReadError> {
    let mut conditions = search.query.conditions();
    if let Some(key) = &search.room {
        let room = find_room(connection, key, asker.person)?.ok_or(ReadError::NoSuchRoom)?;
        conditions.push(format!("\"{}\"", room_term(room.id)));
    }
    if let Some(name) = &search.from {
        conditions.push(format!("\"{}\"", sender_term(name)));
    }
    Ok(conditions.join(" AND "))
}

/// Messages that may be meant, the newest first. ?1 and ?3: rows, from and before; ?2: a person; ?4: what they must have, in the
/// language of the index.
fn candidates(is_indexed: bool) -> String {
    let (source, row, more) = match is_indexed {
        true => ("search s CROSS JOIN messages m ON m.id = s.rowid", "s.rowid", "AND s.search MATCH ?4"),
        false => ("messages m", "m.id", ""),
    };
    format!(
        "SELECT m.id, m.text, m.sender, r.key, m.room_id, m.seq, m.sent_ms FROM {source}
         CROSS JOIN rooms r ON r.id = m.room_id
         WHERE m.deleted = 0 AND {row} >= ?1 AND {row} < ?3 AND {} {more} ORDER BY {row} DESC",
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
    fn walk(&mut self, conditions: &str, rows: Range<i64>) -> rusqlite::Result<()> {
        let is_indexed = !conditions.is_empty();
        let person = self.asker.person.unwrap_or(0);
        let mut values: Vec<Value> = vec![rows.start.into(), person.into(), rows.end.into()];
        if is_indexed {
            values.push(conditions.to_owned().into());
        }
        let mut statement = self.connection.prepare_cached(&candidates(is_indexed))?;
        let mut candidates = statement.query(params_from_iter(values))?;
        while let Some(candidate) = candidates.next()? {
            if !self.take(candidate)? {
                self.hits.more = true;
                break;
            }
        }
        Ok(())
    }

    /// False: it is one that there is no room for any more.
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
