//! Ordinary HTTP requests, served by hyper.

use std::convert::Infallible;
use std::fmt;
use std::future::{Future, poll_fn};
use std::os::fd::OwnedFd;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use switchboard_proto::handshake::PLAIN_TEXT_FIELDS;
use tokio::sync::watch;
use tower_service::Service;

use super::replay::Replay;
use super::runner::{Serving, Shared};
use super::upgrade::{self, Origin};
use crate::admission::Refusal;
use crate::error::BoxError;
use crate::places::{HttpPlace, Source};
use crate::{Handle, Handler, PeerAddr};

/// A tower service (an axum `Router`, for one) that serves the requests which ask for no WebSocket.
#[derive(Clone)]
pub struct HttpService(Arc<dyn CallService>);

pub(super) type ResponseBody = UnsyncBoxBody<Bytes, BoxError>;
type ResponseFuture = Pin<Box<dyn Future<Output = Response<ResponseBody>>>>;

trait CallService: Send + Sync {
    fn call(&self, request: Request<Incoming>) -> ResponseFuture;
}

impl HttpService {
    /// From any tower service. It is cloned for each request; an error of its own is logged and answered with 500.
    /// The client's address is in the request's extensions as a [`PeerAddr`], and a [`Transport`](crate::Transport) beside it.
    pub fn new<S, B>(service: S) -> HttpService
    where
        S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + Sync + 'static,
        S::Error: Into<BoxError>,
        S::Future: 'static,
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        HttpService(Arc::new(Tower(service)))
    }
}

impl fmt::Debug for HttpService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HttpService")
    }
}

struct Tower<S>(S);

impl<S, B> CallService for Tower<S>
where
    S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + Sync + 'static,
    S::Error: Into<BoxError>,
    S::Future: 'static,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    fn call(&self, request: Request<Incoming>) -> ResponseFuture {
        let mut service = self.0.clone();
        Box::pin(async move {
            let response = async {
                poll_fn(|context| service.poll_ready(context)).await?;
                service.call(request).await
            };
            match response.await {
                Ok(response) => response.map(|body| body.map_err(Into::into).boxed_unsync()),
                Err(error) => {
                    let error: BoxError = error.into();
                    tracing::error!(%error, "the HTTP service failed");
                    text_response(StatusCode::INTERNAL_SERVER_ERROR, "internal error\n".into())
                }
            }
        })
    }
}

/// A response of plain text.
pub(super) fn text_response(status: StatusCode, body: Bytes) -> Response<ResponseBody> {
    let mut response =
        Response::new(Full::new(body).map_err(|never: Infallible| match never {}).boxed_unsync());
    *response.status_mut() = status;
    for (name, value) in PLAIN_TEXT_FIELDS {
        if let Ok(name) = http::HeaderName::try_from(name) {
            response.headers_mut().insert(name, http::HeaderValue::from_static(value));
        }
    }
    response
}

/// The HTTP side of one worker.
pub(super) struct HttpServer {
    service: HttpService,
    protocol: http1::Builder,
    stop: watch::Sender<bool>,
}

impl HttpServer {
    pub(super) fn new(service: HttpService, handle: &Handle) -> HttpServer {
        let config = &handle.core().config;
        let mut protocol = http1::Builder::new();
        protocol.timer(TokioTimer::new());
        protocol.header_read_timeout(config.http_timeout);
        // hyper wants room for at least 8 KiB.
        protocol.max_buf_size(config.head_bytes_max.max(8 << 10));
        protocol.max_headers(config.headers_max);
        HttpServer { service, protocol, stop: watch::Sender::new(false) }
    }

    /// Serves one connection in a task.
    pub(super) fn serve<H: Handler>(
        &self,
        shared: Rc<Shared<H>>,
        socket: OwnedFd,
        (source, place): (Source, Option<Arc<HttpPlace>>),
        read: Bytes,
    ) {
        let peer = source.peer;
        let tenure = Tenure { serving: Serving::of(shared.clone()), source, _place: place.clone() };
        let io = match Replay::new(socket, read, shared.handle.core().config.http_timeout) {
            Ok(io) => TokioIo::new(io),
            Err(error) => return tracing::warn!(%error, "cannot serve an HTTP connection"),
        };
        let service = self.service.clone();
        let mut stop = self.stop.subscribe();
        let stopping = stop.clone();
        let respond = service_fn(move |mut request: Request<Incoming>| {
            let (service, shared, stopping) = (service.clone(), shared.clone(), stopping.clone());
            let place = place.clone();
            async move {
                let Some(client) = client(&shared, &request, &source) else {
                    return Ok::<_, Infallible>(upgrade::response(&(&Refusal::Forwarded).into()));
                };
                if upgrade::is_wanted(&shared, &request) {
                    let from = Origin { client, source, place };
                    return Ok(upgrade::respond(shared, request, from, stopping).await);
                }
                request.extensions_mut().insert(client);
                request.extensions_mut().insert(source.transport);
                Ok(service.0.call(request).await)
            }
        });
        let connection = self.protocol.serve_connection(io, respond).with_upgrades();
        tokio::task::spawn_local(async move {
            let _tenure = tenure;
            let mut connection = pin!(connection);
            let mut stopped = pin!(stop.wait_for(|stop| *stop));
            let mut told = false;
            let served = poll_fn(|context| {
                // First: hyper ends a connection of which it has read nothing, but there is a request in `read`.
                let polled = connection.as_mut().poll(context);
                if polled.is_pending() && !told && stopped.as_mut().poll(context).is_ready() {
                    told = true;
                    connection.as_mut().graceful_shutdown();
                    return connection.as_mut().poll(context);
                }
                polled
            });
            let served = served.await;
            if let Err(error) = served {
                tracing::debug!(%error, %peer, "an HTTP connection ended early");
            }
        });
    }

    /// Lets requests that have begun finish, and ends connections that wait for one.
    pub(super) fn stop(&self) {
        self.stop.send_replace(true);
    }
}

/// Whose a request is; None: a trusted proxy has passed on a field that cannot be read.
fn client<H>(shared: &Shared<H>, request: &Request<Incoming>, source: &Source) -> Option<PeerAddr> {
    let config = &shared.handle.core().config;
    let values = request.headers().get_all(config.forwarded_field.name());
    source.client_of(config, values.iter().map(http::HeaderValue::as_bytes)).ok()
}

/// For as long as this worker serves a connection: its count of those, and the connection's place.
struct Tenure<H: Handler> {
    serving: Serving<H>,
    source: Source,
    /// None: the master has it.
    _place: Option<Arc<HttpPlace>>,
}

impl<H: Handler> Drop for Tenure<H> {
    fn drop(&mut self) {
        if let Some(ports) = &self.serving.shared().handle.core().ports {
            ports.http_ended(&self.source);
        }
    }
}
