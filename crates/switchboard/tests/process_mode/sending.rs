//! Pushes and publishes, from every process to connections of every worker and reactor.

use crate::rig::{Member, Rig, ids};
use crate::tests;

tests![
    a_push_reaches_every_connection_from_every_process,
    a_push_with_a_policy_of_its_own_arrives,
    push_many_counts_whom_it_went_to,
    a_broadcast_reaches_everybody_from_every_process,
    a_publish_reaches_the_members_but_those_excepted,
    push_to_user_reaches_all_connections_of_the_user,
    what_one_task_sends_arrives_in_order_through_all_ways,
    pushes_to_gone_and_unknown_connections_say_so,
    names_and_sizes_are_checked,
    messages_larger_than_the_ring_go_both_ways,
];

/// Has a command done by each process in turn; the first of the crowd hears the results.
fn from_everywhere(
    rig: &mut Rig,
    crowd: &mut [Member],
    mut check: impl FnMut(&mut Rig, &mut [Member], &str),
) {
    for from in ["own", "0", "1", "2", "keeper", "master", "http"] {
        check(rig, crowd, from);
    }
}

#[track_caller]
fn perform(rig: &mut Rig, from: &str, asker: &mut Member, command: &str) -> String {
    match from {
        "own" => asker.ask(command),
        "master" => rig.master(command),
        "http" => {
            let target = command.replace(' ', "+");
            rig.raw().request(&format!("GET /do/{target} HTTP/1.1\r\nHost: localhost\r\n\r\n")).body
        }
        recipient => asker.ask_at(recipient, command),
    }
}

fn a_push_reaches_every_connection_from_every_process() {
    let mut rig = Rig::start();
    let mut crowd = rig.crowd(8);
    from_everywhere(&mut rig, &mut crowd, |rig, crowd, from| {
        let (asker, others) = crowd.split_first_mut().unwrap();
        for other in others {
            let text = format!("from-{from}");
            assert_eq!(perform(rig, from, asker, &format!("push {} {text}", other.id)), "()");
            other.expect(&text);
        }
    });
}

fn a_push_with_a_policy_of_its_own_arrives() {
    let rig = Rig::start();
    let mut crowd = rig.crowd(3);
    let (asker, others) = crowd.split_first_mut().unwrap();
    for policy in ["close", "drop_newest", "drop_oldest"] {
        let to = &mut others[0];
        assert_eq!(asker.ask(&format!("push_with {} {policy} {policy}", to.id)), "()");
        to.expect(policy);
    }
}

fn push_many_counts_whom_it_went_to() {
    let mut rig = Rig::start();
    let mut crowd = rig.crowd(8);
    let gone = Member::new(rig.connect());
    let gone_id = gone.id.clone();
    drop(gone);
    rig.wait_noted(&format!("close {gone_id} "), 1);
    from_everywhere(&mut rig, &mut crowd, |rig, crowd, from| {
        let (asker, others) = crowd.split_first_mut().unwrap();
        let to = format!("{},{gone_id},999999", ids(others));
        let count = perform(rig, from, asker, &format!("push_many {to} many-{from}"));
        assert_eq!(count, others.len().to_string(), "from {from}");
        others.iter_mut().for_each(|other| other.expect(&format!("many-{from}")));
    });
}

fn a_broadcast_reaches_everybody_from_every_process() {
    let mut rig = Rig::start();
    let mut crowd = rig.crowd(8);
    for from in ["0", "1", "2", "keeper", "master"] {
        let text = format!("to-all-{from}");
        if from == "master" {
            assert_eq!(rig.master(&format!("broadcast {text}")), "()");
        } else {
            let order = format!("send_message {from} do {} broadcast {text}", crowd[0].id);
            crowd[0].client.text(&order);
        }
        for (number, member) in crowd.iter_mut().enumerate() {
            // The asker hears two results, too, in whichever order.
            let expected = if number == 0 && from != "master" { 3 } else { 1 };
            let heard = member.client.next_texts(expected);
            assert_eq!(heard.iter().filter(|heard| **heard == text).count(), 1, "{heard:?}");
        }
    }
}

fn a_publish_reaches_the_members_but_those_excepted() {
    let mut rig = Rig::start();
    let mut crowd = rig.crowd(9);
    let asked = crowd.split_first_mut().unwrap();
    for other in &mut *asked.1 {
        assert_eq!(other.ask("join me room"), "()");
    }
    from_everywhere(&mut rig, &mut crowd, |rig, crowd, from| {
        let (asker, others) = crowd.split_first_mut().unwrap();
        let except = format!("{},{}", others[1].id, others[4].id);
        assert_eq!(perform(rig, from, asker, &format!("publish room {except} to-room-{from}")), "()");
        assert_eq!(perform(rig, from, asker, "publish nobody - nothing"), "()");
        for (number, other) in others.iter_mut().enumerate() {
            if number != 1 && number != 4 {
                other.expect(&format!("to-room-{from}"));
            }
            // Nothing else has come.
            assert_eq!(other.ask("echo"), "echo");
        }
    });
}

