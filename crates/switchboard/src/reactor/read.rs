//! Reading: bytes from sockets become events.

use std::task::Context;

use rustix::io::Errno;
use rustix::net::{RecvFlags, recv};
use switchboard_proto as proto;

use super::Reactor;
use super::close::End;
use super::connection::{Hold, Phase};
use crate::event::Flow;
use crate::worker::Payload;

impl Reactor {
    /// One receive. If there is more, epoll says so again in the next turn, after everybody else has had theirs.
    pub(super) fn read(&mut self, key: u32) {
        let connection = &self.connections[key as usize];
        // What cannot be taken is left in the kernel, where it costs no copy and holds up the client.
        if connection.is_open() && !self.dispatch.has_room(connection.id) {
            return self.hold(key, Hold::HANDLER);
        }
        let mut buffer = std::mem::take(&mut self.read_buffer);
        match recv(&connection.socket, &mut buffer[..], RecvFlags::DONTWAIT) {
            Ok((0, _)) => self.transport_failed(key, "the client closed the transport"),
            Ok((len, _)) => {
                self.entry(connection.id).received(len, self.now_ms);
                self.tally.received_bytes += len as u64;
                self.take_input(key, &mut buffer[..len]);
            }
            Err(Errno::AGAIN) if connection.hung_up => self.transport_failed(key, "the client is gone"),
            Err(Errno::AGAIN | Errno::INTR) => {}
            Err(error) => self.transport_failed(key, &error.to_string()),
        }
        self.read_buffer = buffer;
    }

    /// Bytes of a connection that nobody has looked at.
    pub(super) fn take_input(&mut self, key: u32, bytes: &mut [u8]) {
        let connection = &mut self.connections[key as usize];
        match connection.phase {
            Phase::Proxy(_) => self.read_proxy_header(key, bytes),
            Phase::Head(_) => self.read_head(key, bytes),
            Phase::Open | Phase::Closing => self.read_frames(key, bytes),
            Phase::Authorizing(_) => connection.stash(bytes),
            Phase::Draining { .. } => {}
        }
    }

    fn read_frames(&mut self, key: u32, bytes: &mut [u8]) {
        let id = self.connections[key as usize].id;
        let mut at = 0;
        // The connection may be closed by the handler of one of its messages, and its key be used again.
        while let Some(connection) = self.connections.get_mut(key as usize)
            && connection.id == id
            && matches!(connection.phase, Phase::Open | Phase::Closing)
        {
            if !connection.hold.is_empty() && at < bytes.len() {
                return connection.stash(&bytes[at..]);
            }
            let session = connection.session();
            let received = match connection.protocol.receive(&mut bytes[at..]) {
                Ok(received) => received,
                Err(error) => return self.end_in_order(key, End::Violation(error)),
            };
            let consumed = received.consumed;
            match received.event {
                Some(proto::Event::Message { kind, payload }) => {
                    self.tally.received_messages += 1;
                    self.core.table.slot(id).received_message();
                    let payload = Payload { kind, bytes: payload };
                    let mut context = Context::from_waker(&self.waker);
                    let flow = self.dispatch.deliver_message(key, id, session, payload, &mut context);
                    self.message_delivered(key, flow);
                }
                Some(proto::Event::Ping(_)) => self.transmit(key),
                Some(proto::Event::Pong(_)) => {}
                Some(proto::Event::Close { code, reason }) => {
                    let reason = reason.to_owned();
                    return self.end_in_order(key, End::Close { code, reason });
                }
                None if consumed == 0 => return,
                None => {}
            }
            at += consumed;
        }
    }

    fn message_delivered(&mut self, key: u32, flow: Flow) {
        if flow == Flow::Hold {
            self.hold(key, Hold::HANDLER);
        }
        self.carry_out_local();
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
            self.ready.push((key, id));
            self.mark_dirty(key);
        }
    }

    /// Looks at the stashed input of connections that are read from again.
    pub(super) fn continue_ready(&mut self) {
        // What becomes ready meanwhile has its turn in the next one.
        for (key, id) in std::mem::take(&mut self.ready) {
            let Some(connection) = self.connections.get_mut(key as usize).filter(|found| found.id == id)
            else {
                continue;
            };
            if !connection.hold.is_empty() {
                continue;
            }
            let hung_up = connection.hung_up;
            match connection.stash.take() {
                Some(mut bytes) => self.take_input(key, &mut bytes),
                None if hung_up => self.read(key),
                None => continue,
            }
            // Nothing tells when one that has hung up is readable: it is read to the end.
            if hung_up && self.connections.get(key as usize).is_some_and(|found| found.id == id) {
                self.ready.push((key, id));
            }
        }
    }
}

impl super::connection::Connection {
    /// Keeps bytes until the connection is read from again. There are never more than one read's.
    fn stash(&mut self, bytes: &[u8]) {
        self.stash.get_or_insert_default().extend_from_slice(bytes);
    }
}
