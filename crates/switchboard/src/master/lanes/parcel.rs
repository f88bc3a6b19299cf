//! An event on its way.

use crate::event::{Event, EventKind};
use crate::instance::InstanceId;
use crate::pipe::Receipt;

/// An event that has not been given out, or is to be given out again.
#[derive(Debug)]
pub(super) struct Parcel {
    pub(super) event: Event,
    pub(super) blame: Blame,
    pub(super) credit: Option<Credit>,
    /// It has been read though there was no room.
    pub(super) is_excess: bool,
}

/// The processes that died while they handled an event.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Blame {
    /// Of themselves: it is the event that killed them.
    deaths: u8,
    /// Of themselves, while the event was tried alone and another was being polled: most likely it is this one.
    doubtful: u8,
    /// By SIGKILL: from outside, or because there was no memory left.
    kills: u8,
}

/// So many doubtful deaths count as one that is certain. Without them an event whose worker dies of it only later, in another
/// thread, would not be found out in a worker that is always polling something.
const DOUBTFUL_PER_DEATH: u32 = 2;

/// So many kills count as one death of a process of itself: nobody's connection is closed because somebody kills workers, and an
/// event that uses up all memory does not do so for ever.
const KILLS_PER_DEATH: u32 = 8;

impl Blame {
    /// One more.
    pub(super) fn add(&mut self, of_itself: bool) {
        let count = if of_itself { &mut self.deaths } else { &mut self.kills };
        *count = count.saturating_add(1);
    }

    /// One more that is doubtful.
    pub(super) fn add_doubtful(&mut self) {
        self.doubtful = self.doubtful.saturating_add(1);
    }

    /// The deaths that it may have caused.
    pub(super) fn deaths(self) -> u32 {
        [self.deaths, self.doubtful, self.kills].into_iter().map(u32::from).sum()
    }

    /// Is that too much?
    pub(super) fn is_too_much(self, max_attempts: u32) -> bool {
        let certain = u32::from(self.deaths);
        let doubtful = u32::from(self.doubtful) / DOUBTFUL_PER_DEATH;
        certain + doubtful + u32::from(self.kills) / KILLS_PER_DEATH >= max_attempts
    }
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
        Parcel { event, blame: Blame::default(), credit: None, is_excess: false }
    }

    pub(super) fn is_message(&self) -> bool {
        matches!(self.event.kind, EventKind::Message(_))
    }

    /// What it takes, if it has been read though there was no room.
    pub(super) fn excess_bytes(&self) -> usize {
        if self.is_excess { self.bytes_max() } else { 0 }
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
