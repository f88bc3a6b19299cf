//! Started as root: which rights are left. Without root there is nothing to give up, and most of it cannot be tested.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::json;

use crate::support::{Client, ProcessLine, Server, TempDirectory, command, command_of};

/// A user that every Debian has, and its number; it owns nothing.
const USER: &str = "daemon";
const UID: u32 = 1;

fn is_root() -> bool {
    let is_root = rustix::process::geteuid().is_root();
    if !is_root {
        eprintln!("not tested: only root can become another user");
    }
    is_root
}

/// The program where every user can execute it, and a place for its data that every user can reach.
struct Place {
    directory: TempDirectory,
    program: PathBuf,
}

impl Place {
    fn new() -> Self {
        let directory = TempDirectory::new();
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).expect("its own");
        let program = directory.path().join("switchboard-chat");
        fs::copy(env!("CARGO_BIN_EXE_switchboard-chat"), &program).expect("copied");
        Self { directory, program }
    }

    fn data(&self) -> PathBuf {
        self.directory.path().join("made by root/data")
    }

    fn server(&self) -> Server {
        Server::of_program(&self.program, &self.data(), &["--user", USER])
    }

    /// Runs the program to an end that comes soon.
    fn run(&self, data: &Path, arguments: &[&str]) -> Output {
        let mut command = command_of(&self.program);
        command.args(["--listen", "127.0.0.1:0", "--log", "error", "--data"]).arg(data).args(arguments);
        command.output().expect("it runs")
    }
}

fn said(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(output.stdout.is_empty(), "nobody was told that it is ready: {output:?}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A line of `/proc/PID/status`, for every thread of the process.
fn lines(pid: i32, key: &str) -> Vec<String> {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).expect("it lives");
    let line = |status: &str| {
        let found = status.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
        found.expect("the kernel says").split_whitespace().collect::<Vec<_>>().join(" ")
    };
    threads
        .filter_map(|thread| fs::read_to_string(thread.ok()?.path().join("status")).ok())
        .map(|status| line(&status))
        .collect()
}

fn all_are(pid: i32, key: &str, expected: &str) {
    let found = lines(pid, key);
    assert!(!found.is_empty() && found.iter().all(|line| line == expected), "{key} of {pid}: {found:?}");
}

/// Those that will be there for a while.
fn running(server: &Server) -> Vec<ProcessLine> {
    server.processes().into_iter().filter(|process| process.state == "running").collect()
}

fn has_no_rights_left(server: &Server) {
    for process in running(server) {
        let id = format!("{UID} {UID} {UID} {UID}");
        for (key, expected) in [
            ("Uid", id.as_str()),
            ("Gid", &id),
            ("Groups", ""),
            ("CapEff", "0000000000000000"),
            ("CapPrm", "0000000000000000"),
            ("NoNewPrivs", "1"),
        ] {
            all_are(process.pid, key, expected);
        }
    }
}

#[test]
fn no_process_of_a_server_with_a_user_keeps_a_right_of_root() {
    if !is_root() {
        return;
    }
    let place = Place::new();
    let mut server = place.server();
    has_no_rights_left(&server);
    for made in [server.data(), server.data().parent().expect("above it"), &server.data().join("chat.db")] {
        assert_eq!(fs::metadata(made).expect("made").uid(), UID, "{}", made.display());
    }
    let mut ann = Client::person(&server, "Ann", &["lobby"]);
    ann.ask(json!({"type": "message", "text": "hi"}), "message");
    if crate::MODE == "process" {
        assert!(server.order("reload").0.status.success());
        has_no_rights_left(&server);
        ann.ask(json!({"type": "message", "text": "still here"}), "message");
    }
    drop(ann);
    assert!(server.order("stop").0.status.success(), "root may");
    assert!(server.wait().success());
    // And once more, on what is there.
    let server = place.server();
    has_no_rights_left(&server);
}

#[test]
fn the_file_of_a_unix_socket_belongs_to_the_user() {
    if !is_root() {
        return;
    }
    let place = Place::new();
    let socket = place.directory.path().join("chat.sock");
    let listen = format!("unix:{}", socket.display());
    let _server = Server::of_program(&place.program, &place.data(), &["--listen", &listen, "--user", USER]);
    assert_eq!(fs::metadata(&socket).expect("it is there").uid(), UID);
}

#[test]
fn a_user_that_cannot_be_is_refused_before_anything_is_served() {
    if !is_root() {
        return;
    }
    let place = Place::new();
    for (user, word) in [
        ("no-such-user", "no-such-user"),
        ("daemon:no-such-group", "no-such-group"),
        ("root", "another user"),
    ] {
        let said = said(&place.run(&place.data(), &["--user", user]));
        assert!(said.contains(word), "{user}: {said}");
    }
    // Whoever is not root can become nobody else.
    let mut command = command_of(&place.program);
    command.args(["--listen", "127.0.0.1:0", "--user", "games", "--data"]).arg(place.directory.path());
    let said = said(&command.uid(UID).output().expect("it runs"));
    assert!(said.contains("root"), "{said}");
}

#[test]
fn data_and_programs_out_of_the_users_reach_are_named() {
    if !is_root() {
        return;
    }
    let place = Place::new();
    let user = ["--user", USER];
    // Root's own.
    let closed = place.directory.path().join("closed");
    fs::create_dir(&closed).expect("made");
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o700)).expect("its own");
    let said_of = |data: &Path| said(&place.run(data, &user));
    let below = said_of(&closed.join("data"));
    assert!(below.contains("ermission denied") && below.contains("--data"), "{below}");
    let itself = said_of(&closed);
    assert!(itself.contains("ermission denied") && itself.contains("--data"), "{itself}");
    // What root has left in an earlier run.
    drop(place.server());
    let database = place.data().join("chat.db");
    std::os::unix::fs::chown(&database, Some(0), Some(0)).expect("root may");
    fs::set_permissions(&database, fs::Permissions::from_mode(0o600)).expect("its own");
    let left = said_of(&place.data());
    assert!(left.contains("chat.db") && left.contains("chown -R daemon"), "{left}");
    // In one process nothing is executed again.
    if crate::MODE == "process" {
        fs::set_permissions(&place.program, fs::Permissions::from_mode(0o700)).expect("its own");
        let program = said_of(&place.directory.path().join("other data"));
        assert!(program.contains("cannot read and execute") && program.contains(USER), "{program}");
    }
}

#[test]
fn no_process_can_get_new_privileges_whoever_runs_it() {
    let server = Server::start();
    for process in running(&server) {
        all_are(process.pid, "NoNewPrivs", "1");
    }
}

#[test]
fn whoever_runs_it_as_root_is_warned() {
    let directory = TempDirectory::new();
    let mut command = command();
    command.args(["--listen", "127.0.0.1:0", "--log", "warn", "--data"]).arg(directory.path());
    let log = directory.path().join("log");
    command.stderr(fs::File::create(&log).expect("made"));
    drop(Server::from_command(command, directory.path()));
    let log = fs::read_to_string(log).expect("text");
    let expected = usize::from(rustix::process::geteuid().is_root());
    assert_eq!(log.matches("runs as root").count(), expected, "{log}");
}
