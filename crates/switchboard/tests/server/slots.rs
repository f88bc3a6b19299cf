//! Places in the connection table are used again and again, and nothing of a connection stays behind in its place.

use std::io::{Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use switchboard::{Config, Conn, ConnectionId, Listen, ListenAddr, Message, Overflow, Request, Server};

use crate::support::*;

/// A table of 1,024 slots.
fn small() -> Config {
    Config { max_connections: 100, groups_per_connection_max: 3, output_bytes_max: 10_000, ..config() }
}

/// While connections come and go, another thread does things to the newest of them, which often is about to end.
#[test]
fn neither_bytes_nor_groups_nor_names_are_left_behind_in_a_slot() {
    let server = serve(
        Server::new(ANY)
            .config(small())
            .on_open(async |conn: Conn, _: Request| {
                let info = conn.info();
                let clean = info.as_ref().is_some_and(|info| {
                    // The handshake's own response may be queued still.
                    info.queued_bytes < 300 && info.user.is_none() && info.received_messages == 0
                });
                let joined = (0..3).all(|number| conn.join(&format!("own {number}")).is_ok());
                let refused = conn.join("own 3").is_err();
                conn.push(format!("{clean} {joined} {refused} {}", conn.session().is_empty()))
            })
            .on_message(async |conn: Conn, _: Message| conn.close()),
    );
    let over = Arc::new(AtomicBool::new(false));
    let newest = Arc::new(AtomicU64::new(0));
    let meddler = {
        let (handle, over, newest) = (server.handle.clone(), over.clone(), newest.clone());
        thread::spawn(move || {
            while !over.load(Ordering::Relaxed) {
                let Some(id) = ConnectionId::new(newest.load(Ordering::Relaxed)) else { continue };
                let _ = handle.push_with(id, vec![1; 3_000], Overflow::DropNewest);
                let _ = handle.leave(id, "own 0");
                let _ = handle.join(id, "meddled");
                let _ = handle.leave(id, "never joined");
                let _ = handle.bind(id, "somebody");
                let _ = handle.set_session(id, "something");
                let _ = handle.push_with(id, vec![1; 3_000], Overflow::DropOldest);
            }
        })
    };
    for round in 0..2_500 {
        // Only until it has looked around is a connection left alone.
        let mut client = server.connect();
        client.expect_text("true true true true");
        let id = server.handle.connections().into_iter().max_by_key(|id| id.get());
        newest.store(id.map_or(0, ConnectionId::get), Ordering::Relaxed);
        match round % 4 {
            0 => client.reset(),
            1 => drop(client),
            2 => client.text("close me"),
            _ => client.close(1000, ""),
        }
    }
    over.store(true, Ordering::Relaxed);
    meddler.join().unwrap();
    wait_until("all have ended", || server.handle.stats().sockets == 0);
    for group in ["own 0", "own 1", "own 2", "meddled"] {
        assert_eq!(block_on(server.handle.members(group)).unwrap(), []);
    }
    assert_eq!(block_on(server.handle.user_connections("somebody")).unwrap(), []);
}

#[test]
fn of_many_who_come_at_once_exactly_as_many_as_there_are_places_get_in() {
    let server = serve(echo(Config { max_connections: 10, ..config() }));
    let threads: Vec<_> = (0..40)
        .map(|_| {
            let address = server.address();
            thread::spawn(move || Client::try_open(Stream::tcp(address), &handshake("/")))
        })
        .collect();
    let results: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
    let (clients, refused): (Vec<_>, Vec<_>) = results.into_iter().partition(Result::is_ok);
    assert_eq!(clients.len(), 10);
    assert!(refused.into_iter().filter_map(Result::err).all(|answer| answer.status == 503));
    for client in clients {
        client.unwrap_or_else(|_| unreachable!()).round_trip("in");
    }
}

#[test]
fn when_even_handshakes_have_no_room_the_answer_is_503_at_once() {
    if all_by_tls().is_some() {
        return; // There is more room, and the answer is an alert.
    }
    let server = serve(echo(Config { max_connections: 1, ..config() }));
    // Besides the connections there is room for 256 handshakes.
    let idle: Vec<Raw> = (0..257).map(|_| server.raw()).collect();
    wait_until("all are accepted", || server.handle.stats().sockets == 257);
    let mut one_more = server.raw();
    assert_eq!(Answer::parse(&one_more.rest()).status, 503);
    drop(idle);
    wait_until("there is room again", || server.handle.stats().sockets == 0);
    server.connect().round_trip("in");
}

/// From one host, as many heads and PROXY headers as there is room for, and nothing further.
#[test]
fn handshakes_that_never_go_on_give_their_room_back_in_time() {
    let handshake_timeout = Duration::from_millis(700);
    let settings = Config { max_connections: 1, handshake_timeout, ..one_reactor() };
    let listen = [Listen::on(ANY), Listen::on(ANY).proxy_protocol()];
    let server = Server::listen_on(listen).config(settings);
    let server = serve(server.on_message(async |conn: Conn, message: Message| conn.push(message)));
    let [ListenAddr::Inet(plain), ListenAddr::Inet(behind_proxy)] = server.handle.listening()[..] else {
        panic!("{:?}", server.handle.listening())
    };
    for _ in 0..2 {
        let mut idle = Vec::new();
        // More than the 257 that fit without TLS, and the 1,281 with it.
        for number in 0..1_400 {
            let mut stream = std::net::TcpStream::connect([plain, behind_proxy][number % 2]).unwrap();
            let _ = stream.write_all([&b"GET / HT"[..], b"PROXY TC"][number % 2]);
            idle.push(stream);
        }
        wait_until("a healthy client is let in", || {
            let mut stream = Stream::tcp(plain);
            let request = handshake("/").request();
            let mut answer = [0; 12];
            let asked = stream.write_all(&request).and_then(|()| stream.read_exact(&mut answer));
            asked.is_ok() && answer.starts_with(b"HTTP/1.1 101")
        });
        drop(idle);
        wait_until("all are gone", || server.handle.stats().sockets == 0);
    }
    assert_eq!(server.handle.stats().opened, 2);
}

#[test]
fn reactors_share_the_connections() {
    let server = serve(echo(Config { reactors: 3, ..config() }));
    let mut clients = server.connect_many(90);
    wait_until("all are open", || server.handle.connections().len() == 90);
    let mut on = [0; 3];
    for id in server.handle.connections() {
        on[server.handle.client_info(id).unwrap().reactor] += 1;
    }
    let (most, least) = (on.iter().max().unwrap(), on.iter().min().unwrap());
    assert!(most - least <= 20, "{on:?}");
    for client in &mut clients {
        client.round_trip("wherever");
    }
}
