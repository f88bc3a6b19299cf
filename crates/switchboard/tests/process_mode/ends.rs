//! How connections end and are held, whoever asks for it.

use std::time::{Duration, Instant};

use crate::rig::{Member, Rig};
use crate::support::{Heard, wait_until};
use crate::tests;

tests![
    disconnect_and_close_end_a_connection_from_every_process,
    abort_resets_a_connection_from_every_process,
    what_was_pushed_before_a_disconnect_arrives_before_it,
    a_paused_connection_is_read_from_when_it_is_resumed,
    a_silent_connection_is_closed_unless_it_is_protected,
    pings_are_answered_while_all_workers_are_blocked,
    a_client_that_answers_pings_stays_while_its_worker_is_blocked,
    a_client_that_goes_is_closed_once_with_its_code,
    each_open_has_one_close_through_kills_and_reloads,
];

const PROCESSES: [&str; 6] = ["own", "0", "1", "2", "keeper", "master"];

#[track_caller]
fn perform(rig: &mut Rig, asker: &mut Member, from: &str, command: &str) -> String {
    match from {
        "own" => asker.ask(command),
        "master" => rig.master(command),
        recipient => asker.ask_at(recipient, command),
    }
}

fn disconnect_and_close_end_a_connection_from_every_process() {
    let mut rig = Rig::start();
    let mut crowd = rig.crowd(2);
    for from in PROCESSES {
        let mut other = Member::new(rig.connect());
        let disconnect = format!("disconnect {} 4001 because-{from}", other.id);
        assert_eq!(perform(&mut rig, &mut crowd[0], from, &disconnect), "()");
        assert_eq!(other.client.next_close(), (4001, format!("because-{from}")));
        let closed = rig.wait_noted(&format!("close {} ", other.id), 1);
        assert!(closed[0].contains(" 4001 Server 1 "), "{closed:?}");
        let mut other = Member::new(rig.connect());
        assert_eq!(perform(&mut rig, &mut crowd[0], from, &format!("close {}", other.id)), "()");
        assert_eq!(other.client.next_close(), (1000, String::new()));
    }
    let me = crowd[1].id.clone();
    crowd[1].client.text(&format!("disconnect {me} 3000 myself"));
    assert_eq!(crowd[1].client.next_close(), (3000, "myself".to_owned()));
}

fn abort_resets_a_connection_from_every_process() {
    let mut rig = Rig::start();
    let mut crowd = rig.crowd(2);
    for from in PROCESSES {
        let mut other = Member::new(rig.connect());
        assert_eq!(perform(&mut rig, &mut crowd[0], from, &format!("abort {}", other.id)), "()");
        assert_eq!(other.client.next(), Heard::Reset);
        let closed = rig.wait_noted(&format!("close {} ", other.id), 1);
        assert!(closed[0].contains(" 1006 Server 1 "), "{closed:?}");
    }
}

fn what_was_pushed_before_a_disconnect_arrives_before_it() {
    let rig = Rig::start();
    let mut crowd = rig.crowd(2);
    for round in 0..20 {
        let mut other = Member::new(rig.connect());
        crowd[0].ask(&format!("push {} one", other.id));
        crowd[0].ask(&format!("push_big {} 300000", other.id));
        crowd[0].ask(&format!("disconnect {} 1000 round-{round}", other.id));
        other.expect("one");
        assert_eq!(other.client.next(), Heard::Binary(vec![b'b'; 300_000]));
        assert_eq!(other.client.next(), Heard::Close(1000, format!("round-{round}")));
    }
}

fn a_paused_connection_is_read_from_when_it_is_resumed() {
    let mut rig = Rig::start();
    let mut crowd = rig.crowd(2);
    for from in PROCESSES {
        let mut other = Member::new(rig.connect());
        assert_eq!(perform(&mut rig, &mut crowd[0], from, &format!("pause {}", other.id)), "()");
        // An answer of the same reactor comes after the pause.
        perform(&mut rig, &mut crowd[0], from, &format!("session {}", other.id));
        other.client.text("echo");
        assert_eq!(other.client.next_within(Duration::from_millis(60)), None, "from {from}");
        assert_eq!(perform(&mut rig, &mut crowd[0], from, &format!("resume {}", other.id)), "()");
        assert_eq!(other.result(), "echo");
    }
}

const HEARTBEAT: &str = "ping_interval=0 heartbeat_idle_time=700 heartbeat_check_interval=100";

