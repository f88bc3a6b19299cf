//! The smallest chat: who connects is welcomed, what is said goes to everyone.
//!
//! | a client sends | everyone gets |
//! |---|---|
//! | `{"type":"connect","text":"Ann"}` | `{"type":"connect","data":"Welcome Ann to join us"}` |
//! | `{"type":"message","text":"hi"}` | `{"type":"message","data":"hi"}` |

mod common;

use std::sync::Arc;

use serde_json::{Value, json};
use switchboard::{BoxError, Conn, Message, Server, StartError};

fn main() -> Result<(), StartError> {
    let flags = Arc::new(common::begin());
    Server::listen_on(flags.listeners())
        .config(flags.config())
        .on_start(common::print_addresses)
        .on_message(async move |conn: Conn, message: Message| {
            flags.dawdle().await;
            match answer(&message) {
                Ok(frame) => Ok::<_, BoxError>(conn.handle().broadcast(frame)?),
                Err(reason) => Ok(conn.push(frame("error", &reason))?),
            }
        })
        .start()
}

/// What everyone is sent for a client's message, or what the client did wrong.
fn answer(message: &Message) -> Result<String, String> {
    let received: Value =
        serde_json::from_slice(message.as_bytes()).map_err(|error| format!("This is no JSON: {error}."))?;
    let text = received["text"].as_str().ok_or("A frame needs a \"text\" that is a string.")?;
    match received["type"].as_str() {
        Some("connect") => Ok(frame("connect", &format!("Welcome {text} to join us"))),
        Some("message") => Ok(frame("message", text)),
        _ => Err("The \"type\" of a frame is \"connect\" or \"message\".".into()),
    }
}

fn frame(kind: &str, data: &str) -> String {
    format!(r#"{{"type":"{kind}","data":{}}}"#, json!(data))
}
