//! The way from the hub to the clients: as much of the library as the hub uses, so that tests can stand in for it.

use std::borrow::Cow;
use std::cell::Cell;
use std::net::IpAddr;
use std::time::Duration;

use bytes::Bytes;
use switchboard::{ConnectionError, ConnectionId, Handle, PeerAddr, PublishError, PushError, Text};
use tokio::time::{Instant, sleep, timeout};

use crate::close::Farewell;
use crate::limits::{REACTOR_WAIT_MS_MAX, UNCONFIRMED_BYTES_MAX};
use crate::store::{Progress, Published};

/// What a command takes beside the bytes that it carries: names, numbers, frame and record headers.
const COMMAND_BYTES: usize = 128;

/// The name by which all plain clients are reached. Each of them is bound to it as to a user before its connection opens,
/// so that it misses nothing from that moment on; they are a group, too, because only groups can be published to with
/// an exception.
pub(crate) const PLAIN: &str = "plain";

/// Who is published to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Group {
    /// Every plain client: all of them are in the lobby.
    Plain,
    /// Every v1 client that has given a name.
    V1,
    /// The v1 clients of one room, by its id in the database.
    Room(i64),
}

impl Group {
    /// The library's name for it.
    pub(crate) fn name(self) -> Cow<'static, str> {
        match self {
            Self::Plain => PLAIN.into(),
            Self::V1 => "v1".into(),
            Self::Room(id) => format!("room/{id}").into(),
        }
    }

    /// The group of this name; None if it is none of the chat's.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        match name {
            PLAIN => Some(Self::Plain),
            "v1" => Some(Self::V1),
            _ => name.strip_prefix("room/")?.parse().ok().map(Self::Room),
        }
    }
}

/// Something that clients will see, or that the library keeps for them. A connection that is gone is no error.
#[derive(Clone, Debug)]
pub(crate) enum Outgoing {
    Push {
        conn: ConnectionId,
        frame: Text,
    },
    Publish {
        group: Group,
        frame: Text,
        except: Option<ConnectionId>,
    },
    Join {
        conn: ConnectionId,
        group: Group,
    },
    Leave {
        conn: ConnectionId,
        group: Group,
    },
    Session {
        conn: ConnectionId,
        session: Bytes,
    },
    /// Ends a connection.
    Disconnect {
        conn: ConnectionId,
        farewell: Farewell,
    },
}

impl Outgoing {
    /// Bytes that it takes on its way to a reactor, about.
    fn weight(&self) -> usize {
        let carried = match self {
            Self::Push { frame, .. } | Self::Publish { frame, .. } => frame.len(),
            Self::Session { session, .. } => session.len(),
            Self::Join { .. } | Self::Leave { .. } | Self::Disconnect { .. } => 0,
        };
        carried + COMMAND_BYTES
    }
}

/// What became of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Attempt {
    Done,
    /// A reactor has more waiting than it takes.
    Again,
}

/// Carries out commands in the order of the calls.
pub(crate) trait Outbox {
    async fn send(&self, outgoing: Outgoing);

    /// So far everything has been sent.
    fn note_published(&self, progress: Progress);

    /// To a worker that has asked something. Without room it is lost: whoever asked asks again.
    fn answer(&self, worker: u16, body: Bytes);

    /// Where a client is. None: it is gone, or on this machine by a Unix socket.
    fn address(&self, conn: ConnectionId) -> Option<IpAddr>;
}

/// The outbox of a process that can be killed at any time.
///
/// A command that the library has written into the memory that it shares with the server is carried out, whatever
/// becomes of this process; one that waits for room there goes with it. So no more is sent than there is room for before
/// it is known that the server has taken what was sent before. That makes what [`Published`] says true.
pub(super) struct ToClients {
    handle: Handle,
    published: Published,
    /// Bytes of commands that each reactor may still have to take, about.
    unconfirmed: Cell<usize>,
}

impl ToClients {
    pub(super) fn new(handle: Handle, published: Published) -> Self {
        Self { handle, published, unconfirmed: Cell::new(0) }
    }

