//! Which part of a server this process plays.
//!
//! All of them run the same program. Who was started by a master or a manager finds its role in the environment, and its
//! end of a socket as its standard input; without both, a process is a master. (The environment alone says nothing: programs
//! that a worker starts inherit it.)

use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::OnceLock;

use rustix::net::sockopt::{socket_domain, socket_type};
use rustix::net::{AddressFamily, SocketType};

use crate::ipc::socket::Socket;
use crate::sys::outlive_parent;

/// The variable of the environment.
const VARIABLE: &str = "SWITCHBOARD_ROLE";

/// Which process of a server this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Role {
    /// Owns the sockets. In Base mode it is the only one.
    Master,
    /// Starts, watches and replaces workers and user processes.
    Manager,
    /// Runs handlers. Not in Base mode, where the master does.
    Worker,
    /// A user process ([`Server::process`](crate::Server::process)). In Base mode it is a thread of the master.
    Process,
}

/// Which process of a server this is, or is to become: in Process mode `main` runs in each of them, up to the `start` of the
/// server, which returns in the master only. What only one process may do before it, such as taking a lock, is for
/// [`Role::Master`]; what each needs, such as a subscriber for logs, is for all. Call this before anything replaces the standard
/// input.
pub fn role() -> Role {
    *FOUND.get_or_init(|| match Part::named() {
        None => Role::Master,
        Some(Named::Manager) => Role::Manager,
        Some(Named::Instance(InstanceRole { process: None, .. })) => Role::Worker,
        Some(Named::Instance(_)) => Role::Process,
    })
}

/// Found out while the standard input is still what it was.
static FOUND: OnceLock<Role> = OnceLock::new();

/// A part of a server. Each but the master has its socket to the master.
#[derive(Debug)]
pub(crate) enum Part {
    Master,
    Manager(Socket),
    Instance(Socket, InstanceRole),
}

/// What an instance is, by what its manager said. The master's word counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct InstanceRole {
    pub(crate) slot: u16,
    pub(crate) generation: u32,
    /// The name of a user process; None: it is a worker.
    pub(crate) process: Option<String>,
}

/// What the environment says.
enum Named {
    Manager,
    Instance(InstanceRole),
}

impl Part {
    /// Finds this process's part, and takes its socket away from the standard input: afterwards it is a master.
    pub(crate) fn take() -> io::Result<Part> {
        role();
        match Part::named() {
            None => Ok(Part::Master),
            Some(Named::Manager) => take_stdin().map(Part::Manager),
            Some(Named::Instance(role)) => {
                // Its socket tells when the server is gone; managers come and go.
                outlive_parent()?;
                Ok(Part::Instance(take_stdin()?, role))
            }
        }
    }

    fn named() -> Option<Named> {
        let text = std::env::var(VARIABLE).ok().filter(|_| is_ours(std::io::stdin()))?;
        if text == "manager" {
            return Some(Named::Manager);
        }
        InstanceRole::parse(&text).map(Named::Instance)
    }
}

impl InstanceRole {
    fn parse(text: &str) -> Option<InstanceRole> {
        let (rest, generation) = text.rsplit_once(' ')?;
        let (kind, slot) = rest.rsplit_once(' ')?;
        let process = match kind.split_once(' ') {
            None if kind == "worker" => None,
            Some(("process", name)) => Some(name.to_owned()),
            _ => return None,
        };
        Some(InstanceRole { slot: slot.parse().ok()?, generation: generation.parse().ok()?, process })
    }

    /// What to write into the environment.
    fn text(&self) -> String {
        let InstanceRole { slot, generation, process } = self;
        match process {
            None => format!("worker {slot} {generation}"),
            Some(name) => format!("process {name} {slot} {generation}"),
        }
    }

    /// What `ps` shows.
    pub(crate) fn title(&self) -> String {
        let generation = self.generation;
        match &self.process {
            None => format!("switchboard: worker {} gen {generation}", self.slot),
            Some(name) => format!("switchboard: process {name} gen {generation}"),
        }
    }

    /// The short name that `top` shows.
    pub(crate) fn short_name(&self) -> String {
        match &self.process {
            None => format!("sb-worker-{}", self.slot),
            Some(name) => format!("sb-{name}"),
        }
    }
}

/// A program to be executed in a role.
pub(crate) fn command(
    program: impl AsRef<OsStr>,
    role: Option<&InstanceRole>,
    socket: Socket,
) -> std::process::Command {
    use std::os::unix::process::CommandExt;
    let (variable, title) = match role {
        None => ("manager".to_owned(), "switchboard: manager".to_owned()),
        Some(role) => (role.text(), role.title()),
    };
    let mut command = std::process::Command::new(program);
    command.arg0(title).args(std::env::args_os().skip(1)).env(VARIABLE, variable);
    command.stdin(socket.into_descriptor());
    command
}

fn is_ours(stdin: impl AsFd) -> bool {
    socket_domain(&stdin) == Ok(AddressFamily::UNIX) && socket_type(&stdin) == Ok(SocketType::SEQPACKET)
}

fn take_stdin() -> io::Result<Socket> {
    let stdin = std::io::stdin();
    let socket: OwnedFd = rustix::io::fcntl_dupfd_cloexec(&stdin, 3)?;
    // Whoever reads the standard input finds its end, and programs that are started do not get the socket.
    rustix::stdio::dup2_stdin(std::fs::File::open("/dev/null")?)?;
    Ok(Socket::new(socket))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_comes_back_from_its_text() {
        let worker = InstanceRole { slot: 2, generation: 7, process: None };
        let process = InstanceRole { slot: 4, generation: 9, process: Some("hub".into()) };
        assert_eq!(worker.title(), "switchboard: worker 2 gen 7");
        assert_eq!(process.title(), "switchboard: process hub gen 9");
        for role in [worker, process] {
            assert_eq!(InstanceRole::parse(&role.text()), Some(role));
        }
        for wrong in ["", "worker", "worker 2", "worker x 7", "worker 99999 7", "other 2 7", "process 2 7"] {
            assert_eq!(InstanceRole::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn the_environment_alone_makes_no_role() {
        let (socket, _other) = Socket::pair().unwrap();
        assert!(is_ours(&socket));
        assert!(!is_ours(std::fs::File::open("/dev/null").unwrap()));
        let (stream, _other) = std::os::unix::net::UnixStream::pair().unwrap();
        assert!(!is_ours(&stream));
    }
}
