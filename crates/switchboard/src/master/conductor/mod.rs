//! The conductor: the master's main thread. It leads the instances from their start to their end, tells the reactors which
//! of them gets whose events, and answers for the server as a whole.

mod death;
mod from_instance;
mod from_manager;
mod status;
mod stop;
mod takeover;

use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant, SystemTime};

use signal_hook::consts::{SIGHUP, SIGUSR1};
use tokio::sync::oneshot;

use super::instance::{Instance, Stage};
use super::lanes::LaneReport;
use super::launch::Threads;
use super::news::{News, NewsReceiver};
use super::steward::Steward;
use crate::Handle;
use crate::Reloaded;
use crate::command::Command;
use crate::core::CoreRef;
use crate::error::{QueryError, ReloadError, StartError};
use crate::instance::InstanceId;
use crate::ipc::control::{ToManager, Welcome};
use crate::ipc::link::{Response, ToInstance};
use crate::ipc::socket::Inbound;
use crate::ipc::wait::Waiting;
use crate::manager::Signals;
use crate::pipe::Slot;
use crate::status::ConductorRequest;
use stop::Stop;

/// Messages that may wait for an instance that does not read them.
const OUTBOX_MAX: usize = 1_024;

/// Reloads that may wait for the manager, whoever has asked for them.
const RELOADS_MAX: usize = 64;

/// What the conductor begins with.
pub(super) struct Beginning {
    pub(super) handle: Handle,
    pub(super) news: NewsReceiver,
    pub(super) signals: Option<Signals>,
    pub(super) children: Signals,
    pub(super) welcome: Welcome,
    pub(super) threads: Threads,
}

pub(super) struct Conductor {
    handle: Handle,
    core: CoreRef,
    news: NewsReceiver,
    signals: Option<Signals>,
    /// SIGCHLD.
    children: Signals,
    /// Memory to receive into, that nobody uses now.
    inbounds: Vec<Inbound>,
    steward: Steward,
    /// What a manager is told when it begins.
    welcome: Welcome,
    /// The executable of the generation that runs.
    executable: Option<OwnedFd>,
    instances: BTreeMap<InstanceId, Instance>,
    last_instance: u32,
    slots: Vec<SlotState>,
    /// Reloads that have been passed to the manager, and who waits for them.
    reloads: BTreeMap<u64, Asker>,
    last_reload: u64,
    threads: Threads,
    stop: Option<Stop>,
    failure: Option<StartError>,
    since: SystemTime,
}

/// A worker's number or a user process.
#[derive(Debug, Clone, Default)]
struct SlotState {
    /// Who has the slot.
    active: Option<InstanceId>,
    /// Who gets its events: another one while the slot's own is dead.
    routed: Option<InstanceId>,
    /// Since when nobody has it.
    vacant: Option<Instant>,
    /// A replacement has failed.
    failed: bool,
}

/// Who waits for a reload.
enum Asker {
    Nobody,
    Here(oneshot::Sender<Result<Reloaded, ReloadError>>),
    Instance { instance: InstanceId, token: u64 },
}

/// What a descriptor that was waited for belongs to.
#[derive(Clone, Copy)]
enum Source {
    News,
    Manager,
    Signal,
    Link(InstanceId),
    Process(InstanceId),
}

impl Conductor {
    pub(super) fn new(beginning: Beginning) -> Conductor {
        let Beginning { handle, news, signals, children, welcome, threads } = beginning;
        let slots = usize::from(welcome.workers) + welcome.processes.len();
        Conductor {
            core: handle.core().clone(),
            handle,
            news,
            signals,
            children,
            inbounds: Vec::new(),
            steward: Steward::default(),
            welcome,
            executable: None,
            instances: BTreeMap::new(),
            last_instance: 0,
            slots: vec![SlotState::default(); slots],
            reloads: BTreeMap::new(),
            last_reload: 0,
            threads,
            stop: None,
            failure: None,
            since: SystemTime::now(),
        }
    }

