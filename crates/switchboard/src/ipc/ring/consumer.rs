//! The reading end.

use bytes::BytesMut;

use super::{ALIGNMENT, Corrupt, HEADER_BYTES, Ring, Sleeping, record_bytes};
use crate::sys::{Area, Ordering, Word};

/// Bytes that are fetched at one time, the last record's rest on top: what has been copied is to be dealt with while the
/// processor still has it at hand.
const FETCH_BYTES: usize = 32 << 10;

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

    /// Up to where records have been published, checked.
    pub(crate) fn published(&self) -> Result<u64, Corrupt> {
        let tail = self.tail.load(Ordering::Acquire);
        if tail < self.fetched {
            return Err(Corrupt("a ring's tail went backwards"));
        }
        if tail - self.released > self.data.len() as u64 {
            return Err(Corrupt("a ring holds more than fits into it"));
        }
        if !tail.is_multiple_of(ALIGNMENT as u64) {
            return Err(Corrupt("a ring's tail is no end of a record"));
        }
        Ok(tail)
    }

    /// [Fetches](Consumer::fetch) of everything that has been published.
    pub(crate) fn fetch_published(&mut self, into: &mut BytesMut) -> Result<u64, Corrupt> {
        let tail = self.published()?;
        self.fetch(tail, into)
    }

    /// Appends the next records before `tail`, which [`published`](Consumer::published) has answered, to `into`, and answers
    /// the position of the first. All of them, if they are not many bytes. The copy is private: the producer cannot change
    /// what was checked. What is fetched and not released never exceeds the ring.
    pub(crate) fn fetch(&mut self, tail: u64, into: &mut BytesMut) -> Result<u64, Corrupt> {
        let from = self.fetched;
        let all = tail.saturating_sub(from) as usize;
        let start = into.len();
        // With the usual rest of a record, so that little is moved for it.
        into.reserve(all.min(FETCH_BYTES + FETCH_BYTES / 4));
        self.data.read(from, all.min(FETCH_BYTES), into);
        let fetched = if all > FETCH_BYTES { end_of_records(&into[start..]) } else { all };
        if fetched > all {
            return Err(Corrupt("a record is cut short"));
        }
        let copied = into.len() - start;
        if fetched > copied {
            self.data.read(from + copied as u64, fetched - copied, into);
        }
        self.fetched = from + fetched as u64;
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

/// Where the record ends, counted from the first one's start, that ends or is cut short last in `bytes`.
fn end_of_records(bytes: &[u8]) -> usize {
    let mut end = 0;
    while let Some(&[a, b, c, d, ..]) = bytes.get(end..end + HEADER_BYTES) {
        end += record_bytes(u32::from_le_bytes([a, b, c, d]) as usize);
    }
    end
}
