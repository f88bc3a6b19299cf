//! The end of the server.

use std::time::{Duration, Instant};

use rustix::process::{Signal, pidfd_send_signal};

use super::Conductor;
use super::death::GRACE;
use crate::error::{ReloadError, StartError};
use crate::instance::InstanceId;
use crate::ipc::control::ToManager;
use crate::ipc::link::ToInstance;
use crate::master::instance::{Instance, Stage};

/// What `worker_stop` gets even when the rest of a stop has used up `shutdown_timeout`.
const WORKER_STOP_MIN: Duration = Duration::from_millis(500);

/// What is waited for beyond `shutdown_timeout` before a thread counts as stuck.
const STUCK_MARGIN: Duration = Duration::from_secs(2);

/// A stop that has begun.
#[derive(Debug)]
pub(super) struct Stop {
    /// The instances are told to exit, and have until then.
    quit: Option<Instant>,
    /// When a reactor that has not ended counts as stuck.
    stuck_at: Instant,
    /// Until when HTTP requests may take.
    http_until: Instant,
}

impl Stop {
    /// When to look again although nothing has happened.
    pub(super) fn deadlines(&self) -> impl Iterator<Item = Instant> {
        self.quit.into_iter().chain([self.stuck_at, self.http_until])
    }
}

impl Conductor {
    /// Takes the stop a step further, if there is one.
    pub(super) fn settle_stop(&mut self) {
        if !self.core.is_stopping() {
            return;
        }
        if self.stop.is_none() {
            self.begin_stop();
        }
        let now = Instant::now();
        let Some(Stop { quit, http_until, .. }) = self.stop else { return };
        match quit {
            None if now >= http_until || self.is_quiet() => {
                let limit = self.core.stop_time_left().max(WORKER_STOP_MIN);
                if let Some(stop) = &mut self.stop {
                    stop.quit = Some(now + limit);
                }
                self.quit_in_turn();
            }
            None => {}
            Some(until) if now < until => self.quit_in_turn(),
            Some(_) => self.cut_off(),
        }
    }

    /// Is nothing being handled any more?
    fn is_quiet(&self) -> bool {
        let serving = |instance: &Instance| {
            let active = matches!(instance.stage, Stage::Active | Stage::Draining { .. });
            active && instance.slot < self.welcome.workers && !instance.has_no_http()
        };
        self.threads.are_quiet() && !self.instances.values().any(serving)
    }

    /// Tells the workers to exit, and when they have, the user processes, which may hear of them until then.
    fn quit_in_turn(&mut self) {
        let workers = self.welcome.workers;
        let left = || self.instances.values().filter(|one| one.lives());
        let any_worker = left().any(|one| one.slot < workers);
        let turn = left().filter(|one| !one.is_leaving() && (one.slot < workers || !any_worker));
        let ids: Vec<InstanceId> = turn.map(|one| one.id).collect();
        for id in ids {
            self.quit(id);
        }
    }

    /// The time for their end is over: the workers are killed first, and the user processes get a little more.
    fn cut_off(&mut self) {
        let now = Instant::now();
        let workers = self.welcome.workers;
        let late = |one: &Instance| one.lives() && one.doomed.is_none();
        let any_worker = self.instances.values().any(|one| late(one) && one.slot < workers);
        if let Some(stop) = self.stop.as_mut().filter(|_| any_worker) {
            stop.quit = Some(now + WORKER_STOP_MIN);
        }
        let again = now + GRACE;
        let turn = |one: &&mut Instance| late(one) && (one.slot < workers || !any_worker);
        for instance in self.instances.values_mut().filter(turn) {
            tracing::warn!(pid = instance.pid, slot = instance.slot, "cut off: its stop took too long");
            let _ = pidfd_send_signal(&instance.process, Signal::KILL);
            instance.doomed = Some(again);
        }
    }

    fn begin_stop(&mut self) {
        let now = Instant::now();
        let left = self.core.stop_time_left();
        let stuck_at = now + left + WORKER_STOP_MIN + STUCK_MARGIN;
        self.stop = Some(Stop { quit: None, stuck_at, http_until: now + left });
        self.answer_all_reloads(&ReloadError::Stopped);
        // Nobody is replaced from now on; who does not exit in time is killed.
        self.steward.send(&ToManager::Stop { within: stuck_at - now }, None);
        let ids: Vec<_> = self.instances.keys().copied().collect();
        for id in ids {
            self.tell(id, &ToInstance::Stopping);
            let draining = |stage: &Stage| matches!(stage, Stage::Draining { .. } | Stage::Quitting);
            if self.instances.get(&id).is_some_and(|instance| !draining(&instance.stage)) {
                self.tell(id, &ToInstance::Drain);
            }
        }
    }

    pub(super) fn reactor_ended(&mut self, reactor: usize, panicked: bool) {
        self.threads.ended(reactor);
        if panicked {
            tracing::error!(reactor, "a reactor panicked; the server cannot go on");
            self.failure = Some(StartError::ReactorPanicked { reactor });
        } else if !self.core.is_stopping() {
            tracing::error!(reactor, "a reactor has ended; the server cannot go on");
        }
        // It takes the others with it: a server that limps helps nobody.
        self.core.stop();
    }

    /// Is everything over that was to be waited for?
    pub(super) fn has_ended(&self) -> bool {
        let Some(stop) = &self.stop else { return false };
        let now = Instant::now();
        let gone = self.instances.values().all(|instance| !instance.lives());
        now >= stop.stuck_at || (gone && self.threads.running() == 0)
    }

    /// Lets the manager go, which kills who is left, and the reactor threads, if they have ended.
    pub(super) fn finish(mut self) -> Result<(), StartError> {
        for instance in self.instances.values().filter(|instance| instance.lives()) {
            let _ = pidfd_send_signal(&instance.process, Signal::KILL);
        }
        self.steward.finish();
        self.steward.reap();
        let stuck = self.threads.running() > 0;
        if !stuck {
            self.threads.join();
        }
        match self.failure {
            Some(failure) => Err(failure),
            None if stuck => Err(StartError::Stuck { timeout: self.core.config.shutdown_timeout }),
            None => Ok(()),
        }
    }
}
