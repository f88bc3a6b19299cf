//! A byte stream through shared memory, from one producer to one consumer in another process.
//!
//! Positions count bytes for ever. Three of them matter: the *tail*, up to which the producer has published; what the
//! consumer has *fetched*, that is copied to its own memory; and the *head*, up to which it has *released*. What is
//! released can be overwritten; what is not is still there when the consumer dies.
//!
//! A record is a header of eight bytes, its payload, and zeros up to a multiple of eight. The tail is only ever moved to
//! the end of a record, so half a record is never seen. A copy wraps at the end of the ring; a record may, too.
//!
//! Neither side trusts the other. Each keeps its own positions to itself, checks every word that the other has
//! written, and answers [`Corrupt`] when it cannot be true.

mod assembler;
mod consumer;
mod pieces;
mod producer;
mod records;
mod sleep;

pub(crate) use assembler::{Assembler, Whole};
pub(crate) use consumer::Consumer;
pub(crate) use pieces::PieceWriter;
pub(crate) use producer::Producer;
use records::Header;
pub(crate) use records::Record;
pub(crate) use sleep::Sleeping;

pub(crate) use super::Corrupt;
use crate::sys::{Area, Word};

/// Bytes before each payload: its length (u32), which piece it is (u8), and three zeros.
pub(crate) const HEADER_BYTES: usize = 8;

/// Records begin and end at multiples of this.
const ALIGNMENT: usize = 8;

/// The smallest ring in which a piece can carry anything.
pub(crate) const CAPACITY_MIN: usize = 64;

/// What both sides of a ring share.
#[derive(Debug)]
pub(crate) struct Ring {
    pub(crate) data: Area,
    /// Written by the producer.
    pub(crate) tail: Word,
    /// Written by the consumer.
    pub(crate) head: Word,
    /// Set by the producer that waits for room, cleared by the consumer.
    pub(crate) space_wanted: Word,
}

/// Which part of a payload a record carries.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Piece {
    #[default]
    Whole,
    /// Begins with the length of all pieces together, as u64.
    First,
    Middle,
    Last,
}

impl Piece {
    pub(in crate::ipc) fn from_byte(byte: u8) -> Result<Piece, Corrupt> {
        match byte {
            0 => Ok(Piece::Whole),
            1 => Ok(Piece::First),
            2 => Ok(Piece::Middle),
            3 => Ok(Piece::Last),
            _ => Err(Corrupt("a record is no known piece")),
        }
    }
}

/// The largest payload of one record in a ring of `capacity` bytes: four records of the largest size fill the ring.
/// What is larger goes in pieces.
pub(crate) const fn payload_max(capacity: usize) -> usize {
    capacity / 4 - HEADER_BYTES
}

/// The bytes of a record that carries `payload` bytes.
pub(crate) const fn record_bytes(payload: usize) -> usize {
    HEADER_BYTES + payload.next_multiple_of(ALIGNMENT)
}

const _: () = assert!(record_bytes(payload_max(CAPACITY_MIN)) == CAPACITY_MIN / 4);
