//! What all threads of a server share.

use std::fmt;
use std::io;
use std::ops::Deref;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant, SystemTime};

use rustix::time::{ClockId, clock_gettime};

use crate::addresses::Addresses;
use crate::admission::Refusal;
use crate::certificates::Certificates;
use crate::command::Command;
use crate::inbox::Inbox;
use crate::listener::ListenAddr;
use crate::pipe::Pipes;
use crate::ports::RemotePorts;
use crate::reactor::Relays;
use crate::status::ConductorRequest;
use crate::table::{Counters, Header, Table};
use crate::{Config, Mode, PeerAddr, Stats};

/// What all threads of one process share; together with the table's memory, what all processes do.
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) config: Config,
    pub(crate) table: Table,
    /// What each client address has, where the reactors are in this process.
    pub(crate) addresses: Addresses,
    /// Client sockets for which the process has descriptors.
    descriptors_max: usize,
    /// The reactors' incoming commands, where the reactors are in this process.
    pub(crate) inboxes: Vec<Inbox>,
    /// The way to the reactors, where they are in another.
    pub(crate) ports: Option<Box<dyn RemotePorts>>,
    /// The ways to other workers and user processes.
    pub(crate) pipes: Pipes,
    pub(crate) listening: Vec<ListenAddr>,
    /// Which generation of the code this process runs; 0: it cannot be reloaded.
    pub(crate) generation: u32,
    /// With TLS, where the reactors are in this process.
    pub(crate) certificates: Option<Certificates>,
    pub(crate) relays: Relays,
    clock: Clock,
    on_stop: OnceLock<StopNotice>,
    /// Takes requests to the thread that leads the master, in the master.
    conductor: OnceLock<Conductor>,
}

/// The core, as what refers to it has it.
#[derive(Debug, Clone)]
pub(crate) enum CoreRef {
    Counted(Arc<Core>),
    /// A worker's or user process's, which has one for as long as it lives. It makes a reference for each event: to count them
    /// would have the processor wait for all that the handler has written.
    Kept(&'static Core),
}

impl CoreRef {
    /// For the rest of the process's life.
    pub(crate) fn keep(core: Core) -> CoreRef {
        CoreRef::Kept(Box::leak(Box::new(core)))
    }
}

impl From<Arc<Core>> for CoreRef {
    fn from(core: Arc<Core>) -> CoreRef {
        CoreRef::Counted(core)
    }
}

impl Deref for CoreRef {
    type Target = Core;

    fn deref(&self) -> &Core {
        match self {
            CoreRef::Counted(core) => core,
            CoreRef::Kept(core) => core,
        }
    }
}

impl Core {
    /// For the process that has the reactors, and descriptors for so many client sockets.
    pub(crate) fn new(
        config: Config,
        listening: Vec<ListenAddr>,
        pipes: Pipes,
        descriptors_max: usize,
    ) -> io::Result<Core> {
        let table = Table::new(config.sockets_max(), config.first_connection_id)?;
        let clock = Clock::start(table.header());
        let inboxes = (0..config.reactors).map(|_| Inbox::new(&config));
        let inboxes = inboxes.collect::<io::Result<Vec<_>>>()?;
        let addresses = Addresses::new(&config);
        let (on_stop, conductor) = (OnceLock::new(), OnceLock::new());
        Ok(Core {
            config,
            table,
            addresses,
            descriptors_max,
            inboxes,
            ports: None,
            pipes,
            listening,
            generation: 0,
            certificates: None,
            relays: Relays::default(),
            clock,
            on_stop,
            conductor,
        })
    }

    /// For a process without reactors.
    pub(crate) fn remote(
        config: Config,
        table: Table,
        listening: Vec<ListenAddr>,
        pipes: Pipes,
        ports: Box<dyn RemotePorts>,
    ) -> Core {
        let clock = Clock::attach(table.header());
        let addresses = Addresses::new(&config);
        let (inboxes, ports) = (Vec::new(), Some(ports));
        let (on_stop, conductor) = (OnceLock::new(), OnceLock::new());
        Core {
            config,
            table,
            addresses,
            descriptors_max: 0,
            inboxes,
            ports,
            pipes,
            listening,
            generation: 0,
            certificates: None,
            relays: Relays::default(),
            clock,
            on_stop,
            conductor,
        }
    }

