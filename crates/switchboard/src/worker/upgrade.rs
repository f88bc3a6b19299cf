//! An upgrade to WebSocket on a connection that hyper serves, because it has served ordinary requests before (as a
//! proxy's kept-alive connections do).

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;

use bytes::Bytes;
use http::header::{CONNECTION, HeaderName, HeaderValue, SEC_WEBSOCKET_KEY, UPGRADE};
use http::{Response, StatusCode};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use switchboard_proto::handshake::Request as Head;
use tokio::sync::{oneshot, watch};

use super::guard::poll_guarded;
use super::http::{ResponseBody, text_response};
use super::replay::Replay;
use super::runner::{Serving, Shared};
use crate::admission::{self, Refusal, Refused};
use crate::command::Command;
use crate::core::{Core, CoreRef};
use crate::decision::{Accept, Verdict};
use crate::places::{HttpPlace, Source, UpgradePlace};
use crate::reactor::{Adopted, agree, check_accept, head_limits};
use crate::{Decision, Handler, PeerAddr, Request};

/// Does the request ask for a WebSocket?
pub(super) fn is_wanted<H>(shared: &Shared<H>, request: &http::Request<Incoming>) -> bool {
    let limits = head_limits(&shared.handle.core().config);
    let names = [UPGRADE, SEC_WEBSOCKET_KEY];
    names.iter().any(|name| request.headers().contains_key(name))
        && matches!(Head::parse(&head(request), &limits), Ok(Some(head)) if head.wants_websocket())
}

/// Who asks for an upgrade.
pub(super) struct Origin {
    pub(super) client: PeerAddr,
    pub(super) source: Source,
    /// That of the HTTP connection, where the reactors are in this process.
    pub(super) place: Option<Arc<HttpPlace>>,
}

/// Answers the request as the reactor would. After a 101 the socket goes to the reactor.
pub(super) async fn respond<H: Handler>(
    shared: Rc<Shared<H>>,
    mut http_request: http::Request<Incoming>,
    from: Origin,
    stop: watch::Receiver<bool>,
) -> Response<ResponseBody> {
    let core = shared.handle.core().clone();
    let request = Request::new(head(&http_request), from.client).with_transport(from.source.transport);
    let place = match admit(&core, &request, from).await {
        Ok(place) => place,
        Err(refused) => return response(&refused),
    };
    let decision = match decide(&shared, &core, request.clone(), stop).await {
        Ok(decision) => decision,
        Err(refusal) => return place.refuse(&refusal),
    };
    match decision.0 {
        Verdict::Reject { status, headers, body } => {
            place.count_refusal();
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            with_headers(text_response(status, body), &headers)
        }
        Verdict::Accept(accept) => match switching(&core, &request, &accept) {
            Ok(response) => {
                let upgrade = hyper::upgrade::on(&mut http_request);
                // hyper's side ends before the reactor has the socket: a stop waits for both.
                let serving = Serving::of(shared.clone());
                tokio::task::spawn_local(async move {
                    let _serving = serving;
                    if let Ok(upgraded) = upgrade.await {
                        hand_back(&shared, upgraded, request, accept, place);
                    }
                });
                response
            }
            Err(reason) => {
                tracing::error!(reason, "authorize gave a decision that cannot be carried out");
                place.refuse(&Refusal::BadDecision)
            }
        },
    }
}

/// Asks the user's `authorize`, within the limits of a handshake.
async fn decide<H: Handler>(
    shared: &Shared<H>,
    core: &Core,
    request: Request,
    mut stop: watch::Receiver<bool>,
) -> Result<Decision, Refusal> {
    let mut decision = pin!(shared.handler.authorize(request));
    let mut stopped = pin!(stop.wait_for(|stop| *stop));
    let decision = poll_fn(|context| match poll_guarded(decision.as_mut(), context) {
        Poll::Ready(decision) => Poll::Ready(Some(decision)),
        Poll::Pending => stopped.as_mut().poll(context).map(|_| None),
    });
    match tokio::time::timeout(core.config.handshake_timeout, decision).await {
        Ok(Some(Ok(decision))) => Ok(decision),
        Ok(None) => Err(Refusal::Stopping),
        Ok(Some(Err(panic))) => {
            tracing::error!(panic = panic.0, "authorize panicked; the handshake is refused");
            Err(Refusal::BadDecision)
        }
        Err(_) => Err(Refusal::Undecided),
    }
}

/// A place among the server's connections, given back unless a reactor takes it over.
struct Place {
    core: CoreRef,
    held: Held,
    refused: bool,
}

enum Held {
    /// With that of the HTTP connection, so that this one is counted for its client's address all the time.
    Here(UpgradePlace, Option<Arc<HttpPlace>>),
    /// The master has it, for this client.
    Elsewhere(PeerAddr),
    /// A reactor has it.
    PassedOn,
}

impl Place {
    fn new(core: CoreRef, held: Held) -> Place {
        Place { core, held, refused: false }
    }

    /// What the reactor takes over; None: the master has it.
    fn pass_on(mut self) -> Option<UpgradePlace> {
        match std::mem::replace(&mut self.held, Held::PassedOn) {
            Held::Here(mut place, http) => {
                if let Some(http) = http {
                    place.count_instead_of(&http);
                }
                Some(place)
            }
            _ => None,
        }
    }

