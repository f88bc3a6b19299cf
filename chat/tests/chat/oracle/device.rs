//! Somebody's device: it comes, follows what it is told, asks for things, and comes back when its line has broken.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde_json::{Value, json};

use super::listing::Listing;
use super::messages::{list, number};
use super::room::{Room, text};
use crate::support::{Client, Server};

/// What may be answered to somebody who does not know yet what others have just done.
const LIKELY_ERRORS: [&str; 8] = [
    "no_such_message",
    "no_such_room",
    "not_yours",
    "not_joined",
    "not_allowed",
    "room_exists",
    "archived",
    "bad_value",
];

pub(super) struct Device {
    pub(super) name: String,
    /// Its key, the same over all its connections.
    key: String,
    cookie: String,
    /// The number of the person.
    pub(super) person: u64,
    line: Option<Client>,
    pub(super) rooms: BTreeMap<String, Room>,
    pub(super) listing: Listing,
    /// What it has asked for and has no answer to, in order.
    waiting: VecDeque<Value>,
    asked: u64,
    answered: BTreeSet<String>,
    /// The ids of its messages that the server has acknowledged, with their rooms and numbers.
    pub(super) acknowledged: Vec<(String, u64, String)>,
    pub(super) is_away: bool,
}

impl Device {
    pub(super) fn new(name: &str, key: &str, cookie: &str) -> Self {
        Self {
            name: name.to_owned(),
            key: key.to_owned(),
            cookie: cookie.to_owned(),
            person: 0,
            line: None,
            rooms: BTreeMap::new(),
            listing: Listing::default(),
            waiting: VecDeque::new(),
            asked: 0,
            answered: BTreeSet::new(),
            acknowledged: Vec::new(),
            is_away: false,
        }
    }

    /// Another one of the same person that knows nothing.
    pub(super) fn fresh(&self) -> Self {
        Self::new(&self.name, &self.key, &self.cookie)
    }

    pub(super) fn is_connected(&self) -> bool {
        self.line.is_some()
    }

    /// Comes, or comes back: it resumes the rooms that it was in, and asks again for what it has no answer to.
    pub(super) fn connect(&mut self, server: &Server) {
        println!("{} comes, waiting for {:?}", self.key, self.waiting);
        let mut line = Client::with_cookie(server, &self.cookie);
        line.send(json!({"type": "connect", "text": "", "client": self.key, "id": "connect"}));
        let known = |(key, room): (&String, &Room)| {
            (key.clone(), json!({"seq": room.messages.seq, "change": room.messages.change}))
        };
        let rooms: serde_json::Map<_, _> = self.rooms.iter().map(known).collect();
        if !rooms.is_empty() {
            line.send(json!({"type": "resume", "rooms": rooms, "id": "resume"}));
        }
        if self.is_away {
            line.send(json!({"type": "away", "away": true, "id": "away"}));
        }
        self.waiting.iter().for_each(|request| line.send(request.clone()));
        self.line = Some(line);
    }

    /// The line breaks. `read`: so many of the frames that were on their way still come.
    pub(super) fn disconnect(&mut self, read: usize) {
        let Some(mut line) = self.line.take() else { return };
        for frame in line.catch_up().into_iter().take(read) {
            self.take(&frame);
        }
    }

    /// Asks, and does not wait.
    pub(super) fn ask(&mut self, mut request: Value) {
        self.asked += 1;
        request["id"] = json!(format!("{} {}", self.key, self.asked));
        if let Some(line) = &mut self.line {
            println!("{} > {request}", self.key);
            line.send(request.clone());
        }
        self.waiting.push_back(request);
    }

    /// What it has been told so far.
    pub(super) fn read(&mut self) {
        let frames = self.line.as_mut().map(Client::catch_up).unwrap_or_default();
        frames.iter().for_each(|frame| self.take(frame));
    }

