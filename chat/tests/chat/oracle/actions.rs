//! What people ask for.

use serde_json::{Value, json};

use super::device::Device;
use super::{Chance, PEOPLE};

const EMOJI: [&str; 3] = ["👍", "❤️", "🎉"];

/// Something that one may ask for who knows what this device knows. `people`: their numbers.
pub(super) fn request(chance: &mut Chance, device: &mut Device, people: &[u64]) -> Value {
    let any = chance.one_of(&device.listing.keys()).clone();
    let entered: Vec<_> = device.rooms.keys().cloned().collect();
    let room = if entered.is_empty() { any.clone() } else { chance.one_of(&entered).clone() };
    let last = device.rooms.get(&room).map_or(0, |room| room.messages.seq) as usize;
    let seq = 1 + chance.below(last.max(1));
    let words = words(chance, &device.name);
    match chance.below(100) {
        0..34 => json!({"type": "message", "room": room, "text": words}),
        34..40 => json!({"type": "message", "room": room, "text": words, "reply_to": seq}),
        40..50 => json!({"type": "edit", "room": room, "seq": seq, "text": words}),
        50..54 => json!({"type": "delete", "room": room, "seq": seq}),
        54..66 => {
            let (emoji, on) = (chance.one_of(&EMOJI), chance.below(3) > 0);
            json!({"type": "react", "room": room, "seq": seq, "emoji": emoji, "on": on})
        }
        66..74 => json!({"type": "join", "room": any}),
        74..76 => json!({"type": "leave", "room": any}),
        76..83 => json!({"type": "read", "room": any, "seq": chance.below(last + 1)}),
        83..85 => json!({"type": "quiet", "room": any, "on": chance.below(2) == 0}),
        85..88 => {
            device.is_away = !device.is_away;
            json!({"type": "away", "away": device.is_away})
        }
        _ => of_rooms(chance, device, &any, people),
    }
}

/// What is said, now and then to somebody.
fn words(chance: &mut Chance, name: &str) -> String {
    let whom = match chance.below(6) {
        0 => format!(" @{}", chance.one_of(&PEOPLE)),
        1 => " @所有人".to_owned(),
        _ => String::new(),
    };
    format!("*{name}* 说 {}{whom}", chance.below(1_000_000))
}

/// Rooms that are made, and what becomes of them.
fn of_rooms(chance: &mut Chance, device: &Device, any: &str, people: &[u64]) -> Value {
    let person = *chance.one_of(people);
    let private: Vec<_> = device.listing.keys().into_iter().filter(|key| key.starts_with('P')).collect();
    let of_private = |frame: Value, chance: &mut Chance| {
        if private.is_empty() {
            return json!({"type": "create", "room": "plans", "private": true});
        }
        let mut frame = frame;
        frame["room"] = json!(chance.one_of(&private));
        frame
    };
    match chance.below(12) {
        0 => json!({"type": "create", "room": format!("room {}", chance.below(6))}),
        1 => json!({"type": "create", "room": "plans", "private": true, "topic": "计划"}),
        2 | 3 => of_private(json!({"type": "invite", "person": person}), chance),
        4 => of_private(json!({"type": "remove", "person": person}), chance),
        5 | 6 => json!({"type": "direct", "people": [person]}),
        7 => json!({"type": "direct", "people": people[..3]}),
        8 => json!({"type": "rename", "room": any, "title": format!("title {}", chance.below(1_000))}),
        9 | 10 => json!({"type": "topic", "room": any, "topic": format!("topic {}", chance.below(3))}),
        _ => {
            json!({"type": "archive", "room": any, "archived": device.listing.is(any, "archived").eq(&false)})
        }
    }
}
