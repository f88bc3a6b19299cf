//! A valid opening handshake, and its acceptance (RFC 6455 §4.2).

use super::accept_key::{ACCEPT_KEY_LEN, accept_key, is_key};
use super::error;
use super::extension::{self, Extension};
use super::fields::{is_token, list, lists_contain};
use super::response::{FieldError, check_field, write_field};
use super::{HandshakeError, Request};
use crate::deflate::{Agreement, ServerSettings};

/// An opening handshake in which everything is as RFC 6455 §4.2.1 wants it.
#[derive(Debug, Clone)]
pub struct Upgrade<'a> {
    /// The subprotocols that the client offers, the ones it prefers first; each a token, none twice (§11.3.4).
    pub protocols: Vec<&'a str>,
    /// Where the page comes from, if the client is a browser (§10.2). Whether it may is the caller's to decide.
    pub origin: Option<&'a str>,
    /// The extensions that the client offers, the ones it prefers first (§9.1). [`deflate`](Self::deflate) knows one.
    pub extensions: Vec<Extension<'a>>,
    key: &'a [u8],
}

/// Why [`Upgrade::accept`] refused what the application wanted to answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AcceptError {
    /// The client has not offered this subprotocol (RFC 6455 §4.2.2).
    #[error(
        "subprotocol {0:?} was not offered by the client (RFC 6455 §4.2.2): choose one of Upgrade::protocols or none"
    )]
    SubprotocolNotOffered(String),
    /// This is no name of a header field (RFC 9110 §5.1).
    #[error("header name {0:?} is not a token (RFC 9110 §5.1)")]
    HeaderName(String),
    /// The value of the header field of this name holds a control byte (RFC 9110 §5.5).
    #[error("the value of header {0:?} holds a control byte (RFC 9110 §5.5)")]
    HeaderValue(String),
    /// The header field of this name is set by the handshake itself, or has no place in a 101 response.
    #[error("header {0:?} belongs to the handshake (RFC 6455 §4.2.2): leave it out")]
    HeaderReserved(String),
}

impl<'a> Upgrade<'a> {
    pub(super) fn from_request(request: &Request<'a>) -> Result<Self, HandshakeError> {
        check_request_line(request)?;
        check_host(request)?;
        if !lists_contain(request.values("upgrade"), "websocket") {
            return Err(error::NO_UPGRADE);
        }
        if !lists_contain(request.values("connection"), "upgrade") {
            return Err(error::NO_CONNECTION_UPGRADE);
        }
        check_version(request)?;
        let key = key(request)?;
        check_no_body(request)?;
        Ok(Self {
            protocols: protocols(request)?,
            origin: origin(request)?,
            extensions: extensions(request)?,
            key,
        })
    }

    /// What the first acceptable offer of compression comes to (RFC 7692 §5.1). None: there is none.
    pub fn deflate(&self, settings: &ServerSettings) -> Option<Agreement> {
        Agreement::find(&self.extensions, settings)
    }

    /// Appends the 101 response (RFC 6455 §4.2.2), with the chosen `subprotocol`, what [`deflate`](Self::deflate) has come
    /// to, and further `headers`.
    ///
    /// # Errors
    /// The subprotocol was not offered, or a header field is malformed or is one that the handshake owns; nothing
    /// is written then.
    pub fn accept(
        &self,
        subprotocol: Option<&str>,
        deflate: Option<&Agreement>,
        headers: &[(String, String)],
        out: &mut Vec<u8>,
    ) -> Result<(), AcceptError> {
        if let Some(name) = subprotocol
            && !self.protocols.contains(&name)
        {
            return Err(AcceptError::SubprotocolNotOffered(name.to_owned()));
        }
        for (name, value) in headers {
            check_accept_header(name, value)?;
        }

        out.extend_from_slice(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n",
        );
        out.extend_from_slice(b"Sec-WebSocket-Accept: ");
        out.extend_from_slice(&self.accept_key());
        out.extend_from_slice(b"\r\n");
        if let Some(name) = subprotocol {
            write_field("Sec-WebSocket-Protocol", name, out);
        }
        if let Some(agreement) = deflate {
            write_field("Sec-WebSocket-Extensions", &agreement.header_value(), out);
        }
        for (name, value) in headers {
            write_field(name, value, out);
        }
        out.extend_from_slice(b"\r\n");
        Ok(())
    }

    /// The value of Sec-WebSocket-Accept, in ASCII (RFC 6455 §4.2.2 item 5.4).
    pub fn accept_key(&self) -> [u8; ACCEPT_KEY_LEN] {
        accept_key(self.key)
    }
}

