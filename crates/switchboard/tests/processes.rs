//! Signals and descriptor limits concern a whole process, so each server here has a process of its own: this test starts
//! itself again.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process, setrlimit};
use support::{ANY, Client, PATIENCE, Stream, handshake, wait_until};
use switchboard::{Closed, Config, Conn, Handle, Message, Server};

#[allow(dead_code, unused_imports, reason = "the other tests use the rest of it")]
mod support;

const ROLE: &str = "SWITCHBOARD_TEST_ROLE";
/// How many descriptors the server may have.
const DESCRIPTORS: &str = "SWITCHBOARD_TEST_DESCRIPTORS";

fn main() {
    if std::env::var_os(ROLE).is_some() {
        return serve();
    }
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let has = |flag: &str| arguments.iter().any(|argument| argument == flag);
    // `--format terse`: it is terse anyhow.
    let mut words = arguments.iter().filter(|argument| *argument != "terse");
    let wanted = words.find(|argument| !argument.starts_with('-'));
    let tests = TESTS.iter().filter(|(name, _)| wanted.is_none_or(|wanted| name.contains(wanted.as_str())));
    if has("--list") {
        // As test runners ask for it; none is ignored.
        return tests.filter(|_| !has("--ignored")).for_each(|(name, _)| println!("{name}: test"));
    }
    for (name, test) in tests {
        test();
        println!("test {name} ... ok");
    }
}

type Test = (&'static str, fn());

const TESTS: [Test; 5] = [
    ("sigterm_closes_every_client_and_exits_with_0", || {
        a_signal_closes_every_client_and_exits_with_0(Signal::TERM);
    }),
    ("sigint_closes_every_client_and_exits_with_0", || {
        a_signal_closes_every_client_and_exits_with_0(Signal::INT);
    }),
    ("a_second_signal_ends_the_process_at_once", a_second_signal_ends_the_process_at_once),
    (
        "a_client_that_does_not_answer_does_not_prevent_the_exit",
        a_client_that_does_not_answer_does_not_prevent_the_exit,
    ),
    (
        "a_server_without_descriptors_serves_on_and_recovers",
        a_server_without_descriptors_serves_on_and_recovers,
    ),
];

/// The server of the other process: it says where it listens, and what its closes were.
fn serve() {
    if let Some(descriptors) = std::env::var(DESCRIPTORS).ok().and_then(|number| number.parse().ok()) {
        let limit = Rlimit { current: Some(descriptors), maximum: Some(descriptors) };
        setrlimit(Resource::Nofile, limit).unwrap();
    }
    let config = Config { reactors: 2, shutdown_timeout: Duration::from_secs(2), ..Config::default() };
    let started = Server::new(ANY)
        .config(config)
        .on_start(|handle: &Handle| println!("{}", handle.listening()[0]))
        .on_message(async |conn: Conn, message: Message| {
            if message.as_text() == Some("hang") {
                std::future::pending::<()>().await;
            }
            conn.push(message)
        })
        .on_close(async |_: Conn, closed: Closed| println!("{} {:?}", closed.code, closed.by))
        .start();
    started.unwrap();
}

struct Process {
    child: Child,
    lines: std::sync::mpsc::Receiver<String>,
}

impl Process {
    fn start() -> (Process, SocketAddr) {
        Process::start_with(&[])
    }

    fn start_with(variables: &[(&str, &str)]) -> (Process, SocketAddr) {
        let own = std::env::current_exe().unwrap();
        let mut command = Command::new(own);
        command.env(ROLE, "server").envs(variables.iter().copied()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            stdout.lines().map_while(Result::ok).try_for_each(|line| sender.send(line))
        });
        let process = Process { child, lines };
        let address = process.line().parse().unwrap();
        (process, address)
    }

    fn line(&self) -> String {
        self.lines.recv_timeout(PATIENCE).expect("the server said nothing")
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// What the process has used so far, in ticks of 10 ms.
    fn cpu_ticks(&self) -> u64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        let fields = stat.rsplit_once(')').unwrap().1.split_whitespace();
        fields.skip(11).take(2).map(|ticks| ticks.parse::<u64>().unwrap()).sum()
    }

    /// The exit code; None after a signal's default action.
    fn exit(&mut self) -> Option<i32> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            assert!(Instant::now() < deadline, "the process did not end");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn a_signal_closes_every_client_and_exits_with_0(signal: Signal) {
    let (mut process, address) = Process::start();
    let mut clients: Vec<Client> = (0..3).map(|_| Client::connect(address)).collect();
    for client in &mut clients {
        client.round_trip("up");
    }
    process.signal(signal);
    for client in &mut clients {
        assert_eq!(client.next_close().0, 1001);
    }
    assert_eq!(process.exit(), Some(0));
    for _ in 0..3 {
        assert_eq!(process.line(), "1001 Shutdown");
    }
}

fn a_second_signal_ends_the_process_at_once() {
    let (mut process, address) = Process::start();
    let mut client = Client::connect(address);
    client.round_trip("up");
    client.text("hang");
    process.signal(Signal::TERM);
    assert_eq!(client.next_close().0, 1001);
    process.signal(Signal::TERM);
    assert_eq!(process.exit(), Some(128 + 15));
}

fn a_client_that_does_not_answer_does_not_prevent_the_exit() {
    let (mut process, address) = Process::start();
    let mut client = Client::connect(address).impolite();
    client.round_trip("up");
    let begun = Instant::now();
    process.signal(Signal::TERM);
    assert_eq!(client.next_close().0, 1001);
    assert_eq!(process.exit(), Some(0));
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    assert_eq!(process.line(), "1001 Shutdown");
}

fn a_server_without_descriptors_serves_on_and_recovers() {
    let (mut process, address) = Process::start_with(&[(DESCRIPTORS, "60")]);
    let mut client = Client::connect(address);
    client.round_trip("up");
    // The kernel completes these connections; the server has descriptors for some of them only.
    let crowd: Vec<TcpStream> = (0..100).map(|_| TcpStream::connect(address).unwrap()).collect();
    for _ in 0..20 {
        client.round_trip("served although nobody else gets in");
        std::thread::sleep(Duration::from_millis(10));
    }
    let used = process.cpu_ticks();
    std::thread::sleep(Duration::from_millis(500));
    let spent = process.cpu_ticks() - used;
    assert!(spent < 20, "{spent} of 50 ticks: it spins while it cannot accept");
    drop(crowd);
    // Until those that have gone have been seen to, the answer is 503.
    wait_until("there are descriptors again", || {
        Client::try_open(Stream::tcp(address), &handshake("/"))
            .map(|mut newcomer| newcomer.round_trip("served"))
            .is_ok()
    });
    process.signal(Signal::TERM);
    assert_eq!(client.next_close().0, 1001);
    assert_eq!(process.exit(), Some(0));
}
