//! Sending: what a turn produced for a connection leaves in one write.

use super::Reactor;
use super::connection::{Connection, Hold, Phase};
use super::deflate;
use super::output::{Flushed, OutputQueue, Sent};
use crate::event::EventKind;
use crate::frame::Frame;
use crate::{ConnectionId, Overflow};

/// Connections that are sent to in one turn of the loop, of those with output of this turn, and of those with output of earlier
/// ones: each is a system call.
const FLUSHES_MAX: usize = 1_024;
/// Bytes that are sent in one turn to either, to all connections together.
const FLUSH_TURN_BYTES_MAX: u64 = 8 << 20;

impl Reactor {
    /// Queues a frame for which room has been reserved in the connection's entry.
    pub(super) fn push_reserved(&mut self, key: u32, frame: &Frame, overflow: Overflow) {
        self.own_part(key);
        let max = self.core.config.output_bytes_max;
        let connection = &mut self.connections[key as usize];
        if !connection.is_open() || connection.hung_up {
            return self.core.table.slot(connection.id).subtract_queued(frame.len());
        }
        let excess = (connection.queued() + frame.len()).saturating_sub(max);
        if overflow == Overflow::DropOldest && excess > 0 {
            self.drop_oldest(key, excess);
        }
        self.append(key, frame);
    }

    /// Queues a message for which nothing has been reserved, if the connection has room for it.
    pub(super) fn push_unreserved(&mut self, key: u32, frame: &Frame, overflow: Overflow) {
        if self.take_room(key, frame.len(), overflow) {
            self.append(key, frame);
        }
    }

    /// Queues a frame as it is, if the connection has room for it.
    pub(super) fn push_encoded(&mut self, key: u32, frame: &Frame, overflow: Overflow) {
        if self.take_room(key, frame.len(), overflow) {
            self.append_parts(key, |output| output.push_frame(frame.head(), frame.body()));
        }
    }

    /// Adds `len` bytes to what is queued, or deals with it that there is no room for them.
    fn take_room(&mut self, key: u32, len: usize, overflow: Overflow) -> bool {
        self.own_part(key);
        let max = self.core.config.output_bytes_max;
        let connection = &self.connections[key as usize];
        if connection.hung_up {
            return false;
        }
        let entry = self.core.table.slot(connection.id);
        let queued = entry.queued() as usize;
        if queued > 0 && queued + len > max {
            match overflow {
                Overflow::Close => {
                    self.overflowed(key);
                    return false;
                }
                Overflow::DropNewest => {
                    entry.set_refused(false);
                    self.tally.dropped_messages += 1;
                    return false;
                }
                Overflow::DropOldest => self.drop_oldest(key, queued + len - max),
            }
        }
        let connection = &self.connections[key as usize];
        self.core.table.slot(connection.id).add_queued(len);
        true
    }

    fn drop_oldest(&mut self, key: u32, room: usize) {
        let connection = &mut self.connections[key as usize];
        let room = deflate::drop_room(&mut connection.protocol, room);
        if let Some(output) = &mut connection.output {
            let (dropped, frames) = output.drop_oldest(room);
            self.core.table.slot(connection.id).subtract_queued(dropped);
            self.tally.dropped_messages += frames;
        }
    }

    /// `frame` is not compressed, and what is queued has been counted with its length.
    fn append(&mut self, key: u32, frame: &Frame) {
        if !self.append_compressed(key, frame.kind(), frame.payload(), frame.len()) {
            self.append_parts(key, |output| output.push_frame(frame.head(), frame.body()));
        }
    }

    pub(super) fn append_parts(&mut self, key: u32, write: impl FnOnce(&mut OutputQueue)) {
        let spare = &mut self.spare_outputs;
        let connection = &mut self.connections[key as usize];
        let output = connection.output.get_or_insert_with(|| spare.take());
        write(output);
        self.appended(key);
    }

