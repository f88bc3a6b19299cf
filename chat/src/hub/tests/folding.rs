//! A client that follows what it is told always has what one that comes anew is given.

#[path = "../../../tests/chat/oracle/messages.rs"]
mod messages;

use super::*;
use messages::Messages;

const NAMES: [&str; 4] = ["Ann", "Bob", "Cy", "Di"];
const EMOJI: [&str; 3] = ["👍", "❤️", "🎉"];

/// Somebody who follows what they are told.
#[derive(Default)]
struct Follower {
    name: String,
    messages: Messages,
}

impl Follower {
    fn take(&mut self, frame: &Value) {
        self.messages.take(frame, &self.name);
    }
}

/// Knuth's generator: what goes wrong can be had again.
pub(super) struct Chance(pub(super) u64);

impl Chance {
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

fn request(chance: &mut Chance, last: u64, number: u64) -> Value {
    let seq = 1 + chance.below(last.max(1));
    let emoji = EMOJI[chance.below(3) as usize];
    let id = format!("i{number}");
    match chance.below(10) {
        0..3 => json!({"type": "message", "room": "lobby", "text": format!("*text* {number}"), "id": id}),
        3 => json!({"type": "message", "room": "lobby", "text": "yes", "reply_to": seq, "id": id}),
        4 => json!({"type": "edit", "room": "lobby", "seq": seq, "text": format!("text {number}"), "id": id}),
        5 => json!({"type": "delete", "room": "lobby", "seq": seq, "id": id}),
        _ => json!({"type": "react", "room": "lobby", "seq": seq, "emoji": emoji, "on": chance.below(3) > 0}),
    }
}

/// Four people; one connection of each at a time.
struct Crowd {
    world: World,
    chance: Chance,
    people: Vec<(u64, Follower)>,
    next_conn: u64,
}

impl Crowd {
    fn new(seed: u64) -> Self {
        let mut crowd = Self { world: World::new(), chance: Chance(seed), people: Vec::new(), next_conn: 1 };
        for name in NAMES {
            let conn = crowd.connect(name);
            crowd.world.ask(conn, json!({"type": "join", "room": "lobby"}));
            crowd.people.push((conn, Follower { name: name.to_owned(), ..Follower::default() }));
        }
        crowd
    }

    fn connect(&mut self, name: &str) -> u64 {
        let conn = self.next_conn;
        self.next_conn += 1;
        self.world.v1(conn);
        self.world.ask(conn, json!({"type": "connect", "text": name, "client": format!("key of {name}")}));
        conn
    }

    fn read_all(&mut self) {
        for (conn, follower) in &mut self.people {
            for frame in self.world.received(*conn) {
                follower.take(&frame);
            }
        }
    }

    /// Some requests of some people in one batch; now and then the hub dies in it.
    fn act(&mut self) {
        let last = self.people.iter().map(|(_, follower)| follower.messages.seq).max().unwrap_or(0);
        let mut batch = Vec::new();
        for number in 0..1 + self.chance.below(8) {
            let frame = request(&mut self.chance, last, self.world.number * 10 + number);
            let conn = self.people[self.chance.below(4) as usize].0;
            batch.push(self.world.asked(conn, &frame));
        }
        if self.chance.below(6) == 0 {
            let commands = self.chance.below(30) as usize;
            self.world.kill_during(commands, batch, vec![]);
        } else {
            self.world.handle(batch);
        }
    }

    /// Somebody's line breaks: what was on its way is lost, and they resume.
    fn reconnect(&mut self) {
        let who = self.chance.below(4) as usize;
        let (conn, mut follower) = std::mem::take(&mut self.people[who]);
        let frames = self.world.received(conn);
        let read = self.chance.below(frames.len() as u64 + 1) as usize;
        frames[..read].iter().for_each(|frame| follower.take(frame));
        self.world.close(conn);
        if self.chance.below(2) == 0 {
            self.act_without(who);
        }
        let conn = self.connect(&follower.name);
        let known = json!({"seq": follower.messages.seq, "change": follower.messages.change});
        self.world.ask(conn, json!({"type": "resume", "rooms": {"lobby": known}}));
        self.people[who] = (conn, follower);
    }

    fn act_without(&mut self, who: usize) {
        let conn = self.people[(who + 1) % 4].0;
        let last = self.people[(who + 1) % 4].1.messages.seq;
        for number in 0..3 {
            let frame = request(&mut self.chance, last, self.world.number * 10 + number);
            self.world.ask(conn, frame);
        }
    }

    /// Everybody has what somebody of the same name and key is given who knows nothing.
    fn check(&mut self, seed: u64) {
        self.read_all();
        for (who, name) in NAMES.iter().enumerate() {
            let conn = self.connect(name);
            self.world.forget();
            let fresh = json!({"type": "resume", "rooms": {"lobby": {"seq": 0, "change": 0}}});
            self.world.ask(conn, fresh);
            let frame = self.world.received(conn).remove(0);
            assert_eq!(frame["complete"], true);
            let follower = &self.people[who].1;
            assert_eq!(
                json!([follower.messages.seq, follower.messages.change]),
                json!([frame["seq"], frame["change"]])
            );
            let held: Vec<_> = follower.messages.by_seq.values().cloned().collect();
            for (held, given) in held.iter().zip(frame["messages"].as_array().expect("messages")) {
                assert_eq!(held, given, "seed {seed}, {}", follower.name);
            }
            assert_eq!(held.len(), frame["messages"].as_array().map_or(0, Vec::len), "seed {seed}");
            self.world.close(conn);
        }
        self.world.forget();
    }
}

#[test]
fn who_follows_has_what_who_comes_anew_is_given() {
    for seed in 0..12 {
        let mut crowd = Crowd::new(seed);
        for _ in 0..40 {
            crowd.act();
            match crowd.chance.below(4) {
                0 => crowd.reconnect(),
                1 => crowd.read_all(),
                _ => {}
            }
        }
        crowd.check(seed);
    }
}
