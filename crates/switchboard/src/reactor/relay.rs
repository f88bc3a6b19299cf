//! Ordinary HTTP under TLS. A worker serves it over one end of a socket pair; the reactor keeps the session, and carries
//! what comes over the other end. In both directions no more is read than has been passed on, so that a side that does not
//! read slows the other one down; each side's end is passed on, too.

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use rustix::fs::FileType;
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, Shutdown, SocketFlags, SocketType, recv, send, shutdown, socketpair,
};

use super::connection::{Hold, Phase};
use super::{READ_BYTES, Reactor, handshake, token};
use crate::admission::Refusal;
use crate::core::CoreRef;
use crate::decision::Accept;
use crate::places::{HttpPlace, UpgradePlace};
use crate::sys::{self, Interest};
use crate::{ConnectionId, Request, Transport};

/// Set in epoll's token of a relay's socket; the rest is that of the connection.
pub(super) const RELAY_TOKEN: u64 = 1 << 63;

/// What stands between a client and a worker.
#[derive(Debug)]
pub(super) struct Relay {
    /// None: the worker sends no more, and nothing is to reach it any more.
    pair: Option<Pair>,
    /// What the client has sent and the worker has no room for: at most one read's.
    to_worker: Vec<u8>,
    /// The client sends no more.
    client_ended: bool,
    pub(super) place: Arc<HttpPlace>,
}

#[derive(Debug)]
struct Pair {
    /// Our end.
    socket: OwnedFd,
    interest: Interest,
    /// The worker has closed its end: epoll is not asked about it any more, but there may be something to be read.
    hung_up: bool,
    _entry: RelayEntry,
}

impl Relay {
    /// Is what waits for the client the last that it is sent?
    pub(super) fn has_ended(&self) -> bool {
        self.pair.is_none()
    }

    /// Has the worker nothing to do with it any more?
    fn is_left(&self) -> bool {
        self.pair.as_ref().is_none_or(|pair| pair.hung_up)
    }
}

/// Whose the workers' ends of the pairs are: a connection that becomes a WebSocket late comes back as a socket.
#[derive(Debug, Default)]
pub(crate) struct Relays(Mutex<HashMap<SocketKey, (usize, ConnectionId)>>);

/// A socket, whichever process has it: the device and the inode.
type SocketKey = (u64, u64);

impl Relays {
    /// The reactor and the connection that a socket belongs to, if it is an end of a pair.
    pub(crate) fn find(&self, socket: impl AsFd) -> Option<(usize, ConnectionId)> {
        let socket = socket_key(socket).ok()?;
        self.lock().get(&socket).copied()
    }

