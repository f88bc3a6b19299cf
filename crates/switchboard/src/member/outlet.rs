//! The sending half of one lane.

use std::collections::VecDeque;

use bytes::Bytes;

use super::on_the_way::{Effect, OnTheWay};
use crate::ConnectionId;
use crate::command::Command;
use crate::frame::Frame;
use crate::ipc::Corrupt;
use crate::ipc::codec::{Mark, SmallPush, encode_command, encode_mark, encode_pipe};
use crate::ipc::ring::{PieceWriter, Producer};
use crate::pipe::Slot;
use crate::table::Entry;

/// The number of effects at which those are dropped that the reactor has taken.
const ON_THE_WAY_LONG: usize = 64;

/// Writes commands into the ring, and keeps those in order for which there is no room.
#[derive(Debug)]
pub(super) struct Outlet {
    producer: Producer,
    overflow: VecDeque<Waiting>,
    /// What it weighs.
    overflow_bytes: usize,
    on_the_way: OnTheWay,
    /// Reused for heads of records.
    head: Vec<u8>,
}

/// A command without room.
#[derive(Debug)]
struct Waiting {
    parcel: Parcel,
    weight: usize,
    effect: Effect,
}

#[derive(Debug)]
enum Parcel {
    Whole(Bytes, Bytes),
    /// Too large for one record. What comes after it waits until it is written.
    Pieces(PieceWriter),
}

impl Outlet {
    pub(super) fn new(producer: Producer) -> Outlet {
        Outlet {
            producer,
            overflow: VecDeque::new(),
            overflow_bytes: 0,
            on_the_way: OnTheWay::default(),
            head: Vec::new(),
        }
    }

    /// Do commands wait for room?
    pub(super) fn is_clogged(&self) -> bool {
        !self.overflow.is_empty()
    }

    /// Changes when something is written.
    pub(super) fn position(&self) -> u64 {
        self.producer.position()
    }

    /// May a command of this weight wait if it has to?
    pub(super) fn takes(&self, weight: usize, max: usize) -> bool {
        self.overflow_bytes + weight <= max
    }

    /// Is there room for so many bytes in a connection's queue? An empty one always has some.
    pub(super) fn has_room(
        &mut self,
        entry: &Entry,
        id: ConnectionId,
        bytes: usize,
        max: usize,
    ) -> Result<bool, Corrupt> {
        let within = |queued: u64| queued.saturating_add(bytes as u64) <= max as u64;
        if within(entry.queued().saturating_add(self.on_the_way.pushed())) {
            return Ok(true);
        }
        let fits = |outlet: &mut Outlet| {
            let queued = entry.queued().saturating_add(outlet.on_the_way.of(id).bytes);
            queued == 0 || within(queued)
        };
        if fits(self) {
            return Ok(true);
        }
        // What the reactor has taken stands in the table, and must not count twice.
        self.refresh()?;
        Ok(fits(self))
    }

    /// May a connection join one more group?
    pub(super) fn may_join(&mut self, entry: &Entry, id: ConnectionId, max: usize) -> Result<bool, Corrupt> {
        let may = |outlet: &mut Outlet| outlet.on_the_way.of(id).groups(entry.groups()) < max as i64;
        if may(self) {
            return Ok(true);
        }
        self.refresh()?;
        Ok(may(self))
    }

    /// Does the reactor have to be told of a refused push?
    pub(super) fn is_news(&mut self, entry: &Entry, id: ConnectionId, closes: bool) -> bool {
        entry.refused().max(self.on_the_way.of(id).refused()) < 1 + u8::from(closes)
    }

    /// Sends a command. `token` is for the two kinds that have one. False: it has no meaning outside of the master.
    pub(super) fn send(&mut self, command: &Command, token: u64, effect: Effect) -> Result<bool, Corrupt> {
        let mut head = std::mem::take(&mut self.head);
        let sent = match encode_command(command, token, &mut head) {
            Some(body) => self.put(&head, body, || share(command, body), effect).map(|()| true),
            None => Ok(false),
        };
        self.head = head;
        sent
    }

    /// Sends a message to a connection.
    pub(super) fn push(
        &mut self,
        head: [u8; SmallPush::HEAD_BYTES],
        payload: &Bytes,
        effect: Effect,
    ) -> Result<(), Corrupt> {
        self.put(&head, payload, || payload.clone(), effect)
    }

