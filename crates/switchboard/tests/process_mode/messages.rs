//! Messages between processes, and the user process.

use std::time::{Duration, Instant};

use crate::rig::{Member, Rig};
use crate::support::wait_until;
use crate::tests;

tests![
    messages_go_between_all_processes_in_order,
    a_recipient_that_there_is_not_is_unknown,
    a_message_larger_than_the_window_is_too_big,
    messages_larger_than_the_ring_arrive_whole,
    a_full_window_says_so_and_holds_senders_back,
    nothing_is_lost_when_the_user_process_is_killed,
    nothing_is_lost_when_workers_are_killed,
    nothing_is_lost_or_reordered_through_reloads,
    a_message_in_hand_comes_again_and_is_marked,
    there_are_never_two_user_processes,
    a_user_process_that_fails_is_replaced,
];

/// The numbers of what was kept of a tag by the user process, with their attempts, in order.
fn kept(rig: &Rig, tag: &str) -> Vec<(u32, u32)> {
    noted(rig, "kept ", tag)
}

fn noted(rig: &Rig, start: &str, tag: &str) -> Vec<(u32, u32)> {
    let lines = rig.noted(start);
    let of_tag = lines.iter().filter_map(|line| {
        let (head, number) = line.rsplit_once(&format!(": {tag} "))?;
        let attempt = head.split(' ').nth(if start.starts_with("piped") { 2 } else { 1 })?;
        Some((number.parse().unwrap(), attempt.parse().unwrap()))
    });
    of_tag.collect()
}

/// All of them, in order; again only where that is marked and right after.
#[track_caller]
fn check_complete(numbers: &[(u32, u32)], count: u32, marked: bool) {
    let mut next = 0;
    for (number, attempt) in numbers {
        if *number == next {
            next += 1;
        } else {
            let at = numbers.iter().position(|found| found == &(*number, *attempt)).unwrap_or(0);
            let around = &numbers[at.saturating_sub(5)..numbers.len().min(at + 15)];
            assert!(
                marked && *number < next && *attempt > 1,
                "{number}, attempt {attempt}, after {next}: {around:?}"
            );
        }
    }
    assert_eq!(next, count);
}

fn messages_go_between_all_processes_in_order() {
    let mut rig = Rig::start();
    let mut member = Member::new(rig.connect());
    for (from, to) in
        [("0", "1"), ("1", "0"), ("2", "2"), ("0", "keeper"), ("keeper", "1"), ("keeper", "keeper")]
    {
        let tag = format!("from-{from}");
        assert_eq!(member.ask_at(from, &format!("send_numbers {to} {tag} 500")), "sent");
        let start = if to == "keeper" { "kept ".to_owned() } else { format!("piped {to} ") };
        wait_until("all have arrived", || noted(&rig, &start, &tag).len() >= 500);
        check_complete(&noted(&rig, &start, &tag), 500, false);
        let sender = if from == "keeper" { "process keeper".to_owned() } else { format!("worker {from}") };
        assert!(rig.noted(&start).iter().any(|line| line.contains(&format!(" {sender}: {tag}"))));
    }
    assert_eq!(rig.master("send_message keeper from-the-master"), "()");
    assert_eq!(rig.master("send_message 1 from-the-master"), "()");
    for line in ["kept 1 15 master: from-the-master", "piped 1 1 15 master: from-the-master"] {
        rig.wait_noted(line, 1);
    }
}

fn a_recipient_that_there_is_not_is_unknown() {
    let mut rig = Rig::start();
    let mut member = Member::new(rig.connect());
    for (to, shown) in [("3", "Worker(3)"), ("nobody", "Process(\"nobody\")")] {
        let error = format!("Unknown {{ recipient: {shown} }}");
        assert_eq!(member.ask(&format!("send_message {to} x")), error);
        assert_eq!(member.ask_at("keeper", &format!("try_send {to} x")), error);
        assert_eq!(rig.master(&format!("try_send {to} x")), error);
    }
}

