//! Broadcast: every message of a sender goes to every connection, or to all in its room; measured until the last one has it.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use hdrhistogram::Histogram;

use super::session::{Meter, STALL, Session, Until};
use super::slow_readers::OpenSlowReaders;
use crate::client::{Deliveries, Frames, Heard, PAYLOAD_BYTES_MIN, SENDER_MAX, Stamp};
use crate::report::{Errors, Latency, Report};

/// Sender of the messages that only find out whether everybody gets messages already.
const PROBE: u32 = SENDER_MAX;

/// How long one probe is waited for, and how many are sent.
const PROBE_WAIT: Duration = Duration::from_millis(300);
const PROBES_MAX: u32 = 30;

/// Messages that may be on their way at once at a fixed rate; more means that the server does not keep up.
const OPEN_MESSAGES_MAX: usize = 10_000;

/// When the next message is sent.
#[derive(Clone, Copy, Debug)]
pub enum Pace {
    /// When everybody has the last one of every sender: then each sender sends one.
    OneAtATime,
    /// So many a second, whether the earlier ones have arrived or not; the time to the last counts from when the message
    /// was due.
    PerSecond(f64),
}

/// Parameters of the load.
#[derive(Clone, Copy, Debug)]
pub struct BroadcastLoad {
    /// How many of the connections send; all of them receive.
    pub senders: usize,
    /// Payload of each message.
    pub bytes: usize,
    /// When messages are sent.
    pub pace: Pace,
    /// Time that is not measured at the start.
    pub warm_up: Duration,
    /// When the measurement ends.
    pub until: Until,
}

impl BroadcastLoad {
    /// Runs the load over all connections of `session`; `slow` ones are there besides.
    ///
    /// # Errors
    /// A system call that must not fail fails, the server has ended, or not every connection gets messages.
    pub fn run(&self, session: &mut Session, slow: Option<&OpenSlowReaders>) -> Result<Report> {
        let mut frames = frames_of_rooms(session, self.bytes);
        let mut broadcast = Broadcast::new(session, self.senders)?;
        broadcast.await_subscriptions()?;
        broadcast.drive(&mut frames, Pace::OneAtATime, Until::Elapsed(self.warm_up))?;

        broadcast.completion.reset();
        let (sent, delivered) = (broadcast.sent, broadcast.delivered);
        let received_bytes = broadcast.session.inbox.received_bytes();
        let meter = Meter::start(broadcast.session.server)?;
        broadcast.drive(&mut frames, self.pace, self.until)?;
        let usage = meter.stop()?;
        let received_bytes = broadcast.session.inbox.received_bytes() - received_bytes;

        Ok(Report {
            measure: "broadcast",
            connections: broadcast.receivers(),
            bytes: self.bytes,
            traffic: Some(usage.traffic(
                broadcast.sent - sent,
                broadcast.delivered - delivered,
                received_bytes,
            )),
            completion: Latency::of(&broadcast.completion),
            accept: Some(broadcast.session.accept()),
            memory: broadcast.session.memory()?,
            slow_readers_closed: slow.map(|slow| slow.closed(broadcast.receivers())).transpose()?.flatten(),
            errors: broadcast.errors(),
            storm: None,
            of_others: broadcast.others,
        })
    }
}

/// A message that not everybody has yet.
struct OpenMessage {
    since: Instant,
    receivers_left: usize,
}

/// The running load. Messages are counted through all senders: message `m` is number `m / senders` of sender `m % senders`.
pub(super) struct Broadcast<'a> {
    session: &'a mut Session,
    senders: usize,
    pub(super) sent: u64,
    pub(super) delivered: u64,
    open: VecDeque<OpenMessage>,
    deliveries: Deliveries,
    corrupt: u64,
    /// Messages of connections that were here before.
    others: u64,
    /// Microseconds from sending to the last delivery.
    pub(super) completion: Histogram<u64>,
    /// The last probe that each receiver has seen.
    probes: Vec<Option<u32>>,
}

impl<'a> Broadcast<'a> {
    pub(super) fn new(session: &'a mut Session, senders: usize) -> Result<Self> {
        let receivers = session.connections.len();
        Ok(Self {
            senders: senders.clamp(1, receivers),
            sent: 0,
            delivered: 0,
            open: VecDeque::new(),
            deliveries: Deliveries::in_rooms(receivers, senders, session.rooms),
            corrupt: 0,
            others: 0,
            completion: Histogram::new_with_max(60_000_000, 3)?,
            probes: vec![None; receivers],
            session,
        })
    }

    fn receivers(&self) -> usize {
        self.session.connections.len()
    }

    /// A server may answer the handshake before it has subscribed the connection: probes until one reaches all.
    pub(super) fn await_subscriptions(&mut self) -> Result<()> {
        let mut probes = frames_of_rooms(self.session, PAYLOAD_BYTES_MIN);
        for number in 0..PROBES_MAX {
            for (room, probe) in probes.iter_mut().enumerate() {
                let frame = probe.stamped(PROBE, number, 1);
                self.session.connections[room].send(&self.session.poller, frame)?;
            }
            let deadline = Instant::now() + PROBE_WAIT;
            while let Some(left) = deadline.checked_duration_since(Instant::now()) {
                if self.turn(left)? > 0 && self.probes.iter().all(|seen| *seen == Some(number)) {
                    return Ok(());
                }
            }
        }
        let deaf = self.probes.iter().filter(|seen| seen.is_none()).count();
        bail!("{deaf} of {} connections get no messages", self.receivers())
    }

