use super::*;

#[test]
fn a_v1_client_gives_its_name_first() {
    let mut world = World::new();
    world.v1(1);
    for frame in [
        json!({"type": "rooms"}),
        json!({"type": "join", "room": "lobby"}),
        json!({"type": "message", "text": "hi"}),
        json!({"type": "resume", "rooms": {"lobby": 1}}),
    ] {
        assert_eq!(world.refusal(1, frame), "not_connected");
    }
    let frames = world.answer(1, json!({"type": "connect", "text": "Ann", "id": "1", "client": "k"}));
    assert_eq!(
        frames[0],
        json!({
            "type": "welcome", "id": "1", "name": "Ann",
            "rooms": [{"room": "lobby", "title": "Lobby", "seq": 0, "members": 0, "joined": false, "change": 0}],
            "limits": {"text": 4000, "name": 32, "room": 48, "page": 50}
        })
    );
    assert_eq!(frames[1], json!({"type": "connect", "data": "Welcome Ann to join us", "from": "Ann"}));
    let Session { v1, name, client, rooms, .. } = world.session(1);
    assert_eq!((v1, name.as_str(), client.as_str(), rooms), (true, "Ann", "k", vec![]));
}

#[test]
fn joining_shows_the_history_and_then_what_comes() {
    let mut world = World::new();
    world.plain(1);
    world.say_many(1, (0..60).map(|n| format!("text {n}")));
    world.person(2, "Bob", &[]);
    // All in one batch: the join sees the first message and is sent the second.
    world.ask_all([
        (1, &say("lobby", "before")),
        (2, &json!({"type": "join", "room": "lobby", "id": "j"})),
        (1, &say("lobby", "after")),
    ]);
    let frames = world.received(2);
    assert_eq!(each(&frames, "type"), ["joined", "message"]);
    let joined = &frames[0];
    assert_eq!(
        (&joined["id"], &joined["title"], &joined["more"]),
        (&json!("j"), &json!("Lobby"), &json!(true))
    );
    assert_eq!((&joined["seq"], &joined["members"]), (&json!(61), &json!(["Bob"])));
    let expected: Vec<Value> = (12..=61).map(Value::from).collect();
    assert_eq!(each(joined["messages"].as_array().expect("messages"), "seq"), expected);
    assert_eq!(frames[1]["seq"], 62);
}

#[test]
fn comings_and_goings_are_told_to_the_others_in_the_room() {
    let mut world = World::new();
    world.person(1, "Ann", &["lobby"]);
    world.person(2, "Bob", &[]);
    world.person(3, "Cy", &[]);
    world.plain(4);
    world.forget();
    let notice = |kind: &str, from: &str, members: u64| json!({"type": kind, "room": "lobby", "from": from, "members": members});
    assert_eq!(each(&world.answer(2, json!({"type": "join", "room": "lobby"})), "type"), ["joined"]);
    assert_eq!(world.received(1), [notice("join", "Bob", 2)]);
    assert!(world.answer(2, json!({"type": "join", "room": "lobby"}))[0]["type"] == "joined", "again");
    assert!(world.received(1).is_empty(), "but that is no news");
    assert_eq!(
        world.answer(2, json!({"type": "leave", "room": "lobby", "id": "l"})),
        [json!({"type": "left", "id": "l", "room": "lobby"})]
    );
    assert_eq!(world.received(1), [notice("leave", "Bob", 1)]);
    assert_eq!(world.refusal(2, json!({"type": "leave", "room": "lobby"})), "not_joined");
    assert_eq!(world.refusal(2, say("lobby", "hi")), "not_joined");
    world.ask(2, json!({"type": "join", "room": "lobby"}));
    world.forget();
    world.close(2);
    assert_eq!(world.received(1), [notice("leave", "Bob", 1)]);
    assert!(world.received(3).is_empty() && world.received(4).is_empty(), "nobody else is told");
}

