//! Compression, where messages come from other processes than the one that compresses them.

use switchboard_proto::OpCode;
use switchboard_proto::deflate::Offer;

use crate::rig::{Member, Rig};
use crate::support::{Client, Stream, handshake};
use crate::tests;

tests![
    messages_of_every_process_arrive_compressed,
    an_upgrade_that_a_worker_answers_agrees_on_compression,
    compression_survives_a_reload_and_the_death_of_workers,
];

fn connect(rig: &Rig, bits: Option<u8>) -> Member {
    let offer = Offer { server_max_window_bits: bits, ..Offer::default() };
    Member::new(Client::open(Stream::tcp(rig.address), &handshake("/").deflate(offer)))
}

/// Hears `text` in fewer bytes than it has.
#[track_caller]
fn expect_less(member: &mut Member, text: &str) {
    let before = member.client.received_bytes;
    member.expect(text);
    let received = member.client.received_bytes - before;
    assert!(received < text.len() / 4, "{received} of {}", text.len());
}

fn messages_of_every_process_arrive_compressed() {
    for setting in ["deflate=alone", "deflate=taking_over"] {
        let mut rig = Rig::with(setting);
        let mut crowd: Vec<Member> =
            (0..8).map(|index| connect(&rig, [None, Some(9), Some(12)][index % 3])).collect();
        let mut plain = Member::new(rig.connect());
        for (round, len) in [300, 5_000, 70_000].into_iter().enumerate() {
            let text = format!("{round}{}", "abcdefgh".repeat(len / 8));
            assert_eq!(rig.master(&format!("broadcast {text}")), "()");
            plain.expect(&text);
            let (asker, others) = crowd.split_first_mut().unwrap();
            expect_less(asker, &text);
            for other in others {
                expect_less(other, &text);
                assert_eq!(asker.ask(&format!("push {} {text}", other.id)), "()");
                expect_less(other, &text);
            }
        }
    }
}

fn an_upgrade_that_a_worker_answers_agrees_on_compression() {
    let mut rig = Rig::with("deflate=taking_over");
    let mut raw = rig.raw();
    assert_eq!(raw.request("GET /who HTTP/1.1\r\nHost: localhost\r\n\r\n").status, 200);
    let handshake = handshake("/").deflate(Offer { server_max_window_bits: Some(10), ..Offer::default() });
    raw.send(handshake.request());
    let client =
        Client::await_101(raw.into_stream(), &handshake).unwrap_or_else(|answer| panic!("{answer:?}"));
    assert_eq!(client.protocol.deflate().map(|agreed| agreed.server_max_window_bits), Some(10));
    let mut member = Member::new(client);
    let text = "t".repeat(3_000);
    assert_eq!(rig.master(&format!("push {} {text}", member.id)), "()");
    expect_less(&mut member, &text);
    member.client.deflated(OpCode::Text, format!("#x {}", "n".repeat(900)).as_bytes());
    assert!(member.client.next_text().starts_with("=x "));
}

fn compression_survives_a_reload_and_the_death_of_workers() {
    let mut rig = Rig::with("deflate=taking_over");
    let mut crowd: Vec<Member> = (0..4).map(|_| connect(&rig, None)).collect();
    for round in 0..3 {
        for member in &mut crowd {
            let text = format!("{round} {}", "w".repeat(2_000)).replace(' ', "-");
            assert_eq!(rig.master(&format!("push {} {text}", member.id)), "()");
            expect_less(member, &text);
            member.client.deflated(OpCode::Text, format!("#{round} {}", "n".repeat(900)).as_bytes());
            assert!(member.client.next_text().starts_with(&format!("={round} ")));
        }
        match round {
            0 => drop(rig.reload()),
            _ => rig.kill_all_workers(),
        }
    }
}
