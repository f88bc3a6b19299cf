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

    /// The same by a hub that dies when it has told so much, and by the one that comes next.
    fn die_tidying(&mut self, commands: usize, now: Instant) {
        (self.clients.0.borrow_mut().lasts_for, self.clients.0.borrow_mut().stops) = (Some(commands), true);
        run(async {
            tokio::select! {
                biased;
                () = self.hub.forget_rooms(now) => {}
                // It waits for nothing but its end.
                () = std::future::ready(()) => {}
            }
        });
        self.clients.0.borrow_mut().stops = false;
        self.replace_hub();
    }

    /// Rooms are as old as if they had been made so long before.
    fn age(&self, ms: u64) {
        let age = format!("UPDATE rooms SET created_ms = created_ms - {ms}");
        self.hub.writer.connection().execute(&age, []).expect("written");
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
    assert!(world.hub.rooms.find(&gone).is_none());
    let left = "SELECT count(*) FROM messages WHERE text <> '' OR sender <> '' OR person IS NOT NULL OR client IS NOT NULL";
    assert_eq!(world.count(left), 0, "nothing is left in it");
    assert_eq!(
        world.count("SELECT count(*) FROM messages"),
        1,
        "the last one of all, whose number would come again"
    );
    assert_eq!(world.count("SELECT count(*) FROM search WHERE search MATCH '\"secret\"'"), 0);
    assert_eq!(
        world.count("SELECT count(*) FROM rooms WHERE title = 'Budget' OR topic = 'Q4' AND title <> 'Plans'"),
        0
    );
    world.replace_hub();
    assert!(world.hub.rooms.with_id(number).is_none());
    world.ask(1, say(&kept, "the last one"));
    let next_walk = now + later() + Duration::from_millis(ROOMS_LOOKED_AT_EVERY_MS);
    world.tidy(next_walk);
    world.tidy(next_walk + later());
    assert_eq!(world.count(&format!("SELECT count(*) FROM rooms WHERE id = {number}")), 0);
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
    assert_eq!(world.count("SELECT count(*) FROM rooms WHERE title = 'Budget'"), 0);
    let kept = world.private(1, "Plans");
    assert!(world.number_of(&kept) > number);
}

#[test]
fn the_conversation_that_was_begun_last_goes_like_others_and_is_begun_again_under_its_own_key() {
    let mut world = World::new();
    world.newcomer(1, "Ann");
    let bob = world.newcomer(2, "Bob").person;
    let room = world.direct(1, &[bob]);
    let number = world.number_of(&room);
    world.age(SILENT_DIRECT_KEPT_MS + 1);
    world.forget();
    let now = Instant::now();
    world.tidy(now);
    world.tidy(now + later());
    assert_eq!(world.received(1), [json!({"type": "gone", "room": room})]);
    assert_eq!(world.direct(1, &[bob]), room);
    assert!(world.number_of(&room) > number);
    let next_walk = now + later() + Duration::from_millis(ROOMS_LOOKED_AT_EVERY_MS);
    world.tidy(next_walk);
    world.tidy(next_walk + later());
    assert_eq!(
        world.count("SELECT count(*) FROM rooms WHERE kind <> 0"),
        1,
        "of the old one nothing is left"
    );
    world.replace_hub();
    assert!(world.listed(1, &room).is_some());
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
    world.age(SILENT_DIRECT_KEPT_MS + 1);
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

#[test]
fn whoever_has_a_conversation_in_the_list_is_told_that_it_goes_wherever_the_hub_dies_that_forgets_it() {
    for commands in 0..3 {
        let mut world = World::new();
        let ann = world.newcomer(1, "Ann");
        world.page(2, ann, &[]);
        let bob = world.newcomer(3, "Bob");
        let silent = world.direct(1, &[bob.person]);
        world.age(SILENT_DIRECT_KEPT_MS + 1);
        world.forget();
        let now = Instant::now();
        world.tidy(now);
        // The walk comes first, then what it has found.
        run(world.hub.forget_rooms(now + later()));
        world.die_tidying(commands, now + 2 * later());
        let what = format!("killed after {commands} commands");
        let now = Instant::now();
        for n in 0..3 {
            world.tidy(now + n * later());
        }
        assert!(world.hub.rooms.find(&silent).is_none(), "{what}");
        let gone = json!({"type": "gone", "room": silent});
        for conn in [1, 2] {
            let told = world.received(conn);
            assert!(!told.is_empty() && told.iter().all(|frame| *frame == gone), "{what}, {conn}: {told:?}");
        }
        assert!(world.received(3).is_empty(), "{what}: he never had it in his list");
        assert_eq!(world.direct(1, &[bob.person]), silent, "{what}");
    }
}

#[test]
fn the_name_of_a_forgotten_guest_is_kept_as_long_as_a_conversation_with_them_is() {
    let mut world = World::new();
    world.newcomer(1, "Ann");
    let (bob, cy) = (world.guest("Bob"), world.guest("Cy"));
    let spoken = world.direct(1, &[bob.person]);
    world.ask(1, json!({"type": "join", "room": spoken}));
    world.ask(1, say(&spoken, "hi"));
    let silent = world.direct(1, &[bob.person, cy.person]);
    world.newcomer(2, "Dora");
    world.direct(1, &[world.session(2).login.expect("signed in").person]);
    for guest in [bob, cy] {
        world.hub.writer.end_sessions(guest.person).expect("ended");
    }
    world.replace_hub();
    world.guest("New");
    assert_eq!(world.count("SELECT count(*) FROM gone"), 2);
    let number = world.number_of(&silent);
    world
        .hub
        .writer
        .connection()
        .execute("UPDATE rooms SET created_ms = 0 WHERE id = ?1", [number])
        .expect("written");
    let now = Instant::now();
    world.tidy(now);
    world.tidy(now + later());
    assert!(world.listed(1, &silent).is_none());
    assert_eq!(world.count("SELECT count(*) FROM gone"), 1);
    let people = world.listed(1, &spoken).expect("listed")["people"].take();
    assert_eq!(each(people.as_array().expect("people"), "name"), ["Ann", "Bob"], "there he is who he was");
}
