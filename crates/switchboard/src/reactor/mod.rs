//! A reactor: one thread that owns sockets, reads and writes them, and speaks the protocol.
//!
//! It knows nothing of the user's code: it hands [`Event`]s to a [`Dispatch`] and carries out [`Command`]s. One turn of
//! its loop takes commands, reads what is readable, looks after timers, and at the end sends, in one write each,
//! everything that the turn produced for a connection.

mod accept;
mod adopt;
mod carry_out;
mod close;
mod connection;
mod deadlines;
mod deflate;
mod fan_out;
mod groups;
mod handshake;
mod inflate;
mod logs;
mod output;
mod proxy;
mod read;
mod relay;
mod run;
mod secure;
mod send;
mod shutdown;
mod small_push;
mod spare;
mod store;
#[cfg(test)]
mod tests;
mod throttle;
mod tls;
mod wheel;

use std::collections::{HashMap, VecDeque};
use std::io;
use std::os::fd::OwnedFd;
use std::sync::atomic::Ordering;
use std::task::{Context, Waker};

use switchboard_proto::deflate::Codec;

use crate::command::Command;
use crate::core::CoreRef;
use crate::event::{Event, EventKind, Flow};
use crate::sys::{self, Interest, Poller};
use crate::table::Counters;
use crate::table::Entry;
use crate::worker::Dispatch;
use crate::{ConnectionId, Deflate};

use accept::Accepting;
pub(crate) use adopt::Adopted;
use connection::{Connection, Link, Phase};
use groups::Groups;
pub(crate) use handshake::{agree, check_accept, head_limits};
use logs::Logs;
pub(crate) use relay::Relays;
pub(crate) use run::run;
use spare::SpareOutputs;
use store::Store;
use throttle::Throttle;
use wheel::Wheel;

/// Bytes that one connection is read in one turn of the loop, into a buffer that the thread's connections share. It is also
/// the most that a connection holds unparsed while it is not read from.
pub(crate) const READ_BYTES: usize = 64 << 10;

/// One reactor's state.
pub(crate) struct Reactor {
    index: usize,
    core: CoreRef,
    poller: Poller,
    dispatch: Box<dyn Dispatch>,
    connections: Store<Connection>,
    /// Keys of the open connections, for broadcasts.
    open: Vec<u32>,
    groups: Groups,
    users: Groups,
    wheel: Wheel<Timer>,
    accepting: Vec<Accepting>,
    /// Connections with output that this turn produced.
    dirty: Vec<u32>,
    /// Those of earlier turns, which had no time for them.
    late: VecDeque<u32>,
    /// Commands of other threads that have been taken.
    remote: VecDeque<Command>,
    /// Commands of other processes that have been fetched.
    postponed: VecDeque<Command>,
    /// Ends that wait for what came before them.
    ends: HashMap<ConnectionId, close::End>,
    /// Connections whose stashed input waits to be looked at, or their socket to be read.
    ready: VecDeque<(u32, ConnectionId)>,
    inflating: inflate::Inflating,
    spare_outputs: SpareOutputs,
    /// What many connections are sent.
    logs: Logs,
    read_buffer: Vec<u8>,
    /// Compresses and inflates for all connections that have agreed to it.
    codec: Codec,
    /// None before the first TLS connection.
    tls: Option<Box<tls::Scratch>>,
    now_ms: u64,
    /// Wakes the reactor's task; handlers that are polled in place get it.
    waker: Waker,
    tally: Tally,
    throttle: Option<Throttle>,
    /// What has been done so far, in frames read and deliveries made: what a connection's turn is measured by.
    work: usize,
    /// Until so much has been done connections are read in this turn.
    read_end: usize,
    stopping: Option<shutdown::Stopping>,
    scratch: Scratch,
}

/// Lists that are filled and emptied in every turn, kept for their memory.
#[derive(Default)]
struct Scratch {
    raw_events: Vec<rustix::event::epoll::Event>,
    events: Vec<sys::Event>,
    commands: Vec<Command>,
    local_commands: Vec<Command>,
    timers: Vec<Timer>,
    keys: Vec<u32>,
}

