//! The data directory: made if missing, and held by one server at a time.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use super::StoreError;

/// A data directory that this process holds. The lock goes with the process, however it ends.
#[derive(Debug)]
pub(crate) struct DataDirectory {
    _lock: File,
}

impl DataDirectory {
    /// Makes the directory (for its owner alone: it holds what people wrote) and locks it.
    pub(crate) fn open(path: &Path) -> Result<Self, StoreError> {
        let create = |reason| StoreError::Create { path: path.to_owned(), reason };
        DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(create)?;
        let path = fs::canonicalize(path).map_err(create)?;
        Ok(Self { _lock: lock(&path)? })
    }
}

/// The data directory's one name, by which all processes of a server know it. It must be there.
pub(crate) fn data_path(path: &Path) -> Result<PathBuf, StoreError> {
    fs::canonicalize(path).map_err(|reason| StoreError::Missing { path: path.to_owned(), reason })
}

pub(crate) fn database_in(directory: &Path) -> PathBuf {
    directory.join("chat.db")
}

/// The file's content, the process that holds it, is for people; what counts is the lock.
fn lock(directory: &Path) -> Result<File, StoreError> {
    let io = |reason| StoreError::Lock { path: directory.to_owned(), reason };
    let mut options = OpenOptions::new();
    let mut file = options
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(directory.join("lock"))
        .map_err(io)?;
    match file.try_lock() {
        Ok(()) => {
            file.set_len(0).map_err(io)?;
            writeln!(file, "{}", std::process::id()).map_err(io)?;
            Ok(file)
        }
        Err(TryLockError::WouldBlock) => {
            let mut owner = String::new();
            // Without it the sentence is still right.
            let _ = (&mut file).take(32).read_to_string(&mut owner);
            Err(StoreError::InUse { path: directory.to_owned(), owner: owner.trim().to_owned() })
        }
        Err(TryLockError::Error(reason)) => Err(io(reason)),
    }
}
