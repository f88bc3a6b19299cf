//! Waiting for one of several descriptors.

use std::io;
use std::os::fd::BorrowedFd;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

/// What is to be waited for, and, after [`Waiting::wait`], what has come. Ready in the order in which it was added.
#[derive(Debug, Default)]
pub(crate) struct Waiting<'a>(Vec<PollFd<'a>>);

impl<'a> Waiting<'a> {
    /// Waits for input, for the other side's end, and with `output` for room, too.
    pub(crate) fn add(&mut self, descriptor: BorrowedFd<'a>, output: bool) {
        let flags = if output { PollFlags::IN | PollFlags::OUT } else { PollFlags::IN };
        self.0.push(PollFd::from_borrowed_fd(descriptor, flags));
    }

    /// Returns when something is ready, after `timeout`, or when a signal came. Says of each whether it is ready.
    pub(crate) fn wait(mut self, timeout: Option<Duration>) -> io::Result<Vec<bool>> {
        let timeout = timeout.map(|timeout| Timespec {
            tv_sec: i64::try_from(timeout.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: timeout.subsec_nanos().into(),
        });
        match poll(&mut self.0, timeout.as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(self.0.iter().map(|descriptor| !descriptor.revents().is_empty()).collect())
    }
}
