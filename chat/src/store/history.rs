//! Reads of messages, by either connection. Every read is one walk along the index on (room, seq), or that on (room, changed).

use std::ops::Range;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension as _, Row, Rows};

use super::{StoreError, changes, integer, unsigned};
use crate::markdown;
use crate::protocol::Message;
use crate::protocol::event::Page;
use crate::protocol::message::Reply;
use crate::protocol::request::PagePosition;

/// A statement that reads messages, each with what it answers.
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT m.seq, m.sent_ms, m.sender, m.text, m.client, m.client_id, m.id, m.changed, m.edited_ms, m.deleted,
                    m.reactions, q.seq, q.sender, q.text, q.deleted, m.room_id, m.person,
                    CASE WHEN instr(m.text, '@') OR instr(m.text, '＠') THEN (SELECT group_concat(person) FROM mentions
                        WHERE room_id = m.room_id AND seq = m.seq) END
             FROM messages m LEFT JOIN messages q ON q.room_id = m.room_id AND q.seq = m.reply_to ",
            $rest
        )
    };
}
pub(super) use select;

/// Who is shown messages.
#[derive(Clone, Debug, Default)]
pub(crate) struct Viewer {
    /// The client key: its own messages carry their ids.
    pub(crate) client: Arc<str>,
    /// Its own reactions are marked. Empty: it has none.
    pub(crate) name: Arc<str>,
}

/// A room as far as reading its messages needs it.
#[derive(Clone, Debug)]
pub(crate) struct RoomRef {
    pub(crate) id: i64,
    pub(crate) key: Arc<str>,
}

/// A piece of the history: at most `messages_max`, and so many that their JSON stays within `bytes_max`. Those that `viewer` sent
/// carry their `id`.
pub(crate) fn page(
    connection: &Connection,
    room: &RoomRef,
    place: PagePosition,
    messages_max: usize,
    bytes_max: usize,
    viewer: &Viewer,
) -> Result<Page, StoreError> {
    let mut piece = Piece { connection, room, viewer, bytes_left: bytes_max };
    let change = last_change(connection, room)?;
    Ok(match place {
        PagePosition::Before(before) => {
            let (messages, more) = piece.before(before, messages_max)?;
            Page { messages, more, change, ..Page::default() }
        }
        PagePosition::After(after) => {
            let (messages, newer) = piece.from(after.saturating_add(1), messages_max)?;
            let more = !is_first(connection, room, after)?;
            Page { messages, more, newer: Some(newer), change, ..Page::default() }
        }
        PagePosition::At(ms) => {
            let seq = first_at(connection, room, ms)?;
            let (mut messages, newer) = piece.from(seq, messages_max - messages_max / 2)?;
            let seq = Some(seq).filter(|_| !messages.is_empty());
            let (mut older, more) = piece.before(seq.unwrap_or(u64::MAX), messages_max - messages.len())?;
            older.append(&mut messages);
            Page { messages: older, more, newer: Some(newer), seq, change }
        }
    })
}

/// A page that is being put together.
struct Piece<'a> {
    connection: &'a Connection,
    room: &'a RoomRef,
    viewer: &'a Viewer,
    bytes_left: usize,
}

impl Piece<'_> {
    /// The last messages before one, ascending, and whether there are more of them.
    fn before(&mut self, before: u64, max: usize) -> Result<(Vec<String>, bool), StoreError> {
        let mut statement = self
            .connection
            .prepare_cached(select!("WHERE m.room_id = ?1 AND m.seq < ?2 ORDER BY m.seq DESC LIMIT ?3"))?;
        // One more than asked for tells whether there is more.
        let rows = statement.query((self.room.id, integer(before), max as i64 + 1))?;
        let (mut messages, more) = self.take(rows, max)?;
        messages.reverse();
        Ok((messages, more))
    }

    /// The first messages from one on, ascending, and whether there are more of them.
    fn from(&mut self, first: u64, max: usize) -> Result<(Vec<String>, bool), StoreError> {
        let mut statement = self
            .connection
            .prepare_cached(select!("WHERE m.room_id = ?1 AND m.seq >= ?2 ORDER BY m.seq LIMIT ?3"))?;
        let rows = statement.query((self.room.id, integer(first), max as i64 + 1))?;
        self.take(rows, max)
    }

    fn take(&mut self, mut rows: Rows<'_>, max: usize) -> Result<(Vec<String>, bool), StoreError> {
        let mut messages = Vec::new();
        while let Some(row) = rows.next()? {
            let frame = frame(self.connection, row, &self.room.key, self.viewer)?;
            if messages.len() == max || frame.len() + 1 > self.bytes_left {
                return Ok((messages, true));
            }
            self.bytes_left -= frame.len() + 1;
            messages.push(frame);
        }
        Ok((messages, false))
    }
}

