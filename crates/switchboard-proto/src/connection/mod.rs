//! A connection after its handshake: messages, control frames, the close handshake (RFC 6455 §5–§7).
//!
//! [`Connection`]'s methods come in four groups: what arrived ([`receive`](Connection::receive)), what is to be sent
//! ([`poll_transmit`](Connection::poll_transmit)), what the application wants ([`close`](Connection::close)), and getters.

mod inflating;
mod partial;
mod receive;
#[cfg(test)]
mod tests;

use self::partial::Partial;
use self::receive::{Found, Source};
use crate::close::{self, CLOSE_REASON_BYTES_MAX, CloseCode, CloseError};
use crate::deflate::{Codec, Contexts, Parameters};
use crate::error::{ProtocolError, Violation};
use crate::frame::{FrameRules, OpCode, RSV1, encode_frame, encode_masked_frame};

/// Which end of the connection this is: it decides who masks (RFC 6455 §5.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Frames that arrive must be masked; frames sent are not.
    Server,
    /// Frames that arrive must not be masked; frames sent are.
    Client,
}

/// What a message holds (RFC 6455 §5.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MessageKind {
    /// Valid UTF-8.
    Text,
    /// Any bytes.
    Binary,
}

impl MessageKind {
    /// What the first frame of a message says; none for a continuation or a control frame.
    #[inline(always)]
    fn of(opcode: OpCode) -> Option<Self> {
        match opcode {
            OpCode::Text => Some(Self::Text),
            OpCode::Binary => Some(Self::Binary),
            _ => None,
        }
    }
}

/// What one call of [`Connection::receive`] did.
#[derive(Debug, PartialEq, Eq)]
pub struct Received<'a> {
    /// So many bytes of the input are done with.
    pub consumed: usize,
    /// What they meant, if they completed anything.
    pub event: Option<Event<'a>>,
}

/// Something arrived whole. The bytes are borrowed from the input, or, if they came in parts, from the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event<'a> {
    /// A message, all of its fragments joined (RFC 6455 §5.4). The payload of [`MessageKind::Text`] is valid UTF-8.
    Message {
        /// Text or binary.
        kind: MessageKind,
        /// The bytes of all its fragments.
        payload: &'a [u8],
    },
    /// A ping (§5.5.2); the pong that answers it waits in [`Connection::poll_transmit`].
    Ping(&'a [u8]),
    /// A pong (§5.5.3), whether asked for or not.
    Pong(&'a [u8]),
    /// The peer's close frame (§5.5.1); unless one was sent before, the reply waits in [`Connection::poll_transmit`].
    Close {
        /// The peer's code; [`CloseCode::NO_STATUS`] if its frame was empty.
        code: CloseCode,
        /// The peer's reason, often empty.
        reason: &'a str,
    },
}

/// One end of an established connection: plain data without I/O, clock or randomness.
///
/// It owns heap memory only while something is incomplete: a frame or fragmented message that has arrived in
/// part, or a reply that waits. That memory grows with the bytes that arrived, never with what a header
/// announces, and is bounded by `message_bytes_max` and the few hundred bytes of control frames. A compressed
/// message waits as it arrived, and is inflated when it is whole. Only with a context that is taken over
/// ([`use_deflate`](Self::use_deflate)) there is memory that stays.
#[derive(Debug)]
pub struct Connection {
    message_bytes_max: usize,
    partial: Option<Box<Partial>>,
    contexts: Option<Box<Contexts>>,
    deflate: Option<Parameters>,
    role: Role,
    close_frame: CloseFrame,
    close_received: bool,
    failed: bool,
}

// A server holds one for each of its connections, most of which are idle.
const _: () = assert!(size_of::<Connection>() <= 40);

/// Where this end's close frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CloseFrame {
    None,
    Waiting,
    Sent,
}

/// What arrived.
impl Connection {
    /// A connection whose opening handshake is done. A message of more than `message_bytes_max` bytes (all of its
    /// fragments together) fails the connection with [`CloseCode::TOO_BIG`].
    pub fn new(role: Role, message_bytes_max: usize) -> Self {
        Self {
            message_bytes_max,
            partial: None,
            contexts: None,
            deflate: None,
            role,
            close_frame: CloseFrame::None,
            close_received: false,
            failed: false,
        }
    }

