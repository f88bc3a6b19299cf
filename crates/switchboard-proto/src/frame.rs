//! Frames: their headers, read and written (RFC 6455 §5.2).

use crate::error::{self, ProtocolError, Violation};
use crate::mask::apply_mask;

/// What a frame is (RFC 6455 §5.2). The numbers are those on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum OpCode {
    /// A further fragment of the open message (§5.4).
    Continuation = 0x0,
    /// The first or only fragment of a text message (§5.6).
    Text = 0x1,
    /// The first or only fragment of a binary message (§5.6).
    Binary = 0x2,
    /// The close handshake (§5.5.1).
    Close = 0x8,
    /// Are you there? (§5.5.2)
    Ping = 0x9,
    /// I am, or an unasked heartbeat (§5.5.3).
    Pong = 0xa,
}

impl OpCode {
    /// The opcode of a number on the wire; none for the reserved ones (3–7 and 11–15).
    pub const fn from_wire(number: u8) -> Option<Self> {
        Some(match number {
            0x0 => Self::Continuation,
            0x1 => Self::Text,
            0x2 => Self::Binary,
            0x8 => Self::Close,
            0x9 => Self::Ping,
            0xa => Self::Pong,
            _ => return None,
        })
    }

    /// Close, ping or pong (RFC 6455 §5.5).
    pub const fn is_control(self) -> bool {
        self as u8 >= 0x8
    }
}

/// The longest payload of a control frame, in bytes (RFC 6455 §5.5).
pub const CONTROL_PAYLOAD_BYTES_MAX: usize = 125;

const FIN: u8 = 0x80;
const MASKED: u8 = 0x80;
/// The first of the three reserved bits as it stands in [`FrameHeader::rsv`]; RFC 7692 gives it a meaning.
pub const RSV1: u8 = 0b100;

/// What the receiver of a frame knows before it: the context in which a header is valid or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameRules {
    /// Must frames be masked (they come from a client), or must they not (from a server)? RFC 6455 §5.1.
    pub masked: bool,
    /// Is a fragmented message open, so that the next data frame has to continue it? RFC 6455 §5.4.
    pub message_open: bool,
    /// The reserved bits that a negotiated extension gives a meaning, as in [`FrameHeader::rsv`]. RFC 6455 §9.
    pub rsv_allowed: u8,
}

/// The header of a frame (RFC 6455 §5.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameHeader {
    /// Is this the last fragment of its message?
    pub fin: bool,
    /// RSV1, RSV2, RSV3 as the bits 4, 2, 1.
    pub rsv: u8,
    /// What the frame is.
    pub opcode: OpCode,
    /// The masking key; none if the payload is not masked.
    pub mask: Option<[u8; 4]>,
    /// The length of the payload in bytes, below 2^63.
    pub payload_len: u64,
}

impl FrameHeader {
    /// The longest header in bytes: 2, a length of 8, a masking key of 4.
    pub const BYTES_MAX: usize = 14;

    /// Does a compressed message begin here (RFC 7692 §6)?
    #[inline(always)]
    pub(crate) fn is_compressed(&self) -> bool {
        self.rsv & RSV1 != 0
    }

    /// Reads the header at the start of `bytes`, and how many bytes it takes. `Ok(None)`: more bytes are needed.
    ///
    /// # Errors
    /// A header that breaks §5.1 (masking), §5.2 (reserved bits and opcodes, length not minimal or with its
    /// top bit set), §5.4 (a data frame at the wrong place) or §5.5 (control frames are short and whole). Every
    /// check is made at the first octet that tells, so the verdict does not depend on how the bytes arrive.
    #[inline]
    pub fn decode(bytes: &[u8], rules: FrameRules) -> Result<Option<(Self, usize)>, ProtocolError> {
        Self::read(bytes, rules).map_err(|violation| *violation)
    }

