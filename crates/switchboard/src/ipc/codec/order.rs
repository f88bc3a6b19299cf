//! From an instance to a reactor.

use bytes::Bytes;
use switchboard_proto::MessageKind;

use super::answer::{read_asked, write_asked};
use super::delivery::{closed_by_byte, read_closed_by};
use super::{kind_byte, kind_of, read_id, read_kind};
use crate::command::{Asked, Command};
use crate::decision::{Accept, Verdict};
use crate::frame::Frame;
use crate::ipc::Corrupt;
use crate::ipc::ring::{Piece, Record};
use crate::ipc::wire::{Reader, Writer};
use crate::pipe::Slot;
use crate::{ConnectionId, Decision, Overflow};

const PUSH: u8 = 1;
const PUSH_MANY: u8 = 2;
const BROADCAST: u8 = 3;
const PUBLISH: u8 = 4;
const PUSH_TO_USER: u8 = 5;
const JOIN: u8 = 6;
const LEAVE: u8 = 7;
const BIND: u8 = 8;
const SET_SESSION: u8 = 9;
const DISCONNECT: u8 = 10;
const ABORT: u8 = 11;
const REFUSED: u8 = 12;
const PAUSE: u8 = 13;
const RESUME: u8 = 14;
const PROTECT: u8 = 15;
const ASK: u8 = 16;
const AUTHORIZED: u8 = 17;
const READY: u8 = 18;
const BEHIND: u8 = 19;
const PIPE: u8 = 20;
const WAITS: u8 = 21;
const GOES_ON: u8 = 22;
const BEGINS: u8 = 23;
const FINISHES: u8 = 24;

/// A push whose message is so small that it is copied anyway: what most commands are. It is read without anything else, and
/// the message, the rest of the record, is still in the ring.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SmallPush {
    pub(crate) id: ConnectionId,
    pub(crate) overflow: Overflow,
    pub(crate) kind: MessageKind,
    /// Bytes of the message.
    pub(crate) len: usize,
}

impl SmallPush {
    /// The longest message: what is longer a connection's output does not copy, either.
    pub(crate) const BYTES_MAX: usize = 8 << 10;
    pub(crate) const HEAD_BYTES: usize = 7;

    /// What stands before the message.
    pub(crate) fn head(
        id: ConnectionId,
        overflow: Overflow,
        kind: MessageKind,
    ) -> [u8; SmallPush::HEAD_BYTES] {
        let [a, b, c, d] = id.local().to_le_bytes();
        [PUSH, a, b, c, d, overflow_byte(overflow), kind_byte(kind)]
    }

    /// From the first bytes of a record. None: it is something else, or not well-formed.
    pub(crate) fn read(record: &Record, first_bytes: [u8; 8]) -> Option<SmallPush> {
        let len = record.len.checked_sub(SmallPush::HEAD_BYTES)?;
        let [PUSH, a, b, c, d, overflow, kind, _] = first_bytes else { return None };
        if record.piece != Piece::Whole || len > SmallPush::BYTES_MAX {
            return None;
        }
        let id = ConnectionId::new(u64::from(u32::from_le_bytes([a, b, c, d])))?;
        Some(SmallPush { id, overflow: read_overflow(overflow).ok()?, kind: kind_of(kind).ok()?, len })
    }
}

/// A record of a command ring.
#[derive(Debug)]
pub(crate) enum Order {
    Command(Command),
    /// The session is set, and the token is echoed.
    SetSession {
        id: ConnectionId,
        token: u64,
        session: Bytes,
    },
    Ask {
        token: u64,
        asked: Asked,
    },
    Pipe {
        to: Slot,
        body: Bytes,
    },
    /// About the event whose record starts at this position of the lane's event ring.
    Mark {
        mark: Mark,
        position: u64,
    },
}

/// What an instance says of an event that it does not handle at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mark {
    /// It waits behind another of its source; nothing has been done.
    Waits,
    /// Its handler has begun, and is pending.
    GoesOn,
    /// One that waited has begun.
    Begins,
    /// It has been handled.
    Finishes,
}

pub(crate) fn encode_mark(mark: Mark, position: u64, head: &mut Vec<u8>) {
    head.clear();
    let kind = match mark {
        Mark::Waits => WAITS,
        Mark::GoesOn => GOES_ON,
        Mark::Begins => BEGINS,
        Mark::Finishes => FINISHES,
    };
    Writer::new(head).u8(kind).u64(position);
}

/// Writes everything but the message's bytes, which follow.
pub(crate) fn encode_pipe(to: Slot, head: &mut Vec<u8>) {
    head.clear();
    Writer::new(head).u8(PIPE).u16(to);
}

