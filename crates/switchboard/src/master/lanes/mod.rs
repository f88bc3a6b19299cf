//! The reactors' side of the rings to workers and user processes.
//!
//! Each reactor has a [`Lanes`]: a [`Lane`] for each process that is running, and a [`Route`] for each connection, or
//! pair of processes, of which something has been given out and not been handled. It decides which process gets an event,
//! keeps what cannot be given out yet, notes what has been handled, and hands what a dead process has left to its
//! successor.

mod dispatch;
mod flow;
mod lane;
mod parcel;
mod route;
mod takeover;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fmt;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;

use crate::core::CoreRef;
use crate::instance::InstanceId;
use crate::ipc::Corrupt;
use crate::ipc::channel::{Marks, MasterLane};
use crate::pipe::Slot;
use crate::places::HttpPlace;
use crate::sys::Doorbell;

use lane::{Done, Lane};
use route::{KeyHasher, Route, SourceKey};

/// What a reactor is given of a process that has been started.
#[derive(Debug)]
pub(crate) struct LaneSetup {
    pub(crate) instance: InstanceId,
    pub(crate) slot: Slot,
    pub(crate) lane: MasterLane,
    pub(crate) marks: Marks,
    /// Wakes the process.
    pub(crate) bell: Arc<Doorbell>,
    /// By which the process wakes the reactor.
    pub(crate) heard: Doorbell,
    pub(crate) http: Arc<dyn HttpGate>,
    pub(crate) gauge: Arc<Gauge>,
}

/// The way for HTTP connections to a process.
pub(crate) trait HttpGate: Send + Sync + fmt::Debug {
    /// Has it a service for them?
    fn serves_http(&self) -> bool;

    /// Passes a socket on, with what has been read from it; gives it back if that cannot be done now.
    fn try_send(&self, socket: OwnedFd, place: &Arc<HttpPlace>, read: Bytes) -> Result<(), OwnedFd>;
}

/// How much a process has to do, over all reactors.
#[derive(Debug, Default)]
pub(crate) struct Gauge {
    /// Events that it has been given and has not handled.
    pub(crate) outstanding: AtomicU64,
    /// Events that wait to be given to it.
    pub(crate) queued: AtomicU64,
}

impl Gauge {
    /// Corrects one reactor's share.
    fn correct(counter: &AtomicU64, shown: &mut u64, now: u64) {
        if *shown != now {
            counter.fetch_add(now.wrapping_sub(*shown), Ordering::Relaxed);
            *shown = now;
        }
    }
}

/// What a reactor tells the thread that leads the master.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum LaneReport {
    /// A process that no slot is routed to any more has handled everything that it was given here.
    Idle { instance: InstanceId, reactor: usize },
    /// A process that has ended has been dealt with here: what it left goes to its successor.
    Detached { instance: InstanceId, reactor: usize },
    /// A process has written what cannot be: it is to be killed.
    Violated { instance: InstanceId, what: Corrupt },
    /// During a stop: this reactor has no connections and no events left; or has some again.
    Quiet { reactor: usize, quiet: bool },
}

/// Takes the reports of all reactors.
pub(crate) type Reporter = Arc<dyn Fn(LaneReport) + Send + Sync>;

/// What the reactors' lanes share.
#[derive(Clone)]
pub(crate) struct LanesShared {
    pub(crate) report: Reporter,
    /// Connections of each worker, where the least loaded one is chosen.
    pub(crate) loads: Arc<[AtomicU64]>,
}

impl LanesShared {
    pub(crate) fn new(workers: usize, report: Reporter) -> LanesShared {
        LanesShared { report, loads: (0..workers).map(|_| AtomicU64::new(0)).collect() }
    }
}

/// One reactor's lanes.
pub(crate) struct Lanes {
    reactor: usize,
    core: CoreRef,
    shared: LanesShared,
    /// The oldest first.
    lanes: Vec<Lane>,
    slots: Vec<SlotRoute>,
    routes: HashMap<SourceKey, Route, KeyHasher>,
    /// Which worker a connection was given to, where that does not follow from its id or address.
    assigned: HashMap<SourceKey, Slot, KeyHasher>,
    /// Events that are outstanding or wait.
    unfinished: usize,
    /// The connection that is being read from though there is no room.
    read_without_room: Option<SourceKey>,
    /// What those of the events take that wait and have come like that.
    excess_bytes: usize,
    /// Connections of which the reactor waits for everything to be handled.
    awaited: usize,
    /// Reused for heads of records.
    head: Vec<u8>,
    /// A process has had a service for HTTP connections.
    served_http: bool,
    /// Turns through the workers for HTTP connections.
    next_http: usize,
    /// Whose events have been handled in this turn.
    done: Vec<Done>,
    /// The lane whose records are being carried out.
    read_lane: usize,
    /// The processes have been told that the reactor sleeps.
    asleep: bool,
    stopping: bool,
    was_quiet: bool,
}

/// Where a slot's events go.
#[derive(Debug, Default)]
struct SlotRoute {
    instance: Option<InstanceId>,
    /// Sources of which something waits for room, or for a process.
    waiting: std::collections::VecDeque<SourceKey>,
    /// How many events these are.
    queued: u64,
}

impl Lanes {
    /// For a reactor's thread.
    pub(crate) fn new(reactor: usize, core: CoreRef, shared: LanesShared) -> Lanes {
        let slots = (0..core.pipes.slots()).map(|_| SlotRoute::default()).collect();
        Lanes {
            reactor,
            core,
            shared,
            lanes: Vec::new(),
            slots,
            routes: HashMap::default(),
            assigned: HashMap::default(),
            unfinished: 0,
            read_without_room: None,
            excess_bytes: 0,
            awaited: 0,
            head: Vec::new(),
            served_http: false,
            next_http: 0,
            done: Vec::new(),
            read_lane: 0,
            asleep: false,
            stopping: false,
            was_quiet: false,
        }
    }

    fn lane(&mut self, instance: InstanceId) -> Option<&mut Lane> {
        self.lanes.iter_mut().find(|lane| lane.instance == instance)
    }

    fn report(&self, report: LaneReport) {
        (self.shared.report)(report);
    }
}

impl fmt::Debug for Lanes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lanes")
            .field("reactor", &self.reactor)
            .field("lanes", &self.lanes)
            .finish_non_exhaustive()
    }
}
