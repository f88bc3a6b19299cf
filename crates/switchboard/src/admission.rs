//! Whether a handshake gets as far as the user's `authorize`: the same for a fresh socket and for one that has
//! served ordinary HTTP requests.

use switchboard_proto::handshake::{self, HandshakeError};

use crate::PeerAddr;
use crate::addresses::Excess;
use crate::core::{Core, CoreRef};
use crate::places::UpgradePlace;
use crate::table::Counters;

/// Why a handshake is refused by the server itself.
#[derive(Debug)]
pub(crate) enum Refusal {
    Handshake(HandshakeError),
    /// The page comes from an origin that is not allowed (RFC 6455 §10.2).
    Origin,
    /// All places are taken.
    Full,
    /// The client's address has as much as it may have.
    Address(Excess),
    /// A trusted proxy has passed on a field that cannot be read.
    Forwarded,
    Stopping,
    /// `authorize` has not decided in time.
    Undecided,
    /// The program closed the connection before its handshake was done.
    Withdrawn,
    /// No HTTP service, and the request asks for no WebSocket.
    NoHttp,
    /// What the program answered cannot be sent.
    BadDecision,
    /// Plain HTTP where TLS is spoken, and no request that could be sent elsewhere.
    PlainOnTls,
    /// TLS where plain HTTP is spoken.
    TlsOnPlain,
}

/// The seconds after which a refused client may try again.
const RETRY_AFTER: &str = "1";

impl Refusal {
    pub(crate) fn status(&self) -> u16 {
        match self {
            Refusal::Handshake(error) => error.status,
            Refusal::Origin | Refusal::Withdrawn => 403,
            Refusal::Address(_) => 429,
            Refusal::Forwarded => 400,
            Refusal::Full | Refusal::Stopping | Refusal::Undecided => 503,
            Refusal::NoHttp => 426,
            Refusal::BadDecision => 500,
            Refusal::PlainOnTls | Refusal::TlsOnPlain => 400,
        }
    }

    pub(crate) fn headers(&self) -> Vec<(String, String)> {
        let fields: &[(&str, &str)] = match self {
            Refusal::Handshake(error) => error.headers(),
            Refusal::Full | Refusal::Stopping | Refusal::Undecided | Refusal::Address(_) => {
                &[("Retry-After", RETRY_AFTER)]
            }
            Refusal::NoHttp => &[("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13")],
            Refusal::Origin | Refusal::Withdrawn | Refusal::Forwarded | Refusal::BadDecision => &[],
            Refusal::PlainOnTls | Refusal::TlsOnPlain => &[],
        };
        fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    pub(crate) fn body(&self) -> String {
        match self {
            Refusal::Handshake(error) => {
                return format!("{} ({}).\n{}.\n", error.detail, error.section, error.advice);
            }
            Refusal::Origin => "Pages of this origin may not connect here (RFC 6455 §10.2).\n",
            Refusal::Withdrawn => "The server closed the connection before it was open.\n",
            Refusal::Full => "All connections are in use. Try again in a moment.\n",
            Refusal::Address(Excess::Connections) => {
                "Your address has as many connections as it may have. Close one, or try again later.\n"
            }
            Refusal::Address(Excess::Handshakes) => {
                "Your address connects too often. Try again in a moment.\n"
            }
            Refusal::Forwarded => "The Forwarded header field is malformed (RFC 7239 §4).\n",
            Refusal::Stopping => "The server is being stopped. Try again in a moment.\n",
            Refusal::Undecided => "The server did not decide about the request in time. Try again later.\n",
            Refusal::NoHttp => "This server speaks WebSocket only: connect with a WebSocket client.\n",
            Refusal::PlainOnTls => "This port speaks TLS: connect with https:// or wss://.\n",
            Refusal::TlsOnPlain => "This port does not speak TLS: connect with http:// or ws://.\n",
            Refusal::BadDecision => "The server could not complete the handshake; its log says why.\n",
        }
        .to_owned()
    }

    /// Appends the whole response.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        handshake::write_response(self.status(), &self.headers(), self.body().as_bytes(), out);
    }
}

/// A refusal as it is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl From<&Refusal> for Refused {
    fn from(refusal: &Refusal) -> Refused {
        Refused { status: refusal.status(), headers: refusal.headers(), body: refusal.body() }
    }
}

/// Checks a request that wants a WebSocket, and takes a place for the connection: whoever is admitted gives it back.
pub(crate) fn admit(core: &Core, request: &handshake::Request<'_>) -> Result<(), Refusal> {
    let upgrade = request.upgrade().map_err(Refusal::Handshake)?;
    if let (Some(allowed), Some(origin)) = (&core.config.allowed_origins, upgrade.origin)
        && !allowed.iter().any(|allowed| allowed.eq_ignore_ascii_case(origin))
    {
        return Err(Refusal::Origin);
    }
    if core.is_stopping() {
        return Err(Refusal::Stopping);
    }
    if !core.take_place() {
        return Err(Refusal::Full);
    }
    Ok(())
}

/// The same for a request head that came with a connection which has served HTTP before; a refusal is counted. `proxied`: the
/// connection is a trusted proxy's, the client another's, which has not been counted for its address yet.
pub(crate) fn admit_late(
    core: &CoreRef,
    head: &[u8],
    client: &PeerAddr,
    proxied: bool,
) -> Result<UpgradePlace, Refused> {
    let parsed = handshake::Request::parse(head, &crate::reactor::head_limits(&core.config));
    let admitted = match parsed {
        Ok(Some(request)) => admit(core, &request).and_then(|()| {
            let mut place = UpgradePlace::new(core, *client);
            if proxied {
                place.admit_client()?;
            }
            Ok(place)
        }),
        Ok(None) => Err(Refusal::BadDecision),
        Err(error) => Err(Refusal::Handshake(error)),
    };
    admitted.map_err(|refusal| {
        count_refusal(core);
        (&refusal).into()
    })
}

/// Counts a refused handshake.
pub(crate) fn count_refusal(core: &Core) {
    Counters::add(&core.counters().refused, 1);
}
