//! Those who share a direct conversation with somebody know whether they are there, as a person: whatever they are called, and
//! however many connections they have.

use super::*;
use crate::account::Login;

const GRACE: Duration = Duration::from_secs(15);

/// Ann (1), and Bob (2) to whom she has written.
fn world() -> (World, [Login; 2], String) {
    let mut world = World::patient();
    let (ann, bob) = (world.newcomer(1, "Ann"), world.newcomer(2, "Bob"));
    let room = world.direct(1, &[bob.person]);
    world.ask(1, json!({"type": "join", "room": room}));
    world.ask(1, say(&room, "hi"));
    world.ask(1, json!({"type": "leave", "room": room}));
    world.ask(1, json!({"type": "direct", "people": [bob.person]}));
    world.forget();
    (world, [ann, bob], room)
}

/// The frames about people that a connection was sent, without the moments.
fn told(world: &mut World, conn: u64) -> Vec<(Value, Value)> {
    let frames = world.received(conn);
    let frames = frames.iter().filter(|frame| frame["type"] == "presence" && frame.get("person").is_some());
    frames.map(|frame| (frame["person"].clone(), frame["presence"].clone())).collect()
}

fn away(is_away: bool) -> Value {
    json!({"type": "away", "away": is_away})
}

#[test]
fn who_comes_back_within_the_grace_was_not_gone_and_who_does_not_was_seen_when_they_went() {
    let (mut world, [_, bob], room) = world();
    let before = now_ms();
    world.close(2);
    let after = now_ms();
    assert!(told(&mut world, 1).is_empty());
    assert_eq!(world.listed(1, &room).expect("listed")["people"][1]["presence"], "online", "for now");
    world.page(3, bob, &[]);
    world.later(GRACE);
    assert!(told(&mut world, 1).is_empty(), "a page that is opened anew is nobody who comes and goes");
    world.close(3);
    world.forget();
    world.later(GRACE + Duration::from_secs(1));
    let frames = world.received(1);
    assert_eq!(each(&frames, "presence"), ["offline"]);
    let frame = &frames[0];
    assert_eq!((&frame["person"], &frame["name"]), (&json!(bob.person), &json!("Bob")));
    let seen = frame["seen_ms"].as_u64().expect("a moment");
    assert!((before..=after + 1_000).contains(&seen), "when the connection was lost");
    let expected = json!({"id": bob.person, "name": "Bob", "seen_ms": seen});
    assert_eq!(world.listed(1, &room).expect("listed")["people"][1], expected);
    let members = world.answer(1, json!({"type": "members", "room": room})).remove(0);
    assert_eq!(members["people"][1], expected);
    assert_eq!(members["people"][0]["presence"], "online");
    assert!(members["people"][0]["since"].is_u64());
    world.forget();
    world.page(4, bob, &[]);
    assert!(world.listed(4, &room).is_some());
}

#[test]
fn a_person_is_one_whatever_connections_they_have_and_each_page_is_told_once() {
    let (mut world, [_, bob], _) = world();
    let cy = world.newcomer(5, "Cy");
    let group = world.direct(1, &[bob.person, cy.person]);
    world.ask(1, json!({"type": "join", "room": group}));
    world.ask(1, say(&group, "hi all"));
    world.forget();
    world.page(3, bob, &[]);
    world.ask(3, away(true));
    assert!(told(&mut world, 1).is_empty(), "he is at the other one");
    world.ask(2, away(true));
    assert_eq!(told(&mut world, 1), [(json!(bob.person), json!("away"))], "once, for two conversations");
    assert_eq!(told(&mut world, 5), [(json!(bob.person), json!("away"))]);
    assert!(told(&mut world, 2).is_empty(), "he knows that himself");
    world.ask(3, away(false));
    world.close(2);
    assert_eq!(told(&mut world, 1), [(json!(bob.person), json!("online"))]);
    // Who has hidden all that they share is not told.
    world.ask(5, json!({"type": "leave", "room": group}));
    world.forget();
    world.ask(3, away(true));
    assert!(told(&mut world, 5).is_empty());
    assert_eq!(told(&mut world, 1).len(), 1);
}

