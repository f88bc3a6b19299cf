//! What `bench/counts` counts the instructions of: here the protocol's own, in `reactor/` and `member/tests/` what turns of
//! a reactor and of a worker cost. These are tests, so that they reach what is private.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::hint::black_box;

use switchboard_proto::{Connection, Event, OpCode, Role, encode_frame, encode_masked_frame};

/// Instructions count while this runs: valgrind is told its name.
#[inline(never)]
pub(crate) fn section(work: &mut dyn FnMut()) {
    work();
}

/// Runs `work` so often, counted, after once without being counted: what is done only once is no part of it. Says by how
/// many units the instructions are to be divided.
pub(crate) fn count(runs: usize, units: usize, mut work: impl FnMut()) {
    work();
    for _ in 0..runs {
        section(&mut work);
    }
    println!("counted: {}", runs * units);
}

/// So many masked frames of this text.
pub(crate) fn masked(frames: usize, text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for _ in 0..frames {
        encode_masked_frame(OpCode::Text, true, text.as_bytes(), [0x1f, 0x2e, 0x3d, 0x4c], &mut bytes);
    }
    bytes
}

/// Text of about so many bytes, of one, two and three bytes a character.
fn text(bytes: usize) -> String {
    "Switchboard: naïveté, 连接比代码活得更久. "
        .chars()
        .cycle()
        .scan(0, |len, next| {
            *len += next.len_utf8();
            (*len <= bytes).then_some(next)
        })
        .collect()
}

/// Unmasks and checks what is in `wire`.
fn receive(connection: &mut Connection, wire: &mut [u8]) -> usize {
    let (mut at, mut messages) = (0, 0);
    while at < wire.len() {
        let received = connection.receive(&mut wire[at..]).unwrap();
        at += received.consumed;
        messages += usize::from(matches!(received.event, Some(Event::Message { .. })));
    }
    messages
}

#[test]
fn parse_1000_small_messages() {
    let frames = masked(1_000, &text(64));
    let (mut connection, mut wire) = (Connection::new(Role::Server, 1 << 20), Vec::new());
    count(4, 1_000, || {
        wire.clone_from(&frames);
        assert_eq!(receive(&mut connection, &mut wire), 1_000);
    });
}

#[test]
fn parse_1000_small_messages_of_ascii() {
    let frames = masked(1_000, &"ascii ".repeat(8));
    let (mut connection, mut wire) = (Connection::new(Role::Server, 1 << 20), Vec::new());
    count(4, 1_000, || {
        wire.clone_from(&frames);
        assert_eq!(receive(&mut connection, &mut wire), 1_000);
    });
}

#[test]
fn parse_one_message_of_1_mib() {
    let frames = masked(1, &text(1 << 20));
    let (mut connection, mut wire) = (Connection::new(Role::Server, 1 << 20), Vec::new());
    count(4, 1, || {
        wire.clone_from(&frames);
        assert_eq!(receive(&mut connection, &mut wire), 1);
    });
}

#[test]
fn encode_1000_small_messages() {
    let (text, mut out) = (text(64), Vec::new());
    count(4, 1_000, || {
        out.clear();
        for _ in 0..1_000 {
            encode_frame(OpCode::Text, black_box(text.as_bytes()), &mut out);
        }
        assert!(out.len() > 64_000);
    });
}
