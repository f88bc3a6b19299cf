//! Responses other than 101.

use super::*;

fn written(status: u16, headers: &[(&str, &str)], body: &str) -> String {
    let headers: Vec<_> = headers.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
    let mut out = Vec::new();
    write_response(status, &headers, body.as_bytes(), &mut out);
    String::from_utf8(out).unwrap()
}

fn refusal(request: &[u8]) -> String {
    let error = match parse(request) {
        Ok(request) => request.unwrap().upgrade().unwrap_err(),
        Err(error) => error,
    };
    let mut out = Vec::new();
    error.response(&mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn a_response_is_complete_and_closes_the_connection() {
    let expected = "HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Type: text/plain; charset=utf-8\r\n\
        X-Content-Type-Options: nosniff\r\nContent-Security-Policy: default-src 'none'; frame-ancestors 'none'\r\n\
        Cross-Origin-Resource-Policy: same-origin\r\nReferrer-Policy: no-referrer\r\nContent-Length: 4\r\nX-Why: no\r\n\r\nné\n";
    assert_eq!(written(403, &[("X-Why", "no")], "né\n"), expected);
}

#[test]
fn a_content_type_of_the_caller_takes_the_place_of_plain_text() {
    let expected = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\
        content-type: application/json\r\n\r\n{}";
    assert_eq!(written(200, &[("content-type", "application/json")], "{}"), expected);
}

#[test]
fn header_fields_cannot_forge_a_second_response() {
    let response = written(
        403,
        &[
            ("X-A", "a\r\n\r\nHTTP/1.1 200 OK"),
            ("X\r\nB", "b"),
            ("Content-Length", "0"),
            ("connection", "keep-alive"),
        ],
        "no",
    );
    assert_eq!(response.matches("HTTP/1.1").count(), 1);
    assert_eq!(response.matches("\r\n\r\n").count(), 1);
    assert!(response.contains("Content-Length: 2\r\n") && !response.contains("keep-alive"));
}

#[test]
fn statuses_without_a_body_have_none_and_statuses_that_are_none_are_500() {
    assert_eq!(written(204, &[], "body"), "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
    for status in [0, 99, 101, 199, 600, u16::MAX] {
        assert!(written(status, &[], "").starts_with("HTTP/1.1 500 Internal Server Error\r\n"));
    }
}

#[test]
fn a_refusal_says_what_was_wrong_where_it_stands_and_what_to_do() {
    let response = refusal(&good_but("Sec-WebSocket-Key", &["short"]));
    assert!(response.starts_with("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n"), "{response}");
    let body = response.split_once("\r\n\r\n").unwrap().1;
    assert_eq!(
        body,
        "The Sec-WebSocket-Key is not 16 bytes in base64 (RFC 6455 §4.2.1).\n\
         Send 16 random bytes in base64: 24 characters, the last two `==`.\n"
    );
    assert!(response.contains(&format!("Content-Length: {}\r\n", body.len())));
}

#[test]
fn the_wrong_version_is_told_the_right_one() {
    let response = refusal(&good_but("Sec-WebSocket-Version", &["8"]));
    assert!(
        response.starts_with("HTTP/1.1 426 Upgrade Required\r\nConnection: upgrade, close\r\n"),
        "{response}"
    );
    assert!(
        response.contains("\r\nSec-WebSocket-Version: 13\r\n")
            && response.contains("\r\nUpgrade: websocket\r\n")
    );
}

#[test]
fn the_wrong_method_is_told_the_right_one() {
    let response = refusal(&head("POST / HTTP/1.1", &GOOD));
    assert!(response.starts_with("HTTP/1.1 405 Method Not Allowed\r\n"), "{response}");
    assert!(response.contains("\r\nAllow: GET\r\n"));
}
