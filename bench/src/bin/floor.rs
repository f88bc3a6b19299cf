//! `floor`: the least work with which a program on epoll can do what a WebSocket server does.

use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use switchboard_bench::floor::{self, Answer, Arguments};

#[derive(Clone, Copy, ValueEnum)]
enum Load {
    /// Back to its sender: one send for each read.
    Echo,
    /// To every connection: one send for each connection and message.
    Broadcast,
}

fn main() -> ExitCode {
    let Arguments { load, listen } = Arguments::parse();
    let answer = match load {
        Load::Echo => Answer::Sender,
        Load::Broadcast => Answer::Everyone,
    };
    floor::serve("bench-floor", listen, answer)
}
