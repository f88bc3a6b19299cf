//! An eventfd that wakes whoever sleeps in epoll.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::event::{EventfdFlags, eventfd};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Rung by any thread or process, heard by the one that has it in its epoll set. [`AsFd`] lends it, to be sent or watched.
#[derive(Debug)]
pub(crate) struct Doorbell(OwnedFd);

impl Doorbell {
    pub(crate) fn new() -> io::Result<Doorbell> {
        Ok(Doorbell(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?))
    }

    /// The doorbell that another process has made and sent.
    pub(crate) fn received(fd: OwnedFd) -> Doorbell {
        Doorbell(fd)
    }

    /// The bell as a descriptor that tokio watches, edge-triggered: each ring is a new edge, whether or not the bell has
    /// been silenced.
    pub(crate) fn watch(&self) -> io::Result<AsyncFd<OwnedFd>> {
        let duplicate = self.0.try_clone()?;
        // SAFETY: an `OwnedFd` gives the same open descriptor for as long as it lives, and the `AsyncFd` owns it.
        Ok(unsafe { AsyncFd::register_with_interest(duplicate, Interest::READABLE) }?)
    }

    /// Makes the descriptor readable. It cannot fail in a way that matters: a counter that is full is
    /// readable already.
    pub(crate) fn ring(&self) {
        let _ = rustix::io::write(&self.0, &1u64.to_ne_bytes());
    }

    /// Makes the descriptor unreadable again.
    pub(crate) fn silence(&self) {
        let mut count = [0u8; 8];
        let _ = rustix::io::read(&self.0, &mut count);
    }
}

impl AsFd for Doorbell {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
