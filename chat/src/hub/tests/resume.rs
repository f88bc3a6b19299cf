use super::*;

fn resume(world: &mut World, conn: u64, rooms: Value) -> Vec<Value> {
    world.answer(conn, json!({"type": "resume", "rooms": rooms, "id": "r"}))
}

fn seqs(frame: &Value) -> Vec<u64> {
    let messages = frame["messages"].as_array().expect("messages");
    messages.iter().map(|message| message["seq"].as_u64().expect("a seq")).collect()
}

fn with_messages(count: u64, text: &str) -> World {
    let mut world = World::new();
    world.plain(9);
    for _ in 0..count {
        world.ask(9, say("lobby", text));
    }
    world.person(1, "Ann", &[]);
    world
}

#[test]
fn everything_missed_comes_in_order_and_then_what_follows() {
    let mut world = with_messages(0, "");
    world.say_many(9, (0..100).map(|n| format!("text {n}")));
    let frames = resume(&mut world, 1, json!({"lobby": 41}));
    assert_eq!(frames.len(), 1);
    let frame = &frames[0];
    assert_eq!(
        (&frame["type"], &frame["id"], &frame["room"]),
        (&json!("resumed"), &json!("r"), &json!("lobby"))
    );
    assert_eq!((&frame["complete"], &frame["seq"]), (&json!(true), &json!(100)));
    assert_eq!(frame["members"], json!(["Ann"]));
    assert_eq!(seqs(frame), (42..=100).collect::<Vec<_>>());
    world.ask(9, say("lobby", "next"));
    assert_eq!(each(&world.received(1), "seq"), [101], "it is in the room again");
}

#[test]
fn a_resume_and_messages_in_one_batch_leave_no_gap_and_no_overlap() {
    let mut world = with_messages(3, "hi");
    world.ask_all([
        (9, &say("lobby", "before")),
        (1, &json!({"type": "resume", "rooms": {"lobby": 2}})),
        (9, &say("lobby", "after")),
    ]);
    let frames = world.received(1);
    assert_eq!(seqs(&frames[0]), [3, 4]);
    assert_eq!(each(&frames[1..], "seq"), [5]);
}

#[test]
fn nothing_missed_is_complete_and_empty() {
    let mut world = with_messages(3, "hi");
    let frames = resume(&mut world, 1, json!({"lobby": 3}));
    assert_eq!((&frames[0]["complete"], seqs(&frames[0])), (&json!(true), vec![]));
}

#[test]
fn too_much_or_unknown_is_the_last_page_instead() {
    let mut world = with_messages(0, "");
    world.say_many(9, (0..600).map(|n| format!("text {n}")));
    assert_eq!(resume(&mut world, 1, json!({"lobby": 100}))[0]["complete"], true, "500 missed");
    for position in [99, 0, 601] {
        let frames = resume(&mut world, 1, json!({"lobby": position}));
        assert_eq!((&frames[0]["complete"], &frames[0]["more"]), (&json!(false), &json!(true)), "{position}");
        assert_eq!(seqs(&frames[0]), (551..=600).collect::<Vec<_>>());
        assert_eq!(frames[0]["seq"], 600);
    }
}

#[test]
fn rooms_are_answered_in_the_order_of_the_frame_and_one_that_is_gone_is_an_error() {
    let mut world = with_messages(1, "hi");
    world.ask(1, json!({"type": "create", "room": "tea"}));
    let frame = r#"{"type":"resume","rooms":{"tea":0,"coffee":1,"lobby":0},"id":"r"}"#;
    world.forget();
    let envelope = Envelope::parse(frame).expect("legal");
    let command = world.command(1, What::Asked { envelope, fingerprint: 0 });
    world.handle(vec![command]);
    let frames = world.received(1);
    assert_eq!(each(&frames, "type"), ["error", "resumed", "resumed"]);
    assert_eq!(each(&frames, "room"), ["coffee", "tea", "lobby"]);
    assert_eq!((&frames[0]["code"], &frames[0]["id"]), (&json!("no_such_room"), &json!("r")));
}

#[test]
fn what_does_not_fit_is_not_sent_in_part() {
    let mut world = with_messages(0, "");
    let long = "李".repeat(4_000);
    world.say_many(9, (0..60).map(|_| long.clone()));
    let frames = resume(&mut world, 1, json!({"lobby": 0}));
    assert_eq!(frames[0]["complete"], false, "60 messages of 12 KB");
    let seqs = seqs(&frames[0]);
    assert!(seqs.len() > 10 && seqs.len() < 50, "a shorter page, {}", seqs.len());
    assert_eq!(seqs.last(), Some(&60));
    assert!(frames[0].to_string().len() < crate::limits::FRAME_BYTES_MAX);
    let frames = resume(&mut world, 1, json!({"lobby": 30}));
    assert_eq!(frames[0]["complete"], true, "30 of them fit");
}

#[test]
fn one_resume_has_one_budget() {
    let mut world = with_messages(0, "");
    let long = "李".repeat(4_000);
    let mut rooms = serde_json::Map::new();
    for n in 0..10 {
        let room = format!("room-{n}");
        world.ask(1, json!({"type": "create", "room": room}));
        world.ask(1, json!({"type": "join", "room": room}));
        for _ in 0..20 {
            world.ask(1, say(&room, &long));
        }
        rooms.insert(room, json!(0));
    }
    let frames = resume(&mut world, 1, Value::Object(rooms));
    assert_eq!(frames.len(), 10);
    let bytes: usize = frames.iter().map(|frame| frame.to_string().len()).sum();
    assert!(bytes < crate::limits::RESUME_BYTES_MAX + 20_000, "{bytes}");
    assert_eq!((&frames[0]["complete"], &frames[9]["complete"]), (&json!(true), &json!(false)));
    assert_eq!(frames[9]["more"], true);
}
