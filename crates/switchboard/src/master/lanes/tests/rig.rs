//! One reactor's lanes, and processes that do by hand what they are told.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

use std::sync::{Arc, Mutex};
use std::task::{Context, Waker};

use super::super::*;
use crate::command::Command;
use crate::config::Config;
use crate::core::Core;
use crate::event::{ClosedBy, Event, EventKind, Flow};
use crate::ipc::channel::{EventPlace, InstanceSide, MasterSide};
use crate::ipc::codec::{Delivery, Mark, encode_command, encode_mark, encode_pipe};
use crate::ipc::ring::Assembler;
use crate::pipe::{Pipes, Receipt};
use crate::worker::Dispatch;
use crate::{ConnectionId, Message};

pub(super) const RING: usize = 4 << 10;

#[derive(Debug)]
struct NoHttp;

impl HttpGate for NoHttp {
    fn serves_http(&self) -> bool {
        false
    }

    fn try_send(&self, socket: OwnedFd, _: &Arc<HttpPlace>, _: Bytes) -> Result<(), OwnedFd> {
        Err(socket)
    }
}

/// One reactor's lanes, two workers and a user process.
pub(super) struct Rig {
    pub(super) lanes: Lanes,
    pub(super) reports: Arc<Mutex<Vec<LaneReport>>>,
    pub(super) commands: Vec<Command>,
}

/// What a process does, by hand.
pub(super) struct Instance {
    pub(super) side: InstanceSide,
    pub(super) assembler: Assembler,
    pub(super) pipes: Pipes,
    pub(super) head: Vec<u8>,
}

/// What an instance saw of an event: where its record is, whose it was, what was in it, which attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) text: String,
    pub(super) attempt: u32,
    pub(super) suspect: bool,
    pub(super) session: Bytes,
}

pub(super) fn pipes() -> Pipes {
    Pipes::new(2, vec!["hub".into()], 1 << 20)
}

pub(super) fn id(number: u64) -> ConnectionId {
    ConnectionId::new(number).unwrap()
}

impl Rig {
    pub(super) fn new() -> Rig {
        Rig::with(Config {
            workers: 2,
            reactors: 1,
            ring_bytes: RING,
            max_connections: 64,
            ..Config::default()
        })
    }

    pub(super) fn with(config: Config) -> Rig {
        let core = CoreRef::from(Arc::new(Core::new(config, Vec::new(), pipes(), usize::MAX).unwrap()));
        let reports = Arc::new(Mutex::new(Vec::new()));
        let sink = reports.clone();
        let shared = LanesShared::new(2, Arc::new(move |report| sink.lock().unwrap().push(report)));
        Rig { lanes: Lanes::new(0, core, shared), reports, commands: Vec::new() }
    }

    /// Starts a process for a slot and routes that to it.
    pub(super) fn start(&mut self, instance: u32, slot: Slot) -> Instance {
        let instance = self.start_unrouted(instance, slot);
        self.lanes.route(slot, Some(InstanceId(instance.0)));
        instance.1
    }

    pub(super) fn start_unrouted(&mut self, instance: u32, slot: Slot) -> (u32, Instance) {
        let mut master = MasterSide::create(1, RING).unwrap();
        let side = InstanceSide::attach(&master.down, &master.up, 1, RING).unwrap();
        let setup = LaneSetup {
            instance: InstanceId(instance),
            slot,
            lane: master.lanes.remove(0),
            marks: master.marks.clone(),
            bell: Arc::new(Doorbell::new().unwrap()),
            heard: Doorbell::new().unwrap(),
            http: Arc::new(NoHttp),
            gauge: Arc::default(),
        };
        self.lanes.attach(setup, Ok(()));
        let assembler = Assembler::new(1 << 26);
        (instance, Instance { side, assembler, pipes: pipes(), head: Vec::new() })
    }

    pub(super) fn message(&mut self, connection: u64, text: &str) -> Flow {
        self.event(connection, EventKind::Message(Message::from(text)))
    }

    pub(super) fn event(&mut self, connection: u64, kind: EventKind) -> Flow {
        let event = Event::new(id(connection), Bytes::from_static(b"s"), kind);
        let flow = self.lanes.deliver(0, event, &mut Context::from_waker(Waker::noop()));
        self.lanes.publish(false);
        flow
    }

