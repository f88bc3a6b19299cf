//! The chat protocol as bytes: frames from clients become [`Request`]s or [`Refusal`]s, and what happens becomes
//! frames. `docs/protocol.md` is its description. Nothing here knows sockets, rooms or the database.

pub(crate) mod conversation;
pub(crate) mod error;
pub(crate) mod event;
mod field;
pub(crate) mod json;
pub(crate) mod message;
pub(crate) mod moderation;
pub(crate) mod request;

pub(crate) use error::{Code, Refusal};
pub(crate) use message::Message;
pub(crate) use request::{Envelope, Request};

/// The subprotocol by which a client asks for more than the smallest protocol.
pub(crate) const SUBPROTOCOL_V1: &str = "switchboard.v1";

/// The key of the room that everybody starts in, and that plain clients are in.
pub(crate) const LOBBY: &str = "lobby";

/// The name of a plain client that has not given one.
pub(crate) const GUEST: &str = "Guest";
