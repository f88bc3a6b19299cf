//! Ordinary HTTP in workers that are replaced and die.

use std::io::Read;
use std::time::Duration;

use crate::rig::{Member, Rig};
use crate::support::{Client, Raw, Stream, all_by_tls, handshake, upgrade_request, wait_until};
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
    of_many_late_upgrades_at_once_an_address_gets_as_many_as_it_may_have,
    behind_a_header_that_names_nobody_no_field_is_believed,
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

fn of_many_late_upgrades_at_once_an_address_gets_as_many_as_it_may_have() {
    let mut rig = Rig::with("max_connections_per_address=2 trusted_proxy=127.0.0.1");
    let forwarded = |target| handshake(target).header("X-Forwarded-For", "203.0.113.7");
    let ask_all = |rig: &Rig, target| {
        let mut used: Vec<Raw> = (0..12).map(|_| rig.raw()).collect();
        used.iter_mut().for_each(|raw| assert_eq!(raw.request(&get("/who")).status, 200));
        used.iter_mut().for_each(|raw| raw.send(forwarded(target).request()));
        used
    };
    let fresh = |rig: &Rig| Client::try_open(Stream::tcp(rig.address), &forwarded("/"));
    // As many as there may be can be had, and no more.
    let check_free = |rig: &Rig| {
        let mut clients = Vec::new();
        wait_until("the address is free", || {
            clients.extend(fresh(rig).ok());
            clients.len() == 2
        });
        assert_eq!(fresh(rig).err().expect("it was let in").status, 429);
    };
    for _ in 0..2 {
        let mut asked = ask_all(&rig, "/slow/100");
        let heads: Vec<String> = asked.iter_mut().map(|raw| raw.head_and_rest().0).collect();
        let count = |status| heads.iter().filter(|head| head.starts_with(status)).count();
        assert_eq!((count("HTTP/1.1 101"), count("HTTP/1.1 429")), (2, 10), "{heads:?}");
        assert_eq!(fresh(&rig).err().expect("it was let in").status, 429);
        drop(asked);
        check_free(&rig);
        // Those that are refused, those that go while it is decided, and those whose worker dies then, leave nothing behind.
        let statuses = || ask_all(&rig, "/reject").into_iter().map(|mut raw| raw.answer().status);
        wait_until("the address is free", || statuses().filter(|status| *status == 403).count() == 2);
        drop(ask_all(&rig, "/slow/100"));
        check_free(&rig);
        let hanging = ask_all(&rig, "/hang");
        wait_until("it is decided about two", || fresh(&rig).is_err_and(|answer| answer.status == 429));
        rig.kill_all_workers();
        drop(hanging);
        check_free(&rig);
    }
}

fn behind_a_header_that_names_nobody_no_field_is_believed() {
    if all_by_tls().is_some() {
        return; // These headers come within TLS.
    }
    let rig = Rig::with("proxy_protocol=true trusted_proxy=127.0.0.1");
    let forged = handshake("/").header("X-Forwarded-For", "203.0.113.7");
    for (header, named) in
        [("PROXY UNKNOWN", None), ("PROXY TCP4 127.0.0.1 127.0.0.1 5 6", Some("203.0.113.7:0"))]
    {
        for used in [false, true] {
            let mut raw = rig.raw();
            let own = raw.stream.local_addr().unwrap().to_string();
            raw.send(format!("{header}\r\n"));
            if used {
                assert_eq!(raw.request(&get("/who")).status, 200);
            }
            let mut member = Member::new(Client::open(raw.into_stream(), &forged));
            let info = member.ask("client_info me");
            assert_eq!(info.split(' ').next(), Some(named.unwrap_or(&own)), "{header} {used}");
        }
    }
}
