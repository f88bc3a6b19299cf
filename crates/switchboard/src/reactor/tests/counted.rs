//! What an echo and a broadcast cost, counted.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

use super::rig::Rig;
use crate::Config;
use crate::counted::{masked, section};

/// So many clients, which are all in one group.
fn crowd(clients: usize) -> (Rig, Vec<UnixStream>) {
    let mut rig = Rig::new(Config::default());
    let clients = (0..clients).map(|_| {
        let (key, client, _) = rig.connect("");
        let id = rig.reactor.connections[key as usize].id;
        rig.handle.join(id, "room").unwrap();
        client
    });
    let clients = clients.collect();
    (rig, clients)
}

/// All clients send as many messages, and receive them again; only the reactor's part counts.
fn echo(clients: usize, runs: usize, messages: usize, text: &str) {
    let (mut rig, mut clients) = crowd(clients);
    let wire = masked(messages, text);
    let mut answer = vec![0; wire.len() - 4 * messages];
    for run in 0..=runs {
        clients.iter_mut().for_each(|client| client.write_all(&wire).unwrap());
        match run {
            0 => rig.turns(),
            _ => section(&mut || rig.turns()),
        }
        clients.iter_mut().for_each(|client| client.read_exact(&mut answer).unwrap());
    }
    println!("counted: {}", runs * clients.len() * messages);
}

/// All clients receive as many messages, which are published one right after the other.
fn publish(clients: usize, runs: usize, messages: usize, text: &str) {
    let (mut rig, mut clients) = crowd(clients);
    let mut received = vec![0; messages * (text.len() + 2)];
    for run in 0..=runs {
        let mut work = || {
            (0..messages).for_each(|_| rig.handle.publish("room", text, &[]).unwrap());
            rig.turns();
        };
        match run {
            0 => work(),
            _ => section(&mut work),
        }
        clients.iter_mut().for_each(|client| client.read_exact(&mut received).unwrap());
    }
    println!("counted: {}", runs * clients.len() * messages);
}

#[test]
fn echo_of_16_bytes() {
    echo(32, 8, 16, "sixteen bytes ok");
}

#[test]
fn echo_of_16_bytes_one_at_a_time() {
    echo(64, 8, 1, "sixteen bytes ok");
}

#[test]
fn echo_of_1_kib() {
    echo(32, 8, 16, &"sixty-four bytes, of which there are sixteen, make a kibibyte - ".repeat(16));
}

#[test]
fn publish_to_10() {
    publish(10, 32, 1, &"a".repeat(64));
}

#[test]
fn publish_to_1000() {
    publish(1_000, 4, 1, &"a".repeat(64));
}

#[test]
fn publish_64_messages_to_1000() {
    publish(1_000, 2, 64, &"a".repeat(64));
}
