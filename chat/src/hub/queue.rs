//! The way to the hub.

use std::time::Duration;

use switchboard::ConnectionId;
use tokio::sync::mpsc::{self, error::TrySendError};

use super::{Command, What};
use crate::limits::{REQUEST_WAIT_MS_MAX, REQUESTS_QUEUED_MAX};
use crate::protocol::{Envelope, Refusal};

/// Makes the queue: the end that handlers hold, and the hub's.
pub(crate) fn queue() -> (HubSender, mpsc::Receiver<Command>) {
    let (commands, receiver) = mpsc::channel(REQUESTS_QUEUED_MAX);
    (HubSender { commands }, receiver)
}

/// Sends what connections do to the hub.
#[derive(Clone, Debug)]
pub(crate) struct HubSender {
    commands: mpsc::Sender<Command>,
}

impl HubSender {
    /// Queues a request. If the queue stays full for [`REQUEST_WAIT_MS_MAX`] it is refused as `busy`. Waiting is fair:
    /// each connection has one request waiting at most, and they are served in the order in which they came.
    pub(crate) async fn ask(&self, conn: ConnectionId, envelope: Envelope) -> Result<(), Refusal> {
        let (command, full) = match self.commands.try_send(Command { conn, what: What::Asked(envelope) }) {
            Ok(()) => return Ok(()),
            Err(TrySendError::Full(command)) => (command, true),
            Err(TrySendError::Closed(command)) => (command, false),
        };
        let What::Asked(Envelope { id, .. }) = &command.what else { return Ok(()) };
        let id = id.clone();
        if !full {
            return Err(Refusal::internal().id(id));
        }
        match tokio::time::timeout(Duration::from_millis(REQUEST_WAIT_MS_MAX), self.commands.send(command))
            .await
        {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(Refusal::internal().id(id)),
            Err(_) => Err(Refusal::busy().id(id)),
        }
    }

    /// Tells the hub that a connection came or went, however long it takes: presence would be wrong without it.
    pub(crate) async fn tell(&self, conn: ConnectionId, what: What) {
        if self.commands.send(Command { conn, what }).await.is_err() {
            tracing::debug!(%conn, "the hub has ended");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;

    use super::*;
    use crate::protocol::{Code, Request};

    fn id() -> ConnectionId {
        ConnectionId::new(1).expect("a legal id")
    }

    fn rooms(id: &str) -> Envelope {
        Envelope { id: Some(id.to_owned()), request: Request::Rooms }
    }

    /// Runs a test in which time passes at once when nothing else can happen.
    fn run(test: impl Future<Output = ()>) {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        runtime.enable_time().start_paused(true).build().expect("a runtime").block_on(test);
    }

    async fn fill(hub: &HubSender) {
        for _ in 0..REQUESTS_QUEUED_MAX {
            hub.ask(id(), rooms("filler")).await.expect("there is room");
        }
    }

    #[test]
    fn a_queue_that_stays_full_is_busy() {
        let (hub, _queue) = queue();
        run(async {
            fill(&hub).await;
            let began = tokio::time::Instant::now();
            let refusal = hub.ask(id(), rooms("7")).await.expect_err("it is full");
            assert_eq!((refusal.code, refusal.id.as_deref()), (Code::Busy, Some("7")));
            assert!(began.elapsed() >= Duration::from_millis(REQUEST_WAIT_MS_MAX));
        });
    }

    #[test]
    fn a_request_waits_for_its_place() {
        let (hub, mut queue) = queue();
        run(async {
            fill(&hub).await;
            let waiting = hub.clone();
            let asking = async move { waiting.ask(id(), rooms("7")).await };
            let serving = async {
                tokio::time::sleep(Duration::from_millis(REQUEST_WAIT_MS_MAX / 2)).await;
                queue.recv().await
            };
            let (asked, served) = tokio::join!(asking, serving);
            assert!(asked.is_ok() && served.is_some());
        });
    }

    #[test]
    fn without_a_hub_every_request_is_an_internal_error() {
        let (hub, queue) = queue();
        drop(queue);
        run(async {
            let refusal = hub.ask(id(), rooms("7")).await.expect_err("nobody is there");
            assert_eq!((refusal.code, refusal.id.as_deref()), (Code::Internal, Some("7")));
        });
    }
}
