//! `GET /session?room=KEY`: who comes back is shown the end of their conversation by one request, and nobody anything that is not for them.

use serde_json::{Value, json};

use crate::conversations::{answer, newcomer};
use crate::support::{Browser, Client, Response, Server, TempDirectory, seqs};

/// As the page asks.
fn arrive(server: &Server, browser: &mut Browser, room: &str, client: &str) -> Response {
    let fields = format!("Origin: http://{}\r\nSwitchboard-Client: {client}\r\n", server.address());
    browser.ask_with(server, "GET", &format!("/session?room={room}"), &fields, "")
}

/// All that somebody is told of the room.
fn end(server: &Server, browser: &mut Browser, room: &str) -> Value {
    let response = arrive(server, browser, room, "x");
    assert_eq!(response.status, 200, "{response:?}");
    assert!(response.body["person"]["id"].is_u64(), "{response:?}");
    response.body["room"].clone()
}

#[test]
fn the_end_of_a_conversation_comes_with_who_one_is_and_joining_goes_on_from_there() {
    let server = Server::start();
    let (mut ann, mut browser, _) = newcomer(&server, "Ann");
    let (mut bob, ..) = newcomer(&server, "李雷");
    let created = json!({"type": "create", "room": "Tea time 茶", "topic": "beans"});
    let room = answer(&mut ann, created)["room"].as_str().expect("a key").to_owned();
    answer(&mut ann, json!({"type": "join", "room": room}));
    answer(&mut bob, json!({"type": "join", "room": room}));
    for text in ["1", "2", "@Ann 3"] {
        answer(&mut bob, json!({"type": "message", "room": room, "text": text}));
    }
    answer(&mut ann, json!({"type": "read", "room": room, "seq": 1}));
    drop(ann);
    let shown = end(&server, &mut browser, "tea-time-%E8%8C%B6");
    let (mut ann, welcome) = Client::signed_in(&server, browser.cookie(), "");
    let listed = welcome["rooms"].as_array().expect("rooms").iter().find(|listed| listed["room"] == *room);
    // As the list has it, but for those who are there, of whom a reader knows nothing.
    for key in ["room", "title", "seq", "joined", "change", "topic", "member", "read", "unread", "mentions"] {
        assert_eq!(shown[key], listed.expect("listed")[key], "{key}");
    }
    assert_eq!(
        (&shown["manage"], &shown["members"], &shown["more"]),
        (&json!(true), &Value::Null, &json!(false))
    );
    answer(&mut bob, json!({"type": "message", "room": room, "text": "meanwhile"}));
    let known = json!({(room.as_str()): {"seq": shown["seq"], "change": shown["change"]}});
    ann.send(json!({"type": "resume", "rooms": known}));
    let resumed = ann.await_type("resumed");
    assert_eq!((seqs(&shown), seqs(&resumed)), (vec![1, 2, 3], vec![4]));
    assert_eq!(resumed["complete"], true);
}

#[test]
fn a_long_conversation_is_cut_and_ones_own_messages_carry_their_ids() {
    let server = Server::start();
    let (mut ann, mut browser, _) = newcomer(&server, "Ann");
    ann.send(json!({"type": "connect", "text": "", "client": "my own key"}));
    ann.await_type("welcome");
    answer(&mut ann, json!({"type": "join", "room": "lobby"}));
    for i in 0..60 {
        let sent =
            json!({"type": "message", "room": "lobby", "text": format!("{i}"), "id": format!("own-{i}")});
        ann.ask(sent, "message");
    }
    let mine = arrive(&server, &mut browser, "lobby", "my own key").body["room"].clone();
    let theirs = end(&server, &mut browser, "lobby");
    assert_eq!((seqs(&mine), &mine["more"]), ((11..=60).collect(), &json!(true)));
    assert_eq!((&mine["messages"][0]["id"], &theirs["messages"][0]["id"]), (&json!("own-10"), &Value::Null));
    // However long messages are, the last one is there.
    let long = "*a*`b` ".repeat(570);
    for _ in 0..3 {
        answer(&mut ann, json!({"type": "message", "room": "lobby", "text": long}));
    }
    let shown = end(&server, &mut browser, "lobby");
    assert_eq!((seqs(&shown).last(), &shown["more"]), (Some(&63), &json!(true)));
    assert!(shown.to_string().len() < 200_000);
}

