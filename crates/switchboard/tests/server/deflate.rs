//! Compression (RFC 7692) does not change what arrives, in which order, nor what is bounded.

use switchboard::{Config, Conn, Deflate, Handle, Message, Overflow, PushError, Server};
use switchboard_proto::OpCode;
use switchboard_proto::deflate::Offer;

use crate::support::*;

fn alone() -> Config {
    Config { deflate: Some(Deflate::default()), ..config() }
}

fn taking_over() -> Config {
    let deflate =
        Deflate { server_context_takeover: true, client_context_takeover: true, ..Deflate::default() };
    Config { deflate: Some(deflate), ..config() }
}

fn connect(server: &Running, offer: Offer) -> Client {
    Client::open(Stream::tcp(server.address()), &handshake("/").deflate(offer))
}

fn bits(server_max_window_bits: u8) -> Offer {
    Offer { server_max_window_bits: Some(server_max_window_bits), ..Offer::default() }
}

/// Text that becomes much smaller, of about this many bytes.
fn text(number: usize, len: usize) -> String {
    format!("{number} {}", "compressible ".repeat(len / 13))
}

/// The bytes that came with `text`, which is the next that is heard.
#[track_caller]
fn cost(client: &mut Client, text: &str) -> usize {
    let before = client.received_bytes;
    client.expect_text(text);
    client.received_bytes - before
}

#[test]
fn an_echo_is_compressed_in_both_directions() {
    for config in [alone(), taking_over()] {
        let server = serve(echo(config));
        let mut client = connect(&server, Offer::default());
        for number in 0..20 {
            let text = text(number, 300 << (number % 10));
            client.deflated(OpCode::Text, text.as_bytes());
            assert!(cost(&mut client, &text) < text.len() / 3);
        }
    }
}

#[test]
fn nothing_is_compressed_unless_both_sides_want_it() {
    let server = serve(echo(alone()));
    let mut plain = server.connect();
    assert!(!plain.response.contains("Sec-WebSocket-Extensions"));
    let large = text(1, 10_000);
    plain.text(&large);
    assert!(cost(&mut plain, &large) > large.len());

    let server = serve(echo(config()));
    let mut client = connect(&server, Offer::default());
    assert_eq!(client.protocol.deflate(), None);
    client.text(&large);
    assert!(cost(&mut client, &large) > large.len());
}

#[test]
fn small_messages_and_those_that_do_not_become_smaller_are_sent_as_they_are() {
    let server = serve(echo(alone()));
    let mut client = connect(&server, Offer::default());
    let small = "s".repeat(255);
    client.text(&small);
    assert!(cost(&mut client, &small) > small.len());
    let noise: Vec<u8> = (0..9_000u32).map(|number| (number.wrapping_mul(0x9e37_79b1) >> 13) as u8).collect();
    let noise: Vec<u8> = noise.iter().enumerate().map(|(at, byte)| byte ^ (at * at / 7) as u8).collect();
    client.binary(&noise);
    assert_eq!(client.next(), Heard::Binary(noise));
}

#[test]
fn every_message_is_compressed_where_that_is_wanted() {
    let deflate = Deflate { message_bytes_min: 0, ..Deflate::default() };
    let server = serve(echo(Config { deflate: Some(deflate), ..config() }));
    let mut client = connect(&server, Offer::default());
    for text in ["", "x", "some words"] {
        client.text(text);
        assert_ne!(cost(&mut client, text), 2 + text.len(), "{text:?}");
    }
}

#[test]
fn a_broadcast_reaches_everybody_whatever_was_agreed_upon() {
    for config in [alone(), taking_over()] {
        let server = serve(echo(config));
        let mut clients: Vec<Client> = (8..=15).map(|window| connect(&server, bits(window))).collect();
        clients
            .extend((0..3).map(|_| connect(&server, Offer { server_no_context_takeover: true, ..bits(12) })));
        let mut plain = server.connect();
        wait_until("all are open", || server.handle.stats().connections == 12);
        for number in 0..30 {
            let text = text(number, 100 << (number % 9));
            server.handle.broadcast(text.clone()).unwrap();
            assert!(cost(&mut plain, &text) >= text.len());
            for client in &mut clients {
                let cost = cost(client, &text);
                assert!(text.len() < 256 || cost < text.len() / 2, "{cost} for {}", text.len());
            }
        }
    }
}

#[test]
fn messages_of_all_kinds_and_sizes_keep_their_order() {
    for config in [alone(), taking_over()] {
        let server = serve(Server::new(ANY).config(config).on_message(async |conn: Conn, _: Message| {
            for number in 0..200 {
                let message = text(number, [10, 300, 2_000, 50_000][number % 4]);
                match number % 3 {
                    0 => conn.handle().broadcast(message).unwrap(),
                    1 => drop(conn.handle().push_many(&[conn.id()], message).unwrap()),
                    _ => conn.push(message).unwrap(),
                }
            }
        }));
        let mut client = connect(&server, bits(11));
        client.text("go");
        for number in 0..200 {
            client.expect_text(&text(number, [10, 300, 2_000, 50_000][number % 4]));
        }
    }
}

#[test]
fn a_context_that_is_taken_over_makes_repeated_messages_tiny() {
    let server = serve(echo(taking_over()));
    let mut client = connect(&server, Offer::default());
    let message: String = (0..400).map(|number| format!("{number},")).collect();
    client.text(&message);
    let first = cost(&mut client, &message);
    client.text(&message);
    let second = cost(&mut client, &message);
    assert!(second * 10 < first, "{first}, then {second}");
}

