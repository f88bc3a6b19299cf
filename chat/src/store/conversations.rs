//! Conversations: who is a member of which, how far they have read it, who was mentioned where, and how rooms are called and kept.

use rusqlite::{Connection, OptionalExtension as _, Row};

use super::writer::Writer;
use super::{StoreError, integer, unsigned};
use crate::limits::{MENTIONABLE_MAX, MENTIONS_COUNTED_MAX, NAMESAKES_MAX};
use crate::protocol::conversation::Someone;

/// Part of the schema. `rooms.kind` is a [`Kind`](crate::protocol::conversation::Kind), or [`NUMBER_ALONE`](super::forgetting::NUMBER_ALONE); `creator` is a person. In
/// `memberships.muted` 1 is a muted room, 2 more a direct one that is not listed before its next message, and 4 more a private one that
/// somebody was invited into and has not looked at. In `mentions`
/// person 0 is everybody.
pub(super) const TABLES: &str = "ALTER TABLE rooms ADD COLUMN kind INTEGER NOT NULL DEFAULT 0;
     ALTER TABLE rooms ADD COLUMN topic TEXT NOT NULL DEFAULT '';
     ALTER TABLE rooms ADD COLUMN archived INTEGER NOT NULL DEFAULT 0;
     ALTER TABLE rooms ADD COLUMN creator INTEGER;
     CREATE TABLE memberships (
         person INTEGER NOT NULL, room_id INTEGER NOT NULL REFERENCES rooms (id),
         read_seq INTEGER NOT NULL DEFAULT 0, muted INTEGER NOT NULL DEFAULT 0, since_ms INTEGER NOT NULL,
         PRIMARY KEY (person, room_id)) STRICT, WITHOUT ROWID;
     CREATE INDEX memberships_by_room ON memberships (room_id);
     CREATE TABLE mentions (
         person INTEGER NOT NULL, room_id INTEGER NOT NULL, seq INTEGER NOT NULL,
         PRIMARY KEY (person, room_id, seq)) STRICT, WITHOUT ROWID;";

/// Part of the schema: indexes for the mentions of one message, and for people by name.
pub(super) const INDEXES: &str = "CREATE INDEX mentions_by_message ON mentions (room_id, seq);
     CREATE INDEX people_by_name ON people (name);";

/// Part of the schema: the names of people who have been forgotten, but still are in a conversation.
pub(super) const GONE: &str = "CREATE TABLE gone (person INTEGER PRIMARY KEY, name TEXT NOT NULL) STRICT;
     INSERT INTO gone (person, name)
         SELECT m.person, (SELECT sender FROM messages
             WHERE room_id = m.room_id AND person = m.person ORDER BY seq DESC LIMIT 1) AS called
         FROM memberships m WHERE m.person NOT IN (SELECT id FROM people) AND called IS NOT NULL
         ON CONFLICT DO NOTHING;";

const MUTED: i64 = 1;
const HIDDEN: i64 = 2;
const UNOPENED: i64 = 4;

/// What the database knows of a member of a room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Membership {
    /// The last message that they have read.
    pub(crate) read: u64,
    pub(crate) is_muted: bool,
    /// It is not listed before its next message.
    pub(crate) is_hidden: bool,
    /// Somebody else has put them into it, and they have not looked at it.
    pub(crate) is_unopened: bool,
}

impl Membership {
    pub(super) fn flags(self) -> i64 {
        let flag = |is_set, flag| if is_set { flag } else { 0 };
        flag(self.is_muted, MUTED) | flag(self.is_hidden, HIDDEN) | flag(self.is_unopened, UNOPENED)
    }

    /// From the columns `read_seq` and `muted`, which are the first ones.
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        let flags: i64 = row.get(1)?;
        let (is_muted, is_hidden) = (flags & MUTED != 0, flags & HIDDEN != 0);
        Ok(Self { read: unsigned(row.get(0)?), is_muted, is_hidden, is_unopened: flags & UNOPENED != 0 })
    }
}

/// A condition of SQL: may this person read the room? A client without a session is person 0, who is nobody.
pub(super) const MAY_READ: &str =
    "(r.kind = 0 OR EXISTS (SELECT 1 FROM memberships WHERE person = ?2 AND room_id = r.id))";

/// How somebody belongs to a room.
pub(super) fn membership(
    connection: &Connection,
    person: i64,
    room_id: i64,
) -> Result<Option<Membership>, StoreError> {
    let mut find = connection
        .prepare_cached("SELECT read_seq, muted FROM memberships WHERE person = ?1 AND room_id = ?2")?;
    Ok(find.query_row((person, room_id), Membership::from_row).optional()?)
}

