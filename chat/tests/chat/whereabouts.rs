//! Whether those are there with whom one talks directly, over real sockets, and whatever becomes of the server's processes.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::conversations::{answer, await_frame, newcomer};
use crate::processes::{kill, reload};
use crate::support::{Client, Server, TempDirectory, until};

/// Longer than it takes to come back, and not so long that a test waits for it.
const GRACE: &str = "2";

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is later");
    u64::try_from(since.as_millis()).expect("a time")
}

/// Ann has written to Bob, and knows whether he is there: the number of the conversation's other one stands second.
fn written(ann: &mut Client, bob: u64) -> String {
    let room = begun(ann, bob);
    answer(ann, json!({"type": "message", "room": room, "text": "在吗？"}));
    turned(ann, bob);
    room
}

/// Ann has begun a conversation with Bob, and said nothing.
fn begun(ann: &mut Client, bob: u64) -> String {
    let room = answer(ann, json!({"type": "direct", "people": [bob]}))["room"]["room"].clone();
    answer(ann, json!({"type": "join", "room": room}));
    room.as_str().expect("a key").to_owned()
}

/// What is said of the other one in the list of rooms.
fn other(page: &mut Client, room: &str, person: u64) -> Value {
    let rooms = answer(page, json!({"type": "rooms"}))["rooms"].take();
    let listed = rooms.as_array().expect("rooms").iter().find(|listed| listed["room"] == room).cloned();
    let people = listed.expect("listed")["people"].take();
    people.as_array().expect("people").iter().find(|one| one["id"] == person).expect("one of them").clone()
}

/// The next frame about this person.
fn turned(page: &mut Client, person: u64) -> Value {
    await_frame(page, "where somebody is", |frame| frame["type"] == "presence" && frame["person"] == person)
}

#[test]
fn who_is_gone_was_seen_when_they_went_and_those_who_talk_with_them_are_told() {
    let directory = TempDirectory::new();
    let server = Server::on(directory.path(), ["--leave-grace", GRACE]);
    let (mut ann, ..) = newcomer(&server, "Ann");
    let (bob_page, bob_browser, bob) = newcomer(&server, "李雷");
    let (mut eve, ..) = newcomer(&server, "Eve");
    let room = written(&mut ann, bob);
    let here = other(&mut ann, &room, bob);
    assert_eq!(here["presence"], "online");
    assert!(here["since"].as_u64().is_some_and(|since| since <= now_ms()));
    // A page that is loaded anew, and one that is opened beside it.
    drop(bob_page);
    let (mut one, _) = Client::signed_in(&server, bob_browser.cookie(), "");
    let (two, _) = Client::signed_in(&server, bob_browser.cookie(), "");
    answer(&mut one, json!({"type": "away", "away": true}));
    drop(two);
    let away = turned(&mut ann, bob);
    assert_eq!((&away["presence"], &away["name"]), (&json!("away"), &json!("李雷")));
    let before = now_ms();
    drop(one);
    let gone = turned(&mut ann, bob);
    let seen = gone["seen_ms"].as_u64().expect("a moment");
    assert_eq!(gone["presence"], "offline");
    assert!(seen >= before && seen + 1_500 <= now_ms(), "when he went, not when that was sure: {seen}");
    assert_eq!(other(&mut ann, &room, bob), json!({"id": bob, "name": "李雷", "seen_ms": seen}));
    let members = answer(&mut ann, json!({"type": "members", "room": room}))["people"].take();
    assert_eq!(members[1], json!({"id": bob, "name": "李雷", "seen_ms": seen}));
    assert_eq!(members[0]["presence"], "online");
    let (mut back, _) = Client::signed_in(&server, bob_browser.cookie(), "");
    assert_eq!(turned(&mut ann, bob)["presence"], "online");
    assert_eq!(answer(&mut back, json!({"type": "away", "away": false}))["away"], false);
    let told_eve = eve.catch_up();
    assert!(told_eve.iter().all(|frame| frame["type"] != "presence"), "{told_eve:?}");
}

