#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::command::{Answer, Asked, Command, Question, Reply};
use crate::decision::Accept;
use crate::event::{Closed, ClosedBy, Event, EventKind};
use crate::frame::Frame;
use crate::instance::InstanceId;
use crate::ipc::ring::Record;
use crate::pipe::{PipeMessage, Pipes, Receipt};
use crate::{ConnectionId, ConnectionState, Decision, Message, Overflow, PeerAddr, Request};

fn pipes() -> Pipes {
    Pipes::new(2, vec!["hub".into()], 1 << 20)
}

fn id(number: u64) -> ConnectionId {
    ConnectionId::new(number).unwrap()
}

fn deliver(head: &[u8], body: &[u8]) -> Result<Delivery, Corrupt> {
    Delivery::decode(Bytes::from([head, body].concat()), Receipt::None, &pipes())
}

fn order(command: &Command) -> Order {
    let mut head = Vec::new();
    let body = encode_command(command, 9, &mut head).unwrap();
    Order::decode(&Bytes::from([&head, body].concat())).unwrap()
}

fn request() -> Request {
    let head = Bytes::from_static(b"GET /a?b HTTP/1.1\r\nHost: x\r\n\r\n");
    Request::new(head, PeerAddr::Inet("[2001:db8::1]:80".parse().unwrap()))
}

/// Everything that can be told of an event from outside.
fn shown(event: &Event) -> String {
    format!("{:?} {:?} {:?} {} {}", event.source, event.session, event.kind, event.attempt, event.suspect)
}

#[test]
fn every_event_arrives_as_it_was_sent() {
    let kinds: [fn() -> EventKind; 7] = [
        || EventKind::Authorize(Box::new(request())),
        || EventKind::Open(Box::new(request())),
        || EventKind::Open(Box::new(request().with_subprotocol(Some("chat")))),
        || EventKind::Message("李雷 says hi".into()),
        || EventKind::Message(Message::Binary(Bytes::from_static(&[0, 255]))),
        || EventKind::Drain,
        || EventKind::Close(Closed { code: 4_000, reason: "再见".into(), by: ClosedBy::Heartbeat }),
    ];
    for kind in kinds {
        let session = match kind() {
            // It has none yet.
            EventKind::Authorize(_) => Bytes::new(),
            _ => Bytes::from_static(b"session"),
        };
        let event = || Event { attempt: 3, suspect: true, ..Event::new(id(5), session.clone(), kind()) };
        let mut head = Vec::new();
        let body = encode_event(event(), &mut head);
        let Ok(Delivery::Event(got)) = deliver(&head, &body) else { panic!("no event") };
        assert_eq!(shown(&got), shown(&event()));
    }
}

#[test]
fn a_message_between_processes_names_its_sender() {
    let message = PipeMessage::new(None, Bytes::from_static(b"hi"), 1);
    let mut head = Vec::new();
    let body = encode_event(Event::pipe(2, message, Receipt::None), &mut head);
    let Ok(Delivery::Event(event)) = deliver(&head, &body) else { panic!("no event") };
    let EventKind::Pipe(message) = event.kind else { panic!("no message") };
    assert_eq!(message.from().unwrap().to_string(), "process hub");
    assert_eq!(message.body(), "hi");
}

#[test]
fn answers_arrive_as_they_were_sent() {
    let state = ConnectionState {
        id: id(7),
        user: Some("ann".into()),
        session: Bytes::from_static(b"s"),
        groups: vec!["a".into(), "群".into()],
    };
    let answers = [
        Answer::Ids(vec![id(1), id(1 << 24)]),
        Answer::Groups(vec!["a".into()]),
        Answer::Session(Bytes::from_static(b"x")),
        Answer::Snapshot(vec![state]),
        Answer::Gone,
    ];
    for answer in answers {
        let mut head = Vec::new();
        encode_answer(4, &answer, &mut head);
        let Ok(Delivery::Answer { token: 4, answer: got }) = deliver(&head, &[]) else { panic!("no answer") };
        assert_eq!(got, answer);
    }
}

