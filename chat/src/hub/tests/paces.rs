//! Who asks too often is told when to ask again, and nothing is lost.

use std::time::Instant;

use super::*;
use crate::bucket::Rate;
use crate::limits::pace;

fn paced() -> World {
    let mut world = World::new();
    world.hub.pace = Pace::new(1);
    world
}

#[test]
fn messages_beyond_the_limit_are_refused_and_can_be_sent_again() {
    let mut world = paced();
    world.person(1, "Ann", &["lobby"]);
    let once = pace::MESSAGES.at_once as usize;
    let frame =
        |n: usize| json!({"type": "message", "room": "lobby", "text": n.to_string(), "id": n.to_string()});
    let frames: Vec<_> = (0..once + 2).map(frame).collect();
    world.ask_all(frames.iter().map(|frame| (1, frame)));
    let received = world.received(1);
    let (messages, errors): (Vec<_>, Vec<_>) = received.iter().partition(|frame| frame["type"] == "message");
    assert_eq!((messages.len(), errors.len()), (once, 2));
    for (error, n) in errors.iter().zip(once..) {
        assert_eq!(
            (&error["code"], &error["id"], &error["room"]),
            (&json!("rate_limited"), &json!(n.to_string()), &json!("lobby"))
        );
        let wait = error["retry_after_ms"].as_u64().expect("a number");
        assert!((1..=1_000).contains(&wait), "{error}");
    }
    // A little later it is let through, and the numbers have no hole.
    world.hub.pace = Pace::new(0);
    assert_eq!(world.answer(1, frame(once))[0]["seq"], once + 1);
    // What is stored is not stored again.
    assert_eq!(world.answer(1, frame(0))[0]["seq"], 1);
}

#[test]
fn names_rooms_and_joins_have_limits_of_their_own() {
    let mut world = paced();
    world.person(1, "Ann", &["lobby"]);
    let until_refused = |world: &mut World, frame: &dyn Fn(u32) -> Value| -> u32 {
        let refused = (0..1_000).find(|n| {
            let answer = world.answer(1, frame(*n));
            answer.iter().any(|frame| frame["code"] == "rate_limited")
        });
        refused.expect("there is a limit")
    };
    // A slow machine takes so long that more is allowed meanwhile.
    let began = Instant::now();
    let check = |granted: u32, at_once: u32, rate: Rate| {
        let meanwhile = (began.elapsed().as_micros() / rate.interval.as_micros()) as u32 + 1;
        assert!((at_once..=at_once + meanwhile).contains(&granted), "{granted} of {rate:?}");
    };
    let names = until_refused(&mut world, &|n| json!({"type": "connect", "text": format!("Ann {n}")}));
    check(names, pace::NAMES.at_once - 1, pace::NAMES);
    let rooms = until_refused(&mut world, &|n| json!({"type": "create", "room": format!("Room {n}")}));
    check(rooms, pace::ROOMS.at_once, pace::ROOMS);
    let joins = until_refused(&mut world, &|_| json!({"type": "join", "room": "lobby"}));
    check(joins, pace::JOINS.at_once - 1, pace::JOINS);
    assert_eq!(world.answer(1, say("lobby", "hi"))[0]["type"], "message");
}

#[test]
fn requests_that_come_again_after_a_death_do_not_count() {
    let mut world = paced();
    world.person(1, "Ann", &["lobby"]);
    let frame = json!({"type": "message", "room": "lobby", "text": "x", "id": "x"});
    let mut command = world.asked(1, &frame);
    command.repeated = true;
    for _ in 0..2 * pace::MESSAGES.at_once {
        world.handle(vec![command.clone()]);
    }
    assert!(world.received(1).iter().all(|frame| frame["type"] == "message"));
}

#[test]
fn who_types_is_never_told_that_it_is_too_often() {
    let mut world = paced();
    world.person(1, "Ann", &["lobby"]);
    for _ in 0..5 * pace::TYPING.at_once {
        assert!(world.answer(1, json!({"type": "typing", "room": "lobby"})).is_empty());
    }
}

#[test]
fn lists_of_rooms_have_a_limit_of_their_own() {
    let mut world = paced();
    world.person(1, "Ann", &["lobby"]);
    let mut refused = (0..1_000).map(|_| world.answer(1, json!({"type": "rooms"})).remove(0));
    assert!(refused.any(|answer| answer["code"] == "rate_limited"));
    assert_eq!(world.answer(1, json!({"type": "who", "room": "lobby"}))[0]["type"], "who");
}
