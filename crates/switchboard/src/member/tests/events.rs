//! Events on their way to the handlers.

use std::cell::RefCell;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::Notify;

use super::rig::{RING_BYTES, brief, in_runtime, process, script, text, turn, worker};
use crate::event::{Event, EventKind};
use crate::ipc::codec::encode_echo;
use crate::ipc::link::{ToInstance, ToMaster};
use crate::ipc::socket::Wait;
use crate::places::Source;
use crate::{Config, Message, PeerAddr, Request, Transport};

#[test]
fn a_handler_that_is_done_at_once_is_not_mentioned() {
    in_runtime(async {
        let echo = script(async |conn, message| conn.push(message).unwrap());
        let (mut master, mut member, _) = worker(Config::default(), echo);
        let id = master.open(1);
        master.message(1, id, "one");
        let end = master.message(1, id, "two");
        turn(&mut member).await;
        assert_eq!(master.released(1), end);
        assert_eq!(master.side.marks.polling(), None);
        assert_eq!(master.taken(1), ["one", "two"]);
    });
}

#[test]
fn what_is_handled_and_cannot_be_released_stays_marked_as_polled() {
    in_runtime(async {
        let large = script(async |conn, _| conn.push("x".repeat(200_000)).unwrap());
        let (mut master, mut member, _) = worker(Config::default(), large);
        let id = master.open(1);
        master.message(1, id, "one");
        let end = master.message(1, id, "two");
        turn(&mut member).await;
        assert!(master.released(1) < end, "its commands need more room than there is");
        let polling = master.side.marks.polling().unwrap();
        assert_eq!((polling.reactor, polling.position), (1, 0));
        while master.released(1) < end {
            master.take(1);
            turn(&mut member).await;
        }
        assert_eq!(master.side.marks.polling(), None);
    });
}

#[test]
fn marks_tell_of_those_that_wait_and_go_on() {
    in_runtime(async {
        let gate = Rc::new(Notify::new());
        let opened = gate.clone();
        let slow = script(move |conn, message| {
            let gate = gate.clone();
            async move {
                gate.notified().await;
                conn.push(message).unwrap();
            }
        });
        let (mut master, mut member, _) = worker(Config::default(), slow);
        let id = master.open(1);
        let second = master.message(1, id, "one");
        let end = master.message(1, id, "two");
        turn(&mut member).await;
        assert_eq!(master.released(1), end, "declared, so that others can come");
        assert_eq!(master.taken(1), ["GoesOn 0".to_owned(), format!("Waits {second}")]);
        opened.notify_one();
        turn(&mut member).await;
        assert_eq!(master.taken(1), ["one", "Finishes 0", &format!("Begins {second}")]);
        opened.notify_one();
        turn(&mut member).await;
        assert_eq!(master.taken(1), ["two".to_owned(), format!("Finishes {second}")]);
        assert!(member.part.is_calm());
    });
}

#[test]
fn nothing_is_dealt_with_before_its_commands_are_in_the_ring() {
    in_runtime(async {
        let flood = script(async |conn, message| {
            for _ in 0..60 {
                conn.push(format!("{} {}", text(&message), "x".repeat(100))).unwrap();
            }
        });
        let (mut master, mut member, _) = worker(Config::default(), flood);
        let (loud, other) = (master.open(0), master.open(1));
        let end = master.message(0, loud, "loud");
        let other_end = master.message(1, other, "other");
        turn(&mut member).await;
        assert_eq!((master.released(0), master.released(1)), (0, 0), "another lane's events wait, too");
        let mut taken = Vec::new();
        while master.released(0) == 0 {
            assert!(taken.len() < 60);
            taken.extend(master.taken(0));
            turn(&mut member).await;
        }
        taken.extend(master.fetch(0).iter().map(brief));
        assert_eq!((taken.len(), master.released(0)), (60, end));
        let _ = master.release(0);
        while master.released(1) == 0 {
            master.taken(1);
            turn(&mut member).await;
        }
        assert_eq!(master.released(1), other_end);
    });
}

