//! What is done to conversations is done once and told, wherever a hub is killed.

use super::conversations::world;
use super::*;

#[test]
fn wherever_a_hub_is_killed_who_left_or_was_removed_is_out_and_knows_it() {
    for commands in 0..60 {
        let (mut world, [_, bob, eve]) = world();
        let room = world.private(1, "Budget");
        for person in [bob, eve] {
            world.ask(1, json!({"type": "invite", "room": room, "person": person}));
        }
        let login = world.session(4).login.expect("signed in");
        world.ask(2, say("lobby", "what was published last is known"));
        world.page(6, login, &[&room]);
        for conn in [1, 3, 4] {
            world.ask(conn, json!({"type": "join", "room": room}));
        }
        world.forget();
        let batch = vec![
            world.asked(1, &json!({"type": "remove", "room": room, "person": bob, "id": "r"})),
            world.asked(4, &json!({"type": "leave", "room": room, "id": "l"})),
            world.asked(1, &json!({"type": "message", "room": room, "text": "alone", "id": "m"})),
        ];
        world.kill_during(commands, batch, vec![]);
        let types = |world: &mut World, conn| -> BTreeSet<String> {
            world
                .received(conn)
                .iter()
                .map(|frame| frame["type"].as_str().expect("a type").to_owned())
                .collect()
        };
        let what = format!("killed after {commands} commands");
        assert!(types(&mut world, 3).contains("gone"), "{what}");
        assert!(types(&mut world, 6).contains("gone"), "{what}");
        assert!(types(&mut world, 4).contains("left"), "{what}");
        let own = types(&mut world, 1);
        assert!(
            ["removed", "membership", "message"].iter().all(|kind| own.contains(*kind)),
            "{what}: {own:?}"
        );
        for conn in [3, 4, 6] {
            assert!(world.listed(conn, &room).is_none(), "{what}");
            assert_eq!(world.refusal(conn, say(&room, "hi")), "no_such_room", "{what}");
            let group =
                world.clients.0.borrow().groups.values().filter(|members| members.contains(&conn)).count();
            assert_eq!(group, 1, "{what}: it is in the group of all alone");
        }
        assert_eq!(world.who(1, &room), json!(["Ann"]), "{what}");
    }
}

#[test]
fn wherever_a_hub_is_killed_each_conversation_begins_once() {
    for commands in 0..20 {
        let (mut world, [_, bob, _]) = world();
        let batch = vec![
            world.asked(1, &json!({"type": "create", "room": "Budget", "private": true, "id": "c"})),
            world.asked(1, &json!({"type": "direct", "people": [bob], "id": "d"})),
        ];
        world.kill_during(commands, batch, vec![]);
        let own = world.received(1);
        let answered = |id: &str| own.iter().any(|frame| frame["id"] == id && frame["type"] != "error");
        assert!(answered("c") && answered("d"), "killed after {commands} commands: {own:?}");
        let told = world.received(2);
        let kinds: BTreeSet<_> = told.iter().filter_map(|frame| frame["kind"].as_str()).collect();
        assert_eq!(kinds, ["direct", "private"].into(), "killed after {commands} commands");
        let rooms = world.answer(1, json!({"type": "rooms"})).remove(0)["rooms"].take();
        assert_eq!(rooms.as_array().map(Vec::len), Some(3), "killed after {commands} commands");
    }
}

