//! Compression: whatever is offered is answered in a way that the client takes, what both agree on carries messages both
//! ways, and any bytes in compressed frames end in messages within the limit or in a violation, the same in every split and
//! in slices of any size.
#![no_main]

use std::cell::RefCell;
use std::collections::HashMap;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use switchboard_proto::deflate::{Codec, Offer, Parameters, ServerSettings};
use switchboard_proto::handshake::{ClientHandshake, HeadLimits, Request};
use switchboard_proto::{Connection, Event, OpCode, Role, encode_masked_frame};

#[derive(Debug, Arbitrary)]
struct Input<'a> {
    offered: [bool; 2],
    offered_bits: [Option<u8>; 2],
    takes_over: [bool; 2],
    bits: [u8; 2],
    level: u8,
    always: bool,
    message_bytes_max: u16,
    sizes: [u8; 3],
    /// Budgets of slices, in thousands and a little.
    budgets: [u8; 3],
    /// Sec-WebSocket-Extensions of a stranger.
    header: &'a str,
    messages: Vec<Message<'a>>,
    frames: Vec<Frame<'a>>,
}

#[derive(Debug, Arbitrary)]
struct Message<'a> {
    text: Option<&'a str>,
    bytes: &'a [u8],
    times: u8,
    by_client: bool,
    /// It is compressed and then not sent.
    lost: bool,
}

#[derive(Debug, Arbitrary)]
struct Frame<'a> {
    opcode: u8,
    fin: bool,
    rsv1: bool,
    payload: &'a [u8],
}

fuzz_target!(|input: Input<'_>| {
    let settings = ServerSettings {
        server_context_takeover: input.takes_over[0],
        client_context_takeover: input.takes_over[1],
        server_max_window_bits: 9 + input.bits[0] % 7,
        client_max_window_bits: 9 + input.bits[1] % 7,
    };
    a_strangers_offer_is_answered(&input, &settings);
    let parameters = agreed(&input, &settings);
    with_codec(input.level, input.always, |codec| {
        messages_arrive(&input, parameters, codec);
        any_frames_end_the_same_in_every_split_and_slice(&input, parameters, codec);
        codec.trim();
    });
});

/// What the server makes of a request, and the value of its answer.
fn answer(request: &[u8], settings: &ServerSettings) -> Option<(Parameters, String, Vec<u8>)> {
    let request = Request::parse(request, &HeadLimits::default()).ok()??;
    let upgrade = request.upgrade().ok()?;
    let agreement = upgrade.deflate(settings);
    let mut response = Vec::new();
    assert!(upgrade.accept(None, agreement.as_ref(), &[], &mut response).is_ok());
    let agreement = agreement?;
    Some((agreement.parameters, agreement.header_value(), response))
}

fn a_strangers_offer_is_answered(input: &Input<'_>, settings: &ServerSettings) {
    let client = ClientHandshake::new("h", "/", [7; 16]).header("Sec-WebSocket-Extensions", input.header);
    let Some((parameters, value, _)) = answer(&client.request(), settings) else { return };
    let offered = input.header.to_ascii_lowercase();
    assert!(offered.contains("permessage-deflate"));
    assert!(!value.contains("client_max_window_bits") || offered.contains("client_max_window_bits"));
    assert!(parameters.server_no_context_takeover || settings.server_context_takeover);
    assert!(parameters.client_no_context_takeover || settings.client_context_takeover);
    assert!((8..=settings.server_max_window_bits).contains(&parameters.server_max_window_bits));
    assert!((8..=15).contains(&parameters.client_max_window_bits));
}

fn agreed(input: &Input<'_>, settings: &ServerSettings) -> Parameters {
    let bits = |bits: Option<u8>| bits.map(|bits| 8 + bits % 8);
    let offer = Offer {
        server_no_context_takeover: input.offered[0],
        client_no_context_takeover: input.offered[1],
        server_max_window_bits: bits(input.offered_bits[0]),
        client_max_window_bits: bits(input.offered_bits[1]),
    };
    let mut client = ClientHandshake::new("h", "/", [7; 16]).deflate(offer);
    let (parameters, _, response) = answer(&client.request(), settings).expect("a good offer is accepted");
    let accepted = client.receive(&response).expect("the client takes the answer").expect("it is whole");
    assert_eq!(accepted.deflate, Some(parameters));
    parameters
}

fn end(role: Role, message_bytes_max: usize, parameters: Parameters) -> Connection {
    let mut connection = Connection::new(role, message_bytes_max);
    connection.use_deflate(parameters);
    connection
}

thread_local! {
    /// By level and whether it always compresses. They are expensive to make, and meant to be shared.
    static CODECS: RefCell<HashMap<(u8, bool), Codec>> = RefCell::default();
}

