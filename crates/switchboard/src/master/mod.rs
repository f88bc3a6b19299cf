//! The master: owns the sockets, and leads the other processes.

mod conductor;
mod instance;
pub(crate) mod lanes;
mod launch;
mod news;
mod reactors;
mod sender;
mod steward;

pub(crate) use launch::Master;
