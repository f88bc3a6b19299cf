//! The list of rooms as a client has it, made of the frames that it is sent by the rules of docs/protocol.md alone.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::messages::{list, number};
use super::room::text;

/// What is the same for all in a public room.
const COMMON: [&str; 4] = ["title", "kind", "topic", "archived"];
/// What is one's own in a room.
const OWN: [&str; 6] = ["member", "read", "unread", "mentions", "muted", "manage"];

/// Rooms by their keys, each as a `welcome` would have it.
#[derive(Clone, Debug, Default)]
pub(super) struct Listing(pub(super) BTreeMap<String, Value>);

impl Listing {
    pub(super) fn keys(&self) -> Vec<String> {
        self.0.keys().cloned().collect()
    }

    pub(super) fn is(&self, key: &str, what: &str) -> bool {
        self.0.get(key).is_some_and(|room| room[what] == true)
    }

    /// `own`: the number of the person who is told.
    pub(super) fn take(&mut self, frame: &Value, own: u64) {
        let key = frame["room"].as_str().unwrap_or_default();
        match frame["type"].as_str().expect("a type") {
            "welcome" | "rooms" => {
                self.0 = list(&frame["rooms"]).map(|room| (text(&room["room"]), room.clone())).collect();
            }
            "room" => self.told(key, frame),
            "direct" => drop(self.0.insert(text(&frame["room"]["room"]), frame["room"].clone())),
            "left" | "gone" => self.lost(key),
            "presence" if frame.get("person").is_some() => self.turned(frame),
            _ => {
                if let Some(room) = self.0.get_mut(key) {
                    count(room, frame, own);
                }
            }
        }
    }

    fn told(&mut self, key: &str, frame: &Value) {
        let mut told = frame.as_object().expect("an object").clone();
        for of_the_frame in ["type", "id", "by", "by_person"] {
            told.remove(of_the_frame);
        }
        match self.0.get_mut(key) {
            Some(room) if !told.contains_key("joined") => {
                for what in COMMON {
                    set(room, what, told.get(what));
                }
            }
            _ => {
                told.entry("joined").or_insert(json!(false));
                self.0.insert(key.to_owned(), Value::Object(told));
            }
        }
    }

    /// Somebody with whom one talks has come, is away, or is gone.
    fn turned(&mut self, frame: &Value) {
        let people = self.0.values_mut().filter_map(|room| room.get_mut("people")?.as_array_mut()).flatten();
        for person in people.filter(|person| person["id"] == frame["person"]) {
            set(person, "presence", frame.get("presence").filter(|presence| *presence != "offline"));
            set(person, "since", frame.get("since"));
            set(person, "seen_ms", frame.get("seen_ms"));
        }
    }

    /// Who of those with whom one talks is there, by conversation. Where nothing was said the server does not say.
    pub(super) fn whereabouts(&self) -> Vec<(String, Vec<(Value, Value)>)> {
        let of = |room: &Value| {
            list(&room["people"]).map(|one| (one["id"].clone(), one["presence"].clone())).collect()
        };
        let is_spoken = |room: &Value| room["kind"] == "direct" && number(&room["seq"]) > 0;
        let spoken = self.0.iter().filter(|(_, room)| is_spoken(room));
        spoken.map(|(key, room)| (key.clone(), of(room))).collect()
    }

    /// Does the server say where somebody is with whom nothing was said?
    pub(super) fn betrays(&self) -> bool {
        let silent = self.0.values().filter(|room| number(&room["seq"]) == 0);
        silent
            .flat_map(|room| list(&room["people"]))
            .any(|one| one.get("presence").or(one.get("seen_ms")).is_some())
    }

    fn lost(&mut self, key: &str) {
        match self.0.get_mut(key) {
            Some(room) if room.get("kind").is_none() => {
                OWN[..5].iter().for_each(|what| set(room, what, None));
                room["joined"] = json!(false);
            }
            _ => drop(self.0.remove(key)),
        }
    }
}

fn count(room: &mut Value, frame: &Value, own: u64) {
    match frame["type"].as_str().expect("a type") {
        "joined" | "resumed" => {
            room["joined"] = json!(true);
            OWN[..4].iter().for_each(|what| set(room, what, frame.get(what)));
            room["seq"] = frame["seq"].clone();
        }
        "activity" => {
            let (seq, unread) = (number(&frame["seq"]), number(&frame["unread"]));
            room["seq"] = json!(seq);
            go_to(room, seq - unread, unread, number(&frame["mentions"]));
        }
        "read" if frame.get("person").is_none() => {
            go_to(room, number(&frame["seq"]), number(&frame["unread"]), number(&frame["mentions"]));
        }
        "quiet" => set(room, "muted", Some(&json!(true)).filter(|_| frame["on"] == true)),
        "message" if number(&frame["seq"]) > number(&room["seq"]) => {
            let seq = number(&frame["seq"]);
            room["seq"] = json!(seq);
            if room.get("member").is_none() {
                return;
            }
            if number(&frame["person"]) == own {
                return go_to(room, seq, 0, 0);
            }
            let is_meant = list(&frame["mentions"]).any(|one| [0, own].contains(&number(one)));
            let read = number(&room["read"]);
            let mentions = number(&room["mentions"]) + u64::from(is_meant);
            go_to(room, read, seq - read, mentions.min(100));
        }
        _ => {}
    }
}

fn go_to(room: &mut Value, read: u64, unread: u64, mentions: u64) {
    (room["read"], room["unread"]) = (json!(read), json!(unread));
    set(room, "mentions", Some(&json!(mentions)).filter(|_| mentions > 0));
}

fn set(room: &mut Value, what: &str, value: Option<&Value>) {
    let room = room.as_object_mut().expect("an object");
    match value {
        Some(value) => drop(room.insert(what.to_owned(), value.clone())),
        None => drop(room.remove(what)),
    }
}

/// What a client knows of a room without being in it: of how many messages a room has, and of what happens to them, it is not told.
pub(super) fn known(room: &Value) -> Value {
    let mut known = room.clone();
    set(&mut known, "members", None);
    set(&mut known, "change", None);
    // They come and go while one looks.
    for person in known.get_mut("people").and_then(Value::as_array_mut).into_iter().flatten() {
        ["presence", "since", "seen_ms"].iter().for_each(|what| set(person, what, None));
    }
    if room.get("member").is_none() && room["joined"] != true {
        set(&mut known, "seq", None);
    }
    known
}
