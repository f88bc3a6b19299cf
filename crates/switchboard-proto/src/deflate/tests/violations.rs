//! What is wrong fails with its code, in whatever pieces it arrives.

use super::*;

fn fails(parameters: Parameters, stream: &[u8], code: u16, section: &'static str) {
    for piece in 1..=stream.len() {
        let mut server = Server::new(parameters, 1024);
        let seen = server.feed(stream, piece);
        assert_eq!(seen, [Seen::Failed(code, section)], "{stream:x?} in pieces of {piece}");
        let mut out = Vec::new();
        server.connection.poll_transmit(&mut out);
        assert_eq!(out[2..4], code.to_be_bytes());
        assert_eq!(server.connection.buffered_bytes(), 0);
    }
}

const HELLO: &[u8] = b"\xf2\x48\xcd\xc9\xc9\x07\x00";

#[test]
fn rsv1_on_a_control_frame_or_a_later_fragment() {
    for opcode in [OpCode::Ping, OpCode::Pong, OpCode::Close] {
        fails(ALONE, &fragment(true, opcode, true, b""), 1002, "RFC 7692 §6.1");
    }
    for rsv1 in [false, true] {
        let stream = [
            fragment(rsv1, OpCode::Binary, false, &HELLO[..3]),
            fragment(true, OpCode::Continuation, true, &HELLO[3..]),
        ];
        fails(ALONE, &stream.concat(), 1002, "RFC 7692 §6.1");
    }
}

#[test]
fn the_other_reserved_bits() {
    for bits in [0x10, 0x20, 0x30, 0x50, 0x60, 0x70] {
        let mut stream = fragment(false, OpCode::Text, true, HELLO);
        stream[0] |= bits;
        fails(ALONE, &stream, 1002, "RFC 6455 §5.2");
    }
}

#[test]
fn rsv1_where_nothing_was_agreed_upon() {
    let mut connection = Connection::new(Role::Server, 1024);
    let error = connection.receive(&mut compressed(OpCode::Text, HELLO)).unwrap_err();
    assert_eq!((error.code.get(), error.section), (1002, "RFC 6455 §5.2"));
}

#[test]
fn what_is_no_deflate_stream() {
    for payload in [
        // The block type that is reserved; a stored block whose length and complement do not fit; garbage.
        &b"\x06\x00"[..],
        b"\x00\x05\x00\x00\x00Hello\x00",
        b"\xff\xff\xff\xff",
        // A distance to before the first byte.
        b"\x02\x11\x00\x00",
        // Behind a final block.
        b"\xf3\x48\xcd\xc9\xc9\x07\x00\xff\xff",
    ] {
        for parameters in [ALONE, TAKING_OVER] {
            fails(parameters, &compressed(OpCode::Binary, payload), 1007, "RFC 7692 §7.2.2");
        }
    }
}

#[test]
fn a_message_without_its_end() {
    let stored = b"\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00";
    for payload in [&HELLO[..5], &HELLO[..6], &stored[..9]] {
        for parameters in [ALONE, TAKING_OVER] {
            fails(parameters, &compressed(OpCode::Binary, payload), 1007, "RFC 7692 §7.2.1");
        }
    }
    // No block at all, a final one and nothing behind it, and the tail that is to be left out.
    let tail = [HELLO, &TAIL].concat();
    for payload in [b"", &b"\xf3\x48\xcd\xc9\xc9\x07\x00"[..], &stored[..10], &tail] {
        for parameters in [ALONE, TAKING_OVER] {
            let mut server = Server::new(parameters, 1024);
            let seen = server.feed(&compressed(OpCode::Binary, payload), usize::MAX);
            assert!(matches!(seen[..], [Seen::Failed(1007, _)]), "{payload:x?}: {seen:?}");
        }
    }
}

#[test]
fn text_that_is_not_utf_8_once_it_is_inflated() {
    for message in [&[0xff; 40][..], &[&b"a".repeat(40)[..], b"\xc3"].concat(), &b"\xed\xa0\x80".repeat(20)] {
        let payload = deflated(message);
        fails(ALONE, &compressed(OpCode::Text, &payload), 1007, "RFC 6455 §8.1");
        let fragments = [
            fragment(true, OpCode::Text, false, &payload[..2]),
            fragment(false, OpCode::Continuation, true, &payload[2..]),
        ];
        fails(TAKING_OVER, &fragments.concat(), 1007, "RFC 6455 §8.1");
    }
}

#[test]
fn a_shared_inflater_does_not_remember_what_failed() {
    let mut codec = Codec::default();
    for payload in [&b"\xff\xff\xff\xff"[..], &HELLO[..5], b""] {
        let mut broken = Server::new(ALONE, 1024);
        broken.codec = codec;
        assert!(matches!(broken.feed(&compressed(OpCode::Text, payload), 99)[..], [Seen::Failed(..)]));
        let mut good = Server::new(ALONE, 1024);
        good.codec = broken.codec;
        assert_eq!(good.feed(&compressed(OpCode::Text, HELLO), 99), [text("Hello")]);
        codec = good.codec;
    }
}
