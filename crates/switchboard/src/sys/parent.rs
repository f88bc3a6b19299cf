//! Children that end with who has started them.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

use rustix::process::{Signal, set_parent_process_death_signal};

/// Has the kernel kill the process that is started when the calling thread's process dies, until it
/// [says otherwise](outlive_parent).
pub(crate) fn die_with_parent(command: &mut Command) {
    let ask = || set_parent_process_death_signal(Some(Signal::KILL)).map_err(io::Error::from);
    // SAFETY: between fork and exec this makes one system call and allocates nothing.
    unsafe { command.pre_exec(ask) };
}

/// From now on this process goes on without its parent.
pub(crate) fn outlive_parent() -> io::Result<()> {
    Ok(set_parent_process_death_signal(None)?)
}
