//! Close codes and the payload of close frames (RFC 6455 §5.5.1, §7.4).

use std::fmt;

use crate::error::{self, Violation};

/// The longest reason of a close frame, in bytes: a control frame's 125 less the two of the code (RFC 6455 §5.5).
pub const CLOSE_REASON_BYTES_MAX: usize = 123;

/// A close status code (RFC 6455 §7.4; the IANA registry *WebSocket Close Code Number*).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CloseCode(u16);

impl CloseCode {
    /// 1000: the purpose of the connection is fulfilled.
    pub const NORMAL: Self = Self(1000);
    /// 1001: the endpoint goes away: a server shuts down, or a browser leaves the page.
    pub const GOING_AWAY: Self = Self(1001);
    /// 1002: the peer broke the protocol.
    pub const PROTOCOL_ERROR: Self = Self(1002);
    /// 1003: a kind of data that the endpoint does not take.
    pub const UNSUPPORTED: Self = Self(1003);
    /// 1005: the close frame held no code. Never sent.
    pub const NO_STATUS: Self = Self(1005);
    /// 1006: the transport ended without a close frame. Never sent.
    pub const ABNORMAL: Self = Self(1006);
    /// 1007: data that is not what its message's kind says, such as text that is not UTF-8.
    pub const INVALID_DATA: Self = Self(1007);
    /// 1008: a policy of the endpoint was broken.
    pub const POLICY: Self = Self(1008);
    /// 1009: a message larger than the endpoint takes.
    pub const TOO_BIG: Self = Self(1009);
    /// 1010: the client needs an extension that the server did not negotiate. Sent by clients only.
    pub const MANDATORY_EXTENSION: Self = Self(1010);
    /// 1011: the server met a condition that keeps it from fulfilling the request.
    pub const INTERNAL: Self = Self(1011);
    /// 1012: the service restarts.
    pub const SERVICE_RESTART: Self = Self(1012);
    /// 1013: the service is overloaded; try again later.
    pub const TRY_AGAIN: Self = Self(1013);
    /// 1014: a gateway got an invalid answer from the server behind it.
    pub const BAD_GATEWAY: Self = Self(1014);
    /// 1015: the TLS handshake failed. Never sent.
    pub const TLS_HANDSHAKE: Self = Self(1015);

    /// Any number as a code; [`may_be_sent`](Self::may_be_sent) tells whether it can stand in a close frame.
    pub const fn new(code: u16) -> Self {
        Self(code)
    }

    /// The number.
    pub const fn get(self) -> u16 {
        self.0
    }

    /// May this code stand in a close frame? That is so for the registered codes but 1005, 1006 and 1015,
    /// for 3000–3999 (libraries, registered) and 4000–4999 (private use) (RFC 6455 §7.4.1, §7.4.2).
    pub const fn may_be_sent(self) -> bool {
        matches!(self.0, 1000..=1003 | 1007..=1014 | 3000..=4999)
    }
}

impl fmt::Display for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl From<CloseCode> for u16 {
    fn from(code: CloseCode) -> u16 {
        code.0
    }
}

/// Why [`Connection::close`](crate::Connection::close) refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CloseError {
    /// The code must not stand in a close frame (RFC 6455 §7.4).
    #[error(
        "close code {0} must not be sent (RFC 6455 §7.4): use 1000, 1001, 1008, 1011 or one of 3000-4999"
    )]
    Code(CloseCode),
    /// The reason is longer than [`CLOSE_REASON_BYTES_MAX`] bytes; it is that many bytes long.
    #[error("the close reason is {0} bytes long, but a close frame holds at most 123 (RFC 6455 §5.5)")]
    ReasonTooLong(usize),
}

/// The payload of a close frame (RFC 6455 §5.5.1). The caller has checked both arguments.
pub(crate) fn payload(code: CloseCode, reason: &str) -> Vec<u8> {
    let mut payload = Vec::with_capacity(2 + reason.len());
    payload.extend_from_slice(&code.0.to_be_bytes());
    payload.extend_from_slice(reason.as_bytes());
    payload
}

/// The code of a received close frame, after everything in its payload was checked (RFC 6455 §5.5.1, §7.4).
pub(crate) fn check_payload(payload: &[u8]) -> Result<CloseCode, Violation> {
    match payload {
        [] => Ok(CloseCode::NO_STATUS),
        [_] => Err(error::CLOSE_ONE_BYTE),
        [high, low, reason @ ..] => {
            let code = CloseCode(u16::from_be_bytes([*high, *low]));
            if !code.may_be_sent() {
                return Err(error::CLOSE_CODE_INVALID);
            }
            match std::str::from_utf8(reason) {
                Ok(_) => Ok(code),
                Err(_) => Err(error::CLOSE_REASON_UTF8),
            }
        }
    }
}

/// The reason within a payload that [`check_payload`] has accepted.
pub(crate) fn reason(payload: &[u8]) -> &str {
    payload.get(2..).and_then(|reason| std::str::from_utf8(reason).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_codes_that_may_be_sent_are_those_of_section_7_4() {
        let may: Vec<u16> = (0..=u16::MAX).filter(|code| CloseCode::new(*code).may_be_sent()).collect();
        let expected: Vec<u16> = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014]
            .into_iter()
            .chain(3000..5000)
            .collect();
        assert_eq!(may, expected);
    }

    #[test]
    fn a_payload_is_nothing_or_a_code_and_a_reason_in_utf8() {
        assert_eq!(check_payload(b""), Ok(CloseCode::NO_STATUS));
        assert_eq!(check_payload(b"\x03\xe8"), Ok(CloseCode::NORMAL));
        assert_eq!(check_payload("\u{3}".as_bytes()), Err(error::CLOSE_ONE_BYTE));
        assert_eq!(check_payload(b"\x03\xed"), Err(error::CLOSE_CODE_INVALID), "1005");
        assert_eq!(check_payload(b"\x03\xe8bye\xff"), Err(error::CLOSE_REASON_UTF8));
        assert_eq!(
            check_payload(b"\x03\xe8caf\xc3"),
            Err(error::CLOSE_REASON_UTF8),
            "a code point broken off"
        );
    }

    #[test]
    fn what_is_written_reads_back() {
        let payload = payload(CloseCode::GOING_AWAY, "再见");
        assert_eq!(check_payload(&payload), Ok(CloseCode::GOING_AWAY));
        assert_eq!(reason(&payload), "再见");
        assert_eq!(reason(b""), "");
    }
}
