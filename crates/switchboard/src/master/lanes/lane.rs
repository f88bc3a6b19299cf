//! One process's lane to this reactor.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use bytes::{Bytes, BytesMut};

use super::parcel::{Blame, Credit, Parcel};
use super::route::SourceKey;
use super::{Gauge, HttpGate, LaneSetup};
use crate::ConnectionId;
use crate::instance::InstanceId;
use crate::ipc::Corrupt;
use crate::ipc::channel::{Marks, MasterLane};
use crate::ipc::codec::{Mark, encode_event, message_head};
use crate::ipc::ring::{Assembler, PieceWriter, Record, record_bytes};
use crate::pipe::Slot;
use crate::reactor::READ_BYTES;
use crate::sys::Doorbell;
use crate::worker::Payload;

/// See the module. Everything that the process can write is checked.
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) instance: InstanceId,
    pub(super) slot: Slot,
    pub(super) rings: MasterLane,
    pub(super) marks: Marks,
    bell: Arc<Doorbell>,
    /// Watched for as long as it is open.
    _heard: Doorbell,
    pub(super) http: Arc<dyn HttpGate>,
    gauge: Arc<Gauge>,
    shown: (u64, u64),
    /// What is in the event ring, in order.
    given: VecDeque<Given>,
    /// How many of them the process has released.
    judged: usize,
    /// Up to where it has released, when that was last looked at.
    head: u64,
    /// Where it was when this turn began: to be judged when the commands from before that have been carried out.
    sampled: u64,
    /// Released, not handled, and no longer in the ring because the room was needed.
    parked: HashMap<u64, Given>,
    /// A message that is too large for one record.
    writing: Option<(PieceWriter, Given)>,
    /// What is no event and found no room, in order.
    backlog: VecDeque<(Vec<u8>, Bytes)>,
    backlog_bytes: usize,
    /// At which no more is asked.
    backlog_max: usize,
    /// Events that it has been given and has not handled.
    pub(super) outstanding: usize,
    /// What it has sent others and they have not taken, by weight.
    pub(super) piped: usize,
    pub(super) assembler: Assembler,
    /// Up to where the commands are carried out in this turn.
    looked: u64,
    /// The one that is being carried out.
    pub(super) record: Record,
    /// Up to where the process has been asked whether it waits for room.
    told: u64,
    /// Room that sockets which waited have been promised in this turn.
    promised: usize,
    /// Something has been written since the bell was last thought of.
    dirty: bool,
    pub(super) broken: bool,
    /// It has ended; by itself?
    pub(super) dead: Option<bool>,
    /// A slot has been routed to it.
    pub(super) was_routed: bool,
    pub(super) reported_idle: bool,
}

/// Whose event has been handled, and who is told so.
pub(super) type Done = (SourceKey, Option<Credit>);

/// An event that the process has been given.
#[derive(Debug)]
pub(super) struct Given {
    pub(super) key: SourceKey,
    /// Where its record, or the first piece of it, starts.
    pub(super) start: u64,
    end: u64,
    pub(super) progress: Progress,
    pub(super) blame: Blame,
    pub(super) credit: Option<Credit>,
    /// Its bytes, if they do not stand in the ring in one piece.
    retained: Option<Box<(Bytes, Bytes)>>,
}

/// How far an event is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    Given,
    /// It waits behind another.
    Waits,
    /// Its handler is pending.
    GoesOn,
    Handled,
}

impl Lane {
    pub(super) fn new(setup: LaneSetup, order_bytes_max: usize, backlog_max: usize) -> Lane {
        let LaneSetup { instance, slot, lane, marks, bell, heard, http, gauge } = setup;
        Lane {
            instance,
            slot,
            rings: lane,
            marks,
            bell,
            _heard: heard,
            http,
            gauge,
            shown: (0, 0),
            given: VecDeque::new(),
            judged: 0,
            head: 0,
            sampled: 0,
            parked: HashMap::new(),
            writing: None,
            backlog: VecDeque::new(),
            backlog_bytes: 0,
            backlog_max,
            outstanding: 0,
            piped: 0,
            assembler: Assembler::new(order_bytes_max),
            looked: 0,
            record: Record::default(),
            told: 0,
            promised: 0,
            dirty: false,
            broken: false,
            dead: None,
            was_routed: false,
            reported_idle: false,
        }
    }