#[test]
fn guests_of_one_name_are_two_people() {
    let (mut world, [_, bob], room) = world();
    let other = world.newcomer(3, "Bob");
    assert_ne!(other.person, bob.person);
    assert!(told(&mut world, 1).is_empty());
    world.ask(3, away(true));
    world.close(3);
    world.later(GRACE + Duration::from_secs(1));
    assert!(told(&mut world, 1).is_empty());
    assert_eq!(world.listed(1, &room).expect("listed")["people"][1]["presence"], "online");
    let room = world.direct(1, &[other.person]);
    world.ask(1, json!({"type": "join", "room": room}));
    world.ask(1, say(&room, "hi"));
    assert!(world.listed(1, &room).expect("listed")["people"][1]["seen_ms"].is_u64());
}

#[test]
fn who_signs_out_is_gone_at_once() {
    let (mut world, [_, bob], _) = world();
    world.hub.writer.end_session(bob.session).expect("stored");
    world.close(2);
    assert_eq!(told(&mut world, 1), [(json!(bob.person), json!("offline"))]);
    world.later(GRACE + Duration::from_secs(1));
    assert!(told(&mut world, 1).is_empty());
}

#[test]
fn another_hub_goes_on_with_all_of_it_and_nobody_hears_of_that() {
    let (mut world, [_, bob], room) = world();
    let cy = world.newcomer(5, "Cy");
    let other = world.direct(1, &[cy.person]);
    world.ask(1, json!({"type": "join", "room": other}));
    world.ask(1, say(&other, "hi"));
    world.ask(2, away(true));
    world.forget();
    world.close(5);
    world.succeed();
    assert!(told(&mut world, 1).is_empty());
    assert_eq!(world.listed(1, &room).expect("listed")["people"][1]["presence"], "away");
    assert_eq!(world.listed(1, &other).expect("listed")["people"][1]["presence"], "online", "not gone yet");
    // Of this one nobody hears before the hub has died.
    let closed = world.closes(2);
    world.succeed();
    world.handle(vec![closed.clone()]);
    world.handle(vec![Command { attempt: 2, ..closed }]);
    assert!(told(&mut world, 1).is_empty());
    world.later(GRACE + Duration::from_secs(1));
    let mut gone = told(&mut world, 1);
    gone.sort_by_key(|(person, _)| person.as_i64());
    assert_eq!(gone, [(json!(bob.person), json!("offline")), (json!(cy.person), json!("offline"))]);
    assert!(world.hub.writer.departures().expect("read").iter().all(|(room, ..)| *room != 0));
    world.page(6, bob, &[]);
    assert_eq!(world.listed(1, &room).expect("listed")["people"][1]["presence"], "online");
}

/// Ann (1 and 4), who has begun a conversation with Bob (2, and 3, where he is away) and said nothing.
fn begun() -> (World, [Login; 2], String) {
    let mut world = World::patient();
    let (ann, bob) = (world.newcomer(1, "Ann"), world.newcomer(2, "Bob"));
    world.page(3, bob, &[]);
    world.page(4, ann, &[]);
    let room = world.direct(1, &[bob.person]);
    world.forget();
    (world, [ann, bob], room)
}

/// Does anything of this say where somebody is?
fn says_where(value: &Value) -> bool {
    let text = value.to_string();
    ["presence", "since", "seen_ms"].iter().any(|key| text.contains(&format!("\"{key}\"")))
}

#[test]
fn whoever_has_begun_a_conversation_and_said_nothing_does_not_learn_where_somebody_is() {
    let (mut world, [ann, bob], room) = begun();
    for request in [
        json!({"type": "direct", "people": [bob.person]}),
        json!({"type": "members", "room": room}),
        json!({"type": "rooms"}),
        json!({"type": "connect", "text": "Ann"}),
        json!({"type": "join", "room": room}),
    ] {
        let mut told = world.answer(1, request.clone());
        // Who is in a room by name is another matter.
        told.iter_mut()
            .filter(|frame| frame["type"] == "joined")
            .for_each(|frame| drop(frame["people"].take()));
        assert!(!told.is_empty() && !told.iter().any(says_where), "{request}: {told:?}");
    }
    world.forget();
    for conn in [2, 3] {
        world.ask(conn, away(true));
    }
    world.ask(2, away(false));
    world.close(2);
    world.close(3);
    world.later(GRACE + Duration::from_secs(1));
    world.page(5, bob, &[]);
    assert!(told(&mut world, 1).is_empty() && told(&mut world, 4).is_empty());
    assert!(!says_where(&world.page(6, ann, &[])));
}