fn check_accept_header(name: &str, value: &str) -> Result<(), AcceptError> {
    const OWNED: [&str; 5] = ["upgrade", "connection", "content-length", "transfer-encoding", "trailer"];
    let lower = name.to_ascii_lowercase();
    if OWNED.contains(&lower.as_str()) || lower.starts_with("sec-websocket-") {
        return Err(AcceptError::HeaderReserved(name.to_owned()));
    }
    check_field(name, value).map_err(|error| match error {
        FieldError::Name => AcceptError::HeaderName(name.to_owned()),
        FieldError::Value => AcceptError::HeaderValue(name.to_owned()),
    })
}

/// RFC 6455 §4.2.1 item 1.
fn check_request_line(request: &Request<'_>) -> Result<(), HandshakeError> {
    if request.is_http_1_0() {
        return Err(error::HTTP_1_0);
    }
    if request.method() != "GET" {
        return Err(error::METHOD);
    }
    let target = request.target();
    let absolute = target.split_once("://").is_some_and(|(scheme, rest)| {
        let known = ["http", "https", "ws", "wss"].iter().any(|known| scheme.eq_ignore_ascii_case(known));
        known && !rest.is_empty() && !rest.starts_with(['/', '?'])
    });
    if target.starts_with('/') || absolute { Ok(()) } else { Err(error::TARGET_FORM) }
}

/// RFC 6455 §4.2.1 item 2, RFC 9112 §3.2.
fn check_host(request: &Request<'_>) -> Result<(), HandshakeError> {
    let mut hosts = request.values("host");
    let host = hosts.next().ok_or(error::NO_HOST)?;
    if hosts.next().is_some() {
        return Err(error::SEVERAL_HOSTS);
    }
    let delimits = |octet: &u8| !octet.is_ascii_graphic() || b"/?#@,\\\"<>".contains(octet);
    if host.is_empty() || host.iter().any(delimits) { Err(error::HOST) } else { Ok(()) }
}

/// RFC 6455 §4.2.1 item 6, §4.4.
fn check_version(request: &Request<'_>) -> Result<(), HandshakeError> {
    let mut versions = request.values("sec-websocket-version");
    match (versions.next(), versions.next()) {
        (Some(b"13"), None) => Ok(()),
        _ => Err(error::WEBSOCKET_VERSION),
    }
}

/// RFC 6455 §4.2.1 item 5, §11.3.1.
fn key<'a>(request: &Request<'a>) -> Result<&'a [u8], HandshakeError> {
    let mut keys = request.values("sec-websocket-key");
    let key = keys.next().ok_or(error::NO_KEY)?;
    if keys.next().is_some() {
        return Err(error::SEVERAL_KEYS);
    }
    if is_key(key) { Ok(key) } else { Err(error::KEY) }
}

/// What follows the head are frames, so there is no place for a body.
fn check_no_body(request: &Request<'_>) -> Result<(), HandshakeError> {
    let is_zero = |value: &[u8]| !value.is_empty() && value.iter().all(|octet| *octet == b'0');
    let announces = request.values("transfer-encoding").next().is_some()
        || !request.values("content-length").all(is_zero);
    if announces { Err(error::BODY) } else { Ok(()) }
}

/// RFC 6455 §4.1 item 10, §11.3.4.
fn protocols<'a>(request: &Request<'a>) -> Result<Vec<&'a str>, HandshakeError> {
    let mut protocols = Vec::new();
    for value in request.values("sec-websocket-protocol") {
        let before = protocols.len();
        for element in list(value) {
            let token = std::str::from_utf8(element).ok().filter(|token| is_token(token.as_bytes()));
            protocols.push(token.ok_or(error::PROTOCOL)?);
        }
        if protocols.len() == before {
            return Err(error::PROTOCOL);
        }
    }
    // A head has room for thousands of names: sorting keeps the search for duplicates cheap.
    let mut sorted = protocols.clone();
    sorted.sort_unstable();
    if sorted.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(error::PROTOCOL_TWICE);
    }
    Ok(protocols)
}

/// RFC 6455 §4.2.1 item 7.
fn origin<'a>(request: &Request<'a>) -> Result<Option<&'a str>, HandshakeError> {
    let mut origins = request.values("origin");
    let Some(origin) = origins.next() else {
        return Ok(None);
    };
    if origins.next().is_some() || !origin.is_ascii() {
        return Err(error::ORIGIN);
    }
    Ok(std::str::from_utf8(origin).ok())
}

/// RFC 6455 §4.2.1 item 9, §9.1.
fn extensions<'a>(request: &Request<'a>) -> Result<Vec<Extension<'a>>, HandshakeError> {
    let mut extensions = Vec::new();
    for value in request.values("sec-websocket-extensions") {
        extensions.extend(extension::parse(value).ok_or(error::EXTENSIONS)?);
    }
    Ok(extensions)
}