/// See [`Writer::members`].
pub(super) fn members(
    connection: &Connection,
    room_id: i64,
    max: usize,
) -> Result<Vec<(Someone, Option<u64>)>, StoreError> {
    let mut find = connection.prepare_cached(
        "SELECT m.person, coalesce(p.name, g.name, '?'), p.seen_ms
         FROM memberships m LEFT JOIN people p ON p.id = m.person LEFT JOIN gone g ON g.person = m.person
         WHERE m.room_id = ?1 ORDER BY m.person LIMIT ?2",
    )?;
    let rows = find.query_map((room_id, max as i64), |row| {
        let seen: Option<i64> = row.get(2)?;
        Ok((Someone { id: row.get(0)?, name: row.get(1)? }, seen.map(unsigned)))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// See [`Writer::reads`].
pub(super) fn reads(connection: &Connection, room_id: i64) -> Result<Vec<(i64, u64)>, StoreError> {
    let mut find = connection
        .prepare_cached("SELECT person, read_seq FROM memberships WHERE room_id = ?1 ORDER BY person")?;
    let rows = find.query_map([room_id], |row| Ok((row.get(0)?, unsigned(row.get(1)?))))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// See [`Writer::count_mentions`].
pub(super) fn count_mentions(
    connection: &Connection,
    person: i64,
    room_id: i64,
    (after, last): (u64, u64),
) -> Result<u64, StoreError> {
    if after >= last {
        return Ok(0);
    }
    let mut count = connection.prepare_cached(
        "SELECT count(*) FROM (
             SELECT seq FROM mentions WHERE person = 0 AND room_id = ?2 AND seq > ?3 AND seq <= ?4
             UNION SELECT seq FROM mentions WHERE person = ?1 AND room_id = ?2 AND seq > ?3 AND seq <= ?4
             LIMIT ?5)",
    )?;
    let bound = (person, room_id, integer(after), integer(last), MENTIONS_COUNTED_MAX as i64);
    Ok(count.query_row(bound, |row| row.get(0)).map(unsigned)?)
}

/// Makes somebody a member of a room, or changes what is known of a member.
pub(super) fn put(
    connection: &Connection,
    (person, room_id): (i64, i64),
    membership: Membership,
    now_ms: u64,
) -> rusqlite::Result<()> {
    let mut put = connection.prepare_cached(
        "INSERT INTO memberships (person, room_id, read_seq, muted, since_ms) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (person, room_id) DO UPDATE SET read_seq = excluded.read_seq, muted = excluded.muted",
    )?;
    put.execute((person, room_id, integer(membership.read), membership.flags(), integer(now_ms)))?;
    Ok(())
}

/// Replaces the mentions of a message.
pub(super) fn mention(
    connection: &Connection,
    room_id: i64,
    seq: i64,
    people: &[i64],
) -> rusqlite::Result<()> {
    let mut put = connection
        .prepare_cached("INSERT OR IGNORE INTO mentions (person, room_id, seq) VALUES (?1, ?2, ?3)")?;
    for person in people {
        put.execute((person, room_id, seq))?;
    }
    Ok(())
}

/// Removes the mentions of a message.
pub(super) fn unmention(connection: &Connection, room_id: i64, seq: i64) -> rusqlite::Result<()> {
    let mut remove = connection.prepare_cached("DELETE FROM mentions WHERE room_id = ?1 AND seq = ?2")?;
    remove.execute((room_id, seq)).map(drop)
}

impl Writer {
    /// All rooms that somebody is a member of.
    pub(crate) fn memberships(&self, person: i64) -> Result<Vec<(i64, Membership)>, StoreError> {
        let mut find = self
            .connection()
            .prepare_cached("SELECT read_seq, muted, room_id FROM memberships WHERE person = ?1")?;
        let rows = find.query_map([person], |row| Ok((row.get(2)?, Membership::from_row(row)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    pub(crate) fn membership(&self, person: i64, room_id: i64) -> Result<Option<Membership>, StoreError> {
        membership(self.connection(), person, room_id)
    }

    /// The members of a room, the first `max` of them by number, and when each was seen last, where that is known.
    pub(crate) fn members(
        &self,
        room_id: i64,
        max: usize,
    ) -> Result<Vec<(Someone, Option<u64>)>, StoreError> {
        members(self.connection(), room_id, max)
    }

    /// The members of a room who are called exactly so.
    pub(crate) fn members_named(&self, room_id: i64, name: &str) -> Result<Vec<i64>, StoreError> {
        let mut find = self.connection().prepare_cached(
            "SELECT p.id FROM people p JOIN memberships m ON m.person = p.id AND m.room_id = ?1
             WHERE p.name = ?2 LIMIT ?3",
        )?;
        let rows = find.query_map((room_id, name, NAMESAKES_MAX as i64), |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// How far each member of a room has read it.
    pub(crate) fn reads(&self, room_id: i64) -> Result<Vec<(i64, u64)>, StoreError> {
        reads(self.connection(), room_id)
    }

    /// How many members a room has. It counts no further than [`MENTIONABLE_MAX`] and one.
    pub(crate) fn count_members(&self, room_id: i64) -> Result<usize, StoreError> {
        let query = format!(
            "SELECT count(*) FROM (SELECT 1 FROM memberships WHERE room_id = ?1 LIMIT {})",
            MENTIONABLE_MAX + 1
        );
        self.count_up(&query, room_id)
    }

    /// How many private rooms somebody is a member of.
    pub(crate) fn count_private_rooms(&self, person: i64) -> Result<usize, StoreError> {
        let query = "SELECT count(*) FROM memberships m JOIN rooms r ON r.id = m.room_id
                     WHERE m.person = ?1 AND r.kind = 1";
        self.count_up(query, person)
    }

    /// How many rooms others have put somebody into that they have not looked at.
    pub(crate) fn count_unopened(&self, person: i64) -> Result<usize, StoreError> {
        self.count_up("SELECT count(*) FROM memberships WHERE person = ?1 AND muted & 4", person)
    }

    fn count_up(&self, query: &str, number: i64) -> Result<usize, StoreError> {
        let count = self.connection().prepare_cached(query)?.query_row([number], |row| row.get(0))?;
        Ok(usize::try_from(unsigned(count)).unwrap_or(usize::MAX))
    }

    /// As part of the open transaction, like all writes below.
    pub(crate) fn put_membership(
        &mut self,
        person: i64,
        room_id: i64,
        membership: Membership,
        now_ms: u64,
    ) -> Result<(), StoreError> {
        self.in_the_transaction(|connection| put(connection, (person, room_id), membership, now_ms))
    }

    pub(crate) fn end_membership(&mut self, person: i64, room_id: i64) -> Result<(), StoreError> {
        self.in_the_transaction(|connection| {
            let mut end =
                connection.prepare_cached("DELETE FROM memberships WHERE person = ?1 AND room_id = ?2")?;
            end.execute((person, room_id)).map(drop)
        })
    }

    /// Lists a direct conversation again, for all of its people. True: it was hidden for somebody.
    pub(crate) fn unhide(&mut self, room_id: i64) -> Result<bool, StoreError> {
        let mut was_hidden = false;
        self.in_the_transaction(|connection| {
            let mut show = connection.prepare_cached(
                "UPDATE memberships SET muted = muted & 1 WHERE room_id = ?1 AND muted > 1",
            )?;
            was_hidden = show.execute([room_id])? > 0;
            Ok(())
        })?;
        Ok(was_hidden)
    }

    /// Changes a room's title, topic, and whether it is archived.
    pub(crate) fn change_room(
        &mut self,
        room_id: i64,
        title: &str,
        topic: &str,
        is_archived: bool,
    ) -> Result<(), StoreError> {
        self.in_the_transaction(|connection| {
            let mut update = connection
                .prepare_cached("UPDATE rooms SET title = ?2, topic = ?3, archived = ?4 WHERE id = ?1")?;
            update.execute((room_id, title, topic, is_archived)).map(drop)
        })
    }

    /// How many messages of a room after `after`, up to `last`, mention somebody, or everybody; no more than
    /// [`MENTIONS_COUNTED_MAX`].
    pub(crate) fn count_mentions(
        &self,
        person: i64,
        room_id: i64,
        span: (u64, u64),
    ) -> Result<u64, StoreError> {
        count_mentions(self.connection(), person, room_id, span)
    }

    fn in_the_transaction(
        &mut self,
        change: impl FnOnce(&Connection) -> rusqlite::Result<()>,
    ) -> Result<(), StoreError> {
        if !self.begin_if_sound()? {
            return Err(StoreError::Aborted);
        }
        let changed = change(self.connection());
        if changed.is_err() {
            self.fail();
        }
        Ok(changed?)
    }
}
