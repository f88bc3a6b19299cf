//! Reads older history on a thread of its own, so that somebody who scrolls through years holds up nobody who
//! writes. Nothing here has to be in order with what is published: a page ends before a `seq` that its reader has.

use std::path::Path;
use std::sync::mpsc::{self, Receiver, SyncSender, TrySendError};
use std::thread::{self, JoinHandle};

use rusqlite::Connection;

use super::history::{self, RoomRef};
use super::{StoreError, open_reader};
use crate::limits::{PAGE_BYTES_MAX, READS_QUEUED_MAX};
use crate::protocol::event::Page;

/// A page of history that somebody wants.
pub(crate) struct Read {
    pub(crate) room: RoomRef,
    /// Messages with a smaller `seq`.
    pub(crate) before: u64,
    pub(crate) limit: usize,
    /// The client key of whoever asks.
    pub(crate) viewer: String,
    /// Called on the reader's thread.
    pub(crate) done: Box<dyn FnOnce(Result<Page, StoreError>) + Send>,
}

/// The reader thread. Dropping it ends the thread when what is queued has been read.
pub(crate) struct Reader {
    reads: Option<SyncSender<Read>>,
    thread: Option<JoinHandle<()>>,
}

impl Reader {
    pub(crate) fn start(database: &Path) -> anyhow::Result<Self> {
        let connection = open_reader(database)?;
        let (reads, queue) = mpsc::sync_channel(READS_QUEUED_MAX);
        let thread = thread::Builder::new().name("reader".into()).spawn(move || serve(&connection, queue))?;
        Ok(Self { reads: Some(reads), thread: Some(thread) })
    }

    /// Queues a read, or gives it back if too many wait.
    pub(crate) fn read(&self, read: Read) -> Result<(), Read> {
        match &self.reads {
            Some(reads) => reads.try_send(read).map_err(|error| match error {
                TrySendError::Full(read) | TrySendError::Disconnected(read) => read,
            }),
            None => Err(read),
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.reads = None;
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the thread that reads history panicked");
        }
    }
}

fn serve(connection: &Connection, queue: Receiver<Read>) {
    for Read { room, before, limit, viewer, done } in queue {
        done(history::page(connection, &room, before, limit, PAGE_BYTES_MAX, &viewer));
    }
}
