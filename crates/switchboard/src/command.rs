//! What the user's code asks of a reactor.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::oneshot;

use crate::event::ClosedBy;
use crate::frame::Frame;
use crate::reactor::Adopted;
use crate::{ConnectionId, Decision, Overflow};

/// Everything that can be asked of a reactor, by a handler on its own thread or from anywhere else.
#[derive(Debug)]
pub(crate) enum Command {
    /// `reserved` bytes have been added to the connection's `queued` by the sender.
    Push {
        id: ConnectionId,
        frame: Frame,
        reserved: usize,
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
    /// One group more has been counted in the connection's entry by the sender.
    Join {
        id: ConnectionId,
        group: Arc<str>,
    },
    /// One group less.
    Leave {
        id: ConnectionId,
        group: Arc<str>,
    },
    Bind {
        id: ConnectionId,
        user: Arc<str>,
    },
    SetSession {
        id: ConnectionId,
        session: Bytes,
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
    /// The worker has caught up with a connection after [`Flow::Hold`](crate::event::Flow::Hold).
    HandlerReady {
        id: ConnectionId,
    },
    /// A socket that comes from elsewhere: accepted by another reactor, or upgraded by hyper.
    Adopt(Box<Adopted>),
    Shutdown,
}

/// A question, with where the answer goes. Nobody may be waiting for it any more.
#[derive(Debug)]
pub(crate) enum Question {
    Members { group: Arc<str>, answer: oneshot::Sender<Vec<ConnectionId>> },
    UserConnections { user: Arc<str>, answer: oneshot::Sender<Vec<ConnectionId>> },
    Groups { id: ConnectionId, answer: oneshot::Sender<Option<Vec<String>>> },
    Session { id: ConnectionId, answer: oneshot::Sender<Option<Bytes>> },
}

impl Command {
    /// What the command weighs against `command_bytes_max`: the bytes that it alone keeps alive, about.
    pub(crate) fn weight(&self) -> usize {
        let carried = match self {
            Command::Push { frame, .. } | Command::Broadcast { frame } => frame.len(),
            Command::Publish { frame, except, .. } => frame.len() + size_of_val(&**except),
            Command::PushToUser { frame, .. } => frame.len(),
            Command::PushMany { ids, frame } => frame.len() + ids.len() * size_of::<ConnectionId>(),
            Command::SetSession { session, .. } => session.len(),
            _ => 0,
        };
        size_of::<Command>() + carried
    }
}
