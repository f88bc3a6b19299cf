//! A handler made of closures.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use crate::event::Closed;
use crate::{Conn, ConnectionId, Decision, Handler, HttpService, Message, Request};

/// What an event closure may return: nothing, or a result whose error is logged at level *debug*, since a client that has
/// gone in the meantime is the usual one.
pub trait Outcome {
    /// Logs the error if there is one.
    fn report(self, event: &'static str, connection: ConnectionId);
}

impl Outcome for () {
    fn report(self, _event: &'static str, _connection: ConnectionId) {}
}

impl<E: fmt::Display> Outcome for Result<(), E> {
    fn report(self, event: &'static str, connection: ConnectionId) {
        if let Err(error) = self {
            tracing::debug!(event, %connection, %error, "a handler failed");
        }
    }
}

/// An event for which no closure was given.
#[derive(Debug, Clone, Copy)]
pub struct Unset;

/// A closure for [`Server::authorize`](crate::Server::authorize).
pub trait Authorize: Send + Sync + 'static {
    /// Calls it.
    fn decide(&self, request: Request) -> impl Future<Output = Decision>;
}

/// A closure for [`Server::on_open`](crate::Server::on_open).
pub trait OnOpen: Send + Sync + 'static {
    /// Calls it.
    fn opened(&self, conn: Conn, request: Request) -> impl Future<Output = ()>;
}

/// A closure for [`Server::on_message`](crate::Server::on_message).
pub trait OnMessage: Send + Sync + 'static {
    /// Calls it.
    fn received(&self, conn: Conn, message: Message) -> impl Future<Output = ()>;
}

/// A closure for [`Server::on_close`](crate::Server::on_close).
pub trait OnClose: Send + Sync + 'static {
    /// Calls it.
    fn closed(&self, conn: Conn, closed: Closed) -> impl Future<Output = ()>;
}

impl Authorize for Unset {
    async fn decide(&self, _request: Request) -> Decision {
        Decision::accept()
    }
}

impl OnOpen for Unset {
    async fn opened(&self, _conn: Conn, _request: Request) {}
}

impl OnMessage for Unset {
    async fn received(&self, _conn: Conn, _message: Message) {}
}

impl OnClose for Unset {
    async fn closed(&self, _conn: Conn, _closed: Closed) {}
}

impl<F> Authorize for F
where
    F: AsyncFn(Request) -> Decision + Send + Sync + 'static,
{
    async fn decide(&self, request: Request) -> Decision {
        self(request).await
    }
}

impl<F, R> OnOpen for F
where
    F: AsyncFn(Conn, Request) -> R + Send + Sync + 'static,
    R: Outcome,
{
    async fn opened(&self, conn: Conn, request: Request) {
        let id = conn.id();
        self(conn, request).await.report("open", id);
    }
}

impl<F, R> OnMessage for F
where
    F: AsyncFn(Conn, Message) -> R + Send + Sync + 'static,
    R: Outcome,
{
    async fn received(&self, conn: Conn, message: Message) {
        let id = conn.id();
        self(conn, message).await.report("message", id);
    }
}

impl<F, R> OnClose for F
where
    F: AsyncFn(Conn, Closed) -> R + Send + Sync + 'static,
    R: Outcome,
{
    async fn closed(&self, conn: Conn, closed: Closed) {
        let id = conn.id();
        self(conn, closed).await.report("close", id);
    }
}

/// The closures of a [`Server`](crate::Server), shared by its workers.
#[derive(Debug, Clone)]
pub struct Closures<A = Unset, O = Unset, M = Unset, C = Unset> {
    pub(crate) authorize: A,
    pub(crate) open: O,
    pub(crate) message: M,
    pub(crate) close: C,
    pub(crate) http: Option<HttpService>,
}

impl<A: Authorize, O: OnOpen, M: OnMessage, C: OnClose> Handler for Arc<Closures<A, O, M, C>> {
    fn authorize(&self, request: Request) -> impl Future<Output = Decision> {
        self.authorize.decide(request)
    }

    fn on_open(&self, conn: Conn, request: Request) -> impl Future<Output = ()> {
        self.open.opened(conn, request)
    }

    fn on_message(&self, conn: Conn, message: Message) -> impl Future<Output = ()> {
        self.message.received(conn, message)
    }

    fn on_close(&self, conn: Conn, closed: Closed) -> impl Future<Output = ()> {
        self.close.closed(conn, closed)
    }

    fn http(&self) -> Option<HttpService> {
        self.http.clone()
    }
}
