//! While the main task works, bells are collected.

use std::cell::Cell;
use std::time::Duration;

use rustix::time::{ClockId, Timespec, clock_gettime};

use super::ports::RingPorts;

/// How long a turn goes on when there is more to do: a tick of the clock, or two.
const TURN_MAX: Duration = Duration::from_millis(8);

thread_local! {
    static IN_TURN: Cell<bool> = const { Cell::new(false) };
    /// Which event is being handled, if it is the last one that waits; else 0.
    static LAST: Cell<u64> = const { Cell::new(0) };
    static EVENTS: Cell<u64> = const { Cell::new(0) };
}

/// Is this thread in a turn, at the end of which all bells are rung?
pub(super) fn is_own() -> bool {
    IN_TURN.get()
}

/// An event is about to be handled. With the last one that waits, there is nothing more that bells could be collected for, and
/// its handler may block: each reactor's bell is rung at what that handler writes first.
pub(super) fn begin_event(is_last: bool) {
    EVENTS.set(EVENTS.get() + 1);
    LAST.set(if is_last { EVENTS.get() } else { 0 });
}

/// The last event, so long as it is being handled; else 0.
pub(super) fn last_event() -> u64 {
    LAST.get()
}

/// One turn of the main task, on its thread.
#[derive(Debug)]
pub(super) struct Turn<'a> {
    ports: &'a RingPorts,
    began: Timespec,
    /// When bells were last rung: a reactor that sleeps waits for about a tick of the clock at the longest.
    rung: Timespec,
}

impl<'a> Turn<'a> {
    pub(super) fn begin(ports: &'a RingPorts) -> Turn<'a> {
        IN_TURN.set(true);
        let now = now();
        Turn { ports, began: now, rung: now }
    }

    /// An event has been dealt with. False: the turn has lasted long enough.
    pub(super) fn goes_on(&mut self) -> bool {
        let now = now();
        if now != self.rung {
            self.rung = now;
            self.ports.ring_all();
        }
        Duration::try_from(now - self.began).is_ok_and(|lasted| lasted < TURN_MAX)
    }
}

/// A clock that ticks every few milliseconds: it is looked at after every event.
fn now() -> Timespec {
    clock_gettime(ClockId::MonotonicCoarse)
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        IN_TURN.set(false);
        LAST.set(0);
        self.ports.ring_all();
    }
}
