//! How far people have read, what they have not, and who is mentioned.

use super::*;
use crate::limits::MENTIONS_COUNTED_MAX;

/// Ann (1 in the lobby, 2 nowhere) and Bob (3 in the lobby).
fn world() -> (World, [i64; 2]) {
    let mut world = World::new();
    let ann = world.newcomer(2, "Ann");
    world.page(1, ann, &["lobby"]);
    let bob = world.newcomer(3, "Bob");
    world.ask(3, json!({"type": "join", "room": "lobby"}));
    world.forget();
    (world, [ann.person, bob.person])
}

fn counts(frame: &Value) -> Value {
    json!([frame["type"], frame["unread"], frame["mentions"]])
}

#[test]
fn whoever_joins_a_public_room_is_a_member_on_all_devices_until_they_leave() {
    let (mut world, [_, bob]) = world();
    world.ask(3, say("lobby", "before"));
    world.ask(3, json!({"type": "create", "room": "tea"}));
    world.ask(3, json!({"type": "join", "room": "tea"}));
    world.ask(3, say("tea", "one"));
    world.forget();
    let joined = world.answer(1, json!({"type": "join", "room": "tea"})).remove(0);
    assert_eq!((&joined["member"], &joined["read"], &joined["unread"]), (&json!(true), &json!(1), &json!(0)));
    let told = world.received(2);
    assert_eq!((each(&told, "type"), &told[0]["member"]), (vec![json!("room")], &json!(true)));
    // She goes, and what is said meanwhile waits for her.
    world.close(1);
    world.close(2);
    world.ask(3, say("tea", "two"));
    world.replace_hub();
    let login = world.guest("Dora");
    let rooms = world.page(4, login, &[])["rooms"].clone();
    assert!(rooms.as_array().expect("rooms").iter().all(|room| room.get("member").is_none()), "{rooms}");
    let ann = world.session(3).login.expect("signed in");
    assert_eq!(ann.person, bob);
    world.ask(3, json!({"type": "leave", "room": "tea"}));
    assert!(world.listed(3, "tea").expect("public").get("member").is_none());
    assert_eq!(world.refusal(3, json!({"type": "read", "room": "tea", "seq": 1})), "not_joined");
}

#[test]
fn what_was_said_while_nobody_looked_is_counted_over_reconnects_and_hubs() {
    let (mut world, _) = world();
    let ann = world.session(1).login.expect("signed in");
    world.close(1);
    world.close(2);
    for n in 0..3 {
        world.ask(3, say("lobby", &format!("{n} @Ann")));
    }
    world.replace_hub();
    let lobby = world.page(7, ann, &[])["rooms"][0].clone();
    assert_eq!(json!([lobby["read"], lobby["unread"], lobby["mentions"]]), json!([0, 3, 3]));
}

#[test]
fn the_position_is_the_persons_and_all_their_pages_agree() {
    let (mut world, _) = world();
    for n in 0..4 {
        world.ask(3, say("lobby", &format!("{n}")));
    }
    world.forget();
    let own = world.answer(1, json!({"type": "read", "room": "lobby", "seq": 3, "id": "r"}));
    assert_eq!(
        own,
        [json!({"type": "read", "id": "r", "room": "lobby", "seq": 3, "unread": 1, "mentions": 0})]
    );
    assert_eq!(
        world.received(2),
        [json!({"type": "read", "room": "lobby", "seq": 3, "unread": 1, "mentions": 0})]
    );
    assert!(world.received(3).is_empty(), "it is nobody else's business");
    assert_eq!(world.answer(1, json!({"type": "read", "room": "lobby", "seq": 3})).len(), 1);
    assert!(world.received(2).is_empty(), "it is so already");
    world.ask(2, json!({"type": "read", "room": "lobby", "seq": 0}));
    assert_eq!(world.received(1)[0]["unread"], 4, "marked as unread");
    assert_eq!(world.refusal(1, json!({"type": "read", "room": "lobby", "seq": 5})), "bad_value");
    world.ask(1, say("lobby", "me, too"));
    assert_eq!(world.listed(2, "lobby").expect("listed")["unread"], 0, "who writes has read");
}

