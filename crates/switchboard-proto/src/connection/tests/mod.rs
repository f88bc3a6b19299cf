//! What a connection promises, by RFC concept.

mod closing;
mod control;
mod memory;
mod messages;
mod violations;

use super::*;

pub(super) const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// A whole frame as a client sends it.
pub(super) fn masked(opcode: OpCode, payload: &[u8]) -> Vec<u8> {
    fragment(opcode, true, payload)
}

pub(super) fn fragment(opcode: OpCode, fin: bool, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    encode_masked_frame(opcode, fin, payload, KEY, &mut out);
    out
}

/// The payload of a close frame.
pub(super) fn close_payload(code: u16, reason: &[u8]) -> Vec<u8> {
    [&code.to_be_bytes(), reason].concat()
}

pub(super) fn server() -> Connection {
    Connection::new(Role::Server, 1024)
}

/// An event that owns its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Seen {
    Text(String),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close(u16, String),
    Failed(u16, &'static str),
}

/// Everything that the connection makes of `input`, delivered in pieces of `piece` bytes.
pub(super) fn feed_in_pieces(connection: &mut Connection, input: &[u8], piece: usize) -> Vec<Seen> {
    let mut seen = Vec::new();
    for bytes in input.chunks(piece) {
        let mut bytes = bytes.to_vec();
        let mut at = 0;
        loop {
            let received = match connection.receive(&mut bytes[at..]) {
                Ok(received) => received,
                Err(error) => {
                    seen.push(Seen::Failed(error.code.get(), error.section));
                    break;
                }
            };
            at += received.consumed;
            let over = received.consumed == 0 && received.event.is_none();
            match received.event {
                Some(Event::Message { kind: MessageKind::Text, payload }) => {
                    seen.push(Seen::Text(String::from_utf8(payload.to_vec()).unwrap()));
                }
                Some(Event::Message { kind: MessageKind::Binary, payload }) => {
                    seen.push(Seen::Binary(payload.to_vec()));
                }
                Some(Event::Ping(payload)) => seen.push(Seen::Ping(payload.to_vec())),
                Some(Event::Pong(payload)) => seen.push(Seen::Pong(payload.to_vec())),
                Some(Event::Close { code, reason }) => seen.push(Seen::Close(code.get(), reason.to_owned())),
                None => {}
            }
            if over {
                break;
            }
        }
    }
    seen
}

/// The same, the whole input at once.
pub(super) fn feed(connection: &mut Connection, input: &[u8]) -> Vec<Seen> {
    feed_in_pieces(connection, input, input.len().max(1))
}

pub(super) fn transmitted(connection: &mut Connection) -> Vec<u8> {
    let mut out = Vec::new();
    connection.poll_transmit(&mut out);
    out
}

/// The close frame of a server, and nothing else.
pub(super) fn close_frame(code: u16, reason: &str) -> Vec<u8> {
    let mut out = Vec::new();
    encode_frame(OpCode::Close, &close_payload(code, reason.as_bytes()), &mut out);
    out
}
