//! The three events, and the two ways to write them.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use switchboard::{
    BoxError, Closed, Conn, ConnectionId, Handler, Message, Request, Server, StartError, Worker,
};

use crate::support::*;

#[test]
fn a_server_of_three_closures_opens_echoes_and_closes() {
    let journal = Journal::default();
    let server = serve(
        Server::new(ANY)
            .config(config())
            .on_open(journal.on_open())
            .on_message(journal.on_message())
            .on_close(journal.on_close()),
    );
    let mut client = server.connect();
    client.round_trip("hello");
    client.binary(&[1, 2, 0, 255]);
    assert_eq!(client.next(), Heard::Binary(vec![1, 2, 0, 255]));
    client.close(1000, "bye");
    assert_eq!(client.until_end(), [Heard::Close(1000, String::new()), Heard::End]);
    let id = journal.opened(0);
    journal.closed();
    let entries = journal.entries();
    assert_eq!(entries.len(), 4);
    assert_eq!(entries[0], Entry::Open(id));
    assert_eq!(entries[1], Entry::Message(id, "hello".into()));
    assert!(matches!(&entries[3], Entry::Close(of, closed) if *of == id && closed.reason == "bye"));
}

#[test]
fn a_server_without_closures_accepts_and_ignores() {
    let server = serve(Server::new(ANY).config(config()));
    let mut client = server.connect();
    client.text("anybody there?");
    client.close(1000, "");
    assert_eq!(client.next_close().0, 1000);
}

#[test]
fn messages_of_every_length_class_come_back_as_they_went() {
    let server = serve(echo(config()));
    let mut client = server.connect();
    for len in [0, 1, 125, 126, 127, 1_023, 1_024, 65_535, 65_536, 300_000, 2 << 20] {
        let bytes: Vec<u8> = (0..len).map(|at| (at % 251) as u8).collect();
        client.binary(&bytes);
        assert!(client.next() == Heard::Binary(bytes), "{len} bytes");
    }
    client.round_trip("");
    client.round_trip("群聊 👍");
}

#[test]
fn a_closure_that_fails_leaves_the_connection_open() {
    let server = serve(Server::new(ANY).config(config()).on_message(async |conn: Conn, message: Message| {
        conn.push(message)?;
        Err::<(), BoxError>("no".into())
    }));
    let mut client = server.connect();
    client.round_trip("one");
    client.round_trip("two");
}

/// Counts without locks: its state is its worker's alone.
struct Counting {
    worker: u16,
    total: Cell<u32>,
    by_connection: Rc<RefCell<HashMap<ConnectionId, u32>>>,
    journal: Journal,
}

impl Handler for Counting {
    async fn on_open(&self, conn: Conn, _: Request) {
        self.by_connection.borrow_mut().insert(conn.id(), 0);
    }

    async fn on_message(&self, conn: Conn, _: Message) {
        // Held over an await, which `Send` state could not be.
        let state = self.by_connection.clone();
        tokio::task::yield_now().await;
        *state.borrow_mut().entry(conn.id()).or_default() += 1;
        self.total.set(self.total.get() + 1);
        let own = state.borrow()[&conn.id()];
        let _ = conn.push(format!("{} {own} {}", self.worker, self.total.get()));
    }

    async fn on_close(&self, conn: Conn, _: Closed) {
        self.by_connection.borrow_mut().remove(&conn.id());
    }

    async fn worker_stop(&self) {
        let left = self.by_connection.borrow().len();
        self.journal.note(format!("stop {} with {} messages, {left} left", self.worker, self.total.get()));
    }
}

#[test]
fn a_handler_has_state_of_its_own_in_each_worker() {
    let journal = Journal::default();
    let of_workers = journal.clone();
    let mut server = serve(
        Server::with_handler(config(), async move |worker: Worker| {
            of_workers.note(format!("start {} on {:?}", worker.id(), std::thread::current().id()));
            Ok(Counting {
                worker: worker.id(),
                total: Cell::default(),
                by_connection: Rc::default(),
                journal: of_workers.clone(),
            })
        })
        .listen(ANY),
    );
    let mut clients = server.connect_many(10);
    let mut totals = [0u32; 2];
    for round in 1..=3 {
        for client in &mut clients {
            client.text("count");
            let answer: Vec<u32> = client.next_text().split(' ').map(|part| part.parse().unwrap()).collect();
            assert_eq!(answer[1], round, "messages of this connection");
            totals[answer[0] as usize] = answer[2];
        }
    }
    assert_eq!(totals[0] + totals[1], 30);
    server.stop();
    let notes = journal.notes();
    let starts =
        notes.iter().filter(|note| note.starts_with("start")).collect::<std::collections::HashSet<_>>();
    assert_eq!(starts.len(), 2, "one start for each worker, on its own thread: {notes:?}");
    for (worker, total) in totals.iter().enumerate() {
        let stop = format!("stop {worker} with {total} messages, 0 left");
        assert_eq!(notes.iter().filter(|note| **note == stop).count(), 1, "{notes:?}");
    }
}

struct Idle;

impl Handler for Idle {
    async fn on_message(&self, _: Conn, _: Message) {}
}

#[test]
fn a_worker_that_does_not_start_is_named_and_nothing_is_served() {
    let error = start_error(
        Server::with_handler(config(), async |worker: Worker| match worker.id() {
            1 => Err("the database is away".into()),
            _ => Ok(Idle),
        })
        .listen(ANY),
    );
    assert!(matches!(&error, StartError::WorkerStart { worker: 1, .. }), "{error:?}");
    let text = error.to_string();
    assert!(text.contains("worker 1") && text.contains("the database is away"), "{text}");
}

#[test]
fn a_worker_may_take_its_time_to_start() {
    let server = serve(
        Server::with_handler(config(), async |worker: Worker| {
            tokio::time::sleep(std::time::Duration::from_millis(50 * u64::from(worker.id()))).await;
            assert_eq!(worker.handle().connections(), []);
            Ok(Idle)
        })
        .listen(ANY),
    );
    server.connect();
}

#[test]
fn a_worker_may_panic_while_it_starts_and_start_returns() {
    let error = start_error(
        Server::with_handler(config(), async |worker: Worker| {
            assert_ne!(worker.id(), 0, "no luck");
            Ok(Idle)
        })
        .listen(ANY),
    );
    assert!(error.to_string().contains('0'), "{error}");
}
