//! Who is lost has not left, unless they stay away.

use tokio::time::Instant;

use super::*;

const GRACE: Duration = Duration::from_secs(15);

fn patient(directory: &TempDirectory, clients: &Clients) -> Hub<Clients> {
    let writer = Writer::open(&directory.database()).expect("opened");
    Hub::load(clients.clone(), writer, Pace::new(0), GRACE).expect("loaded")
}

impl World {
    pub(super) fn patient() -> Self {
        let mut world = Self::new();
        world.hub = patient(&world.directory, &world.clients);
        world
    }

    pub(super) fn later(&mut self, time: Duration) {
        run(self.hub.say_goodbye(Instant::now() + time));
    }

    /// Another hub takes over.
    pub(super) fn succeed(&mut self) {
        self.hub = patient(&self.directory, &self.clients);
        let sessions = self.clients.0.borrow().sessions.clone();
        let kept: Vec<_> = sessions
            .into_iter()
            .map(|(conn, session)| super::super::rebuild::Kept {
                conn: id(conn),
                session,
                groups: Vec::new(),
            })
            .collect();
        let is_empty = kept.is_empty();
        run(self.hub.rebuild(kept));
        self.hub.recall_departures(is_empty).expect("read");
    }

    fn left(&mut self, conn: u64) -> Vec<Value> {
        let frames = self.received(conn);
        frames.into_iter().filter(|frame| frame["type"] != "connect").collect()
    }
}

fn leave(name: &str, members: u64) -> Value {
    json!({"type": "leave", "room": "lobby", "from": name, "members": members})
}

#[test]
fn who_loses_the_connection_leaves_after_the_grace_and_who_is_back_by_then_does_not() {
    let mut world = World::patient();
    world.person(1, "Ann", &["lobby"]);
    world.person(2, "Bob", &["lobby"]);
    world.person(3, "Cy", &["lobby"]);
    world.close(2);
    world.close(3);
    world.later(Duration::from_secs(14));
    assert!(world.left(1).is_empty());
    assert_eq!(world.who(1, "lobby"), json!(["Ann", "Bob", "Cy"]), "they are still there");
    world.person(4, "Bob", &["lobby"]);
    assert!(world.left(1).is_empty(), "nobody came, for nobody went");
    world.later(Duration::from_secs(16));
    assert_eq!(world.left(1), [leave("Cy", 2)]);
    world.later(Duration::from_secs(100));
    assert!(world.left(1).is_empty());
    assert!(world.hub.writer.departures().expect("read").is_empty());
}

#[test]
fn who_leaves_on_purpose_leaves_at_once() {
    let mut world = World::patient();
    world.person(1, "Ann", &["lobby"]);
    world.person(2, "Bob", &["lobby"]);
    // Even behind a connection that was lost a moment ago.
    world.close(2);
    world.person(3, "Bob", &["lobby"]);
    world.forget();
    world.ask(3, json!({"type": "leave", "room": "lobby"}));
    assert_eq!(world.left(1), [leave("Bob", 1)]);
    world.later(Duration::from_secs(16));
    assert!(world.left(1).is_empty());
}

#[test]
fn another_hub_tells_of_those_who_were_about_to_leave() {
    let mut world = World::patient();
    world.person(1, "Ann", &["lobby"]);
    world.person(2, "Bob", &["lobby"]);
    world.person(3, "Cy", &["lobby"]);
    world.person(4, "Di", &["lobby"]);
    world.close(2);
    world.close(3);
    // Of this one nobody hears before the hub has died.
    let closed = world.closes(4);
    world.succeed();
    world.handle(vec![closed.clone()]);
    world.handle(vec![Command { attempt: 2, ..closed }]);
    assert_eq!(world.who(1, "lobby"), json!(["Ann", "Bob", "Cy", "Di"]));
    world.person(5, "Bob", &["lobby"]);
    world.forget();
    world.later(Duration::from_secs(16));
    assert_eq!(world.left(1), [leave("Cy", 3), leave("Di", 2)]);
    assert_eq!(world.who(1, "lobby"), json!(["Ann", "Bob"]));
    // And who is the only one leaves nothing behind.
    world.close(1);
    world.close(5);
    world.succeed();
    run(world.hub.settle());
    assert!(world.hub.writer.departures().expect("read").is_empty());
}

#[test]
fn away_is_told_once_it_is_so_on_all_pages() {
    let mut world = World::patient();
    world.person(1, "Ann", &["lobby"]);
    world.person(2, "Bob", &["lobby"]);
    world.person(3, "Bob", &["lobby"]);
    let away = |is_away: bool| json!({"type": "away", "away": is_away, "id": "a"});
    assert_eq!(world.answer(2, away(true)), [json!({"type": "away", "id": "a", "away": true})]);
    assert!(world.left(1).is_empty(), "at the other page he is there");
    world.ask(3, away(true));
    let told = world.left(1);
    assert_eq!(each(&told, "presence"), ["away"], "{told:?}");
    world.ask(3, away(true));
    assert!(world.left(1).is_empty(), "that is no news");
    let who = world.answer(1, json!({"type": "who", "room": "lobby"})).remove(0);
    assert_eq!(each(who["people"].as_array().expect("people"), "presence"), ["online", "away"]);
    // It outlives the hub.
    world.succeed();
    let who = world.answer(1, json!({"type": "who", "room": "lobby"})).remove(0);
    assert_eq!(each(who["people"].as_array().expect("people"), "presence"), ["online", "away"]);
    assert_eq!(who["people"][1]["since"], told[0]["since"]);
    world.forget();
    world.person(4, "Bob", &[]);
    world.ask(4, json!({"type": "join", "room": "lobby"}));
    assert!(world.who(1, "lobby").as_array().is_some());
    world.ask(2, away(false));
    world.close(2);
    world.close(4);
    let told = world.left(1);
    assert_eq!(each(&told, "presence").last(), Some(&json!("away")), "{told:?}");
}
