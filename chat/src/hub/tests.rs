use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::rc::Rc;

use serde_json::{Value, json};

use super::outbox::Outgoing;
use super::*;
use crate::limits::{NOTICE_MEMBERS_MAX, ROOMS_MAX, ROOMS_PER_CONNECTION_MAX};
use crate::session::Session;
use crate::testing::TempDirectory;

mod begun;
mod changes;
mod conversations;
mod departures;
mod folding;
mod forgetting;
mod imitation;
mod invitations;
mod lists;
mod messages;
mod orders;
mod paces;
mod presence;
mod repeats;
mod resume;
mod standing;
mod successor;
mod unread;
mod unstored;
mod whereabouts;

/// Stands in for the library: knows what it keeps for each connection, and what each was sent.
#[derive(Clone, Default)]
struct Clients(Rc<RefCell<State>>);

#[derive(Default)]
struct State {
    groups: HashMap<String, BTreeSet<u64>>,
    received: BTreeMap<u64, Vec<Value>>,
    /// Of open connections.
    sessions: BTreeMap<u64, Bytes>,
    /// So many commands are carried out; the hub dies before the others.
    lasts_for: Option<usize>,
    /// A hub that dies comes no further than to the command that is not carried out.
    stops: bool,
    carried_out: usize,
    /// How far messages and changes were published.
    published: Option<Progress>,
    /// To workers.
    answers: Vec<Bytes>,
}

impl Outbox for Clients {
    async fn send(&self, outgoing: Outgoing) {
        let (goes_on, stops) = {
            let mut state = self.0.borrow_mut();
            (state.goes_on(), state.stops)
        };
        if !goes_on {
            return if stops {
                std::future::pending().await
            };
        }
        let mut state = self.0.borrow_mut();
        match &outgoing {
            Outgoing::Push { conn, frame } => state.deliver(&[conn.get()], frame),
            Outgoing::Publish { group, frame, except } => {
                let members = state.groups.get(&*group.name()).cloned().unwrap_or_default();
                let except = except.map(ConnectionId::get);
                let receivers: Vec<_> = members.into_iter().filter(|conn| Some(*conn) != except).collect();
                state.deliver(&receivers, frame);
            }
            Outgoing::Join { conn, group } if state.is_open(*conn) => {
                state.groups.entry(group.name().into_owned()).or_default().insert(conn.get());
            }
            Outgoing::Leave { conn, group } => {
                state.groups.entry(group.name().into_owned()).or_default().remove(&conn.get());
            }
            Outgoing::Session { conn, session } if state.is_open(*conn) => {
                state.sessions.insert(conn.get(), session.clone());
            }
            Outgoing::Disconnect { conn, .. } => state.close(conn.get()),
            Outgoing::Join { .. } | Outgoing::Session { .. } => {}
        }
    }

    fn note_published(&self, progress: Progress) {
        let mut state = self.0.borrow_mut();
        if state.goes_on() {
            state.published = Some(progress);
        }
    }

    fn answer(&self, _: u16, body: Bytes) {
        self.0.borrow_mut().answers.push(body);
    }

    fn address(&self, _: ConnectionId) -> Option<IpAddr> {
        Some(IpAddr::from([192, 0, 2, 1]))
    }
}

impl State {
    /// Is the hub still alive?
    fn goes_on(&mut self) -> bool {
        if self.lasts_for == Some(0) {
            return false;
        }
        self.lasts_for = self.lasts_for.map(|left| left - 1);
        self.carried_out += 1;
        true
    }

    fn is_open(&self, conn: ConnectionId) -> bool {
        self.sessions.contains_key(&conn.get())
    }

    fn deliver(&mut self, conns: &[u64], frame: &str) {
        let frame: Value = serde_json::from_str(frame).expect(frame);
        for conn in conns.iter().filter(|conn| self.sessions.contains_key(conn)) {
            self.received.entry(*conn).or_default().push(frame.clone());
        }
    }

    fn close(&mut self, conn: u64) {
        self.sessions.remove(&conn);
        self.groups.values_mut().for_each(|members| {
            members.remove(&conn);
        });
    }
}

