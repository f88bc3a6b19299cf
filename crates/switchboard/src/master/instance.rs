//! One process of a worker or of the user, as the conductor sees it.

use std::collections::VecDeque;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use super::lanes::Gauge;
use super::sender::LinkSender;
use crate::ProcessState;
use crate::instance::InstanceId;
use crate::manager::Death;
use crate::pipe::Slot;

/// A process that the manager has started.
#[derive(Debug)]
pub(super) struct Instance {
    pub(super) id: InstanceId,
    pub(super) slot: Slot,
    pub(super) generation: u32,
    pub(super) pid: u32,
    pub(super) process: OwnedFd,
    pub(super) link: Arc<LinkSender>,
    /// How much it has to do.
    pub(super) gauge: Arc<Gauge>,
    pub(super) since: SystemTime,
    pub(super) stage: Stage,
    /// The reactors have lanes to it.
    pub(super) attached: bool,
    /// Events may have been given to it.
    pub(super) routed: bool,
    /// To a user process: it may take what only one may have.
    pub(super) go: bool,
    /// It has said that it serves no HTTP connection any more.
    pub(super) http_idle: bool,
    /// It wants to be replaced.
    pub(super) retiring: bool,
    /// Its manager has died: this process is its parent, and tells the next manager of its end.
    pub(super) adopted: bool,
    /// What did not fit into the socket yet.
    pub(super) outbox: VecDeque<Vec<u8>>,
    /// Requests that have not been answered.
    pub(super) requests: usize,
    /// Its socket is closed: it will be dead soon, or is made so.
    pub(super) doomed: Option<Instant>,
}

/// Where it is in its life.
#[derive(Debug, PartialEq)]
pub(super) enum Stage {
    /// It has not said which version it speaks.
    Greeting,
    /// It runs `worker_start`.
    Starting,
    Ready,
    Active,
    /// Another has taken over. These reactors still have events with it.
    Draining {
        busy: Reactors,
    },
    /// It has been told to exit.
    Quitting,
    /// It is dead; how is to be said by this time.
    Dead {
        how: Option<Death>,
        until: Instant,
    },
    /// The reactors have been told to forget it; these have not yet.
    Detaching {
        left: Reactors,
    },
}

impl Instance {
    /// Is it alive, so far as is known?
    pub(super) fn lives(&self) -> bool {
        !matches!(self.stage, Stage::Dead { .. } | Stage::Detaching { .. })
    }

    /// Is it on its way to serve?
    pub(super) fn is_starting(&self) -> bool {
        matches!(self.stage, Stage::Greeting | Stage::Starting | Stage::Ready)
    }

    /// After a drain has begun: has its last HTTP connection ended, also of those that reactors gave it meanwhile?
    pub(super) fn has_no_http(&self) -> bool {
        self.http_idle && !self.link.holds_http()
    }

    /// Has it been told to exit?
    pub(super) fn is_leaving(&self) -> bool {
        self.stage == Stage::Quitting
    }

    /// What a status says of it; None: it is dead.
    pub(super) fn state(&self) -> Option<ProcessState> {
        match self.stage {
            Stage::Greeting | Stage::Starting | Stage::Ready => Some(ProcessState::Starting),
            Stage::Active => Some(ProcessState::Running),
            Stage::Draining { .. } | Stage::Quitting => Some(ProcessState::Draining),
            Stage::Dead { .. } | Stage::Detaching { .. } => None,
        }
    }
}

/// A set of reactors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reactors(Vec<bool>);

impl Reactors {
    pub(super) fn all(count: usize) -> Reactors {
        Reactors(vec![true; count])
    }

    pub(super) fn none() -> Reactors {
        Reactors(Vec::new())
    }

    pub(super) fn remove(&mut self, reactor: usize) {
        if let Some(member) = self.0.get_mut(reactor) {
            *member = false;
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        !self.0.contains(&true)
    }
}
