//! Watching the executable on disk, for development.

use std::path::Path;
use std::time::Duration;

use rustix::fs::{Stat, stat};

/// How often to look.
pub(super) const INTERVAL: Duration = Duration::from_millis(200);

/// Which file it is, and which state of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Signature {
    device: u64,
    inode: u64,
    size: i64,
    modified: (i64, u64),
    executable: bool,
}

impl Signature {
    pub(super) fn of(path: &Path) -> Option<Signature> {
        stat(path).ok().map(|stat| Signature::from_stat(&stat))
    }

    #[allow(
        clippy::useless_conversion,
        clippy::unnecessary_cast,
        reason = "the types differ between systems"
    )]
    pub(super) fn from_stat(stat: &Stat) -> Signature {
        Signature {
            device: stat.st_dev,
            inode: stat.st_ino,
            size: stat.st_size,
            modified: (stat.st_mtime as i64, stat.st_mtime_nsec as u64),
            executable: stat.st_mode & 0o170_000 == 0o100_000 && stat.st_mode & 0o111 != 0,
        }
    }
}

/// Tells when a new executable has been written.
#[derive(Debug, Default)]
pub(super) struct Watch {
    seen: Option<Signature>,
    /// What runs, or was tried.
    known: Option<Signature>,
}

impl Watch {
    /// This one runs, or has been tried.
    pub(super) fn know(&mut self, signature: Signature) {
        self.known = Some(signature);
    }

    /// True if there is another executable than the one that is known, and it has not changed since the last look. It is
    /// known then.
    pub(super) fn look(&mut self, now: Option<Signature>) -> bool {
        let settled = now.is_some() && now == self.seen;
        self.seen = now;
        let reload = settled && now != self.known && now.is_some_and(|now| now.executable);
        if reload {
            self.known = now;
        }
        reload
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signature(inode: u64, size: i64, executable: bool) -> Option<Signature> {
        Some(Signature { device: 1, inode, size, modified: (0, 0), executable })
    }

    #[test]
    fn a_file_that_has_stopped_changing_is_reloaded_once() {
        let mut watch = Watch::default();
        watch.know(signature(1, 10, true).unwrap());
        assert!(!watch.look(signature(1, 10, true)));
        assert!(!watch.look(signature(1, 10, true)), "it runs");
        assert!(!watch.look(None), "the linker has removed it");
        assert!(!watch.look(signature(2, 5, false)));
        assert!(!watch.look(signature(2, 5, false)), "not executable yet");
        assert!(!watch.look(signature(2, 9, true)), "it grows");
        assert!(watch.look(signature(2, 9, true)));
        assert!(!watch.look(signature(2, 9, true)), "once is enough");
        assert!(!watch.look(signature(1, 10, true)));
        assert!(watch.look(signature(1, 10, true)), "the old one has come back");
    }
}
