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
