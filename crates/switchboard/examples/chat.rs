//! The smallest chat: who connects is welcomed, what is said goes to everyone.
//!
//! | a client sends | everyone gets |
//! |---|---|
//! | `{"type":"connect","text":"Ann"}` | `{"type":"connect","data":"Welcome Ann to join us"}` |
//! | `{"type":"message","text":"hi"}` | `{"type":"message","data":"hi"}` |

mod common;

use serde_json::{Value, json};
use switchboard::{BoxError, Conn, Message, Server, StartError};

fn main() -> Result<(), StartError> {
    let (config, addresses) = common::Flags::parse_config();
    Server::listen_on(addresses)
        .config(config)
        .on_start(common::print_addresses)
        .on_message(async |conn: Conn, message: Message| match answer(&message) {
            Ok(frame) => Ok::<_, BoxError>(conn.handle().broadcast(frame.to_string())?),
            Err(reason) => Ok(conn.push(json!({"type": "error", "data": reason}).to_string())?),
        })
        .start()
}

/// What everyone is sent for a client's message, or what the client did wrong.
fn answer(message: &Message) -> Result<Value, String> {
    let frame: Value =
        serde_json::from_slice(message.as_bytes()).map_err(|error| format!("This is no JSON: {error}."))?;
    let text = frame["text"].as_str().ok_or("A frame needs a \"text\" that is a string.")?;
    match frame["type"].as_str() {
        Some("connect") => Ok(json!({"type": "connect", "data": format!("Welcome {text} to join us")})),
        Some("message") => Ok(json!({"type": "message", "data": text})),
        _ => Err("The \"type\" of a frame is \"connect\" or \"message\".".into()),
    }
}
