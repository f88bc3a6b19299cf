//! The close handshake (RFC 6455 §5.5.1, §7.1).

use super::*;

#[test]
fn the_peers_close_is_answered_with_its_code_and_finishes_the_connection() {
    for piece in [1, 2, 100] {
        let mut connection = server();
        let stream = masked(OpCode::Close, &close_payload(1001, "tschüß".as_bytes()));
        let seen = feed_in_pieces(&mut connection, &stream, piece);
        assert_eq!(seen, [Seen::Close(1001, "tschüß".to_owned())]);
        assert!(connection.is_closing() && !connection.can_send() && !connection.is_finished());
        assert_eq!(transmitted(&mut connection), close_frame(1001, ""));
        assert!(connection.is_finished());
        assert_eq!(connection.buffered_bytes(), 0);
    }
}

#[test]
fn an_empty_close_is_answered_by_an_empty_one() {
    let mut connection = server();
    assert_eq!(feed(&mut connection, &masked(OpCode::Close, b"")), [Seen::Close(1005, String::new())]);
    assert_eq!(transmitted(&mut connection), b"\x88\0");
    assert!(connection.is_finished());
}

#[test]
fn our_close_is_finished_by_the_peers_and_not_answered_again() {
    let mut connection = server();
    assert_eq!(connection.close(CloseCode::GOING_AWAY, "bye"), Ok(true));
    assert!(connection.is_closing() && !connection.can_send() && !connection.is_finished());
    assert_eq!(transmitted(&mut connection), close_frame(1001, "bye"));
    assert!(!connection.is_finished());
    let seen = feed(&mut connection, &masked(OpCode::Close, &close_payload(1001, b"")));
    assert_eq!(seen, [Seen::Close(1001, String::new())]);
    assert!(connection.is_finished());
    assert_eq!(transmitted(&mut connection), b"");
}

#[test]
fn when_both_close_at_once_each_sends_one_close_frame() {
    let mut connection = server();
    connection.close(CloseCode::NORMAL, "ours").unwrap();
    let seen = feed(&mut connection, &masked(OpCode::Close, &close_payload(1001, b"theirs")));
    assert_eq!(seen, [Seen::Close(1001, "theirs".to_owned())]);
    assert!(!connection.is_finished(), "ours still waits");
    assert_eq!(transmitted(&mut connection), close_frame(1000, "ours"));
    assert!(connection.is_finished());
}

#[test]
fn nothing_after_the_peers_close_is_heard() {
    let mut connection = server();
    let after = [masked(OpCode::Text, b"late"), masked(OpCode::Ping, b""), vec![0xff; 40]].concat();
    let seen = feed(&mut connection, &[masked(OpCode::Close, b""), after.clone()].concat());
    assert_eq!(seen, [Seen::Close(1005, String::new())]);
    assert_eq!(feed(&mut connection, &after), []);
    assert_eq!(transmitted(&mut connection), b"\x88\0");
}

#[test]
fn data_after_our_close_are_dropped_until_the_peers_close() {
    for piece in 1..60 {
        let mut connection = server();
        feed(&mut connection, &fragment(OpCode::Text, false, b"began before"));
        connection.close(CloseCode::NORMAL, "").unwrap();
        let stream = [
            fragment(OpCode::Continuation, false, b"\xff is never looked at"),
            fragment(OpCode::Continuation, true, &[b'x'; 2000]),
            masked(OpCode::Text, b"dropped"),
            masked(OpCode::Pong, b"heard"),
            masked(OpCode::Close, &close_payload(1000, b"")),
        ]
        .concat();
        let seen = feed_in_pieces(&mut connection, &stream, piece);
        assert_eq!(
            seen,
            [Seen::Pong(b"heard".to_vec()), Seen::Close(1000, String::new())],
            "pieces of {piece}"
        );
    }
}

#[test]
fn a_violation_after_our_close_still_fails_and_sends_nothing_more() {
    let mut connection = server();
    connection.close(CloseCode::NORMAL, "").unwrap();
    transmitted(&mut connection);
    let seen = feed(&mut connection, &fragment(OpCode::Continuation, true, b"orphan"));
    assert_eq!(seen, [Seen::Failed(1002, "RFC 6455 §5.4")]);
    assert!(connection.is_finished());
    assert_eq!(transmitted(&mut connection), b"");
}

#[test]
fn a_violation_takes_the_place_of_a_close_frame_that_still_waits() {
    let mut connection = server();
    connection.close(CloseCode::NORMAL, "").unwrap();
    feed(&mut connection, b"\xff");
    assert_eq!(transmitted(&mut connection)[2..4], 1002u16.to_be_bytes());
}

#[test]
fn a_second_close_changes_nothing() {
    let mut connection = server();
    assert_eq!(connection.close(CloseCode::NORMAL, "first"), Ok(true));
    assert_eq!(connection.close(CloseCode::GOING_AWAY, "second"), Ok(false));
    assert_eq!(transmitted(&mut connection), close_frame(1000, "first"));
    assert_eq!(connection.close(CloseCode::GOING_AWAY, "third"), Ok(false));

    let mut answered = server();
    feed(&mut answered, &masked(OpCode::Close, b""));
    assert_eq!(answered.close(CloseCode::NORMAL, ""), Ok(false), "the reply waits");
}

#[test]
fn a_code_that_must_not_be_sent_and_a_reason_that_does_not_fit_are_refused() {
    let mut connection = server();
    for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, u16::MAX] {
        let code = CloseCode::new(code);
        assert_eq!(connection.close(code, "why"), Err(CloseError::Code(code)));
    }
    let long = "x".repeat(CLOSE_REASON_BYTES_MAX + 1);
    assert_eq!(connection.close(CloseCode::NORMAL, &long), Err(CloseError::ReasonTooLong(124)));
    assert!(connection.can_send(), "nothing has happened");
    assert_eq!(connection.close(CloseCode::NORMAL, &long[1..]), Ok(true));
    assert_eq!(transmitted(&mut connection).len(), 2 + 125);
}

#[test]
fn a_close_without_a_code_can_be_sent() {
    let mut connection = server();
    assert_eq!(connection.close(CloseCode::NO_STATUS, ""), Ok(true));
    assert_eq!(transmitted(&mut connection), b"\x88\0");
}

#[test]
fn every_code_that_may_be_sent_is_taken_and_every_other_fails() {
    for code in 0..=u16::MAX {
        let mut connection = server();
        let seen = feed(&mut connection, &masked(OpCode::Close, &close_payload(code, b"")));
        let expected = if CloseCode::new(code).may_be_sent() {
            Seen::Close(code, String::new())
        } else {
            Seen::Failed(1002, "RFC 6455 §7.4")
        };
        assert_eq!(seen, [expected], "code {code}");
    }
}