/// What the wheel holds.
#[derive(Debug, Clone, Copy)]
enum Timer {
    Connection {
        key: u32,
        id: ConnectionId,
    },
    /// A listener that was backing off.
    Listener {
        index: usize,
    },
    /// A stop goes on, or its time is over.
    Stop,
}

/// Counted by this reactor in this turn.
#[derive(Debug, Default)]
struct Tally {
    received_messages: u64,
    received_bytes: u64,
    sent_bytes: u64,
    writes: u64,
    dropped_messages: u64,
}

/// epoll's token of the inbox's doorbell; those of listeners follow. Tokens of connections are larger, because ids
/// begin with 1, and those of relays larger still.
const BELL_TOKEN: u64 = 0;
/// That of all bells that other processes ring: being awake is all that they ask for.
const PROCESS_BELL_TOKEN: u64 = u32::MAX as u64;

fn token(key: u32, id: ConnectionId) -> u64 {
    u64::from(id.local()) << 32 | u64::from(key)
}

impl Reactor {
    /// It accepts nothing before it is told to by [`Command::Listen`].
    pub(crate) fn new(index: usize, core: CoreRef, dispatch: Box<dyn Dispatch>) -> io::Result<Reactor> {
        let poller = Poller::new()?;
        poller.add(core.inboxes[index].bell(), BELL_TOKEN, Interest::READ)?;
        let now_ms = core.now_ms();
        let throttle = Throttle::new(&core.config);
        let codec = core.config.deflate.as_ref().map(Deflate::codec).unwrap_or_default();
        Ok(Reactor {
            index,
            core,
            poller,
            dispatch,
            connections: Store::default(),
            open: Vec::new(),
            groups: Groups::default(),
            users: Groups::default(),
            wheel: Wheel::new(now_ms),
            accepting: Vec::new(),
            dirty: Vec::new(),
            late: VecDeque::new(),
            remote: VecDeque::new(),
            postponed: VecDeque::new(),
            ends: HashMap::new(),
            ready: VecDeque::new(),
            inflating: inflate::Inflating::default(),
            spare_outputs: SpareOutputs::default(),
            logs: Logs::default(),
            read_buffer: vec![0; READ_BYTES],
            codec,
            tls: None,
            now_ms,
            waker: Waker::noop().clone(),
            tally: Tally::default(),
            throttle,
            work: 0,
            read_end: 0,
            stopping: None,
            scratch: Scratch::default(),
        })
    }

    /// One turn. True if there may be more to do at once.
    fn turn(&mut self, context: &Context<'_>) -> io::Result<bool> {
        if !self.waker.will_wake(context.waker()) {
            self.waker = context.waker().clone();
        }
        self.now_ms = self.core.now_ms();
        self.carry_out_remote();
        self.carry_out_local();
        self.carry_out_processes();
        self.continue_inflating();
        self.read_end = self.work + read::READ_TURN_WORK_MAX;
        self.continue_ready();
        let events = self.handle_events()?;
        self.handle_timers();
        self.continue_ready();
        let more = self.flush_dirty();
        let waiting = !self.remote.is_empty() || !self.postponed.is_empty();
        self.logs.trim();
        self.codec.trim();
        self.dispatch.publish(self.connections.is_empty() && !waiting);
        self.publish_tally();
        Ok(events || more || waiting || !self.ready.is_empty() || !self.inflating.is_empty())
    }

    fn handle_events(&mut self) -> io::Result<bool> {
        let mut raw = std::mem::take(&mut self.scratch.raw_events);
        let mut events = std::mem::take(&mut self.scratch.events);
        let polled = self.poller.poll(&mut raw, &mut events);
        for event in &events {
            match event.token {
                BELL_TOKEN => self.core.inboxes[self.index].bell().silence(),
                PROCESS_BELL_TOKEN => {}
                listener if listener >> 32 == 0 => self.accept((listener - 1) as usize),
                relay if relay & relay::RELAY_TOKEN != 0 => self.handle_relay(relay as u32, *event),
                token => self.handle_event(token as u32, *event),
            }
        }
        let any = !events.is_empty();
        self.scratch.raw_events = raw;
        self.scratch.events = events;
        polled.map(|()| any)
    }

