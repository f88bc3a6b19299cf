use super::*;

#[test]
fn plain_clients_get_the_smallest_protocol() {
    let mut world = World::new();
    world.plain(1);
    world.plain(2);
    world.ask(1, json!({"type": "connect", "text": "Ann"}));
    world.ask(2, json!({"type": "connect", "text": "Ann"}));
    world.ask(1, json!({"type": "message", "text": "hi"}));
    let welcome = json!({"type": "connect", "data": "Welcome Ann to join us", "from": "Ann"});
    for conn in [1, 2] {
        let frames = world.received(conn);
        assert_eq!(frames[..2], [welcome.clone(), welcome.clone()]);
        assert_eq!(
            without_ts(&frames[2]),
            json!({"type": "message", "data": "hi", "room": "lobby", "seq": 1, "from": "Ann"})
        );
        assert_eq!(frames.len(), 3);
    }
}

#[test]
fn a_plain_client_without_a_name_is_a_guest() {
    let mut world = World::new();
    world.plain(1);
    let frames = world.answer(1, json!({"type": "message", "text": "hi"}));
    assert_eq!(frames[0]["from"], "Guest");
}

#[test]
fn a_plain_client_is_told_what_it_needs_for_more() {
    let mut world = World::new();
    world.plain(1);
    assert_eq!(world.refusal(1, json!({"type": "rooms"})), "unknown_type");
    assert_eq!(world.refusal(1, json!({"type": "join", "room": "lobby"})), "unknown_type");
    world.person(2, "Bob", &[]);
    world.ask(2, json!({"type": "create", "room": "tea"}));
    assert_eq!(world.refusal(1, say("tea", "hi")), "not_joined");
    assert_eq!(world.answer(1, say("lobby", "hi"))[0]["type"], "message");
}

#[test]
fn messages_reach_both_kinds_of_client_in_the_lobby() {
    let mut world = World::new();
    world.plain(1);
    world.person(2, "Bob", &["lobby"]);
    world.ask(1, json!({"type": "message", "text": "from plain"}));
    world.ask(2, say("lobby", "from v1"));
    let texts = |frames: Vec<Value>| each(&frames, "data");
    assert_eq!(texts(world.received(1)), ["from plain", "from v1"]);
    assert_eq!(texts(world.received(2)), ["from plain", "from v1"]);
}

#[test]
fn only_the_sender_sees_the_id() {
    let mut world = World::new();
    world.plain(1);
    world.person(2, "Bob", &["lobby"]);
    world.person(3, "Cy", &["lobby"]);
    world.ask(2, json!({"type": "message", "room": "lobby", "text": "hi", "id": "c1-17"}));
    assert_eq!(each(&world.received(2), "id"), ["c1-17"]);
    assert_eq!(each(&world.received(1), "id"), [Value::Null]);
    assert_eq!(each(&world.received(3), "id"), [Value::Null]);
}

#[test]
fn a_message_that_is_sent_again_is_not_a_new_one() {
    let mut world = World::new();
    let connect = json!({"type": "connect", "text": "Ann", "client": "key of Ann"});
    let hi = json!({"type": "message", "room": "lobby", "text": "hi", "id": "1"});
    world.person(2, "Bob", &["lobby"]);
    for conn in [1, 3] {
        // The second connection is the first one's client, come back.
        world.v1(conn);
        world.ask(conn, connect.clone());
        world.ask(conn, json!({"type": "join", "room": "lobby"}));
        world.forget();
        world.ask_all([(conn, &hi), (conn, &hi)]);
        let expected =
            json!({"type": "message", "data": "hi", "room": "lobby", "seq": 1, "from": "Ann", "id": "1"});
        let frames = world.received(conn);
        assert_eq!(frames.iter().map(without_ts).collect::<Vec<_>>(), [expected.clone(), expected]);
        assert_eq!(world.received(2).len(), if conn == 1 { 1 } else { 0 }, "others get it once");
    }
    assert_eq!(
        world.answer(2, json!({"type": "message", "text": "next"}))[0]["seq"],
        2,
        "no hole in the numbers"
    );
}

#[test]
fn ids_are_the_connections_own_without_a_client_key() {
    let mut world = World::new();
    world.person(1, "Ann", &["lobby"]);
    world.person(2, "Bob", &["lobby"]);
    let hi = json!({"type": "message", "text": "hi", "id": "1"});
    assert_eq!(world.answer(1, hi.clone())[0]["seq"], 1);
    assert_eq!(world.answer(1, hi.clone())[0]["seq"], 1, "sent again");
    assert_eq!(world.answer(2, hi)[0]["seq"], 2, "another client's 1");
}

