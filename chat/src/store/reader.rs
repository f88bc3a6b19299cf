//! Reads in the workers: who somebody is, older history, and searches. One thread reads and another one searches, so that the worker's
//! other connections do not wait for the disk, nobody who writes waits for somebody who scrolls through years, and nobody who
//! scrolls for somebody who searches. Nothing here has to be in order with what is published: a page ends before a `seq` that its
//! reader has, and the hub looks at a session again.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, SyncSender, TrySendError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rusqlite::{Connection, OptionalExtension as _};
use tokio::sync::oneshot;

use super::arrival::{self, Comer};
use super::history::{self, RoomRef};
use super::search::{self, Asker};
use super::{StoreError, conversations, open_reader, people};
use crate::account::{Login, Profile, Stay, TokenHash};
use crate::hub::now_ms;
use crate::limits::{PAGE_BYTES_MAX, SEARCH_MS_MAX};
use crate::protocol::event::{Hits, Page};
use crate::protocol::request::{PagePosition, Search};

/// Steps of SQLite's virtual machine after which a search looks at the clock: fewer than one candidate takes, or one piece of rows
/// without a candidate (see [`SEARCH_ROWS`](crate::limits::SEARCH_ROWS)).
const STEPS_BETWEEN_LOOKS: i32 = 20;

/// A page of history that somebody wants.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    /// The room's key.
    pub(crate) room: String,
    pub(crate) place: PagePosition,
    pub(crate) limit: usize,
    pub(crate) asker: Asker,
}

/// Why there is no page.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    #[error("too many reads wait")]
    Busy,
    #[error("there is no such room")]
    NoSuchRoom,
    #[error("there is no such cursor")]
    BadCursor,
    #[error("nothing was found within the time for it")]
    TooSlow,
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the thread that reads has ended")]
    Ended,
}

type Answer<T> = oneshot::Sender<Result<T, ReadError>>;

/// Something to be read, and where the answer goes.
enum Read {
    Page(Wanted, Answer<Page>),
    Session(TokenHash, Answer<Option<(Login, Profile)>>),
    Sessions(TokenHash, Answer<Option<(Login, Vec<Stay>)>>),
    Arrival(Box<Comer>, Answer<Option<String>>),
    Search(Box<(Search, Asker)>, Answer<Hits>),
}

/// A thread that reads. Dropping it ends the thread when what is queued has been read.
#[derive(Debug)]
pub(crate) struct Reader {
    reads: Option<SyncSender<Read>>,
    thread: Option<JoinHandle<()>>,
}

impl Reader {
    /// The database need not be there yet: it is opened when something is read. At most `queued_max` reads wait.
    pub(crate) fn start(database: PathBuf, name: &str, queued_max: usize) -> std::io::Result<Self> {
        let (reads, queue) = mpsc::sync_channel(queued_max);
        let thread = thread::Builder::new().name(name.into()).spawn(move || serve(&database, queue))?;
        Ok(Self { reads: Some(reads), thread: Some(thread) })
    }

    pub(crate) async fn read(&self, wanted: Wanted) -> Result<Page, ReadError> {
        self.ask(|answer| Read::Page(wanted, answer)).await
    }

    /// Whoever has the session of this token; None: it is nobody's.
    pub(crate) async fn session(&self, token: TokenHash) -> Result<Option<(Login, Profile)>, ReadError> {
        self.ask(|answer| Read::Session(token, answer)).await
    }

    /// All sessions of whoever has this one.
    pub(crate) async fn sessions(&self, token: TokenHash) -> Result<Option<(Login, Vec<Stay>)>, ReadError> {
        self.ask(|answer| Read::Sessions(token, answer)).await
    }

    /// The end of the room that somebody comes to, as JSON; None: there is none that they may read.
    pub(crate) async fn arrive(&self, comer: Comer) -> Result<Option<String>, ReadError> {
        self.ask(|answer| Read::Arrival(Box::new(comer), answer)).await
    }

    pub(crate) async fn search(&self, search: Search, asker: Asker) -> Result<Hits, ReadError> {
        self.ask(|answer| Read::Search(Box::new((search, asker)), answer)).await
    }