/// Has the room no message up to this one?
fn is_first(connection: &Connection, room: &RoomRef, seq: u64) -> Result<bool, StoreError> {
    let mut statement =
        connection.prepare_cached("SELECT 1 FROM messages WHERE room_id = ?1 AND seq <= ?2 LIMIT 1")?;
    Ok(!statement.exists((room.id, integer(seq)))?)
}

/// The `seq` of the room's first message of this time or later; if there is none, of the one that will come next. A binary search: of
/// a million messages some twenty are looked at. They are in the order of time unless the clock was set back.
fn first_at(connection: &Connection, room: &RoomRef, ms: u64) -> Result<u64, StoreError> {
    let mut last = connection.prepare_cached("SELECT max(seq) FROM messages WHERE room_id = ?1")?;
    let last: Option<i64> = last.query_row([room.id], |row| row.get(0))?;
    let mut time =
        connection.prepare_cached("SELECT sent_ms FROM messages WHERE room_id = ?1 AND seq = ?2")?;
    let first = first_from(1..last.unwrap_or(0) + 1, |seq| {
        let sent: Option<i64> = time.query_row((room.id, seq), |row| row.get(0)).optional()?;
        Ok(sent.is_some_and(|sent| sent < integer(ms)))
    });
    Ok(unsigned(first?))
}

/// Binary search: the first of some numbers that is not before what is looked for; their end if all are before it.
pub(super) fn first_from(
    numbers: Range<i64>,
    mut is_before: impl FnMut(i64) -> rusqlite::Result<bool>,
) -> rusqlite::Result<i64> {
    let Range { mut start, mut end } = numbers;
    while start < end {
        let middle = start + (end - start) / 2;
        if is_before(middle)? {
            start = middle + 1;
        } else {
            end = middle;
        }
    }
    Ok(start)
}

/// A hit of a search: the message of this row, and what is shown of it.
pub(super) fn hit(
    connection: &Connection,
    row: i64,
    room: &str,
    viewer: &Viewer,
    context: &[String],
) -> rusqlite::Result<String> {
    let mut statement = connection.prepare_cached(select!("WHERE m.id = ?1"))?;
    statement.query_row([row], |row| {
        let (message, id) = message_for(connection, row, viewer)?;
        Ok(message.to_hit_json(room, id.as_deref(), context))
    })
}

/// The number of the room's last change.
fn last_change(connection: &Connection, room: &RoomRef) -> Result<u64, StoreError> {
    let mut statement = connection.prepare_cached("SELECT change FROM rooms WHERE id = ?1")?;
    Ok(statement.query_row([room.id], |row| row.get(0)).optional()?.map_or(0, unsigned))
}

/// Every message after `after` up to `last`, ascending, or None if they are more than `messages_max` or their JSON
/// is longer than `bytes_max`.
pub(crate) fn missed(
    connection: &Connection,
    room: &RoomRef,
    (after, last): (u64, u64),
    messages_max: usize,
    bytes_max: usize,
    viewer: &Viewer,
) -> Result<Option<Vec<String>>, StoreError> {
    let mut statement = connection.prepare_cached(select!(
        "WHERE m.room_id = ?1 AND m.seq > ?2 AND m.seq <= ?3 ORDER BY m.seq LIMIT ?4"
    ))?;
    let mut rows = statement.query((room.id, integer(after), integer(last), messages_max as i64 + 1))?;
    let mut messages = Vec::new();
    let mut bytes = 0;
    while let Some(row) = rows.next()? {
        let frame = frame(connection, row, &room.key, viewer)?;
        bytes += frame.len() + 1;
        if messages.len() == messages_max || bytes > bytes_max {
            return Ok(None);
        }
        messages.push(frame);
    }
    Ok(Some(messages))
}