fn push_to_user_reaches_all_connections_of_the_user() {
    let mut rig = Rig::start();
    let mut crowd = rig.crowd(9);
    for (number, member) in crowd.iter_mut().enumerate().skip(1) {
        let user = if number % 2 == 0 { "even" } else { "odd" };
        assert_eq!(member.ask(&format!("bind me {user}")), "()");
    }
    from_everywhere(&mut rig, &mut crowd, |rig, crowd, from| {
        let (asker, others) = crowd.split_first_mut().unwrap();
        assert_eq!(perform(rig, from, asker, &format!("push_to_user even you-{from}")), "()");
        for (number, other) in others.iter_mut().enumerate() {
            if number % 2 == 1 {
                other.expect(&format!("you-{from}"));
            }
            assert_eq!(other.ask("echo"), "echo");
        }
    });
}

fn what_one_task_sends_arrives_in_order_through_all_ways() {
    let rig = Rig::start();
    let mut crowd = rig.crowd(6);
    for member in &mut crowd {
        member.ask("join me room");
        member.ask("bind me ann");
    }
    let others = ids(&crowd[1..]);
    for round in 0..30 {
        for member in 1..crowd.len() {
            let to = crowd[member].id.clone();
            crowd[0].ask(&format!("push {to} {round}-push"));
        }
        crowd[0].ask(&format!("push_many {others} {round}-many"));
        let me = crowd[0].id.clone();
        crowd[0].ask(&format!("publish room {me} {round}-publish"));
    }
    for member in &mut crowd[1..] {
        for round in 0..30 {
            for way in ["push", "many", "publish"] {
                member.expect(&format!("{round}-{way}"));
            }
        }
    }
}

fn pushes_to_gone_and_unknown_connections_say_so() {
    let mut rig = Rig::start();
    let mut crowd = rig.crowd(4);
    let gone = Member::new(rig.connect());
    let gone_id = gone.id.clone();
    drop(gone);
    rig.wait_noted(&format!("close {gone_id} "), 1);
    from_everywhere(&mut rig, &mut crowd, |rig, crowd, from| {
        let asker = &mut crowd[0];
        for (command, error) in [
            (format!("push {gone_id} x"), "Closed"),
            ("push 999999 x".to_owned(), "Unknown"),
            (format!("join {gone_id} room"), "Closed"),
            ("leave 999999 room".to_owned(), "Unknown"),
            (format!("bind {gone_id} ann"), "Closed"),
            (format!("set_session {gone_id} s"), "Closed"),
            (format!("disconnect {gone_id} 1000 bye"), "Closed"),
            ("abort 999999".to_owned(), "Unknown"),
            (format!("pause {gone_id}"), "Closed"),
            (format!("groups {gone_id}"), "Closed"),
            ("session 999999".to_owned(), "Closed"),
        ] {
            assert_eq!(perform(rig, from, asker, &command), error, "{command} from {from}");
        }
    });
}

fn names_and_sizes_are_checked() {
    let mut rig = Rig::with("message_bytes_max=1000");
    let mut crowd = rig.crowd(2);
    let long = "n".repeat(200);
    from_everywhere(&mut rig, &mut crowd, |rig, crowd, from| {
        let asker = &mut crowd[0];
        let id = asker.id.clone();
        for (command, error) in [
            (format!("join {id} {long}"), "Name(TooLong { bytes: 200, max: 128 })"),
            (format!("bind {id} {long}"), "Name(TooLong { bytes: 200, max: 64 })"),
            (format!("publish {long} - x"), "Name(TooLong { bytes: 200, max: 128 })"),
            (format!("push_big {id} 1001"), "TooBig { bytes: 1001, max: 1000 }"),
        ] {
            assert_eq!(perform(rig, from, asker, &command), error, "{command} from {from}");
        }
        let closing = perform(rig, from, asker, &format!("disconnect {id} 1005 x"));
        assert!(closing.contains("1005"), "{closing}");
    });
}

fn messages_larger_than_the_ring_go_both_ways() {
    let rig = Rig::with("ring_bytes=4096 message_bytes_max=2097152");
    let mut crowd = rig.crowd(4);
    for bytes in [1_000, 1_023, 1_024, 4_095, 4_096, 4_097, 65_536, 2_097_152] {
        let member = &mut crowd[bytes % 4];
        let body: Vec<u8> = (0..bytes).map(|number| number as u8).collect();
        member.client.binary(&body);
        assert_eq!(member.client.next(), crate::support::Heard::Binary(body), "{bytes}");
    }
    // Several at once, and small ones between.
    let text = "t".repeat(300_000);
    for member in &mut crowd {
        for _ in 0..3 {
            member.client.text(&format!("echo {text}"));
            member.client.text("echo");
        }
    }
    for member in &mut crowd {
        for _ in 0..3 {
            assert_eq!(member.result(), format!("echo {text}"));
            assert_eq!(member.result(), "echo");
        }
    }
    let (one, two) = (crowd[0].id.clone(), crowd[1].id.clone());
    for from in ["0", "1", "2", "keeper"] {
        assert_eq!(crowd[0].ask_at(from, &format!("push_big {two} 2097152")), "()");
        let heard = crowd[1].client.next();
        assert_eq!(heard, crate::support::Heard::Binary(vec![b'b'; 2_097_152]));
        crowd[1].ask_at(from, &format!("push {one} {}", "m".repeat(100_000)));
        crowd[0].expect(&"m".repeat(100_000));
    }
}
