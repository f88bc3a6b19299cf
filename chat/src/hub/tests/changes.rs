use super::*;
use crate::limits::{EMOJI_PER_MESSAGE_MAX, REACTION_NAMES_MAX};

/// Ann and Bob in the lobby, a plain client, and a message of Ann's.
fn world() -> World {
    let mut world = World::new();
    world.plain(9);
    world.person(1, "Ann", &["lobby"]);
    world.person(2, "Bob", &["lobby"]);
    world.ask(1, json!({"type": "message", "room": "lobby", "text": "hi", "id": "m1"}));
    world.forget();
    world
}

fn edit(seq: u64, text: &str) -> Value {
    json!({"type": "edit", "room": "lobby", "seq": seq, "text": text, "id": "e"})
}

fn delete(seq: u64) -> Value {
    json!({"type": "delete", "room": "lobby", "seq": seq, "id": "d"})
}

fn react(seq: u64, emoji: &str, on: bool) -> Value {
    json!({"type": "react", "room": "lobby", "seq": seq, "emoji": emoji, "on": on, "id": "r"})
}

fn history(world: &mut World, conn: u64) -> Value {
    world.answer(conn, json!({"type": "history", "room": "lobby"})).remove(0)
}

fn first(world: &mut World, conn: u64) -> Value {
    history(world, conn)["messages"][0].clone()
}

#[test]
fn an_edit_reaches_the_room_and_its_history_and_no_plain_client() {
    let mut world = world();
    world.ask(1, edit(1, "**ho**"));
    let [own] = &world.received(1)[..] else { panic!("one frame") };
    let [told] = &world.received(2)[..] else { panic!("one frame") };
    assert_eq!((&own["type"], &own["id"], &own["change"]), (&json!("changed"), &json!("e"), &json!(1)));
    assert_eq!((&told["id"], &told["seq"], &told["room"]), (&Value::Null, &json!(1), &json!("lobby")));
    let message = &told["message"];
    assert_eq!(
        (&message["data"], &message["change"], &message["quote"]),
        (&json!("**ho**"), &json!(1), &json!("ho"))
    );
    assert_eq!(message["html"], "<p><strong>ho</strong></p>");
    assert!(message["edited"].as_u64() >= message["ts"].as_u64());
    assert!(world.received(9).is_empty());
    let stored = first(&mut world, 1);
    assert_eq!((&stored["data"], &stored["id"]), (&json!("**ho**"), &json!("m1")));
    assert_eq!(history(&mut world, 2)["change"], 1);
}

#[test]
fn what_was_deleted_is_gone_and_keeps_its_place() {
    let mut world = world();
    world.ask(2, json!({"type": "message", "text": "why?", "room": "lobby", "reply_to": 1}));
    world.ask(2, react(1, "👍", true));
    world.forget();
    world.ask(1, delete(1));
    let told = world.received(2).remove(0);
    assert_eq!(
        (&told["change"], &told["message"]["deleted"], &told["message"]["data"]),
        (&json!(2), &json!(true), &json!(""))
    );
    let page = history(&mut world, 2);
    let messages = page["messages"].as_array().expect("messages");
    assert_eq!(each(messages, "seq"), [1, 2]);
    assert_eq!(messages[0]["reactions"], Value::Null);
    assert_eq!(messages[1]["reply"], json!({"seq": 1, "from": "Ann", "data": "", "deleted": true}));
    let connection = world.hub.writer.connection();
    let left: i64 = connection
        .query_row(
            "SELECT (SELECT count(*) FROM reactions) + (SELECT count(*) FROM messages WHERE text = 'hi')",
            [],
            |row| row.get(0),
        )
        .expect("counted");
    assert_eq!(left, 0, "nothing of it is in the database");
    for frame in [edit(1, "again"), react(1, "👍", true)] {
        assert_eq!(world.refusal(1, frame), "no_such_message");
    }
    let again = world.answer(1, delete(1));
    assert_eq!((again.len(), &again[0]["type"], &again[0]["change"]), (1, &json!("changed"), &json!(2)));
    assert!(world.received(2).is_empty(), "nothing has happened");
}

