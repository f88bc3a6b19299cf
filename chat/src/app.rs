//! What happens on a connection: frames are read here, in the connection's worker, and what they ask for goes to the hub.
//! A handler keeps nothing between two events; what it must know of a connection is in its session.

use std::net::IpAddr;

use switchboard::{
    Closed, Conn, ConnectionId, Decision, Handle, Handler, HttpService, Message, PeerAddr, PipeMessage,
    Request, Transport,
};

use crate::account::Login;
use crate::http;
use crate::http::cookie;
use crate::http::origin::{CREDENTIALS, Origins, Provenance};
use crate::http::people::{Office, is_https};
use crate::hub::outbox::{self, Outgoing, PLAIN};
use crate::hub::{HubSender, What};
use crate::own_pace::{Kind, OwnPace};
use crate::protocol::request::{Search, shown_room};
use crate::protocol::{Code, Envelope, Refusal, Request as Asked, SUBPROTOCOL_V1, event};
use crate::session::Session;
use crate::store::Viewer;
use crate::store::reader::{ReadError, Wanted};
use crate::store::search::Asker;
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
        // Both are for whoever has connected. Until the session tells so, only the hub knows whether somebody has.
        let asker = match envelope.request {
            Asked::History { .. } | Asked::Search(_) => asker(conn),
            _ => None,
        };
        let frame = match (envelope.request, asker) {
            (Asked::History { room, place, limit }, Some(asker)) => {
                let wanted = Wanted { room, place, limit, asker };
                self.history(conn.id(), envelope.id, wanted).await?
            }
            (Asked::Search(search), Some(asker)) => self.search(conn, envelope.id, *search, asker).await?,
            (request, _) => {
                return self.hub.ask(conn.into(), Envelope { id: envelope.id, request }).await;
            }
        };
        // A client that reads slowly waits its turn for this, as for the hub's answers.
        outbox::send(conn.handle(), &Outgoing::Push { conn: conn.id(), frame: frame.into() }).await;
        Ok(())
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

    async fn history(
        &self,
        conn: ConnectionId,
        id: Option<String>,
        wanted: Wanted,
    ) -> Result<String, Refusal> {
        let room = wanted.room.clone();
        let about = |refusal: Refusal| refusal.room(shown_room(&room)).id(id.clone());
        self.pace.admit(conn, Kind::History).map_err(about)?;
        let page = self.office.reader.read(wanted).await;
        page.map(|page| event::history(id.as_deref(), &room, &page)).map_err(|error| about(refusal(error)))
    }

    async fn search(
        &self,
        conn: &Conn,
        id: Option<String>,
        search: Search,
        asker: Asker,
    ) -> Result<String, Refusal> {
        let room = search.room.as_deref().map(shown_room);
        let about = |refusal: Refusal| match &room {
            Some(room) => refusal.room(room.clone()).id(id.clone()),
            None => refusal.id(id.clone()),
        };
        self.pace.admit_search(conn.id(), address(conn)).map_err(about)?;
        let hits = self.office.searcher.search(search, asker).await;
        hits.map(|hits| event::found(id.as_deref(), &hits)).map_err(|error| about(refusal(error)))
    }
}

/// What a client is told of a read that has failed.
fn refusal(error: ReadError) -> Refusal {
    match error {
        ReadError::NoSuchRoom => Refusal::no_such_room(),
        ReadError::BadCursor => Refusal::bad_cursor(),
        ReadError::TooSlow => Refusal::too_slow(),
        ReadError::Busy => Refusal::busy(),
        error @ (ReadError::Store(_) | ReadError::Ended) => {
            tracing::error!(%error, "messages could not be read");
            Refusal::internal()
        }
    }
}

fn address(conn: &Conn) -> Option<IpAddr> {
    match conn.info()?.peer {
        PeerAddr::Inet(address) => Some(address.ip()),
        _ => None,
    }
}

/// Whoever reads, if it is a v1 client that has connected.
fn asker(conn: &Conn) -> Option<Asker> {
    let Session { v1, name, client, login, .. } = Session::decode(conn.session())?;
    let viewer = Viewer { client: client.into(), name: name.as_str().into() };
    (v1 && !name.is_empty()).then(|| Asker { person: login.map(|login| login.person), viewer })
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
