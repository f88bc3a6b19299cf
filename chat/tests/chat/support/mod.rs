//! A running server, and a client for it.

mod browser;
mod client;
mod server;

pub use browser::{Browser, Response};
pub use client::Client;
#[allow(unused_imports, reason = "with one process there is none to tell apart")]
pub use server::ProcessLine;
pub use server::{DEADLINE, Server, TempDirectory, command, command_of, run};

use std::time::{Duration, Instant};

use serde_json::Value;

/// Waits until there is an answer.
pub fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(began.elapsed() < DEADLINE, "not in time: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// A message without the time, which no test knows.
pub fn without_ts(mut frame: Value) -> Value {
    let ts = frame.as_object_mut().expect("an object").remove("ts");
    assert!(ts.and_then(|ts| ts.as_u64()) > Some(1_700_000_000_000), "milliseconds since 1970");
    frame
}

/// The `seq` of each message in an answer.
pub fn seqs(answer: &Value) -> Vec<u64> {
    let messages = answer["messages"].as_array().expect("messages");
    messages.iter().map(|message| message["seq"].as_u64().expect("a seq")).collect()
}
