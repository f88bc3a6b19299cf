//! What handlers may do wrong, and the order of events.

use std::collections::BTreeMap;

use crate::rig::{Member, Rig};
use crate::support::Client;
use crate::tests;

tests![
    a_handler_that_panics_closes_its_connection_only,
    a_handler_that_panics_later_closes_its_connection_only,
    a_message_that_kills_its_worker_once_is_handled_again_and_marked,
    a_message_that_kills_every_worker_closes_its_connection_only,
    the_events_of_a_connection_stay_in_order_through_fifty_reloads,
    the_events_of_a_connection_stay_in_order_through_kills,
    pending_handlers_of_one_connection_do_not_overtake,
    messages_during_on_open_wait_for_it,
];

fn panics(command: &str) {
    let mut rig = Rig::start();
    let mut crowd = rig.crowd(8);
    let before = rig.workers();
    for _ in 0..5 {
        let mut bad = Member::new(rig.connect());
        bad.client.text(command);
        assert_eq!(bad.client.next_close().0, 1011);
        let closed = rig.wait_noted(&format!("close {} ", bad.id), 1);
        assert!(closed[0].contains("1011 Server 1 "), "{closed:?}");
    }
    crowd.iter_mut().for_each(|member| assert_eq!(member.ask("echo"), "echo"));
    let pids = |workers: &[crate::rig::Running]| workers.iter().map(|one| one.pid).collect::<Vec<_>>();
    assert_eq!(pids(&rig.workers()), pids(&before));
}

fn a_handler_that_panics_closes_its_connection_only() {
    panics("panic");
}

fn a_handler_that_panics_later_closes_its_connection_only() {
    panics("panic_later");
}

fn a_message_that_kills_its_worker_once_is_handled_again_and_marked() {
    let rig = Rig::start();
    let mut crowd = rig.crowd(8);
    for round in 0..3 {
        let member = &mut crowd[round];
        member.client.raw(&Client::encoded_texts(["echo before", "die", "attempt", "echo after"]));
        let heard: Vec<String> = (0..4).map(|_| member.result()).collect();
        assert_eq!(heard, ["echo before", "2", "1", "echo after"]);
        crowd.iter_mut().for_each(|member| assert_eq!(member.ask("echo"), "echo"));
    }
}

fn a_message_that_kills_every_worker_closes_its_connection_only() {
    let rig = Rig::with("max_attempts=3");
    let mut crowd = rig.crowd(8);
    let mut bad = crowd.remove(0);
    bad.client.text("die_always");
    assert_eq!(bad.client.next_close().0, 1011);
    rig.wait_noted(&format!("close {} 1011", bad.id), 1);
    crowd.iter_mut().for_each(|member| assert_eq!(member.ask("echo"), "echo"));
    assert!(rig.log().contains("1011"), "a line of the log says so: {}", rig.log());
}

/// Numbered messages from each, some of them with handlers that await, while `disturb` does its worst. The replies are in
/// order; so is what the handlers noted, but for what was done again.
fn numbered(rig: &mut Rig, count: usize, mut disturb: impl FnMut(&mut Rig) -> bool) {
    let crowd = rig.crowd(8);
    let ids: Vec<String> = crowd.iter().map(|member| member.id.clone()).collect();
    let (stop, stopped) = (std::sync::atomic::AtomicBool::new(false), std::sync::atomic::Ordering::Relaxed);
    let sent: Vec<usize> = std::thread::scope(|scope| {
        let talking: Vec<_> = crowd
            .into_iter()
            .enumerate()
            .map(|(number, mut member)| {
                let stop = &stop;
                scope.spawn(move || {
                    let mut sent = 0;
                    while sent < count || !stop.load(stopped) {
                        let texts = (sent..sent + 10).map(|seq| match (seq + number) % 5 {
                            0 => format!("seq_slow 2 {seq}"),
                            _ => format!("seq {seq}"),
                        });
                        member.client.raw(&Client::encoded_texts(texts));
                        for seq in sent..sent + 10 {
                            let mut heard = member.next_text(u32::MAX);
                            // The one before may come again, if its worker died before it had said that it was done.
                            while seq > 0 && heard == format!("seq {}", seq - 1) {
                                heard = member.next_text(u32::MAX);
                            }
                            assert_eq!(heard, format!("seq {seq}"), "of {number}");
                        }
                        sent += 10;
                    }
                    sent
                })
            })
            .collect();
        while disturb(rig) {}
        stop.store(true, stopped);
        talking.into_iter().map(|talking| talking.join().unwrap()).collect()
    });
    let mut seen: BTreeMap<String, Vec<(usize, u32)>> = BTreeMap::new();
    for line in rig.noted("seq ") {
        let words: Vec<&str> = line.split(' ').collect();
        let of = seen.entry(words[1].to_owned()).or_default();
        of.push((words[2].parse().unwrap(), words[3].parse().unwrap()));
    }
    for (id, sent) in ids.iter().zip(sent) {
        let mut next = 0;
        for (seq, attempt) in &seen[id] {
            if *seq + 1 == next && *attempt > 1 {
                continue;
            }
            assert_eq!(*seq, next, "of {id}");
            next += 1;
        }
        assert_eq!(next, sent);
    }
}

fn the_events_of_a_connection_stay_in_order_through_fifty_reloads() {
    let mut rig = Rig::start();
    let mut reloads = 0;
    numbered(&mut rig, 100, |rig| {
        rig.reload();
        reloads += 1;
        reloads < 50
    });
    // Nothing was done twice.
    assert!(rig.noted("seq ").iter().all(|line| line.split(' ').nth(3) == Some("1")));
}

fn the_events_of_a_connection_stay_in_order_through_kills() {
    let mut rig = Rig::with("max_attempts=50");
    let mut kills = 0;
    numbered(&mut rig, 100, |rig| {
        let workers = rig.workers();
        if let Some(worker) = workers.get(kills % 3) {
            rig.kill(worker.pid);
            kills += 1;
            rig.wait_for_workers(3, std::slice::from_ref(worker));
        }
        // Crashes in a row are answered more and more slowly; a reload begins anew.
        if kills % 2 == 0 {
            rig.reload();
        }
        kills < 10
    });
}

fn pending_handlers_of_one_connection_do_not_overtake() {
    let rig = Rig::start();
    for mut member in rig.crowd(4) {
        let texts = (0..20).map(|seq| format!("seq_slow {} {seq}", (20 - seq) % 7));
        member.client.raw(&Client::encoded_texts(texts));
        for seq in 0..20 {
            member.expect(&format!("seq {seq}"));
        }
    }
}

fn messages_during_on_open_wait_for_it() {
    let rig = Rig::start();
    for _ in 0..4 {
        let stream = crate::support::Stream::tcp(rig.address);
        let handshake = crate::support::handshake("/busy");
        let texts = Client::encoded_texts(["echo", "echo"]);
        let mut client = Client::open_and_send(stream, &handshake, &texts);
        assert_eq!(client.next_texts(3), ["opened", "= echo", "= echo"]);
    }
    // And a close waits, too.
    let mut client = rig.connect_to("/busy");
    client.close(1000, "");
    client.next_close();
    rig.wait_noted("close ", 5);
    rig.check_pairs();
}
