//! Order among people: who may not write, who may not come, whether guests may, and a record of who has decided that.

use rusqlite::OptionalExtension as _;

use super::batch::Stored;
use super::people::{IDENTITY, identity};
use super::writer::Writer;
use super::{StoreError, integer, unsigned};
use crate::account::Identity;
use crate::limits::{AUDIT_MAX, NAMESAKES_MAX};
use crate::ticket::Ticket;

/// Part of the schema. `settings` has one row.
pub(super) const TABLES: &str = "CREATE TABLE audit (
         id INTEGER PRIMARY KEY,
         at_ms INTEGER NOT NULL,
         actor INTEGER NOT NULL,
         act TEXT NOT NULL,
         subject TEXT NOT NULL,
         detail INTEGER NOT NULL
     ) STRICT;
     CREATE TABLE settings (
         id INTEGER PRIMARY KEY CHECK (id = 1),
         guests_allowed INTEGER NOT NULL CHECK (guests_allowed IN (0, 1))
     ) STRICT;
     INSERT INTO settings (id, guests_allowed) VALUES (1, 1);";

/// Something that an administrator has done.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deed<'a> {
    /// Whose number it is.
    pub(crate) actor: i64,
    pub(crate) act: &'static str,
    /// A name; empty: everybody.
    pub(crate) subject: &'a str,
    /// Until when, or whether, or the row of a message, or the number of a person or an invitation.
    pub(crate) detail: u64,
    pub(crate) at_ms: u64,
}

impl Writer {
    /// All who are called so: an account, or guests, here or not.
    pub(crate) fn people_named(&self, name: &str) -> Result<Vec<Identity>, StoreError> {
        let query = format!("SELECT {IDENTITY} FROM people WHERE name = ?1 ORDER BY seen_ms DESC LIMIT ?2");
        let mut find = self.connection().prepare(&query)?;
        let rows = find.query_map((name, NAMESAKES_MAX as i64), identity)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// As part of the open transaction, as what follows.
    pub(crate) fn mute(&mut self, person: i64, until_ms: u64) -> Result<(), StoreError> {
        self.put_in_order("UPDATE people SET muted_until_ms = ?2 WHERE id = ?1", (person, integer(until_ms)))
    }

    /// Who is banned has no sessions.
    pub(crate) fn ban(&mut self, person: i64, is_banned: bool) -> Result<(), StoreError> {
        self.put_in_order("UPDATE people SET banned = ?2 WHERE id = ?1", (person, is_banned))?;
        self.put_in_order("DELETE FROM sessions WHERE person = ?1 AND ?2", (person, is_banned))
    }

    pub(crate) fn allow_guests(&mut self, are_allowed: bool) -> Result<(), StoreError> {
        self.put_in_order("UPDATE settings SET guests_allowed = ?1", [are_allowed])
    }

    pub(crate) fn are_guests_allowed(&self) -> Result<bool, StoreError> {
        let mut find = self.connection().prepare("SELECT guests_allowed FROM settings")?;
        Ok(find.query_row([], |row| row.get(0)).optional()?.unwrap_or(true))
    }

    /// The numbers of all administrators.
    pub(crate) fn administrators(&self) -> Result<Vec<i64>, StoreError> {
        // Only accounts are looked at: there is an index of them.
        let mut find = self
            .connection()
            .prepare_cached("SELECT id FROM people WHERE password IS NOT NULL AND role = 'admin'")?;
        let rows = find.query_map([], |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The row of its record.
    pub(crate) fn record_deed(&mut self, deed: Deed<'_>) -> Result<i64, StoreError> {
        let Deed { actor, act, subject, detail, at_ms } = deed;
        self.put_in_order(
            "INSERT INTO audit (at_ms, actor, act, subject, detail) VALUES (?1, ?2, ?3, ?4, ?5)",
            (integer(at_ms), actor, act, subject, integer(detail)),
        )?;
        let row = self.connection().last_insert_rowid();
        self.put_in_order(
            "DELETE FROM audit WHERE id <= (SELECT max(id) FROM audit) - ?1",
            [AUDIT_MAX as i64],
        )?;
        Ok(row)
    }

    /// Subject and detail of what is recorded there.
    pub(crate) fn deed(&self, row: i64) -> Result<Option<(String, u64)>, StoreError> {
        let mut find = self.connection().prepare_cached("SELECT subject, detail FROM audit WHERE id = ?1")?;
        Ok(find.query_row([row], |row| Ok((row.get(0)?, unsigned(row.get(1)?)))).optional()?)
    }

    /// What a request has done is in the open transaction, and recorded in this row: should it come again, it was carried out.
    pub(crate) fn note_act(&mut self, ticket: Ticket, deed: i64) -> Result<(), StoreError> {
        if !self.begin_if_sound()? {
            return Err(StoreError::Aborted);
        }
        self.batch.add(ticket, Stored::Deed { row: deed });
        Ok(())
    }

    /// Where a part fails nothing is stored: neither a deed without its record, nor half of one.
    pub(super) fn put_in_order(
        &mut self,
        statement: &str,
        values: impl rusqlite::Params,
    ) -> Result<(), StoreError> {
        if !self.begin_if_sound()? {
            return Err(StoreError::Aborted);
        }
        if let Err(error) = self.connection().execute(statement, values) {
            self.fail();
            return Err(error.into());
        }
        Ok(())
    }
}
