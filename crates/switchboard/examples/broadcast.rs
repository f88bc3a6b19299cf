//! Every message to every connection.

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
            conn.handle().broadcast(message)
        })
        .start()
}
