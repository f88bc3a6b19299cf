//! Conversations outlive every process of the server, and nobody who is told of them notices.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use serde_json::{Value, json};

use crate::conversations::{answer, await_frame, newcomer};
use crate::processes::{kill, reload};
use crate::support::{Client, Server, TempDirectory};

const WRITERS: usize = 2;

/// Sends messages one after the other, each until there is a copy of it, and gives the `seq` of the last.
fn write(mut client: Client, room: Value, stop: &AtomicBool) -> u64 {
    let mut last = 0;
    for n in 0.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let id = format!("{n}");
        client.send(json!({"type": "message", "room": room, "text": format!("{n} @所有人"), "id": id}));
        let own = await_frame(&mut client, "its own copy", |frame| frame["id"] == id);
        last = own["seq"].as_u64().expect("a seq");
    }
    last
}

/// What a page that is not in the room is told, until it has heard of this message; none is left out.
fn follow(page: &mut Client, room: &Value, last: u64) -> Value {
    let mut heard = 0;
    loop {
        let frame =
            await_frame(page, "activity", |frame| frame["type"] == "activity" && frame["room"] == *room);
        let seq = frame["seq"].as_u64().expect("a seq");
        assert!(seq <= heard + 1, "{seq} after {heard}");
        heard = heard.max(seq);
        if heard == last {
            return frame;
        }
    }
}

#[test]
fn a_private_room_goes_on_whatever_is_replaced_or_killed() {
    let directory = TempDirectory::new();
    let server = Server::on(directory.path(), ["--workers", "2", "--reactors", "2"]);
    let (mut ann, browser, _) = newcomer(&server, "Ann");
    let room = answer(&mut ann, json!({"type": "create", "room": "Budget", "private": true}))["room"].clone();
    let (mut bob, _, bob_id) = newcomer(&server, "Bob");
    answer(&mut ann, json!({"type": "invite", "room": room, "person": bob_id}));
    let (mut eve, ..) = newcomer(&server, "Eve");
    let stop = AtomicBool::new(false);
    let last = thread::scope(|scope| {
        let writers: Vec<_> = (0..WRITERS)
            .map(|_| {
                let (mut page, _) = Client::signed_in(&server, browser.cookie(), "");
                assert_eq!(answer(&mut page, json!({"type": "join", "room": room}))["type"], "joined");
                let (room, stop) = (room.clone(), &stop);
                scope.spawn(move || write(page, room, stop))
            })
            .collect();
        for _ in 0..3 {
            kill(&server, "hub");
            reload(&server);
            kill(&server, "worker 0");
        }
        stop.store(true, Ordering::Relaxed);
        writers.into_iter().map(|writer| writer.join().expect("no panic")).max().expect("somebody")
    });
    assert!(last > 3, "they have written: {last}");
    let heard = follow(&mut bob, &room, last);
    let listed = answer(&mut bob, json!({"type": "rooms"}))["rooms"].take();
    let listed = listed.as_array().expect("rooms").iter().find(|listed| listed["room"] == room).cloned();
    let listed = listed.expect("he is still a member");
    assert_eq!((&listed["unread"], &listed["mentions"]), (&heard["unread"], &heard["mentions"]));
    assert_eq!((&listed["seq"], &listed["unread"]), (&json!(last), &json!(last)));
    assert_eq!(answer(&mut eve, json!({"type": "join", "room": room}))["code"], "no_such_room");
    assert!(eve.catch_up().iter().all(|frame| frame["room"] != room));
    // What was done just before a hub died is done.
    answer(&mut ann, json!({"type": "remove", "room": room, "person": bob_id}));
    kill(&server, "hub");
    assert_eq!(answer(&mut bob, json!({"type": "join", "room": room}))["code"], "no_such_room");
    assert_eq!(answer(&mut bob, json!({"type": "history", "room": room}))["code"], "no_such_room");
}
