//! What passes between processes: shared memory and messages.

pub(crate) mod channel;
pub(crate) mod codec;
pub(crate) mod control;
pub(crate) mod link;
mod report;
pub(crate) mod ring;
pub(crate) mod setup;
pub(crate) mod socket;
pub(crate) mod socket_file;
pub(crate) mod wait;
pub(crate) mod wire;

#[cfg(test)]
mod ring_properties;

/// What another process has written cannot be: it says what is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Corrupt(pub(crate) &'static str);
