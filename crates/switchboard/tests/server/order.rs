//! The events of one connection are handled one at a time, in order; those of others meanwhile.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use switchboard::{
    BoxError, Closed, ClosedBy, Config, Conn, ConnectionId, Handler, Message, Request, Server, Worker,
};

use crate::support::*;

/// Awaits in every event for a while that looks random, and notices when two events of a connection overlap.
struct Wandering {
    busy: RefCell<HashSet<ConnectionId>>,
    seen: RefCell<HashMap<ConnectionId, Vec<String>>>,
    steps: RefCell<u32>,
    journal: Journal,
}

impl Wandering {
    async fn event(&self, conn: &Conn, what: String) {
        if !self.busy.borrow_mut().insert(conn.id()) {
            self.journal.note(format!("{} is handled twice at once", conn.id()));
        }
        let step = {
            let mut steps = self.steps.borrow_mut();
            *steps = steps.wrapping_mul(1_103_515_245).wrapping_add(12_345);
            *steps >> 16
        };
        match step % 4 {
            0 => {}
            1 => tokio::task::yield_now().await,
            2 => tokio::time::sleep(Duration::from_micros(u64::from(step % 2_000))).await,
            _ => {
                tokio::task::yield_now().await;
                tokio::task::yield_now().await;
            }
        }
        self.seen.borrow_mut().entry(conn.id()).or_default().push(what);
        self.busy.borrow_mut().remove(&conn.id());
    }
}

impl Handler for Wandering {
    async fn on_open(&self, conn: Conn, _: Request) {
        self.event(&conn, "open".into()).await;
    }

    async fn on_message(&self, conn: Conn, message: Message) {
        self.event(&conn, message.as_text().unwrap_or_default().into()).await;
        let _ = conn.push(message);
    }

    async fn on_close(&self, conn: Conn, _: Closed) {
        self.event(&conn, "close".into()).await;
        self.journal.note(self.seen.borrow_mut().remove(&conn.id()).unwrap_or_default().join(" "));
    }
}

#[test]
fn events_of_a_connection_never_overlap_or_overtake() {
    let journal = Journal::default();
    let of_workers = journal.clone();
    let mut server = serve(
        Server::with_handler(config(), async move |worker: Worker| {
            Ok::<_, BoxError>(Wandering {
                busy: RefCell::default(),
                seen: RefCell::default(),
                steps: RefCell::new(u32::from(worker.id()) + 1),
                journal: of_workers.clone(),
            })
        })
        .listen(ANY),
    );
    let texts: Vec<String> = (0..300).map(|number| number.to_string()).collect();
    let mut clients = server.connect_many(12);
    for (number, client) in clients.iter_mut().enumerate() {
        // Some send in one piece, some in many.
        for chunk in texts.chunks(1 + number * 30) {
            client.raw(&Client::encoded_texts(chunk));
        }
    }
    for client in &mut clients {
        assert_eq!(client.next_texts(texts.len()), texts);
        client.close(1000, "");
    }
    let expected = format!("open {} close", texts.join(" "));
    wait_until("all have closed", || journal.notes().len() >= 12);
    server.stop();
    assert_eq!(journal.notes(), vec![expected; 12]);
}

#[test]
fn a_handler_that_awaits_does_not_hold_up_other_connections() {
    let server =
        serve(Server::new(ANY).config(one_reactor()).on_message(async |conn: Conn, message: Message| {
            if message.as_text() == Some("wait") {
                std::future::pending::<()>().await;
            }
            conn.push(message)
        }));
    let mut waiting = server.connect();
    waiting.text("wait");
    waiting.text("never");
    let mut others = server.connect_many(3);
    for _ in 0..20 {
        for other in &mut others {
            other.round_trip("go on");
        }
    }
    assert_eq!(waiting.next_within(Duration::from_millis(50)), None);
}

#[test]
fn a_backlog_beyond_its_limit_loses_nothing_and_keeps_order() {
    if all_by_tls().is_some() {
        return; // A session cannot be shared with another stream.
    }
    for backlog in [1, 2, 16] {
        let server = serve(
            Server::new(ANY).config(Config { handler_backlog_max: backlog, ..one_reactor() }).on_message(
                async |conn: Conn, message: Message| {
                    tokio::time::sleep(Duration::from_micros(300)).await;
                    conn.push(message)
                },
            ),
        );
        let mut client = server.connect();
        let texts: Vec<String> = (0..500).map(|number| format!("{number} {}", "z".repeat(500))).collect();
        let sending = {
            let mut stream = client.stream.try_clone();
            let bytes = Client::encoded_texts(&texts);
            std::thread::spawn(move || std::io::Write::write_all(&mut stream, &bytes).unwrap())
        };
        assert_eq!(client.next_texts(texts.len()), texts);
        sending.join().unwrap();
    }
}

/// How many messages wait at most is visible from outside: the server stops reading.
#[test]
fn a_handler_that_is_behind_slows_its_client_down() {
    if all_by_tls().is_some() {
        return; // A session cannot be shared with another stream.
    }
    let server = serve(Server::new(ANY).config(config()).on_message(async |_: Conn, _: Message| {
        std::future::pending::<()>().await;
    }));
    let client = server.connect_narrow();
    let mut stream = client.stream.try_clone();
    stream.set_write_timeout(Duration::from_millis(300));
    let frame = Client::encoded_texts(["q".repeat(60_000)]);
    let mut written = 0;
    while std::io::Write::write_all(&mut stream, &frame).is_ok() {
        written += frame.len();
        assert!(written < 64 << 20, "the server reads on although nothing is handled");
    }
    let received = server.handle.stats().received_messages;
    assert!(received <= 20, "{received} messages were taken in");
}