fn a_message_larger_than_the_window_is_too_big() {
    let mut rig = Rig::with("pipe_bytes_max=10000");
    let mut member = Member::new(rig.connect());
    for from in ["0", "keeper"] {
        let error = member.ask_at(from, "send_big 1 10000");
        assert!(error.starts_with("TooBig { bytes: 10000, max: "), "{error}");
    }
    assert!(rig.master("send_big 1 10000").starts_with("TooBig"));
    assert_eq!(member.ask("send_big 1 9000"), "()");
}

fn messages_larger_than_the_ring_arrive_whole() {
    let rig = Rig::with("ring_bytes=4096");
    let mut member = Member::new(rig.connect());
    for from in ["0", "1", "keeper"] {
        for to in ["0", "2", "keeper"] {
            assert_eq!(member.ask_at(from, &format!("send_big {to} 900000")), "()");
        }
    }
    rig.wait_noted("kept 1 900000 ", 3);
    rig.wait_noted("piped 0 1 900000 ", 3);
    rig.wait_noted("piped 2 1 900000 ", 3);
}

fn a_full_window_says_so_and_holds_senders_back() {
    let rig = Rig::with("pipe_bytes_max=100000");
    let mut member = Member::new(rig.connect());
    let mut all = 0;
    for (from, to) in [("own", "keeper"), ("own", "1"), ("1", "keeper"), ("keeper", "1")] {
        // A worker handles the messages of one sender one at a time, those of others meanwhile.
        let nap = format!("send_message {to} nap 600");
        match from {
            "own" => member.ask(&nap),
            from => member.ask_at(from, &nap),
        };
        let fill = format!("try_fill {to} 1000");
        let begun = Instant::now();
        let told = match from {
            "own" => member.ask(&fill),
            // Behind the nap, if that is its own.
            from => member.ask_at(from, &fill),
        };
        let (count, error) = told.split_once(' ').unwrap();
        assert_eq!(error, "QueueFull", "from {from} to {to}");
        let count: u32 = count.parse().unwrap();
        assert!((80..=100).contains(&count), "from {from} to {to}: {count}");
        // One that waits is held until there is room.
        let waits = format!("send_big {to} 1000");
        let sent = match from {
            "own" => member.ask(&waits),
            from => member.ask_at(from, &waits),
        };
        assert_eq!(sent, "()");
        assert!(begun.elapsed() > Duration::from_millis(300), "from {from} to {to}: {:?}", begun.elapsed());
        let start = if to == "keeper" { "kept 1 1000 " } else { "piped 1 1 1000 " };
        all += count as usize + 1;
        wait_until("the last has arrived", || {
            rig.noted("kept 1 1000").len() + rig.noted("piped 1 1 1000").len() == all
        });
        assert!(!rig.noted(start).is_empty());
    }
}

fn nothing_is_lost_when_the_user_process_is_killed() {
    let mut rig = Rig::start();
    let mut members: Vec<Member> = (0..3).map(|_| Member::new(rig.connect())).collect();
    for (number, member) in members.iter_mut().enumerate() {
        member.client.text(&format!("send_numbers keeper tag-{number} 3000"));
    }
    for kills in 1..=4 {
        rig.wait_noted("kept ", 800 * kills);
        let keeper = rig.keeper();
        if let Some(keeper) = keeper {
            rig.kill(keeper.pid);
            wait_until("it has been replaced", || rig.keeper().is_some_and(|new| new.pid != keeper.pid));
        }
    }
    for (number, member) in members.iter_mut().enumerate() {
        assert_eq!(member.result(), "sent");
        let tag = format!("tag-{number}");
        wait_until("all have arrived", || kept(&rig, &tag).last().is_some_and(|(last, _)| *last == 2_999));
        check_complete(&kept(&rig, &tag), 3_000, true);
    }
    assert!(rig.noted("TWO").is_empty());
    assert!(rig.noted("keeper ").len() > 1);
}

