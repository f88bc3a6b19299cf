//! What every load needs: the open connections, and the meters of both sides.

use std::time::{Duration, Instant};

use anyhow::Result;
use switchboard_proto::MessageKind;

use crate::client::{Connection, Dialect, Dialer, Frames, Inbox, Payloads, greet};
use crate::poller::Poller;
use crate::process::{ProcessTree, ksoftirqd_cpu_time};
use crate::report::{Accept, Errors, Memory, Traffic, per};

/// How long nothing may arrive before what is missing counts as missing.
pub(super) const STALL: Duration = Duration::from_secs(5);

/// When a measurement ends.
#[derive(Clone, Copy, Debug)]
pub enum Until {
    /// After this time.
    Elapsed(Duration),
    /// After this many messages.
    Messages(u64),
}

impl Until {
    pub(super) fn reached(self, start: Instant, now: Instant, messages: u64) -> bool {
        match self {
            Self::Elapsed(duration) => now.saturating_duration_since(start) >= duration,
            Self::Messages(count) => messages >= count,
        }
    }
}

/// Open connections to a server.
pub struct Session {
    pub(super) connections: Vec<Connection>,
    pub(super) poller: Poller,
    pub(super) inbox: Inbox,
    pub(super) payloads: Payloads,
    pub(super) kind: MessageKind,
    pub(super) dialect: Dialect,
    pub(super) rooms: usize,
    pub(super) server: Option<ProcessTree>,
    accept: Accept,
    before_bytes: Option<u64>,
    open_bytes: Option<u64>,
    descriptors_before: Option<usize>,
}

impl Session {
    /// Opens `count` connections for messages of up to `bytes_max` bytes. `server`: the process whose CPU time and memory are read.
    ///
    /// # Errors
    /// A connection cannot be opened, or the process does not exist.
    pub fn open(
        dialer: &Dialer,
        server: Option<ProcessTree>,
        count: usize,
        bytes_max: usize,
        kind: MessageKind,
    ) -> Result<Self> {
        let mut poller = Poller::new()?;
        let before_bytes = server.map(|tree| tree.pss_bytes()).transpose()?;
        let descriptors_before = server.map(|tree| tree.descriptors()).transpose()?;
        let mut inbox = Inbox::new(bytes_max);
        let meter = Meter::start(server)?;
        let mut connections = dialer.open(count, &mut poller)?;
        greet(dialer.dialect, dialer.rooms, &mut connections, &mut poller, &mut inbox)?;
        let usage = meter.stop()?;
        Ok(Self {
            accept: Accept {
                seconds: usage.elapsed.as_secs_f64(),
                server_cpu_us_per_connection: usage.server.map(|cpu| per(cpu, count as u64)),
            },
            open_bytes: server.map(|tree| tree.pss_bytes()).transpose()?,
            connections,
            poller,
            inbox,
            payloads: Payloads::new(bytes_max),
            kind,
            dialect: dialer.dialect,
            rooms: dialer.rooms,
            server,
            before_bytes,
            descriptors_before,
        })
    }

    /// Room for `count` messages of `bytes` each.
    pub(super) fn frames(&self, bytes: usize, count: usize) -> Frames {
        self.frames_to(0, bytes, count)
    }

    /// The same, to this one of the rooms.
    pub(super) fn frames_to(&self, room: usize, bytes: usize, count: usize) -> Frames {
        Frames::new(self.dialect, room, &self.payloads, self.kind, bytes, count)
    }

    /// What opening the connections has cost the server.
    #[must_use]
    pub fn accept(&self) -> Accept {
        self.accept
    }

    /// The server's memory until now.
    ///
    /// # Errors
    /// The server has ended.
    pub fn memory(&self) -> Result<Option<Memory>> {
        let (Some(tree), Some(before_bytes), Some(open_bytes)) =
            (self.server, self.before_bytes, self.open_bytes)
        else {
            return Ok(None);
        };
        let growth = open_bytes as f64 - before_bytes as f64;
        Ok(Some(Memory {
            before_bytes,
            open_bytes,
            end_bytes: tree.pss_bytes()?,
            per_connection_bytes: growth / self.connections.len().max(1) as f64,
        }))
    }

    /// Reads the memory with all connections open once more, after they have settled.
    pub(super) fn settle_memory(&mut self) -> Result<()> {
        self.open_bytes = self.server.map(|tree| tree.pss_bytes()).transpose()?;
        Ok(())
    }

    pub(super) fn note_losses(&self, errors: &mut Errors) {
        let mut losses = self.connections.iter().filter_map(Connection::lost).peekable();
        errors.first_loss = losses.peek().map(ToString::to_string);
        errors.lost = losses.count() as u64;
    }

    /// Closes all connections and waits until the server has noticed, so that the next run does not pay for it.
    ///
    /// # Errors
    /// The server has ended.
    pub fn close(self) -> Result<()> {
        drop(self.connections);
        let (Some(tree), Some(before)) = (self.server, self.descriptors_before) else { return Ok(()) };
        let deadline = Instant::now() + STALL;
        while tree.descriptors()? > before && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }
}

/// Reads all clocks at the start and at the end.
pub(super) struct Meter {
    server: Option<ProcessTree>,
    start: Reading,
}

/// What passed between the start and the stop of a [`Meter`].
pub(super) struct Usage {
    pub(super) elapsed: Duration,
    pub(super) server: Option<Duration>,
    generator: Duration,
    ksoftirqd: Duration,
}

struct Reading {
    at: Instant,
    server: Option<Duration>,
    generator: Duration,
    ksoftirqd: Duration,
}

impl Reading {
    fn take(server: Option<ProcessTree>) -> Result<Self> {
        Ok(Self {
            server: server.map(|tree| tree.cpu_time()).transpose()?,
            generator: ProcessTree::new(std::process::id()).cpu_time()?,
            ksoftirqd: ksoftirqd_cpu_time()?,
            at: Instant::now(),
        })
    }
}

impl Meter {
    pub(super) fn start(server: Option<ProcessTree>) -> Result<Self> {
        Ok(Self { server, start: Reading::take(server)? })
    }

    pub(super) fn stop(self) -> Result<Usage> {
        let end = Reading::take(self.server)?;
        Ok(Usage {
            elapsed: end.at - self.start.at,
            server: end.server.zip(self.start.server).map(|(end, start)| end.saturating_sub(start)),
            generator: end.generator.saturating_sub(self.start.generator),
            ksoftirqd: end.ksoftirqd.saturating_sub(self.start.ksoftirqd),
        })
    }
}

impl Usage {
    /// `received_bytes`: of the deliveries.
    pub(super) fn traffic(&self, messages: u64, deliveries: u64, received_bytes: u64) -> Traffic {
        let seconds = self.elapsed.as_secs_f64();
        Traffic {
            seconds,
            messages,
            deliveries,
            deliveries_per_second: deliveries as f64 / seconds,
            bytes_per_delivery: received_bytes as f64 / deliveries.max(1) as f64,
            server_cpu_us_per_delivery: self.server.map(|cpu| per(cpu, deliveries)),
            server_cores: self.server.map(|cpu| cpu.as_secs_f64() / seconds),
            ksoftirqd_cpu_us_per_delivery: per(self.ksoftirqd, deliveries),
            generator_cpu_us_per_delivery: per(self.generator, deliveries),
            generator_cores: self.generator.as_secs_f64() / seconds,
        }
    }
}
