//! Who gets the events of which slot, and how one instance takes over from another.

use std::time::{Duration, Instant};

use super::{Conductor, SlotState};
use crate::command::Command;
use crate::instance::InstanceId;
use crate::ipc::control::ToManager;
use crate::ipc::link::ToInstance;
use crate::master::instance::{Instance, Reactors, Stage};
use crate::pipe::Slot;

/// How long the events of a dead worker wait for its replacement before another worker gets them.
const VACANCY: Duration = Duration::from_secs(1);

impl SlotState {
    /// When another worker is to stand in, if one is to.
    pub(super) fn substitute_at(&self) -> Option<Instant> {
        let vacant = self.vacant.filter(|_| self.routed.is_none())?;
        Some(if self.failed { vacant } else { vacant + VACANCY })
    }
}

impl Conductor {
    /// The manager says that this process has the slot from now on.
    pub(super) fn activate(&mut self, slot: Slot, pid: u32) {
        let mut ready = self.instances.values_mut().filter(|one| one.pid == pid && one.slot == slot);
        // It may have died meanwhile: the manager will see it, too.
        let Some(new) = ready.find(|one| one.stage == Stage::Ready) else { return };
        new.stage = Stage::Active;
        let id = new.id;
        let Some(state) = self.slots.get_mut(usize::from(slot)) else { return };
        let old = state.active.replace(id);
        (state.vacant, state.failed) = (None, false);
        if slot < self.welcome.workers {
            self.route(slot, Some(id));
        }
        if let Some(old) = old.filter(|old| *old != id) {
            self.begin_drain(old);
        }
        if slot >= self.welcome.workers {
            self.settle_process(slot);
        }
    }

    fn route(&mut self, slot: Slot, instance: Option<InstanceId>) {
        let Some(state) = self.slots.get_mut(usize::from(slot)) else { return };
        state.routed = instance;
        if let Some(instance) = instance.and_then(|id| self.instances.get_mut(&id)) {
            instance.routed = true;
        }
        self.tell_all_reactors(|| Command::Route { slot, instance });
    }

    fn begin_drain(&mut self, id: InstanceId) {
        let reactors = self.core.config.reactors;
        let Some(old) = self.instances.get_mut(&id).filter(|old| old.stage == Stage::Active) else { return };
        // Who was never given anything is not spoken of by the reactors.
        let busy = if old.routed { Reactors::all(reactors) } else { Reactors::none() };
        old.stage = Stage::Draining { busy };
        // Its own slot, unless a worker has it already, and those that it stood in for.
        for slot in 0..self.slots.len() {
            if self.slots[slot].routed == Some(id) {
                self.route(slot as Slot, None);
            }
        }
        self.tell(id, &ToInstance::Drain);
    }

    /// Tells those to exit that have nothing left to do.
    pub(super) fn settle_drains(&mut self) {
        let workers = self.welcome.workers;
        let done = |instance: &&Instance| match &instance.stage {
            // User processes serve no HTTP.
            Stage::Draining { busy } => {
                busy.is_empty() && (instance.has_no_http() || instance.slot >= workers)
            }
            _ => false,
        };
        let done: Vec<InstanceId> = self.instances.values().filter(done).map(|one| one.id).collect();
        for id in done {
            self.quit(id);
        }
    }

    /// Tells an instance to exit.
    pub(super) fn quit(&mut self, id: InstanceId) {
        let Some(instance) = self.instances.get_mut(&id) else { return };
        instance.stage = Stage::Quitting;
        let pid = instance.pid;
        self.tell(id, &ToInstance::Quit);
        self.steward.send(&ToManager::Drained { pid }, None);
    }

    /// A worker that stays dead is stood in for by another, until its slot has one again.
    pub(super) fn settle_worker(&mut self, slot: Slot, now: Instant) {
        let state = &self.slots[usize::from(slot)];
        if state.substitute_at().is_none_or(|at| now < at) {
            return;
        }
        let workers = usize::from(self.welcome.workers);
        // Each of the dead has another one, so far as there are others.
        let others = (1..workers).map(|step| (usize::from(slot) + step) % workers);
        let Some(other) = others.filter_map(|other| self.slots[other].active).next() else { return };
        if let Some(instance) = self.instances.get(&other) {
            let (name, other_name) = (self.name(slot), self.name(instance.slot));
            tracing::warn!("{name} stays dead; its connections are handled by {other_name} meanwhile");
        }
        self.route(slot, Some(other));
    }

    /// Only one instance of a user process may be at work. Its successor gets nothing before it is gone.
    pub(super) fn settle_process(&mut self, slot: Slot) {
        let state = &self.slots[usize::from(slot)];
        let (active, routed) = (state.active, state.routed);
        let holder = self.holder(slot);
        if holder.is_none() {
            let of_slot = || self.instances.values().filter(|one| one.slot == slot && one.lives());
            let starting = || of_slot().find(|one| one.stage == Stage::Starting).map(|one| one.id);
            if let Some(next) = active.or_else(starting) {
                self.let_go(next);
            }
        }
        if active.is_some() && self.holder(slot) == active && routed != active {
            self.route(slot, active);
        }
    }

    /// May this one take what only one instance of the process may have?
    pub(super) fn may_go(&self, slot: Slot, id: InstanceId) -> bool {
        let active = self.slots[usize::from(slot)].active;
        self.holder(slot).is_none() && active.is_none_or(|active| active == id)
    }

    /// Who is at work in the slot, or was until the reactors have taken back what it left.
    fn holder(&self, slot: Slot) -> Option<InstanceId> {
        self.instances.values().find(|one| one.slot == slot && one.go).map(|one| one.id)
    }

    pub(super) fn let_go(&mut self, id: InstanceId) {
        if let Some(instance) = self.instances.get_mut(&id).filter(|one| !one.go) {
            instance.go = true;
            self.tell(id, &ToInstance::Go);
        }
    }
}
