//! Request heads (RFC 9112 §2, §3, §5).

use super::*;

#[test]
fn a_head_gives_its_parts() {
    let bytes = b"GET /chat?room=1&x=%20 HTTP/1.1\r\nHost: a.example\r\nX-Two: 1\r\nx-two:\t 2 \r\n\r\n\x81\x80frames";
    let request = parse(bytes).unwrap().unwrap();
    assert_eq!(request.head_len(), bytes.len() - 8);
    assert_eq!((request.method(), request.target()), ("GET", "/chat?room=1&x=%20"));
    assert_eq!((request.path(), request.query()), ("/chat", Some("room=1&x=%20")));
    assert_eq!(request.header("HOST"), Some(&b"a.example"[..]));
    assert_eq!(request.header("x-TWO"), Some(&b"1"[..]));
    assert_eq!(request.header("cookie"), None);
    let all: Vec<_> = request.headers().collect();
    assert_eq!(all, [("Host", &b"a.example"[..]), ("X-Two", b"1"), ("x-two", b"2")]);
}

#[test]
fn no_byte_less_than_the_whole_head_is_enough() {
    let bytes = good_with(&[]);
    for len in 0..bytes.len() {
        assert!(parse(&bytes[..len]).unwrap().is_none(), "{len} bytes");
    }
    assert!(parse(&bytes).unwrap().is_some());
}

#[test]
fn targets_in_origin_form_and_absolute_form_give_path_and_query() {
    for (target, path, query) in [
        ("/", "/", None),
        ("/a/b?", "/a/b", Some("")),
        ("/a?b?c", "/a", Some("b?c")),
        ("/a?u=http://x/y", "/a", Some("u=http://x/y")),
        ("http://host:80/a?b", "/a", Some("b")),
        ("ws://host/a", "/a", None),
        ("HTTPS://host", "/", None),
        ("http://host?q", "/", Some("q")),
        ("*", "*", None),
    ] {
        let bytes = head(&format!("GET {target} HTTP/1.1"), &[("Host", "h")]);
        let request = parse(&bytes).unwrap().unwrap();
        assert_eq!((request.path(), request.query()), (path, query), "{target}");
    }
}

#[test]
fn bytes_of_0x80_and_more_are_let_through_in_values() {
    let bytes = b"GET / HTTP/1.1\r\nHost: h\r\nX-Name: J\xf6rg\r\n\r\n";
    assert_eq!(parse(bytes).unwrap().unwrap().header("x-name"), Some(&b"J\xf6rg"[..]));
}

#[test]
fn empty_lines_before_the_request_line_are_passed_over() {
    let bytes = [b"\r\n\r\n", &good_with(&[])[..]].concat();
    let request = parse(&bytes).unwrap().unwrap();
    assert_eq!(request.head_len(), bytes.len());
    assert!(request.upgrade().is_ok());
}

#[test]
fn what_is_not_http_as_written_down_is_refused() {
    for (bytes, section, what) in [
        (&b"GET / HTTP/1.1\nHost: h\r\n\r\n"[..], "RFC 9112 §2.2", "bare LF after the request line"),
        (b"GET / HTTP/1.1\r\nHost: h\n\r\n", "RFC 9112 §2.2", "bare LF after a field"),
        (b"GET / HTTP/1.1\r\nHost: h\r\n\n", "RFC 9112 §2.2", "bare LF at the end"),
        (b"GET / HTTP/1.1\r\nHost: a\rb\r\n\r\n", "RFC 9112 §2.2", "bare CR"),
        (b"GET / HTTP/1.1\r\nHost: h\r\n folded\r\n\r\n", "RFC 9112 §5.2", "folded line, space"),
        (b"GET / HTTP/1.1\r\nHost: h\r\n\tfolded\r\n\r\n", "RFC 9112 §5.2", "folded line, tab"),
        (b"GET / HTTP/1.1\r\nHost: \0\r\n\r\n", "RFC 9110 §5.5", "NUL"),
        (b"GET / HTTP/1.1\r\nHost: a\x7fb\r\n\r\n", "RFC 9110 §5.5", "DEL"),
        (b"GET / HTTP/1.1\r\nHost : h\r\n\r\n", "RFC 9112 §5", "space before the colon"),
        (b"GET / HTTP/1.1\r\n: h\r\n\r\n", "RFC 9112 §5", "empty name"),
        (b"GET / HTTP/1.1\r\nHost\r\n\r\n", "RFC 9112 §5", "no colon"),
        (b"GET / HTTP/1.1\r\nH(st: h\r\n\r\n", "RFC 9112 §5", "name is no token"),
        (b"GET  / HTTP/1.1\r\nHost: h\r\n\r\n", "RFC 9112 §3", "two spaces"),
        (b"GET /\r\nHost: h\r\n\r\n", "RFC 9112 §3", "HTTP/0.9"),
        (b"GET / HTTQ/1.1\r\nHost: h\r\n\r\n", "RFC 9112 §3", "no version"),
        (b"G T / HTTP/1.1 \r\nHost: h\r\n\r\n", "RFC 9112 §3", "four words"),
        (b"GET / / HTTP/1.1\r\nHost: h\r\n\r\n", "RFC 9112 §3", "four words, the last one a version"),
        (b"GET /a#b HTTP/1.1\r\nHost: h\r\n\r\n", "RFC 9112 §3.2", "fragment"),
        (b"GET /100% HTTP/1.1\r\nHost: h\r\n\r\n", "RFC 9112 §3.2", "a percent sign at the end"),
        (b"GET /?a=%2 HTTP/1.1\r\nHost: h\r\n\r\n", "RFC 9112 §3.2", "a percent sign with one digit"),
        (b"GET /%%20 HTTP/1.1\r\nHost: h\r\n\r\n", "RFC 9112 §3.2", "a percent sign without digits"),
    ] {
        assert_eq!(refused(bytes), Some((400, section)), "{what}");
    }
}

