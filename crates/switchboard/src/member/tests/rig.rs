//! A member whose master is the test.

use std::future::{Future, poll_fn};
use std::os::fd::AsFd;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;

use super::super::attach::{Attached, Program, attach};
use super::super::journal::RingJournal;
use super::super::link::Link;
use super::super::process::ProcessPart;
use super::super::run::{Inlets, Member, Part};
use super::super::worker::WorkerPart;
use crate::event::{Event, EventKind};
use crate::instance::InstanceId;
use crate::ipc::channel::MasterSide;
use crate::ipc::codec::{Order, encode_event};
use crate::ipc::link::{ToInstance, ToMaster};
use crate::ipc::ring::{Assembler, PieceWriter};
use crate::ipc::setup::{Limits, Setup};
use crate::ipc::socket::{Inbound, Socket, Wait};
use crate::pipe::Receipt;
use crate::sys::{Doorbell, Ear};
use crate::table::{State, Table};
use crate::worker::Runner;
use crate::{Config, Conn, ConnectionId, Handle, Handler, Message, PeerAddr, PipeMessage, Process};

pub(super) const RING_BYTES: usize = 4096;

/// The master's side.
pub(super) struct Master {
    pub(super) side: MasterSide,
    pub(super) table: Table,
    pub(super) link: Socket,
    /// The member's, to wake it.
    pub(super) bell: Doorbell,
    assemblers: Vec<Assembler>,
}

pub(super) type Turn = Pin<Box<dyn Future<Output = ()>>>;

/// A handler of messages.
pub(super) struct Script(pub(super) Box<dyn Fn(Conn, Message) -> Turn>);

impl Handler for Script {
    fn on_message(&self, conn: Conn, message: Message) -> impl Future<Output = ()> {
        (self.0)(conn, message)
    }
}

pub(super) fn script<F: Future<Output = ()> + 'static>(run: impl Fn(Conn, Message) -> F + 'static) -> Script {
    Script(Box::new(move |conn, message| Box::pin(run(conn, message))))
}

pub(super) fn in_runtime<T>(test: impl Future<Output = T>) -> T {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_all().build_local(Default::default()).unwrap();
    let test = async { tokio::time::timeout(Duration::from_secs(20), test).await.unwrap() };
    runtime.block_on(tokio::task::unconstrained(test))
}

pub(super) fn text(message: &Message) -> String {
    message.as_text().unwrap().to_owned()
}

/// The second slot of three, which are workers and one process.
pub(super) fn attached(reactors: usize, config: Config) -> (Master, Attached) {
    let side = MasterSide::create(reactors, RING_BYTES).unwrap();
    let table = Table::new(64, 1).unwrap();
    let (link, theirs) = Socket::pair().unwrap();
    let bell = Doorbell::new().unwrap();
    let ear = Ear::of(&bell).unwrap();
    let bells: Vec<_> = (0..reactors).map(|_| Doorbell::new().unwrap()).collect();
    let setup = Setup {
        instance: InstanceId(7),
        slot: 1,
        generation: 1,
        workers: 2,
        reactors: reactors as u16,
        ring_bytes: RING_BYTES,
        table_slots: table.slots(),
        first_connection_id: 1,
        has_predecessor: true,
        limits: Limits::of(&config),
        listening: Vec::new(),
        processes: vec!["hub".into()],
        files: Vec::new(),
    };
    let mut descriptors =
        vec![table.fd().unwrap(), side.down.as_fd(), side.up.as_fd(), ear.as_fd(), bells[0].as_fd()];
    let bytes = ToInstance::Setup(Box::new(setup)).encode();
    link.send(&bytes, &descriptors, Wait::No).unwrap();
    descriptors = bells[1..].iter().map(AsFd::as_fd).collect();
    if !descriptors.is_empty() {
        link.send(&ToInstance::Bells.encode(), &descriptors, Wait::No).unwrap();
    }
    let program = Program { config: Config::default(), processes: vec!["hub".into()] };
    let attached = attach(Link::new(theirs).unwrap(), program).unwrap().unwrap();
    let assemblers = (0..reactors).map(|_| Assembler::new(1 << 20)).collect();
    let mut master = Master { side, table, link, bell, assemblers };
    assert!(matches!(master.heard()[..], [ToMaster::Hello { .. }]));
    (master, attached)
}

fn member<P: Part>(attached: Attached, journal: Rc<RingJournal>, part: P) -> Member<P> {
    let news = attached.link.read(|_| ()).unwrap();
    let Attached { handle, ports, lanes, sleeping, bell, .. } = attached;
    let inlets = Inlets { lanes, sleeping, bell, news };
    Member::new(handle.core().clone(), ports, journal, inlets, part).unwrap()
}

pub(super) fn worker<H: Handler>(config: Config, handler: H) -> (Master, Member<WorkerPart<H>>, Handle) {
    let (master, attached) = attached(2, config);
    let journal = Rc::new(RingJournal::new(attached.ports.clone(), attached.marks.clone()));
    let (link, handle) = (attached.link.clone(), attached.handle.clone());
    let mut part = WorkerPart::new(link, handle.core().config.max_requests);
    part.runner = Some(Runner::with_journal(handler, handle.clone(), journal.clone()));
    (master, member(attached, journal, part), handle)
}

