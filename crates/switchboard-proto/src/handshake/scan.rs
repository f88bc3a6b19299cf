//! The end of a head, found as its bytes arrive, and its line structure on the way (RFC 9112 §2).

use super::error;
use super::{HandshakeError, HeadLimits};

/// Looks at each byte of a head once, however the bytes arrive.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct HeadScan {
    scanned: usize,
    line_start: usize,
    lines: usize,
}

impl HeadScan {
    /// Goes on through `bytes`, which are all bytes so far: the length of the head with its empty line at the end, or
    /// none while that is still to come.
    ///
    /// # Errors
    /// Lines that do not end in CR LF, control bytes, folded lines: 400. Longer than `limits` allow: 414 or 431.
    pub(super) fn advance(
        &mut self,
        bytes: &[u8],
        limits: &HeadLimits,
    ) -> Result<Option<usize>, HandshakeError> {
        let end = bytes.len().min(limits.head_bytes_max);
        while self.scanned < end {
            let at = self.scanned;
            self.check(bytes, at)?;
            self.scanned += 1;
            if bytes[at] == b'\n' {
                let empty = at - self.line_start == 1;
                self.line_start = at + 1;
                // Empty lines before the request line are passed over (RFC 9112 §2.2).
                if empty && self.lines > 0 {
                    return Ok(Some(at + 1));
                }
                self.lines += usize::from(!empty);
            }
        }
        if bytes.len() < limits.head_bytes_max {
            return Ok(None);
        }
        Err(if self.lines == 0 { error::REQUEST_LINE_TOO_LONG } else { error::HEAD_TOO_LARGE })
    }

    /// The lines that were not empty: the request line and the header fields.
    pub(super) fn lines(&self) -> usize {
        self.lines
    }

    fn check(&self, bytes: &[u8], at: usize) -> Result<(), HandshakeError> {
        let after_cr = at > 0 && bytes[at - 1] == b'\r';
        match bytes[at] {
            b'\n' if !after_cr => Err(error::BARE_LF),
            b'\n' => Ok(()),
            _ if after_cr => Err(error::BARE_CR),
            b' ' | b'\t' if at == self.line_start && self.lines > 0 => Err(error::OBS_FOLD),
            b'\r' | b'\t' | b' '..=b'~' | 0x80..=0xff => Ok(()),
            0x00..=0x1f | 0x7f => Err(error::CONTROL_BYTE),
        }
    }
}
