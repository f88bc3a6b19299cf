//! The way from the hub to the clients: as much of the library as the hub uses, so that tests can stand in for it.

use std::borrow::Cow;
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use switchboard::{ConnectionError, ConnectionId, Handle, PublishError, PushError, Text};

use crate::limits::REACTOR_WAIT_MS_MAX;

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
            Self::Plain => "plain".into(),
            Self::V1 => "v1".into(),
            Self::Room(id) => format!("room/{id}").into(),
        }
    }
}

/// Commands to connections, carried out in the order of the calls. A connection that is gone is no error.
pub(crate) trait Outbox: Clone + Send + 'static {
    fn push(&self, conn: ConnectionId, frame: Text);
    fn publish(&self, group: Group, frame: Text, except: Option<ConnectionId>);
    fn join(&self, conn: ConnectionId, group: Group);
    fn leave(&self, conn: ConnectionId, group: Group);
    fn set_session(&self, conn: ConnectionId, session: Bytes);
}

impl Outbox for Handle {
    fn push(&self, conn: ConnectionId, frame: Text) {
        patiently(self, || match Handle::push(self, conn, frame.clone()) {
            // Either the client reads too slowly, and is being closed for it, or its reactor has too much to do.
            Err(PushError::QueueFull) if self.is_established(conn) => Attempt::Again,
            Err(error @ PushError::TooBig { .. }) => {
                tracing::error!(%conn, %error, "an answer is too long");
                Attempt::Done
            }
            _ => Attempt::Done,
        });
    }

    fn publish(&self, group: Group, frame: Text, except: Option<ConnectionId>) {
        let except = except.as_slice();
        patiently(self, || match Handle::publish(self, &group.name(), frame.clone(), except) {
            Ok(()) => Attempt::Done,
            Err(PublishError::QueueFull) => Attempt::Again,
            Err(error) => {
                tracing::error!(?group, %error, "a frame was not published");
                Attempt::Done
            }
        });
    }

    fn join(&self, conn: ConnectionId, group: Group) {
        patiently(self, || attempt(Handle::join(self, conn, &group.name())));
    }

    fn leave(&self, conn: ConnectionId, group: Group) {
        patiently(self, || attempt(Handle::leave(self, conn, &group.name())));
    }

    fn set_session(&self, conn: ConnectionId, session: Bytes) {
        patiently(self, || attempt(Handle::set_session(self, conn, session.clone())));
    }
}

enum Attempt {
    Done,
    Again,
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

/// Waits for a reactor whose command queue is full. The hub's own queue fills meanwhile, and then the clients wait:
/// that is how a server that cannot keep up slows down those who send.
fn patiently(handle: &Handle, mut try_once: impl FnMut() -> Attempt) {
    if let Attempt::Done = try_once() {
        return;
    }
    let began = Instant::now();
    while !handle.is_stopping() {
        if began.elapsed() > Duration::from_millis(REACTOR_WAIT_MS_MAX) {
            tracing::error!("a reactor takes no commands: clients miss a frame");
            return;
        }
        thread::sleep(Duration::from_millis(1));
        if let Attempt::Done = try_once() {
            return;
        }
    }
}
