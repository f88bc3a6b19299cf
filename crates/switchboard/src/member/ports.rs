//! The way of commands to the reactors, and of requests to the master.

use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use tokio::sync::oneshot;

use super::alarm::Alarm;
use super::link::Link;
use super::on_the_way::Effect;
use super::outlet::Outlet;
use super::sessions::Sessions;
use super::tickets::Tickets;
use super::turn;
use crate::admission::Refused;
use crate::command::{Answer, Asked, Command, Question, Reply};
use crate::decision::Accept;
use crate::error::{ConnectionError, MessageError, PushError};
use crate::frame::Frame;
use crate::inbox::Refused as NotSent;
use crate::instance::InstanceId;
use crate::ipc::Corrupt;
use crate::ipc::codec::{Mark, SmallPush};
use crate::ipc::link::{Request as Asking, Response, ToMaster, Upgraded};
use crate::ipc::ring::{Producer, Sleeping};
use crate::pipe::Slot;
use crate::places::Source;
use crate::ports::RemotePorts;
use crate::status::ConductorRequest;
use crate::sys::{BiasedMutex, Doorbell};
use crate::table::Entry;
use crate::{Config, ConnectionId, Message, Overflow, PeerAddr, Request};

/// Questions to reactors that may be open at one time.
const ASKS_MAX: usize = 1 << 16;

/// Requests to the master that may be open at one time.
const REQUESTS_MAX: usize = 1 << 10;

/// All ways out of this process.
#[derive(Debug)]
pub(super) struct RingPorts {
    /// One for each reactor.
    lanes: Box<[Port]>,
    /// How many of them have commands that wait for room.
    clogged: AtomicUsize,
    /// What the master has written and cannot be.
    broken: OnceLock<Corrupt>,
    me: Identity,
    output_bytes_max: usize,
    command_bytes_max: usize,
    groups_max: usize,
    pub(super) alarm: Alarm,
    pub(super) sessions: Sessions,
    asks: Tickets<oneshot::Sender<Answer>>,
    admissions: Tickets<Admission>,
    requests: Tickets<ConductorRequest>,
    pub(super) link: Link,
}

/// Who waits for the answer whether a connection of this client can be open.
#[derive(Debug)]
struct Admission {
    client: PeerAddr,
    sender: oneshot::Sender<Result<(), Refused>>,
}

/// Who this process is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Identity {
    pub(super) instance: InstanceId,
    pub(super) slot: Slot,
}

/// The way to one reactor.
#[derive(Debug)]
struct Port {
    outlet: BiasedMutex<Outlet>,
    /// Whether the reactor has to be woken.
    sleeping: Sleeping,
    bell: Doorbell,
    /// A bell that the turn owes.
    owed: AtomicBool,
    /// For which last event of a turn the bell has been rung already.
    rung_for: AtomicU64,
}

/// One reactor's end of a lane.
#[derive(Debug)]
pub(super) struct ToReactor {
    pub(super) commands: Producer,
    pub(super) sleeping: Sleeping,
    pub(super) bell: Doorbell,
}

impl Port {
    /// Now, after something has been written? Else at the end of the turn.
    fn is_to_be_rung(&self) -> bool {
        if !turn::is_own() {
            return true;
        }
        let last = turn::last_event();
        if last == 0 || self.rung_for.load(Ordering::Relaxed) == last {
            return false;
        }
        // Only the main task's thread comes here.
        self.rung_for.store(last, Ordering::Relaxed);
        true
    }

    fn ring(&self) {
        if self.sleeping.wake() {
            self.bell.ring();
        }
    }
}

