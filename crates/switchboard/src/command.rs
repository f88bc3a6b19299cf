//! What the user's code asks of a reactor.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::oneshot;

use crate::event::ClosedBy;
use crate::frame::Frame;
use crate::instance::InstanceId;
use crate::listener::Listener;
use crate::master::lanes::LaneSetup;
use crate::pipe::{Receipt, Slot};
use crate::reactor::Adopted;
use crate::{ConnectionId, ConnectionState, Decision, Overflow};

/// Everything that can be asked of a reactor, by a handler on its own thread or from anywhere else.
#[derive(Debug)]
pub(crate) enum Command {
    /// The sender has made room for it in the connection's entry; `by_owner`: on the reactor's own thread.
    Push {
        id: ConnectionId,
        frame: Frame,
        by_owner: bool,
        overflow: Overflow,
    },
    /// A push from a process that cannot reserve anything, as it came from its ring.
    RemotePush {
        id: ConnectionId,
        frame: Frame,
        overflow: Overflow,
    },
    /// The same frame to several connections of this reactor, nothing reserved.
    PushMany {
        ids: Vec<ConnectionId>,
        frame: Frame,
    },
    /// To every open connection.
    Broadcast {
        frame: Frame,
    },
    Publish {
        group: Arc<str>,
        frame: Frame,
        /// Sorted.
        except: Arc<[ConnectionId]>,
    },
    PushToUser {
        user: Arc<str>,
        frame: Frame,
    },
    /// `counted`: one group more has been counted in the connection's entry by the sender.
    Join {
        id: ConnectionId,
        group: Arc<str>,
        counted: bool,
    },
    /// `counted`: one group less.
    Leave {
        id: ConnectionId,
        group: Arc<str>,
        counted: bool,
    },
    Bind {
        id: ConnectionId,
        user: Arc<str>,
    },
    SetSession {
        id: ConnectionId,
        session: Bytes,
        /// The instance that is told when it has been done, with its token.
        echo: Option<(InstanceId, u64)>,
    },
    /// Close frame after what is queued.
    Disconnect {
        id: ConnectionId,
        code: u16,
        reason: String,
        by: ClosedBy,
    },
    Abort {
        id: ConnectionId,
    },
    /// A push met a full queue, for the first time since the handler was told that there is room.
    PushRefused {
        id: ConnectionId,
        closes: bool,
    },
    /// The same, from a process that cannot mark the connection's entry.
    RemoteRefused {
        id: ConnectionId,
        closes: bool,
    },
    Pause {
        id: ConnectionId,
    },
    Resume {
        id: ConnectionId,
    },
    Protect {
        id: ConnectionId,
        protected: bool,
    },
    Ask(Question),
    /// The worker's answer to [`EventKind::Authorize`](crate::event::EventKind::Authorize).
    Authorized {
        id: ConnectionId,
        decision: Box<Decision>,
    },
    /// A worker of another process says [`Flow::Hold`](crate::event::Flow::Hold).
    HandlerBehind {
        id: ConnectionId,
    },
    /// All events of a connection have been handled whose end waits for that.
    Settled {
        id: ConnectionId,
    },
    /// The worker has caught up with a connection after [`Flow::Hold`](crate::event::Flow::Hold).
    HandlerReady {
        id: ConnectionId,
    },
    /// A socket that comes from elsewhere: accepted by another reactor, or upgraded by hyper.
    Adopt(Box<Adopted>),
    /// A message from one worker or user process to another.
    Pipe {
        from: Slot,
        to: Slot,
        body: Bytes,
        /// Given back when it has been handled, where sender and recipient share a process.
        receipt: Receipt,
    },
    /// A worker or user process has been started, and has this lane to the reactor.
    Attach(Box<LaneSetup>),
    /// From now on the events for a slot go to this instance; None: they wait.
    Route {
        slot: Slot,
        instance: Option<InstanceId>,
    },
    /// An instance is gone. `of_itself`: nobody killed it from outside.
    Detach {
        instance: InstanceId,
        of_itself: bool,
    },
    /// From now on accept connections.
    Listen(Arc<[Listener]>),
    Shutdown,
}

/// A question, with where the answer goes.
#[derive(Debug)]
pub(crate) struct Question {
    pub(crate) asked: Asked,
    pub(crate) reply: Reply,
}

/// What can be asked of a reactor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Asked {
    Members(Arc<str>),
    UserConnections(Arc<str>),
    Groups(ConnectionId),
    Session(ConnectionId),
    /// Of all open connections.
    Snapshot,
}

/// What a reactor answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    Ids(Vec<ConnectionId>),
    Groups(Vec<String>),
    Session(Bytes),
    Snapshot(Vec<ConnectionState>),
    /// The connection is gone.
    Gone,
    /// Too many answers wait for whoever asks.
    Busy,
}

/// Where an answer goes. Nobody may be waiting for it any more.
#[derive(Debug)]
pub(crate) enum Reply {
    Here(oneshot::Sender<Answer>),
    Instance { instance: InstanceId, token: u64 },
}

impl Command {
    /// What the command weighs against `command_bytes_max`: the bytes that it alone keeps alive, about.
    pub(crate) fn weight(&self) -> usize {
        let carried = match self {
            Command::Push { frame, .. } | Command::RemotePush { frame, .. } => frame.len(),
            Command::Broadcast { frame } => frame.len(),
            Command::Publish { frame, except, .. } => frame.len() + size_of_val(&**except),
            Command::PushToUser { frame, .. } => frame.len(),
            Command::PushMany { ids, frame } => frame.len() + ids.len() * size_of::<ConnectionId>(),
            Command::SetSession { session, .. } => session.len(),
            Command::Pipe { body, .. } => body.len(),
            _ => 0,
        };
        size_of::<Command>() + carried
    }
}
