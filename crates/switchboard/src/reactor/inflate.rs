//! Compressed messages on their way in (RFC 7692): what takes long to inflate is divided into slices, so that nobody waits
//! long because of what others have sent.
//!
//! Nearly all messages are inflated as they are read. One that takes longer than a slice, or comes in a turn that has inflated
//! enough, waits, and its connection is not read from meanwhile.

use std::collections::VecDeque;

use super::Reactor;
use super::connection::Hold;
use crate::ConnectionId;

/// What of a message is inflated at a time, as [`receive_within`](switchboard_proto::Connection::receive_within) counts it. Some
/// half a millisecond.
pub(super) const SLICE: usize = 512 << 10;
/// So much of that counts as one frame.
const COST_OF_FRAME: usize = 1 << 10;
/// What is inflated in one turn of the loop for all connections, in frames, with what else is done for these messages. Some
/// three milliseconds, and a slice and its message more.
const TURN_WORK_MAX: usize = 4 << 10;

/// Connections whose messages wait to be inflated, in the order of their turns.
#[derive(Default)]
pub(super) struct Inflating {
    /// They have not had a slice, which most need no more than: so they go before the others.
    new: VecDeque<(u32, ConnectionId)>,
    /// One slice was not enough. Only the first one keeps what has been inflated, the others begin again when they come to be
    /// it: so there is one inflater and one large buffer, however many wait. (Who takes its context over has both anyway,
    /// and cannot begin again: it keeps what its first slice has given.)
    long: VecDeque<(u32, ConnectionId)>,
    /// The one of these that is having its slice.
    current: Option<ConnectionId>,
    /// Until the reactor has done so much work messages are inflated as they are read.
    end: usize,
}

impl Inflating {
    pub(super) fn is_empty(&self) -> bool {
        self.new.is_empty() && self.long.is_empty()
    }
}

/// What it was to inflate, if so much of a slice has been used.
pub(super) fn work_of_inflating(used: usize) -> usize {
    used / COST_OF_FRAME
}

impl Reactor {
    /// What may be spent now on the next message.
    pub(super) fn slice(&self) -> usize {
        if self.work < self.inflating.end { SLICE } else { 0 }
    }

    /// A message of a connection has not been inflated to its end: with a whole slice, or without any. `goes_on`: it had
    /// waited before.
    pub(super) fn wait_to_inflate(&mut self, key: u32, slice: usize, goes_on: bool) {
        self.hold(key, Hold::INFLATING);
        let connection = &mut self.connections[key as usize];
        let (id, waiting) = (connection.id, &mut self.inflating);
        if slice == 0 {
            waiting.new.push_back((key, id));
        } else if goes_on && waiting.current == Some(id) {
            waiting.long.push_front((key, id));
        } else {
            if !waiting.long.is_empty() {
                connection.protocol.forget_inflated(&mut self.codec);
            }
            waiting.long.push_back((key, id));
        }
    }

    /// Goes on with messages that wait: each new one has a slice, and what takes longer has what is left of the turn, but one
    /// slice in each.
    pub(super) fn continue_inflating(&mut self) {
        self.inflating.end = self.work + TURN_WORK_MAX;
        self.continue_longest();
        for _ in 0..self.inflating.new.len() {
            if self.slice() == 0 {
                break;
            }
            if let Some((key, id)) = self.inflating.new.pop_front() {
                self.inflate_further(key, id);
            }
        }
        while self.slice() > 0 && !self.inflating.long.is_empty() {
            self.continue_longest();
        }
    }

    fn continue_longest(&mut self) {
        if let Some((key, id)) = self.inflating.long.pop_front() {
            self.inflating.current = Some(id);
            self.inflate_further(key, id);
            self.inflating.current = None;
        }
    }

    fn inflate_further(&mut self, key: u32, id: ConnectionId) {
        let current = self.connections.get_mut(key as usize).filter(|found| found.id == id);
        // One that has been closed waits for nothing.
        let Some(connection) = current.filter(|found| found.hold.contains(Hold::INFLATING)) else { return };
        connection.hold.clear(Hold::INFLATING);
        // It was not read from, so its silence until now does not count.
        self.core.table.slot(id).received(0, self.now_ms);
        if connection.hold.is_empty() {
            self.look_at_stash(key, id);
        } else {
            // Paused, for one: it goes on when that is over, and may not keep others waiting until then.
            connection.protocol.forget_inflated(&mut self.codec);
        }
        if self.is_still(key, id) {
            self.mark_dirty(key);
        }
    }
}
