//! The program of a generation: what was on disk at its reload, whatever has become of that since.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};

/// An open file for nothing but being executed.
#[derive(Debug)]
pub(super) struct Executable {
    file: OwnedFd,
    /// The kernel starts an interpreter, which opens the file by the name that it is given.
    interpreted: bool,
}

impl Executable {
    /// Opens a file, if it can be executed.
    pub(super) fn open(path: &Path) -> io::Result<Executable> {
        let file = rustix::fs::open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
        let meta = fs::metadata(own_name(&file))?;
        if !meta.is_file() || meta.mode() & 0o111 == 0 {
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, "it is not an executable file"));
        }
        Ok(Executable::new(file))
    }

    /// One that has been opened elsewhere.
    pub(super) fn new(file: OwnedFd) -> Executable {
        let mut magic = [0; 4];
        // What cannot be read is no script: its interpreter could not read it either.
        let read = File::open(own_name(&file)).and_then(|mut file| file.read_exact(&mut magic));
        let interpreted = match read {
            Ok(()) => magic != *b"\x7fELF",
            Err(error) => error.kind() == io::ErrorKind::UnexpectedEof,
        };
        Executable { file, interpreted }
    }

    /// The name to execute it by. `path` is where it was found.
    ///
    /// A descriptor names the very file, but is closed when an interpreter is executed: a script goes by its path while it is
    /// still there (it may look for its program beside it), and otherwise by the descriptor of this process, which stays.
    pub(super) fn name(&self, path: &Path) -> PathBuf {
        if !self.interpreted {
            return own_name(&self.file);
        }
        if self.is_at(path) {
            return path.to_owned();
        }
        format!("/proc/{}/fd/{}", std::process::id(), self.file.as_raw_fd()).into()
    }

    fn is_at(&self, path: &Path) -> bool {
        let identity = |meta: fs::Metadata| (meta.dev(), meta.ino());
        let found = fs::metadata(path).map(identity).ok();
        found.is_some() && found == fs::metadata(own_name(&self.file)).map(identity).ok()
    }
}

impl AsFd for Executable {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

fn own_name(file: &OwnedFd) -> PathBuf {
    format!("/proc/self/fd/{}", file.as_raw_fd()).into()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::process::Command;

    use super::*;

    fn script(path: &Path, text: &str) {
        let _ = fs::remove_file(path);
        fs::write(path, text).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn says(executable: &Executable, path: &Path) -> String {
        // Another test's thread may have the file open for writing in a process that it is just starting.
        for _ in 0..100 {
            match Command::new(executable.name(path)).output() {
                Err(error) if error.kind() == io::ErrorKind::ExecutableFileBusy => {
                    std::thread::sleep(std::time::Duration::from_millis(10));
                }
                output => return String::from_utf8(output.unwrap().stdout).unwrap(),
            }
        }
        panic!("the script stays busy");
    }

    #[test]
    fn a_script_runs_by_its_path_and_when_it_is_replaced_all_the_same() {
        let folder = std::env::temp_dir().join(format!("switchboard-executable-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let path = folder.join("program");
        script(&path, "#!/bin/sh\necho first by $0\n");
        let first = Executable::open(&path).unwrap();
        assert_eq!(says(&first, &path), format!("first by {}\n", path.display()));
        script(&path, "#!/bin/sh\necho second\n");
        assert!(says(&first, &path).starts_with("first by /proc/"));
        assert_eq!(says(&Executable::open(&path).unwrap(), &path), "second\n");
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_program_runs_by_its_descriptor() {
        let path = Path::new("/bin/sh");
        let program = Executable::open(path).unwrap();
        assert!(program.name(path).starts_with("/proc/self/fd"));
        assert!(Executable::open(Path::new("/")).is_err());
        assert!(Executable::open(Path::new("/etc/passwd")).is_err());
    }
}
