//! Reading: bytes from sockets become events.

use std::task::Context;

use rustix::io::{Errno, ioctl_fionread};
use rustix::net::{RecvFlags, recv};
use switchboard_proto as proto;

use super::Reactor;
use super::close::End;
use super::connection::{Hold, Link, Phase};
use super::inflate;
use crate::ConnectionId;
use crate::event::Flow;
use crate::worker::Payload;

/// What one connection may have done in one turn of the loop, in frames, with 16 deliveries of what its messages have published for one:
/// a buffer of empty messages holds ten thousand.
const READ_WORK_MAX: usize = 1_024;
/// The same for all connections together; those that it does not suffice for are read first in the next turn.
pub(super) const READ_TURN_WORK_MAX: usize = 8 << 10;

impl Reactor {
    /// One receive. If there is more, epoll says so again in the next turn, after everybody else has had theirs.
    pub(super) fn read(&mut self, key: u32) {
        let connection = &self.connections[key as usize];
        // What cannot be taken is left in the kernel, where it costs no copy and holds up the client.
        if connection.is_open() && !self.dispatch.has_room(connection.id) {
            let unread = ioctl_fionread(&connection.socket).unwrap_or(u64::MAX);
            if self.dispatch.has_to_wait(connection.id, unread) {
                return self.hold(key, Hold::HANDLER);
            }
        }
        // A PROXY header comes before TLS begins.
        let plain = matches!(connection.phase, Phase::Proxy(_) | Phase::Draining { .. });
        if matches!(connection.link, Link::Awaited | Link::Tls) && !plain {
            return self.read_secure(key);
        }
        let most = self.bytes_allowed(key);
        let mut buffer = std::mem::take(&mut self.read_buffer);
        let most = most.min(buffer.len());
        let connection = &self.connections[key as usize];
        match recv(&connection.socket, &mut buffer[..most], RecvFlags::DONTWAIT) {
            Ok((0, _)) => self.transport_failed(key, "the client closed the transport"),
            Ok((len, _)) => {
                self.entry(connection.id).received(len, self.now_ms);
                self.tally.received_bytes += len as u64;
                self.count_bytes(key, len);
                let id = self.connections[key as usize].id;
                self.take_input(key, &mut buffer[..len]);
                if self.is_still(key, id) {
                    self.throttle_bytes(key);
                }
            }
            Err(Errno::AGAIN) if connection.hung_up => self.transport_failed(key, "the client is gone"),
            Err(Errno::AGAIN | Errno::INTR) => {}
            Err(error) => self.transport_failed(key, &error.to_string()),
        }
        self.read_buffer = buffer;
    }

    /// Bytes of a connection that nobody has looked at.
    pub(super) fn take_input(&mut self, key: u32, bytes: &mut [u8]) {
        match self.connections[key as usize].phase {
            Phase::Proxy(_) => self.read_proxy_header(key, bytes),
            Phase::Head(_) => self.read_head(key, bytes),
            Phase::Open | Phase::Closing => self.read_frames(key, bytes),
            Phase::Authorizing(_) => self.stash(key, bytes),
            Phase::Relay(_) => self.relay_input(key, bytes),
            Phase::Draining { .. } => {}
        }
    }

    /// Has the key not come to mean another connection, or none?
    pub(super) fn is_still(&self, key: u32, id: ConnectionId) -> bool {
        self.connections.get(key as usize).is_some_and(|found| found.id == id)
    }

    /// Messages in a connection's bytes, up to what it may have done in one turn.
    fn read_frames(&mut self, key: u32, bytes: &mut [u8]) {
        self.read_messages(key, bytes);
        self.carry_out_local();
    }

    fn read_messages(&mut self, key: u32, bytes: &mut [u8]) {
        let id = self.connections[key as usize].id;
        let (mut at, end) = (0, self.work + READ_WORK_MAX);
        // What handlers of others have asked for may concern this connection.
        self.carry_out_local();
        // The connection may be closed by the handler of one of its messages, and its key be used again.
        while self.takes_frames(key, id) {
            if at < bytes.len() && !self.goes_on(key, id, end) {
                if self.takes_frames(key, id) {
                    self.stash(key, &bytes[at..]);
                }
                return;
            }
            let slice = self.slice();
            let connection = &mut self.connections[key as usize];
            let session = connection.session();
            let mut left = slice;
            let received =
                match connection.protocol.receive_within(&mut bytes[at..], &mut self.codec, &mut left) {
                    Ok(received) => received,
                    Err(error) => return self.end_after_answers(key, id, End::Violation(error)),
                };
            let consumed = received.consumed;
            self.work += 1 + inflate::work_of_inflating(slice - left);
            if let (Some(throttle), Some(_)) = (&self.throttle, &received.event) {
                throttle.count_message(&mut connection.meter, self.now_ms);
            }
            match received.event {
                Some(proto::Event::Message { kind, payload }) => {
                    self.tally.received_messages += 1;
                    self.core.table.slot(id).received_message();
                    let payload = Payload { kind, bytes: payload };
                    let mut context = Context::from_waker(&self.waker);
                    let flow = self.dispatch.deliver_message(key, id, session, payload, &mut context);
                    self.message_delivered(key, flow);
                }
                Some(proto::Event::Ping(_)) => {
                    // The answers to what came before it first.
                    self.carry_out_local();
                    if self.takes_frames(key, id) {
                        self.transmit(key);
                    }
                }
                Some(proto::Event::Pong(_)) => {}
                Some(proto::Event::Close { code, reason }) => {
                    let reason = reason.to_owned();
                    return self.end_after_answers(key, id, End::Close { code, reason });
                }
                None => {
                    if self.connections[key as usize].protocol.is_inflating() {
                        self.stash(key, &bytes[at + consumed..]);
                        return self.wait_to_inflate(key, slice, at + consumed == 0);
                    }
                    if consumed == 0 {
                        return;
                    }
                }
            }
            at += consumed;
        }
    }

