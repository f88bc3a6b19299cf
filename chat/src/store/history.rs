//! Reads of messages, by either connection. Every read is one walk along the index on (room, seq).

use rusqlite::{Connection, Row};

use super::{StoreError, integer, unsigned};
use crate::protocol::event::{self, Message, Page};

/// A room as far as reading its messages needs it.
#[derive(Clone, Debug)]
pub(crate) struct RoomRef {
    pub(crate) id: i64,
    pub(crate) key: std::sync::Arc<str>,
}

/// The last messages before `before`: at most `messages_max`, and so many that their JSON stays within `bytes_max`.
/// Those that `viewer` (a client key) sent carry their `id`.
pub(crate) fn page(
    connection: &Connection,
    room: &RoomRef,
    before: u64,
    messages_max: usize,
    bytes_max: usize,
    viewer: &str,
) -> Result<Page, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT seq, sent_ms, sender, text, client, client_id FROM messages
         WHERE room_id = ?1 AND seq < ?2 ORDER BY seq DESC LIMIT ?3",
    )?;
    // One more than asked for tells whether there is more.
    let mut rows = statement.query((room.id, integer(before), messages_max as i64 + 1))?;
    let mut page = Page::default();
    let mut bytes = 0;
    while let Some(row) = rows.next()? {
        let frame = frame(row, &room.key, viewer)?;
        bytes += frame.len() + 1;
        if page.messages.len() == messages_max || bytes > bytes_max {
            page.more = true;
            break;
        }
        page.messages.push(frame);
    }
    page.messages.reverse();
    Ok(page)
}

/// Every message after `after` up to `last`, ascending, or None if they are more than `messages_max` or their JSON
/// is longer than `bytes_max`.
pub(crate) fn missed(
    connection: &Connection,
    room: &RoomRef,
    (after, last): (u64, u64),
    messages_max: usize,
    bytes_max: usize,
    viewer: &str,
) -> Result<Option<Vec<String>>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT seq, sent_ms, sender, text, client, client_id FROM messages
         WHERE room_id = ?1 AND seq > ?2 AND seq <= ?3 ORDER BY seq LIMIT ?4",
    )?;
    let mut rows = statement.query((room.id, integer(after), integer(last), messages_max as i64 + 1))?;
    let mut messages = Vec::new();
    let mut bytes = 0;
    while let Some(row) = rows.next()? {
        let frame = frame(row, &room.key, viewer)?;
        bytes += frame.len() + 1;
        if messages.len() == messages_max || bytes > bytes_max {
            return Ok(None);
        }
        messages.push(frame);
    }
    Ok(Some(messages))
}

/// The message's frame, straight from the row.
fn frame(row: &Row<'_>, room: &str, viewer: &str) -> rusqlite::Result<String> {
    let client: Option<String> = row.get(4)?;
    let id: Option<String> = if client.as_deref() == Some(viewer) { row.get(5)? } else { None };
    Ok(event::message(room, &message(row)?, id.as_deref()))
}

/// The first four columns: seq, sent_ms, sender, text.
pub(super) fn message(row: &Row<'_>) -> rusqlite::Result<Message> {
    Ok(Message {
        seq: unsigned(row.get(0)?),
        ts: unsigned(row.get(1)?),
        from: row.get(2)?,
        text: row.get(3)?,
    })
}
