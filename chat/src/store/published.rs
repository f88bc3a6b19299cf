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

    /// The row of the last message that was published; None if nobody has noted any.
    pub(crate) fn last(&self) -> Option<i64> {
        let mut bytes = [0; 8];
        self.0.read_exact_at(&mut bytes, 0).ok()?;
        Some(i64::from_le_bytes(bytes))
    }

    /// The message of this row has been published, and all before it.
    pub(crate) fn note(&self, row: i64) {
        if let Err(error) = self.0.write_all_at(&row.to_le_bytes(), 0) {
            tracing::warn!(%error, "it could not be noted which messages have been published");
        }
    }
}