    /// Sends a message to another process.
    pub(super) fn pipe(&mut self, to: Slot, body: &Bytes) -> Result<(), Corrupt> {
        let mut head = std::mem::take(&mut self.head);
        encode_pipe(to, &mut head);
        let sent = self.put(&head, body, || body.clone(), Effect::None);
        self.head = head;
        sent
    }

    /// Says something about an event of this lane.
    pub(super) fn mark(&mut self, mark: Mark, position: u64) -> Result<(), Corrupt> {
        let mut head = std::mem::take(&mut self.head);
        encode_mark(mark, position, &mut head);
        let sent = self.put(&head, &[], Bytes::new, Effect::None);
        self.head = head;
        sent
    }

    /// Writes a record, or keeps it. `keep` makes a copy of `body`.
    fn put(
        &mut self,
        head: &[u8],
        body: &[u8],
        keep: impl FnOnce() -> Bytes,
        effect: Effect,
    ) -> Result<(), Corrupt> {
        let in_pieces = head.len() + body.len() > self.producer.payload_max();
        if !self.is_clogged() && !in_pieces && self.try_write(&[head, body])? {
            self.producer.publish();
            self.on_the_way.sent(self.producer.position(), effect);
            return self.tidy();
        }
        self.on_the_way.accepted(effect);
        let (head, body) = (Bytes::copy_from_slice(head), keep());
        let weight = head.len() + body.len() + size_of::<Waiting>();
        let parcel = match in_pieces {
            true => Parcel::Pieces(PieceWriter::new(head, body)),
            false => Parcel::Whole(head, body),
        };
        let was_clogged = self.is_clogged();
        self.overflow.push_back(Waiting { parcel, weight, effect });
        self.overflow_bytes += weight;
        if was_clogged {
            // The reactor has been asked for room. What it has made already is used at once.
            self.refresh()?;
            self.write_waiting();
            return Ok(());
        }
        self.flush().map(drop)
    }

    fn try_write(&mut self, parts: &[&[u8]]) -> Result<bool, Corrupt> {
        if self.producer.try_write(parts) {
            return Ok(true);
        }
        self.refresh()?;
        Ok(self.producer.try_write(parts))
    }

    /// Writes what waits. False: some of it still does, and the reactor has been asked to ring when there is room.
    pub(super) fn flush(&mut self) -> Result<bool, Corrupt> {
        loop {
            self.write_waiting();
            if !self.is_clogged() {
                return Ok(true);
            }
            let free = self.producer.free();
            if self.refresh()? > free {
                continue;
            }
            self.producer.ask_for_space();
            if self.refresh()? == free {
                return Ok(false);
            }
        }
    }

    /// Writes as much of what waits as fits into the room that is known of.
    fn write_waiting(&mut self) {
        while let Some(waiting) = self.overflow.front_mut() {
            let done = match &mut waiting.parcel {
                Parcel::Whole(head, body) => self.producer.try_write(&[head, body]),
                Parcel::Pieces(pieces) => pieces.write(&mut self.producer),
            };
            self.producer.publish();
            if !done {
                break;
            }
            self.on_the_way.written(self.producer.position(), waiting.effect);
            self.overflow_bytes -= waiting.weight;
            self.overflow.pop_front();
        }
    }

    /// Drops what the reactor has taken before there is much of it.
    pub(super) fn tidy(&mut self) -> Result<(), Corrupt> {
        if self.on_the_way.len() > ON_THE_WAY_LONG && self.on_the_way.len().is_power_of_two() {
            self.refresh()?;
        }
        Ok(())
    }

    /// Looks at what the reactor has taken. Answers how many bytes are free.
    pub(super) fn refresh(&mut self) -> Result<usize, Corrupt> {
        let free = self.producer.refresh()?;
        self.on_the_way.taken(self.producer.released());
        Ok(free)
    }
}

/// The body of a command to keep; a message is not copied for it.
fn share(command: &Command, body: &[u8]) -> Bytes {
    match command {
        Command::PushMany { frame, .. }
        | Command::Broadcast { frame }
        | Command::Publish { frame, .. }
        | Command::PushToUser { frame, .. } => share_of(frame, body),
        Command::SetSession { session, .. } => session.clone(),
        _ => Bytes::copy_from_slice(body),
    }
}

fn share_of(frame: &Frame, body: &[u8]) -> Bytes {
    if body.is_empty() { Bytes::new() } else { frame.body().slice_ref(body) }
}