impl RingPorts {
    pub(super) fn new(lanes: Vec<ToReactor>, me: Identity, config: &Config, link: Link) -> RingPorts {
        let port = |lane: ToReactor| {
            let outlet = BiasedMutex::new(Outlet::new(lane.commands));
            let (owed, rung_for) = (AtomicBool::new(false), AtomicU64::new(0));
            Port { outlet, sleeping: lane.sleeping, bell: lane.bell, owed, rung_for }
        };
        RingPorts {
            lanes: lanes.into_iter().map(port).collect(),
            clogged: AtomicUsize::new(0),
            broken: OnceLock::new(),
            me,
            output_bytes_max: config.output_bytes_max,
            command_bytes_max: config.command_bytes_max,
            groups_max: config.groups_per_connection_max,
            alarm: Alarm::default(),
            sessions: Sessions::default(),
            asks: Tickets::new(ASKS_MAX),
            admissions: Tickets::new(config.max_http_connections),
            requests: Tickets::new(REQUESTS_MAX),
            link,
        }
    }

    /// The calling thread, which runs the main task, sends most of what is sent.
    pub(super) fn own(&self) {
        self.lanes.iter().for_each(|port| port.outlet.own());
    }

    /// Does a command wait for room, whichever reactor it is for?
    pub(super) fn is_clogged(&self) -> bool {
        self.clogged.load(Ordering::Acquire) > 0
    }

    /// What the master has written and cannot be.
    pub(super) fn broken(&self) -> Option<Corrupt> {
        self.broken.get().copied()
    }

    /// Acts on a lane, and has its reactor woken if something was written.
    fn act<T>(&self, lane: usize, act: impl FnOnce(&mut Outlet) -> Result<T, Corrupt>) -> Result<T, NotSent> {
        let port = &self.lanes[lane.min(self.lanes.len() - 1)];
        if self.broken.get().is_some() {
            return Err(NotSent::Stopped);
        }
        let (done, clogs, wrote) = port.outlet.with(|outlet| {
            let (was_clogged, position) = (outlet.is_clogged(), outlet.position());
            let done = act(outlet);
            let is_clogged = outlet.is_clogged();
            // Within the lock, or the number would not be that of the lanes.
            match (was_clogged, is_clogged) {
                (false, true) => self.clogged.fetch_add(1, Ordering::Release),
                (true, false) => self.clogged.fetch_sub(1, Ordering::Release),
                _ => 0,
            };
            (done, is_clogged && !was_clogged, outlet.position() != position)
        });
        if clogs || (wrote && port.is_to_be_rung()) {
            // Of a full ring nothing is taken before the reactor is awake.
            port.ring();
        } else if wrote {
            port.owed.store(true, Ordering::Relaxed);
        }
        done.map_err(|corrupt| {
            let _ = self.broken.set(corrupt);
            self.alarm.ring();
            NotSent::Stopped
        })
    }

    /// Writes what waits for room. False: some of it still does; the bell is rung when there is some.
    pub(super) fn flush(&self) -> bool {
        if !self.is_clogged() {
            return true;
        }
        for lane in 0..self.lanes.len() {
            if self.is_clogged() {
                let _ = self.act(lane, |outlet| if outlet.is_clogged() { outlet.flush() } else { Ok(true) });
            }
        }
        !self.is_clogged()
    }

    /// Rings the bells that a turn owes.
    pub(super) fn ring_all(&self) {
        for port in &self.lanes {
            if port.owed.load(Ordering::Relaxed) {
                port.owed.store(false, Ordering::Relaxed);
                port.ring();
            }
        }
    }

    /// Rings one reactor's bell, for which it waits.
    pub(super) fn ring(&self, lane: usize) {
        self.lanes[lane].bell.ring();
    }

    /// Says something about the event that starts at `position` of a lane.
    pub(super) fn mark(&self, lane: usize, mark: Mark, position: u64) {
        let _ = self.act(lane, |outlet| outlet.mark(mark, position));
    }

    fn put(
        &self,
        lane: usize,
        command: &Command,
        token: u64,
        max: usize,
        effect: Effect,
    ) -> Result<(), NotSent> {
        let sent = self.act(lane, |outlet| {
            if !outlet.takes(command.weight(), max) {
                return Ok(Err(NotSent::Full));
            }
            Ok(if outlet.send(command, token, effect)? { Ok(()) } else { Err(NotSent::Stopped) })
        });
        sent?
    }

