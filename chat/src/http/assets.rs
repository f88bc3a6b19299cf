//! The files of the page, embedded in the program.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, Uri, header};

use super::respond;

/// One file.
#[derive(Debug)]
struct Asset {
    /// As in the URL.
    path: &'static str,
    /// The entity tag, with its quotes.
    tag: &'static str,
    /// That of the compressed form: other bytes are another representation (RFC 9110 §8.8.3).
    gzip_tag: &'static str,
    bytes: &'static [u8],
    /// Compressed, where that makes it smaller.
    gzip: Option<&'static [u8]>,
}

// `VERSION`, a hash of all files; and `ASSETS`, sorted by path; written by `build.rs`.
include!(concat!(env!("OUT_DIR"), "/assets.rs"));

/// A copy may be kept, but is asked about each time: the names of files do not change with their content, and an
/// answer without a body costs little.
const CACHE_CONTROL: &str = "no-cache";

impl Asset {
    fn find(path: &str) -> Option<&'static Self> {
        let path = if path == "/" { "/index.html" } else { path };
        ASSETS.iter().find(|asset| asset.path == path)
    }

    fn content_type(&self) -> &'static str {
        match self.path.rsplit_once('.').map(|(_, extension)| extension) {
            Some("html") => "text/html; charset=utf-8",
            Some("js") => "text/javascript; charset=utf-8",
            Some("css") => "text/css; charset=utf-8",
            Some("svg") => "image/svg+xml",
            Some("png") => "image/png",
            Some("ico") => "image/x-icon",
            Some("json") => "application/json",
            Some("webmanifest") => "application/manifest+json",
            Some("txt") => "text/plain; charset=utf-8",
            _ => "application/octet-stream",
        }
    }
}

/// Answers with a file of the page.
pub(super) async fn asset(uri: Uri, headers: HeaderMap) -> Response<Body> {
    let Some(asset) = Asset::find(uri.path()) else {
        let text = "There is nothing here. The chat is at /.\n";
        return respond(StatusCode::NOT_FOUND, "text/plain; charset=utf-8", text.into(), "no-store");
    };
    let accepts_gzip = headers.get_all(header::ACCEPT_ENCODING).iter().any(accepts_gzip);
    let gzip = asset.gzip.filter(|_| accepts_gzip);
    let (tag, bytes) = gzip.map_or((asset.tag, asset.bytes), |gzip| (asset.gzip_tag, gzip));
    let known = headers.get(header::IF_NONE_MATCH).is_some_and(|tags| lists(tags, tag));
    let (status, body) =
        if known { (StatusCode::NOT_MODIFIED, Body::empty()) } else { (StatusCode::OK, bytes.into()) };
    let mut response = respond(status, asset.content_type(), body, CACHE_CONTROL);
    let fields = response.headers_mut();
    fields.insert(header::ETAG, HeaderValue::from_static(tag));
    if asset.gzip.is_some() {
        fields.insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    }
    if gzip.is_some() && !known {
        fields.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response
}

/// Says which build this is: a hash of the page's files. The page asks when it may be of another one.
pub(super) async fn version() -> Response<Body> {
    respond(StatusCode::OK, "text/plain; charset=utf-8", VERSION.into(), "no-store")
}

/// Is `tag` among those of an `If-None-Match` (RFC 9110 §13.1.2)? The weak comparison: `W/` does not count.
fn lists(tags: &HeaderValue, tag: &str) -> bool {
    let Ok(tags) = tags.to_str() else { return false };
    tags.split(',').map(str::trim).any(|listed| listed == "*" || listed.trim_start_matches("W/") == tag)
}

/// Does an `Accept-Encoding` (RFC 9110 §12.5.3) name gzip, and not to refuse it? `*` alone is not taken for it: who can
/// read gzip says so.
fn accepts_gzip(value: &HeaderValue) -> bool {
    let Ok(value) = value.to_str() else { return false };
    value.split(',').any(|coding| {
        let mut parts = coding.split(';').map(str::trim);
        let is_gzip = parts.next().is_some_and(|name| name.eq_ignore_ascii_case("gzip"));
        let refused = parts.any(|parameter| {
            parameter.split_once('=').is_some_and(|(name, weight)| {
                name.trim().eq_ignore_ascii_case("q")
                    && weight.trim().parse::<f32>().is_ok_and(|weight| weight == 0.0)
            })
        });
        is_gzip && !refused
    })
}

#[cfg(test)]
#[path = "../../build/join.rs"]
mod join;
#[cfg(test)]
#[path = "../../build/shorten.rs"]
mod shorten;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_page_is_at_most_100_kb_compressed() {
        // The icons are for launchers, the worker comes when the page is there.
        let is_first = |asset: &&Asset| !asset.path.starts_with("/icons/") && asset.path != "/sw.js";
        let first = ASSETS.iter().filter(is_first);
        let bytes: usize = first.map(|asset| asset.gzip.unwrap_or(asset.bytes).len()).sum();
        assert!(bytes <= 100_000, "{bytes} bytes");
    }

    #[test]
    fn the_page_is_one_script_and_one_style_sheet_for_each_scheme() {
        let index = Asset::find("/").expect("the page");
        let index = str::from_utf8(index.bytes).expect("text");
        for (what, count) in [("<script", 1), ("rel=\"stylesheet\"", 2), ("modulepreload", 0)] {
            assert_eq!(index.matches(what).count(), count, "{what}");
        }
        let scripts = ASSETS.iter().filter(|asset| asset.path.ends_with(".js")).map(|asset| asset.path);
        assert_eq!(scripts.collect::<Vec<_>>(), ["/page.js", "/sw.js"]);
    }

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
    fn gzip_is_for_who_names_it() {
        for (value, expected) in [
            ("gzip", true),
            ("gzip, deflate, br, zstd", true),
            ("br;q=1.0, GZIP;q=0.8", true),
            ("gzip;q=0", false),
            ("gzip; q=0.000, br", false),
            ("identity", false),
            ("*", false),
            ("x-gzip", false),
            ("", false),
        ] {
            assert_eq!(accepts_gzip(&HeaderValue::from_static(value)), expected, "{value}");
        }
    }

    #[test]
    fn every_file_of_the_page_has_a_known_type() {
        assert!(Asset::find("/").is_some(), "there is a page");
        for asset in ASSETS {
            assert_ne!(asset.content_type(), "application/octet-stream", "{}", asset.path);
        }
        assert!(Asset::find("/../Cargo.toml").is_none());
        assert!(Asset::find("").is_none());
    }
}
