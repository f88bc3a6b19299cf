//! What happens to messages that are there already: they are edited and deleted, and people react to them.
//!
//! Each of these has a number, which its room counts; the message keeps that of the last one. What the clients are told of it is
//! in a journal until it has been published, so that another hub can do that.

use rusqlite::{OptionalExtension as _, Row};

use super::batch::Stored;
use super::history;
use super::search::{self, Entry};
use super::writer::{Transaction, Writer};
use super::{StoreError, conversations, integer, unsigned};
use crate::limits::{BATCH_REQUESTS_MAX, REACTION_NAMES_MAX};
use crate::protocol::Message;
use crate::protocol::message::{Change, Reaction};
use crate::ticket::Ticket;

/// Part of the schema. `messages.reactions` is what is shown of the table `reactions`, see [`read_summary`]: nobody reads that of a
/// thousand people to show a page. Numbers of the journal never come again (AUTOINCREMENT).
pub(super) const TABLES: &str = "ALTER TABLE rooms ADD COLUMN change INTEGER NOT NULL DEFAULT 0;
     ALTER TABLE messages ADD COLUMN changed INTEGER NOT NULL DEFAULT 0;
     ALTER TABLE messages ADD COLUMN edited_ms INTEGER;
     ALTER TABLE messages ADD COLUMN deleted INTEGER NOT NULL DEFAULT 0;
     ALTER TABLE messages ADD COLUMN reactions TEXT;
     ALTER TABLE messages ADD COLUMN reply_to INTEGER;
     CREATE INDEX messages_by_change ON messages (room_id, changed) WHERE changed > 0;
     CREATE TABLE reactions (
         id INTEGER PRIMARY KEY,
         message INTEGER NOT NULL REFERENCES messages (id),
         emoji TEXT NOT NULL,
         name TEXT NOT NULL,
         UNIQUE (message, emoji, name)
     ) STRICT;
     CREATE TABLE journal (
         id INTEGER PRIMARY KEY AUTOINCREMENT,
         message INTEGER NOT NULL REFERENCES messages (id),
         change INTEGER NOT NULL,
         conn INTEGER NOT NULL,
         request_id TEXT,
         emoji TEXT,
         name TEXT,
         is_on INTEGER,
         people INTEGER,
         names TEXT
     ) STRICT;";

/// A message that something is to happen to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) row: i64,
    pub(crate) message: Message,
    /// The client key of its sender; None: it is of a time when those were not kept.
    pub(crate) client: Option<String>,
}

/// What is to happen to it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum What<'a> {
    /// `mentions`: whom the text mentions.
    Edit {
        text: &'a str,
        mentions: &'a [i64],
        now_ms: u64,
    },
    Delete,
    React {
        emoji: &'a str,
        name: &'a str,
        on: bool,
    },
}

/// Something that happens to a message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NewChange<'a> {
    /// Of the request.
    pub(crate) ticket: Ticket,
    pub(crate) conn: u64,
    pub(crate) request_id: Option<&'a str>,
    pub(crate) room_id: i64,
    /// Its number in the room.
    pub(crate) change: u64,
    pub(crate) what: What<'a>,
}

/// A change that is stored, or about to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StoredChange {
    /// In the journal.
    pub(crate) row: i64,
    pub(crate) room_id: i64,
    pub(crate) conn: u64,
    pub(crate) request_id: Option<String>,
    pub(crate) number: u64,
    pub(crate) change: Change,
}

impl Writer {
    /// A message of a room, those of the open transaction included.
    pub(crate) fn target(&self, room_id: i64, seq: u64) -> Result<Option<Target>, StoreError> {
        let mut statement =
            self.connection.prepare_cached(history::select!("WHERE m.room_id = ?1 AND m.seq = ?2"))?;
        let target = statement.query_row((room_id, integer(seq)), |row| {
            Ok(Target { row: row.get(6)?, message: history::message(row)?, client: row.get(4)? })
        });
        Ok(target.optional()?)
    }

