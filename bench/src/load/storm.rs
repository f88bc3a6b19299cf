//! Storm: an echo that goes on while something happens to the server, and what each connection noticed of it.

use std::collections::{BTreeMap, VecDeque};
use std::io::IsTerminal;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use hdrhistogram::Histogram;
use rustix::io::Errno;
use switchboard_proto::{OpCode, encode_masked_frame};

use super::session::{Meter, Session};
use crate::client::{Answer, Deliveries, Frames, MASK, Stamp, answer, unmarked};
use crate::report::{Answers, Errors, Latency, Report, Storm};

/// Parameters of the load.
#[derive(Clone, Copy, Debug)]
pub struct StormLoad {
    /// Payload of each message.
    pub bytes: usize,
    /// Messages of one connection that are on their way at once, at most.
    pub in_flight: usize,
    /// Messages a second of all connections together; `None`: each reply is followed by the next message.
    pub rate: Option<f64>,
    /// How often one of the connections asks, in between, who answers it.
    pub ask_every: Option<Duration>,
    /// When to stop sending; `None`: when the standard input ends.
    pub seconds: Option<Duration>,
    /// How long nothing may arrive at the end before what is missing counts as missing.
    pub grace: Duration,
}

/// The question that the examples of Switchboard answer by the worker's generation and process.
const QUESTION: &[u8] = b"?gen";

/// No run without an end is longer than this.
const SECONDS_MAX: Duration = Duration::from_secs(3600);

/// With a rate, how long messages that have become due may wait to be sent together.
const TICK: Duration = Duration::from_millis(1);

struct Run<'a> {
    session: &'a mut Session,
    load: &'a StormLoad,
    frames: Frames,
    question: Vec<u8>,
    /// By connection.
    ways: Vec<Way>,
    deliveries: Deliveries,
    /// The connection that sends next, where there is a rate.
    cursor: usize,
    /// The connection that asks next.
    asker: usize,
    round_trips: Histogram<u64>,
    found: Storm,
    answers: BTreeMap<(u32, u32), u64>,
    returned: u64,
    corrupt: u64,
    out_of_order: u64,
}

/// What one connection has under way.
#[derive(Debug, Default)]
struct Way {
    sent: u32,
    returned: u32,
    /// Since when it waits for something.
    waiting_since: Option<Instant>,
    /// When the last messages were sent: of number `n` at `n` modulo the length.
    sent_at: Vec<Option<Instant>>,
    /// The messages that had been sent before each question that is not answered yet.
    asked_after: VecDeque<u32>,
}

impl Way {
    fn outstanding(&self) -> usize {
        (self.sent - self.returned) as usize
    }

    /// How long it has waited; it goes on waiting if there is more to come.
    fn hear(&mut self, now: Instant) -> Duration {
        let since =
            if self.outstanding() > 0 { self.waiting_since.replace(now) } else { self.waiting_since.take() };
        since.map_or(Duration::ZERO, |since| now - since)
    }
}

impl StormLoad {
    /// Runs the load over all connections of `session`.
    ///
    /// # Errors
    /// A system call that must not fail fails, or the server has ended.
    pub fn run(&self, session: &mut Session) -> Result<Report> {
        let connections = session.connections.len();
        let way = || Way { sent_at: vec![None; self.in_flight], ..Way::default() };
        let mut question = Vec::new();
        encode_masked_frame(OpCode::Text, true, QUESTION, MASK, &mut question);
        let mut run = Run {
            frames: session.frames(self.bytes, self.in_flight),
            question,
            ways: std::iter::repeat_with(way).take(connections).collect(),
            deliveries: Deliveries::new(connections, 1),
            cursor: 0,
            asker: 0,
            round_trips: Histogram::new(3)?,
            found: Storm::default(),
            answers: BTreeMap::new(),
            returned: 0,
            corrupt: 0,
            out_of_order: 0,
            load: self,
            session,
        };
        if self.seconds.is_none() {
            run.watch_input()?;
        }
        let meter = Meter::start(run.session.server)?;
        // Whoever waits for it may now do to the server what it wants to.
        eprintln!("{connections} connections are open");
        run.rage()?;
        run.drain()?;
        let traffic = meter.stop()?.traffic(run.sent(), run.returned, run.session.inbox.received_bytes());
        Ok(Report {
            measure: "storm",
            connections,
            bytes: self.bytes,
            traffic: Some(traffic),
            completion: Latency::of(&run.round_trips),
            accept: Some(run.session.accept()),
            memory: run.session.memory()?,
            slow_readers_closed: None,
            errors: run.errors(),
            storm: Some(run.found()),
            of_others: 0,
        })
    }
}

