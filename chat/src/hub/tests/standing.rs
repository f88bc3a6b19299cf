//! A page that follows what it is told always knows of its rooms what one that comes anew is told.

use super::folding::Chance;
use super::*;
use crate::account::Login;

const NAMES: [&str; 4] = ["Ann", "Bob", "李雷", "Di"];
const ROOMS: usize = 4;

/// What a page makes of its frames, as docs/protocol.md says: its rooms as in a list, without what is the same for all.
struct Page {
    person: i64,
    conn: u64,
    rooms: BTreeMap<String, Value>,
}

const OWN: [&str; 5] = ["member", "read", "unread", "mentions", "muted"];

/// What a page keeps of a room in a list.
fn kept(room: &Value) -> Value {
    let mut kept = json!({"seq": room["seq"], "joined": room["joined"], "title": room["title"]});
    for key in OWN.iter().chain(&["topic", "archived", "manage", "people"]) {
        if let Some(value) = room.get(*key) {
            kept[*key] = value.clone();
        }
    }
    kept
}

impl Page {
    fn take(&mut self, frame: &Value) {
        if frame["type"] == "presence" {
            return self.turned(frame);
        }
        let Some(key) = frame["room"].as_str() else { return };
        let kind = frame["type"].as_str().expect("a type");
        match kind {
            "room" if frame.get("joined").is_some() => drop(self.rooms.insert(key.to_owned(), kept(frame))),
            "room" => self.described(key, frame),
            "gone" | "left" => self.gone(key),
            _ => self.follow(kind, key, frame),
        }
    }

    /// All are there, and stay.
    fn turned(&mut self, frame: &Value) {
        let people =
            self.rooms.values_mut().filter_map(|room| room.get_mut("people")?.as_array_mut()).flatten();
        for person in people.filter(|person| person["id"] == frame["person"]) {
            (person["presence"], person["since"]) = (frame["presence"].clone(), frame["since"].clone());
        }
    }

    /// What is the same for all has changed.
    fn described(&mut self, key: &str, frame: &Value) {
        let new = json!({"seq": frame["seq"], "joined": false, "title": ""});
        let room = self.rooms.entry(key.to_owned()).or_insert(new);
        for key in ["title", "topic", "archived"] {
            let object = room.as_object_mut().expect("an object");
            match frame.get(key) {
                Some(value) => drop(object.insert(key.to_owned(), value.clone())),
                None => drop(object.remove(key)),
            }
        }
    }

    fn gone(&mut self, key: &str) {
        if key.starts_with(['P', 'D']) {
            self.rooms.remove(key);
        } else if let Some(room) = self.rooms.get_mut(key) {
            room["joined"] = json!(false);
            OWN.iter().for_each(|key| drop(room.as_object_mut().expect("an object").remove(*key)));
        }
    }

    fn follow(&mut self, kind: &str, key: &str, frame: &Value) {
        let Some(room) = self.rooms.get_mut(key) else { return };
        let seq = frame["seq"].as_u64().unwrap_or(0);
        let read = room["read"].as_u64().unwrap_or(0);
        match kind {
            "joined" | "resumed" => {
                room["joined"] = json!(true);
                room["seq"] = json!(seq);
                for key in ["member", "read", "unread"] {
                    room[key] = frame[key].clone();
                }
                count(room, frame["mentions"].as_u64().unwrap_or(0));
            }
            "message" if room["seq"].as_u64() < Some(seq) => {
                room["seq"] = json!(seq);
                let mentions = room["mentions"].as_u64().unwrap_or(0);
                let is_own = frame["person"] == self.person;
                let read = if is_own { seq } else { read };
                (room["read"], room["unread"]) = (json!(read), json!(seq - read));
                let is_mentioned = |all: &Vec<Value>| all.iter().any(|one| *one == 0 || *one == self.person);
                let is_mentioned = frame["mentions"].as_array().is_some_and(is_mentioned);
                count(room, if is_own { 0 } else { mentions + u64::from(is_mentioned) });
            }
            "activity" => {
                let unread = frame["unread"].as_u64().expect("a number");
                (room["seq"], room["unread"], room["read"]) =
                    (json!(seq), json!(unread), json!(seq - unread));
                count(room, frame["mentions"].as_u64().expect("a number"));
            }
            "read" if frame.get("person").is_none() => {
                (room["read"], room["unread"]) = (json!(seq), frame["unread"].clone());
                count(room, frame["mentions"].as_u64().expect("a number"));
            }
            "quiet" if frame["on"] == true => room["muted"] = json!(true),
            "quiet" => drop(room.as_object_mut().expect("an object").remove("muted")),
            _ => {}
        }
    }
}

fn count(room: &mut Value, mentions: u64) {
    match mentions {
        0 => drop(room.as_object_mut().expect("an object").remove("mentions")),
        _ => room["mentions"] = json!(mentions),
    }
}

/// Four people, with two pages each.
struct Crowd {
    world: World,
    chance: Chance,
    logins: Vec<Login>,
    pages: Vec<Page>,
    next_conn: u64,
    rooms: Vec<String>,
}

