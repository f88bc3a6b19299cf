//! What a reactor tells a worker.

use bytes::Bytes;

use crate::pipe::{PipeMessage, Receipt, Slot};
use crate::{ConnectionId, Message, Request};

/// Something happened on a connection. Together with [`Command`](crate::command::Command) it is all that passes
/// between a reactor and the user's code.
#[derive(Debug)]
pub(crate) struct Event {
    pub(crate) source: EventSource,
    /// The connection's session bytes as they are now.
    pub(crate) session: Bytes,
    pub(crate) kind: EventKind,
    /// 1, and one more for each worker that died while it handled the event.
    pub(crate) attempt: u32,
    /// A worker died while it handled this event and others: to be handled alone.
    pub(crate) suspect: bool,
    /// Given back when it has been handled.
    pub(crate) receipt: Receipt,
}

/// Whose event it is. Those of one source are handled one at a time, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum EventSource {
    Connection(ConnectionId),
    /// Messages from another process.
    Pipe(Slot),
}

impl From<ConnectionId> for EventSource {
    fn from(id: ConnectionId) -> EventSource {
        EventSource::Connection(id)
    }
}

impl Event {
    /// The event of a connection, given out for the first time.
    pub(crate) fn new(id: ConnectionId, session: Bytes, kind: EventKind) -> Event {
        Event { source: id.into(), session, kind, attempt: 1, suspect: false, receipt: Receipt::None }
    }

    /// A message from another process.
    pub(crate) fn pipe(from: Slot, message: PipeMessage, receipt: Receipt) -> Event {
        let (source, attempt) = (EventSource::Pipe(from), message.attempt());
        let kind = EventKind::Pipe(message);
        Event { source, session: Bytes::new(), kind, attempt, suspect: false, receipt }
    }

    /// Bytes of the message, if it is one.
    pub(crate) fn payload_len(&self) -> usize {
        match &self.kind {
            EventKind::Message(message) => message.len(),
            EventKind::Pipe(message) => message.body().len(),
            _ => 0,
        }
    }
}

#[derive(Debug)]
pub(crate) enum EventKind {
    /// A handshake waits for [`Command::Authorized`](crate::command::Command::Authorized).
    Authorize(Box<Request>),
    Open(Box<Request>),
    Message(Message),
    /// The output queue has emptied after a push was refused.
    Drain,
    Close(Closed),
    Pipe(PipeMessage),
}

/// How a connection ended.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Closed {
    /// The close code (RFC 6455 §7.4): the one received, or the one that we sent, or 1005 when the client's close
    /// frame had none, 1006 when the transport ended without a close frame.
    pub code: u16,
    /// The close frame's reason; for the transport, what went wrong.
    pub reason: String,
    /// Who ended it.
    pub by: ClosedBy,
}

/// Who ended a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ClosedBy {
    /// The client, by a close frame.
    Client,
    /// This program, by `disconnect`, `close` or `abort`, or by a handler that panicked.
    Server,
    /// No byte came for `heartbeat_idle_time`.
    Heartbeat,
    /// The output queue was full ([`Overflow::Close`](crate::Overflow::Close)).
    Overflow,
    /// It sent more than `messages_per_second` or `bytes_per_second` allow, for longer than `rate_grace`.
    Flood,
    /// The client broke the protocol.
    Protocol,
    /// The transport ended or failed without a close frame.
    Transport,
    /// The server is being shut down.
    Shutdown,
}

/// What a worker answers when it is given an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flow {
    /// More may come.
    Go,
    /// The connection's handler is behind: send no more messages until
    /// [`Command::HandlerReady`](crate::command::Command::HandlerReady).
    Hold,
}