    /// Leads the server from its start to its end.
    pub(super) fn run(mut self) -> Result<(), StartError> {
        if let Err(source) = self.start_manager() {
            return Err(StartError::System { what: "cannot start the manager", source });
        }
        if let Err(error) = self.threads.start(&self.handle) {
            self.failure = Some(error);
            self.core.stop();
        }
        while !self.has_ended() {
            self.turn().map_err(|source| StartError::System { what: "the master cannot go on", source })?;
        }
        self.finish()
    }

    fn turn(&mut self) -> io::Result<()> {
        let (sources, ready) = self.wait()?;
        self.take_signals();
        for news in self.news.take() {
            self.hear(news);
        }
        for source in sources.iter().zip(ready).filter(|(_, ready)| *ready).map(|(source, _)| *source) {
            match source {
                Source::News | Source::Signal => {}
                Source::Manager => self.receive_from_manager(),
                Source::Link(id) => self.receive_from(id),
                Source::Process(id) => self.ended(id, None),
            }
        }
        self.steward.flush();
        self.settle(Instant::now());
        Ok(())
    }

    fn wait(&self) -> io::Result<(Vec<Source>, Vec<bool>)> {
        let (mut waiting, mut sources) = (Waiting::default(), Vec::new());
        let mut add = |source, descriptor, output| {
            waiting.add(descriptor, output);
            sources.push(source);
        };
        add(Source::News, self.news.descriptor(), false);
        let signals = self.signals.iter().chain([&self.children]);
        for descriptor in signals.flat_map(Signals::descriptors) {
            add(Source::Signal, descriptor, false);
        }
        if let Some((control, output)) = self.steward.descriptor() {
            add(Source::Manager, control, output);
        }
        for instance in self.instances.values().filter(|instance| instance.lives()) {
            if instance.doomed.is_none() {
                add(Source::Link(instance.id), instance.link.as_fd(), !instance.outbox.is_empty());
            }
            add(Source::Process(instance.id), instance.process.as_fd(), false);
        }
        let round_up = Duration::from_millis(1);
        let timeout = self.deadline().map(|at| at.saturating_duration_since(Instant::now()) + round_up);
        Ok((sources, waiting.wait(timeout)?))
    }

    /// When there is something to do although nothing has happened.
    fn deadline(&self) -> Option<Instant> {
        let dying = self.instances.values().filter_map(|instance| match instance.stage {
            Stage::Dead { until, .. } => Some(until),
            _ => instance.doomed,
        });
        let vacant = self.slots.iter().filter_map(SlotState::substitute_at);
        let stop = self.stop.iter().flat_map(Stop::deadlines);
        let now = Instant::now();
        let all = dying.chain(vacant).chain(self.steward.deadlines()).chain(stop);
        // What could not be done in time waits for something to happen.
        all.filter(|at| *at > now).min()
    }

    fn take_signals(&mut self) {
        if !self.children.take().is_empty() {
            self.reap();
        }
        let came = self.signals.as_ref().map(Signals::take).unwrap_or_default();
        for signal in came {
            if let (SIGHUP, Some(certificates)) = (signal, &self.core.certificates) {
                certificates.reload();
                continue;
            }
            if signal == SIGUSR1 {
                self.reload(Asker::Nobody);
                continue;
            }
            if self.core.is_stopping() {
                tracing::warn!(signal, "stopped at once by a second signal");
                std::process::exit(128 + signal);
            }
            tracing::info!(signal, "stopping");
            self.core.stop();
        }
    }

    fn hear(&mut self, news: News) {
        match news {
            News::Lane(report) => self.lane_report(report),
            News::Request(ConductorRequest::Reload(answer)) => self.reload(Asker::Here(answer)),
            News::Request(ConductorRequest::Status(answer)) => {
                let _ = answer.send(Ok(self.status()));
            }
            News::Request(ConductorRequest::Stop) => {
                self.core.stop();
            }
            // It is looked at in every turn.
            News::Stopping => {}
            News::ReactorFailed(error) => {
                self.failure.get_or_insert(error);
            }
            News::ReactorEnded { reactor, panicked } => self.reactor_ended(reactor, panicked),
        }
    }

