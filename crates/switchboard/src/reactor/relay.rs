//! Ordinary HTTP under TLS. A worker serves it over one end of a socket pair; the reactor keeps the session, and carries
//! what comes over the other end. In both directions no more is read than has been passed on, so that a side that does not
//! read slows the other one down; each side's end is passed on, too.

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, Shutdown, SocketFlags, SocketType, recv, send, shutdown, socketpair,
};

use super::connection::{Hold, Phase};
use super::{READ_BYTES, Reactor, handshake, token};
use crate::admission::Refusal;
use crate::core::Core;
use crate::decision::Accept;
use crate::sys::{self, Interest};
use crate::{ConnectionId, Request, Transport};

/// Set in epoll's token of a relay's socket; the rest is that of the connection.
pub(super) const RELAY_TOKEN: u64 = 1 << 63;

/// What stands between a client and a worker.
#[derive(Debug)]
pub(super) struct Relay {
    /// Our end of the pair.
    socket: OwnedFd,
    interest: Interest,
    /// What the client has sent and the worker has no room for: at most one read's.
    to_worker: Vec<u8>,
    /// The client sends no more.
    client_ended: bool,
    /// The worker sends no more.
    worker_ended: bool,
    /// The worker has closed its end: nothing reaches it any more, and epoll is not asked about it.
    hung_up: bool,
    /// The client has been told that no more comes.
    told: bool,
    _place: RelayPlace,
}

impl Relay {
    /// Is what waits for the client the last that it is sent?
    pub(super) fn has_ended(&self) -> bool {
        self.worker_ended
    }
}

/// Whose the workers' ends of the pairs are: a connection that becomes a WebSocket late comes back as a socket.
#[derive(Debug, Default)]
pub(crate) struct Relays(Mutex<HashMap<u64, (usize, ConnectionId)>>);

