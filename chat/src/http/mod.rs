//! What is served over HTTP on the port of the WebSocket: the page, who people are, and a health check.

pub(crate) mod arrival;
mod assets;
pub(crate) mod cookie;
pub(crate) mod origin;
pub(crate) mod people;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, Method, Response, StatusCode, header};
use axum::middleware::{Next, from_fn, map_response};
use axum::routing::get;

use origin::{CREDENTIALS, Origins, Provenance};
use people::Office;
use switchboard::Transport;

/// On every response. The page runs its own files and talks to its own server, and nothing else: text that became markup by a
/// defect could still not load or run anything, and the browser refuses to make markup of text at all (`trusted-types`; the only
/// policy there may be names the page's own service worker).
const SECURITY_FIELDS: [(HeaderName, &str); 7] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; manifest-src 'self'; \
         worker-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
         require-trusted-types-for 'script'; trusted-types worker",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    // For browsers that do not know frame-ancestors.
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (
        HeaderName::from_static("permissions-policy"),
        "camera=(), display-capture=(), geolocation=(), hid=(), microphone=(), midi=(), payment=(), serial=(), usb=()",
    ),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// Everything that is no WebSocket.
pub(crate) fn router(origins: Origins, office: Office) -> Router {
    Router::new()
        .route("/healthz", get(health))
        .route("/version", get(assets::version))
        .merge(people::routes(office))
        .fallback_service(get(assets::asset))
        .layer(from_fn(move |request, next| of_known_origin(origins.clone(), request, next)))
        .layer(map_response(secured))
}

async fn of_known_origin(origins: Origins, request: Request, next: Next) -> Response<Body> {
    let headers = request.headers();
    // What is no text is nobody's origin.
    let text = |name| headers.get(name).map(|value: &HeaderValue| value.to_str().unwrap_or("?"));
    let provenance = Provenance {
        origin: text(header::ORIGIN),
        host: text(header::HOST),
        // Who changes something acts for whoever looks at the page, and may get a cookie by it.
        has_credentials: !matches!(*request.method(), Method::GET | Method::HEAD)
            || CREDENTIALS.iter().any(|field| headers.contains_key(*field)),
        by_tls: request.extensions().get() == Some(&Transport::Tls),
    };
    match origins.admit_http(provenance) {
        Ok(()) => next.run(request).await,
        Err(sentence) => {
            respond(StatusCode::FORBIDDEN, "text/plain; charset=utf-8", sentence.into(), "no-store")
        }
    }
}

async fn secured(mut response: Response<Body>) -> Response<Body> {
    for (name, value) in SECURITY_FIELDS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

async fn health() -> Response<Body> {
    respond(StatusCode::OK, "text/plain; charset=utf-8", "ok".into(), "no-store")
}

fn respond(
    status: StatusCode,
    content_type: &'static str,
    body: Body,
    cache_control: &'static str,
) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    for (name, value) in [(header::CONTENT_TYPE, content_type), (header::CACHE_CONTROL, cache_control)] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}
