//! The reading end.

use super::{Corrupt, HEADER_BYTES, Header, Record, Ring, Sleeping, record_bytes};
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

    /// Up to where records have been published, checked.
    pub(crate) fn published(&self) -> Result<u64, Corrupt> {
        let tail = self.tail.load(Ordering::Acquire);
        if tail < self.fetched {
            return Err(Corrupt("a ring's tail went backwards"));
        }
        if tail - self.released > self.data.len() as u64 {
            return Err(Corrupt("a ring holds more than fits into it"));
        }
        if !tail.is_multiple_of(super::ALIGNMENT as u64) {
            return Err(Corrupt("a ring's tail is no end of a record"));
        }
        Ok(tail)
    }

    /// Takes the next record before `tail`, which [`published`](Consumer::published) has answered, and copies nothing but its
    /// header. What is taken and not released never exceeds the ring. False: there is none.
    ///
    /// It is written to where it stays: moved as a whole, right after its parts were written, it would have the processor wait
    /// for all that was written before.
    pub(crate) fn next(&mut self, tail: u64, record: &mut Record) -> Result<bool, Corrupt> {
        let start = self.fetched;
        let rest = tail.saturating_sub(start);
        if rest == 0 {
            return Ok(false);
        }
        let Header { piece, len } = Header::read(self.data.read_word(start))?;
        let bytes = record_bytes(len) as u64;
        if bytes > rest {
            return Err(Corrupt("a record is cut short"));
        }
        self.fetched = start + bytes;
        (record.piece, record.start, record.end, record.len) = (piece, start, self.fetched, len);
        Ok(true)
    }

    /// The first bytes of the payload of a record that is not released; what it is shorter by is no part of it. The producer can
    /// change them, also between this and a [copy](Consumer::copy).
    pub(crate) fn first_bytes(&self, record: &Record) -> [u8; 8] {
        match record.len {
            0 => [0; 8],
            _ => self.data.read_word(record.start + HEADER_BYTES as u64).to_le_bytes(),
        }
    }

    /// Appends the payload of a record that is not released, from `from` on. The copy is private: the producer cannot change what
    /// is checked in it.
    pub(crate) fn copy(&self, record: &Record, from: usize, into: &mut Vec<u8>) {
        let from = from.min(record.len);
        self.data.read(record.start + (HEADER_BYTES + from) as u64, record.len - from, into);
    }

    /// The next record with its payload.
    #[cfg(test)]
    pub(crate) fn fetch(&mut self, tail: u64) -> Result<Option<(Record, Vec<u8>)>, Corrupt> {
        let mut record = Record::default();
        if !self.next(tail, &mut record)? {
            return Ok(None);
        }
        let mut payload = Vec::new();
        self.copy(&record, 0, &mut payload);
        Ok(Some((record, payload)))
    }

    /// All that has been published.
    #[cfg(test)]
    pub(crate) fn fetch_all(&mut self) -> Result<Vec<(Record, Vec<u8>)>, Corrupt> {
        let tail = self.published()?;
        let mut all = Vec::new();
        while let Some(fetched) = self.fetch(tail)? {
            all.push(fetched);
        }
        Ok(all)
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
