//! What is in the way of a transaction, and what is left of one that cannot be committed.

use super::conversations::world;
use super::*;

#[test]
fn whoever_a_hub_meets_first_when_they_begin_a_conversation_can_begin_it() {
    let (mut world, [_, bob, _]) = world();
    for (conn, frame) in [
        (1, json!({"type": "create", "room": "Budget", "private": true})),
        (2, json!({"type": "direct", "people": [bob]})),
    ] {
        world.hub.people.remove(id(conn));
        // That the session is in use is noted again.
        world
            .hub
            .writer
            .connection()
            .execute("UPDATE sessions SET used_ms = used_ms - 200000000", [])
            .expect("older");
        let answer = world.answer(conn, frame);
        assert!(["created", "direct"].iter().any(|kind| answer[0]["type"] == *kind), "{answer:?}");
    }
}

/// No transaction that notes a request can be committed.
fn spoil(world: &mut World) {
    let connection = world.hub.writer.connection();
    connection
        .execute_batch(
            "CREATE TEMP TRIGGER spoiled BEFORE UPDATE ON last_batch BEGIN SELECT raise(ABORT, 'spoiled'); END",
        )
        .expect("made");
}

fn mend(world: &mut World) {
    world.hub.writer.connection().execute_batch("DROP TRIGGER spoiled").expect("removed");
}

fn kept(world: &World) -> (BTreeMap<String, BTreeSet<u64>>, Vec<Vec<i64>>) {
    let groups = world.clients.0.borrow().groups.clone().into_iter().collect();
    (groups, [1, 2, 3, 4].map(|conn| world.session(conn).rooms).to_vec())
}

#[test]
fn whoever_goes_in_or_out_by_what_is_not_stored_has_not_gone() {
    let (mut world, [_, bob, _]) = world();
    let room = world.private(1, "Budget");
    world.ask(1, json!({"type": "invite", "room": room, "person": bob}));
    for conn in [1, 3] {
        world.ask(conn, json!({"type": "join", "room": room}));
    }
    world.ask(3, json!({"type": "create", "room": "tea"}));
    let before = kept(&world);
    let who = world.who(1, &room);
    spoil(&mut world);
    for (conn, frame) in [
        (3, json!({"type": "leave", "room": room})),
        (1, json!({"type": "remove", "room": room, "person": bob})),
        (4, json!({"type": "join", "room": "tea"})),
        (4, json!({"type": "resume", "rooms": {"tea": 0}})),
    ] {
        world.forget();
        // Joining notes nothing by itself; the message does.
        let batch = vec![world.asked(conn, &frame), world.asked(2, &say("lobby", "hi"))];
        world.handle(batch);
        let told = world.received(conn);
        assert_eq!((told.len(), &told[0]["code"]), (1, &json!("internal")), "{frame}: {told:?}");
        let others = [1, 3, 4].into_iter().filter(|other| *other != conn);
        assert!(others.into_iter().all(|other| world.received(other).is_empty()), "{frame}");
        assert_eq!(kept(&world), before, "{frame}");
        assert_eq!(world.who(1, &room), who, "{frame}");
    }
    mend(&mut world);
    assert_eq!(world.answer(3, say(&room, "still here"))[0]["seq"], 1);
    assert_eq!(each(&world.received(1), "data"), ["still here"]);
    assert_eq!(world.refusal(4, say("tea", "hi")), "not_joined");
    assert_eq!(world.answer(4, json!({"type": "join", "room": "tea"}))[0]["type"], "joined");
    assert_eq!(each(&world.answer(3, json!({"type": "leave", "room": room})), "type"), ["left"]);
}