#[test]
fn a_task_is_finished_when_its_commands_are_in_the_ring() {
    in_runtime(async {
        let flood = script(async |conn, _| {
            tokio::task::yield_now().await;
            for _ in 0..60 {
                conn.push("x".repeat(100)).unwrap();
            }
        });
        let (mut master, mut member, _) = worker(Config::default(), flood);
        let id = master.open(1);
        // The mark goes into another ring than the pushes.
        let end = master.message(0, id, "flood");
        turn(&mut member).await;
        assert_eq!((master.released(0), master.taken(0)), (end, vec!["GoesOn 0".to_owned()]));
        let (mut pushed, mut said) = (0, Vec::new());
        while said.is_empty() {
            assert!(pushed < 60);
            pushed += master.taken(1).len();
            turn(&mut member).await;
            said = master.taken(0);
        }
        assert_eq!(pushed + master.taken(1).len(), 60, "all were in the ring before");
        assert_eq!(said, ["Finishes 0"]);
    });
}

#[test]
fn a_session_is_found_by_events_that_were_on_their_way() {
    in_runtime(async {
        let seen = Rc::new(RefCell::new(Vec::new()));
        let (sessions, go) = (seen.clone(), Rc::new(Notify::new()));
        let gate = go.clone();
        let handler = script(move |mut conn, message| {
            let (sessions, gate) = (sessions.clone(), gate.clone());
            async move {
                sessions.borrow_mut().push(String::from_utf8(conn.session().to_vec()).unwrap());
                if text(&message) == "slow" {
                    gate.notified().await;
                }
                if text(&message) != "look" {
                    conn.set_session(format!("by {}", text(&message))).unwrap();
                }
            }
        });
        let (mut master, mut member, _) = worker(Config::default(), handler);
        let id = master.open(1);
        for message in ["first", "look", "slow", "look"] {
            master.message(1, id, message);
        }
        turn(&mut member).await;
        assert_eq!(*seen.borrow(), ["old", "by first", "by first"]);
        go.notify_one();
        // As the loop does it: the main task is polled before the next event of the source begins.
        member
            .run(|_, _| if seen.borrow().len() == 4 { Poll::Ready(()) } else { Poll::Pending })
            .await
            .unwrap();
        assert_eq!(seen.borrow()[3], "by slow");
        // The echo of what was overwritten changes nothing.
        let mut head = Vec::new();
        encode_echo(id, 1, &mut head);
        master.write(1, &head, Bytes::new());
        master.message(1, id, "look");
        encode_echo(id, 2, &mut head);
        master.write(1, &head, Bytes::new());
        master.message(1, id, "look");
        turn(&mut member).await;
        assert_eq!(seen.borrow()[4..], ["by slow", "old"]);
    });
}

#[test]
fn a_handler_that_is_behind_says_so() {
    in_runtime(async {
        let gate = Rc::new(Notify::new());
        let go = gate.clone();
        let slow = script(move |_, _| {
            let gate = gate.clone();
            async move { gate.notified().await }
        });
        let config = Config { handler_backlog_max: 2, ..Config::default() };
        let (mut master, mut member, _) = worker(config, slow);
        let id = master.open(1);
        for _ in 0..3 {
            master.message(1, id, "x");
        }
        turn(&mut member).await;
        assert_eq!(master.taken(1).last().unwrap(), "behind");
        for _ in 0..3 {
            go.notify_one();
            turn(&mut member).await;
        }
        assert!(master.taken(1).contains(&"ready".to_owned()));
    });
}

#[test]
fn pieces_are_released_one_by_one() {
    in_runtime(async {
        let seen = Rc::new(RefCell::new(Vec::new()));
        let texts = seen.clone();
        let handler = script(move |_, message| {
            texts.borrow_mut().push(message);
            std::future::ready(())
        });
        let (mut master, mut member, _) = worker(Config::default(), handler);
        let (id, large) = (master.open(1), "x".repeat(RING_BYTES * 5 / 8));
        for _ in 0..20 {
            let kind = EventKind::Message(Message::from(large.clone()));
            let end = master.give(1, Event::new(id, Bytes::new(), kind));
            turn(&mut member).await;
            assert_eq!(master.released(1), end);
            master.side.lanes[1].events.refresh().unwrap();
        }
        assert!(seen.borrow().len() == 20 && seen.borrow().iter().all(|message| text(message) == large));
    });
}

