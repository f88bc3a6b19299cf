//! The client's side of the opening handshake (RFC 6455 §4.1).

use super::accept_key::{accept_key, encode_key};
use super::extension;
use super::fields::lists_contain;
use super::response::write_field;
use super::scan::HeadScan;
use super::{HandshakeError, HeadLimits};
use crate::deflate::{Offer, Parameters};

/// A client's opening handshake: the request to send, then the check of the response.
#[derive(Debug, Clone)]
pub struct ClientHandshake {
    host: String,
    target: String,
    key: String,
    protocols: Vec<String>,
    deflate: Option<Offer>,
    headers: Vec<(String, String)>,
    limits: HeadLimits,
    scan: HeadScan,
}

/// The server has accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// The bytes of the response's head; what follows are frames.
    pub head_len: usize,
    /// The subprotocol that the server has chosen, one of those that were offered.
    pub subprotocol: Option<String>,
    /// What the server has made of the offer to compress; None: messages are not compressed.
    pub deflate: Option<Parameters>,
}

/// The response does not establish a WebSocket connection (RFC 6455 §4.1).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// The head is not HTTP/1.1, or larger than 16 KiB or 100 header fields.
    #[error("the response is malformed: {detail} ({section})")]
    Malformed {
        /// The rule that was broken.
        section: &'static str,
        /// What was wrong.
        detail: &'static str,
    },
    /// The server has answered with another status than 101.
    #[error("the server refused with status {0} (RFC 6455 §4.1): its body may say why")]
    Status(u16),
    /// A header field of the response is missing or wrong.
    #[error("the 101 response does not match the request: {detail} ({section})")]
    Mismatch {
        /// The rule that was broken.
        section: &'static str,
        /// What was wrong.
        detail: &'static str,
    },
}

impl From<HandshakeError> for ClientError {
    fn from(error: HandshakeError) -> Self {
        Self::Malformed { section: error.section, detail: error.detail }
    }
}

impl ClientHandshake {
    /// A handshake for `target`, as in `/path?query`, at `host`, as in `example.com:9501`. The `nonce` is 16 random
    /// bytes, new for each connection (RFC 6455 §4.1 item 7).
    ///
    /// Control bytes in any argument, here and below, are left out: no value can add a line of its own.
    pub fn new(host: &str, target: &str, nonce: [u8; 16]) -> Self {
        Self {
            host: without_control_bytes(host),
            target: without_control_bytes(target),
            key: encode_key(nonce),
            protocols: Vec::new(),
            deflate: None,
            headers: Vec::new(),
            limits: HeadLimits::default(),
            scan: HeadScan::default(),
        }
    }

    /// Offers a subprotocol, after those offered before.
    #[must_use]
    pub fn protocol(mut self, name: &str) -> Self {
        self.protocols.push(without_control_bytes(name));
        self
    }

    /// Offers to compress messages (RFC 7692).
    #[must_use]
    pub fn deflate(mut self, offer: Offer) -> Self {
        self.deflate = Some(offer);
        self
    }