#[test]
fn a_batch_is_one_transaction_and_everybody_sees_one_order() {
    let mut world = World::new();
    world.plain(1);
    world.person(2, "Bob", &["lobby"]);
    world.person(3, "Cy", &["lobby"]);
    let frames: Vec<_> = (0..100).map(|n| (1 + n % 3, say("lobby", &format!("text {n}")))).collect();
    world.ask_all(frames.iter().map(|(conn, frame)| (*conn, frame)));
    for conn in [1, 2, 3] {
        let frames = world.received(conn);
        assert_eq!(each(&frames, "seq"), (1..=100).map(Value::from).collect::<Vec<_>>());
        assert_eq!(frames[99]["data"], "text 99");
    }
}

/// An outbox that looks into the database before each frame.
#[derive(Clone)]
struct Suspicious {
    database: std::path::PathBuf,
    seen: Rc<RefCell<Vec<u64>>>,
}

impl Outbox for Suspicious {
    async fn send(&self, outgoing: Outgoing) {
        let Outgoing::Publish { frame, .. } = outgoing else { return };
        let frame: Value = serde_json::from_str(&frame).expect("JSON");
        let Some(seq) = frame["seq"].as_u64() else { return };
        let database = rusqlite::Connection::open(&self.database).expect("opened");
        let query = "SELECT count(*) FROM messages WHERE room_id = 1 AND seq = ?1";
        let count: i64 = database.query_row(query, [seq as i64], |row| row.get(0)).expect("counted");
        assert_eq!(count, 1, "published, but not stored");
        self.seen.borrow_mut().push(seq);
    }

    fn answer(&self, _: u16, _: Bytes) {}

    fn address(&self, _: ConnectionId) -> Option<IpAddr> {
        None
    }

    fn note_published(&self, _: Progress) {}
}

#[test]
fn nobody_is_told_of_a_message_that_is_not_stored() {
    let mut world = World::new();
    world.plain(1);
    let batch = (0..10).map(|_| world.asked(1, &say("lobby", "hi"))).collect();
    let database = world.directory.database();
    let seen = Rc::default();
    let outbox = Suspicious { database: database.clone(), seen: Rc::clone(&seen) };
    let mut hub = Hub::load(outbox, Writer::open(&database).expect("opened"), Pace::new(0), Duration::ZERO)
        .expect("loaded");
    run(hub.handle(batch));
    // Once to the plain clients, and once to the others.
    assert_eq!(*seen.borrow(), (1..=10).flat_map(|seq| [seq, seq]).collect::<Vec<_>>());
}

#[test]
fn a_full_disk_is_an_error_to_the_senders_and_nothing_else() {
    let mut world = World::new();
    world.person(1, "Ann", &["lobby"]);
    world.person(2, "Bob", &["lobby"]);
    world.ask(1, say("lobby", "before"));
    world.forget();
    world.fill_disk();
    let long = "x".repeat(4_000);
    let frames: Vec<_> = (0..8)
        .map(|n| (1, json!({"type": "message", "text": long, "id": format!("{n}")})))
        .chain([(2, json!({"type": "join", "room": "lobby", "id": "j"}))])
        .collect();
    world.ask_all(frames.iter().map(|(conn, frame)| (*conn, frame)));
    let errors = world.received(1);
    let mut ids: Vec<_> =
        each(&errors, "id").iter().map(|id| id.as_str().expect("an id").to_owned()).collect();
    ids.sort();
    assert_eq!(ids, ["0", "1", "2", "3", "4", "5", "6", "7"], "each of them is told once");
    assert!(errors.iter().all(|error| error["code"] == "internal" && error["room"] == "lobby"));
    let others = world.received(2);
    assert_eq!(each(&others, "type"), ["joined"], "nobody else was told anything");
    assert_eq!(
        (&others[0]["seq"], each(others[0]["messages"].as_array().expect("messages"), "seq")),
        (&json!(1), vec![json!(1)])
    );

    world.empty_disk();
    world.ask(1, say("lobby", "after"));
    assert_eq!(each(&world.received(2), "seq"), [2], "and the numbers go on without a hole");
}

#[test]
fn closing_writes_the_log_back() {
    let World { hub, directory, .. } = World::new();
    assert!(directory.path().join("chat.db-wal").exists());
    hub.close().expect("closed");
    assert!(!directory.path().join("chat.db-wal").exists());
}
