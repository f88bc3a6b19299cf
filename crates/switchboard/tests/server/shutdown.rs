//! Stopping: everybody is told, everything that is queued arrives, and it takes no longer than it may.

use std::io::ErrorKind;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use switchboard::{BoxError, Worker};
use switchboard::{
    Closed, ClosedBy, Config, Conn, Handle, Handler, Message, PushError, QueryError, Request, Server,
};

use crate::support::*;

fn journalled(config: Config, journal: &Journal) -> impl Startable + use<> {
    Server::new(ANY)
        .config(config)
        .on_open(journal.on_open())
        .on_message(journal.on_message())
        .on_close(journal.on_close())
}

#[test]
fn a_stop_tells_every_client_and_every_close_event() {
    let journal = Journal::default();
    let mut server = serve(journalled(config(), &journal));
    let mut clients = server.connect_many(20);
    journal.opened(19);
    server.handle.shutdown();
    for client in &mut clients {
        let (code, reason) = client.next_close();
        assert_eq!(code, 1001);
        assert!(!reason.is_empty());
        assert_eq!(client.next(), Heard::End);
    }
    server.wait();
    journal.check_pairs();
    assert_eq!(journal.opens().len(), 20);
    assert!(
        journal.closes().iter().all(|(_, closed)| closed.by == ClosedBy::Shutdown && closed.code == 1001)
    );
}

#[test]
fn an_idle_server_stops_at_once() {
    let mut server = serve(echo(config()));
    assert!(server.stop() < Duration::from_secs(2));
}

#[test]
fn what_was_pushed_before_a_stop_arrives_before_its_close() {
    let mut server = serve(echo(config()));
    let mut clients = server.connect_many(4);
    wait_until("all are open", || server.handle.connections().len() == 4);
    for id in server.handle.connections() {
        for number in 0..100 {
            server.handle.push(id, format!("{number} {}", "x".repeat(5_000))).unwrap();
        }
    }
    server.handle.broadcast("last").unwrap();
    server.handle.shutdown();
    for client in &mut clients {
        for number in 0..100 {
            assert!(client.next_text().starts_with(&format!("{number} ")));
        }
        client.expect_text("last");
        assert_eq!(client.next_close().0, 1001);
    }
    server.wait();
}

#[test]
fn a_stop_ends_in_time_although_clients_do_not_answer() {
    let journal = Journal::default();
    let mut server =
        serve(journalled(Config { shutdown_timeout: Duration::from_secs(1), ..config() }, &journal));
    let _clients: Vec<Client> = server.connect_many(5).into_iter().map(Client::impolite).collect();
    journal.opened(4);
    let took = server.stop();
    assert!(took < Duration::from_secs(3), "{took:?}");
    journal.check_pairs();
    assert!(journal.closes().iter().all(|(_, closed)| closed.by == ClosedBy::Shutdown));
}

#[test]
fn a_stop_ends_in_time_although_a_client_never_reads() {
    let journal = Journal::default();
    let settings =
        Config { shutdown_timeout: Duration::from_secs(1), output_bytes_max: 64 << 20, ..config() };
    let mut server = serve(journalled(settings, &journal));
    let _client = server.connect_narrow();
    let id = journal.opened(0);
    for _ in 0..20 {
        server.handle.push(id, vec![7; 1 << 20]).unwrap();
    }
    let took = server.stop();
    assert!(took < Duration::from_secs(3), "{took:?}");
    journal.check_pairs();
}

#[test]
fn a_stop_ends_in_time_although_a_handler_hangs() {
    let journal = Journal::default();
    let hanging = journal.clone();
    let mut server = serve(
        Server::new(ANY).config(Config { shutdown_timeout: Duration::from_secs(1), ..config() }).on_message(
            async move |_: Conn, _: Message| {
                hanging.note("begun");
                std::future::pending::<()>().await;
            },
        ),
    );
    let mut client = server.connect();
    client.text("hang");
    journal.wait_note("begun");
    let took = server.stop();
    assert!(took < Duration::from_secs(3), "{took:?}");
}

