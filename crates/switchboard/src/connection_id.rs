//! The name of a connection.

use std::fmt;
use std::num::NonZeroU32;

/// The largest number an id can have; the next one is 1 again.
pub const CONNECTION_ID_MAX: u32 = 1 << 24;

/// Names one connection (Swoole's `$fd`): a number counted up from 1 to 16,777,216 and then from 1 again. An id
/// that is in use is never given out. It is *not* an operating-system descriptor.
///
/// An id that outlived its connection is harmless: every call with it answers
/// [`PushError::Closed`](crate::PushError) or the like, until, 16 million connections later, the number is
/// given out again.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId {
    /// Which machine of a cluster; 0 is this one.
    node: u32,
    number: NonZeroU32,
}

impl ConnectionId {
    /// The id with this number on this node: what [`get`](ConnectionId::get) gave. None if the number is not one
    /// that an id can have.
    pub fn new(number: u64) -> Option<ConnectionId> {
        let node = u32::try_from(number >> 32).ok()?;
        let number = NonZeroU32::new((number & u64::from(u32::MAX)) as u32)?;
        (node == 0 && number.get() <= CONNECTION_ID_MAX).then_some(ConnectionId { node, number })
    }

    /// The id as a number, for logs and databases.
    pub fn get(self) -> u64 {
        u64::from(self.node) << 32 | u64::from(self.number.get())
    }

    /// The number within this node.
    pub(crate) fn local(self) -> u32 {
        self.number.get()
    }

    /// The `n`th id that is given out, counted from 0. The range divides 2³² evenly, so a wrapping counter never
    /// jumps.
    pub(crate) fn nth(n: u32) -> ConnectionId {
        let number = NonZeroU32::MIN.saturating_add(n % CONNECTION_ID_MAX);
        ConnectionId { node: 0, number }
    }
}

impl fmt::Display for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get().fmt(f)
    }
}

impl fmt::Debug for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ConnectionId({})", self.get())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_count_up_and_wrap_to_one() {
        assert_eq!(ConnectionId::nth(0).get(), 1);
        assert_eq!(ConnectionId::nth(CONNECTION_ID_MAX - 1).get(), u64::from(CONNECTION_ID_MAX));
        assert_eq!(ConnectionId::nth(CONNECTION_ID_MAX).get(), 1);
        assert_eq!(ConnectionId::nth(u32::MAX).get(), u64::from(CONNECTION_ID_MAX));
        assert_eq!(ConnectionId::nth(u32::MAX.wrapping_add(1)).get(), 1);
    }

    #[test]
    fn a_number_that_no_connection_can_have_is_no_id() {
        assert_eq!(ConnectionId::new(0), None);
        assert_eq!(ConnectionId::new(u64::from(CONNECTION_ID_MAX) + 1), None);
        assert_eq!(ConnectionId::new(1 << 32 | 1), None, "another node's");
        assert_eq!(ConnectionId::new(7).map(ConnectionId::get), Some(7));
    }
}
