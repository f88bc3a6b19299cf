//! Opens many connections, a bounded number of handshakes at a time.

use std::fmt;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rustix::net::{AddressFamily, SocketType, sockopt};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use switchboard_proto::deflate::{Offer, Parameters};
use switchboard_proto::handshake::ClientHandshake;

use super::channel::Channel;
use super::connection::Connection;
use super::dialect::Dialect;
use super::greet::greeting;
use crate::poller::Poller;

/// Handshakes that wait for their answer at once; below the smallest usual accept queue (128), so that no SYN is dropped.
const HANDSHAKES_MAX: usize = 100;

/// How long no handshake may make progress.
const PATIENCE: Duration = Duration::from_secs(10);

/// Largest response head.
const HEAD_BYTES_MAX: usize = 16 * 1024;

/// Read at once during a handshake; more than a TLS session has decrypted then, so that nothing stays behind in it.
const HANDSHAKE_BYTES: usize = 32 * 1024;

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

    /// Whom the certificate has to be of.
    fn server_name(&self) -> Result<ServerName<'static>> {
        Ok(match self {
            Self::Tcp(address) => ServerName::IpAddress(address.ip().into()),
            Self::Unix(_) => ServerName::try_from("localhost")?,
        })
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

/// How connections are opened.
#[derive(Clone, Debug)]
pub struct Dialer {
    /// Where to.
    pub target: Target,
    /// How the server wants to be spoken to.
    pub dialect: Dialect,
    /// Into how many the people of a chat are divided: connection `n` is in room `n % rooms`. 1 where there are none.
    pub rooms: usize,
    /// Compression is offered as browsers do; a server that does not take the offer is an error.
    pub deflate: bool,
    /// TLS, and who is trusted.
    pub tls: Option<Arc<ClientConfig>>,
}

/// A connection that nobody reads from; it closes when this is dropped.
pub struct Deaf {
    _channel: Channel,
}

/// A handshake whose answer has not come.
struct Opening {
    channel: Channel,
    handshake: ClientHandshake,
    head: Vec<u8>,
    deflate: Option<Parameters>,
}

impl Opening {
    fn start(dialer: &Dialer, index: usize, receive_buffer: Option<usize>) -> Result<Self> {
        let target = &dialer.target;
        let socket =
            target.connect(receive_buffer).with_context(|| format!("connection {index} to {target}"))?;
        let mut nonce = [0; 16];
        nonce[..8].copy_from_slice(&(index as u64).to_le_bytes());
        let (path, subprotocol) = dialer.dialect.request();
        let mut handshake = ClientHandshake::new(&target.host(), path, nonce);
        if let Some(name) = subprotocol {
            handshake = handshake.protocol(name);
        }
        if dialer.deflate {
            // Nothing else, and the server may choose the window of what it is sent: the offer of browsers.
            handshake = handshake.deflate(Offer { client_max_window_bits: Some(15), ..Offer::default() });
        }
        let request = handshake.request();
        let server_name = target.server_name()?;
        let mut channel = Channel::new(socket, dialer.tls.as_ref().map(|config| (config, server_name)))?;
        ensure!(
            channel.send(&request)? == request.len(),
            "connection {index}: the request was not sent whole"
        );
        Ok(Self { channel, handshake, head: Vec::new(), deflate: None })
    }

    /// Takes what is there; true when the server has accepted. What follows the response stays in `head`.
    fn proceed(&mut self, index: usize) -> Result<bool> {
        let mut buffer = [0; HANDSHAKE_BYTES];
        let received = match self.channel.recv(&mut buffer) {
            Ok(received) => received,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {
                return Ok(false);
            }
            Err(error) => return Err(error).with_context(|| format!("handshake {index}")),
        };
        ensure!(received > 0, "handshake {index}: the server closed the connection");
        self.head.extend_from_slice(&buffer[..received]);
        match self.handshake.receive(&self.head) {
            Ok(None) if self.head.len() > HEAD_BYTES_MAX => bail!("handshake {index}: no end of the head"),
            Ok(None) => Ok(false),
            Ok(Some(accepted)) => {
                self.head.drain(..accepted.head_len);
                self.deflate = accepted.deflate;
                Ok(true)
            }
            Err(error) => Err(error).with_context(|| format!("handshake {index}")),
        }
    }
}

impl Dialer {
    /// Opens `count` connections, numbered from 0 and watched by `poller`.
    ///
    /// # Errors
    /// One of them cannot be opened, or the server answers no handshake for ten seconds.
    pub fn open(&self, count: usize, poller: &mut Poller) -> Result<Vec<Connection>> {
        let mut openings: Vec<Option<Opening>> = Vec::with_capacity(count);
        let mut connections: Vec<Option<Connection>> = Vec::new();
        connections.resize_with(count, || None);
        let mut done = 0;
        let mut last_progress = Instant::now();
        while done < count {
            while openings.len() < count && openings.len() - done < HANDSHAKES_MAX {
                let opening = Opening::start(self, openings.len(), None)?;
                poller.add(&opening.channel, openings.len())?;
                openings.push(Some(opening));
            }
            let ready = poller.wait(Some(PATIENCE))?;
            for position in 0..ready {
                let Some(event) = poller.ready(position) else { continue };
                let Some(slot) = openings.get_mut(event.index) else { continue };
                if !slot.as_mut().map_or(Ok(false), |opening| opening.proceed(event.index))? {
                    continue;
                }
                if let Some(Opening { channel, head, deflate, .. }) = slot.take() {
                    ensure!(deflate.is_some() || !self.deflate, "the server does not compress");
                    connections[event.index] = Some(Connection::new(channel, event.index, &head, deflate));
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
    /// As of [`open`](Self::open).
    pub fn open_deaf(&self, count: usize) -> Result<Vec<Deaf>> {
        let mut poller = Poller::new()?;
        (0..count)
            .map(|index| {
                let mut opening = Opening::start(self, index, Some(1))?;
                poller.add(&opening.channel, index)?;
                let deadline = Instant::now() + PATIENCE;
                while !opening.proceed(index)? {
                    ensure!(Instant::now() < deadline, "handshake {index} was not answered");
                    poller.wait(Some(PATIENCE))?;
                }
                let greeting = greeting(self.dialect, index, 1);
                ensure!(
                    opening.channel.send(&greeting)? == greeting.len(),
                    "connection {index}: the greeting was not sent whole"
                );
                poller.remove(opening.channel.as_fd())?;
                Ok(Deaf { _channel: opening.channel })
            })
            .collect()
    }
}