fn with_codec<T>(level: u8, always: bool, run: impl FnOnce(&mut Codec) -> T) -> T {
    let level = level.clamp(1, 9);
    CODECS.with_borrow_mut(|codecs| {
        let made = || if always { Codec::new(level).always() } else { Codec::new(level) };
        run(codecs.entry((level, always)).or_insert_with(made))
    })
}

fn messages_arrive(input: &Input<'_>, parameters: Parameters, codec: &mut Codec) {
    let mut ends = [Role::Server, Role::Client].map(|role| end(role, usize::MAX, parameters));
    for message in &input.messages {
        let bytes = message.text.map_or(message.bytes, str::as_bytes).repeat(usize::from(message.times));
        let opcode = if message.text.is_some() { OpCode::Text } else { OpCode::Binary };
        let [server, client] = &mut ends;
        let (sender, receiver) = if message.by_client { (client, server) } else { (server, client) };
        let compressed = sender.compress(&bytes, codec);
        assert!(input.always || compressed.is_none_or(|compressed| compressed.len() < bytes.len()));
        let payload = compressed.unwrap_or(&bytes);
        let mut wire = wire(opcode, true, compressed.is_some(), payload, message.by_client);
        if message.lost {
            sender.forget_compressed();
            continue;
        }
        let received = receiver.receive_with(&mut wire, codec).expect("what is sent is right");
        let Some(Event::Message { payload, .. }) = received.event else { panic!("a message was sent") };
        assert!(payload == bytes);
    }
}

fn wire(opcode: OpCode, fin: bool, rsv1: bool, payload: &[u8], by_client: bool) -> Vec<u8> {
    let mut out = Vec::new();
    if by_client {
        encode_masked_frame(opcode, fin, payload, [1, 2, 3, 4], &mut out);
    } else {
        switchboard_proto::encode_frame(opcode, payload, &mut out);
    }
    out[0] |= if rsv1 { 0x40 } else { 0 };
    out
}

fn any_frames_end_the_same_in_every_split_and_slice(
    input: &Input<'_>,
    parameters: Parameters,
    codec: &mut Codec,
) {
    let opcodes = [OpCode::Text, OpCode::Binary, OpCode::Continuation, OpCode::Ping];
    let stream: Vec<u8> = input
        .frames
        .iter()
        .flat_map(|frame| {
            let opcode = opcodes[usize::from(frame.opcode) % opcodes.len()];
            wire(opcode, frame.fin, frame.rsv1, frame.payload, true)
        })
        .collect();
    let at_once = &[usize::MAX];
    let whole = outcome(input, parameters, codec, &stream, at_once, at_once);
    let sizes = input.sizes.map(usize::from);
    assert_eq!(outcome(input, parameters, codec, &stream, &sizes, at_once), whole);
    assert_eq!(outcome(input, parameters, codec, &stream, &[1], at_once), whole);
    let budgets = input.budgets.map(|thousands| usize::from(thousands) * 1_000 + 1);
    assert_eq!(outcome(input, parameters, codec, &stream, &sizes, &budgets), whole);
    assert_eq!(outcome(input, parameters, codec, &stream, at_once, &[0, 1]), whole);
}

/// The messages, and the code of the violation that ended them.
fn outcome(
    input: &Input<'_>,
    parameters: Parameters,
    codec: &mut Codec,
    stream: &[u8],
    sizes: &[usize],
    budgets: &[usize],
) -> (Vec<Vec<u8>>, Option<u16>) {
    let limit = usize::from(input.message_bytes_max);
    let mut server = end(Role::Server, limit, parameters);
    let (mut messages, mut rest) = (Vec::new(), stream);
    let mut budgets = budgets.iter().copied().cycle();
    for size in sizes.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (part, after) = rest.split_at((*size).clamp(1, rest.len()));
        let (mut part, mut at) = (part.to_vec(), 0);
        loop {
            let mut budget = budgets.next().unwrap_or(usize::MAX);
            let received = match server.receive_within(&mut part[at..], codec, &mut budget) {
                Ok(received) => received,
                Err(error) => return (messages, Some(error.code.get())),
            };
            let went_on = received.consumed > 0 || received.event.is_some();
            at += received.consumed;
            if let Some(Event::Message { kind, payload }) = received.event {
                assert!(payload.len() <= limit);
                let is_text = kind == switchboard_proto::MessageKind::Text;
                assert!(!is_text || std::str::from_utf8(payload).is_ok());
                messages.push(payload.to_vec());
            }
            if !went_on && !server.is_inflating() {
                break;
            }
            // A compressed message may be a quarter and a little larger than the limit, and its buffer twice that; what it
            // inflates to has 64 KiB in any case.
            let inflated = if server.is_inflating() { limit + 65_536 } else { 0 };
            assert!(server.buffered_bytes() <= 3 * limit + 4_096 + inflated);
        }
        rest = after;
    }
    (messages, None)
}