fn nothing_is_lost_when_workers_are_killed() {
    let mut rig = Rig::with("max_attempts=50");
    // The sender is the user process, which goes on.
    let mut member = Member::new(rig.connect());
    member.client.text(&format!("send_message keeper do {} send_numbers 1 tag 3000", member.id));
    for kills in 1..=4 {
        rig.wait_noted("piped 1 ", 500 * kills);
        let worker = rig.workers().into_iter().find(|worker| worker.role.contains("Worker(1)"));
        if let Some(worker) = worker {
            rig.kill(worker.pid);
            rig.wait_for_workers(3, &[worker]);
        }
    }
    let mut heard = vec![member.client.next_text(), member.client.next_text()];
    heard.sort();
    assert_eq!(heard, ["= ()", "= sent"]);
    wait_until("all have arrived", || {
        noted(&rig, "piped 1 ", "tag").last().is_some_and(|last| last.0 == 2_999)
    });
    check_complete(&noted(&rig, "piped 1 ", "tag"), 3_000, true);
}

fn nothing_is_lost_or_reordered_through_reloads() {
    let mut rig = Rig::start();
    let mut members: Vec<Member> = (0..3).map(|_| Member::new(rig.connect())).collect();
    for (number, member) in members.iter_mut().enumerate() {
        member.client.text(&format!("send_numbers {} tag-{number} 2000", ["keeper", "0", "1"][number]));
    }
    for _ in 0..8 {
        rig.reload();
    }
    for member in &mut members {
        assert_eq!(member.result(), "sent");
    }
    for (start, tag) in [("kept ", "tag-0"), ("piped 0 ", "tag-1"), ("piped 1 ", "tag-2")] {
        wait_until("all have arrived", || noted(&rig, start, tag).len() >= 2_000);
        check_complete(&noted(&rig, start, tag), 2_000, false);
    }
    assert!(rig.noted("TWO").is_empty());
}

fn a_message_in_hand_comes_again_and_is_marked() {
    let rig = Rig::start();
    let mut member = Member::new(rig.connect());
    for to in ["keeper", "0"] {
        member.ask(&format!("send_message {to} die now"));
        member.ask(&format!("send_message {to} afterwards"));
    }
    assert!(rig.wait_noted("kept 2 7 ", 1)[0].ends_with(": die now"));
    assert!(rig.wait_noted("piped 0 2 7 ", 1)[0].ends_with(": die now"));
    wait_until("what follows comes, too", || {
        rig.journal().iter().filter(|line| line.ends_with(": afterwards")).count() == 2
    });
}

fn there_are_never_two_user_processes() {
    let mut rig = Rig::start();
    rig.wait_noted("keeper ", 1);
    for round in 0..12 {
        match round % 3 {
            0 => drop(rig.reload()),
            1 => rig.keeper().into_iter().for_each(|keeper| rig.kill(keeper.pid)),
            // Both at once.
            _ => {
                let reload = rig.order("reload");
                rig.keeper().into_iter().for_each(|keeper| rig.kill(keeper.pid));
                let told = rig.answer(reload);
                assert!(told.split(' ').count() == 2, "{told}");
            }
        }
    }
    wait_until("one serves", || rig.keeper().is_some());
    rig.wait_noted("keeper 9 ", 1);
    assert!(rig.noted("TWO").is_empty(), "{:?}", rig.noted("TWO"));
}

fn a_user_process_that_fails_is_replaced() {
    let rig = Rig::start();
    let mut member = Member::new(rig.connect());
    member.ask("send_message keeper fail now");
    member.ask("send_message keeper afterwards");
    assert!(rig.wait_noted("kept 2 8 ", 1)[0].ends_with(": fail now"));
    wait_until("what follows comes, too", || rig.journal().iter().any(|line| line.ends_with(": afterwards")));
    assert!(rig.log().contains("the keeper fails, as it was told"), "{}", rig.log());
    assert_eq!(rig.noted("keeper ").len(), 2);
}