/// A hub, its database and its clients.
struct World {
    hub: Hub<Clients>,
    clients: Clients,
    directory: TempDirectory,
    /// Of the last request.
    number: u64,
    /// What the hub was given last, and has not been told that it is done.
    in_hand: Vec<Command>,
}

fn id(conn: u64) -> ConnectionId {
    ConnectionId::new(conn).expect("a legal id")
}

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime").block_on(future)
}

fn hub_on(directory: &TempDirectory, clients: &Clients) -> Hub<Clients> {
    let writer = Writer::open(&directory.database()).expect("opened");
    Hub::load(clients.clone(), writer, Pace::new(0), Duration::ZERO).expect("loaded")
}

impl World {
    fn new() -> Self {
        let directory = TempDirectory::new();
        let clients = Clients::default();
        let hub = hub_on(&directory, &clients);
        Self { hub, clients, directory, number: 0, in_hand: Vec::new() }
    }

    /// What a worker makes of an event.
    fn command(&mut self, conn: u64, what: What) -> Command {
        self.number += 1;
        let session = self.clients.0.borrow().sessions.get(&conn).cloned().unwrap_or_default();
        let ticket = Ticket { origin: 1, number: self.number };
        let command = Command { conn: id(conn), ticket, attempt: 1, repeated: false, session, what };
        Command::decode(&command.encode().into(), 1).expect("readable")
    }

    fn asked(&mut self, conn: u64, frame: &Value) -> Command {
        let envelope = Envelope::parse(&frame.to_string()).expect("a legal frame");
        self.command(conn, What::Asked { envelope, fingerprint: 0 })
    }

    fn handle(&mut self, batch: Vec<Command>) {
        self.in_hand.clone_from(&batch);
        self.hub.begin_batch();
        run(self.hub.handle(batch));
    }

    /// All that these connections ask for, at one time.
    fn ask_all<'a>(&mut self, frames: impl IntoIterator<Item = (u64, &'a Value)>) {
        let batch = frames.into_iter().map(|(conn, frame)| self.asked(conn, frame)).collect();
        self.handle(batch);
    }

    /// All that one connection says in the lobby, at one time.
    fn say_many(&mut self, conn: u64, texts: impl IntoIterator<Item = String>) {
        let frames: Vec<_> = texts.into_iter().map(|text| say("lobby", &text)).collect();
        self.ask_all(frames.iter().map(|frame| (conn, frame)));
    }

    fn open(&mut self, conn: u64, v1: bool) {
        let session = Session { v1, client: format!("key of {conn}"), ..Session::default() };
        self.clients.0.borrow_mut().sessions.insert(conn, session.encode());
        let opened = self.command(conn, What::Opened);
        self.handle(vec![opened]);
    }

    fn plain(&mut self, conn: u64) {
        self.open(conn, false);
    }

    /// A v1 client that has not given its name.
    fn v1(&mut self, conn: u64) {
        self.open(conn, true);
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
        self.ask_all([(conn, &frame)]);
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
        let closed = self.closes(conn);
        self.handle(vec![closed]);
    }

    /// A connection ends, and the hub has not heard of it.
    fn closes(&mut self, conn: u64) -> Command {
        let closed = self.command(conn, What::Closed);
        self.clients.0.borrow_mut().close(conn);
        closed
    }

    /// Takes what a connection was sent.
    fn received(&mut self, conn: u64) -> Vec<Value> {
        self.clients.0.borrow_mut().received.remove(&conn).unwrap_or_default()
    }

    fn forget(&mut self) {
        self.clients.0.borrow_mut().received.clear();
    }

    fn session(&self, conn: u64) -> Session {
        Session::decode(&self.clients.0.borrow().sessions[&conn]).expect("readable")
    }

    fn who(&mut self, conn: u64, room: &str) -> Value {
        let answer = self.answer(conn, json!({"type": "who", "room": room}));
        answer.into_iter().last().expect("an answer")["members"].clone()
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