    pub(super) fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// A room's messages, and the number of its last change, as they are given to somebody who has nothing of it.
    pub(super) fn all_of(&mut self, room: &str) -> (Vec<Value>, u64) {
        let line = self.line.as_mut().expect("it is connected");
        let mut messages: Vec<Value> = Vec::new();
        loop {
            let before = messages.first().map_or(u64::from(u32::MAX), |message| number(&message["seq"]));
            line.send(json!({"type": "history", "room": room, "before": before}));
            let page = line.await_type("history");
            messages.splice(0..0, list(&page["messages"]).cloned());
            if page["more"] == false {
                return (messages, number(&page["change"]));
            }
        }
    }

    /// What it would be given of its rooms if it came now.
    pub(super) fn given(&mut self) -> Listing {
        let line = self.line.as_mut().expect("it is connected");
        line.send(json!({"type": "rooms", "id": "given"}));
        loop {
            let frame = self.line.as_mut().expect("it is connected").next();
            if frame["id"] == "given" {
                let mut given = Listing::default();
                given.take(&frame, self.person);
                return given;
            }
            self.take(&frame);
        }
    }

    /// Who is in a room.
    pub(super) fn who(&mut self, room: &str) -> Value {
        let line = self.line.as_mut().expect("it is connected");
        line.send(json!({"type": "who", "room": room, "id": "who"}));
        loop {
            let frame = self.line.as_mut().expect("it is connected").next();
            if frame["id"] == "who" {
                return frame;
            }
            self.take(&frame);
        }
    }

    fn take(&mut self, frame: &Value) {
        let request = self.waiting.iter().position(|request| request["id"] == frame["id"]);
        let request = request.and_then(|at| self.waiting.remove(at));
        self.answered.extend(request.iter().map(|request| text(&request["id"])));
        println!("{} < {frame}", self.key);
        let room = frame["room"].as_str().unwrap_or_default();
        if frame["type"] == "welcome" {
            self.person = number(&frame["person"]["id"]);
        }
        if let "welcome" | "person" = frame["type"].as_str().expect("a type") {
            self.called(&text(&frame["person"]["name"]));
        }
        self.listing.take(frame, self.person);
        match frame["type"].as_str().expect("a type") {
            // Somebody has been removed while the line was broken.
            "error" if frame["id"] == "resume" => {
                assert_eq!(frame["code"], "no_such_room", "{frame}");
                self.rooms.remove(room);
            }
            "error" => {
                let code = text(&frame["code"]);
                // After a crash the same may be answered once more.
                let is_answer = request.is_some() || self.answered.contains(&text(&frame["id"]));
                assert!(is_answer && LIKELY_ERRORS.contains(&&*code), "{frame} to {request:?}");
            }
            "left" | "gone" => drop(self.rooms.remove(room)),
            "joined" => self.rooms.entry(room.to_owned()).or_default().take(frame, &self.name),
            "resumed" => {
                self.rooms.entry(room.to_owned()).or_default().take(frame, &self.name);
                // Who of the members is away is not in it.
                self.ask(json!({"type": "who", "room": room}));
            }
            "presence" if frame.get("person").is_none() => {
                self.rooms.values_mut().for_each(|room| room.turned(frame))
            }
            "message" if request.is_some() => {
                let seq = frame["seq"].as_u64().expect("a seq");
                self.acknowledged.push((room.to_owned(), seq, text(&frame["id"])));
                self.tell(room, frame);
            }
            _ => self.tell(room, frame),
        }
    }

    /// It may be another name than before.
    fn called(&mut self, name: &str) {
        let before = std::mem::replace(&mut self.name, name.to_owned());
        if before != name {
            self.rooms.values_mut().for_each(|room| room.rename_own(&before, name));
        }
    }

    fn tell(&mut self, room: &str, frame: &Value) {
        if let Some(room) = self.rooms.get_mut(room) {
            room.take(frame, &self.name);
        }
    }
}
