//! How connections end. Whatever the way, the worker gets exactly one `Close` for each `Open`.

use rustix::net::{Shutdown, shutdown, sockopt};
use std::time::Duration;
use switchboard_proto::{CloseCode, ProtocolError};

use super::Reactor;
use super::connection::{Hold, Phase};
use crate::event::{Closed, ClosedBy, EventKind};
use crate::table::Counters;
use crate::table::State;

/// What a client has done to end its connection.
#[derive(Debug)]
pub(super) enum End {
    /// It has sent a close frame.
    Close { code: CloseCode, reason: String },
    /// It has broken the protocol.
    Violation(ProtocolError),
}

/// How long the end of a connection waits for messages that came before it and are with another process.
const SETTLE_TIME_MS: u64 = 1_000;

impl Reactor {
    /// The client ends the connection. What it has sent before is answered before.
    pub(super) fn end_in_order(&mut self, key: u32, end: End) {
        let connection = &mut self.connections[key as usize];
        let id = connection.id;
        if !connection.is_open() || !self.dispatch.tell_when_settled(id) {
            return self.finish(key, end);
        }
        connection.deadline_ms = self.now_ms + SETTLE_TIME_MS;
        let deadline_ms = connection.deadline_ms;
        self.ends.insert(id, end);
        self.hold(key, Hold::ENDING);
        self.schedule(key, deadline_ms);
    }

    /// All that came before has been handled, or has had its time.
    pub(super) fn settled(&mut self, key: u32) {
        let id = self.connections[key as usize].id;
        if let Some(end) = self.ends.remove(&id) {
            // That was the limit of waiting; closing has its own.
            self.connections[key as usize].deadline_ms = u64::MAX;
            self.finish(key, end);
        }
    }

    fn finish(&mut self, key: u32, end: End) {
        match end {
            End::Close { code, reason } => self.close_received(key, code, reason),
            End::Violation(error) => self.protocol_failed(key, error),
        }
    }

    /// Our close frame first (RFC 6455 §7.1.2): after what is queued. The connection ends when the client has
    /// answered, or when it has not in time.
    pub(super) fn begin_close(&mut self, key: u32, code: u16, reason: &str, by: ClosedBy) {
        let connection = &mut self.connections[key as usize];
        if !connection.is_open() {
            return;
        }
        if connection.hold.contains(Hold::ENDING) {
            // The client was first.
            return self.settled(key);
        }
        if let Err(error) = connection.protocol.close(CloseCode::new(code), reason) {
            tracing::error!(%error, code, "a close frame that cannot be sent");
            return;
        }
        connection.phase = Phase::Closing;
        connection.ending = Some(Box::new(Closed { code, reason: reason.to_owned(), by }));
        // The client's answer must be read, and may have been: what comes before it is dropped by the protocol.
        connection.hold = Default::default();
        let id = connection.id;
        if connection.stash.is_some() {
            self.ready.push_back((key, id));
        }
        self.entry(id).set_state(State::Closing);
        self.transmit_now(key);
        self.limit_close(key);
    }

    /// The client's close frame: it closes first, or answers ours.
    pub(super) fn close_received(&mut self, key: u32, code: CloseCode, reason: String) {
        self.transmit_now(key);
        self.end(key, Closed { code: code.get(), reason, by: ClosedBy::Client });
        // The client has had its last word; under TLS that is close_notify. A stop does not wait for it.
        let linger = self.connections[key as usize].tls.is_some() && self.stopping.is_none();
        self.drain(key, linger);
    }

    /// The client broke the protocol: it is told how, and what it still sends is not looked at (§7.1.7).
    pub(super) fn protocol_failed(&mut self, key: u32, error: ProtocolError) {
        self.transmit_now(key);
        let closed = Closed { code: error.code.get(), reason: error.reason(), by: ClosedBy::Protocol };
        self.end(key, closed);
        self.drain(key, true);
    }

    /// Closes without waiting for what is queued: the client does not read it, or is gone.
    pub(super) fn close_now(&mut self, key: u32, code: CloseCode, reason: &str, by: ClosedBy) {
        let connection = &mut self.connections[key as usize];
        if !connection.is_open() {
            return;
        }
        self.drop_part(key);
        let connection = &mut self.connections[key as usize];
        if let Some(output) = &mut connection.output {
            let dropped = output.drop_all();
            self.core.table.slot(connection.id).subtract_queued(dropped);
        }
        let _ = connection.protocol.close(code, reason);
        self.transmit_now(key);
        self.end(key, Closed { code: code.get(), reason: reason.to_owned(), by });
        self.drain(key, true);
    }

