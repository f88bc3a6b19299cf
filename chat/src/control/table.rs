//! The status of a server, for people.

use std::fmt::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use switchboard::{ListenAddr, ProcessInfo, ProcessRole, ProcessState, Recipient, Stats, Status};

/// What `switchboard-chat status` prints.
#[derive(Debug)]
pub(super) struct Table {
    addresses: Vec<String>,
    data: PathBuf,
    rows: Vec<Row>,
    connections: Connections,
}

/// One process.
#[derive(Debug)]
struct Row {
    name: String,
    pid: u32,
    /// 0: it is not reloaded.
    generation: u32,
    state: &'static str,
    age: Duration,
    /// None: it has no queue.
    in_hand: Option<u64>,
    waiting: Option<u64>,
}

#[derive(Debug)]
struct Connections {
    open: usize,
    http: usize,
    opened: u64,
    closed: u64,
    refused: u64,
    received_messages: u64,
    dropped_messages: u64,
}

impl Table {
    pub(super) fn new(status: &Status, addresses: &[ListenAddr], data: &Path) -> Self {
        let now = SystemTime::now();
        let Stats {
            connections,
            http_connections,
            opened,
            closed,
            refused,
            received_messages,
            dropped_messages,
            ..
        } = status.stats;
        Self {
            addresses: addresses.iter().map(ToString::to_string).collect(),
            data: data.to_owned(),
            rows: status.processes.iter().map(|process| Row::new(process, now)).collect(),
            connections: Connections {
                open: connections,
                http: http_connections,
                opened,
                closed,
                refused,
                received_messages,
                dropped_messages,
            },
        }
    }
}

impl Row {
    fn new(process: &ProcessInfo, now: SystemTime) -> Self {
        let (name, has_queue) = match &process.role {
            ProcessRole::Master => ("master".to_owned(), false),
            ProcessRole::Manager => ("manager".to_owned(), false),
            ProcessRole::Member(Recipient::Worker(number)) => (format!("worker {number}"), true),
            ProcessRole::Member(Recipient::Process(name)) => (name.clone(), true),
            _ => ("?".to_owned(), false),
        };
        Self {
            name,
            pid: process.pid,
            generation: process.generation,
            state: match process.state {
                ProcessState::Starting => "starting",
                ProcessState::Running => "running",
                ProcessState::Draining => "draining",
                _ => "?",
            },
            age: now.duration_since(process.since).unwrap_or_default(),
            in_hand: has_queue.then_some(process.outstanding),
            waiting: has_queue.then_some(process.queued),
        }
    }

    fn cells(&self) -> [String; COLUMNS.len()] {
        let number = |number: Option<u64>| number.map_or_else(|| "-".to_owned(), |number| number.to_string());
        [
            self.name.clone(),
            self.pid.to_string(),
            number(Some(u64::from(self.generation)).filter(|generation| *generation > 0)),
            self.state.to_owned(),
            age(self.age),
            number(self.in_hand),
            number(self.waiting),
        ]
    }
}

/// Title, and whether it is of numbers.
const COLUMNS: [(&str, bool); 7] = [
    ("PROCESS", false),
    ("PID", true),
    ("GENERATION", true),
    ("STATE", false),
    ("FOR", true),
    ("IN HAND", true),
    ("WAITING", true),
];

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let version = env!("CARGO_PKG_VERSION");
        writeln!(f, "switchboard-chat {version} at {}", self.addresses.join(", "))?;
        writeln!(f, "data in {}\n", self.data.display())?;

        let titles = COLUMNS.map(|(title, _)| title.to_owned());
        let lines: Vec<_> = std::iter::once(titles).chain(self.rows.iter().map(Row::cells)).collect();
        let widths: [usize; COLUMNS.len()] =
            std::array::from_fn(|at| lines.iter().map(|cells| cells[at].chars().count()).max().unwrap_or(0));
        for cells in &lines {
            let mut line = String::new();
            for ((cell, width), (_, is_number)) in cells.iter().zip(widths).zip(COLUMNS) {
                if is_number {
                    write!(line, "{cell:>width$}  ")?;
                } else {
                    write!(line, "{cell:<width$}  ")?;
                }
            }
            writeln!(f, "{}", line.trim_end())?;
        }

        let Connections { open, http, opened, closed, refused, received_messages, dropped_messages } =
            self.connections;
        writeln!(
            f,
            "\nconnections: {open} open and {http} for HTTP; {opened} opened, {closed} closed, {refused} refused"
        )?;
        writeln!(
            f,
            "messages: {received_messages} received; {dropped_messages} dropped because a client read too slowly"
        )
    }
}

/// In the two largest units.
fn age(age: Duration) -> String {
    match age.as_secs() {
        seconds @ 0..60 => format!("{seconds} s"),
        seconds @ 60..3_600 => format!("{} min {} s", seconds / 60, seconds % 60),
        seconds @ 3_600..86_400 => format!("{} h {} min", seconds / 3_600, seconds % 3_600 / 60),
        seconds => format!("{} d {} h", seconds / 86_400, seconds % 86_400 / 3_600),
    }
}

/// How long something took.
pub(super) fn seconds_and_milliseconds(took: Duration) -> String {
    match took.as_millis() {
        milliseconds @ 0..10_000 => format!("{milliseconds} ms"),
        milliseconds => format!("{}.{} s", milliseconds / 1_000, milliseconds % 1_000 / 100),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_a_table() {
        let row = |name: &str, pid, generation, queues: Option<(u64, u64)>| Row {
            name: name.to_owned(),
            pid,
            generation,
            state: "running",
            age: Duration::from_secs(3_725),
            in_hand: queues.map(|(in_hand, _)| in_hand),
            waiting: queues.map(|(_, waiting)| waiting),
        };
        let table = Table {
            addresses: vec!["127.0.0.1:9502".to_owned(), "unix:/run/chat".to_owned()],
            data: "/data".into(),
            rows: vec![
                row("master", 4711, 0, None),
                row("worker 0", 98765, 12, Some((3, 0))),
                row("hub", 7, 12, Some((1, 2048))),
            ],
            connections: Connections {
                open: 3,
                http: 1,
                opened: 10,
                closed: 7,
                refused: 2,
                received_messages: 99,
                dropped_messages: 0,
            },
        };
        let expected = format!(
            "switchboard-chat {} at 127.0.0.1:9502, unix:/run/chat
data in /data

PROCESS     PID  GENERATION  STATE          FOR  IN HAND  WAITING
master     4711           -  running  1 h 2 min        -        -
worker 0  98765          12  running  1 h 2 min        3        0
hub           7          12  running  1 h 2 min        1     2048

connections: 3 open and 1 for HTTP; 10 opened, 7 closed, 2 refused
messages: 99 received; 0 dropped because a client read too slowly
",
            env!("CARGO_PKG_VERSION")
        );
        assert_eq!(table.to_string(), expected);
    }

    #[test]
    fn times_are_in_units_that_people_read() {
        for (seconds, expected) in
            [(0, "0 s"), (59, "59 s"), (60, "1 min 0 s"), (3_600, "1 h 0 min"), (90_000, "1 d 1 h")]
        {
            assert_eq!(age(Duration::from_secs(seconds)), expected);
        }
        assert_eq!(seconds_and_milliseconds(Duration::from_millis(41)), "41 ms");
        assert_eq!(seconds_and_milliseconds(Duration::from_millis(12_345)), "12.3 s");
    }
}
