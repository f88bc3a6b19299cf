//! What was acknowledged stays.

use serde_json::{Value, json};
use switchboard_proto::OpCode;

use crate::support::{Client, Server, TempDirectory, seqs};

/// All messages of the lobby, in order.
fn history(server: &Server) -> Vec<Value> {
    let mut reader = Client::person(server, "Reader", &[]);
    let mut messages = Vec::new();
    let mut before = i64::MAX;
    loop {
        let request = json!({"type": "history", "room": "lobby", "before": before});
        let page = reader.ask(request, "history");
        messages.splice(0..0, page["messages"].as_array().expect("messages").iter().cloned());
        if page["more"] == false {
            return messages;
        }
        before = messages[0]["seq"].as_i64().expect("a seq");
    }
}

#[test]
fn a_restart_keeps_rooms_and_messages() {
    let directory = TempDirectory::new();
    let mut server = Server::on(directory.path(), [""; 0]);
    let mut ann = Client::person(&server, "Ann", &["lobby"]);
    ann.ask(json!({"type": "create", "room": "Tea"}), "created");
    ann.await_type("room");
    ann.ask(json!({"type": "join", "room": "tea"}), "joined");
    ann.ask(json!({"type": "message", "room": "tea", "text": "in the room"}), "message");
    ann.ask(json!({"type": "message", "text": "in the lobby"}), "message");
    server.stop();
    assert_eq!(ann.await_close(), 1001);
    assert!(server.wait().success());
    assert!(!directory.path().join("chat.db-wal").exists(), "the log is written back");

    let server = Server::on(directory.path(), [""; 0]);
    let mut bob = Client::person(&server, "Bob", &[]);
    let tea = bob.ask(json!({"type": "join", "room": "tea"}), "joined");
    assert_eq!(
        (&tea["title"], seqs(&tea), &tea["messages"][0]["data"]),
        (&json!("Tea"), vec![1], &json!("in the room"))
    );
    bob.ask(json!({"type": "join", "room": "lobby"}), "joined");
    assert_eq!(bob.ask(json!({"type": "message", "text": "again"}), "message")["seq"], 2);
}

#[test]
fn a_kill_loses_nothing_that_was_acknowledged_and_a_resend_doubles_nothing() {
    let directory = TempDirectory::new();
    let server = Server::on(directory.path(), [""; 0]);
    let connect = json!({"type": "connect", "text": "Ann", "client": "key of Ann"});
    let message = |n: u64| json!({"type": "message", "room": "lobby", "text": format!("text {n}"), "id": n.to_string()});
    let mut ann = Client::v1(&server);
    ann.ask(connect.clone(), "welcome");
    ann.await_type("connect");
    ann.ask(json!({"type": "join", "room": "lobby"}), "joined");
    let total = 500;
    for n in 0..total {
        ann.send(message(n));
    }
    let mut acknowledged: Vec<Value> = ann.next_many(50);
    server.kill();
    // What had left before the kill counts too.
    acknowledged.extend(std::iter::from_fn(|| ann.try_next()));
    assert!(ann.try_send(OpCode::Text, b"gone").is_err() || ann.await_close() == 1006);

    let server = Server::on(directory.path(), [""; 0]);
    let stored = history(&server);
    for (at, message) in acknowledged.iter().enumerate() {
        assert_eq!((&message["seq"], &message["data"]), (&stored[at]["seq"], &stored[at]["data"]));
    }
    let mut ann = Client::v1(&server);
    ann.ask(connect, "welcome");
    ann.await_type("connect");
    ann.ask(json!({"type": "join", "room": "lobby"}), "joined");
    for n in 0..total {
        ann.send(message(n));
        assert_eq!(ann.await_type("message")["id"], n.to_string());
    }
    let texts: Vec<Value> = history(&server).iter().map(|message| message["data"].clone()).collect();
    let expected: Vec<Value> = (0..total).map(|n| json!(format!("text {n}"))).collect();
    assert_eq!(texts, expected, "each of them once, in order");
}

#[test]
fn stopping_answers_what_was_asked_before() {
    let directory = TempDirectory::new();
    let mut server = Server::on(directory.path(), [""; 0]);
    let mut ann = Client::person(&server, "Ann", &["lobby"]);
    for n in 0..200 {
        ann.send(json!({"type": "message", "text": format!("{n}")}));
    }
    assert_eq!(ann.next()["seq"], 1);
    server.stop();
    let answered =
        1 + std::iter::from_fn(|| ann.try_next()).filter(|frame| frame["type"] == "message").count();
    assert_eq!(ann.await_close(), 1001);
    assert!(server.wait().success());
    let server = Server::on(directory.path(), [""; 0]);
    assert!(history(&server).len() >= answered, "nobody was told of something that is not there");
}
