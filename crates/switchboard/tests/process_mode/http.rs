//! Ordinary HTTP in workers that are replaced and die.

use std::io::Read;
use std::time::Duration;

use crate::rig::{Member, Rig};
use crate::support::{Client, Raw, handshake, upgrade_request, wait_until};
use crate::tests;

tests![
    requests_go_to_all_workers_and_reach_the_connections,
    a_connection_is_kept_alive_with_one_worker,
    a_request_in_flight_finishes_during_a_reload,
    a_body_that_streams_finishes_during_a_reload,
    an_idle_kept_alive_connection_of_a_drained_worker_is_closed,
    an_upgrade_on_a_used_connection_survives_reloads_and_kills,
    a_worker_that_dies_breaks_only_its_own_requests,
    the_places_of_a_dead_worker_come_back,
    the_excess_of_connections_is_answered_with_503,
    requests_go_on_through_reloads,
];

fn get(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n")
}

fn pid_of(who: &str) -> i32 {
    who.rsplit(' ').next().unwrap().parse().unwrap()
}

fn requests_go_to_all_workers_and_reach_the_connections() {
    let rig = Rig::start();
    let mut crowd = rig.crowd(4);
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..12 {
        seen.insert(rig.raw().request(&get("/who")).body);
    }
    assert_eq!(seen.len(), 3, "{seen:?}");
    let push = format!("/do/push+{}+hello", crowd[1].id);
    assert_eq!(rig.raw().request(&get(&push)).body, "()");
    crowd[1].expect("hello");
    assert_eq!(rig.raw().request(&get("/nowhere")).status, 404);
    let body = "b".repeat(300_000);
    let post = format!("POST /length HTTP/1.1\r\nHost: localhost\r\nContent-Length: 300000\r\n\r\n{body}");
    assert_eq!(rig.raw().request(&post).body, "300000");
}

fn a_connection_is_kept_alive_with_one_worker() {
    let rig = Rig::start();
    let mut raw = rig.raw();
    let first = raw.request(&get("/who")).body;
    for _ in 0..50 {
        assert_eq!(raw.request(&get("/who")).body, first);
    }
    // Two requests at once.
    raw.send([get("/who"), get("/who")].concat());
    assert_eq!((raw.answer().body, raw.answer().body), (first.clone(), first));
}

fn a_request_in_flight_finishes_during_a_reload() {
    let mut rig = Rig::start();
    let mut all: Vec<Raw> = (0..6).map(|_| rig.raw()).collect();
    all.iter_mut().for_each(|raw| raw.send(get("/slow/700")));
    rig.wait_noted("request ", 6);
    rig.reload();
    for raw in &mut all {
        let answer = raw.answer();
        assert_eq!((answer.status, answer.body.as_str()), (200, "slow"));
        assert_eq!(answer.header("Connection").map(str::to_ascii_lowercase).as_deref(), Some("close"));
        assert!(raw.rest().is_empty());
    }
    rig.wait_noted("worker_stop ", 3);
}

fn a_body_that_streams_finishes_during_a_reload() {
    let mut rig = Rig::start();
    let mut raw = rig.raw();
    raw.send(get("/stream/40"));
    let (head, mut read) = raw.head_and_rest();
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    rig.reload();
    let mut buffer = [0; 4096];
    let whole = |read: &[u8]| read.ends_with(b"0\r\n\r\n");
    while !whole(&read) {
        let len = raw.stream.read(&mut buffer).unwrap();
        assert_ne!(len, 0, "the body was cut off: {}", String::from_utf8_lossy(&read));
        read.extend_from_slice(&buffer[..len]);
    }
    let text = String::from_utf8(read).unwrap();
    assert_eq!(text.matches("chunk ").count(), 40);
    wait_until("its worker has ended", || rig.noted("worker_stop ").len() == 3);
}

fn an_idle_kept_alive_connection_of_a_drained_worker_is_closed() {
    let mut rig = Rig::start();
    let mut all: Vec<Raw> = (0..6).map(|_| rig.raw()).collect();
    for raw in &mut all {
        assert_eq!(raw.request(&get("/who")).status, 200);
    }
    rig.reload();
    for raw in &mut all {
        assert!(raw.rest().is_empty());
    }
    rig.wait_noted("worker_stop ", 3);
    assert!(rig.raw().request(&get("/who")).body.split(' ').nth(1) == Some("2"));
}

