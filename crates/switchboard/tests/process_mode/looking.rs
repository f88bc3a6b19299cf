//! What is known without a round trip: the connection table, read by every process.

use crate::rig::{Member, Rig};
use crate::support::{handshake, wait_until};
use crate::tests;

tests![
    every_process_sees_the_connections,
    a_connection_that_has_gone_is_seen_to_be_gone,
    client_info_is_right_in_every_process,
    a_connection_in_its_handshake_exists_and_is_not_established,
    the_figures_are_the_same_in_every_process,
    a_worker_that_is_blocked_sees_connections_come_and_go,
];

const PROCESSES: [&str; 6] = ["own", "0", "1", "2", "keeper", "master"];

#[track_caller]
fn ask(rig: &mut Rig, asker: &mut Member, from: &str, question: &str) -> String {
    match from {
        "own" => asker.ask(question),
        "master" => rig.master(question),
        recipient => asker.ask_at(recipient, question),
    }
}

fn every_process_sees_the_connections() {
    let mut rig = Rig::start();
    let mut crowd = rig.crowd(10);
    let mut ids: Vec<u64> = crowd.iter().map(|member| member.id.parse().unwrap()).collect();
    ids.sort_unstable();
    let expected = ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    for from in PROCESSES {
        assert_eq!(ask(&mut rig, &mut crowd[0], from, "connections"), expected, "{from}");
        for id in &ids {
            for question in ["exists", "is_established"] {
                assert_eq!(ask(&mut rig, &mut crowd[0], from, &format!("{question} {id}")), "true");
            }
        }
    }
}

fn a_connection_that_has_gone_is_seen_to_be_gone() {
    let mut rig = Rig::start();
    let mut crowd = rig.crowd(3);
    let gone = Member::new(rig.connect());
    let id = gone.id.clone();
    drop(gone);
    rig.wait_noted(&format!("close {id} "), 1);
    for from in PROCESSES {
        for (question, answer) in [("exists", "false"), ("is_established", "false"), ("client_info", "None")]
        {
            wait_until("it is gone", || {
                ask(&mut rig, &mut crowd[0], from, &format!("{question} {id}")) == answer
            });
        }
    }
}

fn client_info_is_right_in_every_process() {
    let mut rig = Rig::start();
    let mut crowd = rig.crowd(2);
    let mut other = Member::new(rig.connect_to("/user/ann"));
    for _ in 0..4 {
        other.ask("echo");
    }
    let peer = other.client.stream.local_addr().unwrap();
    for from in PROCESSES {
        let mut info = String::new();
        // What a client has been sent may be noted as sent after it has come.
        wait_until("the answer has been sent", || {
            info = ask(&mut rig, &mut crowd[0], from, &format!("client_info {}", other.id));
            info.ends_with(" 0")
        });
        let words: Vec<&str> = info.split(' ').collect();
        assert_eq!(words[..3], [&peer.to_string(), "ann", "true"], "{from}");
        assert_eq!(words[4..], ["5", "0"], "{from}");
    }
}

fn a_connection_in_its_handshake_exists_and_is_not_established() {
    let mut rig = Rig::start();
    let mut crowd = rig.crowd(2);
    let next = crowd.iter().map(|member| member.id.parse::<u64>().unwrap()).max().unwrap() + 1;
    let address = rig.address;
    let slow = std::thread::spawn(move || {
        let stream = crate::support::Stream::tcp(address);
        Member::new(crate::support::Client::open(stream, &handshake("/slow/400"))).id
    });
    wait_until("the handshake has begun", || rig.master(&format!("exists {next}")) == "true");
    for from in ["own", "1", "keeper", "master"] {
        assert_eq!(ask(&mut rig, &mut crowd[0], from, &format!("is_established {next}")), "false", "{from}");
        assert_eq!(ask(&mut rig, &mut crowd[0], from, &format!("push {next} x")), "NotOpen", "{from}");
    }
    assert_eq!(slow.join().unwrap(), next.to_string());
}

fn the_figures_are_the_same_in_every_process() {
    let mut rig = Rig::start();
    let mut crowd = rig.crowd(5);
    let gone = Member::new(rig.connect());
    let id = gone.id.clone();
    drop(gone);
    rig.wait_noted(&format!("close {id} "), 1);
    let (open, opened) = (crowd.len(), crowd.len() + 1);
    for from in PROCESSES {
        assert_eq!(ask(&mut rig, &mut crowd[0], from, "stats"), format!("{open} {opened} 1 0"), "{from}");
    }
}

fn a_worker_that_is_blocked_sees_connections_come_and_go() {
    let mut rig = Rig::with("workers=2");
    let mut crowd = rig.crowd(4);
    crowd[0].client.text("block 800");
    rig.wait_noted("blocks", 1);
    // The other worker, and the reactors, go on.
    let other = crowd
        .iter()
        .position(|one| one.id.parse::<u64>().unwrap() % 2 != crowd[0].id.parse::<u64>().unwrap() % 2);
    let begun = std::time::Instant::now();
    assert_eq!(crowd[other.unwrap()].ask("echo"), "echo");
    assert!(begun.elapsed() < std::time::Duration::from_millis(600), "{:?}", begun.elapsed());
    let count = crowd.len();
    assert_eq!(rig.master("connections").split(',').count(), count);
    assert_eq!(crowd[0].result(), "1");
    assert_eq!(crowd[0].ask("connections").split(',').count(), count);
}
