//! One process of the manager's, and the place that it has.

use std::time::{Duration, Instant};

/// A death so soon after a process was ready counts towards backing off.
const QUICK: Duration = Duration::from_secs(1);
/// After such a life, earlier deaths are forgotten.
const LONG: Duration = Duration::from_secs(10);
/// Deaths in a row from which on it backs off.
const DEATHS: u32 = 3;
const DELAY_MIN: Duration = Duration::from_millis(100);
const DELAY_MAX: Duration = Duration::from_secs(10);
/// Who is killed again and again is replaced at once so often in a row, and then so many times in a second.
const KILLS: u32 = 3;
const KILLS_PACE: Duration = Duration::from_millis(100);

/// A process, from when it is wanted to when it is dead.
#[derive(Debug, PartialEq)]
pub(super) struct Child {
    pub(super) slot: u16,
    pub(super) generation: u32,
    /// None: it has not been spawned yet.
    pub(super) pid: Option<u32>,
    pub(super) since: Instant,
    /// Part of the start of all slots that is under way.
    pub(super) rolled: bool,
    pub(super) state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Starting,
    /// It waits for the others of its generation.
    Ready,
    /// `retiring`: it wants to be replaced.
    Running {
        ready: Instant,
        retiring: bool,
    },
    /// Another has taken over; it finishes what it has.
    Draining {
        until: Instant,
    },
    /// It has nothing left to do.
    Leaving {
        until: Instant,
    },
    Killed,
}

impl Child {
    /// Is it on its way to take over, because its predecessor has died or retires?
    pub(super) fn is_replacement(&self) -> bool {
        !self.rolled && matches!(self.state, State::Starting | State::Ready)
    }

    pub(super) fn drains(&self) -> bool {
        matches!(self.state, State::Draining { .. })
    }
}

/// A worker's number or a user process.
#[derive(Debug, Clone, Default)]
pub(super) struct Slot {
    /// Deaths in a row that came quickly.
    deaths: u32,
    /// In a row: killed from outside, soon after it was ready.
    kills: u32,
    /// In a row: killed from outside before it was ready.
    unready_kills: u32,
    /// Not to be started before.
    pub(super) retry_at: Option<Instant>,
}

impl Slot {
    /// Its process is ready.
    pub(super) fn ready(&mut self) {
        self.unready_kills = 0;
    }

    /// Its process died of itself, after `lived` from being ready; None: before. Answers how long to wait with the next.
    pub(super) fn died(&mut self, now: Instant, lived: Option<Duration>) -> Duration {
        match lived {
            Some(lived) if lived >= LONG => self.deaths = 0,
            Some(lived) if lived >= QUICK => return Duration::ZERO,
            Some(_) => self.deaths += 1,
            None => self.deaths = (self.deaths + 1).max(DEATHS),
        }
        match self.deaths.checked_sub(DEATHS) {
            Some(further) => self.wait(now, doubled(further)),
            None => Duration::ZERO,
        }
    }

    /// As [`died`](Slot::died), by SIGKILL. That comes from outside and says nothing about the code: the next one is not made
    /// to wait longer and longer, only kept from taking a processor for itself. Who is killed before it is ready gets
    /// nowhere, for want of memory perhaps, and does back off.
    pub(super) fn killed(&mut self, now: Instant, lived: Option<Duration>) -> Duration {
        let Some(lived) = lived else {
            self.unready_kills += 1;
            return match self.unready_kills.checked_sub(2) {
                Some(further) => self.wait(now, doubled(further)),
                None => Duration::ZERO,
            };
        };
        self.kills = if lived >= QUICK { 0 } else { self.kills + 1 };
        match self.kills > KILLS {
            true => self.wait(now, KILLS_PACE.saturating_sub(lived)),
            false => Duration::ZERO,
        }
    }

    fn wait(&mut self, now: Instant, delay: Duration) -> Duration {
        self.retry_at = Some(now + delay);
        delay
    }
}

fn doubled(times: u32) -> Duration {
    DELAY_MIN.saturating_mul(1 << times.min(16)).min(DELAY_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quick_deaths_are_replaced_ever_more_slowly() {
        let now = Instant::now();
        let mut slot = Slot::default();
        let quick = Some(Duration::from_millis(10));
        let delays: Vec<u128> = (0..12).map(|_| slot.died(now, quick).as_millis()).collect();
        assert_eq!(delays, [0, 0, 100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000, 10_000]);
        assert_eq!(slot.died(now, Some(Duration::from_secs(2))), Duration::ZERO);
        assert_eq!(slot.died(now, quick), DELAY_MAX, "two seconds are not enough to forget");
        assert_eq!(slot.died(now, Some(LONG)), Duration::ZERO);
        assert_eq!(slot.died(now, quick), Duration::ZERO, "ten are");
    }

    #[test]
    fn who_is_killed_from_outside_is_replaced_quickly_however_often() {
        let now = Instant::now();
        let mut slot = Slot::default();
        let quick = Some(Duration::from_millis(10));
        let delays: Vec<u128> = (0..100).map(|_| slot.killed(now, quick).as_millis()).collect();
        assert!(delays[..3].iter().all(|delay| *delay == 0) && delays[3..].iter().all(|delay| *delay == 90));
        assert_eq!(slot.killed(now, Some(Duration::from_millis(200))), Duration::ZERO);
        assert_eq!(slot.killed(now, Some(QUICK)), Duration::ZERO);
        assert_eq!(slot.killed(now, quick), Duration::ZERO, "a second is enough to forget");
        // Its own deaths are counted apart.
        assert_eq!(slot.died(now, quick), Duration::ZERO);
    }

    #[test]
    fn who_is_killed_before_it_is_ready_backs_off() {
        let now = Instant::now();
        let mut slot = Slot::default();
        let delays: Vec<u128> = (0..4).map(|_| slot.killed(now, None).as_millis()).collect();
        assert_eq!(delays, [0, 100, 200, 400]);
        slot.ready();
        assert_eq!(slot.killed(now, None), Duration::ZERO);
    }

    #[test]
    fn a_death_before_it_was_ready_backs_off_at_once() {
        let now = Instant::now();
        let mut slot = Slot::default();
        assert_eq!(slot.died(now, None), DELAY_MIN);
        assert_eq!(slot.died(now, None), 2 * DELAY_MIN);
        assert_eq!(slot.retry_at, Some(now + 2 * DELAY_MIN));
    }
}
