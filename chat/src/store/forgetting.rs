//! Rooms that nobody can be in any more are removed, with all that was in them, some messages at a time.
//!
//! Numbers of rooms and of messages are remembered beyond their rows: by connections, by the index for searches, by what says how far
//! everything was published. SQLite gives the number after the greatest one, so a row that has the greatest stays until there is another:
//! nothing is left in it, and nobody finds it.

use rusqlite::{Connection, TransactionBehavior};

use super::search::{self, Entry};
use super::writer::Writer;
use super::{StoreError, conversations, integer};
use crate::limits::{FORGOTTEN_MESSAGES_MAX, INDEX_BYTES_MAX, ROOMS_LOOKED_AT_MAX};

/// What a reaction counts for in [`INDEX_BYTES_MAX`]: a message may have thousands.
const REACTION_BYTES: usize = 16;

/// Is the number of the room r the greatest of all rooms, or that of one of its messages the greatest of all messages?
macro_rules! has_greatest {
    () => {
        "(r.id = (SELECT max(id) FROM rooms)
         OR EXISTS (SELECT 1 FROM messages WHERE id = (SELECT max(id) FROM messages) AND room_id = r.id))"
    };
}

/// A private room without members is nobody's: only members invite. A direct conversation is always the same people's, and can be begun
/// again. Of what has been forgotten only the number is left. ?1: made before this moment.
macro_rules! is_empty {
    () => {
        concat!(
            "CASE r.kind WHEN 1 THEN NOT EXISTS (SELECT 1 FROM memberships WHERE room_id = r.id)
             WHEN 2 THEN r.created_ms < ?1 AND NOT EXISTS (SELECT 1 FROM messages WHERE room_id = r.id)
             WHEN 3 THEN NOT ",
            has_greatest!(),
            " ELSE 0 END"
        )
    };
}

/// The `kind` of a room of which only the number is left. Whoever does not know it takes it for one without members.
pub(super) const NUMBER_ALONE: i64 = 3;

/// Some rooms that were looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct EmptyRooms {
    /// The numbers of those among them that are empty.
    pub(crate) rooms: Vec<i64>,
    /// The last one that was looked at; None: there are no more.
    pub(crate) last: Option<i64>,
}

/// What has become of a room that was to be forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Forgotten {
    All,
    /// There are more messages.
    Part,
    /// It is not empty.
    NotNow,
}

impl Writer {
    /// Which of the next rooms after this number that are not public are empty. `before_ms`: direct ones only if they are older.
    pub(crate) fn empty_rooms(&self, after: i64, before_ms: u64) -> Result<EmptyRooms, StoreError> {
        let mut look = self.connection().prepare_cached(concat!(
            "SELECT r.id, ",
            is_empty!(),
            " FROM rooms r WHERE r.kind <> 0 AND r.id > ?2 ORDER BY r.id LIMIT ?3"
        ))?;
        let mut rows = look.query((integer(before_ms), after, ROOMS_LOOKED_AT_MAX as i64))?;
        let (mut empty, mut count) = (EmptyRooms::default(), 0);
        while let Some(row) = rows.next()? {
            count += 1;
            empty.last = Some(row.get(0)?);
            if row.get(1)? {
                empty.rooms.push(row.get(0)?);
            }
        }
        if count < ROOMS_LOOKED_AT_MAX {
            empty.last = None;
        }
        Ok(empty)
    }

    /// Is this room empty, and nothing of it needed any more? See [`empty_rooms`](Self::empty_rooms).
    pub(crate) fn may_forget(&self, room: i64, before_ms: u64) -> Result<bool, StoreError> {
        Ok(may_go(self.connection(), room, before_ms)?)
    }

    /// Removes some of an empty room, in a transaction of its own; none may be open. See [`empty_rooms`](Self::empty_rooms).
    pub(crate) fn forget_room(&mut self, room: i64, before_ms: u64) -> Result<Forgotten, StoreError> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        if !may_go(&transaction, room, before_ms)? {
            return Ok(Forgotten::NotNow);
        }
        let forgotten = forget_messages(&transaction, room)?;
        if forgotten == Forgotten::All {
            forget_names(&transaction, room)?;
            for table in ["mentions", "departures", "memberships"] {
                transaction.execute(&format!("DELETE FROM {table} WHERE room_id = ?1"), [room])?;
            }
            forget_row(&transaction, room)?;
        }
        transaction.commit()?;
        Ok(forgotten)
    }
}

