//! A hub ends, or is killed, and another one goes on.

use super::rebuild::Kept;
use super::*;

impl World {
    /// Another hub takes the place of the present one.
    pub(super) fn replace_hub(&mut self) {
        let published = {
            let mut state = self.clients.0.borrow_mut();
            state.lasts_for = None;
            state.published
        };
        self.hub = hub_on(&self.directory, &self.clients);
        let connections = self.snapshot();
        run(async {
            self.hub.rebuild(connections).await;
            self.hub.publish_rest(published).await.expect("read");
        });
    }

    fn snapshot(&self) -> Vec<Kept> {
        let state = self.clients.0.borrow();
        let groups_of = |conn: &u64| {
            let groups = state.groups.iter().filter(|(_, members)| members.contains(conn));
            let mut names: Vec<_> = groups.map(|(name, _)| name.clone()).collect();
            names.sort();
            names
        };
        let connection = |(conn, session): (&u64, &Bytes)| Kept {
            conn: id(*conn),
            session: session.clone(),
            groups: groups_of(conn),
        };
        state.sessions.iter().map(connection).collect()
    }

    /// The hub is killed when it has carried out so many commands of a batch, and its successor is given the batch again,
    /// with what has come meanwhile.
    pub(super) fn kill_during(&mut self, commands: usize, batch: Vec<Command>, meanwhile: Vec<Command>) {
        self.clients.0.borrow_mut().lasts_for = Some(commands);
        self.handle(batch);
        self.kill(meanwhile);
    }

    /// The hub is killed before it has asked for more.
    pub(super) fn kill(&mut self, meanwhile: Vec<Command>) {
        self.replace_hub();
        let again = self.in_hand.drain(..).map(|command| Command { attempt: command.attempt + 1, ..command });
        // Of another sender: in no order with what comes again.
        let batch = meanwhile.into_iter().chain(again).collect();
        self.handle(batch);
    }

    fn rooms(&mut self, conn: u64) -> Value {
        self.answer(conn, json!({"type": "rooms"})).remove(0)["rooms"].clone()
    }

    /// Every message of the database: room, `seq` and text.
    fn stored(&self) -> Vec<(i64, i64, String)> {
        let connection = self.hub.writer.connection();
        let mut statement = connection
            .prepare("SELECT room_id, seq, text FROM messages ORDER BY room_id, seq")
            .expect("legal");
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).expect("read");
        rows.collect::<Result<_, _>>().expect("read")
    }
}

/// Some people in some rooms.
fn world() -> World {
    let mut world = World::new();
    world.plain(1);
    world.ask(1, json!({"type": "connect", "text": "Plain"}));
    world.person(2, "Ann", &["lobby"]);
    world.ask(2, json!({"type": "create", "room": "tea"}));
    world.ask(2, json!({"type": "join", "room": "tea"}));
    world.person(3, "Bob", &["lobby", "tea"]);
    world.person(4, "Bob", &["lobby"]);
    world.v1(5);
    world.plain(6);
    world.ask(2, say("tea", "hi"));
    world.forget();
    world
}

#[test]
fn another_hub_knows_who_is_where_and_nobody_is_told() {
    let mut world = world();
    let rooms = world.rooms(2);
    world.forget();
    world.replace_hub();
    assert!(world.clients.0.borrow().received.is_empty());
    assert_eq!(world.who(2, "lobby"), json!(["Ann", "Bob", "Plain"]));
    assert_eq!(world.who(2, "tea"), json!(["Ann", "Bob"]));
    assert_eq!(world.rooms(2), rooms);
    assert_eq!(world.answer(3, say("tea", "still here"))[0]["seq"], 2);
    assert_eq!(each(&world.received(2), "from"), ["Bob"]);
    world.close(3);
    assert_eq!(world.received(2), [json!({"type": "leave", "room": "tea", "from": "Bob", "members": 1})]);
    world.close(4);
    assert_eq!(world.received(2), [json!({"type": "leave", "room": "lobby", "from": "Bob", "members": 2})]);
    assert_eq!(world.refusal(5, say("lobby", "hi")), "not_connected");
    assert_eq!(world.answer(6, say("lobby", "hi"))[0]["from"], "Guest");
}