impl Crowd {
    fn new(seed: u64) -> Self {
        let mut world = World::new();
        let logins: Vec<_> = NAMES.iter().map(|name| world.guest(name)).collect();
        let (pages, rooms) = (Vec::new(), vec!["lobby".to_owned()]);
        let mut crowd = Self { world, chance: Chance(seed), logins, pages, next_conn: 1, rooms };
        for n in 0..2 * NAMES.len() {
            let page = crowd.open(n / 2);
            crowd.pages.push(page);
        }
        crowd.world.ask(1, json!({"type": "create", "room": "tea"}));
        crowd.rooms.push("tea".to_owned());
        let answers = [
            json!({"type": "create", "room": "Budget", "private": true}),
            json!({"type": "direct", "people": [crowd.logins[1].person]}),
        ];
        for request in answers {
            crowd.world.ask(1, request);
            let frames = crowd.read_one(0);
            let named =
                |frame: &Value| frame["room"]["room"].as_str().or(frame["room"].as_str()).map(str::to_owned);
            let key = frames.iter().filter_map(named).find(|key| key.starts_with(['P', 'D']));
            let key = key.filter(|key| !crowd.rooms.contains(key)).expect("a new one");
            crowd.rooms.push(key);
        }
        assert_eq!(crowd.rooms.len(), ROOMS);
        crowd.read_all();
        // What is in an answer of its own is known by the answer.
        let direct = crowd.rooms[3].clone();
        let listed = crowd.world.listed(1, &direct).expect("listed");
        crowd.pages[0].rooms.insert(direct, kept(&listed));
        crowd
    }

    fn open(&mut self, who: usize) -> Page {
        let conn = self.next_conn;
        self.next_conn += 1;
        for page in 0..self.pages.len() {
            self.read_one(page);
        }
        let welcome = self.world.page(conn, self.logins[who], &[]);
        let rooms = welcome["rooms"].as_array().expect("rooms").iter();
        let rooms =
            rooms.map(|room| (room["room"].as_str().expect("a key").to_owned(), kept(room))).collect();
        Page { person: self.logins[who].person, conn, rooms }
    }

    fn read_one(&mut self, page: usize) -> Vec<Value> {
        let frames = self.world.received(self.pages[page].conn);
        frames.iter().for_each(|frame| self.pages[page].take(frame));
        frames
    }

    fn read_all(&mut self) {
        (0..self.pages.len()).for_each(|page| drop(self.read_one(page)));
    }

    fn request(&mut self, number: u64) -> Value {
        let room = self.rooms[self.chance.below(ROOMS as u64) as usize].clone();
        let person = self.logins[self.chance.below(4) as usize].person;
        let seq = self.chance.below(12);
        let mention = ["@Ann", "@李雷", "@所有人", ""][self.chance.below(4) as usize];
        let mut request = match self.chance.below(16) {
            0..4 => json!({"type": "message", "text": format!("{number} {mention}")}),
            4..7 => json!({"type": "join"}),
            7 => json!({"type": "leave"}),
            8 => json!({"type": "edit", "seq": seq, "text": format!("changed {number} {mention}")}),
            9 => json!({"type": "delete", "seq": seq}),
            10 => json!({"type": "invite", "person": person}),
            11 if self.chance.below(2) == 0 => json!({"type": "remove", "person": person}),
            11 => json!({"type": "topic", "topic": format!("topic {number}")}),
            12 => json!({"type": "quiet", "on": number.is_multiple_of(2)}),
            13 => json!({"type": "rename", "title": format!("Room {number}")}),
            _ => json!({"type": "read", "seq": seq}),
        };
        (request["room"], request["id"]) = (json!(room), json!(format!("i{number}")));
        request
    }

    fn act(&mut self) {
        let mut batch = Vec::new();
        for number in 0..1 + self.chance.below(6) {
            let frame = self.request(self.world.number * 10 + number);
            let page = self.chance.below(self.pages.len() as u64) as usize;
            batch.push(self.world.asked(self.pages[page].conn, &frame));
        }
        if self.chance.below(5) == 0 {
            let commands = self.chance.below(30) as usize;
            self.world.kill_during(commands, batch, vec![]);
        } else {
            self.world.handle(batch);
        }
    }

    /// Every page knows what the server would tell it.
    fn check(&mut self, what: &str) {
        self.read_all();
        for page in &self.pages {
            let rooms = self.world.answer(page.conn, json!({"type": "rooms"})).remove(0)["rooms"].take();
            let rooms = rooms.as_array().expect("rooms").iter();
            let given: BTreeMap<_, _> =
                rooms.map(|room| (room["room"].as_str().expect("a key").to_owned(), kept(room))).collect();
            for (key, room) in &given {
                // How far a room has come that is none of theirs they are not told.
                let seq = page.rooms.get(key).map(|held| held["seq"].clone());
                let (mut room, mut held) = (room.clone(), page.rooms.get(key).cloned().unwrap_or_default());
                if room.get("member").is_none() && seq.is_some() {
                    (room["seq"], held["seq"]) = (json!(0), json!(0));
                }
                assert_eq!(held, room, "{what}: {key} of {}", page.person);
            }
            assert_eq!(page.rooms.len(), given.len(), "{what}");
        }
    }
}

#[test]
fn who_follows_knows_of_their_rooms_what_who_comes_anew_is_told() {
    for seed in 0..10 {
        let mut crowd = Crowd::new(seed);
        for step in 0..60 {
            crowd.act();
            if crowd.chance.below(3) == 0 {
                crowd.check(&format!("seed {seed}, step {step}"));
            }
        }
        crowd.check(&format!("seed {seed}"));
    }
}