    fn lane_report(&mut self, report: LaneReport) {
        match report {
            LaneReport::Idle { instance, reactor } => {
                if let Some(Instance { stage: Stage::Draining { busy }, .. }) =
                    self.instances.get_mut(&instance)
                {
                    busy.remove(reactor);
                }
            }
            LaneReport::Detached { instance, reactor } => {
                if let Some(Instance { stage: Stage::Detaching { left }, .. }) =
                    self.instances.get_mut(&instance)
                {
                    left.remove(reactor);
                }
            }
            LaneReport::Violated { instance, what } => self.condemn(instance, what.0),
            LaneReport::Quiet { reactor, quiet } => self.threads.set_quiet(reactor, quiet),
        }
    }

    /// Does everything that has become possible.
    fn settle(&mut self, now: Instant) {
        self.settle_deaths(now);
        self.settle_drains();
        for slot in 0..self.slots.len() {
            if slot >= usize::from(self.welcome.workers) {
                self.settle_process(slot as Slot);
            } else {
                self.settle_worker(slot as Slot, now);
            }
        }
        self.settle_manager(now);
        self.settle_stop();
    }

    /// Asks the manager for a reload.
    fn reload(&mut self, asker: Asker) {
        if self.core.is_stopping() {
            return self.answer_reload(asker, Err(ReloadError::Stopped));
        }
        if self.reloads.len() >= RELOADS_MAX {
            tracing::warn!("too many reloads wait for the manager: one is refused");
            return self.answer_reload(asker, Err(ReloadError::Failed(QueryError::Busy.to_string())));
        }
        self.last_reload += 1;
        let request = self.last_reload;
        self.reloads.insert(request, asker);
        // Without a manager, the next one gets it.
        self.steward.send(&ToManager::Reload { request }, None);
    }

    fn answer_reload(&mut self, asker: Asker, outcome: Result<Reloaded, ReloadError>) {
        match asker {
            Asker::Nobody => {}
            Asker::Here(answer) => drop(answer.send(outcome)),
            Asker::Instance { instance, token } => {
                if let Some(instance) = self.instances.get_mut(&instance) {
                    instance.requests -= 1;
                }
                let response = Response::Reload(outcome);
                self.tell(instance, &ToInstance::Response { token, response });
            }
        }
    }

    /// Answers everybody who waits for a reload.
    fn answer_all_reloads(&mut self, error: &ReloadError) {
        for (_, asker) in std::mem::take(&mut self.reloads) {
            self.answer_reload(asker, Err(error.clone()));
        }
    }

    fn take_inbound(&mut self) -> Inbound {
        self.inbounds.pop().unwrap_or_else(Inbound::new)
    }

    /// Sends a message to an instance, when there is room.
    fn tell(&mut self, id: InstanceId, message: &ToInstance) {
        let Some(instance) = self.instances.get_mut(&id).filter(|instance| instance.lives()) else { return };
        if instance.outbox.len() >= OUTBOX_MAX {
            return self.condemn(id, "it does not read what the master tells it");
        }
        instance.outbox.push_back(message.encode());
        self.flush(id);
    }

    fn flush(&mut self, id: InstanceId) {
        let Some(instance) = self.instances.get_mut(&id) else { return };
        while let Some(message) = instance.outbox.front() {
            match instance.link.send(message, &[]) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                // Its death is noticed elsewhere.
                _ => drop(instance.outbox.pop_front()),
            }
        }
    }

    fn tell_all_reactors(&self, mut command: impl FnMut() -> Command) {
        for inbox in &self.core.inboxes {
            // Those that have ended need not know.
            let _ = inbox.send_always(command());
        }
    }

    /// What a slot is called.
    fn name(&self, slot: Slot) -> String {
        self.core.pipes.recipient(slot).map_or_else(|| slot.to_string(), |recipient| recipient.to_string())
    }
}
