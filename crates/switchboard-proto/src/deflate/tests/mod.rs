//! What compression promises, by section of RFC 7692.

mod limits;
mod messages;
mod negotiation;
mod slices;
mod violations;
mod windows;

use super::*;
use crate::{Connection, Event, MessageKind, OpCode, Role, encode_masked_frame};

/// No context is taken over: every message stands for itself.
pub(super) const ALONE: Parameters = Parameters {
    server_no_context_takeover: true,
    client_no_context_takeover: true,
    server_max_window_bits: 15,
    client_max_window_bits: 15,
};

pub(super) const TAKING_OVER: Parameters =
    Parameters { server_no_context_takeover: false, client_no_context_takeover: false, ..ALONE };

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Seen {
    Text(String),
    Binary(Vec<u8>),
    Other,
    Failed(u16, &'static str),
}

/// A server's end with its codec.
pub(super) struct Server {
    pub(super) connection: Connection,
    pub(super) codec: Codec,
}

impl Server {
    pub(super) fn new(parameters: Parameters, message_bytes_max: usize) -> Server {
        let mut connection = Connection::new(Role::Server, message_bytes_max);
        connection.use_deflate(parameters);
        Server { connection, codec: Codec::default() }
    }

    pub(super) fn feed(&mut self, input: &[u8], piece: usize) -> Vec<Seen> {
        let mut seen = Vec::new();
        for bytes in input.chunks(piece.max(1)) {
            let mut bytes = bytes.to_vec();
            let mut at = 0;
            loop {
                let received = match self.connection.receive_with(&mut bytes[at..], &mut self.codec) {
                    Ok(received) => received,
                    Err(error) => {
                        seen.push(Seen::Failed(error.code.get(), error.section));
                        return seen;
                    }
                };
                at += received.consumed;
                if received.consumed == 0 && received.event.is_none() {
                    break;
                }
                seen.extend(received.event.map(own));
            }
        }
        seen
    }
}

fn own(event: Event<'_>) -> Seen {
    match event {
        Event::Message { kind: MessageKind::Text, payload } => {
            Seen::Text(String::from_utf8(payload.to_vec()).unwrap())
        }
        Event::Message { kind: MessageKind::Binary, payload } => Seen::Binary(payload.to_vec()),
        _ => Seen::Other,
    }
}

pub(super) fn text(text: &str) -> Seen {
    Seen::Text(text.to_owned())
}

pub(super) fn fragment(rsv1: bool, opcode: OpCode, fin: bool, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    encode_masked_frame(opcode, fin, payload, [1, 2, 3, 4], &mut out);
    out[0] |= if rsv1 { 0x40 } else { 0 };
    out
}

/// A whole compressed message of a client.
pub(super) fn compressed(opcode: OpCode, payload: &[u8]) -> Vec<u8> {
    fragment(true, opcode, true, payload)
}

pub(super) fn deflated(message: &[u8]) -> Vec<u8> {
    Codec::default().compress(15, message).unwrap().to_vec()
}