#[test]
fn a_bomb_is_too_big_and_harms_nobody() {
    for config in [alone(), taking_over()] {
        let server = serve(echo(config));
        let mut other = connect(&server, Offer::default());
        for _ in 0..3 {
            let mut bomber = connect(&server, Offer::default());
            bomber.deflated(OpCode::Binary, &vec![0; 200 << 20]);
            assert_eq!(bomber.next_close().0, 1009);
            other.round_trip("still here");
        }
    }
}

#[test]
fn broken_compression_ends_in_the_code_that_fits() {
    let server = serve(echo(alone()));
    for (frame, code) in [
        // No deflate stream, one without its end, RSV1 on a ping.
        (&b"\xc2\x83\0\0\0\0\xff\xff\xff"[..], 1007),
        (b"\xc2\x83\0\0\0\0\xf2\x48\xcd", 1007),
        (b"\xc9\x80\0\0\0\0", 1002),
    ] {
        let mut client = connect(&server, Offer::default());
        client.raw(frame);
        assert_eq!(client.next_close().0, code);
    }
    let mut plain = server.connect();
    plain.raw(b"\xc2\x81\0\0\0\0\0");
    assert_eq!(plain.next_close().0, 1002);
}

#[test]
fn an_upgrade_after_ordinary_requests_agrees_on_compression_too() {
    let router = axum::Router::new().route("/", axum::routing::get(async || "hello"));
    let server = serve(
        Server::new(ANY)
            .config(alone())
            .http(router)
            .on_message(async |conn: Conn, message: Message| conn.push(message)),
    );
    let mut raw = server.raw();
    assert_eq!(raw.request("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").body, "hello");
    let handshake = handshake("/").deflate(bits(10));
    raw.send(handshake.request());
    let Ok(mut client) = Client::await_101(raw.into_stream(), &handshake) else { panic!("refused") };
    assert_eq!(client.protocol.deflate().map(|agreed| agreed.server_max_window_bits), Some(10));
    let text = text(1, 5_000);
    client.deflated(OpCode::Text, text.as_bytes());
    assert!(cost(&mut client, &text) < text.len() / 3);
}

fn queued(handle: &Handle, id: switchboard::ConnectionId) -> usize {
    handle.client_info(id).map_or(0, |info| info.queued_bytes as usize)
}

/// A server, a client that does not read, and its id.
fn stalled(config: Config) -> (Running, Client, switchboard::ConnectionId) {
    let journal = Journal::default();
    let server = serve(Server::new(ANY).config(config).on_open(journal.on_open()));
    let client = Client::open(Stream::narrow(server.address()), &handshake("/").deflate(Offer::default()));
    let id = journal.opened(0);
    (server, client, id)
}

#[test]
fn what_waits_counts_with_the_bytes_that_it_has_become() {
    for config in [alone(), taking_over()] {
        let (server, mut client, id) = stalled(Config { output_bytes_max: 100_000, ..config });
        let mut sent = 0;
        // Twenty times the limit, if they were not compressed.
        while sent < 40 {
            match server.handle.push(id, text(sent, 50_000)) {
                Ok(()) => sent += 1,
                // The reactor has not compressed the ones before.
                Err(PushError::QueueFull) => {
                    panic!("the queue is full with {} bytes", queued(&server.handle, id))
                }
                Err(other) => panic!("{other}"),
            }
            wait_until("it is compressed", || queued(&server.handle, id) < 50_000);
        }
        for number in 0..sent {
            client.expect_text(&text(number, 50_000));
        }
        wait_until("nothing waits", || queued(&server.handle, id) == 0);
    }
}

/// Digits of chance, which become half as large: so the kernel's buffers and the queue do become full.
fn digits(number: usize) -> String {
    let mut chance = number as u32 | 0x5_0000;
    let digit = |_| {
        chance = chance.wrapping_mul(0x9e37_79b1).wrapping_add(0x7f4a_7c15) ^ chance >> 13;
        char::from(b"0123456789abcdef"[(chance >> 28) as usize])
    };
    format!("{number} {}", (0..20_000).map(digit).collect::<String>())
}

#[test]
fn messages_that_are_dropped_do_not_spoil_those_that_are_not() {
    for overflow in [Overflow::DropOldest, Overflow::DropNewest] {
        for config in [alone(), taking_over()] {
            let config = Config { output_bytes_max: 60_000, overflow, ..config };
            let (server, mut client, id) = stalled(config);
            let dropped = || server.handle.stats().dropped_messages;
            let mut number = 0;
            while dropped() < 50 {
                let by_broadcast = number % 3 == 0;
                if by_broadcast {
                    server.handle.broadcast(digits(number)).unwrap();
                } else {
                    let _ = server.handle.push(id, digits(number));
                }
                block_on(server.handle.groups(id)).unwrap();
                number += 1;
                assert!(number < 20_000, "nothing is ever dropped");
            }
            assert!(queued(&server.handle, id) <= 130_000);
            server.handle.push_with(id, "the end", Overflow::DropOldest).unwrap();
            let (mut last, mut count) = (None, 0);
            loop {
                let text = client.next_text();
                if text == "the end" {
                    break;
                }
                let heard: usize = text.split_once(' ').unwrap().0.parse().unwrap();
                assert!(text == digits(heard));
                assert!(last < Some(heard));
                (last, count) = (Some(heard), count + 1);
            }
            assert!(count < number, "some were dropped");
            wait_until("nothing waits", || queued(&server.handle, id) == 0);
        }
    }
}
