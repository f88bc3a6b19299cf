//! Heartbeat: the silent are pinged, the dead are closed.

use std::time::{Duration, Instant};

use switchboard::{ClosedBy, Config, Conn, Message, Request, Server};

use crate::support::*;

const MS: fn(u64) -> Duration = Duration::from_millis;

/// Pings after 100 ms of silence, closes after 600 ms.
fn brisk() -> Config {
    Config {
        ping_interval: MS(100),
        heartbeat_idle_time: MS(600),
        heartbeat_check_interval: MS(100),
        ..config()
    }
}

fn server(config: Config) -> (Running, Journal) {
    let journal = Journal::default();
    let server = Server::new(ANY)
        .config(config)
        .on_open(journal.on_open())
        .on_message(journal.on_message())
        .on_close(journal.on_close());
    (serve(server), journal)
}

#[test]
fn a_silent_client_is_pinged_again_and_again() {
    let (server, _) = server(brisk());
    let mut client = server.connect();
    let begun = Instant::now();
    for _ in 0..8 {
        assert_eq!(client.next(), Heard::Ping);
    }
    assert!(begun.elapsed() >= MS(600), "not faster than the interval: {:?}", begun.elapsed());
    client.round_trip("still there");
}

#[test]
fn a_client_that_talks_is_not_pinged() {
    let (server, _) = server(Config { ping_interval: MS(1_000), ..brisk() });
    let mut client = server.connect();
    let begun = Instant::now();
    while begun.elapsed() < MS(2_000) {
        client.text("busy");
        assert_eq!(client.next(), Heard::Text("busy".into()));
        assert_eq!(client.next_within(MS(50)), None);
    }
}

#[test]
fn a_client_that_answers_nothing_is_closed_with_1001() {
    let (mut server, journal) = server(brisk());
    let mut client = server.connect().impolite();
    let begun = Instant::now();
    let (code, reason) = client.next_close();
    assert!(begun.elapsed() >= MS(500), "not before the idle time: {:?}", begun.elapsed());
    assert_eq!(code, 1001);
    assert!(!reason.is_empty());
    let closed = journal.expect_close(1001, ClosedBy::Heartbeat);
    assert_eq!(closed.reason, reason);
    server.stop();
    journal.check_pairs();
}

#[test]
fn a_client_that_only_answers_pings_stays() {
    let (server, journal) = server(brisk());
    let mut client = server.connect();
    let begun = Instant::now();
    while begun.elapsed() < MS(2_000) {
        assert_eq!(client.next(), Heard::Ping);
    }
    assert!(journal.closes().is_empty());
    client.round_trip("still there");
}

#[test]
fn any_byte_that_comes_is_a_sign_of_life() {
    let (server, journal) = server(Config { heartbeat_idle_time: MS(2_000), ..brisk() });
    let mut client = server.connect().impolite();
    let frame = Client::encoded_texts(["slow, byte by byte, but alive"]);
    let begun = Instant::now();
    for (number, byte) in (0..).zip(&frame) {
        client.raw(&[*byte]);
        while begun.elapsed() < MS(100) * (number + 1) {
            let heard = client.next_within(MS(100));
            assert!(matches!(heard, None | Some(Heard::Ping | Heard::Text(_))), "{heard:?}");
        }
    }
    assert!(begun.elapsed() > MS(3_000) && journal.closes().is_empty());
    client.ping(b"!");
    client.until(&Heard::Pong(b"!".into()));
    assert_eq!(journal.entries().len(), 2, "the frame was whole");
}

#[test]
fn a_protected_client_may_be_silent() {
    let (server, journal) = server(brisk());
    let mut protected = server.connect().impolite();
    let id = journal.opened(0);
    server.handle.protect(id, true).unwrap();
    let mut ordinary = server.connect().impolite();
    assert_eq!(ordinary.next_close().0, 1001);
    let begun = Instant::now();
    while begun.elapsed() < MS(1_200) {
        assert!(server.handle.is_established(id));
        assert!(!matches!(protected.next_within(MS(50)), Some(Heard::Close(..) | Heard::End)));
    }
    server.handle.protect(id, false).unwrap();
    assert_eq!(protected.next_close().0, 1001, "the exemption has an end");
    assert_eq!(journal.closed_of(id).by, ClosedBy::Heartbeat);
}

