//! Invitations, by which guests come in where guests may not. As of sessions, there is only the hash of each token here.

use rusqlite::{Connection, OptionalExtension as _};

use super::writer::Writer;
use super::{StoreError, integer, unsigned};
use crate::account::TokenHash;
use crate::protocol::moderation::Invitation;

/// Part of the schema. Numbers are never given out again: the record of what administrators have done has them.
pub(super) const TABLE: &str = "CREATE TABLE invitations (
         id INTEGER PRIMARY KEY AUTOINCREMENT,
         token BLOB NOT NULL UNIQUE CHECK (length(token) = 32),
         actor INTEGER NOT NULL,
         created_ms INTEGER NOT NULL,
         until_ms INTEGER NOT NULL,
         uses INTEGER NOT NULL CHECK (uses >= 0)
     ) STRICT;";

/// An invitation that is to be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NewInvitation<'a> {
    pub(crate) token: &'a TokenHash,
    /// Who makes it.
    pub(crate) actor: i64,
    pub(crate) now_ms: u64,
    pub(crate) until_ms: u64,
    /// So many guests may come by it.
    pub(crate) uses: u64,
}

impl Writer {
    /// Its number. As part of the open transaction; those that hold no more are forgotten by it.
    pub(crate) fn add_invitation(&mut self, new: NewInvitation<'_>) -> Result<i64, StoreError> {
        let NewInvitation { token, actor, now_ms, until_ms, uses } = new;
        self.put_in_order("DELETE FROM invitations WHERE until_ms <= ?1 OR uses = 0", [integer(now_ms)])?;
        self.put_in_order(
            "INSERT INTO invitations (token, actor, created_ms, until_ms, uses) VALUES (?1, ?2, ?3, ?4, ?5)",
            (token.as_bytes(), actor, integer(now_ms), integer(until_ms), integer(uses)),
        )?;
        Ok(self.connection().last_insert_rowid())
    }

    /// Those that hold, the latest first.
    pub(crate) fn invitations(&self, now_ms: u64) -> Result<Vec<Invitation>, StoreError> {
        let mut find = self.connection().prepare_cached(
            "SELECT i.id, coalesce(p.name, ''), i.until_ms, i.uses FROM invitations i
             LEFT JOIN people p ON p.id = i.actor
             WHERE i.until_ms > ?1 AND i.uses > 0 ORDER BY i.id DESC",
        )?;
        let rows = find.query_map([integer(now_ms)], |row| {
            let (until_ms, uses) = (unsigned(row.get(2)?), unsigned(row.get(3)?));
            Ok(Invitation { number: row.get(0)?, by: row.get(1)?, until_ms, uses })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Does the invitation of this token hold? `is_counted`: for one more.
    pub(crate) fn is_invited(
        &self,
        token: &TokenHash,
        is_counted: bool,
        now_ms: u64,
    ) -> Result<bool, StoreError> {
        let mut find = self
            .connection()
            .prepare_cached("SELECT 1 FROM invitations WHERE token = ?1 AND until_ms > ?2 AND uses >= ?3")?;
        let wanted = (token.as_bytes(), integer(now_ms), i64::from(is_counted));
        Ok(find.query_row(wanted, |_| Ok(())).optional()?.is_some())
    }

    /// As part of the open transaction.
    pub(crate) fn end_invitation(&mut self, number: i64) -> Result<(), StoreError> {
        self.put_in_order("DELETE FROM invitations WHERE id = ?1", [number])
    }
}

/// Takes one use of an invitation; false: it does not hold.
pub(super) fn spend(connection: &Connection, token: &TokenHash, now_ms: u64) -> rusqlite::Result<bool> {
    let spent = connection.execute(
        "UPDATE invitations SET uses = uses - 1 WHERE token = ?1 AND until_ms > ?2 AND uses > 0",
        (token.as_bytes(), integer(now_ms)),
    )?;
    Ok(spent == 1)
}
