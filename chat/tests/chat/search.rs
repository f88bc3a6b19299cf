//! Searching, and going through history by time and both ways: from outside.

use serde_json::{Value, json};

use crate::conversations::{answer, newcomer};
use crate::support::{Client, Server, seqs, until};

/// Rooms and numbers of what is found.
pub fn found(client: &mut Client, request: Value) -> Vec<(String, u64)> {
    let answer = client.ask(request, "found");
    let hits = answer["hits"].as_array().expect("hits");
    let place =
        |hit: &Value| (hit["room"].as_str().expect("a room").to_owned(), hit["seq"].as_u64().expect("a seq"));
    hits.iter().map(place).collect()
}

pub fn in_lobby(numbers: &[u64]) -> Vec<(String, u64)> {
    numbers.iter().map(|seq| ("lobby".to_owned(), *seq)).collect()
}

pub fn say(client: &mut Client, texts: &[&str]) {
    for text in texts {
        client.send(json!({"type": "message", "text": text, "id": text}));
        client.await_type("message");
    }
}

#[test]
fn everybody_finds_what_was_said_in_public() {
    let server = Server::start();
    let mut ann = Client::person(&server, "Ann", &["lobby"]);
    say(&mut ann, &["一起喝茶吗", "Herr Müller", "**eight** then", "tea at eight"]);
    // Somebody without a session, and in no room.
    let mut bob = Client::person(&server, "Bob", &[]);
    // Who searches right behind the welcome may be asked to do it again.
    bob.catch_up();
    for (text, expected) in [
        ("茶", &[1][..]),
        ("喝茶", &[1]),
        ("茶喝", &[]),
        ("muller", &[2]),
        ("eight", &[4, 3]),
        ("eight te", &[4]),
        // One letter is a word.
        ("eight t", &[]),
        ("\"eight then\"", &[3]),
        ("eig", &[4, 3]),
    ] {
        assert_eq!(found(&mut bob, json!({"type": "search", "text": text})), in_lobby(expected), "{text}");
    }
    let answer = bob.ask(json!({"type": "search", "text": "muller", "id": "s"}), "found");
    assert_eq!((&answer["id"], &answer["more"], answer.get("cursor")), (&json!("s"), &json!(false), None));
    assert_eq!(answer["hits"][0]["context"], json!(["Herr ", "Müller", ""]));
    assert_eq!(answer["hits"][0].get("id"), None, "it is not his");
    assert_eq!(answer["hits"][0]["data"], "Herr Müller");
    assert_eq!(found(&mut bob, json!({"type": "search", "text": "", "from": "ann"})).len(), 4);
    let page = bob.ask(json!({"type": "search", "text": "", "from": "ann", "limit": 3}), "found");
    let cursor = page["cursor"].as_str().expect("a cursor");
    let rest = json!({"type": "search", "text": "", "from": "ann", "limit": 3, "cursor": cursor});
    assert_eq!(found(&mut bob, rest), in_lobby(&[1]));
    let error = bob.ask(json!({"type": "search", "text": "tea", "room": "nowhere", "id": "r"}), "error");
    assert_eq!(
        (&error["code"], &error["room"], &error["id"]),
        (&json!("no_such_room"), &json!("nowhere"), &json!("r"))
    );
    let error = bob.ask(json!({"type": "search", "text": "tea", "cursor": "9.nowhere"}), "error");
    assert_eq!(error["code"], "bad_value");
}

#[test]
fn who_has_not_connected_or_is_plain_does_not_search() {
    let server = Server::start();
    let mut nobody = Client::v1(&server);
    assert_eq!(nobody.ask(json!({"type": "search", "text": "tea"}), "error")["code"], "not_connected");
    let mut plain = Client::plain(&server);
    assert_eq!(plain.ask(json!({"type": "search", "text": "tea"}), "error")["code"], "unknown_type");
}

#[test]
fn what_happens_to_messages_happens_to_what_is_found() {
    let server = Server::start();
    let mut ann = Client::person(&server, "Ann", &["lobby"]);
    say(&mut ann, &["a xylophone", "a zither"]);
    ann.send(json!({"type": "edit", "room": "lobby", "seq": 1, "text": "a bassoon", "id": "e"}));
    ann.await_type("changed");
    ann.send(json!({"type": "delete", "room": "lobby", "seq": 2, "id": "d"}));
    ann.await_type("changed");
    for (text, expected) in [("xylophone", &[][..]), ("bassoon", &[1]), ("zither", &[])] {
        assert_eq!(found(&mut ann, json!({"type": "search", "text": text})), in_lobby(expected), "{text}");
    }
}

#[test]
fn history_goes_both_ways_and_to_a_time() {
    let server = Server::start();
    let mut ann = Client::person(&server, "Ann", &["lobby"]);
    let texts: Vec<String> = (1..=30).map(|n| format!("text {n}")).collect();
    say(&mut ann, &texts.iter().map(String::as_str).collect::<Vec<_>>());
    let history = |ann: &mut Client, mut place: Value| {
        place["type"] = "history".into();
        place["room"] = "lobby".into();
        ann.ask(place, "history")
    };
    let page = history(&mut ann, json!({"after": 10, "limit": 5}));
    assert_eq!(
        (seqs(&page), &page["more"], &page["newer"]),
        (vec![11, 12, 13, 14, 15], &json!(true), &json!(true))
    );
    let page = history(&mut ann, json!({"after": 28}));
    assert_eq!((seqs(&page), &page["newer"]), (vec![29, 30], &json!(false)));
    let all = history(&mut ann, json!({}));
    assert_eq!(all.get("newer"), None, "as it was");
    let time = all["messages"][14]["ts"].as_u64().expect("a time");
    let page = history(&mut ann, json!({"at": time, "limit": 6}));
    let first = page["seq"].as_u64().expect("the first of that time");
    assert_eq!(page["messages"].as_array().expect("messages")[3]["seq"], first);
    let ts = |seq: u64| all["messages"][seq as usize - 1]["ts"].as_u64().expect("a time");
    assert!(ts(first) >= time && (first == 1 || ts(first - 1) < time));
    let page = history(&mut ann, json!({"at": time + 3_600_000, "limit": 6}));
    assert_eq!((seqs(&page), page.get("seq")), ((25..=30).collect(), None));
    let error = ann.ask(json!({"type": "history", "room": "lobby", "at": 1, "after": 2}), "error");
    assert_eq!(error["code"], "bad_value");
}

