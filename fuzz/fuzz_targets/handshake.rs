//! Heads and handshakes: a strict head is strict, every split gives the same verdict, what is accepted fits
//! together at both ends, and what is refused is refused by a well-formed response.
#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use switchboard_proto::handshake::{ClientHandshake, HandshakeError, HeadLimits, HeadReader, Request};

#[derive(Debug, Arbitrary)]
struct Input<'a> {
    sizes: [u8; 3],
    head_bytes_max: u16,
    headers_max: u8,
    nonce: [u8; 16],
    target: &'a str,
    protocols: Vec<&'a str>,
    header: Option<(&'a str, &'a str)>,
    bytes: &'a [u8],
}

fuzz_target!(|input: Input<'_>| {
    let limits =
        HeadLimits { head_bytes_max: input.head_bytes_max.into(), headers_max: input.headers_max.into() };
    any_bytes_as_a_request(&input, limits);
    any_bytes_as_a_response(&input);
    a_clients_request(&input);
});

fn any_bytes_as_a_request(input: &Input<'_>, limits: HeadLimits) {
    let parsed = Request::parse(input.bytes, &limits);
    every_split_gives_the_same_verdict(input, limits, &parsed);
    match parsed {
        Ok(None) => assert!(input.bytes.len() < limits.head_bytes_max),
        Ok(Some(request)) => {
            the_head_is_strict(&input.bytes[..request.head_len()], limits);
            assert!(request.headers().count() <= limits.headers_max);
            assert!(!request.path().contains('?') && !request.target().contains([' ', '#']));
            answer(&request, None);
        }
        Err(error) => the_refusal_is_well_formed(&error),
    }
}

fn every_split_gives_the_same_verdict(
    input: &Input<'_>,
    limits: HeadLimits,
    parsed: &Result<Option<Request<'_>>, HandshakeError>,
) {
    let mut reader = HeadReader::new(limits, 1);
    let (mut verdict, mut rest) = (reader.receive(&[], 0), input.bytes);
    for size in input.sizes.iter().cycle() {
        if rest.is_empty() || verdict != Ok(None) {
            break;
        }
        let (part, after) = rest.split_at(usize::from(*size).clamp(1, rest.len()));
        verdict = reader.receive(part, 0);
        rest = after;
    }
    match (verdict, parsed) {
        (Ok(Some(len)), Ok(Some(request))) => assert_eq!(len, request.head_len()),
        // The reader knows lines; what stands in them is the parser's.
        (Ok(Some(len)), Err(_)) => assert!(input.bytes[..len].ends_with(b"\r\n\r\n")),
        (Ok(None), Ok(None)) => {}
        (Err(error), Err(parse_error)) => assert_eq!(&error, parse_error),
        (verdict, parsed) => panic!("{verdict:?}, but {parsed:?}"),
    }
}

/// RFC 9112 §2.2, RFC 9110 §5.5, checked in another way than the parser does it.
fn the_head_is_strict(head: &[u8], limits: HeadLimits) {
    assert!(head.len() <= limits.head_bytes_max && head.ends_with(b"\r\n\r\n"));
    let without_line_ends = String::from_utf8_lossy(head).replace("\r\n", "");
    assert!(!without_line_ends.chars().any(|character| character.is_ascii_control() && character != '\t'));
    let lines = head[..head.len() - 4].split(|octet| *octet == b'\n');
    assert!(
        !lines
            .skip_while(|line| *line == b"\r")
            .skip(1)
            .any(|line| line.starts_with(b" ") || line.starts_with(b"\t"))
    );
}

/// Whatever the request was, there is an answer, and it is one response.
fn answer(request: &Request<'_>, client: Option<&mut ClientHandshake>) {
    let upgrade = match request.upgrade() {
        Ok(upgrade) => upgrade,
        Err(error) => return the_refusal_is_well_formed(&error),
    };
    assert!(request.wants_websocket() && request.method() == "GET");
    let mut distinct = upgrade.protocols.clone();
    distinct.sort_unstable();
    distinct.dedup();
    assert_eq!(distinct.len(), upgrade.protocols.len());

    let chosen = upgrade.protocols.last().copied();
    let mut response = Vec::new();
    let headers = [("X-Path".to_owned(), request.path().to_owned())];
    assert!(upgrade.accept(chosen, None, &headers, &mut response).is_ok());
    assert_eq!(response.windows(4).filter(|window| window == b"\r\n\r\n").count(), 1);
    if let Some(client) = client {
        let accepted =
            client.receive(&response).expect("the client takes the answer").expect("the answer is whole");
        assert_eq!((accepted.head_len, accepted.subprotocol.as_deref()), (response.len(), chosen));
    }
}

fn the_refusal_is_well_formed(error: &HandshakeError) {
    let mut response = Vec::new();
    error.response(&mut response);
    let text = String::from_utf8(response).expect("a refusal is text");
    let (head, body) = text.split_once("\r\n\r\n").expect("a head and a body");
    assert!(head.starts_with(&format!("HTTP/1.1 {} ", error.status)));
    assert!(head.contains(&format!("\r\nContent-Length: {}", body.len())));
    assert!(body.contains(error.section) && body.contains(error.detail));
}

fn any_bytes_as_a_response(input: &Input<'_>) {
    let whole = ClientHandshake::new("h", "/", input.nonce).receive(input.bytes);
    let mut client = ClientHandshake::new("h", "/", input.nonce);
    let first = (0..=input.bytes.len())
        .map(|len| client.receive(&input.bytes[..len]))
        .find(|result| result != &Ok(None));
    assert_eq!(first.unwrap_or(Ok(None)), whole);
}

/// What our own client sends is one request, whatever its arguments were; if they were good ones both ends agree.
fn a_clients_request(input: &Input<'_>) {
    let mut client = ClientHandshake::new("host", input.target, input.nonce);
    if let Some((name, value)) = input.header {
        client = client.header(name, value);
    }
    for protocol in input.protocols.iter().take(20) {
        client = client.protocol(protocol);
    }
    let bytes = client.request();
    assert_eq!(bytes.windows(4).filter(|window| window == b"\r\n\r\n").count(), 1);
    match Request::parse(&bytes, &HeadLimits::default()) {
        Ok(Some(request)) => {
            assert_eq!(request.head_len(), bytes.len());
            // An offer smuggled in by other ways is not the client's to expect.
            let mut names = input.protocols.iter().copied().chain(input.header.map(|(name, _)| name));
            let honest = names.all(is_plain);
            answer(&request, honest.then_some(&mut client));
        }
        Ok(None) => panic!("a whole request is not enough"),
        Err(error) => the_refusal_is_well_formed(&error),
    }
}

/// A token without `-`, so not the name of a field of the handshake.
fn is_plain(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|octet| octet.is_ascii_alphanumeric())
}
