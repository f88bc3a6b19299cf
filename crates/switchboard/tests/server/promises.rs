//! What costs little, what is bounded, and what a start and a stop answer.

use std::io::{ErrorKind, Read, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::routing::get;
use switchboard::{
    BoxError, Config, ConfigError, Conn, Decision, Handle, Handler, Message, Overflow, PublishError, Request,
    Server, StartError, Worker,
};
use switchboard_proto::OpCode;
use tokio::sync::Notify;

use crate::support::*;

const MS: fn(u64) -> Duration = Duration::from_millis;

/// Starts a server that is expected to fail later.
fn launch(server: impl Startable) -> (Handle, Receiver<Result<(), StartError>>) {
    let (outcome_sender, outcome) = mpsc::channel();
    let (started, handle) = mpsc::channel();
    std::thread::spawn(move || {
        let ran = server.run(move |handle| drop(started.send(handle.clone())));
        let _ = outcome_sender.send(ran);
    });
    (handle.recv_timeout(PATIENCE).expect("the server did not start"), outcome)
}

#[test]
fn empty_lines_before_a_request_hide_nothing_of_it() {
    let decide = async |request: Request| {
        let first = request.headers().next().map(|(name, _)| name.to_owned());
        Decision::reject(403, format!("{} {first:?}", request.target()))
    };
    let server = serve(Server::new(ANY).config(config()).authorize(decide));
    let answer = server.raw().request(&format!("\r\n\r\n{}", upgrade_request("/room?token=x", "")));
    assert_eq!(answer.body, "/room?token=x Some(\"Host\")");
}

#[test]
fn what_one_turn_answers_leaves_in_one_write() {
    if all_by_tls().is_some() {
        return; // More bytes are sent.
    }
    let server = serve(echo(one_reactor()));
    let mut client = server.connect();
    client.round_trip("open");
    wait_until("the first answer is counted", || server.handle.stats().received_messages == 1);
    let before = server.handle.stats();
    let texts: Vec<String> = (0..200).map(|number| format!("{number:03}")).collect();
    client.raw(&Client::encoded_texts(&texts));
    assert_eq!(client.next_texts(200), texts);
    // A header of two bytes, and three of text.
    let bytes = before.sent_bytes + 200 * 5;
    wait_until("all answers are counted", || server.handle.stats().sent_bytes == bytes);
    let writes = server.handle.stats().writes - before.writes;
    // The segment may be read in parts.
    assert!((1..=8).contains(&writes), "200 answers took {writes} writes");
}

fn tasks() -> String {
    tokio::runtime::Handle::current().metrics().num_alive_tasks().to_string()
}

#[test]
fn a_handler_that_does_not_await_costs_no_task_and_one_that_does_costs_one() {
    let gate = Arc::new(Notify::new());
    let waiting = gate.clone();
    let server = serve(Server::new(ANY).config(one_reactor()).on_message(
        async move |conn: Conn, message: Message| {
            if message.as_text() == Some("wait") {
                let _ = conn.push("waiting");
                waiting.notified().await;
            }
            conn.push(tasks())
        },
    ));
    let (mut first, mut second) = (server.connect(), server.connect());
    first.text("count");
    let idle: usize = first.next_text().parse().unwrap();
    first.raw(&Client::encoded_texts(vec!["count"; 500]));
    assert_eq!(first.next_texts(500), vec![idle.to_string(); 500]);
    first.text("wait");
    first.expect_text("waiting");
    second.text("count");
    second.expect_text(&(idle + 1).to_string());
    gate.notify_one();
    first.expect_text(&(idle + 1).to_string());
    second.text("count");
    second.expect_text(&idle.to_string());
}

#[test]
fn a_handler_that_blocks_its_thread_does_not_keep_start_from_returning() {
    for reactors in [1, 2] {
        let journal = Journal::default();
        let blocked = journal.clone();
        let (release, released) = mpsc::channel::<()>();
        let released = Mutex::new(released);
        let timeout = MS(200);
        let (handle, outcome) = launch(
            Server::new(ANY).config(Config { reactors, shutdown_timeout: timeout, ..config() }).on_message(
                async move |_: Conn, _: Message| {
                    blocked.note("blocks");
                    // Until the test has ended.
                    let _ = released.lock().unwrap().recv();
                },
            ),
        );
        let switchboard::ListenAddr::Inet(address) = handle.listening()[0] else { unreachable!() };
        let mut client = Client::connect(address);
        client.text("block");
        journal.wait_note("blocks");
        let begun = Instant::now();
        handle.shutdown();
        let ran = outcome.recv_timeout(PATIENCE).expect("start() did not return");
        let took = begun.elapsed();
        assert!(matches!(ran, Err(StartError::Stuck { timeout: told }) if told == timeout), "{ran:?}");
        assert!(took < timeout + MS(5_000), "{took:?}");
        drop(release);
    }
}

struct Nothing;

impl Handler for Nothing {
    async fn on_message(&self, _: Conn, _: Message) {}
}

#[test]
fn a_worker_start_that_fails_is_named_although_another_never_ends() {
    for failing in [0, 1] {
        let settings = Config { shutdown_timeout: MS(200), ..config() };
        let other = Journal::default();
        let waiting = other.clone();
        let server = Server::with_handler(settings, async move |worker: Worker| {
            if worker.id() == failing {
                // Not before the other waits.
                waiting.wait_note("waits");
                return Err::<Nothing, BoxError>("no database".into());
            }
            waiting.note("waits");
            std::future::pending().await
        });
        let begun = Instant::now();
        let error = start_error(server.listen(ANY));
        let took = begun.elapsed();
        assert!(matches!(error, StartError::WorkerStart { worker, .. } if worker == failing), "{error}");
        assert!(error.to_string().contains("no database"), "{error}");
        assert!(took < MS(6_000), "{took:?}");
    }
}

/// A server whose decisions wait for the gate.
fn deciding(config: Config, journal: &Journal, gate: &Arc<Notify>) -> impl Startable + use<> {
    let (journal, gate) = (journal.clone(), gate.clone());
    let router = Router::new().route("/page", get(async || "page"));
    Server::new(ANY).config(config).http(router).authorize(async move |_: Request| {
        journal.note("asked");
        gate.notified().await;
        Decision::accept()
    })
}

/// The answer to an upgrade on a kept-alive HTTP connection that a stop finds undecided.
fn stopped_while_deciding(config: Config, decide: impl FnOnce(&Notify)) -> Duration {
    let (journal, gate) = (Journal::default(), Arc::new(Notify::new()));
    let mut server = serve(deciding(config, &journal, &gate));
    let mut raw = server.raw();
    assert_eq!(raw.request("GET /page HTTP/1.1\r\nHost: localhost\r\n\r\n").body, "page");
    let handshake = handshake("/");
    raw.send(handshake.request());
    journal.wait_note("asked");
    let begun = Instant::now();
    server.handle.shutdown();
    decide(&gate);
    match Client::await_101(raw.into_stream(), &handshake) {
        Ok(mut client) => assert_eq!(client.next_close().0, 1001),
        Err(answer) => assert_eq!(answer.status, 503, "{answer:?}"),
    }
    server.wait();
    begun.elapsed()
}

#[test]
fn a_late_upgrade_that_is_decided_during_a_stop_is_answered() {
    for late in [MS(0), MS(1), MS(50)] {
        for _ in 0..5 {
            let took = stopped_while_deciding(config(), |gate| {
                // At different moments of the stop.
                std::thread::sleep(late);
                gate.notify_one();
            });
            assert!(took < config().shutdown_timeout, "{took:?}");
        }
    }
}

#[test]
fn a_late_upgrade_that_is_never_decided_is_refused_by_a_stop() {
    let took = stopped_while_deciding(Config { shutdown_timeout: MS(1_000), ..config() }, |_| {});
    assert!(took < MS(3_500), "{took:?}");
}

#[test]
fn an_http_client_that_does_not_read_its_response_loses_its_place() {
    const LARGE: usize = 64 << 20;
    let router =
        Router::new().route("/large", get(async || vec![b'L'; LARGE])).route("/", get(async || "hello"));
    let settings = Config { max_http_connections: 1, http_timeout: MS(300), ..config() };
    let server = serve(Server::new(ANY).config(settings).http(router));
    let mut unread = Raw::over(Stream::narrow(server.address()));
    unread.send("GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let (head, read) = unread.head_and_rest();
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    wait_until("another is served", || {
        let mut other = server.raw();
        other.send("GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        let answer = Answer::parse(&other.rest());
        assert!(matches!(answer.status, 200 | 503), "{answer:?}");
        answer.status == 200
    });
    assert!(read.len() + unread.rest().len() < LARGE, "it got everything");
}

#[test]
fn a_client_that_reads_slowly_but_steadily_is_not_taken_for_dead() {
    let idle = MS(1_000);
    let journal = Journal::default();
    let settings = Config {
        ping_interval: MS(200),
        heartbeat_idle_time: idle,
        heartbeat_check_interval: MS(100),
        output_bytes_max: 64 << 20,
        overflow: Overflow::DropNewest,
        ..one_reactor()
    };
    let server =
        serve(Server::new(ANY).config(settings).on_open(journal.on_open()).on_close(journal.on_close()));
    let mut client = server.connect_narrow();
    let id = journal.opened(0);
    // Beyond what the kernel takes.
    let mut pushed = 0;
    let queued = || server.handle.client_info(id).map_or(0, |info| info.queued_bytes);
    while queued() < 1 << 20 {
        server.handle.push(id, vec![7; 32 << 10]).unwrap();
        pushed += 32 << 10;
        block_on(server.handle.groups(id)).unwrap();
    }
    client.stream.set_read_timeout(PATIENCE);
    let (begun, mut read, mut buffer) = (Instant::now(), 0, vec![0; 8 << 10]);
    while read < pushed {
        let len = client.stream.read(&mut buffer).expect("nothing came in time");
        assert_eq!(journal.closes(), [], "after {:?} and {read} of {pushed} bytes", begun.elapsed());
        assert_ne!(len, 0, "the transport ended");
        read += len;
        // The pace of a slow line.
        let pace = Duration::from_secs_f64(read as f64 / (400 << 10) as f64);
        std::thread::sleep(pace.saturating_sub(begun.elapsed()));
    }
    assert!(begun.elapsed() > 2 * idle, "it read too fast: {pushed} bytes in {:?}", begun.elapsed());
    assert_eq!(journal.closes(), []);
}

#[test]
fn times_without_a_bound_are_refused_by_name() {
    type Field = fn(&mut Config) -> &mut Duration;
    let cases: [(Field, &str); 7] = [
        (|config| &mut config.handshake_timeout, "handshake_timeout"),
        (|config| &mut config.http_timeout, "http_timeout"),
        (|config| &mut config.ping_interval, "ping_interval"),
        (|config| &mut config.heartbeat_idle_time, "heartbeat_idle_time"),
        (|config| &mut config.heartbeat_check_interval, "heartbeat_check_interval"),
        (|config| &mut config.close_timeout, "close_timeout"),
        (|config| &mut config.shutdown_timeout, "shutdown_timeout"),
    ];
    for (field, expected) in cases {
        let mut settings = config();
        *field(&mut settings) = Duration::MAX;
        let error = start_error(echo(settings));
        let StartError::Config(ConfigError::Duration { name, value, .. }) = &error else { panic!("{error}") };
        assert_eq!((*name, *value), (expected, Duration::MAX));
        assert!(error.to_string().contains(expected), "{error}");
    }
}

#[test]
fn what_is_published_after_the_end_is_refused() {
    let mut server = serve(echo(config()));
    let _client = server.connect();
    wait_until("it is open", || server.handle.connections().len() == 1);
    server.handle.publish("room", "in time", &[]).unwrap();
    server.stop();
    let handle = &server.handle;
    assert_eq!(handle.publish("room", "too late", &[]), Err(PublishError::Stopped));
    assert_eq!(handle.broadcast("too late"), Err(PublishError::Stopped));
    assert_eq!(handle.push_to_user("ann", "too late"), Err(PublishError::Stopped));
}

#[test]
fn large_messages_behind_a_handler_that_waits_are_bounded_in_bytes_and_none_is_lost() {
    const MESSAGES: usize = 1_024;
    const MESSAGE: usize = 64 << 10;
    let (journal, gate) = (Journal::default(), Arc::new(Notify::new()));
    let (waiting, noted, next) = (gate.clone(), journal.clone(), AtomicUsize::new(0));
    let settings = Config { message_bytes_max: 256 << 10, handler_backlog_max: 1_000, ..one_reactor() };
    let server = serve(Server::new(ANY).config(settings).on_open(journal.on_open()).on_message(
        async move |conn: Conn, message: Message| {
            if next.fetch_add(1, Ordering::Relaxed) == 0 {
                noted.note("waits");
                waiting.notified().await;
            }
            let number = u32::from_le_bytes(message.as_bytes()[..4].try_into().unwrap());
            conn.push(number.to_string())
        },
    ));
    let mut client = server.connect();
    let id = journal.opened(0);
    let frame = |number: usize| {
        let mut payload = vec![b'x'; MESSAGE];
        payload[..4].copy_from_slice(&(number as u32).to_le_bytes());
        Client::encoded(OpCode::Binary, &payload)
    };
    client.raw(&frame(0));
    journal.wait_note("waits");
    let rest: Vec<u8> = (1..MESSAGES).flat_map(frame).collect();
    client.stream.set_write_timeout(MS(500));
    let mut written = 0;
    let blocked = loop {
        match client.stream.write(&rest[written..]) {
            Ok(0) => panic!("nothing was left to write: 64 MiB were taken in"),
            Ok(len) => written += len,
            Err(error) => break error,
        }
    };
    assert!(matches!(blocked.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{blocked}");
    assert!(written < rest.len() / 2, "{written} bytes were taken in");
    let received = server.handle.client_info(id).unwrap().received_bytes;
    assert!(received < 1 << 20, "{received} bytes were read");
    gate.notify_one();
    client.stream.set_write_timeout(PATIENCE);
    client.raw(&rest[written..]);
    let expected: Vec<String> = (0..MESSAGES).map(|number| number.to_string()).collect();
    assert_eq!(client.next_texts(MESSAGES), expected);
}
