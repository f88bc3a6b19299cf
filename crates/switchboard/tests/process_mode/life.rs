//! How a server ends.

use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::rig::{Member, Rig};
use crate::tests;

tests![
    a_shutdown_asked_for_by_any_process_runs_every_close_once,
    sigterm_runs_every_close_and_worker_stop_once,
    a_handler_that_is_under_way_finishes_in_a_stop,
    a_handler_that_hangs_does_not_prevent_the_end,
    a_stop_during_a_reload_ends_all_processes,
    what_is_asked_for_after_a_stop_is_refused,
    the_death_of_the_master_ends_all_processes,
    the_death_of_the_manager_changes_nothing,
];

#[track_caller]
fn check_end(rig: &mut Rig, crowd: &mut [Member]) {
    for member in crowd.iter_mut() {
        assert_eq!(member.client.next_close().0, 1001);
    }
    assert_eq!(rig.exit(), Some(0));
    rig.wait_for_nobody();
    assert_eq!(rig.noted("end "), ["end Ok(())"]);
    let closes = rig.noted("close ");
    assert_eq!(closes.len(), crowd.len());
    assert!(closes.iter().all(|line| line.contains(" 1001 Shutdown 1 ")), "{closes:?}");
    rig.check_pairs();
    assert_eq!(rig.noted("worker_stop ").len(), 3);
    assert_eq!(rig.noted("keeper_stop ").len(), 1);
    // All closes are before the end of the worker that handled them.
    let journal = rig.journal();
    for stop in rig.noted("worker_stop ") {
        let pid = stop.rsplit(' ').next().unwrap();
        let at = journal.iter().position(|line| *line == stop).unwrap();
        assert!(!journal[at..].iter().any(|line| line.starts_with("close ") && line.ends_with(pid)));
    }
}

fn a_shutdown_asked_for_by_any_process_runs_every_close_once() {
    for from in ["0", "keeper", "master", "http"] {
        let mut rig = Rig::start();
        let mut crowd = rig.crowd(8);
        rig.wait_noted("keeper ", 1);
        match from {
            "master" => drop(rig.master("shutdown")),
            "http" => rig.raw().send("GET /do/shutdown HTTP/1.1\r\nHost: localhost\r\n\r\n"),
            from => {
                let order = format!("send_message {from} do 999999 shutdown");
                crowd[0].client.text(&order);
            }
        }
        check_end(&mut rig, &mut crowd);
    }
}

fn sigterm_runs_every_close_and_worker_stop_once() {
    for signal in [Signal::TERM, Signal::INT] {
        let mut rig = Rig::start();
        let mut crowd = rig.crowd(30);
        rig.wait_noted("keeper ", 1);
        rig.signal_master(signal);
        check_end(&mut rig, &mut crowd);
    }
}

fn a_handler_that_is_under_way_finishes_in_a_stop() {
    let mut rig = Rig::start();
    let mut crowd = rig.crowd(4);
    rig.wait_noted("keeper ", 1);
    for (number, member) in crowd.iter_mut().enumerate() {
        member.client.text(&format!("seq_slow 500 {number}"));
    }
    crowd[0].client.text("id");
    rig.wait_noted("open ", 4);
    crate::support::wait_until("they have begun", || {
        rig.workers().iter().map(|worker| worker.outstanding).sum::<u64>() >= 4
    });
    rig.signal_master(Signal::TERM);
    check_end(&mut rig, &mut crowd);
    assert_eq!(rig.noted("seq ").len(), crowd.len());
}

fn a_handler_that_hangs_does_not_prevent_the_end() {
    for command in ["sleep 60000", "block 60000"] {
        let mut rig = Rig::with("shutdown_timeout=1500");
        let mut crowd = rig.crowd(4);
        crowd[0].client.text(command);
        crate::support::wait_until("it has begun", || {
            rig.workers().iter().map(|worker| worker.outstanding).sum::<u64>() >= 1
        });
        let begun = Instant::now();
        rig.signal_master(Signal::TERM);
        crowd.iter_mut().for_each(|member| assert_eq!(member.client.next_close().0, 1001));
        rig.exit();
        rig.wait_for_nobody();
        assert!(begun.elapsed() < Duration::from_secs(6), "{command}: {:?}", begun.elapsed());
    }
}

fn a_stop_during_a_reload_ends_all_processes() {
    let mut rig = Rig::start();
    std::fs::write(rig.folder.join("at_start"), "slow").unwrap();
    let mut crowd = rig.crowd(4);
    let reload = rig.order("reload");
    crate::support::wait_until("it has begun", || rig.status().len() > 6);
    rig.signal_master(Signal::TERM);
    let told = rig.answer(reload);
    assert!(told == "Stopped" || told.starts_with("Failed"), "{told}");
    crowd.iter_mut().for_each(|member| assert_eq!(member.client.next_close().0, 1001));
    assert_eq!(rig.exit(), Some(0));
    rig.wait_for_nobody();
    rig.check_pairs();
}

fn what_is_asked_for_after_a_stop_is_refused() {
    let mut rig = Rig::start();
    let mut crowd = rig.crowd(3);
    // An impolite client and a handler keep the server from ending at once.
    crowd[0].client.text("sleep 900");
    crate::support::wait_until("it has begun", || {
        rig.workers().iter().map(|worker| worker.outstanding).sum::<u64>() >= 1
    });
    rig.signal_master(Signal::TERM);
    assert_eq!(crowd[1].client.next_close().0, 1001);
    assert_eq!(rig.master("is_stopping"), "true");
    let (one, reload) = (crowd[1].id.clone(), rig.master("reload"));
    assert_eq!(reload, "Stopped");
    assert_eq!(rig.master(&format!("push {one} late")), "Closed");
    assert_eq!(rig.master(&format!("join {one} room")), "Closed");
    assert!(std::net::TcpStream::connect(rig.address).is_err(), "nobody is let in");
    assert_eq!(rig.exit(), Some(0));
}

fn the_death_of_the_master_ends_all_processes() {
    let mut rig = Rig::start();
    let mut crowd = rig.crowd(3);
    crowd[0].client.text("block 60000");
    rig.wait_noted("blocks", 1);
    rig.signal_master(Signal::KILL);
    assert_eq!(rig.exit(), None);
    rig.wait_for_nobody();
}

fn the_death_of_the_manager_changes_nothing() {
    let mut rig = Rig::start();
    let mut crowd = rig.crowd(6);
    let before = rig.status();
    for _ in 0..3 {
        let manager = rig.status().into_iter().find(|process| process.role == "Manager").unwrap();
        rig.kill(manager.pid);
        crowd.iter_mut().for_each(|member| assert_eq!(member.ask("echo"), "echo"));
        crate::support::wait_until("there is another", || {
            rig.status().iter().any(|process| process.role == "Manager" && process.pid != manager.pid)
        });
    }
    let after = rig.status();
    assert_eq!(
        after[2..].iter().map(|one| one.pid).collect::<Vec<_>>(),
        before[2..].iter().map(|one| one.pid).collect::<Vec<_>>()
    );
    rig.reload();
    rig.kill_all_workers();
    crowd.iter_mut().for_each(|member| assert_eq!(member.ask("echo"), "echo"));
}
