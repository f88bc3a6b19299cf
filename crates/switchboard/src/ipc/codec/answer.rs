//! Questions to reactors, and their answers.

use bytes::Bytes;

use super::read_id;
use crate::command::{Answer, Asked};
use crate::ipc::Corrupt;
use crate::ipc::wire::{Reader, Writer};
use crate::{ConnectionId, ConnectionState};

pub(super) fn write_asked(asked: &Asked, writer: &mut Writer<'_>) {
    match asked {
        Asked::Members(group) => writer.u8(1).str(group),
        Asked::UserConnections(user) => writer.u8(2).str(user),
        Asked::Groups(id) => writer.u8(3).u32(id.local()),
        Asked::Session(id) => writer.u8(4).u32(id.local()),
        Asked::Snapshot => writer.u8(5),
    };
}

pub(super) fn read_asked(reader: &mut Reader<'_>) -> Result<Asked, Corrupt> {
    Ok(match reader.u8()? {
        1 => Asked::Members(reader.str()?.into()),
        2 => Asked::UserConnections(reader.str()?.into()),
        3 => Asked::Groups(read_id(reader)?),
        4 => Asked::Session(read_id(reader)?),
        5 => Asked::Snapshot,
        _ => return Err(Corrupt("an unknown question")),
    })
}

pub(super) fn write_answer(answer: &Answer, writer: &mut Writer<'_>) {
    match answer {
        Answer::Ids(ids) => writer.u8(1).list(ids, write_id),
        Answer::Groups(groups) => writer.u8(2).list(groups, |writer, group| {
            writer.str(group);
        }),
        Answer::Session(session) => writer.u8(3).bytes(session),
        Answer::Snapshot(states) => writer.u8(4).list(states, write_state),
        Answer::Gone => writer.u8(5),
        Answer::Busy => writer.u8(6),
    };
}

fn write_id(writer: &mut Writer<'_>, id: &ConnectionId) {
    writer.u32(id.local());
}

fn write_state(writer: &mut Writer<'_>, state: &ConnectionState) {
    write_id(writer, &state.id);
    writer.option(state.user.as_ref(), |writer, user| {
        writer.str(user);
    });
    writer.bytes(&state.session);
    writer.list(&state.groups, |writer, group| {
        writer.str(group);
    });
}

pub(super) fn read_answer(reader: &mut Reader<'_>) -> Result<Answer, Corrupt> {
    Ok(match reader.u8()? {
        1 => Answer::Ids(reader.list(read_id)?),
        2 => Answer::Groups(reader.list(Reader::string)?),
        3 => Answer::Session(Bytes::copy_from_slice(reader.bytes()?)),
        4 => Answer::Snapshot(reader.list(read_state)?),
        5 => Answer::Gone,
        6 => Answer::Busy,
        _ => return Err(Corrupt("an unknown answer")),
    })
}

fn read_state(reader: &mut Reader<'_>) -> Result<ConnectionState, Corrupt> {
    Ok(ConnectionState {
        id: read_id(reader)?,
        user: reader.option(Reader::string)?,
        session: Bytes::copy_from_slice(reader.bytes()?),
        groups: reader.list(Reader::string)?,
    })
}
