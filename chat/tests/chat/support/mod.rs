//! A running server, and a client for it.

mod client;
mod server;

pub use client::Client;
pub use server::{Server, TempDirectory, command};

use serde_json::Value;

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
