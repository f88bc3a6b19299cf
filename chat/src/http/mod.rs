//! What is served over HTTP on the port of the WebSocket: the page, and a health check.

mod assets;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, Uri, header};
use axum::routing::get;

use assets::Asset;

/// The page runs its own files and talks to its own server, and nothing else: text that became markup by a defect
/// could still not load or run anything.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
     font-src 'self'; manifest-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; \
     frame-ancestors 'none'";

/// A copy may be kept, but is asked about each time: the names of files do not change with their content, and an
/// answer without a body costs little.
const CACHE_CONTROL: &str = "no-cache";

/// Everything that is no WebSocket.
pub(crate) fn router() -> Router {
    Router::new().route("/healthz", get(health)).fallback_service(get(asset))
}

async fn health() -> Response<Body> {
    respond(StatusCode::OK, "text/plain; charset=utf-8", "ok".into(), "no-store")
}

async fn asset(uri: Uri, headers: HeaderMap) -> Response<Body> {
    let Some(asset) = Asset::find(uri.path()) else {
        let text = "There is nothing here. The chat is at /.\n";
        return respond(StatusCode::NOT_FOUND, "text/plain; charset=utf-8", text.into(), "no-store");
    };
    let known = headers.get(header::IF_NONE_MATCH).is_some_and(|tags| lists(tags, asset.tag));
    let (status, body) =
        if known { (StatusCode::NOT_MODIFIED, Body::empty()) } else { (StatusCode::OK, asset.bytes.into()) };
    let mut response = respond(status, asset.content_type(), body, CACHE_CONTROL);
    response.headers_mut().insert(header::ETAG, HeaderValue::from_static(asset.tag));
    response
}

fn respond(
    status: StatusCode,
    content_type: &'static str,
    body: Body,
    cache_control: &'static str,
) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    for (name, value) in [
        (header::CONTENT_TYPE, content_type),
        (header::CACHE_CONTROL, cache_control),
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

/// Is `tag` among those of an `If-None-Match` (RFC 9110 §13.1.2)? The weak comparison: `W/` does not count.
fn lists(tags: &HeaderValue, tag: &str) -> bool {
    let Ok(tags) = tags.to_str() else { return false };
    tags.split(',').map(str::trim).any(|listed| listed == "*" || listed.trim_start_matches("W/") == tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_compared_weakly() {
        for (tags, expected) in [
            ("\"a\"", true),
            ("W/\"a\"", true),
            ("\"b\", \"a\"", true),
            ("*", true),
            ("\"b\"", false),
            ("a", false),
            ("", false),
        ] {
            assert_eq!(lists(&HeaderValue::from_static(tags), "\"a\""), expected, "{tags}");
        }
    }

    #[test]
    fn every_file_of_the_page_has_a_known_type() {
        assert!(Asset::find("/").is_some(), "there is a page");
        for asset in Asset::all() {
            assert_ne!(asset.content_type(), "application/octet-stream", "{}", asset.path);
        }
        assert!(Asset::find("/../Cargo.toml").is_none());
        assert!(Asset::find("").is_none());
    }
}
