//! epoll, level-triggered but for the bells of other processes.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::io::Errno;
use tokio::io::unix::AsyncFd;

/// How many readiness events one call fetches at the most.
const EVENTS_MAX: usize = 512;

/// What a descriptor is watched for. Errors and hang-ups are always reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Interest {
    pub(crate) read: bool,
    pub(crate) write: bool,
}

impl Interest {
    pub(crate) const READ: Interest = Interest { read: true, write: false };

    fn flags(self) -> EventFlags {
        let mut flags = EventFlags::empty();
        if self.read {
            flags |= EventFlags::IN | EventFlags::RDHUP;
        }
        if self.write {
            flags |= EventFlags::OUT;
        }
        flags
    }
}

/// One descriptor's readiness.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Event {
    pub(crate) token: u64,
    pub(crate) readable: bool,
    pub(crate) writable: bool,
    /// Both directions are gone (reset, or shut down on both sides).
    pub(crate) hung_up: bool,
}

/// An epoll instance.
#[derive(Debug)]
pub(crate) struct Poller {
    epoll: OwnedFd,
}

impl Poller {
    pub(crate) fn new() -> io::Result<Poller> {
        Ok(Poller { epoll: epoll::create(epoll::CreateFlags::CLOEXEC)? })
    }

    pub(crate) fn add(&self, source: impl AsFd, token: u64, interest: Interest) -> io::Result<()> {
        Ok(epoll::add(&self.epoll, source, EventData::new_u64(token), interest.flags())?)
    }

    /// For a listener that several reactors watch: a new connection wakes one of them, not all.
    pub(crate) fn add_exclusive(&self, source: impl AsFd, token: u64) -> io::Result<()> {
        let flags = EventFlags::IN | EventFlags::EXCLUSIVE;
        Ok(epoll::add(&self.epoll, source, EventData::new_u64(token), flags)?)
    }

    /// For a bell that another process rings: each ring is an event, and it is never read.
    pub(crate) fn add_bell(&self, bell: impl AsFd, token: u64) -> io::Result<()> {
        let flags = EventFlags::IN | EventFlags::ET;
        Ok(epoll::add(&self.epoll, bell, EventData::new_u64(token), flags)?)
    }

    pub(crate) fn modify(&self, source: impl AsFd, token: u64, interest: Interest) -> io::Result<()> {
        Ok(epoll::modify(&self.epoll, source, EventData::new_u64(token), interest.flags())?)
    }

    pub(crate) fn remove(&self, source: impl AsFd) -> io::Result<()> {
        Ok(epoll::delete(&self.epoll, source)?)
    }

    /// The poller as a descriptor that tokio watches, edge-triggered: it becomes readable when something becomes
    /// ready after everything that was ready has been fetched.
    pub(crate) fn watch(&self) -> io::Result<AsyncFd<OwnedFd>> {
        let duplicate = self.epoll.try_clone()?;
        // SAFETY: an `OwnedFd` gives the same open descriptor for as long as it lives, and the `AsyncFd` owns it.
        Ok(unsafe { AsyncFd::register_with_interest(duplicate, tokio::io::Interest::READABLE) }?)
    }

    /// Fetches what is ready now, without waiting. `events` is emptied first.
    pub(crate) fn poll(&self, raw: &mut Vec<epoll::Event>, events: &mut Vec<Event>) -> io::Result<()> {
        events.clear();
        raw.clear();
        raw.reserve(EVENTS_MAX);
        let now = rustix::event::Timespec { tv_sec: 0, tv_nsec: 0 };
        match epoll::wait(&self.epoll, rustix::buffer::spare_capacity(raw), Some(&now)) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        events.extend(raw.iter().map(|event| {
            let flags = event.flags;
            let hung_up = flags.intersects(EventFlags::HUP | EventFlags::ERR);
            Event {
                token: event.data.u64(),
                readable: flags.intersects(EventFlags::IN | EventFlags::RDHUP) || hung_up,
                writable: flags.intersects(EventFlags::OUT) || hung_up,
                hung_up,
            }
        }));
        Ok(())
    }
}
