//! Private rooms and direct conversations: their members', and to all others as if they were not there.

use super::*;
use crate::account::{Login, Token};
use crate::limits::{
    DIRECT_PEOPLE_MAX, PRIVATE_MEMBERS_MAX, PRIVATE_ROOMS_MAX, PRIVATE_ROOMS_PER_PERSON_MAX,
};
use crate::store::NewSession;

impl World {
    /// Somebody with a session, who has no connection yet.
    pub(super) fn guest(&mut self, name: &str) -> Login {
        let token = Token::random().expect("random").hash();
        let session = NewSession { token: &token, agent: "", now_ms: now_ms() };
        self.hub.writer.add_guest(name, session, None).expect("stored").expect("no obstacle");
        self.hub.writer.find_login(&token, now_ms()).expect("read").expect("there")
    }

    /// A connection of theirs, which is in these rooms.
    pub(super) fn page(&mut self, conn: u64, login: Login, rooms: &[&str]) -> Value {
        let session =
            Session { v1: true, client: format!("key of {conn}"), login: Some(login), ..Session::default() };
        self.clients.0.borrow_mut().sessions.insert(conn, session.encode());
        let opened = self.command(conn, What::Opened);
        self.handle(vec![opened]);
        let welcome = self.answer(conn, json!({"type": "connect", "text": ""})).remove(0);
        assert_eq!(welcome["type"], "welcome");
        for room in rooms {
            self.ask(conn, json!({"type": "join", "room": room}));
        }
        self.forget();
        welcome
    }

    /// Somebody new at a connection of their own.
    pub(super) fn newcomer(&mut self, conn: u64, name: &str) -> Login {
        let login = self.guest(name);
        self.page(conn, login, &[]);
        login
    }

    /// The key of a new private room.
    pub(super) fn private(&mut self, conn: u64, title: &str) -> String {
        let answer =
            self.answer(conn, json!({"type": "create", "room": title, "private": true, "topic": "Q4"}));
        assert_eq!(answer[0]["type"], "created", "{answer:?}");
        answer[0]["room"].as_str().expect("a key").to_owned()
    }

    pub(super) fn direct(&mut self, conn: u64, people: &[i64]) -> String {
        let answer = self.answer(conn, json!({"type": "direct", "people": people}));
        assert_eq!(answer[0]["type"], "direct", "{answer:?}");
        answer[0]["room"]["room"].as_str().expect("a key").to_owned()
    }

    /// A room in somebody's list.
    pub(super) fn listed(&mut self, conn: u64, room: &str) -> Option<Value> {
        let rooms = self.answer(conn, json!({"type": "rooms"})).remove(0)["rooms"].take();
        rooms.as_array().expect("a list").iter().find(|listed| listed["room"] == room).cloned()
    }
}

/// Ann (1, and 2 in the lobby), Bob (3), Eve (4), and Cy without a session (5).
pub(super) fn world() -> (World, [i64; 3]) {
    let mut world = World::new();
    let ann = world.newcomer(1, "Ann");
    world.page(2, ann, &["lobby"]);
    let bob = world.newcomer(3, "Bob");
    let eve = world.newcomer(4, "Eve");
    world.person(5, "Cy", &["lobby"]);
    (world, [ann.person, bob.person, eve.person])
}

#[test]
fn a_private_room_is_told_to_its_creator_alone() {
    let (mut world, _) = world();
    let key = world.private(1, "Budget");
    assert!(key.starts_with('P') && key.len() == 17, "{key}");
    let told = world.received(2);
    assert_eq!(each(&told, "type"), ["room"]);
    let expected = json!({
        "type": "room", "room": key, "title": "Budget", "seq": 0, "members": 0, "joined": false, "change": 0,
        "kind": "private", "topic": "Q4", "member": true, "read": 0, "unread": 0, "manage": true,
    });
    assert_eq!(told[0], expected);
    assert!([3, 4, 5].iter().all(|conn| world.received(*conn).is_empty()));
    assert!(world.listed(1, &key).is_some() && world.listed(3, &key).is_none());
    assert_eq!(
        world.answer(3, json!({"type": "create", "room": "Budget"}))[0]["room"],
        "budget",
        "not in the way"
    );
    assert_ne!(world.private(3, "Budget"), key, "nor of another private one");
    assert_eq!(world.refusal(5, json!({"type": "create", "room": "Mine", "private": true})), "not_signed_in");
}

