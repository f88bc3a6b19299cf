//! Both ends compress: what they agree on holds for every message (RFC 7692).

use super::harness::{Heard, Pair, Setup, Split};
use proptest::collection::vec;
use proptest::prelude::*;
use switchboard_proto::OpCode;
use switchboard_proto::deflate::{Offer, ServerSettings};

fn offer() -> impl Strategy<Value = Offer> {
    let bits = || prop::option::of(8u8..=15);
    (any::<bool>(), any::<bool>(), bits(), bits()).prop_map(|(server, client, server_bits, client_bits)| {
        Offer {
            server_no_context_takeover: server,
            client_no_context_takeover: client,
            server_max_window_bits: server_bits,
            client_max_window_bits: client_bits,
        }
    })
}

fn settings() -> impl Strategy<Value = ServerSettings> {
    (any::<bool>(), any::<bool>(), 9u8..=15, 9u8..=15).prop_map(
        |(server, client, server_bits, client_bits)| ServerSettings {
            server_context_takeover: server,
            client_context_takeover: client,
            server_max_window_bits: server_bits,
            client_max_window_bits: client_bits,
        },
    )
}

/// Text that repeats itself over some distance, bytes that nothing makes smaller, and what has both.
fn payload() -> impl Strategy<Value = (bool, Vec<u8>)> {
    let text =
        (any::<String>(), 0usize..200).prop_map(|(text, times)| (true, text.repeat(times).into_bytes()));
    let bytes = vec(any::<u8>(), 0..3_000).prop_map(|bytes| (false, bytes));
    let far =
        (vec(any::<u8>(), 1..40_000), 1usize..3).prop_map(|(bytes, times)| (false, bytes.repeat(times)));
    prop_oneof![6 => text, 3 => bytes, 1 => far]
}

fn split() -> impl Strategy<Value = Split> {
    prop_oneof![
        Just(Split::Whole),
        vec(1usize..20_000, 1..6).prop_map(Split::Sizes),
        Just(Split::Sizes(vec![7]))
    ]
}

fn heard(text: bool, payload: &[u8]) -> Heard {
    match String::from_utf8(payload.to_vec()) {
        Ok(text_payload) if text => Heard::Text(text_payload),
        _ => Heard::Binary(payload.to_vec()),
    }
}

#[test]
fn repeated_messages_become_smaller_with_a_context_that_is_taken_over() {
    let message = "a message like many others, of some length, with words in it".as_bytes();
    let mut sizes = Vec::new();
    for takes_over in [false, true] {
        let settings = ServerSettings { server_context_takeover: takes_over, ..ServerSettings::default() };
        let mut pair = Pair::open(Setup { deflate: Some((Offer::default(), settings)), ..Setup::default() });
        for _ in 0..2 {
            assert!(pair.server.send_deflated(OpCode::Text, &message.repeat(3), &[]));
            sizes.push(pair.server.out.len());
            pair.drive();
        }
        assert_eq!(pair.client.heard, vec![heard(true, &message.repeat(3)); 2]);
    }
    assert_eq!(sizes[0], sizes[1]);
    assert!(sizes[3] * 5 < sizes[2], "{sizes:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_agreed_upon_messages_arrive_as_they_were_sent(
        offer in offer(),
        settings in settings(),
        messages in vec((any::<bool>(), payload(), vec(any::<usize>(), 0..3)), 1..8),
        split in split(),
    ) {
        let mut pair = Pair::open(Setup { split, deflate: Some((offer, settings)), ..Setup::default() });
        prop_assert_eq!(pair.client.connection().deflate(), pair.server.connection().deflate());
        let agreed = pair.server.connection().deflate().unwrap();
        prop_assert!(agreed.server_no_context_takeover || settings.server_context_takeover);
        prop_assert!(agreed.client_no_context_takeover || settings.client_context_takeover);
        prop_assert!(agreed.server_max_window_bits <= offer.server_max_window_bits.unwrap_or(15));
        prop_assert!(agreed.server_max_window_bits <= settings.server_max_window_bits);

        let (mut for_server, mut for_client) = (Vec::new(), Vec::new());
        for (by_client, (text, payload), cuts) in &messages {
            let opcode = if *text { OpCode::Text } else { OpCode::Binary };
            let (end, expected) = if *by_client {
                (&mut pair.client, &mut for_server)
            } else {
                (&mut pair.server, &mut for_client)
            };
            end.send_deflated(opcode, payload, cuts);
            expected.push(heard(*text, payload));
        }
        pair.drive();
        prop_assert_eq!(&pair.server.heard, &for_server);
        prop_assert_eq!(&pair.client.heard, &for_client);
        prop_assert_eq!(pair.server.connection().buffered_bytes(), 0);
    }

    #[test]
    fn messages_that_are_compressed_and_not_sent_do_no_harm_once_they_are_forgotten(
        messages in vec((any::<bool>(), payload()), 1..10),
    ) {
        let settings = ServerSettings { server_context_takeover: true, ..ServerSettings::default() };
        let mut pair = Pair::open(Setup { deflate: Some((Offer::default(), settings)), ..Setup::default() });
        let mut expected = Vec::new();
        for (lost, (text, payload)) in &messages {
            let before = pair.server.out.len();
            pair.server.send_deflated(if *text { OpCode::Text } else { OpCode::Binary }, payload, &[]);
            if *lost {
                pair.server.out.truncate(before);
                pair.server.connection().forget_compressed();
            } else {
                expected.push(heard(*text, payload));
            }
        }
        pair.drive();
        prop_assert_eq!(&pair.client.heard, &expected);
    }
}
