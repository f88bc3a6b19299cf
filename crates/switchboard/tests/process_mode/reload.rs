//! Reloads: who may ask, what they are told, and what happens meanwhile.

use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::rig::{Member, Rig};
use crate::support::{Client, wait_until};
use crate::tests;

tests![
    a_reload_is_asked_for_by_any_process_and_answered,
    a_reload_that_fails_says_why_and_changes_nothing,
    a_reload_during_a_reload_runs_after_it,
    sigusr1_reloads,
    the_status_shows_all_processes,
    a_worker_is_replaced_after_max_requests_without_loss,
    an_executable_that_changes_is_loaded_where_it_is_watched,
    a_drain_that_takes_too_long_is_cut_off_and_its_events_are_handled_again,
    a_handler_that_takes_its_time_is_waited_for,
    in_base_mode_nothing_is_reloaded,
];

fn a_reload_is_asked_for_by_any_process_and_answered() {
    let mut rig = Rig::start();
    let mut member = Member::new(rig.connect());
    let generation = |member: &mut Member| member.ask("who").split(' ').next().unwrap().to_owned();
    assert_eq!(rig.master("reload"), "1 2");
    assert_eq!(generation(&mut member), "2");
    // The worker that asks is replaced while it waits for the answer, and so is the user process.
    assert_eq!(member.ask("reload"), "2 3");
    assert_eq!(generation(&mut member), "3");
    assert_eq!(member.ask_at("keeper", "reload"), "3 4");
    assert_eq!(generation(&mut member), "4");
    let request = "GET /do/reload HTTP/1.1\r\nHost: localhost\r\n\r\n";
    assert_eq!(rig.raw().request(request).body, "4 5");
    assert_eq!(rig.master("who").split(' ').next(), Some("0"));
    assert!(rig.noted("close ").is_empty());
}

fn a_reload_that_fails_says_why_and_changes_nothing() {
    let mut rig = Rig::start();
    let mut member = Member::new(rig.connect());
    let before = member.ask("who");
    std::fs::write(rig.folder.join("at_start"), "fail").unwrap();
    for _ in 0..3 {
        let told = rig.master("reload");
        assert!(told.starts_with("Failed(") && told.contains("told to fail"), "{told}");
        let told = member.ask("reload");
        assert!(told.starts_with("Failed(") && told.contains("told to fail"), "{told}");
        assert_eq!(member.ask("who"), before);
    }
    std::fs::remove_file(rig.folder.join("at_start")).unwrap();
    let told = rig.master("reload");
    assert!(told.starts_with("1 "), "{told}");
    assert_ne!(member.ask("who"), before);
}

fn a_reload_during_a_reload_runs_after_it() {
    let mut rig = Rig::start();
    std::fs::write(rig.folder.join("at_start"), "slow").unwrap();
    let mut members: Vec<Member> = rig.crowd(3);
    let orders: Vec<u32> = (0..4).map(|_| rig.order("reload")).collect();
    members[0].client.text("reload");
    let mut told: Vec<String> = orders.into_iter().map(|order| rig.answer(order)).collect();
    told.push(members[0].result());
    // The first one; all that came during it share another.
    assert!(told.contains(&"1 2".to_owned()), "{told:?}");
    assert!(told.iter().all(|told| told == "1 2" || told == "2 3"), "{told:?}");
    assert!(told.contains(&"2 3".to_owned()), "{told:?}");
    assert!(members[1].ask("who").starts_with("3 "));
}

fn sigusr1_reloads() {
    let mut rig = Rig::start();
    let mut member = Member::new(rig.connect());
    rig.signal_master(Signal::USR1);
    wait_until("it has reloaded", || member.ask("who").starts_with("2 "));
    let manager = rig.status().into_iter().find(|process| process.role == "Manager").unwrap();
    rig.signal(manager.pid, Signal::USR1);
    wait_until("it has reloaded", || member.ask("who").starts_with("3 "));
}