#[test]
fn who_signs_out_is_gone_at_once_and_stays_so_over_a_restart() {
    let directory = TempDirectory::new();
    let (ann_cookie, room, bob, seen);
    {
        let server = Server::on(directory.path(), ["--leave-grace", "60"]);
        let (mut ann, browser, _) = newcomer(&server, "Ann");
        let (mut page, mut bob_browser, number) = newcomer(&server, "Bob");
        (bob, ann_cookie) = (number, browser.cookie().to_owned());
        room = written(&mut ann, bob);
        assert_eq!(bob_browser.ask(&server, "DELETE", "/session", Value::Null).status, 200);
        assert_eq!(page.await_close(), 3501);
        let gone = turned(&mut ann, bob);
        assert_eq!(gone["presence"], "offline");
        seen = gone["seen_ms"].clone();
        server.stop();
        let mut server = server;
        server.wait();
    }
    let server = Server::on(directory.path(), [""; 0]);
    let (mut ann, _) = Client::signed_in(&server, &ann_cookie, "");
    assert_eq!(other(&mut ann, &room, bob), json!({"id": bob, "name": "Bob", "seen_ms": seen}));
}

#[test]
fn nobody_hears_of_a_reload_or_a_crash_and_who_goes_meanwhile_is_gone() {
    let directory = TempDirectory::new();
    let server = Server::on(directory.path(), ["--leave-grace", GRACE, "--workers", "2"]);
    let (mut ann, ..) = newcomer(&server, "Ann");
    let (mut bob_page, _, bob) = newcomer(&server, "Bob");
    let (cy_page, _, cy) = newcomer(&server, "Cy");
    let rooms = [written(&mut ann, bob), written(&mut ann, cy)];
    answer(&mut bob_page, json!({"type": "away", "away": true}));
    turned(&mut ann, bob);
    for _ in 0..2 {
        kill(&server, "hub");
        reload(&server);
        kill(&server, "worker 0");
    }
    assert!(ann.catch_up().iter().all(|frame| frame["type"] != "presence"));
    assert_eq!(other(&mut ann, &rooms[0], bob)["presence"], "away");
    drop(cy_page);
    kill(&server, "hub");
    let gone = turned(&mut ann, cy);
    assert_eq!(gone["presence"], "offline", "the next hub knows that");
    assert!(gone["seen_ms"].as_u64().is_some_and(|seen| seen <= now_ms()));
    answer(&mut bob_page, json!({"type": "away", "away": false}));
    assert_eq!(turned(&mut ann, bob)["presence"], "online");
    until("they agree", || (other(&mut ann, &rooms[1], cy)["seen_ms"] == gone["seen_ms"]).then_some(()));
}

#[test]
fn guests_of_one_name_are_two_people() {
    let server = Server::start();
    let (mut ann, ..) = newcomer(&server, "Ann");
    let (_here, _, bob) = newcomer(&server, "Bob");
    let (there, _, namesake) = newcomer(&server, "Bob");
    let (room, other_room) = (written(&mut ann, bob), written(&mut ann, namesake));
    drop(there);
    assert_eq!(turned(&mut ann, namesake)["presence"], "offline");
    assert_eq!(other(&mut ann, &room, bob)["presence"], "online");
    assert!(other(&mut ann, &other_room, namesake)["seen_ms"].is_u64());
}

#[test]
fn nobody_learns_where_somebody_is_to_whom_nothing_was_said() {
    let directory = TempDirectory::new();
    let server = Server::on(directory.path(), ["--leave-grace", GRACE]);
    let (mut ann, ..) = newcomer(&server, "Ann");
    let (mut bob_page, _, bob) = newcomer(&server, "李雷");
    let room = begun(&mut ann, bob);
    let unknown = json!({"id": bob, "name": "李雷"});
    assert_eq!(other(&mut ann, &room, bob), unknown);
    let members = answer(&mut ann, json!({"type": "members", "room": room}))["people"].take();
    assert_eq!(members[1], unknown);
    answer(&mut bob_page, json!({"type": "away", "away": true}));
    let told = ann.catch_up();
    assert!(
        told.iter().all(|frame| frame["type"] != "presence" || frame.get("person").is_none()),
        "{told:?}"
    );
    answer(&mut ann, json!({"type": "message", "room": room, "text": "在吗？"}));
    assert_eq!(turned(&mut ann, bob)["presence"], "away", "told with the first message");
    assert_eq!(other(&mut ann, &room, bob)["presence"], "away");
    drop(bob_page);
    assert_eq!(turned(&mut ann, bob)["presence"], "offline");
}
