//! What a client has of a room's messages, made of the frames that it is sent by the rules of docs/protocol.md alone.
//!
//! Two tests have this file: the oracle, which runs the whole server, and src/hub/tests/folding.rs, which runs the hub alone.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// At most so many people are named under a message for one emoji.
const NAMED: usize = 20;

#[derive(Clone, Debug, Default)]
pub(super) struct Messages {
    /// The number of the last message.
    pub(super) seq: u64,
    /// The number of the last change.
    pub(super) change: u64,
    pub(super) by_seq: BTreeMap<u64, Value>,
}

impl Messages {
    /// `own`: the name of whoever is told.
    pub(super) fn take(&mut self, frame: &Value, own: &str) {
        match frame["type"].as_str().expect("a type") {
            "message" => self.receive(frame),
            "changed" if self.is_new(frame) => self.changed(&frame["message"], true),
            "reaction" if self.is_new(frame) => self.reacted(frame, own),
            "joined" => self.begin(frame),
            "resumed" if frame["complete"] == false => self.begin(frame),
            "resumed" => self.go_on(frame),
            _ => {}
        }
    }

    /// What is given takes the place of all that was held.
    fn begin(&mut self, frame: &Value) {
        *self = Self::default();
        self.go_on(frame);
    }

    fn go_on(&mut self, frame: &Value) {
        for message in list(&frame["messages"]) {
            self.receive(message);
        }
        for message in list(&frame["changes"]) {
            self.changed(message, false);
        }
        (self.seq, self.change) = (number(&frame["seq"]), number(&frame["change"]));
    }

    /// Is it news? There is never a hole before it.
    fn is_new(&mut self, frame: &Value) -> bool {
        let change = number(&frame["change"]);
        assert!(change <= self.change + 1, "change {change} after {}", self.change);
        let is_new = change > self.change;
        self.change = self.change.max(change);
        is_new
    }

    fn receive(&mut self, message: &Value) {
        let seq = number(&message["seq"]);
        assert!(self.seq == 0 || seq <= self.seq + 1, "message {seq} after {}", self.seq);
        self.seq = self.seq.max(seq);
        let held = self.by_seq.entry(seq).or_insert_with(|| message.clone());
        if let Some(id) = message.get("id") {
            held["id"] = id.clone();
        }
    }

    /// `is_for_all`: what is this client's alone is not in it.
    fn changed(&mut self, message: &Value, is_for_all: bool) {
        let seq = number(&message["seq"]);
        let mut message = message.clone();
        let quote = message.as_object_mut().expect("an object").remove("quote").expect("a quote");
        for answer in self.by_seq.values_mut().filter(|answer| answer["reply"]["seq"] == seq) {
            answer["reply"]["data"] = quote.clone();
            answer["reply"]["deleted"] = json!(message["deleted"] == true);
        }
        let Some(held) = self.by_seq.get_mut(&seq) else { return };
        if number(&message["change"]) <= number(&held["change"]) {
            return;
        }
        if is_for_all {
            if let Some(id) = held.get("id") {
                message["id"] = id.clone();
            }
            for reaction in message.get_mut("reactions").and_then(Value::as_array_mut).into_iter().flatten() {
                if is_mine(held, &reaction["emoji"]) {
                    reaction["mine"] = json!(true);
                }
            }
        }
        *held = message;
    }

    fn reacted(&mut self, frame: &Value, own: &str) {
        let Some(held) = self.by_seq.get_mut(&number(&frame["seq"])) else { return };
        if number(&frame["change"]) > number(&held["change"]) {
            held["change"] = frame["change"].clone();
            count(held, frame);
        }
        if frame["from"] != own {
            return;
        }
        for reaction in held.get_mut("reactions").and_then(Value::as_array_mut).into_iter().flatten() {
            let reaction = reaction.as_object_mut().expect("an object");
            if reaction["emoji"] == frame["emoji"] {
                reaction.remove("mine");
                if frame["on"] == true {
                    reaction.insert("mine".to_owned(), json!(true));
                }
            }
        }
    }
}

fn count(held: &mut Value, frame: &Value) {
    if held["reactions"].is_null() {
        held["reactions"] = json!([]);
    }
    let reactions = held["reactions"].as_array_mut().expect("a list");
    let at = reactions.iter().position(|reaction| reaction["emoji"] == frame["emoji"]);
    let at = at.unwrap_or_else(|| {
        reactions.push(json!({"emoji": frame["emoji"], "count": 0, "from": []}));
        reactions.len() - 1
    });
    let from = reactions[at]["from"].as_array_mut().expect("names");
    from.retain(|name| *name != frame["from"]);
    if frame["on"] == true && from.len() < NAMED {
        from.push(frame["from"].clone());
    }
    if let Some(names) = frame.get("names") {
        reactions[at]["from"] = names.clone();
    }
    reactions[at]["count"] = frame["count"].clone();
    if frame["count"] == 0 {
        reactions.remove(at);
    }
    if reactions.is_empty() {
        held.as_object_mut().expect("an object").remove("reactions");
    }
}

fn is_mine(message: &Value, emoji: &Value) -> bool {
    list(&message["reactions"]).any(|reaction| reaction["emoji"] == *emoji && reaction["mine"] == true)
}

/// 0 where there is none.
pub(super) fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or(0)
}

pub(super) fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}