    async fn make_room(&self, bytes: usize) {
        let unconfirmed = self.unconfirmed.get() + bytes;
        self.unconfirmed.set(unconfirmed);
        if unconfirmed <= UNCONFIRMED_BYTES_MAX {
            return;
        }
        // Each reactor answers when it has carried out all that came before.
        let patience = Duration::from_millis(REACTOR_WAIT_MS_MAX);
        match timeout(patience, self.handle.members("nobody")).await {
            Ok(Ok(_)) => self.unconfirmed.set(bytes),
            Ok(Err(error)) => tracing::debug!(%error, "the reactors do not answer"),
            Err(_) => tracing::error!("a reactor does not answer"),
        }
    }
}

impl Outbox for ToClients {
    async fn send(&self, outgoing: Outgoing) {
        self.make_room(outgoing.weight()).await;
        send(&self.handle, &outgoing).await;
    }

    fn note_published(&self, progress: Progress) {
        self.published.note(progress);
    }

    fn answer(&self, worker: u16, body: Bytes) {
        if let Err(error) = self.handle.try_send_message(worker, body) {
            tracing::warn!(worker, %error, "an answer was not sent");
        }
    }

    fn address(&self, conn: ConnectionId) -> Option<IpAddr> {
        match self.handle.client_info(conn)?.peer {
            PeerAddr::Inet(address) => Some(address.ip()),
            _ => None,
        }
    }
}

/// Waits for a reactor whose command queue is full. Then the hub's own queue fills, and the clients wait: that is how a
/// server that cannot keep up slows down those who send.
pub(crate) async fn send(handle: &Handle, outgoing: &Outgoing) {
    if try_send(handle, outgoing) == Attempt::Done {
        return;
    }
    let began = Instant::now();
    while !handle.is_stopping() {
        if began.elapsed() > Duration::from_millis(REACTOR_WAIT_MS_MAX) {
            tracing::error!("a reactor takes no commands: clients miss a frame");
            return;
        }
        sleep(Duration::from_millis(1)).await;
        if try_send(handle, outgoing) == Attempt::Done {
            return;
        }
    }
}

fn try_send(handle: &Handle, outgoing: &Outgoing) -> Attempt {
    match outgoing {
        Outgoing::Push { conn, frame } => push(handle, *conn, frame),
        Outgoing::Publish { group, frame, except } => publish(handle, *group, frame, except.as_slice()),
        Outgoing::Join { conn, group } => attempt(handle.join(*conn, &group.name())),
        Outgoing::Leave { conn, group } => attempt(handle.leave(*conn, &group.name())),
        Outgoing::Session { conn, session } => attempt(handle.set_session(*conn, session.clone())),
        Outgoing::Disconnect { conn, farewell } => {
            attempt(handle.disconnect(*conn, farewell.code(), farewell.reason()))
        }
    }
}

fn push(handle: &Handle, conn: ConnectionId, frame: &Text) -> Attempt {
    match handle.push(conn, frame.clone()) {
        // Either the client reads too slowly, and is being closed for it, or its reactor has too much to do.
        Err(PushError::QueueFull) if handle.is_established(conn) => Attempt::Again,
        Err(error @ PushError::TooBig { .. }) => {
            tracing::error!(%conn, %error, "an answer is too long");
            Attempt::Done
        }
        _ => Attempt::Done,
    }
}

fn publish(handle: &Handle, group: Group, frame: &Text, except: &[ConnectionId]) -> Attempt {
    let published = match (group, except) {
        (Group::Plain, []) => handle.push_to_user(PLAIN, frame.clone()),
        _ => handle.publish(&group.name(), frame.clone(), except),
    };
    match published {
        Ok(()) | Err(PublishError::Stopped) => Attempt::Done,
        Err(PublishError::QueueFull) => Attempt::Again,
        Err(error) => {
            tracing::error!(?group, %error, "a frame was not published");
            Attempt::Done
        }
    }
}

fn attempt(result: Result<(), ConnectionError>) -> Attempt {
    match result {
        // Those that it has left count until the reactor has come to it.
        Err(ConnectionError::QueueFull | ConnectionError::TooManyGroups { .. }) => Attempt::Again,
        Ok(()) | Err(ConnectionError::Closed | ConnectionError::Unknown) => Attempt::Done,
        Err(error) => {
            tracing::error!(%error, "a connection's groups or session were not changed");
            Attempt::Done
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_found_by_its_name() {
        for group in [Group::Plain, Group::V1, Group::Room(17)] {
            assert_eq!(Group::from_name(&group.name()), Some(group));
        }
        assert_eq!(Group::from_name("room/"), None);
        assert_eq!(Group::from_name("other"), None);
    }
}
