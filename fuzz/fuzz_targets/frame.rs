//! Frame headers and masking: what is read is what was written, and the verdict does not depend on the split.
#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use switchboard_proto::{
    FrameHeader, FrameRules, HeaderBytes, OpCode, ProtocolError, apply_mask, encode_frame,
    encode_masked_frame,
};

#[derive(Debug, Arbitrary)]
struct Input<'a> {
    masked: bool,
    message_open: bool,
    rsv_allowed: u8,
    offset: usize,
    key: [u8; 4],
    fin: bool,
    bytes: &'a [u8],
}

type Verdict = Result<Option<(FrameHeader, usize)>, ProtocolError>;

fuzz_target!(|input: Input<'_>| {
    let rules = FrameRules {
        masked: input.masked,
        message_open: input.message_open,
        rsv_allowed: input.rsv_allowed & 0b111,
    };
    let verdict = FrameHeader::decode(input.bytes, rules);
    the_first_verdict_is_the_last(input.bytes, rules, &verdict);
    if let Ok(Some((header, len))) = verdict {
        the_header_is_valid(&header, rules);
        the_header_writes_back(&header, &input.bytes[..len]);
    }
    frames_round_trip(&input);
    masking_is_the_definition(&input);
});

/// Once a prefix is enough for a verdict, more bytes change nothing; and no verdict needs more than 14 bytes.
fn the_first_verdict_is_the_last(bytes: &[u8], rules: FrameRules, verdict: &Verdict) {
    let first = (0..=bytes.len())
        .map(|len| (len, FrameHeader::decode(&bytes[..len], rules)))
        .find(|(_, verdict)| *verdict != Ok(None));
    match first {
        None => assert_eq!(verdict, &Ok(None)),
        Some((len, first)) => {
            assert_eq!(&first, verdict);
            assert!(len <= FrameHeader::BYTES_MAX);
            if let Ok(Some((_, header_len))) = first {
                assert_eq!(header_len, len, "the header was read with its last byte");
            }
        }
    }
}

fn the_header_is_valid(header: &FrameHeader, rules: FrameRules) {
    assert_eq!(header.rsv & !rules.rsv_allowed, 0);
    assert_eq!(header.mask.is_some(), rules.masked);
    assert!(header.payload_len < 1 << 63);
    if header.opcode.is_control() {
        assert!(header.fin && header.payload_len <= 125);
    } else {
        assert_eq!(header.opcode == OpCode::Continuation, rules.message_open);
    }
}

/// Lengths have one form only, so writing the header gives the same bytes.
fn the_header_writes_back(header: &FrameHeader, wire: &[u8]) {
    let mut written =
        HeaderBytes::server(header.opcode, header.fin, header.payload_len as usize).as_slice().to_vec();
    written[0] |= header.rsv << 4;
    if let Some(key) = header.mask {
        written[1] |= 0x80;
        written.extend_from_slice(&key);
    }
    assert_eq!(written, wire);
}

fn frames_round_trip(input: &Input<'_>) {
    let rules = |masked| FrameRules { masked, message_open: false, rsv_allowed: 0 };

    let mut frame = Vec::new();
    encode_masked_frame(OpCode::Binary, input.fin, input.bytes, input.key, &mut frame);
    let Ok(Some((header, len))) = FrameHeader::decode(&frame, rules(true)) else {
        panic!("a masked frame is refused")
    };
    assert_eq!(
        (header.fin, header.mask, header.payload_len),
        (input.fin, Some(input.key), input.bytes.len() as u64)
    );
    apply_mask(&mut frame[len..], input.key, 0);
    assert_eq!(&frame[len..], input.bytes);

    let mut frame = Vec::new();
    encode_frame(OpCode::Text, input.bytes, &mut frame);
    let Ok(Some((header, len))) = FrameHeader::decode(&frame, rules(false)) else {
        panic!("a frame is refused")
    };
    assert_eq!((header.fin, header.mask, &frame[len..]), (true, None, input.bytes));
}

fn masking_is_the_definition(input: &Input<'_>) {
    let offset = input.offset % 1_000_000;
    let mut fast = input.bytes.to_vec();
    apply_mask(&mut fast, input.key, offset);
    let slow: Vec<u8> =
        input.bytes.iter().enumerate().map(|(index, byte)| byte ^ input.key[(index + offset) % 4]).collect();
    assert_eq!(fast, slow);
}
