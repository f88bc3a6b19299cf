use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

/// Long enough for the slowest machine; reached only when something is wrong.
pub const DEADLINE: Duration = Duration::from_secs(30);

/// The program, in the mode of these tests and with nothing of the environment that could change what it does.
pub fn command() -> Command {
    command_of(Path::new(env!("CARGO_BIN_EXE_switchboard-chat")))
}

const OWN_VARIABLES: [&str; 3] = ["SWITCHBOARD_MODE", "SWITCHBOARD_RATE_LIMITS", "SWITCHBOARD_LEAVE_GRACE"];

/// Another program that is the same.
pub fn command_of(program: &Path) -> Command {
    let mut command = Command::new(program);
    command.env("SWITCHBOARD_MODE", crate::MODE);
    // Tests ask more often than people do; those of the limits set them.
    command.env("SWITCHBOARD_RATE_LIMITS", "0");
    // Nor do they wait to see somebody leave.
    command.env("SWITCHBOARD_LEAVE_GRACE", "0");
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("SWITCHBOARD_") && !OWN_VARIABLES.iter().any(|own| name == *own)
        {
            command.env_remove(name);
        }
    }
    command
}

/// Runs the program to its end: what became of it, its standard output, its standard error.
pub fn run(arguments: &[&str]) -> (Output, String, String) {
    let output = command().args(arguments).output().expect("it runs");
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    (output, out, err)
}

/// A line of `switchboard-chat status`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcessLine {
    /// As in `worker 0`.
    pub name: String,
    pub pid: i32,
    pub generation: String,
    pub state: String,
}

impl ProcessLine {
    fn parse(line: &str) -> Self {
        let cells: Vec<&str> = line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect();
        let [name, pid, generation, state, ..] = cells[..] else { panic!("no process: {line}") };
        let (name, generation, state) = (name.to_owned(), generation.to_owned(), state.to_owned());
        Self { name, pid: pid.parse().expect("a process number"), generation, state }
    }
}

/// A directory that is gone when the test is over.
pub struct TempDirectory(PathBuf);

impl TempDirectory {
    pub fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let name =
            format!("switchboard-chat-test-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).expect("a temporary directory");
        Self(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for TempDirectory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A server of its own on a free port. It is killed when the test is over.
pub struct Server {
    child: Child,
    address: String,
    /// What it prints after its address.
    output: BufReader<ChildStdout>,
    data: PathBuf,
    _directory: Option<TempDirectory>,
}

impl Server {
    /// With a database of its own.
    pub fn start() -> Self {
        let directory = TempDirectory::new();
        let mut server = Self::on(directory.path(), [""; 0]);
        server._directory = Some(directory);
        server
    }

    /// On this data directory, with more arguments.
    pub fn on<S: AsRef<OsStr>>(data: &Path, arguments: impl IntoIterator<Item = S>) -> Self {
        let mut command = command();
        command.args(["--listen", "127.0.0.1:0", "--log", "warn", "--data"]).arg(data).args(arguments);
        Self::from_command(command, data)
    }

    /// In a process group of its own, which can be killed as a whole.
    pub fn in_group(data: &Path, arguments: &[&str]) -> Self {
        let mut command = command();
        command.args(["--listen", "127.0.0.1:0", "--log", "error", "--data"]).arg(data).args(arguments);
        command.process_group(0);
        Self::from_command(command, data)
    }

    /// Another program than the one that was built.
    pub fn of_program(program: &Path, data: &Path, arguments: &[&str]) -> Self {
        let mut command = command_of(program);
        command.args(["--listen", "127.0.0.1:0", "--log", "error", "--data"]).arg(data).args(arguments);
        Self::from_command(command, data)
    }

    /// A command that listens on a free port of 127.0.0.1.
    pub fn from_command(mut command: Command, data: &Path) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().expect("the program starts");
        let mut output = BufReader::new(child.stdout.take().expect("it was piped"));
        let (lines, line) = mpsc::channel();
        let reader = thread::spawn(move || {
            let mut text = String::new();
            let read = output.read_line(&mut text);
            let _ = lines.send(read.map(|_| text));
            output
        });
        let Ok(first) = line.recv_timeout(DEADLINE) else {
            let _ = child.kill();
            panic!("the server did not print its address in time");
        };
        let first = first.expect("standard output can be read");
        let address =
            first.trim().rsplit_once("http://").unwrap_or_else(|| panic!("no address in {first:?}")).1;
        let output = reader.join().expect("no panic");
        Self { address: address.to_owned(), child, output, data: data.to_owned(), _directory: None }
    }

    /// As in `127.0.0.1:9502`.
    pub fn address(&self) -> &str {
        &self.address
    }

    pub fn data(&self) -> &Path {
        &self.data
    }

    /// The next line of its standard output.
    pub fn line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).expect("standard output can be read");
        line
    }

