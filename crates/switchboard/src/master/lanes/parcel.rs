//! An event on its way.

use crate::event::{Event, EventKind};
use crate::instance::InstanceId;
use crate::pipe::Receipt;

/// An event that has not been given out, or is to be given out again.
#[derive(Debug)]
pub(super) struct Parcel {
    pub(super) event: Event,
    /// Processes that it has killed.
    pub(super) blame: u8,
    pub(super) credit: Option<Credit>,
}

/// What a message between processes gives back when it has been handled.
#[derive(Debug)]
pub(super) enum Credit {
    /// This process is told that a message of this weight has been.
    Tell(InstanceId, u32),
    /// Its sender is in this process.
    Here(#[expect(dead_code, reason = "being dropped is all that it is for")] Receipt),
}

impl Parcel {
    pub(super) fn new(event: Event) -> Parcel {
        Parcel { event, blame: 0, credit: None }
    }

    pub(super) fn is_message(&self) -> bool {
        matches!(self.event.kind, EventKind::Message(_))
    }

    /// An upper bound of the bytes that it makes in a ring.
    pub(super) fn bytes_max(&self) -> usize {
        /// Everything in a record that is of one length: numbers, lengths, addresses.
        const FIXED: usize = 96;
        let event = &self.event;
        let carried = match &event.kind {
            EventKind::Authorize(request) => request.head().len(),
            EventKind::Open(request) => request.head().len() + request.subprotocol().map_or(0, str::len),
            EventKind::Message(message) => message.len(),
            EventKind::Drain => 0,
            EventKind::Close(closed) => closed.reason.len(),
            EventKind::Pipe(message) => message.body().len(),
        };
        FIXED + event.session.len() + carried
    }
}