    /// Something has been appended to a connection's output.
    pub(super) fn appended(&mut self, key: u32) {
        let output = self.connections[key as usize].output.as_ref();
        let crowded = output.is_some_and(|output| output.len() > self.core.config.output_bytes_max / 2);
        self.mark_dirty(key);
        if crowded {
            self.flush_early(key);
        }
    }

    /// Sends before the turn ends, so that a client that does read is not judged by what the turn has gathered.
    fn flush_early(&mut self, key: u32) {
        let connection = &mut self.connections[key as usize];
        if connection.output.is_some() && !connection.blocked {
            let (flushed, sent) = connection.flush(&mut self.tls);
            // A failure shows again when the turn ends.
            connection.blocked = matches!(flushed, Flushed::Blocked);
            let id = connection.id;
            self.count_sent(id, sent);
        }
    }

    pub(super) fn count_sent(&mut self, id: ConnectionId, sent: Sent) {
        if sent.bytes > 0 || sent.data_bytes > 0 {
            let entry = self.core.table.slot(id);
            if sent.data_bytes > 0 {
                entry.subtract_queued(sent.data_bytes);
            }
            entry.sent(sent.bytes, self.now_ms);
            self.tally.sent_bytes += sent.bytes as u64;
            self.tally.writes += 1;
        }
    }

    /// Queues what `write` encodes: control frames, or an HTTP response.
    pub(super) fn push_control(&mut self, key: u32, write: impl FnOnce(&mut Vec<u8>)) {
        self.push_control_of(key, |_, out| write(out));
    }

    /// Queues the replies of the protocol that wait, unless the client does not read: then pongs are merged until it
    /// does (RFC 6455 §5.5.3).
    pub(super) fn transmit(&mut self, key: u32) {
        let connection = &self.connections[key as usize];
        if connection.protocol.has_transmit() && !connection.blocked {
            self.transmit_now(key);
        }
    }

    /// Queues the replies of the protocol, however long the queue is.
    pub(super) fn transmit_now(&mut self, key: u32) {
        self.push_control_of(key, |connection, out| {
            connection.protocol.poll_transmit(out);
        });
    }

    fn push_control_of(&mut self, key: u32, write: impl FnOnce(&mut Connection, &mut Vec<u8>)) {
        let connection = &mut self.connections[key as usize];
        if connection.hung_up {
            return;
        }
        self.own_part(key);
        let connection = &mut self.connections[key as usize];
        let spare = &mut self.spare_outputs;
        let mut output = connection.output.take().unwrap_or_else(|| spare.take());
        output.push_control(|out| write(connection, out));
        connection.output = Some(output);
        self.mark_dirty(key);
    }

    /// Has the connection looked at when the turn ends.
    pub(super) fn mark_dirty(&mut self, key: u32) {
        let connection = &mut self.connections[key as usize];
        if !connection.dirty {
            connection.dirty = true;
            self.dirty.push(key);
        }
    }

    /// Sends the output of the turn, and some of what earlier turns have left. True if there is more to send at once.
    ///
    /// After a broadcast to many, or with many long queues, there is too much for one turn. Then what the turn itself has
    /// produced, pongs and answers for the most part, does not wait behind all that.
    pub(super) fn flush_dirty(&mut self) -> bool {
        let mut more = false;
        let mut left = FLUSHES_MAX;
        let sent_max = self.tally.sent_bytes + FLUSH_TURN_BYTES_MAX;
        // Handlers of `on_drain` and `on_close` may produce output again; a second round takes it along.
        for _ in 0..2 {
            let mut keys = std::mem::replace(&mut self.dirty, std::mem::take(&mut self.scratch.keys));
            for key in keys.drain(..) {
                if left == 0 || self.tally.sent_bytes >= sent_max {
                    self.late.push_back(key);
                } else {
                    left -= 1;
                    more |= self.flush_if_dirty(key);
                }
            }
            self.scratch.keys = keys;
            self.carry_out_local();
        }
        let sent_max = self.tally.sent_bytes + FLUSH_TURN_BYTES_MAX;
        let mut left = self.late.len().min(FLUSHES_MAX);
        while left > 0
            && self.tally.sent_bytes < sent_max
            && let Some(key) = self.late.pop_front()
        {
            left -= 1;
            more |= self.flush_if_dirty(key);
        }
        more || !self.dirty.is_empty() || !self.late.is_empty()
    }