#[test]
fn a_stop_ends_in_time_although_a_blocking_task_hangs() {
    let journal = Journal::default();
    let hanging = journal.clone();
    let mut server = serve(
        Server::new(ANY).config(Config { shutdown_timeout: Duration::from_secs(1), ..config() }).on_message(
            async move |_: Conn, _: Message| {
                hanging.note("begun");
                let _ = tokio::task::spawn_blocking(|| std::thread::sleep(Duration::from_secs(8))).await;
            },
        ),
    );
    let mut client = server.connect();
    client.text("hang");
    journal.wait_note("begun");
    let took = server.stop();
    assert!(took < Duration::from_secs(5), "{took:?}");
}

struct SlowToStop {
    journal: Journal,
    forever: bool,
}

impl Handler for SlowToStop {
    async fn on_message(&self, _: Conn, _: Message) {}

    async fn on_close(&self, _: Conn, _: Closed) {
        self.journal.note("close begun");
        tokio::time::sleep(Duration::from_millis(100)).await;
        self.journal.note("close done");
    }

    async fn worker_stop(&self) {
        self.journal.note("worker_stop");
        if self.forever {
            std::future::pending::<()>().await;
        }
    }
}

fn slow_to_stop(config: Config, journal: &Journal, forever: bool) -> impl Startable + use<> {
    let journal = journal.clone();
    Server::with_handler(config, async move |_: Worker| {
        Ok::<_, BoxError>(SlowToStop { journal: journal.clone(), forever })
    })
    .listen(ANY)
}

#[test]
fn a_stop_waits_for_close_events_that_await_and_no_longer() {
    let journal = Journal::default();
    let mut server = serve(slow_to_stop(one_reactor(), &journal, false));
    let mut client = server.connect();
    server.handle.shutdown();
    client.next_close();
    let begun = Instant::now();
    server.wait();
    assert!(begun.elapsed() < Duration::from_secs(2), "it waited for more than the handler");
    assert_eq!(journal.notes(), ["close begun", "close done", "worker_stop"]);
}

#[test]
fn a_stop_ends_in_time_although_worker_stop_hangs() {
    let journal = Journal::default();
    let settings = Config { shutdown_timeout: Duration::from_secs(1), ..one_reactor() };
    let mut server = serve(slow_to_stop(settings, &journal, true));
    let took = server.stop();
    assert!(took < Duration::from_secs(5), "{took:?}");
}

#[test]
fn a_handler_can_stop_the_server() {
    let mut server = serve(Server::new(ANY).config(config()).on_message(async |conn: Conn, _: Message| {
        let _ = conn.push("stopping");
        conn.handle().shutdown();
    }));
    let mut client = server.connect();
    client.text("stop");
    client.expect_text("stopping");
    assert_eq!(client.next_close().0, 1001);
    server.wait();
}

#[test]
fn on_start_can_stop_the_server() {
    let started = Server::new(ANY).config(config());
    let (sender, outcome) = std::sync::mpsc::channel();
    std::thread::spawn(move || drop(sender.send(started.on_start(Handle::shutdown).start())));
    outcome.recv_timeout(PATIENCE).expect("start did not return").unwrap();
}

#[test]
fn a_second_stop_changes_nothing() {
    let mut server = serve(echo(config()));
    let mut client = server.connect();
    server.handle.shutdown();
    server.handle.shutdown();
    assert_eq!(client.next_close().0, 1001);
    server.wait();
    server.handle.shutdown();
}

#[test]
fn a_handle_that_outlives_its_server_says_so() {
    let mut server = serve(echo(config()));
    let _client = server.connect();
    wait_until("it is open", || server.handle.connections().len() == 1);
    let id = server.handle.connections()[0];
    server.stop();
    let handle = &server.handle;
    assert_eq!(handle.push(id, "too late"), Err(PushError::Closed));
    assert_eq!(handle.connections(), []);
    assert!(!handle.exists(id) && handle.client_info(id).is_none());
    assert_eq!(block_on(handle.members("room")), Err(QueryError::Stopped));
    assert!(matches!(block_on(handle.session(id)), Err(QueryError::Stopped | QueryError::Closed)));
    assert!(handle.is_stopping());
    let _ = handle.broadcast("nobody");
}

