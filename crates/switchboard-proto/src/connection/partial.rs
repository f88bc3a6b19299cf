//! What a connection owns while something is incomplete.

use super::MessageKind;
use crate::deflate::Inflation;
use crate::error::{self, Violation};
use crate::frame::FrameHeader;
use crate::utf8::Utf8Progress;

/// Input that has arrived in part, and replies that wait. A connection without either has none.
#[derive(Debug, Default)]
pub(super) struct Partial {
    /// A frame header whose last bytes are missing.
    pub(super) header: [u8; FrameHeader::BYTES_MAX],
    pub(super) header_len: u8,
    /// A frame whose header is complete and whose payload is not.
    pub(super) frame: Option<OpenFrame>,
    /// A message whose last byte is missing, or that the last call has delivered.
    message: Option<OpenMessage>,
    /// A compressed message that is whole and has not been inflated to its end.
    pub(super) inflating: Option<Inflating>,
    /// The payload of a control frame in parts; it may come in the middle of a message.
    pub(super) control: Vec<u8>,
    /// What the last call has delivered from here; the next call frees it.
    pub(super) delivered: Delivered,
    /// The payload of a pong that waits.
    pub(super) pong: Option<Vec<u8>>,
    /// The payload of the close frame that waits.
    pub(super) close: Option<Vec<u8>>,
}

/// What of a [`Partial`] has been delivered.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) enum Delivered {
    #[default]
    Nothing,
    Message,
    Control,
}

/// The rest of a frame.
#[derive(Debug, Clone, Copy)]
pub(super) struct OpenFrame {
    pub(super) header: FrameHeader,
    /// The bytes of the payload that are there.
    pub(super) arrived: u64,
}

#[derive(Debug)]
pub(super) struct Inflating {
    pub(super) kind: MessageKind,
    pub(super) payload: Vec<u8>,
    /// None: it has not begun.
    pub(super) inflation: Option<Box<Inflation>>,
}

#[derive(Debug)]
struct OpenMessage {
    kind: MessageKind,
    /// Its payload is what has arrived, not what it means (RFC 7692).
    compressed: bool,
    payload: Vec<u8>,
    utf8: Utf8Progress,
}

impl OpenMessage {
    /// Text that can be judged as it arrives.
    fn is_plain_text(&self) -> bool {
        self.kind == MessageKind::Text && !self.compressed
    }
}

impl Inflating {
    fn heap_bytes(&self) -> usize {
        self.payload.capacity() + self.inflation.as_deref().map_or(0, Inflation::heap_bytes)
    }
}

impl Partial {
    pub(super) fn is_empty(&self) -> bool {
        self.header_len == 0
            && self.frame.is_none()
            && self.message.is_none()
            && self.inflating.is_none()
            && self.control.is_empty()
            && self.pong.is_none()
            && self.close.is_none()
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.message.as_ref().map_or(0, |message| message.payload.capacity())
            + self.inflating.as_ref().map_or(0, Inflating::heap_bytes)
            + self.control.capacity()
            + self.pong.as_ref().map_or(0, Vec::capacity)
            + self.close.as_ref().map_or(0, Vec::capacity)
    }

    pub(super) fn is_message_open(&self) -> bool {
        self.message.is_some()
    }

    pub(super) fn frame_header(&self) -> Option<FrameHeader> {
        self.frame.as_ref().map(|frame| frame.header)
    }

    pub(super) fn message_len(&self) -> usize {
        self.message.as_ref().map_or(0, |message| message.payload.len())
    }

    pub(super) fn message_payload(&self) -> &[u8] {
        self.message.as_ref().map_or(&[], |message| &message.payload)
    }

    pub(super) fn control_payload(&self) -> &[u8] {
        &self.control
    }

    pub(super) fn is_message_compressed(&self) -> bool {
        self.message.as_ref().is_some_and(|message| message.compressed)
    }

    /// Opens the message that a first data frame starts; a continuation leaves the open one as it is.
    pub(super) fn open_message(&mut self, header: &FrameHeader) {
        let Some(kind) = MessageKind::of(header.opcode) else {
            return;
        };
        let compressed = header.is_compressed();
        self.message =
            Some(OpenMessage { kind, compressed, payload: Vec::new(), utf8: Utf8Progress::default() });
    }

    /// Adds bytes to the open message, which will not grow past `most` bytes.
    ///
    /// # Errors
    /// The bytes cannot be a part of valid UTF-8 (RFC 6455 §8.1).
    pub(super) fn append(&mut self, bytes: &[u8], most: u64) -> Result<(), Violation> {
        let Some(message) = &mut self.message else {
            return Ok(());
        };
        if message.is_plain_text() && !message.utf8.push(bytes) {
            return Err(error::TEXT_UTF8);
        }
        reserve(&mut message.payload, bytes.len(), most);
        message.payload.extend_from_slice(bytes);
        Ok(())
    }

    /// The open message is complete: it is delivered now, and freed at the next call. Answers whether it is compressed, too.
    ///
    /// # Errors
    /// It ends within a code point (RFC 6455 §8.1).
    pub(super) fn finish_message(&mut self) -> Result<(MessageKind, bool), Violation> {
        let Some(message) = &self.message else {
            return Err(error::ORPHAN_CONTINUATION);
        };
        if message.is_plain_text() && !message.utf8.is_whole() {
            return Err(error::TEXT_UTF8);
        }
        self.delivered = Delivered::Message;
        Ok((message.kind, message.compressed))
    }

    /// The message that was to be delivered by this call is not: it waits, with what has been inflated of it. `payload`:
    /// what it is, if it has not been gathered here.
    pub(super) fn keep_inflating(
        &mut self,
        kind: MessageKind,
        payload: Option<&[u8]>,
        inflation: Option<Box<Inflation>>,
    ) {
        let gathered = || self.message.take().map(|message| message.payload).unwrap_or_default();
        let payload = payload.map_or_else(gathered, <[u8]>::to_vec);
        self.delivered = Delivered::Nothing;
        self.inflating = Some(Inflating { kind, payload, inflation });
    }

    /// Forgets the open message, whose last byte has come.
    pub(super) fn close_message(&mut self) {
        self.message = None;
    }

    /// Frees what the open message holds, but not the knowledge that one is open (RFC 6455 §5.4).
    pub(super) fn drop_message_payload(&mut self) {
        self.drop_delivered();
        self.inflating = None;
        if let Some(message) = &mut self.message {
            message.payload = Vec::new();
        }
    }

    /// Frees what the last call has delivered.
    pub(super) fn drop_delivered(&mut self) {
        match self.delivered {
            Delivered::Nothing => return,
            Delivered::Message => self.message = None,
            Delivered::Control => self.control = Vec::new(),
        }
        self.delivered = Delivered::Nothing;
    }

    /// Forgets all input: the connection has failed, or the peer has closed.
    pub(super) fn drop_input(&mut self) {
        self.header_len = 0;
        self.frame = None;
        self.message = None;
        self.inflating = None;
        self.control = Vec::new();
        self.delivered = Delivered::Nothing;
    }
}

/// Makes room for `arrived` more bytes: twice what is there by then, so that many small fragments do not cost a copy
/// of everything each, but no more than `most`. A header alone cannot make a connection allocate.
fn reserve(payload: &mut Vec<u8>, arrived: usize, most: u64) {
    let needed = payload.len() + arrived;
    if needed > payload.capacity() {
        let room = most.min(needed as u64 * 2).max(needed as u64) as usize;
        payload.reserve_exact(room - payload.len());
    }
}
