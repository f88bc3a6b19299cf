//! `floor`: the least work with which a program on epoll can do what a WebSocket server does.

use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use switchboard_bench::floor::{self, Answer};

/// The floor that servers are compared to: a bare epoll loop without any check.
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
    /// Back to its sender: one send for each read.
    Echo,
    /// To every connection: one send for each connection and message.
    Broadcast,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let answer = match cli.load {
        Load::Echo => Answer::Sender,
        Load::Broadcast => Answer::Everyone,
    };
    floor::serve("bench-floor", cli.listen, answer)
}
