//! What the master is told of events that are not handled at once.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::sync::Arc;

use super::ports::RingPorts;
use crate::ipc::channel::{EventPlace, Marks};
use crate::ipc::codec::Mark;
use crate::pipe::Receipt;
use crate::worker::Journal;

/// Puts marks into the lanes from which the events came.
#[derive(Debug)]
pub(super) struct RingJournal {
    ports: Arc<RingPorts>,
    marks: Marks,
    /// Finished while commands waited for room: those are to be in their rings before.
    late: RefCell<VecDeque<EventPlace>>,
    /// An event is being taken out of its ring.
    taking: Cell<bool>,
    /// One that was taken and polled, and that its reactor takes for untouched until it is released: it stays marked as
    /// being polled for so long, or it would be handled again after a death and not say so.
    unreleased: Cell<Option<EventPlace>>,
}

impl RingJournal {
    pub(super) fn new(ports: Arc<RingPorts>, marks: Marks) -> RingJournal {
        let (taking, unreleased) = (Cell::new(false), Cell::new(None));
        RingJournal { ports, marks, late: RefCell::default(), taking, unreleased }
    }

    /// What is polled next is an event that is taken out of its ring, or is one no more.
    pub(super) fn set_taking(&self, taking: bool) {
        self.taking.set(taking);
    }

    /// Everything that has been taken has been released.
    pub(super) fn released(&self) {
        if self.unreleased.take().is_some() {
            self.marks.set_polling(None);
        }
    }

    /// Says what could not be said before, as far as it can be now. False: something is left.
    pub(super) fn settle(&self) -> bool {
        let mut late = self.late.borrow_mut();
        while !late.is_empty() && !self.ports.is_clogged() {
            let Some(place) = late.pop_front() else { break };
            self.ports.mark(place.reactor, Mark::Finishes, place.position);
        }
        late.is_empty()
    }

    fn mark(&self, mark: Mark, receipt: &Receipt) {
        if let Some(place) = place(receipt) {
            self.ports.mark(place.reactor, mark, place.position);
        }
    }
}

fn place(receipt: &Receipt) -> Option<EventPlace> {
    match receipt {
        Receipt::Lane { reactor, position } => {
            Some(EventPlace { reactor: usize::from(*reactor), position: *position })
        }
        _ => None,
    }
}

impl Journal for RingJournal {
    fn polls(&self, receipt: Option<&Receipt>) {
        let polled = receipt.and_then(place);
        if self.taking.get() {
            match polled {
                Some(_) => self.unreleased.set(polled),
                None => return,
            }
        }
        self.marks.set_polling(polled.or(self.unreleased.get()));
    }

    fn tries(&self, receipt: Option<&Receipt>) {
        self.marks.set_suspect(receipt.and_then(place));
    }

    fn waits(&self, receipt: &Receipt) {
        self.mark(Mark::Waits, receipt);
    }

    fn begins(&self, receipt: &Receipt) {
        self.mark(Mark::Begins, receipt);
    }

    fn goes_on(&self, receipt: &Receipt) {
        self.mark(Mark::GoesOn, receipt);
    }

    fn finishes(&self, receipt: Receipt) {
        let Some(place) = place(&receipt) else { return };
        self.late.borrow_mut().push_back(place);
        // What cannot be said now is said when the main task has been woken because there is room.
        self.settle();
    }

    fn calms_down(&self) {
        self.ports.alarm.ring();
    }
}
