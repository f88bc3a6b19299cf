//! Properties: whatever is sent arrives, however it is cut; whatever arrives, nothing breaks.

use super::harness::{Heard, Pair, Setup, Split};
use proptest::collection::vec;
use proptest::prelude::*;
use switchboard_proto::handshake::{HeadLimits, HeadReader, Request};
use switchboard_proto::{Connection, Event, OpCode, Role, encode_masked_frame};

/// A message, where to cut it into fragments, and the control frames that go between those.
#[derive(Debug, Clone)]
struct Message {
    text: bool,
    payload: Vec<u8>,
    cuts: Vec<prop::sample::Index>,
    between: Vec<(bool, Vec<u8>)>,
}

fn message() -> impl Strategy<Value = Message> {
    let payload = prop_oneof![
        8 => any::<String>().prop_map(|text| (true, text.into_bytes())),
        8 => vec(any::<u8>(), 0..300).prop_map(|bytes| (false, bytes)),
        1 => (65_000usize..70_000).prop_map(|len| (false, vec![7; len])),
    ];
    let between = vec((any::<bool>(), vec(any::<u8>(), 0..=125)), 0..4);
    (payload, vec(any::<prop::sample::Index>(), 0..5), between)
        .prop_map(|((text, payload), cuts, between)| Message { text, payload, cuts, between })
}

fn split() -> impl Strategy<Value = Split> {
    prop_oneof![
        Just(Split::Whole),
        vec(1usize..40, 1..6).prop_map(Split::Sizes),
        vec(1usize..20_000, 1..6).prop_map(Split::Sizes),
    ]
}

/// Sends the message in its fragments, and says what the other end is to hear.
fn send(message: &Message, send: &mut impl FnMut(OpCode, bool, &[u8])) -> Vec<Heard> {
    let mut heard = Vec::new();
    let mut cuts: Vec<usize> = message.cuts.iter().map(|cut| cut.index(message.payload.len() + 1)).collect();
    cuts.sort_unstable();
    cuts.push(message.payload.len());

    let mut between = message.between.iter();
    let (mut at, mut opcode) = (0, if message.text { OpCode::Text } else { OpCode::Binary });
    for (index, cut) in cuts.iter().enumerate() {
        if index > 0
            && let Some((ping, payload)) = between.next()
        {
            send(if *ping { OpCode::Ping } else { OpCode::Pong }, true, payload);
            heard.push(if *ping { Heard::Ping(payload.clone()) } else { Heard::Pong(payload.clone()) });
        }
        send(opcode, index == cuts.len() - 1, &message.payload[at..*cut]);
        (at, opcode) = (*cut, OpCode::Continuation);
    }
    heard.push(match String::from_utf8(message.payload.clone()) {
        Ok(text) if message.text => Heard::Text(text),
        _ => Heard::Binary(message.payload.clone()),
    });
    heard
}

/// Everything a connection makes of `stream` in these pieces: events, the error, and what it sends.
fn outcome(role: Role, stream: &[u8], sizes: &[usize]) -> (Vec<String>, Vec<u8>) {
    let mut connection = Connection::new(role, 1000);
    let (mut events, mut out) = (Vec::new(), Vec::new());
    let (mut stream, mut sizes) = (stream.to_vec(), sizes.iter().cycle());
    let mut rest = &mut stream[..];
    while !rest.is_empty() {
        let size = sizes.next().map_or(1, |size| (*size).min(rest.len()));
        let (part, after) = rest.split_at_mut(size);
        let mut at = 0;
        loop {
            let over = match connection.receive(&mut part[at..]) {
                Ok(received) => {
                    at += received.consumed;
                    if let Some(Event::Message { payload, .. }) = &received.event {
                        assert!(payload.len() <= 1000);
                    }
                    let over = received.consumed == 0 && received.event.is_none();
                    events.extend(received.event.map(|event| format!("{event:?}")));
                    over
                }
                Err(error) => {
                    events.push(format!("{error:?}"));
                    true
                }
            };
            match role {
                Role::Server => {
                    connection.poll_transmit(&mut out);
                }
                Role::Client => while connection.poll_transmit_masked([0; 4], &mut out) {},
            }
            if over {
                break;
            }
        }
        rest = after;
    }
    (events, out)
}