    /// Can it take events?
    pub(super) fn is_open(&self) -> bool {
        !self.broken && self.dead.is_none() && self.writing.is_none() && self.backlog.is_empty()
    }

    /// Is there room for what a socket may hold?
    pub(super) fn has_room(&self) -> bool {
        self.is_open() && self.rings.events.free() >= self.read_bytes()
    }

    /// The same, if room has to be made.
    pub(super) fn finds_room(&mut self) -> bool {
        let bytes = self.read_bytes();
        self.is_open() && (self.rings.events.free() >= bytes || self.make_room(bytes))
    }

    /// The same, once for each socket that waits: they are told of it all together, and read from later.
    pub(super) fn promise_room(&mut self) -> bool {
        let promised = self.promised + self.read_bytes();
        let room = self.is_open() && (self.rings.events.free() >= promised || self.make_room(promised));
        if room {
            self.promised = promised;
        }
        room
    }

    /// What is reckoned with for a read.
    fn read_bytes(&self) -> usize {
        READ_BYTES.min(2 * self.rings.events.payload_max())
    }

    /// Must answers wait before more is asked?
    pub(super) fn is_crowded(&self) -> bool {
        self.backlog_bytes > self.backlog_max
    }

    /// It has not taken what it is told for so long that this takes too much memory.
    pub(super) fn is_overrun(&self) -> bool {
        self.backlog_bytes > self.backlog_max.saturating_mul(4)
    }

    /// Gives the process an event, or gives that back if there is no room.
    pub(super) fn give(&mut self, key: SourceKey, parcel: Parcel, head: &mut Vec<u8>) -> Option<Parcel> {
        if !self.is_open() {
            return Some(parcel);
        }
        let bytes_max = parcel.bytes_max();
        let in_pieces = bytes_max > self.rings.events.payload_max();
        // The record's own header, and what it is rounded up to.
        if !in_pieces && bytes_max + 16 > self.rings.events.free() && !self.make_room(bytes_max + 16) {
            return Some(parcel);
        }
        let start = self.rings.events.position();
        let Parcel { event, blame, credit, .. } = parcel;
        let body = encode_event(event, head);
        let progress = Progress::Given;
        let mut given = Given { key, start, end: start, progress, blame, credit, retained: None };
        self.outstanding += 1;
        self.dirty = true;
        if !in_pieces && self.rings.events.try_write(&[head, &body]) {
            given.end = self.rings.events.position();
            self.given.push_back(given);
            return None;
        }
        let head = Bytes::copy_from_slice(head);
        given.retained = Some(Box::new((head.clone(), body.clone())));
        self.writing = Some((PieceWriter::new(head, body), given));
        self.write_pieces();
        None
    }

    /// As [`give`](Lane::give), for a message that fits into one record. False: it cannot be given like this.
    pub(super) fn give_message(
        &mut self,
        key: SourceKey,
        id: ConnectionId,
        session: &[u8],
        payload: Payload<'_>,
    ) -> bool {
        let parts = [&message_head(id, session, payload.kind), session, payload.bytes];
        let len = parts.iter().map(|part| part.len()).sum::<usize>();
        if !self.is_open() || len > self.rings.events.payload_max() {
            return false;
        }
        if len + 16 > self.rings.events.free() && !self.make_room(len + 16) {
            return false;
        }
        let start = self.rings.events.position();
        // Before the message is copied: what is put together here would wait until the processor has done with that.
        self.given.push_back(Given {
            key,
            start,
            end: start + record_bytes(len) as u64,
            progress: Progress::Given,
            blame: Blame::default(),
            credit: None,
            retained: None,
        });
        if !self.rings.events.try_write(&parts) {
            self.given.pop_back();
            return false;
        }
        self.outstanding += 1;
        self.dirty = true;
        true
    }

