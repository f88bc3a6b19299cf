//! Heads that arrive in parts, within limits of size and time.

use super::HandshakeError;
use super::error;
use super::scan::HeadScan;

/// How large a head may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeadLimits {
    /// Bytes of the request line and all header fields with their line ends. More is 431 (or 414, if it is the
    /// request line). Default: 16 KiB, since browsers send cookies of up to 4 KiB each.
    pub head_bytes_max: usize,
    /// Header fields. More is 431. Default: 100; browsers send some 15.
    pub headers_max: usize,
}

impl Default for HeadLimits {
    fn default() -> Self {
        Self { head_bytes_max: 16 * 1024, headers_max: 100 }
    }
}

/// Gathers a head whose bytes arrive in parts, for drivers that have to keep them. Every byte is looked at once.
///
/// It holds at most `head_bytes_max` bytes more than the last call brought, so long as the caller goes on to
/// [`Request::parse`](super::Request::parse) when the head is complete.
#[derive(Debug)]
pub struct HeadReader {
    buffer: Vec<u8>,
    scan: HeadScan,
    head_len: Option<usize>,
    limits: HeadLimits,
    deadline_ms: u64,
}

impl HeadReader {
    /// An empty reader. The head must be complete before `deadline_ms`, a time of the caller's clock in milliseconds.
    pub fn new(limits: HeadLimits, deadline_ms: u64) -> Self {
        Self { buffer: Vec::new(), scan: HeadScan::default(), head_len: None, limits, deadline_ms }
    }

    /// Takes bytes that arrived at `now_ms`. `Ok(Some(len))`: the head is complete, and is the first `len` bytes of
    /// [`buffer`](Self::buffer); what follows there was sent after it, in the same segment. `Ok(None)`: more is needed.
    ///
    /// # Errors
    /// 408 at or after the deadline; 414 or 431 past the limits; 400 for lines that are not HTTP's, as soon as
    /// the byte is there that tells, so that a peer that speaks something else is refused at once.
    pub fn receive(&mut self, bytes: &[u8], now_ms: u64) -> Result<Option<usize>, HandshakeError> {
        self.poll_timeout(now_ms)?;
        self.buffer.extend_from_slice(bytes);
        if self.head_len.is_none() {
            self.head_len = self.scan.advance(&self.buffer, &self.limits)?;
        }
        Ok(self.head_len)
    }

    /// Is there still time?
    ///
    /// # Errors
    /// 408 if it is `deadline_ms` or later and the head is not complete.
    pub fn poll_timeout(&self, now_ms: u64) -> Result<(), HandshakeError> {
        if self.head_len.is_none() && now_ms >= self.deadline_ms { Err(error::TIMEOUT) } else { Ok(()) }
    }

    /// When [`poll_timeout`](Self::poll_timeout) starts to fail, in milliseconds of the caller's clock.
    pub fn deadline_ms(&self) -> u64 {
        self.deadline_ms
    }

    /// All bytes so far.
    pub fn buffer(&self) -> &[u8] {
        &self.buffer
    }

    /// All bytes so far, to keep.
    pub fn into_buffer(self) -> Vec<u8> {
        self.buffer
    }
}
