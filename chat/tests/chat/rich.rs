//! The protocol `switchboard.v1`.

use serde_json::json;

use crate::support::{Client, Server, seqs, without_ts};

#[test]
fn connecting_lists_rooms_and_limits() {
    let server = Server::start();
    let mut ann = Client::v1(&server);
    let not_yet = ann.ask(json!({"type": "join", "room": "lobby", "id": "0"}), "error");
    assert_eq!((&not_yet["code"], &not_yet["id"]), (&json!("not_connected"), &json!("0")));
    let welcome = ann.ask(json!({"type": "connect", "text": " Ann ", "id": "1", "client": "k"}), "welcome");
    assert_eq!(
        welcome,
        json!({
            "type": "welcome", "id": "1", "name": "Ann",
            "rooms": [{"room": "lobby", "title": "Lobby", "seq": 0, "members": 0, "joined": false, "change": 0}],
            "limits": {"text": 4000, "name": 32, "room": 48, "page": 50}
        })
    );
    assert_eq!(ann.next(), json!({"type": "connect", "data": "Welcome Ann to join us", "from": "Ann"}));
}

#[test]
fn a_room_from_its_creation_to_its_last_leave() {
    let server = Server::start();
    let mut ann = Client::person(&server, "Ann", &[]);
    let mut bob = Client::person(&server, "Bob", &[]);
    assert_eq!(ann.next()["data"], "Welcome Bob to join us");
    let created = ann.ask(json!({"type": "create", "room": " Tea time 茶", "id": "1"}), "created");
    assert_eq!(created, json!({"type": "created", "id": "1", "room": "tea-time-茶", "title": "Tea time 茶"}));
    for client in [&mut ann, &mut bob] {
        assert_eq!(client.next()["type"], "room");
    }
    let taken = bob.ask(json!({"type": "create", "room": "TEA TIME 茶"}), "error");
    assert_eq!((&taken["code"], &taken["room"]), (&json!("room_exists"), &json!("tea-time-茶")));

    let room = "tea-time-茶";
    let mut joined = ann.ask(json!({"type": "join", "room": room, "id": "2"}), "joined");
    // Which has a time that no test knows.
    let people = joined.as_object_mut().expect("an object").remove("people").expect("people");
    assert_eq!(
        (&people[0]["name"], &people[0]["presence"], people.get(1)),
        (&json!("Ann"), &json!("online"), None)
    );
    assert_eq!(
        joined,
        json!({
            "type": "joined", "id": "2", "room": room, "title": "Tea time 茶", "messages": [], "more": false,
            "seq": 0, "change": 0, "members": ["Ann"], "member_count": 1
        })
    );
    let early = bob.ask(json!({"type": "message", "room": room, "text": "hi"}), "error");
    assert_eq!((&early["code"], &early["room"]), (&json!("not_joined"), &json!(room)));
    bob.ask(json!({"type": "join", "room": room}), "joined");
    assert_eq!(ann.next(), json!({"type": "join", "room": room, "from": "Bob", "members": 2}));

    let own = bob.ask(json!({"type": "message", "room": room, "text": "hi", "id": "c1-17"}), "message");
    let mut message = json!({"type": "message", "data": "hi", "room": room, "seq": 1, "from": "Bob"});
    assert_eq!(without_ts(ann.next()), message);
    message["id"] = json!("c1-17");
    assert_eq!(without_ts(own), message);

    let who = ann.ask(json!({"type": "who", "room": room}), "who");
    assert_eq!(who["members"], json!(["Ann", "Bob"]));
    bob.ask(json!({"type": "leave", "room": room}), "left");
    assert_eq!(ann.next(), json!({"type": "leave", "room": room, "from": "Bob", "members": 1}));
    bob.ask(json!({"type": "join", "room": room}), "joined");
    ann.await_type("join");
    drop(bob);
    assert_eq!(
        ann.next(),
        json!({"type": "leave", "room": room, "from": "Bob", "members": 1}),
        "the line went dead"
    );
    let rooms = ann.ask(json!({"type": "rooms", "id": "3"}), "rooms");
    assert_eq!(
        rooms["rooms"],
        json!([
            {"room": "lobby", "title": "Lobby", "seq": 0, "members": 0, "joined": false, "change": 0},
            {"room": room, "title": "Tea time 茶", "seq": 1, "members": 1, "joined": true, "change": 0}
        ])
    );
}

