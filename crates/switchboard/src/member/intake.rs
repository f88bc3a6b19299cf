//! The receiving half of one lane.

use bytes::{Buf, Bytes, BytesMut};

use crate::ipc::Corrupt;
use crate::ipc::codec::Delivery;
use crate::ipc::ring::{Assembler, Consumer, Payload, Records};
use crate::pipe::{Pipes, Receipt};

/// Fetches batches, and takes one record after the other out of them.
#[derive(Debug)]
pub(super) struct Intake {
    lane: u16,
    events: Consumer,
    assembler: Assembler,
    /// Memory for batches, used again when nothing refers to it any more.
    memory: BytesMut,
    /// What has been fetched and not been looked at, and where it starts.
    batch: Bytes,
    position: u64,
    /// Up to where everything has been dealt with, or will have been when all commands are written.
    dealt: u64,
}

impl Intake {
    /// `message_max`: bytes of the longest record.
    pub(super) fn new(lane: usize, events: Consumer, message_max: usize) -> Intake {
        Intake {
            lane: lane as u16,
            events,
            assembler: Assembler::new(message_max),
            memory: BytesMut::new(),
            batch: Bytes::new(),
            position: 0,
            dealt: 0,
        }
    }

    /// Is there something to be looked at?
    pub(super) fn has_more(&self) -> bool {
        !self.batch.is_empty() || self.events.has_more()
    }

    /// Is all that has come dealt with?
    pub(super) fn is_empty(&self) -> bool {
        !self.has_more() && self.assembler.begun().is_none()
    }

    /// What comes next. It has been dealt with when this is called again, or when it is [released](Intake::release).
    /// No command may wait for room.
    pub(super) fn next(&mut self, pipes: &Pipes) -> Result<Option<Delivery>, Corrupt> {
        self.release();
        while self.has_more() {
            if self.batch.is_empty() {
                // Before the memory is used again: nothing of the old batch refers to it.
                self.batch = Bytes::new();
                self.position = self.events.fetch_published(&mut self.memory)?;
                self.batch = self.memory.split().freeze();
            }
            if let Some(delivery) = self.take_one(pipes)? {
                return Ok(Some(delivery));
            }
        }
        Ok(None)
    }

    fn take_one(&mut self, pipes: &Pipes) -> Result<Option<Delivery>, Corrupt> {
        let mut records = Records::new(&self.batch, self.position);
        let Some(record) = records.next()? else { return Ok(None) };
        let (end, next) = (record.end, records.position());
        let whole = self.assembler.push(record)?.map(|whole| {
            let payload = match whole.payload {
                Payload::Fetched(bytes) => self.batch.slice_ref(bytes),
                Payload::Assembled(bytes) => bytes,
            };
            (payload, whole.start)
        });
        self.batch.advance((next - self.position) as usize);
        self.position = next;
        self.dealt = end;
        match whole {
            Some((payload, position)) => {
                Delivery::decode(&payload, Receipt::Lane { reactor: self.lane, position }, pipes).map(Some)
            }
            None => {
                // A piece is dealt with when it has been copied: the last one may need its room.
                self.release();
                Ok(None)
            }
        }
    }

    /// Tells the reactor how much has been dealt with. No command may wait for room.
    pub(super) fn release(&mut self) {
        self.events.advance(self.dealt);
    }

    /// Does the reactor wait for room, and has some been released?
    pub(super) fn space_wanted(&self) -> bool {
        self.events.space_wanted()
    }

    /// Up to where the reactor has been told.
    pub(super) fn released(&self) -> u64 {
        self.events.released()
    }
}
