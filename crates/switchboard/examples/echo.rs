//! Every message back to its sender. The text `?gen` is answered with the worker's generation and process id.

mod common;

use std::sync::Arc;

use switchboard::{Conn, Message, Server, StartError};

fn main() -> Result<(), StartError> {
    let flags = Arc::new(common::begin());
    Server::listen_on(flags.listeners())
        .config(flags.config())
        .on_start(common::print_addresses)
        .on_message(async move |conn: Conn, message: Message| {
            flags.dawdle().await;
            if message.as_text() == Some("?gen") {
                let (generation, pid) = (conn.handle().generation(), std::process::id());
                return conn.push(format!("gen={generation} pid={pid}"));
            }
            conn.push(message)
        })
        .start()
}
