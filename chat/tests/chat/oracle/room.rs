//! What a client has of a room that it is in.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::messages::{Messages, list};

#[derive(Clone, Debug, Default)]
pub(super) struct Room {
    pub(super) messages: Messages,
    pub(super) members: BTreeSet<String>,
    /// By name: `online` or `away`.
    pub(super) presence: BTreeMap<String, String>,
}

impl Room {
    /// `own`: the name of whoever is told.
    pub(super) fn take(&mut self, frame: &Value, own: &str) {
        self.messages.take(frame, own);
        match frame["type"].as_str().expect("a type") {
            "join" => self.came(text(&frame["from"])),
            "leave" => self.went(text(&frame["from"])),
            "joined" | "resumed" | "who" => self.meet(frame),
            _ => {}
        }
    }

    fn came(&mut self, name: String) {
        self.presence.entry(name.clone()).or_insert_with(|| "online".to_owned());
        self.members.insert(name);
    }

    fn went(&mut self, name: String) {
        self.members.remove(&name);
        self.presence.remove(&name);
    }

    /// One has another name, which the others are told of by `leave` and `join`.
    pub(super) fn rename_own(&mut self, before: &str, now: &str) {
        self.own_reactions_of(now);
        let presence = self.presence.get(before).cloned().unwrap_or_else(|| "online".to_owned());
        self.went(before.to_owned());
        self.presence.entry(now.to_owned()).or_insert(presence);
        self.members.insert(now.to_owned());
    }

    /// What was reacted with under one's present name is one's own.
    fn own_reactions_of(&mut self, now: &str) {
        let messages = self.messages.by_seq.values_mut();
        let reactions = messages.filter_map(|message| message.get_mut("reactions")?.as_array_mut());
        for reaction in reactions.flatten() {
            let is_mine = list(&reaction["from"]).any(|name| name == now);
            let reaction = reaction.as_object_mut().expect("an object");
            reaction.remove("mine");
            if is_mine {
                reaction.insert("mine".to_owned(), json!(true));
            }
        }
    }

    /// Somebody who is here is at the keyboard, or not any more.
    pub(super) fn turned(&mut self, frame: &Value) {
        let name = text(&frame["name"]);
        if self.members.contains(&name) {
            self.presence.insert(name, text(&frame["presence"]));
        }
    }

    fn meet(&mut self, frame: &Value) {
        self.members = list(&frame["members"]).map(text).collect();
        let person = |person: &Value| (text(&person["name"]), text(&person["presence"]));
        self.presence = list(&frame["people"]).map(person).collect();
    }
}

pub(super) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}
