//! The four ways of choosing a connection's worker: each keeps the order of its events.

use std::collections::BTreeMap;

use crate::rig::{Member, Rig, ids};
use crate::support::Client;
use crate::tests;

tests![
    by_connection_each_worker_has_its_share,
    by_address_one_client_has_one_worker,
    by_user_all_connections_of_a_user_have_one_worker,
    by_load_each_worker_has_as_many,
    a_bind_in_mid_stream_keeps_the_order,
    order_is_kept_in_every_way_through_reloads_and_kills,
];

fn workers_of(crowd: &mut [Member]) -> Vec<usize> {
    crowd.iter_mut().map(|member| member.ask("worker").parse().unwrap()).collect()
}

fn counts(workers: &[usize]) -> Vec<usize> {
    let mut counts = BTreeMap::new();
    workers.iter().for_each(|worker| *counts.entry(*worker).or_default() += 1);
    counts.into_values().collect()
}

fn by_connection_each_worker_has_its_share() {
    let rig = Rig::with("dispatch=connection");
    let mut crowd: Vec<Member> = (0..12).map(|_| Member::new(rig.connect())).collect();
    let workers = workers_of(&mut crowd);
    assert_eq!(counts(&workers), [4, 4, 4]);
    assert_eq!(workers_of(&mut crowd), workers);
}

fn by_address_one_client_has_one_worker() {
    let mut rig = Rig::with("dispatch=address");
    let mut crowd = rig.crowd(9);
    let workers = workers_of(&mut crowd);
    assert_eq!(counts(&workers).len(), 1, "{workers:?}");
    rig.reload();
    assert_eq!(workers_of(&mut crowd), workers);
}

fn by_user_all_connections_of_a_user_have_one_worker() {
    let mut rig = Rig::with("dispatch=user");
    let mut of_users = BTreeMap::new();
    for user in ["ann", "bob", "cat", "dan", "eve", "fay"] {
        let mut of_user: Vec<Member> =
            (0..3).map(|_| Member::new(rig.connect_to(&format!("/user/{user}")))).collect();
        let mut later = Member::new(rig.connect());
        assert_eq!(later.ask(&format!("bind me {user}")), "()");
        of_user.push(later);
        let workers = workers_of(&mut of_user);
        assert_eq!(counts(&workers).len(), 1, "{user}: {workers:?}");
        of_users.insert(user, (of_user, workers));
    }
    rig.kill_all_workers();
    for (user, (mut of_user, workers)) in of_users {
        assert_eq!(workers_of(&mut of_user), workers, "{user}");
    }
}

fn by_load_each_worker_has_as_many() {
    let rig = Rig::with("dispatch=least_loaded");
    let mut crowd: Vec<Member> = (0..12).map(|_| Member::new(rig.connect())).collect();
    let workers = workers_of(&mut crowd);
    assert_eq!(counts(&workers), [4, 4, 4], "{workers:?}");
    // Those of one worker go; as many come.
    let mut gone = Vec::new();
    for (member, worker) in std::mem::take(&mut crowd).into_iter().zip(&workers) {
        if *worker == 1 { gone.push(member) } else { crowd.push(member) }
    }
    let ids: Vec<String> = gone.iter().map(|member| member.id.clone()).collect();
    drop(gone);
    for id in ids {
        rig.wait_noted(&format!("close {id} "), 1);
    }
    // The load falls when the reactor forgets a connection, which is a moment after its close.
    let mut info = String::from("something");
    while info != "0" {
        info = (crowd[0].ask("connections").split(',').count() - crowd.len()).to_string();
    }
    let mut new: Vec<Member> = (0..4).map(|_| Member::new(rig.connect())).collect();
    assert_eq!(workers_of(&mut new), [1, 1, 1, 1]);
}

fn a_bind_in_mid_stream_keeps_the_order() {
    let rig = Rig::with("dispatch=user workers=4");
    let mut crowd = rig.crowd(6);
    for round in 0..10 {
        for (number, member) in crowd.iter_mut().enumerate() {
            let mut texts = Vec::new();
            for seq in 0..30 {
                let seq = round * 30 + seq;
                texts.push(if seq % 7 == 0 { format!("seq_slow 3 {seq}") } else { format!("seq {seq}") });
                if seq % 10 == 5 {
                    texts.push(format!("bind me user-{number}-{}", seq / 10));
                }
            }
            member.client.raw(&Client::encoded_texts(texts));
        }
        for member in &mut crowd {
            for seq in round * 30..round * 30 + 30 {
                member.expect(&format!("seq {seq}"));
                if seq % 10 == 5 {
                    assert_eq!(member.result(), "()");
                }
            }
        }
    }
    let mut changes = 0;
    for id in ids(&crowd).split(',') {
        let lines = rig.noted(&format!("seq {id} "));
        let words: Vec<Vec<&str>> = lines.iter().map(|line| line.split(' ').collect()).collect();
        assert_eq!(words.len(), 300);
        for (number, word) in words.iter().enumerate() {
            assert_eq!(word[2], number.to_string());
        }
        changes += words.windows(2).filter(|pair| pair[0][4] != pair[1][4]).count();
    }
    assert!(changes > 20, "the worker has changed {changes} times");
}

fn order_is_kept_in_every_way_through_reloads_and_kills() {
    for way in ["connection", "address", "user", "least_loaded"] {
        let mut rig = Rig::with(&format!("dispatch={way} max_attempts=20"));
        let mut crowd = rig.crowd(6);
        for round in 0..6 {
            for member in &mut crowd {
                let texts = (0..20).map(|seq| match seq % 5 {
                    0 => format!("seq_slow 5 {seq}"),
                    1 if seq == round => format!("bind me user-{round}"),
                    _ => format!("seq {seq}"),
                });
                member.client.raw(&Client::encoded_texts(texts));
            }
            let killed = round % 2 == 0;
            if killed {
                rig.kill_all_workers();
            } else {
                rig.reload();
            }
            for member in &mut crowd {
                let mut last = String::new();
                for seq in 0..20 {
                    let expected =
                        if seq % 5 == 1 && seq == round { "= ()".to_owned() } else { format!("seq {seq}") };
                    let mut heard = member.next_text(u32::MAX);
                    // Done twice, and the reply to the first time had been sent.
                    if killed && heard == last {
                        heard = member.next_text(u32::MAX);
                    }
                    assert_eq!(heard, expected, "{way}, round {round}");
                    last = expected;
                }
                assert_eq!(member.ask("echo"), "echo");
            }
        }
    }
}
