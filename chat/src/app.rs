//! What happens on a connection: frames are read here, in the connection's worker, and what they ask for goes to the hub.
//! A handler keeps nothing between two events; what it must know of a connection is in its session.

use switchboard::{
    Closed, Conn, Decision, Handle, Handler, HttpService, Message, PipeMessage, Request, Transport,
};

use crate::account::Login;
use crate::http;
use crate::http::cookie;
use crate::http::origin::{CREDENTIALS, Origins, Provenance};
use crate::http::people::{Office, is_https};
use crate::hub::outbox::{self, Outgoing, PLAIN};
use crate::hub::{HubSender, What};
use crate::own_pace::{Kind, OwnPace};
use crate::protocol::request::shown_room;
use crate::protocol::{Code, Envelope, Refusal, Request as Asked, SUBPROTOCOL_V1, event};
use crate::session::Session;
use crate::store::Viewer;
use crate::store::reader::{ReadError, Wanted};
use crate::ticket::random_key;

/// The chat's handler, one for each worker.
pub(crate) struct Chat {
    hub: HubSender<Handle>,
    office: Office,
    origins: Origins,
    pace: OwnPace,
}

impl Chat {
    /// `rate_limits`: by how much the limits on reading and on what cannot be read are multiplied; 0: there are none.
    pub(crate) fn new(hub: HubSender<Handle>, office: Office, origins: Origins, rate_limits: u32) -> Self {
        Self { hub, office, origins, pace: OwnPace::new(rate_limits) }
    }

    async fn ask(&self, conn: &Conn, envelope: Envelope) -> Result<(), Refusal> {
        match history_to_read(conn, &envelope) {
            Some(wanted) => {
                self.pace
                    .admit(conn.id(), Kind::History)
                    .map_err(|refusal| refusal.room(shown_room(&wanted.room)).id(envelope.id.clone()))?;
                let frame = self.history(envelope.id, wanted).await?;
                // In the turn of the clients that read slowly, as the hub's answers.
                outbox::send(conn.handle(), &Outgoing::Push { conn: conn.id(), frame: frame.into() }).await;
                Ok(())
            }
            None => self.hub.ask(conn.into(), envelope).await,
        }
    }

    /// Whose session the request has; nobody's is nobody.
    async fn login(&self, request: &Request) -> Result<Option<Login>, Decision> {
        let by_https = request.transport() == Transport::Tls
            || request.origin().is_some_and(|origin| is_https(origin.as_bytes()));
        let fields = request.headers().filter(|(name, _)| name.eq_ignore_ascii_case("cookie"));
        let Some((token, _)) = cookie::token(fields.map(|(_, value)| value), by_https) else {
            return Ok(None);
        };
        let found = self.office.reader.session(token.hash()).await;
        found.map(|found| found.map(|(login, _)| login)).map_err(|error| {
            tracing::warn!(%error, "a session could not be looked up; its client is asked to come back");
            Decision::reject(503, "The server cannot look up who you are. Try again in a moment.\n")
        })
    }

    async fn history(&self, id: Option<String>, wanted: Wanted) -> Result<String, Refusal> {
        let room = wanted.room.clone();
        match self.office.reader.read(wanted).await {
            Ok(page) => Ok(event::history(id.as_deref(), &room, &page)),
            Err(ReadError::NoSuchRoom) => Err(Refusal::no_such_room().room(shown_room(&room)).id(id)),
            Err(ReadError::Busy) => Err(Refusal::busy().room(room).id(id)),
            Err(error @ (ReadError::Store(_) | ReadError::Ended)) => {
                tracing::error!(%error, "messages could not be read");
                Err(Refusal::internal().room(room).id(id))
            }
        }
    }
}

/// Older history is read here, by whoever has connected. Until the session tells so, only the hub knows whether it has.
fn history_to_read(conn: &Conn, envelope: &Envelope) -> Option<Wanted> {
    let Asked::History { room, before, limit } = &envelope.request else { return None };
    let Session { v1, name, client, login, .. } = Session::decode(conn.session())?;
    (v1 && !name.is_empty()).then(|| Wanted {
        room: room.clone(),
        before: before.unwrap_or(u64::MAX),
        limit: *limit,
        viewer: Viewer { client: client.into(), name: name.into() },
        person: login.map(|login| login.person),
    })
}

impl Handler for Chat {
    async fn authorize(&self, request: Request) -> Decision {
        let provenance = Provenance {
            // What is no text is nobody's origin.
            origin: request.origin().or(request.has_header("origin").then_some("?")),
            host: request.header("host"),
            has_credentials: CREDENTIALS.iter().any(|field| request.has_header(field)),
            by_tls: request.transport() == Transport::Tls,
        };
        if let Err(sentence) = self.origins.admit(provenance) {
            tracing::debug!(
                origin = request.origin(),
                host = request.header("host"),
                "a page was turned away"
            );
            return Decision::reject(403, sentence);
        }
        let login = match self.login(&request).await {
            Ok(login) => login,
            Err(decision) => return decision,
        };
        let v1 = request.protocols().contains(&SUBPROTOCOL_V1);
        // Without a key of the client's own, what it sends again is recognised as long as its connection lasts.
        let session = Session { v1, client: random_key(), login, ..Session::default() };
        let decision = Decision::accept().session(session.encode());
        // Plain clients are in the lobby before they know it.
        if v1 { decision.subprotocol(SUBPROTOCOL_V1) } else { decision.user(PLAIN) }
    }

    async fn on_open(&self, conn: Conn, _: Request) {
        self.hub.tell((&conn).into(), What::Opened).await;
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
            Ok(envelope) => self.ask(&conn, envelope).await,
            Err(refusal) => match self.pace.admit(conn.id(), Kind::Unreadable) {
                Ok(()) => Err(refusal),
                Err(too_often) => Err(too_often.id(refusal.id)),
            },
        };
        if let Err(refusal) = asked
            && let Err(error) = conn.push(refusal.to_json())
        {
            // The client is gone, or reads so slowly that it is being closed.
            tracing::debug!(conn = %conn.id(), %error, "an error was not sent");
        }
    }

    async fn on_close(&self, conn: Conn, _: Closed) {
        self.pace.forget(conn.id());
        self.hub.tell((&conn).into(), What::Closed).await;
    }

    async fn on_pipe_message(&self, _: Handle, message: PipeMessage) {
        // Nobody but the hub sends any: what was asked of it at this worker's desk.
        self.office.desk.receive(message.body());
    }

    fn http(&self) -> Option<HttpService> {
        Some(HttpService::new(http::router(self.origins.clone(), self.office.clone())))
    }
}
