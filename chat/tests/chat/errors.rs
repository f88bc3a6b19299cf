//! Frames that cannot be carried out: an `error` with a code and a sentence, and the connection stays.

use serde_json::{Value, json};
use switchboard_proto::OpCode;

use crate::support::{Client, Server};

/// Frame, code.
fn bad_frames() -> Vec<(String, &'static str)> {
    let long = |chars: usize| "x".repeat(chars);
    [
        ("", "bad_json"),
        ("hi", "bad_json"),
        ("{\"type\":\"message\"", "bad_json"),
        ("[]", "bad_json"),
        ("null", "bad_json"),
        ("{\"type\":\"message\",\"text\":\"\\ud800\"}", "bad_json"),
        ("{}", "no_type"),
        ("{\"text\":\"hi\"}", "no_type"),
        ("{\"type\":\"dance\"}", "unknown_type"),
        ("{\"type\":\"\"}", "unknown_type"),
        ("{\"type\":7}", "bad_value"),
        ("{\"type\":\"message\"}", "bad_value"),
        ("{\"type\":\"message\",\"text\":7}", "bad_value"),
        ("{\"type\":\"message\",\"text\":null}", "bad_value"),
        ("{\"type\":\"message\",\"text\":[\"hi\"]}", "bad_value"),
        ("{\"type\":\"message\",\"text\":{}}", "bad_value"),
        ("{\"type\":\"message\",\"text\":\"hi\",\"id\":7}", "bad_value"),
        ("{\"type\":\"message\",\"text\":\"\"}", "empty_text"),
        ("{\"type\":\"message\",\"text\":\" \\n\\t \"}", "empty_text"),
        ("{\"type\":\"connect\",\"text\":\"\"}", "bad_name"),
        ("{\"type\":\"connect\",\"text\":\"a\\u0000b\"}", "bad_name"),
        ("{\"type\":\"connect\",\"text\":\"a\\u202eb\"}", "bad_name"),
        ("{\"type\":\"connect\"}", "bad_value"),
    ]
    .map(|(frame, code)| (frame.to_owned(), code))
    .into_iter()
    .chain([
        (json!({"type": "message", "text": long(4_001)}).to_string(), "text_too_long"),
        (json!({"type": "message", "text": long(300_000)}).to_string(), "text_too_long"),
        (json!({"type": "connect", "text": long(33)}).to_string(), "name_too_long"),
        (json!({"type": long(100_000)}).to_string(), "unknown_type"),
        (format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000)), "bad_json"),
        (format!("{{\"type\":\"message\",\"text\":{}", "{\"a\":".repeat(50_000)), "bad_json"),
    ])
    .collect()
}

fn assert_refused(client: &mut Client, frame: &str, code: &str) {
    client.send_text(frame);
    let error = client.next();
    let shown: String = frame.chars().take(80).collect();
    assert_eq!((&error["type"], &error["code"]), (&json!("error"), &json!(code)), "{shown}");
    let sentence = error["data"].as_str().expect("a sentence");
    assert!(sentence.ends_with('.') && sentence.len() > 20 && sentence.len() < 300, "{shown}: {sentence}");
}

#[test]
fn bad_frames_are_answered_and_the_connection_stays() {
    let server = Server::start();
    let mut plain = Client::plain(&server);
    let mut v1 = Client::person(&server, "Ann", &["lobby"]);
    assert_eq!(plain.next()["type"], "connect");
    for (frame, code) in bad_frames() {
        assert_refused(&mut plain, &frame, code);
        assert_refused(&mut v1, &frame, code);
    }
    for client in [&mut plain, &mut v1] {
        client.send_frame(OpCode::Binary, b"{\"type\":\"message\",\"text\":\"hi\"}");
        assert_eq!(client.next()["code"], "bad_frame");
    }
    v1.ask(json!({"type": "message", "text": "still here"}), "message");
    assert_eq!(plain.next()["data"], "still here");
}

#[test]
fn wrong_values_of_v1_requests_are_named() {
    let server = Server::start();
    let mut ann = Client::person(&server, "Ann", &["lobby"]);
    for (frame, code, word) in [
        (json!({"type": "join"}), "bad_value", "`room`"),
        (json!({"type": "join", "room": 1}), "bad_value", "`room`"),
        (json!({"type": "join", "room": "nowhere"}), "no_such_room", "room"),
        (json!({"type": "leave", "room": "nowhere"}), "no_such_room", "room"),
        (json!({"type": "create", "room": ""}), "bad_room", "title"),
        (json!({"type": "create", "room": "a\u{7}"}), "bad_room", "title"),
        (json!({"type": "create", "room": "x".repeat(49)}), "bad_room", "48"),
        (json!({"type": "create", "room": "LOBBY"}), "room_exists", "title"),
        (json!({"type": "history", "room": "lobby", "before": "x"}), "bad_value", "`before`"),
        (json!({"type": "history", "room": "lobby", "before": -1}), "bad_value", "`before`"),
        (json!({"type": "history", "room": "lobby", "limit": 0}), "bad_value", "`limit`"),
        (json!({"type": "resume", "rooms": []}), "bad_value", "`rooms`"),
        (json!({"type": "resume", "rooms": {"lobby": null}}), "bad_value", "`rooms.lobby`"),
        (json!({"type": "who", "room": null}), "bad_value", "`room`"),
    ] {
        let mut with_id = frame.clone();
        with_id["id"] = json!("x1");
        let error = ann.ask(with_id, "error");
        assert_eq!((&error["code"], &error["id"]), (&json!(code), &json!("x1")), "{frame}");
        assert!(error["data"].as_str().expect("a sentence").contains(word), "{error}");
    }
    ann.ask(json!({"type": "message", "text": "still here", "unknown": [{"key": null}]}), "message");
}

#[test]
fn a_plain_client_gets_the_sentence_in_data() {
    let server = Server::start();
    let mut plain = Client::plain(&server);
    let error = plain.ask(json!({"type": "join", "room": "lobby"}), "error");
    assert_eq!(error["code"], "unknown_type");
    assert!(matches!(&error["data"], Value::String(text) if text.contains("switchboard.v1")));
}

#[test]
fn a_frame_beyond_all_measure_closes_the_connection_with_1009() {
    let server = Server::start();
    let mut client = Client::plain(&server);
    let _ = client.try_send(OpCode::Text, &vec![b'x'; 600_000]);
    assert_eq!(client.await_close(), 1009);
}