    /// An HTTP response: its head, and its body as text.
    pub fn request(&self, request: impl AsRef<[u8]>) -> (String, String) {
        let (head, body) = self.request_bytes(request);
        (head, String::from_utf8(body).expect("text"))
    }

    /// The head and the body, which may be no text.
    pub fn request_bytes(&self, request: impl AsRef<[u8]>) -> (String, Vec<u8>) {
        let mut stream = TcpStream::connect(&self.address).expect("it listens");
        stream.set_read_timeout(Some(DEADLINE)).expect("set");
        stream.write_all(request.as_ref()).expect("sent");
        let mut response = Vec::new();
        stream.read_to_end(&mut response).expect("the server answers and closes");
        let end = response.windows(4).position(|four| four == b"\r\n\r\n");
        let end = end.unwrap_or_else(|| panic!("no head in {:?}", String::from_utf8_lossy(&response)));
        let body = response.split_off(end + 4);
        response.truncate(end);
        (String::from_utf8(response).expect("a head is text"), body)
    }

    /// A connection for several requests.
    pub fn connect(&self) -> HttpConnection {
        let stream = TcpStream::connect(&self.address).expect("it listens");
        stream.set_read_timeout(Some(DEADLINE)).expect("set");
        HttpConnection { stream: BufReader::new(stream) }
    }

    pub fn get(&self, path: &str, headers: &str) -> (String, String) {
        self.request(format!(
            "GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n{headers}\r\n",
            self.address
        ))
    }

    /// Its processes, as `switchboard-chat status` shows them.
    pub fn processes(&self) -> Vec<ProcessLine> {
        let (output, out, err) = self.order("status");
        assert!(output.status.success(), "{err}");
        let table = out.split("\n\n").nth(1).unwrap_or_else(|| panic!("no table in {out}"));
        table.lines().skip(1).map(ProcessLine::parse).collect()
    }

    /// Gives the running server an order by its command.
    pub fn order(&self, order: &str) -> (Output, String, String) {
        run(&[order, "--data", &self.data.display().to_string()])
    }

    /// Ends the process that owns the database, while clients go on.
    pub fn kill_hub(&self) {
        let processes = self.processes();
        let hub = processes.iter().find(|process| process.name == "hub");
        Self::kill_process(hub.unwrap_or_else(|| panic!("no hub in {processes:?}")).pid);
    }

    /// Ends one of its processes at once, as a crash does.
    pub fn kill_process(pid: i32) {
        let pid = Pid::from_raw(pid).expect("a process number");
        // It may just have ended by itself.
        let _ = kill_process(pid, Signal::KILL);
    }

    /// Asks it to stop, as Ctrl+C and a service manager do.
    pub fn stop(&self) {
        self.signal(Signal::TERM);
    }

    /// Ends it at once, as a crash does.
    pub fn kill(mut self) {
        self.signal(Signal::KILL);
        self.wait();
    }

    /// All its processes at once, as when a machine loses its power; only what the kernel has of the files stays.
    pub fn kill_group(&self) {
        kill_process_group(Pid::from_child(&self.child), Signal::KILL).expect("it runs");
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("it runs");
    }

    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("it is our child").is_some()
    }

    /// Waits until it has ended.
    pub fn wait(&mut self) -> ExitStatus {
        let began = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("it is our child") {
                return status;
            }
            assert!(began.elapsed() < DEADLINE, "the server did not end in time");
            thread::sleep(Duration::from_millis(5));
        }
    }
}

/// A connection that stays open after a response.
pub struct HttpConnection {
    stream: BufReader<TcpStream>,
}

impl HttpConnection {
    /// The head of the response, and its body as text.
    pub fn ask(&mut self, request: &str) -> (String, String) {
        self.stream.get_mut().write_all(request.as_bytes()).expect("sent");
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            let read = self.stream.read_line(&mut head).expect("an answer");
            assert_ne!(read, 0, "it ends after {head:?}");
        }
        let lines = head.lines().filter_map(|line| line.split_once(':'));
        let length = lines
            .filter(|(name, _)| name.eq_ignore_ascii_case("content-length"))
            .map(|(_, value)| value.trim().parse::<usize>().expect("a number"))
            .sum();
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).expect("the whole body");
        (head, String::from_utf8(body).expect("text"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
