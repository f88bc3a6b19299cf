//! Connection ids: counted up, wrapped at 16,777,216, never given twice.

use std::collections::HashSet;

use switchboard::{CONNECTION_ID_MAX, Config, ConnectionId, PeerAddr, PushError, Server};

use crate::support::*;

fn server(config: Config) -> (Running, Journal) {
    let journal = Journal::default();
    let server = Server::new(ANY)
        .config(config)
        .on_open(journal.on_open())
        .on_message(journal.on_message())
        .on_close(journal.on_close());
    (serve(server), journal)
}

fn number(id: ConnectionId) -> u64 {
    id.get()
}

#[test]
fn ids_begin_with_one_and_count_up() {
    let (server, journal) = server(config());
    let _clients = server.connect_many(5);
    journal.opened(4);
    let mut opened: Vec<u64> = journal.opens().into_iter().map(number).collect();
    opened.sort();
    assert_eq!(opened, [1, 2, 3, 4, 5]);
}

#[test]
fn ids_wrap_to_one() {
    let (server, journal) = server(Config { first_connection_id: CONNECTION_ID_MAX - 1, ..config() });
    let mut clients = Vec::new();
    for n in 0..4 {
        clients.push(server.connect());
        journal.opened(n);
    }
    let opened: Vec<u64> = journal.opens().into_iter().map(number).collect();
    assert_eq!(opened, [16_777_215, 16_777_216, 1, 2]);
    let ascending: Vec<u64> = server.handle.connections().into_iter().map(number).collect();
    assert_eq!(ascending, [1, 2, 16_777_215, 16_777_216]);
    for (client, id) in clients.iter_mut().zip(journal.opens()) {
        server.handle.push(id, id.to_string()).unwrap();
        client.expect_text(&id.to_string());
    }
}

/// A table of 1,024 slots: an id whose slot is taken is skipped, as one is that is in use.
#[test]
fn an_id_in_use_is_never_given_again() {
    if all_by_tls().is_some() {
        return; // The table is larger.
    }
    let (server, journal) = server(Config { max_connections: 100, reactors: 1, ..config() });
    let mut staying = server.connect_many(3);
    journal.opened(2);
    let stayed: HashSet<u64> = journal.opens().into_iter().map(number).collect();
    for _ in 0..1_200 {
        let before = journal.opens().len();
        let client = server.connect();
        let id = journal.opened(before);
        assert!(!stayed.contains(&number(id)));
        drop(client);
    }
    let given: Vec<u64> = journal.opens().into_iter().map(number).collect();
    assert_eq!(given.iter().collect::<HashSet<_>>().len(), given.len(), "no id twice");
    let slots: HashSet<u64> = stayed.iter().map(|id| id % 1_024).collect();
    assert!(given[3..].iter().all(|id| !slots.contains(&(id % 1_024))), "taken slots are skipped");
    for (client, id) in staying.iter_mut().zip(journal.opens()) {
        server.handle.push(id, "still you").unwrap();
        client.expect_text("still you");
    }
}

#[test]
fn a_stale_id_never_reaches_a_newer_connection() {
    let (server, journal) = server(Config { max_connections: 100, reactors: 1, ..config() });
    let old = server.connect();
    let stale = journal.opened(0);
    drop(old);
    wait_until("it is gone", || !server.handle.exists(stale));
    for n in 1..=1_100 {
        let mut client = server.connect();
        let id = journal.opened(n);
        if number(id) % 1_024 == number(stale) % 1_024 {
            // The same slot, and most likely the same place in the reactor.
            assert_eq!(server.handle.push(stale, "for the old one"), Err(PushError::Closed));
            assert!(server.handle.client_info(stale).is_none() && !server.handle.exists(stale));
            assert!(server.handle.disconnect(stale, 1000, "").is_err());
            assert!(server.handle.join(stale, "group").is_err());
            assert_eq!(server.handle.push_many(&[stale], "for the old one"), Ok(0));
            assert!(block_on(server.handle.session(stale)).is_err());
            client.round_trip("only this");
            return;
        }
    }
    panic!("the slot was never given again");
}

