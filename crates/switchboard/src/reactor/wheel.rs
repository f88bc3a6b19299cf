//! A timer wheel: coarse, and free for connections whose time has not come.

/// The length of a tick in milliseconds.
const TICK_MS: u64 = 64;
/// Ticks that the wheel holds: a little over half a minute. What is due later is looked at once a round.
const SLOTS: usize = 512;
/// Entries for which a slot keeps its memory: else each would keep what the largest burst of its ticks has needed.
const KEPT_ENTRIES: usize = 16;

/// Entries are never removed: whoever is told that its time has come checks whether that is still so.
#[derive(Debug)]
pub(super) struct Wheel<T> {
    slots: Box<[Vec<T>]>,
    /// A bit for each slot that is not empty.
    occupied: [u64; SLOTS / 64],
    /// The first tick that has not been handed out.
    tick: u64,
}

impl<T> Wheel<T> {
    pub(super) fn new(now_ms: u64) -> Wheel<T> {
        let slots = (0..SLOTS).map(|_| Vec::new()).collect();
        Wheel { slots, occupied: [0; SLOTS / 64], tick: now_ms / TICK_MS }
    }

    /// Has `entry` handed out at the first tick that begins at or after `at_ms`, or after one round of the wheel if
    /// that is sooner. Answers when that will be.
    pub(super) fn schedule(&mut self, at_ms: u64, entry: T) -> u64 {
        let tick = at_ms.div_ceil(TICK_MS).clamp(self.tick, self.tick + SLOTS as u64 - 1);
        let slot = tick as usize % SLOTS;
        self.slots[slot].push(entry);
        self.occupied[slot / 64] |= 1 << (slot % 64);
        tick * TICK_MS
    }

    /// Moves everything that is due by `now_ms` to `due`.
    pub(super) fn advance(&mut self, now_ms: u64, due: &mut Vec<T>) {
        let now = now_ms / TICK_MS;
        let behind = (now + 1).saturating_sub(self.tick).min(SLOTS as u64);
        for tick in self.tick..self.tick + behind {
            let slot = tick as usize % SLOTS;
            if self.occupied[slot / 64] & (1 << (slot % 64)) != 0 {
                let entries = &mut self.slots[slot];
                due.append(entries);
                entries.shrink_to(KEPT_ENTRIES);
                self.occupied[slot / 64] &= !(1 << (slot % 64));
            }
        }
        self.tick = self.tick.max(now + 1);
    }

    /// When the next entry is due, if there is one.
    pub(super) fn next_ms(&self) -> Option<u64> {
        let start = self.tick as usize % SLOTS;
        // One word more than there are: the first is looked at in two halves.
        for step in 0..=self.occupied.len() {
            let index = (start / 64 + step) % self.occupied.len();
            let mask = match step {
                0 => u64::MAX << (start % 64),
                step if step == self.occupied.len() => !(u64::MAX << (start % 64)),
                _ => u64::MAX,
            };
            let word = self.occupied[index] & mask;
            if word != 0 {
                let slot = index * 64 + word.trailing_zeros() as usize;
                let ahead = (slot + SLOTS - start) % SLOTS;
                return Some((self.tick + ahead as u64) * TICK_MS);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_memory_of_a_burst_is_given_back() {
        let (mut wheel, mut due) = (Wheel::new(0), Vec::new());
        for tick in 0..SLOTS as u64 {
            for _ in 0..1_000 {
                wheel.schedule(tick * TICK_MS, tick);
            }
            wheel.advance(tick * TICK_MS, &mut due);
            assert_eq!(due.drain(..).len(), 1_000);
        }
        let kept: usize = wheel.slots.iter().map(Vec::capacity).sum();
        assert!(kept <= SLOTS * KEPT_ENTRIES, "{kept} entries");
    }

    proptest! {
        #[test]
        fn entries_come_out_in_time_and_never_early(times in proptest::collection::vec(0..60_000u64, 1..50), steps in proptest::collection::vec(1..5_000u64, 1..50)) {
            let mut now = 1_000_000;
            let mut wheel = Wheel::new(now);
            let horizon = SLOTS as u64 * TICK_MS;
            let mut promised: Vec<u64> = times.iter().map(|at| {
                let at = now + at;
                let promise = wheel.schedule(at, at);
                assert!(promise >= at.min(now + horizon - 2 * TICK_MS) && promise < at.max(now) + TICK_MS);
                promise
            }).collect();
            promised.sort_unstable();
            let mut out = Vec::new();
            for step in steps {
                prop_assert_eq!(wheel.next_ms(), promised.get(out.len()).copied());
                now += step;
                wheel.advance(now, &mut out);
                let expected = promised.iter().filter(|promise| **promise <= now).count();
                prop_assert_eq!(out.len(), expected);
            }
        }
    }
}