#[test]
fn another_version_of_http_is_505() {
    for version in ["HTTP/2.0", "HTTP/1.2", "HTTP/0.9", "HTTP/3.0"] {
        let bytes = head(&format!("GET / {version}"), &GOOD);
        assert_eq!(refused(&bytes), Some((505, "RFC 9110 §15.6.6")), "{version}");
    }
    assert_eq!(refused(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), Some((505, "RFC 9110 §15.6.6")));
}

#[test]
fn a_peer_that_speaks_something_else_is_refused_at_its_first_bytes() {
    let tls_client_hello = b"\x16\x03\x01\x02\x00\x01";
    assert_eq!(refused(&tls_client_hello[..1]), Some((400, "RFC 9110 §5.5")));
}

#[test]
fn a_head_of_exactly_the_limit_passes_and_one_byte_more_fails() {
    let bytes = good_with(&[]);
    let limits = |head_bytes_max| HeadLimits { head_bytes_max, ..HeadLimits::default() };
    assert!(Request::parse(&bytes, &limits(bytes.len())).unwrap().is_some());
    let error = Request::parse(&bytes, &limits(bytes.len() - 1)).unwrap_err();
    assert_eq!((error.status, error.section), (431, "RFC 6585 §5"));
}

#[test]
fn an_endless_request_line_is_414_and_an_endless_header_431() {
    let line = [b"GET /", &[b'a'; 16 * 1024][..]].concat();
    assert_eq!(refused(&line), Some((414, "RFC 9112 §3")));
    let field = [b"GET / HTTP/1.1\r\nCookie: ", &[b'a'; 16 * 1024][..]].concat();
    assert_eq!(refused(&field), Some((431, "RFC 6585 §5")));
}

#[test]
fn exactly_as_many_headers_as_allowed_pass_and_one_more_fails() {
    let limits = HeadLimits { headers_max: 5, ..HeadLimits::default() };
    assert!(Request::parse(&good_with(&[]), &limits).unwrap().is_some());
    let error = Request::parse(&good_with(&[("One", "more")]), &limits).unwrap_err();
    assert_eq!((error.status, error.section), (431, "RFC 6585 §5"));
}

#[test]
fn what_asks_for_a_websocket_is_told_from_ordinary_http() {
    let wants = |line: &str, headers: &[(&str, &str)]| {
        let bytes = head(line, headers);
        parse(&bytes).unwrap().unwrap().wants_websocket()
    };
    assert!(wants("GET / HTTP/1.1", &GOOD));
    assert!(wants("GET / HTTP/1.1", &[("upgrade", "h2c, WebSocket")]));
    assert!(wants("POST / HTTP/1.1", &[("Sec-WebSocket-Key", KEY)]), "a proxy has dropped the Upgrade");
    assert!(!wants("GET / HTTP/1.1", &[("Host", "h")]));
    assert!(!wants("GET / HTTP/1.1", &[("Upgrade", "h2c"), ("Connection", "upgrade")]));
    assert!(!wants("GET / HTTP/1.0", &[("Upgrade", "websocket")]), "HTTP/1.0 has no Upgrade (RFC 9110 §7.8)");
}
