//! Ping and pong (RFC 6455 §5.5.2, §5.5.3).

use super::*;

#[test]
fn a_ping_is_answered_by_a_pong_with_its_payload() {
    for payload in [&b""[..], b"Hello", &[0xfe; 125]] {
        for piece in [1, 3, 200] {
            let mut connection = server();
            let seen = feed_in_pieces(&mut connection, &masked(OpCode::Ping, payload), piece);
            assert_eq!(seen, [Seen::Ping(payload.to_vec())]);
            let mut pong = Vec::new();
            encode_frame(OpCode::Pong, payload, &mut pong);
            assert!(connection.has_transmit());
            assert_eq!(transmitted(&mut connection), pong);
            assert!(!connection.has_transmit());
            assert_eq!(transmitted(&mut connection), b"");
        }
    }
}

#[test]
fn of_several_pings_the_newest_is_answered() {
    let mut connection = server();
    feed(&mut connection, &[masked(OpCode::Ping, b"old"), masked(OpCode::Ping, b"new")].concat());
    assert_eq!(transmitted(&mut connection), b"\x8a\x03new");
}

#[test]
fn a_caller_that_asks_after_each_event_answers_each_ping() {
    let mut connection = server();
    let mut input = [masked(OpCode::Ping, b"1"), masked(OpCode::Ping, b"2")].concat();
    let (mut at, mut out) = (0, Vec::new());
    while at < input.len() {
        at += connection.receive(&mut input[at..]).unwrap().consumed;
        connection.poll_transmit(&mut out);
    }
    assert_eq!(out, b"\x8a\x011\x8a\x012");
}

#[test]
fn an_unasked_pong_is_an_event_without_a_reply() {
    let mut connection = server();
    assert_eq!(feed(&mut connection, &masked(OpCode::Pong, b"beat")), [Seen::Pong(b"beat".to_vec())]);
    assert!(!connection.has_transmit());
}

#[test]
fn pongs_leave_before_the_close_frame_and_none_after_it() {
    let mut connection = server();
    feed(&mut connection, &masked(OpCode::Ping, b"1"));
    connection.close(CloseCode::NORMAL, "").unwrap();
    assert_eq!(transmitted(&mut connection), b"\x8a\x011\x88\x02\x03\xe8");

    assert_eq!(feed(&mut connection, &masked(OpCode::Ping, b"2")), [Seen::Ping(b"2".to_vec())]);
    assert_eq!(transmitted(&mut connection), b"");
}

#[test]
fn a_client_masks_each_reply_with_a_key_of_its_own() {
    let mut connection = Connection::new(Role::Client, 1024);
    feed(&mut connection, b"\x89\x02hi");
    connection.close(CloseCode::NORMAL, "").unwrap();
    let mut out = Vec::new();
    assert!(connection.poll_transmit_masked([1, 0, 0, 0], &mut out));
    assert!(connection.poll_transmit_masked([2, 0, 0, 0], &mut out));
    assert!(!connection.poll_transmit_masked([3, 0, 0, 0], &mut out));
    assert_eq!(out, b"\x8a\x82\x01\0\0\0ii\x88\x82\x02\0\0\0\x01\xe8");
}
