//! Leaving before anything has begun.

use crate::ipc::link::{ToMaster, VERSION};
use crate::ipc::socket::{Socket, Wait};

/// Tells the master why this program cannot be what it was started for, and ends.
pub(crate) fn refuse(socket: &Socket, reason: String) -> ! {
    let hello = ToMaster::Hello { version: VERSION, pid: std::process::id() };
    for message in [hello, ToMaster::StartFailed { reason }] {
        // Without a master there is nobody to tell.
        let _ = socket.send(&message.encode(), &[], Wait::Yes);
    }
    std::process::exit(1)
}
