//! The load generator: opens connections to a WebSocket server on this machine, loads it and checks every delivery.
//!
//! One line of JSON goes to stdout, a table to stderr. Exit code 1 if anything was lost, repeated, reordered or changed.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Result, ensure};
use clap::{Args, Parser, Subcommand};
use switchboard_bench::client::{Dialect, Dialer, PAYLOAD_BYTES_MIN, Target, trust};
use switchboard_bench::load::{
    BroadcastLoad, EchoLoad, IdleLoad, Pace, Session, SlowReaders, StormLoad, Until,
};
use switchboard_bench::process::ProcessTree;
use switchboard_bench::report::Report;
use switchboard_proto::MessageKind;

/// Loads a WebSocket server on this machine and checks every delivery.
#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    load: Load,
}

#[derive(Subcommand)]
enum Load {
    /// Every connection keeps messages in flight; the server sends each back.
    Echo {
        #[command(flatten)]
        server: Server,
        /// Open connections.
        #[arg(long, default_value_t = 64)]
        connections: usize,
        /// Messages of one connection that are on their way at once.
        #[arg(long, default_value_t = 1)]
        in_flight: usize,
        #[command(flatten)]
        messages: Messages,
    },
    /// Some connections send; the server sends each message to all.
    Broadcast {
        #[command(flatten)]
        server: Server,
        /// Open connections, the senders among them.
        #[arg(long, default_value_t = 1000)]
        receivers: usize,
        /// Connections that send.
        #[arg(long, default_value_t = 1)]
        senders: usize,
        /// Messages a second of all senders together; without it the next ones are sent when everybody has the last ones.
        #[arg(long)]
        rate: Option<f64>,
        /// Further connections that never read.
        #[arg(long, default_value_t = 0)]
        slow_readers: usize,
        /// Bytes sent to each slow reader before the others connect, to fill every buffer on the way.
        #[arg(long, default_value_t = 32 << 20)]
        stuffing_bytes: usize,
        #[command(flatten)]
        messages: Messages,
    },
    /// Connections that do nothing: the server's memory.
    Idle {
        #[command(flatten)]
        server: Server,
        /// Open connections.
        #[arg(long, default_value_t = 10_000)]
        connections: usize,
        /// Seconds until the memory is read.
        #[arg(long, default_value_t = 2.0, value_parser = seconds)]
        hold: f64,
        /// Then sends one message to all; the server must be one that broadcasts.
        #[arg(long)]
        broadcast: bool,
    },
    /// An echo while something happens to the server; goes on until the standard input ends, then waits for what is missing.
    Storm(Storm),
}

#[derive(Args)]
struct Storm {
    #[command(flatten)]
    server: Server,
    /// Open connections.
    #[arg(long, default_value_t = 1000)]
    connections: usize,
    /// Messages of one connection that are on their way at once, at most.
    #[arg(long, default_value_t = 4)]
    in_flight: usize,
    /// Messages a second of all connections together; without it each reply is followed by the next message.
    #[arg(long)]
    rate: Option<f64>,
    /// Bytes of a message, at least 16.
    #[arg(long, default_value_t = 64)]
    bytes: usize,
    /// Seconds until it stops sending, whatever the standard input does.
    #[arg(long, value_parser = seconds)]
    seconds: Option<f64>,
    /// Seconds between two questions who answers (`?gen`, which the example `echo` knows); 0: none is asked.
    #[arg(long, default_value_t = 0.0, value_parser = seconds)]
    ask_every: f64,
    /// Seconds without a delivery after which, at the end, what has not come is missing.
    #[arg(long, default_value_t = 15.0, value_parser = seconds)]
    grace: f64,
}

#[derive(Args)]
struct Server {
    /// Loopback ADDRESS:PORT, or unix:PATH.
    #[arg(long)]
    connect: Target,
    /// The server's process: its CPU time and memory, and those of its descendants, are reported.
    #[arg(long)]
    server_pid: Option<u32>,
    /// What stands around each message, and what is said before the first one.
    #[arg(long, value_enum, default_value_t)]
    dialect: Dialect,
    /// Divides the people of a chat into so many rooms; what somebody sends goes to their room.
    #[arg(long, default_value_t = 1)]
    rooms: usize,
    /// Offers to compress (permessage-deflate), which the server has to accept; what is sent is not compressed.
    #[arg(long)]
    deflate: bool,
    /// Speaks TLS, and trusts the certificates in this PEM file.
    #[arg(long, value_name = "FILE")]
    tls_ca: Option<PathBuf>,
}

#[derive(Args)]
struct Messages {
    /// Bytes of a message, at least 16.
    #[arg(long, default_value_t = 64)]
    bytes: usize,
    /// Seconds to measure.
    #[arg(long, default_value_t = 2.0, value_parser = seconds)]
    seconds: f64,
    /// Messages to measure, instead of a time.
    #[arg(long)]
    messages: Option<u64>,
    /// Seconds of load before the measurement.
    #[arg(long, default_value_t = 0.3, value_parser = seconds)]
    warm_up: f64,
    /// Sends binary messages instead of text.
    #[arg(long)]
    binary: bool,
}