    /// Takes bytes that arrived, up to the end of the first event in them.
    ///
    /// Payloads are unmasked in place, and a message that lies whole in `input` is borrowed from it without a copy.
    /// Call again with the rest until nothing was consumed and there is no event: that last call, whose input is
    /// empty, also frees the memory of a message that had to be gathered.
    ///
    /// A data frame that arrives after [`close`](Self::close) is checked and dropped without an event. After
    /// the peer's close frame, or a failure, everything is consumed and ignored (RFC 6455 §5.5.1, §7.1.7).
    ///
    /// # Errors
    /// The peer broke the protocol and the connection has failed (§7.1.7): all of `input` is to be dropped, and the
    /// close frame with the right code waits in [`poll_transmit`](Self::poll_transmit). The verdict comes
    /// with the first byte that allows it, whichever way the bytes are split: a text message fails at the
    /// octet that breaks its UTF-8 (§8.1), a message that is too big at the header that says so.
    ///
    /// A connection that has been told to [`use_deflate`](Self::use_deflate) wants
    /// [`receive_with`](Self::receive_with): without a codec the first compressed message fails it.
    #[inline]
    pub fn receive<'a>(&'a mut self, input: &'a mut [u8]) -> Result<Received<'a>, ProtocolError> {
        self.receive_from(input, None, &mut { usize::MAX })
    }

    /// The same, with what inflates compressed messages (RFC 7692 §7.2.2); their payload is borrowed from it.
    ///
    /// # Errors
    /// As above. A compressed message is judged when it is whole: it is inflated up to the limit, or up to the octet
    /// that breaks its UTF-8, and no further.
    #[inline]
    pub fn receive_with<'a>(
        &'a mut self,
        input: &'a mut [u8],
        codec: &'a mut Codec,
    ) -> Result<Received<'a>, ProtocolError> {
        self.receive_within(input, codec, &mut { usize::MAX })
    }

    /// The same for whoever has other things to do beside: a compressed message that takes more than `budget` to inflate is
    /// left half-way, without an event, and [`is_inflating`](Self::is_inflating) from then on. Each further call goes on
    /// with it, and consumes nothing before it is done. What is used is taken off the budget, which is in inflated bytes, or
    /// what takes as long: the bytes of the payload count too, those that blocks begin with for the most, so that what
    /// inflates to nothing costs what it costs. It is exceeded by less than 100,000, and with nothing left nothing is done.
    ///
    /// # Errors
    /// As above, and the same ones whatever the budgets.
    #[inline]
    pub fn receive_within<'a>(
        &'a mut self,
        input: &'a mut [u8],
        codec: &'a mut Codec,
        budget: &mut usize,
    ) -> Result<Received<'a>, ProtocolError> {
        self.receive_from(input, Some(codec), budget)
    }

    #[inline(always)]
    fn receive_from<'a>(
        &'a mut self,
        input: &'a mut [u8],
        codec: Option<&'a mut Codec>,
        budget: &mut usize,
    ) -> Result<Received<'a>, ProtocolError> {
        if self.is_quiet() {
            match self.whole_message(input) {
                Ok(Some((kind, range))) => {
                    let consumed = range.end;
                    let event = Event::Message { kind, payload: &input[range] };
                    return Ok(Received { consumed, event: Some(event) });
                }
                Ok(None) => {}
                Err(violation) => {
                    self.fail(violation);
                    return Err(*violation);
                }
            }
        }
        self.receive_in_parts(input, codec, budget)
    }

    fn receive_in_parts<'a>(
        &'a mut self,
        input: &'a mut [u8],
        mut codec: Option<&'a mut Codec>,
        budget: &mut usize,
    ) -> Result<Received<'a>, ProtocolError> {
        let progress = if self.is_inflating() {
            self.go_on_inflating(codec.as_deref_mut(), budget).map(|found| (0, found))
        } else {
            self.advance_in_parts(input).and_then(|(consumed, found)| match found {
                Some(Found::Message { kind, source, compressed: true }) => {
                    let found = self.begin_inflating(input, kind, source, codec.as_deref_mut(), budget)?;
                    Ok((consumed, found))
                }
                _ => Ok((consumed, found)),
            })
        };
        let (consumed, found) = match progress {
            Ok(progress) => progress,
            Err(violation) => {
                self.fail(violation);
                return Err(*violation);
            }
        };
        let Some(found) = found else {
            return Ok(Received { consumed, event: None });
        };
        let (input, codec, partial) = (&*input, codec.map(|codec| &*codec), self.partial.as_deref());
        let bytes = |source| match source {
            Source::Input { start, end } => &input[start..end],
            Source::Message => partial.map_or(&[][..], Partial::message_payload),
            Source::Control => partial.map_or(&[][..], Partial::control_payload),
            Source::Inflated => codec.map_or(&[][..], Codec::inflated),
        };
        let event = match found {
            Found::Message { kind, source, .. } => Event::Message { kind, payload: bytes(source) },
            Found::Ping(source) => Event::Ping(bytes(source)),
            Found::Pong(source) => Event::Pong(bytes(source)),
            Found::Close { code, source } => Event::Close { code, reason: close::reason(bytes(source)) },
        };
        Ok(Received { consumed, event: Some(event) })
    }

    #[inline(always)]
    fn rules(&self, message_open: bool) -> FrameRules {
        FrameRules {
            masked: self.role == Role::Server,
            message_open,
            rsv_allowed: if self.deflate.is_some() { RSV1 } else { 0 },
        }
    }

    /// RFC 6455 §7.1.7. What was gathered is of no use any more; a pong that waits still goes out before the close.
    #[cold]
    fn fail(&mut self, violation: Violation) {
        self.failed = true;
        self.contexts = None;
        let partial = self.partial.get_or_insert_default();
        partial.drop_input();
        if self.close_frame != CloseFrame::Sent {
            partial.close = Some(close::payload(violation.code, &violation.reason()));
            self.close_frame = CloseFrame::Waiting;
        }
        self.free_if_empty();
    }

    fn free_if_empty(&mut self) {
        if self.partial.as_deref().is_some_and(Partial::is_empty) {
            self.partial = None;
        }
    }
}

