//! What the user writes.

use std::future::{Future, ready};

use crate::event::Closed;
use crate::{Conn, Decision, Handle, HttpService, Message, PipeMessage, Request};

/// The events of a server. There is one value of the implementing type for each worker, made by the `worker_start` of
/// [`Server::with_handler`](crate::Server::with_handler) on the worker's thread and never moved off it: state needs no
/// locks and need not be `Send`, and neither need futures.
///
/// The events of one connection are handled one at a time, in order; those of different connections interleave where a
/// handler awaits. A handler that does not await costs no task. One that panics closes its connection with 1011.
///
/// In Process mode a handler runs again, with a higher [`Conn::attempt`], if its worker died while it ran. What it had sent
/// by then stays sent; what it does elsewhere should bear being done twice.
pub trait Handler: 'static {
    /// Decides about a handshake before it is answered. Default: everybody is let in.
    fn authorize(&self, request: Request) -> impl Future<Output = Decision> {
        let _ = request;
        ready(Decision::accept())
    }

    /// The handshake is done (Swoole: `open`). Default: nothing.
    fn on_open(&self, conn: Conn, request: Request) -> impl Future<Output = ()> {
        let _ = (conn, request);
        ready(())
    }

    /// A whole message came (Swoole: `message`).
    fn on_message(&self, conn: Conn, message: Message) -> impl Future<Output = ()>;

    /// The connection has ended (Swoole: `close`): exactly once for each `on_open`, whatever the reason. Default:
    /// nothing.
    fn on_close(&self, conn: Conn, closed: Closed) -> impl Future<Output = ()> {
        let _ = (conn, closed);
        ready(())
    }

    /// After a push was refused with `QueueFull`, the connection's queue has fallen below half of its limit. Default:
    /// nothing.
    fn on_drain(&self, conn: Conn) -> impl Future<Output = ()> {
        let _ = conn;
        ready(())
    }

    /// A message from another worker or a user process (Swoole: `pipeMessage`). Those of one sender are handled one at a
    /// time, in order; until one has been handled it counts against the sender's `pipe_bytes_max`. A panic is logged.
    /// Default: nothing.
    fn on_pipe_message(&self, handle: Handle, message: PipeMessage) -> impl Future<Output = ()> {
        let _ = (handle, message);
        ready(())
    }

    /// What serves the requests that ask for no WebSocket; asked once, after `worker_start`. Default: nothing does, and
    /// they are answered with 426.
    fn http(&self) -> Option<HttpService> {
        None
    }

    /// The worker stops (Swoole: `workerStop`): with the server, after the last `on_close`, or because another has taken over, after
    /// its last event. Not called if it dies. It has what is left of `shutdown_timeout`, at least 500 ms. Default: nothing.
    fn worker_stop(&self) -> impl Future<Output = ()> {
        ready(())
    }
}

/// The worker that `worker_start` makes a [`Handler`] for.
#[derive(Debug, Clone)]
pub struct Worker {
    id: u16,
    handle: Handle,
}

impl Worker {
    pub(crate) fn new(id: u16, handle: Handle) -> Worker {
        Worker { id, handle }
    }

    /// Its number, from 0 (Swoole: `worker_id`).
    pub fn id(&self) -> u16 {
        self.id
    }

    /// The server. At its start there is nobody yet whom a message could reach; a worker that starts later finds the
    /// connections that are open.
    ///
    /// In Base mode a reactor begins when its `worker_start` has returned. What is asked of the reactors ([`Handle::members`],
    /// [`Handle::snapshot`] and the like) has no answer before all of them have begun: do not await it in `worker_start`.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }
}
