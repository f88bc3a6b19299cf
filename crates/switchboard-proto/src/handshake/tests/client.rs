//! The client's side (RFC 6455 §4.1).

use super::*;

fn client() -> ClientHandshake {
    ClientHandshake::new("server.example.com", "/chat", *b"the sample nonce")
        .protocol("chat")
        .protocol("superchat")
}

fn response(headers: &[(&str, &str)]) -> Vec<u8> {
    head("HTTP/1.1 101 Switching Protocols", headers)
}

const ACCEPTED: [(&str, &str); 3] = [
    ("Upgrade", "WebSocket"),
    ("Connection", "upgrade"),
    ("Sec-WebSocket-Accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
];

#[test]
fn the_request_is_one_that_a_server_takes() {
    let request = client().header("Origin", "http://a").request();
    let upgrade = parse(&request).unwrap().unwrap().upgrade().unwrap();
    assert_eq!(upgrade.protocols, ["chat", "superchat"]);
    assert_eq!(upgrade.origin, Some("http://a"));
}

#[test]
fn arguments_cannot_add_lines() {
    let request = ClientHandshake::new("h\r\nX: 1", "/ HTTP/1.1\r\nY: 2", [0; 16])
        .header("A\r\n", "b\r\nC: d")
        .request();
    assert_eq!(request.windows(2).filter(|pair| pair == b"\r\n").count(), 8);
}

#[test]
fn the_servers_answer_is_accepted_with_its_last_byte() {
    let bytes = response(&[&ACCEPTED[..], &[("Sec-WebSocket-Protocol", "superchat")]].concat());
    let mut handshake = client();
    for len in 0..bytes.len() {
        assert_eq!(handshake.receive(&bytes[..len]), Ok(None));
    }
    let with_frame = [&bytes[..], b"\x81\x02hi"].concat();
    let accepted =
        Accepted { head_len: bytes.len(), subprotocol: Some("superchat".to_owned()), deflate: None };
    assert_eq!(handshake.receive(&with_frame), Ok(Some(accepted)));
    assert_eq!(client().receive(&response(&ACCEPTED)).unwrap().unwrap().subprotocol, None);
}

#[test]
fn another_status_is_a_refusal() {
    let refused = client().receive(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(refused, Err(ClientError::Status(403)));
}

#[test]
fn an_answer_that_does_not_match_the_request_is_refused() {
    let without =
        |name: &str| -> Vec<_> { ACCEPTED.into_iter().filter(|(other, _)| *other != name).collect() };
    let and = |name, value| [&ACCEPTED[..], &[(name, value)]].concat();
    for headers in [
        without("Upgrade"),
        without("Connection"),
        without("Sec-WebSocket-Accept"),
        and("Sec-WebSocket-Accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
        [&without("Sec-WebSocket-Accept")[..], &[("Sec-WebSocket-Accept", "AAAAAAAAAAAAAAAAAAAAAAAAAAA=")]]
            .concat(),
        and("Sec-WebSocket-Extensions", "permessage-deflate"),
        and("Sec-WebSocket-Protocol", "other"),
        [&and("Sec-WebSocket-Protocol", "chat")[..], &[("Sec-WebSocket-Protocol", "chat")]].concat(),
    ] {
        let refused = client().receive(&response(&headers));
        assert!(
            matches!(refused, Err(ClientError::Mismatch { section: "RFC 6455 §4.1", .. })),
            "{headers:?}"
        );
    }
}

#[test]
fn what_is_not_http_is_malformed() {
    for bytes in [&b"\x00"[..], b"HTTP/1.1 101 x\n\r\n", b"SSH-2.0-x\r\n\r\n", b"HTTP/1.0 101 x\r\n\r\n"] {
        assert!(matches!(client().receive(bytes), Err(ClientError::Malformed { .. })), "{bytes:?}");
    }
}
