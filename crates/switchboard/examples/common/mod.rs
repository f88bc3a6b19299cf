//! The flags that the examples share.

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use switchboard::{Config, Deflate, DispatchBy, ForwardedField, Handle, Listen, TlsConfig, TrustedProxy};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// An example server.
#[derive(Debug, Parser)]
pub(crate) struct Flags {
    /// Where to listen: HOST:PORT, [IPV6]:PORT or unix:PATH; may be given several times.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:9501")]
    pub(crate) listen: Vec<String>,
    /// How the server runs: in one process, or as a master with workers that can be reloaded.
    #[arg(long, value_enum, default_value = "base")]
    pub(crate) mode: Mode,
    /// Threads that own sockets [default: one for each core].
    #[arg(long, value_name = "N")]
    pub(crate) reactors: Option<usize>,
    /// Worker processes; in Base mode every reactor is one [default: one for each core].
    #[arg(long, value_name = "N")]
    pub(crate) workers: Option<usize>,
    /// The largest message's payload [default: 2 MiB].
    #[arg(long, value_name = "BYTES")]
    pub(crate) max_message: Option<usize>,
    /// Compress messages with the clients that offer it (permessage-deflate), however small they are.
    #[arg(long)]
    pub(crate) deflate: bool,
    /// Open connections; one more gets 503 [default: 65536].
    #[arg(long, value_name = "N")]
    pub(crate) max_connections: Option<usize>,
    /// Connections of one client address; one more gets 429; 0: no limit.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) max_connections_per_address: usize,
    /// New connections of one client address in a second, and ten times as many at once; more get 429; 0: no limit.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) handshakes_per_second: u32,
    /// Messages of one connection in a second, and ten times as many at once; more is slowed down; 0: no limit.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) messages_per_second: u32,
    /// Bytes of one connection in a second, and ten times as many at once; more is slowed down; 0: no limit.
    #[arg(long, value_name = "BYTES", default_value_t = 0)]
    pub(crate) bytes_per_second: usize,
    /// Close a connection with 1008 that has been slowed down for so long [default: 30].
    #[arg(long, value_name = "S", value_parser = seconds)]
    pub(crate) rate_grace: Option<Duration>,
    /// Every connection begins with a header of the PROXY protocol.
    #[arg(long)]
    pub(crate) proxy_protocol: bool,
    /// Believe this proxy (ADDRESS, ADDRESS/BITS or unix) about its clients; may be given several times.
    #[arg(long, value_name = "CIDR")]
    pub(crate) trusted_proxy: Vec<TrustedProxy>,
    /// In which header field it tells of them.
    #[arg(long, value_enum, default_value = "x-forwarded-for")]
    pub(crate) forwarded_field: Field,
    /// Close a connection that is silent for so long; 0: never [default: 60].
    #[arg(long, value_name = "S", value_parser = seconds)]
    pub(crate) heartbeat_idle_time: Option<Duration>,
    /// How often to look for silent connections [default: 10].
    #[arg(long, value_name = "S", value_parser = seconds)]
    pub(crate) heartbeat_check_interval: Option<Duration>,
    /// Ping a connection that is silent for so long; 0: never [default: 25].
    #[arg(long, value_name = "S", value_parser = seconds)]
    pub(crate) ping_interval: Option<Duration>,
    /// Bytes that may wait for one slow reader [default: 4 MiB].
    #[arg(long, value_name = "BYTES")]
    pub(crate) output_limit: Option<usize>,
    /// Which worker handles a connection's events.
    #[arg(long, value_enum, default_value = "connection")]
    pub(crate) dispatch: Dispatch,
    /// Messages after which a worker is replaced; 0: never.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) max_requests: u64,
    /// An event that kills its worker so often closes its connection [default: 2].
    #[arg(long, value_name = "N")]
    pub(crate) max_attempts: Option<u32>,
    /// How long a new worker may take to start [default: 30].
    #[arg(long, value_name = "S", value_parser = seconds)]
    pub(crate) worker_start_timeout: Option<Duration>,
    /// How long a replaced worker may take to finish [default: 30].
    #[arg(long, value_name = "S", value_parser = seconds)]
    pub(crate) drain_timeout: Option<Duration>,
    /// Reload when the executable on disk has changed.
    #[arg(long)]
    pub(crate) watch: bool,
    /// Speak TLS on TCP, with the certificate chain in this PEM file; SIGHUP reads it again.
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub(crate) tls_cert: Option<PathBuf>,
    /// The private key of the certificate, in PEM.
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub(crate) tls_key: Option<PathBuf>,
    /// Connections join one group, and messages are published to it (the example `broadcast`).
    #[arg(long)]
    pub(crate) group: bool,
    /// The handler waits so long before it answers.
    #[arg(long, value_name = "MS", default_value_t = 0)]
    pub(crate) sleep_ms: u64,
    /// The handler blocks its thread so long before it answers.
    #[arg(long, value_name = "MS", default_value_t = 0)]
    pub(crate) block_ms: u64,
}

