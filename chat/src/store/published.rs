//! How far the messages that are stored have been published: a small file beside the database.
//!
//! It outlives the process that writes it, and need not outlive the machine: after that there are no clients who would
//! have missed something. So it costs a write into the system's memory for each message, and no wait for the disk.
//!
//! Whoever has it open has it alone, and with it the right to write to the database: the hub of a server that was killed
//! may live for some moments longer than that.

use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use super::StoreError;

/// The rows of what was published last: a message, and a change in the journal. All before them was published, too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Progress {
    pub(crate) message: i64,
    pub(crate) change: i64,
}

/// The file, in the data directory. Nobody else has it until the process ends, however that is.
#[derive(Debug)]
pub(crate) struct Published(File);

impl Published {
    /// None: another process has it.
    pub(crate) fn open(data: &Path) -> Result<Option<Self>, StoreError> {
        let io = |reason| StoreError::Lock { path: data.to_owned(), reason };
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let file = options.open(data.join("published")).map_err(io)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self(file))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(reason)) => Err(io(reason)),
        }
    }

    /// What was published last; None if nobody has noted any.
    pub(crate) fn last(&self) -> Option<Progress> {
        let mut bytes = [0; 16];
        self.0.read_exact_at(&mut bytes, 0).ok()?;
        let (message, change) = bytes.split_at(8);
        let row = |bytes: &[u8]| bytes.as_array().copied().map(i64::from_le_bytes);
        Some(Progress { message: row(message)?, change: row(change)? })
    }

    pub(crate) fn note(&self, Progress { message, change }: Progress) {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&message.to_le_bytes());
        bytes[8..].copy_from_slice(&change.to_le_bytes());
        if let Err(error) = self.0.write_all_at(&bytes, 0) {
            tracing::warn!(%error, "it could not be noted which messages have been published");
        }
    }
}