    fn count_refusal(mut self) {
        self.refused = true;
    }

    fn refuse(self, refusal: &Refusal) -> Response<ResponseBody> {
        self.count_refusal();
        response(&refusal.into())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        match (&self.held, &self.core.ports) {
            (Held::Elsewhere(client), Some(ports)) => ports.place_returned(client, self.refused),
            (Held::Here(..), _) if self.refused => admission::count_refusal(&self.core),
            _ => {}
        }
    }
}

async fn admit(core: &CoreRef, request: &Request, from: Origin) -> Result<Place, Refused> {
    let proxied = from.source.is_proxy(&core.config);
    match &core.ports {
        Some(ports) => admit_elsewhere(core.clone(), from.client, ports.admit(request, proxied)).await,
        None => {
            let place = admission::admit_late(core, request.head(), &from.client, proxied)?;
            Ok(Place::new(core.clone(), Held::Here(place, from.place)))
        }
    }
}

/// Waits in a task of its own: when the client hangs up meanwhile, this future is dropped, and the place has to be
/// given back all the same.
async fn admit_elsewhere(
    core: CoreRef,
    client: PeerAddr,
    admitted: oneshot::Receiver<Result<(), Refused>>,
) -> Result<Place, Refused> {
    let (sender, receiver) = oneshot::channel();
    tokio::task::spawn_local(async move {
        let admitted = admitted.await.unwrap_or_else(|_| Err((&Refusal::Stopping).into()));
        drop(sender.send(admitted.map(|()| Place::new(core, Held::Elsewhere(client)))));
    });
    receiver.await.unwrap_or_else(|_| Err((&Refusal::Stopping).into()))
}

/// The response 101, checked as the reactor's are.
fn switching(core: &Core, request: &Request, accept: &Accept) -> Result<Response<ResponseBody>, String> {
    check_accept(&core.config, accept)?;
    let head = Head::parse(request.head(), &head_limits(&core.config));
    let head = head.map_err(|error| error.to_string())?.ok_or("the head is not complete")?;
    let upgrade = head.upgrade().map_err(|error| error.to_string())?;
    let subprotocol = accept.subprotocol.as_deref();
    let agreement = agree(&core.config, &upgrade);
    upgrade
        .accept(subprotocol, agreement.as_ref(), &accept.headers, &mut Vec::new())
        .map_err(|error| error.to_string())?;
    let mut response = Response::new(Default::default());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    let key = HeaderValue::from_bytes(&upgrade.accept_key()).map_err(|error| error.to_string())?;
    headers.insert(http::header::SEC_WEBSOCKET_ACCEPT, key);
    if let Some(name) = subprotocol {
        let value = HeaderValue::from_str(name).map_err(|error| error.to_string())?;
        headers.insert(http::header::SEC_WEBSOCKET_PROTOCOL, value);
    }
    if let Some(agreement) = agreement {
        let value = HeaderValue::from_str(&agreement.header_value()).map_err(|error| error.to_string())?;
        headers.insert(http::header::SEC_WEBSOCKET_EXTENSIONS, value);
    }
    Ok(with_headers(response, &accept.headers))
}

fn with_headers(
    mut response: Response<ResponseBody>,
    headers: &[(String, String)],
) -> Response<ResponseBody> {
    for (name, value) in headers {
        match (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            (Ok(name), Ok(value)) => {
                response.headers_mut().append(name, value);
            }
            _ => tracing::error!(name, value, "a header field that cannot be sent was left out"),
        }
    }
    response
}

pub(super) fn response(refused: &Refused) -> Response<ResponseBody> {
    let status = StatusCode::from_u16(refused.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    with_headers(text_response(status, refused.body.clone().into()), &refused.headers)
}

fn hand_back<H: Handler>(
    shared: &Shared<H>,
    upgraded: hyper::upgrade::Upgraded,
    request: Request,
    accept: Accept,
    place: Place,
) {
    let Ok(parts) = upgraded.downcast::<TokioIo<Replay>>() else { return };
    match parts.io.into_inner().into_parts(&parts.read_buf) {
        Ok((socket, unread)) => {
            if let Some(place) = place.pass_on() {
                let adopted = Box::new(Adopted::Upgraded { socket, request, accept, unread, place });
                let _ = shared.handle.send_always(shared.reactor(), Command::Adopt(adopted));
            } else if let Some(ports) = &shared.handle.core().ports {
                ports.upgraded(socket, request, accept, unread);
            }
        }
        Err(error) => tracing::warn!(%error, "cannot take a socket back after its upgrade"),
    }
}

/// The request head as it would have come over the wire: so that one parser judges all handshakes.
fn head(request: &http::Request<Incoming>) -> Bytes {
    let target = request.uri().path_and_query().map_or("/", |target| target.as_str());
    let version = match request.version() {
        http::Version::HTTP_10 => "HTTP/1.0",
        _ => "HTTP/1.1",
    };
    let mut head = format!("{} {target} {version}\r\n", request.method()).into_bytes();
    for (name, value) in request.headers() {
        head.extend_from_slice(name.as_str().as_bytes());
        head.extend_from_slice(b": ");
        head.extend_from_slice(value.as_bytes());
        head.extend_from_slice(b"\r\n");
    }
    head.extend_from_slice(b"\r\n");
    head.into()
}
