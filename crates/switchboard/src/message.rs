//! What clients send and are sent.

use bytes::Bytes;
use switchboard_proto::MessageKind;

use crate::Text;

/// One WebSocket message, whole: fragments are joined before it is handed out, text is valid UTF-8. Cheap to
/// clone: clones share one buffer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// A text message (RFC 6455 §5.6, opcode 1).
    Text(Text),
    /// A binary message (opcode 2).
    Binary(Bytes),
}

impl Message {
    /// From a payload that `switchboard-proto` has checked.
    pub(crate) fn from_checked(kind: MessageKind, payload: &[u8]) -> Message {
        Message::from_checked_bytes(kind, Bytes::copy_from_slice(payload))
    }

    /// The same, of bytes that are kept as they are.
    pub(crate) fn from_checked_bytes(kind: MessageKind, bytes: Bytes) -> Message {
        match kind {
            MessageKind::Text => Message::Text(Text::from_checked(bytes)),
            MessageKind::Binary => Message::Binary(bytes),
        }
    }

    /// The text, if it is a text message.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Message::Text(text) => Some(text),
            Message::Binary(_) => None,
        }
    }

    /// The payload of either kind.
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Message::Text(text) => text.as_bytes(),
            Message::Binary(bytes) => bytes,
        }
    }

    /// The payload's length in bytes.
    pub fn len(&self) -> usize {
        self.as_bytes().len()
    }

    /// Is the payload empty?
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn into_parts(self) -> (MessageKind, Bytes) {
        match self {
            Message::Text(text) => (MessageKind::Text, text.into_bytes()),
            Message::Binary(bytes) => (MessageKind::Binary, bytes),
        }
    }
}

impl From<Text> for Message {
    fn from(text: Text) -> Message {
        Message::Text(text)
    }
}

impl From<&str> for Message {
    fn from(text: &str) -> Message {
        Message::Text(text.into())
    }
}

impl From<String> for Message {
    fn from(text: String) -> Message {
        Message::Text(text.into())
    }
}

impl From<Bytes> for Message {
    fn from(bytes: Bytes) -> Message {
        Message::Binary(bytes)
    }
}

impl From<Vec<u8>> for Message {
    fn from(bytes: Vec<u8>) -> Message {
        Message::Binary(bytes.into())
    }
}

impl From<&[u8]> for Message {
    fn from(bytes: &[u8]) -> Message {
        Message::Binary(Bytes::copy_from_slice(bytes))
    }
}