/// Every message up to `last` that has changed after `after`, in the order of the changes, or None if they are more than
/// `messages_max` or their JSON is longer than `bytes_max`.
pub(crate) fn changed(
    connection: &Connection,
    room: &RoomRef,
    (after, last): (u64, u64),
    messages_max: usize,
    bytes_max: usize,
    viewer: &Viewer,
) -> Result<Option<Vec<String>>, StoreError> {
    let mut statement = connection.prepare_cached(select!(
        "WHERE m.room_id = ?1 AND m.changed > ?2 AND m.seq <= ?3 ORDER BY m.changed LIMIT ?4"
    ))?;
    let mut rows = statement.query((room.id, integer(after), integer(last), messages_max as i64 + 1))?;
    let mut messages = Vec::new();
    let mut bytes = 0;
    while let Some(row) = rows.next()? {
        let (message, id) = message_for(connection, row, viewer)?;
        let frame = message.to_changed_json(&room.key, id.as_deref());
        bytes += frame.len() + 1;
        if messages.len() == messages_max || bytes > bytes_max {
            return Ok(None);
        }
        messages.push(frame);
    }
    Ok(Some(messages))
}

/// The message's frame, straight from the row.
fn frame(connection: &Connection, row: &Row<'_>, room: &str, viewer: &Viewer) -> rusqlite::Result<String> {
    let (message, id) = message_for(connection, row, viewer)?;
    Ok(message.to_json(room, id.as_deref()))
}

/// A message as one client sees it, and the id that it gave to it if it has sent it.
fn message_for(
    connection: &Connection,
    row: &Row<'_>,
    viewer: &Viewer,
) -> rusqlite::Result<(Message, Option<String>)> {
    let mut message = message(row)?;
    let client: Option<String> = row.get(4)?;
    let id = if client.as_deref() == Some(&*viewer.client) { row.get(5)? } else { None };
    if !message.reactions.is_empty() && !viewer.name.is_empty() {
        let mut own = connection
            .prepare_cached("SELECT 1 FROM reactions WHERE message = ?1 AND emoji = ?2 AND name = ?3")?;
        let row: i64 = row.get(6)?;
        for reaction in &mut message.reactions {
            reaction.mine = own.exists((row, &reaction.emoji, &*viewer.name))?;
        }
    }
    Ok((message, id))
}

/// A message as everybody sees it, from the columns of [`select!`].
pub(super) fn message(row: &Row<'_>) -> rusqlite::Result<Message> {
    let reactions: Option<String> = row.get(10)?;
    let mentions: Option<String> = row.get(17)?;
    let reply_to: Option<i64> = row.get(11)?;
    let reply = match reply_to {
        Some(seq) => Some(Reply {
            seq: unsigned(seq),
            from: row.get(12)?,
            quote: markdown::quote(&row.get::<_, String>(13)?),
            deleted: row.get(14)?,
        }),
        None => None,
    };
    Ok(Message {
        seq: unsigned(row.get(0)?),
        ts: unsigned(row.get(1)?),
        from: row.get(2)?,
        person: row.get(16)?,
        text: row.get(3)?,
        change: unsigned(row.get(7)?),
        edited: row.get::<_, Option<i64>>(8)?.map(unsigned),
        deleted: row.get(9)?,
        reply,
        reactions: reactions.map(|summary| changes::read_summary(&summary)).unwrap_or_default(),
        mentions: mentions.map(|people| numbers(&people)).unwrap_or_default(),
    })
}

/// What SQLite's `group_concat` has made of numbers, ascending.
fn numbers(list: &str) -> Vec<i64> {
    let mut numbers: Vec<i64> = list.split(',').filter_map(|number| number.parse().ok()).collect();
    numbers.sort_unstable();
    numbers
}
