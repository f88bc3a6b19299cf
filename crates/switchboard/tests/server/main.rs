//! Promises of the server, kept on real sockets.

#[path = "../support/mod.rs"]
mod support;

mod events;
mod shutdown;