    /// The client ends the connection; what it was answered before is queued first.
    fn end_after_answers(&mut self, key: u32, id: ConnectionId, end: End) {
        self.carry_out_local();
        if self.takes_frames(key, id) {
            self.end_in_order(key, end);
        }
    }

    /// Is this still that connection, and are there frames to be read from it?
    fn takes_frames(&self, key: u32, id: ConnectionId) -> bool {
        let connection = self.connections.get(key as usize).filter(|found| found.id == id);
        connection.is_some_and(|found| matches!(found.phase, Phase::Open | Phase::Closing))
    }

    /// May the connection's next frame be looked at, or has it to wait for something, or to let the others go first?
    /// `end`: of its work in this turn.
    fn goes_on(&mut self, key: u32, id: ConnectionId, end: usize) -> bool {
        self.throttle_messages(key);
        // One that has sent too much for too long is closed by that, and gone if its client is.
        if !self.takes_frames(key, id) {
            return false;
        }
        let goes_on = self.connections[key as usize].hold.is_empty();
        if goes_on && self.work >= end {
            self.ready.push_back((key, id));
            return false;
        }
        goes_on
    }

    /// Keeps bytes until the connection is read from again. There are never more than one read's.
    fn stash(&mut self, key: u32, bytes: &[u8]) {
        let connection = &mut self.connections[key as usize];
        // One that has just been closed needs them no more.
        if matches!(connection.phase, Phase::Authorizing(_) | Phase::Open | Phase::Closing) {
            connection.stash.get_or_insert_default().extend_from_slice(bytes);
        }
    }

    fn message_delivered(&mut self, key: u32, flow: Flow) {
        if flow == Flow::Hold {
            self.hold(key, Hold::HANDLER);
        }
        // Pushes wait for each other, and for the end of what was read.
        if self.core.inboxes[self.index].has_urgent() {
            self.carry_out_local();
        }
    }

    /// Does not read from a connection any more until [`release`](Reactor::release) of the same reason.
    pub(super) fn hold(&mut self, key: u32, hold: Hold) {
        self.connections[key as usize].hold.set(hold);
        self.mark_dirty(key);
    }

    pub(super) fn release(&mut self, key: u32, hold: Hold) {
        let connection = &mut self.connections[key as usize];
        if connection.hold.contains(hold) {
            connection.hold.clear(hold);
            let id = connection.id;
            self.ready.push_back((key, id));
            self.mark_dirty(key);
        }
    }

    /// A socket that is readable, and has its turn in this one of the loop or at the begin of a later one.
    pub(super) fn read_in_turn(&mut self, key: u32) {
        if self.work < self.read_end {
            return self.read(key);
        }
        let connection = &mut self.connections[key as usize];
        if !connection.unread {
            connection.unread = true;
            self.ready.push_back((key, connection.id));
        }
    }

    /// Looks at the stashed input of connections that are read from again, and reads those that had no turn.
    pub(super) fn continue_ready(&mut self) {
        // What becomes ready meanwhile has its turn in the next one.
        for _ in 0..self.ready.len() {
            if self.work >= self.read_end {
                break;
            }
            let Some((key, id)) = self.ready.pop_front() else { break };
            let current = self.connections.get_mut(key as usize).filter(|found| found.id == id);
            let Some(connection) = current else { continue };
            let unread = std::mem::take(&mut connection.unread);
            if !connection.hold.is_empty() {
                continue;
            }
            if unread && connection.stash.is_none() {
                self.read(key);
            } else {
                self.look_at_stash(key, id);
            }
        }
    }

    /// Looks at the stashed input of a connection that is read from again.
    pub(super) fn look_at_stash(&mut self, key: u32, id: ConnectionId) {
        let connection = &mut self.connections[key as usize];
        let hung_up = connection.hung_up;
        match connection.stash.take() {
            Some(mut bytes) => self.take_input(key, &mut bytes),
            None if hung_up => self.read(key),
            None => {}
        }
        // Nothing tells when one that has hung up is readable: it is read to the end.
        let is_listed = self.ready.back() == Some(&(key, id));
        if hung_up && !is_listed && self.is_still(key, id) {
            self.ready.push_back((key, id));
        }
        let current = self.connections.get(key as usize).filter(|found| found.id == id);
        if current.and_then(|found| found.tls.as_ref()).is_some_and(|session| session.has_ended()) {
            self.client_ended(key);
        }
    }
}
