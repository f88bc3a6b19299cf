//! What the opening handshake promises, by side and step.

mod client;
mod head;
mod reader;
mod response;
mod upgrade;

use super::*;

pub(super) const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

/// The header fields of a good handshake.
pub(super) const GOOD: [(&str, &str); 5] = [
    ("Host", "server.example.com"),
    ("Upgrade", "websocket"),
    ("Connection", "Upgrade"),
    ("Sec-WebSocket-Key", KEY),
    ("Sec-WebSocket-Version", "13"),
];

pub(super) fn head(request_line: &str, headers: &[(&str, &str)]) -> Vec<u8> {
    let mut head = format!("{request_line}\r\n");
    for (name, value) in headers {
        head += &format!("{name}: {value}\r\n");
    }
    (head + "\r\n").into_bytes()
}

/// A good handshake with `extra` header fields.
pub(super) fn good_with(extra: &[(&str, &str)]) -> Vec<u8> {
    head("GET /chat HTTP/1.1", &[&GOOD, extra].concat())
}

/// A good handshake in which `name` has the values `values`, of which there may be none.
pub(super) fn good_but(name: &str, values: &[&str]) -> Vec<u8> {
    let mut headers: Vec<_> = GOOD.into_iter().filter(|(other, _)| *other != name).collect();
    headers.extend(values.iter().map(|value| (name, *value)));
    head("GET /chat HTTP/1.1", &headers)
}

pub(super) fn parse(bytes: &[u8]) -> Result<Option<Request<'_>>, HandshakeError> {
    Request::parse(bytes, &HeadLimits::default())
}

/// The status of a refused head, and the section it names.
pub(super) fn refused(bytes: &[u8]) -> Option<(u16, &'static str)> {
    let error = match parse(bytes) {
        Ok(request) => request?.upgrade().err()?,
        Err(error) => error,
    };
    Some((error.status, error.section))
}
