//! The server as the user's code sees it.

mod processes;

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use switchboard_proto::{CLOSE_REASON_BYTES_MAX, CloseCode};
use tokio::sync::oneshot;

use crate::command::{Answer, Asked, Command, Question, Reply};
use crate::core::CoreRef;
use crate::error::{ConnectionError, NameError, PublishError, PushError, QueryError};
use crate::event::ClosedBy;
use crate::frame::Frame;
use crate::inbox::Refused;
use crate::pipe::{NO_SLOT, Slot};
use crate::status::ConductorRequest;
use crate::table::{Counters, Entry, State};
use crate::{ClientInfo, ConnectionId, ConnectionState, ListenAddr, Message, Overflow, Stats};

/// Reaches every connection of the server from any handler, task or thread. Cheap to clone.
///
/// Commands are carried out by the reactors, in the order in which one thread or task issues them. `Ok` means that a
/// command was accepted, not that it has been carried out.
#[derive(Clone)]
pub struct Handle {
    core: CoreRef,
    /// The worker or user process that it was given to.
    slot: Slot,
}

/// Sending.
impl Handle {
    /// Sends a message to one connection (Swoole: `push`). `Ok`: accepted by its queue, not delivered. In Process mode what
    /// a handler sends may leave only when it awaits or returns: one that blocks its thread holds it up.
    pub fn push(&self, id: ConnectionId, message: impl Into<Message>) -> Result<(), PushError> {
        self.push_with(id, message, self.core.config.overflow)
    }

    /// As [`push`](Handle::push), with an overflow policy for this one message.
    pub fn push_with(
        &self,
        id: ConnectionId,
        message: impl Into<Message>,
        overflow: Overflow,
    ) -> Result<(), PushError> {
        let entry = self.open_entry(id)?;
        let message = message.into();
        self.check_size(&message).map_err(|(bytes, max)| PushError::TooBig { bytes, max })?;
        if let Some(ports) = &self.core.ports {
            return ports.push(id, entry, message, overflow);
        }
        let frame = Frame::single(message);
        let reserved = frame.len();
        let max = self.core.config.output_bytes_max;
        // The reactor drops the oldest; this bounds what may be on the way to it.
        let max = if overflow == Overflow::DropOldest { max.saturating_mul(2) } else { max };
        let inbox = self.core.inbox(entry.reactor());
        let by_owner = inbox.is_own();
        let has_room = match by_owner {
            true => entry.reserve_as_owner(reserved, max),
            false => entry.reserve(reserved, max),
        };
        if !has_room {
            self.push_refused(id, entry, overflow == Overflow::Close);
            return Err(PushError::QueueFull);
        }
        let sent = inbox.send(Command::Push { id, frame, by_owner, overflow });
        sent.map_err(|refused| {
            match by_owner {
                true => entry.subtract_queued(reserved),
                false => entry.unreserve(reserved),
            }
            if refused == Refused::Stopped {
                return PushError::Closed;
            }
            self.push_refused(id, entry, false);
            PushError::QueueFull
        })
    }

    /// The reactor closes the connection, or tells its handler when there is room again.
    fn push_refused(&self, id: ConnectionId, entry: &Entry, closes: bool) {
        Counters::add(&self.core.counters().dropped_messages, 1);
        if entry.set_refused(closes) {
            let _ = self.send_always(entry.reactor(), Command::PushRefused { id, closes });
        }
    }

    /// Sends one message, encoded once, to several connections. Answers to how many of them it went; the others
    /// were closed, unknown, or not open. Full queues are dealt with by the overflow policy.
    pub fn push_many(
        &self,
        ids: &[ConnectionId],
        message: impl Into<Message>,
    ) -> Result<usize, PublishError> {
        let frame = self.shared_frame(message.into())?;
        let mut by_reactor: Vec<Vec<ConnectionId>> = vec![Vec::new(); self.reactors()];
        for id in ids {
            if let Ok(entry) = self.open_entry(*id) {
                by_reactor[entry.reactor().min(self.reactors() - 1)].push(*id);
            }
        }
        self.check_room(frame.len() + size_of_val(ids))?;
        let mut accepted = 0;
        for (reactor, ids) in by_reactor.into_iter().enumerate() {
            let count = ids.len();
            let command = Command::PushMany { ids, frame: frame.clone() };
            if count > 0 && self.send_always(reactor, command).is_ok() {
                accepted += count;
            }
        }
        Ok(accepted)
    }

