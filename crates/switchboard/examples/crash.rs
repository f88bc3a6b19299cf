//! An echo for whoever wants to see what becomes of a server whose code goes wrong.
//!
//! What it sends back is marked ` attempt=2` if another worker died of it, or beside it, before. Some texts do more than come
//! back: `?gen` is answered by the worker's generation and process, `abort` and `exit` end the worker, `panic` panics, `thread-abort` aborts from another thread while the handler waits,
//! `nap 500` answers `napping`, waits for 500 ms and answers `awake`, `block 500` does the same and holds up its thread.
//!
//! The environment says more, so that a build on disk can be made a bad one by a script that sets it:
//! `CRASH_AT_START=panic|error|exit|hang|late` is what `worker_start` does (`late`: it succeeds, and the worker ends soon
//! after), `CRASH_LINGER_MS` how long a handler waits after it has answered, `CRASH_WORKER_START_TIMEOUT_MS` and
//! `CRASH_DRAIN_TIMEOUT_MS` are settings.

mod common;

use std::time::Duration;

use switchboard::{BoxError, Config, Conn, Handler, Message, Server, StartError, Worker};

fn main() -> Result<(), StartError> {
    let flags = common::begin();
    let config = flags.config();
    let config = Config {
        worker_start_timeout: millis("CRASH_WORKER_START_TIMEOUT_MS").unwrap_or(config.worker_start_timeout),
        drain_timeout: millis("CRASH_DRAIN_TIMEOUT_MS").unwrap_or(config.drain_timeout),
        ..config
    };
    let server = Server::with_handler(config, worker_start).on_start(common::print_addresses);
    flags.listeners().fold(server, Server::listen).start()
}

fn millis(variable: &str) -> Option<Duration> {
    std::env::var(variable).ok()?.parse().ok().map(Duration::from_millis)
}

async fn worker_start(worker: Worker) -> Result<Crash, BoxError> {
    match std::env::var("CRASH_AT_START").as_deref() {
        Ok("panic") => panic!("worker {} panics at its start, as it was told", worker.id()),
        Ok("error") => return Err("worker_start fails, as it was told".into()),
        Ok("exit") => std::process::exit(4),
        Ok("hang") => std::future::pending().await,
        Ok("late") => {
            std::thread::spawn(|| {
                std::thread::sleep(Duration::from_millis(20));
                std::process::exit(5);
            });
        }
        _ => {}
    }
    Ok(Crash { generation: worker.handle().generation(), linger: millis("CRASH_LINGER_MS") })
}

struct Crash {
    generation: u32,
    /// How long a handler waits after it has answered.
    linger: Option<Duration>,
}

impl Handler for Crash {
    async fn on_message(&self, conn: Conn, message: Message) {
        let (command, argument) = message.as_text().and_then(|text| text.split_once(' ')).unwrap_or_default();
        let duration = argument.parse().map(Duration::from_millis);
        match (message.as_text(), command, duration) {
            (Some(end @ ("abort" | "exit" | "panic" | "thread-abort")), ..) => {
                // So that a test can count how often it was tried.
                eprintln!("{end}, attempt {}", conn.attempt());
                end_by(end).await;
            }
            (Some("?gen"), ..) => {
                reply(&conn, format!("gen={} pid={}", self.generation, std::process::id()).into());
            }
            (_, "nap", Ok(duration)) => {
                reply(&conn, "napping".into());
                tokio::time::sleep(duration).await;
                reply(&conn, "awake".into());
            }
            (_, "block", Ok(duration)) => {
                reply(&conn, "napping".into());
                // What a handler has sent leaves when its thread has time for it.
                tokio::task::yield_now().await;
                std::thread::sleep(duration);
                reply(&conn, "awake".into());
            }
            _ => reply(&conn, message),
        }
        if let Some(linger) = self.linger {
            tokio::time::sleep(linger).await;
        }
    }
}

async fn end_by(end: &str) {
    match end {
        "abort" => std::process::abort(),
        "exit" => std::process::exit(3),
        "panic" => panic!("a handler panics, as it was told"),
        _ => {
            std::thread::spawn(|| std::process::abort());
            std::future::pending().await
        }
    }
}

/// Sends `message`, with a mark if it may have been sent before.
fn reply(conn: &Conn, message: Message) {
    let attempt = conn.attempt();
    let marked = match message.as_text() {
        Some(text) if attempt > 1 => format!("{text} attempt={attempt}").into(),
        _ => message,
    };
    // A client that has gone misses nothing.
    let _ = conn.push(marked);
}
