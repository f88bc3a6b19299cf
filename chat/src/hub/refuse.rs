//! Messages that the hub does not carry out.

use switchboard::ConnectionId;

use super::Hub;
use super::outbox::{Outbox, Outgoing};
use crate::protocol::{Code, Refusal};

/// Why a message to the hub is dropped.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Unreadable {
    /// A request in another version, or of a kind that a newer build has.
    ForeignRequest { conn: ConnectionId, id: Option<String> },
    /// The same, but nobody waits for an answer.
    Foreign,
    /// No message of any version.
    Broken,
    /// A request that has ended too many hubs.
    Fatal { conn: ConnectionId, id: Option<String> },
}

impl<O: Outbox> Hub<O> {
    /// Tells the client, if there is one that waits.
    pub(super) async fn refuse(&self, unreadable: Unreadable) {
        let (conn, refusal) = match unreadable {
            Unreadable::ForeignRequest { conn, id } => {
                tracing::warn!(%conn, "a request from another version of the program was dropped; its client is told");
                let sentence = "The server is being renewed. Try again in a few seconds.";
                (conn, Refusal::new(Code::Busy, sentence).id(id))
            }
            Unreadable::Fatal { conn, id } => {
                tracing::error!(%conn, "a request has ended the hub several times; it is refused");
                (conn, Refusal::internal().id(id))
            }
            Unreadable::Foreign => {
                tracing::warn!("a message from another version of the program was dropped");
                return;
            }
            Unreadable::Broken => {
                tracing::error!("a message to the hub could not be read and was dropped");
                return;
            }
        };
        self.outbox.send(Outgoing::Push { conn, frame: refusal.to_json().into() }).await;
    }
}