    /// Sends one message, encoded once, to every open connection. Full queues are dealt with by the overflow policy.
    pub fn broadcast(&self, message: impl Into<Message>) -> Result<(), PublishError> {
        let frame = self.shared_frame(message.into())?;
        self.to_all_reactors(|| Command::Broadcast { frame: frame.clone() })
    }

    /// Sends one message, encoded once, to every member of a group but those in `except`. A group without
    /// members is no error.
    pub fn publish(
        &self,
        group: &str,
        message: impl Into<Message>,
        except: &[ConnectionId],
    ) -> Result<(), PublishError> {
        let group: Arc<str> = self.group_name(group)?.into();
        let frame = self.shared_frame(message.into())?;
        let mut except = except.to_vec();
        except.sort_unstable();
        let except: Arc<[ConnectionId]> = except.into();
        self.to_all_reactors(|| Command::Publish {
            group: group.clone(),
            frame: frame.clone(),
            except: except.clone(),
        })
    }

    /// Sends one message to every connection that is bound to the user. A user without connections is no error.
    pub fn push_to_user(&self, user: &str, message: impl Into<Message>) -> Result<(), PublishError> {
        let user: Arc<str> = self.user_name(user)?.into();
        let frame = self.shared_frame(message.into())?;
        self.to_all_reactors(|| Command::PushToUser { user: user.clone(), frame: frame.clone() })
    }

    fn shared_frame(&self, message: Message) -> Result<Frame, PublishError> {
        self.check_size(&message).map_err(|(bytes, max)| PublishError::TooBig { bytes, max })?;
        Ok(Frame::shared(message))
    }

    fn check_size(&self, message: &Message) -> Result<(), (usize, usize)> {
        let max = self.core.config.message_bytes_max;
        if message.len() > max { Err((message.len(), max)) } else { Ok(()) }
    }

    fn check_room(&self, bytes: usize) -> Result<(), PublishError> {
        let weight = size_of::<Command>() + bytes;
        let room = match &self.core.ports {
            Some(ports) => ports.has_room(weight),
            None => self.core.inboxes.iter().all(|inbox| inbox.has_room(weight)),
        };
        if room { Ok(()) } else { Err(PublishError::QueueFull) }
    }

    /// All reactors that run get the command, or, for want of room, none does.
    fn to_all_reactors(&self, mut command: impl FnMut() -> Command) -> Result<(), PublishError> {
        let mut sent = Err(PublishError::Stopped);
        for reactor in 0..self.reactors() {
            let command = command();
            if reactor == 0 {
                self.check_room(command.weight() - size_of::<Command>())?;
            }
            if self.send_always(reactor, command).is_ok() {
                sent = Ok(());
            }
        }
        sent
    }
}

/// Groups, users, sessions.
impl Handle {
    /// Puts a connection into a group; a group begins with its first member and ends with its last. Joining a group
    /// again changes nothing, but is refused like any other join when the connection is in as many as it may be.
    pub fn join(&self, id: ConnectionId, group: &str) -> Result<(), ConnectionError> {
        let entry = self.established(id)?;
        let group: Arc<str> = self.group_name(group)?.into();
        if let Some(ports) = &self.core.ports {
            return ports.join(id, entry, group);
        }
        let max = self.core.config.groups_per_connection_max;
        if !entry.reserve_group(max) {
            return Err(ConnectionError::TooManyGroups { max });
        }
        let sent = self.command(entry, Command::Join { id, group, counted: true });
        sent.inspect_err(|_| entry.release_group())
    }

    /// Takes a connection out of a group. It is no error if it was not in.
    pub fn leave(&self, id: ConnectionId, group: &str) -> Result<(), ConnectionError> {
        let group: Arc<str> = self.group_name(group)?.into();
        let entry = self.established(id)?;
        if let Some(ports) = &self.core.ports {
            return ports.leave(id, entry, group);
        }
        // Counted at once, so that a connection at its limit can change groups.
        entry.release_group();
        let sent = self.command(entry, Command::Leave { id, group, counted: true });
        sent.inspect_err(|_| entry.restore_group())
    }