    /// How many there are: of each, this process has one end besides the client's socket.
    pub(crate) fn len(&self) -> usize {
        self.lock().len()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<SocketKey, (usize, ConnectionId)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An entry among the relays, for as long as it lives.
#[derive(Debug)]
struct RelayEntry {
    core: CoreRef,
    theirs: SocketKey,
}

impl RelayEntry {
    fn take(core: &CoreRef, socket: &OwnedFd, reactor: usize, id: ConnectionId) -> io::Result<RelayEntry> {
        let theirs = socket_key(socket)?;
        core.relays.lock().insert(theirs, (reactor, id));
        Ok(RelayEntry { core: core.clone(), theirs })
    }
}

impl Drop for RelayEntry {
    fn drop(&mut self) {
        self.core.relays.lock().remove(&self.theirs);
    }
}

/// What is no socket may have any number.
fn socket_key(socket: impl AsFd) -> io::Result<SocketKey> {
    let stat = rustix::fs::fstat(socket)?;
    let is_socket = FileType::from_raw_mode(stat.st_mode) == FileType::Socket;
    if is_socket { Ok((stat.st_dev, stat.st_ino)) } else { Err(io::ErrorKind::InvalidInput.into()) }
}

impl Reactor {
    /// An ordinary request on a connection through TLS. It stays counted for its address: its sockets stay, too.
    pub(super) fn begin_relay(&mut self, key: u32, place: Arc<HttpPlace>, bytes: &[u8]) {
        let (relay, theirs) = match self.pair(key, &place) {
            Ok(pair) => pair,
            Err(error) => {
                tracing::warn!(%error, "cannot make a socket pair for an HTTP request");
                return self.refuse(key, &Refusal::Full);
            }
        };
        let connection = &mut self.connections[key as usize];
        connection.phase = Phase::Relay(Box::new(relay));
        if self.dispatch.serve_http(theirs, place, Bytes::copy_from_slice(bytes)).is_err() {
            self.connections[key as usize].phase = Phase::Head(None);
            self.refuse(key, &Refusal::Full);
        }
    }

    fn pair(&mut self, key: u32, place: &Arc<HttpPlace>) -> io::Result<(Relay, OwnedFd)> {
        let id = self.connections[key as usize].id;
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let (socket, theirs) = socketpair(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
        let entry = RelayEntry::take(&self.core, &theirs, self.index, id)?;
        let interest = Interest::READ;
        self.poller.add(&socket, token(key, id) | RELAY_TOKEN, interest)?;
        let pair = Some(Pair { socket, interest, hung_up: false, _entry: entry });
        Ok((Relay { pair, to_worker: Vec::new(), client_ended: false, place: place.clone() }, theirs))
    }

    fn relay(&mut self, key: u32) -> Option<&mut Relay> {
        match &mut self.connections.get_mut(key as usize)?.phase {
            Phase::Relay(relay) => Some(relay),
            _ => None,
        }
    }

    /// The worker's side can be read or written.
    pub(super) fn handle_relay(&mut self, key: u32, event: sys::Event) {
        let current = self.connections.get(key as usize);
        if current.is_none_or(|connection| token(key, connection.id) | RELAY_TOKEN != event.token) {
            return;
        }
        let Some(relay) = self.relay(key) else { return };
        if event.writable && !relay.to_worker.is_empty() {
            let bytes = std::mem::take(&mut relay.to_worker);
            self.relay_input(key, &bytes);
        }
        let current = self.connections.get_mut(key as usize);
        let Some(Phase::Relay(relay)) = current.map(|found| &mut found.phase) else { return };
        let Some(pair) = &mut relay.pair else { return };
        let reads = pair.interest.read;
        if event.hung_up && !pair.hung_up {
            pair.hung_up = true;
            // It would be reported again and again.
            let _ = self.poller.remove(&pair.socket);
            self.limit_relay(key);
            self.mark_dirty(key);
        }
        if event.readable && reads {
            self.relay_output(key);
        }
    }

    /// What the client has sent goes to the worker.
    pub(super) fn relay_input(&mut self, key: u32, bytes: &[u8]) {
        let Some(relay) = self.relay(key) else { return };
        let Some(pair) = &relay.pair else { return self.relay_input_done(key) };
        let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
        match send(&pair.socket, bytes, flags) {
            Ok(len) if len == bytes.len() => self.relay_input_done(key),
            sent @ (Ok(_) | Err(Errno::AGAIN | Errno::INTR)) => {
                relay.to_worker = bytes[sent.unwrap_or(0)..].to_vec();
                self.hold(key, Hold::RELAY);
                self.watch_relay(key);
            }
            // The worker has closed its end and does not want to know; what it has said is still carried.
            Err(_) => self.relay_input_done(key),
        }
    }

    fn relay_input_done(&mut self, key: u32) {
        let Some(relay) = self.relay(key) else { return };
        match &relay.pair {
            Some(pair) if relay.client_ended => drop(shutdown(&pair.socket, Shutdown::Write)),
            _ if relay.client_ended => {}
            _ => self.release(key, Hold::RELAY),
        }
        self.watch_relay(key);
    }

    /// The client sends no more. What it is sent may go on.
    pub(super) fn relay_client_ended(&mut self, key: u32) {
        let Some(relay) = self.relay(key) else { return };
        if std::mem::replace(&mut relay.client_ended, true) {
            return;
        }
        let done = relay.to_worker.is_empty();
        // There is nothing to be read any more, which epoll would report again and again.
        self.hold(key, Hold::RELAY);
        if done {
            self.relay_input_done(key);
        }
    }

    /// What the worker has sent joins the connection's output. There is one read's at a time.
    fn relay_output(&mut self, key: u32) {
        let mut buffer = std::mem::take(&mut self.read_buffer);
        if let Some(relay) = self.relay(key)
            && let Some(pair) = &relay.pair
        {
            match recv(&pair.socket, &mut buffer[..], RecvFlags::DONTWAIT) {
                Ok((len @ 1.., _)) => self.push_control(key, |out| out.extend_from_slice(&buffer[..len])),
                Err(Errno::AGAIN | Errno::INTR) if !pair.hung_up => {}
                // Its end, in one way or another: the pair is of no more use.
                _ => {
                    relay.pair = None;
                    relay.to_worker = Vec::new();
                    self.limit_relay(key);
                    self.mark_dirty(key);
                }
            }
        }
        self.read_buffer = buffer;
    }

    /// Something has left, or all: the worker may send more, or has sent all.
    pub(super) fn relay_flushed(&mut self, key: u32) {
        let connection = &self.connections[key as usize];
        let empty = connection.output.is_none() && !connection.blocked;
        let Some(relay) = self.relay(key) else { return };
        match &relay.pair {
            None if empty => self.relay_said_all(key),
            Some(pair) if empty && pair.hung_up => self.relay_output(key),
            _ => self.watch_relay(key),
        }
    }

    /// All that the worker has sent has left, close_notify too.
    fn relay_said_all(&mut self, key: u32) {
        let Some(relay) = self.relay(key) else { return };
        let linger = !relay.client_ended && self.stopping.is_none();
        // That was the limit of reading a response; closing has its own.
        self.connections[key as usize].deadline_ms = u64::MAX;
        self.drain(key, linger);
    }

    fn watch_relay(&mut self, key: u32) {
        let connection = &mut self.connections[key as usize];
        let (id, has_output) = (connection.id, connection.output.is_some() || connection.blocked);
        let Phase::Relay(relay) = &mut connection.phase else { return };
        let Some(pair) = &mut relay.pair else { return };
        let wanted = Interest { read: !has_output, write: !relay.to_worker.is_empty() };
        if wanted != pair.interest && !pair.hung_up {
            match self.poller.modify(&pair.socket, token(key, id) | RELAY_TOKEN, wanted) {
                Ok(()) => pair.interest = wanted,
                Err(error) => self.transport_failed(key, &error.to_string()),
            }
        }
    }

    /// The worker has gone: its limit for a client that reads nothing does not hold any more, ours does.
    fn limit_relay(&mut self, key: u32) {
        let limit_ms = self.core.config.http_timeout.as_millis() as u64;
        let deadline_ms = self.now_ms + limit_ms;
        self.connections[key as usize].deadline_ms = deadline_ms;
        self.takes_output(key);
        self.schedule(key, deadline_ms);
    }

    pub(super) fn relay_due(&mut self, key: u32) {
        let deadline_ms = self.connections[key as usize].deadline_ms;
        if self.relay(key).is_none_or(|relay| !relay.is_left()) {
            return;
        }
        if self.now_ms < deadline_ms {
            self.schedule(key, deadline_ms);
        } else if self.takes_output(key) {
            self.limit_relay(key);
        } else {
            self.transport_failed(key, "the client reads nothing of its response");
        }
    }

    /// A connection that has served requests has become a WebSocket: the session stays, the pair goes. `theirs` is the worker's
    /// end, and `unread` came after the request. None: it has ended.
    pub(super) fn end_relay(
        &mut self,
        key: u32,
        theirs: &OwnedFd,
        request: Request,
        accept: Accept,
        unread: &[u8],
        place: UpgradePlace,
    ) -> Option<u32> {
        let relay = self.relay(key)?;
        let (pair, to_worker) = (relay.pair.take()?, std::mem::take(&mut relay.to_worker));
        self.connections[key as usize].phase = Phase::Head(None);
        // The response 101 is among what the worker has sent: it hands the socket back after it.
        let mut sent = Vec::new();
        read_all(&pair.socket, &mut sent);
        self.push_control(key, |out| out.extend_from_slice(&sent));
        let mut unread = unread.to_vec();
        read_all(theirs, &mut unread);
        unread.extend_from_slice(&to_worker);
        let connection = &mut self.connections[key as usize];
        let entry = self.core.table.slot(connection.id);
        // It has counted for its address all the time, unless a proxy speaks for the client: then that one does.
        if place.pass_on() {
            if std::mem::replace(&mut connection.counted, true) {
                self.core.release_address(&entry.peer());
            }
            entry.set_peer(&request.peer());
        } else if !connection.counted {
            entry.set_peer(&request.peer());
        }
        connection.has_place = true;
        connection.deadline_ms = u64::MAX;
        connection.hold = Hold::default();
        connection.stash = (!unread.is_empty()).then(|| Box::new(unread));
        let deflate = handshake::agreed(&self.core.config, &request);
        self.open(key, request.with_transport(Transport::Tls), accept, deflate);
        Some(key)
    }
}

/// Everything that can be read at once: what the kernel keeps for a socket is bounded.
fn read_all(socket: &OwnedFd, bytes: &mut Vec<u8>) {
    loop {
        let before = bytes.len();
        bytes.resize(before + READ_BYTES, 0);
        let read = recv(socket, &mut bytes[before..], RecvFlags::DONTWAIT);
        bytes.truncate(before + read.map_or(0, |(len, _)| len));
        match read {
            Ok((1.., _)) | Err(Errno::INTR) => {}
            _ => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_socket_has_a_key() {
        let (one, other) = std::os::unix::net::UnixStream::pair().unwrap();
        assert_ne!(socket_key(&one).unwrap(), socket_key(&other).unwrap());
        assert_eq!(socket_key(&one).unwrap(), socket_key(one.try_clone().unwrap()).unwrap());
        let file = std::fs::File::open("/proc/self/exe").unwrap();
        assert!(socket_key(file).is_err());
    }
}
