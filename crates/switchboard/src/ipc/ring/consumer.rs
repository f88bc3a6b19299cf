//! The reading end.

use bytes::BytesMut;

use super::{ALIGNMENT, Corrupt, Ring, Sleeping};
use crate::sys::{Area, Ordering, Word};

/// Fetches records and, when they are dealt with, releases them; the only one who does so.
#[derive(Debug)]
pub(crate) struct Consumer {
    data: Area,
    tail: Word,
    head: Word,
    space_wanted: Sleeping,
    fetched: u64,
    released: u64,
}

impl Consumer {
    /// The consumer of a ring that is new.
    pub(crate) fn new(ring: Ring) -> Consumer {
        Consumer {
            data: ring.data,
            tail: ring.tail,
            head: ring.head,
            space_wanted: Sleeping::new(ring.space_wanted),
            fetched: 0,
            released: 0,
        }
    }

    /// The end of what was fetched.
    pub(crate) fn fetched(&self) -> u64 {
        self.fetched
    }

    /// The end of what was released.
    pub(crate) fn released(&self) -> u64 {
        self.released
    }

    /// Is there something to fetch?
    pub(crate) fn has_more(&self) -> bool {
        self.tail.load(Ordering::Acquire) != self.fetched
    }

    /// Appends everything that was published and not fetched yet to `into`, and answers the position of the first of
    /// these bytes. The copy is private: the producer cannot change what was checked. What is fetched and not released
    /// never exceeds the ring.
    pub(crate) fn fetch(&mut self, into: &mut BytesMut) -> Result<u64, Corrupt> {
        let tail = self.tail.load(Ordering::Acquire);
        let from = self.fetched;
        let new = tail.checked_sub(from).ok_or(Corrupt("a ring's tail went backwards"))?;
        if tail - self.released > self.data.len() as u64 {
            return Err(Corrupt("a ring holds more than fits into it"));
        }
        if !tail.is_multiple_of(ALIGNMENT as u64) {
            return Err(Corrupt("a ring's tail is no end of a record"));
        }
        self.data.read(from, new as usize, into);
        self.fetched = tail;
        Ok(from)
    }

    /// Says that everything before `to`, the end of a record that was fetched, is dealt with, without a look whether
    /// anybody waits for that: call [`space_wanted`](Consumer::space_wanted) some time after the last one.
    pub(crate) fn advance(&mut self, to: u64) {
        debug_assert!((self.released..=self.fetched).contains(&to));
        let to = to.clamp(self.released, self.fetched);
        if to != self.released {
            self.released = to;
            self.head.store(to, Ordering::Release);
        }
    }

    /// Does the producer wait for what was released? Then it is told so once: its bell is to be rung.
    #[must_use]
    pub(crate) fn space_wanted(&self) -> bool {
        self.space_wanted.wake()
    }

    /// Says that everything before `to` is dealt with. True: the producer waits for that, its bell is to be rung.
    #[must_use]
    pub(crate) fn release(&mut self, to: u64) -> bool {
        self.advance(to);
        self.space_wanted()
    }
}