#[test]
fn pages_that_are_not_in_a_room_are_told_that_there_is_something() {
    let (mut world, [ann, bob]) = world();
    world.ask(3, say("lobby", "**hi** @ann"));
    let told = world.received(2);
    assert_eq!(each(&told, "type"), ["activity"]);
    assert_eq!(
        without_ts(&told[0]),
        json!({"type": "activity", "room": "lobby", "seq": 1, "change": 0, "from": "Bob", "person": bob,
               "unread": 1, "mentions": 1, "data": "hi @ann"})
    );
    let message = world.received(1).remove(0);
    assert_eq!((&message["type"], &message["mentions"]), (&json!("message"), &json!([ann])));
    world.forget();
    world.ask(1, say("lobby", "hi"));
    assert_eq!(counts(&world.received(2)[0]), json!(["activity", 0, 0]), "her own has read all");
    world.ask(2, json!({"type": "join", "room": "lobby"}));
    world.forget();
    world.ask(3, say("lobby", "hi"));
    assert_eq!(each(&world.received(2), "type"), ["message"]);
}

#[test]
fn everybody_can_be_mentioned_and_nobody_is_who_is_no_member() {
    let (mut world, [ann, bob]) = world();
    world.newcomer(4, "韩梅梅");
    let li = world.newcomer(5, "李雷");
    world.ask(5, json!({"type": "join", "room": "lobby"}));
    world.forget();
    let mut mentions = |text: &str| {
        world.ask(3, say("lobby", text));
        world.received(3).pop().expect("own copy").get("mentions").cloned().unwrap_or_default()
    };
    assert_eq!(mentions("你好@李雷你在吗"), json!([li.person]));
    assert_eq!(mentions("＠李雷和@ANN"), json!([ann, li.person]));
    assert_eq!(mentions("@韩梅梅"), Value::Null, "who is no member");
    assert_eq!(mentions("@所有人开会"), json!([0]));
    assert_eq!(mentions("@room and `@Ann`"), json!([0]));
    assert_eq!(mentions("@Bob"), Value::Null, "oneself ({bob})");
    let _ = bob;
}

#[test]
fn edits_and_deletions_change_who_is_mentioned() {
    let (mut world, [ann, _]) = world();
    world.ask(3, say("lobby", "@Ann"));
    world.ask(3, say("lobby", "nobody"));
    world.forget();
    world.ask(3, json!({"type": "edit", "room": "lobby", "seq": 2, "text": "and @Ann"}));
    let told = world.received(1);
    assert_eq!(told[0]["message"]["mentions"], json!([ann]));
    assert_eq!(counts(&told[1]), json!(["read", 2, 2]));
    assert_eq!(counts(&world.received(2)[0]), json!(["read", 2, 2]));
    world.ask(3, json!({"type": "edit", "room": "lobby", "seq": 1, "text": "@所有人 @Ann"}));
    assert_eq!(counts(&world.received(2)[0]), json!(["read", 2, 2]), "a message counts once");
    world.ask(3, json!({"type": "delete", "room": "lobby", "seq": 1}));
    assert_eq!(counts(&world.received(2)[0]), json!(["read", 2, 1]));
    assert_eq!(world.listed(2, "lobby").expect("listed")["mentions"], 1);
    world.ask(1, json!({"type": "read", "room": "lobby", "seq": 2}));
    world.forget();
    world.ask(3, json!({"type": "edit", "room": "lobby", "seq": 2, "text": "nobody"}));
    assert!(world.received(2).is_empty(), "what was read is not counted");
}

#[test]
fn in_a_direct_conversation_the_others_see_how_far_one_has_read() {
    let (mut world, [ann, bob]) = world();
    let room = world.direct(1, &[bob]);
    world.ask(1, json!({"type": "join", "room": room}));
    world.ask(1, say(&room, "hi"));
    let joined = world.answer(3, json!({"type": "join", "room": room})).remove(0);
    assert_eq!(joined["reads"], json!([{"person": ann, "seq": 1}]), "who has written has read");
    assert_eq!(joined["unread"], 1);
    world.forget();
    world.ask(3, json!({"type": "read", "room": room, "seq": 1}));
    assert_eq!(world.received(1), [json!({"type": "read", "room": room, "seq": 1, "person": bob})]);
    let resumed = world.answer(1, json!({"type": "resume", "rooms": {room.as_str(): 1}})).remove(0);
    assert_eq!(resumed["reads"], json!([{"person": bob, "seq": 1}]));
}

