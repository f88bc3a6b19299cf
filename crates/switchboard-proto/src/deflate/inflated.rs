//! Where the bytes of a message go that is inflated.

use crate::MessageKind;
use crate::error::{self, Violation};
use crate::utf8::Utf8Progress;

/// What a buffer keeps for the next message.
const KEPT_BYTES: usize = 64 << 10;
/// What one step of inflating writes, at the most.
const STEP_BYTES: usize = 32 << 10;

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

    /// At least one byte, the one past the limit to show that there is more, and no more than one step may write.
    pub(super) fn room(&mut self) -> &mut [u8] {
        let end = self.max.saturating_add(1);
        if self.len == self.buffer.len() {
            let doubled = self.buffer.len().saturating_mul(2).max(KEPT_BYTES);
            let size = doubled.min(end.max(KEPT_BYTES));
            self.buffer.reserve_exact(size - self.len);
            self.buffer.resize(size, 0);
        }
        let end = end.min(self.buffer.len()).min(self.len + STEP_BYTES);
        &mut self.buffer[self.len..end]
    }

    /// So many bytes have been written into the room.
    ///
    /// # Errors
    /// They are more than the message may have, or are to be text and are not.
    pub(super) fn advance(&mut self, written: usize) -> Result<(), Violation> {
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

    /// # Errors
    /// The message ends within a code point.
    pub(super) fn finish(&self) -> Result<(), Violation> {
        match &self.text {
            Some(text) if !text.is_whole() => Err(error::TEXT_UTF8),
            _ => Ok(()),
        }
    }
}