/// Frames that are mostly right: so that what comes after the first violation is reached, too.
fn nearly_right_stream() -> impl Strategy<Value = Vec<u8>> {
    let opcode = prop_oneof![
        8 => prop::sample::select(vec![OpCode::Text, OpCode::Binary, OpCode::Continuation, OpCode::Ping, OpCode::Pong]),
        1 => Just(OpCode::Close),
    ];
    let payload = prop_oneof![
        any::<String>().prop_map(String::into_bytes),
        vec(any::<u8>(), 0..200),
        Just(vec![0x03, 0xe8]),
        vec(Just(b'x'), 900..1100),
    ];
    let frame = (opcode, prop::bool::weighted(0.7), payload, any::<[u8; 4]>());
    let flip = prop::option::weighted(0.2, (any::<prop::sample::Index>(), any::<u8>()));
    (vec(frame, 1..8), flip).prop_map(|(frames, flip)| {
        let mut stream = Vec::new();
        for (opcode, fin, payload, key) in frames {
            encode_masked_frame(opcode, fin || opcode.is_control(), &payload, key, &mut stream);
        }
        if let Some((index, bits)) = flip {
            let index = index.index(stream.len());
            stream[index] ^= bits;
        }
        stream
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_messages_arrive_whole_and_in_order_in_both_directions(
        messages in vec((any::<bool>(), message()), 1..8),
        split in split(),
    ) {
        let mut pair = Pair::open(Setup { split, ..Setup::default() });
        let (mut for_server, mut for_client) = (Vec::new(), Vec::new());
        for (by_client, message) in &messages {
            let (end, heard) = if *by_client {
                (&mut pair.client, &mut for_server)
            } else {
                (&mut pair.server, &mut for_client)
            };
            heard.extend(send(message, &mut |opcode, fin, payload| end.send_fragment(opcode, fin, payload)));
        }
        pair.drive();

        let without_replies = |heard: &[Heard], expected: &[Heard]| -> Vec<Heard> {
            // The pongs that answer pings may come anywhere between.
            let mut expected = expected.iter().peekable();
            heard.iter().filter(|heard| {
                let wanted = expected.peek() == Some(heard);
                if wanted { expected.next(); }
                wanted || !matches!(heard, Heard::Pong(_))
            }).cloned().collect()
        };
        prop_assert_eq!(&without_replies(&pair.server.heard, &for_server), &for_server);
        prop_assert_eq!(&without_replies(&pair.client.heard, &for_client), &for_client);

        let pings = |heard: &[Heard]| heard.iter().filter(|heard| matches!(heard, Heard::Ping(_))).count();
        let pongs = |heard: &[Heard]| heard.iter().filter(|heard| matches!(heard, Heard::Pong(_))).count();
        prop_assert_eq!(pongs(&pair.client.heard), pongs(&for_client) + pings(&for_server));
        prop_assert_eq!(pongs(&pair.server.heard), pongs(&for_server) + pings(&for_client));
        prop_assert_eq!(pair.server.connection().buffered_bytes(), 0);
        prop_assert_eq!(pair.client.connection().buffered_bytes(), 0);
    }

    #[test]
    fn every_split_gives_the_same_events_and_replies_even_of_wrong_frames(
        stream in nearly_right_stream(),
        sizes in vec(1usize..50, 1..6),
    ) {
        let whole = outcome(Role::Server, &stream, &[usize::MAX]);
        prop_assert_eq!(&outcome(Role::Server, &stream, &sizes), &whole);
        prop_assert_eq!(&outcome(Role::Server, &stream, &[1]), &whole);
    }

    #[test]
    fn every_split_gives_the_same_events_and_replies_of_garbage(
        stream in vec(any::<u8>(), 1..400),
        sizes in vec(1usize..20, 1..6),
        client in any::<bool>(),
    ) {
        let role = if client { Role::Client } else { Role::Server };
        prop_assert_eq!(outcome(role, &stream, &sizes), outcome(role, &stream, &[usize::MAX]));
    }

    #[test]
    fn text_is_delivered_if_and_only_if_it_is_utf_8(
        payload in prop_oneof![vec(any::<u8>(), 0..40), any::<String>().prop_map(String::into_bytes)],
        cut in any::<prop::sample::Index>(),
        size in 1usize..30,
    ) {
        let cut = cut.index(payload.len() + 1);
        let mut stream = Vec::new();
        encode_masked_frame(OpCode::Text, false, &payload[..cut], [1, 2, 3, 4], &mut stream);
        encode_masked_frame(OpCode::Continuation, true, &payload[cut..], [5, 6, 7, 8], &mut stream);
        let (events, _) = outcome(Role::Server, &stream, &[size]);
        prop_assert_eq!(events.len(), 1);
        prop_assert_eq!(events[0].starts_with("Message"), std::str::from_utf8(&payload).is_ok(), "{}", events[0]);
    }

    #[test]
    fn memory_follows_what_arrived(
        announced in any::<u64>(),
        arrived in 0usize..5000,
        piece in 1usize..700,
    ) {
        let announced = (announced >> 1).max(70_000);
        let mut connection = Connection::new(Role::Server, usize::MAX);
        let mut stream = vec![0x82, 0xff];
        stream.extend_from_slice(&announced.to_be_bytes());
        stream.extend_from_slice(&[0; 4]);
        stream.resize(14 + arrived, 7);
        for part in stream.chunks_mut(piece) {
            prop_assert!(connection.receive(part).is_ok());
        }
        prop_assert!(connection.buffered_bytes() <= 2 * arrived + 512, "{}", connection.buffered_bytes());
    }

    #[test]
    fn heads_of_garbage_never_panic_and_every_split_gives_the_same_verdict(
        bytes in prop_oneof![
            vec(any::<u8>(), 0..300),
            "(GET|POST) /[a-z?#]{0,9} HTTP/1\\.[01]\r\n((Host|Upgrade|Connection|Origin|Sec-WebSocket-Key) ?: ?[a-z\r\n\t ]{0,12}\r?\n){0,6}\r\n"
                .prop_map(String::into_bytes),
        ],
        sizes in vec(1usize..20, 1..6),
    ) {
        let limits = HeadLimits { head_bytes_max: 200, headers_max: 4 };
        let whole = Request::parse(&bytes, &limits);
        let whole_len = whole.as_ref().ok().and_then(Option::as_ref).map(Request::head_len);
        if let Ok(Some(request)) = &whole {
            let _ = (request.path(), request.query(), request.wants_websocket(), request.upgrade().is_ok());
        }

        let mut reader = HeadReader::new(limits, 1);
        let mut verdict = Ok(None);
        let mut rest = &bytes[..];
        for size in sizes.iter().cycle() {
            let (part, after) = rest.split_at((*size).min(rest.len()));
            verdict = reader.receive(part, 0);
            rest = after;
            if rest.is_empty() || verdict != Ok(None) {
                break;
            }
        }
        match verdict {
            // The reader knows lines; what stands in them is the parser's.
            Ok(Some(len)) => prop_assert!(whole.is_err() || whole_len == Some(len)),
            Ok(None) => prop_assert!(whole.is_ok() && whole_len.is_none()),
            Err(error) => prop_assert_eq!(whole.err(), Some(error)),
        }
    }
}
