//! What all threads of a server share.

use std::fmt;
use std::io;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime};

use crate::command::Command;
use crate::inbox::Inbox;
use crate::listener::ListenAddr;
use crate::table::Table;
use crate::{Config, Stats};

#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) config: Config,
    pub(crate) table: Table,
    pub(crate) inboxes: Vec<Inbox>,
    /// Sockets that each reactor owns, for sharing out new ones.
    pub(crate) loads: Vec<AtomicUsize>,
    pub(crate) listening: Vec<ListenAddr>,
    pub(crate) counters: Counters,
    /// Places taken by connections that are open or about to be.
    pub(crate) places: Places,
    pub(crate) http_places: Places,
    /// When the stop began, by the server's clock; 0: it has not.
    stopped_ms: AtomicU64,
    clock: Clock,
    on_stop: OnceLock<StopNotice>,
}

impl Core {
    pub(crate) fn new(config: Config, listening: Vec<ListenAddr>) -> io::Result<Core> {
        let sockets = config.max_connections + config.handshakes_max();
        let table = Table::new(sockets, config.first_connection_id)?;
        let inboxes = (0..config.reactors).map(|_| Inbox::new(config.command_bytes_max));
        let inboxes = inboxes.collect::<io::Result<Vec<_>>>()?;
        let loads = (0..config.reactors).map(|_| AtomicUsize::new(0)).collect();
        let places = Places::new(config.max_connections);
        let http_places = Places::new(config.max_http_connections);
        let (stopped_ms, clock) = (AtomicU64::new(0), Clock::new());
        let counters = Counters::default();
        Ok(Core {
            config,
            table,
            inboxes,
            loads,
            listening,
            counters,
            places,
            http_places,
            stopped_ms,
            clock,
            on_stop: OnceLock::new(),
        })
    }

    /// Milliseconds since the Unix epoch, by a clock that is never set back.
    pub(crate) fn now_ms(&self) -> u64 {
        self.clock.now_ms()
    }

    /// When that clock shows `ms`.
    pub(crate) fn instant_of(&self, ms: u64) -> Instant {
        self.clock.started + Duration::from_millis(ms.saturating_sub(self.clock.offset_ms))
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.stopped_ms.load(Ordering::Acquire) != 0
    }

    /// Has `notice` called when a stop begins. Only the first one counts.
    pub(crate) fn on_stop(&self, notice: impl Fn() + Send + Sync + 'static) {
        let _ = self.on_stop.set(StopNotice(Box::new(notice)));
    }

    /// Tells every reactor to stop. False if that has been done before.
    pub(crate) fn stop(&self) -> bool {
        let now_ms = self.now_ms();
        let first = self.stopped_ms.compare_exchange(0, now_ms, Ordering::AcqRel, Ordering::Acquire).is_ok();
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
        let stopped_ms = self.stopped_ms.load(Ordering::Acquire);
        let spent_ms = if stopped_ms == 0 { 0 } else { self.now_ms().saturating_sub(stopped_ms) };
        self.config.shutdown_timeout.saturating_sub(Duration::from_millis(spent_ms))
    }

    pub(crate) fn stats(&self) -> Stats {
        let counters = &self.counters;
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Stats {
            started_at: self.clock.started_at,
            connections: self.places.taken(),
            http_connections: self.http_places.taken(),
            sockets: self.loads.iter().map(|load| load.load(Ordering::Relaxed)).sum(),
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

/// Tells the thread that started the server of a stop.
struct StopNotice(Box<dyn Fn() + Send + Sync>);

impl fmt::Debug for StopNotice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StopNotice")
    }
}

/// Counted since the server started, by all reactors.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) accepted: AtomicU64,
    pub(crate) opened: AtomicU64,
    pub(crate) closed: AtomicU64,
    pub(crate) refused: AtomicU64,
    pub(crate) received_messages: AtomicU64,
    pub(crate) received_bytes: AtomicU64,
    pub(crate) sent_bytes: AtomicU64,
    pub(crate) writes: AtomicU64,
    pub(crate) dropped_messages: AtomicU64,
}

impl Counters {
    pub(crate) fn add(counter: &AtomicU64, amount: u64) {
        counter.fetch_add(amount, Ordering::Relaxed);
    }
}

/// A bounded number of places.
#[derive(Debug)]
pub(crate) struct Places {
    taken: AtomicUsize,
    max: usize,
}

impl Places {
    fn new(max: usize) -> Places {
        Places { taken: AtomicUsize::new(0), max }
    }

    /// Takes a place if one is free. Whoever has taken it gives it back.
    pub(crate) fn take(&self) -> bool {
        let free = self.taken.fetch_add(1, Ordering::AcqRel) < self.max;
        if !free {
            self.give_back();
        }
        free
    }

    pub(crate) fn give_back(&self) {
        self.taken.fetch_sub(1, Ordering::AcqRel);
    }

    pub(crate) fn taken(&self) -> usize {
        self.taken.load(Ordering::Acquire)
    }
}

#[derive(Debug)]
struct Clock {
    started_at: SystemTime,
    started: Instant,
    offset_ms: u64,
}

impl Clock {
    fn new() -> Clock {
        let started_at = SystemTime::now();
        let since_epoch = started_at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Clock { started_at, started: Instant::now(), offset_ms: since_epoch.as_millis() as u64 }
    }

    fn now_ms(&self) -> u64 {
        self.offset_ms + self.started.elapsed().as_millis() as u64
    }
}
