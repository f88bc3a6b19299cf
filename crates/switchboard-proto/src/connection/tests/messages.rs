//! Messages, fragments, text (RFC 6455 §5.4, §5.6, §8.1).

use super::*;

fn text(text: &str) -> Seen {
    Seen::Text(text.to_owned())
}

#[test]
fn the_frames_of_section_5_7_are_read() {
    let masked_hello = [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
    assert_eq!(feed(&mut server(), &masked_hello), [text("Hello")]);

    let mut client = Connection::new(Role::Client, 1024);
    assert_eq!(feed(&mut client, b"\x81\x05Hello"), [text("Hello")]);
    assert_eq!(feed(&mut client, b"\x01\x03Hel\x80\x02lo"), [text("Hello")]);
    assert_eq!(feed(&mut client, b"\x89\x05Hello"), [Seen::Ping(b"Hello".to_vec())]);
    let long = [&b"\x82\x7e\x01\x00"[..], &[7; 256]].concat();
    assert_eq!(feed(&mut client, &long), [Seen::Binary(vec![7; 256])]);
    let mut client = Connection::new(Role::Client, 65536);
    let longer = [&b"\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x00"[..], &[7; 65536]].concat();
    assert_eq!(feed(&mut client, &longer), [Seen::Binary(vec![7; 65536])]);
}

#[test]
fn a_whole_message_is_borrowed_from_the_input() {
    let mut connection = server();
    let mut input = masked(OpCode::Text, b"Hello");
    let payload_at = input.as_ptr() as usize + 6;
    let received = connection.receive(&mut input).unwrap();
    let Some(Event::Message { kind: MessageKind::Text, payload }) = received.event else {
        panic!("{received:?}")
    };
    assert_eq!((payload, payload.as_ptr() as usize), (&b"Hello"[..], payload_at));
}

#[test]
fn one_call_stops_after_one_event() {
    let mut input =
        [masked(OpCode::Text, b"one"), masked(OpCode::Ping, b""), masked(OpCode::Text, b"two")].concat();
    let received = server().receive(&mut input).map(|received| received.consumed);
    assert_eq!(received, Ok(9));
    assert_eq!(
        feed(&mut server(), &[&input[9..15], &input[15..]].concat()),
        [Seen::Ping(vec![]), text("two")]
    );
}

#[test]
fn every_split_gives_the_same_events() {
    let stream = [
        masked(OpCode::Text, "κόσμε".as_bytes()),
        fragment(OpCode::Binary, false, &[1; 200]),
        masked(OpCode::Ping, b"between"),
        fragment(OpCode::Continuation, false, &[]),
        masked(OpCode::Pong, b""),
        fragment(OpCode::Continuation, true, &[2; 130]),
        masked(OpCode::Text, b""),
        masked(OpCode::Close, &close_payload(1000, b"done")),
        masked(OpCode::Text, b"after the close frame"),
    ]
    .concat();
    let expected = [
        text("κόσμε"),
        Seen::Ping(b"between".to_vec()),
        Seen::Pong(vec![]),
        Seen::Binary([vec![1; 200], vec![2; 130]].concat()),
        text(""),
        Seen::Close(1000, "done".to_owned()),
    ];
    for piece in 1..=stream.len() {
        assert_eq!(feed_in_pieces(&mut server(), &stream, piece), expected, "pieces of {piece}");
    }
}

#[test]
fn a_code_point_may_be_split_between_fragments_and_control_frames() {
    let stream = [
        fragment(OpCode::Text, false, b"\xf0\x9f"),
        masked(OpCode::Ping, b"\xff\xff"),
        fragment(OpCode::Continuation, false, b"\x98"),
        fragment(OpCode::Continuation, true, b"\x80!"),
    ]
    .concat();
    for piece in [1, 2, 3, 7, stream.len()] {
        let seen = feed_in_pieces(&mut server(), &stream, piece);
        assert_eq!(seen, [Seen::Ping(vec![0xff, 0xff]), text("😀!")]);
    }
}

#[test]
fn text_fails_at_the_octet_that_breaks_it_even_in_the_middle_of_a_frame() {
    let mut connection = server();
    let input = masked(OpCode::Text, b"ok\xf4\x90 and much more that never arrives");
    assert_eq!(feed(&mut connection, &input[..6 + 3]), []);
    assert_eq!(feed(&mut connection, &input[9..10]), [Seen::Failed(1007, "RFC 6455 §8.1")]);
}

#[test]
fn text_that_ends_within_a_code_point_fails() {
    for stream in [
        masked(OpCode::Text, b"caf\xc3"),
        [fragment(OpCode::Text, false, b"caf\xc3"), fragment(OpCode::Continuation, true, b"")].concat(),
    ] {
        for piece in 1..=stream.len() {
            let seen = feed_in_pieces(&mut server(), &stream, piece);
            assert_eq!(seen, [Seen::Failed(1007, "RFC 6455 §8.1")], "pieces of {piece}");
        }
    }
}

#[test]
fn binary_messages_are_not_looked_at() {
    let stream = masked(OpCode::Binary, b"\xff\xfe\x80");
    assert_eq!(feed(&mut server(), &stream), [Seen::Binary(b"\xff\xfe\x80".to_vec())]);
}

#[test]
fn a_message_of_exactly_the_limit_passes_and_one_byte_more_fails_however_it_is_fragmented() {
    let whole = |len| masked(OpCode::Binary, &vec![0; len]);
    let halves = |len: usize| {
        let first = fragment(OpCode::Binary, false, &vec![0; len / 2]);
        [first, fragment(OpCode::Continuation, true, &vec![0; len - len / 2])].concat()
    };
    for piece in [1, 100, usize::MAX] {
        for stream in [whole(1024), halves(1024)] {
            assert_eq!(feed_in_pieces(&mut server(), &stream, piece), [Seen::Binary(vec![0; 1024])]);
        }
        for stream in [whole(1025), halves(1025)] {
            assert_eq!(
                feed_in_pieces(&mut server(), &stream, piece),
                [Seen::Failed(1009, "RFC 6455 §7.4.1")]
            );
        }
    }
}

#[test]
fn the_header_alone_is_enough_to_refuse_a_message_that_is_too_big() {
    let huge = masked(OpCode::Binary, &[0; 1025]);
    assert_eq!(feed(&mut server(), &huge[..7]), []);
    assert_eq!(feed(&mut server(), &huge[..8]), [Seen::Failed(1009, "RFC 6455 §7.4.1")]);

    let fragments =
        [fragment(OpCode::Binary, false, &[0; 1000]), fragment(OpCode::Continuation, false, &[0; 25])]
            .concat();
    let header_end = fragments.len() - 25;
    assert_eq!(feed(&mut server(), &fragments[..header_end]), [Seen::Failed(1009, "RFC 6455 §7.4.1")]);
}

#[test]
fn the_longest_length_that_a_header_can_hold_is_refused_without_overflow() {
    let header = [&b"\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff"[..], &KEY].concat();
    assert_eq!(feed(&mut server(), &header), [Seen::Failed(1009, "RFC 6455 §7.4.1")]);
    let mut boundless = Connection::new(Role::Server, usize::MAX);
    assert_eq!(feed(&mut boundless, &[&header[..], b"a few bytes of it"].concat()), []);
    assert!(boundless.buffered_bytes() < 1024);
}
