//! Opens many connections, a bounded number of handshakes at a time.

use std::fmt;
use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rustix::io::Errno;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketType, sockopt};
use switchboard_proto::handshake::ClientHandshake;

use super::connection::Connection;
use crate::poller::Poller;

/// Handshakes that wait for their answer at once; below the smallest usual accept queue (128), so that no SYN is dropped.
const HANDSHAKES_MAX: usize = 100;

/// How long no handshake may make progress.
const PATIENCE: Duration = Duration::from_secs(10);

/// Largest response head.
const HEAD_BYTES_MAX: usize = 16 * 1024;

/// Where the server listens. Only this machine: the load is one that a stranger must not get, and CPU time and memory can
/// be read here alone.
#[derive(Clone, Debug)]
pub enum Target {
    /// A loopback address.
    Tcp(SocketAddr),
    /// A Unix socket.
    Unix(PathBuf),
}

impl FromStr for Target {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        if let Some(path) = text.strip_prefix("unix:") {
            return Ok(Self::Unix(path.into()));
        }
        let address: SocketAddr = text.parse().context("expected ADDRESS:PORT or unix:PATH")?;
        ensure!(address.ip().is_loopback(), "{address} is not on this machine: give a loopback address");
        Ok(Self::Tcp(address))
    }
}

impl fmt::Display for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => write!(formatter, "{address}"),
            Self::Unix(path) => write!(formatter, "unix:{}", path.display()),
        }
    }
}

impl Target {
    fn host(&self) -> String {
        match self {
            Self::Tcp(address) => address.to_string(),
            Self::Unix(_) => "localhost".into(),
        }
    }

    /// `receive_buffer`: smaller than usual, for clients that shall be slow.
    fn connect(&self, receive_buffer: Option<usize>) -> Result<OwnedFd> {
        let address = match self {
            Self::Unix(path) => return Ok(UnixStream::connect(path)?.into()),
            Self::Tcp(address) => address,
        };
        let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
        let socket = rustix::net::socket(family, SocketType::STREAM, None)
            .context("no socket: is the limit of open files (ulimit -n) large enough?")?;
        if let Some(bytes) = receive_buffer {
            sockopt::set_socket_recv_buffer_size(&socket, bytes)?;
        }
        rustix::net::connect(&socket, address)?;
        sockopt::set_tcp_nodelay(&socket, true)?;
        // Closing resets, so that the ports of many runs do not pile up in TIME_WAIT.
        sockopt::set_socket_linger(&socket, Some(Duration::ZERO))?;
        Ok(socket)
    }
}

/// A handshake whose answer has not come.
struct Opening {
    socket: OwnedFd,
    handshake: ClientHandshake,
    head: Vec<u8>,
}

impl Opening {
    fn start(target: &Target, index: usize, receive_buffer: Option<usize>) -> Result<Self> {
        let socket =
            target.connect(receive_buffer).with_context(|| format!("connection {index} to {target}"))?;
        let mut nonce = [0; 16];
        nonce[..8].copy_from_slice(&(index as u64).to_le_bytes());
        let handshake = ClientHandshake::new(&target.host(), "/", nonce);
        let request = handshake.request();
        let sent = rustix::net::send(&socket, &request, SendFlags::NOSIGNAL)?;
        ensure!(sent == request.len(), "connection {index}: the request was not sent whole");
        Ok(Self { socket, handshake, head: Vec::new() })
    }

    /// Takes what is there; true when the server has accepted. What follows the response stays in `head`.
    fn proceed(&mut self, index: usize) -> Result<bool> {
        let mut buffer = [0; 4096];
        let received = match rustix::net::recv(&self.socket, &mut buffer, RecvFlags::DONTWAIT) {
            Ok((received, _)) => received,
            Err(Errno::AGAIN | Errno::INTR) => return Ok(false),
            Err(error) => return Err(error).with_context(|| format!("handshake {index}")),
        };
        ensure!(received > 0, "handshake {index}: the server closed the connection");
        self.head.extend_from_slice(&buffer[..received]);
        ensure!(self.head.len() <= HEAD_BYTES_MAX, "handshake {index}: no end of the head");
        match self.handshake.receive(&self.head) {
            Ok(None) => Ok(false),
            Ok(Some(accepted)) => {
                self.head.drain(..accepted.head_len);
                Ok(true)
            }
            Err(error) => Err(error).with_context(|| format!("handshake {index}")),
        }
    }
}

/// Opens `count` connections, numbered from 0 and watched by `poller`.
///
/// # Errors
/// One of them cannot be opened, or the server answers no handshake for ten seconds.
pub fn open(target: &Target, count: usize, poller: &mut Poller) -> Result<Vec<Connection>> {
    let mut openings: Vec<Option<Opening>> = Vec::with_capacity(count);
    let mut connections: Vec<Option<Connection>> = Vec::new();
    connections.resize_with(count, || None);
    let mut done = 0;
    let mut last_progress = Instant::now();
    while done < count {
        while openings.len() < count && openings.len() - done < HANDSHAKES_MAX {
            let opening = Opening::start(target, openings.len(), None)?;
            poller.add(&opening.socket, openings.len())?;
            openings.push(Some(opening));
        }
        let ready = poller.wait(Some(PATIENCE))?;
        for position in 0..ready {
            let Some(event) = poller.ready(position) else { continue };
            let Some(slot) = openings.get_mut(event.index) else { continue };
            if !slot.as_mut().map_or(Ok(false), |opening| opening.proceed(event.index))? {
                continue;
            }
            if let Some(Opening { socket, head, .. }) = slot.take() {
                connections[event.index] = Some(Connection::new(socket, event.index, &head));
                done += 1;
                last_progress = Instant::now();
            }
        }
        if last_progress.elapsed() > PATIENCE {
            bail!("only {done} of {count} handshakes were answered");
        }
    }
    Ok(connections.into_iter().flatten().collect())
}

/// Opens connections that nobody reads from after the handshake, with the smallest receive buffer that the kernel allows.
///
/// # Errors
/// As of [`open`].
pub fn open_deaf(target: &Target, count: usize) -> Result<Vec<OwnedFd>> {
    let mut poller = Poller::new()?;
    (0..count)
        .map(|index| {
            let mut opening = Opening::start(target, index, Some(1))?;
            poller.add(&opening.socket, index)?;
            let deadline = Instant::now() + PATIENCE;
            while !opening.proceed(index)? {
                ensure!(Instant::now() < deadline, "handshake {index} was not answered");
                poller.wait(Some(PATIENCE))?;
            }
            poller.remove(opening.socket.as_fd())?;
            Ok(opening.socket)
        })
        .collect()
}