/// An hour at most: every run ends by itself.
fn seconds(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(seconds) if (0.0..=3600.0).contains(&seconds) => Ok(seconds),
        _ => Err("expected seconds from 0 to 3600".into()),
    }
}

impl Server {
    fn open(&self, connections: usize, bytes_max: usize, kind: MessageKind) -> Result<Session> {
        ensure!(connections > 0, "at least one connection is needed");
        ensure!((1..=connections).contains(&self.rooms), "--rooms must be 1 to the number of connections");
        ensure!(self.rooms == 1 || self.dialect == Dialect::Chat, "--rooms goes with --dialect chat only");
        ensure!(
            self.dialect == Dialect::Plain || kind == MessageKind::Text,
            "--binary goes with --dialect plain only"
        );
        Session::open(&self.dialer()?, self.server_pid.map(ProcessTree::new), connections, bytes_max, kind)
    }

    fn dialer(&self) -> Result<Dialer> {
        Ok(Dialer {
            target: self.connect.clone(),
            dialect: self.dialect,
            rooms: self.rooms,
            deflate: self.deflate,
            tls: self.tls_ca.as_deref().map(trust).transpose()?,
        })
    }
}

fn check_bytes(bytes: usize) -> Result<()> {
    ensure!((PAYLOAD_BYTES_MIN..=16 << 20).contains(&bytes), "--bytes must be {PAYLOAD_BYTES_MIN} to 16 MiB");
    Ok(())
}

fn check_in_flight(in_flight: usize) -> Result<()> {
    ensure!((1..=1 << 16).contains(&in_flight), "--in-flight must be 1 to 65536");
    Ok(())
}

fn check_rate(rate: Option<f64>) -> Result<()> {
    ensure!(rate.is_none_or(|rate| rate > 0.0 && rate.is_finite()), "--rate must be more than 0");
    Ok(())
}

impl Messages {
    fn kind(&self) -> MessageKind {
        if self.binary { MessageKind::Binary } else { MessageKind::Text }
    }

    fn until(&self) -> Until {
        self.messages.map_or(Until::Elapsed(Duration::from_secs_f64(self.seconds)), Until::Messages)
    }
}

impl Storm {
    fn run(&self) -> Result<(Report, Session)> {
        check_bytes(self.bytes)?;
        check_in_flight(self.in_flight)?;
        check_rate(self.rate)?;
        ensure!(self.server.dialect == Dialect::Plain, "a storm goes with --dialect plain only");
        let mut session = self.server.open(self.connections, self.bytes, MessageKind::Text)?;
        let load = StormLoad {
            bytes: self.bytes,
            in_flight: self.in_flight,
            rate: self.rate,
            ask_every: (self.ask_every > 0.0).then(|| Duration::from_secs_f64(self.ask_every)),
            seconds: self.seconds.map(Duration::from_secs_f64),
            grace: Duration::from_secs_f64(self.grace),
        };
        Ok((load.run(&mut session)?, session))
    }
}

fn run(load: Load) -> Result<Report> {
    let (report, session) = match load {
        Load::Echo { server, connections, in_flight, messages } => {
            check_bytes(messages.bytes)?;
            check_in_flight(in_flight)?;
            let mut session = server.open(connections, messages.bytes, messages.kind())?;
            let load = EchoLoad {
                bytes: messages.bytes,
                in_flight,
                warm_up: Duration::from_secs_f64(messages.warm_up),
                until: messages.until(),
            };
            (load.run(&mut session)?, session)
        }
        Load::Broadcast { server, receivers, senders, rate, slow_readers, stuffing_bytes, messages } => {
            check_bytes(messages.bytes)?;
            ensure!((1..=receivers).contains(&senders), "--senders must be 1 to --receivers");
            check_rate(rate)?;
            let load = BroadcastLoad {
                senders,
                bytes: messages.bytes,
                pace: rate.map_or(Pace::OneAtATime, Pace::PerSecond),
                warm_up: Duration::from_secs_f64(messages.warm_up),
                until: messages.until(),
            };
            let slow = SlowReaders { count: slow_readers, stuffing_bytes };
            let slow = (slow.count > 0)
                .then(|| slow.open(&server.dialer()?, server.server_pid.map(ProcessTree::new)))
                .transpose()?;
            let mut session = server.open(receivers, messages.bytes, messages.kind())?;
            (load.run(&mut session, slow.as_ref())?, session)
        }
        Load::Idle { server, connections, hold, broadcast } => {
            let mut session = server.open(connections, PAYLOAD_BYTES_MIN, MessageKind::Text)?;
            (IdleLoad { hold: Duration::from_secs_f64(hold), broadcast }.run(&mut session)?, session)
        }
        Load::Storm(storm) => storm.run()?,
    };
    session.close()?;
    Ok(report)
}

fn main() -> ExitCode {
    let report = match run(Cli::parse().load) {
        Ok(report) => report,
        Err(error) => {
            eprintln!("bench-load: {error:#}");
            return ExitCode::from(2);
        }
    };
    eprint!("{report}");
    match serde_json::to_string(&report) {
        Ok(line) => println!("{line}"),
        Err(error) => {
            eprintln!("bench-load: {error}");
            return ExitCode::from(2);
        }
    }
    if report.errors.none() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