    /// Makes a connection one of a user's connections, and of no other user's (Swoole: `bind`, but the user is a
    /// string and may have several connections).
    pub fn bind(&self, id: ConnectionId, user: &str) -> Result<(), ConnectionError> {
        let user: Arc<str> = self.user_name(user)?.into();
        self.command(self.established(id)?, Command::Bind { id, user })
    }

    /// Replaces a connection's session: up to `session_bytes_max` bytes that are kept with the connection and given
    /// to the handler with each event.
    pub fn set_session(&self, id: ConnectionId, session: impl Into<Bytes>) -> Result<(), ConnectionError> {
        let session = session.into();
        let max = self.core.config.session_bytes_max;
        if session.len() > max {
            return Err(ConnectionError::SessionTooLong { bytes: session.len(), max });
        }
        let entry = self.established(id)?;
        match &self.core.ports {
            Some(ports) => ports.set_session(id, entry, session).map_err(connection_error),
            None => self.command(entry, Command::SetSession { id, session, echo: None }),
        }
    }

    /// The members of a group, ascending, as of when each reactor answers.
    pub async fn members(&self, group: &str) -> Result<Vec<ConnectionId>, QueryError> {
        self.gather_ids(Asked::Members(group.into())).await
    }

    /// The connections of a user, ascending, as of when each reactor answers.
    pub async fn user_connections(&self, user: &str) -> Result<Vec<ConnectionId>, QueryError> {
        self.gather_ids(Asked::UserConnections(user.into())).await
    }

    /// The groups that a connection is in, sorted.
    pub async fn groups(&self, id: ConnectionId) -> Result<Vec<String>, QueryError> {
        match self.ask(id, Asked::Groups(id)).await? {
            Answer::Groups(groups) => Ok(groups),
            Answer::Busy => Err(QueryError::QueueFull),
            _ => Err(QueryError::Closed),
        }
    }

    /// A connection's session bytes. A handler has them at hand already: [`Conn::session`](crate::Conn::session).
    pub async fn session(&self, id: ConnectionId) -> Result<Bytes, QueryError> {
        match self.ask(id, Asked::Session(id)).await? {
            Answer::Session(session) => Ok(session),
            Answer::Busy => Err(QueryError::QueueFull),
            _ => Err(QueryError::Closed),
        }
    }

    /// All that the server keeps for its open connections, by ascending id, as of when each reactor answers: what a process
    /// needs that has been started anew.
    pub async fn snapshot(&self) -> Result<Vec<ConnectionState>, QueryError> {
        let mut all = Vec::new();
        for answer in self.gather(&Asked::Snapshot).await? {
            if let Answer::Snapshot(states) = answer {
                all.extend(states);
            }
        }
        all.sort_unstable_by_key(|state| state.id);
        Ok(all)
    }

    async fn ask(&self, id: ConnectionId, asked: Asked) -> Result<Answer, QueryError> {
        let entry = self.core.table.find(id).ok_or(QueryError::Closed)?;
        let answer = self.question(entry.reactor(), asked)?;
        answer.await.map_err(|_| QueryError::Stopped)
    }

    async fn gather(&self, asked: &Asked) -> Result<Vec<Answer>, QueryError> {
        let mut receivers = Vec::with_capacity(self.reactors());
        for reactor in 0..self.reactors() {
            receivers.push(self.question(reactor, asked.clone())?);
        }
        let mut answers = Vec::with_capacity(receivers.len());
        for receiver in receivers {
            match receiver.await.map_err(|_| QueryError::Stopped)? {
                Answer::Busy => return Err(QueryError::QueueFull),
                answer => answers.push(answer),
            }
        }
        Ok(answers)
    }

    async fn gather_ids(&self, asked: Asked) -> Result<Vec<ConnectionId>, QueryError> {
        let mut all = Vec::new();
        for answer in self.gather(&asked).await? {
            if let Answer::Ids(ids) = answer {
                all.extend(ids);
            }
        }
        all.sort_unstable();
        Ok(all)
    }

    fn question(&self, reactor: usize, asked: Asked) -> Result<oneshot::Receiver<Answer>, QueryError> {
        if let Some(ports) = &self.core.ports {
            return ports.ask(reactor, asked).map_err(query_error);
        }
        let (sender, receiver) = oneshot::channel();
        let question = Question { asked, reply: Reply::Here(sender) };
        self.send(reactor, Command::Ask(question)).map_err(query_error)?;
        Ok(receiver)
    }
}

