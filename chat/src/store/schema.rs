//! The tables, and how a database of an earlier version is brought up to date.

use rusqlite::{Connection, TransactionBehavior};

use super::{StoreError, changes, conversations, departures, invitations, order, people, register, search};

/// Each entry takes the database from its index to the next version; entries are never changed once released, only
/// added. SQLite's `user_version` holds the number of those that have been applied.
pub(super) const MIGRATIONS: &[&str] = &[
    // `seq` counts each room's messages from 1 without holes: that is what `resume` relies on. `client` and
    // `client_id` are the sender's key and its own name for the message; the pair makes a resend idempotent.
    "CREATE TABLE rooms (
         id INTEGER PRIMARY KEY,
         key TEXT NOT NULL UNIQUE,
         title TEXT NOT NULL,
         created_ms INTEGER NOT NULL
     ) STRICT;
     CREATE TABLE messages (
         id INTEGER PRIMARY KEY,
         room_id INTEGER NOT NULL REFERENCES rooms (id),
         seq INTEGER NOT NULL,
         sent_ms INTEGER NOT NULL,
         sender TEXT NOT NULL,
         text TEXT NOT NULL,
         client TEXT,
         client_id TEXT,
         UNIQUE (room_id, seq)
     ) STRICT;
     CREATE UNIQUE INDEX messages_by_client_id ON messages (client, client_id) WHERE client_id IS NOT NULL;
     INSERT INTO rooms (key, title, created_ms) VALUES ('lobby', 'Lobby', unixepoch() * 1000);",
    // One row: what `store/batch.rs` keeps of the last batch.
    "CREATE TABLE last_batch (id INTEGER PRIMARY KEY CHECK (id = 1), stored BLOB NOT NULL) STRICT;
     INSERT INTO last_batch (id, stored) VALUES (1, x'');",
    register::TABLE,
    changes::TABLES,
    people::TABLES,
    departures::TABLE,
    order::TABLES,
    // Whose message it is; NULL: of somebody without a session. Nobody's number is given out again, and the row of a guest who
    // has been forgotten need not be there any more.
    "ALTER TABLE messages ADD COLUMN person INTEGER;",
    conversations::TABLES,
    conversations::INDEXES,
    search::FIRST_TABLE,
    // The hub fills it.
    search::TABLES,
    conversations::GONE,
    invitations::TABLE,
];

/// The version that has a register of names.
const WITH_REGISTER: usize = 3;

/// The number of entries that have been applied.
pub(super) fn version(connection: &Connection) -> Result<usize, StoreError> {
    let version: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    let applied = usize::try_from(version).unwrap_or(usize::MAX);
    if applied > MIGRATIONS.len() {
        return Err(StoreError::TooNew { found: version, known: MIGRATIONS.len() });
    }
    Ok(applied)
}

/// Applies what is missing, all of it or nothing.
pub(super) fn migrate(connection: &mut Connection) -> Result<(), StoreError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let applied = version(&transaction)?;
    for migration in &MIGRATIONS[applied..] {
        transaction.execute_batch(migration)?;
    }
    if applied < WITH_REGISTER {
        register::fill(&transaction)?;
    }
    transaction.pragma_update(None, "user_version", MIGRATIONS.len() as i64)?;
    Ok(transaction.commit()?)
}
