//! Each violation ends in its close code and names its section (RFC 6455 §7.1.7).

use super::*;

/// Fails in every split with this code and section; the close frame goes out, and then nothing is heard any more.
fn fails(role: Role, stream: &[u8], code: u16, section: &'static str) {
    for piece in 1..=stream.len() {
        let mut connection = Connection::new(role, 1024);
        let seen = feed_in_pieces(&mut connection, stream, piece);
        assert_eq!(seen, [Seen::Failed(code, section)], "{stream:x?} in pieces of {piece}");
        assert!(connection.is_closing() && !connection.can_send() && !connection.is_finished());

        let mut out = Vec::new();
        match role {
            Role::Server => connection.poll_transmit(&mut out),
            Role::Client => connection.poll_transmit_masked([0; 4], &mut out),
        };
        let payload = if role == Role::Server { &out[2..] } else { &out[6..] };
        assert_eq!(out[0], 0x88);
        assert_eq!(payload[..2], code.to_be_bytes());
        assert!(std::str::from_utf8(&payload[2..]).unwrap().contains(section));
        assert!(connection.is_finished());
        assert_eq!(feed(&mut connection, stream), []);
        assert_eq!(connection.buffered_bytes(), 0);
    }
}

fn server_fails(stream: &[u8], code: u16, section: &'static str) {
    fails(Role::Server, stream, code, section);
}

#[test]
fn reserved_bits() {
    for rsv in 1..8u8 {
        let mut stream = masked(OpCode::Text, b"x");
        stream[0] |= rsv << 4;
        server_fails(&stream, 1002, "RFC 6455 §5.2");
        let mut stream = masked(OpCode::Ping, b"");
        stream[0] |= rsv << 4;
        server_fails(&stream, 1002, "RFC 6455 §5.2");
    }
}

#[test]
fn reserved_opcodes() {
    for opcode in (3..8).chain(11..16) {
        server_fails(&[0x80 | opcode, 0x80, 0, 0, 0, 0], 1002, "RFC 6455 §5.2");
    }
}

#[test]
fn frames_of_a_client_without_a_mask() {
    server_fails(b"\x81\x05Hello", 1002, "RFC 6455 §5.1");
    server_fails(b"\x89\x00", 1002, "RFC 6455 §5.1");
}

#[test]
fn masked_frames_of_a_server() {
    fails(Role::Client, &masked(OpCode::Text, b"Hello"), 1002, "RFC 6455 §5.1");
    fails(Role::Client, &masked(OpCode::Close, b""), 1002, "RFC 6455 §5.1");
}

#[test]
fn lengths_that_are_not_in_their_shortest_form() {
    server_fails(b"\x82\xfe\x00\x7d\x01\x02\x03\x04", 1002, "RFC 6455 §5.2");
    server_fails(b"\x82\xff\x00\x00\x00\x00\x00\x00\xff\xff\x01\x02\x03\x04", 1002, "RFC 6455 §5.2");
}

#[test]
fn a_64_bit_length_with_its_top_bit_set() {
    server_fails(b"\x82\xff\x80\x00\x00\x00\x00\x00\x00\x00\x01\x02\x03\x04", 1002, "RFC 6455 §5.2");
}

#[test]
fn fragmented_control_frames() {
    for opcode in [OpCode::Close, OpCode::Ping, OpCode::Pong] {
        server_fails(&fragment(opcode, false, b""), 1002, "RFC 6455 §5.5");
    }
}

#[test]
fn control_frames_of_more_than_125_bytes() {
    for opcode in [OpCode::Close, OpCode::Ping, OpCode::Pong] {
        server_fails(&masked(opcode, &[b'x'; 126]), 1002, "RFC 6455 §5.5");
    }
}

#[test]
fn a_continuation_without_a_message() {
    server_fails(&fragment(OpCode::Continuation, true, b"x"), 1002, "RFC 6455 §5.4");
    server_fails(&fragment(OpCode::Continuation, false, b"x"), 1002, "RFC 6455 §5.4");
}

#[test]
fn a_continuation_after_the_message_has_ended() {
    let mut connection = server();
    let ended = [fragment(OpCode::Text, false, b"a"), fragment(OpCode::Continuation, true, b"b")].concat();
    assert_eq!(feed(&mut connection, &ended), [Seen::Text("ab".to_owned())]);
    let seen = feed(&mut connection, &fragment(OpCode::Continuation, true, b"c"));
    assert_eq!(seen, [Seen::Failed(1002, "RFC 6455 §5.4")]);
}

#[test]
fn a_new_message_within_a_fragmented_one() {
    for opcode in [OpCode::Text, OpCode::Binary] {
        for fin in [true, false] {
            let stream = [fragment(OpCode::Text, false, b"x"), fragment(opcode, fin, b"y")].concat();
            server_fails(&stream, 1002, "RFC 6455 §5.4");
        }
    }
}

#[test]
fn close_frames_with_a_bad_payload() {
    server_fails(&masked(OpCode::Close, b"\x03"), 1002, "RFC 6455 §5.5.1");
    server_fails(&masked(OpCode::Close, &close_payload(1000, b"\xff")), 1007, "RFC 6455 §5.5.1");
    for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535] {
        server_fails(&masked(OpCode::Close, &close_payload(code, b"")), 1002, "RFC 6455 §7.4");
    }
}

#[test]
fn text_that_is_not_utf_8() {
    server_fails(&masked(OpCode::Text, b"\xce\xba\xe1\xbd\xb9\xed\xa0\x80"), 1007, "RFC 6455 §8.1");
    let fragments =
        [fragment(OpCode::Text, false, b"\xce"), fragment(OpCode::Continuation, true, b"x")].concat();
    server_fails(&fragments, 1007, "RFC 6455 §8.1");
}

#[test]
fn messages_that_are_too_big() {
    server_fails(&masked(OpCode::Text, &[b'x'; 1025]), 1009, "RFC 6455 §7.4.1");
}

#[test]
fn the_pong_that_waits_when_the_connection_fails_leaves_before_the_close_frame() {
    let mut connection = server();
    let seen = feed(&mut connection, &[masked(OpCode::Ping, b"1"), vec![0xff]].concat());
    assert_eq!(seen, [Seen::Ping(b"1".to_vec()), Seen::Failed(1002, "RFC 6455 §5.2")]);
    assert!(transmitted(&mut connection).starts_with(b"\x8a\x011\x88"));
}
