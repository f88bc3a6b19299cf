//! Processes come and go, and nobody who is connected notices.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use serde_json::{Value, json};

use crate::search::{found, in_lobby, say};
use crate::support::{Browser, Client, ProcessLine, Server, TempDirectory, until};

/// Messages that a member of a crowd sends before it waits for its own to come back.
const AT_A_TIME: usize = 4;

/// What somebody in a crowd saw.
#[derive(Debug, Default)]
struct Seen {
    /// The lobby's messages, by their number.
    texts: BTreeMap<u64, String>,
    /// Messages that were sent to it again.
    repeats: usize,
    /// Everything that came and is neither a message nor an answer.
    notices: Vec<Value>,
}

impl Seen {
    fn see(&mut self, frame: Value) {
        if frame["type"] != "message" {
            assert_ne!(frame["type"], "error", "{frame}");
            self.notices.push(frame);
            return;
        }
        let seq = frame["seq"].as_u64().expect("a seq");
        let text = frame["data"].as_str().expect("a text").to_owned();
        let last = self.texts.last_key_value().map_or(seq - 1, |(last, _)| *last);
        if seq <= last {
            assert_eq!(self.texts.get(&seq), Some(&text), "another message with the same number");
            self.repeats += 1;
        } else {
            assert_eq!(seq, last + 1, "a hole");
            self.texts.insert(seq, text);
        }
    }
}

/// People who talk without end.
struct Crowd {
    stop: Arc<AtomicBool>,
    people: Vec<JoinHandle<(Client, Seen, usize)>>,
}

impl Crowd {
    /// v1 clients whose messages have ids, v1 clients whose messages have none, and plain clients, so many of each.
    fn gather(server: &Server, of_each: usize) -> Self {
        let mut clients = Vec::new();
        for n in 0..of_each {
            clients.push((Client::person(server, &format!("ids {n}"), &["lobby"]), true));
            clients.push((Client::person(server, &format!("no ids {n}"), &["lobby"]), false));
            clients.push((Client::plain(server), false));
        }
        for (client, _) in &mut clients {
            client.catch_up();
        }
        let stop = Arc::new(AtomicBool::new(false));
        let talk = |(n, (client, with_id)): (usize, (Client, bool))| {
            let stop = stop.clone();
            thread::spawn(move || talk(client, n, with_id, &stop))
        };
        let people = clients.into_iter().enumerate().map(talk).collect();
        Self { stop, people }
    }

    /// Everybody falls silent. All have seen the same: the texts, in order, and how often somebody was sent one again.
    fn disperse(self) -> (Vec<String>, usize, Vec<Client>) {
        self.stop.store(true, Ordering::Relaxed);
        let (mut clients, mut seen, mut sent) = (Vec::new(), Vec::new(), 0);
        for person in self.people {
            let (client, what, count) = person.join().expect("no panic");
            clients.push(client);
            seen.push(what);
            sent += count;
        }
        let last = |seen: &Seen| seen.texts.last_key_value().map_or(0, |(last, _)| *last);
        let end = seen.iter().map(last).max().expect("somebody");
        for (client, seen) in clients.iter_mut().zip(&mut seen) {
            while last(seen) < end {
                seen.see(client.next());
            }
            client.catch_up().into_iter().for_each(|frame| seen.see(frame));
        }
        assert_eq!(end as usize, sent, "each message has one number");
        for other in &seen[1..] {
            let first = other.texts.first_key_value().map_or(0, |(first, _)| *first);
            let both = |seen: &Seen| {
                seen.texts.range(first..).map(|(seq, text)| (*seq, text.clone())).collect::<Vec<_>>()
            };
            assert_eq!(both(other), both(&seen[0]));
        }
        let notices: Vec<_> = seen.iter().flat_map(|seen| &seen.notices).collect();
        assert!(notices.is_empty(), "{notices:?}");
        let mut texts: Vec<String> = seen[0].texts.values().cloned().collect();
        let repeats = seen.iter().map(|seen| seen.repeats).sum();
        let all = texts.clone();
        texts.sort();
        texts.dedup();
        assert_eq!(texts.len(), sent, "none is there twice");
        (all, repeats, clients)
    }
}

fn talk(mut client: Client, n: usize, with_id: bool, stop: &AtomicBool) -> (Client, Seen, usize) {
    let mut seen = Seen::default();
    let mut sent = 0;
    while !stop.load(Ordering::Relaxed) {
        let texts: Vec<_> = (sent..sent + AT_A_TIME).map(|sent| format!("{n}/{sent}")).collect();
        for text in &texts {
            let mut frame = json!({"type": "message", "text": text});
            if with_id {
                frame["id"] = json!(text);
            }
            client.send(frame);
        }
        sent += AT_A_TIME;
        let mut own = texts.iter();
        let mut awaited = own.next();
        while let Some(text) = awaited {
            let frame = client.next();
            let is_own = frame["data"] == **text;
            if is_own && with_id {
                assert_eq!(frame["id"], **text, "its own copy");
            }
            seen.see(frame);
            if is_own {
                awaited = own.next();
            }
        }
        thread::sleep(Duration::from_millis(1));
    }
    (client, seen, sent)
}

