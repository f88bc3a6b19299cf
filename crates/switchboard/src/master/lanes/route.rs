//! What is known of a source of events while something of it is outstanding or waits.

use std::collections::VecDeque;
use std::hash::{BuildHasherDefault, Hasher};

use bytes::Bytes;

use super::parcel::Parcel;
use crate::ConnectionId;
use crate::instance::InstanceId;
use crate::pipe::Slot;

/// A connection, or a pair of processes of which one sends the other messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct SourceKey(u64);

const PIPE: u64 = 1 << 63;

impl SourceKey {
    pub(super) fn connection(id: ConnectionId) -> SourceKey {
        SourceKey(u64::from(id.local()))
    }

    pub(super) fn pipe(from: Slot, to: Slot) -> SourceKey {
        SourceKey(PIPE | u64::from(from) << 16 | u64::from(to))
    }

    /// Nobody.
    pub(super) fn none() -> SourceKey {
        SourceKey(0)
    }

    /// Whose connection it is.
    pub(super) fn id(self) -> Option<ConnectionId> {
        if self.0 & PIPE == 0 { ConnectionId::new(self.0) } else { None }
    }

    /// Whom the messages are for.
    pub(super) fn recipient(self) -> Option<Slot> {
        (self.0 & PIPE != 0).then_some(self.0 as Slot)
    }
}

/// Where the events of a source go. All that are outstanding are with one process, so that they stay in order.
#[derive(Debug, Default)]
pub(super) struct Route {
    /// Who has those that are outstanding.
    pub(super) instance: Option<InstanceId>,
    pub(super) outstanding: u32,
    /// Its handler is behind, says the worker.
    pub(super) behind: bool,
    /// The reactor has been told not to read from the connection.
    pub(super) held: bool,
    /// The reactor waits for everything to be handled.
    pub(super) awaited: bool,
    /// It stands in its slot's list of those that wait.
    pub(super) listed: bool,
    /// The session, if that has changed since the oldest of these events.
    pub(super) session: Option<Box<Bytes>>,
    /// What waits, in order.
    pub(super) detained: VecDeque<Parcel>,
}

impl Route {
    /// Is there nothing more to know?
    pub(super) fn is_over(&self) -> bool {
        self.outstanding == 0 && self.detained.is_empty() && !self.behind && !self.held
    }
}

pub(super) type KeyHasher = BuildHasherDefault<KeyHash>;

/// Keys are numbers that the master gives out: nobody can choose them so that they collide.
#[derive(Debug, Default)]
pub(super) struct KeyHash(u64);

impl Hasher for KeyHash {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u64(&mut self, number: u64) {
        // Odd and without a pattern: neighbours end up far apart in the upper bits, which hashbrown uses, and in the lower.
        let product = (self.0 ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = product ^ product >> 32;
    }
}
