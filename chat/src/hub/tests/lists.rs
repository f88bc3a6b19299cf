//! The list of rooms has a bound, and what is somebody's own is within it.

use super::conversations::world;
use super::*;
use crate::limits::ROOMS_LISTED_BYTES_MAX;
use crate::store::RoomRow;

#[test]
fn many_public_rooms_push_nobodys_conversations_out_of_their_list() {
    let (mut world, [_, bob, _]) = world();
    let (private, direct) = (world.private(1, "Budget"), world.direct(1, &[bob]));
    let topic = "x".repeat(1_000);
    let count = ROOMS_LISTED_BYTES_MAX / topic.len();
    for n in 0..count as i64 {
        let (id, key) = (1_000 + n, format!("room-{n}"));
        let row = RoomRow { id, title: key.clone(), key, topic: topic.clone(), ..RoomRow::default() };
        world.hub.rooms.add(row);
    }
    let listed = world.answer(1, json!({"type": "rooms"}));
    let first = each(listed[0]["rooms"].as_array().expect("a list"), "room");
    assert_eq!(first[..4], [json!("lobby"), json!(private), json!(direct), json!("room-0")]);
    assert!(first.len() + listed.len() - 1 < count, "not all are listed");
}