/// Writes everything but what is answered: the bytes that follow. None: the command has no meaning outside of the master.
/// `token` is for the two that have one.
pub(crate) fn encode_command<'a>(command: &'a Command, token: u64, head: &mut Vec<u8>) -> Option<&'a [u8]> {
    head.clear();
    let mut writer = Writer::new(head);
    let about = |writer: &mut Writer<'_>, kind: u8, id: &ConnectionId| {
        writer.u8(kind).u32(id.local());
    };
    match command {
        Command::RemotePush { id, frame, overflow } | Command::Push { id, frame, overflow, .. } => {
            writer.raw(&SmallPush::head(*id, *overflow, frame.kind()));
            return Some(frame.payload());
        }
        Command::PushMany { ids, frame } => {
            writer.u8(PUSH_MANY).list(ids, write_id).u8(kind_byte(frame.kind()));
            return Some(frame.payload());
        }
        Command::Broadcast { frame } => {
            writer.u8(BROADCAST).u8(kind_byte(frame.kind()));
            return Some(frame.payload());
        }
        Command::Publish { group, frame, except } => {
            writer.u8(PUBLISH).str(group).list(&except[..], write_id).u8(kind_byte(frame.kind()));
            return Some(frame.payload());
        }
        Command::PushToUser { user, frame } => {
            writer.u8(PUSH_TO_USER).str(user).u8(kind_byte(frame.kind()));
            return Some(frame.payload());
        }
        Command::SetSession { id, session, .. } => {
            about(&mut writer, SET_SESSION, id);
            writer.u64(token);
            return Some(session);
        }
        Command::Join { id, group, .. } => {
            about(&mut writer, JOIN, id);
            return Some(group.as_bytes());
        }
        Command::Leave { id, group, .. } => {
            about(&mut writer, LEAVE, id);
            return Some(group.as_bytes());
        }
        Command::Bind { id, user } => {
            about(&mut writer, BIND, id);
            return Some(user.as_bytes());
        }
        Command::Disconnect { id, code, reason, by } => {
            about(&mut writer, DISCONNECT, id);
            writer.u16(*code).u8(closed_by_byte(*by)).str(reason);
        }
        Command::Abort { id } => about(&mut writer, ABORT, id),
        Command::PushRefused { id, closes } | Command::RemoteRefused { id, closes } => {
            about(&mut writer, REFUSED, id);
            writer.bool(*closes);
        }
        Command::Pause { id } => about(&mut writer, PAUSE, id),
        Command::Resume { id } => about(&mut writer, RESUME, id),
        Command::Protect { id, protected } => {
            about(&mut writer, PROTECT, id);
            writer.bool(*protected);
        }
        Command::Ask(question) => {
            writer.u8(ASK).u64(token);
            write_asked(&question.asked, &mut writer);
        }
        Command::Authorized { id, decision } => {
            about(&mut writer, AUTHORIZED, id);
            write_decision(decision, &mut writer);
        }
        Command::HandlerReady { id } => about(&mut writer, READY, id),
        Command::HandlerBehind { id } => about(&mut writer, BEHIND, id),
        Command::Adopt(_) | Command::Pipe { .. } | Command::Attach(_) | Command::Settled { .. } => {
            return None;
        }
        Command::Listen(_) => return None,
        Command::Route { .. } | Command::Detach { .. } | Command::Shutdown => return None,
    }
    Some(&[])
}

impl Order {
    /// Reads a record's payload. A message in it shares `bytes`.
    pub(crate) fn decode(bytes: &Bytes) -> Result<Order, Corrupt> {
        let mut reader = Reader::new(bytes);
        let kind = reader.u8()?;
        let command = match kind {
            PUSH..=PUSH_TO_USER => read_sending(kind, bytes, &mut reader)?,
            WAITS..=FINISHES => {
                let mark = match kind {
                    WAITS => Mark::Waits,
                    GOES_ON => Mark::GoesOn,
                    BEGINS => Mark::Begins,
                    _ => Mark::Finishes,
                };
                return Ok(Order::Mark { mark, position: reader.u64()? });
            }
            PIPE => {
                let to = reader.u16()?;
                return Ok(Order::Pipe { to, body: bytes.slice_ref(reader.rest()) });
            }
            ASK => {
                let token = reader.u64()?;
                return Ok(Order::Ask { token, asked: read_asked(&mut reader)? });
            }
            SET_SESSION => {
                let (id, token) = (read_id(&mut reader)?, reader.u64()?);
                return Ok(Order::SetSession { id, token, session: bytes.slice_ref(reader.rest()) });
            }
            JOIN..=BIND => {
                let id = read_id(&mut reader)?;
                let name = str::from_utf8(reader.rest()).map_err(|_| Corrupt("a name is not UTF-8"))?;
                match kind {
                    JOIN => Command::Join { id, group: name.into(), counted: false },
                    LEAVE => Command::Leave { id, group: name.into(), counted: false },
                    _ => Command::Bind { id, user: name.into() },
                }
            }
            _ => read_about_one(kind, &mut reader)?,
        };
        Ok(Order::Command(command))
    }
}