    #[inline(always)]
    pub(crate) fn read(bytes: &[u8], rules: FrameRules) -> Result<Option<(Self, usize)>, Violation> {
        let Some(&first) = bytes.first() else {
            return Ok(None);
        };
        let (fin, rsv, opcode) = read_first(first, rules)?;

        let Some(&second) = bytes.get(1) else {
            return Ok(None);
        };
        let short_len = second & 0x7f;
        check_second(second & MASKED != 0, short_len, opcode, rules)?;

        let Some((payload_len, len_end)) = read_length(bytes, short_len)? else {
            return Ok(None);
        };
        if !rules.masked {
            return Ok(Some((Self { fin, rsv, opcode, mask: None, payload_len }, len_end)));
        }
        let Some(mask) = bytes.get(len_end..).and_then(|rest| rest.first_chunk::<4>()) else {
            return Ok(None);
        };
        Ok(Some((Self { fin, rsv, opcode, mask: Some(*mask), payload_len }, len_end + 4)))
    }
}

#[inline(always)]
fn read_first(first: u8, rules: FrameRules) -> Result<(bool, u8, OpCode), Violation> {
    let fin = first & FIN != 0;
    let rsv = first >> 4 & 0b111;
    if rsv & !rules.rsv_allowed != 0 {
        return Err(error::RESERVED_BITS);
    }
    let Some(opcode) = OpCode::from_wire(first & 0x0f) else {
        return Err(error::RESERVED_OPCODE);
    };
    if rsv & RSV1 != 0 && !matches!(opcode, OpCode::Text | OpCode::Binary) {
        return Err(error::RSV1_MISPLACED);
    }
    match opcode {
        OpCode::Continuation if !rules.message_open => Err(error::ORPHAN_CONTINUATION),
        OpCode::Text | OpCode::Binary if rules.message_open => Err(error::MESSAGE_INTERRUPTED),
        OpCode::Close | OpCode::Ping | OpCode::Pong if !fin => Err(error::CONTROL_FRAGMENTED),
        _ => Ok((fin, rsv, opcode)),
    }
}

#[inline(always)]
fn check_second(masked: bool, short_len: u8, opcode: OpCode, rules: FrameRules) -> Result<(), Violation> {
    match (rules.masked, masked) {
        (true, false) => return Err(error::NOT_MASKED),
        (false, true) => return Err(error::MASKED),
        _ => {}
    }
    if opcode.is_control() && usize::from(short_len) > CONTROL_PAYLOAD_BYTES_MAX {
        return Err(error::CONTROL_TOO_LONG);
    }
    Ok(())
}

/// The payload length and where it ends in the header.
#[inline(always)]
fn read_length(bytes: &[u8], short_len: u8) -> Result<Option<(u64, usize)>, Violation> {
    match short_len {
        126 => {
            let Some(wire) = bytes.get(2..).and_then(|rest| rest.first_chunk::<2>()) else {
                return Ok(None);
            };
            let len = u16::from_be_bytes(*wire);
            if len < 126 {
                return Err(error::LENGTH_NOT_MINIMAL);
            }
            Ok(Some((u64::from(len), 4)))
        }
        127 => {
            let Some(wire) = bytes.get(2..).and_then(|rest| rest.first_chunk::<8>()) else {
                return Ok(None);
            };
            let len = u64::from_be_bytes(*wire);
            if len > u64::MAX / 2 {
                return Err(error::LENGTH_TOP_BIT);
            }
            if len <= u64::from(u16::MAX) {
                return Err(error::LENGTH_NOT_MINIMAL);
            }
            Ok(Some((len, 10)))
        }
        len => Ok(Some((u64::from(len), 2))),
    }
}

/// The header of an unmasked (server's) frame: at most 10 bytes, on the stack (RFC 6455 §5.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeaderBytes {
    bytes: [u8; 10],
    len: u8,
}

impl HeaderBytes {
    /// The header of a server's frame with a payload of `payload_len` bytes. The caller keeps control frames
    /// within 125 bytes and whole (§5.5).
    #[inline]
    pub fn server(opcode: OpCode, fin: bool, payload_len: usize) -> Self {
        let mut bytes = [0; 10];
        bytes[0] = if fin { FIN } else { 0 } | opcode as u8;
        let len = match payload_len {
            0..126 => {
                bytes[1] = payload_len as u8;
                2
            }
            126..=0xffff => {
                bytes[1] = 126;
                bytes[2..4].copy_from_slice(&(payload_len as u16).to_be_bytes());
                4
            }
            _ => {
                bytes[1] = 127;
                bytes[2..10].copy_from_slice(&(payload_len as u64).to_be_bytes());
                10
            }
        };
        Self { bytes, len }
    }