#[test]
fn only_the_own_messages_can_be_edited_and_deleted() {
    let mut world = world();
    for frame in [edit(1, "x"), delete(1)] {
        assert_eq!(world.refusal(2, frame), "not_yours");
    }
    for frame in [
        edit(2, "x"),
        delete(0),
        react(7, "👍", true),
        json!({"type": "message", "room": "lobby", "text": "x", "reply_to": 2}),
    ] {
        assert_eq!(world.refusal(1, frame), "no_such_message");
    }
    world.person(3, "Cy", &[]);
    assert_eq!(world.refusal(3, react(1, "👍", true)), "not_joined");
    assert_eq!(world.refusal(9, delete(1)), "unknown_type");
    // Who comes back under the own key is the same.
    world.v1(4);
    let key = world.session(1).client;
    world.ask(4, json!({"type": "connect", "text": "Ann", "client": key}));
    world.ask(4, json!({"type": "join", "room": "lobby"}));
    assert_eq!(world.answer(4, edit(1, "from elsewhere"))[0]["type"], "changed");
}

#[test]
fn a_reaction_is_counted_once_for_each_name() {
    let mut world = world();
    world.ask(2, react(1, "👍", true));
    assert_eq!(
        world.received(1),
        [
            json!({"type": "reaction", "room": "lobby", "seq": 1, "change": 1, "emoji": "👍", "from": "Bob", "on": true, "count": 1})
        ]
    );
    assert_eq!(world.received(2)[0]["id"], "r");
    let again = world.answer(2, react(1, "👍", true));
    assert_eq!(
        (&again[0]["count"], &again[0]["change"], &again[0]["id"]),
        (&json!(1), &json!(1), &json!("r"))
    );
    assert!(world.received(1).is_empty(), "it is there already");
    world.ask(1, react(1, "👍", true));
    world.ask(1, react(1, "❤", true));
    assert_eq!(
        first(&mut world, 1)["reactions"],
        json!([{"emoji": "👍", "count": 2, "from": ["Bob", "Ann"], "mine": true}, {"emoji": "❤️", "count": 1, "from": ["Ann"], "mine": true}])
    );
    world.ask(1, react(1, "👍", false));
    world.ask(2, react(1, "👍", false));
    assert_eq!(first(&mut world, 2)["reactions"], json!([{"emoji": "❤️", "count": 1, "from": ["Ann"]}]));
    assert_eq!(history(&mut world, 2)["change"], 5);
}

#[test]
fn reactions_are_bounded_and_the_first_names_are_told() {
    let mut world = world();
    let count = REACTION_NAMES_MAX as u64 + 2;
    for conn in 100..100 + count {
        world.person(conn, &format!("P{conn}"), &["lobby"]);
        world.ask(conn, react(1, "👍", true));
    }
    world.forget();
    world.ask(100, react(1, "👍", false));
    let told = world.received(1).remove(0);
    assert_eq!(
        (&told["count"], told["names"].as_array().map(Vec::len)),
        (&json!(count - 1), Some(REACTION_NAMES_MAX))
    );
    assert_eq!(first(&mut world, 1)["reactions"][0]["from"], told["names"]);
    let emoji = |n: u32| char::from_u32(0x1F600 + n).expect("a character").to_string();
    for n in 1..EMOJI_PER_MESSAGE_MAX as u32 {
        world.ask(1, react(1, &emoji(n), true));
    }
    assert_eq!(world.refusal(1, react(1, &emoji(40), true)), "too_many_reactions");
    assert_eq!(world.answer(1, react(1, "👍", true))[0]["type"], "reaction");
}

#[test]
fn an_answer_shows_what_it_answers_as_it_is_now() {
    let mut world = world();
    world.ask(2, json!({"type": "message", "room": "lobby", "text": "yes", "reply_to": 1, "id": "x"}));
    let reply = json!({"seq": 1, "from": "Ann", "data": "hi", "deleted": false});
    assert_eq!(world.received(1)[0]["reply"], reply);
    assert_eq!(world.received(9)[0]["reply"], Value::Null, "plain clients know nothing of it");
    world.ask(1, edit(1, "*ho*  there"));
    let messages = history(&mut world, 1)["messages"].clone();
    assert_eq!(messages[1]["reply"]["data"], "ho there");
}