#[test]
fn what_was_done_before_a_hub_was_killed_is_not_done_over_what_others_have_done_since() {
    for commands in 0..12 {
        let what = format!("killed after {commands} commands");
        let (mut world, [ann, bob, eve]) = world();
        let room = world.private(1, "Budget");
        let login = world.session(1).login.expect("signed in");
        world.ask(1, json!({"type": "invite", "room": room, "person": eve}));
        for text in ["one", "two"] {
            world.ask(5, say("lobby", text));
        }
        let ask = |world: &mut World, conn, kind: &str, more: Value| {
            let mut frame = json!({"type": kind, "room": room, "id": kind});
            frame.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
            world.asked(conn, &frame)
        };
        let batch = vec![
            ask(&mut world, 1, "invite", json!({"person": bob})),
            ask(&mut world, 1, "remove", json!({"person": eve})),
            ask(&mut world, 1, "rename", json!({"title": "first"})),
            ask(&mut world, 1, "topic", json!({"topic": "first"})),
            ask(&mut world, 1, "archive", json!({"archived": true})),
            ask(&mut world, 1, "read", json!({"room": "lobby", "seq": 1})),
            ask(&mut world, 1, "quiet", json!({"room": "lobby", "on": true})),
        ];
        let meanwhile = vec![
            ask(&mut world, 2, "remove", json!({"person": bob})),
            ask(&mut world, 2, "invite", json!({"person": eve})),
            ask(&mut world, 2, "rename", json!({"title": "second"})),
            ask(&mut world, 2, "topic", json!({"topic": "second"})),
            ask(&mut world, 2, "archive", json!({"archived": false})),
            ask(&mut world, 2, "read", json!({"room": "lobby", "seq": 2})),
            ask(&mut world, 2, "quiet", json!({"room": "lobby", "on": false})),
        ];
        world.forget();
        world.kill_during(commands, batch, meanwhile);
        let own = world.received(1);
        for id in ["invite", "remove", "rename", "topic", "archive", "read", "quiet"] {
            assert!(own.iter().any(|frame| frame["id"] == id && frame["type"] != "error"), "{what}: {own:?}");
        }
        let last = |kind: &str, person: i64| {
            own.iter().rfind(|frame| frame["type"] == kind && frame["person"]["id"] == person).cloned()
        };
        for (person, is_member) in [(bob, false), (eve, true)] {
            if let Some(told) = last("membership", person) {
                assert_eq!(told["member"], is_member, "{what}");
            }
        }
        assert!(world.listed(3, &room).is_none() && world.listed(4, &room).is_some(), "{what}");
        world.page(7, login, &[]);
        let mut listed = world.listed(7, &room).expect("it is Ann's");
        assert_eq!(
            [listed["title"].take(), listed["topic"].take(), listed["archived"].take()],
            [json!("second"), json!("second"), Value::Null],
            "{what}"
        );
        let lobby = world.listed(7, "lobby").expect("everybody's");
        assert_eq!((&lobby["read"], &lobby["muted"]), (&json!(2), &Value::Null), "{what}: {ann}");
    }
}

#[test]
fn whoever_was_removed_while_a_hub_was_killed_and_is_invited_again_comes_in_anew() {
    for commands in 0..8 {
        let what = format!("killed after {commands} commands");
        let (mut world, [_, bob, _]) = world();
        let room = world.private(1, "Budget");
        let invite = json!({"type": "invite", "room": room, "person": bob});
        world.ask(1, invite.clone());
        for conn in [1, 3] {
            world.ask(conn, json!({"type": "join", "room": room}));
        }
        let batch = vec![world.asked(1, &json!({"type": "remove", "room": room, "person": bob}))];
        world.kill_during(commands, batch, vec![]);
        world.ask(1, invite);
        world.replace_hub();
        assert_eq!(world.refusal(3, say(&room, "hi")), "not_joined", "{what}");
        assert_eq!(world.answer(3, json!({"type": "join", "room": room}))[0]["type"], "joined", "{what}");
        world.forget();
        world.ask(1, say(&room, "hi"));
        assert_eq!(each(&world.received(3), "data"), ["hi"], "{what}");
    }
}

#[test]
fn of_all_that_had_changed_when_a_hub_was_killed_everybody_counts_anew_once() {
    let (mut world, _) = world();
    for n in 0..3 {
        world.ask(2, say("lobby", &format!("{n} @Bob")));
    }
    world.ask(3, json!({"type": "join", "room": "lobby"}));
    world.ask(3, json!({"type": "read", "room": "lobby", "seq": 0}));
    world.forget();
    let batch =
        (1..=3).map(|seq| world.asked(2, &json!({"type": "delete", "room": "lobby", "seq": seq}))).collect();
    world.kill_during(0, batch, vec![]);
    let told = world.received(3);
    let read: Vec<_> = told.iter().filter(|frame| frame["type"] == "read").collect();
    assert_eq!(read.len(), 1, "{told:?}");
    assert_eq!(json!([read[0]["unread"], read[0]["mentions"]]), json!([3, 0]));
    assert_eq!(told.len(), 4, "{told:?}");
}