pub(super) fn process() -> (Master, Member<ProcessPart>, Process) {
    let (master, attached) = attached(2, Config::default());
    let journal = Rc::new(RingJournal::new(attached.ports.clone(), attached.marks.clone()));
    let (link, handle) = (attached.link.clone(), attached.handle.clone());
    let (part, process) = ProcessPart::new("hub", handle, journal.clone(), link, true);
    (master, member(attached, journal, part), process)
}

/// One turn of the member, or several where the machine is too busy for one, and then of its tasks.
pub(super) async fn turn<P: Part>(member: &mut Member<P>) {
    while poll_fn(|context| Poll::Ready(member.turn(context))).await.unwrap() {}
    for _ in 0..4 {
        tokio::task::yield_now().await;
    }
}

impl Master {
    pub(super) fn open(&self, reactor: u8) -> ConnectionId {
        let id = self.table.claim().unwrap();
        self.table.slot(id).occupy(reactor, id.local(), &PeerAddr::Unix, 1);
        self.table.slot(id).set_state(State::Open);
        id
    }

    /// Gives the member an event; answers where it ends.
    pub(super) fn give(&mut self, lane: usize, event: Event) -> u64 {
        let mut head = Vec::new();
        let body = encode_event(event, &mut head);
        self.write(lane, &head, body)
    }

    pub(super) fn write(&mut self, lane: usize, head: &[u8], body: Bytes) -> u64 {
        let producer = &mut self.side.lanes[lane].events;
        if head.len() + body.len() > producer.payload_max() {
            assert!(PieceWriter::new(head.to_vec(), body).write(producer), "no room");
        } else {
            assert!(producer.try_write(&[head, &body]), "no room");
        }
        producer.publish();
        producer.position()
    }

    pub(super) fn message(&mut self, lane: usize, id: ConnectionId, text: &str) -> u64 {
        let message = EventKind::Message(Message::from(text.to_owned()));
        self.give(lane, Event::new(id, Bytes::from_static(b"old"), message))
    }

    pub(super) fn pipe(&mut self, lane: usize, from: u16, text: &str) -> u64 {
        let body = Bytes::from(text.to_owned());
        self.give(lane, Event::pipe(from, PipeMessage::new(None, body, 1), Receipt::None))
    }

    /// What the member has released of its events.
    pub(super) fn released(&self, lane: usize) -> u64 {
        self.side.lanes[lane].events.sample().unwrap()
    }

    /// What the member has sent and can be seen; the room is not given back.
    pub(super) fn fetch(&mut self, lane: usize) -> Vec<Order> {
        let mut orders = Vec::new();
        for (record, mut payload) in self.side.lanes[lane].commands.fetch_all().unwrap() {
            if let Some(whole) = self.assemblers[lane].push(&record, &mut payload).unwrap() {
                orders.push(Order::decode(&whole.payload).unwrap());
            }
        }
        orders
    }

    pub(super) fn release(&mut self, lane: usize) -> bool {
        let commands = &mut self.side.lanes[lane].commands;
        let fetched = commands.fetched();
        commands.release(fetched)
    }

    /// Takes what the member has sent.
    pub(super) fn take(&mut self, lane: usize) -> Vec<Order> {
        let orders = self.fetch(lane);
        if self.release(lane) {
            self.bell.ring();
        }
        orders
    }

    /// The same, in a few words.
    pub(super) fn taken(&mut self, lane: usize) -> Vec<String> {
        self.take(lane).iter().map(brief).collect()
    }

    pub(super) fn heard(&mut self) -> Vec<ToMaster> {
        let mut inbound = Inbound::new();
        let mut heard = Vec::new();
        while let Ok(Some(packet)) = inbound.receive(&self.link, Wait::No) {
            heard.push(ToMaster::decode(packet.bytes).unwrap());
        }
        heard
    }
}

/// A push by its text, everything else by its kind.
pub(super) fn brief(order: &Order) -> String {
    use crate::command::Command;
    match order {
        Order::Command(Command::RemotePush { frame, .. }) => {
            String::from_utf8(frame.payload().to_vec()).unwrap()
        }
        Order::Command(Command::RemoteRefused { closes, .. }) => format!("refused {closes}"),
        Order::Command(Command::HandlerBehind { .. }) => "behind".to_owned(),
        Order::Command(Command::HandlerReady { .. }) => "ready".to_owned(),
        Order::Command(Command::Broadcast { frame }) => format!("broadcast {}", frame.payload().len()),
        Order::Command(_) => "command".to_owned(),
        Order::SetSession { .. } => "session".to_owned(),
        Order::Ask { .. } => "ask".to_owned(),
        Order::Pipe { to, .. } => format!("pipe {to}"),
        Order::Mark { mark, position } => format!("{mark:?} {position}"),
    }
}
