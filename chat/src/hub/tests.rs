use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use serde_json::{Value, json};
use switchboard::Text;

use super::outbox::Group;
use super::*;
use crate::limits::{NOTICE_MEMBERS_MAX, ROOMS_MAX, ROOMS_PER_CONNECTION_MAX};
use crate::session::Session;
use crate::testing::TempDirectory;

mod messages;
mod presence;
mod resume;

/// Stands in for the library: knows the groups and what each connection was sent.
#[derive(Clone, Default)]
struct Clients(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    groups: HashMap<String, BTreeSet<u64>>,
    received: BTreeMap<u64, Vec<Value>>,
    sessions: HashMap<u64, Session>,
}

impl Outbox for Clients {
    fn push(&self, conn: ConnectionId, frame: Text) {
        self.deliver(&[conn.get()], &frame);
    }

    fn publish(&self, group: Group, frame: Text, except: Option<ConnectionId>) {
        let members = self.lock().groups.get(&*group.name()).cloned().unwrap_or_default();
        let receivers: Vec<_> =
            members.into_iter().filter(|conn| except.is_none_or(|except| except.get() != *conn)).collect();
        self.deliver(&receivers, &frame);
    }

    fn join(&self, conn: ConnectionId, group: Group) {
        self.lock().groups.entry(group.name().into_owned()).or_default().insert(conn.get());
    }

    fn leave(&self, conn: ConnectionId, group: Group) {
        self.lock().groups.entry(group.name().into_owned()).or_default().remove(&conn.get());
    }

    fn set_session(&self, conn: ConnectionId, session: Bytes) {
        self.lock().sessions.insert(conn.get(), Session::decode(&session));
    }
}

impl Clients {
    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().expect("no test panics with it")
    }

    fn deliver(&self, conns: &[u64], frame: &str) {
        let frame: Value = serde_json::from_str(frame).expect(frame);
        for conn in conns {
            self.lock().received.entry(*conn).or_default().push(frame.clone());
        }
    }
}

/// A hub, its database and its clients.
struct World {
    hub: Hub<Clients>,
    clients: Clients,
    directory: TempDirectory,
}

fn id(conn: u64) -> ConnectionId {
    ConnectionId::new(conn).expect("a legal id")
}

fn asked(conn: u64, frame: &Value) -> Command {
    let envelope = Envelope::parse(&frame.to_string()).expect("a legal frame");
    Command { conn: id(conn), what: What::Asked(envelope) }
}

impl World {
    fn new() -> Self {
        let directory = TempDirectory::new();
        let writer = Writer::open(&directory.database()).expect("opened");
        let reader = Reader::start(&directory.database()).expect("started");
        let clients = Clients::default();
        let hub = Hub::load(writer, reader).expect("loaded").attach(clients.clone());
        Self { hub, clients, directory }
    }

    fn plain(&mut self, conn: u64) {
        self.hub.handle([Command { conn: id(conn), what: What::Opened { v1: false } }]);
    }

    /// A v1 client that has not given its name.
    fn v1(&mut self, conn: u64) {
        self.hub.handle([Command { conn: id(conn), what: What::Opened { v1: true } }]);
    }

    /// A v1 client of this name, in these rooms; what it was sent on the way is forgotten.
    fn person(&mut self, conn: u64, name: &str, rooms: &[&str]) {
        self.v1(conn);
        self.ask(conn, json!({"type": "connect", "text": name}));
        for room in rooms {
            self.ask(conn, json!({"type": "join", "room": room}));
        }
        self.forget();
    }

    fn ask(&mut self, conn: u64, frame: Value) {
        self.hub.handle([asked(conn, &frame)]);
    }

    /// Asks, and takes what was sent to the asker.
    fn answer(&mut self, conn: u64, frame: Value) -> Vec<Value> {
        self.forget();
        self.ask(conn, frame);
        self.received(conn)
    }

    /// Expects one error, and gives its code.
    fn refusal(&mut self, conn: u64, frame: Value) -> String {
        let answer = self.answer(conn, frame);
        assert_eq!(answer.len(), 1, "{answer:?}");
        assert_eq!(answer[0]["type"], "error", "{answer:?}");
        answer[0]["code"].as_str().expect("a code").to_owned()
    }

    fn close(&mut self, conn: u64) {
        let mut state = self.clients.lock();
        state.groups.values_mut().for_each(|members| {
            members.remove(&conn);
        });
        drop(state);
        self.hub.handle([Command { conn: id(conn), what: What::Closed }]);
    }

    /// Takes what a connection was sent.
    fn received(&mut self, conn: u64) -> Vec<Value> {
        self.clients.lock().received.remove(&conn).unwrap_or_default()
    }

    fn forget(&mut self) {
        self.clients.lock().received.clear();
    }

    /// Waits for what comes from the reader's thread.
    fn await_frame(&mut self, conn: u64) -> Value {
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            if let Some(frame) = self.received(conn).pop() {
                return frame;
            }
            assert!(Instant::now() < deadline, "no answer");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// From here on the database has no room for more.
    fn fill_disk(&self) {
        let connection = self.hub.writer.connection();
        let pages: i64 = connection.query_row("PRAGMA page_count", [], |row| row.get(0)).expect("a number");
        connection.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(())).expect("set");
    }

    fn empty_disk(&self) {
        let connection = self.hub.writer.connection();
        connection.query_row("PRAGMA max_page_count = 1000000", [], |_| Ok(())).expect("set");
    }
}

fn say(room: &str, text: &str) -> Value {
    json!({"type": "message", "room": room, "text": text})
}

/// The values of one key.
fn each<'a>(frames: impl IntoIterator<Item = &'a Value>, key: &str) -> Vec<Value> {
    frames.into_iter().map(|frame| frame[key].clone()).collect()
}

/// A message without the time, which no test knows.
fn without_ts(frame: &Value) -> Value {
    let mut frame = frame.clone();
    let ts = frame.as_object_mut().expect("an object").remove("ts");
    assert!(ts.is_some_and(|ts| ts.as_u64() > Some(1_700_000_000_000)), "milliseconds since 1970");
    frame
}