/// What is to be sent.
impl Connection {
    /// Appends the replies that wait to `out`: a pong – that of the newest ping, if several came since the last
    /// call (RFC 6455 §5.5.3) –, then the close frame. True if anything was written.
    ///
    /// When to call is the caller's choice: after every event to answer each ping, or later to merge the answers.
    /// Once the close frame is taken nothing more may be sent ([`can_send`](Self::can_send)).
    #[inline]
    pub fn poll_transmit(&mut self, out: &mut Vec<u8>) -> bool {
        debug_assert_eq!(self.role, Role::Server, "a client's frames are masked: poll_transmit_masked");
        let mut written = false;
        while let Some((opcode, payload)) = self.next_transmit() {
            encode_frame(opcode, &payload, out);
            written = true;
        }
        written
    }

    /// The same for a client: appends the next one of the replies that wait, masked with `key`. True if there was
    /// one: then call again, with a new key, since each frame wants its own (RFC 6455 §5.3).
    pub fn poll_transmit_masked(&mut self, key: [u8; 4], out: &mut Vec<u8>) -> bool {
        debug_assert_eq!(self.role, Role::Client, "a server's frames are not masked: poll_transmit");
        match self.next_transmit() {
            Some((opcode, payload)) => {
                encode_masked_frame(opcode, true, &payload, key, out);
                true
            }
            None => false,
        }
    }

    /// Does a reply wait?
    #[inline]
    pub fn has_transmit(&self) -> bool {
        self.partial.as_deref().is_some_and(|partial| partial.pong.is_some() || partial.close.is_some())
    }

    fn next_transmit(&mut self) -> Option<(OpCode, Vec<u8>)> {
        let partial = self.partial.as_deref_mut()?;
        partial.drop_delivered();
        let next = if let Some(payload) = partial.pong.take() {
            Some((OpCode::Pong, payload))
        } else if let Some(payload) = partial.close.take() {
            self.close_frame = CloseFrame::Sent;
            Some((OpCode::Close, payload))
        } else {
            None
        };
        self.free_if_empty();
        next
    }
}

