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
pub(super) fn spoil(world: &mut World) {
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

#[test]
fn who_is_renamed_by_what_is_not_stored_is_called_as_before() {
    let (mut world, bob) = court();
    let sessions = |world: &World| [1, 2, 3, 6].map(|conn| world.session(conn).name);
    let (before, who) = (sessions(&world), world.who(2, "lobby"));
    spoil(&mut world);
    for (conn, frame) in [
        (1, json!({"type": "rename_person", "person": bob, "to": "Bobby"})),
        (3, json!({"type": "connect", "text": "Bobby"})),
    ] {
        world.forget();
        let batch = vec![world.asked(conn, &frame), world.asked(2, &say("lobby", "hi"))];
        world.handle(batch);
        let told = world.received(conn);
        assert_eq!((told.len(), &told[0]["code"]), (1, &json!("internal")), "{frame}: {told:?}");
        let others = [1, 3, 4, 6].into_iter().filter(|other| *other != conn);
        assert!(others.into_iter().all(|other| world.received(other).is_empty()), "{frame}");
        assert_eq!(sessions(&world), before, "{frame}");
        assert_eq!(world.who(2, "lobby"), who, "{frame}");
        assert_eq!(world.hub.writer.identity(bob).expect("read").expect("there").name, "Bob");
    }
    mend(&mut world);
    assert_eq!(world.answer(6, say("lobby", "still me"))[0]["from"], "Bob");
}

/// Ann, at 1 and 2, is the administrator, and Bob is in the lobby at 3 and 6.
fn court() -> (World, i64) {
    let (mut world, [_, bob, _]) = world();
    let login = world.session(1).login.expect("a session");
    let token = crate::account::Token::random().expect("random").hash();
    let made = world.hub.writer.set_password(login, (None, "a hash"), &token, now_ms());
    made.expect("stored").expect("no obstacle");
    world.ask(3, json!({"type": "join", "room": "lobby"}));
    let login = world.session(3).login.expect("a session");
    world.page(6, login, &["lobby"]);
    (world, bob)
}

#[test]
fn an_order_that_is_not_stored_has_no_effect() {
    let (mut world, _) = court();
    spoil(&mut world);
    for order in
        [json!({"type": "mute", "name": "Bob", "minutes": 5}), json!({"type": "guests", "allowed": false})]
    {
        world.forget();
        let batch = vec![world.asked(1, &order), world.asked(2, &say("lobby", "hi"))];
        world.handle(batch);
        assert_eq!(world.received(1)[0]["code"], "internal", "{order}");
    }
    mend(&mut world);
    assert_eq!(world.answer(6, say("lobby", "still me"))[0]["from"], "Bob");
    assert_eq!(world.answer(5, say("lobby", "still here"))[0]["from"], "Cy");
}

#[test]
fn administrators_are_not_told_what_is_not_stored_of_guests() {
    let (mut world, _) = court();
    let login = world.session(1).login.expect("a session");
    world.page(7, login, &[]);
    world.forget();
    spoil(&mut world);
    let order = json!({"type": "guests", "allowed": false});
    let new_name = json!({"type": "connect", "text": ""});
    let batch = vec![world.asked(1, &order), world.asked(7, &new_name), world.asked(2, &say("lobby", "hi"))];
    world.handle(batch);
    let told = |frames: Vec<Value>| frames.into_iter().rfind(|frame| frame["type"] == "guests");
    for conn in [1, 2, 7] {
        let last = told(world.received(conn));
        assert!(last.is_none_or(|frame| frame["allowed"] == true), "{conn}");
    }
}

#[test]
fn whoever_comes_under_a_new_name_that_is_not_stored_is_who_they_were() {
    let (mut world, _) = court();
    let bob_login = world.session(3).login.expect("a session");
    let who = world.who(2, "lobby");
    world.page(7, bob_login, &[]);
    world.close(7);
    world.v1(8);
    let session =
        Session { v1: true, client: "key of 8".into(), login: Some(bob_login), ..Session::default() };
    world.close(8);
    world.clients.0.borrow_mut().sessions.insert(9, session.encode());
    let opened = world.command(9, What::Opened);
    world.handle(vec![opened]);
    spoil(&mut world);
    world.forget();
    let batch = [
        (9, json!({"type": "connect", "text": "Robert"})),
        (9, json!({"type": "join", "room": "lobby"})),
        (2, say("lobby", "hi")),
    ];
    let batch = batch.iter().map(|(conn, frame)| world.asked(*conn, frame)).collect();
    world.handle(batch);
    assert_eq!(world.received(9)[0]["code"], "internal");
    mend(&mut world);
    assert_eq!(world.who(2, "lobby"), who);
    world.replace_hub();
    assert_eq!(world.who(2, "lobby"), who, "for another hub, too");
    assert_eq!(world.answer(9, json!({"type": "connect", "text": ""}))[0]["name"], "Bob");
}