/// Every request that names a room.
fn requests(room: &str, person: i64) -> Vec<Value> {
    let mut requests = vec![
        json!({"type": "message", "text": "hi"}),
        json!({"type": "message", "text": "hi", "reply_to": 1}),
        json!({"type": "edit", "seq": 1, "text": "ho"}),
        json!({"type": "delete", "seq": 1}),
        json!({"type": "react", "seq": 1, "emoji": "👍", "on": true}),
        json!({"type": "join"}),
        json!({"type": "leave"}),
        json!({"type": "who"}),
        json!({"type": "history"}),
        json!({"type": "history", "before": 2}),
        json!({"type": "invite", "person": person}),
        json!({"type": "remove", "person": person}),
        json!({"type": "rename", "title": "Mine"}),
        json!({"type": "topic", "topic": "mine"}),
        json!({"type": "archive", "archived": true}),
        json!({"type": "read", "seq": 0}),
        json!({"type": "read", "seq": 99}),
        json!({"type": "quiet", "on": true}),
        json!({"type": "typing"}),
        json!({"type": "members"}),
    ];
    for request in &mut requests {
        request["room"] = json!(room);
        request["id"] = json!("x");
    }
    requests.push(json!({"type": "resume", "id": "x", "rooms": {room: 0}}));
    requests
}

#[test]
fn to_outsiders_a_room_that_is_not_theirs_is_as_one_that_there_is_not() {
    let (mut world, [ann, bob, eve]) = world();
    let private = world.private(1, "Budget");
    world.ask(1, json!({"type": "join", "room": private}));
    world.ask(1, json!({"type": "message", "room": private, "text": "secret"}));
    world.ask(1, json!({"type": "invite", "room": private, "person": bob}));
    let direct = world.direct(1, &[bob]);
    world.ask(1, json!({"type": "join", "room": direct}));
    world.ask(1, json!({"type": "message", "room": direct, "text": "secret"}));
    for (room, other) in [(&private, "P0000000000000000"), (&direct, "D7-987654")] {
        for conn in [4, 5] {
            for (request, same) in requests(room, ann).iter().zip(requests(other, ann)) {
                let found = world.answer(conn, request.clone());
                let expected = Value::from(world.answer(conn, same)).to_string().replace(other, room);
                assert_eq!(Value::from(found.clone()).to_string(), expected, "{request}");
                let code = found[0]["code"].as_str().expect("an error");
                assert!(code == "no_such_room" || conn == 5 && code == "not_signed_in", "{request}: {code}");
            }
        }
        assert!(world.listed(4, room).is_none() && world.listed(5, room).is_none());
    }
    // Nor does anything of it reach them.
    world.forget();
    world.ask(1, json!({"type": "message", "room": private, "text": "@Eve @room @Bob"}));
    world.ask(1, json!({"type": "rename", "room": private, "title": "Secret"}));
    world.ask(1, json!({"type": "edit", "room": private, "seq": 1, "text": "more"}));
    world.ask(1, json!({"type": "remove", "room": private, "person": bob}));
    assert!([4, 5].iter().all(|conn| world.received(*conn).is_empty()));
    let mentions =
        world.answer(1, json!({"type": "history", "room": private}))[0]["messages"][1]["mentions"].clone();
    assert_eq!(mentions, json!([0, bob]), "and who is no member ({eve}) is not mentioned");
}

