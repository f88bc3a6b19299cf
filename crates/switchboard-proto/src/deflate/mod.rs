//! Compression of messages: the extension `permessage-deflate` (RFC 7692).
//!
//! The opening handshake settles the [`Parameters`]: a server answers with
//! [`Upgrade::deflate`](crate::handshake::Upgrade::deflate), a client offers with
//! [`ClientHandshake::deflate`](crate::handshake::ClientHandshake::deflate). The connection is told them by
//! [`Connection::use_deflate`](crate::Connection::use_deflate).
//!
//! What it takes to compress and to inflate – some hundred KiB – is in a [`Codec`], one for all connections of a
//! thread. Only a side that takes its context over from message to message has a compressor, or needs an inflater, of
//! its own.

mod codec;
mod compressor;
mod contexts;
mod inflated;
mod inflater;
mod inflation;
mod negotiation;
#[cfg(test)]
mod tests;

pub use codec::Codec;
pub(crate) use codec::Deflated;
pub(crate) use contexts::Contexts;
pub(crate) use inflation::Inflation;
pub use negotiation::{Agreement, NAME, Offer, Parameters, ServerSettings, WINDOW_BITS_MAX, WINDOW_BITS_MIN};

/// A compressed message may take so many bytes on the wire: what cannot be compressed grows a little, the more the
/// oftener the sender flushes. Without this bound empty blocks, which inflate to nothing, could go on for ever.
pub(crate) fn wire_bytes_max(message_bytes_max: usize) -> u64 {
    let max = message_bytes_max as u64;
    max.saturating_add(max / 4).saturating_add(1 << 10)
}

/// What a sender takes off the end of each message, and its receiver puts back (RFC 7692 §7.2.1, §7.2.2): the length
/// of an empty stored block and its complement.
const TAIL: [u8; 4] = [0x00, 0x00, 0xff, 0xff];