    /// One turn of the reactor; the commands that it would carry out are kept.
    pub(super) fn turn(&mut self) {
        let mut commands = Vec::new();
        self.lanes.look();
        while self.lanes.next_record() {
            self.lanes.take_record(&mut commands);
            self.lanes.carried_out();
        }
        self.lanes.settle(&mut commands);
        self.lanes.publish(false);
        self.commands.append(&mut commands);
    }

    /// A process that dies of itself while it polls one event and another is pending; that is `tried` alone, or not. Answers
    /// what it saw of the one that is pending.
    pub(super) fn die_polling(&mut self, instance: u32, polled: &str, pending: &str, tried: bool) -> Seen {
        let mut zero = self.start(instance, 0);
        self.turn();
        let seen = zero.fetch();
        let find = |text: &str| seen.iter().find(|seen| seen.text == text).unwrap();
        let pending = find(pending);
        zero.mark(Mark::GoesOn, pending);
        if tried {
            zero.side.marks.set_suspect(Some(EventPlace { reactor: 0, position: pending.start }));
        }
        zero.polls(find(polled));
        self.lanes.detach(InstanceId(instance), true);
        self.turn();
        pending.clone()
    }

    /// The connections that are to be closed, and with which code.
    pub(super) fn closed(&self) -> Vec<(u64, u16)> {
        let closed = self.commands.iter().filter_map(|command| match command {
            Command::Disconnect { id, code, .. } => Some((id.get(), *code)),
            _ => None,
        });
        closed.collect()
    }

    pub(super) fn ready_again(&mut self) -> Vec<u64> {
        let ready = self.commands.extract_if(.., |command| matches!(command, Command::HandlerReady { .. }));
        ready
            .map(|command| match command {
                Command::HandlerReady { id } => id.get(),
                _ => 0,
            })
            .collect()
    }

    pub(super) fn reports(&self) -> Vec<LaneReport> {
        std::mem::take(&mut self.reports.lock().unwrap())
    }
}

impl Instance {
    /// Everything that has come since the last call. Nothing is released.
    pub(super) fn fetch(&mut self) -> Vec<Seen> {
        let lane = &mut self.side.lanes[0];
        let mut seen = Vec::new();
        for (record, mut payload) in lane.events.fetch_all().unwrap() {
            let Some(whole) = self.assembler.push(&record, &mut payload).unwrap() else { continue };
            let Delivery::Event(event) = Delivery::decode(whole.payload, Receipt::None, &self.pipes).unwrap()
            else {
                continue;
            };
            let text = match &event.kind {
                EventKind::Message(message) => message.as_text().unwrap().to_owned(),
                EventKind::Pipe(message) => String::from_utf8(message.body().to_vec()).unwrap(),
                EventKind::Close(_) => "close".into(),
                other => format!("{other:?}"),
            };
            let (start, end) = (whole.start, record.end);
            let (attempt, suspect, session) = (event.attempt, event.suspect, event.session);
            seen.push(Seen { start, end, text, attempt, suspect, session });
        }
        seen
    }

    pub(super) fn release(&mut self, seen: &Seen) {
        let _ = self.side.lanes[0].events.release(seen.end);
    }

    pub(super) fn release_all(&mut self) {
        let to = self.side.lanes[0].events.fetched();
        let _ = self.side.lanes[0].events.release(to);
    }

    pub(super) fn handle_all(&mut self) -> Vec<String> {
        let seen = self.fetch();
        self.release_all();
        seen.into_iter().map(|seen| seen.text).collect()
    }

    pub(super) fn mark(&mut self, mark: Mark, seen: &Seen) {
        encode_mark(mark, seen.start, &mut self.head);
        self.write(&[]);
    }

    pub(super) fn send(&mut self, command: &Command) {
        let body = encode_command(command, 7, &mut self.head).unwrap().to_vec();
        self.write(&body);
    }

    pub(super) fn pipe(&mut self, to: Slot, text: &str) {
        encode_pipe(to, &mut self.head);
        self.write(text.as_bytes());
    }

    pub(super) fn write(&mut self, body: &[u8]) {
        let lane = &mut self.side.lanes[0];
        lane.commands.refresh().unwrap();
        assert!(lane.commands.try_write(&[&self.head, body]));
        lane.commands.publish();
    }

    pub(super) fn polls(&self, seen: &Seen) {
        self.side.marks.set_polling(Some(EventPlace { reactor: 0, position: seen.start }));
    }
}

pub(super) fn close() -> EventKind {
    EventKind::Close(crate::Closed { code: 1000, reason: String::new(), by: ClosedBy::Client })
}