    /// A reactor answers a question.
    pub(super) fn answered(&self, token: u64, answer: Answer) {
        if let Some(sender) = self.asks.take(token) {
            // Whoever asked may have stopped waiting.
            let _ = sender.send(answer);
        }
    }

    /// The master says whether a connection can be open.
    pub(super) fn admitted(&self, token: u64, refusal: Option<Refused>) {
        let Some(Admission { client, sender }) = self.admissions.take(token) else { return };
        if sender.send(refusal.map_or(Ok(()), Err)).is_err_and(|admitted| admitted.is_ok()) {
            self.tell(&ToMaster::PlaceReturned { peer: client, refused: false });
        }
    }

    /// The master answers a request.
    pub(super) fn responded(&self, token: u64, response: Response) {
        match (self.requests.take(token), response) {
            (Some(ConductorRequest::Reload(sender)), Response::Reload(outcome)) => drop(sender.send(outcome)),
            (Some(ConductorRequest::Status(sender)), Response::Status(status)) => {
                drop(sender.send(Ok(*status)));
            }
            (Some(request), Response::Busy) => request.refuse_busy(),
            // Its sender is dropped: there will be no answer.
            _ => {}
        }
    }

    fn tell(&self, message: &ToMaster) {
        if let Err(error) = self.link.send(message, None) {
            tracing::error!(%error, "cannot tell the master something");
        }
    }
}

impl RemotePorts for Arc<RingPorts> {
    fn push(
        &self,
        id: ConnectionId,
        entry: &Entry,
        message: Message,
        overflow: Overflow,
    ) -> Result<(), PushError> {
        let bytes = Frame::single_len(message.len());
        // Dropped behind the lock: how, may be the user's code.
        let (kind, payload) = message.into_parts();
        let max = self.output_bytes_max;
        // The reactor drops the oldest; this bounds what may be on the way to it.
        let max = if overflow == Overflow::DropOldest { max.saturating_mul(2) } else { max };
        let weight = size_of::<Command>() + bytes;
        let pushed = self.act(entry.reactor(), |outlet| {
            let has_room = outlet.has_room(entry, id, bytes, max)?;
            if has_room && outlet.takes(weight, self.command_bytes_max) {
                outlet.push(SmallPush::head(id, overflow, kind), &payload, Effect::Push { id, bytes })?;
                return Ok(true);
            }
            let closes = !has_room && overflow == Overflow::Close;
            if outlet.is_news(entry, id, closes) {
                outlet.send(&Command::RemoteRefused { id, closes }, 0, Effect::Refused { id, closes })?;
            }
            Ok(false)
        });
        match pushed {
            Ok(true) => Ok(()),
            Ok(false) => Err(PushError::QueueFull),
            Err(_) => Err(PushError::Closed),
        }
    }

    fn send(&self, reactor: usize, command: Command) -> Result<(), NotSent> {
        self.put(reactor, &command, 0, self.command_bytes_max, Effect::None)
    }

    fn send_always(&self, reactor: usize, command: Command) -> Result<(), NotSent> {
        self.put(reactor, &command, 0, usize::MAX, Effect::None)
    }

    fn has_room(&self, weight: usize) -> bool {
        if !self.is_clogged() {
            return weight <= self.command_bytes_max;
        }
        self.lanes.iter().all(|port| port.outlet.with(|outlet| outlet.takes(weight, self.command_bytes_max)))
    }

    fn join(&self, id: ConnectionId, entry: &Entry, group: Arc<str>) -> Result<(), ConnectionError> {
        let max = self.groups_max;
        let command = Command::Join { id, group, counted: false };
        let joined = self.act(entry.reactor(), |outlet| {
            if !outlet.may_join(entry, id, max)? {
                return Ok(Err(ConnectionError::TooManyGroups { max }));
            }
            if !outlet.takes(command.weight(), self.command_bytes_max) {
                return Ok(Err(ConnectionError::QueueFull));
            }
            outlet.send(&command, 0, Effect::Join { id, table: entry.groups() })?;
            Ok(Ok(()))
        });
        joined.unwrap_or(Err(ConnectionError::Closed))
    }

