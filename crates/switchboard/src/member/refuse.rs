//! Leaving before anything has begun.

use super::start::{start_failure, wait_for_the_end};
use crate::ipc::link::{ToMaster, VERSION};
use crate::ipc::socket::{Socket, Wait};

/// Tells the master why this program cannot be what it was started for, and ends.
pub(crate) fn refuse(socket: &Socket, reason: &str) -> ! {
    let hello = ToMaster::Hello { version: VERSION, pid: std::process::id() };
    let messages = [hello, start_failure(reason)];
    // Without a master there is nobody to tell.
    if messages.iter().all(|message| socket.send(&message.encode(), &[], Wait::Yes).is_ok()) {
        wait_for_the_end();
    }
    std::process::exit(1)
}