#[test]
fn whoever_is_invited_is_a_member_on_all_devices_until_they_leave() {
    let (mut world, [ann, bob, _]) = world();
    let room = world.private(1, "Budget");
    world.ask(1, json!({"type": "join", "room": room}));
    world.ask(1, json!({"type": "message", "room": room, "text": "before"}));
    world.forget();
    world.ask(1, json!({"type": "invite", "room": room, "name": "Bob", "id": "i"}));
    let own = world.received(1);
    let bob_json = json!({"id": bob, "name": "Bob"});
    assert_eq!(own[0], json!({"type": "invited", "id": "i", "room": room, "person": bob_json}));
    assert_eq!(
        own[1],
        json!({"type": "membership", "room": room, "person": bob_json, "member": true, "by": "Ann", "by_person": ann})
    );
    let told = world.received(3);
    assert_eq!((each(&told, "type"), each(&told, "by")), (vec![json!("room")], vec![json!("Ann")]));
    assert_eq!(told[0]["by_person"], ann);
    assert_eq!((&told[0]["unread"], &told[0]["title"]), (&json!(0), &json!("Budget")));
    world.ask(1, json!({"type": "invite", "room": room, "person": bob}));
    assert_eq!(each(&world.received(1), "type"), ["invited"], "once more: nobody else is told");
    assert!(world.received(3).is_empty());

    let joined = world.answer(3, json!({"type": "join", "room": room}));
    assert_eq!(joined[0]["messages"][0]["data"], "before");
    assert_eq!(world.refusal(3, json!({"type": "remove", "room": room, "person": ann})), "not_allowed");
    let members = world.answer(3, json!({"type": "members", "room": room})).remove(0);
    assert_eq!(each(members["people"].as_array().expect("people"), "name"), ["Ann", "Bob"]);
    assert_eq!(each(members["people"].as_array().expect("people"), "presence"), ["online", "online"]);

    world.forget();
    let left = world.answer(3, json!({"type": "leave", "room": room, "id": "l"}));
    assert_eq!(left, [json!({"type": "left", "id": "l", "room": room})]);
    let told = world.received(1);
    assert_eq!(each(&told, "type"), ["leave", "membership"]);
    assert!(told[1].get("by").or(told[1].get("by_person")).is_none(), "nobody has removed them");
    assert_eq!(told[1]["member"], false);
    assert_eq!(world.refusal(3, json!({"type": "join", "room": room})), "no_such_room");
    assert_eq!(world.session(3).rooms, [0i64; 0]);
}

#[test]
fn who_is_removed_is_out_at_once_on_all_devices() {
    let (mut world, [ann, bob, _]) = world();
    let room = world.private(1, "Budget");
    world.ask(1, json!({"type": "invite", "room": room, "person": bob}));
    let login = world.session(3).login.expect("signed in");
    world.page(6, login, &[&room]);
    world.ask(1, json!({"type": "join", "room": room}));
    world.forget();
    world.ask(1, json!({"type": "remove", "room": room, "person": bob, "id": "r"}));
    assert_eq!(each(&world.received(3), "type"), ["gone"]);
    assert_eq!(world.received(6), [json!({"type": "gone", "room": room})]);
    let told = world.received(1);
    assert_eq!(each(&told, "type"), ["removed", "leave", "membership"]);
    assert_eq!((&told[2]["by"], &told[2]["by_person"]), (&json!("Ann"), &json!(ann)));
    world.ask(1, say(&room, "without Bob"));
    assert!(world.received(6).is_empty() && world.received(3).is_empty());
    assert_eq!(world.refusal(6, say(&room, "still here?")), "no_such_room");
    world.ask(1, json!({"type": "remove", "room": room, "person": bob}));
    assert_eq!(each(&world.received(1), "type"), ["removed"], "he is none already");
}

#[test]
fn the_same_people_have_the_same_conversation() {
    let (mut world, [ann, bob, eve]) = world();
    world.forget();
    let answer = world.answer(1, json!({"type": "direct", "people": [bob], "id": "d"})).remove(0);
    let room = answer["room"]["room"].as_str().expect("a key").to_owned();
    assert_eq!((&answer["id"], room.as_str()), (&json!("d"), format!("D{ann}-{bob}").as_str()));
    let people = answer["room"]["people"].as_array().expect("people");
    assert_eq!(
        (each(people, "id"), each(people, "name")),
        (vec![json!(ann), json!(bob)], vec![json!("Ann"), json!("Bob")])
    );
    assert_eq!(answer["room"]["title"], "");
    assert_eq!(each(&world.received(2), "type"), ["room"], "her other page");
    assert!(world.received(3).is_empty(), "he is not told before there is something to read");
    assert!(world.listed(3, &room).is_none());
    assert_eq!(world.direct(3, &[ann]), room);
    let names = json!({"type": "direct", "names": ["Ann", "Eve"]});
    let of_three = world.answer(3, names)[0]["room"]["room"].clone();
    assert_eq!(of_three, format!("D{ann}-{bob}-{eve}"));
    assert_eq!(world.direct(1, &[eve, bob, eve, ann]), of_three.as_str().expect("a key"));
    for people in [vec![ann], vec![]] {
        assert_eq!(
            Envelope::parse(&json!({"type": "direct", "people": people}).to_string()).is_err(),
            people.is_empty()
        );
    }
    assert_eq!(world.refusal(1, json!({"type": "direct", "people": [ann]})), "bad_value", "with oneself");
    assert_eq!(world.refusal(1, json!({"type": "direct", "people": [99_999]})), "no_such_person");
    assert_eq!(
        world.refusal(1, json!({"type": "direct", "names": ["Cy"]})),
        "no_such_person",
        "without a session"
    );
    assert_eq!(world.refusal(5, json!({"type": "direct", "people": [ann]})), "not_signed_in");
    let many: Vec<_> = (0..DIRECT_PEOPLE_MAX).map(|n| world.guest(&format!("Guest {n}")).person).collect();
    assert_eq!(world.refusal(1, json!({"type": "direct", "people": many})), "bad_value");
    assert_eq!(world.refusal(1, json!({"type": "rename", "room": room, "title": "Us"})), "not_allowed");
    assert_eq!(world.refusal(1, json!({"type": "invite", "room": room, "person": eve})), "not_allowed");
}