fn a_silent_connection_is_closed_unless_it_is_protected() {
    let mut rig = Rig::with(HEARTBEAT);
    let mut silent = Member::new(rig.connect());
    let mut protected: Vec<Member> = ["own", "1", "keeper", "master"]
        .into_iter()
        .map(|from| {
            let mut asker = Member::new(rig.connect());
            let mut other = Member::new(rig.connect());
            let command = format!("protect {} true", other.id);
            let asker = if from == "own" { &mut other } else { &mut asker };
            assert_eq!(perform(&mut rig, asker, from, &command), "()");
            other
        })
        .collect();
    let id = silent.id.clone();
    assert_eq!(silent.client.next_close().0, 1001);
    let closed = rig.wait_noted(&format!("close {id} "), 1);
    assert!(closed[0].contains("1001 Heartbeat"), "{closed:?}");
    let begun = Instant::now();
    wait_until("the others would have been closed", || begun.elapsed() > Duration::from_millis(1_000));
    for member in &mut protected {
        assert_eq!(member.ask("echo"), "echo");
    }
}

fn block_all_workers(rig: &mut Rig, millis: u32) -> Vec<Member> {
    let crowd = rig.crowd(6);
    let mut blockers: Vec<Option<Member>> = vec![None, None, None];
    for member in crowd {
        let worker = member.id.parse::<usize>().unwrap() % 3;
        blockers[worker].get_or_insert(member);
    }
    let mut blockers: Vec<Member> = blockers.into_iter().flatten().collect();
    for member in &mut blockers {
        member.client.text(&format!("block {millis}"));
    }
    rig.wait_noted("blocks", 3);
    blockers
}

fn pings_are_answered_while_all_workers_are_blocked() {
    let mut rig = Rig::start();
    let mut other = Member::new(rig.connect());
    let mut blockers = block_all_workers(&mut rig, 1_000);
    let begun = Instant::now();
    for round in 0..20_u8 {
        other.client.ping(&[round]);
        assert_eq!(other.client.next(), Heard::Pong(vec![round]));
    }
    assert!(begun.elapsed() < Duration::from_millis(800), "{:?}", begun.elapsed());
    blockers.iter_mut().for_each(|member| assert_eq!(member.result(), "1"));
}

fn a_client_that_answers_pings_stays_while_its_worker_is_blocked() {
    let mut rig =
        Rig::with("ping_interval=200 heartbeat_idle_time=700 heartbeat_check_interval=100 workers=3");
    let mut blockers = block_all_workers(&mut rig, 2_000);
    let mut pings = 0;
    let begun = Instant::now();
    // They listen, and answer pings; nothing of that needs a worker.
    let answers = std::thread::scope(|scope| {
        let waiting: Vec<_> = blockers
            .iter_mut()
            .map(|member| {
                scope.spawn(|| {
                    loop {
                        match member.client.next() {
                            Heard::Ping => {}
                            heard => return heard,
                        }
                    }
                })
            })
            .collect();
        waiting.into_iter().map(|waiting| waiting.join().unwrap()).collect::<Vec<_>>()
    });
    pings += u32::from(begun.elapsed() > Duration::from_millis(1_500));
    assert_eq!(answers, vec![Heard::Text("= 1".to_owned()); 3]);
    assert_eq!(pings, 1, "they were blocked all that time");
}

fn a_client_that_goes_is_closed_once_with_its_code() {
    let rig = Rig::start();
    let mut expected = Vec::new();
    for mut member in rig.crowd(4) {
        member.client.close(4000, "bye");
        assert_eq!(member.client.next_close().0, 4000);
        expected.push(format!("close {} 4000 Client 1 ", member.id));
    }
    for member in rig.crowd(4) {
        expected.push(format!("close {} 1006 Transport 1 ", member.id));
        member.client.reset();
    }
    for start in &expected {
        rig.wait_noted(start, 1);
    }
    rig.check_pairs();
}

fn each_open_has_one_close_through_kills_and_reloads() {
    let mut rig = Rig::start();
    let mut kept = rig.crowd(6);
    for round in 0..6 {
        let crowd = rig.crowd(10);
        match round % 3 {
            0 => rig.workers().iter().for_each(|worker| rig.kill(worker.pid)),
            1 => drop(rig.order("reload")),
            _ => {}
        }
        for (number, mut member) in crowd.into_iter().enumerate() {
            match number % 3 {
                0 => member.client.close(1000, ""),
                1 => member.client.reset(),
                _ => drop(member),
            }
        }
    }
    kept.iter_mut().for_each(|member| assert_eq!(member.ask("echo"), "echo"));
    drop(kept);
    wait_until("all closes have been handled", || {
        let one_of = |kind: &str| {
            let lines = rig.noted(kind);
            let ids = lines.iter().map(|line| line.split(' ').nth(1).unwrap().to_owned());
            ids.collect::<std::collections::BTreeSet<_>>().len()
        };
        let opened = one_of("open ");
        opened >= 66 && one_of("close ") == opened
    });
    // A second time only if the worker may have died while it handled it the first time, and then marked as such.
    let mut seen = std::collections::BTreeSet::new();
    for line in rig.journal() {
        let words: Vec<&str> = line.split(' ').collect();
        let attempt = match words[0] {
            "open" => words[2],
            "close" => words[4],
            _ => continue,
        };
        let is_first = seen.insert((words[0].to_owned(), words[1].to_owned()));
        assert!(is_first || attempt == "2", "{line}");
    }
}