#[test]
fn with_the_first_message_all_pages_of_both_learn_where_the_other_is() {
    let (mut world, [ann, bob], room) = begun();
    world.ask(1, json!({"type": "join", "room": room}));
    world.ask(2, away(true));
    world.ask(3, away(true));
    world.forget();
    world.ask(1, say(&room, "hi"));
    for conn in [1, 4] {
        assert_eq!(told(&mut world, conn), [(json!(bob.person), json!("away"))], "{conn}");
    }
    for conn in [2, 3] {
        let frames = world.received(conn);
        assert_eq!(each(&frames, "type"), ["room", "activity", "presence"], "{conn}");
        assert_eq!(frames[0]["people"][0]["presence"], "online");
        assert_eq!((&frames[2]["person"], &frames[2]["presence"]), (&json!(ann.person), &json!("online")));
    }
    world.ask(1, say(&room, "once more"));
    assert!(told(&mut world, 4).is_empty(), "it is known by now");
    world.ask(3, away(false));
    assert_eq!(told(&mut world, 4), [(json!(bob.person), json!("online"))]);
    let members = world.answer(1, json!({"type": "members", "room": room})).remove(0);
    assert_eq!(members["people"][1]["presence"], "online");
}

#[test]
fn wherever_a_hub_dies_that_tells_a_first_message_all_learn_where_the_others_are() {
    for commands in 0..16 {
        let (mut world, [_, bob], room) = begun();
        for room in ["lobby", &room] {
            world.ask(1, json!({"type": "join", "room": room}));
        }
        world.ask(1, say("lobby", "before"));
        world.forget();
        let batch =
            vec![world.asked(1, &say(&room, "hi")), world.asked(2, &away(true)), world.asked(3, &away(true))];
        world.kill_during(commands, batch, vec![]);
        for conn in [1, 4] {
            let last = told(&mut world, conn).pop();
            let expected = Some((json!(bob.person), json!("away")));
            assert_eq!(last, expected, "{conn}, killed after {commands} commands");
        }
        assert!(!told(&mut world, 2).is_empty(), "killed after {commands} commands");
    }
}

#[test]
fn a_first_message_that_is_not_stored_tells_nobody_where_anybody_is() {
    let (mut world, _, room) = begun();
    for room in ["lobby", &room] {
        world.ask(1, json!({"type": "join", "room": room}));
    }
    world.fill_disk();
    let text = "long ".repeat(700);
    while world.answer(1, say("lobby", &text))[0]["type"] == "message" {}
    world.forget();
    world.ask(1, say(&room, &text));
    assert_eq!(each(&world.received(1), "code"), ["internal"]);
    assert!(told(&mut world, 4).is_empty());
    world.empty_disk();
    assert!(!says_where(&world.listed(1, &room).expect("listed")["people"]));
}

#[test]
fn only_members_of_a_room_learn_where_its_members_are() {
    let mut world = World::patient();
    world.newcomer(1, "Ann");
    world.newcomer(2, "Bob");
    world.ask(1, json!({"type": "create", "room": "tea"}));
    world.ask(1, json!({"type": "join", "room": "tea"}));
    let members = json!({"type": "members", "room": "tea"});
    let given = world.answer(2, members.clone()).remove(0);
    assert_eq!(
        (each(given["people"].as_array().expect("people"), "name"), says_where(&given)),
        (vec![json!("Ann")], false)
    );
    world.ask(2, json!({"type": "join", "room": "tea"}));
    assert_eq!(world.answer(2, members).remove(0)["people"][0]["presence"], "online");
}
