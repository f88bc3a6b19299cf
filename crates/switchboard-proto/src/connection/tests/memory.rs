//! What a connection owns, and when it lets go.

use super::*;

const KIB: usize = 1024;

#[test]
fn whole_messages_cost_no_heap() {
    let mut connection = server();
    let mut stream = [masked(OpCode::Text, b"one"), masked(OpCode::Binary, b"two")].concat();
    let mut at = 0;
    while at < stream.len() {
        at += connection.receive(&mut stream[at..]).unwrap().consumed;
        assert_eq!(connection.buffered_bytes(), 0);
    }
}

#[test]
fn an_announced_length_allocates_nothing_that_has_not_arrived() {
    const LEN: usize = 16 * KIB * KIB;
    let mut connection = Connection::new(Role::Server, LEN);
    let stream = masked(OpCode::Binary, &vec![7; LEN]);
    let mut arrived = 0;
    for bytes in stream[..stream.len() - 1].chunks(KIB) {
        feed(&mut connection, bytes);
        arrived += bytes.len();
        assert!(
            connection.buffered_bytes() <= 2 * arrived + KIB,
            "{} for {arrived}",
            connection.buffered_bytes()
        );
        assert!(connection.buffered_bytes() <= LEN + KIB);
    }
}

#[test]
fn a_gathered_message_is_freed_by_the_call_that_finds_nothing_more() {
    let mut connection = server();
    let stream = masked(OpCode::Binary, &[7; 500]);
    let (left, right) = stream.split_at(100);
    feed(&mut connection, left);
    assert!(connection.buffered_bytes() > 0);
    let mut right = right.to_vec();
    let consumed = connection.receive(&mut right).unwrap().consumed;
    assert_eq!(consumed, right.len());
    connection.receive(&mut []).unwrap();
    assert_eq!(connection.buffered_bytes(), 0);
}

#[test]
fn a_gathered_message_is_freed_by_asking_for_replies_too() {
    let mut connection = server();
    let stream = masked(OpCode::Ping, b"Hello");
    feed(&mut connection, &stream[..8]);
    connection.receive(&mut stream[8..].to_vec()).unwrap();
    assert_eq!(transmitted(&mut connection), b"\x8a\x05Hello");
    assert_eq!(connection.buffered_bytes(), 0);
}

#[test]
fn replies_are_freed_when_they_are_taken() {
    let mut connection = server();
    feed(&mut connection, &masked(OpCode::Ping, &[1; 125]));
    assert!(connection.buffered_bytes() > 0);
    transmitted(&mut connection);
    assert_eq!(connection.buffered_bytes(), 0);
}

#[test]
fn closing_frees_the_message_that_had_arrived_in_part() {
    let mut connection = server();
    feed(&mut connection, &fragment(OpCode::Binary, false, &[7; 1000]));
    let before = connection.buffered_bytes();
    connection.close(CloseCode::NORMAL, "").unwrap();
    assert!(connection.buffered_bytes() < before - 900);
}

#[test]
fn endless_empty_fragments_and_pings_cost_no_more_than_one() {
    let mut connection = server();
    feed(&mut connection, &fragment(OpCode::Text, false, b""));
    feed(&mut connection, &masked(OpCode::Ping, &[1; 125]));
    let held = connection.buffered_bytes();
    for _ in 0..1000 {
        feed(&mut connection, &fragment(OpCode::Continuation, false, b""));
        feed(&mut connection, &masked(OpCode::Ping, &[1; 125]));
        assert_eq!(connection.buffered_bytes(), held);
    }
}

#[test]
fn a_message_in_tiny_fragments_is_copied_a_few_times_not_once_for_each() {
    const LEN: usize = 100 * KIB;
    let mut connection = Connection::new(Role::Server, LEN);
    feed(&mut connection, &fragment(OpCode::Binary, false, b""));
    let (mut held, mut growths) = (0, 0);
    for _ in 0..LEN {
        feed(&mut connection, &fragment(OpCode::Continuation, false, b"x"));
        growths += usize::from(connection.buffered_bytes() != held);
        held = connection.buffered_bytes();
    }
    assert!(growths <= 20, "{growths}");
    assert!(held <= LEN + KIB, "{held}");
    let last = feed(&mut connection, &fragment(OpCode::Continuation, true, b""));
    assert_eq!(last, [Seen::Binary(vec![b'x'; LEN])]);
}
