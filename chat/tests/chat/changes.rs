//! What happens to messages: from outside, through killed hubs and lost connections.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::support::{Client, Server};

fn person(server: &Server, name: &str) -> Client {
    let mut client = Client::v1(server);
    client.send(json!({"type": "connect", "text": name, "client": format!("key of {name}")}));
    client.await_type("welcome");
    client
}

/// Everything of the lobby, as somebody is given it who knows nothing.
fn everything(client: &mut Client) -> Value {
    client.send(json!({"type": "resume", "rooms": {"lobby": {"seq": 0, "change": 0}}}));
    let frame = client.await_type("resumed");
    assert_eq!(frame["complete"], true);
    frame
}

/// The messages of the lobby, kept true by the events.
#[derive(Default)]
struct Follower {
    change: u64,
    messages: BTreeMap<u64, Value>,
}

impl Follower {
    fn see(&mut self, frame: &Value) {
        let seq = frame["seq"].as_u64().unwrap_or_default();
        match frame["type"].as_str() {
            Some("message") => {
                self.messages.entry(seq).or_insert_with(|| frame.clone());
            }
            Some("changed" | "reaction") if !self.is_news(frame) => {}
            Some("changed") => {
                let mut message = frame["message"].clone();
                let quote = message.as_object_mut().expect("an object").remove("quote");
                for answer in self.messages.values_mut().filter(|answer| answer["reply"]["seq"] == seq) {
                    answer["reply"]["data"] = quote.clone().expect("a quote");
                    answer["reply"]["deleted"] = json!(message["deleted"] == true);
                }
                self.messages.insert(seq, message);
            }
            Some("reaction") => self.react(frame, seq),
            _ => {}
        }
    }

    /// Of numbers there is no hole.
    fn is_news(&mut self, frame: &Value) -> bool {
        let change = frame["change"].as_u64().expect("a number");
        assert!(change <= self.change + 1, "{change} after {}", self.change);
        let is_news = change > self.change;
        self.change = self.change.max(change);
        is_news
    }

    /// One emoji, of one person: that is all there is in this test.
    fn react(&mut self, frame: &Value, seq: u64) {
        let message = self.messages.get_mut(&seq).expect("it is known").as_object_mut().expect("an object");
        if message.get("change").and_then(Value::as_u64) >= frame["change"].as_u64() {
            return;
        }
        message.insert("change".into(), frame["change"].clone());
        match frame["count"].as_u64() {
            Some(0) => drop(message.remove("reactions")),
            count => {
                let reaction = json!([{"emoji": frame["emoji"], "count": count, "from": [frame["from"]]}]);
                message.insert("reactions".into(), reaction);
            }
        }
    }
}

#[test]
fn whoever_follows_the_events_has_what_the_server_has_though_hubs_are_killed() {
    let server = Server::start();
    let mut ann = person(&server, "Ann");
    let mut bob = person(&server, "Bob");
    for client in [&mut ann, &mut bob] {
        client.send(json!({"type": "join", "room": "lobby"}));
        client.await_type("joined");
    }
    let mut follower = Follower::default();
    for round in 0..6_u64 {
        let first = round * 4 + 1;
        for (id, text) in ["one", "**two**", "three", "four"].iter().enumerate() {
            let reply = if id == 3 { json!(first) } else { Value::Null };
            let mut frame =
                json!({"type": "message", "room": "lobby", "text": text, "id": format!("{round}-{id}")});
            if !reply.is_null() {
                frame["reply_to"] = reply;
            }
            ann.send(frame);
        }
        for frame in [
            json!({"type": "edit", "room": "lobby", "seq": first, "text": format!("`{round}`")}),
            json!({"type": "react", "room": "lobby", "seq": first + 1, "emoji": "🎉", "on": true}),
            json!({"type": "delete", "room": "lobby", "seq": first + 2}),
            json!({"type": "react", "room": "lobby", "seq": first + 1, "emoji": "🎉", "on": round % 2 == 0}),
        ] {
            ann.send(frame);
        }
        if crate::MODE == "process" && round % 2 == 1 {
            server.kill_hub();
        }
        ann.catch_up();
        bob.catch_up().iter().for_each(|frame| follower.see(frame));
    }
    let fresh = everything(&mut person(&server, "Cy"));
    // After a crash an answer may come twice, and be taken for the next one's.
    for _ in 0..6 {
        bob.catch_up().iter().for_each(|frame| follower.see(frame));
    }
    assert_eq!(fresh["change"], follower.change);
    let held: Vec<_> = follower.messages.into_values().collect();
    assert_eq!(json!(held), fresh["messages"]);
    assert_eq!(held.len(), 24);
}

#[test]
fn what_changed_while_somebody_was_away_is_in_the_resume() {
    let server = Server::start();
    let mut ann = person(&server, "Ann");
    ann.send(json!({"type": "join", "room": "lobby"}));
    ann.await_type("joined");
    for text in ["one", "two"] {
        ann.send(json!({"type": "message", "room": "lobby", "text": text, "id": text}));
    }
    ann.send(json!({"type": "edit", "room": "lobby", "seq": 1, "text": "new", "id": "e"}));
    ann.send(json!({"type": "delete", "room": "lobby", "seq": 2, "id": "d"}));
    ann.catch_up();
    let mut bob = person(&server, "Bob");
    bob.send(json!({"type": "resume", "rooms": {"lobby": {"seq": 2, "change": 1}}}));
    let frame = bob.await_type("resumed");
    assert_eq!((&frame["messages"], &frame["change"]), (&json!([]), &json!(2)));
    assert_eq!((&frame["changes"][0]["seq"], &frame["changes"][0]["deleted"]), (&json!(2), &json!(true)));
    bob.send(json!({"type": "edit", "room": "lobby", "seq": 1, "text": "mine", "id": "x"}));
    assert_eq!(bob.await_type("error")["code"], "not_yours");
}
