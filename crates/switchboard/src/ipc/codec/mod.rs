//! What goes through the rings, as bytes.
//!
//! Down, from a reactor to an instance: [`Delivery`]. Up: [`Order`]. Each is one record: a head of a few bytes, and last,
//! without a length, the message or session that makes most of it, so that this is never copied before it is in the ring.

mod answer;
mod delivery;
mod order;

pub(crate) use delivery::{
    Delivery, encode_answer, encode_echo, encode_event, encode_session, encode_taken, message_head,
};
pub(crate) use order::{Mark, Order, SmallPush, encode_command, encode_mark, encode_pipe};

use super::Corrupt;
use super::wire::Reader;
use crate::ConnectionId;
use switchboard_proto::MessageKind;

fn read_id(reader: &mut Reader<'_>) -> Result<ConnectionId, Corrupt> {
    ConnectionId::new(u64::from(reader.u32()?)).ok_or(Corrupt("a number that no connection can have"))
}

fn kind_byte(kind: MessageKind) -> u8 {
    match kind {
        MessageKind::Text => 1,
        MessageKind::Binary => 2,
    }
}

fn read_kind(reader: &mut Reader<'_>) -> Result<MessageKind, Corrupt> {
    kind_of(reader.u8()?)
}

fn kind_of(byte: u8) -> Result<MessageKind, Corrupt> {
    match byte {
        1 => Ok(MessageKind::Text),
        2 => Ok(MessageKind::Binary),
        _ => Err(Corrupt("an unknown kind of message")),
    }
}

#[cfg(test)]
mod tests;