#[test]
fn connections_are_listed_ascending_and_only_when_open() {
    let (server, journal) = server(Config { reactors: 3, ..config() });
    let mut clients = server.connect_many(8);
    let _half = server.raw();
    journal.opened(7);
    let ids = server.handle.connections();
    assert_eq!(ids.len(), 8);
    assert!(ids.is_sorted());
    clients[2].close(1000, "");
    clients[2].next_close();
    drop(clients.remove(5));
    wait_until("two are gone", || server.handle.connections().len() == 6);
    assert!(server.handle.connections().iter().all(|id| server.handle.is_established(*id)));
}

#[test]
fn an_id_survives_as_a_number() {
    let (server, journal) = server(config());
    let mut client = server.connect();
    let id = journal.opened(0);
    let again = ConnectionId::new(id.get()).unwrap();
    assert_eq!(again, id);
    assert_eq!(id.to_string(), id.get().to_string());
    server.handle.push(again, "found").unwrap();
    client.expect_text("found");
}

#[test]
fn client_info_tells_what_is_known_of_a_connection() {
    if all_by_tls().is_some() {
        return; // More bytes are sent.
    }
    let (server, journal) = server(config());
    let before = std::time::SystemTime::now() - std::time::Duration::from_millis(50);
    let mut client = server.connect();
    let id = journal.opened(0);
    client.round_trip("12345");
    client.round_trip("123");
    client.ping(b"");
    assert_eq!(client.next(), Heard::Pong(Vec::new()));
    let sent = (client.response.len() + 3 * 2 + 5 + 3) as u64;
    wait_until("all is counted", || server.handle.client_info(id).unwrap().sent_bytes == sent);
    let info = server.handle.client_info(id).unwrap();
    assert_eq!(info.id, id);
    assert_eq!(info.peer, PeerAddr::Inet(client.stream.local_addr().unwrap()));
    assert!(info.established && info.user.is_none());
    assert!(info.reactor < server.handle.reactors());
    assert_eq!(info.received_messages, 2, "control frames are none");
    // Masked frames have 6 bytes of header; the ping is one too. The head of the handshake may be counted.
    let frames = 3 * 6 + 5 + 3;
    assert!(info.received_bytes >= frames, "{info:?}");
    assert!(before <= info.connected_at && info.connected_at <= info.received_at);
    assert!(info.sent_at.is_some_and(|at| at >= info.connected_at));
}

#[test]
fn queued_bytes_are_those_that_the_client_has_not_taken() {
    let (server, journal) = server(Config { output_bytes_max: 64 << 20, ..config() });
    let mut client = server.connect_narrow();
    let id = journal.opened(0);
    for _ in 0..20 {
        server.handle.push(id, vec![1; 1 << 20]).unwrap();
    }
    wait_until("the kernel is full", || server.handle.client_info(id).unwrap().sent_bytes > 0);
    let queued = server.handle.client_info(id).unwrap().queued_bytes;
    assert!(queued > 1 << 20, "{queued}");
    for _ in 0..20 {
        assert!(matches!(client.next(), Heard::Binary(bytes) if bytes.len() == 1 << 20));
    }
    wait_until("all is taken", || server.handle.client_info(id).unwrap().queued_bytes == 0);
}

#[test]
fn stats_count_what_happens() {
    let (server, journal) = server(config());
    let mut clients = server.connect_many(3);
    clients[0].round_trip("hello");
    clients[1].close(1000, "");
    journal.closed();
    let mut refused = server.raw();
    refused.send("BREW / HTTP/1.1\r\n\r\n");
    refused.rest();
    let counted = |stats: &switchboard::Stats| stats.received_messages == 1 && stats.refused == 1;
    wait_until("it is counted", || counted(&server.handle.stats()));
    let stats = server.handle.stats();
    assert_eq!((stats.accepted, stats.opened, stats.closed, stats.refused), (4, 3, 1, 1));
    assert_eq!(stats.connections, 2);
    assert_eq!(stats.received_messages, 1);
    assert_eq!(stats.http_connections, 0);
    assert_eq!(stats.dropped_messages, 0);
    assert!(stats.received_bytes > 0 && stats.started_at <= std::time::SystemTime::now());
    drop((clients, refused));
    wait_until("no socket is left", || server.handle.stats().sockets == 0);
    assert_eq!(server.handle.stats().connections, 0);
}
