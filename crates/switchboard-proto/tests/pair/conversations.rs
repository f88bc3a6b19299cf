//! Both ends together: what a client and a server say to each other.

use super::harness::{Heard, Pair, Setup, Split};
use switchboard_proto::{CloseCode, OpCode};

fn splits() -> [Split; 4] {
    [Split::Whole, Split::Sizes(vec![1]), Split::Sizes(vec![2, 1, 5]), Split::Sizes(vec![13, 200])]
}

fn open(split: Split) -> Pair {
    Pair::open(Setup { split, ..Setup::default() })
}

fn text(text: &str) -> Heard {
    Heard::Text(text.to_owned())
}

#[test]
fn the_handshake_agrees_on_a_subprotocol_in_every_split() {
    for split in splits() {
        let mut pair = Pair::new(Setup { split, protocols: vec!["switchboard.v1", "x"], ..Setup::default() });
        pair.drive();
        let opened = [Heard::Open(Some("switchboard.v1".to_owned()))];
        assert_eq!((&pair.client.heard[..], &pair.server.heard[..]), (&opened[..], &opened[..]));
    }
}

#[test]
fn frames_in_the_segment_of_the_handshake_are_delivered() {
    let mut pair = Pair::new(Setup::default());
    // A client may not do this before it has the response, but the server must not lose a byte.
    switchboard_proto::encode_masked_frame(OpCode::Text, true, b"eager", [1, 2, 3, 4], &mut pair.client.out);
    pair.drive();
    assert_eq!(pair.server.heard, [Heard::Open(None), text("eager")]);
}

#[test]
fn a_request_that_is_too_slow_is_answered_408() {
    let split = Split::Sizes(vec![1]);
    let mut pair = Pair::new(Setup { split, handshake_deadline_ms: 60, ..Setup::default() });
    while pair.server.heard.is_empty() {
        assert!(pair.step());
    }
    assert_eq!((pair.now_ms, &pair.server.heard[..]), (60, &[Heard::Refused(408)][..]));
    assert!(pair.server.out.starts_with(b"HTTP/1.1 408 Request Timeout\r\n"));
}

#[test]
fn messages_travel_both_ways_in_every_split() {
    for split in splits() {
        let mut pair = open(split);
        pair.client.send(OpCode::Text, "你好".as_bytes());
        pair.client.send(OpCode::Binary, &[0xff; 300]);
        pair.server.send(OpCode::Text, b"");
        pair.server.send(OpCode::Binary, &vec![1; 70_000]);
        pair.drive();
        assert_eq!(pair.server.heard, [text("你好"), Heard::Binary(vec![0xff; 300])]);
        assert_eq!(pair.client.heard, [text(""), Heard::Binary(vec![1; 70_000])]);
        assert_eq!(pair.server.connection().buffered_bytes() + pair.client.connection().buffered_bytes(), 0);
    }
}

#[test]
fn a_ping_between_fragments_is_answered_before_the_message_ends() {
    for split in splits() {
        let mut pair = open(split);
        pair.client.send_fragment(OpCode::Text, false, b"Hel");
        pair.client.send(OpCode::Ping, b"still there?");
        pair.drive();
        assert_eq!(pair.client.heard, [Heard::Pong(b"still there?".to_vec())]);
        pair.client.send_fragment(OpCode::Continuation, true, b"lo");
        pair.drive();
        assert_eq!(pair.server.heard, [Heard::Ping(b"still there?".to_vec()), text("Hello")]);
    }
}

#[test]
fn the_client_closes_and_both_ends_finish() {
    for split in splits() {
        let mut pair = open(split);
        pair.client.send(OpCode::Text, b"last words");
        pair.client.close(CloseCode::NORMAL, "done");
        pair.drive();
        assert_eq!(pair.server.heard, [text("last words"), Heard::Close(1000, "done".to_owned())]);
        assert_eq!(pair.client.heard, [Heard::Close(1000, String::new())]);
        assert!(pair.client.is_gone() && pair.server.is_gone());
    }
}

#[test]
fn the_server_closes_and_both_ends_finish() {
    for split in splits() {
        let mut pair = open(split);
        pair.server.send(OpCode::Text, b"last words");
        pair.server.close(CloseCode::GOING_AWAY, "restart");
        pair.drive();
        assert_eq!(pair.client.heard, [text("last words"), Heard::Close(1001, "restart".to_owned())]);
        assert_eq!(pair.server.heard, [Heard::Close(1001, String::new())]);
        assert!(pair.client.is_gone() && pair.server.is_gone());
    }
}

#[test]
fn both_close_at_once_and_both_ends_finish() {
    for split in splits() {
        let mut pair = open(split);
        pair.client.close(CloseCode::NORMAL, "from the client");
        pair.server.close(CloseCode::GOING_AWAY, "from the server");
        pair.drive();
        assert_eq!(pair.server.heard, [Heard::Close(1000, "from the client".to_owned())]);
        assert_eq!(pair.client.heard, [Heard::Close(1001, "from the server".to_owned())]);
        assert!(pair.client.is_gone() && pair.server.is_gone());
    }
}

#[test]
fn what_crosses_the_servers_close_frame_is_dropped_and_the_close_still_finishes() {
    for split in splits() {
        let mut pair = open(split);
        pair.client.send(OpCode::Text, b"on its way");
        pair.server.close(CloseCode::NORMAL, "");
        pair.drive();
        assert_eq!(pair.server.heard, [Heard::Close(1000, String::new())]);
        assert!(pair.client.is_gone() && pair.server.is_gone());
    }
}

#[test]
fn a_violation_is_told_to_the_peer_with_its_code_and_section() {
    for split in splits() {
        let mut pair = open(split);
        pair.client.send(OpCode::Continuation, b"orphan");
        pair.drive();
        assert_eq!(pair.server.heard[0], Heard::Failed(1002));
        let [Heard::Close(1002, reason)] = &pair.client.heard[..] else { panic!("{:?}", pair.client.heard) };
        assert!(reason.contains("RFC 6455 §5.4"), "{reason}");
        assert!(pair.client.is_gone() && pair.server.is_gone());
    }
}

#[test]
fn a_message_past_the_servers_limit_ends_in_1009() {
    for split in splits() {
        let mut pair = Pair::open(Setup { split, message_bytes_max: 1000, ..Setup::default() });
        pair.client.send(OpCode::Binary, &[7; 1000]);
        pair.client.send(OpCode::Binary, &[7; 1001]);
        pair.drive();
        assert_eq!(pair.server.heard[..2], [Heard::Binary(vec![7; 1000]), Heard::Failed(1009)]);
        assert!(matches!(pair.client.heard[..], [Heard::Close(1009, _)]));
    }
}