    fn handle_event(&mut self, key: u32, event: sys::Event) {
        let current = self.connections.get_mut(key as usize);
        let Some(connection) = current.filter(|connection| token(key, connection.id) == event.token) else {
            // Closed earlier in this turn.
            return;
        };
        // A hold of this turn is not known to epoll yet.
        // What has been read before comes first.
        let reads = connection.interest.read && connection.hold.is_empty() && connection.stash.is_none();
        if event.writable && connection.blocked {
            connection.blocked = false;
            self.mark_dirty(key);
        }
        if event.readable && reads {
            self.read_in_turn(key);
        } else if event.hung_up {
            self.hang_up(key, "the connection was reset");
        }
    }

    /// Gives an event to the worker. The commands of handlers that finish at once are waiting when this returns.
    fn deliver(&mut self, key: u32, kind: EventKind) -> Flow {
        let connection = &self.connections[key as usize];
        let event = Event::new(connection.id, connection.session(), kind);
        self.dispatch.deliver(key, event, &mut Context::from_waker(&self.waker))
    }

    fn entry(&self, id: ConnectionId) -> &Entry {
        self.core.table.slot(id)
    }

    /// The key of a connection of this reactor, if the id is not stale.
    fn key_of(&self, id: ConnectionId) -> Option<u32> {
        let entry = self.core.table.find(id)?;
        let key = entry.key();
        let connection = self.connections.get(key as usize)?;
        (entry.reactor() == self.index && connection.id == id).then_some(key)
    }

    /// Puts a new socket under a key and an id. The socket is closed if there is no room.
    fn insert(&mut self, socket: OwnedFd, peer: crate::PeerAddr, phase: Phase, link: Link) -> Option<u32> {
        let id = self.core.table.claim()?;
        let key = self.connections.vacant_key() as u32;
        let message_bytes_max = self.core.config.message_bytes_max;
        if let Err(error) = self.poller.add(&socket, token(key, id), Interest::READ) {
            tracing::warn!(%error, "cannot watch a new connection");
            self.core.table.release(id);
            return None;
        }
        self.entry(id).occupy(self.index as u8, key, &peer, self.now_ms);
        self.connections.insert(Connection::new(socket, id, phase, link, message_bytes_max));
        self.core.load(self.index).fetch_add(1, Ordering::Relaxed);
        Some(key)
    }

    /// Forgets a connection and gives its socket back.
    fn remove(&mut self, key: u32) -> OwnedFd {
        self.drop_part(key);
        let mut connection = self.connections.remove(key as usize);
        self.dispatch.forget(key, connection.id);
        if std::mem::take(&mut connection.has_place) {
            self.core.give_place_back();
        }
        if connection.counted {
            self.core.release_address(&self.entry(connection.id).peer());
        }
        self.core.table.release(connection.id);
        self.core.load(self.index).fetch_sub(1, Ordering::Relaxed);
        connection.socket
    }

    /// The connection no longer counts against `max_connections`: what is left of it is only being ended.
    fn give_place_back(&mut self, key: u32) {
        if std::mem::take(&mut self.connections[key as usize].has_place) {
            self.core.give_place_back();
        }
    }

    fn publish_tally(&mut self) {
        let tally = std::mem::take(&mut self.tally);
        let counters = self.core.counters();
        for (counter, amount) in [
            (&counters.received_messages, tally.received_messages),
            (&counters.received_bytes, tally.received_bytes),
            (&counters.sent_bytes, tally.sent_bytes),
            (&counters.writes, tally.writes),
            (&counters.dropped_messages, tally.dropped_messages),
        ] {
            if amount > 0 {
                Counters::add(counter, amount);
            }
        }
    }
}