    /// The inbox of a reactor; the table's entries name one from before they can be found by an id.
    pub(crate) fn inbox(&self, reactor: usize) -> &Inbox {
        &self.inboxes[reactor.min(self.inboxes.len() - 1)]
    }

    /// In the master: has requests taken to the thread that leads it. Only the first one counts.
    pub(crate) fn on_request(&self, take: impl Fn(ConductorRequest) + Send + Sync + 'static) {
        let _ = self.conductor.set(Conductor(Box::new(take)));
    }

    /// Asks the thread that leads the master. False if there is none: this is Base mode.
    pub(crate) fn request(&self, request: ConductorRequest) -> bool {
        match (&self.ports, self.conductor.get()) {
            (Some(ports), _) => ports.request(request),
            (None, Some(Conductor(take))) => take(request),
            (None, None) => return false,
        }
        true
    }

    /// Milliseconds since the Unix epoch, by a clock that is never set back and that all processes share.
    pub(crate) fn now_ms(&self) -> u64 {
        self.clock.now_ms()
    }

    /// When that clock shows `ms`.
    pub(crate) fn instant_of(&self, ms: u64) -> Instant {
        self.clock.started + Duration::from_millis(ms.saturating_sub(self.clock.started_ms))
    }

    pub(crate) fn counters(&self) -> &Counters {
        &self.table.header().counters
    }

    /// Sockets that a reactor owns, for sharing out new ones.
    pub(crate) fn load(&self, reactor: usize) -> &AtomicU64 {
        &self.table.header().loads[reactor]
    }

    /// What the reactors own, one after the other.
    pub(crate) fn loads(&self) -> impl Iterator<Item = u64> {
        self.table.header().loads[..self.config.reactors].iter().map(|load| load.load(Ordering::Relaxed))
    }

    /// Has the process room for one more client socket?
    pub(crate) fn has_socket(&self) -> bool {
        let own = self.loads().sum::<u64>() as usize;
        let http = self.table.header().http_places.load(Ordering::Relaxed) as usize;
        let workers = match self.config.mode {
            // The clients' sockets, or the ends of the pairs that carry what comes by TLS.
            Mode::Base => http,
            Mode::Process => 0,
        };
        // With TLS the reactors have kept the sockets, and have the other ends.
        let pairs = if self.certificates.is_some() { self.relays.len() } else { 0 };
        own < self.config.sockets_max() && own + workers + pairs < self.descriptors_max
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.stopped_ms() != 0
    }

    /// When the stop began; 0: it has not.
    fn stopped_ms(&self) -> u64 {
        self.table.header().stopped_ms.load(Ordering::Acquire)
    }

    /// Has `notice` called when a stop begins. Only the first one counts.
    pub(crate) fn on_stop(&self, notice: impl Fn() + Send + Sync + 'static) {
        let _ = self.on_stop.set(StopNotice(Box::new(notice)));
    }

    /// Tells every reactor to stop. False if that has been done before.
    pub(crate) fn stop(&self) -> bool {
        let now_ms = self.now_ms();
        let stopped_ms = &self.table.header().stopped_ms;
        let first = stopped_ms.compare_exchange(0, now_ms, Ordering::AcqRel, Ordering::Acquire).is_ok();
        if first {
            if let Some(StopNotice(notice)) = self.on_stop.get() {
                notice();
            }
            for inbox in &self.inboxes {
                let _ = inbox.send_always(Command::Shutdown);
            }
        }
        first
    }

