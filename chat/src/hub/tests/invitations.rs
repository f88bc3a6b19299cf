//! Who invites others asks for their attention, and cannot ask for all of it.

use super::conversations::world;
use super::*;
use crate::limits::{INVITATIONS_UNOPENED_MAX, pace};

fn invite(room: &str, person: i64) -> Value {
    json!({"type": "invite", "room": room, "person": person})
}

#[test]
fn nobody_is_put_into_more_rooms_than_they_look_at() {
    let (mut world, [_, bob, eve]) = world();
    let mut rooms = Vec::new();
    for n in 0..=INVITATIONS_UNOPENED_MAX {
        rooms.push(world.private(1, &format!("room {n}")));
    }
    let (last, first) = rooms.split_last().expect("rooms");
    for room in first {
        assert_eq!(world.answer(1, invite(room, bob))[0]["type"], "invited");
    }
    assert_eq!(world.refusal(1, invite(last, bob)), "unopened_invitations");
    assert_eq!(world.answer(1, invite(&first[0], bob))[0]["type"], "invited", "he is a member of that one");
    assert_eq!(world.answer(1, invite(last, eve))[0]["type"], "invited", "others are not concerned");
    world.ask(3, json!({"type": "join", "room": first[0]}));
    assert_eq!(world.answer(1, invite(last, bob))[0]["type"], "invited");
    let more = world.private(1, "one more");
    assert_eq!(world.refusal(1, invite(&more, bob)), "unopened_invitations", "also for another hub");
    world.replace_hub();
    assert_eq!(world.refusal(1, invite(&more, bob)), "unopened_invitations");
    world.ask(3, json!({"type": "read", "room": last, "seq": 0}));
    assert_eq!(world.answer(1, invite(&more, bob))[0]["type"], "invited", "what is read is looked at");
}

#[test]
fn who_has_not_looked_at_an_invitation_is_not_invited_at_every_turn() {
    let (mut world, [_, bob, eve]) = world();
    let rooms: Vec<_> =
        (0..pace::INVITATIONS.at_once + 2).map(|n| world.private(1, &format!("room {n}"))).collect();
    let (last, first) = rooms.split_last().expect("rooms");
    world.hub.pace = Pace::new(1);
    for room in first {
        assert_eq!(world.answer(1, invite(room, bob))[0]["type"], "invited", "the first one does not count");
    }
    assert_eq!(world.refusal(1, invite(last, bob)), "rate_limited");
    assert_eq!(
        world.answer(1, invite(last, eve))[0]["type"],
        "invited",
        "she has looked at all of hers: none"
    );
}