    fn flush_if_dirty(&mut self, key: u32) -> bool {
        // A key may stand in a list though its connection is gone; one that took it over is not dirty, or in a list itself.
        let connection = self.connections.get_mut(key as usize);
        let was_dirty = connection.is_some_and(|connection| std::mem::take(&mut connection.dirty));
        was_dirty && self.flush(key)
    }

    /// The connection goes on in the next turn, behind all others.
    fn mark_late(&mut self, key: u32) {
        self.connections[key as usize].dirty = true;
        self.late.push_back(key);
    }

    fn flush(&mut self, key: u32) -> bool {
        let connection = &mut self.connections[key as usize];
        let id = connection.id;
        if connection.hung_up {
            return false;
        }
        if connection.blocked {
            // Nothing can leave until the socket is writable: no system call for a client that does not read.
            self.after_flush(key);
            return false;
        }
        if !connection.part.is_empty() {
            return self.flush_part(key);
        }
        if connection.wants_flush() {
            let (flushed, sent) = connection.flush(&mut self.tls);
            connection.blocked = matches!(flushed, Flushed::Blocked);
            self.count_sent(id, sent);
            match flushed {
                Flushed::All => return self.flushed_all(key),
                Flushed::More => self.mark_late(key),
                Flushed::Blocked => {}
                Flushed::Failed(error) => {
                    self.hang_up(key, &error.to_string());
                    return false;
                }
            }
            self.after_flush(key);
            return self.connections.get(key as usize).is_some_and(|found| !found.blocked);
        }
        if let Phase::Draining { .. } = connection.phase {
            self.drained(key);
            return false;
        }
        self.after_flush(key);
        false
    }

    pub(super) fn flushed_all(&mut self, key: u32) -> bool {
        if let Some(output) = self.connections[key as usize].output.take() {
            self.spare_outputs.keep(output);
        }
        let connection = &self.connections[key as usize];
        if connection.protocol.has_transmit() && !connection.hold.contains(Hold::ENDING) {
            // A pong was held back while the client did not read.
            self.transmit_now(key);
            return true;
        }
        if let Phase::Draining { .. } = self.connections[key as usize].phase {
            self.drained(key);
            return false;
        }
        self.after_flush(key);
        false
    }

    /// Slows down a client that does not read what it is sent, and tells the worker when there is room again.
    pub(super) fn after_flush(&mut self, key: u32) {
        let max = self.core.config.output_bytes_max;
        let connection = &mut self.connections[key as usize];
        let queued = connection.queued();
        if queued > max / 2 && connection.is_open() {
            connection.hold.set(Hold::OUTPUT);
        } else if queued <= max / 4 {
            self.release(key, Hold::OUTPUT);
        }
        self.tell_of_room(key);
        if let Phase::Relay(_) = self.connections[key as usize].phase {
            self.relay_flushed(key);
        }
        self.watch(key);
    }

    /// Tells the worker if a push was refused and there is room now.
    pub(super) fn tell_of_room(&mut self, key: u32) {
        let connection = &self.connections[key as usize];
        let room = connection.is_open() && connection.queued() <= self.core.config.output_bytes_max / 2;
        if room && self.core.table.slot(connection.id).take_refused() {
            self.deliver(key, EventKind::Drain);
        }
    }

    /// Has epoll watch the socket for what is wanted now.
    pub(super) fn watch(&mut self, key: u32) {
        let Some(connection) = self.connections.get_mut(key as usize) else { return };
        let wanted = connection.wanted_interest();
        if wanted != connection.interest && !connection.hung_up {
            match self.poller.modify(&connection.socket, super::token(key, connection.id), wanted) {
                Ok(()) => connection.interest = wanted,
                Err(error) => self.transport_failed(key, &error.to_string()),
            }
        }
    }
}
