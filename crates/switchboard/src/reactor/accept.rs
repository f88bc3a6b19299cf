//! Accepting, and what to do when that fails.

use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use rustix::io::Errno;
use rustix::net::{Shutdown, SocketFlags, acceptfrom_with, send, shutdown};

use super::connection::{Link, Phase};
use super::{Adopted, Reactor, Timer};
use crate::PeerAddr;
use crate::admission::Refusal;
use crate::command::Command;
use crate::listener::{ListenAddr, Listener};
use crate::table::Counters;

/// Connections that one listener accepts in one turn of the loop.
const ACCEPTS_MAX: usize = 64;
/// How long a listener that cannot accept is left alone.
const BACK_OFF_MS: u64 = 100;
/// How many more sockets than the least loaded reactor this one may have before it passes new ones on.
const IMBALANCE_MAX: u64 = 8;

/// A listener as one reactor sees it.
#[derive(Debug)]
pub(super) struct Accepting {
    listeners: Arc<[Listener]>,
    index: usize,
    backing_off: bool,
}

/// A connection that has just been accepted.
#[derive(Debug)]
pub(crate) struct Arrival {
    pub(super) socket: OwnedFd,
    pub(super) peer: PeerAddr,
    /// A PROXY header comes first.
    pub(super) proxy_protocol: bool,
    /// It will speak TLS.
    pub(super) is_tls: bool,
    /// It is counted for its peer's address.
    pub(super) counted: bool,
}

/// accept(2)'s errors, by what they call for.
enum AcceptError {
    /// Nobody is waiting.
    Nobody,
    /// That one connection is gone; the next may be well.
    Transient,
    /// Descriptors or memory are used up: wait until some are free.
    Exhausted(Errno),
    /// Something that should not be.
    Unexpected(Errno),
}

impl From<Errno> for AcceptError {
    fn from(error: Errno) -> AcceptError {
        match error {
            Errno::AGAIN => AcceptError::Nobody,
            Errno::INTR | Errno::CONNABORTED | Errno::PROTO | Errno::PERM => AcceptError::Transient,
            // Errors of the new connection's network, which Linux reports here (accept(2)).
            Errno::NETDOWN | Errno::NOPROTOOPT | Errno::HOSTDOWN | Errno::NONET => AcceptError::Transient,
            Errno::HOSTUNREACH | Errno::OPNOTSUPP | Errno::NETUNREACH => AcceptError::Transient,
            Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM => AcceptError::Exhausted(error),
            _ => AcceptError::Unexpected(error),
        }
    }
}

impl Reactor {
    pub(super) fn listen(&mut self, listeners: &Arc<[Listener]>) {
        // A stop has been quicker.
        if self.stopping.is_some() {
            return;
        }
        for index in 0..listeners.len() {
            self.accepting.push(Accepting { listeners: listeners.clone(), index, backing_off: false });
            self.listen_again(index);
        }
    }

    pub(super) fn accept(&mut self, index: usize) {
        for _ in 0..ACCEPTS_MAX {
            let Some(accepting) = self.accepting.get(index) else { return };
            match accept(&accepting.listeners[accepting.index]) {
                Ok((socket, peer)) => {
                    let listener = &accepting.listeners[accepting.index];
                    let (proxy_protocol, is_tls) = (listener.proxy_protocol, self.is_tls(&listener.address));
                    self.recovered(index);
                    self.accepted(Arrival { socket, peer, proxy_protocol, is_tls, counted: false });
                }
                Err(AcceptError::Nobody) => return,
                // Another reactor has shut the listener already.
                Err(_) if self.core.is_stopping() => return,
                Err(AcceptError::Transient) => {}
                Err(AcceptError::Exhausted(error)) => return self.back_off(index, error),
                Err(AcceptError::Unexpected(error)) => {
                    let address = &accepting.listeners[accepting.index].address;
                    tracing::error!(%error, %address, "cannot accept");
                    return self.back_off(index, error);
                }
            }
        }
    }

    /// Unix sockets stay plain.
    fn is_tls(&self, address: &ListenAddr) -> bool {
        matches!(address, ListenAddr::Inet(_)) && self.core.certificates.is_some()
    }

    fn accepted(&mut self, mut arrival: Arrival) {
        Counters::add(&self.core.counters().accepted, 1);
        if !self.core.has_socket() {
            Counters::add(&self.core.counters().refused, 1);
            return refuse_arrival(&arrival, &Refusal::Full);
        }
        if arrival.proxy_protocol {
            if !self.may_send_proxy_header(&arrival.peer) {
                return;
            }
        } else {
            match self.core.admit_address(&arrival.peer) {
                Ok(counted) => arrival.counted = counted,
                Err(refusal) => {
                    Counters::add(&self.core.counters().refused, 1);
                    return refuse_arrival(&arrival, &refusal);
                }
            }
        }
        let loads = self.core.loads().enumerate();
        let (least, load) = loads.min_by_key(|(_, load)| *load).unwrap_or((self.index, 0));
        let own = self.core.load(self.index).load(Ordering::Relaxed);
        if own > load + IMBALANCE_MAX {
            let adopted = Box::new(Adopted::Accepted(arrival));
            let _ = self.core.inboxes[least].send_always(Command::Adopt(adopted));
        } else {
            self.begin_handshake(arrival);
        }
    }

