//! `tick`: the floor of a broadcast that joins what there is to send. What all senders have sent by one turn of the loop
//! leaves for each connection in one send.

use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use switchboard_bench::floor::{self, Answer, Arguments};

#[derive(Clone, Copy, ValueEnum)]
enum Load {
    /// To every connection: one send for each connection and turn of the loop. (An echo would be that of `floor`.)
    Broadcast,
}

fn main() -> ExitCode {
    let Arguments { load: Load::Broadcast, listen } = Arguments::parse();
    floor::serve("bench-tick", listen, Answer::EveryoneOnceATurn)
}
