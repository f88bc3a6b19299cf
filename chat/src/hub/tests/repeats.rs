//! A worker died that had been given an event, and another one is given it: what it asks for may have been asked already.

use super::*;

impl World {
    /// The same event, from another worker.
    fn repeat(&mut self, conn: u64, frame: &Value) {
        let mut command = self.asked(conn, frame);
        command.repeated = true;
        command.ticket = Ticket { origin: 2, number: command.ticket.number };
        self.handle(vec![command]);
    }
}

#[test]
fn what_was_asked_already_is_not_done_again() {
    let mut world = World::new();
    world.person(1, "Ann", &["lobby"]);
    world.person(2, "Bob", &["lobby"]);
    for frame in [
        json!({"type": "message", "text": "without an id"}),
        json!({"type": "message", "text": "with one", "id": "1"}),
        json!({"type": "connect", "text": "Annie"}),
        json!({"type": "create", "room": "tea"}),
        json!({"type": "join", "room": "tea"}),
        json!({"type": "leave", "room": "tea"}),
        json!({"type": "who", "room": "lobby"}),
    ] {
        world.ask(1, frame.clone());
        world.forget();
        world.repeat(1, &frame);
        assert!(world.received(1).is_empty() && world.received(2).is_empty(), "{frame}");
    }
    assert_eq!(world.answer(2, say("lobby", "next"))[0]["seq"], 3, "each is stored once");
}

#[test]
fn what_was_not_asked_before_is_done() {
    let mut world = World::new();
    world.plain(1);
    world.repeat(1, &say("lobby", "one"));
    world.repeat(1, &say("lobby", "two"));
    world.ask(1, say("lobby", "three"));
    world.repeat(1, &say("lobby", "two"));
    assert_eq!(each(&world.received(1), "data"), ["one", "two", "three", "two"]);
}

#[test]
fn who_says_the_same_again_and_again_is_believed() {
    let mut world = World::new();
    world.plain(1);
    world.ask(1, say("lobby", "ha"));
    world.ask(1, say("lobby", "ha"));
    world.repeat(1, &say("lobby", "ha"));
    assert_eq!(each(&world.received(1), "seq"), [1, 2, 3]);
}

#[test]
fn a_connection_opens_and_closes_once() {
    let mut world = World::new();
    world.person(1, "Ann", &["lobby"]);
    world.person(2, "Bob", &["lobby"]);
    world.person(3, "Bob", &["lobby"]);
    let mut opened = world.command(2, What::Opened);
    opened.repeated = true;
    world.handle(vec![opened]);
    assert_eq!(world.who(1, "lobby"), json!(["Ann", "Bob"]));
    let closed = world.closes(2);
    world.handle(vec![closed.clone()]);
    world.handle(vec![Command { repeated: true, ..closed }]);
    assert_eq!(world.who(1, "lobby"), json!(["Ann", "Bob"]), "the other Bob is still here");
    assert!(world.received(1).is_empty());
}
