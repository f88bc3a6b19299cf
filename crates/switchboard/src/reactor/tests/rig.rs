//! The reactor and its clients.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::task::{Context, Waker};

use super::super::Reactor;
use super::super::connection::{Link, Phase};
use crate::core::Core;
use crate::pipe::Pipes;
use crate::worker::Runner;
use crate::{Closed, Config, Conn, ConnectionId, Handle, Handler, Message, PeerAddr};

/// Every message back to its sender. Whose session is not empty takes another connection along when it ends: that of the
/// id in it.
struct Echo;

impl Handler for Echo {
    async fn on_message(&self, conn: Conn, message: Message) {
        conn.push(message).unwrap();
    }

    async fn on_close(&self, conn: Conn, _: Closed) {
        let other = std::str::from_utf8(conn.session()).ok().and_then(|id| id.parse().ok());
        if let Some(other) = other.and_then(ConnectionId::new) {
            let _ = conn.handle().abort(other);
        }
    }
}

pub(super) struct Rig {
    pub(super) reactor: Reactor,
    pub(super) handle: Handle,
}

impl Rig {
    pub(super) fn new(config: Config) -> Rig {
        let config = Config { reactors: 1, max_connections: 2_000, ..config };
        // Both ends of each connection are here.
        crate::descriptors::raise_limit(&config, 0);
        let core = Core::new(config, Vec::new(), Pipes::new(1, Vec::new(), 1 << 20), usize::MAX).unwrap();
        let handle = Handle::new(Arc::new(core));
        // The thread is its reactor's, for as long as the process lives.
        std::mem::forget(Box::leak(Box::new(handle.clone())).core().inboxes[0].own());
        let runner = Runner::new(Echo, handle.clone(), 0);
        let reactor = Reactor::new(0, handle.core().clone(), Box::new(runner)).unwrap();
        Rig { reactor, handle }
    }

    /// A connection that is open; `extra`: more fields of its request. Answers with its key, its client, and the client's
    /// response.
    pub(super) fn connect(&mut self, extra: &str) -> (u32, UnixStream, String) {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let key = self.reactor.insert(ours.into(), PeerAddr::Unix, Phase::Head(None), Link::Plain).unwrap();
        let request = format!(
            "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n{extra}\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        theirs.write_all(request.as_bytes()).unwrap();
        self.turns();
        let mut response = [0; 1024];
        let read = theirs.read(&mut response).unwrap();
        let response = String::from_utf8(response[..read].to_vec()).unwrap();
        assert!(response.starts_with("HTTP/1.1 101"), "{response}");
        (key, theirs, response)
    }

    pub(super) fn turn(&mut self) -> bool {
        self.reactor.turn(&Context::from_waker(Waker::noop())).unwrap()
    }

    /// Until there is nothing more to do at once.
    pub(super) fn turns(&mut self) {
        while self.turn() {}
    }
}