/// What the application wants.
impl Connection {
    /// Starts the close handshake (RFC 6455 §7.1.2): the close frame waits in [`poll_transmit`](Self::poll_transmit).
    /// `Ok(false)`: one was sent, or waits, already. [`CloseCode::NO_STATUS`] with an empty reason sends an empty frame.
    ///
    /// From now on data frames of the peer are dropped, and a message that had arrived in part with them.
    ///
    /// # Errors
    /// The code must not be sent (§7.4), or the reason is longer than [`CLOSE_REASON_BYTES_MAX`] bytes (§5.5).
    pub fn close(&mut self, code: CloseCode, reason: &str) -> Result<bool, CloseError> {
        let empty = code == CloseCode::NO_STATUS && reason.is_empty();
        if !empty && !code.may_be_sent() {
            return Err(CloseError::Code(code));
        }
        if reason.len() > CLOSE_REASON_BYTES_MAX {
            return Err(CloseError::ReasonTooLong(reason.len()));
        }
        if self.close_frame != CloseFrame::None {
            return Ok(false);
        }
        self.close_frame = CloseFrame::Waiting;
        let partial = self.partial.get_or_insert_default();
        partial.drop_message_payload();
        partial.close = Some(if empty { Vec::new() } else { close::payload(code, reason) });
        Ok(true)
    }
}

/// Compression (RFC 7692).
impl Connection {
    /// Messages may be compressed from now on, as the opening handshake has settled it. To be called before the first
    /// byte after it. A side that takes its context over costs memory of the connection's own from its first compressed
    /// message on: 47 KiB to inflate, and 147 to 273 KiB to compress, by the window.
    pub fn use_deflate(&mut self, parameters: Parameters) {
        self.deflate = Some(parameters);
    }

    /// What was settled, if messages may be compressed.
    #[inline]
    pub fn deflate(&self) -> Option<Parameters> {
        self.deflate
    }

    /// Frees what has arrived and was not delivered, as nothing more is going to be received.
    pub fn drop_input(&mut self) {
        if let Some(partial) = &mut self.partial {
            partial.drop_input();
        }
        self.free_if_empty();
    }

    /// The payload of a message that is to be sent now, in a frame with RSV1 ([`HeaderBytes::compressed`]). None: it is
    /// to be sent as it is, because it would not be smaller or compression was not agreed upon.
    ///
    /// Where this side takes no context over, all connections with the same window can be sent the same:
    /// [`Codec::compress`].
    ///
    /// [`HeaderBytes::compressed`]: crate::HeaderBytes::compressed
    pub fn compress<'a>(&mut self, message: &[u8], codec: &'a mut Codec) -> Option<&'a [u8]> {
        let parameters = self.deflate?;
        let (no_takeover, window_bits) = match self.role {
            Role::Server => (parameters.server_no_context_takeover, parameters.server_max_window_bits),
            Role::Client => (parameters.client_no_context_takeover, parameters.client_max_window_bits),
        };
        if no_takeover {
            return codec.compress(window_bits, message);
        }
        codec.compress_in(self.contexts.get_or_insert_default(), window_bits, message)
    }

    /// Messages that [`compress`](Self::compress) has given will not be sent after all: none of the later ones refers to
    /// any before now.
    pub fn forget_compressed(&mut self) {
        if let Some(contexts) = &mut self.contexts {
            contexts.forget_compressed();
        }
    }
}

/// Getters.
impl Connection {
    /// Which end this is.
    pub fn role(&self) -> Role {
        self.role
    }

    /// May messages and pings still be sent: no close frame was sent, or waits (RFC 6455 §5.5.1).
    #[inline]
    pub fn can_send(&self) -> bool {
        self.close_frame == CloseFrame::None
    }

    /// Was a close frame sent or received, does one wait, or has the connection failed (RFC 6455 §7.1.3)?
    #[inline]
    pub fn is_closing(&self) -> bool {
        self.close_frame != CloseFrame::None || self.close_received || self.failed
    }

    /// Are both close frames through, or has the connection failed and its close frame been taken? Then the
    /// transport may be closed (RFC 6455 §7.1.1, §7.1.7).
    #[inline]
    pub fn is_finished(&self) -> bool {
        self.close_frame == CloseFrame::Sent && (self.close_received || self.failed)
    }

    #[cfg(test)]
    pub(crate) fn has_contexts(&self) -> bool {
        self.contexts.is_some()
    }

    /// The heap memory, in bytes, that incomplete input and waiting replies hold; 0 for an idle connection. Contexts that are taken
    /// over ([`use_deflate`](Self::use_deflate)) are not counted.
    pub fn buffered_bytes(&self) -> usize {
        self.partial.as_deref().map_or(0, |partial| size_of::<Partial>() + partial.heap_bytes())
    }
}
