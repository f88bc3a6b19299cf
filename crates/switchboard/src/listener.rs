//! Addresses to listen on.

use std::fmt;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Mode, OFlags};
use rustix::net::sockopt::{set_ipv6_v6only, set_socket_reuseaddr, set_tcp_nodelay};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
use rustix::process::{Gid, Uid};

use crate::User;
use crate::error::{StartError, UserError};

/// An address to listen on, and how: what [`Server::new`](crate::Server::new) and its kin take. A text alone is an address
/// without anything special.
///
/// ```
/// use switchboard::{Listen, Server};
///
/// let server = Server::listen_on([Listen::on("0.0.0.0:80"), Listen::on("10.0.0.1:8080").proxy_protocol()]);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listen {
    pub(crate) address: String,
    pub(crate) proxy_protocol: bool,
}

impl Listen {
    /// `HOST:PORT`, `[IPV6]:PORT`, or `unix:PATH`. Port 0 lets the system choose.
    pub fn on(address: impl Into<String>) -> Listen {
        Listen { address: address.into(), proxy_protocol: false }
    }

    /// Every connection begins with a header of the PROXY protocol, version 1 or 2, by which a load balancer tells whose
    /// connection it is; one that does not is closed. The header is believed: let nobody but the load balancer reach this
    /// address, or name it in [`Config::trusted_proxies`](crate::Config::trusted_proxies).
    pub fn proxy_protocol(mut self) -> Listen {
        self.proxy_protocol = true;
        self
    }
}

impl From<&str> for Listen {
    fn from(address: &str) -> Listen {
        Listen::on(address)
    }
}

impl From<String> for Listen {
    fn from(address: String) -> Listen {
        Listen::on(address)
    }
}

impl From<&String> for Listen {
    fn from(address: &String) -> Listen {
        Listen::on(address)
    }
}

/// Where a listener is: what was asked for, with the port that the system chose where that was 0.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ListenAddr {
    /// TCP over IPv4 or IPv6.
    Inet(SocketAddr),
    /// A Unix socket.
    Unix(PathBuf),
}

impl fmt::Display for ListenAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ListenAddr::Inet(address) => address.fmt(f),
            ListenAddr::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// A bound socket. The file of a Unix socket is removed with it.
#[derive(Debug)]
pub(crate) struct Listener {
    pub(crate) socket: OwnedFd,
    pub(crate) address: ListenAddr,
    /// A PROXY header comes before everything else.
    pub(crate) proxy_protocol: bool,
    /// Which file a Unix socket is: another server may have put its own in its place.
    file: Option<FileId>,
}

/// Device and inode.
type FileId = (u64, u64);

impl Listener {
    pub(crate) fn bind(listen: &Listen, backlog: i32) -> Result<Listener, StartError> {
        let Listen { address, proxy_protocol } = listen;
        let bound = match address.strip_prefix("unix:") {
            Some(path) => bind_unix(Path::new(path), backlog),
            None => bind_inet(address, backlog),
        };
        let mut listener = bound
            .map_err(|error| StartError::Listen { address: address.clone(), reason: explain(&error) })?;
        listener.proxy_protocol = *proxy_protocol;
        Ok(listener)
    }

    /// Gives the file of a Unix socket to a user, who can then remove it if the directory allows that.
    pub(crate) fn give_to(&self, user: &User) -> Result<(), UserError> {
        let ListenAddr::Unix(path) = &self.address else { return Ok(()) };
        let given = give(path, self.file, user);
        given.map_err(|source| UserError::Give { name: user.name().to_owned(), path: path.clone(), source })
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let ListenAddr::Unix(path) = &self.address
            && self.file.is_some()
            && self.file == file_id(path)
        {
            let _ = std::fs::remove_file(path);
        }
    }
}

fn explain(error: &io::Error) -> String {
    let advice = match error.kind() {
        io::ErrorKind::AddrInUse => "; another program listens there: stop it or choose another address",
        io::ErrorKind::PermissionDenied => "; ports below 1024 and foreign directories need permission",
        io::ErrorKind::InvalidInput => "; give HOST:PORT, [IPV6]:PORT or unix:PATH",
        _ => "",
    };
    format!("{error}{advice}")
}

fn bind_inet(address: &str, backlog: i32) -> io::Result<Listener> {
    let mut last = io::Error::new(io::ErrorKind::InvalidInput, "the name has no address");
    for address in address.to_socket_addrs()? {
        match bind_address(address, backlog) {
            Ok(listener) => return Ok(listener),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn bind_address(address: SocketAddr, backlog: i32) -> io::Result<Listener> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let socket = rustix::net::socket_with(family, SocketType::STREAM, flags(), None)?;
    set_socket_reuseaddr(&socket, true)?;
    // Accepted sockets inherit it, which saves a system call for each.
    set_tcp_nodelay(&socket, true)?;
    if address.is_ipv6() {
        set_ipv6_v6only(&socket, !address.ip().is_unspecified())?;
    }
    rustix::net::bind(&socket, &address)?;
    rustix::net::listen(&socket, backlog)?;
    let bound = SocketAddr::try_from(rustix::net::getsockname(&socket)?)?;
    Ok(Listener { socket, address: ListenAddr::Inet(bound), proxy_protocol: false, file: None })
}

fn bind_unix(path: &Path, backlog: i32) -> io::Result<Listener> {
    if path.as_os_str().is_empty() {
        // The kernel would choose an abstract name that nobody knows.
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "the path is empty"));
    }
    let address = SocketAddrUnix::new(path)?;
    let socket = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags(), None)?;
    match rustix::net::bind(&socket, &address) {
        Err(rustix::io::Errno::ADDRINUSE) if is_stale(path, &address) => {
            std::fs::remove_file(path)?;
            rustix::net::bind(&socket, &address)?;
        }
        bound => bound?,
    }
    let address = ListenAddr::Unix(path.to_owned());
    let listener = Listener { socket, address, proxy_protocol: false, file: file_id(path) };
    rustix::net::listen(&listener.socket, backlog)?;
    Ok(listener)
}

/// The very file that was made, not what somebody may have put in its place.
fn give(path: &Path, made: Option<FileId>, user: &User) -> io::Result<()> {
    let file = rustix::fs::open(path, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())?;
    let stat = rustix::fs::fstat(&file)?;
    if Some((stat.st_dev, stat.st_ino)) != made {
        return Err(io::Error::new(io::ErrorKind::NotFound, "another file has taken its place"));
    }
    let (uid, gid) = (Uid::from_raw(user.uid()), Gid::from_raw(user.gid()));
    Ok(rustix::fs::chownat(&file, "", Some(uid), Some(gid), AtFlags::EMPTY_PATH)?)
}

fn file_id(path: &Path) -> Option<FileId> {
    std::fs::symlink_metadata(path).ok().map(|meta| (meta.dev(), meta.ino()))
}

/// Is the file the socket of a server that is gone?
fn is_stale(path: &Path, address: &SocketAddrUnix) -> bool {
    let is_socket = std::fs::symlink_metadata(path).is_ok_and(|meta| meta.file_type().is_socket());
    let probe = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags(), None);
    is_socket
        && probe
            .is_ok_and(|probe| rustix::net::connect(&probe, address) == Err(rustix::io::Errno::CONNREFUSED))
}

fn flags() -> SocketFlags {
    SocketFlags::NONBLOCK | SocketFlags::CLOEXEC
}