    /// Adds a header field.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((without_control_bytes(name), without_control_bytes(value)));
        self
    }

    /// The request to send.
    pub fn request(&self) -> Vec<u8> {
        let mut out = format!("GET {} HTTP/1.1\r\n", self.target).into_bytes();
        write_field("Host", &self.host, &mut out);
        write_field("Upgrade", "websocket", &mut out);
        write_field("Connection", "Upgrade", &mut out);
        write_field("Sec-WebSocket-Key", &self.key, &mut out);
        write_field("Sec-WebSocket-Version", "13", &mut out);
        if !self.protocols.is_empty() {
            write_field("Sec-WebSocket-Protocol", &self.protocols.join(", "), &mut out);
        }
        if let Some(offer) = &self.deflate {
            write_field("Sec-WebSocket-Extensions", &offer.header_value(), &mut out);
        }
        for (name, value) in &self.headers {
            write_field(name, value, &mut out);
        }
        out.extend_from_slice(b"\r\n");
        out
    }

    /// Takes `bytes`, which are all that has arrived so far. `Ok(None)`: more are needed.
    ///
    /// # Errors
    /// The response refuses, or does not match the request in what RFC 6455 §4.1 lists.
    pub fn receive(&mut self, bytes: &[u8]) -> Result<Option<Accepted>, ClientError> {
        let Some(head_len) = self.scan.advance(bytes, &self.limits)? else {
            return Ok(None);
        };
        let mut headers = vec![httparse::EMPTY_HEADER; self.limits.headers_max.min(self.scan.lines())];
        let mut response = httparse::Response::new(&mut headers);
        let malformed = ClientError::Malformed {
            section: "RFC 9112 §4",
            detail: "the head is not a status line and header fields",
        };
        match response.parse(&bytes[..head_len]) {
            Ok(httparse::Status::Complete(_)) => {}
            Ok(httparse::Status::Partial) | Err(_) => return Err(malformed),
        }
        match (response.code, response.version) {
            (Some(101), Some(1)) => {}
            (Some(101), _) | (None, _) => return Err(malformed),
            (Some(status), _) => return Err(ClientError::Status(status)),
        }
        let subprotocol = self.check_headers(response.headers)?;
        let deflate = self.check_extensions(response.headers)?;
        Ok(Some(Accepted { head_len, subprotocol, deflate }))
    }

    /// RFC 6455 §4.1, items 2 to 6 of what the client checks.
    fn check_headers(&self, headers: &[httparse::Header<'_>]) -> Result<Option<String>, ClientError> {
        let values = |name| values(headers, name);
        let mismatch = |detail| Err(ClientError::Mismatch { section: "RFC 6455 §4.1", detail });

        if !lists_contain(values("upgrade"), "websocket") {
            return mismatch("no `Upgrade: websocket`");
        }
        if !lists_contain(values("connection"), "upgrade") {
            return mismatch("no `Connection: Upgrade`");
        }
        let expected = accept_key(self.key.as_bytes());
        if !values("sec-websocket-accept").eq([&expected[..]]) {
            return mismatch("Sec-WebSocket-Accept is missing, or does not answer the key");
        }
        let mut chosen = values("sec-websocket-protocol");
        match (chosen.next(), chosen.next()) {
            (None, _) => Ok(None),
            (Some(value), None) => match self.protocols.iter().find(|offered| offered.as_bytes() == value) {
                Some(offered) => Ok(Some(offered.clone())),
                None => mismatch("a subprotocol that was not offered"),
            },
            _ => mismatch("more than one subprotocol"),
        }
    }

    /// RFC 6455 §4.1, §9.1; RFC 7692 §5.1, §7.1. Nothing but an answer to the offer is let pass.
    fn check_extensions(&self, headers: &[httparse::Header<'_>]) -> Result<Option<Parameters>, ClientError> {
        let mut extensions = Vec::new();
        for value in values(headers, "sec-websocket-extensions") {
            extensions.extend(extension::parse(value).ok_or(ClientError::Mismatch {
                section: "RFC 6455 §9.1",
                detail: "Sec-WebSocket-Extensions is not a list of extensions",
            })?);
        }
        let mismatch =
            ClientError::Mismatch { section: "RFC 6455 §4.1", detail: "an extension that was not offered" };
        match (&extensions[..], &self.deflate) {
            ([], _) => Ok(None),
            (_, None) => Err(mismatch),
            ([answer], Some(offer)) => match offer.answered(answer) {
                Some(parameters) => Ok(Some(parameters)),
                None => Err(ClientError::Mismatch {
                    section: "RFC 7692 §7.1",
                    detail: "the answer to the offer of permessage-deflate is none to it",
                }),
            },
            _ => Err(mismatch),
        }
    }
}

/// The values of all header fields of this name.
fn values<'a>(headers: &'a [httparse::Header<'a>], name: &'static str) -> impl Iterator<Item = &'a [u8]> {
    headers.iter().filter(move |header| header.name.eq_ignore_ascii_case(name)).map(|header| header.value)
}

fn without_control_bytes(text: &str) -> String {
    text.chars().filter(|character| !character.is_control()).collect()
}
