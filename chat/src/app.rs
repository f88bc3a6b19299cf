//! What happens on a connection: frames are read here, on the thread of the connection's worker, and what they ask for
//! goes to the hub. A handler keeps nothing between two events; what it must know of a connection is in its session.

use switchboard::{Closed, Conn, Decision, Handler, HttpService, Message, Request};

use crate::http;
use crate::hub::{HubSender, What};
use crate::protocol::{Code, Envelope, Refusal, SUBPROTOCOL_V1};
use crate::session::Session;

/// The chat's handler, one for each worker.
pub(crate) struct Chat {
    hub: HubSender,
}

impl Chat {
    pub(crate) fn new(hub: HubSender) -> Self {
        Self { hub }
    }
}

impl Handler for Chat {
    async fn authorize(&self, request: Request) -> Decision {
        let v1 = request.protocols().contains(&SUBPROTOCOL_V1);
        let decision = Decision::accept().session(Session { v1, ..Session::default() }.encode());
        if v1 { decision.subprotocol(SUBPROTOCOL_V1) } else { decision }
    }

    async fn on_open(&self, conn: Conn, _: Request) {
        let v1 = Session::decode(conn.session()).v1;
        self.hub.tell(conn.id(), What::Opened { v1 }).await;
    }

    async fn on_message(&self, conn: Conn, message: Message) {
        let envelope = match message.as_text() {
            Some(frame) => Envelope::parse(frame),
            None => Err(Refusal::new(
                Code::BadFrame,
                "Binary frames mean nothing here. Send JSON in text frames, such as {\"type\":\"message\",\"text\":\"hi\"}.",
            )),
        };
        let asked = match envelope {
            Ok(envelope) => self.hub.ask(conn.id(), envelope).await,
            Err(refusal) => Err(refusal),
        };
        if let Err(refusal) = asked
            && let Err(error) = conn.push(refusal.to_json())
        {
            // The client is gone, or reads so slowly that it is being closed.
            tracing::debug!(conn = %conn.id(), %error, "an error was not sent");
        }
    }

    async fn on_close(&self, conn: Conn, _: Closed) {
        self.hub.tell(conn.id(), What::Closed).await;
    }

    fn http(&self) -> Option<HttpService> {
        Some(HttpService::new(http::router()))
    }
}
