//! The opening handshake (RFC 6455 §4), with the strict reading of HTTP/1.1 heads that it stands on (RFC 9112).
//!
//! A server gathers a head with [`HeadReader`] and reads it with [`Request::parse`]. If it
//! [asks for a WebSocket](Request::wants_websocket), [`Request::upgrade`] checks all of RFC 6455 §4.2.1, and
//! [`Upgrade::accept`] writes the 101 response. Whatever is refused is a [`HandshakeError`], which can write
//! the response that says why. Bytes that follow the head are frames already.
//!
//! A client writes [`ClientHandshake::request`] and gives what comes back to [`ClientHandshake::receive`].

mod accept_key;
mod client;
mod error;
mod extension;
mod fields;
mod reader;
mod request;
mod response;
mod scan;
#[cfg(test)]
mod tests;
mod upgrade;

pub use client::{Accepted, ClientError, ClientHandshake};
pub use error::HandshakeError;
pub use extension::Extension;
pub use reader::{HeadLimits, HeadReader};
pub use request::{Request, split_target};
pub use response::{PLAIN_TEXT_FIELDS, write_response};
pub use upgrade::{AcceptError, Upgrade};
