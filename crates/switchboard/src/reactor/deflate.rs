//! Compression on the way out (RFC 7692): whoever has agreed to it is sent compressed what becomes smaller by it.

use switchboard_proto::{self as proto, HeaderBytes, MessageKind};

use super::Reactor;
use super::connection::Connection;
use super::logs::{FORMS, Form};
use crate::Deflate;
use crate::frame::{Frame, opcode};

/// A message for many connections, and what it has become for the windows that some of them have agreed upon: each is made
/// once, when it is first needed.
pub(super) struct Shared<'a> {
    plain: &'a Frame,
    /// By the form that is wanted.
    compressed: [Made; FORMS],
    logged: [Option<(Form, u16)>; FORMS],
}

/// What became of a message that was to be compressed.
#[derive(Default)]
enum Made {
    #[default]
    NotYet,
    Smaller(Frame),
    /// It is sent plain.
    NotSmaller,
}

impl<'a> Shared<'a> {
    pub(super) fn of(plain: &'a Frame) -> Shared<'a> {
        Shared { plain, compressed: Default::default(), logged: Default::default() }
    }

    pub(super) fn plain(&self) -> &'a Frame {
        self.plain
    }

    /// In which form a connection is sent it. None: in one of its own.
    #[inline]
    pub(super) fn form_for(&self, connection: &Connection, deflate: Option<&Deflate>) -> Option<Form> {
        match connection.protocol.deflate() {
            None => Some(Form::PLAIN),
            Some(parameters) if !parameters.server_no_context_takeover => None,
            Some(parameters) if is_worth_it(deflate, self.plain.payload().len()) => {
                Some(Form::compressed(parameters.server_max_window_bits))
            }
            Some(_) => Some(Form::PLAIN),
        }
    }

    /// Where it stands for connections that want this form: in which log, and there.
    #[inline]
    pub(super) fn logged(&self, wanted: Form) -> Option<(Form, u16)> {
        self.logged[wanted.index()]
    }

    pub(super) fn set_logged(&mut self, wanted: Form, form: Form, at: u16) {
        self.logged[wanted.index()] = Some((form, at));
        if form == Form::PLAIN {
            self.logged[Form::PLAIN.index()] = Some((form, at));
        }
    }

    /// Compresses it for this form, unless that has been done. Answers what that has cost, in frames that are read.
    pub(super) fn make(&mut self, wanted: Form, codec: &mut proto::deflate::Codec) -> usize {
        let made = &mut self.compressed[wanted.index()];
        let (Some(window_bits), Made::NotYet) = (wanted.window_bits(), &made) else { return 0 };
        let payload = self.plain.payload();
        *made = match codec.compress(window_bits, payload) {
            Some(compressed) => Made::Smaller(Frame::compressed(self.plain.kind(), compressed)),
            None => {
                self.logged[wanted.index()] = self.logged[Form::PLAIN.index()];
                Made::NotSmaller
            }
        };
        work_of_compressing(payload.len())
    }

    /// What a connection that wants this form is sent, and in which form that is.
    pub(super) fn made(&self, wanted: Form) -> (Form, &Frame) {
        match &self.compressed[wanted.index()] {
            Made::Smaller(frame) => (wanted, frame),
            Made::NotYet | Made::NotSmaller => (Form::PLAIN, self.plain),
        }
    }
}

fn is_worth_it(deflate: Option<&Deflate>, payload_len: usize) -> bool {
    deflate.is_some_and(|deflate| payload_len >= deflate.message_bytes_min)
}

impl Reactor {
    /// Is it tried to compress what this connection is sent?
    #[inline]
    pub(super) fn compresses(&self, key: u32, payload_len: usize) -> bool {
        self.connections[key as usize].protocol.deflate().is_some()
            && is_worth_it(self.core.config.deflate.as_ref(), payload_len)
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
        let mut body = |bits| {
            let form = Form::compressed(bits);
            shared.make(form, &mut codec);
            shared.made(form).1.body().clone()
        };
        let first: Vec<Bytes> = [15, 9].map(&mut body).into();
        for _ in 0..1_000 {
            assert_eq!([15, 9].map(|bits| body(bits).as_ptr()), [first[0].as_ptr(), first[1].as_ptr()]);
        }
        assert!(first.iter().all(|body| body.len() < 200));
    }

    #[test]
    fn what_does_not_become_smaller_is_tried_once() {
        let plain = Frame::shared_of(MessageKind::Binary, b"?");
        let (mut shared, mut codec) = (Shared::of(&plain), proto::deflate::Codec::default());
        let form = Form::compressed(15);
        assert!(shared.make(form, &mut codec) > 0);
        assert_eq!(shared.make(form, &mut codec), 0);
        let (as_sent, frame) = shared.made(form);
        assert_eq!((as_sent, frame.body().as_ptr()), (Form::PLAIN, plain.body().as_ptr()));
    }
}
