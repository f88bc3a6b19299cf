//! Who people are: guests and accounts, and the sessions by which their browsers are known. A session's token is not here, only
//! its hash: whoever reads the database, or a copy of it, cannot come in as somebody.

use rusqlite::{Connection, OptionalExtension as _, Row, TransactionBehavior};

use super::writer::Writer;
use super::{StoreError, integer, invitations, register, unsigned};
use crate::account::{Identity, Login, Profile, Role, Stay, TokenHash};
use crate::limits::{
    ACCOUNTS_MAX, GUESTS_MAX, NAME_KEPT_MS, SESSION_NOTED_EVERY_MS, SESSION_UNUSED_MS_MAX,
    SESSIONS_PER_PERSON_MAX,
};

/// Part of the schema. Numbers are never given out again: connections remember them for longer than the rows are there.
pub(super) const TABLES: &str = "CREATE TABLE people (
         id INTEGER PRIMARY KEY AUTOINCREMENT,
         name TEXT NOT NULL,
         password TEXT,
         role TEXT NOT NULL CHECK (role IN ('admin', 'member', 'guest')),
         created_ms INTEGER NOT NULL,
         seen_ms INTEGER NOT NULL,
         muted_until_ms INTEGER NOT NULL DEFAULT 0,
         banned INTEGER NOT NULL DEFAULT 0 CHECK (banned IN (0, 1)),
         CHECK ((password IS NULL) = (role = 'guest'))
     ) STRICT;
     CREATE UNIQUE INDEX accounts ON people (name) WHERE password IS NOT NULL;
     CREATE INDEX guests ON people (seen_ms) WHERE password IS NULL;
     CREATE TABLE sessions (
         id INTEGER PRIMARY KEY AUTOINCREMENT,
         token BLOB NOT NULL UNIQUE CHECK (length(token) = 32),
         person INTEGER NOT NULL REFERENCES people (id) ON DELETE CASCADE,
         created_ms INTEGER NOT NULL,
         used_ms INTEGER NOT NULL,
         agent TEXT NOT NULL
     ) STRICT;
     CREATE INDEX sessions_by_person ON sessions (person, used_ms);
     CREATE INDEX sessions_by_age ON sessions (used_ms);";

/// So many people come before those who are long gone are forgotten.
const COMINGS_MAX: usize = 500;

/// A session that is to be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NewSession<'a> {
    pub(crate) token: &'a TokenHash,
    /// What the browser calls itself.
    pub(crate) agent: &'a str,
    pub(crate) now_ms: u64,
}

/// What stands in the way of somebody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Obstacle {
    /// The name is somebody else's account.
    Claimed,
    /// It is not as it was when it was looked at.
    Changed,
    /// There are as many as there may be.
    Full,
    /// The invitation does not hold.
    Uninvited,
}

/// The session of this token, if it has been used lately enough.
pub(super) fn find_login(
    connection: &Connection,
    token: &TokenHash,
    now_ms: u64,
) -> rusqlite::Result<Option<Login>> {
    let since = integer(now_ms.saturating_sub(SESSION_UNUSED_MS_MAX));
    let mut find =
        connection.prepare_cached("SELECT id, person FROM sessions WHERE token = ?1 AND used_ms > ?2")?;
    find.query_row((token.as_bytes(), since), |row| Ok(Login { session: row.get(0)?, person: row.get(1)? }))
        .optional()
}

/// Whoever has it.
pub(super) fn find_profile(
    connection: &Connection,
    token: &TokenHash,
    now_ms: u64,
) -> rusqlite::Result<Option<(Login, Profile)>> {
    let Some(login) = find_login(connection, token, now_ms)? else { return Ok(None) };
    let mut find = connection.prepare_cached("SELECT name, role FROM people WHERE id = ?1")?;
    let profile = find.query_row([login.person], |row| {
        let role: String = row.get(1)?;
        Ok(Profile { id: login.person, name: row.get(0)?, role: Role::from_name(&role) })
    });
    Ok(profile.optional()?.map(|profile| (login, profile)))
}

