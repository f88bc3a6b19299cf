//! Echo: every connection keeps a fixed number of messages in flight; each reply is followed by the next message.

use std::time::{Duration, Instant};

use anyhow::Result;

use super::session::{Meter, STALL, Session, Until, Usage};
use crate::client::{Deliveries, Frames, Heard, Stamp};
use crate::report::{Errors, Report};

/// Parameters of the load.
#[derive(Clone, Copy, Debug)]
pub struct EchoLoad {
    /// Payload of each message.
    pub bytes: usize,
    /// Messages of one connection that are on their way at once.
    pub in_flight: usize,
    /// Time that is not measured at the start.
    pub warm_up: Duration,
    /// When the measurement ends.
    pub until: Until,
}

struct Echo<'a> {
    session: &'a mut Session,
    frames: Frames,
    /// Messages that each connection has sent.
    sent: Vec<u32>,
    deliveries: Deliveries,
    returned: u64,
    corrupt: u64,
}

impl EchoLoad {
    /// Runs the load over all connections of `session`.
    ///
    /// # Errors
    /// A system call that must not fail fails, or the server has ended.
    pub fn run(&self, session: &mut Session) -> Result<Report> {
        let connections = session.connections.len();
        let mut echo = Echo {
            frames: session.frames(self.bytes, self.in_flight),
            sent: vec![0; connections],
            deliveries: Deliveries::new(connections, 1),
            returned: 0,
            corrupt: 0,
            session,
        };
        for index in 0..connections {
            echo.send(index, self.in_flight)?;
        }
        let (usage, measured, received_bytes) = echo.measure(self)?;
        echo.drain()?;
        Ok(Report {
            measure: "echo",
            connections,
            bytes: self.bytes,
            traffic: Some(usage.traffic(measured, measured, received_bytes)),
            completion: None,
            accept: Some(echo.session.accept()),
            memory: echo.session.memory()?,
            slow_readers_closed: None,
            errors: echo.errors(),
            storm: None,
            of_others: 0,
        })
    }
}

impl Echo<'_> {
    /// Keeps the load up; gives the usage and the replies, and their bytes, between the end of the warm-up and the end.
    fn measure(&mut self, load: &EchoLoad) -> Result<(Usage, u64, u64)> {
        let begin = Instant::now();
        while begin.elapsed() < load.warm_up && self.turn(true)? > 0 {}
        let meter = Meter::start(self.session.server)?;
        let (start, returned_before) = (Instant::now(), self.returned);
        let bytes_before = self.session.inbox.received_bytes();
        while !load.until.reached(start, Instant::now(), self.returned - returned_before)
            && self.turn(true)? > 0
        {}
        let received_bytes = self.session.inbox.received_bytes() - bytes_before;
        Ok((meter.stop()?, self.returned - returned_before, received_bytes))
    }

    /// Waits for what is still on its way.
    fn drain(&mut self) -> Result<()> {
        while self.returned < self.total_sent() {
            if self.turn(false)? == 0 {
                break;
            }
        }
        Ok(())
    }

    fn total_sent(&self) -> u64 {
        self.sent.iter().map(|&sent| u64::from(sent)).sum()
    }

    /// Takes all replies that are ready and, with `more`, sends as many messages again. 0: nothing came for a long time.
    fn turn(&mut self, more: bool) -> Result<usize> {
        let ready = self.session.poller.wait(Some(STALL))?;
        for position in 0..ready {
            let Some(event) = self.session.poller.ready(position) else { continue };
            if event.writable {
                self.session.connections[event.index].flush(&self.session.poller)?;
            }
            if event.readable {
                let replies = self.receive(event.index)?;
                if more && replies > 0 {
                    self.send(event.index, replies)?;
                }
            }
        }
        Ok(ready)
    }

    fn receive(&mut self, index: usize) -> Result<usize> {
        let Session { connections, poller, inbox, payloads, kind, dialect, .. } = &mut *self.session;
        let (mut replies, mut corrupt) = (0, 0);
        connections[index].receive(poller, inbox, |received_kind, message| {
            let Heard::Payload(payload) = dialect.understand(message)? else { return Ok(()) };
            match payloads.check_whole(payload) {
                Some(Stamp { sender, number }) if sender as usize == index && received_kind == *kind => {
                    replies += usize::from(self.deliveries.record(index, Stamp { sender: 0, number })?);
                }
                _ => corrupt += 1,
            }
            Ok(())
        })?;
        self.returned += replies as u64;
        self.corrupt += corrupt;
        Ok(replies)
    }

    fn send(&mut self, index: usize, count: usize) -> Result<()> {
        let mut left = count;
        while left > 0 {
            let now = left.min(self.frames.count());
            let frames = self.frames.stamped(index as u32, self.sent[index], now);
            self.session.connections[index].send(&self.session.poller, frames)?;
            self.sent[index] += now as u32;
            left -= now;
        }
        Ok(())
    }

    fn errors(&self) -> Errors {
        let mut errors = Errors {
            missing: self.total_sent() - self.returned,
            duplicated: self.deliveries.duplicated(),
            out_of_order: self.deliveries.out_of_order(),
            corrupt: self.corrupt + self.deliveries.unexpected(),
            ..Errors::default()
        };
        self.session.note_losses(&mut errors);
        errors
    }
}
