//! Writes what is too large for one record.

use bytes::Bytes;

use super::{Piece, Producer};

/// A payload on its way through a ring in pieces, perhaps larger than that ring. Nothing else may be written between.
#[derive(Debug)]
pub(crate) struct PieceWriter {
    head: Bytes,
    body: Bytes,
    /// Where the first piece starts, once it is written.
    start: Option<u64>,
    /// Bytes of head and body that are written.
    written: usize,
    done: bool,
}

impl PieceWriter {
    /// Will write `head` and `body` in a row. There are always a first and a last piece, whatever their length.
    pub(crate) fn new(head: impl Into<Bytes>, body: Bytes) -> PieceWriter {
        PieceWriter { head: head.into(), body, start: None, written: 0, done: false }
    }

    /// Where the first piece starts, once it is written.
    pub(crate) fn start(&self) -> Option<u64> {
        self.start
    }

    /// Writes and publishes as many pieces as fit now. True: that was the last one. False: call again when the consumer has
    /// released some.
    pub(crate) fn write(&mut self, producer: &mut Producer) -> bool {
        while !self.done && self.write_one(producer) {}
        producer.publish();
        self.done
    }

    fn write_one(&mut self, producer: &mut Producer) -> bool {
        let position = producer.position();
        let len = self.head.len() + self.body.len();
        let len_bytes = (len as u64).to_le_bytes();
        let prefix = if self.start.is_none() { &len_bytes[..] } else { &[] };
        let end = len.min(self.written + producer.payload_max() - prefix.len());
        let piece = match self.start {
            None => Piece::First,
            Some(_) if end < len => Piece::Middle,
            Some(_) => Piece::Last,
        };
        let split = self.head.len();
        let head = &self.head[self.written.min(split)..end.min(split)];
        let body = &self.body[self.written.saturating_sub(split)..end.saturating_sub(split)];
        let fits = producer.write(piece, &[prefix, head, body]);
        if fits {
            self.start.get_or_insert(position);
            self.written = end;
            self.done = piece == Piece::Last;
        }
        fits
    }
}
