//! One server, as the tests have it: its clients, the commands to its master, its journal, and its processes.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::Instant;

use rustix::process::{Pid, Signal, kill_process};

use crate::server::{FOLDER, SETTINGS};
use crate::support::{Client, PATIENCE, Raw, all_by_tls, temporary_path, wait_until};

pub(crate) struct Rig {
    master: Child,
    commands: ChildStdin,
    lines: Receiver<String>,
    /// Answers that came before they were asked for.
    answers: BTreeMap<u32, String>,
    next: u32,
    pub(crate) address: SocketAddr,
    pub(crate) folder: PathBuf,
}

/// A line of `status`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Running {
    pub(crate) role: String,
    pub(crate) pid: i32,
    pub(crate) generation: u32,
    pub(crate) state: String,
    pub(crate) outstanding: u64,
    pub(crate) queued: u64,
}

impl Rig {
    /// A server of three workers and two reactors.
    pub(crate) fn start() -> Rig {
        Rig::with("")
    }

    pub(crate) fn with(settings: &str) -> Rig {
        Rig::of(&std::env::current_exe().unwrap(), settings)
    }

    /// From an executable that can be replaced.
    pub(crate) fn of_copy(settings: &str) -> (Rig, PathBuf) {
        let copy = temporary_path("executable");
        std::fs::copy(std::env::current_exe().unwrap(), &copy).unwrap();
        (Rig::of(&copy, settings), copy)
    }

