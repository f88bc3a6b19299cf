//! Nobody waits long because of what another one does: each flood has a healthy client beside it, on the same reactor, whose
//! pings are answered.

use std::io::{Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use switchboard::{Config, Conn, Message, Overflow, Request, Server};
use switchboard_proto::{OpCode, encode_masked_frame};

use crate::support::*;

/// What a ping may take, with a debug build on a machine that does other things too.
const PROMPT: Duration = Duration::from_secs(2);

/// Threads that go on until they are told to stop.
struct Background {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Background {
    /// Each of the streams writes `bytes` over and over.
    fn flood(streams: Vec<Stream>, bytes: Vec<u8>) -> Background {
        let stop = Arc::new(AtomicBool::new(false));
        let bytes = Arc::new(bytes);
        let flood = |mut stream: Stream| {
            let (stop, bytes) = (stop.clone(), bytes.clone());
            stream.set_write_timeout(Duration::from_millis(100));
            std::thread::spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    let mut rest = &bytes[..];
                    while !rest.is_empty() && !stop.load(Ordering::Relaxed) {
                        match stream.write(rest) {
                            Ok(len) => rest = &rest[len..],
                            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                            Err(_) => return,
                        }
                    }
                }
            })
        };
        let threads = streams.into_iter().map(flood).collect();
        Background { stop, threads }
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

/// Pings, one after the other; the longest that a pong took.
#[track_caller]
fn ping_all_along(healthy: &mut Client) {
    let mut longest = Duration::ZERO;
    for number in 0..50u32 {
        let begun = Instant::now();
        healthy.ping(&number.to_be_bytes());
        loop {
            match healthy.next() {
                Heard::Pong(payload) if payload == number.to_be_bytes() => break,
                Heard::Pong(_) | Heard::Ping | Heard::Text(_) | Heard::Binary(_) => {}
                other => panic!("the healthy client heard {other:?}"),
            }
        }
        longest = longest.max(begun.elapsed());
    }
    eprintln!("the longest of 50 pings took {longest:?}");
    assert!(longest < PROMPT, "a ping took {longest:?}");
}

fn clients(server: &Running, count: usize) -> Vec<Stream> {
    (0..count).map(|_| server.connect().stream).collect()
}

fn swallow(config: Config) -> impl Startable {
    Server::new(ANY).config(config).on_message(async |_: Conn, _: Message| {})
}

#[test]
fn thousands_of_empty_messages_in_one_segment() {
    let server = serve(swallow(one_reactor()));
    let mut healthy = server.connect();
    let _flood = Background::flood(clients(&server, 4), Client::encoded_texts(vec![""; 20_000]));
    wait_until("the flood has begun", || server.handle.stats().received_messages > 20_000);
    ping_all_along(&mut healthy);
}

#[test]
fn a_million_empty_fragments() {
    let server = serve(swallow(one_reactor()));
    let mut healthy = server.connect();
    let mut frames = Vec::new();
    encode_masked_frame(OpCode::Text, false, b"", [1; 4], &mut frames);
    for _ in 0..50_000 {
        encode_masked_frame(OpCode::Continuation, false, b"", [1; 4], &mut frames);
    }
    encode_masked_frame(OpCode::Continuation, true, b"", [1; 4], &mut frames);
    let _flood = Background::flood(clients(&server, 4), frames);
    wait_until("the flood has begun", || server.handle.stats().received_messages > 4);
    ping_all_along(&mut healthy);
}

#[test]
fn pings_without_reading_the_pongs() {
    let server = serve(swallow(one_reactor()));
    let mut healthy = server.connect();
    let pings = Client::encoded(OpCode::Ping, &[b'x'; 125]).repeat(1_000);
    let _flood = Background::flood(clients(&server, 4), pings);
    wait_until("the flood has begun", || server.handle.stats().received_bytes > 1 << 20);
    ping_all_along(&mut healthy);
}

#[test]
fn large_messages_as_fast_as_they_can_be_sent() {
    let server = serve(swallow(one_reactor()));
    let mut healthy = server.connect();
    let _flood = Background::flood(clients(&server, 4), Client::encoded(OpCode::Binary, &vec![7; 1 << 20]));
    wait_until("the flood has begun", || server.handle.stats().received_messages > 4);
    ping_all_along(&mut healthy);
}

#[test]
fn messages_that_are_published_to_many() {
    let server = serve(
        Server::new(ANY)
            .config(Config { overflow: Overflow::DropNewest, output_bytes_max: 64 << 10, ..one_reactor() })
            .on_open(async |conn: Conn, request: Request| match request.path() {
                "/member" => conn.join("all"),
                _ => Ok(()),
            })
            .on_message(async |conn: Conn, message: Message| conn.handle().publish("all", message, &[])),
    );
    // They read nothing: all that is published meets full queues soon.
    let member = |_| Client::connect_to(server.address(), "/member");
    let _members: Vec<Client> = (0..500).map(member).collect();
    let mut healthy = server.connect();
    let _flood = Background::flood(clients(&server, 2), Client::encoded_texts(vec!["to all of them"; 1_000]));
    wait_until("the flood has begun", || server.handle.stats().received_messages > 100);
    ping_all_along(&mut healthy);
}

#[test]
fn a_long_queue_for_one_reader() {
    if all_by_tls().is_some() {
        return; // A session cannot be shared with another stream.
    }
    let config = Config { output_bytes_max: 128 << 20, command_bytes_max: 256 << 20, ..one_reactor() };
    let server = serve(swallow(config));
    let reader = server.connect();
    wait_until("it is open", || server.handle.connections().len() == 1);
    let id = server.handle.connections()[0];
    let mut healthy = server.connect();
    for _ in 0..100 {
        server.handle.push(id, vec![7; 1 << 20]).unwrap();
    }
    let mut stream = reader.stream.try_clone();
    let reads = std::thread::spawn(move || {
        let (mut buffer, mut read) = (vec![0; 1 << 20], 0);
        stream.set_read_timeout(PATIENCE);
        while read < 100 << 20 {
            read += stream.read(&mut buffer).unwrap();
        }
    });
    ping_all_along(&mut healthy);
    reads.join().unwrap();
}

#[test]
fn commands_of_another_thread_by_the_hundred_thousand() {
    let server = serve(swallow(Config {
        overflow: Overflow::DropNewest,
        output_bytes_max: 16 << 10,
        ..one_reactor()
    }));
    let _members = server.connect_many(200);
    let mut healthy = server.connect();
    let stop = Arc::new(AtomicBool::new(false));
    let (handle, stopped) = (server.handle.clone(), stop.clone());
    let id = server.handle.connections()[0];
    let thread = std::thread::spawn(move || {
        while !stopped.load(Ordering::Relaxed) {
            for _ in 0..1_000 {
                let _ = handle.push(id, "to one");
                let _ = handle.publish("nobody", "to none", &[]);
            }
            let _ = handle.push_many(&handle.connections()[..100], "to many");
        }
    });
    let _publisher = Background { stop, threads: vec![thread] };
    ping_all_along(&mut healthy);
}

#[test]
fn a_flood_that_is_cut_into_turns_keeps_its_order_to_the_end() {
    if all_by_tls().is_some() {
        return; // A session cannot be shared with another stream.
    }
    let server = serve(echo(one_reactor()));
    let mut client = server.connect();
    let texts: Vec<String> = (0..20_000).map(|number| number.to_string()).collect();
    let mut frames = Client::encoded_texts(&texts);
    frames.extend_from_slice(&Client::encoded(OpCode::Close, &[3, 232]));
    let mut stream = client.stream.try_clone();
    let writes = std::thread::spawn(move || stream.write_all(&frames).unwrap());
    assert_eq!(client.next_texts(20_000), texts);
    assert_eq!(client.next_close().0, 1000);
    writes.join().unwrap();
}