#[test]
fn searches_have_a_pace_of_their_own() {
    let directory = crate::support::TempDirectory::new();
    let server = Server::on(directory.path(), ["--rate-limits", "1"]);
    let mut ann = Client::person(&server, "Ann", &["lobby"]);
    let refused = (0..60)
        .map(|_| {
            ann.send(json!({"type": "search", "text": "tea", "id": "s"}));
            ann.next()
        })
        .find(|answer| answer["type"] == "error")
        .expect("there is a limit");
    assert_eq!((&refused["code"], &refused["id"]), (&json!("rate_limited"), &json!("s")));
    assert!(refused["retry_after_ms"].as_u64().expect("a time") <= 1_000);
    ann.ask(json!({"type": "history", "room": "lobby"}), "history");
}

/// Whoever may not read a conversation finds nothing of it, whatever they ask for, and is told of it what they would be told if there were none.
#[test]
fn what_is_said_in_private_is_found_by_its_members_alone() {
    let server = Server::start();
    let (mut ann, ..) = newcomer(&server, "Ann");
    let (mut bob, _, bob_id) = newcomer(&server, "李雷");
    let (mut eve, ..) = newcomer(&server, "Eve");
    let mut cy = Client::person(&server, "Cy", &[]);
    for newcomer in [&mut ann, &mut bob, &mut eve, &mut cy] {
        newcomer.catch_up();
    }
    let private =
        answer(&mut ann, json!({"type": "create", "room": "预算", "private": true}))["room"].clone();
    answer(&mut ann, json!({"type": "invite", "room": private, "name": "李雷"}));
    let direct = answer(&mut ann, json!({"type": "direct", "names": ["李雷"]}))["room"]["room"].clone();
    for room in [&json!("lobby"), &private, &direct] {
        answer(&mut ann, json!({"type": "join", "room": room}));
        let sent = answer(&mut ann, json!({"type": "message", "room": room, "text": "the secret 秘密"}));
        assert_eq!(sent["type"], "message", "{sent}");
    }
    let searches = [
        json!({"type": "search", "text": "secret"}),
        json!({"type": "search", "text": "秘密"}),
        json!({"type": "search", "text": "", "from": "Ann"}),
        json!({"type": "search", "text": "", "after": 0}),
    ];
    for search in &searches {
        for member in [&mut ann, &mut bob] {
            let found = rooms_found(member, search.clone());
            assert_eq!(found, [direct.clone(), private.clone(), json!("lobby")], "{search}");
        }
        for outsider in [&mut eve, &mut cy] {
            assert_eq!(rooms_found(outsider, search.clone()), [json!("lobby")], "{search}");
        }
    }
    for outsider in [&mut eve, &mut cy] {
        for room in [&private, &direct, &json!("P0000000000000000")] {
            for request in [
                json!({"type": "search", "text": "secret", "room": room}),
                json!({"type": "history", "room": room, "after": 0}),
                json!({"type": "history", "room": room, "at": 0}),
            ] {
                let refused = answer(outsider, request);
                assert_eq!((&refused["code"], &refused["room"]), (&json!("no_such_room"), room));
            }
            let cursor = format!("1.{}", room.as_str().expect("a key"));
            let refused = answer(outsider, json!({"type": "search", "text": "secret", "cursor": cursor}));
            assert_eq!(refused["code"], "bad_value");
        }
    }
    answer(&mut ann, json!({"type": "remove", "room": private, "person": bob_id}));
    let found = rooms_found(&mut bob, searches[0].clone());
    assert_eq!(found, [direct, json!("lobby")], "who is removed has no more of it");
}

/// The room of each hit.
fn rooms_found(client: &mut Client, request: Value) -> Vec<Value> {
    let found = answer(client, request);
    let hits = found["hits"].as_array().unwrap_or_else(|| panic!("{found}"));
    hits.iter().map(|hit| hit["room"].clone()).collect()
}

#[test]
fn who_searches_at_once_is_answered_or_told_when_to_ask_again() {
    let server = Server::start();
    let mut ann = Client::v1(&server);
    ann.send(json!({"type": "connect", "text": "Ann"}));
    ann.send(json!({"type": "search", "text": "tea", "id": "s"}));
    let first = until("an answer", || Some(ann.next()).filter(|frame| frame["id"] == "s"));
    if first["type"] == "error" {
        assert_eq!((&first["code"], &first["retry_after_ms"]), (&json!("busy"), &json!(50)));
    }
    // What is asked after the hub has answered something else is always.
    ann.catch_up();
    assert_eq!(found(&mut ann, json!({"type": "search", "text": "tea"})), []);
}