/// How a server runs.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Mode {
    /// One process: every reactor calls the handlers itself.
    Base,
    /// A master that owns the sockets, a manager, and workers.
    Process,
}

/// The header field of trusted proxies.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Field {
    XForwardedFor,
    Forwarded,
}

/// Which worker handles a connection's events.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Dispatch {
    Connection,
    Address,
    User,
    LeastLoaded,
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| format!("{text:?} is no number of seconds"))?;
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}

impl Flags {
    /// Where to listen, and how.
    pub(crate) fn listeners(&self) -> impl Iterator<Item = Listen> {
        self.listen.iter().map(|address| match self.proxy_protocol {
            true => Listen::on(address).proxy_protocol(),
            false => Listen::on(address),
        })
    }

    /// The settings.
    pub(crate) fn config(&self) -> Config {
        let flags = self;
        let default = Config::default();
        Config {
            mode: match flags.mode {
                Mode::Base => switchboard::Mode::Base,
                Mode::Process => switchboard::Mode::Process,
            },
            dispatch: match flags.dispatch {
                Dispatch::Connection => DispatchBy::Connection,
                Dispatch::Address => DispatchBy::Address,
                Dispatch::User => DispatchBy::User,
                Dispatch::LeastLoaded => DispatchBy::LeastLoaded,
            },
            max_requests: flags.max_requests,
            max_attempts: flags.max_attempts.unwrap_or(default.max_attempts),
            worker_start_timeout: flags.worker_start_timeout.unwrap_or(default.worker_start_timeout),
            drain_timeout: flags.drain_timeout.unwrap_or(default.drain_timeout),
            watch: flags.watch,
            tls: flags
                .tls_cert
                .clone()
                .zip(flags.tls_key.clone())
                .map(|(certificate, key)| TlsConfig { certificate, key }),
            reactors: flags.reactors.unwrap_or(default.reactors),
            workers: flags.workers.unwrap_or(default.workers),
            message_bytes_max: flags.max_message.unwrap_or(default.message_bytes_max),
            deflate: flags.deflate.then(|| Deflate { message_bytes_min: 0, ..Deflate::default() }),
            max_connections: flags.max_connections.unwrap_or(default.max_connections),
            max_connections_per_address: flags.max_connections_per_address,
            handshakes_per_second: flags.handshakes_per_second,
            messages_per_second: flags.messages_per_second,
            bytes_per_second: flags.bytes_per_second,
            rate_grace: flags.rate_grace.unwrap_or(default.rate_grace),
            trusted_proxies: flags.trusted_proxy.clone(),
            forwarded_field: match flags.forwarded_field {
                Field::XForwardedFor => ForwardedField::XForwardedFor,
                Field::Forwarded => ForwardedField::Forwarded,
            },
            heartbeat_idle_time: flags.heartbeat_idle_time.unwrap_or(default.heartbeat_idle_time),
            heartbeat_check_interval: flags
                .heartbeat_check_interval
                .unwrap_or(default.heartbeat_check_interval),
            ping_interval: flags.ping_interval.unwrap_or(default.ping_interval),
            output_bytes_max: flags.output_limit.unwrap_or(default.output_bytes_max),
            command_bytes_max: default
                .command_bytes_max
                .max(flags.max_message.unwrap_or(0).saturating_mul(4)),
            ..default
        }
    }

    /// What a handler is to do before it answers, so that somebody can catch it at it.
    #[allow(dead_code, reason = "not all examples use it")]
    pub(crate) async fn dawdle(&self) {
        if self.sleep_ms > 0 {
            tokio::time::sleep(Duration::from_millis(self.sleep_ms)).await;
        }
        if self.block_ms > 0 {
            std::thread::sleep(Duration::from_millis(self.block_ms));
        }
    }
}

/// Reads the command line, and has what the library logs written to standard error.
pub(crate) fn begin() -> Flags {
    let flags = Flags::parse();
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_target(false).init();
    flags
}

/// Tells a program that waits for it that the server is ready. Nothing else goes to stdout.
pub(crate) fn print_addresses(handle: &Handle) {
    let mut out = std::io::stdout().lock();
    for address in handle.listening() {
        // Whoever started the server may not listen to it.
        let _ = writeln!(out, "listening on {address}");
    }
    let _ = out.flush();
}
