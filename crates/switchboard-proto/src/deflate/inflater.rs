//! One deflate stream that is read, and where its bytes go.

use zlib_rs::{Inflate, InflateFlush, Status};

use super::TAIL;
use crate::MessageKind;
use crate::error::{self, Violation};
use crate::utf8::Utf8Progress;

pub(super) struct Inflater(Inflate);

impl Inflater {
    /// For every window: zlib-rs takes the memory of the largest one in any case.
    pub(super) fn new() -> Inflater {
        Inflater(Inflate::new(false, 15))
    }

    /// Forgets what came before.
    pub(super) fn reset(&mut self) {
        self.0.reset(false);
    }

    /// Inflates the payload of one message (RFC 7692 §7.2.2) into `out`.
    ///
    /// # Errors
    /// It is no deflate stream, does not end as a message does, is more than `out` takes, or is to be text and is not.
    pub(super) fn message(&mut self, payload: &[u8], out: &mut Inflated) -> Result<(), Violation> {
        let mut rest = payload;
        loop {
            let step = self.step(rest, InflateFlush::NoFlush, out)?;
            rest = &rest[step.read..];
            if step.status == Status::StreamEnd {
                // A final block ends a stream but not the message: another one follows (§7.2.3.4).
                self.reset();
            }
            if rest.is_empty() && !step.full {
                break;
            }
            if step.read == 0 && step.written == 0 && step.status != Status::StreamEnd {
                return Err(error::DEFLATE_INVALID);
            }
        }
        self.tail(out)?;
        out.finish()
    }

    /// The sender has cut a message off within an empty stored block, of which the tail is the rest. So the next block
    /// begins exactly behind the tail: a byte more, which the inflater is to stop in front of, tells whether it does.
    fn tail(&mut self, out: &mut Inflated) -> Result<(), Violation> {
        let [a, b, c, d] = TAIL;
        let step = self.step(&[a, b, c, d, 0], InflateFlush::Block, out)?;
        if step.status == Status::Ok && step.read == TAIL.len() && step.written == 0 {
            Ok(())
        } else {
            Err(error::DEFLATE_UNFINISHED)
        }
    }

    fn step(&mut self, input: &[u8], flush: InflateFlush, out: &mut Inflated) -> Result<Step, Violation> {
        let (read, written) = (self.0.total_in(), self.0.total_out());
        let room = out.room();
        let len = room.len();
        let status = self.0.decompress(input, room, flush).map_err(|_| error::DEFLATE_INVALID)?;
        let read = (self.0.total_in() - read) as usize;
        let written = (self.0.total_out() - written) as usize;
        out.advance(written)?;
        Ok(Step { status, read, written, full: written == len })
    }
}

struct Step {
    status: Status,
    read: usize,
    written: usize,
    full: bool,
}

/// What a buffer keeps for the next message.
const KEPT_BYTES: usize = 64 << 10;

/// A message that is being inflated, or was. The buffer grows with what comes out, and never by more than one byte past
/// what a message may have.
#[derive(Default)]
pub(super) struct Inflated {
    /// All of it is initialized; `len` bytes are the message.
    buffer: Vec<u8>,
    len: usize,
    max: usize,
    text: Option<Utf8Progress>,
}

impl Inflated {
    /// For a message of at most `max` bytes.
    pub(super) fn begin(&mut self, kind: MessageKind, max: usize) {
        self.release();
        self.max = max;
        self.text = (kind == MessageKind::Text).then(Utf8Progress::default);
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.buffer[..self.len]
    }

    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.buffer.capacity()
    }

    /// Frees what only a large message needed.
    pub(super) fn release(&mut self) {
        self.len = 0;
        if self.buffer.len() > KEPT_BYTES {
            self.buffer = Vec::new();
        }
    }

    /// At least one byte: the one past the limit shows that there is more.
    fn room(&mut self) -> &mut [u8] {
        let end = self.max.saturating_add(1);
        if self.len == self.buffer.len() {
            let doubled = self.buffer.len().saturating_mul(2).max(KEPT_BYTES);
            let size = doubled.min(end.max(KEPT_BYTES));
            self.buffer.reserve_exact(size - self.len);
            self.buffer.resize(size, 0);
        }
        let end = end.min(self.buffer.len());
        &mut self.buffer[self.len..end]
    }

    fn advance(&mut self, written: usize) -> Result<(), Violation> {
        let start = self.len;
        self.len += written;
        if self.len > self.max {
            return Err(error::MESSAGE_TOO_BIG);
        }
        if let Some(text) = &mut self.text
            && !text.push(&self.buffer[start..self.len])
        {
            return Err(error::TEXT_UTF8);
        }
        Ok(())
    }

    fn finish(&self) -> Result<(), Violation> {
        match &self.text {
            Some(text) if !text.is_whole() => Err(error::TEXT_UTF8),
            _ => Ok(()),
        }
    }
}
