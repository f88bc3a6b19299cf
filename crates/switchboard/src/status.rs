//! The processes of a running server, and how a reload went.

use std::time::{Duration, SystemTime};

use tokio::sync::oneshot;

use crate::error::{QueryError, ReloadError};
use crate::{Recipient, Stats};

/// What runs ([`Handle::status`](crate::Handle::status)).
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Status {
    /// The master first, then the manager, then workers and user processes in order; those that drain after the ones that
    /// have taken over from them.
    pub processes: Vec<ProcessInfo>,
    /// The server's figures.
    pub stats: Stats,
}

impl Status {
    /// Of a server in Base mode.
    pub(crate) fn of_one_process(stats: Stats) -> Status {
        let process = ProcessInfo {
            role: ProcessRole::Master,
            pid: std::process::id(),
            generation: 0,
            state: ProcessState::Running,
            since: stats.started_at,
            outstanding: 0,
            queued: 0,
        };
        Status { processes: vec![process], stats }
    }
}

/// One process.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ProcessInfo {
    /// What it does.
    pub role: ProcessRole,
    /// The system's number for it.
    pub pid: u32,
    /// Which generation of the code it runs, from 1; a reload raises it. 0: it is not reloaded.
    pub generation: u32,
    /// Where it is in its life.
    pub state: ProcessState,
    /// When it was started.
    pub since: SystemTime,
    /// Events that it has been given and has not handled, those that wait behind a handler included. 0 in Base mode.
    pub outstanding: u64,
    /// Events that wait to be given to it: its rings are full, or the process before it has some of the same connection. 0 in
    /// Base mode.
    pub queued: u64,
}

/// What a process does.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProcessRole {
    /// Owns the sockets. In Base mode it runs the handlers, too.
    Master,
    /// Starts, watches and replaces workers and user processes.
    Manager,
    /// Runs handlers, or is a user process.
    Member(Recipient),
}

/// Where a process is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProcessState {
    /// Not ready yet.
    Starting,
    /// It serves.
    Running,
    /// Another has taken over; it finishes what it has.
    Draining,
}

/// A reload that succeeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reloaded {
    /// The generation before.
    pub from: u32,
    /// The generation now.
    pub to: u32,
    /// From the request until the new generation took over. Connections of which the old one still has events follow when
    /// these are handled.
    pub took: Duration,
}

impl Reloaded {
    pub(crate) fn new(from: u32, to: u32, took: Duration) -> Reloaded {
        Reloaded { from, to, took }
    }
}

/// What is asked of the thread that leads the master. Nobody may be waiting for the answer any more.
#[derive(Debug)]
pub(crate) enum ConductorRequest {
    Reload(oneshot::Sender<Result<Reloaded, ReloadError>>),
    Status(oneshot::Sender<Result<Status, QueryError>>),
    Stop,
}

impl ConductorRequest {
    /// Too many requests wait already.
    pub(crate) fn refuse_busy(self) {
        match self {
            ConductorRequest::Reload(answer) => {
                let reason = QueryError::Busy.to_string();
                let _ = answer.send(Err(ReloadError::Failed(reason)));
            }
            ConductorRequest::Status(answer) => drop(answer.send(Err(QueryError::Busy))),
            ConductorRequest::Stop => {}
        }
    }
}