fn find<'a>(processes: &'a [ProcessLine], name: &str) -> Option<&'a ProcessLine> {
    processes.iter().find(|process| process.name == name && process.state == "running")
}

/// Waits until another process runs in the place of this one.
fn await_another(server: &Server, old: &ProcessLine) {
    until("another one runs", || {
        let processes = server.processes();
        find(&processes, &old.name).filter(|new| new.pid != old.pid).map(drop)
    });
}

pub fn kill(server: &Server, name: &str) {
    let processes = server.processes();
    let process = find(&processes, name).unwrap_or_else(|| panic!("no {name} in {processes:?}"));
    Server::kill_process(process.pid);
    await_another(server, process);
}

pub fn reload(server: &Server) {
    let (output, out, err) = server.order("reload");
    assert!(output.status.success(), "{err}");
    assert!(out.starts_with("reloaded: generation "), "{out}");
}

fn assert_stored(server: &Server, texts: &[String]) {
    let database = rusqlite::Connection::open(server.data().join("chat.db")).expect("opened");
    let mut statement =
        database.prepare("SELECT text FROM messages WHERE room_id = 1 ORDER BY seq").expect("legal");
    let rows = statement.query_map([], |row| row.get::<_, String>(0)).expect("read");
    let stored: Vec<String> = rows.collect::<Result<_, _>>().expect("read");
    assert!(stored.ends_with(texts), "{} stored, {} seen", stored.len(), texts.len());
    // All of them, and each once, can be searched for: by the term that those of the room have.
    let indexed: Vec<i64> = database
        .prepare("SELECT rowid FROM search WHERE search MATCH ?1")
        .and_then(|mut find| find.query_map(["\"\u{E000}1\""], |row| row.get(0))?.collect())
        .expect("read");
    assert_eq!(indexed.len(), stored.len(), "in the index");
}

fn assert_all_present(clients: &mut [Client], of_each: usize) {
    let who = clients[0].ask(json!({"type": "who", "room": "lobby"}), "who");
    let mut expected: Vec<_> =
        (0..of_each).flat_map(|n| [format!("ids {n}"), format!("no ids {n}")]).collect();
    expected.sort();
    assert_eq!(who["members"], json!(expected));
}

fn disturbed(of_each: usize, disturb: impl FnOnce(&Server)) -> usize {
    let directory = TempDirectory::new();
    let server = Server::on(directory.path(), ["--workers", "2", "--reactors", "2"]);
    let crowd = Crowd::gather(&server, of_each);
    disturb(&server);
    let (texts, repeats, mut clients) = crowd.disperse();
    assert_stored(&server, &texts);
    assert_all_present(&mut clients, of_each);
    repeats
}

#[test]
fn nobody_notices_a_reload() {
    let repeats = disturbed(2, |server| {
        for _ in 0..10 {
            reload(server);
        }
    });
    assert_eq!(repeats, 0);
}

#[test]
fn nobody_notices_that_a_worker_or_the_manager_is_killed() {
    let repeats = disturbed(2, |server| {
        for _ in 0..5 {
            for name in ["worker 0", "manager", "worker 1"] {
                kill(server, name);
            }
        }
    });
    assert_eq!(repeats, 0);
}

#[test]
fn when_the_hub_is_killed_nothing_is_lost_or_stored_twice() {
    disturbed(2, |server| {
        for _ in 0..10 {
            kill(server, "hub");
        }
    });
}

#[test]
fn everything_at_once_is_survived() {
    disturbed(2, |server| {
        for round in 0..8 {
            let processes = server.processes();
            let victims = ["hub", "worker 0", "worker 1", "manager"];
            for (n, name) in victims.iter().enumerate() {
                if round % (n + 2) == 0
                    && let Some(process) = find(&processes, name)
                {
                    Server::kill_process(process.pid);
                }
            }
            until("it can be reloaded", || server.order("reload").0.status.success().then_some(()));
        }
    });
}

