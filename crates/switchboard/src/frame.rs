//! A message as it goes over the wire, encoded once for all its receivers.

use bytes::{BufMut, Bytes, BytesMut};
use switchboard_proto::{HeaderBytes, MessageKind, OpCode};

use crate::Message;

/// An encoded data frame. Clones share the payload.
#[derive(Debug, Clone)]
pub(crate) struct Frame {
    /// Empty when `body` begins with the header.
    head: Option<HeaderBytes>,
    body: Bytes,
}

impl Frame {
    /// For one receiver: the payload stays where it is, the header stands beside it.
    pub(crate) fn single(message: Message) -> Frame {
        let (kind, body) = message.into_parts();
        Frame { head: Some(HeaderBytes::server(opcode(kind), true, body.len())), body }
    }

    /// For many receivers: header and payload in one buffer that all of them share.
    pub(crate) fn shared(message: Message) -> Frame {
        let (kind, payload) = message.into_parts();
        let head = HeaderBytes::server(opcode(kind), true, payload.len());
        let mut body = BytesMut::with_capacity(head.as_slice().len() + payload.len());
        body.put_slice(head.as_slice());
        body.put_slice(&payload);
        Frame { head: None, body: body.freeze() }
    }

    pub(crate) fn head(&self) -> &[u8] {
        self.head.as_ref().map_or(&[], HeaderBytes::as_slice)
    }

    pub(crate) fn body(&self) -> &Bytes {
        &self.body
    }

    pub(crate) fn len(&self) -> usize {
        self.head().len() + self.body.len()
    }
}

fn opcode(kind: MessageKind) -> OpCode {
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
