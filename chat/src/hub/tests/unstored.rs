//! What is in the way of a transaction, and what is left of one that cannot be committed.

use super::conversations::world;
use super::*;

#[test]
fn whoever_a_hub_meets_first_when_they_begin_a_conversation_can_begin_it() {
    let (mut world, [_, bob, _]) = world();
    for (conn, frame) in [
        (1, json!({"type": "create", "room": "Budget", "private": true})),
        (2, json!({"type": "direct", "people": [bob]})),
    ] {
        world.hub.people.remove(id(conn));
        // That the session is in use is noted again.
        world
            .hub
            .writer
            .connection()
            .execute("UPDATE sessions SET used_ms = used_ms - 200000000", [])
            .expect("older");
        let answer = world.answer(conn, frame);
        assert!(["created", "direct"].iter().any(|kind| answer[0]["type"] == *kind), "{answer:?}");
    }
}