#[test]
fn of_several_guests_of_a_name_the_one_who_is_here_is_meant() {
    let (mut world, [_, bob, _]) = world();
    let other = world.guest("Bob");
    let with_bob = |world: &mut World| world.answer(1, json!({"type": "direct", "names": ["Bob"]})).remove(0);
    assert_eq!(with_bob(&mut world)["room"]["people"][1]["id"], bob);
    world.page(6, other, &[]);
    assert_eq!(with_bob(&mut world)["code"], "no_such_person", "both are");
    world.close(3);
    assert_eq!(with_bob(&mut world)["room"]["people"][1]["id"], other.person);
}

#[test]
fn a_conversation_that_was_left_is_back_with_its_next_message() {
    let (mut world, [_, bob, _]) = world();
    let room = world.direct(1, &[bob]);
    world.ask(1, json!({"type": "join", "room": room}));
    world.forget();
    world.ask(1, say(&room, "hi"));
    let told = world.received(3);
    assert_eq!(each(&told, "type"), ["room", "activity", "presence"]);
    assert_eq!((&told[1]["unread"], &told[1]["data"]), (&json!(1), &json!("hi")));
    world.ask(3, json!({"type": "join", "room": room}));
    let login = world.session(3).login.expect("signed in");
    world.page(6, login, &[]);
    world.forget();
    assert_eq!(each(&world.answer(3, json!({"type": "leave", "room": room})), "type"), ["left"]);
    assert_eq!(each(&world.received(6), "type"), ["gone"]);
    assert!(world.listed(3, &room).is_none());
    world.forget();
    world.ask(1, say(&room, "again"));
    for conn in [3, 6] {
        let told = world.received(conn);
        assert_eq!(
            (each(&told, "type"), each(&told, "unread")),
            (vec![json!("room"), json!("activity")], vec![json!(2), json!(2)])
        );
    }
    let joined = world.answer(3, json!({"type": "join", "room": room})).remove(0);
    assert_eq!(each(joined["messages"].as_array().expect("messages"), "data"), ["hi", "again"]);
}