#[test]
fn a_room_can_be_muted_for_oneself() {
    let (mut world, _) = world();
    let own = world.answer(1, json!({"type": "quiet", "room": "lobby", "on": true, "id": "q"}));
    assert_eq!(own, [json!({"type": "quiet", "id": "q", "room": "lobby", "on": true})]);
    assert_eq!(world.received(2), [json!({"type": "quiet", "room": "lobby", "on": true})]);
    assert!(world.received(3).is_empty());
    world.replace_hub();
    assert_eq!(world.listed(2, "lobby").expect("listed")["muted"], true);
    assert!(world.listed(3, "lobby").expect("listed").get("muted").is_none());
}

#[test]
fn others_see_that_somebody_writes_and_not_too_often() {
    let (mut world, [ann, _]) = world();
    world.person(5, "Cy", &["lobby"]);
    assert!(world.answer(1, json!({"type": "typing", "room": "lobby"})).is_empty());
    assert_eq!(world.received(3), [json!({"type": "typing", "room": "lobby", "from": "Ann", "person": ann})]);
    world.ask(1, json!({"type": "typing", "room": "lobby"}));
    assert!(world.received(3).is_empty(), "it is too soon");
    world.ask(5, json!({"type": "typing", "room": "lobby"}));
    assert_eq!(world.received(3), [json!({"type": "typing", "room": "lobby", "from": "Cy"})]);
    assert_eq!(world.refusal(2, json!({"type": "typing", "room": "lobby"})), "not_joined");
}

#[test]
fn a_new_name_is_told_to_those_who_talk_with_somebody() {
    let (mut world, [_, bob]) = world();
    let room = world.direct(1, &[bob]);
    world.ask(1, json!({"type": "join", "room": room}));
    world.ask(1, say(&room, "hi"));
    world.forget();
    world.ask(1, json!({"type": "connect", "text": "Anna"}));
    let told = world.received(3);
    let room = told.iter().find(|frame| frame["type"] == "room").expect("told");
    assert_eq!(room["people"][0]["name"], "Anna");
}

#[test]
fn in_a_large_room_only_who_is_mentioned_is_told_and_not_everybody_is() {
    let (mut world, [ann, bob]) = world();
    let lobby = world.hub.rooms.find("lobby").expect("there");
    for n in 0..=NOTICE_MEMBERS_MAX {
        world.hub.rooms[lobby].members.enter(&format!("Member {n}").into());
    }
    world.ask(3, say("lobby", "hi"));
    assert!(world.received(2).is_empty());
    world.ask(3, say("lobby", "hi @Ann @room"));
    assert_eq!(counts(&world.received(2)[0]), json!(["activity", 2, 1]));
    assert_eq!(world.received(3).pop().expect("own copy")["mentions"], json!([ann]));
    let _ = bob;
}

#[test]
fn whom_a_dead_hub_had_not_told_is_told() {
    for commands in 0..12 {
        let (mut world, [_, bob]) = world();
        let room = world.direct(1, &[bob]);
        world.ask(1, json!({"type": "join", "room": room}));
        world.ask(1, say("lobby", "what was published last is known"));
        world.ask(1, json!({"type": "read", "room": "lobby", "seq": 1}));
        world.forget();
        let batch = vec![
            world.asked(1, &json!({"type": "message", "room": room, "text": "hi", "id": "1"})),
            world.asked(3, &json!({"type": "read", "room": "lobby", "seq": 0, "id": "2"})),
            world.asked(3, &json!({"type": "quiet", "room": "lobby", "on": true, "id": "3"})),
        ];
        world.kill_during(commands, batch, vec![]);
        let told = world.received(3);
        let kinds: BTreeSet<_> = told.iter().filter_map(|frame| frame["type"].as_str()).collect();
        assert_eq!(
            kinds,
            ["activity", "presence", "quiet", "read", "room"].into(),
            "killed after {commands} commands: {told:?}"
        );
        assert_eq!(world.listed(3, &room).expect("listed")["unread"], 1);
    }
}