    /// Has somebody put this emoji under it?
    pub(crate) fn has_reacted(&self, target: &Target, emoji: &str, name: &str) -> Result<bool, StoreError> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT 1 FROM reactions WHERE message = ?1 AND emoji = ?2 AND name = ?3")?;
        Ok(statement.exists((target.row, emoji, name))?)
    }

    /// Makes it part of the open transaction, or begins one. After an error nothing of the transaction will be committed.
    pub(crate) fn change(
        &mut self,
        target: &Target,
        new: &NewChange<'_>,
    ) -> Result<StoredChange, StoreError> {
        if self.transaction == Transaction::Failed {
            return Err(StoreError::Aborted);
        }
        let changed = self.try_change(target, new);
        if changed.is_err() {
            self.transaction = Transaction::Failed;
        }
        changed
    }

    fn try_change(&mut self, target: &Target, new: &NewChange<'_>) -> Result<StoredChange, StoreError> {
        self.begin()?;
        let number = integer(new.change);
        self.index_anew(target, new)?;
        self.connection
            .prepare_cached("UPDATE rooms SET change = ?2 WHERE id = ?1")?
            .execute((new.room_id, number))?;
        self.connection
            .prepare_cached("UPDATE messages SET changed = ?2 WHERE id = ?1")?
            .execute((target.row, number))?;
        match new.what {
            What::Edit { text, mentions, now_ms } => {
                let (room, seq) = (new.room_id, integer(target.message.seq));
                conversations::unmention(&self.connection, room, seq)?;
                conversations::mention(&self.connection, room, seq, mentions)?;
                self.connection
                    .prepare_cached("UPDATE messages SET text = ?2, edited_ms = ?3 WHERE id = ?1")?
                    .execute((target.row, text, integer(now_ms)))?;
            }
            What::Delete => {
                conversations::unmention(&self.connection, new.room_id, integer(target.message.seq))?;
                self.erase(target.row)?;
            }
            What::React { emoji, name, on } => self.react(target.row, emoji, name, on)?,
        }
        let change = self.outcome(target, new.what)?;
        let row = self.note_in_journal(target, new, &change)?;
        self.batch.add(new.ticket, Stored::Change { row });
        Ok(StoredChange {
            row,
            room_id: new.room_id,
            conn: new.conn,
            request_id: new.request_id.map(str::to_owned),
            number: new.change,
            change,
        })
    }

    /// From here on searches find the message by its new text.
    fn index_anew(&self, target: &Target, new: &NewChange<'_>) -> Result<(), StoreError> {
        let Message { from, text, deleted, .. } = &target.message;
        let entry = Entry { row: target.row, room_id: new.room_id, sender: from, text };
        if matches!(new.what, What::React { .. }) || *deleted {
            return Ok(());
        }
        let now = match new.what {
            What::Edit { text, .. } => Some(Entry { text, ..entry }),
            _ => None,
        };
        Ok(search::replace(&self.connection, entry, now)?)
    }

    /// Nothing of what was in a message stays.
    fn erase(&self, row: i64) -> Result<(), StoreError> {
        self.connection.prepare_cached("DELETE FROM reactions WHERE message = ?1")?.execute([row])?;
        let mut update = self.connection.prepare_cached(
            "UPDATE messages SET text = '', deleted = 1, edited_ms = NULL, reactions = NULL, reply_to = NULL
             WHERE id = ?1",
        )?;
        update.execute([row])?;
        Ok(())
    }

    fn react(&self, row: i64, emoji: &str, name: &str, on: bool) -> Result<(), StoreError> {
        let statement = if on {
            "INSERT INTO reactions (message, emoji, name) VALUES (?1, ?2, ?3)"
        } else {
            "DELETE FROM reactions WHERE message = ?1 AND emoji = ?2 AND name = ?3"
        };
        self.connection.prepare_cached(statement)?.execute((row, emoji, name))?;
        let summary: Option<String> = self
            .connection
            .prepare_cached("SELECT reactions FROM messages WHERE id = ?1")?
            .query_row([row], |row| row.get(0))?;
        let mut summary = summary.map(|summary| read_summary(&summary)).unwrap_or_default();
        let at = summary.iter().position(|reaction| reaction.emoji == emoji).unwrap_or(summary.len());
        if at == summary.len() {
            summary.push(Reaction { emoji: emoji.to_owned(), count: 0, from: Vec::new(), mine: false });
        }
        let reaction = &mut summary[at];
        if on {
            reaction.count += 1;
            if reaction.from.len() < REACTION_NAMES_MAX {
                reaction.from.push(name.to_owned());
            }
        } else {
            reaction.count = reaction.count.saturating_sub(1);
            reaction.from = self.first_names(row, emoji)?;
        }
        if summary[at].count == 0 {
            summary.remove(at);
        }
        self.connection
            .prepare_cached("UPDATE messages SET reactions = ?2 WHERE id = ?1")?
            .execute((row, write_summary(&summary)))?;
        Ok(())
    }

    fn first_names(&self, row: i64, emoji: &str) -> Result<Vec<String>, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT name FROM reactions WHERE message = ?1 AND emoji = ?2 ORDER BY id LIMIT ?3",
        )?;
        let names = statement.query_map((row, emoji, REACTION_NAMES_MAX as i64), |row| row.get(0))?;
        Ok(names.collect::<Result<_, _>>()?)
    }

    /// What everybody is told of it.
    fn outcome(&self, target: &Target, what: What<'_>) -> Result<Change, StoreError> {
        let mut statement = self.connection.prepare_cached(history::select!("WHERE m.id = ?1"))?;
        let now = statement.query_row([target.row], history::message)?;
        let What::React { emoji, name, on } = what else { return Ok(Change::Message(now)) };
        let reaction = now.reactions.into_iter().find(|reaction| reaction.emoji == emoji);
        let (count, first) = reaction.map(|reaction| (reaction.count, reaction.from)).unwrap_or_default();
        // Somebody who was not among the first is, now that one of those has gone.
        let names = (!on && first.len() == REACTION_NAMES_MAX).then_some(first);
        Ok(Change::Reaction {
            seq: now.seq,
            emoji: emoji.to_owned(),
            from: name.to_owned(),
            on,
            count,
            names,
        })
    }

    fn note_in_journal(
        &self,
        target: &Target,
        new: &NewChange<'_>,
        change: &Change,
    ) -> Result<i64, StoreError> {
        // Far more than can ever wait to be published.
        let kept = 2 * BATCH_REQUESTS_MAX as i64;
        let mut insert = self.connection.prepare_cached(
            "INSERT INTO journal (message, change, conn, request_id, emoji, name, is_on, people, names)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )?;
        let (emoji, name, on, count, names) = match change {
            Change::Message(_) => (None, None, None, None, None),
            Change::Reaction { emoji, from, on, count, names, .. } => {
                let names = names.as_ref().map(|names| names.join("\t"));
                (Some(emoji), Some(from), Some(*on), Some(integer(*count)), names)
            }
        };
        let (number, conn) = (integer(new.change), new.conn.cast_signed());
        insert.execute((target.row, number, conn, new.request_id, emoji, name, on, count, names))?;
        let row = self.connection.last_insert_rowid();
        self.connection.prepare_cached("DELETE FROM journal WHERE id <= ?1")?.execute([row - kept])?;
        Ok(row)
    }

    /// The row of the journal that was written last, even if it is not there any more; 0: there was none.
    pub(crate) fn last_change_row(&self) -> Result<i64, StoreError> {
        let last = self
            .connection
            .query_row("SELECT seq FROM sqlite_sequence WHERE name = 'journal'", [], |row| row.get(0))
            .optional()?;
        Ok(last.unwrap_or(0))
    }

    /// What the journal has after this row, in the order in which it happened. Messages are as they are now.
    pub(crate) fn changes_after(&self, row: i64) -> Result<Vec<StoredChange>, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT j.id, m.room_id, j.conn, j.request_id, j.change, m.seq, j.emoji, j.name, j.is_on, j.people, j.names
             FROM journal j JOIN messages m ON m.id = j.message WHERE j.id > ?1 ORDER BY j.id",
        )?;
        let mut rows = statement.query([row])?;
        let mut changes = Vec::new();
        while let Some(row) = rows.next()? {
            changes.push(self.stored_change(row)?);
        }
        Ok(changes)
    }

    fn stored_change(&self, row: &Row<'_>) -> Result<StoredChange, StoreError> {
        let (room_id, seq) = (row.get(1)?, unsigned(row.get(5)?));
        let change = match row.get::<_, Option<String>>(6)? {
            Some(emoji) => Change::Reaction {
                seq,
                emoji,
                from: row.get(7)?,
                on: row.get(8)?,
                count: unsigned(row.get(9)?),
                names: row
                    .get::<_, Option<String>>(10)?
                    .map(|names| names.split('\t').map(str::to_owned).collect()),
            },
            None => {
                let mut statement = self
                    .connection
                    .prepare_cached(history::select!("WHERE m.room_id = ?1 AND m.seq = ?2"))?;
                Change::Message(statement.query_row((room_id, integer(seq)), history::message)?)
            }
        };
        Ok(StoredChange {
            row: row.get(0)?,
            room_id,
            conn: row.get::<_, i64>(2)?.cast_unsigned(),
            request_id: row.get(3)?,
            number: unsigned(row.get(4)?),
            change,
        })
    }
}

/// One reaction a line: emoji, count, the first names; tabs between them. None of them can have either.
pub(super) fn read_summary(summary: &str) -> Vec<Reaction> {
    let reaction = |line: &str| {
        let mut fields = line.split('\t');
        let (emoji, count) = (fields.next()?.to_owned(), fields.next()?.parse().ok()?);
        Some(Reaction { emoji, count, from: fields.map(str::to_owned).collect(), mine: false })
    };
    summary.lines().filter_map(reaction).collect()
}

fn write_summary(reactions: &[Reaction]) -> Option<String> {
    let line =
        |reaction: &Reaction| format!("{}\t{}\t{}", reaction.emoji, reaction.count, reaction.from.join("\t"));
    (!reactions.is_empty()).then(|| reactions.iter().map(line).collect::<Vec<_>>().join("\n"))
}