    /// What is left of `shutdown_timeout` once a stop has begun.
    pub(crate) fn stop_time_left(&self) -> Duration {
        let stopped_ms = self.stopped_ms();
        let spent_ms = if stopped_ms == 0 { 0 } else { self.now_ms().saturating_sub(stopped_ms) };
        self.config.shutdown_timeout.saturating_sub(Duration::from_millis(spent_ms))
    }

    /// Takes a place among the open connections if one is free. Whoever has taken it gives it back.
    pub(crate) fn take_place(&self) -> bool {
        take(&self.table.header().places, self.config.max_connections)
    }

    pub(crate) fn give_place_back(&self) {
        self.table.header().places.fetch_sub(1, Ordering::AcqRel);
    }

    /// As [`take_place`](Core::take_place), among the connections that serve ordinary HTTP requests.
    pub(crate) fn take_http_place(&self) -> bool {
        take(&self.table.header().http_places, self.config.max_http_connections)
    }

    pub(crate) fn give_http_place_back(&self) {
        self.table.header().http_places.fetch_sub(1, Ordering::AcqRel);
    }

    /// One more connection of this peer, if it may have one: see [`Addresses::admit`].
    pub(crate) fn admit_address(&self, peer: &PeerAddr) -> Result<bool, Refusal> {
        self.addresses.admit(&self.config, peer, self.now_ms()).map_err(Refusal::Address)
    }

    /// A connection that was counted for its peer's address has ended.
    pub(crate) fn release_address(&self, peer: &PeerAddr) {
        self.addresses.release(&self.config, peer, self.now_ms());
    }

    pub(crate) fn stats(&self) -> Stats {
        let header = self.table.header();
        let counters = &header.counters;
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Stats {
            started_at: SystemTime::UNIX_EPOCH + Duration::from_millis(load(&header.started_ms)),
            connections: load(&header.places) as usize,
            http_connections: load(&header.http_places) as usize,
            sockets: self.loads().sum::<u64>() as usize,
            accepted: load(&counters.accepted),
            opened: load(&counters.opened),
            closed: load(&counters.closed),
            refused: load(&counters.refused),
            received_messages: load(&counters.received_messages),
            received_bytes: load(&counters.received_bytes),
            sent_bytes: load(&counters.sent_bytes),
            writes: load(&counters.writes),
            dropped_messages: load(&counters.dropped_messages),
        }
    }
}

fn take(taken: &AtomicU64, max: usize) -> bool {
    let free = taken.fetch_add(1, Ordering::AcqRel) < max as u64;
    if !free {
        taken.fetch_sub(1, Ordering::AcqRel);
    }
    free
}

/// Tells the thread that started the server of a stop.
struct StopNotice(Box<dyn Fn() + Send + Sync>);

impl fmt::Debug for StopNotice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StopNotice")
    }
}

/// Takes a request to the thread that leads the master.
struct Conductor(Box<dyn Fn(ConductorRequest) + Send + Sync>);

impl fmt::Debug for Conductor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Conductor")
    }
}

/// The system's monotonic clock, shifted so that it showed the time of day when the server started.
#[derive(Debug)]
struct Clock {
    /// One moment, by this process's way of counting and by the server's clock.
    started: Instant,
    started_ms: u64,
}

impl Clock {
    /// The server starts: its clock is set.
    fn start(header: &Header) -> Clock {
        let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let epoch_ms = since_epoch.as_millis() as u64;
        header.started_ms.store(epoch_ms, Ordering::Relaxed);
        header.clock_offset_ms.store(epoch_ms.saturating_sub(monotonic_ms()), Ordering::Relaxed);
        Clock::attach(header)
    }

    /// The clock of a server that runs.
    fn attach(header: &Header) -> Clock {
        let started = Instant::now();
        Clock { started, started_ms: header.clock_offset_ms.load(Ordering::Relaxed) + monotonic_ms() }
    }

    fn now_ms(&self) -> u64 {
        self.started_ms + self.started.elapsed().as_millis() as u64
    }
}

fn monotonic_ms() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec as u64 * 1_000 + now.tv_nsec as u64 / 1_000_000
}