fn upgraded(rig: &Rig) -> Member {
    let mut raw = rig.raw();
    assert_eq!(raw.request(&get("/who")).status, 200);
    let handshake = handshake("/user/ann");
    raw.send(handshake.request());
    let client = Client::await_101(raw.into_stream(), &handshake);
    Member::new(client.unwrap_or_else(|answer| panic!("{answer:?}")))
}

fn an_upgrade_on_a_used_connection_survives_reloads_and_kills() {
    let mut rig = Rig::start();
    let mut all: Vec<Member> = (0..6).map(|_| upgraded(&rig)).collect();
    for member in &mut all {
        assert!(member.ask("client_info me").contains(" ann true "));
    }
    rig.reload();
    all.iter_mut().for_each(|member| assert_eq!(member.ask("echo"), "echo"));
    rig.kill_all_workers();
    all.iter_mut().for_each(|member| assert_eq!(member.ask("echo"), "echo"));
    assert_eq!(rig.master("user_connections ann").split(',').count(), 6);
    // And one that is refused.
    let mut raw = rig.raw();
    assert_eq!(raw.request(&get("/who")).status, 200);
    assert_eq!(raw.request(&upgrade_request("/reject", "")).status, 403);
    drop(all);
    wait_until("all have closed", || rig.noted("close ").len() == 6);
    rig.check_pairs();
}

fn a_worker_that_dies_breaks_only_its_own_requests() {
    let mut rig = Rig::start();
    let mut crowd = rig.crowd(3);
    let mut all: Vec<(Raw, i32)> = (0..6)
        .map(|_| {
            let mut raw = rig.raw();
            let pid = pid_of(&raw.request(&get("/who")).body);
            (raw, pid)
        })
        .collect();
    all.iter_mut().for_each(|(raw, _)| raw.send(get("/slow/500")));
    rig.wait_noted("request ", 6);
    let victim = rig.workers()[0].clone();
    rig.kill(victim.pid);
    let (of_victim, mut broken) = (all.iter().filter(|(_, pid)| *pid == victim.pid).count(), 0);
    for (mut raw, pid) in all {
        if pid == victim.pid {
            assert!(raw.rest().is_empty());
            broken += 1;
        } else {
            assert_eq!(raw.answer().body, "slow");
        }
    }
    assert_eq!(broken, of_victim);
    assert!((1..6).contains(&broken));
    crowd.iter_mut().for_each(|member| assert_eq!(member.ask("echo"), "echo"));
    let mut raw = rig.raw();
    raw.send(get("/panic"));
    raw.rest();
    assert_eq!(rig.raw().request(&get("/who")).status, 200);
}

fn the_places_of_a_dead_worker_come_back() {
    let mut rig = Rig::with("max_http_connections=6");
    for _ in 0..4 {
        let mut all = Vec::new();
        wait_until("all places can be had", || {
            let mut raw = rig.raw();
            let has_one = raw.request(&get("/who")).status == 200;
            all.extend(has_one.then_some(raw));
            all.len() == 6
        });
        rig.kill_all_workers();
    }
}

fn the_excess_of_connections_is_answered_with_503() {
    let rig = Rig::with("max_http_connections=3");
    let mut all: Vec<Raw> = (0..3).map(|_| rig.raw()).collect();
    for raw in &mut all {
        assert_eq!(raw.request(&get("/who")).status, 200);
    }
    assert_eq!(rig.raw().request(&get("/who")).status, 503);
    drop(all);
    wait_until("there are places again", || rig.raw().request(&get("/who")).status == 200);
}

fn requests_go_on_through_reloads() {
    let mut rig = Rig::start();
    let address = rig.address;
    let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let asking: Vec<_> = (0..3)
        .map(|_| {
            let stop = stop.clone();
            std::thread::spawn(move || {
                let mut count = 0;
                while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                    assert_eq!(Raw::connect(address).request(&get("/who")).status, 200);
                    count += 1;
                    std::thread::sleep(Duration::from_millis(1));
                }
                count
            })
        })
        .collect();
    for _ in 0..8 {
        rig.reload();
    }
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    for asking in asking {
        assert!(asking.join().unwrap() > 0);
    }
}
