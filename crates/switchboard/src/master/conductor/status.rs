//! What runs.

use std::sync::atomic::Ordering;

use super::Conductor;
use crate::master::instance::Instance;
use crate::{ProcessInfo, ProcessRole, ProcessState, Recipient, Status};

impl Conductor {
    /// The processes: the master, the manager, then slot by slot, the youngest first.
    pub(super) fn status(&self) -> Status {
        let own = |role, pid, since| ProcessInfo {
            role,
            pid,
            generation: 0,
            state: ProcessState::Running,
            since,
            outstanding: 0,
            queued: 0,
        };
        let mut processes = vec![own(ProcessRole::Master, std::process::id(), self.since)];
        if let Some((pid, since)) = self.steward.pid() {
            processes.push(own(ProcessRole::Manager, pid, since));
        }
        let mut instances: Vec<&Instance> = self.instances.values().collect();
        instances.sort_by_key(|instance| {
            let rank = instance.state().map_or(3, |state| match state {
                ProcessState::Running => 0,
                ProcessState::Starting => 1,
                ProcessState::Draining => 2,
            });
            (instance.slot, rank, std::cmp::Reverse(instance.id))
        });
        processes.extend(instances.into_iter().filter_map(|instance| {
            let (outstanding, queued) = (&instance.gauge.outstanding, &instance.gauge.queued);
            let recipient = self.core.pipes.recipient(instance.slot);
            Some(ProcessInfo {
                role: ProcessRole::Member(recipient.unwrap_or(Recipient::Worker(instance.slot))),
                pid: instance.pid,
                generation: instance.generation,
                state: instance.state()?,
                since: instance.since,
                outstanding: outstanding.load(Ordering::Relaxed),
                queued: queued.load(Ordering::Relaxed),
            })
        }));
        Status { processes, stats: self.core.stats() }
    }
}
