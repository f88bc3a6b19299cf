//! What the manager does when: a state machine without processes, descriptors or a clock of its own.

mod child;
mod life;
mod roll;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use super::death::Death;
use crate::error::ReloadError;
use crate::ipc::control::{FromManager, ToManager, Welcome};
use child::{Child, Slot, State};
use roll::Roll;

/// Reloads that may wait for the one that is under way.
const WAITING_MAX: usize = 1_024;

/// So long after its master's end a manager waits for the processes, which see that end themselves.
pub(super) const ORPHANS: Duration = Duration::from_secs(2);

/// A child, from before it has a process.
pub(super) type Key = u64;

/// What is to be done. Answers to `Open` and `Spawn` are given at once.
#[derive(Debug, PartialEq)]
pub(super) enum Action {
    /// Open the executable on disk for this generation, and answer with [`Machine::opened`].
    Open {
        generation: u32,
    },
    /// Close the executables of all generations but these.
    Keep {
        generations: Vec<u32>,
    },
    /// Start a process, unless [`Machine::wants`] it no more, and answer with [`Machine::spawned`].
    Spawn {
        key: Key,
        slot: u16,
        generation: u32,
    },
    Kill {
        pid: u32,
    },
    Send(FromManager),
    /// All is done.
    Exit,
}

/// The manager's state.
#[derive(Debug)]
pub(super) struct Machine {
    workers: u16,
    processes: Vec<String>,
    start_timeout: Duration,
    drain_timeout: Duration,
    /// What runs; 0: nothing yet.
    generation: u32,
    children: BTreeMap<Key, Child>,
    next_key: Key,
    slots: Vec<Slot>,
    /// A start of all slots that is under way: the first one, or a reload.
    roll: Option<Roll>,
    /// A reload that is to be begun, since when, and who waits for it.
    wanted: Option<Instant>,
    waiting: Vec<u64>,
    /// It has been said that the reload waits.
    holding: bool,
    /// All that ran before has been adopted.
    begun: bool,
    /// Set when the server stops: who lives then is killed.
    stopping: Option<Instant>,
    exited: bool,
    actions: VecDeque<Action>,
}

impl Machine {
    pub(super) fn new(welcome: &Welcome) -> Machine {
        let count = usize::from(welcome.workers) + welcome.processes.len();
        Machine {
            workers: welcome.workers,
            processes: welcome.processes.clone(),
            start_timeout: welcome.start_timeout,
            drain_timeout: welcome.drain_timeout,
            generation: welcome.generation,
            children: BTreeMap::new(),
            next_key: 0,
            slots: vec![Slot::default(); count],
            roll: None,
            wanted: None,
            waiting: Vec::new(),
            holding: false,
            begun: false,
            stopping: None,
            exited: false,
            actions: VecDeque::new(),
        }
    }

