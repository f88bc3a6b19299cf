//! Rooms and messages on disk: one SQLite database in the data directory.
//!
//! There is one connection that writes, the [`Writer`], owned by the hub, and one in each worker that reads older history
//! ([`reader`]). With a write-ahead log neither waits for the other.

pub(crate) mod arrival;
mod batch;
mod changes;
mod conversations;
mod departures;
mod directory;
mod forgetting;
pub(crate) mod history;
mod invitations;
mod order;
mod people;
mod published;
pub(crate) mod reader;
mod register;
mod schema;
pub(crate) mod search;
mod writer;

use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};

pub(crate) use batch::Stored;
pub(crate) use changes::{NewChange, StoredChange, Target, What};
pub(crate) use conversations::Membership;
pub(crate) use departures::NO_ROOM;
pub(crate) use directory::{DataDirectory, data_path, database_in};
pub(crate) use forgetting::{EmptyRooms, Forgotten};
pub(crate) use history::Viewer;
pub(crate) use invitations::NewInvitation;
pub(crate) use order::Deed;
pub(crate) use people::{NewSession, Obstacle};
pub(crate) use published::{Progress, Published};
pub(crate) use writer::{NewMessage, NewRoom, Recorded, RoomRow, Writer};

/// How long a statement waits for a lock that somebody outside (a backup, the `sqlite3` program) holds.
const BUSY_TIMEOUT_MS: u32 = 5_000;

/// What can go wrong with the data directory and the database in it. Each sentence is whole: none has a source that
/// would have to be printed after it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    #[error("cannot create the data directory {}: {reason}; choose another one with --data", path.display())]
    Create { path: PathBuf, reason: std::io::Error },
    #[error("there is no data directory {}: {reason}; name it with --data", path.display())]
    Missing { path: PathBuf, reason: std::io::Error },
    #[error("cannot write to the data directory {}: {reason}; choose another one with --data", path.display())]
    Lock { path: PathBuf, reason: std::io::Error },
    #[error(
        "{user} cannot write {}: {reason}; give it the data by `chown -R {user} {}`",
        path.display(), directory.display()
    )]
    Foreign { path: PathBuf, reason: std::io::Error, directory: PathBuf, user: String },
    #[error("another switchboard-chat{} uses the data directory {}; stop it, or choose another directory with --data", in_process(owner), path.display())]
    InUse { path: PathBuf, owner: String },
    #[error("cannot open the database {}: {reason}", path.display())]
    Open { path: PathBuf, reason: rusqlite::Error },
    #[error(
        "the database has version {found}, and this program knows versions up to {known}: it was written by a newer one, use that"
    )]
    TooNew { found: i64, known: usize },
    #[error("the database failed: {0}")]
    Sqlite(rusqlite::Error),
    #[error("an earlier request of the same transaction failed")]
    Aborted,
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

fn in_process(owner: &str) -> String {
    if owner.is_empty() { String::new() } else { format!(" (process {owner})") }
}

/// Settings of both connections.
fn configure(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(std::time::Duration::from_millis(BUSY_TIMEOUT_MS.into()))?;
    // Nobody but this program defines the schema; what somebody put into it must not run code.
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(())
}

/// Looks whether this program understands the database, if there is one, without changing anything. So whoever is to
/// take it over from a running process finds out before that one ends.
pub(crate) fn check(path: &Path) -> Result<(), StoreError> {
    if !path.exists() {
        return Ok(());
    }
    let open = |reason| StoreError::Open { path: path.to_owned(), reason };
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(open)?;
    configure(&connection).map_err(open)?;
    match schema::version(&connection) {
        Err(StoreError::Sqlite(reason)) => Err(open(reason)),
        other => other.map(drop),
    }
}

fn open_reader(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    configure(&connection)?;
    Ok(connection)
}

/// SQLite's integers are signed; what does not fit cannot be in the database either.
fn integer(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

#[cfg(test)]
mod tests;
