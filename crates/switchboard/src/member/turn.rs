//! While the main task works, bells are collected.

use std::cell::Cell;
use std::time::{Duration, Instant};

use super::ports::RingPorts;

/// How long a reactor that sleeps may wait for what a turn has produced.
const BELLS_MAX: Duration = Duration::from_millis(1);

/// How long a turn goes on when there is more to do.
const TURN_MAX: Duration = Duration::from_millis(4);

thread_local! {
    static IN_TURN: Cell<bool> = const { Cell::new(false) };
}

/// Is this thread in a turn, at the end of which all bells are rung?
pub(super) fn is_own() -> bool {
    IN_TURN.get()
}

/// One turn of the main task, on its thread.
#[derive(Debug)]
pub(super) struct Turn<'a> {
    ports: &'a RingPorts,
    began: Instant,
    rung: Instant,
}

impl<'a> Turn<'a> {
    pub(super) fn begin(ports: &'a RingPorts) -> Turn<'a> {
        IN_TURN.set(true);
        let now = Instant::now();
        Turn { ports, began: now, rung: now }
    }

    /// An event has been dealt with. False: the turn has lasted long enough.
    pub(super) fn goes_on(&mut self) -> bool {
        let now = Instant::now();
        if now - self.rung > BELLS_MAX {
            self.rung = now;
            self.ports.ring_all();
        }
        now - self.began < TURN_MAX
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        IN_TURN.set(false);
        self.ports.ring_all();
    }
}
