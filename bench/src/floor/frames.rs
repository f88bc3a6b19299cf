//! Handshake and frames, without a check that a well-behaved client would not need.

use switchboard_proto::handshake::{HeadLimits, Request};
use switchboard_proto::{HeaderBytes, OpCode, apply_mask};

/// What a request head comes to.
pub(super) enum Head<'a> {
    /// With the bytes that followed it; the response was appended.
    Accepted(&'a [u8]),
    Incomplete,
    Refused,
}

pub(super) fn accept<'a>(input: &'a [u8], out: &mut Vec<u8>) -> Head<'a> {
    let request = match Request::parse(input, &HeadLimits::default()) {
        Ok(Some(request)) => request,
        Ok(None) => return Head::Incomplete,
        Err(_) => return Head::Refused,
    };
    match request.upgrade().map(|upgrade| upgrade.accept(None, None, &[], out)) {
        Ok(Ok(())) => Head::Accepted(&input[request.head_len()..]),
        Ok(Err(_)) | Err(_) => Head::Refused,
    }
}

/// A whole frame of a client.
pub(super) struct Frame<'a> {
    first: u8,
    mask: [u8; 4],
    payload: &'a [u8],
}

impl<'a> Frame<'a> {
    /// The first frame of `input` and what follows it; `None` if it is not whole.
    pub(super) fn split(input: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (&[first, second], rest) = input.split_first_chunk()?;
        let (payload_bytes, rest) = match second & 0x7f {
            126 => rest
                .split_first_chunk()
                .map(|(length, rest)| (u64::from(u16::from_be_bytes(*length)), rest))?,
            127 => rest.split_first_chunk().map(|(length, rest)| (u64::from_be_bytes(*length), rest))?,
            short => (u64::from(short), rest),
        };
        let (&mask, rest) = rest.split_first_chunk()?;
        let (payload, rest) = rest.split_at_checked(usize::try_from(payload_bytes).ok()?)?;
        Some((Self { first, mask, payload }, rest))
    }

    pub(super) fn is_close(&self) -> bool {
        self.first & 0x0f == OpCode::Close as u8
    }

    /// The same message as a server's frame.
    pub(super) fn append_answer(&self, out: &mut Vec<u8>) {
        let opcode = if self.first & 0x0f == OpCode::Text as u8 { OpCode::Text } else { OpCode::Binary };
        out.extend_from_slice(HeaderBytes::server(opcode, true, self.payload.len()).as_slice());
        let start = out.len();
        out.extend_from_slice(self.payload);
        apply_mask(&mut out[start..], self.mask, 0);
    }
}
