#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

use std::sync::{Arc, Mutex};
use std::task::{Context, Waker};

use bytes::BytesMut;

use super::*;
use crate::command::Command;
use crate::config::Config;
use crate::event::{ClosedBy, Event, EventKind, Flow};
use crate::ipc::channel::{EventPlace, InstanceSide, MasterSide};
use crate::ipc::codec::{Delivery, Mark, encode_command, encode_mark, encode_pipe};
use crate::ipc::ring::{Assembler, Payload, Records};
use crate::pipe::{Pipes, Receipt};
use crate::worker::Dispatch;
use crate::{ConnectionId, Message};

const RING: usize = 4 << 10;

#[derive(Debug)]
struct NoHttp;

impl HttpGate for NoHttp {
    fn serves_http(&self) -> bool {
        false
    }

    fn try_send(&self, socket: OwnedFd, _: PeerAddr, _: Bytes) -> Result<(), OwnedFd> {
        Err(socket)
    }
}

/// One reactor's lanes, two workers and a user process.
struct Rig {
    lanes: Lanes,
    reports: Arc<Mutex<Vec<LaneReport>>>,
    commands: Vec<Command>,
}

/// What a process does, by hand.
struct Instance {
    side: InstanceSide,
    assembler: Assembler,
    pipes: Pipes,
    head: Vec<u8>,
}

/// What an instance saw of an event: where its record is, whose it was, what was in it, which attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    start: u64,
    end: u64,
    text: String,
    attempt: u32,
    suspect: bool,
    session: Bytes,
}

fn pipes() -> Pipes {
    Pipes::new(2, vec!["hub".into()], 1 << 20)
}

fn id(number: u64) -> ConnectionId {
    ConnectionId::new(number).unwrap()
}

impl Rig {
    fn new() -> Rig {
        Rig::with(Config {
            workers: 2,
            reactors: 1,
            ring_bytes: RING,
            max_connections: 64,
            ..Config::default()
        })
    }

    fn with(config: Config) -> Rig {
        let core = Arc::new(Core::new(config, Vec::new(), pipes()).unwrap());
        let reports = Arc::new(Mutex::new(Vec::new()));
        let sink = reports.clone();
        let shared = LanesShared::new(2, Arc::new(move |report| sink.lock().unwrap().push(report)));
        Rig { lanes: Lanes::new(0, core, shared), reports, commands: Vec::new() }
    }

    /// Starts a process for a slot and routes that to it.
    fn start(&mut self, instance: u32, slot: Slot) -> Instance {
        let instance = self.start_unrouted(instance, slot);
        self.lanes.route(slot, Some(InstanceId(instance.0)));
        instance.1
    }

    fn start_unrouted(&mut self, instance: u32, slot: Slot) -> (u32, Instance) {
        let mut master = MasterSide::create(1, RING).unwrap();
        let side = InstanceSide::attach(&master.down, &master.up, 1, RING).unwrap();
        let setup = LaneSetup {
            instance: InstanceId(instance),
            slot,
            lane: master.lanes.remove(0),
            marks: master.marks.clone(),
            bell: Arc::new(Doorbell::new().unwrap()),
            http: Arc::new(NoHttp),
            gauge: Arc::default(),
        };
        self.lanes.attach(setup);
        let assembler = Assembler::new(1 << 26);
        (instance, Instance { side, assembler, pipes: pipes(), head: Vec::new() })
    }

    fn message(&mut self, connection: u64, text: &str) -> Flow {
        self.event(connection, EventKind::Message(Message::from(text)))
    }

    fn event(&mut self, connection: u64, kind: EventKind) -> Flow {
        let event = Event::new(id(connection), Bytes::from_static(b"s"), kind);
        let flow = self.lanes.deliver(0, event, &mut Context::from_waker(Waker::noop()));
        self.lanes.publish(false);
        flow
    }

    /// One turn of the reactor; the commands that it would carry out are kept.
    fn turn(&mut self) {
        let mut commands = Vec::new();
        self.lanes.fetch();
        while let Some(batch) = self.lanes.next_batch() {
            let mut records = Records::new(&batch.bytes, batch.start);
            while let Some(record) = records.next().unwrap() {
                self.lanes.take_record(&batch, record, &mut commands);
            }
        }
        self.lanes.settle(&mut commands);
        self.lanes.publish(false);
        self.commands.append(&mut commands);
    }