#[test]
fn who_comes_into_a_room_or_takes_another_name_while_away_is_seen_to_be_away() {
    let mut world = World::new();
    world.person(1, "Ann", &["lobby"]);
    world.person(2, "Bob", &[]);
    world.ask(2, json!({"type": "away", "away": true}));
    world.forget();
    world.ask(2, json!({"type": "join", "room": "lobby"}));
    let told = world.received(1);
    assert_eq!(each(&told, "type"), ["join", "presence"]);
    assert_eq!((&told[1]["name"], &told[1]["presence"]), (&json!("Bob"), &json!("away")));
    world.forget();
    world.ask(2, json!({"type": "connect", "text": "Bobby"}));
    let told = world.received(1);
    assert_eq!(each(&told, "type"), ["connect", "leave", "join", "presence"]);
    assert_eq!((&told[3]["name"], &told[3]["presence"]), (&json!("Bobby"), &json!("away")));
}

#[test]
fn one_name_on_two_connections_is_one_member() {
    let mut world = World::new();
    world.person(1, "Ann", &["lobby"]);
    world.person(2, "Bob", &["lobby"]);
    world.person(3, "Bob", &["lobby"]);
    let who = world.answer(1, json!({"type": "who", "room": "lobby", "id": "w"}));
    let mut who = who[0].clone();
    let people = who.as_object_mut().expect("an object").remove("people").expect("people");
    assert_eq!(
        who,
        json!({"type": "who", "id": "w", "room": "lobby", "members": ["Ann", "Bob"], "member_count": 2})
    );
    assert_eq!(each(people.as_array().expect("people"), "presence"), ["online", "online"]);
    world.close(2);
    assert!(world.received(1).is_empty(), "Bob is still here");
    world.close(3);
    assert_eq!(each(&world.received(1), "type"), ["leave"]);
}

#[test]
fn a_second_connect_renames_everywhere() {
    let mut world = World::new();
    world.person(1, "Ann", &["lobby"]);
    world.person(2, "Bob", &["lobby"]);
    let frames = world.answer(2, json!({"type": "connect", "text": "Rob"}));
    assert_eq!(each(&frames, "type"), ["welcome", "connect"]);
    assert_eq!(frames[0]["rooms"][0]["joined"], true);
    let others = world.received(1);
    assert_eq!(each(&others, "type"), ["connect", "leave", "join"]);
    assert_eq!(each(&others, "from"), ["Rob", "Bob", "Rob"]);
    assert_eq!(world.answer(2, say("lobby", "hi"))[0]["from"], "Rob");
    world.close(2);
    assert_eq!(each(&world.received(1), "from"), ["Rob", "Rob"]);
}

#[test]
fn plain_clients_are_members_of_the_lobby_once_they_have_a_name() {
    let mut world = World::new();
    world.person(1, "Ann", &["lobby"]);
    world.plain(2);
    assert!(world.received(1).is_empty(), "nobody knows who it is");
    world.ask(2, json!({"type": "connect", "text": "Bob"}));
    assert_eq!(each(&world.received(1), "type"), ["connect", "join"]);
    world.ask(2, json!({"type": "connect", "text": "Rob"}));
    assert_eq!(each(&world.received(1), "type"), ["connect", "leave", "join"]);
    let who = world.answer(1, json!({"type": "who", "room": "lobby"}));
    assert_eq!(who[0]["members"], json!(["Ann", "Rob"]));
    world.close(2);
    assert_eq!(world.received(1), [json!({"type": "leave", "room": "lobby", "from": "Rob", "members": 1})]);
    assert!(world.received(2).iter().all(|frame| frame["type"] == "connect"));
}

#[test]
fn rooms_are_created_once_and_announced_to_all() {
    let mut world = World::new();
    world.person(1, "Ann", &[]);
    world.person(2, "Bob", &[]);
    world.plain(3);
    let create = json!({"type": "create", "room": "Tea time 茶", "id": "c"});
    let room = json!({"type": "room", "room": "tea-time-茶", "title": "Tea time 茶", "seq": 0, "members": 0, "change": 0});
    assert_eq!(
        world.answer(1, create),
        [json!({"type": "created", "id": "c", "room": "tea-time-茶", "title": "Tea time 茶"}), room.clone()]
    );
    assert_eq!(world.received(2), [room]);
    assert!(world.received(3).is_empty());
    let again = world.answer(2, json!({"type": "create", "room": " TEA  time 茶"}));
    assert_eq!((&again[0]["code"], &again[0]["room"]), (&json!("room_exists"), &json!("tea-time-茶")));
    let rooms = world.answer(2, json!({"type": "rooms"}));
    assert_eq!(each(rooms[0]["rooms"].as_array().expect("rooms"), "room"), ["lobby", "tea-time-茶"]);
    assert_eq!(world.refusal(1, json!({"type": "join", "room": "coffee"})), "no_such_room");
    assert_eq!(world.refusal(1, json!({"type": "history", "room": "coffee"})), "no_such_room");
}

