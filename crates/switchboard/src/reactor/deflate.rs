//! Compression on the way out (RFC 7692): whoever has agreed to it is sent compressed what becomes smaller by it.

use switchboard_proto::{self as proto, HeaderBytes, MessageKind};

use super::Reactor;
use crate::frame::{Frame, opcode};

/// A message for many connections, and what it has become for the windows that some of them have agreed upon: each is made
/// once, when it is first needed.
pub(super) struct Shared<'a> {
    plain: &'a Frame,
    /// By bits of the window. None: it would not become smaller.
    compressed: Vec<(u8, Option<Frame>)>,
}

impl<'a> Shared<'a> {
    pub(super) fn of(plain: &'a Frame) -> Shared<'a> {
        Shared { plain, compressed: Vec::new() }
    }

    fn within(&mut self, window_bits: u8, codec: &mut proto::deflate::Codec) -> &Frame {
        let found = self.compressed.iter().position(|(bits, _)| *bits == window_bits);
        let index = found.unwrap_or_else(|| {
            let compressed = codec.compress(window_bits, self.plain.payload());
            let frame = compressed.map(|payload| Frame::compressed(self.plain.kind(), payload));
            self.compressed.push((window_bits, frame));
            self.compressed.len() - 1
        });
        self.compressed[index].1.as_ref().unwrap_or(self.plain)
    }
}

impl Reactor {
    /// Queues a message that many connections are sent, if this one has room for it.
    pub(super) fn push_shared(&mut self, key: u32, shared: &mut Shared<'_>) {
        let overflow = self.core.config.overflow;
        match self.connections[key as usize].protocol.deflate() {
            // It refers to what this connection alone was sent.
            Some(parameters) if !parameters.server_no_context_takeover => {
                self.push_unreserved(key, shared.plain, overflow);
            }
            Some(parameters) if self.is_worth_it(shared.plain.payload().len()) => {
                self.push_within(key, shared, parameters.server_max_window_bits);
            }
            _ => self.push_encoded(key, shared.plain, overflow),
        }
    }

    fn push_within(&mut self, key: u32, shared: &mut Shared<'_>, window_bits: u8) {
        let (overflow, made) = (self.core.config.overflow, shared.compressed.len());
        let mut codec = std::mem::take(&mut self.codec);
        self.push_encoded(key, shared.within(window_bits, &mut codec), overflow);
        self.codec = codec;
        if shared.compressed.len() > made {
            self.work += work_of_compressing(shared.plain.payload().len());
        }
    }

    fn is_worth_it(&self, payload_len: usize) -> bool {
        self.core.config.deflate.as_ref().is_some_and(|deflate| payload_len >= deflate.message_bytes_min)
    }

    /// Is it tried to compress what this connection is sent?
    #[inline]
    pub(super) fn compresses(&self, key: u32, payload_len: usize) -> bool {
        self.connections[key as usize].protocol.deflate().is_some() && self.is_worth_it(payload_len)
    }

    /// Queues a message compressed, if that was agreed upon and makes it smaller; else nothing happens, and the answer is
    /// false. What is queued has been counted with `counted` bytes for it.
    #[inline]
    pub(super) fn append_compressed(
        &mut self,
        key: u32,
        kind: MessageKind,
        payload: &[u8],
        counted: usize,
    ) -> bool {
        self.compresses(key, payload.len()) && self.compress_and_append(key, kind, payload, counted)
    }

    #[cold]
    fn compress_and_append(&mut self, key: u32, kind: MessageKind, payload: &[u8], counted: usize) -> bool {
        let mut codec = std::mem::take(&mut self.codec);
        let connection = &mut self.connections[key as usize];
        let id = connection.id;
        let compressed = connection.protocol.compress(payload, &mut codec);
        if let Some(compressed) = compressed {
            let header = HeaderBytes::server(opcode(kind), true, compressed.len()).compressed();
            let len = header.as_slice().len() + compressed.len();
            let entry = self.core.table.slot(id);
            entry.subtract_queued(counted);
            entry.add_queued(len);
            self.append_parts(key, |output| {
                output.push_copy(header.as_slice(), compressed.len(), |block| {
                    block.extend_from_slice(compressed)
                });
            });
        }
        let is_done = compressed.is_some();
        self.work += work_of_compressing(payload.len());
        self.codec = codec;
        is_done
    }
}

/// What counts as much as one frame of what may be done in one turn: so many bytes that are compressed. To begin a message
/// is as much as some frames by itself.
const COMPRESSED_BYTES: usize = 32;
const COMPRESSED_MESSAGE: usize = 8;

fn work_of_compressing(message: usize) -> usize {
    COMPRESSED_MESSAGE + message / COMPRESSED_BYTES
}

/// How much of a queue has to be dropped to have `room`: where messages refer to earlier ones, all of it, and then the next
/// one begins anew.
pub(super) fn drop_room(connection: &mut proto::Connection, room: usize) -> usize {
    match connection.deflate() {
        Some(parameters) if !parameters.server_no_context_takeover => {
            connection.forget_compressed();
            usize::MAX
        }
        _ => room,
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    #[test]
    fn a_message_for_many_is_compressed_once_for_each_window() {
        let plain = Frame::shared_of(MessageKind::Text, &b"once ".repeat(1_000));
        let mut shared = Shared::of(&plain);
        let mut codec = proto::deflate::Codec::default();
        let mut body = |bits| shared.within(bits, &mut codec).body().clone();
        let first: Vec<Bytes> = [15, 9].map(&mut body).into();
        for _ in 0..1_000 {
            assert_eq!([15, 9].map(|bits| body(bits).as_ptr()), [first[0].as_ptr(), first[1].as_ptr()]);
        }
        assert_eq!(shared.compressed.len(), 2);
        assert!(first.iter().all(|body| body.len() < 200));
    }

    #[test]
    fn what_does_not_become_smaller_is_tried_once() {
        let plain = Frame::shared_of(MessageKind::Binary, b"?");
        let (mut shared, mut codec) = (Shared::of(&plain), proto::deflate::Codec::default());
        for _ in 0..3 {
            assert_eq!(shared.within(15, &mut codec).body().as_ptr(), plain.body().as_ptr());
        }
        assert_eq!(shared.compressed.len(), 1);
    }
}