/// Looking, without a round trip.
impl Handle {
    /// The ids of all open connections, ascending: a snapshot. Connections may close while it is walked.
    pub fn connections(&self) -> Vec<ConnectionId> {
        self.core.table.open_ids()
    }

    /// Is the connection there, in its handshake, open or closing (Swoole: `exist`)?
    pub fn exists(&self, id: ConnectionId) -> bool {
        self.core.table.find(id).is_some()
    }

    /// Is the connection open (Swoole: `isEstablished`)?
    pub fn is_established(&self, id: ConnectionId) -> bool {
        self.core.table.find(id).is_some_and(|entry| entry.state() == State::Open)
    }

    /// What is known of a connection (Swoole: `getClientInfo`); None once it is gone.
    pub fn client_info(&self, id: ConnectionId) -> Option<ClientInfo> {
        self.core.table.info(id)
    }

    /// Figures about the server.
    pub fn stats(&self) -> Stats {
        self.core.stats()
    }

    /// The addresses that the server listens on, with the ports that the system chose.
    pub fn listening(&self) -> &[ListenAddr] {
        &self.core.listening
    }

    /// Which generation of the code this process runs: 1 at the start of the server, one more after each reload. 0 in the
    /// master and in Base mode, where nothing is reloaded.
    pub fn generation(&self) -> u32 {
        self.core.generation
    }

    /// The number of reactors.
    pub fn reactors(&self) -> usize {
        self.core.config.reactors
    }
}

/// Ending and holding.
impl Handle {
    /// Closes a connection: what is queued goes first, then a close frame with this code and reason; the transport
    /// ends when the client has answered, or after `close_timeout`.
    ///
    /// What the client sends from now on is not handled any more; messages that wait behind a handler still are.
    ///
    /// Codes are 1000–1003, 1007–1014 and 3000–4999 (RFC 6455 §7.4); reasons have at most 123 bytes.
    pub fn disconnect(&self, id: ConnectionId, code: u16, reason: &str) -> Result<(), ConnectionError> {
        let may_be_sent = CloseCode::new(code).may_be_sent();
        if !may_be_sent {
            let rule = "1000–1003, 1007–1014 and 3000–4999 are (RFC 6455 §7.4)";
            return Err(ConnectionError::Close(format!("close code {code} must not be sent; {rule}")));
        }
        if reason.len() > CLOSE_REASON_BYTES_MAX {
            let bytes = reason.len();
            let rule = format!("{CLOSE_REASON_BYTES_MAX} are allowed (RFC 6455 §5.5.1)");
            return Err(ConnectionError::Close(format!("the close reason has {bytes} bytes; {rule}")));
        }
        let reason = reason.to_owned();
        let entry = match self.established(id) {
            // Its handshake is refused.
            Err(ConnectionError::NotOpen) => self.core.table.slot(id),
            established => established?,
        };
        self.command_always(entry, Command::Disconnect { id, code, reason, by: ClosedBy::Server })
    }

    /// Closes a connection with code 1000.
    pub fn close(&self, id: ConnectionId) -> Result<(), ConnectionError> {
        self.disconnect(id, CloseCode::NORMAL.get(), "")
    }

    /// Resets a connection: no close frame, and what is queued is lost.
    pub fn abort(&self, id: ConnectionId) -> Result<(), ConnectionError> {
        if !self.exists(id) {
            return Err(self.missing(id));
        }
        self.command_always(self.core.table.slot(id), Command::Abort { id })
    }

    /// Stops reading from a connection, so that the client is slowed down by TCP. While it is paused the heartbeat
    /// leaves it alone, unless the client has hung up: then it is closed after `heartbeat_idle_time`, or when it is
    /// resumed and what it had sent has been read.
    pub fn pause(&self, id: ConnectionId) -> Result<(), ConnectionError> {
        self.command_always(self.established(id)?, Command::Pause { id })
    }

    /// Reads from a paused connection again.
    pub fn resume(&self, id: ConnectionId) -> Result<(), ConnectionError> {
        self.command_always(self.established(id)?, Command::Resume { id })
    }