/// Whoever has it, and all sessions of theirs, the one that was used last first.
pub(super) fn find_sessions(
    connection: &Connection,
    token: &TokenHash,
    now_ms: u64,
) -> rusqlite::Result<Option<(Login, Vec<Stay>)>> {
    let Some(login) = find_login(connection, token, now_ms)? else { return Ok(None) };
    let since = integer(now_ms.saturating_sub(SESSION_UNUSED_MS_MAX));
    let mut find = connection.prepare_cached(
        "SELECT id, agent, created_ms, used_ms FROM sessions WHERE person = ?1 AND used_ms > ?2
         ORDER BY used_ms DESC, id DESC LIMIT ?3",
    )?;
    let rows = find.query_map((login.person, since, SESSIONS_PER_PERSON_MAX as i64), |row| {
        let (created_ms, used_ms) = (unsigned(row.get(2)?), unsigned(row.get(3)?));
        Ok(Stay { number: row.get(0)?, agent: row.get(1)?, created_ms, used_ms })
    })?;
    Ok(Some((login, rows.collect::<Result<_, _>>()?)))
}

fn rename(connection: &Connection, identity: &Identity, name: &str, now_ms: u64) -> rusqlite::Result<()> {
    connection.execute("UPDATE people SET name = ?1 WHERE id = ?2", (name, identity.id))?;
    if identity.password.is_some() {
        register::release(connection, &identity.name, now_ms)?;
        register::keep(connection, name)?;
    }
    Ok(())
}

impl Writer {
    pub(crate) fn find_login(&self, token: &TokenHash, now_ms: u64) -> Result<Option<Login>, StoreError> {
        Ok(find_login(self.connection(), token, now_ms)?)
    }

    /// Is the session that a connection was opened with still there? Then it is in use.
    pub(crate) fn use_login(&mut self, login: Login, now_ms: u64) -> Result<bool, StoreError> {
        let mut find =
            self.connection().prepare_cached("SELECT used_ms FROM sessions WHERE id = ?1 AND person = ?2")?;
        let used = find.query_row((login.session, login.person), |row| row.get(0)).optional()?.map(unsigned);
        drop(find);
        let Some(used) = used else { return Ok(false) };
        if used + SESSION_NOTED_EVERY_MS <= now_ms && self.begin_if_sound()? {
            let (connection, now) = (self.connection(), integer(now_ms));
            connection.execute("UPDATE sessions SET used_ms = ?1 WHERE id = ?2", (now, login.session))?;
            connection.execute("UPDATE people SET seen_ms = ?1 WHERE id = ?2", (now, login.person))?;
        }
        Ok(true)
    }

    /// Somebody was here until now; as part of the open transaction.
    pub(crate) fn note_seen(&mut self, person: i64, now_ms: u64) -> Result<(), StoreError> {
        if self.begin_if_sound()? {
            let mut note =
                self.connection().prepare_cached("UPDATE people SET seen_ms = ?1 WHERE id = ?2")?;
            note.execute((integer(now_ms), person))?;
        }
        Ok(())
    }

    /// When somebody was here last, as far as it was noted.
    pub(crate) fn seen_ms(&self, person: i64) -> Result<Option<u64>, StoreError> {
        let mut find = self.connection().prepare_cached("SELECT seen_ms FROM people WHERE id = ?1")?;
        Ok(find.query_row([person], |row| row.get(0)).optional()?.map(unsigned))
    }

    pub(crate) fn identity(&self, person: i64) -> Result<Option<Identity>, StoreError> {
        let mut find = self.connection().prepare_cached(
            "SELECT id, name, role, muted_until_ms, banned, password FROM people WHERE id = ?1",
        )?;
        Ok(find.query_row([person], identity).optional()?)
    }

    /// Whose account this name is. A name that looks the same is the same one.
    pub(crate) fn find_account(&self, name: &str) -> Result<Option<Identity>, StoreError> {
        let find = |name: &str| -> rusqlite::Result<Option<Identity>> {
            let mut find = self.connection().prepare_cached(
                "SELECT id, name, role, muted_until_ms, banned, password FROM people
                 WHERE name = ?1 AND password IS NOT NULL",
            )?;
            find.query_row([name], identity).optional()
        };
        if let Some(account) = find(name)? {
            return Ok(Some(account));
        }
        match register::find_claimed(self.connection(), name)? {
            Some(original) => Ok(find(&original)?),
            None => Ok(None),
        }
    }

