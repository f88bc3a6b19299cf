//! The way to the hub, from the workers.

use std::time::Duration;

use bytes::Bytes;
use switchboard::{Conn, ConnectionId, Handle, MessageError};

use super::{Command, What};
use crate::limits::REQUEST_WAIT_MS_MAX;
use crate::protocol::{Envelope, Refusal};
use crate::ticket::Tickets;

/// The name of the hub's process.
pub(crate) const HUB: &str = "hub";

/// As much of the library as a worker needs to reach the hub, so that tests can stand in for it.
pub(crate) trait Pipe {
    fn try_send(&self, body: Bytes) -> Result<(), MessageError>;
    /// Waits for room.
    async fn send(&self, body: Bytes) -> Result<(), MessageError>;
}

impl Pipe for Handle {
    fn try_send(&self, body: Bytes) -> Result<(), MessageError> {
        self.try_send_message(HUB, body)
    }

    async fn send(&self, body: Bytes) -> Result<(), MessageError> {
        self.send_message(HUB, body).await
    }
}

/// The connection to which something happened, as the event tells it.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    pub(crate) conn: ConnectionId,
    pub(crate) session: Bytes,
    /// A worker died that had been given the event.
    pub(crate) repeated: bool,
}

impl From<&Conn> for Source {
    fn from(conn: &Conn) -> Self {
        Self { conn: conn.id(), session: conn.session().clone(), repeated: conn.attempt() > 1 }
    }
}

/// Sends what connections do to the hub.
#[derive(Debug)]
pub(crate) struct HubSender<P> {
    pipe: P,
    tickets: Tickets,
}

impl<P: Pipe> HubSender<P> {
    pub(crate) fn new(pipe: P) -> Self {
        Self { pipe, tickets: Tickets::new() }
    }

    /// Sends a request. If there is no room for it for [`REQUEST_WAIT_MS_MAX`] it is refused as `busy`. Each connection
    /// has one request waiting at most.
    pub(crate) async fn ask(&self, source: Source, envelope: Envelope) -> Result<(), Refusal> {
        let id = envelope.id.clone();
        let body = self.encode(source, What::Asked { envelope, fingerprint: 0 });
        let sent = match self.pipe.try_send(body.clone()) {
            Err(MessageError::QueueFull) => {
                let patience = Duration::from_millis(REQUEST_WAIT_MS_MAX);
                match tokio::time::timeout(patience, self.pipe.send(body)).await {
                    Ok(sent) => sent,
                    Err(_) => return Err(Refusal::busy().id(id)),
                }
            }
            sent => sent,
        };
        sent.map_err(|error| {
            tracing::debug!(%error, "the hub cannot be reached");
            Refusal::internal().id(id)
        })
    }

    /// Tells the hub that a connection came or went, however long it takes: presence would be wrong without it.
    pub(crate) async fn tell(&self, source: Source, what: What) {
        let conn = source.conn;
        if let Err(error) = self.pipe.send(self.encode(source, what)).await {
            tracing::debug!(%conn, %error, "the hub cannot be reached");
        }
    }

    fn encode(&self, Source { conn, session, repeated }: Source, what: What) -> Bytes {
        Command { conn, ticket: self.tickets.next(), attempt: 1, repeated, session, what }.encode().into()
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::future::Future;

    use super::*;
    use crate::protocol::{Code, Request};

    /// A queue of one place.
    #[derive(Default)]
    struct Narrow {
        waiting: RefCell<Option<Bytes>>,
        has_ended: bool,
    }

    impl Pipe for &Narrow {
        fn try_send(&self, body: Bytes) -> Result<(), MessageError> {
            let mut waiting = self.waiting.borrow_mut();
            match *waiting {
                _ if self.has_ended => Err(MessageError::Stopped),
                Some(_) => Err(MessageError::QueueFull),
                None => {
                    *waiting = Some(body);
                    Ok(())
                }
            }
        }

        async fn send(&self, body: Bytes) -> Result<(), MessageError> {
            loop {
                match self.try_send(body.clone()) {
                    Err(MessageError::QueueFull) => tokio::time::sleep(Duration::from_millis(1)).await,
                    sent => return sent,
                }
            }
        }
    }

    fn source() -> Source {
        Source { conn: ConnectionId::new(1).expect("a legal id"), session: Bytes::new(), repeated: false }
    }

    fn rooms(id: &str) -> Envelope {
        Envelope { id: Some(id.to_owned()), request: Request::Rooms }
    }

    fn run(test: impl Future<Output = ()>) {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        runtime.enable_time().build().expect("a runtime").block_on(test);
    }

    #[test]
    fn a_queue_that_stays_full_is_busy() {
        let queue = Narrow::default();
        run(async {
            let hub = HubSender::new(&queue);
            hub.ask(source(), rooms("filler")).await.expect("there is room");
            let began = tokio::time::Instant::now();
            let refusal = hub.ask(source(), rooms("7")).await.expect_err("it is full");
            assert_eq!((refusal.code, refusal.id.as_deref()), (Code::Busy, Some("7")));
            assert!(began.elapsed() >= Duration::from_millis(REQUEST_WAIT_MS_MAX));
        });
    }

    #[test]
    fn a_request_waits_for_its_place() {
        let queue = Narrow::default();
        run(async {
            let hub = HubSender::new(&queue);
            hub.ask(source(), rooms("filler")).await.expect("there is room");
            let serving = async {
                // The other side asks first, and finds no room.
                tokio::task::yield_now().await;
                queue.waiting.take()
            };
            let (asked, served) = tokio::join!(hub.ask(source(), rooms("7")), serving);
            assert!(asked.is_ok() && served.is_some());
        });
    }

    #[test]
    fn without_a_hub_every_request_is_an_internal_error() {
        let queue = Narrow { has_ended: true, ..Narrow::default() };
        run(async {
            let refusal =
                HubSender::new(&queue).ask(source(), rooms("7")).await.expect_err("nobody is there");
            assert_eq!((refusal.code, refusal.id.as_deref()), (Code::Internal, Some("7")));
        });
    }
}
