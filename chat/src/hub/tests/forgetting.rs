//! Rooms that nobody can see any more go, and their numbers never come again.

use tokio::time::Instant;

use super::*;
use crate::limits::{FORGOTTEN_MESSAGES_MAX, ROOM_EMPTY_MS, ROOMS_LOOKED_AT_EVERY_MS, SILENT_DIRECT_KEPT_MS};

impl World {
    /// All rooms are looked at, and what is to go then goes.
    fn tidy(&mut self, now: Instant) {
        let mut at = now;
        while at < now + Duration::from_secs(2) {
            run(self.hub.forget_rooms(at));
            at = self.hub.forgets_at();
        }
    }

    fn count(&self, query: &str) -> i64 {
        self.hub.writer.connection().query_row(query, [], |row| row.get(0)).expect("a number")
    }

    /// The number of a room.
    fn number_of(&self, key: &str) -> i64 {
        self.hub.rooms.find(key).map(|room| self.hub.rooms[room].id).expect("a room")
    }
}

fn later() -> Duration {
    Duration::from_millis(ROOM_EMPTY_MS + 5_000)
}

#[test]
fn a_private_room_that_everybody_has_left_goes_with_all_that_was_in_it() {
    let mut world = World::new();
    world.newcomer(1, "Ann");
    let (gone, kept) = (world.private(1, "Budget"), world.private(1, "Plans"));
    world.ask(1, json!({"type": "join", "room": gone}));
    for n in 0..=FORGOTTEN_MESSAGES_MAX {
        world.ask(1, say(&gone, &format!("secret {n} @room")));
    }
    world.ask(1, json!({"type": "react", "room": gone, "seq": 1, "emoji": "👍", "on": true}));
    world.ask(1, json!({"type": "edit", "room": gone, "seq": 2, "text": "edited away"}));
    world.ask(1, json!({"type": "delete", "room": gone, "seq": 3}));
    let number = world.number_of(&gone);
    world.ask(1, json!({"type": "leave", "room": gone}));
    world.ask(1, json!({"type": "join", "room": kept}));
    let now = Instant::now();
    world.tidy(now);
    assert!(world.hub.rooms.find(&gone).is_some(), "it may have been left in this very moment");
    world.tidy(now + later());
    assert!(
        world.hub.rooms.find(&gone).is_some(),
        "it has the last message of all, whose number would come again"
    );
    world.ask(1, say(&kept, "the last one"));
    let next_walk = now + later() + Duration::from_millis(ROOMS_LOOKED_AT_EVERY_MS);
    world.tidy(next_walk);
    world.tidy(next_walk + later());
    assert!(world.hub.rooms.find(&gone).is_none());
    for table in ["messages", "mentions", "memberships", "departures"] {
        assert_eq!(
            world.count(&format!("SELECT count(*) FROM {table} WHERE room_id = {number}")),
            0,
            "{table}"
        );
    }
    assert_eq!(
        world.count("SELECT count(*) FROM reactions") + world.count("SELECT count(*) FROM journal"),
        0
    );
    assert_eq!(world.count("SELECT count(*) FROM search WHERE search MATCH '\"secret\"'"), 0);
    // What was made since has its place in the hub's memory, and no number of its own before.
    let other = world.private(1, "More plans");
    assert!(world.number_of(&other) > number);
    assert_eq!(world.answer(1, json!({"type": "join", "room": other}))[0]["title"], "More plans");
    assert!(world.listed(1, &kept).is_some() && world.listed(1, &gone).is_none());
    world.replace_hub();
    assert!(world.hub.rooms.find(&gone).is_none() && world.listed(1, &other).is_some());
}

#[test]
fn the_number_of_the_newest_room_is_not_given_out_again() {
    let mut world = World::new();
    world.newcomer(1, "Ann");
    let gone = world.private(1, "Budget");
    let number = world.number_of(&gone);
    world.ask(1, json!({"type": "leave", "room": gone}));
    let now = Instant::now();
    world.tidy(now);
    world.tidy(now + later());
    let kept = world.private(1, "Plans");
    assert!(world.number_of(&kept) > number);
}

#[test]
fn a_conversation_in_which_nobody_has_said_anything_goes_after_a_week_and_can_be_begun_again() {
    let mut world = World::new();
    let ann = world.newcomer(1, "Ann");
    world.page(2, ann, &[]);
    let bob = world.newcomer(3, "Bob");
    let eve = world.newcomer(4, "Eve");
    let (silent, spoken) = (world.direct(1, &[bob.person]), world.direct(1, &[eve.person]));
    world.ask(1, json!({"type": "join", "room": spoken}));
    world.ask(1, say(&spoken, "hi"));
    let now = Instant::now();
    let walk = |n: u32| now + n * (later() + Duration::from_millis(ROOMS_LOOKED_AT_EVERY_MS));
    world.tidy(walk(0));
    world.tidy(walk(0) + later());
    assert!(world.listed(1, &silent).is_some(), "somebody may be about to write");
    let age = format!("UPDATE rooms SET created_ms = created_ms - {}", SILENT_DIRECT_KEPT_MS + 1);
    world.hub.writer.connection().execute(&age, []).expect("written");
    world.forget();
    world.ask(2, json!({"type": "join", "room": silent}));
    for n in 1..3 {
        world.tidy(walk(n));
        world.tidy(walk(n) + later());
    }
    assert!(world.listed(1, &silent).is_some(), "somebody is there");
    world.ask(2, json!({"type": "leave", "room": silent}));
    world.ask(1, json!({"type": "direct", "people": [bob.person]}));
    world.forget();
    for n in 3..5 {
        world.tidy(walk(n));
        world.tidy(walk(n) + later());
    }
    assert_eq!(world.received(1), [json!({"type": "gone", "room": silent})]);
    assert!(world.received(3).is_empty(), "he never had it in his list");
    assert!(world.listed(1, &silent).is_none() && world.listed(1, &spoken).is_some());
    assert_eq!(world.direct(1, &[bob.person]), silent, "the same people");
    world.ask(1, json!({"type": "join", "room": silent}));
    world.forget();
    world.ask(1, say(&silent, "hi"));
    assert_eq!(each(&world.received(3), "type"), ["room", "activity", "presence"]);
}
