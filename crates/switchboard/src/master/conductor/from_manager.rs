//! What the manager says, and what becomes of it.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use rustix::process::{Signal, pidfd_send_signal};

use super::{Asker, Conductor};
use crate::error::{ReloadError, StartError};
use crate::instance::InstanceId;
use crate::ipc::control::{FromManager, ToManager};
use crate::ipc::socket::Socket;
use crate::master::instance::{Instance, Stage};
use crate::master::sender::LinkSender;
use crate::pipe::Slot;

impl Conductor {
    /// Starts a manager, and tells it what runs.
    pub(super) fn start_manager(&mut self) -> io::Result<()> {
        self.steward.start()?;
        let executable = self.executable.as_ref().map(AsFd::as_fd);
        self.steward.send(&ToManager::Welcome(Box::new(self.welcome.clone())), executable);
        for instance in self.instances.values_mut().filter(|instance| instance.lives()) {
            let draining = instance.stage != Stage::Active;
            // Who had not taken over when the last manager died has nobody to make it do so.
            if instance.is_starting() {
                let _ = pidfd_send_signal(&instance.process, Signal::KILL);
                continue;
            }
            let Instance { slot, generation, pid, .. } = *instance;
            instance.adopted = true;
            let adopt = ToManager::Adopt { slot, generation, pid, draining };
            self.steward.send(&adopt, Some(instance.process.as_fd()));
        }
        self.steward.send(&ToManager::Begin, None);
        for request in self.reloads.keys() {
            self.steward.send(&ToManager::Reload { request: *request }, None);
        }
        let retiring: Vec<u32> =
            self.instances.values().filter(|one| one.retiring).map(|one| one.pid).collect();
        for pid in retiring {
            self.steward.send(&ToManager::Retire { pid }, None);
        }
        Ok(())
    }

    /// Starts another manager when it is time, and ends one that is stuck.
    pub(super) fn settle_manager(&mut self, now: Instant) {
        self.steward.settle_stall(now);
        if self.stop.is_some() || self.steward.retry_at().is_none_or(|at| now < at) {
            return;
        }
        if let Err(error) = self.start_manager() {
            tracing::error!(%error, "cannot start another manager; trying again");
            self.steward.start_failed(now);
        }
    }

    pub(super) fn receive_from_manager(&mut self) {
        self.steward.flush();
        let mut inbound = self.take_inbound();
        loop {
            match self.steward.receive(&mut inbound) {
                Ok(Some(packet)) => match FromManager::decode(packet.bytes) {
                    Ok(message) => self.manager_says(message, packet.descriptors),
                    Err(error) => tracing::error!(%error, "the master does not understand its manager"),
                },
                Ok(None) => break,
                Err(_) => {
                    self.manager_died();
                    break;
                }
            }
        }
        self.inbounds.push(inbound);
    }

    fn manager_died(&mut self) {
        let how = self.steward.died(Instant::now());
        self.reap();
        if self.stop.is_some() {
            return;
        }
        tracing::error!(how, "the manager has died; another is started");
        let why = "the manager has died during the reload; the old workers go on";
        self.answer_all_reloads(&ReloadError::Failed(why.to_owned()));
    }

    fn manager_says(&mut self, message: FromManager, descriptors: Vec<OwnedFd>) {
        let mut descriptors = VecDeque::from(descriptors);
        match message {
            FromManager::Spawned { slot, generation, pid } => {
                match (descriptors.pop_front(), descriptors.pop_front()) {
                    (Some(link), Some(process)) => self.spawned(slot, generation, pid, link, process),
                    _ => {
                        let reason = "the master has no descriptors left for it".to_owned();
                        tracing::error!(pid, "{reason}");
                        self.steward.send(&ToManager::StartFailed { pid, reason }, None);
                    }
                }
            }
            FromManager::Activate { generation, processes } => {
                let first = self.welcome.generation == 0;
                self.welcome.generation = generation;
                self.executable = descriptors.pop_front().or(self.executable.take());
                for (slot, pid) in processes {
                    self.activate(slot, pid);
                }
                if first {
                    self.begin_to_serve();
                }
            }
            FromManager::Died { pid, how } => {
                if let Some(id) = self.instance_of(pid) {
                    self.ended(id, Some(how));
                }
            }
            FromManager::Reloaded { requests, outcome } => {
                for request in requests {
                    let asker = self.reloads.remove(&request).unwrap_or(Asker::Nobody);
                    self.answer_reload(asker, outcome.clone());
                }
            }
            FromManager::FirstStartFailed { reason } => {
                self.failure.get_or_insert(StartError::FirstStart(reason));
                self.core.stop();
            }
        }
    }

    fn spawned(&mut self, slot: Slot, generation: u32, pid: u32, link: OwnedFd, process: OwnedFd) {
        if usize::from(slot) >= self.slots.len() {
            return tracing::error!(slot, "the manager has started a process that nobody wants");
        }
        self.last_instance += 1;
        let id = InstanceId(self.last_instance);
        let link = Arc::new(LinkSender::new(Socket::new(link)));
        let instance = Instance {
            id,
            slot,
            generation,
            pid,
            process,
            link,
            gauge: Arc::default(),
            since: SystemTime::now(),
            stage: Stage::Greeting,
            attached: false,
            routed: false,
            go: false,
            http_idle: false,
            retiring: false,
            adopted: false,
            outbox: VecDeque::new(),
            requests: 0,
            doomed: None,
        };
        self.instances.insert(id, instance);
    }

    pub(super) fn instance_of(&self, pid: u32) -> Option<InstanceId> {
        // The dead may have left their number to another.
        let of_pid = self.instances.values().filter(|instance| instance.pid == pid);
        of_pid.filter(|instance| !matches!(instance.stage, Stage::Detaching { .. })).map(|one| one.id).next()
    }

    /// All workers have started: from now on there are clients.
    fn begin_to_serve(&mut self) {
        if !self.core.is_stopping() {
            self.threads.open(&self.handle);
        }
    }
}