#[test]
fn a_resume_brings_what_has_changed_all_of_it_or_nothing() {
    let mut world = world();
    world.say_many(2, (2..=10).map(|n| format!("text {n}")));
    world.ask(1, edit(1, "new"));
    world.ask(1, react(5, "👍", true));
    world.ask(2, say("lobby", "eleven"));
    world.ask(1, react(11, "👍", true));
    let resume = |world: &mut World, known: Value| {
        world.answer(2, json!({"type": "resume", "rooms": {"lobby": known}})).remove(0)
    };
    let frame = resume(&mut world, json!({"seq": 10, "change": 0}));
    assert_eq!((&frame["complete"], &frame["change"]), (&json!(true), &json!(3)));
    let changes = frame["changes"].as_array().expect("changes");
    assert_eq!(
        (each(changes, "seq"), each(changes, "change")),
        (vec![json!(1), json!(5)], vec![json!(1), json!(2)])
    );
    assert_eq!(frame["messages"][0]["reactions"][0]["count"], 1, "what is new is as it is now");
    assert_eq!(
        each(resume(&mut world, json!({"seq": 11, "change": 2}))["changes"].as_array().expect("some"), "seq"),
        [11]
    );
    assert_eq!(resume(&mut world, json!({"seq": 11, "change": 3}))["changes"], json!([]));
    assert_eq!(
        resume(&mut world, json!({"seq": 11, "change": 4}))["complete"],
        false,
        "it has been elsewhere"
    );
    assert_eq!(resume(&mut world, json!(10))["changes"], Value::Null, "who does not ask is not told");
}

#[test]
fn too_many_changes_are_the_last_page_instead() {
    let mut world = world();
    world.say_many(2, (2..=501).map(|n| format!("text {n}")));
    let reactions: Vec<_> = (1..=501).map(|seq| react(seq, "👍", true)).collect();
    world.ask_all(reactions.iter().map(|frame| (1, frame)));
    for (change, complete) in [(0, false), (1, true)] {
        let frame = world
            .answer(2, json!({"type": "resume", "rooms": {"lobby": {"seq": 501, "change": change}}}))
            .remove(0);
        assert_eq!(frame["complete"], complete);
        assert_eq!(frame["changes"].as_array().map(Vec::len), complete.then_some(500));
    }
}

#[test]
fn what_could_not_be_stored_has_not_happened() {
    let mut world = world();
    world.say_many(1, (0..20).map(|n| format!("text {n}")));
    world.forget();
    world.fill_disk();
    let long = "李".repeat(4_000);
    let edits: Vec<_> = (1..=20).map(|seq| edit(seq, &long)).collect();
    world.ask_all(edits.iter().map(|frame| (1, frame)));
    let answers = world.received(1);
    assert!(answers.iter().all(|frame| frame["code"] == "internal"), "{answers:?}");
    assert!(world.received(2).is_empty());
    world.empty_disk();
    assert_eq!(world.answer(1, edit(1, "now"))[0]["change"], 1, "no number was used");
}

#[test]
fn wherever_a_hub_is_killed_each_change_happens_once_and_everybody_is_told() {
    let run_until = |commands: Option<usize>| {
        let mut world = world();
        let frames = [
            (1, edit(1, "one")),
            (2, react(1, "👍", true)),
            (2, say("lobby", "two")),
            (1, react(2, "👍", true)),
            (1, json!({"type": "edit", "room": "lobby", "seq": 1, "text": "without an id"})),
            (2, react(1, "👍", false)),
            (1, delete(1)),
        ];
        let batch: Vec<_> = frames.iter().map(|(conn, frame)| world.asked(*conn, frame)).collect();
        match commands {
            None => world.handle(batch),
            Some(commands) => world.kill_during(commands, batch, vec![]),
        }
        let frames = [1, 2].map(|conn| world.received(conn));
        let carried_out = world.clients.0.borrow().carried_out;
        let history = [1, 2].map(|conn| {
            let mut page = history(&mut world, conn);
            for message in page["messages"].as_array_mut().expect("messages") {
                let message = message.as_object_mut().expect("an object");
                message.retain(|key, _| key != "ts" && key != "edited");
            }
            page
        });
        (history, frames, carried_out)
    };
    let (expected, _, in_all) = run_until(None);
    assert_eq!(expected[0]["change"], 6);
    for commands in 0..=in_all {
        let (history, frames, _) = run_until(Some(commands));
        assert_eq!(history, expected, "killed after {commands} commands");
        for frames in frames {
            let numbers: BTreeSet<_> = frames.iter().filter_map(|frame| frame["change"].as_u64()).collect();
            assert_eq!(numbers, (1..=6).collect(), "killed after {commands} commands");
        }
    }
}
