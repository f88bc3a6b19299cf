//! How commands get from a process without reactors to those of the master.

use std::fmt;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::oneshot;

use crate::admission::Refused;
use crate::command::{Answer, Asked, Command};
use crate::decision::Accept;
use crate::error::{ConnectionError, MessageError, PushError};
use crate::inbox::Refused as NotSent;
use crate::pipe::Slot;
use crate::places::Source;
use crate::status::ConductorRequest;
use crate::table::Entry;
use crate::{ConnectionId, Message, Overflow, PeerAddr, Request};

/// What [`Handle`](crate::Handle) does by way of the master. The connection table cannot be written here, so room is
/// reckoned from the table and from what is on its way.
///
/// Commands of one thread to one reactor stay in order.
pub(crate) trait RemotePorts: Send + Sync + fmt::Debug {
    /// Sends a message to an open connection whose entry this is.
    fn push(
        &self,
        id: ConnectionId,
        entry: &Entry,
        message: Message,
        overflow: Overflow,
    ) -> Result<(), PushError>;

    /// As [`Inbox::send`](crate::inbox::Inbox::send).
    fn send(&self, reactor: usize, command: Command) -> Result<(), NotSent>;

    /// As [`Inbox::send_always`](crate::inbox::Inbox::send_always).
    fn send_always(&self, reactor: usize, command: Command) -> Result<(), NotSent>;

    /// Would a command of this weight find room at every reactor?
    fn has_room(&self, weight: usize) -> bool;

    fn join(&self, id: ConnectionId, entry: &Entry, group: Arc<str>) -> Result<(), ConnectionError>;

    fn leave(&self, id: ConnectionId, entry: &Entry, group: Arc<str>) -> Result<(), ConnectionError>;

    /// From now on events of the connection that were on their way are given this session, too.
    fn set_session(&self, id: ConnectionId, entry: &Entry, session: Bytes) -> Result<(), NotSent>;

    fn ask(&self, reactor: usize, asked: Asked) -> Result<oneshot::Receiver<Answer>, NotSent>;

    /// Sends a message for which room in the recipient's window has been reserved.
    fn pipe(&self, to: Slot, body: Bytes) -> Result<(), MessageError>;

    /// Asks the thread that leads the master.
    fn request(&self, request: ConductorRequest);

    /// An HTTP connection from there has ended.
    fn http_ended(&self, source: &Source);

    /// Asks for a place for a connection whose upgrade is about to be decided about. `proxied`: it is a trusted proxy's.
    fn admit(&self, request: &Request, proxied: bool) -> oneshot::Receiver<Result<(), Refused>>;

    /// That place, of this client, is not needed. `refused`: because the handshake was refused.
    fn place_returned(&self, client: &PeerAddr, refused: bool);

    /// The upgrade has been answered with 101: the socket, with its place, goes to a reactor.
    fn upgraded(&self, socket: OwnedFd, request: Request, accept: Accept, unread: Bytes);
}
