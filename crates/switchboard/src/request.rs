//! The request of an opening handshake, as the user's code sees it.

use bytes::Bytes;
use switchboard_proto::handshake::split_target;

use crate::{PeerAddr, Transport};

/// The HTTP request that asked for the WebSocket (RFC 6455 §4.1). Cheap to clone.
#[derive(Debug, Clone)]
pub struct Request {
    /// The checked head: request line and header fields, each ended by CRLF, and the empty line.
    head: Bytes,
    peer: PeerAddr,
    transport: Transport,
    subprotocol: Option<Bytes>,
}

impl Request {
    /// `head` must have passed [`switchboard_proto::handshake::Request::parse`].
    pub(crate) fn new(head: Bytes, peer: PeerAddr) -> Request {
        Request { head, peer, transport: Transport::Plain, subprotocol: None }
    }

    pub(crate) fn with_transport(mut self, transport: Transport) -> Request {
        self.transport = transport;
        self
    }

    pub(crate) fn with_subprotocol(mut self, subprotocol: Option<&str>) -> Request {
        self.subprotocol = subprotocol.map(|name| Bytes::copy_from_slice(name.as_bytes()));
        self
    }

    pub(crate) fn into_head(self) -> Bytes {
        self.head
    }

    pub(crate) fn head(&self) -> &[u8] {
        &self.head
    }

    /// The request target as it was sent: path and query.
    pub fn target(&self) -> &str {
        let line = self.head.split(|byte| *byte == b'\r').next().unwrap_or_default();
        str::from_utf8(line).ok().and_then(|line| line.split(' ').nth(1)).unwrap_or("/")
    }

    /// The path, without the query, not percent-decoded.
    pub fn path(&self) -> &str {
        split_target(self.target()).0
    }

    /// What follows the first `?`, not percent-decoded.
    pub fn query(&self) -> Option<&str> {
        split_target(self.target()).1
    }

    /// Is there a header field of that name (in any case), whatever its value?
    pub fn has_header(&self, name: &str) -> bool {
        self.lines().any(|line| {
            let end = line.iter().position(|byte| *byte == b':');
            end.is_some_and(|end| line[..end].eq_ignore_ascii_case(name.as_bytes()))
        })
    }

    /// The first header field of that name (in any case), if its value is UTF-8. To find out that there is none, see
    /// [`has_header`](Request::has_header).
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers().find(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// All header fields whose values are UTF-8, in the order in which they came.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.lines().filter_map(|line| {
            let (name, value) = str::from_utf8(line).ok()?.split_once(':')?;
            Some((name, value.trim_matches([' ', '\t', '\r'])))
        })
    }

    fn lines(&self) -> impl Iterator<Item = &[u8]> {
        self.head.split(|byte| *byte == b'\n').skip(1)
    }

    /// Who made the request: behind a proxy that is believed, its client (see
    /// [`Config::trusted_proxies`](crate::Config::trusted_proxies)), whose port is 0 where the proxy does not tell it.
    pub fn peer(&self) -> PeerAddr {
        self.peer
    }

    /// What its bytes travelled over: [`Transport::Tls`] if this server speaks TLS with the client.
    pub fn transport(&self) -> Transport {
        self.transport
    }

    /// The `Origin` header: the site whose page opened the connection. Programs other than browsers send none, or
    /// what they like.
    pub fn origin(&self) -> Option<&str> {
        self.header("origin")
    }

    /// The subprotocols that the client offers, the one it likes best first.
    pub fn protocols(&self) -> Vec<&str> {
        let fields = self.headers().filter(|(name, _)| name.eq_ignore_ascii_case("sec-websocket-protocol"));
        fields
            .flat_map(|(_, value)| value.split(','))
            .map(str::trim)
            .filter(|name| !name.is_empty())
            .collect()
    }

    /// The subprotocol that was chosen; None before that, or if none was.
    pub fn subprotocol(&self) -> Option<&str> {
        self.subprotocol.as_deref().and_then(|name| str::from_utf8(name).ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(head: &'static str) -> Request {
        Request::new(Bytes::from_static(head.as_bytes()), PeerAddr::Unix)
    }

    #[test]
    fn a_field_is_there_whatever_is_in_it() {
        let head = Bytes::from_static(b"GET / HTTP/1.1\r\nHost: x\r\ncookie: a=\xe9\r\n\r\n");
        let request = Request::new(head, PeerAddr::Unix);
        assert_eq!(request.header("Cookie"), None);
        assert!(request.has_header("Cookie") && request.has_header("host"));
        assert!(!request.has_header("Origin") && !request.has_header("GET / HTTP/1.1"));
    }

    #[test]
    fn a_request_is_taken_apart() {
        let request = request(
            "GET /room/a?b=c&d HTTP/1.1\r\nHost: x\r\nsec-websocket-protocol: one , two\r\n\
             Sec-WebSocket-Protocol:three\r\nX-Name:  李雷 \r\n\r\n",
        );
        assert_eq!(request.path(), "/room/a");
        assert_eq!(request.query(), Some("b=c&d"));
        assert_eq!(request.header("HOST"), Some("x"));
        assert_eq!(request.header("x-name"), Some("李雷"));
        assert_eq!(request.protocols(), ["one", "two", "three"]);
        assert_eq!(request.origin(), None);
    }

    #[test]
    fn a_query_does_not_change_the_path() {
        let request = request("GET /ws?next=http://evil.example/admin HTTP/1.1\r\n\r\n");
        assert_eq!(request.path(), "/ws");
        assert_eq!(request.query(), Some("next=http://evil.example/admin"));
    }

    #[test]
    fn an_absolute_target_has_a_path_too() {
        assert_eq!(request("GET http://example.com/a?b HTTP/1.1\r\n\r\n").path(), "/a");
        assert_eq!(request("GET http://example.com HTTP/1.1\r\n\r\n").path(), "/");
    }
}
