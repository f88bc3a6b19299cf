//! Orders to a running server, from another start of the program: `switchboard-chat status`, `reload`, `stop`.
//!
//! A server is found by its data directory: it listens on an abstract Unix socket that is named after the directory's
//! device and inode, and of which nothing stays behind however the server ends. Both sides look who the other one is.
//!
//! The client sends the order's name and a line feed. The answer is a line, `ok` or `failed`, and then text for people until
//! the end of the stream; that of a `stop` comes when the server has ended.

mod client;
mod server;
mod table;

use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

pub(crate) use client::carry_out;
pub(crate) use server::serve;

/// How long either side waits for bytes that the other side has at hand.
const BYTES_WITHIN: Duration = Duration::from_secs(2);

/// The first line of an answer.
const OK: &str = "ok";
const FAILED: &str = "failed";

/// What a running server can be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    Status,
    Reload,
    Stop,
}

impl Order {
    pub(crate) const ALL: [Self; 3] = [Self::Status, Self::Reload, Self::Stop];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Status => "status",
            Self::Reload => "reload",
            Self::Stop => "stop",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|order| order.name() == name)
    }

    pub(crate) fn description(self) -> &'static str {
        match self {
            Self::Status => "Shows the processes of the running server, and what they have to do",
            Self::Reload => {
                "Replaces the code of the running server by the program on disk; clients stay connected"
            }
            Self::Stop => "Stops the running server, and waits until it has ended",
        }
    }
}

/// Where the server of a data directory is spoken to. The directory must be there.
fn address(data: &Path) -> io::Result<SocketAddr> {
    let directory = std::fs::metadata(data)?;
    SocketAddr::from_abstract_name(format!("switchboard-chat/{:x}-{:x}", directory.dev(), directory.ino()))
}

/// The user whose rights this process has.
fn own_uid() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// What is done by root or by one of these users is not done by a stranger.
fn is_trusted(uid: u32, users: &[u32]) -> bool {
    uid == 0 || users.contains(&uid)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TempDirectory;

    #[test]
    fn a_directory_has_one_address_by_whatever_path() {
        let directory = TempDirectory::new();
        let name = |path: &Path| address(path).expect("it is there").as_abstract_name().map(<[u8]>::to_vec);
        assert_eq!(name(directory.path()), name(&directory.path().join(".")));
        assert_ne!(name(directory.path()), name(TempDirectory::new().path()));
        assert!(address(&directory.path().join("nowhere")).is_err());
    }

    #[test]
    fn strangers_are_not_trusted() {
        assert!(is_trusted(0, &[1000]) && is_trusted(1000, &[1000]) && is_trusted(7, &[1000, 7]));
        assert!(!is_trusted(1001, &[1000]) && !is_trusted(1001, &[0]));
    }
}