    /// Sends at `pace` until `until`, then waits for the last delivery. `frames`: one for each room.
    pub(super) fn drive(&mut self, frames: &mut [Frames], pace: Pace, until: Until) -> Result<()> {
        let (start, sent_before) = (Instant::now(), self.sent);
        let mut last_event = start;
        loop {
            let now = Instant::now();
            let sent = self.sent - sent_before;
            let done = until.reached(start, now, sent);
            if done && self.open.is_empty() {
                return Ok(());
            }
            let mut timeout = STALL;
            match pace {
                Pace::OneAtATime if self.open.is_empty() => {
                    for _ in 0..self.senders {
                        self.send(frames, now)?;
                    }
                }
                Pace::PerSecond(rate) if !done => {
                    let due = start + Duration::from_secs_f64(sent as f64 / rate);
                    if due <= now {
                        self.send(frames, due)?;
                        timeout = Duration::ZERO;
                    } else {
                        timeout = due - now;
                    }
                }
                _ => {}
            }
            if self.turn(timeout.min(STALL))? > 0 {
                last_event = Instant::now();
            } else if last_event.elapsed() >= STALL && !self.open.is_empty() {
                self.open.clear();
                return Ok(());
            }
        }
    }

    /// Takes what comes for `duration`, without sending.
    pub(super) fn listen(&mut self, duration: Duration) -> Result<()> {
        let end = Instant::now() + duration;
        while let Some(left) = end.checked_duration_since(Instant::now()) {
            self.turn(left)?;
        }
        Ok(())
    }

    fn send(&mut self, frames: &mut [Frames], since: Instant) -> Result<()> {
        if self.open.len() >= OPEN_MESSAGES_MAX {
            bail!("the server does not keep up with the rate: {OPEN_MESSAGES_MAX} messages are on their way");
        }
        let senders = self.senders as u64;
        let (sender, number) = (self.sent % senders, self.sent / senders);
        let room = sender as usize % self.session.rooms;
        let frame = frames[room].stamped(sender as u32, number as u32, 1);
        self.session.connections[sender as usize].send(&self.session.poller, frame)?;
        let receivers_left = (self.receivers() - room).div_ceil(self.session.rooms);
        self.open.push_back(OpenMessage { since, receivers_left });
        self.sent += 1;
        Ok(())
    }

    fn turn(&mut self, timeout: Duration) -> Result<usize> {
        let ready = self.session.poller.wait(Some(timeout))?;
        for position in 0..ready {
            let Some(event) = self.session.poller.ready(position) else { continue };
            if event.writable {
                self.session.connections[event.index].flush(&self.session.poller)?;
            }
            if event.readable {
                self.receive(event.index)?;
            }
        }
        Ok(ready)
    }

    fn receive(&mut self, index: usize) -> Result<()> {
        let Session { connections, poller, inbox, payloads, kind, dialect, .. } = &mut *self.session;
        let first_open = self.sent - self.open.len() as u64;
        connections[index].receive(poller, inbox, |received_kind, message| {
            let Heard::Payload(payload) = dialect.understand(message)? else { return Ok(()) };
            let is_whole = payload.len() == payloads.bytes_max();
            let stamp = match payloads.check(payload) {
                Some(stamp) if received_kind == *kind && (is_whole || stamp.sender == PROBE) => stamp,
                _ => {
                    match payloads.is_of_others(payload) {
                        true => self.others += 1,
                        false => self.corrupt += 1,
                    }
                    return Ok(());
                }
            };
            if stamp.sender == PROBE {
                self.probes[index] = Some(stamp.number);
            } else if self.deliveries.record(index, stamp)? {
                self.delivered += 1;
                let message = message_of(stamp, self.senders);
                let position = message.checked_sub(first_open).map(|position| position as usize);
                if let Some(open) = position.and_then(|position| self.open.get_mut(position)) {
                    open.receivers_left -= 1;
                    if open.receivers_left == 0 {
                        self.completion.saturating_record(open.since.elapsed().as_micros() as u64);
                    }
                }
            }
            Ok(())
        })?;
        while self.open.front().is_some_and(|open| open.receivers_left == 0) {
            self.open.pop_front();
        }
        Ok(())
    }

    pub(super) fn errors(&self) -> Errors {
        let senders = self.senders as u64;
        let sent_by = |sender: usize| ((self.sent + senders - 1 - sender as u64) / senders) as u32;
        let mut errors = Errors {
            missing: self.deliveries.missing(sent_by),
            duplicated: self.deliveries.duplicated(),
            out_of_order: self.deliveries.out_of_order(),
            corrupt: self.corrupt + self.deliveries.unexpected(),
            ..Errors::default()
        };
        self.session.note_losses(&mut errors);
        errors
    }
}

/// Room for one message to each room.
fn frames_of_rooms(session: &Session, bytes: usize) -> Vec<Frames> {
    (0..session.rooms).map(|room| session.frames_to(room, bytes, 1)).collect()
}

/// The inverse of how messages are counted.
fn message_of(stamp: Stamp, senders: usize) -> u64 {
    u64::from(stamp.number) * senders as u64 + u64::from(stamp.sender)
}