#[test]
fn history_comes_by_the_page() {
    let server = Server::start();
    let mut ann = Client::person(&server, "Ann", &["lobby"]);
    for n in 1..=70 {
        ann.ask(json!({"type": "message", "room": "lobby", "text": format!("text {n}")}), "message");
    }
    let mut bob = Client::person(&server, "Bob", &[]);
    let joined = bob.ask(json!({"type": "join", "room": "lobby"}), "joined");
    assert_eq!((seqs(&joined), &joined["more"]), ((21..=70).collect(), &json!(true)));
    assert_eq!(joined["messages"][0]["data"], "text 21");
    let page =
        bob.ask(json!({"type": "history", "room": "lobby", "before": 21, "limit": 15, "id": "h"}), "history");
    assert_eq!((seqs(&page), &page["more"], &page["id"]), ((6..=20).collect(), &json!(true), &json!("h")));
    let page = bob.ask(json!({"type": "history", "room": "lobby", "before": 6}), "history");
    assert_eq!((seqs(&page), &page["more"]), ((1..=5).collect(), &json!(false)));
}

#[test]
fn whoever_comes_back_is_given_what_was_missed_once() {
    let server = Server::start();
    let connect = json!({"type": "connect", "text": "Ann", "client": "key"});
    let mut bob = Client::person(&server, "Bob", &["lobby"]);
    let mut ann = Client::v1(&server);
    ann.ask(connect.clone(), "welcome");
    ann.await_type("connect");
    ann.ask(json!({"type": "join", "room": "lobby"}), "joined");
    assert_eq!(ann.ask(json!({"type": "message", "text": "one", "id": "1"}), "message")["seq"], 1);
    drop(ann);
    for n in 2..=10 {
        bob.send(json!({"type": "message", "text": format!("text {n}")}));
        while bob.await_type("message")["seq"] != n {}
    }

    let mut ann = Client::v1(&server);
    ann.ask(connect, "welcome");
    ann.await_type("connect");
    let resumed = ann.ask(json!({"type": "resume", "rooms": {"lobby": 1}, "id": "r"}), "resumed");
    assert_eq!(
        (&resumed["complete"], &resumed["id"], &resumed["seq"]),
        (&json!(true), &json!("r"), &json!(10))
    );
    assert_eq!((seqs(&resumed), &resumed["members"]), ((2..=10).collect(), &json!(["Ann", "Bob"])));
    // Not knowing whether its message arrived, it sends it again.
    let again = ann.ask(json!({"type": "message", "text": "one", "id": "1"}), "message");
    assert_eq!((&again["seq"], &again["id"]), (&json!(1), &json!("1")));
    assert_eq!(ann.ask(json!({"type": "message", "text": "next", "id": "2"}), "message")["seq"], 11);
    while bob.await_type("message")["seq"] != 11 {}
}

#[test]
fn a_position_that_the_server_does_not_know_is_the_last_page_instead() {
    let server = Server::start();
    let mut ann = Client::person(&server, "Ann", &["lobby"]);
    ann.ask(json!({"type": "message", "text": "hi"}), "message");
    let resumed = ann.ask(json!({"type": "resume", "rooms": {"lobby": 41}}), "resumed");
    assert_eq!(
        (&resumed["complete"], &resumed["more"], seqs(&resumed)),
        (&json!(false), &json!(false), vec![1])
    );
    let gone = ann.ask(json!({"type": "resume", "rooms": {"tea": 3}, "id": "r"}), "error");
    assert_eq!(
        (&gone["code"], &gone["room"], &gone["id"]),
        (&json!("no_such_room"), &json!("tea"), &json!("r"))
    );
}