#[test]
fn while_a_stop_runs_new_clients_are_not_kept_waiting() {
    let mut server = serve(echo(Config { shutdown_timeout: Duration::from_secs(3), ..config() }));
    let address = server.address();
    let _slow = server.connect().impolite();
    server.handle.shutdown();
    wait_until("new clients are refused", || {
        let Ok(stream) = TcpStream::connect(address) else { return true };
        let mut raw = Raw::over(Stream::Tcp(stream));
        raw.stream.set_read_timeout(Duration::from_millis(200));
        use std::io::{Read, Write};
        let _ = raw.stream.write_all(upgrade_request("/", "").as_bytes());
        let mut answer = [0; 12];
        match raw.stream.read(&mut answer) {
            Ok(0) => true,
            Ok(_) => answer.starts_with(b"HTTP/1.1 503"),
            Err(error) => !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
        }
    });
    assert!(!server.is_over(), "the test was too slow: the server had stopped");
    server.wait();
}

#[test]
fn handshakes_that_have_begun_are_refused_by_a_stop() {
    let journal = Journal::default();
    let asked = journal.clone();
    let mut server = serve(Server::new(ANY).config(config()).authorize(async move |_: Request| {
        asked.note("asked");
        tokio::time::sleep(Duration::from_millis(200)).await;
        switchboard::Decision::accept()
    }));
    let mut half = server.raw();
    half.send("GET / HTTP/1.1\r\n");
    let mut deciding = server.raw();
    deciding.send(upgrade_request("/", ""));
    journal.wait_note("asked");
    let took = server.stop();
    assert!(took < Duration::from_secs(3), "{took:?}");
    for raw in [&mut half, &mut deciding] {
        let answer = Answer::parse(&raw.rest());
        assert!(answer.status == 503 || answer.status == 0, "{answer:?}");
    }
}

#[test]
fn a_stop_amid_clients_that_come_and_go_ends_well() {
    if all_by_tls().is_some() {
        return; // These clients are plain.
    }
    for _ in 0..5 {
        let journal = Journal::default();
        let mut server = serve(journalled(Config { reactors: 3, ..config() }, &journal));
        let address = server.address();
        let storms: Vec<_> = (0..3)
            .map(|_| {
                std::thread::spawn(move || {
                    let mut clients = Vec::new();
                    while let Ok(stream) = TcpStream::connect(address) {
                        let mut stream = Stream::Tcp(stream);
                        use std::io::Write;
                        let mut bytes = upgrade_request("/", "").into_bytes();
                        bytes.extend(Client::encoded_texts(["hello"]));
                        let _ = stream.write_all(&bytes);
                        clients.push(stream);
                        if clients.len() > 50 {
                            clients.drain(..30);
                        }
                    }
                })
            })
            .collect();
        journal.opened(100);
        let took = server.stop();
        assert!(took < Duration::from_secs(8), "{took:?}");
        storms.into_iter().for_each(|storm| storm.join().unwrap());
        journal.check_pairs();
    }
}

#[test]
fn a_connection_that_came_by_a_late_upgrade_is_told_too() {
    let journal = Journal::default();
    let router = axum::Router::new().route("/", axum::routing::get(async || "hello"));
    let mut server = serve(
        Server::new(ANY)
            .config(config())
            .http(router)
            .on_open(journal.on_open())
            .on_close(journal.on_close()),
    );
    let mut raw = server.raw();
    raw.request("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let mut client = Client::open(raw.into_stream(), &handshake("/"));
    journal.opened(0);
    server.handle.shutdown();
    assert_eq!(client.next_close().0, 1001);
    server.wait();
    journal.check_pairs();
}

#[test]
fn many_clients_are_told_of_a_stop_one_portion_after_the_other() {
    let count = 1_500;
    let mut server = serve(echo(Config { max_connections: count, ..one_reactor() }));
    let mut clients = server.connect_many(count);
    wait_until("all are open", || server.handle.connections().len() == count);
    server.handle.shutdown();
    let mut seen = std::collections::BTreeSet::new();
    wait_until("all have been told", || {
        let left = server.handle.connections().len();
        seen.insert(left);
        left == 0
    });
    assert!(seen.iter().any(|left| *left > 0 && *left < count), "all were told at once: {seen:?}");
    for client in &mut clients {
        assert_eq!(client.next_close().0, 1001);
    }
    server.wait();
}