    fn of(executable: &Path, settings: &str) -> Rig {
        let tls = all_by_tls().map(|identity| format!("tls={}", identity.folder.display()));
        let settings = format!("{} {settings}", tls.unwrap_or_default());
        let folder = temporary_path("server");
        std::fs::create_dir(&folder).unwrap();
        let mut command = Command::new(executable);
        command.env(FOLDER, &folder).env(SETTINGS, &settings).stdin(Stdio::piped()).stdout(Stdio::piped());
        let log = std::fs::File::create(folder.join("log")).unwrap();
        let mut master = command.stderr(log).spawn().unwrap();
        let stdout = BufReader::new(master.stdout.take().unwrap());
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            stdout.lines().map_while(Result::ok).try_for_each(|line| sender.send(line))
        });
        let address = lines.recv_timeout(PATIENCE).expect("the server does not start");
        let (commands, address) = (master.stdin.take().unwrap(), address.parse().unwrap());
        Rig { master, commands, lines, answers: BTreeMap::new(), next: 0, address, folder }
    }

    // ---- Clients

    pub(crate) fn connect(&self) -> Client {
        Client::connect(self.address)
    }

    pub(crate) fn connect_to(&self, target: &str) -> Client {
        Client::connect_to(self.address, target)
    }

    pub(crate) fn raw(&self) -> Raw {
        Raw::connect(self.address)
    }

    /// So many that each reactor and each worker has some, with their ids.
    pub(crate) fn crowd(&self, count: usize) -> Vec<Member> {
        let mut crowd: Vec<Member> = (0..count).map(|_| Member::new(self.connect())).collect();
        let mut reactors = BTreeSet::new();
        for member in &mut crowd {
            reactors.insert(member.ask("client_info me").split(' ').nth(3).unwrap().to_owned());
        }
        while reactors.len() < 2 {
            let mut member = Member::new(self.connect());
            reactors.insert(member.ask("client_info me").split(' ').nth(3).unwrap().to_owned());
            crowd.push(member);
        }
        crowd
    }

    // ---- The master

    /// Has the master do something; its answer comes with `answer`.
    pub(crate) fn order(&mut self, command: &str) -> u32 {
        self.next += 1;
        writeln!(self.commands, "{} {command}", self.next).unwrap();
        self.next
    }

    #[track_caller]
    pub(crate) fn answer(&mut self, number: u32) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(answer) = self.answers.remove(&number) {
                return answer;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            let line = self.lines.recv_timeout(left).expect("the master does not answer");
            let (number, answer) = line.split_once(' ').unwrap();
            self.answers.insert(number.parse().unwrap(), answer.to_owned());
        }
    }

    #[track_caller]
    pub(crate) fn master(&mut self, command: &str) -> String {
        let number = self.order(command);
        self.answer(number)
    }

    #[track_caller]
    pub(crate) fn status(&mut self) -> Vec<Running> {
        let status = self.master("status");
        status.split("; ").map(Running::parse).collect()
    }

    /// Those that serve, by the number of the worker.
    #[track_caller]
    pub(crate) fn workers(&mut self) -> Vec<Running> {
        let serves = |process: &Running| process.role.contains("Worker") && process.state == "Running";
        self.status().into_iter().filter(serves).collect()
    }

    #[track_caller]
    pub(crate) fn keeper(&mut self) -> Option<Running> {
        self.status()
            .into_iter()
            .find(|process| process.role.contains("keeper") && process.state == "Running")
    }

    /// Replaces the code; the new generation.
    #[track_caller]
    pub(crate) fn reload(&mut self) -> u32 {
        let answer = self.master("reload");
        let generations: Vec<u32> = answer.split(' ').map(|text| text.parse().expect(&answer)).collect();
        assert_eq!(generations[0] + 1, generations[1]);
        generations[1]
    }

    // ---- Processes

    /// `kill -9`.
    pub(crate) fn kill(&self, pid: i32) {
        self.signal(pid, Signal::KILL);
    }

    /// The test may come too late.
    pub(crate) fn signal(&self, pid: i32, signal: Signal) {
        let _ = kill_process(Pid::from_raw(pid).unwrap(), signal);
    }

    pub(crate) fn signal_master(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.master), signal).unwrap();
    }

    /// Kills workers and waits until others serve.
    #[track_caller]
    pub(crate) fn kill_all_workers(&mut self) {
        let before = self.workers();
        for worker in &before {
            self.kill(worker.pid);
        }
        self.wait_for_workers(before.len(), &before);
    }

    /// Waits until so many serve, none of them one of `without`.
    #[track_caller]
    pub(crate) fn wait_for_workers(&mut self, count: usize, without: &[Running]) {
        wait_until("the workers have been replaced", || {
            let workers = self.workers();
            workers.len() == count && workers.iter().all(|one| without.iter().all(|old| old.pid != one.pid))
        });
    }

    /// Resident bytes of a process.
    pub(crate) fn resident(&self, pid: i32) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() << 10
    }

    pub(crate) fn master_pid(&self) -> i32 {
        self.master.id() as i32
    }

    /// The exit code of the master; None after a signal's default action.
    #[track_caller]
    pub(crate) fn exit(&mut self) -> Option<i32> {
        let mut status = None;
        wait_until("the master has ended", || {
            status = self.master.try_wait().unwrap();
            status.is_some()
        });
        status.unwrap().code()
    }

    // ---- The journal

    pub(crate) fn journal(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.folder.join("journal")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// The lines that begin like this.
    pub(crate) fn noted(&self, start: &str) -> Vec<String> {
        self.journal().into_iter().filter(|line| line.starts_with(start)).collect()
    }

    #[track_caller]
    pub(crate) fn wait_noted(&self, start: &str, count: usize) -> Vec<String> {
        let begun = Instant::now();
        loop {
            let noted = self.noted(start);
            if noted.len() >= count {
                return noted;
            }
            assert!(begun.elapsed() < PATIENCE, "{} of {count} {start:?}: {noted:?}", noted.len());
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    /// Each open has had exactly one close that was handled for good.
    #[track_caller]
    pub(crate) fn check_pairs(&self) {
        let (mut opens, mut closes) = (BTreeMap::<String, u32>::new(), BTreeMap::<String, u32>::new());
        for line in self.journal() {
            let mut words = line.split(' ');
            match (words.next(), words.next()) {
                (Some("open"), Some(id)) => *opens.entry(id.to_owned()).or_default() += 1,
                (Some("close"), Some(id)) => *closes.entry(id.to_owned()).or_default() += 1,
                _ => {}
            }
        }
        assert_eq!(opens.keys().collect::<Vec<_>>(), closes.keys().collect::<Vec<_>>());
        assert!(opens.values().chain(closes.values()).all(|count| *count == 1), "{opens:?} {closes:?}");
    }

    /// Who still lives of all that have written into the journal, and of their parents.
    fn living(&self) -> Vec<i32> {
        let mark = format!("{FOLDER}={}", self.folder.display());
        let pids = std::fs::read_dir("/proc").unwrap().flatten();
        let pids = pids.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
        let is_ours = |pid: &i32| {
            let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            environment.split(|byte| *byte == 0).any(|variable| variable == mark.as_bytes())
        };
        pids.filter(is_ours).collect()
    }

    /// Nothing is left of it.
    #[track_caller]
    pub(crate) fn wait_for_nobody(&self) {
        wait_until("no process is left", || self.living().is_empty());
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = self.log();
            let from = log.char_indices().rev().nth(3_000).map_or(0, |(at, _)| at);
            eprintln!("--- log of the server\n{}", &log[from..]);
        }
        let _ = self.master.kill();
        let _ = self.master.wait();
        // They notice the master's death themselves; whoever does not has been shown to be wrong.
        let deadline = Instant::now() + PATIENCE;
        while !self.living().is_empty() && Instant::now() < deadline {
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
        let left = self.living();
        for pid in &left {
            self.kill(*pid);
        }
        let _ = std::fs::remove_dir_all(&self.folder);
        assert!(left.is_empty() || std::thread::panicking(), "processes outlived their master: {left:?}");
    }
}

impl Running {
    #[track_caller]
    fn parse(line: &str) -> Running {
        let words: Vec<&str> = line.split(' ').collect();
        let [role, pid, generation, state, outstanding, queued] = words[..] else { panic!("{line:?}") };
        Running {
            role: role.to_owned(),
            pid: pid.parse().unwrap(),
            generation: generation.parse().unwrap(),
            state: state.to_owned(),
            outstanding: outstanding.parse().unwrap(),
            queued: queued.parse().unwrap(),
        }
    }
}

/// A client that knows its id.
pub(crate) struct Member {
    pub(crate) client: Client,
    pub(crate) id: String,
    asked: u32,
}

impl Member {
    #[track_caller]
    pub(crate) fn new(mut client: Client) -> Member {
        client.text("id");
        let id = client.next_text().strip_prefix("= ").unwrap().to_owned();
        Member { client, id, asked: 0 }
    }

    /// The worker's answer to a command; nothing else may come before it.
    #[track_caller]
    pub(crate) fn ask(&mut self, command: &str) -> String {
        self.asked += 1;
        self.client.text(&format!("#{} {command}", self.asked));
        let text = self.next_text(self.asked);
        let start = format!("={} ", self.asked);
        text.strip_prefix(&start).unwrap_or_else(|| panic!("{start:?} was expected, not {text:?}")).to_owned()
    }

    /// The answer to what was sent without a number.
    #[track_caller]
    pub(crate) fn result(&mut self) -> String {
        let text = self.next_text(u32::MAX);
        text.strip_prefix("= ").unwrap_or_else(|| panic!("an answer was expected, not {text:?}")).to_owned()
    }

    #[track_caller]
    pub(crate) fn expect(&mut self, text: &str) {
        assert_eq!(self.next_text(u32::MAX), text);
    }

    /// The next text that is no answer to a question before this one. Such a one comes a second time if its worker was killed
    /// after it had sent it, and before it had said that it was done.
    #[track_caller]
    pub(crate) fn next_text(&mut self, asked: u32) -> String {
        loop {
            let text = self.client.next_text();
            let tag = text.strip_prefix('=').and_then(|text| text.split(' ').next()?.parse::<u32>().ok());
            if tag.is_none_or(|tag| tag >= asked) {
                return text;
            }
        }
    }

    /// As `ask`, but the user process, or the worker of this number, does it.
    #[track_caller]
    pub(crate) fn ask_at(&mut self, recipient: &str, command: &str) -> String {
        let order = format!("send_message {recipient} do {} {command}", self.id);
        self.client.text(&order);
        // The result may be quicker than the answer of the worker.
        let (one, other) = (self.result(), self.result());
        if one == "()" { other } else { one }
    }
}

/// The ids, as the commands have them.
pub(crate) fn ids(members: &[Member]) -> String {
    members.iter().map(|member| member.id.as_str()).collect::<Vec<_>>().join(",")
}