    fn write_pieces(&mut self) {
        let Some((mut writer, mut given)) = self.writing.take() else { return };
        self.dirty = true;
        let piece = self.rings.events.payload_max() + 16;
        while !writer.write(&mut self.rings.events) {
            if !self.make_room(piece) {
                self.writing = Some((writer, given));
                return;
            }
        }
        given.start = writer.start().unwrap_or(given.start);
        given.end = self.rings.events.position();
        self.given.push_back(given);
    }

    /// Tells the process something that is no event.
    pub(super) fn tell(&mut self, head: &[u8], body: Bytes) {
        if self.dead.is_some() || self.broken {
            return;
        }
        let len = head.len() + body.len();
        let fits = len <= self.rings.events.payload_max();
        if self.is_open() && fits && self.rings.events.try_write(&[head, &body]) {
            self.dirty = true;
            return;
        }
        self.backlog_bytes += len;
        self.backlog.push_back((head.to_vec(), body));
    }

    /// Writes on what found no room before.
    pub(super) fn write_on(&mut self) {
        self.write_pieces();
        while self.writing.is_none()
            && let Some((head, body)) = self.backlog.pop_front()
        {
            let len = head.len() + body.len();
            if len > self.rings.events.payload_max() {
                self.backlog_bytes -= len;
                let position = self.rings.events.position();
                self.writing = Some((PieceWriter::new(head, body), Given::nothing(position)));
                self.write_pieces();
                continue;
            }
            let room = self.make_room(len + 16);
            if !room || !self.rings.events.try_write(&[&head, &body]) {
                return self.backlog.push_front((head, body));
            }
            self.backlog_bytes -= len;
            self.dirty = true;
        }
    }

    /// Has something waited for room?
    pub(super) fn is_waiting(&self) -> bool {
        self.writing.is_some() || !self.backlog.is_empty()
    }

    /// Gives the room of what has been handled free; if that is not enough, copies out what is being handled.
    fn make_room(&mut self, bytes: usize) -> bool {
        while self.judged > 0
            && let Some(front) = self.given.front_mut()
        {
            if front.progress != Progress::Handled {
                if front.retained.is_none() {
                    if self.rings.events.free() >= bytes {
                        break;
                    }
                    let Ok((_, copy)) = self.rings.events.record_at(front.start) else { break };
                    front.retained = Some(Box::new((copy.into(), Bytes::new())));
                }
                if let Some(front) = self.given.pop_front() {
                    self.parked.insert(front.start, front);
                }
            } else {
                self.given.pop_front();
            }
            self.judged -= 1;
            self.accept();
        }
        self.accept();
        self.rings.events.free() >= bytes
    }

    /// Gives free what nobody needs any more.
    fn accept(&mut self) {
        let needs_its_room = |given: &&Given| given.retained.is_none() && given.progress != Progress::Handled;
        let oldest = self.given.iter().find(needs_its_room);
        let limit = oldest.map_or(self.head, |given| given.start.min(self.head));
        self.rings.events.accept(limit.max(self.rings.events.released()));
    }

    /// Looks how far the process is. What it says of that in commands has been said before.
    pub(super) fn sample(&mut self) -> Result<(), Corrupt> {
        self.sampled = self.rings.events.sample()?;
        Ok(())
    }

    /// Looks which commands there are.
    pub(super) fn look(&mut self) -> Result<(), Corrupt> {
        // Whoever does not take its answers gets no more of them.
        if self.dead.is_some() || !self.is_crowded() {
            self.looked = self.rings.commands.published()?;
        }
        Ok(())
    }

    /// Goes on to the next of the commands that have been looked at.
    pub(super) fn next_record(&mut self) -> Result<bool, Corrupt> {
        Ok(!self.broken && self.rings.commands.next(self.looked, &mut self.record)?)
    }

    /// What has been fetched has been carried out: a process that waits for room is told so.
    pub(super) fn release(&mut self) {
        let fetched = self.rings.commands.fetched();
        if fetched != self.told && self.rings.commands.release(fetched) {
            self.bell.ring();
        }
        self.told = fetched;
    }