    async fn ask<T>(&self, read: impl FnOnce(Answer<T>) -> Read) -> Result<T, ReadError> {
        let (answer, answered) = oneshot::channel();
        let reads = self.reads.as_ref().ok_or(ReadError::Ended)?;
        reads.try_send(read(answer)).map_err(|error| match error {
            TrySendError::Full(_) => ReadError::Busy,
            TrySendError::Disconnected(_) => ReadError::Ended,
        })?;
        answered.await.unwrap_or(Err(ReadError::Ended))
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.reads = None;
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("a thread that reads panicked");
        }
    }
}

fn serve(database: &Path, queue: Receiver<Read>) {
    let mut connection = None;
    for read in queue {
        // Nobody may be waiting any more.
        match read {
            Read::Page(wanted, answer) => drop(answer.send(page(&mut connection, database, &wanted))),
            Read::Session(token, answer) => drop(answer.send(session(&mut connection, database, &token))),
            Read::Sessions(token, answer) => drop(answer.send(sessions(&mut connection, database, &token))),
            Read::Arrival(comer, answer) => drop(answer.send(arrive(&mut connection, database, &comer))),
            Read::Search(search, answer) => drop(answer.send(find(&mut connection, database, &search))),
        }
    }
}

/// The connection, opened with the first read.
fn open<'a>(
    connection: &'a mut Option<Connection>,
    database: &Path,
) -> Result<&'a mut Connection, StoreError> {
    Ok(match connection {
        Some(connection) => connection,
        None => connection.insert(open_reader(database)?),
    })
}

fn session(
    connection: &mut Option<Connection>,
    database: &Path,
    token: &TokenHash,
) -> Result<Option<(Login, Profile)>, ReadError> {
    let connection = open(connection, database)?;
    Ok(people::find_profile(connection, token, now_ms()).map_err(StoreError::from)?)
}

fn sessions(
    connection: &mut Option<Connection>,
    database: &Path,
    token: &TokenHash,
) -> Result<Option<(Login, Vec<Stay>)>, ReadError> {
    let connection = open(connection, database)?;
    Ok(people::find_sessions(connection, token, now_ms()).map_err(StoreError::from)?)
}

fn page(connection: &mut Option<Connection>, database: &Path, wanted: &Wanted) -> Result<Page, ReadError> {
    let connection = open(connection, database)?;
    // Messages and the number of the last change as they are at one moment.
    let snapshot = connection.unchecked_transaction().map_err(StoreError::from)?;
    let Wanted { room, place, limit, asker } = wanted;
    let room = find_room(&snapshot, room, asker.person)?.ok_or(ReadError::NoSuchRoom)?;
    Ok(history::page(&snapshot, &room, *place, *limit, PAGE_BYTES_MAX, &asker.viewer)?)
}

fn arrive(
    connection: &mut Option<Connection>,
    database: &Path,
    comer: &Comer,
) -> Result<Option<String>, ReadError> {
    let snapshot = open(connection, database)?.unchecked_transaction().map_err(StoreError::from)?;
    Ok(arrival::read(&snapshot, comer)?)
}

fn find(
    connection: &mut Option<Connection>,
    database: &Path,
    (search, asker): &(Search, Asker),
) -> Result<Hits, ReadError> {
    let connection = open(connection, database)?;
    let deadline = Instant::now() + Duration::from_millis(SEARCH_MS_MAX);
    connection
        .progress_handler(STEPS_BETWEEN_LOOKS, Some(move || Instant::now() > deadline))
        .map_err(StoreError::from)?;
    let snapshot = connection.unchecked_transaction().map_err(StoreError::from)?;
    search::find(&snapshot, search, asker)
}

/// A room that this person may read. One that they may not read looks like one that does not exist.
pub(super) fn find_room(
    connection: &Connection,
    key: &str,
    person: Option<i64>,
) -> Result<Option<RoomRef>, StoreError> {
    let query = format!("SELECT r.id FROM rooms r WHERE r.key = ?1 AND {}", conversations::MAY_READ);
    let mut statement = connection.prepare_cached(&query)?;
    let id = statement.query_row((key, person.unwrap_or(0)), |row| row.get(0)).optional()?;
    Ok(id.map(|id| RoomRef { id, key: key.into() }))
}