#[test]
fn a_room_is_renamed_described_and_archived_by_whoever_has_made_it() {
    let (mut world, _) = world();
    world.ask(1, json!({"type": "create", "room": "Tea time"}));
    world.ask(3, json!({"type": "join", "room": "tea-time"}));
    world.forget();
    let renamed = json!({"type": "rename", "room": "tea-time", "title": "Coffee", "id": "r"});
    assert_eq!(world.refusal(3, renamed.clone()), "not_allowed");
    assert_eq!(world.refusal(5, renamed.clone()), "not_signed_in");
    let own = world.answer(1, renamed.clone()).remove(0);
    assert_eq!((&own["id"], &own["title"], &own["manage"]), (&json!("r"), &json!("Coffee"), &json!(true)));
    for conn in [2, 3, 4, 5] {
        let room = json!({"type": "room", "room": "tea-time", "title": "Coffee", "seq": 0, "members": 1, "change": 0});
        assert_eq!(world.received(conn), [room], "the key stays");
    }
    assert_eq!(world.answer(1, renamed).len(), 1);
    assert!(world.received(2).is_empty(), "it is called so already");
    assert_eq!(world.refusal(3, json!({"type": "create", "room": "COFFEE"})), "room_exists");
    assert_eq!(world.refusal(3, json!({"type": "create", "room": "Tea time"})), "room_exists");
    assert_eq!(
        world.refusal(1, json!({"type": "rename", "room": "tea-time", "title": "Lobby"})),
        "room_exists"
    );
    assert_eq!(
        world.answer(1, json!({"type": "topic", "room": "tea-time", "topic": "beans"}))[0]["topic"],
        "beans"
    );
    assert_eq!(world.listed(5, "tea-time").expect("listed")["topic"], "beans");

    world.ask(3, json!({"type": "message", "room": "tea-time", "text": "hi", "id": "before"}));
    assert_eq!(
        world.answer(1, json!({"type": "archive", "room": "tea-time", "archived": true}))[0]["archived"],
        true
    );
    for request in [
        say("tea-time", "hi"),
        json!({"type": "edit", "room": "tea-time", "seq": 1, "text": "ho"}),
        json!({"type": "delete", "room": "tea-time", "seq": 1}),
        json!({"type": "react", "room": "tea-time", "seq": 1, "emoji": "👍", "on": true}),
    ] {
        assert_eq!(world.refusal(3, request), "archived");
    }
    assert!(world.answer(3, json!({"type": "typing", "room": "tea-time"})).is_empty());
    let before = json!({"type": "message", "room": "tea-time", "text": "hi", "id": "before"});
    assert_eq!(world.answer(3, before)[0]["seq"], 1, "what was sent before has been sent");
    assert_eq!(world.answer(4, json!({"type": "join", "room": "tea-time"}))[0]["messages"][0]["data"], "hi");
    world.replace_hub();
    assert_eq!(world.listed(3, "tea-time").expect("listed")["archived"], true);
    world.ask(1, json!({"type": "archive", "room": "tea-time", "archived": false}));
    assert_eq!(world.answer(3, say("tea-time", "ho"))[0]["seq"], 2);
    assert_eq!(world.refusal(1, json!({"type": "topic", "room": "lobby", "topic": "all"})), "not_allowed");
}

#[test]
fn what_cannot_be_stored_has_not_happened() {
    let (mut world, [_, bob, _]) = world();
    let room = world.private(1, "Budget");
    world.fill_disk();
    let long = "茶".repeat(200);
    let mut refused = 0;
    for n in 0..200 {
        let answer = world.answer(1, json!({"type": "topic", "room": room, "topic": format!("{n} {long}")}));
        refused += usize::from(answer[0]["code"] == "internal");
        let invited = world.answer(1, json!({"type": "invite", "room": room, "person": bob}));
        if invited[0]["code"] == "internal" {
            assert!(world.received(3).is_empty());
            assert_eq!(world.refusal(3, json!({"type": "join", "room": room})), "no_such_room");
        }
    }
    world.empty_disk();
    let topic = world.listed(1, &room).expect("listed")["topic"].clone();
    world.replace_hub();
    assert_eq!(world.listed(1, &room).expect("listed")["topic"], topic, "{refused}");
}

#[test]
fn a_private_room_has_a_bound() {
    let (mut world, _) = world();
    let room = world.private(1, "Budget");
    let id = world.hub.rooms.find(&room).map(|index| world.hub.rooms[index].id).expect("there");
    for person in 1_000..1_000 + PRIVATE_MEMBERS_MAX as i64 - 1 {
        world.hub.writer.put_membership(person, id, Default::default(), 1).expect("stored");
    }
    world.hub.writer.commit().expect("committed");
    assert_eq!(world.refusal(1, json!({"type": "invite", "room": room, "name": "Bob"})), "room_full");
}