#[test]
fn presence_is_right_after_the_hub_was_replaced() {
    let server = Server::start();
    let mut ann = Client::person(&server, "Ann", &["lobby"]);
    let bob = Client::person(&server, "Bob", &["lobby"]);
    let mut other_bob = Client::person(&server, "Bob", &[]);
    ann.catch_up();
    ann.ask(json!({"type": "create", "room": "tea"}), "created");
    ann.catch_up();
    other_bob.send(json!({"type": "join", "room": "tea"}));
    other_bob.await_type("joined");
    ann.ask(json!({"type": "join", "room": "tea"}), "joined");
    ann.catch_up();
    for replace in [|server: &Server| kill(server, "hub"), reload] {
        replace(&server);
        ann.expect_nothing();
        let who = |client: &mut Client, room: &str| {
            client.ask(json!({"type": "who", "room": room}), "who")["members"].clone()
        };
        assert_eq!(who(&mut ann, "lobby"), json!(["Ann", "Bob"]));
        assert_eq!(who(&mut ann, "tea"), json!(["Ann", "Bob"]));
    }
    drop(bob);
    assert_eq!(ann.next(), json!({"type": "leave", "room": "lobby", "from": "Bob", "members": 1}));
    let hub = find(&server.processes(), "hub").expect("it runs").clone();
    // Somebody goes while there is no hub.
    Server::kill_process(hub.pid);
    drop(other_bob);
    assert_eq!(ann.next(), json!({"type": "leave", "room": "tea", "from": "Bob", "members": 1}));
}

#[test]
fn what_was_sent_with_an_id_is_recognised_by_every_hub() {
    let server = Server::start();
    let mut plain = Client::plain(&server);
    let message = json!({"type": "message", "text": "once", "id": "1"});
    assert_eq!(plain.ask(message.clone(), "message")["seq"], 1);
    kill(&server, "hub");
    reload(&server);
    assert_eq!(plain.ask(message, "message")["seq"], 1, "its connection has a key of the server's");
    assert_eq!(plain.ask(json!({"type": "message", "text": "twice"}), "message")["seq"], 2);
}

#[test]
fn reload_tells_how_it_went() {
    let server = Server::start();
    let mut ann = Client::person(&server, "Ann", &["lobby"]);
    let (output, out, err) = server.order("reload");
    assert!(output.status.success(), "{err}");
    assert!(out.starts_with("reloaded: generation 1 → 2 in ") && out.ends_with("ms\n"), "{out}");
    until("the old ones have ended", || {
        let processes = server.processes();
        let new = |process: &ProcessLine| process.generation == "2" || process.generation == "-";
        processes.iter().all(new).then_some(())
    });
    ann.ask(json!({"type": "message", "text": "still here"}), "message");
}

/// By another process: what this one has open for writing a server that another test starts has, too, for a moment, and
/// such a file cannot be executed.
fn copy(program: &str, to: &Path) {
    assert!(Command::new("cp").arg(program).arg(to).status().expect("it runs").success());
}

#[test]
fn a_program_that_cannot_take_over_does_not() {
    let directory = TempDirectory::new();
    let program = directory.path().join("program");
    copy(env!("CARGO_BIN_EXE_switchboard-chat"), &program);
    let data = directory.path().join("data");
    let server = Server::of_program(&program, &data, &[]);
    let mut ann = Client::person(&server, "Ann", &["lobby"]);
    let mut refused = |word: &str| {
        let (output, out, err) = server.order("reload");
        assert_eq!((output.status.code(), out.as_str()), (Some(1), ""), "{err}");
        assert!(err.contains("not reloaded: ") && err.contains(word), "{err}");
        ann.ask(json!({"type": "message", "text": "still here"}), "message");
    };
    std::fs::remove_file(&program).expect("removed");
    refused("program");
    copy("/bin/false", &program);
    refused("exit");
    std::fs::remove_file(&program).expect("removed");
    copy(env!("CARGO_BIN_EXE_switchboard-chat"), &program);
    // Another program was there meanwhile, and has changed the database for good.
    let database = rusqlite::Connection::open(data.join("chat.db")).expect("opened");
    let version: i64 = database.query_row("PRAGMA user_version", [], |row| row.get(0)).expect("a number");
    database.pragma_update(None, "user_version", 99).expect("changed");
    refused("version 99");
    database.pragma_update(None, "user_version", version).expect("changed");
    reload(&server);
    ann.ask(json!({"type": "message", "text": "and goes on"}), "message");
}

#[test]
fn a_program_that_is_built_anew_takes_over_by_itself() {
    let directory = TempDirectory::new();
    let program = directory.path().join("program");
    let build = || {
        let new = directory.path().join("new");
        copy(env!("CARGO_BIN_EXE_switchboard-chat"), &new);
        std::fs::rename(new, &program).expect("renamed");
    };
    build();
    let server = Server::of_program(&program, &directory.path().join("data"), &["--watch"]);
    let mut ann = Client::person(&server, "Ann", &["lobby"]);
    for generation in ["2", "3"] {
        build();
        until("it was reloaded", || {
            find(&server.processes(), "hub").filter(|hub| hub.generation == generation).map(drop)
        });
        ann.ask(json!({"type": "message", "text": "still here"}), "message");
    }
}

