//! Violations of the protocol: each is one constant with its close code and the section it breaks.

use crate::close::{CLOSE_REASON_BYTES_MAX, CloseCode};

/// The peer broke the protocol, and the connection has failed (RFC 6455 §7.1.7).
///
/// The close frame that says so waits in [`Connection::poll_transmit`](crate::Connection::poll_transmit); its
/// reason is [`reason`](Self::reason).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{detail} ({section}; close code {code})")]
pub struct ProtocolError {
    /// The code that the close frame carries (RFC 6455 §7.4.1).
    pub code: CloseCode,
    /// The rule that was broken, as in `RFC 6455 §5.2`.
    pub section: &'static str,
    /// What was wrong, in one line that fits into a close reason together with the section.
    pub detail: &'static str,
}

impl ProtocolError {
    const fn new(code: CloseCode, section: &'static str, detail: &'static str) -> Self {
        assert!(detail.len() + " ()".len() + section.len() <= CLOSE_REASON_BYTES_MAX);
        Self { code, section, detail }
    }

    /// The reason that the close frame carries: the detail, and the section in parentheses. At most
    /// [`CLOSE_REASON_BYTES_MAX`] bytes.
    pub fn reason(&self) -> String {
        format!("{} ({})", self.detail, self.section)
    }
}

/// A violation as it travels inside this crate: one word instead of five, which the hot path feels.
pub(crate) type Violation = &'static ProtocolError;

macro_rules! violations {
    ($($name:ident = $code:ident, $section:literal, $detail:literal;)*) => {
        $(pub(crate) const $name: Violation = &ProtocolError::new(CloseCode::$code, $section, $detail);)*
    };
}

violations! {
    RESERVED_BITS = PROTOCOL_ERROR, "RFC 6455 §5.2", "a reserved bit is set, but no extension was negotiated";
    RESERVED_OPCODE = PROTOCOL_ERROR, "RFC 6455 §5.2", "the opcode is reserved";
    LENGTH_NOT_MINIMAL = PROTOCOL_ERROR, "RFC 6455 §5.2", "the payload length is not in its shortest form";
    LENGTH_TOP_BIT = PROTOCOL_ERROR, "RFC 6455 §5.2", "the top bit of the 64-bit payload length is set";
    NOT_MASKED = PROTOCOL_ERROR, "RFC 6455 §5.1", "a client's frame is not masked";
    MASKED = PROTOCOL_ERROR, "RFC 6455 §5.1", "a server's frame is masked";
    ORPHAN_CONTINUATION = PROTOCOL_ERROR, "RFC 6455 §5.4", "a continuation frame, but no message is open";
    MESSAGE_INTERRUPTED = PROTOCOL_ERROR, "RFC 6455 §5.4", "a new message before the fragmented one has ended";
    CONTROL_FRAGMENTED = PROTOCOL_ERROR, "RFC 6455 §5.5", "a control frame is fragmented";
    CONTROL_TOO_LONG = PROTOCOL_ERROR, "RFC 6455 §5.5", "a control frame's payload is longer than 125 bytes";
    CLOSE_ONE_BYTE = PROTOCOL_ERROR, "RFC 6455 §5.5.1", "a close frame's payload is a single byte, half a status code";
    CLOSE_CODE_INVALID = PROTOCOL_ERROR, "RFC 6455 §7.4", "the close frame's status code must not be sent";
    CLOSE_REASON_UTF8 = INVALID_DATA, "RFC 6455 §5.5.1", "the close frame's reason is not valid UTF-8";
    TEXT_UTF8 = INVALID_DATA, "RFC 6455 §8.1", "a text message is not valid UTF-8";
    RSV1_MISPLACED = PROTOCOL_ERROR, "RFC 7692 §6.1", "RSV1 is set on a control frame or a later fragment";
    DEFLATE_INVALID = INVALID_DATA, "RFC 7692 §7.2.2", "a compressed message is not a valid deflate stream";
    DEFLATE_UNFINISHED = INVALID_DATA, "RFC 7692 §7.2.1", "a compressed message does not end in an empty stored block";
    MESSAGE_TOO_BIG = TOO_BIG, "RFC 6455 §7.4.1", "the message is larger than this endpoint takes";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn display_names_detail_section_and_code() {
        let text = NOT_MASKED.to_string();
        assert_eq!(text, "a client's frame is not masked (RFC 6455 §5.1; close code 1002)");
    }
}