impl Run<'_> {
    /// The standard input becomes one more thing to wait for, with the number after the last connection's.
    fn watch_input(&self) -> Result<()> {
        let input = std::io::stdin();
        ensure!(
            !input.is_terminal(),
            "without --seconds the standard input must be a pipe, whose end ends the load"
        );
        match self.session.poller.add(&input, self.ways.len()) {
            Err(Errno::PERM) => bail!("without --seconds the standard input must be a pipe, not a file"),
            result => result.context("the standard input"),
        }
    }

    /// Sends until it is time to stop.
    fn rage(&mut self) -> Result<()> {
        let start = Instant::now();
        let end = start + self.load.seconds.unwrap_or(SECONDS_MAX);
        let (mut due_before, mut ask_at) = (0, start);
        if self.load.rate.is_none() {
            for index in 0..self.ways.len() {
                self.send(index, self.load.in_flight, start)?;
            }
        }
        loop {
            let now = Instant::now();
            if now >= end || self.session.connections.iter().all(|connection| connection.lost().is_some()) {
                return Ok(());
            }
            if let Some(rate) = self.load.rate {
                let due = ((now - start).as_secs_f64() * rate) as u64;
                self.send_due(due - due_before, now)?;
                due_before = due;
            }
            if let Some(interval) = self.load.ask_every.filter(|_| now >= ask_at) {
                self.ask()?;
                ask_at = now + interval;
            }
            let next = if self.load.rate.is_some() { now + TICK } else { end };
            let next = self.load.ask_every.map_or(next, |_| next.min(ask_at)).min(end);
            if self.turn(next.saturating_duration_since(now), self.load.rate.is_none())? {
                return Ok(());
            }
        }
    }

    /// Waits for what is still on its way.
    fn drain(&mut self) -> Result<()> {
        let mut heard = Instant::now();
        let mut returned = self.returned;
        while self.is_waiting() && heard.elapsed() < self.load.grace {
            self.turn(TICK * 10, false)?;
            if self.returned > returned {
                (heard, returned) = (Instant::now(), self.returned);
            }
        }
        // What never came has been waited for, too.
        for (way, connection) in self.ways.iter_mut().zip(&self.session.connections) {
            if connection.lost().is_none() {
                let waited = way.hear(Instant::now());
                self.found.note_silence(waited);
            }
        }
        Ok(())
    }

    fn is_waiting(&self) -> bool {
        let mut pairs = self.ways.iter().zip(&self.session.connections);
        pairs.any(|(way, connection)| {
            connection.lost().is_none() && (way.outstanding() > 0 || !way.asked_after.is_empty())
        })
    }

    fn sent(&self) -> u64 {
        self.ways.iter().map(|way| u64::from(way.sent)).sum()
    }

    /// Takes all replies that are ready and, with `more`, sends as many messages again; true when the standard input ends.
    fn turn(&mut self, timeout: Duration, more: bool) -> Result<bool> {
        let ready = self.session.poller.wait(Some(timeout))?;
        let now = Instant::now();
        for position in 0..ready {
            let Some(event) = self.session.poller.ready(position) else { continue };
            if event.index == self.ways.len() {
                if input_has_ended()? {
                    self.session.poller.remove(std::io::stdin())?;
                    return Ok(true);
                }
                continue;
            }
            if event.writable {
                self.session.connections[event.index].flush(&self.session.poller)?;
            }
            if event.readable {
                let replies = self.receive(event.index, now)?;
                if more {
                    self.send(event.index, replies, now)?;
                }
            }
        }
        Ok(false)
    }

    /// `count` messages have become due: round about, as far as the connections may have more under way.
    fn send_due(&mut self, count: u64, now: Instant) -> Result<()> {
        let mut full = 0;
        let mut left = count;
        while left > 0 && full < self.ways.len() {
            let index = self.cursor;
            self.cursor = (index + 1) % self.ways.len();
            let is_lost = self.session.connections[index].lost().is_some();
            if is_lost || self.ways[index].outstanding() >= self.load.in_flight {
                full += 1;
                continue;
            }
            self.send(index, 1, now)?;
            (left, full) = (left - 1, 0);
        }
        Ok(())
    }

    fn send(&mut self, index: usize, count: usize, now: Instant) -> Result<()> {
        let connection = &mut self.session.connections[index];
        if count == 0 || connection.lost().is_some() {
            return Ok(());
        }
        let way = &mut self.ways[index];
        way.waiting_since.get_or_insert(now);
        let mut left = count;
        while left > 0 {
            let together = left.min(self.frames.count());
            let frames = self.frames.stamped(index as u32, way.sent, together);
            connection.send(&self.session.poller, frames)?;
            for _ in 0..together {
                let place = way.sent as usize % way.sent_at.len();
                way.sent_at[place] = Some(now);
                way.sent += 1;
            }
            left -= together;
        }
        Ok(())
    }

    fn ask(&mut self) -> Result<()> {
        let index = self.asker;
        self.asker = (index + 1) % self.ways.len();
        let connection = &mut self.session.connections[index];
        if connection.lost().is_none() {
            connection.send(&self.session.poller, &self.question)?;
            let way = &mut self.ways[index];
            way.asked_after.push_back(way.sent);
            self.found.asked += 1;
        }
        Ok(())
    }

    /// Takes what has come; the number of messages that came for the first time.
    fn receive(&mut self, index: usize, now: Instant) -> Result<usize> {
        let Session { connections, poller, inbox, payloads, kind, .. } = &mut *self.session;
        let (way, found, deliveries) = (&mut self.ways[index], &mut self.found, &mut self.deliveries);
        let mut first_times = 0;
        connections[index].receive(poller, inbox, |received_kind, payload| {
            let (payload, is_marked) = unmarked(payload);
            found.marked += u64::from(is_marked);
            if let Some(Answer { generation, pid }) = answer(payload) {
                *self.answers.entry((generation, pid)).or_default() += 1;
                match way.asked_after.pop_front() {
                    Some(after) => self.out_of_order += u64::from(after != deliveries.next(index, 0)),
                    None => found.repeated_answers += 1,
                }
                return Ok(());
            }
            let stamp = payloads.check_whole(payload).filter(|_| received_kind == *kind);
            let Some(Stamp { number, .. }) = stamp.filter(|stamp| stamp.sender as usize == index) else {
                self.corrupt += 1;
                return Ok(());
            };
            let repeats_last = number.checked_add(1) == Some(deliveries.next(index, 0));
            if deliveries.record(index, Stamp { sender: 0, number })? {
                first_times += 1;
                way.returned += 1;
                found.note_silence(way.hear(now));
                let place = number as usize % way.sent_at.len();
                if let Some(sent_at) = way.sent_at[place].take() {
                    self.round_trips.saturating_record((now - sent_at).as_micros() as u64);
                }
            } else {
                found.repeated_unmarked += u64::from(!is_marked);
                found.repeated_late += u64::from(!repeats_last);
            }
            Ok(())
        })?;
        self.returned += first_times as u64;
        Ok(first_times)
    }

    fn found(&mut self) -> Storm {
        let answers = std::mem::take(&mut self.answers).into_iter();
        let unanswered = self.ways.iter().map(|way| way.asked_after.len() as u64).sum();
        Storm {
            unanswered,
            answers: answers.map(|((generation, pid), count)| Answers { generation, pid, count }).collect(),
            ..std::mem::take(&mut self.found)
        }
    }

    fn errors(&self) -> Errors {
        let mut errors = Errors {
            missing: self.sent() - self.returned,
            duplicated: self.deliveries.duplicated(),
            out_of_order: self.deliveries.out_of_order() + self.out_of_order,
            corrupt: self.corrupt + self.deliveries.unexpected(),
            ..Errors::default()
        };
        self.session.note_losses(&mut errors);
        errors
    }
}

/// Whatever comes before the end is ignored.
fn input_has_ended() -> Result<bool> {
    let mut buffer = [0; 1024];
    match rustix::io::read(std::io::stdin(), &mut buffer) {
        Ok(count) => Ok(count == 0),
        Err(Errno::AGAIN | Errno::INTR) => Ok(false),
        Err(error) => Err(error).context("the standard input"),
    }
}
