#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod rig;

use super::*;
use crate::Config;
use crate::command::Command;
use crate::event::Flow;
use crate::ipc::codec::{Mark, encode_mark};
use crate::worker::Dispatch;
use rig::{RING, Rig, close, id};

#[test]
fn events_go_to_the_worker_of_their_connection_in_order() {
    let mut rig = Rig::new();
    let (mut zero, mut one) = (rig.start(1, 0), rig.start(2, 1));
    for number in 0..10 {
        assert_eq!(rig.message(2, &format!("even {number}")), Flow::Go);
        assert_eq!(rig.message(3, &format!("odd {number}")), Flow::Go);
    }
    let expected = |name: &str| (0..10).map(|number| format!("{name} {number}")).collect::<Vec<_>>();
    assert_eq!(zero.handle_all(), expected("even"));
    assert_eq!(one.handle_all(), expected("odd"));
    assert_eq!(rig.lanes.unfinished, 20);
    rig.turn();
    assert_eq!(rig.lanes.unfinished, 0);
    assert!(rig.lanes.routes.is_empty());
}

#[test]
fn without_a_worker_events_wait_and_their_connection_is_held() {
    let mut rig = Rig::new();
    assert_eq!(rig.message(2, "a"), Flow::Hold);
    assert_eq!(rig.event(2, close()), Flow::Go);
    let mut zero = rig.start(1, 0);
    rig.turn();
    assert_eq!(zero.handle_all(), ["a", "close"]);
    assert_eq!(rig.ready_again(), [2]);
    rig.turn();
    assert!(rig.lanes.routes.is_empty());
}

#[test]
fn a_full_ring_holds_those_who_feed_it_and_loses_nothing() {
    let mut rig = Rig::new();
    let mut zero = rig.start(1, 0);
    let (mut sent, mut held) = (0, 0);
    while held < 3 {
        held += usize::from(rig.message(2 + 2 * (sent % 5), &format!("{sent:0>100}")) == Flow::Hold);
        sent += 1;
    }
    let mut got = Vec::new();
    while got.len() < sent as usize {
        got.extend(zero.handle_all());
        rig.turn();
    }
    // Every connection's own in order; here they even were never out of order among each other.
    for connection in 0..5 {
        let own: Vec<u64> =
            got.iter().map(|text| text.parse().unwrap()).filter(|n| n % 5 == connection).collect();
        assert!(own.is_sorted());
    }
    assert_eq!(rig.ready_again().len(), 3);
    rig.turn();
    assert_eq!(rig.lanes.unfinished, 0);
}

#[test]
fn a_message_larger_than_the_ring_goes_in_pieces_and_survives_its_reader() {
    let mut rig = Rig::new();
    let mut first = rig.start(1, 0);
    let big = "x".repeat(5 * RING);
    rig.message(2, &big);
    rig.message(4, "after");
    for _ in 0..3 {
        assert!(first.handle_all().is_empty());
        rig.turn();
    }
    rig.lanes.detach(InstanceId(1), false);
    let mut second = rig.start(2, 0);
    let mut got = Vec::new();
    for _ in 0..20 {
        rig.turn();
        got.extend(second.handle_all());
    }
    got.sort_unstable();
    assert!(got == ["after".to_owned(), big], "{} messages", got.len());
    rig.turn();
    assert_eq!(rig.lanes.unfinished, 0);
}

#[test]
fn a_pending_event_does_not_block_the_ring() {
    let mut rig = Rig::new();
    let mut zero = rig.start(1, 0);
    rig.message(2, "slow");
    let slow = zero.fetch().remove(0);
    zero.mark(Mark::GoesOn, &slow);
    zero.release(&slow);
    for number in 0..1_000 {
        assert_eq!(rig.message(4, &format!("{number:0>100}")), Flow::Go, "{number}");
        assert_eq!(zero.handle_all().len(), 1);
        rig.turn();
    }
    assert_eq!(rig.lanes.unfinished, 1);
    zero.mark(Mark::Finishes, &slow);
    rig.turn();
    assert_eq!(rig.lanes.unfinished, 0);
}

