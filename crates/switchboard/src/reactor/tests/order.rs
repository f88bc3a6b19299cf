//! What comes in one read, and who else is at work in the same turn.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::io::{Read, Write};

use switchboard_proto::{OpCode, encode_frame, encode_masked_frame};

use super::rig::Rig;
use crate::{Config, Overflow};

fn masked(opcode: OpCode, payload: &[u8]) -> Vec<u8> {
    let mut frame = Vec::new();
    encode_masked_frame(opcode, true, payload, [1, 2, 3, 4], &mut frame);
    frame
}

fn frame(opcode: OpCode, payload: &[u8]) -> Vec<u8> {
    let mut frame = Vec::new();
    encode_frame(opcode, payload, &mut frame);
    frame
}

#[test]
fn answers_come_before_the_pong_and_the_close_frame_behind_their_messages() {
    let mut rig = Rig::new(Config::default());
    let (_, mut client, _) = rig.connect("");
    let sent = [
        masked(OpCode::Text, b"one"),
        masked(OpCode::Ping, b"?"),
        masked(OpCode::Text, b"two"),
        masked(OpCode::Close, &1000u16.to_be_bytes()),
    ];
    client.write_all(&sent.concat()).unwrap();
    rig.turns();
    let due = [
        frame(OpCode::Text, b"one"),
        frame(OpCode::Pong, b"?"),
        frame(OpCode::Text, b"two"),
        frame(OpCode::Close, &1000u16.to_be_bytes()),
    ];
    let mut received = Vec::new();
    client.read_to_end(&mut received).unwrap();
    assert_eq!(received, due.concat());
}

#[test]
fn a_violation_is_told_behind_the_answers_to_what_came_before_it() {
    let mut rig = Rig::new(Config::default());
    let (_, mut client, _) = rig.connect("");
    let sent = [masked(OpCode::Text, b"one"), masked(OpCode::Text, b"\xff")];
    client.write_all(&sent.concat()).unwrap();
    rig.turns();
    client.shutdown(std::net::Shutdown::Write).unwrap();
    rig.turns();
    let mut received = Vec::new();
    client.read_to_end(&mut received).unwrap();
    let answer = frame(OpCode::Text, b"one");
    assert_eq!(received[..answer.len()], answer);
    assert_eq!(received[answer.len() + 2..answer.len() + 4], 1007u16.to_be_bytes());
}

#[test]
fn a_handler_may_abort_a_connection_of_which_something_has_come_in_the_same_turn() {
    for last in [masked(OpCode::Ping, b"?"), masked(OpCode::Close, b""), masked(OpCode::Text, b"\xff")] {
        let mut rig = Rig::new(Config::default());
        let (key, one, _) = rig.connect("");
        let (other_key, mut other, _) = rig.connect("");
        let id = rig.reactor.connections[key as usize].id;
        let other_id = rig.reactor.connections[other_key as usize].id;
        rig.handle.set_session(id, other_id.get().to_string()).unwrap();
        rig.turns();
        // The first one ends, and takes the other along, whose bytes are looked at next.
        drop(one);
        other.write_all(&last).unwrap();
        rig.turns();
        assert!(rig.reactor.connections.is_empty());
    }
}

#[test]
fn who_reads_is_not_cut_for_large_messages_to_many_in_one_turn() {
    for overflow in [Overflow::Close, Overflow::DropNewest, Overflow::DropOldest] {
        let mut rig = Rig::new(Config { output_bytes_max: 20_000, overflow, ..Config::default() });
        let (_, mut client, _) = rig.connect("");
        let text = "x".repeat(12_000);
        for _ in 0..5 {
            rig.handle.broadcast(text.as_str()).unwrap();
        }
        client.write_all(&masked(OpCode::Ping, b"?")).unwrap();
        rig.turns();
        let mut received = vec![0; 5 * (text.len() + 4) + 3];
        client.read_exact(&mut received).unwrap();
        assert_eq!(rig.handle.stats().dropped_messages, 0, "{overflow:?}");
    }
}
