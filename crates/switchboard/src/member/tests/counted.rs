//! Counted: an event and a command through the rings, both sides of them in this process.

use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::task::{Context, Waker};

use bytes::Bytes;
use switchboard_proto::MessageKind;

use super::super::run::{Member, Part};
use super::rig::{Master, RING_BYTES, in_runtime, script, turn, worker};
use crate::core::{Core, CoreRef};
use crate::counted::section;
use crate::instance::InstanceId;
use crate::master::lanes::{HttpGate, LaneSetup, Lanes, LanesShared};
use crate::pipe::Pipes;
use crate::places::HttpPlace;
use crate::sys::Doorbell;
use crate::worker::{Dispatch, Payload};
use crate::{Config, Conn, ConnectionId, Message};

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

/// A reactor's lanes, with the rig's member as their only process.
fn lanes(master: &mut Master) -> Lanes {
    let config = Config { workers: 1, reactors: 1, ring_bytes: RING_BYTES, ..Config::default() };
    let core = Core::new(config, Vec::new(), Pipes::new(1, vec!["hub".into()], 1 << 20), usize::MAX).unwrap();
    let mut lanes = Lanes::new(0, CoreRef::keep(core), LanesShared::new(1, Arc::new(|_| {})));
    let setup = LaneSetup {
        instance: InstanceId(7),
        slot: 0,
        lane: master.side.lanes.remove(0),
        marks: master.side.marks.clone(),
        bell: Arc::new(Doorbell::new().unwrap()),
        heard: Doorbell::new().unwrap(),
        http: Arc::new(NoHttp),
        gauge: Arc::default(),
    };
    lanes.attach(setup, Ok(()));
    lanes.route(0, Some(InstanceId(7)));
    lanes
}

fn give(lanes: &mut Lanes, ids: &[ConnectionId], bytes: &[u8]) {
    let mut context = Context::from_waker(Waker::noop());
    for (key, id) in ids.iter().enumerate() {
        assert!(lanes.has_room(*id));
        let payload = Payload { kind: MessageKind::Text, bytes };
        lanes.deliver_message(key as u32, *id, Bytes::new(), payload, &mut context);
    }
    lanes.publish(false);
}

fn turns<P: Part>(member: &mut Member<P>) {
    while member.turn(&mut Context::from_waker(Waker::noop())).unwrap() {}
}

fn take(lanes: &mut Lanes, out: &mut Vec<u8>) -> usize {
    let mut pushes = 0;
    lanes.look();
    while lanes.next_record() {
        let push = lanes.small_push().unwrap();
        out.clear();
        lanes.copy_pushed(out);
        assert_eq!(push.len, out.len());
        pushes += 1;
        lanes.carried_out();
    }
    lanes.settle(&mut Vec::new());
    lanes.publish(false);
    pushes
}

/// As many connections send a message in each turn.
fn event_and_push(runs: usize, connections: usize, bytes: usize) {
    in_runtime(async {
        let handler = script(|conn: Conn, message: Message| async move { conn.push(message).unwrap() });
        let (mut master, mut member, _handle) = worker(Config::default(), handler);
        let mut lanes = lanes(&mut master);
        let ids: Vec<_> = (0..connections).map(|_| master.open(0)).collect();
        let (bytes, mut out) = (vec![b'a'; bytes], Vec::with_capacity(1 << 16));
        for run in 0..=runs {
            let mut pushes = 0;
            match run {
                0 => {
                    give(&mut lanes, &ids, &bytes);
                    turn(&mut member).await;
                    pushes += take(&mut lanes, &mut out);
                }
                _ => {
                    section(&mut || give(&mut lanes, &ids, &bytes));
                    section(&mut || turns(&mut member));
                    section(&mut || pushes += take(&mut lanes, &mut out));
                }
            }
            assert_eq!(pushes, ids.len());
        }
        println!("counted: {}", runs * ids.len());
    });
}

#[test]
fn event_and_push_of_16_bytes() {
    event_and_push(32, 16, 16);
}

#[test]
fn event_and_push_of_16_bytes_one_at_a_time() {
    event_and_push(64, 1, 16);
}