    fn ready_again(&mut self) -> Vec<u64> {
        let ready = self.commands.extract_if(.., |command| matches!(command, Command::HandlerReady { .. }));
        ready
            .map(|command| match command {
                Command::HandlerReady { id } => id.get(),
                _ => 0,
            })
            .collect()
    }

    fn reports(&self) -> Vec<LaneReport> {
        std::mem::take(&mut self.reports.lock().unwrap())
    }
}

impl Instance {
    /// Everything that has come since the last call. Nothing is released.
    fn fetch(&mut self) -> Vec<Seen> {
        let lane = &mut self.side.lanes[0];
        let mut bytes = BytesMut::new();
        let start = lane.events.fetch(&mut bytes).unwrap();
        let bytes = bytes.freeze();
        let mut records = Records::new(&bytes, start);
        let mut seen = Vec::new();
        while let Some(record) = records.next().unwrap() {
            let Some(whole) = self.assembler.push(record).unwrap() else { continue };
            let payload = match whole.payload {
                Payload::Fetched(part) => bytes.slice_ref(part),
                Payload::Assembled(bytes) => bytes,
            };
            let Delivery::Event(event) = Delivery::decode(&payload, Receipt::None, &self.pipes).unwrap()
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

    fn release(&mut self, seen: &Seen) {
        let _ = self.side.lanes[0].events.release(seen.end);
    }

    fn release_all(&mut self) {
        let to = self.side.lanes[0].events.fetched();
        let _ = self.side.lanes[0].events.release(to);
    }

    fn handle_all(&mut self) -> Vec<String> {
        let seen = self.fetch();
        self.release_all();
        seen.into_iter().map(|seen| seen.text).collect()
    }

    fn mark(&mut self, mark: Mark, seen: &Seen) {
        encode_mark(mark, seen.start, &mut self.head);
        self.write(&[]);
    }

    fn send(&mut self, command: &Command) {
        let body = encode_command(command, 7, &mut self.head).unwrap().to_vec();
        self.write(&body);
    }

    fn pipe(&mut self, to: Slot, text: &str) {
        encode_pipe(to, &mut self.head);
        self.write(text.as_bytes());
    }

    fn write(&mut self, body: &[u8]) {
        let lane = &mut self.side.lanes[0];
        lane.commands.refresh().unwrap();
        assert!(lane.commands.try_write(&[&self.head, body]));
        lane.commands.publish();
    }

    fn polls(&self, seen: &Seen) {
        self.side.marks.set_polling(Some(EventPlace { reactor: 0, position: seen.start }));
    }
}

fn close() -> EventKind {
    EventKind::Close(crate::Closed { code: 1000, reason: String::new(), by: ClosedBy::Client })
}

#[test]
fn events_go_to_the_worker_of_their_connection_in_order() {
    let mut rig = Rig::new();
    let (mut zero, mut one) = (rig.start(1, 0), rig.start(2, 1));
    for number in 0..10 {
        assert_eq!(rig.message(2, &format!("even {number}")), Flow::Go);
        assert_eq!(rig.message(3, &format!("odd {number}")), Flow::Go);
    }
    let expected = |name: &str| (0..10).map(|number| format!("{name} {number}")).collect::<Vec<_>>();
    assert_eq!(zero.handle_all(), expected("even"));
    assert_eq!(one.handle_all(), expected("odd"));
    assert_eq!(rig.lanes.unfinished, 20);
    rig.turn();
    assert_eq!(rig.lanes.unfinished, 0);
    assert!(rig.lanes.routes.is_empty());
}

#[test]
fn without_a_worker_events_wait_and_their_connection_is_held() {
    let mut rig = Rig::new();
    assert_eq!(rig.message(2, "a"), Flow::Hold);
    assert_eq!(rig.event(2, close()), Flow::Go);
    let mut zero = rig.start(1, 0);
    rig.turn();
    assert_eq!(zero.handle_all(), ["a", "close"]);
    assert_eq!(rig.ready_again(), [2]);
    rig.turn();
    assert!(rig.lanes.routes.is_empty());
}

#[test]
fn a_full_ring_holds_those_who_feed_it_and_loses_nothing() {
    let mut rig = Rig::new();
    let mut zero = rig.start(1, 0);
    let (mut sent, mut held) = (0, 0);
    while held < 3 {
        held += usize::from(rig.message(2 + 2 * (sent % 5), &format!("{sent:0>100}")) == Flow::Hold);
        sent += 1;
    }
    let mut got = Vec::new();
    while got.len() < sent as usize {
        got.extend(zero.handle_all());
        rig.turn();
    }
    // Every connection's own in order; here they even were never out of order among each other.
    for connection in 0..5 {
        let own: Vec<u64> =
            got.iter().map(|text| text.parse().unwrap()).filter(|n| n % 5 == connection).collect();
        assert!(own.is_sorted());
    }
    assert_eq!(rig.ready_again().len(), 3);
    rig.turn();
    assert_eq!(rig.lanes.unfinished, 0);
}

#[test]
fn a_message_larger_than_the_ring_goes_in_pieces_and_survives_its_reader() {
    let mut rig = Rig::new();
    let mut first = rig.start(1, 0);
    let big = "x".repeat(5 * RING);
    rig.message(2, &big);
    rig.message(4, "after");
    for _ in 0..3 {
        assert!(first.handle_all().is_empty());
        rig.turn();
    }
    rig.lanes.detach(InstanceId(1), false);
    let mut second = rig.start(2, 0);
    let mut got = Vec::new();
    for _ in 0..20 {
        rig.turn();
        got.extend(second.handle_all());
    }
    got.sort_unstable();
    assert!(got == ["after".to_owned(), big], "{} messages", got.len());
    rig.turn();
    assert_eq!(rig.lanes.unfinished, 0);
}

#[test]
fn a_pending_event_does_not_block_the_ring() {
    let mut rig = Rig::new();
    let mut zero = rig.start(1, 0);
    rig.message(2, "slow");
    let slow = zero.fetch().remove(0);
    zero.mark(Mark::GoesOn, &slow);
    zero.release(&slow);
    for number in 0..1_000 {
        assert_eq!(rig.message(4, &format!("{number:0>100}")), Flow::Go, "{number}");
        assert_eq!(zero.handle_all().len(), 1);
        rig.turn();
    }
    assert_eq!(rig.lanes.unfinished, 1);
    zero.mark(Mark::Finishes, &slow);
    rig.turn();
    assert_eq!(rig.lanes.unfinished, 0);
}

#[test]
fn a_pending_event_does_not_stop_a_message_in_pieces() {
    let mut rig = Rig::new();
    let mut zero = rig.start(1, 0);
    rig.message(2, "slow");
    let slow = zero.fetch().remove(0);
    zero.mark(Mark::GoesOn, &slow);
    zero.release(&slow);
    let big = "x".repeat(5 * RING);
    rig.message(4, &big);
    let mut got = Vec::new();
    for _ in 0..20 {
        rig.turn();
        got.extend(zero.handle_all());
    }
    assert!(got == [big], "{} messages", got.len());
    rig.turn();
    assert_eq!(rig.lanes.unfinished, 1, "the slow one");
}

#[test]
fn a_large_pending_event_does_not_give_the_room_of_those_behind_it_free() {
    let mut rig = Rig::new();
    let mut zero = rig.start(1, 0);
    let big = "x".repeat(RING / 2);
    rig.message(2, &big);
    rig.message(4, "small");
    let mut seen = Vec::new();
    for _ in 0..4 {
        rig.turn();
        seen.extend(zero.fetch());
    }
    assert_eq!(seen.len(), 2);
    for event in &seen {
        zero.mark(Mark::GoesOn, event);
        zero.release(event);
    }
    rig.turn();
    // The ring is written over, as far as that is allowed.
    for number in 0..100 {
        rig.message(6, &format!("{number:0>100}"));
        rig.turn();
        zero.handle_all();
        rig.turn();
    }
    rig.lanes.detach(InstanceId(1), false);
    let mut next = rig.start(2, 0);
    let mut again = Vec::new();
    for _ in 0..4 {
        rig.turn();
        again.extend(next.fetch().into_iter().map(|seen| seen.text.len()));
        next.release_all();
    }
    again.sort_unstable();
    assert_eq!(again, ["small".len(), big.len()]);
    rig.turn();
    assert_eq!(rig.lanes.unfinished, 0);
}

#[test]
fn who_does_not_take_its_answers_gets_no_more_and_recovers() {
    let config =
        Config { workers: 2, reactors: 1, ring_bytes: RING, max_connections: 64, ..Config::default() };
    let mut rig = Rig::with(Config { message_bytes_max: 1_024, command_bytes_max: 2_048, ..config });
    let mut zero = rig.start(1, 0);
    for token in 0..20 {
        rig.lanes.answer(InstanceId(1), token, crate::command::Answer::Session(vec![0; 900].into()));
    }
    rig.turn();
    zero.send(&Command::Abort { id: id(2) });
    rig.turn();
    assert!(rig.commands.is_empty(), "nothing is asked while answers wait");
    assert!(rig.lanes.prepare_sleep(), "and the reactor does not spin");
    for _ in 0..20 {
        zero.fetch();
        zero.release_all();
        rig.turn();
    }
    assert!(matches!(rig.commands[..], [Command::Abort { .. }]), "{:?}", rig.commands);
    assert!(rig.reports().is_empty());
}

#[test]
fn a_successor_gets_what_was_not_handled_and_only_what_had_begun_is_a_second_attempt() {
    let mut rig = Rig::new();
    let mut zero = rig.start(1, 0);
    for text in ["handled", "pending", "waits", "polled", "untouched"] {
        // "waits" is of the same connection as "pending".
        rig.message(if text == "waits" || text == "pending" { 2 } else { 4 }, text);
    }
    let seen = zero.fetch();
    zero.release(&seen[0]);
    zero.mark(Mark::GoesOn, &seen[1]);
    zero.release(&seen[1]);
    zero.mark(Mark::Waits, &seen[2]);
    zero.release(&seen[2]);
    zero.polls(&seen[3]);
    rig.lanes.detach(InstanceId(1), false);
    let mut next = rig.start(2, 0);
    rig.turn();
    let mut again: Vec<(String, u32)> =
        next.fetch().into_iter().map(|seen| (seen.text, seen.attempt)).collect();
    again.sort();
    let expected = [("pending", 2), ("polled", 2), ("untouched", 1), ("waits", 1)];
    assert_eq!(again, expected.map(|(text, attempt)| (text.to_owned(), attempt)));
    assert_eq!(rig.reports(), [LaneReport::Detached { instance: InstanceId(1), reactor: 0 }]);
    next.release_all();
    rig.turn();
    assert_eq!(rig.lanes.unfinished, 0);
}

#[test]
fn what_a_dead_worker_had_committed_is_carried_out() {
    let mut rig = Rig::new();
    let mut zero = rig.start(1, 0);
    zero.send(&Command::Abort { id: id(2) });
    zero.send(&Command::Pause { id: id(2) });
    rig.lanes.detach(InstanceId(1), true);
    rig.turn();
    assert!(matches!(rig.commands[..], [Command::Abort { .. }, Command::Pause { .. }]), "{:?}", rig.commands);
}

#[test]
fn an_event_that_kills_twice_closes_its_connection_and_no_other() {
    let mut rig = Rig::new();
    for instance in 1..3 {
        let mut zero = rig.start(instance, 0);
        if instance == 1 {
            rig.message(2, "poison");
            rig.message(2, "after it");
            rig.message(4, "innocent");
        }
        rig.turn();
        let seen = zero.fetch();
        assert_eq!(seen.len(), 3);
        let poison = seen.iter().find(|seen| seen.text == "poison").unwrap();
        assert_eq!(poison.attempt, instance);
        zero.polls(poison);
        rig.lanes.detach(InstanceId(instance), true);
        rig.turn();
    }
    let closed = rig.commands.iter().filter_map(|command| match command {
        Command::Disconnect { id, code, .. } => Some((id.get(), *code)),
        _ => None,
    });
    assert_eq!(closed.collect::<Vec<_>>(), [(2, 1011)]);
    let mut third = rig.start(3, 0);
    rig.turn();
    assert_eq!(third.handle_all(), ["innocent"]);
    rig.turn();
    assert_eq!(rig.lanes.unfinished, 0);
}

#[test]
fn if_nobody_knows_who_it_was_those_that_had_begun_are_suspects() {
    let mut rig = Rig::new();
    let mut zero = rig.start(1, 0);
    rig.message(2, "one");
    rig.message(4, "two");
    rig.message(6, "not begun");
    let seen = zero.fetch();
    for seen in &seen[..2] {
        zero.mark(Mark::GoesOn, seen);
        zero.release(seen);
    }
    rig.lanes.detach(InstanceId(1), true);
    let mut next = rig.start(2, 0);
    rig.turn();
    let mut suspects: Vec<_> = next.fetch().into_iter().map(|seen| (seen.text, seen.suspect)).collect();
    suspects.sort();
    assert_eq!(suspects, [("not begun".into(), false), ("one".into(), true), ("two".into(), true)]);
}

#[test]
fn who_is_polled_while_a_suspect_is_pending_is_not_blamed() {
    let mut rig = Rig::new();
    for instance in 1..5 {
        let mut zero = rig.start(instance, 0);
        if instance == 1 {
            rig.message(2, "suspect");
            rig.message(4, "innocent");
        }
        rig.turn();
        let seen = zero.fetch();
        let suspect = seen.iter().find(|seen| seen.text == "suspect").unwrap();
        zero.mark(Mark::GoesOn, suspect);
        zero.side.marks.set_suspect(Some(EventPlace { reactor: 0, position: suspect.start }));
        zero.polls(seen.iter().find(|seen| seen.text == "innocent").unwrap());
        rig.lanes.detach(InstanceId(instance), true);
        rig.turn();
    }
    assert!(rig.commands.is_empty(), "{:?}", rig.commands);
    let mut last = rig.start(9, 0);
    rig.turn();
    assert!(last.fetch().iter().all(|seen| seen.suspect), "both are to be handled alone");
}

#[test]
fn a_connection_moves_to_the_new_worker_only_when_the_old_one_has_finished() {
    let mut rig = Rig::new();
    let mut old = rig.start(1, 0);
    rig.message(2, "first");
    let mut new = rig.start(2, 0);
    assert_eq!(rig.message(2, "second"), Flow::Hold);
    assert_eq!(rig.message(4, "of another"), Flow::Go);
    rig.turn();
    assert_eq!(new.handle_all(), ["of another"]);
    assert!(rig.reports().is_empty(), "the old one has something to do");
    assert_eq!(old.handle_all(), ["first"]);
    rig.turn();
    assert_eq!(new.handle_all(), ["second"]);
    assert_eq!(rig.ready_again(), [2]);
    assert_eq!(rig.reports(), [LaneReport::Idle { instance: InstanceId(1), reactor: 0 }]);
}

#[test]
fn messages_between_processes_keep_their_order_and_give_credit() {
    let mut rig = Rig::new();
    let mut zero = rig.start(1, 0);
    for number in 0..5 {
        zero.pipe(2, &number.to_string());
    }
    rig.turn();
    assert!(rig.lanes.lane(InstanceId(1)).unwrap().piped > 0);
    let mut hub = rig.start(2, 2);
    rig.turn();
    assert_eq!(hub.handle_all(), ["0", "1", "2", "3", "4"]);
    rig.turn();
    assert_eq!(rig.lanes.lane(InstanceId(1)).unwrap().piped, 0);
    assert_eq!(rig.lanes.unfinished, 0);
}

#[test]
fn a_process_that_writes_nonsense_is_reported_and_not_believed() {
    let mut rig = Rig::new();
    let mut zero = rig.start(1, 0);
    rig.message(2, "kept");
    zero.head = vec![99, 1, 2, 3];
    zero.write(&[]);
    rig.turn();
    assert!(matches!(rig.reports()[..], [LaneReport::Violated { instance: InstanceId(1), .. }]));
    assert_eq!(rig.message(2, "too"), Flow::Hold);
    rig.lanes.detach(InstanceId(1), false);
    let mut next = rig.start(2, 0);
    rig.turn();
    assert_eq!(next.handle_all(), ["kept", "too"]);
}

#[test]
fn marks_on_events_that_are_not_there_are_nonsense() {
    for wrong in [Mark::Waits, Mark::GoesOn, Mark::Begins, Mark::Finishes] {
        let mut rig = Rig::new();
        let mut zero = rig.start(1, 0);
        encode_mark(wrong, 4_096, &mut zero.head);
        zero.write(&[]);
        rig.turn();
        assert!(matches!(rig.reports()[..], [LaneReport::Violated { .. }]), "{wrong:?}");
    }
}

#[test]
fn waiting_events_get_the_session_that_was_set_meanwhile() {
    let mut rig = Rig::new();
    let mut zero = rig.start(1, 0);
    rig.message(2, "given");
    rig.lanes.session_changed(0, id(2), &Bytes::from_static(b"new"), Some(InstanceId(1)));
    rig.lanes.detach(InstanceId(1), false);
    rig.turn();
    assert_eq!(rig.message(2, "after"), Flow::Hold);
    let mut next = rig.start(2, 0);
    rig.turn();
    let sessions: Vec<Bytes> = next.fetch().into_iter().map(|seen| seen.session).collect();
    assert_eq!(sessions[0], "new");
    zero.release_all();
}