#[test]
fn clients_without_a_session_see_what_they_saw() {
    let (mut world, _) = world();
    world.plain(9);
    world.ask(9, json!({"type": "connect", "text": "Plain"}));
    let room = world.private(1, "Budget");
    world.ask(1, json!({"type": "join", "room": room}));
    world.forget();
    world.ask(1, say(&room, "hi"));
    world.ask(2, say("lobby", "hi @Bob @room"));
    let plain = world.received(9);
    assert_eq!(plain.len(), 1);
    assert_eq!(
        without_ts(&plain[0]),
        json!({"type": "message", "data": "hi @Bob @room", "room": "lobby", "seq": 1, "from": "Ann"})
    );
    let rooms = world.answer(5, json!({"type": "rooms"})).remove(0)["rooms"].clone();
    assert_eq!(
        rooms,
        json!([{"room": "lobby", "title": "Lobby", "seq": 1, "members": 3, "joined": true, "change": 0}])
    );
}

#[test]
fn who_keeps_order_manages_the_rooms_that_they_see_and_no_others() {
    let (mut world, [_, bob, _]) = world();
    let room = world.private(1, "Budget");
    let connection = world.hub.writer.connection();
    connection
        .execute("UPDATE people SET role = 'admin', password = 'x' WHERE id = ?1", [bob])
        .expect("an administrator");
    let topic = |room: &str| json!({"type": "topic", "room": room, "topic": "welcome"});
    assert_eq!(world.answer(3, topic("lobby"))[0]["topic"], "welcome");
    assert_eq!(world.answer(3, json!({"type": "rooms"}))[0]["rooms"][0]["manage"], true);
    let archive = json!({"type": "archive", "room": "lobby", "archived": true});
    assert_eq!(world.refusal(3, archive), "not_allowed", "the lobby is always open");
    assert_eq!(world.refusal(3, topic(&room)), "no_such_room");
    world.ask(1, json!({"type": "invite", "room": room, "person": bob}));
    assert_eq!(world.answer(3, topic(&room))[0]["topic"], "welcome");
}

#[test]
fn private_rooms_are_bounded_for_each_person_and_for_all() {
    let (mut world, [ann, ..]) = world();
    let writer = &world.hub.writer;
    let insert = "INSERT INTO rooms (key, title, created_ms, kind) VALUES ('P' || ?1, 'x', 1, 1)";
    for n in 0..PRIVATE_ROOMS_PER_PERSON_MAX as i64 {
        writer.connection().execute(insert, [n]).expect("stored");
        let room = writer.connection().last_insert_rowid();
        let member = "INSERT INTO memberships (person, room_id, since_ms) VALUES (?1, ?2, 1)";
        writer.connection().execute(member, [ann, room]).expect("stored");
    }
    let create = json!({"type": "create", "room": "One more", "private": true});
    assert_eq!(world.refusal(1, create.clone()), "too_many_rooms");
    let room = world.private(3, "Bob's");
    assert_eq!(world.refusal(3, json!({"type": "invite", "room": room, "person": ann})), "too_many_rooms");
    for n in 0..PRIVATE_ROOMS_MAX as i64 {
        let key = format!("Q{n}");
        world.hub.rooms.add(crate::store::RoomRow {
            id: 1_000_000 + n,
            key,
            kind: crate::protocol::conversation::Kind::Private,
            ..crate::store::RoomRow::default()
        });
    }
    assert_eq!(world.refusal(3, create), "too_many_rooms");
    assert_eq!(world.refusal(3, json!({"type": "direct", "people": [ann]})), "too_many_rooms");
    assert_eq!(world.answer(3, json!({"type": "create", "room": "Public"}))[0]["type"], "created");
}

#[test]
fn whoever_is_forgotten_is_a_member_of_direct_conversations_alone() {
    let (mut world, [_, _, eve]) = world();
    let room = world.private(1, "Budget");
    world.ask(1, json!({"type": "invite", "room": room, "person": eve}));
    let direct = world.direct(1, &[eve]);
    world.ask(4, json!({"type": "join", "room": "lobby"}));
    world.close(4);
    world.replace_hub();
    world.hub.writer.end_sessions(eve).expect("ended");
    world.guest("New");
    let kept = world.hub.writer.memberships(eve).expect("read");
    let rooms: Vec<_> = kept.iter().filter_map(|(id, _)| world.hub.rooms.with_id(*id)).collect();
    assert_eq!(rooms, [world.hub.rooms.find(&direct).expect("there")]);
    let people = world.listed(1, &direct).expect("listed")["people"].take();
    assert_eq!(each(people.as_array().expect("people"), "name"), ["Ann", "Eve"], "there she is who she was");
}
