//! Compressed messages that take long to inflate are inflated little by little, in order, while others are served.

use std::time::Duration;

use switchboard::{Config, Deflate};
use switchboard_proto::deflate::Offer;
use switchboard_proto::{OpCode, encode_masked_frame};

use crate::support::*;

/// Two dynamic blocks of a deflate stream that inflate to nothing.
const EMPTY_BLOCKS: &[u8] = &[
    0x04, 0xc0, 0x81, 0x08, 0x00, 0x00, 0x00, 0x00, 0x20, 0x7f, 0xeb, 0x43, 0x00, 0x1c, 0x88, 0x00, 0x00,
    0x00, 0x00, 0x00, 0xf2, 0xb7, 0x3e,
];

fn configs() -> [Config; 2] {
    [false, true].map(|client_context_takeover| {
        let deflate = Deflate { client_context_takeover, ..Deflate::default() };
        Config { deflate: Some(deflate), ..one_reactor() }
    })
}

fn connect(server: &Running) -> Client {
    Client::open(Stream::tcp(server.address()), &handshake("/").deflate(Offer::default()))
}

/// It takes some tenths of a second, and is a message without a byte.
fn bomb() -> Vec<u8> {
    let mut payload = EMPTY_BLOCKS.repeat((2 << 20) / EMPTY_BLOCKS.len());
    payload.push(0);
    let mut frame = Vec::new();
    // The same each time: its last byte is sent apart.
    encode_masked_frame(OpCode::Binary, true, &payload, [1, 2, 3, 4], &mut frame);
    frame[0] |= 0x40;
    frame
}

/// Clients that have sent all but the last byte of a bomb.
fn armed(server: &Running, count: usize) -> Vec<Client> {
    let bomb = bomb();
    let arm = |_| {
        let mut client = connect(server);
        client.raw(&bomb[..bomb.len() - 1]);
        client
    };
    let clients: Vec<Client> = (0..count).map(arm).collect();
    let sent = (count * bomb.len() - count) as u64;
    wait_until("all of it has been read", || server.handle.stats().received_bytes >= sent);
    clients
}

fn fire(clients: &mut [Client]) {
    let bomb = bomb();
    for client in clients {
        client.raw(&bomb[bomb.len() - 1..]);
    }
}

#[track_caller]
fn ping(client: &mut Client, number: u32) {
    client.ping(&number.to_be_bytes());
    assert_eq!(client.next(), Heard::Pong(number.to_be_bytes().to_vec()));
}

#[test]
fn others_are_served_while_messages_are_inflated() {
    for config in configs() {
        let server = serve(echo(config));
        let mut clients = armed(&server, 8);
        let mut healthy = connect(&server);
        fire(&mut clients);
        for number in 0..10 {
            ping(&mut healthy, number);
            let text = format!("{number} is compressed, and inflated at once").repeat(20);
            healthy.deflated(OpCode::Text, text.as_bytes());
            healthy.expect_text(&text);
        }
        let received = server.handle.stats().received_messages;
        assert!(received < 10 + 8, "the healthy client has waited for all of them");
        for client in &mut clients {
            assert_eq!(client.next(), Heard::Binary(Vec::new()));
        }
    }
}

#[test]
fn what_is_behind_a_message_that_is_inflated_waits_for_it() {
    for config in configs() {
        let server = serve(echo(config));
        let mut clients = armed(&server, 3);
        fire(&mut clients);
        let zeros = vec![0; 2 << 20];
        for client in &mut clients {
            client.ping(b"behind");
            client.text("plain");
            client.deflated(OpCode::Binary, &zeros);
            client.text("the last");
        }
        for client in &mut clients {
            assert_eq!(client.next(), Heard::Binary(Vec::new()));
            let mut heard: Vec<Heard> = (0..4).map(|_| client.next()).collect();
            heard.retain(|heard| *heard != Heard::Pong(b"behind".to_vec()));
            let expected = [text("plain"), Heard::Binary(zeros.clone()), text("the last")];
            assert!(heard == expected, "something else, or in another order");
        }
    }
}

fn text(text: &str) -> Heard {
    Heard::Text(text.to_owned())
}

#[test]
fn whoever_leaves_or_is_closed_while_its_message_is_inflated_holds_nobody_up() {
    for config in configs() {
        let server = serve(echo(config));
        let mut clients = armed(&server, 6);
        fire(&mut clients);
        let mut rest = clients.split_off(4);
        ping(&mut connect(&server), 1);
        for id in server.handle.connections().into_iter().take(2) {
            server.handle.disconnect(id, 1000, "enough").unwrap();
        }
        for client in &mut clients[..2] {
            assert_eq!(client.next_close().0, 1000);
        }
        drop(clients);
        for client in &mut rest {
            assert_eq!(client.next(), Heard::Binary(Vec::new()));
            ping(client, 2);
        }
        wait_until("the others are gone", || server.handle.connections().len() == 2);
    }
}

#[test]
fn a_stop_does_not_wait_for_what_is_inflated() {
    let [config, _] = configs();
    let server = serve(echo(config));
    let mut clients = armed(&server, 10);
    fire(&mut clients);
    ping(&mut connect(&server), 1);
    server.handle.shutdown();
    for client in &mut clients {
        assert_eq!(client.next_close().0, 1001);
    }
}

#[test]
fn a_paused_connection_is_given_its_message_when_it_is_resumed() {
    for config in configs() {
        let server = serve(echo(config));
        let mut clients = armed(&server, 2);
        let id = server.handle.connections()[0];
        fire(&mut clients);
        server.handle.pause(id).unwrap();
        assert_eq!(clients[1].next(), Heard::Binary(Vec::new()));
        ping(&mut connect(&server), 1);
        server.handle.resume(id).unwrap();
        assert_eq!(clients[0].next(), Heard::Binary(Vec::new()));
    }
}

#[test]
fn nobody_who_waits_for_a_message_to_be_inflated_is_taken_for_dead() {
    let [config, _] = configs();
    let idle_time = Duration::from_millis(300);
    let config = Config {
        heartbeat_idle_time: idle_time,
        heartbeat_check_interval: idle_time / 3,
        ping_interval: Duration::ZERO,
        ..config
    };
    let server = serve(echo(config));
    let bomb = bomb();
    let send = |_| {
        let mut client = connect(&server);
        client.raw(&bomb);
        client
    };
    let mut clients: Vec<Client> = (0..12).map(send).collect();
    for client in &mut clients {
        assert_eq!(client.next(), Heard::Binary(Vec::new()));
    }
}
