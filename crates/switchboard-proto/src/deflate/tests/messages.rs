//! Messages as §7.2 has them.

use super::*;

/// All splits give the same.
fn becomes(parameters: Parameters, stream: &[u8], expected: &[Seen]) {
    for piece in 1..=stream.len() {
        let mut server = Server::new(parameters, 1024);
        assert_eq!(server.feed(stream, piece), expected, "in pieces of {piece}");
        server.connection.poll_transmit(&mut Vec::new());
        assert_eq!(server.connection.buffered_bytes(), 0);
    }
}

#[test]
fn one_compressed_block() {
    // §7.2.3.1
    becomes(ALONE, &compressed(OpCode::Text, b"\xf2\x48\xcd\xc9\xc9\x07\x00"), &[text("Hello")]);
    let fragments = [
        fragment(true, OpCode::Text, false, b"\xf2\x48\xcd"),
        fragment(false, OpCode::Continuation, true, b"\xc9\xc9\x07\x00"),
    ];
    becomes(ALONE, &fragments.concat(), &[text("Hello")]);
}

#[test]
fn a_window_that_slides_from_message_to_message() {
    // §7.2.3.2
    let stream = [
        compressed(OpCode::Text, b"\xf2\x48\xcd\xc9\xc9\x07\x00"),
        compressed(OpCode::Text, b"\xf2\x00\x11\x00\x00"),
    ];
    becomes(TAKING_OVER, &stream.concat(), &[text("Hello"), text("Hello")]);
    // Without the context the second one refers to nothing.
    becomes(ALONE, &stream.concat(), &[text("Hello"), Seen::Failed(1007, "RFC 7692 §7.2.2")]);
}

#[test]
fn a_block_without_compression() {
    // §7.2.3.3
    let payload = b"\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00";
    becomes(TAKING_OVER, &compressed(OpCode::Text, payload), &[text("Hello")]);
}

#[test]
fn a_final_block() {
    // §7.2.3.4; what follows it stands for itself, and may come in the same message.
    let last = b"\xf3\x48\xcd\xc9\xc9\x07\x00\x00";
    becomes(ALONE, &compressed(OpCode::Text, last), &[text("Hello")]);
    let stream = [compressed(OpCode::Text, last), compressed(OpCode::Text, last)];
    becomes(TAKING_OVER, &stream.concat(), &[text("Hello"), text("Hello")]);
    let twice = [&last[..7], last].concat();
    becomes(ALONE, &compressed(OpCode::Binary, &twice), &[Seen::Binary(b"HelloHello".to_vec())]);
}

#[test]
fn two_blocks_in_one_message() {
    // §7.2.3.5
    let payload = b"\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00";
    becomes(ALONE, &compressed(OpCode::Text, payload), &[text("Hello")]);
}

#[test]
fn an_empty_message() {
    // §7.2.3.6, and what some libraries send.
    for payload in [&b"\x00"[..], b"\x02\x00", b"\x03\x00\x00"] {
        becomes(TAKING_OVER, &compressed(OpCode::Text, payload), &[text("")]);
    }
}

#[test]
fn empty_fragments_at_every_place() {
    let stream = [
        fragment(true, OpCode::Text, false, b""),
        fragment(false, OpCode::Continuation, false, b"\xf2\x48\xcd"),
        fragment(false, OpCode::Ping, true, b"?"),
        fragment(false, OpCode::Continuation, false, b""),
        fragment(false, OpCode::Continuation, false, b"\xc9\xc9\x07\x00"),
        fragment(false, OpCode::Continuation, true, b""),
    ];
    for piece in 1..40 {
        let mut server = Server::new(ALONE, 1024);
        assert_eq!(server.feed(&stream.concat(), piece), [Seen::Other, text("Hello")]);
    }
}