fn read_sending(kind: u8, bytes: &Bytes, reader: &mut Reader<'_>) -> Result<Command, Corrupt> {
    let payload = |rest: &[u8]| if rest.is_empty() { Bytes::new() } else { bytes.slice_ref(rest) };
    Ok(match kind {
        PUSH => {
            let id = read_id(reader)?;
            let overflow = read_overflow(reader.u8()?)?;
            let kind = read_kind(reader)?;
            Command::RemotePush { id, frame: Frame::single_of(kind, payload(reader.rest())), overflow }
        }
        PUSH_MANY => {
            let ids = reader.list(read_id)?;
            let kind = read_kind(reader)?;
            Command::PushMany { ids, frame: Frame::shared_of(kind, reader.rest()) }
        }
        BROADCAST => {
            let kind = read_kind(reader)?;
            Command::Broadcast { frame: Frame::shared_of(kind, reader.rest()) }
        }
        PUBLISH => {
            let group = reader.str()?.into();
            let mut except = reader.list(read_id)?;
            // As the reactor expects it, whatever the other side says.
            except.sort_unstable();
            let kind = read_kind(reader)?;
            Command::Publish { group, frame: Frame::shared_of(kind, reader.rest()), except: except.into() }
        }
        _ => {
            let user = reader.str()?.into();
            let kind = read_kind(reader)?;
            Command::PushToUser { user, frame: Frame::shared_of(kind, reader.rest()) }
        }
    })
}

fn read_about_one(kind: u8, reader: &mut Reader<'_>) -> Result<Command, Corrupt> {
    let id = read_id(reader)?;
    Ok(match kind {
        DISCONNECT => {
            let code = reader.u16()?;
            let by = read_closed_by(reader.u8()?)?;
            Command::Disconnect { id, code, reason: reader.string()?, by }
        }
        ABORT => Command::Abort { id },
        REFUSED => Command::RemoteRefused { id, closes: reader.bool()? },
        PAUSE => Command::Pause { id },
        RESUME => Command::Resume { id },
        PROTECT => Command::Protect { id, protected: reader.bool()? },
        AUTHORIZED => Command::Authorized { id, decision: Box::new(read_decision(reader)?) },
        READY => Command::HandlerReady { id },
        BEHIND => Command::HandlerBehind { id },
        _ => return Err(Corrupt("an unknown kind of command")),
    })
}

fn write_id(writer: &mut Writer<'_>, id: &ConnectionId) {
    writer.u32(id.local());
}

fn overflow_byte(overflow: Overflow) -> u8 {
    match overflow {
        Overflow::Close => 1,
        Overflow::DropNewest => 2,
        Overflow::DropOldest => 3,
    }
}

fn read_overflow(byte: u8) -> Result<Overflow, Corrupt> {
    match byte {
        1 => Ok(Overflow::Close),
        2 => Ok(Overflow::DropNewest),
        3 => Ok(Overflow::DropOldest),
        _ => Err(Corrupt("an unknown overflow policy")),
    }
}

fn write_fields(fields: &[(String, String)], writer: &mut Writer<'_>) {
    writer.list(fields, |writer, (name, value)| {
        writer.str(name).str(value);
    });
}

fn read_fields(reader: &mut Reader<'_>) -> Result<Vec<(String, String)>, Corrupt> {
    reader.list(|reader| Ok((reader.string()?, reader.string()?)))
}

fn write_decision(decision: &Decision, writer: &mut Writer<'_>) {
    match &decision.0 {
        Verdict::Accept(accept) => write_accept(accept, writer.u8(1)),
        Verdict::Reject { status, headers, body } => {
            writer.u8(2).u16(*status).bytes(body);
            write_fields(headers, writer);
        }
    }
}

fn read_decision(reader: &mut Reader<'_>) -> Result<Decision, Corrupt> {
    Ok(Decision(match reader.u8()? {
        1 => Verdict::Accept(read_accept(reader)?),
        2 => {
            let status = reader.u16()?;
            let body = Bytes::copy_from_slice(reader.bytes()?);
            let headers = read_fields(reader)?;
            // `Decision::reject` makes no other.
            let status = if (300..=599).contains(&status) { status } else { 500 };
            Verdict::Reject { status, headers, body }
        }
        _ => return Err(Corrupt("an unknown decision")),
    }))
}

pub(crate) fn write_accept(accept: &Accept, writer: &mut Writer<'_>) {
    writer.option(accept.subprotocol.as_ref(), |writer, name| {
        writer.str(name);
    });
    write_fields(&accept.headers, writer);
    writer.option(accept.user.as_ref(), |writer, user| {
        writer.str(user);
    });
    writer.bytes(&accept.session);
}

pub(crate) fn read_accept(reader: &mut Reader<'_>) -> Result<Accept, Corrupt> {
    Ok(Accept {
        subprotocol: reader.option(Reader::string)?,
        headers: read_fields(reader)?,
        user: reader.option(Reader::string)?,
        session: Bytes::copy_from_slice(reader.bytes()?),
    })
}
