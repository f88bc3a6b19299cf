//! What was acknowledged stays.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};
use switchboard_proto::OpCode;

use crate::support::{Client, Server, TempDirectory, seqs, until};

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

/// Somebody who sends messages without end and notes what is acknowledged.
struct Writer {
    key: String,
    sent: usize,
    /// The ids that came back, with their numbers.
    acknowledged: BTreeMap<String, u64>,
}

impl Writer {
    /// Writes until the server is gone. What was not acknowledged the last time is sent again first.
    fn write(&mut self, server: &Server, acknowledged: &AtomicUsize) {
        let mut line = Client::v1(server);
        line.ask(json!({"type": "connect", "text": self.key, "client": self.key}), "welcome");
        line.send(json!({"type": "join", "room": "lobby"}));
        line.await_type("joined");
        let message = |n: usize, key: &str| json!({"type": "message", "room": "lobby", "text": format!("{key} {n}"), "id": format!("{key} {n}")});
        for n in 0..self.sent {
            if !self.acknowledged.contains_key(&format!("{} {n}", self.key)) {
                line.send(message(n, &self.key));
            }
        }
        loop {
            for _ in 0..4 {
                // It may be gone.
                let _ = line.try_send(OpCode::Text, message(self.sent, &self.key).to_string().as_bytes());
                self.sent += 1;
            }
            let last = format!("{} {}", self.key, self.sent - 1);
            while !self.acknowledged.contains_key(&last) {
                let Some(frame) = line.try_next() else { return };
                if let (Some(id), Some(seq)) = (frame["id"].as_str(), frame["seq"].as_u64()) {
                    self.acknowledged.insert(id.to_owned(), seq);
                    acknowledged.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
    }
}

#[test]
fn what_was_acknowledged_is_there_once_whenever_all_processes_are_killed() {
    let directory = TempDirectory::new();
    let mut writers: Vec<_> = (0..4)
        .map(|n| Writer { key: format!("writer {n}"), sent: 0, acknowledged: BTreeMap::new() })
        .collect();
    for round in 0..8 {
        let server = Server::in_group(directory.path(), &["--workers", "2", "--reactors", "2"]);
        let acknowledged = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for writer in &mut writers {
                scope.spawn(|| writer.write(&server, &acknowledged));
            }
            let enough = 40 + 37 * round;
            until("they have written some", || (acknowledged.load(Ordering::Relaxed) > enough).then_some(()));
            server.kill_group();
        });
    }
    let database = rusqlite::Connection::open(directory.path().join("chat.db")).expect("opened");
    let mut statement = database.prepare("SELECT client_id, seq FROM messages ORDER BY seq").expect("legal");
    let rows =
        statement.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?.cast_unsigned())));
    let stored: Vec<_> = rows.expect("read").collect::<Result<_, _>>().expect("read");
    assert!(stored.iter().map(|(_, seq)| *seq).eq(1..=stored.len() as u64), "no hole");
    let by_id: BTreeMap<_, _> = stored.iter().cloned().collect();
    assert_eq!(by_id.len(), stored.len(), "none is there twice");
    for writer in &writers {
        assert!(writer.acknowledged.iter().all(|(id, seq)| by_id.get(id) == Some(seq)));
    }
}
