//! The side of the user's code: runs handlers, serves HTTP.

mod guard;
mod http;
mod replay;
mod runner;
mod upgrade;

use std::os::fd::OwnedFd;
use std::task::Context;

use bytes::Bytes;

use crate::event::{Event, Flow};
use crate::{ConnectionId, PeerAddr};

pub use http::HttpService;
pub(crate) use runner::Runner;

/// What stands between a reactor and the user's code. In Base mode it is the worker itself, called directly.
pub(crate) trait Dispatch {
    /// Takes an event. Events of one connection are handled one at a time, in the order in which they are delivered.
    /// `context` is for handlers that are polled on the spot.
    fn deliver(&mut self, event: Event, context: &mut Context<'_>) -> Flow;

    /// A connection's session has changed: events that wait behind a handler happened before, but are handled after.
    fn session_changed(&mut self, id: ConnectionId, session: &Bytes);

    /// Is there a service for ordinary HTTP requests?
    fn serves_http(&self) -> bool;

    /// Takes over a socket on which an ordinary request has begun; `read` has been read from it. The socket holds one
    /// of the server's HTTP places.
    fn serve_http(&mut self, socket: OwnedFd, peer: PeerAddr, read: Bytes);

    /// Finishes the HTTP requests that have begun, and no others.
    fn stop(&mut self);

    /// Is nothing being handled?
    fn is_idle(&self) -> bool;
}
