//! What stands before a payload, and where.

use super::{Corrupt, Piece};

/// Where one record is in its ring, as its header said when that was read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) piece: Piece,
    /// Where it starts in the ring.
    pub(crate) start: u64,
    /// Where it ends in the ring: what to release when it is dealt with.
    pub(crate) end: u64,
    /// Bytes of the payload.
    pub(crate) len: usize,
}

/// The first word of a record.
#[derive(Debug, Clone, Copy)]
pub(super) struct Header {
    pub(super) piece: Piece,
    /// Bytes of the payload.
    pub(super) len: usize,
}

impl Header {
    pub(super) fn read(word: u64) -> Result<Header, Corrupt> {
        let [a, b, c, d, piece, 0, 0, 0] = word.to_le_bytes() else {
            return Err(Corrupt("a record's header has bits that mean nothing"));
        };
        Ok(Header { piece: Piece::from_byte(piece)?, len: u32::from_le_bytes([a, b, c, d]) as usize })
    }

    pub(super) fn word(self) -> u64 {
        let [a, b, c, d] = (self.len as u32).to_le_bytes();
        u64::from_le_bytes([a, b, c, d, self.piece as u8, 0, 0, 0])
    }
}