#[test]
fn a_socket_is_read_only_when_there_is_room_for_what_it_may_hold_each_in_its_turn() {
    let mut rig = Rig::new();
    let mut zero = rig.start(1, 0);
    assert!(rig.lanes.has_room(id(2)));
    while rig.lanes.has_room(id(2)) {
        rig.message(2, &"x".repeat(500));
    }
    let others = [4, 6, 8, 10, 12];
    let wait =
        |rig: &mut Rig, other| !rig.lanes.has_room(id(other)) && rig.lanes.has_to_wait(id(other), 5_000);
    assert!(wait(&mut rig, 2) && others.iter().all(|other| wait(&mut rig, *other)));
    assert!(!rig.lanes.has_to_wait(id(14), 100), "a ping needs no room");
    for other in (3..63).step_by(2) {
        assert!(rig.lanes.has_room(id(other)), "another worker's ring is not full, whoever else may read");
    }
    rig.turn();
    assert_eq!(rig.ready_again(), [] as [u64; 0]);
    zero.handle_all();
    let mut ready = Vec::new();
    while ready.len() < 1 + others.len() {
        let before = ready.len();
        rig.turn();
        ready.append(&mut rig.ready_again());
        let new = ready.len() - before;
        assert!((1..=2).contains(&new), "{new} at once, and the ring takes two reads");
    }
    assert_eq!(ready, [2, 4, 6, 8, 10, 12]);
    assert_eq!(rig.lanes.unfinished, 0);
}

#[test]
fn a_pending_event_does_not_stop_a_message_in_pieces() {
    let mut rig = Rig::new();
    let mut zero = rig.start(1, 0);
    rig.message(2, "slow");
    let slow = zero.fetch().remove(0);
    zero.mark(Mark::GoesOn, &slow);
    zero.release(&slow);
    let big = "x".repeat(5 * RING);
    rig.message(4, &big);
    let mut got = Vec::new();
    for _ in 0..20 {
        rig.turn();
        got.extend(zero.handle_all());
    }
    assert!(got == [big], "{} messages", got.len());
    rig.turn();
    assert_eq!(rig.lanes.unfinished, 1, "the slow one");
}

#[test]
fn a_large_pending_event_does_not_give_the_room_of_those_behind_it_free() {
    let mut rig = Rig::new();
    let mut zero = rig.start(1, 0);
    let big = "x".repeat(RING / 2);
    rig.message(2, &big);
    rig.message(4, "small");
    let mut seen = Vec::new();
    for _ in 0..4 {
        rig.turn();
        seen.extend(zero.fetch());
    }
    assert_eq!(seen.len(), 2);
    for event in &seen {
        zero.mark(Mark::GoesOn, event);
        zero.release(event);
    }
    rig.turn();
    // The ring is written over, as far as that is allowed.
    for number in 0..100 {
        rig.message(6, &format!("{number:0>100}"));
        rig.turn();
        zero.handle_all();
        rig.turn();
    }
    rig.lanes.detach(InstanceId(1), false);
    let mut next = rig.start(2, 0);
    let mut again = Vec::new();
    for _ in 0..4 {
        rig.turn();
        again.extend(next.fetch().into_iter().map(|seen| seen.text.len()));
        next.release_all();
    }
    again.sort_unstable();
    assert_eq!(again, ["small".len(), big.len()]);
    rig.turn();
    assert_eq!(rig.lanes.unfinished, 0);
}

#[test]
fn what_is_read_without_room_is_bounded() {
    let mut rig = Rig::new();
    let mut zero = rig.start(1, 0);
    while rig.lanes.has_room(id(2)) {
        rig.message(2, &"x".repeat(500));
    }
    let large = "y".repeat(100_000);
    // What waits for other reasons does not count.
    for other in (4..=60).step_by(2) {
        rig.message(other, &large);
    }
    let mut read = 0;
    for other in (62..200).step_by(2) {
        if rig.lanes.has_room(id(other)) || rig.lanes.has_to_wait(id(other), 100) {
            break;
        }
        // A short one, which inflates to this.
        assert_eq!(rig.message(other, &large), Flow::Hold);
        read += 1;
    }
    assert_eq!(read, (4 << 20) / 100_000 + 1);
    while rig.lanes.unfinished > 0 {
        zero.handle_all();
        rig.turn();
    }
    assert_eq!(rig.lanes.excess_bytes, 0);
}

#[test]
fn who_does_not_take_its_answers_gets_no_more_and_recovers() {
    let config =
        Config { workers: 2, reactors: 1, ring_bytes: RING, max_connections: 64, ..Config::default() };
    let mut rig = Rig::with(Config { message_bytes_max: 1_024, command_bytes_max: 2_048, ..config });
    let mut zero = rig.start(1, 0);
    for token in 0..20 {
        rig.lanes.answer(InstanceId(1), token, crate::command::Answer::Session(vec![0; 900].into()));
    }
    rig.turn();
    zero.send(&Command::Abort { id: id(2) });
    rig.turn();
    assert!(rig.commands.is_empty(), "nothing is asked while answers wait");
    assert!(rig.lanes.prepare_sleep(), "and the reactor does not spin");
    for _ in 0..20 {
        zero.fetch();
        zero.release_all();
        rig.turn();
    }
    assert!(matches!(rig.commands[..], [Command::Abort { .. }]), "{:?}", rig.commands);
    assert!(rig.reports().is_empty());
}