    /// A new guest with a session. `invitation`: one use of it is spent.
    pub(crate) fn add_guest(
        &mut self,
        name: &str,
        session: NewSession<'_>,
        invitation: Option<&TokenHash>,
    ) -> Result<Result<Identity, Obstacle>, StoreError> {
        self.forget_the_gone(session.now_ms)?;
        let transaction = self.connection_mut().transaction_with_behavior(TransactionBehavior::Immediate)?;
        if let Some(invitation) = invitation
            && !invitations::spend(&transaction, invitation, session.now_ms)?
        {
            return Ok(Err(Obstacle::Uninvited));
        }
        transaction.execute(
            "INSERT INTO people (name, role, created_ms, seen_ms) VALUES (?1, 'guest', ?2, ?2)",
            (name, integer(session.now_ms)),
        )?;
        let person = transaction.last_insert_rowid();
        open_session(&transaction, person, session)?;
        transaction.commit()?;
        Ok(self.identity(person)?.ok_or(Obstacle::Changed))
    }

    /// A session for somebody whose password was verified against `password`.
    pub(crate) fn sign_in(
        &mut self,
        person: i64,
        password: &str,
        session: NewSession<'_>,
    ) -> Result<Result<Identity, Obstacle>, StoreError> {
        self.forget_the_gone(session.now_ms)?;
        let Some(identity) = self.identity(person)? else { return Ok(Err(Obstacle::Changed)) };
        if identity.password.as_deref() != Some(password) {
            return Ok(Err(Obstacle::Changed));
        }
        let transaction = self.connection_mut().transaction_with_behavior(TransactionBehavior::Immediate)?;
        open_session(&transaction, person, session)?;
        transaction.commit()?;
        Ok(Ok(identity))
    }

    /// Gives a guest an account, or an account another password. The session goes on under another token, and the person's
    /// other sessions end. The first account is the administrator's.
    pub(crate) fn set_password(
        &mut self,
        login: Login,
        (before, password): (Option<&str>, &str),
        token: &TokenHash,
        now_ms: u64,
    ) -> Result<Result<Identity, Obstacle>, StoreError> {
        let Some(identity) = self.identity(login.person)? else { return Ok(Err(Obstacle::Changed)) };
        if identity.password.as_deref() != before {
            return Ok(Err(Obstacle::Changed));
        }
        if identity.password.is_none() {
            if self.find_account(&identity.name)?.is_some() {
                return Ok(Err(Obstacle::Claimed));
            }
            if self.count("SELECT count(*) FROM people WHERE password IS NOT NULL")? >= ACCOUNTS_MAX as u64 {
                return Ok(Err(Obstacle::Full));
            }
        }
        let transaction = self.connection_mut().transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute(
            "UPDATE people SET password = ?1, role = CASE
                 WHEN role <> 'guest' THEN role
                 WHEN EXISTS (SELECT 1 FROM people WHERE password IS NOT NULL) THEN 'member'
                 ELSE 'admin' END
             WHERE id = ?2",
            (password, login.person),
        )?;
        transaction.execute(
            "UPDATE sessions SET token = ?1, used_ms = ?2 WHERE id = ?3",
            (token.as_bytes(), integer(now_ms), login.session),
        )?;
        transaction
            .execute("DELETE FROM sessions WHERE person = ?1 AND id <> ?2", (login.person, login.session))?;
        register::keep(&transaction, &identity.name)?;
        transaction.commit()?;
        Ok(self.identity(login.person)?.ok_or(Obstacle::Changed))
    }

    /// As part of the open transaction. The name has been looked at.
    pub(crate) fn rename(&mut self, identity: &Identity, name: &str, now_ms: u64) -> Result<(), StoreError> {
        if !self.begin_if_sound()? {
            return Err(StoreError::Aborted);
        }
        let renamed = rename(self.connection(), identity, name, now_ms);
        if renamed.is_err() {
            self.fail();
        }
        Ok(renamed?)
    }

    /// Has this person a session of this number? Then it ends.
    pub(crate) fn end_session_of(&mut self, person: i64, session: i64) -> Result<bool, StoreError> {
        let ended = self
            .connection()
            .execute("DELETE FROM sessions WHERE id = ?1 AND person = ?2", (session, person))?;
        Ok(ended == 1)
    }

