//! Private rooms, direct conversations and what waits to be read, over real sockets: the hub and the workers agree about who may
//! see what.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use crate::support::{Browser, Client, Server, TempDirectory};

/// Somebody with a session, at a page that has connected; their cookie and their number.
pub fn newcomer(server: &Server, name: &str) -> (Client, Browser, u64) {
    let browser = Browser::guest(server, name);
    let (page, welcome) = Client::signed_in(server, browser.cookie(), "");
    (page, browser, welcome["person"]["id"].as_u64().expect("a number"))
}

/// The next frame of this type for which it holds; others are dropped.
pub fn await_frame(client: &mut Client, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
    loop {
        let frame = client.next();
        if holds(&frame) {
            return frame;
        }
        assert!(frame["type"] != "error", "{what}: {frame}");
    }
}

/// The answer to a request, whatever comes before it.
pub fn answer(client: &mut Client, mut request: Value) -> Value {
    // One that has not been used: messages are known by it.
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let id = format!("asked {}", COUNT.fetch_add(1, Ordering::Relaxed));
    request["id"] = json!(id);
    client.send(request);
    loop {
        let mut frame = client.next();
        if frame["id"] == id {
            frame["id"] = json!("asked");
            return frame;
        }
    }
}

fn listed(client: &mut Client, room: &str) -> Option<Value> {
    let rooms = answer(client, json!({"type": "rooms"}))["rooms"].take();
    rooms.as_array().expect("rooms").iter().find(|listed| listed["room"] == room).cloned()
}

#[test]
fn a_private_room_is_its_members_alone_in_the_hub_and_in_the_workers() {
    let server = Server::start();
    let (mut ann, ..) = newcomer(&server, "Ann");
    let (mut bob, _, bob_id) = newcomer(&server, "李雷");
    let (mut eve, ..) = newcomer(&server, "Eve");
    let mut cy = Client::person(&server, "Cy", &["lobby"]);
    let room = answer(&mut ann, json!({"type": "create", "room": "预算", "private": true}))["room"].clone();
    answer(&mut ann, json!({"type": "join", "room": room}));
    answer(&mut ann, json!({"type": "message", "room": room, "text": "the secret"}));
    // Older history is read by the workers; whoever has just connected is answered by the hub.
    for outsider in [&mut eve, &mut cy] {
        for other in [room.clone(), json!("P0000000000000000")] {
            for request in [
                json!({"type": "history", "room": other}),
                json!({"type": "history", "room": other, "before": 2}),
                json!({"type": "join", "room": other}),
                json!({"type": "resume", "rooms": {other.as_str().expect("a key"): 0}}),
            ] {
                let refused = answer(outsider, request);
                let sentence = "There is no such room. Ask for the `rooms` there are, or `create` it.";
                assert_eq!(
                    refused,
                    json!({"type": "error", "code": "no_such_room", "data": sentence, "id": "asked", "room": other})
                );
            }
        }
    }
    answer(&mut ann, json!({"type": "invite", "room": room, "name": "李雷"}));
    let told = await_frame(&mut bob, "invited", |frame| frame["type"] == "room");
    assert_eq!((&told["room"], &told["by"], &told["kind"]), (&room, &json!("Ann"), &json!("private")));
    let history = answer(&mut bob, json!({"type": "history", "room": room}));
    assert_eq!(history["messages"][0]["data"], "the secret");
    answer(&mut bob, json!({"type": "join", "room": room}));
    answer(&mut ann, json!({"type": "message", "room": room, "text": "你好@李雷"}));
    let message =
        await_frame(&mut bob, "a message", |frame| frame["type"] == "message" && frame["room"] == room);
    assert_eq!(message["mentions"], json!([bob_id]));
    answer(&mut ann, json!({"type": "remove", "room": room, "person": bob_id}));
    await_frame(&mut bob, "removed", |frame| frame["type"] == "gone");
    assert_eq!(answer(&mut bob, json!({"type": "history", "room": room}))["code"], "no_such_room");
    assert!(listed(&mut bob, room.as_str().expect("a key")).is_none());
}

#[test]
fn two_devices_of_one_person_agree_about_what_was_read() {
    let directory = TempDirectory::new();
    let (phone_cookie, room);
    {
        let server = Server::on(directory.path(), [""; 0]);
        let (mut laptop, browser, ann) = newcomer(&server, "Ann");
        let (mut phone, _) = Client::signed_in(&server, browser.cookie(), "");
        let (mut bob, _, bob_id) = newcomer(&server, "Bob");
        let opened = answer(&mut bob, json!({"type": "direct", "people": [ann]}));
        room = opened["room"]["room"].as_str().expect("a key").to_owned();
        answer(&mut bob, json!({"type": "join", "room": room}));
        answer(&mut bob, json!({"type": "message", "room": room, "text": "hi"}));
        for device in [&mut laptop, &mut phone] {
            let told = await_frame(device, "the conversation", |frame| frame["type"] == "room");
            let other = &told["people"][1];
            assert_eq!((&other["id"], &other["name"]), (&json!(bob_id), &json!("Bob")));
            assert_eq!(other["presence"], "online");
            let activity = await_frame(device, "the message", |frame| frame["type"] == "activity");
            assert_eq!((&activity["room"], &activity["unread"]), (&json!(room), &json!(1)));
        }
        answer(&mut laptop, json!({"type": "read", "room": room, "seq": 1}));
        let read = await_frame(&mut phone, "that it was read", |frame| frame["type"] == "read");
        assert_eq!(read, json!({"type": "read", "room": room, "seq": 1, "unread": 0, "mentions": 0}));
        let seen = await_frame(&mut bob, "that it was seen", |frame| frame["type"] == "read");
        assert_eq!(seen, json!({"type": "read", "room": room, "seq": 1, "person": ann}));
        answer(&mut bob, json!({"type": "message", "room": room, "text": "and more"}));
        phone_cookie = browser.cookie().to_owned();
        server.stop();
        let mut server = server;
        server.wait();
    }
    let server = Server::on(directory.path(), [""; 0]);
    let (mut phone, _) = Client::signed_in(&server, &phone_cookie, "");
    let listed = listed(&mut phone, &room).expect("after a restart, too");
    assert_eq!((&listed["read"], &listed["unread"]), (&json!(1), &json!(1)));
}

#[test]
fn what_is_done_to_conversations_can_be_asked_for_again_and_again() {
    let server = Server::start();
    let (mut ann, ..) = newcomer(&server, "Ann");
    let (_bob, _, bob_id) = newcomer(&server, "Bob");
    let room = answer(&mut ann, json!({"type": "create", "room": "Budget", "private": true}))["room"].clone();
    let requests = [
        json!({"type": "join", "room": room}),
        json!({"type": "invite", "room": room, "person": bob_id}),
        json!({"type": "topic", "room": room, "topic": "Q4"}),
        json!({"type": "rename", "room": room, "title": "Budget 2027"}),
        json!({"type": "quiet", "room": room, "on": true}),
        json!({"type": "read", "room": room, "seq": 0}),
        json!({"type": "archive", "room": room, "archived": true}),
        json!({"type": "remove", "room": room, "person": bob_id}),
        json!({"type": "direct", "people": [bob_id]}),
    ];
    for request in requests {
        let (first, second) = (answer(&mut ann, request.clone()), answer(&mut ann, request.clone()));
        assert_ne!(first["type"], "error", "{request}: {first}");
        assert_eq!(first, second, "{request}");
    }
}