#[test]
fn a_killed_server_leaves_no_process_behind() {
    let directory = TempDirectory::new();
    let server = Server::on(directory.path(), [""; 0]);
    let processes = server.processes();
    server.kill();
    until("all have ended", || {
        let lives = |process: &ProcessLine| {
            let command = std::fs::read_to_string(format!("/proc/{}/cmdline", process.pid));
            command.is_ok_and(|command| command.starts_with("switchboard: "))
        };
        (!processes.iter().any(lives)).then_some(())
    });
}

#[test]
fn who_somebody_is_outlives_every_process() {
    let server = Server::start();
    let mut ann = Browser::account(&server, "Ann", "correct horse");
    let (mut page, welcome) = Client::signed_in(&server, ann.cookie(), "");
    page.ask(json!({"type": "join", "room": "lobby"}), "joined");
    for name in ["hub", "worker 0", "hub"] {
        let is_it = |process: &&ProcessLine| process.name == name && process.state == "running";
        let pid_of_it = || server.processes().iter().find(is_it).map(|process| process.pid);
        let killed = pid_of_it().expect("it runs");
        Server::kill_process(killed);
        // What the hub is asked while there is none is answered by the next one. A worker takes its HTTP connections along.
        if name != "hub" {
            until("another one", || pid_of_it().filter(|pid| *pid != killed));
        }
        let guest = Browser::guest(&server, &format!("guest beside {name}"));
        Client::signed_in(&server, guest.cookie(), "");
        assert_eq!(Browser::default().sign_in(&server, "Ann", "correct horse").status, 200, "{name}");
    }
    let (output, _, err) = server.order("reload");
    assert!(output.status.success(), "{err}");
    let person = ann.ask(&server, "GET", "/session", Value::Null).body["person"].clone();
    assert_eq!(person, welcome["person"]);
    // The connection is still hers: it takes another name for all of her, and a sign-out reaches it.
    page.send(json!({"type": "connect", "text": "Anna"}));
    assert_eq!(page.await_type("welcome")["person"]["name"], "Anna");
    assert_eq!(ann.ask(&server, "DELETE", "/session", Value::Null).status, 200);
    assert_eq!(page.await_close(), 3501);
}

#[test]
fn who_is_back_in_time_has_not_left_whatever_becomes_of_the_hub() {
    let directory = TempDirectory::new();
    let server = Server::on(directory.path(), ["--leave-grace", "3"]);
    let mut ann = Client::person(&server, "Ann", &["lobby"]);
    for name in ["Bob", "Cy"] {
        drop(Client::person(&server, name, &["lobby"]));
    }
    // Both are gone for the hub, and stay for the others.
    until("they are gone", || {
        ann.send(json!({"type": "who", "room": "lobby"}));
        (ann.await_type("who")["member_count"] == 3).then_some(())
    });
    let hub = server.processes().into_iter().find(|process| process.name == "hub").expect("it runs");
    Server::kill_process(hub.pid);
    let _bob = Client::person(&server, "Bob", &["lobby"]);
    let left = ann.await_type("leave");
    assert_eq!((&left["from"], &left["members"]), (&json!("Cy"), &json!(2)));
    ann.send(json!({"type": "who", "room": "lobby"}));
    assert_eq!(ann.await_type("who")["members"], json!(["Ann", "Bob"]));
    ann.catch_up();
}

/// A database of before there was an index: the server is there at once, and finds more and more of it, whatever is killed meanwhile.
#[test]
fn what_is_not_indexed_yet_comes_by_and_by() {
    let directory = TempDirectory::new();
    drop(Server::on(directory.path(), [""; 0]));
    let database = rusqlite::Connection::open(directory.path().join("chat.db")).expect("opened");
    let put = "WITH RECURSIVE n (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 10000)
         INSERT INTO messages (room_id, seq, sent_ms, sender, text)
             SELECT 1, i, i, 'Ann', 'the old number ' || i || ' of very many messages' FROM n;
         UPDATE not_indexed SET below = 10001;";
    database.execute_batch(put).expect("as if they had been there before");
    let left = || -> i64 {
        database.query_row("SELECT below FROM not_indexed", [], |row| row.get(0)).expect("a number")
    };
    let server = Server::on(directory.path(), [""; 0]);
    let mut ann = Client::person(&server, "Ann", &["lobby"]);
    say(&mut ann, &["the new number"]);
    kill(&server, "hub");
    say(&mut ann, &["another new number"]);
    assert_eq!(
        found(&mut ann, json!({"type": "search", "text": "\"new number\""})),
        in_lobby(&[10_002, 10_001])
    );
    until("all are there", || (left() == 0).then_some(()));
    for seq in [1, 5_000, 10_000] {
        let text = format!("\"old number {seq}\"");
        assert_eq!(found(&mut ann, json!({"type": "search", "text": text})), in_lobby(&[seq]));
    }
}
