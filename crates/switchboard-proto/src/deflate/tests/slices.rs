//! A message that is inflated in slices becomes what it becomes at once, and a slice is as long as it was to be.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

const MAX: usize = 200_000;
/// What a slice may take beyond its budget.
const EXCESS: usize = 100_000;

/// Two dynamic blocks that inflate to nothing: codes for a literal and for the end of the block, which comes at once.
const EMPTY_DYNAMIC: &[u8] = &[
    0x04, 0xc0, 0x81, 0x08, 0x00, 0x00, 0x00, 0x00, 0x20, 0x7f, 0xeb, 0x43, 0x00, 0x1c, 0x88, 0x00, 0x00,
    0x00, 0x00, 0x00, 0xf2, 0xb7, 0x3e,
];
/// Four blocks with the fixed codes that inflate to nothing.
const EMPTY_FIXED: &[u8] = &[0x02, 0x08, 0x20, 0x80, 0x00];
const EMPTY_STORED: &[u8] = &[0x00, 0x00, 0x00, 0xff, 0xff];

fn empty_blocks(blocks: &[u8], bytes: usize) -> Vec<u8> {
    [blocks.repeat(bytes / blocks.len()), vec![0]].concat()
}

/// What the server sees of a stream, with these budgets one after the other; and in how many slices.
fn in_slices(server: &mut Server, stream: &[u8], piece: usize, budgets: &[usize]) -> (Vec<Seen>, usize) {
    let (mut seen, mut slices) = (Vec::new(), 0);
    let mut budgets = budgets.iter().copied().cycle();
    for bytes in stream.chunks(piece.max(1)) {
        let (mut bytes, mut at) = (bytes.to_vec(), 0);
        loop {
            let mut budget = budgets.next().unwrap();
            slices += 1;
            let input = &mut bytes[at..];
            let received = match server.connection.receive_within(input, &mut server.codec, &mut budget) {
                Ok(received) => received,
                Err(error) => {
                    seen.push(Seen::Failed(error.code.get(), error.section));
                    return (seen, slices);
                }
            };
            at += received.consumed;
            let is_over = received.consumed == 0 && received.event.is_none();
            seen.extend(received.event.map(own));
            if is_over && !server.connection.is_inflating() {
                break;
            }
        }
    }
    (seen, slices)
}

/// What it costs to inflate these messages.
fn cost(stream: &[u8], max: usize) -> usize {
    let mut server = Server::new(ALONE, max);
    let (mut stream, mut budget) = (stream.to_vec(), usize::MAX);
    let received = server.connection.receive_within(&mut stream, &mut server.codec, &mut budget);
    assert!(received.is_ok());
    usize::MAX - budget
}

