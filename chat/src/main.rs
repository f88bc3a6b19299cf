//! A chat server in one program, built on the library `switchboard`.
//!
//! The way of a message: [`app`] reads the frame on the connection's worker, [`hub`] numbers and stores it on its own
//! thread, and publishes it once it is committed. `docs/protocol.md` is what clients see of all this.

mod app;
mod cli;
mod http;
mod hub;
mod limits;
mod names;
mod presence;
mod protocol;
mod rooms;
mod serve;
mod session;
mod store;
#[cfg(test)]
mod testing;

use std::io::IsTerminal as _;
use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("switchboard-chat: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> anyhow::Result<()> {
    let options = cli::Options::from_arguments()?;
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_max_level(options.log)
        .init();
    serve::serve(&options)
}
