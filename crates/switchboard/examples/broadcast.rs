//! Every message to every connection.

mod common;

use std::sync::Arc;

use switchboard::{Conn, Message, Request, Server, StartError};

/// With `--group`: all connections are in it.
const EVERYONE: &str = "everyone";

fn main() -> Result<(), StartError> {
    let flags = Arc::new(common::begin());
    let group = flags.group;
    Server::listen_on(flags.listeners())
        .config(flags.config())
        .on_start(common::print_addresses)
        .on_open(async move |conn: Conn, _: Request| if group { conn.join(EVERYONE) } else { Ok(()) })
        .on_message(async move |conn: Conn, message: Message| {
            flags.dawdle().await;
            if flags.group {
                conn.handle().publish(EVERYONE, message, &[])
            } else {
                conn.handle().broadcast(message)
            }
        })
        .start()
}