#[test]
fn a_successor_gets_what_was_not_handled_and_only_what_had_begun_is_a_second_attempt() {
    let mut rig = Rig::new();
    let mut zero = rig.start(1, 0);
    for text in ["handled", "pending", "waits", "polled", "untouched"] {
        // "waits" is of the same connection as "pending".
        rig.message(if text == "waits" || text == "pending" { 2 } else { 4 }, text);
    }
    let seen = zero.fetch();
    zero.release(&seen[0]);
    zero.mark(Mark::GoesOn, &seen[1]);
    zero.release(&seen[1]);
    zero.mark(Mark::Waits, &seen[2]);
    zero.release(&seen[2]);
    zero.polls(&seen[3]);
    rig.lanes.detach(InstanceId(1), false);
    let mut next = rig.start(2, 0);
    rig.turn();
    let mut again: Vec<(String, u32)> =
        next.fetch().into_iter().map(|seen| (seen.text, seen.attempt)).collect();
    again.sort();
    let expected = [("pending", 2), ("polled", 2), ("untouched", 1), ("waits", 1)];
    assert_eq!(again, expected.map(|(text, attempt)| (text.to_owned(), attempt)));
    assert_eq!(rig.reports(), [LaneReport::Detached { instance: InstanceId(1), reactor: 0 }]);
    next.release_all();
    rig.turn();
    assert_eq!(rig.lanes.unfinished, 0);
}

#[test]
fn what_a_dead_worker_had_committed_is_carried_out() {
    let mut rig = Rig::new();
    let mut zero = rig.start(1, 0);
    zero.send(&Command::Abort { id: id(2) });
    zero.send(&Command::Pause { id: id(2) });
    rig.lanes.detach(InstanceId(1), true);
    rig.turn();
    assert!(matches!(rig.commands[..], [Command::Abort { .. }, Command::Pause { .. }]), "{:?}", rig.commands);
}

#[test]
fn an_event_that_kills_twice_closes_its_connection_and_no_other() {
    let mut rig = Rig::new();
    for instance in 1..3 {
        let mut zero = rig.start(instance, 0);
        if instance == 1 {
            rig.message(2, "poison");
            rig.message(2, "after it");
            rig.message(4, "innocent");
        }
        rig.turn();
        let seen = zero.fetch();
        assert_eq!(seen.len(), 3);
        let poison = seen.iter().find(|seen| seen.text == "poison").unwrap();
        assert_eq!(poison.attempt, instance);
        zero.polls(poison);
        rig.lanes.detach(InstanceId(instance), true);
        rig.turn();
    }
    assert_eq!(rig.closed(), [(2, 1011)]);
    let mut third = rig.start(3, 0);
    rig.turn();
    assert_eq!(third.handle_all(), ["innocent"]);
    rig.turn();
    assert_eq!(rig.lanes.unfinished, 0);
}

#[test]
fn if_nobody_knows_who_it_was_those_that_had_begun_are_suspects() {
    let mut rig = Rig::new();
    let mut zero = rig.start(1, 0);
    rig.message(2, "one");
    rig.message(4, "two");
    rig.message(6, "not begun");
    let seen = zero.fetch();
    for seen in &seen[..2] {
        zero.mark(Mark::GoesOn, seen);
        zero.release(seen);
    }
    rig.lanes.detach(InstanceId(1), true);
    let mut next = rig.start(2, 0);
    rig.turn();
    let mut suspects: Vec<_> = next.fetch().into_iter().map(|seen| (seen.text, seen.suspect)).collect();
    suspects.sort();
    assert_eq!(suspects, [("not begun".into(), false), ("one".into(), true), ("two".into(), true)]);
}

#[test]
fn who_is_polled_while_a_suspect_is_pending_is_not_blamed() {
    let mut rig = Rig::new();
    rig.message(2, "suspect");
    rig.message(4, "innocent");
    for instance in 1..4 {
        rig.die_polling(instance, "innocent", "suspect", true);
    }
    assert_eq!(rig.closed(), []);
    let mut last = rig.start(9, 0);
    rig.turn();
    assert!(last.fetch().iter().all(|seen| seen.suspect), "both are to be handled alone");
}

