//! The flags that the examples share.

use std::io::Write;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use switchboard::{Config, Handle};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// An example server.
#[derive(Debug, Parser)]
pub(crate) struct Flags {
    /// Where to listen: HOST:PORT, [IPV6]:PORT or unix:PATH; may be given several times.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:9501")]
    pub(crate) listen: Vec<String>,
    /// How the server runs: in one process.
    #[arg(long, value_enum, default_value = "base")]
    pub(crate) mode: Mode,
    /// Threads that own sockets [default: one for each core].
    #[arg(long, value_name = "N")]
    pub(crate) reactors: Option<usize>,
    /// Workers; in Base mode every reactor is one [default: one for each core].
    #[arg(long, value_name = "N")]
    pub(crate) workers: Option<usize>,
    /// The largest message's payload [default: 2 MiB].
    #[arg(long, value_name = "BYTES")]
    pub(crate) max_message: Option<usize>,
    /// Open connections; one more gets 503 [default: 65536].
    #[arg(long, value_name = "N")]
    pub(crate) max_connections: Option<usize>,
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
}

/// How a server runs.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Mode {
    /// One process: every reactor calls the handlers itself.
    Base,
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| format!("{text:?} is no number of seconds"))?;
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}

impl Flags {
    /// The settings, and the first address apart from the others.
    pub(crate) fn parse_config() -> (Config, Vec<String>) {
        let flags = Flags::parse();
        let Mode::Base = flags.mode;
        let default = Config::default();
        let config = Config {
            reactors: flags.reactors.unwrap_or(default.reactors),
            workers: flags.workers.unwrap_or(default.workers),
            message_bytes_max: flags.max_message.unwrap_or(default.message_bytes_max),
            max_connections: flags.max_connections.unwrap_or(default.max_connections),
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
        };
        (config, flags.listen)
    }
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
