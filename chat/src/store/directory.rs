//! The data directory: made if missing, and held by one server at a time.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, lchown};
use std::path::{Path, PathBuf};

use switchboard::User;

use super::StoreError;

/// A data directory that this process holds. The lock goes with the process, however it ends.
#[derive(Debug)]
pub(crate) struct DataDirectory {
    _lock: File,
}

impl DataDirectory {
    /// Makes the directory (for its owner alone: it holds what people wrote) and locks it. `user`: who will use it, if that is
    /// not the one who opens it.
    pub(crate) fn open(path: &Path, user: Option<&User>) -> anyhow::Result<Self> {
        make(path, user).map_err(|reason| StoreError::Create { path: path.to_owned(), reason })?;
        let Some(user) = user else { return Ok(Self { _lock: lock(&data_path(path)?)? }) };
        // With that user's rights, so that what would be missing later is missed now.
        let lock = user.act(|| -> Result<File, StoreError> {
            let path = data_path(path)?;
            let lock = lock(&path)?;
            check_access(&path, user)?;
            Ok(lock)
        });
        Ok(Self { _lock: lock?? })
    }
}

/// Makes what is missing of a path; all of it belongs to `user`.
fn make(path: &Path, user: Option<&User>) -> io::Result<()> {
    let is_missing = |path: &&Path| !path.as_os_str().is_empty() && !path.exists();
    let missing: Vec<_> = path.ancestors().take_while(is_missing).collect();
    DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    for directory in missing {
        if let Some(user) = user {
            lchown(directory, Some(user.uid()), Some(user.gid()))?;
        }
    }
    Ok(())
}

/// What root has left behind in an earlier run cannot be written by anybody else, and is not given away unasked.
fn check_access(directory: &Path, user: &User) -> Result<(), StoreError> {
    for name in ["chat.db", "chat.db-wal", "chat.db-shm", "published"] {
        let path = directory.join(name);
        match OpenOptions::new().write(true).open(&path) {
            Err(reason) if reason.kind() != io::ErrorKind::NotFound => {
                let (directory, user) = (directory.to_owned(), user.name().to_owned());
                return Err(StoreError::Foreign { path, reason, directory, user });
            }
            _ => {}
        }
    }
    Ok(())
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
