//! The loop of a reactor thread, as the main task of its tokio runtime.

use std::future::{Future, poll_fn};
use std::io;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::unix::AsyncFd;
use tokio::time::Sleep;

use super::Reactor;
use crate::core::Core;

/// Turns in a row before the runtime's other tasks get the thread.
const TURNS_MAX: usize = 16;

/// Runs until the server has been stopped. Must be called in a tokio runtime with time and I/O.
///
/// tokio sleeps in its own epoll, in which ours is one descriptor; sockets of user code and timers wake the same
/// thread. It watches ours edge-triggered, so ours must be found empty before it sleeps.
pub(crate) async fn run(mut reactor: Reactor) -> io::Result<()> {
    let core = reactor.core.clone();
    let _owner = core.inboxes[reactor.index].own();
    let poller = reactor.poller.watch()?;
    let mut alarm = Alarm::new();
    let mut turns = 0;
    loop {
        let more = poll_fn(|context| Poll::Ready(reactor.turn(context))).await?;
        if reactor.has_stopped() {
            return Ok(());
        }
        turns += 1;
        if more && turns < TURNS_MAX {
            continue;
        }
        turns = 0;
        if more {
            tokio::task::yield_now().await;
        } else {
            // The last turn found nothing ready: what was reported until now is old, what comes is a new edge.
            let mut fresh = true;
            poll_fn(|context| {
                let stale = std::mem::take(&mut fresh);
                reactor.poll_sleep(context, &poller, stale, &mut alarm)
            })
            .await?;
        }
    }
}

impl Reactor {
    /// Ready when there is something to do: a descriptor, a command, a timer. With `stale`, readiness that has been
    /// reported already does not count.
    fn poll_sleep(
        &mut self,
        context: &mut Context<'_>,
        poller: &AsyncFd<OwnedFd>,
        stale: bool,
        alarm: &mut Alarm,
    ) -> Poll<io::Result<()>> {
        let sleeps = self.core.inboxes[self.index].prepare_sleep(context.waker());
        if !sleeps || !self.dispatch.prepare_sleep() {
            return Poll::Ready(Ok(()));
        }
        if alarm.poll(self.wheel.next_ms(), &self.core, context).is_ready() {
            return Poll::Ready(Ok(()));
        }
        let mut guard = ready!(poller.poll_read_ready(context))?;
        if stale {
            guard.clear_ready();
            let _ = ready!(poller.poll_read_ready(context))?;
        }
        Poll::Ready(Ok(()))
    }
}

/// One timer for the whole reactor, moved only when the wheel's next entry changes.
struct Alarm {
    sleep: Pin<Box<Sleep>>,
    armed_ms: Option<u64>,
}

impl Alarm {
    fn new() -> Alarm {
        Alarm { sleep: Box::pin(tokio::time::sleep(Duration::ZERO)), armed_ms: None }
    }

    /// Ready at `next_ms` of the server's clock, if there is such a time.
    fn poll(&mut self, next_ms: Option<u64>, core: &Core, context: &mut Context<'_>) -> Poll<()> {
        let Some(next_ms) = next_ms else {
            return Poll::Pending;
        };
        if self.armed_ms != Some(next_ms) {
            self.sleep.as_mut().reset(core.instant_of(next_ms).into());
            self.armed_ms = Some(next_ms);
        }
        ready!(self.sleep.as_mut().poll(context));
        self.armed_ms = None;
        Poll::Ready(())
    }
}