    /// Ends one session.
    pub(crate) fn end_session(&mut self, session: i64) -> Result<(), StoreError> {
        self.connection().execute("DELETE FROM sessions WHERE id = ?1", [session])?;
        Ok(())
    }

    /// Ends all sessions of somebody.
    pub(crate) fn end_sessions(&mut self, person: i64) -> Result<(), StoreError> {
        self.connection().execute("DELETE FROM sessions WHERE person = ?1", [person])?;
        Ok(())
    }

    fn count(&self, query: &str) -> rusqlite::Result<u64> {
        self.connection().query_row(query, [], |row| row.get(0)).map(unsigned)
    }

    /// Now and then: sessions that nobody has used for long, and guests whom nobody can come back as. No transaction may be
    /// open.
    fn forget_the_gone(&mut self, now_ms: u64) -> Result<(), StoreError> {
        if !self.is_time_to_forget(COMINGS_MAX) {
            return Ok(());
        }
        let since = integer(now_ms.saturating_sub(SESSION_UNUSED_MS_MAX));
        let transaction = self.connection_mut().transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute("DELETE FROM sessions WHERE used_ms <= ?1", [since])?;
        let mut gone = delete(
            &transaction,
            "DELETE FROM people WHERE password IS NULL AND banned = 0 AND muted_until_ms <= ?1
             AND NOT EXISTS (SELECT 1 FROM sessions WHERE person = people.id) RETURNING id, name",
            integer(now_ms),
        )?;
        // Of too many the oldest; their sessions go with them.
        gone.extend(delete(
            &transaction,
            "DELETE FROM people WHERE id IN (SELECT id FROM people WHERE password IS NULL
             ORDER BY seen_ms DESC LIMIT -1 OFFSET ?1) RETURNING id, name",
            GUESTS_MAX as i64,
        )?);
        // In direct conversations they stay who they were to the others. One by one: all memberships are many more.
        for (person, name) in gone {
            let mut end = transaction.prepare_cached(
                "DELETE FROM memberships WHERE person = ?1 AND (SELECT kind FROM rooms WHERE id = room_id) <> 2",
            )?;
            end.execute([person])?;
            let mut keep = transaction.prepare_cached(
                "INSERT INTO gone (person, name)
                 SELECT ?1, ?2 WHERE EXISTS (SELECT 1 FROM memberships WHERE person = ?1)",
            )?;
            keep.execute((person, name))?;
        }
        Ok(transaction.commit()?)
    }
}

/// The numbers and names of those that a statement deletes.
fn delete(connection: &Connection, statement: &str, value: i64) -> rusqlite::Result<Vec<(i64, String)>> {
    connection.prepare(statement)?.query_map([value], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
}

fn open_session(
    connection: &Connection,
    person: i64,
    NewSession { token, agent, now_ms }: NewSession<'_>,
) -> rusqlite::Result<()> {
    connection.execute(
        "INSERT INTO sessions (token, person, created_ms, used_ms, agent) VALUES (?1, ?2, ?3, ?3, ?4)",
        (token.as_bytes(), person, integer(now_ms), agent),
    )?;
    connection.execute("UPDATE people SET seen_ms = ?1 WHERE id = ?2", (integer(now_ms), person))?;
    connection.execute(
        "DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE person = ?1
         ORDER BY used_ms DESC, id DESC LIMIT -1 OFFSET ?2)",
        (person, SESSIONS_PER_PERSON_MAX as i64),
    )?;
    Ok(())
}

/// What [`identity`] reads.
pub(super) const IDENTITY: &str = "id, name, role, muted_until_ms, banned, password";

pub(super) fn identity(row: &Row<'_>) -> rusqlite::Result<Identity> {
    let role: String = row.get(2)?;
    Ok(Identity {
        id: row.get(0)?,
        name: row.get(1)?,
        role: Role::from_name(&role),
        muted_until_ms: unsigned(row.get(3)?),
        is_banned: row.get(4)?,
        password: row.get(5)?,
    })
}

const _: () =
    assert!(SESSION_UNUSED_MS_MAX <= NAME_KEPT_MS, "a name is kept as long as somebody can come back as it");
