//! A server in a thread.

use std::net::SocketAddr;
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use switchboard::{
    Authorize, BoxError, Closures, Config, Conn, Handle, Handler, ListenAddr, Message, OnClose, OnMessage,
    OnOpen, Server, StartError, Worker, WorkerStart,
};

use super::{Client, PATIENCE, Raw, Stream};

/// The system chooses the port.
pub(crate) const ANY: &str = "127.0.0.1:0";

/// Settings for tests: several reactors, no signals, and times that a test can wait for.
pub(crate) fn config() -> Config {
    Config {
        reactors: 2,
        handle_signals: false,
        close_timeout: Duration::from_secs(2),
        shutdown_timeout: Duration::from_secs(4),
        tls: super::all_by_tls().map(super::Identity::config),
        ..Config::default()
    }
}

pub(crate) fn one_reactor() -> Config {
    Config { reactors: 1, ..config() }
}

/// A server that sends every message back.
pub(crate) fn echo(config: Config) -> impl Startable {
    Server::new(ANY).config(config).on_message(async |conn: Conn, message: Message| conn.push(message))
}

/// Any server that can be started.
pub(crate) trait Startable: Send + 'static {
    fn run(self, started: impl FnOnce(&Handle) + Send + 'static) -> Result<(), StartError>;
}

impl<A: Authorize, O: OnOpen, M: OnMessage, C: OnClose> Startable for Server<Closures<A, O, M, C>> {
    fn run(self, started: impl FnOnce(&Handle) + Send + 'static) -> Result<(), StartError> {
        self.on_start(started).start()
    }
}

impl<W, H> Startable for Server<WorkerStart<W>>
where
    W: AsyncFn(Worker) -> Result<H, BoxError> + Send + Sync + 'static,
    H: Handler,
{
    fn run(self, started: impl FnOnce(&Handle) + Send + 'static) -> Result<(), StartError> {
        self.on_start(started).start()
    }
}

/// A server that runs until it is stopped or dropped.
pub(crate) struct Running {
    pub(crate) handle: Handle,
    outcome: Receiver<Result<(), StartError>>,
    /// What `start` returned has been looked at.
    over: bool,
}

/// Starts a server, and waits until it listens.
#[track_caller]
pub(crate) fn serve(server: impl Startable) -> Running {
    let (outcome_sender, outcome) = mpsc::channel();
    let (started, handle) = mpsc::channel();
    thread::spawn(move || {
        let ran = server.run(move |handle| drop(started.send(handle.clone())));
        let _ = outcome_sender.send(ran);
    });
    match handle.recv_timeout(PATIENCE) {
        Ok(handle) => Running { handle, outcome, over: false },
        Err(_) => panic!("the server did not start: {:?}", outcome.try_recv()),
    }
}

/// Starts a server that cannot start.
#[track_caller]
pub(crate) fn start_error(server: impl Startable) -> StartError {
    let (outcome_sender, outcome) = mpsc::channel();
    thread::spawn(move || drop(outcome_sender.send(server.run(Handle::shutdown))));
    let outcome = outcome.recv_timeout(PATIENCE).expect("start did not return");
    outcome.expect_err("the server started")
}

impl Running {
    /// The first TCP listener's address.
    pub(crate) fn address(&self) -> SocketAddr {
        let inet = |address: &ListenAddr| match address {
            ListenAddr::Inet(address) => Some(*address),
            _ => None,
        };
        self.handle.listening().iter().find_map(inet).expect("no TCP listener")
    }

    #[track_caller]
    pub(crate) fn connect(&self) -> Client {
        Client::connect(self.address())
    }

    #[track_caller]
    pub(crate) fn connect_many(&self, count: usize) -> Vec<Client> {
        (0..count).map(|_| self.connect()).collect()
    }

    /// A client whose kernel keeps little of what it does not read.
    #[track_caller]
    pub(crate) fn connect_narrow(&self) -> Client {
        Client::open(Stream::narrow(self.address()), &super::handshake("/"))
    }

    pub(crate) fn raw(&self) -> Raw {
        Raw::connect(self.address())
    }

    /// Stops the server. Answers how long that took.
    #[track_caller]
    pub(crate) fn stop(&mut self) -> Duration {
        let begun = Instant::now();
        self.handle.shutdown();
        self.wait();
        begun.elapsed()
    }

    /// Waits until `start` has returned, without an error.
    #[track_caller]
    pub(crate) fn wait(&mut self) {
        let outcome = self.outcome.recv_timeout(PATIENCE).expect("start() did not return");
        self.over = true;
        outcome.expect("start() failed");
    }

    /// Has `start` returned?
    pub(crate) fn is_over(&mut self) -> bool {
        if let Ok(outcome) = self.outcome.try_recv() {
            self.over = true;
            outcome.expect("start() failed");
        }
        self.over
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.over || thread::panicking() {
            self.handle.shutdown();
            return;
        }
        self.stop();
    }
}