#[test]
fn what_was_sent_before_and_is_sent_again_is_recognised() {
    let mut world = world();
    let message = json!({"type": "message", "text": "once", "id": "1"});
    for conn in [1, 2] {
        let seq = world.answer(conn, message.clone())[0]["seq"].clone();
        world.replace_hub();
        assert_eq!(
            world.answer(conn, message.clone())[0]["seq"],
            seq,
            "with or without a key of the client's"
        );
    }
}

#[test]
fn a_hub_that_was_idle_leaves_nothing_to_be_done_again() {
    let mut world = world();
    world.ask(2, say("lobby", "done"));
    world.forget();
    world.in_hand.clear();
    world.kill(vec![]);
    assert!(world.clients.0.borrow().received.is_empty(), "what was acknowledged is not published again");
}

#[test]
fn a_batch_that_no_hub_has_begun_is_carried_out() {
    let mut world = world();
    world.in_hand = vec![world.asked(2, &say("lobby", "hi")), world.asked(3, &say("lobby", "ho"))];
    world.kill(vec![]);
    assert_eq!(each(&world.received(1), "data"), ["hi", "ho"]);
}

#[test]
fn what_was_stored_and_not_published_is_published_before_anything_new() {
    let mut world = world();
    let frames = [
        (1, json!({"type": "message", "text": "plain"})),
        (2, json!({"type": "message", "text": "with an id", "id": "x"})),
        (3, json!({"type": "message", "text": "without"})),
    ];
    let batch = frames.iter().map(|(conn, frame)| world.asked(*conn, frame)).collect();
    let new = world.asked(4, &say("lobby", "new"));
    world.kill_during(0, batch, vec![new]);
    for conn in [1, 2, 3, 4, 6] {
        let received = world.received(conn);
        assert_eq!(each(&received, "seq"), [1, 2, 3, 4], "{conn}");
        let own = each(&received, "id");
        assert_eq!(own[1], if conn == 2 { json!("x") } else { Value::Null });
    }
    assert_eq!(world.stored().len(), 5, "each is stored once");
}

#[test]
fn one_hub_after_the_other_is_killed_and_each_message_is_stored_once() {
    let mut world = world();
    let batch: Vec<_> = (0..6).map(|n| world.asked(1, &say("lobby", &format!("text {n}")))).collect();
    world.clients.0.borrow_mut().lasts_for = Some(0);
    world.handle(batch.clone());
    world.replace_hub();
    // It comes again in portions. The next hub asks for the third one never.
    let new = world.asked(3, &say("lobby", "new"));
    world.handle(vec![batch[0].clone()]);
    world.handle([&batch[1..3], std::slice::from_ref(&new)].concat());
    world.replace_hub();
    world.handle([&batch[1..], &[new]].concat());
    let texts: Vec<_> = world.stored().into_iter().map(|(_, _, text)| text).collect();
    assert_eq!(
        texts[..7],
        ["text 0", "text 1", "text 2", "text 3", "text 4", "text 5", "new"].map(str::to_owned)
    );
    assert_eq!(each(&world.received(6), "seq"), (1..=7).map(Value::from).collect::<Vec<_>>());
}

#[test]
fn what_a_dead_hub_had_told_nobody_is_told() {
    let mut world = world();
    let batch = vec![
        world.asked(2, &json!({"type": "create", "room": "new", "id": "c"})),
        world.asked(2, &json!({"type": "join", "room": "new", "id": "j"})),
    ];
    world.kill_during(0, batch, vec![]);
    assert_eq!(each(&world.received(2), "type"), ["created", "room", "joined"], "not room_exists");
    assert_eq!(each(&world.received(3), "type"), ["room"]);
}

#[test]
fn what_a_dead_hub_had_done_is_not_done_again() {
    let mut world = world();
    let frames = [
        json!({"type": "connect", "text": "Annie"}),
        json!({"type": "leave", "room": "tea"}),
        json!({"type": "join", "room": "tea"}),
    ];
    let batch = frames.iter().map(|frame| world.asked(2, frame)).collect();
    world.kill_during(usize::MAX, batch, vec![]);
    assert_eq!(each(&world.received(2), "type"), ["welcome", "connect", "left", "joined"]);
    assert_eq!(each(&world.received(1), "data"), ["Welcome Annie to join us"]);
    assert_eq!(world.who(3, "tea"), json!(["Annie", "Bob"]));
}

