//! The files of Unix listeners, which somebody has to remove when the master is killed.

use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::wire::{Corrupt, Reader, Writer};

/// The file of a Unix listener, told from one that another server has put in its place since.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SocketFile {
    pub(crate) path: PathBuf,
    pub(crate) device: u64,
    pub(crate) inode: u64,
    /// When it was made, in nanoseconds: inodes are used again. 0: the file system does not say.
    pub(crate) born: u64,
}

impl SocketFile {
    /// None: it is not there.
    pub(crate) fn of(path: &Path) -> Option<SocketFile> {
        // Whoever removes it may have another working directory.
        let path = std::path::absolute(path).ok()?;
        let meta = fs::symlink_metadata(&path).ok()?;
        Some(SocketFile { path, device: meta.dev(), inode: meta.ino(), born: born(&meta) })
    }

    /// Removes the file, unless it is another one.
    pub(crate) fn remove(&self) {
        if SocketFile::of(&self.path).as_ref() == Some(self) {
            // Others do the same at the same time.
            let _ = fs::remove_file(&self.path);
        }
    }

    pub(super) fn write(&self, writer: &mut Writer<'_>) {
        writer.path(&self.path).u64(self.device).u64(self.inode).u64(self.born);
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<SocketFile, Corrupt> {
        Ok(SocketFile {
            path: reader.path()?,
            device: reader.u64()?,
            inode: reader.u64()?,
            born: reader.u64()?,
        })
    }
}

fn born(meta: &Metadata) -> u64 {
    let born = meta.created().ok().and_then(|born| born.duration_since(SystemTime::UNIX_EPOCH).ok());
    born.map_or(0, |born| born.as_nanos() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_file_is_removed() {
        let folder = std::env::temp_dir().join(format!("switchboard-socket-file-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let path = folder.join("socket");
        assert_eq!(SocketFile::of(&path), None);
        fs::write(&path, "").unwrap();
        let file = SocketFile::of(&path).unwrap();
        // The new one may well have the old one's inode.
        std::thread::sleep(std::time::Duration::from_millis(20));
        fs::remove_file(&path).unwrap();
        fs::write(&path, "").unwrap();
        file.remove();
        assert!(path.exists() || file.born == 0);
        SocketFile::of(&path).unwrap().remove();
        assert!(!path.exists());
        fs::remove_dir(&folder).unwrap();
    }
}
