//! The manager: starts, watches and replaces the workers and user processes. One thread, one loop; no code of the user's
//! runs here.

mod death;
mod executable;
mod machine;
mod shell;
mod signals;
mod watch;

pub(crate) use death::Death;
pub(crate) use shell::run;
pub(crate) use signals::{Signals, ignore};
