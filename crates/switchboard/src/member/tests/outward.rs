//! Commands on their way to the reactors.

use super::rig::{Script, attached, in_runtime, script, turn, worker};
use crate::command::{Answer, Command};
use crate::error::{ConnectionError, PublishError, PushError};
use crate::ipc::codec::{Order, encode_answer};
use crate::{Config, Overflow};

/// Two bytes of header and 98 of text.
fn hundred() -> String {
    "x".repeat(98)
}

fn idle() -> Script {
    script(async |_, _| ())
}

#[test]
fn room_is_reckoned_to_the_byte() {
    let config = Config { output_bytes_max: 1_000, overflow: Overflow::DropNewest, ..Config::default() };
    let (mut master, attached) = attached(2, config);
    let (handle, id) = (attached.handle, master.open(1));
    for _ in 0..10 {
        handle.push(id, hundred()).unwrap();
    }
    for _ in 0..3 {
        assert_eq!(handle.push(id, "x"), Err(PushError::QueueFull));
    }
    let orders = master.fetch(1);
    assert_eq!(orders.len(), 11, "ten pushes, and one word of those that were refused");
    assert!(matches!(orders[10], Order::Command(Command::RemoteRefused { closes: false, .. })));
    // The reactor has carried them out, and the client has read nothing.
    let entry = master.table.slot(id);
    entry.add_queued(1_000);
    entry.set_refused(false);
    let _ = master.release(1);
    assert_eq!(handle.push(id, "x"), Err(PushError::QueueFull));
    assert!(master.taken(1).is_empty(), "it is known already");
    assert_eq!(handle.push_with(id, "x", Overflow::Close), Err(PushError::QueueFull));
    assert_eq!(master.taken(1), ["refused true"]);
    // It has read a hundred bytes.
    master.table.slot(id).subtract_queued(100);
    handle.push(id, hundred()).unwrap();
    assert_eq!(handle.push(id, "x"), Err(PushError::QueueFull));
    // The oldest would be dropped for this one.
    handle.push_with(id, hundred(), Overflow::DropOldest).unwrap();
}

#[test]
fn nothing_is_refused_that_the_reactor_has_made_room_for() {
    let config = Config { output_bytes_max: 150, ..Config::default() };
    let (mut master, attached) = attached(1, config);
    let (handle, id) = (attached.handle, master.open(0));
    for _ in 0..1_000 {
        handle.push(id, hundred()).unwrap();
        // Taken, and sent on at once: the table never shows it.
        assert_eq!(master.taken(0).len(), 1);
    }
    // An empty queue takes what is larger than the limit.
    handle.push(id, "x".repeat(500)).unwrap();
    assert_eq!(handle.push(id, "x"), Err(PushError::QueueFull));
    assert_eq!(handle.push(master.open(0), "x"), Ok(()), "another's room is its own");
}

#[test]
fn groups_are_counted_before_the_reactor_does() {
    let config = Config { groups_per_connection_max: 2, ..Config::default() };
    let (mut master, attached) = attached(1, config);
    let (handle, id) = (attached.handle, master.open(0));
    handle.join(id, "a").unwrap();
    handle.join(id, "b").unwrap();
    assert_eq!(handle.join(id, "c"), Err(ConnectionError::TooManyGroups { max: 2 }));
    handle.leave(id, "a").unwrap();
    handle.join(id, "c").unwrap();
    master.taken(0);
    for _ in 0..2 {
        master.table.slot(id).restore_group();
    }
    assert_eq!(handle.join(id, "d"), Err(ConnectionError::TooManyGroups { max: 2 }));
    master.table.slot(id).release_group();
    handle.join(id, "d").unwrap();
}

#[test]
fn groups_that_the_reactor_is_counting_are_not_counted_twice() {
    let config = Config { groups_per_connection_max: 4, ..Config::default() };
    let (mut master, attached) = attached(1, config);
    let (handle, id) = (attached.handle, master.open(0));
    for group in ["a", "b", "c"] {
        handle.join(id, group).unwrap();
    }
    // Carried out, which the member has not been told.
    master.fetch(0);
    for _ in 0..3 {
        master.table.slot(id).restore_group();
    }
    handle.join(id, "d").unwrap();
    assert_eq!(handle.join(id, "e"), Err(ConnectionError::TooManyGroups { max: 4 }));
    handle.leave(id, "a").unwrap();
    handle.join(id, "e").unwrap();
    master.release(0);
    assert_eq!(handle.join(id, "f"), Err(ConnectionError::TooManyGroups { max: 4 }));
}

#[test]
fn what_finds_no_room_keeps_its_order() {
    in_runtime(async {
        let (mut master, mut member, handle) = worker(Config::default(), idle());
        let id = master.open(1);
        let texts: Vec<String> = (0..200).map(|number| format!("{number} {}", hundred())).collect();
        for text in &texts {
            handle.push(id, text.as_str()).unwrap();
        }
        assert!(!member.is_flushed());
        let mut taken = Vec::new();
        while taken.len() < texts.len() {
            taken.extend(master.taken(1));
            turn(&mut member).await;
        }
        assert_eq!(taken, texts);
        assert!(member.is_flushed());
    });
}

#[test]
fn what_waits_for_room_is_bounded() {
    in_runtime(async {
        let config = Config { message_bytes_max: 1_000, command_bytes_max: 10_000, ..Config::default() };
        let (mut master, mut member, handle) = worker(config, idle());
        let id = master.open(0);
        let refused = (0..100).find_map(|_| handle.broadcast("x".repeat(1_000)).err());
        assert_eq!(refused, Some(PublishError::QueueFull));
        assert_eq!(handle.push(id, "x".repeat(1_000)), Err(PushError::QueueFull));
        handle.disconnect(id, 1000, "").unwrap();
        let mut taken = Vec::new();
        while !member.is_flushed() {
            turn(&mut member).await;
            master.taken(1);
            taken.extend(master.taken(0));
        }
        taken.extend(master.taken(0));
        assert_eq!(taken.pop().unwrap(), "command", "what frees resources is never refused");
        assert_eq!(taken.pop().unwrap(), "refused false");
        assert!(taken.iter().all(|order| order == "broadcast 1000") && taken.len() > 5);
    });
}

#[test]
fn large_messages_go_in_pieces_and_the_next_after_them() {
    in_runtime(async {
        let (mut master, mut member, handle) = worker(Config::default(), idle());
        let id = master.open(1);
        let large: String = (0..5_000).map(|number| format!("{number} ")).collect();
        handle.push(id, large.as_str()).unwrap();
        handle.push(id, "next").unwrap();
        let mut taken = Vec::new();
        while taken.len() < 2 {
            taken.extend(master.taken(1));
            turn(&mut member).await;
        }
        assert_eq!(taken, [large, "next".to_owned()]);
    });
}

#[test]
fn answers_come_to_those_who_asked() {
    in_runtime(async {
        let (mut master, mut member, handle) = worker(Config::default(), idle());
        let id = master.open(1);
        let asked = tokio::task::spawn_local(async move { handle.groups(id).await });
        tokio::task::yield_now().await;
        let [Order::Ask { token, .. }] = master.take(1)[..] else { panic!("no question") };
        let mut head = Vec::new();
        encode_answer(token, &Answer::Groups(vec!["a".into()]), &mut head);
        let end = master.write(1, &head, Default::default());
        turn(&mut member).await;
        assert_eq!(asked.await.unwrap(), Ok(vec!["a".to_owned()]));
        assert_eq!(master.released(1), end);
    });
}
