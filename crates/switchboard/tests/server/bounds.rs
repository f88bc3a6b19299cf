//! Bounds on connections, handshakes and messages; what one client does costs the others nothing.

use std::io::{Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use switchboard::{ClosedBy, Config, ConfigError, Conn, Decision, Message, Request, Server, StartError};

use crate::support::*;

fn refused(server: &Running) -> Answer {
    Client::try_open(Stream::tcp(server.address()), &handshake("/")).err().expect("it was let in")
}

#[test]
fn one_connection_too_many_gets_503_and_may_try_again() {
    let server = serve(echo(Config { max_connections: 3, ..config() }));
    let mut clients = server.connect_many(3);
    let answer = refused(&server);
    assert_eq!(answer.status, 503);
    assert!(answer.header("retry-after").is_some_and(|seconds| seconds.parse::<u32>().is_ok()), "{answer:?}");
    for client in &mut clients {
        client.round_trip("undisturbed");
    }
    let stats = server.handle.stats();
    assert_eq!((stats.connections, stats.refused), (3, 1));
}

#[test]
fn a_place_is_free_again_however_its_connection_ended() {
    let server = serve(echo(Config { max_connections: 1, ..config() }));
    let free = || wait_until("the place is free", || server.handle.stats().connections == 0);
    for _ in 0..3 {
        let mut closed = server.connect();
        assert_eq!(refused(&server).status, 503);
        closed.close(1000, "");
        closed.next_close();
        free();
        drop(server.connect());
        free();
        server.connect().reset();
        free();
        let aborted = server.connect();
        wait_until("it is open", || server.handle.connections().len() == 1);
        server.handle.abort(server.handle.connections()[0]).unwrap();
        free();
        drop(aborted);
        let mut failed = server.connect().impolite();
        failed.raw(&[0xff; 8]);
        failed.next_close();
        free();
        // The client has not gone, but it is over.
        server.connect().round_trip("in");
        free();
    }
}

#[test]
fn a_rejected_or_failed_handshake_takes_no_place() {
    let server = serve(
        Server::new(ANY)
            .config(Config { max_connections: 1, ..config() })
            .authorize(async |request: Request| match request.path() {
                "/no" => Decision::reject(403, "no"),
                _ => Decision::accept(),
            })
            .on_message(async |conn: Conn, message: Message| conn.push(message)),
    );
    for _ in 0..5 {
        assert!(Client::try_open(Stream::tcp(server.address()), &handshake("/no")).is_err());
    }
    server.connect().round_trip("in");
}

#[test]
fn a_head_that_is_too_large_gets_431() {
    let server = serve(echo(Config { head_bytes_max: 1_000, headers_max: 20, ..config() }));
    for lines in [format!("X-Large: {}\r\n", "x".repeat(1_000)), "X-Many: 1\r\n".repeat(21)] {
        let mut raw = server.raw();
        raw.send(upgrade_request("/", &lines));
        assert_eq!(Answer::parse(&raw.rest()).status, 431);
    }
    let mut raw = server.raw();
    raw.send(format!("GET /{} HTTP/1.1\r\n", "x".repeat(2_000)));
    assert!(matches!(Answer::parse(&raw.rest()).status, 414 | 431));
    server.connect().round_trip("ordinary heads fit");
}

#[test]
fn a_head_that_comes_byte_by_byte_is_as_good_as_any() {
    let server = serve(echo(config()));
    let mut stream = Stream::tcp(server.address());
    let handshake = handshake("/");
    for byte in handshake.request() {
        stream.write_all(&[byte]).unwrap();
    }
    Client::await_101(stream, &handshake).unwrap().round_trip("hello");
}

#[test]
fn a_handshake_that_takes_too_long_is_ended_although_bytes_drip() {
    let server = serve(echo(Config { handshake_timeout: Duration::from_millis(500), ..config() }));
    let mut raw = server.raw();
    let begun = Instant::now();
    raw.stream.set_read_timeout(Duration::from_millis(50));
    let mut head = upgrade_request("/", &"X-Padding: x\r\n".repeat(40)).into_bytes().into_iter();
    let mut answer = Vec::new();
    let mut buffer = [0; 1_000];
    while begun.elapsed() < PATIENCE {
        if raw.stream.write_all(&[head.next().expect("the server waited for the whole head")]).is_err() {
            break;
        }
        match raw.stream.read(&mut buffer) {
            Ok(0) => break,
            Ok(len) => answer.extend_from_slice(&buffer[..len]),
            Err(_) => {}
        }
        if !answer.is_empty() {
            break;
        }
    }
    assert_eq!(Answer::parse(&answer).status, 408);
    assert!(begun.elapsed() >= Duration::from_millis(450), "{:?}", begun.elapsed());
}

#[test]
fn a_connection_that_asks_nothing_is_ended_too() {
    if all_by_tls().is_some() {
        return; // There is no session yet that could be ended.
    }
    let server = serve(echo(Config { handshake_timeout: Duration::from_millis(300), ..config() }));
    let mut raw = server.raw();
    let begun = Instant::now();
    assert_eq!(raw.rest(), b"");
    assert!(begun.elapsed() >= Duration::from_millis(250), "{:?}", begun.elapsed());
    wait_until("the socket is closed", || server.handle.stats().sockets == 0);
}

#[test]
fn a_decision_that_takes_too_long_refuses_readably_and_frees_the_place() {
    let journal = Journal::default();
    let server = serve(
        Server::new(ANY)
            .config(Config { max_connections: 1, handshake_timeout: Duration::from_millis(300), ..config() })
            .authorize(async |request: Request| {
                if request.path() == "/slow" {
                    tokio::time::sleep(Duration::from_millis(800)).await;
                }
                Decision::accept()
            })
            .on_open(journal.on_open()),
    );
    let refused = Client::try_open(Stream::tcp(server.address()), &handshake("/slow"));
    let answer = refused.err().expect("it was let in");
    assert!(matches!(answer.status, 408 | 503), "{answer:?}");
    assert_eq!(server.handle.stats().connections, 0);
    let quick = Client::connect_to(server.address(), "/quick");
    // The late decision opens nothing.
    wait_until("the late decision is in", || server.handle.stats().sockets == 1);
    drop(quick);
    wait_until("both are gone", || server.handle.stats().sockets == 0);
    assert_eq!(journal.opens().len(), 1);
}

#[test]
fn an_open_connection_is_not_under_the_handshakes_limit() {
    let server = serve(echo(Config { handshake_timeout: Duration::from_millis(200), ..config() }));
    let mut client = server.connect();
    assert_eq!(client.next_within(Duration::from_millis(600)), None);
    client.round_trip("still here");
}

#[test]
fn clients_that_never_finish_a_handshake_do_not_keep_others_out() {
    let server = serve(echo(Config { max_connections: 10, ..config() }));
    let mut idle = Vec::new();
    for _ in 0..200 {
        let mut raw = server.raw();
        raw.send("GET / HT");
        idle.push(raw);
    }
    for _ in 0..5 {
        server.connect().round_trip("there is room");
    }
}

#[test]
fn a_client_that_floods_costs_the_others_nothing() {
    let server =
        serve(Server::new(ANY).config(one_reactor()).on_message(async |conn: Conn, message: Message| {
            match message.len() {
                0 => Ok(()),
                _ => conn.push(message),
            }
        }));
    let stop = Arc::new(AtomicBool::new(false));
    let floods: Vec<_> = (0..2)
        .map(|_| {
            let mut stream = server.connect().stream;
            stream.set_write_timeout(PATIENCE);
            let stop = stop.clone();
            std::thread::spawn(move || {
                let frames = Client::encoded_texts(vec![""; 10_000]);
                while !stop.load(Ordering::Relaxed) {
                    stream.write_all(&frames).unwrap();
                }
            })
        })
        .collect();
    wait_until("the flood has begun", || server.handle.stats().received_messages > 20_000);
    let mut others = server.connect_many(5);
    let begun = Instant::now();
    for _ in 0..20 {
        for other in &mut others {
            other.round_trip("served");
        }
    }
    let took = begun.elapsed();
    stop.store(true, Ordering::Relaxed);
    floods.into_iter().for_each(|flood| flood.join().unwrap());
    assert!(took < Duration::from_secs(15), "100 round trips took {took:?}");
}

#[test]
fn a_paused_connection_is_not_read_until_it_is_resumed() {
    let journal = Journal::default();
    let server = serve(
        Server::new(ANY)
            .config(config())
            .on_open(journal.on_open())
            .on_message(journal.on_message())
            .on_close(journal.on_close()),
    );
    let mut client = server.connect();
    client.round_trip("before");
    let id = journal.opened(0);
    server.handle.pause(id).unwrap();
    client.raw(&Client::encoded_texts(["one", "two"]));
    assert_eq!(client.next_within(Duration::from_millis(200)), None);
    server.handle.push(id, "it can be sent to").unwrap();
    client.expect_text("it can be sent to");
    server.handle.resume(id).unwrap();
    assert_eq!(client.next_texts(2), ["one", "two"]);
    client.round_trip("after");
}

#[test]
fn a_paused_connection_is_slowed_down_by_tcp() {
    if all_by_tls().is_some() {
        return; // A session cannot be shared with another stream.
    }
    let journal = Journal::default();
    let server = serve(
        Server::new(ANY)
            .config(config())
            .on_open(journal.on_open())
            .on_message(async |conn: Conn, message: Message| conn.push(message.len().to_string())),
    );
    let client = server.connect();
    let id = journal.opened(0);
    server.handle.pause(id).unwrap();
    let mut stream = client.stream.try_clone();
    stream.set_write_timeout(Duration::from_millis(300));
    let chunk = vec![0u8; 1 << 20];
    let written = (0..100).take_while(|_| stream.write_all(&chunk).is_ok()).count();
    assert!(written < 100, "100 MiB were taken in");
    let received = server.handle.client_info(id).unwrap().received_bytes;
    assert!(received < 1 << 20, "{received} bytes were read");
}

#[test]
fn a_paused_connection_can_be_closed() {
    let journal = Journal::default();
    let server =
        serve(Server::new(ANY).config(config()).on_open(journal.on_open()).on_close(journal.on_close()));
    let mut client = server.connect();
    let id = journal.opened(0);
    server.handle.pause(id).unwrap();
    server.handle.disconnect(id, 4_000, "enough").unwrap();
    assert_eq!(client.until_end(), [Heard::Close(4_000, "enough".into()), Heard::End]);
    journal.expect_close(4_000, ClosedBy::Server);
}

#[test]
fn a_paused_connection_that_is_reset_ends() {
    let journal = Journal::default();
    let server =
        serve(Server::new(ANY).config(config()).on_open(journal.on_open()).on_close(journal.on_close()));
    let client = server.connect();
    let id = journal.opened(0);
    server.handle.pause(id).unwrap();
    wait_until("it is paused", || block_on(server.handle.groups(id)).is_ok());
    client.reset();
    // Whether that shows now or when it is read from again: it shows.
    let _ = server.handle.resume(id);
    journal.expect_close(1006, ClosedBy::Transport);
}

#[test]
fn settings_that_cannot_be_are_refused_with_a_sentence() {
    let cases: [(Config, &str); 5] = [
        (Config { reactors: 0, ..config() }, "reactors"),
        (Config { max_connections: 0, ..config() }, "max_connections"),
        (Config { first_connection_id: 0, ..config() }, "first_connection_id"),
        (Config { first_connection_id: (1 << 24) + 1, ..config() }, "first_connection_id"),
        (Config { user_name_bytes_max: 121, ..config() }, "user_name_bytes_max"),
    ];
    for (settings, name) in cases {
        let error = start_error(echo(settings));
        assert!(matches!(error, StartError::Config(ConfigError::Range { .. })), "{error}");
        assert!(error.to_string().contains(name), "{error}");
    }
    let never_looks = Config { heartbeat_check_interval: Duration::ZERO, ..config() };
    assert!(matches!(start_error(echo(never_looks)), StartError::Config(ConfigError::CheckInterval)));
    let nowhere = Server::listen_on([""; 0]).config(config());
    assert!(matches!(start_error(nowhere), StartError::Config(ConfigError::NoListener)));
}
