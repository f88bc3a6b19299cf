//! From the start of a process to its death.

use std::time::Instant;

use super::child::State;
use super::{Death, Key, Machine};
use crate::ipc::control::FromManager;

/// Processes of one slot that may drain at one time.
const DRAINING_MAX: usize = 4;

impl Machine {
    /// A process has been spawned, and the master told, or it could not be.
    pub(in crate::manager) fn spawned(&mut self, now: Instant, key: Key, spawned: Result<u32, String>) {
        let Some(child) = self.children.get_mut(&key) else { return };
        let slot = child.slot;
        match spawned {
            Ok(pid) => {
                child.pid = Some(pid);
                child.since = now;
            }
            Err(reason) => {
                let rolled = child.rolled;
                self.children.remove(&key);
                let reason = format!("{} could not be started: {reason}", self.name(slot));
                self.not_ready(now, slot, rolled, false, &reason);
            }
        }
        self.tick(now);
    }

    pub(super) fn ready(&mut self, now: Instant, pid: u32) {
        let Some(key) = self.key_of(pid) else { return };
        let Some(child) = self.children.get_mut(&key) else { return };
        if child.state != State::Starting {
            return;
        }
        child.state = State::Ready;
        self.slots[usize::from(child.slot)].ready();
        if !child.rolled {
            self.activate(now, &[key]);
        }
    }

    /// They take over from those that run in their slots.
    pub(super) fn activate(&mut self, now: Instant, keys: &[Key]) {
        let until = now + self.drain_timeout;
        let mut processes = Vec::with_capacity(keys.len());
        let mut generation = self.generation;
        for key in keys {
            let Some(child) = self.children.get_mut(key) else { continue };
            let (slot, pid) = (child.slot, child.pid);
            generation = child.generation;
            child.rolled = false;
            child.state = State::Running { ready: now, retiring: false };
            processes.extend(pid.map(|pid| (slot, pid)));
            let others = self.children.iter_mut().filter(|(other, _)| *other != key);
            for (_, old) in others.filter(|(_, old)| old.slot == slot) {
                if matches!(old.state, State::Running { .. }) {
                    old.state = State::Draining { until };
                }
            }
        }
        self.send(FromManager::Activate { generation, processes });
    }

    pub(super) fn start_failed(&mut self, now: Instant, pid: u32, reason: &str) {
        let Some(key) = self.key_of(pid) else { return };
        let Some(child) = self.children.get(&key) else { return };
        if !matches!(child.state, State::Starting | State::Ready) {
            return;
        }
        let (slot, rolled) = (child.slot, child.rolled);
        self.kill_where(|child| child.pid == Some(pid));
        let reason = format!("{}: {reason}", self.name(slot));
        self.not_ready(now, slot, rolled, false, &reason);
    }

    pub(super) fn retire(&mut self, pid: u32) {
        let Some(key) = self.key_of(pid) else { return };
        if let Some(child) = self.children.get_mut(&key)
            && let State::Running { retiring, .. } = &mut child.state
        {
            *retiring = true;
        }
    }

    pub(super) fn drained(&mut self, pid: u32) {
        let Some(key) = self.key_of(pid) else { return };
        if let Some(child) = self.children.get_mut(&key)
            && let State::Draining { until } = child.state
        {
            child.state = State::Leaving { until };
        }
    }

    pub(in crate::manager) fn died(&mut self, now: Instant, pid: u32, how: Death) {
        let Some(child) = self.key_of(pid).and_then(|key| self.children.remove(&key)) else { return };
        self.send(FromManager::Died { pid, how });
        let name = self.name(child.slot);
        let generation = child.generation;
        match child.state {
            State::Killed => {}
            _ if self.stopping.is_some() => {}
            State::Starting | State::Ready => {
                let reason = format!("{name} {how} before it was ready");
                self.not_ready(now, child.slot, child.rolled, how.is_sigkill(), &reason);
            }
            State::Draining { .. } | State::Leaving { .. } => {
                // Of adopted ones nothing is known.
                if !matches!(how, Death::Exited(0) | Death::Unknown) {
                    tracing::warn!(pid, generation, "{name} {how} while it drained");
                }
            }
            State::Running { ready, .. } => {
                let lived = now.saturating_duration_since(ready);
                let slot = &mut self.slots[usize::from(child.slot)];
                let delay = match how.is_sigkill() {
                    true => slot.killed(now, Some(lived)),
                    false => slot.died(now, Some(lived)),
                };
                if delay.is_zero() {
                    tracing::error!(pid, generation, ?lived, "{name} {how}; it is replaced");
                } else {
                    tracing::error!(
                        pid,
                        generation,
                        ?lived,
                        ?delay,
                        "{name} {how} again; it is replaced later"
                    );
                }
            }
        }
        self.tick(now);
    }

    /// A process did not become ready. `killed`: somebody else has seen to that.
    fn not_ready(&mut self, now: Instant, slot: u16, rolled: bool, killed: bool, reason: &str) {
        if rolled {
            return self.fail_roll(now, reason);
        }
        let slot = &mut self.slots[usize::from(slot)];
        let delay = if killed { slot.killed(now, None) } else { slot.died(now, None) };
        tracing::error!(?delay, "{reason}; it is tried again");
    }

    /// Gives up on processes that take too long.
    pub(super) fn expire(&mut self, now: Instant) {
        let timeout = self.start_timeout;
        let overdue = self.children.values().filter(|child| match child.state {
            State::Starting => child.pid.is_some() && now >= child.since + timeout,
            State::Draining { until } | State::Leaving { until } => now >= until,
            State::Ready | State::Running { .. } | State::Killed => false,
        });
        let overdue: Vec<(u32, u16, bool, bool)> = overdue
            .filter_map(|child| Some((child.pid?, child.slot, child.rolled, child.state == State::Starting)))
            .collect();
        for (pid, slot, rolled, starting) in overdue {
            self.kill_where(|child| child.pid == Some(pid));
            let name = self.name(slot);
            if starting {
                let reason = format!("{name} was not ready within {timeout:?}");
                self.not_ready(now, slot, rolled, false, &reason);
            } else {
                let timeout = self.drain_timeout;
                tracing::warn!(pid, ?timeout, "{name} did not finish draining in time and was killed");
            }
        }
    }

    /// Replaces who has died or retires.
    pub(super) fn fill_slots(&mut self, now: Instant) {
        if self.generation == 0 || self.stopping.is_some() {
            return;
        }
        for slot in 0..self.slots.len() {
            let state = &mut self.slots[slot];
            if state.retry_at.is_some_and(|at| now < at) {
                continue;
            }
            state.retry_at = None;
            if self.needs_replacement(slot as u16) {
                self.start(now, slot as u16, self.generation, false);
            }
        }
    }

    fn needs_replacement(&self, slot: u16) -> bool {
        let of_slot = || self.children.values().filter(|child| child.slot == slot);
        if of_slot().any(|child| child.is_replacement()) {
            return false;
        }
        let running = of_slot().find_map(|child| match child.state {
            State::Running { retiring, .. } => Some(retiring),
            _ => None,
        });
        let draining = of_slot().filter(|child| child.drains()).count();
        // A reload replaces who retires, too.
        running.is_none_or(|retiring| retiring && self.roll.is_none() && draining < DRAINING_MAX)
    }
}
