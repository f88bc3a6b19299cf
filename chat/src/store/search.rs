//! The index by which messages are found, and the search itself.
//!
//! The index has no text, only which terms are in which message (`crate::search` says what terms are), and is written in the same
//! transactions as the messages. Its entries are in the order of the messages' rows, so that the newest are found first, and a search
//! ends when it has as many as were asked for.
//!
//! Messages that were there before the index was are put into it by the hub, some at a time ([`Writer::index_more`]): a start that waited for
//! all of them would be taken for a failed one.

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

/// Part of the schema, before terms told what is public.
pub(super) const FIRST_TABLE: &str = "CREATE VIRTUAL TABLE search USING fts5 (terms, content = '', columnsize = 0, detail = 'none', tokenize = 'ascii');";

/// Part of the schema. `below`: messages of smaller rows are not in the index yet. It is without `secure-delete`, which looks for each term of
/// what is deleted by itself: for a long message that takes the hub as long as hundreds of others.
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

/// As part of the open transaction, as what follows.
pub(super) fn add(connection: &Connection, entry: Entry<'_>) -> rusqlite::Result<()> {
    let mut insert = connection.prepare_cached("INSERT INTO search (rowid, terms) VALUES (?1, ?2)")?;
    insert.execute((entry.row, entry.terms(connection)?)).map(drop)
}

/// Instead of an entry, which is word for word what was added, there is another one for the same message, or none. A message that is not in
/// the index yet will be put into it as it is then.
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
    /// Puts some more messages into the index that were there before it was, the newest first, in a transaction of its own; none may be
    /// open. False: there are no more.
    pub(crate) fn index_more(&mut self) -> Result<bool, StoreError> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let end = not_indexed_below(&transaction)?;
        if end == 0 {
            return Ok(false);
        }
        let (messages, below) = next_to_index(&transaction, end)?;
        // Ascending: whatever is not makes the index write what it has in memory.
        for (row, room_id, sender, text) in messages.iter().rev() {
            add(&transaction, Entry { row: *row, room_id: *room_id, sender, text })?;
        }
        transaction.execute("UPDATE not_indexed SET below = ?1", [below])?;
        transaction.commit()?;
        Ok(below > 0)
    }
}

type Unindexed = (i64, i64, String, String);

/// The messages of the greatest rows below `end`, descending, and below which row there are more; 0: nowhere.
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
        // Rooms never become of another kind.
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

/// The rows that can be meant: those before the cursor, and of the right time; there are none at the end or after it.
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

/// Of a message that may be read.
fn row_of(connection: &Connection, cursor: &Cursor, asker: &Asker) -> Result<Option<i64>, ReadError> {
    let Some(room) = find_room(connection, &cursor.room, asker.person)? else { return Ok(None) };
    let mut find = connection
        .prepare_cached("SELECT id FROM messages WHERE room_id = ?1 AND seq = ?2")
        .map_err(StoreError::from)?;
    let row = find.query_row((room.id, integer(cursor.seq)), |row| row.get(0)).optional();
    Ok(row.map_err(StoreError::from)?)
}

/// In the language of the index. Whoever asks is part of it: what others write where they may not read makes no candidates, so that how long
/// a search takes does not tell of it.
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

/// What is public, and what is of this person's own rooms.
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

/// Messages that may be meant, the newest first. ?1 and ?3: rows, from and before; ?2: a person; ?4: what they must have, in the
/// language of the index.
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
    /// Some rows after the other, for the clock is looked at between what the index finds, and it may look for long.
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