    /// The same for a frame whose payload is compressed: the first or only one of a message (RFC 7692 §6.1).
    #[inline]
    #[must_use]
    pub fn compressed(mut self) -> Self {
        self.bytes[0] |= RSV1 << 4;
        self
    }

    /// The bytes of the header.
    #[inline]
    pub fn as_slice(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

/// Appends a whole server's frame, header and payload, to `out` (RFC 6455 §5.2).
#[inline]
pub fn encode_frame(opcode: OpCode, payload: &[u8], out: &mut Vec<u8>) {
    let header = HeaderBytes::server(opcode, true, payload.len());
    out.reserve(header.as_slice().len() + payload.len());
    out.extend_from_slice(header.as_slice());
    out.extend_from_slice(payload);
}

/// Appends a client's frame, masked with `key`, to `out` (RFC 6455 §5.2, §5.3). Each frame wants a new,
/// unpredictable key.
pub fn encode_masked_frame(opcode: OpCode, fin: bool, payload: &[u8], key: [u8; 4], out: &mut Vec<u8>) {
    let mut header = HeaderBytes::server(opcode, fin, payload.len());
    header.bytes[1] |= MASKED;
    out.reserve(header.as_slice().len() + key.len() + payload.len());
    out.extend_from_slice(header.as_slice());
    out.extend_from_slice(&key);
    let start = out.len();
    out.extend_from_slice(payload);
    apply_mask(&mut out[start..], key, 0);
}

#[cfg(test)]
mod tests {
    use super::*;

    const FROM_SERVER: FrameRules = FrameRules { masked: false, message_open: false, rsv_allowed: 0 };

    #[test]
    fn a_length_takes_its_shortest_form() {
        for (payload_len, wire) in [
            (0, &b"\x82\x00"[..]),
            (125, b"\x82\x7d"),
            (126, b"\x82\x7e\x00\x7e"),
            (0xffff, b"\x82\x7e\xff\xff"),
            (0x1_0000, b"\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x00"),
        ] {
            let written = HeaderBytes::server(OpCode::Binary, true, payload_len);
            assert_eq!(written.as_slice(), wire);
            let header = FrameHeader {
                fin: true,
                rsv: 0,
                opcode: OpCode::Binary,
                mask: None,
                payload_len: payload_len as u64,
            };
            assert_eq!(FrameHeader::decode(wire, FROM_SERVER), Ok(Some((header, wire.len()))));
        }
    }

    #[test]
    fn the_masked_frame_of_section_5_7_is_written() {
        let mut out = b"before".to_vec();
        encode_masked_frame(OpCode::Text, true, b"Hello", [0x37, 0xfa, 0x21, 0x3d], &mut out);
        assert_eq!(out, b"before\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58");
    }

    #[test]
    fn reserved_bits_pass_where_an_extension_gives_them_a_meaning() {
        let rules = FrameRules { rsv_allowed: RSV1, ..FROM_SERVER };
        let decoded = FrameHeader::decode(b"\xc1\x00", rules);
        assert!(matches!(decoded, Ok(Some((FrameHeader { rsv: RSV1, .. }, 2)))), "{decoded:?}");
        assert_eq!(FrameHeader::decode(b"\xa1", rules), Err(*error::RESERVED_BITS));
    }

    #[test]
    fn every_octet_is_judged_when_it_arrives() {
        assert_eq!(FrameHeader::decode(b"\x83", FROM_SERVER), Err(*error::RESERVED_OPCODE));
        assert_eq!(FrameHeader::decode(b"\x09", FROM_SERVER), Err(*error::CONTROL_FRAGMENTED));
        assert_eq!(FrameHeader::decode(b"\x89\x7e", FROM_SERVER), Err(*error::CONTROL_TOO_LONG));
        assert_eq!(FrameHeader::decode(b"\x81\x80", FROM_SERVER), Err(*error::MASKED));
        assert_eq!(FrameHeader::decode(b"\x81", FROM_SERVER), Ok(None));
    }
}
