//! A chat server in one program, built on the library `switchboard`. A library only so that the program is small and `fuzz/` can
//! reach what reads bytes.
//!
//! The way of a message: `app` reads the frame in the connection's worker, `hub` numbers and stores it in a process of
//! its own, and publishes it once it is committed. `docs/protocol.md` is what clients see of all this.

mod account;
mod app;
mod binary;
mod bucket;
mod characters;
mod cli;
mod close;
mod control;
mod emoji;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod http;
mod hub;
mod limits;
mod log;
mod lookalike;
mod markdown;
mod mentions;
mod names;
mod own_pace;
mod presence;
mod protocol;
mod role;
mod rooms;
mod sandbox;
mod search;
mod serve;
mod session;
mod store;
#[cfg(test)]
mod testing;
mod ticket;

use std::process::ExitCode;

use cli::Task;

/// The whole program: reads the command line, and serves until it is stopped. What goes wrong is said on standard error.
pub fn run() -> ExitCode {
    match task() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("switchboard-chat: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn task() -> anyhow::Result<()> {
    match Task::from_arguments()? {
        Task::Serve(options) => {
            log::start(options.log, role::title());
            sandbox::renounce_privileges(&options);
            serve::serve(&options)
        }
        Task::Control(order, data) => control::carry_out(order, &data),
    }
}
