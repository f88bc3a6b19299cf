//! From a reactor to an instance.

use bytes::{Buf, Bytes};
use switchboard_proto::MessageKind;

use super::answer::{read_answer, write_answer};
use super::{kind_byte, kind_of, read_id};
use crate::command::Answer;
use crate::event::{Closed, ClosedBy, Event, EventKind, EventSource};
use crate::ipc::Corrupt;
use crate::ipc::wire::{Reader, Writer};
use crate::pipe::{PipeMessage, Pipes, Receipt, Slot};
use crate::{ConnectionId, Message, Request};

const AUTHORIZE: u8 = 1;
const OPEN: u8 = 2;
const MESSAGE: u8 = 3;
const DRAIN: u8 = 4;
const CLOSE: u8 = 5;
const PIPE: u8 = 6;
const ECHO: u8 = 7;
const SESSION: u8 = 8;
const ANSWER: u8 = 9;
const TAKEN: u8 = 10;

/// A record of an event ring.
#[derive(Debug)]
pub(crate) enum Delivery {
    Event(Event),
    /// What was asked for with this token has been done.
    Echo {
        id: ConnectionId,
        token: u64,
    },
    /// Somebody else has changed the session of a connection of which events are outstanding.
    Session {
        id: ConnectionId,
        session: Bytes,
    },
    Answer {
        token: u64,
        answer: Answer,
    },
    /// A recipient has been given messages of this weight.
    Taken {
        to: Slot,
        weight: u32,
    },
}

/// What every record begins with: its kind, whether the event is a suspect's, and which attempt it is.
fn begin(head: &mut Vec<u8>, kind: u8, attempt: u32) -> Writer<'_> {
    head.clear();
    let mut writer = Writer::new(head);
    writer.u8(kind).u8(0).u16(attempt.min(u32::from(u16::MAX)) as u16);
    writer
}

/// Writes everything but what is answered: the bytes that follow.
pub(crate) fn encode_event(event: Event, head: &mut Vec<u8>) -> Bytes {
    let Event { source, session, kind, attempt, suspect, .. } = event;
    let number = match source {
        EventSource::Connection(id) => id.local(),
        EventSource::Pipe(slot) => u32::from(slot),
    };
    let body = match kind {
        EventKind::Authorize(request) => {
            let mut writer = begin(head, AUTHORIZE, attempt);
            writer.u32(number).peer(&request.peer()).transport(request.transport());
            request.into_head()
        }
        EventKind::Open(request) => {
            let mut writer = begin(head, OPEN, attempt);
            writer.u32(number).bytes(&session).peer(&request.peer()).transport(request.transport());
            writer.option(request.subprotocol(), |writer, name| {
                writer.str(name);
            });
            request.into_head()
        }
        EventKind::Message(message) => {
            let (kind, payload) = message.into_parts();
            begin(head, MESSAGE, attempt).u32(number).u8(kind_byte(kind)).bytes(&session);
            payload
        }
        EventKind::Drain => {
            begin(head, DRAIN, attempt).u32(number);
            session
        }
        EventKind::Close(closed) => {
            let mut writer = begin(head, CLOSE, attempt);
            writer.u32(number).u16(closed.code).u8(closed_by_byte(closed.by)).str(&closed.reason);
            session
        }
        EventKind::Pipe(message) => {
            begin(head, PIPE, attempt).u32(number);
            message.into_body()
        }
    };
    if suspect && let Some(byte) = head.get_mut(1) {
        *byte = 1;
    }
    body
}

const MESSAGE_HEAD_BYTES: usize = 13;

/// What stands before the session and the bytes of a message that is given out for the first time: as
/// [`encode_event`] writes it.
pub(crate) fn message_head(id: ConnectionId, session: &[u8], kind: MessageKind) -> [u8; MESSAGE_HEAD_BYTES] {
    let [a, b, c, d] = id.local().to_le_bytes();
    let [e, f, g, h] = (session.len() as u32).to_le_bytes();
    [MESSAGE, 0, 1, 0, a, b, c, d, kind_byte(kind), e, f, g, h]
}

pub(crate) fn encode_echo(id: ConnectionId, token: u64, head: &mut Vec<u8>) {
    begin(head, ECHO, 0).u32(id.local()).u64(token);
}

pub(crate) fn encode_session(id: ConnectionId, head: &mut Vec<u8>) {
    begin(head, SESSION, 0).u32(id.local());
}

pub(crate) fn encode_answer(token: u64, answer: &Answer, head: &mut Vec<u8>) {
    let mut writer = begin(head, ANSWER, 0);
    writer.u64(token);
    write_answer(answer, &mut writer);
}

pub(crate) fn encode_taken(to: Slot, weight: u32, head: &mut Vec<u8>) {
    begin(head, TAKEN, 0).u16(to).u32(weight);
}