fn may_go(connection: &Connection, room: i64, before_ms: u64) -> rusqlite::Result<bool> {
    let mut look =
        connection.prepare_cached(concat!("SELECT ", is_empty!(), " FROM rooms r WHERE r.id = ?2"))?;
    let mut rows = look.query((integer(before_ms), room))?;
    rows.next()?.map_or(Ok(false), |row| row.get(0))
}

/// Its key is free for others from here on: no key begins with this letter.
fn forget_row(connection: &Connection, room: i64) -> rusqlite::Result<()> {
    let has_greatest = concat!("SELECT ", has_greatest!(), " FROM rooms r WHERE r.id = ?1");
    if connection.prepare_cached(has_greatest)?.query_row([room], |row| row.get(0))? {
        let mut empty = connection.prepare_cached(
            "UPDATE rooms SET key = 'X' || id, title = '', topic = '', creator = NULL, kind = ?2 WHERE id = ?1",
        )?;
        return empty.execute((room, NUMBER_ALONE)).map(drop);
    }
    connection.prepare_cached("DELETE FROM rooms WHERE id = ?1")?.execute([room]).map(drop)
}

/// Of people who have been forgotten, and are in this conversation alone.
fn forget_names(connection: &Connection, room: i64) -> rusqlite::Result<()> {
    let mut forget = connection.prepare_cached(
        "DELETE FROM gone WHERE person IN (SELECT person FROM memberships WHERE room_id = ?1)
         AND NOT EXISTS (SELECT 1 FROM memberships WHERE person = gone.person AND room_id <> ?1)",
    )?;
    forget.execute([room]).map(drop)
}

fn forget_messages(connection: &Connection, room: i64) -> rusqlite::Result<Forgotten> {
    let mut read = connection.prepare_cached(
        "SELECT id, sender, text, deleted, seq, (SELECT count(*) FROM reactions WHERE message = m.id)
         FROM messages m WHERE room_id = ?1 ORDER BY seq",
    )?;
    let (mut rows, mut found, mut bytes) = (read.query([room])?, Vec::new(), 0);
    let mut forgotten = Forgotten::All;
    while let Some(row) = rows.next()? {
        if found.len() == FORGOTTEN_MESSAGES_MAX || bytes >= INDEX_BYTES_MAX {
            forgotten = Forgotten::Part;
            break;
        }
        let message: (i64, String, String, bool, i64) =
            (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?);
        let reactions = usize::try_from(row.get::<_, i64>(5)?).unwrap_or(usize::MAX);
        bytes += message.2.len() + reactions.saturating_mul(REACTION_BYTES);
        found.push(message);
    }
    drop(rows);
    for (row, sender, text, is_deleted, seq) in &found {
        if !is_deleted {
            search::replace(connection, Entry { row: *row, room_id: room, sender, text }, None)?;
        }
        conversations::unmention(connection, room, *seq)?;
        connection.prepare_cached("DELETE FROM reactions WHERE message = ?1")?.execute([row])?;
        connection.prepare_cached("DELETE FROM journal WHERE message = ?1")?.execute([row])?;
        forget_message(connection, *row)?;
    }
    Ok(forgotten)
}

/// What searches by time look for stays in the row that has the greatest number.
fn forget_message(connection: &Connection, row: i64) -> rusqlite::Result<()> {
    let mut delete = connection
        .prepare_cached("DELETE FROM messages WHERE id = ?1 AND id < (SELECT max(id) FROM messages)")?;
    if delete.execute([row])? == 0 {
        let mut empty = connection.prepare_cached(
            "UPDATE messages SET sender = '', text = '', client = NULL, client_id = NULL, person = NULL,
                 deleted = 1, edited_ms = NULL, reactions = NULL, reply_to = NULL
             WHERE id = ?1",
        )?;
        empty.execute([row])?;
    }
    Ok(())
}