#[test]
fn a_suspect_is_found_out_also_if_another_is_polled_at_each_of_the_deaths() {
    let mut rig = Rig::new();
    rig.message(2, "suspect");
    rig.message(4, "innocent");
    for instance in 1..5 {
        rig.die_polling(instance, "innocent", "suspect", true);
    }
    assert_eq!(rig.closed(), [(2, 1011)]);
    let mut last = rig.start(9, 0);
    rig.turn();
    assert_eq!(last.handle_all(), ["innocent"]);
}

#[test]
fn what_had_begun_at_more_deaths_than_one_event_may_cause_is_a_suspect() {
    let mut rig = Rig::new();
    rig.message(2, "pending");
    for (instance, expected) in [(1, false), (2, false), (3, false), (4, true)] {
        // Every time it is another's.
        let polled = format!("polled in {instance}");
        rig.message(2 + 2 * u64::from(instance), &polled);
        let pending = rig.die_polling(instance, &polled, "pending", false);
        assert_eq!(pending.suspect, expected, "in process {instance}");
    }
    assert_eq!(rig.closed(), []);
}

#[test]
fn a_connection_moves_to_the_new_worker_only_when_the_old_one_has_finished() {
    let mut rig = Rig::new();
    let mut old = rig.start(1, 0);
    rig.message(2, "first");
    let mut new = rig.start(2, 0);
    assert_eq!(rig.message(2, "second"), Flow::Hold);
    assert_eq!(rig.message(4, "of another"), Flow::Go);
    rig.turn();
    assert_eq!(new.handle_all(), ["of another"]);
    assert!(rig.reports().is_empty(), "the old one has something to do");
    assert_eq!(old.handle_all(), ["first"]);
    rig.turn();
    assert_eq!(new.handle_all(), ["second"]);
    assert_eq!(rig.ready_again(), [2]);
    assert_eq!(rig.reports(), [LaneReport::Idle { instance: InstanceId(1), reactor: 0 }]);
}

#[test]
fn messages_between_processes_keep_their_order_and_give_credit() {
    let mut rig = Rig::new();
    let mut zero = rig.start(1, 0);
    for number in 0..5 {
        zero.pipe(2, &number.to_string());
    }
    rig.turn();
    assert!(rig.lanes.lane(InstanceId(1)).unwrap().piped > 0);
    let mut hub = rig.start(2, 2);
    rig.turn();
    assert_eq!(hub.handle_all(), ["0", "1", "2", "3", "4"]);
    rig.turn();
    assert_eq!(rig.lanes.lane(InstanceId(1)).unwrap().piped, 0);
    assert_eq!(rig.lanes.unfinished, 0);
}

#[test]
fn a_process_that_writes_nonsense_is_reported_and_not_believed() {
    let mut rig = Rig::new();
    let mut zero = rig.start(1, 0);
    rig.message(2, "kept");
    zero.head = vec![99, 1, 2, 3];
    zero.write(&[]);
    rig.turn();
    assert!(matches!(rig.reports()[..], [LaneReport::Violated { instance: InstanceId(1), .. }]));
    assert_eq!(rig.message(2, "too"), Flow::Hold);
    rig.lanes.detach(InstanceId(1), false);
    let mut next = rig.start(2, 0);
    rig.turn();
    assert_eq!(next.handle_all(), ["kept", "too"]);
}

#[test]
fn marks_on_events_that_are_not_there_are_nonsense() {
    for wrong in [Mark::Waits, Mark::GoesOn, Mark::Begins, Mark::Finishes] {
        let mut rig = Rig::new();
        let mut zero = rig.start(1, 0);
        encode_mark(wrong, 4_096, &mut zero.head);
        zero.write(&[]);
        rig.turn();
        assert!(matches!(rig.reports()[..], [LaneReport::Violated { .. }]), "{wrong:?}");
    }
}

#[test]
fn waiting_events_get_the_session_that_was_set_meanwhile() {
    let mut rig = Rig::new();
    let mut zero = rig.start(1, 0);
    rig.message(2, "given");
    rig.lanes.session_changed(0, id(2), &Bytes::from_static(b"new"), Some(InstanceId(1)));
    rig.lanes.detach(InstanceId(1), false);
    rig.turn();
    assert_eq!(rig.message(2, "after"), Flow::Hold);
    let mut next = rig.start(2, 0);
    rig.turn();
    let sessions: Vec<Bytes> = next.fetch().into_iter().map(|seen| seen.session).collect();
    assert_eq!(sessions[0], "new");
    zero.release_all();
}
