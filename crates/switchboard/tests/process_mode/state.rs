//! Groups, users and sessions: the master keeps them, and every process is told the same.

use crate::rig::{Member, Rig, ids};
use crate::support::Client;
use crate::tests;

tests![
    every_process_is_told_the_same_of_groups_users_and_sessions,
    groups_users_and_sessions_survive_reloads_and_kills,
    the_next_pipelined_message_finds_the_session_that_was_set,
    a_session_set_elsewhere_is_found_by_the_next_event,
    a_connection_leaves_its_groups_and_its_user_when_it_ends,
    a_connection_at_its_limit_of_groups_can_change_them,
    joins_in_a_loop_end_with_too_many_groups,
    an_answer_comes_though_the_own_worker_is_busy,
];

/// What there is to know of a crowd, asked of one process.
fn known(rig: &mut Rig, asker: &mut Member, from: &str, crowd: &str) -> Vec<String> {
    let first = crowd.split(',').next().unwrap();
    let questions = [
        "members room".to_owned(),
        "members nobody".to_owned(),
        "user_connections ann".to_owned(),
        format!("groups {first}"),
        format!("session {first}"),
        "snapshot".to_owned(),
    ];
    let mut answers = Vec::new();
    for question in questions {
        answers.push(match from {
            "own" => asker.ask(&question),
            "master" => rig.master(&question),
            recipient => asker.ask_at(recipient, &question),
        });
    }
    answers
}

const PROCESSES: [&str; 6] = ["own", "0", "1", "2", "keeper", "master"];

/// A crowd in a room, half of it ann's, each with a session; and what everybody is to be told of it.
fn settled(rig: &Rig) -> (Vec<Member>, Vec<String>) {
    let mut crowd = rig.crowd(8);
    let mut snapshot = Vec::new();
    let mut of_ann = Vec::new();
    for (number, member) in crowd.iter_mut().enumerate() {
        assert_eq!(member.ask("join me room"), "()");
        assert_eq!(member.ask("join me another"), "()");
        assert_eq!(member.ask(&format!("set_session me session-{number}")), "()");
        let user = if number % 2 == 0 { "ann" } else { "bob" };
        assert_eq!(member.ask(&format!("bind me {user}")), "()");
        if number % 2 == 0 {
            of_ann.push(member.id.parse::<u64>().unwrap());
        }
        let id: u64 = member.id.parse().unwrap();
        snapshot.push((id, format!("{id}/{user}/session-{number}/another,room")));
    }
    snapshot.sort();
    of_ann.sort_unstable();
    let joined = |ids: Vec<u64>| ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    let members = joined(snapshot.iter().map(|(id, _)| *id).collect());
    let states = snapshot.into_iter().map(|(_, state)| state).collect::<Vec<_>>().join(" ");
    let first = "another,room".to_owned();
    let answers = vec![members, String::new(), joined(of_ann), first, "session-0".to_owned(), states];
    (crowd, answers)
}

#[track_caller]
fn check_everywhere(rig: &mut Rig, crowd: &mut [Member], expected: &[String]) {
    let all = ids(crowd);
    for from in PROCESSES {
        let asker = crowd.last_mut().unwrap();
        assert_eq!(known(rig, asker, from, &all), expected, "asked of {from}");
    }
}

fn every_process_is_told_the_same_of_groups_users_and_sessions() {
    let mut rig = Rig::start();
    let (mut crowd, expected) = settled(&rig);
    check_everywhere(&mut rig, &mut crowd, &expected);
}

fn groups_users_and_sessions_survive_reloads_and_kills() {
    let mut rig = Rig::start();
    let (mut crowd, expected) = settled(&rig);
    rig.reload();
    check_everywhere(&mut rig, &mut crowd, &expected);
    rig.kill_all_workers();
    check_everywhere(&mut rig, &mut crowd, &expected);
    let keeper = rig.keeper().unwrap();
    rig.kill(keeper.pid);
    check_everywhere(&mut rig, &mut crowd, &expected);
    for (number, member) in crowd.iter_mut().enumerate() {
        assert_eq!(member.ask("mine"), format!("session-{number}"));
    }
    let me = crowd[0].id.clone();
    assert_eq!(crowd[0].ask(&format!("publish room {me} still")), "()");
    crowd[1..].iter_mut().for_each(|member| member.expect("still"));
}