    pub(super) fn begin_handshake(&mut self, arrival: Arrival) {
        let Arrival { socket, peer, proxy_protocol, is_tls, counted } = arrival;
        let phase = if proxy_protocol { Phase::Proxy(None) } else { Phase::Head(None) };
        let link = if is_tls { Link::Awaited } else { Link::Plain };
        match self.insert(socket, peer, phase, link) {
            Some(key) => {
                self.connections[key as usize].counted = counted;
                self.schedule(key, self.now_ms + self.core.config.handshake_timeout.as_millis() as u64);
            }
            None if counted => self.core.release_address(&peer),
            None => {}
        }
    }

    /// A level-triggered listener that cannot accept would keep the loop busy.
    fn back_off(&mut self, index: usize, error: Errno) {
        let accepting = &mut self.accepting[index];
        let listener = &accepting.listeners[accepting.index];
        if !accepting.backing_off {
            accepting.backing_off = true;
            let address = &listener.address;
            tracing::warn!(%error, %address, "no new connections until descriptors or memory are free again");
        }
        let _ = self.poller.remove(&listener.socket);
        self.wheel.schedule(self.now_ms + BACK_OFF_MS, Timer::Listener { index });
    }

    pub(super) fn listen_again(&mut self, index: usize) {
        let Some(accepting) = self.accepting.get_mut(index) else { return };
        let listener = &accepting.listeners[accepting.index];
        match self.poller.add_exclusive(&listener.socket, 1 + index as u64) {
            Ok(()) => {}
            Err(error) => {
                tracing::error!(%error, address = %listener.address, "cannot listen; trying on");
                self.wheel.schedule(self.now_ms + BACK_OFF_MS, Timer::Listener { index });
            }
        }
    }

    fn recovered(&mut self, index: usize) {
        let accepting = &mut self.accepting[index];
        if std::mem::take(&mut accepting.backing_off) {
            let address = &accepting.listeners[accepting.index].address;
            tracing::info!(%address, "accepting new connections again");
        }
    }

    pub(super) fn stop_listening(&mut self) {
        for accepting in self.accepting.drain(..) {
            let socket = &accepting.listeners[accepting.index].socket;
            let _ = self.poller.remove(socket);
            // Others may hold the socket still; the kernel is to refuse clients from now on, not to queue them.
            let _ = shutdown(socket, Shutdown::Both);
        }
    }
}

fn accept(listener: &Listener) -> Result<(OwnedFd, PeerAddr), AcceptError> {
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let (socket, address) = acceptfrom_with(&listener.socket, flags)?;
    let peer = match (&listener.address, address.map(SocketAddr::try_from)) {
        (ListenAddr::Inet(_), Some(Ok(address))) => {
            PeerAddr::Inet(SocketAddr::new(address.ip().to_canonical(), address.port()))
        }
        (ListenAddr::Inet(_), _) => return Err(AcceptError::Transient),
        (ListenAddr::Unix(_), _) => PeerAddr::Unix,
    };
    Ok((socket, peer))
}

/// Nobody can take the request: answer it unread.
pub(super) fn refuse(socket: &OwnedFd, refusal: &Refusal) {
    let mut response = Vec::new();
    refusal.write(&mut response);
    send_and_end(socket, &response);
}

/// The same where the client can be told nothing in its own language yet: an alert, fatal, internal_error (RFC 8446 §6).
pub(super) fn refuse_secure(socket: &OwnedFd) {
    send_and_end(socket, &[0x15, 0x03, 0x03, 0x00, 0x02, 0x02, 0x50]);
}

fn refuse_arrival(arrival: &Arrival, refusal: &Refusal) {
    if arrival.is_tls { refuse_secure(&arrival.socket) } else { refuse(&arrival.socket, refusal) }
}

fn send_and_end(socket: &OwnedFd, response: &[u8]) {
    let flags = rustix::net::SendFlags::NOSIGNAL | rustix::net::SendFlags::DONTWAIT;
    let _ = send(socket, response, flags);
    let _ = shutdown(socket, Shutdown::Write);
    // What has arrived already would turn the close into a reset, which can overtake the response.
    let mut unread = [0u8; 4_096];
    let _ = rustix::net::recv(socket, &mut unread, rustix::net::RecvFlags::DONTWAIT);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_error_of_accept_has_its_class() {
        let class = |error| match AcceptError::from(error) {
            AcceptError::Nobody => "nobody",
            AcceptError::Transient => "transient",
            AcceptError::Exhausted(_) => "exhausted",
            AcceptError::Unexpected(_) => "unexpected",
        };
        for (errors, expected) in [
            (&[Errno::AGAIN][..], "nobody"),
            (&[Errno::INTR, Errno::CONNABORTED, Errno::PROTO, Errno::PERM], "transient"),
            (&[Errno::NETDOWN, Errno::NOPROTOOPT, Errno::HOSTDOWN, Errno::NONET], "transient"),
            (&[Errno::HOSTUNREACH, Errno::OPNOTSUPP, Errno::NETUNREACH], "transient"),
            (&[Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM], "exhausted"),
            (&[Errno::BADF, Errno::INVAL, Errno::NOTSOCK, Errno::FAULT], "unexpected"),
        ] {
            assert!(errors.iter().all(|error| class(*error) == expected), "{errors:?}");
        }
    }
}
