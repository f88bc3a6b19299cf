//! The server's reading of an opening handshake (RFC 6455 §4.2.1), and its answer (§4.2.2).

use super::*;

fn answer(
    request: &[u8],
    subprotocol: Option<&str>,
    headers: &[(&str, &str)],
) -> Result<String, AcceptError> {
    let headers: Vec<_> = headers.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
    let mut out = b"before".to_vec();
    let accepted =
        parse(request).unwrap().unwrap().upgrade().unwrap().accept(subprotocol, None, &headers, &mut out);
    assert!(accepted.is_ok() || out == b"before", "a refused answer writes nothing");
    accepted.map(|()| String::from_utf8(out).unwrap()["before".len()..].to_owned())
}

#[test]
fn the_example_of_section_1_3_is_answered_as_it_says() {
    let request =
        good_with(&[("Origin", "http://example.com"), ("Sec-WebSocket-Protocol", "chat, superchat")]);
    let expected = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: chat\r\nX-Node: 7\r\n\r\n";
    assert_eq!(answer(&request, Some("chat"), &[("X-Node", "7")]).unwrap(), expected);
}

#[test]
fn the_upgrade_gives_what_the_client_offers() {
    let request = good_with(&[
        ("Origin", "http://example.com"),
        ("Sec-WebSocket-Protocol", "chat, superchat"),
        ("sec-websocket-protocol", "switchboard.v1,"),
        ("Sec-WebSocket-Extensions", "permessage-deflate; client_max_window_bits"),
    ]);
    let upgrade = parse(&request).unwrap().unwrap().upgrade().unwrap();
    assert_eq!(upgrade.protocols, ["chat", "superchat", "switchboard.v1"]);
    assert_eq!(upgrade.origin, Some("http://example.com"));
    assert_eq!(upgrade.extensions[0].name, "permessage-deflate");
    assert_eq!(upgrade.extensions[0].parameters, [("client_max_window_bits", None)]);
    assert_eq!(&upgrade.accept_key(), b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    assert!(!answer(&request, None, &[]).unwrap().contains("Sec-WebSocket-Extensions"));
}

#[test]
fn tokens_are_found_in_any_case_in_lists_and_in_repeated_fields() {
    assert_eq!(refused(&good_but("Connection", &["keep-alive, UPGRADE"])), None);
    assert_eq!(refused(&good_but("Connection", &["keep-alive", "upgrade"])), None);
    assert_eq!(refused(&good_but("Upgrade", &["h2c,WebSocket"])), None);
    assert_eq!(refused(&good_but("Upgrade", &["h2c", "websocket"])), None);
    assert_eq!(refused(&head("GET ws://server.example.com/chat HTTP/1.1", &GOOD)), None);
    assert_eq!(refused(&good_with(&[("Content-Length", "0")])), None);
}

#[test]
fn each_broken_rule_has_its_status_and_section() {
    const RFC_6455: &str = "RFC 6455 §4.2.1";
    let get = |line| head(line, &GOOD);
    for (request, status, section, what) in [
        (get("GET /chat HTTP/1.0"), 400, RFC_6455, "HTTP/1.0"),
        (get("POST /chat HTTP/1.1"), 405, RFC_6455, "POST"),
        (get("GET * HTTP/1.1"), 400, RFC_6455, "asterisk-form"),
        (get("GET ftp://h/ HTTP/1.1"), 400, RFC_6455, "another scheme"),
        (get("GET http:///x HTTP/1.1"), 400, RFC_6455, "absolute-form without a host"),
        (good_but("Host", &[]), 400, "RFC 9112 §3.2", "no Host"),
        (good_but("Host", &["a", "a"]), 400, "RFC 9112 §3.2", "two Hosts"),
        (good_but("Host", &["a, b"]), 400, "RFC 9112 §3.2", "a list as Host"),
        (good_but("Host", &["user@a"]), 400, "RFC 9112 §3.2", "user information in Host"),
        (good_but("Host", &[""]), 400, "RFC 9112 §3.2", "empty Host"),
        (good_but("Upgrade", &[]), 400, RFC_6455, "no Upgrade"),
        (good_but("Upgrade", &["websockets"]), 400, RFC_6455, "another Upgrade"),
        (good_but("Connection", &[]), 400, RFC_6455, "no Connection"),
        (good_but("Connection", &["keep-alive"]), 400, RFC_6455, "another Connection"),
        (good_but("Sec-WebSocket-Key", &[]), 400, RFC_6455, "no key"),
        (good_but("Sec-WebSocket-Key", &[KEY, KEY]), 400, "RFC 6455 §11.3.1", "two keys"),
        (good_but("Sec-WebSocket-Key", &["c2hvcnQ="]), 400, RFC_6455, "a short key"),
        (
            good_but("Sec-WebSocket-Key", &["dGhlIHNhbXBsZSBub25jZQ!="]),
            400,
            RFC_6455,
            "a key that is no base64",
        ),
        (good_but("Sec-WebSocket-Version", &[]), 426, "RFC 6455 §4.4", "no version"),
        (good_but("Sec-WebSocket-Version", &["8"]), 426, "RFC 6455 §4.4", "version 8"),
        (good_but("Sec-WebSocket-Version", &["13, 8"]), 426, "RFC 6455 §4.4", "two versions in a list"),
        (good_but("Sec-WebSocket-Version", &["13", "13"]), 426, "RFC 6455 §4.4", "two version fields"),
        (good_with(&[("Content-Length", "5")]), 400, "RFC 9110 §9.3.1", "a body"),
        (good_with(&[("Content-Length", "x")]), 400, "RFC 9110 §9.3.1", "a length that is no number"),
        (good_with(&[("Transfer-Encoding", "chunked")]), 400, "RFC 9110 §9.3.1", "a chunked body"),
        (good_with(&[("Sec-WebSocket-Protocol", "a b")]), 400, "RFC 6455 §11.3.4", "no token"),
        (good_with(&[("Sec-WebSocket-Protocol", "caf\u{e9}")]), 400, "RFC 6455 §11.3.4", "not ASCII"),
        (good_with(&[("Sec-WebSocket-Protocol", ",")]), 400, "RFC 6455 §11.3.4", "an empty list"),
        (good_with(&[("Sec-WebSocket-Protocol", "a, b, a")]), 400, "RFC 6455 §4.1", "one twice"),
        (good_with(&[("Origin", "http://a"), ("Origin", "http://b")]), 400, "RFC 6454 §7.3", "two Origins"),
        (
            good_with(&[("Sec-WebSocket-Extensions", "caf\u{e9}")]),
            400,
            "RFC 6455 §9.1",
            "extension not ASCII",
        ),
    ] {
        assert_eq!(refused(&request), Some((status, section)), "{what}");
    }
}

#[test]
fn only_a_subprotocol_that_was_offered_can_be_chosen() {
    let request = good_with(&[("Sec-WebSocket-Protocol", "chat")]);
    for wrong in ["superchat", "Chat", ""] {
        let refused = answer(&request, Some(wrong), &[]);
        assert_eq!(refused, Err(AcceptError::SubprotocolNotOffered(wrong.to_owned())));
    }
}

#[test]
fn header_fields_of_the_application_cannot_break_the_response() {
    let request = good_with(&[]);
    for owned in
        ["Upgrade", "connection", "Sec-WebSocket-Accept", "sec-websocket-extensions", "Content-Length"]
    {
        assert_eq!(
            answer(&request, None, &[(owned, "x")]),
            Err(AcceptError::HeaderReserved(owned.to_owned()))
        );
    }
    for name in ["", "a b", "a:", "a\r\nb"] {
        assert_eq!(answer(&request, None, &[(name, "x")]), Err(AcceptError::HeaderName(name.to_owned())));
    }
    for value in ["a\r\nb: c", "\n", "\0"] {
        assert_eq!(
            answer(&request, None, &[("X-A", value)]),
            Err(AcceptError::HeaderValue("X-A".to_owned()))
        );
    }
    assert!(answer(&request, None, &[("Set-Cookie", "a=1"), ("Set-Cookie", "b=你")]).is_ok());
}
