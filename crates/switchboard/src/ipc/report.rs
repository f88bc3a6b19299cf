//! A [`Status`] as a message.

use super::wire::{Corrupt, Reader, Writer};
use crate::{ProcessInfo, ProcessRole, ProcessState, Recipient, Stats, Status};

impl Status {
    pub(super) fn write(&self, writer: &mut Writer<'_>) {
        writer.list(&self.processes, |writer, process| process.write(writer));
        write_stats(&self.stats, writer);
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Status, Corrupt> {
        Ok(Status { processes: reader.list(ProcessInfo::read)?, stats: read_stats(reader)? })
    }
}

impl ProcessInfo {
    fn write(&self, writer: &mut Writer<'_>) {
        match &self.role {
            ProcessRole::Master => writer.u8(0),
            ProcessRole::Manager => writer.u8(1),
            ProcessRole::Member(Recipient::Worker(number)) => writer.u8(2).u16(*number),
            ProcessRole::Member(Recipient::Process(name)) => writer.u8(3).str(name),
        };
        writer.u32(self.pid).u32(self.generation);
        writer.u8(match self.state {
            ProcessState::Starting => 0,
            ProcessState::Running => 1,
            ProcessState::Draining => 2,
        });
        writer.time(self.since).u64(self.outstanding).u64(self.queued);
    }

    fn read(reader: &mut Reader<'_>) -> Result<ProcessInfo, Corrupt> {
        let role = match reader.u8()? {
            0 => ProcessRole::Master,
            1 => ProcessRole::Manager,
            2 => ProcessRole::Member(Recipient::Worker(reader.u16()?)),
            3 => ProcessRole::Member(Recipient::Process(reader.string()?)),
            _ => return Err(Corrupt("an unknown role")),
        };
        let (pid, generation) = (reader.u32()?, reader.u32()?);
        let state = match reader.u8()? {
            0 => ProcessState::Starting,
            1 => ProcessState::Running,
            2 => ProcessState::Draining,
            _ => return Err(Corrupt("an unknown state")),
        };
        let (since, outstanding, queued) = (reader.time()?, reader.u64()?, reader.u64()?);
        Ok(ProcessInfo { role, pid, generation, state, since, outstanding, queued })
    }
}

fn write_stats(stats: &Stats, writer: &mut Writer<'_>) {
    writer.time(stats.started_at);
    for count in [stats.connections, stats.http_connections, stats.sockets] {
        writer.u64(count as u64);
    }
    for count in [
        stats.accepted,
        stats.opened,
        stats.closed,
        stats.refused,
        stats.received_messages,
        stats.received_bytes,
        stats.sent_bytes,
        stats.writes,
        stats.dropped_messages,
    ] {
        writer.u64(count);
    }
}

fn read_stats(reader: &mut Reader<'_>) -> Result<Stats, Corrupt> {
    Ok(Stats {
        started_at: reader.time()?,
        connections: reader.u64()? as usize,
        http_connections: reader.u64()? as usize,
        sockets: reader.u64()? as usize,
        accepted: reader.u64()?,
        opened: reader.u64()?,
        closed: reader.u64()?,
        refused: reader.u64()?,
        received_messages: reader.u64()?,
        received_bytes: reader.u64()?,
        sent_bytes: reader.u64()?,
        writes: reader.u64()?,
        dropped_messages: reader.u64()?,
    })
}
