//! Puts pieces together.

use bytes::{Bytes, BytesMut};

use super::{Corrupt, Piece, Record};

/// A payload, with where it starts in the ring.
#[derive(Debug)]
pub(crate) struct Whole {
    pub(crate) payload: Bytes,
    pub(crate) start: u64,
}

/// Room that is made for a payload before it has come.
const EXPECTED_MAX: usize = 1 << 20;

/// Takes the records of one ring in order and answers whole payloads, of which none is longer than a limit.
#[derive(Debug)]
pub(crate) struct Assembler {
    max: usize,
    begun: Option<Begun>,
}

#[derive(Debug)]
struct Begun {
    bytes: BytesMut,
    whole: usize,
    start: u64,
}

impl Assembler {
    /// Payloads have at most `max` bytes.
    pub(crate) fn new(max: usize) -> Assembler {
        Assembler { max, begun: None }
    }

    /// Where the payload starts whose first pieces are here and whose last is not. These pieces are copied, and have to be
    /// released for the last one to find room.
    pub(crate) fn begun(&self) -> Option<u64> {
        self.begun.as_ref().map(|begun| begun.start)
    }

    /// Takes the next record; answers a payload if that is complete now. A whole one is taken out of `payload`, with its memory.
    pub(crate) fn push(&mut self, record: &Record, payload: &mut Vec<u8>) -> Result<Option<Whole>, Corrupt> {
        match (record.piece, &mut self.begun) {
            (Piece::Whole, None) if payload.len() > self.max => Err(Corrupt("a record is too long")),
            (Piece::Whole, None) => {
                let payload = Bytes::from(std::mem::take(payload));
                Ok(Some(Whole { payload, start: record.start }))
            }
            (Piece::First, None) => self.begin(record.start, payload),
            (Piece::Middle | Piece::Last, Some(begun)) => {
                begun.add(payload)?;
                match record.piece {
                    Piece::Last => self.finish(),
                    _ => Ok(None),
                }
            }
            (Piece::Whole | Piece::First, Some(_)) => Err(Corrupt("a record begins before another ends")),
            (Piece::Middle | Piece::Last, None) => Err(Corrupt("a piece without a beginning")),
        }
    }

    fn begin(&mut self, start: u64, piece: &[u8]) -> Result<Option<Whole>, Corrupt> {
        let (whole, bytes) = piece.split_first_chunk().ok_or(Corrupt("a first piece without a length"))?;
        let whole = usize::try_from(u64::from_le_bytes(*whole)).unwrap_or(usize::MAX);
        if whole > self.max {
            return Err(Corrupt("a record in pieces is too long"));
        }
        // Grows as the pieces come: the length is only a word.
        let bytes_now = whole.min(EXPECTED_MAX);
        let mut begun = Begun { bytes: BytesMut::with_capacity(bytes_now), whole, start };
        begun.add(bytes)?;
        self.begun = Some(begun);
        Ok(None)
    }

    fn finish(&mut self) -> Result<Option<Whole>, Corrupt> {
        let whole = self.begun.take().map(|begun| {
            let complete = begun.bytes.len() == begun.whole;
            let payload = begun.bytes.freeze();
            complete.then_some(Whole { payload, start: begun.start })
        });
        whole.flatten().map(Some).ok_or(Corrupt("pieces are shorter than was said"))
    }
}

impl Begun {
    fn add(&mut self, bytes: &[u8]) -> Result<(), Corrupt> {
        if bytes.len() > self.whole - self.bytes.len() {
            return Err(Corrupt("pieces are longer than was said"));
        }
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }
}
