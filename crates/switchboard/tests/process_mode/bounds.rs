//! A client that never reads, and handlers that are flooded: memory stays bounded, and errors tell.

use std::time::{Duration, Instant};

use crate::rig::{Member, Rig};
use crate::support::{Client, Heard, Stream, all_by_tls, handshake, wait_until};
use crate::tests;

tests![
    a_flood_at_a_client_that_never_reads_meets_a_full_queue,
    the_oldest_messages_are_dropped_where_that_is_the_policy,
    a_connection_that_overflows_is_closed_where_that_is_the_policy,
    on_drain_is_called_once_there_is_room_again,
    broadcasts_in_a_loop_at_clients_that_never_read_are_bounded,
    a_flood_at_a_slow_handler_is_held_and_loses_nothing,
    a_slow_worker_does_not_hold_up_the_others,
    pings_are_answered_whatever_the_worker_does,
];

const MIB: u64 = 1 << 20;

/// A client with a small receive buffer, so that it is the server that has to keep what it does not read.
fn narrow(rig: &Rig) -> Member {
    Member::new(Client::open(Stream::narrow(rig.address), &handshake("/")))
}

/// The resident memory of the master and its workers.
fn resident(rig: &mut Rig) -> u64 {
    let pids: Vec<i32> = rig.status().into_iter().map(|process| process.pid).collect();
    pids.into_iter().map(|pid| rig.resident(pid)).sum()
}

fn a_flood_at_a_client_that_never_reads_meets_a_full_queue() {
    let mut rig = Rig::with("output_bytes_max=1048576 overflow=drop_newest");
    let mut crowd = rig.crowd(4);
    let idle = narrow(&rig);
    let before = resident(&mut rig);
    // From the worker of the connection, from others, and from the user process: 64 MiB each.
    for from in ["0", "1", "2", "keeper"] {
        let flood = format!("flood {} 65536 1000 drop_newest", idle.id);
        let told = crowd[0].ask_at(from, &flood);
        let words: Vec<&str> = told.split(' ').collect();
        assert_eq!(words[2], "QueueFull", "from {from}: {told}");
        let accepted: u64 = words[0].parse().unwrap();
        assert!(accepted <= 120, "from {from} {accepted} of 64 KiB were accepted");
    }
    let info = crowd[0].ask(&format!("client_info {}", idle.id));
    let queued: u64 = info.rsplit(' ').next().unwrap().parse().unwrap();
    assert!(queued <= 2 * MIB, "{queued} bytes are queued");
    let grown = resident(&mut rig).saturating_sub(before);
    assert!(grown < 24 * MIB, "grew by {} KiB", grown >> 10);
    crowd.iter_mut().for_each(|member| assert_eq!(member.ask("echo"), "echo"));
}

fn the_oldest_messages_are_dropped_where_that_is_the_policy() {
    let mut rig = Rig::with("output_bytes_max=1048576 overflow=drop_oldest");
    let mut crowd = rig.crowd(4);
    let mut idle = narrow(&rig);
    let before = resident(&mut rig);
    for from in ["0", "1", "2", "keeper"] {
        crowd[0].ask_at(from, &format!("flood {} 65536 1000 drop_oldest", idle.id));
    }
    let grown = resident(&mut rig).saturating_sub(before);
    assert!(grown < 24 * MIB, "grew by {} KiB", grown >> 10);
    assert_eq!(crowd[0].ask(&format!("is_established {}", idle.id)), "true");
    let mut dropped = || crowd[0].ask("stats").rsplit(' ').next().unwrap().parse::<u64>().unwrap();
    wait_until("messages have been dropped", || dropped() > 0);
    // Once it reads, the newest comes.
    idle.client.text("echo");
    idle.client.until(&Heard::Text("= echo".to_owned()));
}

fn a_connection_that_overflows_is_closed_where_that_is_the_policy() {
    let rig = Rig::with("output_bytes_max=1048576 overflow=close");
    let mut crowd = rig.crowd(4);
    for from in ["0", "1", "2", "keeper"] {
        let idle = narrow(&rig);
        let told = crowd[0].ask_at(from, &format!("flood {} 65536 1000 close", idle.id));
        let error = told.rsplit(' ').next().unwrap();
        assert!(error == "QueueFull" || error == "Closed", "from {from}: {told}");
        let closed = rig.wait_noted(&format!("close {} ", idle.id), 1);
        assert!(closed[0].contains("1008 Overflow"), "{closed:?}");
    }
    rig.crowd(2);
}

fn on_drain_is_called_once_there_is_room_again() {
    let rig = Rig::with("output_bytes_max=262144 overflow=drop_newest");
    let mut crowd = rig.crowd(4);
    for from in ["0", "1", "2", "keeper"] {
        let mut idle = narrow(&rig);
        let (mut sent, mut refused_all) = (0, 0);
        // The kernel takes some of it, and more a little later: full for good is what refuses everything, again and again.
        wait_until("the queue is full for good", || {
            let told = crowd[0].ask_at(from, &format!("flood {} 16384 100 drop_newest", idle.id));
            assert!(told.ends_with("QueueFull") || refused_all == 0, "{told}");
            let accepted: usize = told.split(' ').next().unwrap().parse().unwrap();
            sent += accepted;
            refused_all = if accepted == 0 { refused_all + 1 } else { 0 };
            refused_all == 20
        });
        let drain = format!("drain {}", idle.id);
        let drained = rig.noted(&drain).len();
        for _ in 0..sent {
            assert_eq!(idle.client.next(), Heard::Binary(vec![b'f'; 16_384]), "from {from}");
        }
        rig.wait_noted(&drain, drained + 1);
        assert_eq!(idle.ask("echo"), "echo");
    }
}

