//! `tick`: the floor of a broadcast that joins what there is to send. What all senders have sent by one turn of the loop
//! leaves for each connection in one send.

use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use switchboard_bench::floor::{self, Answer};

/// The floor that broadcasts of many senders are compared to: a bare epoll loop without any check.
#[derive(Parser)]
struct Cli {
    /// What happens to a message.
    load: Load,
    /// Loopback ADDRESS:PORT; port 0 picks a free one.
    #[arg(long)]
    listen: std::net::SocketAddr,
}

#[derive(Clone, Copy, ValueEnum)]
enum Load {
    /// To every connection: one send for each connection and turn of the loop. (An echo would be that of `floor`.)
    Broadcast,
}

fn main() -> ExitCode {
    let Cli { load: Load::Broadcast, listen } = Cli::parse();
    floor::serve("bench-tick", listen, Answer::EveryoneOnceATurn)
}
