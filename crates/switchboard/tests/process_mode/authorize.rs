//! Deciding about handshakes in workers.

use std::time::{Duration, Instant};

use crate::rig::{Member, Rig};
use crate::support::{Answer, Client, Stream, handshake, upgrade_request, wait_until};
use crate::tests;

tests![
    a_client_is_let_in_with_subprotocol_and_header,
    user_and_session_are_there_before_the_connection_opens,
    a_rejected_client_is_told_so,
    an_authorize_that_panics_is_answered_with_500,
    an_authorize_that_kills_its_worker_is_answered_with_500,
    slow_decisions_hold_up_nobody,
    an_authorize_that_never_decides_is_answered_with_503,
    a_handshake_survives_the_death_of_its_worker_and_a_reload,
];

fn refused(rig: &Rig, target: &str) -> Answer {
    match Client::try_open(Stream::tcp(rig.address), &handshake(target)) {
        Ok(_) => panic!("{target} was let in"),
        Err(answer) => answer,
    }
}

fn a_client_is_let_in_with_subprotocol_and_header() {
    let rig = Rig::start();
    for _ in 0..6 {
        let mut raw = rig.raw();
        raw.send(upgrade_request("/proto", "Sec-WebSocket-Protocol: first, second\r\n"));
        let (head, _) = raw.head_and_rest();
        assert!(head.starts_with("HTTP/1.1 101"), "{head}");
        let head = head.to_ascii_lowercase();
        assert!(head.contains("sec-websocket-protocol: second\r\n"), "{head}");
        assert!(head.contains("x-who: worker "), "{head}");
    }
    // One that it did not offer.
    let mut raw = rig.raw();
    assert_eq!(raw.request(&upgrade_request("/proto", "")).status, 500);
}

fn user_and_session_are_there_before_the_connection_opens() {
    let mut rig = Rig::start();
    for round in 0..4 {
        let mut ann = Member::new(rig.connect_to("/user/ann"));
        assert!(ann.ask("client_info me").contains(" ann true "), "{round}");
        assert_eq!(rig.master("user_connections ann").split(',').count(), round + 1);
        let mut with_session = Member::new(rig.connect_to("/session/what-it-knows"));
        assert_eq!(with_session.ask("mine"), "what-it-knows");
        std::mem::forget(ann);
    }
}

fn a_rejected_client_is_told_so() {
    let rig = Rig::start();
    for _ in 0..8 {
        let answer = refused(&rig, "/reject");
        assert_eq!((answer.status, answer.body.as_str()), (403, "not you"));
        assert_eq!(answer.header("X-Why"), Some("told so"));
    }
    assert!(rig.noted("open").is_empty());
    assert!(rig.noted("close").is_empty());
}

fn an_authorize_that_panics_is_answered_with_500() {
    let rig = Rig::start();
    let mut crowd = rig.crowd(3);
    for _ in 0..4 {
        assert_eq!(refused(&rig, "/panic").status, 500);
    }
    crowd.iter_mut().for_each(|member| assert_eq!(member.ask("echo"), "echo"));
}

fn an_authorize_that_kills_its_worker_is_answered_with_500() {
    let rig = Rig::start();
    let mut crowd = rig.crowd(6);
    assert_eq!(refused(&rig, "/die").status, 500);
    crowd.iter_mut().for_each(|member| assert_eq!(member.ask("echo"), "echo"));
}

fn slow_decisions_hold_up_nobody() {
    let rig = Rig::start();
    let mut crowd = rig.crowd(3);
    let address = rig.address;
    let slow: Vec<_> = (0..6)
        .map(|_| std::thread::spawn(move || Member::new(Client::connect_to(address, "/slow/600"))))
        .collect();
    let begun = Instant::now();
    for _ in 0..20 {
        crowd.iter_mut().for_each(|member| assert_eq!(member.ask("echo"), "echo"));
        drop(rig.connect());
    }
    assert!(begun.elapsed() < Duration::from_millis(550), "{:?}", begun.elapsed());
    for slow in slow {
        assert_eq!(slow.join().unwrap().ask("echo"), "echo");
    }
}

fn an_authorize_that_never_decides_is_answered_with_503() {
    let rig = Rig::with("handshake_timeout=300");
    let begun = Instant::now();
    assert_eq!(refused(&rig, "/hang").status, 503);
    assert!(begun.elapsed() >= Duration::from_millis(290), "{:?}", begun.elapsed());
}

fn a_handshake_survives_the_death_of_its_worker_and_a_reload() {
    let mut rig = Rig::start();
    let address = rig.address;
    for kills in [true, false] {
        let slow: Vec<_> = (0..6)
            .map(|_| std::thread::spawn(move || Member::new(Client::connect_to(address, "/slow/500"))))
            .collect();
        wait_until("they have begun", || {
            rig.workers().iter().map(|worker| worker.outstanding).sum::<u64>() >= 6
        });
        if kills {
            rig.kill_all_workers();
        } else {
            rig.reload();
        }
        for slow in slow {
            assert_eq!(slow.join().unwrap().ask("echo"), "echo");
        }
    }
}