#[test]
fn without_an_interval_nobody_is_pinged() {
    let (server, _) = server(Config { ping_interval: Duration::ZERO, ..brisk() });
    let mut client = server.connect().impolite();
    assert!(matches!(client.next(), Heard::Close(1001, _)), "the first thing it hears");
}

#[test]
fn without_an_idle_time_nobody_is_closed() {
    let (server, journal) = server(Config { heartbeat_idle_time: Duration::ZERO, ..brisk() });
    let mut client = server.connect().impolite();
    for _ in 0..15 {
        assert_eq!(client.next(), Heard::Ping);
    }
    assert!(journal.closes().is_empty());
}

#[test]
fn a_paused_client_is_left_alone_and_heard_again_afterwards() {
    let (server, journal) = server(brisk());
    let mut client = server.connect();
    let id = journal.opened(0);
    server.handle.pause(id).unwrap();
    // It answers its pings, but nobody reads that.
    let begun = Instant::now();
    while begun.elapsed() < MS(1_500) {
        let heard = client.next_within(MS(20));
        assert!(matches!(heard, None | Some(Heard::Ping)), "{heard:?}");
    }
    client.text("queued");
    server.handle.resume(id).unwrap();
    client.expect_text("queued");
}

#[test]
fn a_handler_that_takes_longer_than_the_idle_time_costs_its_client_nothing() {
    let server = serve(Server::new(ANY).config(Config { handler_backlog_max: 1, ..brisk() }).on_message(
        async |conn: Conn, message: Message| {
            tokio::time::sleep(MS(1_000)).await;
            conn.push(message)
        },
    ));
    let mut client = server.connect();
    let texts = ["one", "two", "three"];
    client.raw(&Client::encoded_texts(texts));
    assert_eq!(client.next_texts(3), texts);
}

#[test]
fn clients_are_not_blamed_for_a_handler_that_blocks_the_thread() {
    let journal = Journal::default();
    let blocked = journal.clone();
    let server = serve(
        Server::new(ANY)
            .config(Config { reactors: 1, ..brisk() })
            .on_open(async |conn: Conn, _: Request| conn.protect(true))
            .on_message(async move |conn: Conn, message: Message| {
                if message.as_text() == Some("block") {
                    for id in conn.handle().connections() {
                        let _ = conn.handle().protect(id, false);
                    }
                    blocked.note("blocks");
                    std::thread::sleep(MS(1_000));
                }
            })
            .on_close(journal.on_close()),
    );
    // More than one call of epoll reports.
    let mut clients = server.connect_many(1_100);
    wait_until("all are open", || server.handle.connections().len() == 1_100);
    let ids = server.handle.connections();
    let mut blocker = server.connect();
    blocker.text("block");
    journal.wait_note("blocks");
    for client in &mut clients {
        client.text("here");
    }
    let closed = || journal.closes().into_iter().find(|(id, _)| ids.contains(id));
    wait_until("all were read", || server.handle.stats().received_messages >= 1_101 || closed().is_some());
    assert_eq!(closed(), None);
}

#[test]
fn a_client_that_answers_pings_survives_a_stall_of_the_server() {
    let journal = Journal::default();
    let server = serve(
        Server::new(ANY)
            .config(Config { reactors: 1, ..brisk() })
            .on_message(async |conn: Conn, message: Message| {
                if message.as_text() == Some("stall") {
                    std::thread::sleep(MS(1_500));
                }
                conn.push(message)
            })
            .on_close(journal.on_close()),
    );
    let mut client = server.connect();
    assert_eq!(client.next(), Heard::Ping);
    client.round_trip("stall");
    let begun = Instant::now();
    while begun.elapsed() < MS(1_500) {
        assert_eq!(client.next(), Heard::Ping);
    }
    assert!(journal.closes().is_empty());
}

#[test]
fn a_client_that_reads_nothing_and_sends_nothing_is_closed_too() {
    let (server, journal) = server(Config { output_bytes_max: 64 << 20, ..brisk() });
    let _client = server.connect_narrow();
    let id = journal.opened(0);
    for _ in 0..20 {
        server.handle.push(id, vec![1; 1 << 20]).unwrap();
    }
    journal.expect_close(1001, ClosedBy::Heartbeat);
    wait_until("it is gone", || !server.handle.exists(id));
}