    /// Exempts a connection from being closed by the heartbeat, or ends the exemption.
    pub fn protect(&self, id: ConnectionId, protected: bool) -> Result<(), ConnectionError> {
        self.command_always(self.established(id)?, Command::Protect { id, protected })
    }

    /// Stops the server: no new connections, what is queued goes out, every client is closed with 1001, every
    /// `on_close` runs, [`Server::start`](crate::Server::start) returns; all within `shutdown_timeout`.
    pub fn shutdown(&self) {
        match &self.core.ports {
            Some(ports) => ports.request(ConductorRequest::Stop),
            None => drop(self.core.stop()),
        }
    }

    /// Has a stop begun?
    pub fn is_stopping(&self) -> bool {
        self.core.is_stopping()
    }
}

impl Handle {
    pub(crate) fn new(core: impl Into<CoreRef>) -> Handle {
        Handle { core: core.into(), slot: NO_SLOT }
    }

    /// For the worker or user process of this number.
    pub(crate) fn for_slot(&self, slot: Slot) -> Handle {
        Handle { core: self.core.clone(), slot }
    }

    pub(crate) fn core(&self) -> &CoreRef {
        &self.core
    }

    pub(crate) fn send(&self, reactor: usize, command: Command) -> Result<(), Refused> {
        match &self.core.ports {
            Some(ports) => ports.send(reactor, command),
            None => self.core.inbox(reactor).send(command),
        }
    }

    pub(crate) fn send_always(&self, reactor: usize, command: Command) -> Result<(), Refused> {
        match &self.core.ports {
            Some(ports) => ports.send_always(reactor, command),
            None => self.core.inbox(reactor).send_always(command),
        }
    }

    fn open_entry(&self, id: ConnectionId) -> Result<&Entry, PushError> {
        match self.core.table.find(id) {
            Some(entry) => match entry.state() {
                State::Open => Ok(entry),
                State::Handshake => Err(PushError::NotOpen),
                State::Closing | State::Free => Err(PushError::Closed),
            },
            None if self.core.table.was_given(id) => Err(PushError::Closed),
            None => Err(PushError::Unknown),
        }
    }

    fn established(&self, id: ConnectionId) -> Result<&Entry, ConnectionError> {
        let entry = self.core.table.find(id).ok_or_else(|| self.missing(id))?;
        match entry.state() {
            State::Open => Ok(entry),
            State::Handshake => Err(ConnectionError::NotOpen),
            State::Closing | State::Free => Err(ConnectionError::Closed),
        }
    }

    fn missing(&self, id: ConnectionId) -> ConnectionError {
        if self.core.table.was_given(id) { ConnectionError::Closed } else { ConnectionError::Unknown }
    }

    fn command(&self, entry: &Entry, command: Command) -> Result<(), ConnectionError> {
        self.send(entry.reactor(), command).map_err(connection_error)
    }

    /// For commands that free resources: they are not refused when much is waiting.
    fn command_always(&self, entry: &Entry, command: Command) -> Result<(), ConnectionError> {
        self.send_always(entry.reactor(), command).map_err(|_| ConnectionError::Closed)
    }

    fn group_name<'a>(&self, name: &'a str) -> Result<&'a str, NameError> {
        check_name(name, self.core.config.group_name_bytes_max)
    }

    fn user_name<'a>(&self, name: &'a str) -> Result<&'a str, NameError> {
        check_name(name, self.core.config.user_name_bytes_max)
    }
}

/// A name has 1 to `max` bytes.
pub(crate) fn check_name(name: &str, max: usize) -> Result<&str, NameError> {
    match name.len() {
        0 => Err(NameError::Empty),
        bytes if bytes > max => Err(NameError::TooLong { bytes, max }),
        _ => Ok(name),
    }
}

fn connection_error(refused: Refused) -> ConnectionError {
    match refused {
        Refused::Full => ConnectionError::QueueFull,
        Refused::Stopped => ConnectionError::Closed,
    }
}

fn query_error(refused: Refused) -> QueryError {
    match refused {
        Refused::Full => QueryError::QueueFull,
        Refused::Stopped => QueryError::Stopped,
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").field("listening", &self.core.listening).finish_non_exhaustive()
    }
}