    /// The output queue is full, and the policy is to close.
    pub(super) fn overflowed(&mut self, key: u32) {
        self.tally.dropped_messages += 1;
        self.close_now(key, CloseCode::POLICY, "the client reads too slowly", ClosedBy::Overflow);
    }

    /// Reset: nothing more is sent.
    pub(super) fn abort(&mut self, key: u32) {
        let connection = &self.connections[key as usize];
        let _ = sockopt::set_socket_linger(&connection.socket, Some(Duration::ZERO));
        let reason = "aborted by the server".to_owned();
        self.end(key, Closed { code: CloseCode::ABNORMAL.get(), reason, by: ClosedBy::Server });
        drop(self.remove(key));
    }

    /// The client is gone, but what it had sent before may be unread, its close frame for one.
    pub(super) fn hang_up(&mut self, key: u32, reason: &str) {
        let connection = &mut self.connections[key as usize];
        if !matches!(connection.phase, Phase::Open | Phase::Closing) || connection.hung_up {
            return self.transport_failed(key, reason);
        }
        connection.hung_up = true;
        self.logs.release(std::mem::take(&mut connection.part));
        // The hang-up would be reported again and again.
        let _ = self.poller.remove(&connection.socket);
        if let Some(output) = connection.output.take() {
            self.core.table.slot(connection.id).subtract_queued(output.data_len());
        }
        connection.hold.clear(Hold::OUTPUT);
        self.ready.push_back((key, connection.id));
    }

    /// The transport is gone.
    pub(super) fn transport_failed(&mut self, key: u32, reason: &str) {
        let reason = reason.to_owned();
        self.end(key, Closed { code: CloseCode::ABNORMAL.get(), reason, by: ClosedBy::Transport });
        drop(self.remove(key));
    }

    /// The connection is over for the user; `closed` tells how, unless it was we who had begun to close it. Does
    /// nothing for one that never was open or has ended already.
    pub(super) fn end(&mut self, key: u32, closed: Closed) {
        let connection = &mut self.connections[key as usize];
        if !matches!(connection.phase, Phase::Open | Phase::Closing) {
            return;
        }
        connection.phase = Phase::Draining { linger: true, place: None };
        connection.stash = None;
        connection.protocol.drop_input();
        if connection.hold.contains(Hold::ENDING) {
            self.ends.remove(&connection.id);
        }
        connection.hold = Default::default();
        let closed = connection.ending.take().map_or(closed, |ending| *ending);
        let (id, position) = (connection.id, connection.open_position as usize);
        self.entry(id).set_state(State::Closing);
        self.open.swap_remove(position);
        if let Some(moved) = self.open.get(position) {
            self.connections[*moved as usize].open_position = position as u32;
        }
        self.leave_all(key);
        self.give_place_back(key);
        Counters::add(&self.core.counters().closed, 1);
        self.deliver(key, EventKind::Close(closed));
    }

    /// Sends what is queued, then ends the transport.
    pub(super) fn drain(&mut self, key: u32, linger: bool) {
        let connection = &mut self.connections[key as usize];
        let place = connection.phase.http_place();
        connection.phase = Phase::Draining { linger, place };
        connection.stash = None;
        connection.hold = Default::default();
        if connection.hung_up {
            return drop(self.remove(key));
        }
        self.limit_close(key);
        self.mark_dirty(key);
    }

    /// Everything has left.
    pub(super) fn drained(&mut self, key: u32) {
        let connection = &mut self.connections[key as usize];
        let Phase::Draining { linger, .. } = connection.phase else { return };
        if linger {
            let _ = shutdown(&connection.socket, Shutdown::Write);
            self.watch(key);
        } else {
            drop(self.remove(key));
        }
    }

    fn limit_close(&mut self, key: u32) {
        let deadline_ms = self.now_ms + self.core.config.close_timeout.as_millis() as u64;
        let connection = &mut self.connections[key as usize];
        connection.deadline_ms = connection.deadline_ms.min(deadline_ms);
        self.schedule(key, deadline_ms);
    }

    /// The limit of a close has passed.
    pub(super) fn close_expired(&mut self, key: u32) {
        let reason = "the client did not answer the close frame".to_owned();
        self.end(key, Closed { code: CloseCode::ABNORMAL.get(), reason, by: ClosedBy::Transport });
        self.send_goodbye(key);
        drop(self.remove(key));
    }
}