#[test]
fn those_who_left_between_two_hubs_are_missed() {
    let mut world = world();
    let closed = [world.closes(3), world.closes(1)];
    world.replace_hub();
    assert_eq!(world.who(2, "lobby"), json!(["Ann", "Bob"]), "it is known that they are not there");
    world.forget();
    world.handle(closed.to_vec());
    assert_eq!(
        world.received(2),
        [
            json!({"type": "leave", "room": "tea", "from": "Bob", "members": 1}),
            json!({"type": "leave", "room": "lobby", "from": "Plain", "members": 2}),
        ],
        "and the others are told; of that name there is another one in the lobby"
    );
    assert_eq!(world.who(2, "lobby"), json!(["Ann", "Bob"]));
}

#[test]
fn what_a_connection_asked_before_it_went_is_done_by_a_hub_that_never_knew_it() {
    let mut world = world();
    let batch = vec![
        world.asked(3, &say("tea", "last words")),
        world.asked(3, &json!({"type": "connect", "text": "Rob"})),
        world.asked(3, &say("tea", "and more")),
        world.closes(3),
    ];
    world.replace_hub();
    world.handle(batch);
    let frames = world.received(2);
    assert_eq!(
        each(&frames, "type"),
        ["message", "connect", "join", "leave", "join", "message", "leave", "leave"]
    );
    assert_eq!(each(&frames, "from"), ["Bob", "Rob", "Rob", "Bob", "Rob", "Rob", "Rob", "Rob"]);
    assert_eq!(world.who(2, "tea"), json!(["Ann"]));
    assert_eq!(world.who(2, "lobby"), json!(["Ann", "Bob", "Plain"]));
}

#[test]
fn a_session_that_cannot_be_read_is_asked_to_come_back() {
    let mut world = world();
    world.clients.0.borrow_mut().sessions.insert(3, Bytes::from_static(b"\x63 of the future"));
    world.replace_hub();
    assert!(!world.clients.0.borrow().sessions.contains_key(&3), "it was disconnected");
    assert_eq!(world.who(2, "tea"), json!(["Ann"]));
}

/// Everything that changes something, in one batch.
fn eventful(world: &mut World) -> Vec<Command> {
    world.clients.0.borrow_mut().sessions.insert(7, Session { v1: false, ..Session::default() }.encode());
    let opened = world.command(7, What::Opened);
    let mut batch = vec![opened];
    for (conn, frame) in [
        (1, json!({"type": "message", "text": "one"})),
        (2, json!({"type": "message", "text": "two", "id": "2"})),
        (5, json!({"type": "connect", "text": "Eve", "client": "key of Eve"})),
        (5, json!({"type": "join", "room": "lobby", "id": "j"})),
        (3, json!({"type": "message", "text": "three"})),
        (2, json!({"type": "connect", "text": "Annie"})),
        (2, json!({"type": "message", "text": "four", "id": "4"})),
        (2, json!({"type": "message", "text": "four", "id": "4"})),
        (3, json!({"type": "leave", "room": "tea"})),
        (4, json!({"type": "resume", "rooms": {"tea": 0}})),
        (2, json!({"type": "message", "room": "tea", "text": "tea"})),
        (5, json!({"type": "create", "room": "new"})),
        (5, json!({"type": "join", "room": "new"})),
        (5, json!({"type": "message", "room": "new", "text": "first"})),
        (7, json!({"type": "connect", "text": "Seven"})),
        (1, json!({"type": "message", "text": "five"})),
    ] {
        batch.push(world.asked(conn, &frame));
    }
    batch.push(world.closes(6));
    batch
}

/// What is to be the same, wherever the hub was killed.
fn outcome(world: &mut World) -> impl PartialEq + std::fmt::Debug + use<> {
    let members = ["lobby", "tea", "new"].map(|room| world.who(2, room));
    let rooms = world.rooms(2);
    let state = world.clients.0.borrow();
    let sessions: Vec<_> = state
        .sessions
        .values()
        .map(|session| Session::decode(session).expect("readable"))
        .map(|session| (session.name, session.client, session.rooms))
        .collect();
    let groups: BTreeMap<_, _> = state.groups.clone().into_iter().collect();
    drop(state);
    (members, rooms, sessions, groups, world.stored())
}