/// Pieces of deflate streams, good ones and others.
fn payload() -> impl Strategy<Value = Vec<u8>> {
    let part = prop_oneof![
        3 => (any::<String>(), 0usize..2_000).prop_map(|(text, times)| text.repeat(times).into_bytes())
            .prop_map(|text| Codec::default().always().compress(15, &text).unwrap().to_vec())
            .prop_map(|payload| [&payload[..], &TAIL].concat()),
        2 => vec(any::<u8>(), 1..9_000)
            .prop_map(|bytes| [Codec::default().always().compress(15, &bytes).unwrap(), &TAIL].concat()),
        1 => (1usize..3 * MAX).prop_map(|zeros| [&deflated(&vec![0; zeros.max(100)])[..], &TAIL].concat()),
        1 => (1usize..9_000).prop_map(|times| EMPTY_DYNAMIC.repeat(times)),
        1 => (1usize..9_000).prop_map(|times| EMPTY_FIXED.repeat(times)),
        1 => (1usize..9_000).prop_map(|times| EMPTY_STORED.repeat(times)),
        1 => Just(b"\xf3\x48\xcd\xc9\xc9\x07\x00".to_vec()),
    ];
    let broken = prop::option::weighted(0.3, (any::<prop::sample::Index>(), any::<u8>()));
    (vec(part, 1..4), broken).prop_map(|(parts, broken)| {
        let mut payload = parts.concat();
        payload.push(0);
        if let Some((index, octet)) = broken {
            *index.get_mut(&mut payload) = octet;
        }
        payload
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn any_slices_give_the_same(
        payloads in vec((any::<bool>(), payload()), 1..4),
        takes_over: bool,
        forgets: bool,
        budgets in vec(prop_oneof![Just(0usize), 1usize..2_000, 1usize..300_000], 1..6),
        piece in prop_oneof![Just(usize::MAX), 1usize..5_000],
    ) {
        prop_assume!(budgets.iter().any(|budget| *budget > 0));
        let parameters = if takes_over { TAKING_OVER } else { ALONE };
        let mut stream = Vec::new();
        for (text, payload) in &payloads {
            stream.extend(compressed(if *text { OpCode::Text } else { OpCode::Binary }, payload));
            stream.extend(fragment(false, OpCode::Ping, true, b"behind it"));
        }
        let expected = Server::new(parameters, MAX).feed(&stream, usize::MAX);
        let mut server = Server::new(parameters, MAX);
        let (seen, _) = in_slices(&mut server, &stream, piece, &budgets);
        prop_assert!(seen == expected, "{:?} is not {:?}", brief(&seen), brief(&expected));
        // The same if it begins again once.
        let mut server = Server::new(parameters, MAX);
        let mut bytes = stream.clone();
        let mut budget = budgets[0];
        if let Ok(received) = server.connection.receive_within(&mut bytes, &mut server.codec, &mut budget)
            && received.event.is_none()
            && forgets
        {
            let at = received.consumed;
            server.connection.forget_inflated(&mut server.codec);
            let seen = in_slices(&mut server, &stream[at..], piece, &[usize::MAX]).0;
            prop_assert!(seen == expected, "{:?} is not {:?}", brief(&seen), brief(&expected));
        }
    }
}

/// For a failure that is to be read.
fn brief(seen: &[Seen]) -> Vec<String> {
    let brief = |seen: &Seen| match seen {
        Seen::Text(text) => format!("text of {}", text.len()),
        Seen::Binary(bytes) => format!("{} bytes", bytes.len()),
        other => format!("{other:?}"),
    };
    seen.iter().map(brief).collect()
}

#[test]
fn a_slice_is_as_long_as_it_was_to_be() {
    for payload in [
        empty_blocks(EMPTY_DYNAMIC, MAX),
        empty_blocks(EMPTY_FIXED, MAX),
        empty_blocks(EMPTY_STORED, MAX),
        deflated(&vec![0; 20 * MAX]),
        deflated("words of some length, and others; ".repeat(20_000).as_bytes()),
    ] {
        let stream = compressed(OpCode::Binary, &payload);
        let cost = cost(&stream, 20 * MAX);
        for budget in [1, 10_000, 500_000] {
            let mut server = Server::new(ALONE, 20 * MAX);
            let (seen, slices) = in_slices(&mut server, &stream, usize::MAX, &[budget]);
            assert_eq!(seen.len(), 1);
            assert!(slices >= cost / (budget + EXCESS), "{slices} slices of {budget} for {cost}");
            assert!(slices <= cost / budget + 3, "{slices} slices of {budget} for {cost}");
        }
    }
}

#[test]
fn what_inflates_to_nothing_costs_what_it_takes() {
    // By time a byte of these is worth some 80 inflated ones, 40, and 5.
    for (blocks, least) in [(EMPTY_DYNAMIC, 50), (EMPTY_FIXED, 25), (EMPTY_STORED, 5)] {
        let cost = cost(&compressed(OpCode::Binary, &empty_blocks(blocks, MAX)), MAX);
        assert!(cost > least * MAX, "{cost} for {MAX} bytes of {blocks:x?}");
    }
    assert!(cost(&compressed(OpCode::Binary, &deflated(&vec![0; MAX])), MAX) > MAX);
}

#[test]
fn without_a_budget_nothing_is_done() {
    let mut server = Server::new(ALONE, MAX);
    let mut stream = compressed(OpCode::Text, &deflated("nothing yet ".repeat(100).as_bytes()));
    let len = stream.len();
    let received = server.connection.receive_within(&mut stream, &mut server.codec, &mut 0).unwrap();
    assert_eq!((received.consumed, received.event), (len, None));
    for _ in 0..3 {
        let received = server.connection.receive_within(&mut [], &mut server.codec, &mut 0).unwrap();
        assert_eq!((received.consumed, received.event), (0, None));
        assert!(server.connection.is_inflating());
    }
    assert_eq!(server.codec.inflated_capacity(), 0);
    assert_eq!(server.feed(&[1], 1), [text(&"nothing yet ".repeat(100))]);
    assert!(!server.connection.is_inflating());
}

/// Has a message of `max` bytes inflated by one slice.
fn begun(parameters: Parameters, max: usize) -> Server {
    let mut server = Server::new(parameters, max);
    let mut stream = compressed(OpCode::Binary, &deflated(&vec![0; max]));
    let len = stream.len();
    let received = server.connection.receive_within(&mut stream, &mut server.codec, &mut 1_000_000).unwrap();
    assert_eq!((received.consumed, received.event), (len, None));
    assert!(server.connection.buffered_bytes() > 1_000_000);
    server
}

#[test]
fn what_has_been_inflated_can_be_forgotten_unless_it_is_context() {
    let max = 20 * MAX;
    let mut server = begun(ALONE, max);
    server.connection.forget_inflated(&mut server.codec);
    server.codec.trim();
    assert!(server.connection.buffered_bytes() < 10_000);
    assert!(server.codec.inflated_capacity() <= 64 << 10);
    assert_eq!(in_slices(&mut server, &[0x89], 1, &[usize::MAX]).0, [Seen::Binary(vec![0; max])]);

    let mut server = begun(TAKING_OVER, max);
    server.connection.forget_inflated(&mut server.codec);
    assert!(server.connection.buffered_bytes() > 1_000_000);
    assert_eq!(in_slices(&mut server, &[0x89], 1, &[usize::MAX]).0, [Seen::Binary(vec![0; max])]);
}

#[test]
fn the_end_of_a_connection_frees_what_was_being_inflated() {
    for parameters in [ALONE, TAKING_OVER] {
        let mut server = begun(parameters, 20 * MAX);
        assert_eq!(server.connection.close(crate::CloseCode::NORMAL, ""), Ok(true));
        assert!(!server.connection.is_inflating());
        assert!(server.connection.buffered_bytes() < 1_000);
        let close = fragment(false, OpCode::Close, true, &1000u16.to_be_bytes());
        assert_eq!(in_slices(&mut server, &close, 1, &[1]).0, [Seen::Other]);

        let mut server = begun(parameters, 20 * MAX);
        server.connection.drop_input();
        assert_eq!(server.connection.buffered_bytes(), 0);
    }
}

#[test]
fn other_connections_use_the_codec_meanwhile() {
    let mut slow = begun(ALONE, 20 * MAX);
    let mut other = Connection::new(Role::Server, MAX);
    other.use_deflate(ALONE);
    for number in 0..3 {
        let message = format!("message {number} ").repeat(100);
        let mut stream = compressed(OpCode::Text, &deflated(message.as_bytes()));
        let received = other.receive_with(&mut stream, &mut slow.codec).unwrap();
        assert_eq!(received.event.map(own), Some(text(&message)));
        let received = slow.connection.receive_within(&mut [], &mut slow.codec, &mut 1_000).unwrap();
        assert_eq!(received.event, None);
    }
    assert_eq!(in_slices(&mut slow, &[0x89], 1, &[usize::MAX]).0, [Seen::Binary(vec![0; 20 * MAX])]);
}
