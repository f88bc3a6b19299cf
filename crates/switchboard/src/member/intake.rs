//! The receiving half of one lane.

use crate::ipc::Corrupt;
use crate::ipc::codec::Delivery;
use crate::ipc::ring::{Assembler, Consumer, Record, Whole};
use crate::pipe::{Pipes, Receipt};

/// Takes one record after the other, each into memory of its own: a message that a handler keeps keeps nothing else alive,
/// and the memory of one that it does not keep is used again for the next.
#[derive(Debug)]
pub(super) struct Intake {
    lane: u16,
    events: Consumer,
    assembler: Assembler,
    /// Up to where records were published, when that was last looked at.
    published: u64,
    /// Up to where everything has been dealt with, or will have been when all commands are written.
    dealt: u64,
}

impl Intake {
    /// `message_max`: bytes of the longest record.
    pub(super) fn new(lane: usize, events: Consumer, message_max: usize) -> Intake {
        Intake { lane: lane as u16, events, assembler: Assembler::new(message_max), published: 0, dealt: 0 }
    }

    /// What a record of it says.
    pub(super) fn decode(&self, whole: Whole, pipes: &Pipes) -> Result<Delivery, Corrupt> {
        let receipt = Receipt::Lane { reactor: self.lane, position: whole.start };
        Delivery::decode(whole.payload, receipt, pipes)
    }

    /// Is there something to be looked at?
    pub(super) fn has_more(&self) -> bool {
        self.published != self.events.fetched() || self.events.has_more()
    }

    /// Is all that has come dealt with?
    pub(super) fn is_empty(&self) -> bool {
        !self.has_more() && self.assembler.begun().is_none()
    }

    /// What comes next. It has been dealt with when this is called again, or when it is [released](Intake::release).
    /// No command may wait for room.
    pub(super) fn next(&mut self) -> Result<Option<Whole>, Corrupt> {
        loop {
            // A piece, too, is dealt with when it has been copied: the last one may need its room.
            self.release();
            if self.published == self.events.fetched() {
                self.published = self.events.published()?;
            }
            let mut record = Record::default();
            if !self.events.next(self.published, &mut record)? {
                return Ok(None);
            }
            self.dealt = record.end;
            let mut payload = Vec::with_capacity(record.len);
            self.events.copy(&record, 0, &mut payload);
            if let Some(whole) = self.assembler.push(&record, &mut payload)? {
                return Ok(Some(whole));
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