#[test]
fn a_room_that_somebody_may_not_read_is_as_one_that_there_is_not() {
    let server = Server::start();
    let (mut ann, mut own, ann_id) = newcomer(&server, "Ann");
    let (mut bob, mut others, bob_id) = newcomer(&server, "Bob");
    let (_eve, mut outsider, _) = newcomer(&server, "Eve");
    let private =
        answer(&mut ann, json!({"type": "create", "room": "Budget", "private": true}))["room"].clone();
    let direct = answer(&mut ann, json!({"type": "direct", "people": [bob_id]}))["room"]["room"].clone();
    for room in [&private, &direct] {
        answer(&mut ann, json!({"type": "join", "room": room}));
        answer(&mut ann, json!({"type": "message", "room": room, "text": "the secret"}));
    }
    let [private, direct] = [&private, &direct].map(|room| room.as_str().expect("a key"));
    let nowhere = arrive(&server, &mut outsider, "nowhere", "x").body;
    for room in [private, direct] {
        assert_eq!(end(&server, &mut own, room)["messages"][0]["data"], "the secret");
        assert_eq!(arrive(&server, &mut outsider, room, "x").body, nowhere, "to the last letter");
        assert_eq!(nowhere["room"], Value::Null);
    }
    assert_eq!(arrive(&server, &mut others, private, "x").body["room"], Value::Null);
    let shown = end(&server, &mut others, direct);
    assert_eq!((&shown["kind"], &shown["people"][1]["name"]), (&json!("direct"), &json!("Bob")));
    assert_eq!(shown["reads"], json!([{"person": ann_id, "seq": 1}]));
    // Who was in it and is not any more.
    answer(&mut ann, json!({"type": "invite", "room": private, "person": bob_id}));
    assert_eq!(end(&server, &mut others, private)["messages"][0]["data"], "the secret");
    answer(&mut ann, json!({"type": "remove", "room": private, "person": bob_id}));
    bob.await_type("gone");
    assert_eq!(arrive(&server, &mut others, private, "x").body["room"], Value::Null);
    // Whoever is nobody sees nothing at all, of public rooms either, and a session that has ended is nobody's.
    let mut nobody = Browser::default();
    let thief = Browser { cookie: outsider.cookie.clone() };
    outsider.ask(&server, "DELETE", "/session", Value::Null);
    for mut browser in [nobody.clone(), thief] {
        assert_eq!(arrive(&server, &mut browser, "lobby", "x").body, json!({"person": null}));
    }
    assert_eq!(nobody.ask(&server, "GET", "/session?room=lobby", Value::Null).body, json!({"person": null}));
}

#[test]
fn no_page_of_another_site_is_told_and_nothing_is_kept() {
    let server = Server::start();
    let (_ann, mut browser, _) = newcomer(&server, "Ann");
    let elsewhere = "Origin: https://evil.example\r\n";
    assert_eq!(browser.clone().ask_with(&server, "GET", "/session?room=lobby", elsewhere, "").status, 403);
    let response = arrive(&server, &mut browser, "lobby", "x");
    for (field, value) in [
        ("cache-control", "no-store"),
        ("cross-origin-resource-policy", "same-origin"),
        ("x-content-type-options", "nosniff"),
        ("content-type", "application/json"),
    ] {
        assert_eq!(response.header(field), Some(value), "{field}");
    }
    for (room, client) in [("%ff", "x"), ("lobby", "é"), ("lobby", &"x".repeat(65))] {
        let refused = arrive(&server, &mut browser, room, client);
        assert_eq!(
            (refused.status, refused.body["code"].as_str()),
            (400, Some("bad_value")),
            "{room} {client}"
        );
    }
}

#[test]
fn who_comes_very_often_is_told_who_they_are_without_the_room_and_others_have_it() {
    let directory = TempDirectory::new();
    let server = Server::on(directory.path(), ["--rate-limits", "1", "--workers", "1"]);
    let (mut ann, mut bob) = (Browser::guest(&server, "Ann"), Browser::guest(&server, "Bob"));
    let without = (0..400).find(|_| end(&server, &mut ann, "lobby").is_null());
    assert!(without.is_some_and(|times| times > 10), "{without:?}");
    assert_eq!(end(&server, &mut bob, "lobby")["room"], "lobby");
}
