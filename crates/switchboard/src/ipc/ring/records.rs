//! Records in bytes that were fetched.

use super::{ALIGNMENT, Corrupt, HEADER_BYTES, Piece, record_bytes};

/// One record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Record<'a> {
    pub(crate) piece: Piece,
    pub(crate) payload: &'a [u8],
    /// Where it starts in the ring.
    pub(crate) start: u64,
    /// Where it ends in the ring: what to release when it is dealt with.
    pub(crate) end: u64,
}

/// Walks over records in private memory.
#[derive(Debug, Clone)]
pub(crate) struct Records<'a> {
    rest: &'a [u8],
    position: u64,
}

impl<'a> Records<'a> {
    /// `bytes` were fetched from `position` on.
    pub(crate) fn new(bytes: &'a [u8], position: u64) -> Records<'a> {
        Records { rest: bytes, position }
    }

    /// Where the next record starts in the ring.
    pub(crate) fn position(&self) -> u64 {
        self.position
    }

    /// The next record; None after the last.
    pub(crate) fn next(&mut self) -> Result<Option<Record<'a>>, Corrupt> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let Some((header, rest)) = self.rest.split_first_chunk::<HEADER_BYTES>() else {
            return Err(Corrupt("a record's header is cut short"));
        };
        let [a, b, c, d, piece, 0, 0, 0] = *header else {
            return Err(Corrupt("a record's header has bits that mean nothing"));
        };
        let len = u32::from_le_bytes([a, b, c, d]) as usize;
        let Some((payload, rest)) = rest.split_at_checked(len) else {
            return Err(Corrupt("a record is cut short"));
        };
        let padding = len.next_multiple_of(ALIGNMENT) - len;
        let rest = rest.get(padding..).ok_or(Corrupt("a record's padding is cut short"))?;
        let piece = Piece::from_byte(piece)?;
        let start = self.position;
        self.position =
            start.checked_add(record_bytes(len) as u64).ok_or(Corrupt("positions have run out"))?;
        self.rest = rest;
        Ok(Some(Record { piece, payload, start, end: self.position }))
    }
}
