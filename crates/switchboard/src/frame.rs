//! A message as it goes over the wire, encoded once for all its receivers.

use bytes::{BufMut, Bytes, BytesMut};
use switchboard_proto::{HeaderBytes, MessageKind, OpCode};

use crate::Message;

/// An encoded data frame. Clones share the payload.
#[derive(Debug, Clone)]
pub(crate) struct Frame {
    kind: MessageKind,
    /// Empty when `body` begins with the header.
    head: Option<HeaderBytes>,
    body: Bytes,
}

impl Frame {
    /// For one receiver: the payload stays where it is, the header stands beside it.
    pub(crate) fn single(message: Message) -> Frame {
        let (kind, body) = message.into_parts();
        Frame::single_of(kind, body)
    }

    pub(crate) fn single_of(kind: MessageKind, body: Bytes) -> Frame {
        Frame { kind, head: Some(HeaderBytes::server(opcode(kind), true, body.len())), body }
    }

    /// Bytes of such a frame.
    pub(crate) fn single_len(payload: usize) -> usize {
        HeaderBytes::server(OpCode::Binary, true, payload).as_slice().len() + payload
    }

    /// For many receivers: header and payload in one buffer that all of them share.
    pub(crate) fn shared(message: Message) -> Frame {
        let (kind, payload) = message.into_parts();
        Frame::shared_of(kind, &payload)
    }

    pub(crate) fn shared_of(kind: MessageKind, payload: &[u8]) -> Frame {
        Frame::joined(kind, HeaderBytes::server(opcode(kind), true, payload.len()), payload)
    }

    /// For all receivers with the same window; `payload` is compressed.
    pub(crate) fn compressed(kind: MessageKind, payload: &[u8]) -> Frame {
        let head = HeaderBytes::server(opcode(kind), true, payload.len()).compressed();
        Frame::joined(kind, head, payload)
    }

    fn joined(kind: MessageKind, head: HeaderBytes, payload: &[u8]) -> Frame {
        let mut body = BytesMut::with_capacity(head.as_slice().len() + payload.len());
        body.put_slice(head.as_slice());
        body.put_slice(payload);
        Frame { kind, head: None, body: body.freeze() }
    }

    pub(crate) fn head(&self) -> &[u8] {
        self.head.as_ref().map_or(&[], HeaderBytes::as_slice)
    }

    pub(crate) fn body(&self) -> &Bytes {
        &self.body
    }

    pub(crate) fn kind(&self) -> MessageKind {
        self.kind
    }

    /// The message's bytes, as they stand in the frame.
    pub(crate) fn payload(&self) -> &[u8] {
        if self.head.is_some() {
            return &self.body;
        }
        // The header that `shared` has put first: two bytes, and the extended length (RFC 6455 §5.2).
        let header = match self.body.get(1) {
            Some(127) => 10,
            Some(126) => 4,
            _ => 2,
        };
        self.body.get(header..).unwrap_or_default()
    }

    pub(crate) fn len(&self) -> usize {
        self.head().len() + self.body.len()
    }
}

pub(crate) fn opcode(kind: MessageKind) -> OpCode {
    match kind {
        MessageKind::Text => OpCode::Text,
        MessageKind::Binary => OpCode::Binary,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_receivers_of_a_broadcast_share_one_encoded_frame() {
        let frame = Frame::shared("hi".into());
        assert_eq!(&frame.body()[..], b"\x81\x02hi");
        assert!(frame.head().is_empty());
        assert_eq!(frame.clone().body().as_ptr(), frame.body().as_ptr());
    }
}