fn broadcasts_in_a_loop_at_clients_that_never_read_are_bounded() {
    if all_by_tls().is_some() {
        return; // A session cannot be shared with another stream.
    }
    let mut rig = Rig::with("output_bytes_max=1048576 overflow=drop_oldest ring_bytes=65536");
    let mut crowd = rig.crowd(2);
    let idle: Vec<Member> = (0..6).map(|_| narrow(&rig)).collect();
    let before = resident(&mut rig);
    let mut writer = crowd[0].client.stream.try_clone();
    let broadcasts = std::thread::spawn(move || {
        use std::io::Write;
        let text = "b".repeat(100_000);
        for _ in 0..300 {
            writer.write_all(&Client::encoded_texts([format!("broadcast {text}")])).unwrap();
        }
        writer.write_all(&Client::encoded_texts(["echo"])).unwrap();
    });
    crowd[0].client.until(&Heard::Text("= echo".to_owned()));
    broadcasts.join().unwrap();
    let grown = resident(&mut rig).saturating_sub(before);
    assert!(grown < 48 * MIB, "grew by {} KiB", grown >> 10);
    drop(idle);
}

fn a_flood_at_a_slow_handler_is_held_and_loses_nothing() {
    if all_by_tls().is_some() {
        return; // A session cannot be shared with another stream.
    }
    let mut rig = Rig::with("ring_bytes=4096 handler_backlog_max=4");
    let mut crowd = rig.crowd(4);
    let before = resident(&mut rig);
    let body = "x".repeat(1_000);
    let flooded = crowd.remove(0);
    let mut writer = flooded.client.stream.try_clone();
    let count = 20_000;
    let flood = std::thread::spawn(move || {
        use std::io::Write;
        let first = Client::encoded_texts(["sleep 700"]);
        writer.write_all(&first).unwrap();
        for number in 0..count {
            writer.write_all(&Client::encoded_texts([format!("echo {number} {body}")])).unwrap();
        }
    });
    // While it is held, the others are served.
    let begun = Instant::now();
    for round in 0..50 {
        for member in &mut crowd {
            assert_eq!(member.ask(&format!("echo {round}")), format!("echo {round}"));
        }
    }
    let beside = begun.elapsed();
    let grown = resident(&mut rig).saturating_sub(before);
    assert!(grown < 24 * MIB, "grew by {} KiB", grown >> 10);
    let mut flooded = flooded;
    assert_eq!(flooded.result(), "1");
    for number in 0..count {
        let heard = flooded.result();
        assert!(heard.starts_with(&format!("echo {number} ")), "{number}: {}", &heard[..20]);
    }
    flood.join().unwrap();
    assert!(beside < Duration::from_secs(10), "{beside:?}");
}

fn a_slow_worker_does_not_hold_up_the_others() {
    let mut rig = Rig::with("ring_bytes=4096 workers=2");
    let mut crowd = rig.crowd(6);
    let (mut blocked, mut others): (Vec<_>, Vec<_>) =
        crowd.drain(..).partition(|member| member.id.parse::<u64>().unwrap() % 2 == 0);
    blocked[0].client.text("block 1500");
    rig.wait_noted("blocks", 1);
    // More than its ring holds.
    for member in &mut blocked[1..] {
        for _ in 0..20 {
            member.client.text(&format!("echo {}", "x".repeat(500)));
        }
    }
    let begun = Instant::now();
    for _ in 0..100 {
        for member in &mut others {
            assert_eq!(member.ask("echo"), "echo");
        }
    }
    assert!(begun.elapsed() < Duration::from_millis(1_300), "{:?}", begun.elapsed());
    let waits: u64 = rig.status().iter().map(|process| process.outstanding + process.queued).sum();
    assert!(waits > 0, "nothing waits after {:?}: {:?}", begun.elapsed(), rig.status());
    assert_eq!(blocked[0].result(), "1");
    for member in &mut blocked[1..] {
        (0..20).for_each(|_| assert!(member.result().starts_with("echo x")));
    }
    wait_until("nothing waits", || {
        rig.status().iter().all(|process| process.outstanding == 0 && process.queued == 0)
    });
}

/// It stands still, and there is no room for one more event.
fn pings_are_answered_whatever_the_worker_does() {
    if all_by_tls().is_some() {
        return; // A session cannot be shared with another stream.
    }
    let mut rig = Rig::with("workers=1");
    let mut crowd = rig.crowd(3);
    crowd[0].client.text("block 3000");
    rig.wait_noted("blocks", 1);
    let mut flood = crowd[1].client.stream.try_clone();
    let flooding = std::thread::spawn(move || {
        use std::io::Write;
        let messages = Client::encoded_texts(vec!["x".repeat(60_000); 60]);
        flood.write_all(&messages).unwrap();
    });
    let held = |rig: &mut Rig| rig.master(&format!("client_info {}", crowd[1].id));
    let mut before = String::new();
    wait_until("the flood is held up", || {
        let now = held(&mut rig);
        std::mem::replace(&mut before, now.clone()) == now && !flooding.is_finished()
    });
    let begun = Instant::now();
    for number in 0..20_u8 {
        crowd[2].client.ping(&[number]);
        crowd[2].client.until(&Heard::Pong(vec![number]));
    }
    assert!(begun.elapsed() < Duration::from_millis(1_500), "{:?}", begun.elapsed());
    assert_eq!(crowd[0].result(), "1");
    flooding.join().unwrap();
    assert_eq!(crowd[2].ask("echo"), "echo");
}
