//! The server of the other processes: clients, user processes and the test itself tell it what to do, by the commands of
//! `perform`; what happens in it is written into a journal, a file that all of its processes append to.

mod handler;
mod keeper;
mod perform;
mod router;

use std::io::{BufRead, Write};
use std::path::PathBuf;
use std::time::Duration;

use crate::support::Identity;
use switchboard::{Config, Deflate, DispatchBy, Handle, Listen, Mode, Overflow, Role, Server};

/// The folder of a server's files. Whoever has it in the environment is one of its processes.
pub(crate) const FOLDER: &str = "SWITCHBOARD_TEST_FOLDER";
/// What differs from the usual settings: `name=value`, separated by blanks.
pub(crate) const SETTINGS: &str = "SWITCHBOARD_TEST_SETTINGS";
/// The user process.
pub(crate) const KEEPER: &str = "keeper";

pub(crate) fn folder() -> PathBuf {
    PathBuf::from(std::env::var_os(FOLDER).unwrap())
}

/// Appends a line to the journal, in one piece.
pub(crate) fn note(line: impl AsRef<str>) {
    let path = folder().join("journal");
    let mut file = std::fs::OpenOptions::new().append(true).create(true).open(path).unwrap();
    file.write_all(format!("{}\n", line.as_ref()).as_bytes()).unwrap();
}

pub(crate) fn run() {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    if switchboard::role() == Role::Master {
        note(format!("master {}", std::process::id()));
    }
    let server = Server::with_handler(config(), handler::worker_start)
        .listen(listen())
        .process(KEEPER, keeper::run)
        .on_start(|handle| {
            println!("{}", handle.listening()[0]);
            let handle = handle.clone();
            std::thread::spawn(move || obey(&handle));
        });
    let ended = server.start();
    note(format!("end {ended:?}"));
    std::process::exit(i32::from(ended.is_err()));
}

fn listen() -> Listen {
    let listen = Listen::on("127.0.0.1:0");
    let settings = std::env::var(SETTINGS).unwrap_or_default();
    if settings.contains("proxy_protocol=true") { listen.proxy_protocol() } else { listen }
}

/// The commands that the test gives to the master: lines on its standard input.
fn obey(handle: &Handle) {
    for line in std::io::stdin().lock().lines().map_while(Result::ok) {
        let (number, command) = line.split_once(' ').unwrap();
        let (number, command, handle) = (number.to_owned(), command.to_owned(), handle.clone());
        // Each on a thread of its own, so that two can be under way.
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
            let done = runtime.block_on(perform::perform(&handle, None, &command));
            println!("{number} {done}");
        });
    }
}

fn config() -> Config {
    let mut config = Config {
        mode: Mode::Process,
        reactors: 2,
        workers: 3,
        close_timeout: Duration::from_secs(2),
        shutdown_timeout: Duration::from_secs(6),
        max_connections: 4_096,
        ..Config::default()
    };
    for setting in std::env::var(SETTINGS).unwrap_or_default().split_whitespace() {
        let (name, value) = setting.split_once('=').unwrap();
        set(&mut config, name, value);
    }
    config
}

fn set(config: &mut Config, name: &str, value: &str) {
    let number = || value.parse::<usize>().unwrap();
    let millis = || Duration::from_millis(number() as u64);
    match name {
        "mode" => config.mode = if value == "base" { Mode::Base } else { Mode::Process },
        "reactors" => config.reactors = number(),
        "workers" => config.workers = number(),
        "ring_bytes" => config.ring_bytes = number(),
        "output_bytes_max" => config.output_bytes_max = number(),
        "message_bytes_max" => config.message_bytes_max = number(),
        "pipe_bytes_max" => config.pipe_bytes_max = number(),
        "groups_per_connection_max" => config.groups_per_connection_max = number(),
        "handler_backlog_max" => config.handler_backlog_max = number(),
        "max_http_connections" => config.max_http_connections = number(),
        "max_connections_per_address" => config.max_connections_per_address = number(),
        "trusted_proxy" => config.trusted_proxies.push(value.parse().unwrap()),
        // Concerns the listener.
        "proxy_protocol" => {}
        "max_requests" => config.max_requests = number() as u64,
        "max_attempts" => config.max_attempts = number() as u32,
        "overflow" => config.overflow = overflow(value),
        "close_timeout" => config.close_timeout = millis(),
        "drain_timeout" => config.drain_timeout = millis(),
        "shutdown_timeout" => config.shutdown_timeout = millis(),
        "handshake_timeout" => config.handshake_timeout = millis(),
        "ping_interval" => config.ping_interval = millis(),
        "heartbeat_idle_time" => config.heartbeat_idle_time = millis(),
        "heartbeat_check_interval" => config.heartbeat_check_interval = millis(),
        "deflate" => config.deflate = Some(deflate(value)),
        "tls" => config.tls = Some(Identity::config_in(value.as_ref())),
        "watch" => config.watch = value == "true",
        "dispatch" => config.dispatch = dispatch(value),
        _ => panic!("no setting is called {name}"),
    }
}

pub(crate) fn overflow(name: &str) -> Overflow {
    match name {
        "close" => Overflow::Close,
        "drop_newest" => Overflow::DropNewest,
        "drop_oldest" => Overflow::DropOldest,
        _ => panic!("no policy is called {name}"),
    }
}

fn deflate(name: &str) -> Deflate {
    let takes_over = match name {
        "alone" => false,
        "taking_over" => true,
        _ => panic!("no compression is called {name}"),
    };
    Deflate { server_context_takeover: takes_over, client_context_takeover: takes_over, ..Deflate::default() }
}

fn dispatch(name: &str) -> DispatchBy {
    match name {
        "connection" => DispatchBy::Connection,
        "address" => DispatchBy::Address,
        "user" => DispatchBy::User,
        "least_loaded" => DispatchBy::LeastLoaded,
        _ => panic!("no way is called {name}"),
    }
}