#[test]
fn a_user_process_forgets_a_message_when_it_asks_for_the_next() {
    in_runtime(async {
        let (mut master, mut member, mut process) = process();
        let second = master.pipe(0, 0, "one");
        let end = master.pipe(0, 0, "two");
        turn(&mut member).await;
        assert_eq!(master.released(0), end);
        assert_eq!(master.taken(0), ["Waits 0".to_owned(), format!("Waits {second}")]);
        assert!(tokio::time::timeout(Duration::from_millis(1), process.recv()).await.is_err());
        assert_eq!(master.heard(), [ToMaster::Ready { http: false }]);
        master.link.send(&ToInstance::Go.encode(), &[], Wait::No).unwrap();
        member
            .run(|member, _| if member.part.is_free() { Poll::Ready(()) } else { Poll::Pending })
            .await
            .unwrap();
        assert_eq!(&process.recv().await.unwrap().into_body()[..], b"one");
        assert_eq!(master.taken(0), ["Begins 0"]);
        assert_eq!(&process.recv().await.unwrap().into_body()[..], b"two");
        assert_eq!(master.taken(0), ["Finishes 0".to_owned(), format!("Begins {second}")]);
        member.part.close();
        assert!(process.recv().await.is_none());
        assert_eq!(master.taken(0), [format!("Finishes {second}")]);
    });
}

#[test]
fn who_sleeps_is_woken_for_events_and_for_room() {
    in_runtime(async {
        let flood = script(async |conn, message| {
            for number in 0..60 {
                conn.push(format!("{number} {} {}", text(&message), "x".repeat(100))).unwrap();
            }
        });
        let (mut master, mut member, _) = worker(Config::default(), flood);
        let id = master.open(1);
        let reactor = std::thread::spawn(move || {
            let mut taken = 0;
            for number in 0..50 {
                master.message(1, id, &number.to_string());
                if master.side.lanes[1].worker_sleeping.wake() {
                    master.bell.ring();
                }
                while taken < (number + 1) * 60 {
                    std::thread::sleep(Duration::from_micros(200));
                    taken += master.taken(1).len();
                }
            }
            let quit = ToInstance::Quit.encode();
            master.link.send(&quit, &[], Wait::Yes).unwrap();
            master
        });
        let quit = member.run(|member, _| match member.part.quits && member.is_drained() {
            true => Poll::Ready(()),
            false => Poll::Pending,
        });
        quit.await.unwrap();
        reactor.join().unwrap();
    });
}

#[test]
fn what_the_master_says_over_the_link_is_heard() {
    in_runtime(async {
        let config = Config { max_requests: 1, ..Config::default() };
        let (mut master, mut member, handle) = worker(config, script(async |_, _| ()));
        let ports = handle.core().ports.as_ref().unwrap();
        let request = Request::new(Bytes::from_static(b"GET / HTTP/1.1\r\n\r\n"), PeerAddr::Unix);
        let (kept, dropped) = (ports.admit(&request, false), ports.admit(&request, false));
        drop(dropped);
        let id = master.open(0);
        master.message(0, id, "the last");
        turn(&mut member).await;
        let heard = master.heard();
        let [ToMaster::Admit { token: first, .. }, ToMaster::Admit { token: second, .. }, ToMaster::Retire] =
            heard[..]
        else {
            panic!("{heard:?}")
        };
        let admitted = |token| ToInstance::Admitted { token, refusal: None }.encode();
        let source = Source { peer: PeerAddr::Unix, transport: Transport::Plain, unnamed: false };
        let http = ToInstance::Http { source, read: Bytes::new() }.encode();
        for message in [admitted(first), admitted(second), http, ToInstance::Drain.encode()] {
            master.link.send(&message, &[], Wait::No).unwrap();
        }
        let mut heard = Vec::new();
        let drained = member.run(|member, _| {
            member.part.report_idle();
            heard.extend(master.heard());
            if heard.len() == 3 { Poll::Ready(()) } else { Poll::Pending }
        });
        drained.await.unwrap();
        // Nobody waits for the second place, and the socket has not come.
        let returned = ToMaster::PlaceReturned { peer: PeerAddr::Unix, refused: false };
        assert_eq!(heard, [returned, ToMaster::HttpEnded { source }, ToMaster::HttpIdle]);
        assert_eq!(kept.await.unwrap(), Ok(()));
    });
}
