//! What a peer can make a connection do is bounded by the limit on messages.

use super::*;

const MAX: usize = 100_000;

fn too_big() -> Seen {
    Seen::Failed(1009, "RFC 6455 §7.4.1")
}

#[test]
fn a_message_is_taken_up_to_the_limit_and_no_further() {
    for (len, fits) in [(MAX - 1, true), (MAX, true), (MAX + 1, false), (50 * MAX, false)] {
        let stream = compressed(OpCode::Binary, &deflated(&vec![b'x'; len]));
        for piece in [usize::MAX, 10] {
            let expected = if fits { Seen::Binary(vec![b'x'; len]) } else { too_big() };
            assert_eq!(Server::new(ALONE, MAX).feed(&stream, piece), [expected], "{len}");
        }
    }
}

#[test]
fn a_bomb_takes_no_more_memory_than_the_largest_message() {
    let bomb = deflated(&vec![0; 64 << 20]);
    assert!(bomb.len() < MAX);
    let mut server = Server::new(ALONE, MAX);
    assert_eq!(server.feed(&compressed(OpCode::Binary, &bomb), usize::MAX), [too_big()]);
    assert!(server.codec.inflated_capacity() <= MAX + 1);
    server.codec.trim();
    assert!(server.codec.inflated_capacity() <= 64 << 10);
}

#[test]
fn what_has_arrived_of_a_bomb_is_held_as_it_arrived() {
    let bomb = deflated(&vec![0; 64 << 20]);
    let mut server = Server::new(TAKING_OVER, MAX);
    let (start, _) = bomb.split_at(bomb.len() / 2);
    assert_eq!(server.feed(&fragment(true, OpCode::Binary, false, start), 1_000), []);
    assert!(server.connection.buffered_bytes() <= 2 * start.len() + 1_024);
}

#[test]
fn empty_blocks_without_end_are_too_big_in_the_end() {
    let mut server = Server::new(ALONE, MAX);
    let empty = fragment(false, OpCode::Continuation, false, &[0x00, 0x00, 0x00, 0xff, 0xff].repeat(100));
    let mut seen = server.feed(&fragment(true, OpCode::Binary, false, b""), 99);
    let mut fed = 0;
    while seen.is_empty() {
        seen = server.feed(&empty, usize::MAX);
        fed += 500;
        assert!(fed <= 2 * MAX);
    }
    assert_eq!(seen, [too_big()]);
}

#[test]
fn a_header_that_announces_too_much_fails_at_once() {
    let mut server = Server::new(ALONE, MAX);
    let stream = compressed(OpCode::Binary, &vec![0; 2 * MAX]);
    assert_eq!(server.feed(&stream[..14], 1), [too_big()]);
}

#[test]
fn what_cannot_be_compressed_may_take_a_little_more_on_the_wire() {
    let mut noise = 1u32;
    let mut byte = || {
        noise = noise.wrapping_mul(0x9e37_79b1).wrapping_add(0x7f4a_7c15) ^ noise >> 13;
        (noise >> 24) as u8
    };
    let message: Vec<u8> = (0..MAX).map(|_| byte()).collect();
    // Stored blocks of 100 bytes, with a flush behind each.
    let mut payload = Vec::new();
    for block in message.chunks(100) {
        payload.extend_from_slice(&[0, block.len() as u8, 0, !(block.len() as u8), 0xff]);
        payload.extend_from_slice(block);
        payload.extend_from_slice(&[0x00, 0x00, 0x00, 0xff, 0xff]);
    }
    payload.truncate(payload.len() - TAIL.len());
    assert!(payload.len() > MAX);
    let seen = Server::new(ALONE, MAX).feed(&compressed(OpCode::Binary, &payload), 5_000);
    assert_eq!(seen, [Seen::Binary(message)]);
}

#[test]
fn a_connection_at_rest_owns_nothing_of_the_compression() {
    let mut server = Server::new(ALONE, MAX);
    let codec = &mut Codec::default();
    assert!(server.connection.compress(&[7; 1_000], codec).is_some());
    server.feed(&compressed(OpCode::Text, b"\xf2\x48\xcd\xc9\xc9\x07\x00"), 3);
    assert!(!server.connection.has_contexts());
    assert_eq!(server.connection.buffered_bytes(), 0);
}
