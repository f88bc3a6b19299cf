//! What one connection may send in a second: more is slowed down, and in the end closed.

use std::time::{Duration, Instant};

use switchboard::{ClosedBy, Config, Conn, Message, Server};

use crate::support::*;

fn limited(messages: u32, bytes: usize) -> Config {
    Config {
        messages_per_second: messages,
        bytes_per_second: bytes,
        rate_burst: Duration::from_secs(1),
        ..one_reactor()
    }
}

/// Echoes, and notes what happens.
fn journalled(config: Config, journal: &Journal) -> impl Startable + use<> {
    Server::new(ANY)
        .config(config)
        .on_open(journal.on_open())
        .on_message(async |conn: Conn, message: Message| conn.push(message))
        .on_close(journal.on_close())
}

#[test]
fn a_connection_that_sends_too_many_messages_is_slowed_down_and_loses_none() {
    let server = serve(echo(limited(20, 0)));
    let mut client = server.connect();
    let texts: Vec<String> = (0..60).map(|number| number.to_string()).collect();
    let begun = Instant::now();
    client.raw(&Client::encoded_texts(&texts));
    assert_eq!(client.next_texts(60), texts);
    // 20 at once, and 20 in each second.
    assert!(begun.elapsed() >= Duration::from_millis(1_800), "{:?}", begun.elapsed());
    assert_eq!(server.handle.connections().len(), 1, "it is not closed for it");
}

#[test]
fn a_connection_that_sends_too_many_bytes_is_slowed_down_and_loses_none() {
    let server = serve(echo(limited(0, 50_000)));
    let mut client = server.connect();
    let begun = Instant::now();
    client.binary(&[7; 150_000]);
    assert_eq!(client.next(), Heard::Binary(vec![7; 150_000]));
    assert!(begun.elapsed() >= Duration::from_millis(1_800), "{:?}", begun.elapsed());
    client.round_trip("it goes on");
}

#[test]
fn the_others_are_not_slowed_down() {
    let server = serve(echo(limited(20, 0)));
    let mut flood = server.connect();
    flood.raw(&Client::encoded_texts(vec!["x"; 200]));
    wait_until("the flood has been slowed down", || server.handle.stats().received_messages >= 20);
    let mut others = server.connect_many(10);
    for other in &mut others {
        (0..10).for_each(|_| other.round_trip("served"));
    }
    assert!(server.handle.stats().received_messages < 220, "the flood was not slowed down");
}

#[test]
fn a_connection_that_never_lets_up_is_closed_with_1008() {
    if all_by_tls().is_some() {
        return; // A session cannot be shared with another stream.
    }
    for config in [limited(50, 0), limited(0, 2_000)] {
        let journal = Journal::default();
        let server = serve(journalled(Config { rate_grace: Duration::from_millis(500), ..config }, &journal));
        let mut client = server.connect();
        let mut stream = client.stream.try_clone();
        let flood = std::thread::spawn(move || {
            use std::io::Write;
            let frames = Client::encoded_texts(vec!["flood"; 100]);
            while stream.write_all(&frames).is_ok() {}
        });
        let (code, reason) = client.next_close();
        assert_eq!(code, 1008);
        assert!(reason.contains("messages_per_second"), "{reason}");
        journal.expect_close(1008, ClosedBy::Flood);
        drop(client);
        flood.join().unwrap();
    }
}

/// What it had sent before is worked off slowly, and at its end there is nobody left to be closed.
#[test]
fn one_that_floods_and_is_gone_by_a_reset_harms_nobody() {
    let journal = Journal::default();
    let config = Config { rate_grace: Duration::from_millis(300), ..limited(5, 0) };
    let server = serve(journalled(config, &journal));
    let mut other = server.connect();
    let mut flood = server.connect();
    flood.raw(&Client::encoded_texts(vec!["x"; 2_000]));
    wait_until("it has been slowed down", || server.handle.stats().received_messages >= 5);
    flood.reset();
    wait_until("its end is told", || server.handle.stats().closed == 1);
    wait_until("nothing is left of it", || server.handle.stats().sockets == 1);
    other.round_trip("unharmed");
}

#[test]
fn who_sends_as_much_as_it_may_is_never_closed() {
    let config = Config { rate_grace: Duration::from_millis(300), ..limited(40, 0) };
    let server = serve(echo(config));
    let mut client = server.connect();
    let begun = Instant::now();
    // What may come at once, and then a little less than what may come in a second.
    client.raw(&Client::encoded_texts(vec!["first"; 40]));
    assert_eq!(client.next_texts(40).len(), 40);
    while begun.elapsed() < Duration::from_secs(2) {
        client.round_trip("on time");
        std::thread::sleep(Duration::from_millis(30));
    }
}

#[test]
fn pings_count_as_messages() {
    let server = serve(echo(limited(20, 0)));
    let mut client = server.connect();
    let begun = Instant::now();
    for _ in 0..60 {
        client.ping(b"?");
    }
    client.text("behind them");
    client.until(&Heard::Text("behind them".into()));
    assert!(begun.elapsed() >= Duration::from_millis(1_800), "{:?}", begun.elapsed());
}

#[test]
fn a_held_connection_can_be_closed_and_is_not_taken_for_dead() {
    let config = Config {
        ping_interval: Duration::from_millis(100),
        heartbeat_idle_time: Duration::from_millis(300),
        heartbeat_check_interval: Duration::from_millis(50),
        rate_grace: Duration::from_secs(60),
        ..limited(1, 0)
    };
    let server = serve(echo(config));
    let mut client = server.connect();
    client.raw(&Client::encoded_texts(["one", "two", "three"]));
    assert_eq!(client.next_texts(3), ["one", "two", "three"]);
    client.raw(&Client::encoded_texts(vec!["more"; 50]));
    let id = server.handle.connections()[0];
    server.handle.disconnect(id, 4_000, "enough").unwrap();
    assert_eq!(client.next_close(), (4_000, "enough".to_owned()));
}
