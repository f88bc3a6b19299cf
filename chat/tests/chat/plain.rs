//! The smallest protocol, to the letter.

use serde_json::json;

use crate::support::{Client, Server, without_ts};

#[test]
fn everybody_is_told_who_connects_and_what_is_said() {
    let server = Server::start();
    let mut ann = Client::plain(&server);
    let mut bob = Client::plain(&server);
    ann.send_text(r#"{"type":"connect","text":"Ann"}"#);
    for client in [&mut ann, &mut bob] {
        assert_eq!(
            client.next(),
            json!({"type": "connect", "data": "Welcome Ann to join us", "from": "Ann"})
        );
    }
    ann.send_text(r#"{"type":"message","text":"hi"}"#);
    for client in [&mut ann, &mut bob] {
        assert_eq!(
            without_ts(client.next()),
            json!({"type": "message", "data": "hi", "room": "lobby", "seq": 1, "from": "Ann"})
        );
    }
}

#[test]
fn two_clients_may_have_one_name() {
    let server = Server::start();
    let mut clients = [Client::plain(&server), Client::plain(&server)];
    for n in 0..2 {
        clients[n].send(json!({"type": "connect", "text": "Ann"}));
        for client in &mut clients {
            assert_eq!(client.next()["data"], "Welcome Ann to join us");
        }
    }
    for n in 0..2 {
        clients[n].send(json!({"type": "message", "text": format!("from {n}")}));
        for client in &mut clients {
            assert_eq!(client.next()["data"], format!("from {n}"));
        }
    }
}

#[test]
fn a_message_needs_no_name() {
    let server = Server::start();
    let mut client = Client::plain(&server);
    let answer = client.ask(json!({"type": "message", "text": "hi"}), "message");
    assert_eq!((&answer["data"], &answer["from"]), (&json!("hi"), &json!("Guest")));
}

#[test]
fn a_plain_client_is_sent_nothing_that_it_does_not_know() {
    let server = Server::start();
    let mut plain = Client::plain(&server);
    let mut ann = Client::person(&server, "Ann", &["lobby"]);
    ann.ask(json!({"type": "create", "room": "tea"}), "created");
    ann.send(json!({"type": "join", "room": "tea"}));
    ann.await_type("joined");
    ann.ask(json!({"type": "message", "room": "tea", "text": "only for the room"}), "message");
    ann.ask(json!({"type": "leave", "room": "lobby"}), "left");
    drop(ann);
    let mut bob = Client::person(&server, "Bob", &["lobby"]);
    bob.ask(json!({"type": "message", "text": "hi", "id": "1"}), "message");
    let frames = plain.next_many(3);
    assert_eq!(frames[0]["data"], "Welcome Ann to join us");
    assert_eq!(frames[1]["data"], "Welcome Bob to join us");
    assert_eq!(
        without_ts(frames[2].clone()),
        json!({"type": "message", "data": "hi", "room": "lobby", "seq": 1, "from": "Bob"})
    );
    plain.expect_nothing();
}

#[test]
fn text_is_passed_on_as_it_is_but_for_control_characters() {
    let server = Server::start();
    let mut client = Client::plain(&server);
    for text in [
        "<b>bold</b> & \"quoted\"",
        "  two\nlines\t",
        "李雷 👩‍💻 \u{202e}שלום\u{202c} \u{2028}",
        "\\u0041",
        "__proto__",
    ] {
        assert_eq!(client.ask(json!({"type": "message", "text": text}), "message")["data"], text);
    }
    for (text, expected) in
        [("two\r\nlines\r", "two\nlines\n"), ("\u{1b}[31mred\u{0}\u{7f}\u{9b}1m", "[31mred1m")]
    {
        assert_eq!(client.ask(json!({"type": "message", "text": text}), "message")["data"], expected);
    }
    assert_eq!(client.ask(json!({"type": "message", "text": "\u{0}\u{1b}"}), "error")["code"], "empty_text");
}

#[test]
fn every_path_is_a_chat_and_a_page_of_any_origin_may_use_it() {
    let server = Server::start();
    for (path, origin) in
        [("/", None), ("/ws", Some("https://elsewhere.example")), ("/a/b?c=d", Some("null"))]
    {
        let mut client = Client::open(&server, path, None, origin).expect(path);
        client.ask(json!({"type": "connect", "text": "Ann"}), "connect");
    }
}