#[test]
fn every_command_that_means_something_outside_of_the_master_arrives_as_it_was_sent() {
    let frame = || Frame::single(Message::from("x".repeat(70_000)));
    let shared = || Frame::shared(Message::from(vec![1u8; 200]));
    let accept = Accept {
        subprotocol: Some("chat".into()),
        headers: vec![("a".into(), "b".into())],
        user: Some("ann".into()),
        session: Bytes::from_static(b"s"),
    };
    let overflow = Overflow::DropOldest;
    let commands = [
        Command::RemotePush { id: id(1), frame: frame(), overflow },
        Command::PushMany { ids: vec![id(1), id(2)], frame: shared() },
        Command::Broadcast { frame: shared() },
        Command::Publish { group: "群".into(), frame: shared(), except: [id(3)].into() },
        Command::PushToUser { user: "ann".into(), frame: shared() },
        Command::Join { id: id(1), group: "g".into(), counted: false },
        Command::Leave { id: id(1), group: "g".into(), counted: false },
        Command::Bind { id: id(1), user: "ann".into() },
        Command::Disconnect { id: id(1), code: 4_001, reason: "no".into(), by: ClosedBy::Server },
        Command::Abort { id: id(1) },
        Command::RemoteRefused { id: id(1), closes: true },
        Command::Pause { id: id(1) },
        Command::Resume { id: id(1) },
        Command::Protect { id: id(1), protected: true },
        Command::Authorized { id: id(1), decision: Box::new(Decision::reject(403, "no").header("a", "b")) },
        Command::Authorized {
            id: id(1),
            decision: Box::new(Decision(crate::decision::Verdict::Accept(accept))),
        },
        Command::HandlerReady { id: id(1) },
        Command::HandlerBehind { id: id(1) },
    ];
    for command in commands {
        let Order::Command(got) = order(&command) else { panic!("no command: {command:?}") };
        assert_eq!(format!("{got:?}"), format!("{command:?}"));
    }
}

#[test]
fn questions_sessions_and_marks_arrive_with_their_tokens() {
    let reply = Reply::Instance { instance: InstanceId(1), token: 9 };
    let asked = Asked::Members("g".into());
    let question = Command::Ask(Question { asked: asked.clone(), reply });
    assert!(matches!(order(&question), Order::Ask { token: 9, asked: got } if got == asked));
    let session = Command::SetSession { id: id(1), session: Bytes::from_static(b"s"), echo: None };
    assert!(matches!(order(&session), Order::SetSession { token: 9, session, .. } if session == "s"));
    for mark in [Mark::Waits, Mark::GoesOn, Mark::Begins, Mark::Finishes] {
        let mut head = Vec::new();
        encode_mark(mark, 1 << 40, &mut head);
        let order = Order::decode(&head.into()).unwrap();
        assert!(matches!(order, Order::Mark { mark: got, position } if got == mark && position == 1 << 40));
    }
}

proptest! {
    #[test]
    fn reading_what_a_mad_process_wrote_neither_panics_nor_runs_away(bytes in proptest::collection::vec(any::<u8>(), 0..200), kind in 0..30u8) {
        let mut bytes = bytes;
        if let Some(first) = bytes.first_mut() {
            *first = kind;
        }
        let bytes = Bytes::from(bytes);
        let _ = Order::decode(&bytes);
        let _ = Delivery::decode(bytes, Receipt::None, &pipes());
    }
}

#[test]
fn a_message_that_is_written_where_it_stands_is_written_as_an_event_is() {
    for (kind, message) in [
        (MessageKind::Text, Message::from("李雷 says hi")),
        (MessageKind::Text, Message::from("")),
        (MessageKind::Binary, Message::Binary(Bytes::from_static(&[0, 255]))),
    ] {
        for session in [&b""[..], b"a session", &[7; 300]] {
            let mut head = Vec::new();
            let event = Event::new(id(5), session.to_vec().into(), EventKind::Message(message.clone()));
            let body = encode_event(event, &mut head);
            let parts = [&message_head(id(5), session, kind), session, message.as_bytes()].concat();
            assert_eq!(parts, [&head[..], &body].concat(), "{message:?}, session of {}", session.len());
        }
    }
}

#[test]
fn a_small_push_is_read_as_the_command_that_it_is() {
    for overflow in [Overflow::Close, Overflow::DropNewest, Overflow::DropOldest] {
        for (kind, payload) in [(MessageKind::Text, &b"hi"[..]), (MessageKind::Binary, b"")] {
            let record = [&SmallPush::head(id(5), overflow, kind), payload].concat();
            let first_bytes = std::array::from_fn(|at| record.get(at).copied().unwrap_or_default());
            let place = Record { len: record.len(), ..Record::default() };
            let push = SmallPush::read(&place, first_bytes).unwrap();
            assert_eq!((push.id, push.kind, push.len), (id(5), kind, payload.len()));
            let Order::Command(Command::RemotePush { id, frame, overflow: read }) =
                Order::decode(&Bytes::from(record)).unwrap()
            else {
                panic!("it is no push");
            };
            assert_eq!((id, frame.kind(), frame.payload()), (push.id, kind, payload));
            assert_eq!([push.overflow, read], [overflow; 2]);
        }
    }
}
