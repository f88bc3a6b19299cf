//! The writing end.

use super::{
    ALIGNMENT, Corrupt, HEADER_BYTES, Header, Piece, Record, Ring, Sleeping, payload_max, record_bytes,
};
use crate::sys::{Area, Ordering, Word};

/// Writes records; the only one who writes to its ring.
#[derive(Debug)]
pub(crate) struct Producer {
    data: Area,
    tail: Word,
    head: Word,
    space_wanted: Sleeping,
    /// End of what was written.
    written: u64,
    /// End of what the consumer can see.
    published: u64,
    /// Start of what may not be overwritten.
    released: u64,
}

impl Producer {
    /// The producer of a ring that is new.
    pub(crate) fn new(ring: Ring) -> Producer {
        Producer {
            data: ring.data,
            tail: ring.tail,
            head: ring.head,
            space_wanted: Sleeping::new(ring.space_wanted),
            written: 0,
            published: 0,
            released: 0,
        }
    }

    /// The largest payload that goes in one record; what is larger goes through a [`PieceWriter`](super::PieceWriter).
    pub(crate) fn payload_max(&self) -> usize {
        payload_max(self.data.len())
    }

    /// The end of what was written, which is where the next record starts.
    pub(crate) fn position(&self) -> u64 {
        self.written
    }

    /// What the consumer is known to have released.
    pub(crate) fn released(&self) -> u64 {
        self.released
    }

    /// Bytes that can be written without another look at what the consumer has released.
    pub(crate) fn free(&self) -> usize {
        self.data.len() - (self.written - self.released) as usize
    }

    /// Writes one record whose payload is `parts` in a row. False: there is no room now. (Nor is there ever for more than
    /// [`payload_max`](Producer::payload_max) bytes.) Nobody sees it before [`publish`](Producer::publish).
    pub(crate) fn try_write(&mut self, parts: &[&[u8]]) -> bool {
        let payload = parts.iter().map(|part| part.len()).sum::<usize>();
        debug_assert!(payload <= self.payload_max(), "this must go in pieces");
        self.write(Piece::Whole, parts)
    }

    pub(super) fn write(&mut self, piece: Piece, parts: &[&[u8]]) -> bool {
        let payload = parts.iter().map(|part| part.len()).sum::<usize>();
        let len = record_bytes(payload);
        if payload > self.payload_max() || len > self.free() {
            return false;
        }
        let end = self.written + len as u64;
        // Of the last word the payload leaves some bytes, or it is the header.
        self.data.write_word(end - ALIGNMENT as u64, 0);
        self.data.write_word(self.written, Header { piece, len: payload }.word());
        self.data.write(self.written + HEADER_BYTES as u64, parts);
        self.written = end;
        true
    }

    /// Shows the consumer everything that was written. It may sleep: ask [`Sleeping::wake`] afterwards.
    pub(crate) fn publish(&mut self) {
        if self.published != self.written {
            self.published = self.written;
            self.tail.store(self.written, Ordering::Release);
        }
    }

    /// How far the consumer has released, checked, without giving that room free for writing yet: what it released can
    /// still be [read back](Producer::record_at). Everything that it wrote elsewhere before is visible to the caller.
    pub(crate) fn sample(&self) -> Result<u64, Corrupt> {
        let head = self.head.load(Ordering::Acquire);
        if head < self.released {
            return Err(Corrupt("a ring's head went backwards"));
        }
        if head > self.published {
            return Err(Corrupt("a ring's head is beyond its tail"));
        }
        if !head.is_multiple_of(ALIGNMENT as u64) {
            return Err(Corrupt("a ring's head is no end of a record"));
        }
        Ok(head)
    }

    /// Gives the room before `head`, which [`sample`](Producer::sample) has answered, free for writing.
    pub(crate) fn accept(&mut self, head: u64) {
        debug_assert!((self.released..=self.published).contains(&head));
        self.released = head.clamp(self.released, self.published);
    }

    /// Samples and accepts, and answers how many bytes are free.
    pub(crate) fn refresh(&mut self) -> Result<usize, Corrupt> {
        let head = self.sample()?;
        self.accept(head);
        Ok(self.free())
    }

    /// Asks for this side's bell to be rung at the next release. A release before it may not have seen the question:
    /// [`sample`](Producer::sample) again before waiting.
    pub(crate) fn ask_for_space(&self) {
        self.space_wanted.announce();
    }

    /// [Asks](Producer::ask_for_space), and [looks](Producer::refresh) once more.
    #[cfg(test)]
    pub(crate) fn want_space(&mut self) -> Result<usize, Corrupt> {
        self.ask_for_space();
        self.refresh()
    }

    /// All records that were published and not released.
    #[cfg(test)]
    pub(crate) fn unreleased(&self) -> Vec<(Record, Vec<u8>)> {
        let mut all: Vec<(Record, Vec<u8>)> = Vec::new();
        while let Ok(next) = self.record_at(all.last().map_or(self.released, |(last, _)| last.end)) {
            all.push(next);
        }
        all
    }

    /// The record at `position`, unless that was released and accepted or not published yet, and its payload. The position may
    /// come from the other side; that it is the start of a record cannot be known.
    pub(crate) fn record_at(&self, position: u64) -> Result<(Record, Vec<u8>), Corrupt> {
        const OUTSIDE: Corrupt = Corrupt("a position at which no record is");
        let rest = self.published.checked_sub(position).ok_or(OUTSIDE)? as usize;
        if position < self.released || rest < HEADER_BYTES || !position.is_multiple_of(ALIGNMENT as u64) {
            return Err(OUTSIDE);
        }
        let Header { piece, len } = Header::read(self.data.read_word(position))?;
        if len > self.payload_max() || record_bytes(len) > rest {
            return Err(OUTSIDE);
        }
        let mut payload = Vec::new();
        self.data.read(position + HEADER_BYTES as u64, len, &mut payload);
        Ok((Record { piece, start: position, end: position + record_bytes(len) as u64, len }, payload))
    }
}