#[test]
fn messages_that_are_not_compressed_between_those_that_are() {
    let stream = [
        fragment(false, OpCode::Text, true, b"plain"),
        compressed(OpCode::Text, b"\xf2\x48\xcd\xc9\xc9\x07\x00"),
        fragment(false, OpCode::Text, false, b"pl"),
        fragment(false, OpCode::Continuation, true, b"ain"),
        compressed(OpCode::Text, b"\xf2\x00\x11\x00\x00"),
    ];
    let expected = [text("plain"), text("Hello"), text("plain"), text("Hello")];
    becomes(TAKING_OVER, &stream.concat(), &expected);
}

#[test]
fn what_would_not_become_smaller_is_not_compressed() {
    let mut codec = Codec::default();
    for message in [&b""[..], b"a", b"Hello", &[0x5a, 0x13, 0x77, 0xe1, 0x08, 0xbc, 0x99, 0x20]] {
        assert_eq!(codec.compress(15, message), None, "{message:x?}");
    }
    let mut server = Server::new(TAKING_OVER, 1024);
    assert_eq!(server.connection.compress(b"", &mut codec), None);
    let repeated = [7; 100];
    let first = server.connection.compress(&repeated, &mut codec).unwrap().to_vec();
    // The empty one that was not sent has left nothing behind.
    assert_eq!(codec.compress(15, &repeated).unwrap().len(), first.len());
}

#[test]
fn a_codec_that_is_told_so_compresses_what_becomes_larger_by_it() {
    let mut codec = Codec::new(4).always();
    let mut noise = 1u32;
    let mut next = || {
        noise = noise.wrapping_mul(0x9e37_79b1).wrapping_add(0x7f4a_7c15) ^ noise >> 13;
        (noise >> 24) as u8
    };
    for len in [0, 1, 5, 16, 1_000, 100_000] {
        let message: Vec<u8> = (0..len).map(|_| next()).collect();
        for bits in [8, 15] {
            let payload = codec.compress(bits, &message).unwrap();
            assert!(payload.len() > len, "{len}");
            let seen = Server::new(ALONE, 100_000).feed(&compressed(OpCode::Binary, payload), usize::MAX);
            assert!(seen == [Seen::Binary(message.clone())], "{len}");
        }
    }
}

#[test]
fn nothing_is_compressed_that_was_not_agreed_upon() {
    let mut connection = Connection::new(Role::Server, 1024);
    assert_eq!(connection.compress(&[7; 100], &mut Codec::default()), None);
}

#[test]
fn every_level_is_read_back() {
    let message: Vec<u8> =
        (0..20_000u32).flat_map(|number| (number % 251).to_string().into_bytes()).collect();
    for level in 0..=12 {
        let payload = Codec::new(level).compress(15, &message).unwrap().to_vec();
        let mut server = Server::new(ALONE, 1 << 20);
        let seen = server.feed(&compressed(OpCode::Binary, &payload), usize::MAX);
        assert_eq!(seen, [Seen::Binary(message.clone())], "level {level}");
    }
}

/// Bytes that no compressor makes less of.
fn noise(seed: u64, bytes: usize) -> Vec<u8> {
    let mut state = seed | 1;
    let next = |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    (0..bytes).map(next).collect()
}

#[test]
fn what_cannot_be_compressed_leaves_a_compressor_as_good_as_new() {
    for level in 1..=9 {
        for window_bits in [9, 15] {
            let mut codec = Codec::new(level);
            let mut contexts = Contexts::default();
            for (seed, bytes) in
                [40_000, 60_000, 80_000, 100_000, 150_000, 300_000].repeat(3).into_iter().enumerate()
            {
                let message = noise(seed as u64 * 2 + 1, bytes);
                assert_eq!(codec.compress(window_bits, &message), None, "level {level}");
                assert_eq!(codec.compress_in(&mut contexts, window_bits, &message), None, "level {level}");
            }
            let text = b"to be found again ".repeat(20_000);
            assert!(
                codec
                    .compress(window_bits, &text)
                    .is_some_and(|compressed| compressed.len() < text.len() / 10)
            );
        }
    }
}