    fn leave(&self, id: ConnectionId, entry: &Entry, group: Arc<str>) -> Result<(), ConnectionError> {
        let command = Command::Leave { id, group, counted: false };
        // Counted at once, so that a connection at its limit can change groups.
        let effect = Effect::Leave { id, table: entry.groups() };
        let left = self.put(entry.reactor(), &command, 0, self.command_bytes_max, effect);
        left.map_err(|refused| match refused {
            NotSent::Full => ConnectionError::QueueFull,
            NotSent::Stopped => ConnectionError::Closed,
        })
    }

    fn set_session(&self, id: ConnectionId, entry: &Entry, session: Bytes) -> Result<(), NotSent> {
        self.sessions.set(id, session.clone(), |token| {
            let echo = Some((self.me.instance, token));
            let command = Command::SetSession { id, session, echo };
            self.put(entry.reactor(), &command, token, self.command_bytes_max, Effect::None)
        })?;
        if !turn::is_own() {
            // Events that wait behind a handler are to find it, too.
            self.alarm.ring();
        }
        Ok(())
    }

    fn ask(&self, reactor: usize, asked: Asked) -> Result<oneshot::Receiver<Answer>, NotSent> {
        let (sender, receiver) = oneshot::channel();
        let token = self.asks.add(sender).map_err(|_| NotSent::Full)?;
        let reply = Reply::Instance { instance: self.me.instance, token };
        let command = Command::Ask(Question { asked, reply });
        let sent = self.put(reactor, &command, token, self.command_bytes_max, Effect::None);
        sent.inspect_err(|_| drop(self.asks.take(token)))?;
        Ok(receiver)
    }

    fn pipe(&self, to: Slot, body: Bytes) -> Result<(), MessageError> {
        // One lane for all, so that they stay in order.
        let lane = usize::from(self.me.slot) % self.lanes.len();
        self.act(lane, |outlet| outlet.pipe(to, &body)).map_err(|_| MessageError::Stopped)
    }

    fn request(&self, request: ConductorRequest) {
        let question = match &request {
            ConductorRequest::Stop => return self.tell(&ToMaster::Stop),
            ConductorRequest::Reload(_) => Asking::Reload,
            ConductorRequest::Status(_) => Asking::Status,
        };
        match self.requests.add(request) {
            Ok(token) => self.tell(&ToMaster::Request { token, request: question }),
            Err(request) => request.refuse_busy(),
        }
    }

    fn http_ended(&self, source: &Source) {
        self.tell(&ToMaster::HttpEnded { source: *source });
    }

    fn admit(&self, request: &Request, proxied: bool) -> oneshot::Receiver<Result<(), Refused>> {
        let (sender, receiver) = oneshot::channel();
        let client = request.peer();
        if let Ok(token) = self.admissions.add(Admission { client, sender }) {
            let head = request.clone().into_head();
            let asked = ToMaster::Admit { token, peer: client, proxied, head };
            if let Err(error) = self.link.send(&asked, None) {
                tracing::error!(%error, "cannot ask the master for a place");
                drop(self.admissions.take(token));
            }
        }
        receiver
    }

    fn place_returned(&self, client: &PeerAddr, refused: bool) {
        self.tell(&ToMaster::PlaceReturned { peer: *client, refused });
    }

    fn upgraded(&self, socket: OwnedFd, request: Request, accept: Accept, unread: Bytes) {
        let peer = request.peer();
        let Accept { subprotocol, user, session, .. } = accept;
        let upgraded = Upgraded { peer, head: request.into_head(), subprotocol, user, session, unread };
        if let Err(error) = self.link.send(&ToMaster::Upgraded(Box::new(upgraded)), Some(socket)) {
            tracing::error!(%error, %peer, "cannot pass an upgraded connection on");
            self.place_returned(&peer, false);
        }
    }
}
