//! The names of the people who are or were here, by what they look like.
//!
//! A name may be taken by whoever writes it exactly so: one person has several devices, and only accounts prove
//! who somebody is. Another name that looks the same may not. Names that looked alike before there was a register are both in it, and both may stay.

use rusqlite::{Connection, OptionalExtension as _};

use super::{integer, unsigned};
use crate::limits::{NAME_KEPT_MS, NAME_NOTED_EVERY_MS, NAMES_MAX};
use crate::lookalike;

/// When the names of accounts were here last.
const FOR_EVER: i64 = i64::MAX;

/// Part of the schema.
pub(super) const TABLE: &str = "CREATE TABLE lookalikes (
         key TEXT NOT NULL,
         name TEXT NOT NULL,
         seen_ms INTEGER NOT NULL,
         PRIMARY KEY (key, name)
     ) STRICT, WITHOUT ROWID;
     CREATE INDEX lookalikes_by_name ON lookalikes (name, seen_ms);
     CREATE INDEX lookalikes_by_age ON lookalikes (seen_ms);";

/// The name, not `name` itself, that `name` looks like; `except` counts for nothing.
pub(super) fn find_original(
    connection: &Connection,
    name: &str,
    except: Option<&str>,
    now_ms: u64,
) -> rusqlite::Result<Option<String>> {
    let since = integer(now_ms.saturating_sub(NAME_KEPT_MS));
    let mut known =
        connection.prepare_cached("SELECT 1 FROM lookalikes WHERE name = ?1 AND seen_ms > ?2 LIMIT 1")?;
    if known.exists((name, since))? {
        return Ok(None);
    }
    let mut find = connection.prepare_cached(
        "SELECT name FROM lookalikes WHERE key = ?1 AND seen_ms > ?2 AND name IS NOT ?3 LIMIT 1",
    )?;
    for key in lookalike::keys(name) {
        if let Some(original) = find.query_row((&key, since, except), |row| row.get(0)).optional()? {
            return Ok(Some(original));
        }
    }
    Ok(None)
}

/// Is there anything new in it that `name` came?
pub(super) fn is_worth_noting(connection: &Connection, name: &str, now_ms: u64) -> rusqlite::Result<bool> {
    let since = integer(now_ms.saturating_sub(NAME_NOTED_EVERY_MS));
    let mut known =
        connection.prepare_cached("SELECT 1 FROM lookalikes WHERE name = ?1 AND seen_ms > ?2 LIMIT 1")?;
    Ok(!known.exists((name, since))?)
}

pub(super) fn note(connection: &Connection, name: &str, now_ms: u64) -> rusqlite::Result<()> {
    let mut put = connection.prepare_cached(
        "INSERT INTO lookalikes (key, name, seen_ms) VALUES (?1, ?2, ?3)
         ON CONFLICT (key, name) DO UPDATE SET seen_ms = max(seen_ms, excluded.seen_ms)",
    )?;
    for key in lookalike::keys(name) {
        put.execute((key, name, integer(now_ms)))?;
    }
    Ok(())
}

/// The name of an account, not `name` itself, that `name` looks like.
pub(super) fn find_claimed(connection: &Connection, name: &str) -> rusqlite::Result<Option<String>> {
    let mut find = connection.prepare_cached(
        "SELECT name FROM lookalikes WHERE key = ?1 AND seen_ms = ?2 AND name <> ?3 LIMIT 1",
    )?;
    for key in lookalike::keys(name) {
        if let Some(original) = find.query_row((&key, FOR_EVER, name), |row| row.get(0)).optional()? {
            return Ok(Some(original));
        }
    }
    Ok(None)
}

/// The name of an account is not forgotten.
pub(super) fn keep(connection: &Connection, name: &str) -> rusqlite::Result<()> {
    note(connection, name, unsigned(FOR_EVER))
}

/// It is no account's any more.
pub(super) fn release(connection: &Connection, name: &str, now_ms: u64) -> rusqlite::Result<()> {
    let mut update = connection.prepare_cached("UPDATE lookalikes SET seen_ms = ?1 WHERE name = ?2")?;
    update.execute((integer(now_ms), name)).map(drop)
}

/// Forgets who has not been here for long, and of too many the oldest. To be done now and then.
pub(super) fn prune(connection: &Connection, now_ms: u64) -> rusqlite::Result<()> {
    let since = integer(now_ms.saturating_sub(NAME_KEPT_MS));
    connection.execute("DELETE FROM lookalikes WHERE seen_ms <= ?1", [since])?;
    let count = unsigned(connection.query_row("SELECT count(*) FROM lookalikes", [], |row| row.get(0))?);
    let excess = count.saturating_sub(NAMES_MAX as u64);
    if excess > 0 {
        connection.execute(
            "DELETE FROM lookalikes WHERE (key, name) IN
             (SELECT key, name FROM lookalikes ORDER BY seen_ms LIMIT ?1)",
            [integer(excess)],
        )?;
    }
    Ok(())
}

/// Whoever wrote a message before there was a register.
pub(super) fn fill(connection: &Connection) -> rusqlite::Result<()> {
    let mut senders = connection
        .prepare("SELECT sender, max(sent_ms) FROM messages GROUP BY sender ORDER BY 2 DESC LIMIT ?1")?;
    let mut rows = senders.query([integer(NAMES_MAX as u64 / 2)])?;
    while let Some(row) = rows.next()? {
        note(connection, &row.get::<_, String>(0)?, unsigned(row.get(1)?))?;
    }
    Ok(())
}
