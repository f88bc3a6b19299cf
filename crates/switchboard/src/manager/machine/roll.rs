//! Starting all slots at once: at first, and at a reload. All of them become active, or none.

use std::collections::BTreeSet;
use std::time::Instant;

use super::child::State;
use super::{Action, Key, Machine};
use crate::Reloaded;
use crate::error::ReloadError;
use crate::ipc::control::FromManager;

/// Generations that may drain at one time: each keeps its processes.
const DRAINING_MAX: usize = 4;

/// A start of all slots.
#[derive(Debug)]
pub(super) struct Roll {
    pub(super) generation: u32,
    /// Who waits for the outcome.
    pub(super) requests: Vec<u64>,
    began: Instant,
}

impl Machine {
    /// Begins the reload that is wanted, if nothing stands in its way.
    pub(super) fn begin_reload(&mut self, now: Instant) {
        if self.wanted.is_none() || self.roll.is_some() || self.generation == 0 {
            return;
        }
        let draining: BTreeSet<u32> =
            self.children.values().filter(|child| child.drains()).map(|child| child.generation).collect();
        if draining.len() >= DRAINING_MAX {
            if !std::mem::replace(&mut self.holding, true) {
                tracing::warn!(generations = draining.len(), "a reload waits until an older one has drained");
            }
            return;
        }
        self.holding = false;
        self.begin_roll(now);
    }

    pub(super) fn begin_roll(&mut self, now: Instant) {
        let generation = self.generation + 1;
        let began = self.wanted.take().unwrap_or(now);
        let requests = std::mem::take(&mut self.waiting);
        self.roll = Some(Roll { generation, requests, began });
        self.actions.push_back(Action::Open { generation });
    }

    /// The executable of a generation has been opened, or not.
    pub(in crate::manager) fn opened(&mut self, now: Instant, generation: u32, opened: Result<(), String>) {
        if self.roll.as_ref().is_none_or(|roll| roll.generation != generation) {
            return;
        }
        match opened {
            Ok(()) => {
                for slot in 0..self.slots.len() {
                    self.start(now, slot as u16, generation, true);
                }
            }
            Err(reason) => self.fail_roll(now, &reason),
        }
        self.tick(now);
    }

    /// When all are ready, they take over.
    pub(super) fn finish_roll(&mut self, now: Instant) {
        let Some(roll) = &self.roll else { return };
        let rolled = self.children.iter().filter(|(_, child)| child.rolled);
        let ready: Vec<Key> =
            rolled.filter(|(_, child)| child.state == State::Ready).map(|(key, _)| *key).collect();
        if ready.len() < self.slots.len() {
            return;
        }
        let (from, to, began) = (self.generation, roll.generation, roll.began);
        self.kill_where(|child| child.is_replacement());
        self.generation = to;
        self.slots.fill(Default::default());
        self.activate(now, &ready);
        self.actions.push_back(Action::Keep { generations: vec![to] });
        let Some(roll) = self.roll.take() else { return };
        if from == 0 {
            return tracing::info!(processes = ready.len(), "all workers have started");
        }
        let took = now.saturating_duration_since(began);
        tracing::info!(from, to, ?took, "reloaded");
        let outcome = Ok(Reloaded::new(from, to, took));
        self.send(FromManager::Reloaded { requests: roll.requests, outcome });
    }

    /// The new ones are killed; who ran before goes on.
    pub(super) fn fail_roll(&mut self, now: Instant, reason: &str) {
        let Some(roll) = self.roll.take() else { return };
        self.kill_where(|child| child.rolled);
        let generation = self.generation;
        self.actions.push_back(Action::Keep { generations: vec![generation] });
        if generation == 0 {
            self.send(FromManager::FirstStartFailed { reason: reason.to_owned() });
            return self.stop(now, Default::default());
        }
        tracing::error!(reason, generation, "the reload failed; the old workers go on");
        let sentence = format!("{reason}; generation {generation} goes on");
        let outcome = Err(ReloadError::Failed(sentence));
        self.send(FromManager::Reloaded { requests: roll.requests, outcome });
    }
}