fn the_next_pipelined_message_finds_the_session_that_was_set() {
    let rig = Rig::start();
    for mut member in rig.crowd(6) {
        // `set` awaits, and the others wait behind it; then many that follow one another at once.
        let burst = ["set one", "mine", "set_session me two", "mine", "set three", "mine"];
        member.client.raw(&Client::encoded_texts(burst));
        let heard: Vec<String> = (0..burst.len()).map(|_| member.result()).collect();
        assert_eq!(heard, ["1", "one", "()", "two", "1", "three"]);
        for round in 0..50 {
            member.client.raw(&Client::encoded_texts([format!("set_session me {round}"), "mine".to_owned()]));
            assert_eq!((member.result(), member.result()), ("()".to_owned(), round.to_string()));
        }
    }
}

fn a_session_set_elsewhere_is_found_by_the_next_event() {
    let mut rig = Rig::start();
    let mut crowd = rig.crowd(6);
    for round in 0..20 {
        for from in ["0", "1", "2", "keeper", "master"] {
            let (asker, others) = crowd.split_first_mut().unwrap();
            let other = &mut others[round % 5];
            let command = format!("set_session {} {round}-{from}", other.id);
            let done = if from == "master" { rig.master(&command) } else { asker.ask_at(from, &command) };
            assert_eq!(done, "()");
            // The question is asked of the reactor, after the setting; so the setting is done.
            let question = format!("session {}", other.id);
            let told = if from == "master" { rig.master(&question) } else { asker.ask_at(from, &question) };
            assert_eq!(told, format!("{round}-{from}"));
            assert_eq!(other.ask("mine"), format!("{round}-{from}"));
        }
    }
}

fn a_connection_leaves_its_groups_and_its_user_when_it_ends() {
    let mut rig = Rig::start();
    let (mut crowd, _) = settled(&rig);
    let gone = crowd.remove(0);
    let id = gone.id.clone();
    drop(gone);
    rig.wait_noted(&format!("close {id} "), 1);
    let left: Vec<&str> = crowd.iter().map(|member| member.id.as_str()).collect();
    let told = rig.master("members room");
    assert_eq!(told.split(',').count(), left.len());
    assert!(told.split(',').all(|told| left.contains(&told)), "{told}");
    assert!(!rig.master("user_connections ann").split(',').any(|told| told == id));
    for member in &mut crowd {
        assert_eq!(member.ask("leave me room"), "()");
    }
    assert_eq!(crowd[0].ask("members room"), "");
}

fn a_connection_at_its_limit_of_groups_can_change_them() {
    let rig = Rig::with("groups_per_connection_max=1");
    for mut member in rig.crowd(4) {
        assert_eq!(member.ask("join me room-0"), "()");
        for room in 1..50 {
            assert_eq!(member.ask(&format!("join me room-{room}")), "TooManyGroups { max: 1 }");
            let burst = [format!("leave me room-{}", room - 1), format!("join me room-{room}")];
            member.client.raw(&Client::encoded_texts(burst));
            assert_eq!((member.result().as_str(), member.result().as_str()), ("()", "()"), "{room}");
        }
    }
}

fn joins_in_a_loop_end_with_too_many_groups() {
    let mut rig = Rig::with("groups_per_connection_max=20");
    let mut crowd = rig.crowd(4);
    for from in ["own", "1", "keeper", "master"] {
        let mut member = Member::new(rig.connect());
        let command = format!("join_many {} 100", member.id);
        let joined = match from {
            "own" => member.ask(&command),
            "master" => rig.master(&command),
            recipient => crowd[0].ask_at(recipient, &command),
        };
        assert_eq!(joined, "20 TooManyGroups { max: 20 }", "from {from}");
        let groups = member.ask(&format!("groups {}", member.id));
        assert_eq!(groups.split(',').count(), 20);
    }
}

fn an_answer_comes_though_the_own_worker_is_busy() {
    let mut rig = Rig::start();
    let (mut crowd, expected) = settled(&rig);
    for member in &mut crowd {
        member.client.text("sleep 500");
    }
    assert_eq!(rig.master("members room"), expected[0]);
    assert_eq!(rig.master("snapshot"), expected[5]);
    for member in &mut crowd {
        assert_eq!(member.result(), "1");
    }
}