#[test]
fn what_is_said_in_a_room_stays_in_the_room() {
    let mut world = World::new();
    world.person(1, "Ann", &[]);
    world.ask(1, json!({"type": "create", "room": "tea"}));
    world.ask(1, json!({"type": "join", "room": "tea"}));
    world.person(2, "Bob", &["lobby"]);
    world.person(3, "Cy", &["tea"]);
    world.plain(4);
    world.ask(1, say("tea", "hi"));
    assert_eq!(each(&world.received(3), "room"), ["tea"]);
    assert!(world.received(2).is_empty() && world.received(4).is_empty());
    assert_eq!(world.answer(3, say("tea", "yes"))[0]["seq"], 2, "each room counts its own");
}

#[test]
fn rooms_are_bounded() {
    let mut world = World::new();
    world.person(1, "Ann", &["lobby"]);
    for n in 1..ROOMS_MAX {
        world.hub.rooms.add(crate::store::RoomRow {
            id: 1 + n as i64,
            key: format!("room-{n}"),
            title: format!("Room {n}"),
            ..crate::store::RoomRow::default()
        });
    }
    assert_eq!(world.refusal(1, json!({"type": "create", "room": "one more"})), "too_many_rooms");
    for n in 1..ROOMS_PER_CONNECTION_MAX {
        assert_eq!(
            world.answer(1, json!({"type": "join", "room": format!("room-{n}")}))[0]["type"],
            "joined"
        );
    }
    let one_more = format!("room-{ROOMS_PER_CONNECTION_MAX}");
    assert_eq!(world.refusal(1, json!({"type": "join", "room": one_more})), "too_many_rooms");
    assert_eq!(
        world.answer(1, json!({"type": "join", "room": "lobby"}))[0]["type"],
        "joined",
        "it is there already"
    );
    world.ask(1, json!({"type": "leave", "room": "room-1"}));
    assert_eq!(world.answer(1, json!({"type": "join", "room": one_more}))[0]["type"], "joined");
}

#[test]
fn a_crowd_is_not_told_of_each_one_that_comes() {
    let mut world = World::new();
    world.person(1, "Ann", &["lobby"]);
    for conn in 2..NOTICE_MEMBERS_MAX as u64 + 10 {
        world.plain(conn);
        world.ask(conn, json!({"type": "connect", "text": format!("n{conn}")}));
    }
    let notices = world.received(1).iter().filter(|frame| frame["type"] == "join").count();
    assert_eq!(notices, NOTICE_MEMBERS_MAX - 1);
}

#[test]
fn older_messages_come_by_the_page() {
    let mut world = World::new();
    world.person(1, "Ann", &["lobby"]);
    world.say_many(1, (0..70).map(|n| format!("text {n}")));
    let history = json!({"type": "history", "room": "lobby", "before": 21, "limit": 50, "id": "h"});
    let page = world.answer(1, history).remove(0);
    assert_eq!((&page["type"], &page["id"], &page["more"]), (&json!("history"), &json!("h"), &json!(false)));
    let expected: Vec<Value> = (1..=20).map(Value::from).collect();
    assert_eq!(each(page["messages"].as_array().expect("messages"), "seq"), expected);
    let page = world.answer(1, json!({"type": "history", "room": "lobby", "limit": 2})).remove(0);
    assert_eq!(each(page["messages"].as_array().expect("messages"), "seq"), [69, 70]);
    assert_eq!(page["more"], true);
}
