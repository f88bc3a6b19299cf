//! Why a handshake was refused, and the response that tells the client (RFC 6455 §4.2.1, §4.4; RFC 9110 §15).

use super::response::write_response;

/// A request was refused: with which HTTP status, by which rule, why, and what the client is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{detail} ({section}; status {status})")]
pub struct HandshakeError {
    /// The status of the response (RFC 9110 §15).
    pub status: u16,
    /// The rule that was broken, as in `RFC 6455 §4.2.1`.
    pub section: &'static str,
    /// What was wrong, in one line.
    pub detail: &'static str,
    /// What the client is to do, in one line.
    pub advice: &'static str,
    headers: &'static [(&'static str, &'static str)],
}

impl HandshakeError {
    pub(super) const fn new(
        status: u16,
        section: &'static str,
        detail: &'static str,
        advice: &'static str,
        headers: &'static [(&'static str, &'static str)],
    ) -> Self {
        Self { status, section, detail, advice, headers }
    }

    /// Header fields that the response carries because the status calls for them: `Allow` with 405,
    /// `Sec-WebSocket-Version` and `Upgrade` with 426.
    pub fn headers(&self) -> &'static [(&'static str, &'static str)] {
        self.headers
    }

    /// Appends the whole response: status, header fields, and a body in plain text that says what was wrong, where
    /// the rule stands, and what to do. The connection is to be closed after it.
    pub fn response(&self, out: &mut Vec<u8>) {
        let headers: Vec<_> =
            self.headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let body = format!("{} ({}).\n{}.\n", self.detail, self.section, self.advice);
        write_response(self.status, &headers, body.as_bytes(), out);
    }
}

macro_rules! refusals {
    ($($name:ident = $status:literal, $section:literal, $detail:literal, $advice:literal $(, $headers:expr)?;)*) => {
        $(pub(super) const $name: HandshakeError =
            HandshakeError::new($status, $section, $detail, $advice, refusals!(@ $($headers)?));)*
    };
    (@) => { &[] };
    (@ $headers:expr) => { $headers };
}

// Heads that are not HTTP/1.1 as it is written down.
refusals! {
    BARE_LF = 400, "RFC 9112 §2.2", "A line of the request head ends in LF without CR", "End each line with CR LF";
    BARE_CR = 400, "RFC 9112 §2.2", "The request head holds a CR that no LF follows", "End each line with CR LF";
    CONTROL_BYTE = 400, "RFC 9110 §5.5", "The request head holds a control byte", "Send HTTP/1.1 in plain text; if this was TLS, use the port that speaks it";
    OBS_FOLD = 400, "RFC 9112 §5.2", "A line of the request head starts with white space", "Put each header field on one line";
    REQUEST_LINE = 400, "RFC 9112 §3", "The request line is not `method target version`", "Send for example `GET /path HTTP/1.1`";
    TARGET = 400, "RFC 9112 §3.2", "The request target holds a byte that no URI has, a fragment, or a `%` without its two digits", "Percent-encode the target, `%` as `%25`, and leave out `#`";
    HEADER_NAME = 400, "RFC 9112 §5", "A header name is empty or is no token, or there is space before its colon", "Send each header field as `Name: value`";
    HEADER_VALUE = 400, "RFC 9110 §5.5", "A header value holds a byte that is not allowed", "Send visible characters, spaces and tabs only";
    HEAD_MALFORMED = 400, "RFC 9112 §2.1", "The request head is malformed", "Send an HTTP/1.1 request";
    VERSION = 505, "RFC 9110 §15.6.6", "The version of HTTP is neither 1.1 nor 1.0", "Send the request as HTTP/1.1";
    REQUEST_LINE_TOO_LONG = 414, "RFC 9112 §3", "The request line alone is longer than a whole head may be here", "Send a shorter target";
    HEAD_TOO_LARGE = 431, "RFC 6585 §5", "The request head is larger than this server takes", "Send fewer or shorter header fields, cookies above all";
    TOO_MANY_HEADERS = 431, "RFC 6585 §5", "The request has more header fields than this server takes", "Send fewer header fields";
    TIMEOUT = 408, "RFC 9110 §15.5.9", "The request head did not arrive in time", "Send the whole head at once";
}

// Requests that are no opening handshake.
refusals! {
    HTTP_1_0 = 400, "RFC 6455 §4.2.1", "A WebSocket handshake takes HTTP/1.1, but the request is HTTP/1.0", "Send the request as HTTP/1.1; a proxy in between may need to be told to";
    METHOD = 405, "RFC 6455 §4.2.1", "A WebSocket handshake is a GET request", "Send the request with the method GET", &[("Allow", "GET")];
    TARGET_FORM = 400, "RFC 6455 §4.2.1", "The target of a WebSocket handshake is a path or an http(s) or ws(s) URI", "Send for example `GET /path HTTP/1.1`";
    NO_HOST = 400, "RFC 9112 §3.2", "The request has no Host header field", "Send one Host header field";
    SEVERAL_HOSTS = 400, "RFC 9112 §3.2", "The request has more than one Host header field", "Send one Host header field";
    HOST = 400, "RFC 9112 §3.2", "The Host header field is not a host with an optional port", "Send for example `Host: example.com`";
    NO_UPGRADE = 400, "RFC 6455 §4.2.1", "The request has no `Upgrade: websocket`", "Send it; a proxy in between may need to be told to pass it on";
    NO_CONNECTION_UPGRADE = 400, "RFC 6455 §4.2.1", "The Connection header field does not hold `Upgrade`", "Send `Connection: Upgrade`; a proxy in between may need to be told to pass it on";
    NO_KEY = 400, "RFC 6455 §4.2.1", "The request has no Sec-WebSocket-Key", "Send one: 16 random bytes in base64";
    SEVERAL_KEYS = 400, "RFC 6455 §11.3.1", "The request has more than one Sec-WebSocket-Key", "Send one: 16 random bytes in base64";
    KEY = 400, "RFC 6455 §4.2.1", "The Sec-WebSocket-Key is not 16 bytes in base64", "Send 16 random bytes in base64: 24 characters, the last two `==`";
    WEBSOCKET_VERSION = 426, "RFC 6455 §4.4", "The Sec-WebSocket-Version is not 13, the only version spoken here", "Send one `Sec-WebSocket-Version: 13`", &[("Sec-WebSocket-Version", "13"), ("Upgrade", "websocket")];
    BODY = 400, "RFC 9110 §9.3.1", "A WebSocket handshake has no body", "Send neither Transfer-Encoding nor a Content-Length other than 0";
    PROTOCOL = 400, "RFC 6455 §11.3.4", "Sec-WebSocket-Protocol is not a list of tokens", "Send names of letters, digits and `!#$%&'*+-.^_|~`, with commas between";
    PROTOCOL_TWICE = 400, "RFC 6455 §4.1", "Sec-WebSocket-Protocol names a subprotocol twice", "Name each subprotocol once";
    ORIGIN = 400, "RFC 6454 §7.3", "The Origin header field is not one origin in ASCII", "Send one Origin, or none";
    EXTENSIONS = 400, "RFC 6455 §9.1", "Sec-WebSocket-Extensions is not a list of extensions", "Send for example `permessage-deflate; client_max_window_bits`, or none";
}