    /// What to do next.
    pub(super) fn next_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// When to call [`tick`](Machine::tick) although nothing has happened.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let children = self.children.values().filter_map(|child| match child.state {
            State::Starting => Some(child.since + self.start_timeout),
            State::Draining { until } | State::Leaving { until } => Some(until),
            _ => None,
        });
        let stop = self.stopping.filter(|_| !self.children.is_empty());
        children.chain(self.slots.iter().filter_map(|slot| slot.retry_at)).chain(stop).min()
    }

    /// Is the child still to be started?
    pub(super) fn wants(&self, key: Key) -> bool {
        self.children.contains_key(&key)
    }

    /// A message from the master, after the first.
    pub(super) fn message(&mut self, now: Instant, message: ToManager) {
        match message {
            ToManager::Welcome(_) => tracing::error!("the master welcomes its manager twice"),
            ToManager::Adopt { slot, generation, pid, draining } => {
                let state = match draining {
                    true => State::Draining { until: now + self.drain_timeout },
                    false => State::Running { ready: now, retiring: false },
                };
                self.add(Child { slot, generation, pid: Some(pid), since: now, rolled: false, state });
            }
            ToManager::Begin => self.begin(now),
            ToManager::Ready { pid } => self.ready(now, pid),
            ToManager::StartFailed { pid, reason } => self.start_failed(now, pid, &reason),
            ToManager::Reload { request } => self.reload(now, Some(request)),
            ToManager::Retire { pid } => self.retire(pid),
            ToManager::Drained { pid } => self.drained(pid),
            ToManager::Died { pid, how } => self.died(now, pid, how),
            ToManager::Stop { within } => self.stop(now, within),
        }
        self.tick(now);
    }

    /// Everything is known: the first start, or what is missing, is begun.
    fn begin(&mut self, now: Instant) {
        self.begun = true;
        match self.generation {
            0 => self.begin_roll(now),
            generation => tracing::info!(generation, "a new manager has taken over"),
        }
    }

    /// A reload is wanted: by a signal, by the watch, or by somebody who waits for the outcome.
    pub(super) fn reload(&mut self, now: Instant, request: Option<u64>) {
        let refusal = if self.stopping.is_some() {
            Some(ReloadError::Stopped)
        } else if self.waiting.len() >= WAITING_MAX {
            Some(ReloadError::Failed("too many reloads wait for the one that is under way".into()))
        } else {
            None
        };
        match (refusal, request) {
            (Some(error), Some(request)) => {
                self.send(FromManager::Reloaded { requests: vec![request], outcome: Err(error) });
            }
            (Some(_), None) => {}
            (None, request) => {
                self.wanted.get_or_insert(now);
                self.waiting.extend(request);
            }
        }
        self.tick(now);
    }

    /// The server stops, or its master is gone: nothing is started any more.
    pub(super) fn stop(&mut self, now: Instant, within: Duration) {
        let until = now + within;
        self.stopping = Some(self.stopping.map_or(until, |already| already.min(until)));
        self.wanted = None;
        let mut requests = std::mem::take(&mut self.waiting);
        requests.extend(self.roll.take().map(|roll| roll.requests).unwrap_or_default());
        if !requests.is_empty() {
            self.send(FromManager::Reloaded { requests, outcome: Err(ReloadError::Stopped) });
        }
        self.kill_where(|child| matches!(child.state, State::Starting | State::Ready));
        for slot in &mut self.slots {
            slot.retry_at = None;
        }
        self.tick(now);
    }

    /// Does everything whose time has come.
    pub(super) fn tick(&mut self, now: Instant) {
        if let Some(until) = self.stopping {
            if now >= until {
                self.kill_where(|_| true);
            }
            if self.children.is_empty() && !std::mem::replace(&mut self.exited, true) {
                self.actions.push_back(Action::Exit);
            }
            return;
        }
        if !self.begun {
            return;
        }
        self.expire(now);
        self.finish_roll(now);
        self.begin_reload(now);
        self.fill_slots(now);
    }

    /// What a slot is called.
    fn name(&self, slot: u16) -> String {
        match slot.checked_sub(self.workers) {
            None => format!("worker {slot}"),
            Some(process) => match self.processes.get(usize::from(process)) {
                Some(name) => format!("process {name}"),
                None => format!("process {slot}"),
            },
        }
    }

    fn add(&mut self, child: Child) -> Key {
        self.next_key += 1;
        self.children.insert(self.next_key, child);
        self.next_key
    }

    /// Has a process started for a slot.
    fn start(&mut self, now: Instant, slot: u16, generation: u32, rolled: bool) -> Key {
        let state = State::Starting;
        let key = self.add(Child { slot, generation, pid: None, since: now, rolled, state });
        self.actions.push_back(Action::Spawn { key, slot, generation });
        key
    }

    fn key_of(&self, pid: u32) -> Option<Key> {
        let found = self.children.iter().find(|(_, child)| child.pid == Some(pid));
        found.map(|(key, _)| *key)
    }

    /// Kills those that have a process; the others will not get one.
    fn kill_where(&mut self, condition: impl Fn(&Child) -> bool) {
        let actions = &mut self.actions;
        self.children.retain(|_, child| {
            if child.state == State::Killed || !condition(child) {
                return true;
            }
            let Some(pid) = child.pid else { return false };
            child.state = State::Killed;
            actions.push_back(Action::Kill { pid });
            true
        });
    }

    fn send(&mut self, message: FromManager) {
        self.actions.push_back(Action::Send(message));
    }
}
