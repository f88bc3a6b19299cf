//! The end of an instance.

use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use rustix::process::{Signal, WaitId, WaitIdOptions, pidfd_send_signal, waitid};

use super::Conductor;
use crate::command::Command;
use crate::instance::InstanceId;
use crate::ipc::control::ToManager;
use crate::manager::Death;
use crate::master::instance::{Instance, Reactors, Stage};

/// How long a process may live after it has closed its socket, and how long the manager may take to say how it died.
pub(super) const GRACE: Duration = Duration::from_millis(100);

impl Conductor {
    /// A process has ended.
    pub(super) fn ended(&mut self, id: InstanceId, how: Option<Death>) {
        let Some(instance) = self.instances.get_mut(&id) else { return };
        match &mut instance.stage {
            Stage::Dead { how: known, .. } => {
                *known = known.or(how);
                return;
            }
            Stage::Detaching { .. } => return,
            _ => {}
        }
        // What it said last counts.
        self.receive_from(id);
        let Some(instance) = self.instances.get_mut(&id) else { return };
        let (starting, slot) = (instance.is_starting(), instance.slot);
        let (pid, adopted, orphan) = (instance.pid, instance.adopted, reap(instance));
        // A manager that was not its parent does not know; then this process is.
        let how = how.filter(|how| *how != Death::Unknown).or(orphan).or(how);
        instance.stage = Stage::Dead { how, until: Instant::now() + GRACE };
        instance.outbox.clear();
        instance.link.close();
        if adopted {
            let how = how.unwrap_or(Death::Unknown);
            self.steward.send(&ToManager::Died { pid, how }, None);
        } else if let Some(how) = orphan.filter(|how| *how != Death::Exited(0)) {
            tracing::error!(pid, "{}, whose manager had died, {how}", self.name(slot));
        }
        let state = &mut self.slots[usize::from(slot)];
        state.failed |= starting && state.active.is_none();
        if state.active == Some(id) {
            state.active = None;
            state.vacant = Some(Instant::now());
        }
        // It may have stood in for others.
        for state in self.slots.iter_mut().filter(|state| state.routed == Some(id)) {
            state.routed = None;
        }
    }

    /// Waits for everything that dead managers have left behind, as nobody else does.
    pub(super) fn reap(&mut self) {
        for (pid, how) in self.steward.reap() {
            if let Some(id) = self.instance_of(pid) {
                self.ended(id, Some(how));
            }
        }
    }

    pub(super) fn settle_deaths(&mut self, now: Instant) {
        let ids: Vec<InstanceId> = self.instances.keys().copied().collect();
        for id in ids {
            let Some(instance) = self.instances.get_mut(&id) else { continue };
            match &instance.stage {
                Stage::Dead { how: Some(how), .. } => {
                    let of_itself = !how.is_sigkill();
                    self.detach(id, of_itself);
                }
                Stage::Dead { until, .. } if now >= *until => self.detach(id, true),
                Stage::Detaching { left } if left.is_empty() => drop(self.instances.remove(&id)),
                Stage::Dead { .. } | Stage::Detaching { .. } => {}
                _ if instance.doomed.is_some_and(|at| now >= at) => {
                    let _ = pidfd_send_signal(&instance.process, Signal::KILL);
                    // It cannot refuse, but it may take its time.
                    instance.doomed = Some(now + GRACE);
                }
                _ => {}
            }
        }
    }

    /// Tells the reactors to take back what it had not finished.
    fn detach(&mut self, instance: InstanceId, of_itself: bool) {
        let serving = self.threads.running() > 0;
        let Some(dead) = self.instances.get_mut(&instance) else { return };
        if !dead.attached || !serving && self.stop.is_some() {
            self.instances.remove(&instance);
            return;
        }
        dead.stage = Stage::Detaching { left: Reactors::all(self.core.config.reactors) };
        self.tell_all_reactors(|| Command::Detach { instance, of_itself });
    }
}

/// Asks the system, in case that the process's manager is dead and the process has become a child of this one.
fn reap(instance: &Instance) -> Option<Death> {
    let process = WaitId::PidFd(instance.process.as_fd());
    let status = waitid(process, WaitIdOptions::EXITED | WaitIdOptions::NOHANG).ok()??;
    Some(match (status.exit_status(), status.terminating_signal()) {
        (Some(status), _) => Death::Exited(status),
        (_, Some(signal)) => Death::Killed(signal),
        _ => Death::Unknown,
    })
}
