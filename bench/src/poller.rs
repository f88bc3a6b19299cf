//! A thin layer over epoll: level-triggered, one number per socket.

use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use rustix::buffer::spare_capacity;
use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::io::Errno;

/// Events taken from the kernel at once.
const EVENTS_MAX: usize = 1024;

/// Which sockets are ready.
pub struct Poller {
    epoll: OwnedFd,
    events: Vec<Event>,
}

/// One ready socket.
#[derive(Clone, Copy, Debug)]
pub struct Ready {
    /// The number that the socket was added with.
    pub index: usize,
    /// Bytes, an end or an error can be read.
    pub readable: bool,
    /// Asked-for room in the send buffer is there.
    pub writable: bool,
}

impl Poller {
    /// # Errors
    /// The kernel has no descriptor left.
    pub fn new() -> rustix::io::Result<Self> {
        Ok(Self { epoll: epoll::create(CreateFlags::CLOEXEC)?, events: Vec::with_capacity(EVENTS_MAX) })
    }

    /// Watches `socket` for bytes to read, under the number `index`.
    ///
    /// # Errors
    /// As of `epoll_ctl(2)`.
    pub fn add(&self, socket: impl AsFd, index: usize) -> rustix::io::Result<()> {
        epoll::add(&self.epoll, socket, EventData::new_u64(index as u64), EventFlags::IN)
    }

    /// Watches a socket that was added also for room to write, or no longer.
    ///
    /// # Errors
    /// As of `epoll_ctl(2)`.
    pub fn want_write(&self, socket: impl AsFd, index: usize, want: bool) -> rustix::io::Result<()> {
        let flags = if want { EventFlags::IN | EventFlags::OUT } else { EventFlags::IN };
        epoll::modify(&self.epoll, socket, EventData::new_u64(index as u64), flags)
    }

    /// Stops watching `socket`.
    ///
    /// # Errors
    /// As of `epoll_ctl(2)`.
    pub fn remove(&self, socket: impl AsFd) -> rustix::io::Result<()> {
        epoll::delete(&self.epoll, socket)
    }

    /// Waits until a socket is ready or `timeout` has passed (`None`: without end), and gives the number of ready ones.
    ///
    /// # Errors
    /// As of `epoll_wait(2)`; a signal counts as nothing ready.
    pub fn wait(&mut self, timeout: Option<Duration>) -> rustix::io::Result<usize> {
        self.events.clear();
        let timeout = timeout.map(|timeout| Timespec {
            tv_sec: i64::try_from(timeout.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: timeout.subsec_nanos().into(),
        });
        match epoll::wait(&self.epoll, spare_capacity(&mut self.events), timeout.as_ref()) {
            Ok(_) | Err(Errno::INTR) => Ok(self.events.len()),
            Err(error) => Err(error),
        }
    }

    /// The socket at `position` of the last [`wait`](Self::wait).
    #[must_use]
    pub fn ready(&self, position: usize) -> Option<Ready> {
        let event = self.events.get(position)?;
        let (flags, data) = (event.flags, event.data);
        Some(Ready {
            index: usize::try_from(data.u64()).unwrap_or(usize::MAX),
            readable: flags
                .intersects(EventFlags::IN | EventFlags::HUP | EventFlags::ERR | EventFlags::RDHUP),
            writable: flags.contains(EventFlags::OUT),
        })
    }
}