impl Delivery {
    /// Reads a record's payload. What is long in it stands at its end, and takes over `bytes`.
    pub(crate) fn decode(bytes: Bytes, receipt: Receipt, pipes: &Pipes) -> Result<Delivery, Corrupt> {
        if bytes.first() == Some(&MESSAGE) {
            return read_message(bytes, receipt).map(Delivery::Event);
        }
        let mut reader = Reader::new(&bytes);
        let (kind, suspect, attempt) = (reader.u8()?, reader.u8()? != 0, u32::from(reader.u16()?));
        match kind {
            ECHO => return Ok(Delivery::Echo { id: read_id(&mut reader)?, token: reader.u64()? }),
            SESSION => {
                let id = read_id(&mut reader)?;
                let left = reader.rest().len();
                return Ok(Delivery::Session { id, session: end_of(bytes, left) });
            }
            ANSWER => {
                let token = reader.u64()?;
                return Ok(Delivery::Answer { token, answer: read_answer(&mut reader)? });
            }
            TAKEN => return Ok(Delivery::Taken { to: reader.u16()?, weight: reader.u32()? }),
            PIPE => {
                let slot = reader.u32()? as Slot;
                let left = reader.rest().len();
                let message = PipeMessage::new(pipes.recipient(slot), end_of(bytes, left), attempt);
                let event = Event::pipe(slot, message, receipt);
                return Ok(Delivery::Event(Event { suspect, ..event }));
            }
            _ => {}
        }
        let id = read_id(&mut reader)?;
        let read = bytes.len() - reader.rest().len();
        let (session, kind) = read_event(kind, bytes, read)?;
        Ok(Delivery::Event(Event { source: id.into(), session, kind, attempt, suspect, receipt }))
    }
}

/// What most records are.
fn read_message(mut bytes: Bytes, receipt: Receipt) -> Result<Event, Corrupt> {
    const SHORT: Corrupt = Corrupt("a message that is cut short");
    let head = bytes.first_chunk::<MESSAGE_HEAD_BYTES>().ok_or(SHORT)?;
    let [_, suspect, low, high, a, b, c, d, kind, e, f, g, h] = *head;
    let id = ConnectionId::new(u64::from(u32::from_le_bytes([a, b, c, d])));
    let id = id.ok_or(Corrupt("a message of nobody"))?;
    let kind = kind_of(kind)?;
    bytes.advance(MESSAGE_HEAD_BYTES);
    let session = bytes.get(..u32::from_le_bytes([e, f, g, h]) as usize).ok_or(SHORT)?;
    let (session, len) = (Bytes::copy_from_slice(session), session.len());
    bytes.advance(len);
    // The reactor has checked it, and nobody but the master can write here.
    let message = EventKind::Message(Message::from_checked_bytes(kind, bytes));
    let (attempt, suspect) = (u32::from(u16::from_le_bytes([low, high])), suspect != 0);
    Ok(Event { source: id.into(), session, kind: message, attempt, suspect, receipt })
}

/// `bytes` have been read up to `read`.
fn read_event(kind: u8, bytes: Bytes, read: usize) -> Result<(Bytes, EventKind), Corrupt> {
    let mut reader = Reader::new(&bytes[read..]);
    Ok(match kind {
        AUTHORIZE => {
            let (peer, transport) = (reader.peer()?, reader.transport()?);
            let left = reader.rest().len();
            let request = Request::new(end_of(bytes, left), peer).with_transport(transport);
            (Bytes::new(), EventKind::Authorize(Box::new(request)))
        }
        OPEN => {
            let session = Bytes::copy_from_slice(reader.bytes()?);
            let (peer, transport) = (reader.peer()?, reader.transport()?);
            let subprotocol = reader.option(Reader::string)?;
            let left = reader.rest().len();
            let request = Request::new(end_of(bytes, left), peer).with_transport(transport);
            let request = request.with_subprotocol(subprotocol.as_deref());
            (session, EventKind::Open(Box::new(request)))
        }
        DRAIN => (bytes.slice(read..), EventKind::Drain),
        CLOSE => {
            let code = reader.u16()?;
            let by = read_closed_by(reader.u8()?)?;
            let reason = reader.string()?;
            let left = reader.rest().len();
            (end_of(bytes, left), EventKind::Close(Closed { code, reason, by }))
        }
        _ => return Err(Corrupt("an unknown kind of event")),
    })
}

/// The last `left` of `bytes`. Nobody else shares them, so that neither this nor freeing them has to be told to other
/// processors.
fn end_of(mut bytes: Bytes, left: usize) -> Bytes {
    bytes.advance(bytes.len() - left);
    bytes
}

const CLOSED_BY: [ClosedBy; 8] = [
    ClosedBy::Client,
    ClosedBy::Server,
    ClosedBy::Heartbeat,
    ClosedBy::Overflow,
    ClosedBy::Flood,
    ClosedBy::Protocol,
    ClosedBy::Transport,
    ClosedBy::Shutdown,
];

pub(super) fn closed_by_byte(by: ClosedBy) -> u8 {
    CLOSED_BY.iter().position(|known| *known == by).unwrap_or(1) as u8
}

pub(super) fn read_closed_by(byte: u8) -> Result<ClosedBy, Corrupt> {
    CLOSED_BY.get(usize::from(byte)).copied().ok_or(Corrupt("an unknown way to close"))
}
