//! Every message to every connection.

mod common;

use switchboard::{Conn, Message, Server, StartError};

fn main() -> Result<(), StartError> {
    let (config, addresses) = common::Flags::parse_config();
    Server::listen_on(addresses)
        .config(config)
        .on_start(common::print_addresses)
        .on_message(async |conn: Conn, message: Message| conn.handle().broadcast(message))
        .start()
}