#[test]
fn in_a_crowd_those_are_mentioned_who_are_here_and_others_by_their_name_as_it_is_written() {
    let (mut world, [ann, _]) = world();
    let li = world.guest("李雷");
    let lobby = world.hub.rooms.find("lobby").map(|index| world.hub.rooms[index].id).expect("there");
    for person in (10_000..10_000 + crate::limits::MENTIONABLE_MAX as i64).chain([li.person]) {
        world.hub.writer.put_membership(person, lobby, Default::default(), 1).expect("stored");
    }
    world.hub.writer.commit().expect("committed");
    let mentions = |world: &mut World, text: &str| {
        world.ask(3, say("lobby", text));
        world.received(3).pop().expect("own copy").get("mentions").cloned().unwrap_or_default()
    };
    assert_eq!(mentions(&mut world, "@ann 和@李雷开会 @room"), json!([ann, li.person]));
    world.ask(1, json!({"type": "connect", "text": "Anna Li"}));
    assert_eq!(mentions(&mut world, "@ann"), Value::Null, "she is called differently");
    assert_eq!(mentions(&mut world, "@ANNA LI?"), json!([ann]));
    world.close(1);
    assert_eq!(mentions(&mut world, "@ANNA LI?"), json!([ann]), "she has another page");
    world.close(2);
    assert_eq!(mentions(&mut world, "@ANNA LI?"), Value::Null, "she is not here");
    assert_eq!(mentions(&mut world, "@Anna Li?"), json!([ann]));
}

#[test]
fn a_list_that_is_longer_than_a_frame_goes_on_in_events() {
    let (mut world, _) = world();
    for n in 1..ROOMS_MAX {
        world.hub.rooms.add(crate::store::RoomRow {
            id: 100 + n as i64,
            key: format!("room-{n}"),
            title: format!("Room {n}"),
            topic: "茶".repeat(250),
            ..crate::store::RoomRow::default()
        });
    }
    let told = world.answer(1, json!({"type": "rooms", "id": "r"}));
    let (list, rest) = told.split_first().expect("an answer");
    let first = list["rooms"].as_array().expect("rooms");
    assert!(list.to_string().len() < crate::limits::FRAME_BYTES_MAX && !rest.is_empty());
    assert!(rest.iter().all(|frame| frame["type"] == "room" && frame["joined"] == false));
    assert_eq!(first.len() + rest.len(), ROOMS_MAX, "each once");
}

#[test]
fn who_wrote_and_who_was_written_to_are_as_far_as_before_when_a_batch_comes_again() {
    for commands in 0..12 {
        let (mut world, [_, bob]) = world();
        let room = world.direct(1, &[bob]);
        for conn in [1, 3] {
            world.ask(conn, json!({"type": "join", "room": room}));
            world.ask(conn, json!({"type": "message", "room": room, "text": "hi"}));
        }
        let batch = vec![
            world.asked(1, &json!({"type": "read", "room": room, "seq": 0})),
            world.asked(3, &json!({"type": "leave", "room": room})),
            world.asked(1, &json!({"type": "message", "room": room, "text": "ho"})),
        ];
        world.kill_during(commands, batch, vec![]);
        let what = format!("killed after {commands} commands");
        assert_eq!(world.listed(1, &room).expect("listed")["read"], 3, "{what}: she has written last");
        assert_eq!(world.listed(3, &room).expect("it is back")["unread"], 1, "{what}");
    }
}

#[test]
fn of_more_connections_than_are_told_only_those_of_whoever_is_mentioned_are() {
    let (mut world, [_, bob, eve]) = super::conversations::world();
    let room = world.private(1, "Budget");
    for person in [bob, eve] {
        world.ask(1, json!({"type": "invite", "room": room, "person": person}));
    }
    world.ask(1, json!({"type": "join", "room": room}));
    let index = world.hub.rooms.find(&room).expect("there");
    for conn in 1_000..1_000 + NOTICE_MEMBERS_MAX as u64 {
        world.hub.memberships.note_elsewhere(index, id(conn), true);
    }
    world.forget();
    world.ask(1, say(&room, "hi @Bob"));
    assert_eq!(each(&world.received(3), "type"), ["activity"]);
    assert!(world.received(4).is_empty());
}

#[test]
fn mentions_are_counted_up_to_a_bound() {
    let (mut world, _) = world();
    let count = MENTIONS_COUNTED_MAX + 1;
    world.say_many(3, (0..count).map(|n| format!("{n} @Ann")));
    let told = world.received(2).pop().expect("told");
    assert_eq!(counts(&told), json!(["activity", count, MENTIONS_COUNTED_MAX]));
}