impl Relays {
    /// The reactor and the connection that a socket belongs to, if it is an end of a pair.
    pub(crate) fn find(&self, socket: impl AsFd) -> Option<(usize, ConnectionId)> {
        let inode = inode(socket).ok()?;
        self.lock().get(&inode).copied()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, (usize, ConnectionId)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An entry among the relays, for as long as it lives.
#[derive(Debug)]
struct RelayPlace {
    core: Arc<Core>,
    inode: u64,
}

impl RelayPlace {
    fn take(core: &Arc<Core>, socket: &OwnedFd, reactor: usize, id: ConnectionId) -> io::Result<RelayPlace> {
        let inode = inode(socket)?;
        core.relays.lock().insert(inode, (reactor, id));
        Ok(RelayPlace { core: core.clone(), inode })
    }
}

impl Drop for RelayPlace {
    fn drop(&mut self) {
        self.core.relays.lock().remove(&self.inode);
    }
}

fn inode(socket: impl AsFd) -> io::Result<u64> {
    Ok(rustix::fs::fstat(socket)?.st_ino)
}

impl Reactor {
    /// An ordinary request on a connection through TLS. An HTTP place has been taken for it.
    pub(super) fn begin_relay(&mut self, key: u32, bytes: &[u8]) {
        let id = self.connections[key as usize].id;
        let peer = self.entry(id).peer();
        // From now on it is counted with its HTTP place.
        self.connections[key as usize].counted = false;
        let (relay, theirs) = match self.pair(key) {
            Ok(pair) => pair,
            Err(error) => {
                tracing::warn!(%error, "cannot make a socket pair for an HTTP request");
                self.core.give_http_place_back(&peer);
                return self.refuse(key, &Refusal::Full);
            }
        };
        self.connections[key as usize].phase = Phase::Relay(Box::new(relay));
        let read = Bytes::copy_from_slice(bytes);
        if self.dispatch.serve_http(theirs, peer, Transport::Tls, read).is_err() {
            self.core.give_http_place_back(&peer);
            self.refuse(key, &Refusal::Full);
        }
    }

    fn pair(&mut self, key: u32) -> io::Result<(Relay, OwnedFd)> {
        let id = self.connections[key as usize].id;
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let (socket, theirs) = socketpair(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
        let place = RelayPlace::take(&self.core, &theirs, self.index, id)?;
        let interest = Interest::READ;
        self.poller.add(&socket, token(key, id) | RELAY_TOKEN, interest)?;
        let relay = Relay {
            socket,
            interest,
            to_worker: Vec::new(),
            client_ended: false,
            worker_ended: false,
            hung_up: false,
            told: false,
            _place: place,
        };
        Ok((relay, theirs))
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
        if event.hung_up && !relay.hung_up {
            relay.hung_up = true;
            // It would be reported again and again.
            let _ = self.poller.remove(&relay.socket);
        }
        let reads = relay.interest.read;
        if event.hung_up {
            self.limit_relay(key);
        }
        if event.readable && reads {
            self.relay_output(key);
        }
    }

    /// What the client has sent goes to the worker.
    pub(super) fn relay_input(&mut self, key: u32, bytes: &[u8]) {
        let Some(relay) = self.relay(key) else { return };
        let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
        match send(&relay.socket, bytes, flags) {
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
        if relay.client_ended {
            let _ = shutdown(&relay.socket, Shutdown::Write);
        } else {
            self.release(key, Hold::RELAY);
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
        if let Some(relay) = self.relay(key) {
            match recv(&relay.socket, &mut buffer[..], RecvFlags::DONTWAIT) {
                Ok((len @ 1.., _)) => self.push_control(key, |out| out.extend_from_slice(&buffer[..len])),
                Err(Errno::AGAIN | Errno::INTR) if !relay.hung_up => {}
                // Its end, in one way or another.
                _ => {
                    relay.worker_ended = true;
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
        if empty && relay.worker_ended {
            return self.relay_said_all(key);
        }
        if empty && relay.hung_up {
            return self.relay_output(key);
        }
        self.watch_relay(key);
    }

    /// All that the worker has sent has left, close_notify too.
    fn relay_said_all(&mut self, key: u32) {
        let Some(relay) = self.relay(key) else { return };
        let told = std::mem::replace(&mut relay.told, true);
        let over = relay.hung_up || relay.client_ended;
        let linger = !relay.client_ended && self.stopping.is_none();
        if over {
            return self.drain(key, linger);
        }
        if !told {
            let _ = shutdown(&self.connections[key as usize].socket, Shutdown::Write);
        }
        self.watch_relay(key);
    }

    fn watch_relay(&mut self, key: u32) {
        let connection = &mut self.connections[key as usize];
        let (id, has_output) = (connection.id, connection.output.is_some() || connection.blocked);
        let Phase::Relay(relay) = &mut connection.phase else { return };
        let read = !has_output && !relay.worker_ended;
        let wanted = Interest { read, write: !relay.to_worker.is_empty() };
        if wanted != relay.interest && !relay.hung_up {
            match self.poller.modify(&relay.socket, token(key, id) | RELAY_TOKEN, wanted) {
                Ok(()) => relay.interest = wanted,
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
        if self.relay(key).is_none_or(|relay| !relay.hung_up) {
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
    /// end, and `unread` came after the request.
    pub(super) fn end_relay(
        &mut self,
        key: u32,
        theirs: &OwnedFd,
        request: Request,
        accept: Accept,
        unread: &[u8],
    ) {
        let phase = std::mem::replace(&mut self.connections[key as usize].phase, Phase::Head(None));
        let Phase::Relay(relay) = phase else { return };
        // The response 101 is among what the worker has sent: it hands the socket back after it.
        let mut sent = Vec::new();
        read_all(&relay.socket, &mut sent);
        self.push_control(key, |out| out.extend_from_slice(&sent));
        let mut unread = unread.to_vec();
        read_all(theirs, &mut unread);
        unread.extend_from_slice(&relay.to_worker);
        let connection = &mut self.connections[key as usize];
        self.core.table.slot(connection.id).set_peer(&request.peer());
        connection.has_place = true;
        connection.deadline_ms = u64::MAX;
        connection.hold = Hold::default();
        connection.stash = (!unread.is_empty()).then(|| Box::new(unread));
        // It was let in already, as an HTTP connection.
        connection.counted = self.core.count_address(&request.peer());
        let deflate = handshake::agreed(&self.core.config, &request);
        self.open(key, request.with_transport(Transport::Tls), accept, deflate);
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
