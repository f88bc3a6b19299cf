//! A worker's part.

use std::task::Context;

use bytes::Bytes;

use super::link::{Link, News};
use super::run::Part;
use crate::event::{Event, EventKind, Flow};
use crate::ipc::Corrupt;
use crate::ipc::link::{ToInstance, ToMaster};
use crate::worker::Runner;
use crate::{ConnectionId, Handler};

/// Hands events to a handler.
pub(super) struct WorkerPart<H> {
    /// None: `worker_start` has not returned yet.
    pub(super) runner: Option<Runner<H>>,
    link: Link,
    retirement: Retirement,
    /// Another takes over; the master has not been told yet that there is no HTTP connection left.
    drains: bool,
    /// There will be no more events.
    pub(super) quits: bool,
}

/// After how many messages the worker is to be replaced.
#[derive(Debug)]
struct Retirement {
    messages: u64,
    /// 0: never.
    max: u64,
}

impl Retirement {
    /// Give or take an eighth, so that not all workers are replaced at once.
    fn new(max_requests: u64, pid: u32) -> Retirement {
        let eighth = max_requests / 8;
        let spread = u64::from(pid).wrapping_mul(0x9e37_79b9_7f4a_7c15) % (2 * eighth + 1);
        Retirement { messages: 0, max: max_requests - eighth + spread }
    }

    /// Counts a message. True, once: that was the last one of its share.
    fn is_due(&mut self) -> bool {
        self.messages += 1;
        self.messages == self.max
    }
}

impl<H: Handler> WorkerPart<H> {
    pub(super) fn new(link: Link, max_requests: u64) -> WorkerPart<H> {
        let retirement = Retirement::new(max_requests, std::process::id());
        WorkerPart { runner: None, link, retirement, drains: false, quits: false }
    }

    /// Is no handler pending, and no HTTP connection left?
    pub(super) fn is_calm(&self) -> bool {
        self.runner.as_ref().is_none_or(Runner::is_calm)
    }

    /// After the master has asked for it: tells when no HTTP connection is left.
    pub(super) fn report_idle(&mut self) {
        if self.drains && self.runner.as_ref().is_none_or(|runner| runner.serving() == 0) {
            self.drains = false;
            self.tell(&ToMaster::HttpIdle);
        }
    }

    fn tell(&self, message: &ToMaster) {
        if let Err(error) = self.link.send(message, None) {
            tracing::error!(%error, "cannot tell the master something");
        }
    }

    fn stop_http(&mut self) {
        if let Some(runner) = &mut self.runner {
            runner.stop_http();
        }
    }
}

impl<H: Handler> Part for WorkerPart<H> {
    fn take(&mut self, event: Event, context: &mut Context<'_>) -> Result<Flow, Corrupt> {
        let Some(runner) = &mut self.runner else {
            return Err(Corrupt("an event before the worker was ready"));
        };
        let is_message = matches!(event.kind, EventKind::Message(_));
        let flow = runner.handle(event, context);
        if is_message && self.retirement.is_due() {
            self.tell(&ToMaster::Retire);
        }
        Ok(flow)
    }

    fn session_changed(&mut self, id: ConnectionId, session: &Bytes) {
        if let Some(runner) = &mut self.runner {
            runner.change_session(id, session);
        }
    }

    fn told(&mut self, news: News) {
        match news.message {
            ToInstance::Http { source, read } => {
                let runner = self.runner.as_mut().filter(|runner| runner.has_http());
                match (runner, news.descriptors.into_iter().next()) {
                    (Some(runner), Some(socket)) => runner.serve(socket, source, None, read),
                    // Its place is free again.
                    _ => self.tell(&ToMaster::HttpEnded { source }),
                }
            }
            ToInstance::Drain => {
                self.drains = true;
                self.stop_http();
            }
            ToInstance::Stopping => self.stop_http(),
            ToInstance::Quit => {
                self.quits = true;
                self.stop_http();
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_retire_once_and_not_all_at_the_same_message() {
        let at: Vec<u64> = (100..200).map(|pid| Retirement::new(800, pid).max).collect();
        assert!(at.iter().all(|messages| (700..=900).contains(messages)));
        assert!(at.iter().any(|messages| *messages < 760) && at.iter().any(|messages| *messages > 840));
        let mut retirement = Retirement::new(10, 7);
        let dues = (0..100).filter(|_| retirement.is_due()).count();
        assert_eq!(dues, 1);
        let mut never = Retirement::new(0, 7);
        assert!((0..100).all(|_| !never.is_due()));
        assert!((1..50).all(|pid| Retirement::new(1, pid).max == 1));
    }
}
