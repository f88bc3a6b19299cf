//! The WebSocket protocol (RFC 6455) without I/O: no socket, no clock, no randomness.
//!
//! Bytes go in, events come out, and bytes to send come out; whoever owns the transport carries them.
//!
//! | step | read | what it does |
//! |---|---|---|
//! | 1 | [`handshake`] | the opening handshake, both sides (§4): [`handshake::HeadReader`] gathers a request head, [`handshake::Request`] parses it, [`handshake::Upgrade`] accepts it |
//! | 2 | [`Connection`] | everything after it: messages, control frames, the close handshake (§5–§7) |
//! | | [`deflate`] | compressed messages (RFC 7692), if both sides want them: negotiated by step 1, inflated by step 2, and compressed before step 3 |
//! | 3 | [`encode_frame`], [`HeaderBytes`] | frames to send (§5.2); [`encode_masked_frame`] on the client's side |
//!
//! [`CloseCode`] names the codes of §7.4. Every violation by the peer is a [`ProtocolError`] that carries the close code and
//! the section; every refused handshake is a [`handshake::HandshakeError`] that carries the HTTP status and the section.
//!
//! # A server's side of a connection
//! ```
//! use switchboard_proto::{Connection, Event, MessageKind, OpCode, Role, encode_frame, encode_masked_frame};
//!
//! let mut connection = Connection::new(Role::Server, 2 * 1024 * 1024);
//! let mut received = Vec::new();
//! encode_masked_frame(OpCode::Text, true, b"Hello", [0x37, 0xfa, 0x21, 0x3d], &mut received);
//!
//! let (mut at, mut to_send) = (0, Vec::new());
//! loop {
//!     let over = match connection.receive(&mut received[at..]) {
//!         Ok(step) => {
//!             at += step.consumed;
//!             let over = step.consumed == 0 && step.event.is_none();
//!             if let Some(Event::Message { kind: MessageKind::Text, payload }) = step.event {
//!                 encode_frame(OpCode::Text, payload, &mut to_send);
//!             }
//!             over
//!         }
//!         // The peer broke the protocol. The close frame that tells it so is among the replies.
//!         Err(_) => true,
//!     };
//!     connection.poll_transmit(&mut to_send);
//!     if over {
//!         break;
//!     }
//! }
//! assert_eq!(to_send, b"\x81\x05Hello");
//! ```
#![forbid(unsafe_code)]

// The opening handshake (RFC 6455 §4, RFC 9112).
pub mod handshake;

// The connection after it (RFC 6455 §5.4–§5.6, §7).
mod connection;
pub use connection::{Connection, Event, MessageKind, Received, Role};

// Compression (RFC 7692).
pub mod deflate;

// Frames and masking (RFC 6455 §5.2, §5.3).
mod frame;
mod mask;
pub use frame::{
    CONTROL_PAYLOAD_BYTES_MAX, FrameHeader, FrameRules, HeaderBytes, OpCode, RSV1, encode_frame,
    encode_masked_frame,
};
pub use mask::apply_mask;

// Proxies in front of a server.
pub mod proxy;

// Text (RFC 6455 §8.1).
mod utf8;

// Close codes and violations (RFC 6455 §7.1.7, §7.4).
mod close;
mod error;
pub use close::{CLOSE_REASON_BYTES_MAX, CloseCode, CloseError};
pub use error::ProtocolError;