fn the_status_shows_all_processes() {
    let mut rig = Rig::start();
    let mut member = Member::new(rig.connect());
    let roles =
        |status: &[crate::rig::Running]| status.iter().map(|one| one.role.clone()).collect::<Vec<_>>();
    let expected = [
        "Master",
        "Manager",
        "Member(Worker(0))",
        "Member(Worker(1))",
        "Member(Worker(2))",
        "Member(Process(\"keeper\"))",
    ];
    let status = rig.status();
    assert_eq!(roles(&status), expected);
    assert_eq!(status[0].pid, rig.master_pid());
    assert!(status[2..].iter().all(|process| process.generation == 1 && process.state == "Running"));
    for from in ["0", "2", "keeper"] {
        let told = member.ask_at(from, "status");
        assert!(expected.iter().all(|role| told.contains(role)), "{told}");
    }
    // While old ones drain they are shown, too.
    member.client.text("nap 600");
    member.expect("napping");
    rig.reload();
    wait_until("it is the only one that drains", || {
        let status = rig.status();
        let draining: Vec<_> = status.iter().filter(|process| process.state == "Draining").collect();
        matches!(draining[..], [one] if (one.generation, one.outstanding) == (1, 1))
    });
    assert_eq!(member.result(), "1");
    wait_until("it is gone", || rig.status().len() == 6);
}

fn a_worker_is_replaced_after_max_requests_without_loss() {
    let mut rig = Rig::with("max_requests=200");
    let mut crowd = rig.crowd(6);
    let first = rig.workers();
    for round in 0..40 {
        for member in &mut crowd {
            let texts = (0..50).map(|number| format!("seq {}", round * 50 + number));
            member.client.raw(&Client::encoded_texts(texts));
        }
        for member in &mut crowd {
            for number in 0..50 {
                member.expect(&format!("seq {}", round * 50 + number));
            }
        }
    }
    wait_until("all have been replaced", || {
        rig.workers().iter().all(|worker| first.iter().all(|old| old.pid != worker.pid))
    });
    assert!(rig.workers().iter().all(|worker| worker.generation == 1));
    assert!(rig.noted("seq ").iter().all(|line| line.split(' ').nth(3) == Some("1")));
    assert!(rig.noted("worker_start ").len() > 10);
    assert!(rig.noted("close ").is_empty());
}

fn an_executable_that_changes_is_loaded_where_it_is_watched() {
    let (rig, executable) = Rig::of_copy("watch=true");
    let mut member = Member::new(rig.connect());
    for generation in 2..4 {
        let new = executable.with_extension("new");
        std::fs::copy(&executable, &new).unwrap();
        std::fs::rename(&new, &executable).unwrap();
        wait_until("it has been loaded", || member.ask("who").starts_with(&format!("{generation} ")));
    }
    std::fs::remove_file(&executable).unwrap();
    assert_eq!(member.ask("echo"), "echo");
}

fn a_drain_that_takes_too_long_is_cut_off_and_its_events_are_handled_again() {
    let mut rig = Rig::with("drain_timeout=400");
    let mut crowd = rig.crowd(3);
    for member in &mut crowd {
        // The first time for longer than the drain may take.
        member.client.raw(&Client::encoded_texts(["nap 900", "echo"]));
    }
    crowd.iter_mut().for_each(|member| member.expect("napping"));
    let begun = Instant::now();
    rig.reload();
    for member in &mut crowd {
        member.expect("napping");
        assert!(begun.elapsed() >= Duration::from_millis(390), "{:?}", begun.elapsed());
        assert_eq!(member.result(), "2");
        assert_eq!(member.result(), "echo");
    }
    assert!(rig.noted("close ").is_empty());
}

fn a_handler_that_takes_its_time_is_waited_for() {
    let mut rig = Rig::start();
    let mut crowd = rig.crowd(6);
    for member in &mut crowd[..3] {
        member.client.raw(&Client::encoded_texts(["nap 500", "who", "attempt"]));
        member.expect("napping");
    }
    let begun = Instant::now();
    rig.reload();
    // The others are served by the new code meanwhile.
    for member in &mut crowd[3..] {
        assert!(member.ask("who").starts_with("2 "));
    }
    assert!(begun.elapsed() < Duration::from_millis(480), "{:?}", begun.elapsed());
    for member in &mut crowd[..3] {
        assert_eq!(member.result(), "1");
        // What had been given out with it may be answered by the old one; what comes later is not.
        member.result();
        assert_eq!(member.result(), "1");
        assert!(member.ask("who").starts_with("2 "));
    }
}

fn in_base_mode_nothing_is_reloaded() {
    let mut rig = Rig::with("mode=base");
    let mut member = Member::new(rig.connect());
    assert_eq!(member.ask("reload"), "BaseMode");
    assert_eq!(rig.master("reload"), "BaseMode");
    assert_eq!(rig.status().len(), 1);
    assert_eq!(member.ask_at("keeper", "reload"), "BaseMode");
    assert_eq!(member.ask_at("1", "who").split(' ').next(), Some("0"));
}
