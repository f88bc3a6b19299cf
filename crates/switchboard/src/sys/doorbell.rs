//! An eventfd that wakes whoever sleeps in epoll.
//!
//! Whoever has the descriptor of an eventfd can make it block for all who have it, or read what was to wake another. So
//! between processes that do not trust each other a bell belongs to one of them: it is either rung or heard by the
//! master, never both. Where another rings, the master only [watches](super::Poller::add_bell) it; where the master rings,
//! the other gets an [`Ear`].

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::event::{EventfdFlags, eventfd};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Rung by any thread, heard by the one that has it in its epoll set. [`AsFd`] lends it, to be sent or watched.
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

/// Hears a bell, and can do nothing else with it.
#[derive(Debug)]
pub(crate) struct Ear(OwnedFd);

impl Ear {
    /// An epoll instance that watches the bell: readable from the first ring on, and each ring is an edge to whoever
    /// watches it.
    pub(crate) fn of(bell: &Doorbell) -> io::Result<Ear> {
        let ear = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        epoll::add(&ear, bell, EventData::new_u64(0), EventFlags::IN)?;
        Ok(Ear(ear))
    }

    /// The ear that another process has made and sent.
    pub(crate) fn received(fd: OwnedFd) -> Ear {
        Ear(fd)
    }

    /// As a descriptor that tokio watches, edge-triggered.
    pub(crate) fn watch(self) -> io::Result<AsyncFd<OwnedFd>> {
        // SAFETY: an `OwnedFd` gives the same open descriptor for as long as it lives, and the `AsyncFd` owns it.
        Ok(unsafe { AsyncFd::register_with_interest(self.0, Interest::READABLE) }?)
    }
}

impl AsFd for Ear {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
