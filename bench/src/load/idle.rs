//! Idle: many open connections that do nothing, then at most one message to all of them.

use std::time::{Duration, Instant};

use anyhow::Result;

use super::broadcast::{Broadcast, Pace};
use super::session::{STALL, Session, Until};
use crate::client::PAYLOAD_BYTES_MIN;
use crate::report::{Errors, Latency, Report};

/// How long after the last delivery a second one of the same message is waited for.
const DUPLICATE_WAIT: Duration = Duration::from_millis(200);

/// Parameters of the load.
#[derive(Clone, Copy, Debug)]
pub struct IdleLoad {
    /// How long the connections stay idle before the memory is read.
    pub hold: Duration,
    /// Then sends one message and waits until everybody has it; the server must be one that broadcasts.
    pub broadcast: bool,
}

impl IdleLoad {
    /// Runs the load over all connections of `session`.
    ///
    /// # Errors
    /// A system call that must not fail fails, or the server has ended.
    pub fn run(&self, session: &mut Session) -> Result<Report> {
        hold(session, self.hold)?;
        session.settle_memory()?;
        let connections = session.connections.len();
        let (mut completion, mut errors) = (None, Errors::default());
        if self.broadcast {
            (completion, errors) = broadcast_once(session)?;
        } else {
            session.note_losses(&mut errors);
        }
        Ok(Report {
            measure: "idle",
            connections,
            bytes: if self.broadcast { PAYLOAD_BYTES_MIN } else { 0 },
            traffic: None,
            completion,
            accept: Some(session.accept()),
            memory: session.memory()?,
            slow_readers_closed: None,
            errors,
            storm: None,
            of_others: 0,
        })
    }
}

fn broadcast_once(session: &mut Session) -> Result<(Option<Latency>, Errors)> {
    let mut frames = [session.frames(PAYLOAD_BYTES_MIN, 1)];
    let mut broadcast = Broadcast::new(session, 1)?;
    broadcast.drive(&mut frames, Pace::OneAtATime, Until::Messages(1))?;
    broadcast.listen(DUPLICATE_WAIT)?;
    Ok((Latency::of(&broadcast.completion), broadcast.errors()))
}

/// Answers what the server asks (pings) and expects nothing else.
fn hold(session: &mut Session, duration: Duration) -> Result<()> {
    let end = Instant::now() + duration;
    let mut unexpected = 0_u64;
    while let Some(left) = end.checked_duration_since(Instant::now()) {
        let ready = session.poller.wait(Some(left.min(STALL)))?;
        for position in 0..ready {
            let Some(event) = session.poller.ready(position) else { continue };
            let connection = &mut session.connections[event.index];
            connection.receive(&session.poller, &mut session.inbox, |_, _| {
                unexpected += 1;
                Ok(())
            })?;
        }
    }
    anyhow::ensure!(unexpected == 0, "{unexpected} messages came while the connections were idle");
    Ok(())
}