fn slow_echo(journal: &Journal, address: &str) -> impl Startable + use<> {
    let handled = journal.clone();
    Server::new(address)
        .config(one_reactor())
        .on_open(journal.on_open())
        .on_message(async move |conn: Conn, message: Message| {
            tokio::time::sleep(Duration::from_millis(2)).await;
            handled.add(Entry::Message(conn.id(), message.as_text().unwrap_or_default().into()));
        })
        .on_close(journal.on_close())
}

#[test]
fn a_close_waits_for_the_messages_before_it() {
    let journal = Journal::default();
    let server = serve(slow_echo(&journal, ANY));
    let mut client = server.connect();
    let texts: Vec<String> = (0..100).map(|number| number.to_string()).collect();
    let mut bytes = Client::encoded_texts(&texts);
    bytes.extend(Client::encoded(switchboard_proto::OpCode::Close, &1000u16.to_be_bytes()));
    client.raw(&bytes);
    let closed = journal.expect_close(1000, ClosedBy::Client);
    let id = journal.opened(0);
    let mut expected = vec![Entry::Open(id)];
    expected.extend(texts.into_iter().map(|text| Entry::Message(id, text)));
    expected.push(Entry::Close(id, closed));
    assert_eq!(journal.of(id), expected);
    assert_eq!(client.next_close().0, 1000);
}

#[test]
fn messages_before_an_end_of_the_transport_are_all_handled() {
    let journal = Journal::default();
    let server = serve(slow_echo(&journal, ANY));
    let mut client = server.connect();
    let texts: Vec<String> = (0..100).map(|number| number.to_string()).collect();
    client.raw(&Client::encoded_texts(&texts));
    drop(client);
    journal.expect_close(1006, ClosedBy::Transport);
    assert_eq!(journal.entries().len(), 102);
}

#[test]
fn messages_before_an_end_of_a_unix_transport_are_all_handled() {
    let path = temporary_path("sock");
    let journal = Journal::default();
    let _server = serve(slow_echo(&journal, &format!("unix:{}", path.display())));
    let mut client = Client::connect_unix(&path);
    let texts: Vec<String> = (0..100).map(|number| number.to_string()).collect();
    let mut bytes = Client::encoded_texts(&texts);
    bytes.extend(Client::encoded(switchboard_proto::OpCode::Close, &1000u16.to_be_bytes()));
    client.raw(&bytes);
    drop(client);
    journal.expect_close(1000, ClosedBy::Client);
    assert_eq!(journal.entries().len(), 102);
}

#[test]
fn a_ping_is_answered_while_the_handler_awaits() {
    let server = serve(Server::new(ANY).config(one_reactor()).on_message(async |_: Conn, _: Message| {
        std::future::pending::<()>().await;
    }));
    let mut client = server.connect();
    client.text("hang");
    for number in 0..5u8 {
        client.ping(&[number]);
        assert_eq!(client.next(), Heard::Pong(vec![number]));
    }
}

#[test]
fn a_message_right_after_the_handshake_waits_for_on_open() {
    let journal = Journal::default();
    let opened = journal.clone();
    let server = serve(
        Server::new(ANY)
            .config(one_reactor())
            .on_open(async move |conn: Conn, _: Request| {
                tokio::time::sleep(Duration::from_millis(20)).await;
                opened.add(Entry::Open(conn.id()));
            })
            .on_message(journal.on_message())
            .on_close(journal.on_close()),
    );
    let frames = Client::encoded_texts(["first", "second"]);
    let mut client = Client::open_and_send(Stream::tcp(server.address()), &handshake("/"), &frames);
    assert_eq!(client.next_texts(2), ["first", "second"]);
    let id = journal.opened(0);
    let texts = ["first", "second"].map(|text| Entry::Message(id, text.into()));
    assert_eq!(journal.of(id), [Entry::Open(id), texts[0].clone(), texts[1].clone()]);
}

#[test]
fn handlers_of_one_worker_interleave_at_awaits() {
    let together = Arc::new(AtomicUsize::new(0));
    let most = Arc::new(AtomicUsize::new(0));
    let (counting, peak) = (together.clone(), most.clone());
    let server = serve(Server::new(ANY).config(one_reactor()).on_message(
        async move |conn: Conn, message: Message| {
            let now = counting.fetch_add(1, Ordering::SeqCst) + 1;
            peak.fetch_max(now, Ordering::SeqCst);
            // Until ten are here.
            while peak.load(Ordering::SeqCst) < 10 {
                tokio::task::yield_now().await;
            }
            counting.fetch_sub(1, Ordering::SeqCst);
            conn.push(message)
        },
    ));
    let mut clients = server.connect_many(10);
    for client in &mut clients {
        client.text("meet");
    }
    for client in &mut clients {
        client.expect_text("meet");
    }
    assert_eq!(most.load(Ordering::SeqCst), 10);
}

#[test]
fn the_replies_of_one_handler_keep_their_order_across_awaits() {
    let server = serve(Server::new(ANY).config(one_reactor()).on_message(async |conn: Conn, _: Message| {
        let sequence = Rc::new(RefCell::new(0));
        for _ in 0..50 {
            *sequence.borrow_mut() += 1;
            let _ = conn.push(sequence.borrow().to_string());
            if *sequence.borrow() % 7 == 0 {
                tokio::task::yield_now().await;
            }
        }
    }));
    let mut client = server.connect();
    client.text("count");
    let expected: Vec<String> = (1..=50).map(|number| number.to_string()).collect();
    assert_eq!(client.next_texts(50), expected);
}