    /// Notes what the process has released without saying that it goes on. `done` gets whose events have been handled.
    pub(super) fn judge(&mut self, done: &mut Vec<Done>) {
        self.head = self.sampled.max(self.head);
        while let Some(given) = self.given.get_mut(self.judged)
            && given.end <= self.head
        {
            if given.progress == Progress::Given {
                given.progress = Progress::Handled;
                self.outstanding -= 1;
                done.push((given.key, given.credit.take()));
            }
            self.judged += 1;
        }
        while self.judged > 0 && self.given.front().is_some_and(|given| given.progress == Progress::Handled) {
            self.given.pop_front();
            self.judged -= 1;
        }
        self.accept();
    }

    /// Notes what the process says of an event. `done` gets whose it was if it has been handled.
    pub(super) fn mark(&mut self, mark: Mark, position: u64, done: &mut Vec<Done>) -> Result<(), Corrupt> {
        let index = self.given.binary_search_by_key(&position, |given| given.start);
        let given = match index {
            Ok(index) => self.given.get_mut(index),
            Err(_) => self.parked.get_mut(&position),
        };
        let given = given.ok_or(Corrupt("a mark on an event that is not outstanding"))?;
        given.progress = match (mark, given.progress) {
            (Mark::Waits, Progress::Given) => Progress::Waits,
            (Mark::GoesOn, Progress::Given) | (Mark::Begins, Progress::Waits) => Progress::GoesOn,
            (Mark::Finishes, Progress::Waits | Progress::GoesOn) => Progress::Handled,
            _ => return Err(Corrupt("a mark that does not follow from the ones before")),
        };
        if given.progress == Progress::Handled {
            done.push((given.key, given.credit.take()));
            self.outstanding -= 1;
            self.parked.remove(&position);
        }
        Ok(())
    }

    /// Shows the process what has been written, and wakes it if it sleeps.
    pub(super) fn publish(&mut self) {
        self.promised = 0;
        if std::mem::take(&mut self.dirty) {
            self.rings.events.publish();
            if self.rings.worker_sleeping.wake() {
                self.bell.ring();
            }
        }
    }

    /// Has the process tell when it has released something.
    pub(super) fn ask_for_release(&self) {
        self.rings.events.ask_for_space();
    }

    /// Is there something that the reactor has not seen?
    pub(super) fn has_news(&self, releases_matter: bool) -> bool {
        if self.dead.is_some() || self.broken {
            return self.dead.is_some();
        }
        self.rings.commands.has_more() && !self.is_crowded()
            || releases_matter && self.rings.events.sample().is_ok_and(|head| head != self.head)
    }

    pub(super) fn show(&mut self, queued: u64) {
        Gauge::correct(&self.gauge.outstanding, &mut self.shown.0, self.outstanding as u64);
        Gauge::correct(&self.gauge.queued, &mut self.shown.1, queued);
    }

    /// Everything that has been given and not been handled, in order, each with its bytes.
    pub(super) fn take_unfinished(&mut self) -> Vec<(Given, Bytes)> {
        let mut all: Vec<Given> = std::mem::take(&mut self.parked).into_values().collect();
        all.sort_unstable_by_key(|given| given.start);
        all.extend(self.given.drain(..));
        all.extend(self.writing.take().map(|(_, given)| given));
        all.retain(|given| given.progress != Progress::Handled);
        self.outstanding = 0;
        let with_bytes = |mut given: Given| {
            let bytes = match given.retained.take() {
                Some(retained) => joined(*retained),
                // In the event ring, where nobody but this thread writes.
                None => {
                    self.rings.events.record_at(given.start).map_or(Bytes::new(), |(_, bytes)| bytes.into())
                }
            };
            (given, bytes)
        };
        all.into_iter().map(with_bytes).collect()
    }
}

impl Given {
    /// Stands for something that is no event.
    fn nothing(position: u64) -> Given {
        Given {
            key: SourceKey::none(),
            start: position,
            end: position,
            progress: Progress::Handled,
            blame: Blame::default(),
            credit: None,
            retained: None,
        }
    }
}

fn joined((head, body): (Bytes, Bytes)) -> Bytes {
    if body.is_empty() {
        return head;
    }
    let mut bytes = BytesMut::with_capacity(head.len() + body.len());
    bytes.extend_from_slice(&head);
    bytes.extend_from_slice(&body);
    bytes.freeze()
}
