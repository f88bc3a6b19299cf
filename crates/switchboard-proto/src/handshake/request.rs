//! A request head, parsed strictly (RFC 9112 §3, §5).

use super::error;
use super::fields::lists_contain;
use super::scan::HeadScan;
use super::{HandshakeError, HeadLimits, Upgrade};

/// A request head that borrows from the bytes it was parsed from.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    head_len: usize,
    method: &'a str,
    target: &'a str,
    http_1_0: bool,
    headers: Vec<httparse::Header<'a>>,
}

impl<'a> Request<'a> {
    /// Parses the head at the start of `bytes`; what follows it is not looked at. `Ok(None)`: it is not complete.
    ///
    /// Strict: lines end in CR LF, no folded lines, no control bytes, no space before a colon. Bytes of 0x80 and
    /// more are let through in values (RFC 9110 §5.5), and in targets if they are UTF-8.
    ///
    /// # Errors
    /// 400 for what is malformed, 414 and 431 past the limits, 505 for a version that is neither 1.1 nor 1.0.
    pub fn parse(bytes: &'a [u8], limits: &HeadLimits) -> Result<Option<Self>, HandshakeError> {
        let mut scan = HeadScan::default();
        let Some(head_len) = scan.advance(bytes, limits)? else {
            return Ok(None);
        };
        let header_count = scan.lines() - 1;
        if header_count > limits.headers_max {
            return Err(error::TOO_MANY_HEADERS);
        }

        let head = &bytes[..head_len];
        let mut headers = vec![httparse::EMPTY_HEADER; header_count];
        let mut parsed = httparse::Request::new(&mut headers);
        match parsed.parse(head) {
            Ok(httparse::Status::Complete(len)) if len == head_len => {}
            Ok(_) => return Err(error::HEAD_MALFORMED),
            Err(error) => return Err(refusal(error, head)),
        }
        let (Some(method), Some(target), Some(minor)) = (parsed.method, parsed.path, parsed.version) else {
            return Err(error::HEAD_MALFORMED);
        };
        if target.contains('#') || !is_percent_encoded(target) {
            return Err(error::TARGET);
        }
        Ok(Some(Self { head_len, method, target, http_1_0: minor == 0, headers }))
    }

    /// The bytes of the head with the empty line at its end.
    pub fn head_len(&self) -> usize {
        self.head_len
    }

    /// The method, as in `GET`.
    pub fn method(&self) -> &'a str {
        self.method
    }

    /// The request target as it was sent (RFC 9112 §3.2).
    pub fn target(&self) -> &'a str {
        self.target
    }

    /// The path of the target, still percent-encoded: of `/path?query` and of `http://host/path?query` the `/path`.
    pub fn path(&self) -> &'a str {
        split_target(self.target).0
    }

    /// What follows the `?` of the target, still percent-encoded.
    pub fn query(&self) -> Option<&'a str> {
        split_target(self.target).1
    }

    /// The value of the first header field of this name, in any case of letters.
    pub fn header(&self, name: &str) -> Option<&'a [u8]> {
        self.values(name).next()
    }

    /// All header fields, in order. Names are as they were sent.
    pub fn headers(&self) -> impl Iterator<Item = (&'a str, &'a [u8])> {
        self.headers.iter().map(|header| (header.name, header.value))
    }

    /// Does it ask for a WebSocket at all: `Upgrade: websocket`, or a Sec-WebSocket-Key (a proxy may have dropped
    /// the Upgrade)? If not it is ordinary HTTP. In HTTP/1.0 Upgrade has no meaning (RFC 9110 §7.8).
    pub fn wants_websocket(&self) -> bool {
        let upgrades = !self.http_1_0 && lists_contain(self.values("upgrade"), "websocket");
        upgrades || self.header("sec-websocket-key").is_some()
    }

    /// Checks everything that RFC 6455 §4.2.1 asks of an opening handshake.
    ///
    /// # Errors
    /// 405 if it is not a GET, 426 if the version is not 13, 400 for everything else.
    pub fn upgrade(&self) -> Result<Upgrade<'a>, HandshakeError> {
        Upgrade::from_request(self)
    }

    pub(super) fn is_http_1_0(&self) -> bool {
        self.http_1_0
    }

    pub(super) fn values(&self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        self.headers
            .iter()
            .filter(move |header| header.name.eq_ignore_ascii_case(name))
            .map(|header| header.value)
    }
}

fn refusal(parse_error: httparse::Error, head: &[u8]) -> HandshakeError {
    match parse_error {
        httparse::Error::HeaderName => error::HEADER_NAME,
        httparse::Error::HeaderValue => error::HEADER_VALUE,
        httparse::Error::TooManyHeaders => error::TOO_MANY_HEADERS,
        httparse::Error::Version if names_a_version(head) => error::VERSION,
        httparse::Error::Token | httparse::Error::Version => error::REQUEST_LINE,
        _ => error::HEAD_MALFORMED,
    }
}

/// Do two hexadecimal digits follow each percent sign (RFC 3986 §2.1)?
fn is_percent_encoded(target: &str) -> bool {
    target.split('%').skip(1).all(|rest| {
        matches!(rest.as_bytes(), [high, low, ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit())
    })
}

/// Are there three words in the request line, the last one `HTTP/` and a version (RFC 9112 §2.3, §3)?
fn names_a_version(head: &[u8]) -> bool {
    let line = head.split(|octet| *octet == b'\r' || *octet == b'\n').find(|line| !line.is_empty());
    let mut words = line.unwrap_or_default().split(|octet| *octet == b' ');
    let (Some(_), Some(_), Some(version), None) = (words.next(), words.next(), words.next(), words.next())
    else {
        return false;
    };
    matches!(version, [b'H', b'T', b'T', b'P', b'/', major, b'.', minor] if major.is_ascii_digit() && minor.is_ascii_digit())
}

/// The path of a request target and what follows its first `?`: of the origin form, or of the absolute form
/// (RFC 9112 §3.2).
pub fn split_target(target: &str) -> (&str, Option<&str>) {
    let relative = match target.split_once("://") {
        Some((scheme, rest)) if is_scheme(scheme) => &rest[rest.find(['/', '?']).unwrap_or(rest.len())..],
        _ => target,
    };
    match relative.split_once('?') {
        Some(("", query)) => ("/", Some(query)),
        Some((path, query)) => (path, Some(query)),
        None if relative.is_empty() => ("/", None),
        None => (relative, None),
    }
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.bytes().all(|octet| octet.is_ascii_alphanumeric() || matches!(octet, b'+' | b'-' | b'.'))
}