/// Every message of each room, ascending without a gap, after what `joined` or `resumed` has given, until `left`.
fn assert_no_gap(frames: &[Value], conn: u64, commands: usize) {
    let mut last: HashMap<&str, Option<u64>> = [("lobby", Some(0)), ("tea", Some(1)), ("new", None)].into();
    for frame in frames {
        let (room, seq) = (frame["room"].as_str().unwrap_or_default(), frame["seq"].as_u64());
        match frame["type"].as_str() {
            Some("joined" | "resumed") => drop(last.insert(room, seq)),
            Some("left") => drop(last.insert(room, None)),
            Some("message") => {
                let told = last[room].zip(seq).filter(|(last, seq)| *seq <= last + 1);
                let (before, seq) = told.unwrap_or_else(|| {
                    panic!("connection {conn}, killed after {commands}: {frame} after {last:?}")
                });
                last.insert(room, Some(seq.max(before)));
            }
            _ => {}
        }
    }
}

/// Every message that was sent, by itself or in an answer, of the rooms that it has not left.
fn texts(frames: &[Value]) -> BTreeSet<String> {
    let left: Vec<_> =
        frames.iter().filter(|frame| frame["type"] == "left").map(|frame| &frame["room"]).collect();
    let in_answers = frames.iter().filter_map(|frame| frame["messages"].as_array()).flatten();
    let messages = frames.iter().filter(|frame| frame["type"] == "message").chain(in_answers);
    let messages = messages.filter(|message| !left.contains(&&message["room"]));
    messages.map(|message| format!("{} {} {}", message["room"], message["seq"], message["data"])).collect()
}

/// Whom a client that was there from the beginning believes to be in the lobby, from what it was told.
fn believed(frames: &[Value]) -> BTreeSet<String> {
    let mut names: BTreeSet<String> = ["Ann", "Bob", "Plain"].map(str::to_owned).into();
    for frame in frames.iter().filter(|frame| frame["room"] == "lobby") {
        let name = frame["from"].as_str().unwrap_or_default().to_owned();
        match frame["type"].as_str() {
            Some("join") => drop(names.insert(name)),
            Some("leave") => drop(names.remove(&name)),
            _ => {}
        }
    }
    names
}

#[test]
fn wherever_a_hub_is_killed_its_successor_comes_to_the_same_end() {
    let run_until = |commands: Option<usize>| {
        let mut world = world();
        let batch = eventful(&mut world);
        let new = world.asked(4, &json!({"type": "message", "text": "new"}));
        match commands {
            None => world.handle(batch.into_iter().chain([new]).collect()),
            Some(commands) => world.kill_during(commands, batch, vec![new]),
        }
        let received = [1, 2, 3, 4, 5, 7].map(|conn| (conn, world.received(conn)));
        let carried_out = world.clients.0.borrow().carried_out;
        (outcome(&mut world), received, carried_out)
    };
    let (expected, undisturbed, in_all) = run_until(None);
    assert!(in_all > 50, "it is eventful: {in_all}");
    let bob = believed(&undisturbed[2].1);
    assert_eq!(bob, ["Annie", "Bob", "Eve", "Plain", "Seven"].map(str::to_owned).into());
    for commands in 0..=in_all {
        let (found, frames, _) = run_until(Some(commands));
        assert_eq!(found, expected, "killed after {commands} commands");
        for ((conn, frames), (_, undisturbed)) in frames.iter().zip(&undisturbed) {
            assert_no_gap(frames, *conn, commands);
            assert_eq!(
                texts(frames),
                texts(undisturbed),
                "connection {conn}, killed after {commands} commands"
            );
            assert_eq!(
                believed(frames),
                believed(undisturbed),
                "connection {conn}, killed after {commands} commands"
            );
        }
    }
}

#[test]
fn an_own_message_comes_after_the_answer_by_which_its_sender_came_in() {
    for commands in 0..12 {
        let mut world = world();
        world.v1(7);
        let asked = [
            json!({"type": "connect", "text": "Cy", "client": "key of Cy"}),
            json!({"type": "resume", "rooms": {"tea": 0}, "id": "in"}),
            json!({"type": "message", "room": "tea", "text": "here I am", "id": "own"}),
            json!({"type": "react", "room": "tea", "seq": 1, "emoji": "👍", "on": true, "id": "mine"}),
        ];
        let batch = asked.iter().map(|frame| world.asked(7, frame)).collect();
        world.kill_during(commands, batch, vec![]);
        let received = world.received(7);
        let first = |id: &str| received.iter().position(|frame| frame["id"] == id);
        let (own, mine) = (first("own").expect("acknowledged"), first("mine").expect("answered"));
        assert!(first("in").is_some_and(|came| came < own && came < mine), "{commands}: {received:?}");
    }
}
