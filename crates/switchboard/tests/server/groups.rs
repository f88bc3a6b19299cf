//! Groups: `join`, `leave`, `publish`, `members`, `groups`.

use std::sync::mpsc;
use std::thread;

use switchboard::{
    Config, Conn, ConnectionError, ConnectionId, Message, NameError, PublishError, QueryError, Request,
    Server,
};

use crate::support::*;

/// Three reactors, journalled opens, and echo.
fn server(config: Config) -> (Running, Journal) {
    let journal = Journal::default();
    let server = Server::new(ANY)
        .config(Config { reactors: 3, ..config })
        .on_open(journal.on_open())
        .on_message(journal.on_message())
        .on_close(journal.on_close());
    (serve(server), journal)
}

/// Clients with their ids.
fn members(server: &Running, journal: &Journal, count: usize) -> Vec<(Client, ConnectionId)> {
    (0..count).map(|n| (server.connect(), journal.opened(n))).collect()
}

#[test]
fn a_publish_reaches_the_members_and_nobody_else() {
    let (server, journal) = server(config());
    let mut all = members(&server, &journal, 9);
    for (_, id) in all.iter().skip(3) {
        server.handle.join(*id, "room").unwrap();
    }
    server.handle.publish("room", "hello members", &[]).unwrap();
    server.handle.publish("other room", "hello nobody", &[]).unwrap();
    for (number, (client, _)) in all.iter_mut().enumerate() {
        if number >= 3 {
            client.expect_text("hello members");
        }
        client.round_trip("nothing else");
    }
}

#[test]
fn a_publish_leaves_out_those_it_excepts() {
    let (server, journal) = server(config());
    let mut all = members(&server, &journal, 6);
    for (_, id) in &all {
        server.handle.join(*id, "room").unwrap();
    }
    let except = [all[1].1, all[4].1];
    server.handle.publish("room", "for the others", &except).unwrap();
    for (number, (client, _)) in all.iter_mut().enumerate() {
        if ![1, 4].contains(&number) {
            client.expect_text("for the others");
        }
        client.round_trip("nothing else");
    }
}

#[test]
fn a_member_that_left_is_sent_nothing_more() {
    let (server, journal) = server(config());
    let mut all = members(&server, &journal, 3);
    for (_, id) in &all {
        server.handle.join(*id, "room").unwrap();
    }
    server.handle.publish("room", "all", &[]).unwrap();
    server.handle.leave(all[1].1, "room").unwrap();
    server.handle.publish("room", "two", &[]).unwrap();
    server.handle.join(all[1].1, "room").unwrap();
    server.handle.publish("room", "again", &[]).unwrap();
    assert_eq!(all[0].0.next_texts(3), ["all", "two", "again"]);
    assert_eq!(all[1].0.next_texts(2), ["all", "again"]);
    assert_eq!(all[2].0.next_texts(3), ["all", "two", "again"]);
}

#[test]
fn to_join_twice_is_to_join_once() {
    let (server, journal) = server(config());
    let mut all = members(&server, &journal, 1);
    let id = all[0].1;
    server.handle.join(id, "room").unwrap();
    server.handle.join(id, "room").unwrap();
    server.handle.publish("room", "once", &[]).unwrap();
    all[0].0.expect_text("once");
    all[0].0.round_trip("not twice");
    assert_eq!(block_on(server.handle.groups(id)).unwrap(), ["room"]);
    server.handle.leave(id, "room").unwrap();
    server.handle.leave(id, "room").unwrap();
    assert!(block_on(server.handle.groups(id)).unwrap().is_empty());
}

#[test]
fn members_and_groups_are_known_across_reactors() {
    let (server, journal) = server(config());
    let all = members(&server, &journal, 7);
    for (_, id) in &all {
        server.handle.join(*id, "everyone").unwrap();
    }
    for (_, id) in all.iter().take(2) {
        server.handle.join(*id, "a few").unwrap();
    }
    let ids: Vec<ConnectionId> = all.iter().map(|(_, id)| *id).collect();
    assert_eq!(block_on(server.handle.members("everyone")).unwrap(), ids, "ascending");
    assert_eq!(block_on(server.handle.members("a few")).unwrap(), ids[..2]);
    assert_eq!(block_on(server.handle.members("nobody")).unwrap(), []);
    assert_eq!(block_on(server.handle.groups(ids[0])).unwrap(), ["a few", "everyone"]);
    assert_eq!(block_on(server.handle.groups(ids[5])).unwrap(), ["everyone"]);
}

#[test]
fn a_connection_that_ends_leaves_all_its_groups() {
    let (server, journal) = server(config());
    let mut all = members(&server, &journal, 3);
    for (_, id) in &all {
        for group in ["a", "b", "c"] {
            server.handle.join(*id, group).unwrap();
        }
    }
    let (gone, id) = all.remove(0);
    drop(gone);
    journal.closed_of(id);
    let left: Vec<ConnectionId> = all.iter().map(|(_, id)| *id).collect();
    for group in ["a", "b", "c"] {
        assert_eq!(block_on(server.handle.members(group)).unwrap(), left);
    }
    assert_eq!(block_on(server.handle.groups(id)), Err(QueryError::Closed));
    server.handle.publish("b", "still two", &[]).unwrap();
    for (client, _) in &mut all {
        client.expect_text("still two");
    }
}

#[test]
fn a_group_vanishes_with_its_last_member_and_can_begin_anew() {
    let (server, journal) = server(config());
    for round in 0..20 {
        let mut client = server.connect();
        let id = journal.opened(round);
        server.handle.join(id, "short-lived").unwrap();
        server.handle.publish("short-lived", "hello", &[]).unwrap();
        client.expect_text("hello");
        if round % 2 == 0 {
            server.handle.leave(id, "short-lived").unwrap();
        }
        client.close(1000, "");
        journal.closed_of(id);
        assert_eq!(block_on(server.handle.members("short-lived")).unwrap(), []);
    }
}

#[test]
fn a_connection_may_be_in_so_many_groups_and_no_more() {
    let (server, journal) = server(Config { groups_per_connection_max: 2, ..config() });
    let all = members(&server, &journal, 2);
    let id = all[0].1;
    server.handle.join(id, "one").unwrap();
    server.handle.join(id, "two").unwrap();
    assert_eq!(server.handle.join(id, "three"), Err(ConnectionError::TooManyGroups { max: 2 }));
    server.handle.join(all[1].1, "three").unwrap();
    assert_eq!(block_on(server.handle.groups(id)).unwrap(), ["one", "two"]);
    server.handle.leave(id, "never joined").unwrap();
    server.handle.leave(id, "one").unwrap();
    assert_eq!(block_on(server.handle.groups(id)).unwrap(), ["two"]);
    server.handle.join(id, "three").unwrap();
    assert_eq!(block_on(server.handle.groups(id)).unwrap(), ["three", "two"]);
}

#[test]
fn a_connection_can_change_rooms_at_its_limit_of_one() {
    let server = serve(
        Server::new(ANY)
            .config(Config { groups_per_connection_max: 1, ..config() })
            .on_open(async |conn: Conn, _: Request| conn.join("0"))
            .on_message(async |conn: Conn, message: Message| {
                let number: u32 = message.as_text().and_then(|text| text.parse().ok()).unwrap_or(0);
                let left = conn.leave(&number.to_string());
                let joined = conn.join(&(number + 1).to_string());
                conn.push(format!("{left:?} {joined:?}"))
            }),
    );
    let mut client = server.connect();
    for number in 0..5 {
        client.text(&number.to_string());
        client.expect_text("Ok(()) Ok(())");
    }
}

#[test]
fn to_join_again_at_the_limit_is_refused_and_changes_nothing() {
    let (server, journal) = server(Config { groups_per_connection_max: 1, ..config() });
    let all = members(&server, &journal, 1);
    server.handle.join(all[0].1, "home").unwrap();
    assert_eq!(block_on(server.handle.groups(all[0].1)).unwrap(), ["home"]);
    assert_eq!(server.handle.join(all[0].1, "home"), Err(ConnectionError::TooManyGroups { max: 1 }));
    assert_eq!(block_on(server.handle.groups(all[0].1)).unwrap(), ["home"]);
}

#[test]
fn group_names_have_a_length() {
    let (server, journal) = server(Config { group_name_bytes_max: 8, ..config() });
    let all = members(&server, &journal, 1);
    let (handle, id) = (&server.handle, all[0].1);
    handle.join(id, "12345678").unwrap();
    handle.join(id, "群组").unwrap();
    let too_long = NameError::TooLong { bytes: 9, max: 8 };
    assert_eq!(handle.join(id, "123456789"), Err(too_long.into()));
    assert_eq!(handle.join(id, "群组群"), Err(too_long.into()), "bytes count, not characters");
    assert_eq!(handle.join(id, ""), Err(NameError::Empty.into()));
    assert_eq!(handle.leave(id, ""), Err(NameError::Empty.into()));
    assert_eq!(handle.publish("123456789", "x", &[]), Err(PublishError::Name(too_long)));
    assert_eq!(block_on(handle.groups(id)).unwrap(), ["12345678", "群组"]);
}

#[test]
fn to_join_with_an_id_that_is_gone_or_never_was_says_which() {
    let (server, journal) = server(config());
    let mut all = members(&server, &journal, 1);
    let (client, id) = all.remove(0);
    drop(client);
    journal.closed_of(id);
    wait_until("it is gone", || !server.handle.exists(id));
    let never = ConnectionId::new(999_999).unwrap();
    assert_eq!(server.handle.join(id, "room"), Err(ConnectionError::Closed));
    assert_eq!(server.handle.join(never, "room"), Err(ConnectionError::Unknown));
    assert_eq!(server.handle.leave(id, "room"), Err(ConnectionError::Closed));
}

/// A writer commits and publishes; who joins is given the history by the same thread: neither gap nor overlap.
#[test]
fn join_history_and_publish_from_one_thread_leave_neither_gap_nor_overlap() {
    let (server, journal) = server(config());
    let (joins, joining) = mpsc::channel::<ConnectionId>();
    let handle = server.handle.clone();
    let writer = thread::spawn(move || {
        let mut history: Vec<String> = Vec::new();
        for number in 0..3_000 {
            while let Ok(id) = joining.try_recv() {
                handle.join(id, "room").unwrap();
                handle.push(id, format!("history to {}", history.len())).unwrap();
            }
            history.push(number.to_string());
            handle.publish("room", number.to_string(), &[]).unwrap();
            if number % 100 == 0 {
                thread::yield_now();
            }
        }
        while let Ok(id) = joining.recv() {
            handle.join(id, "room").unwrap();
            handle.push(id, format!("history to {}", history.len())).unwrap();
        }
        handle.publish("room", "end", &[]).unwrap();
    });
    let mut clients = Vec::new();
    for n in 0..40 {
        clients.push(server.connect());
        joins.send(journal.opened(n)).unwrap();
    }
    drop(joins);
    for client in &mut clients {
        let first = client.next_text();
        let from: usize =
            first.strip_prefix("history to ").expect("the history comes first").parse().unwrap();
        for number in from..3_000 {
            client.expect_text(&number.to_string());
        }
        client.expect_text("end");
    }
    writer.join().unwrap();
}

#[test]
fn handlers_can_ask_for_members_and_groups() {
    let server = serve(
        Server::new(ANY)
            .config(Config { reactors: 3, ..config() })
            .on_open(async |conn: Conn, _: Request| conn.join("lobby"))
            .on_message(async |conn: Conn, _: Message| {
                let members = conn.handle().members("lobby").await;
                let groups = conn.handle().groups(conn.id()).await;
                let _ = conn.push(format!("{} {:?}", members.map_or(0, |ids| ids.len()), groups));
            }),
    );
    let mut clients = server.connect_many(5);
    wait_until("all have joined", || block_on(server.handle.members("lobby")).unwrap().len() == 5);
    for client in &mut clients {
        client.text("who?");
        client.expect_text("5 Ok([\"lobby\"])");
    }
}

#[test]
fn what_happens_in_a_group_does_not_depend_on_who_leaves_in_between() {
    let (server, journal) = server(config());
    let mut all = members(&server, &journal, 12);
    for (_, id) in &all {
        server.handle.join(*id, "crowd").unwrap();
    }
    // From the front, the back and the middle, so that members change places.
    for (round, index) in [0, 10, 5, 1, 3].into_iter().enumerate() {
        let (client, id) = all.remove(index);
        if round % 2 == 0 {
            server.handle.leave(id, "crowd").unwrap();
        } else {
            drop(client);
            journal.closed_of(id);
        }
        let left: Vec<ConnectionId> = all.iter().map(|(_, id)| *id).collect();
        assert_eq!(block_on(server.handle.members("crowd")).unwrap(), left);
        server.handle.publish("crowd", format!("round {round}"), &[]).unwrap();
        for (client, _) in &mut all {
            client.expect_text(&format!("round {round}"));
        }
    }
}

/// The join is accepted while the connection is there, and carried out when it is gone.
#[test]
fn a_join_that_meets_the_end_of_its_connection_harms_no_later_one() {
    let (go, told) = mpsc::channel::<mpsc::Sender<()>>();
    let told = std::sync::Mutex::new(told);
    let (asking, asked) = mpsc::channel::<()>();
    let asking = std::sync::Mutex::new(asking);
    let server = serve(
        Server::new(ANY)
            .config(Config { max_connections: 4, groups_per_connection_max: 8, reactors: 1, ..config() })
            .on_message(async move |_: Conn, message: Message| {
                // Blocks the reactor until the test has prepared the next turn.
                if message.as_text() == Some("block") {
                    asking.lock().unwrap().send(()).unwrap();
                    let done = told.lock().unwrap().recv().unwrap();
                    done.send(()).unwrap();
                }
            }),
    );
    let (mut first, mut second, third) = (server.connect(), server.connect(), server.connect());
    wait_until("all are open", || server.handle.connections().len() == 3);
    let doomed = server.handle.connections()[2];
    let unblock = || {
        let (done, is_done) = mpsc::channel();
        go.send(done).unwrap();
        is_done.recv().unwrap();
    };
    first.text("block");
    asked.recv_timeout(PATIENCE).unwrap();
    // In the next turn: another handler that blocks, then the end of the third.
    second.text("block");
    drop(third);
    unblock();
    asked.recv_timeout(PATIENCE).unwrap();
    server.handle.join(doomed, "group").unwrap();
    unblock();
    wait_until("it is gone", || !server.handle.exists(doomed));
    // Once through all slots of the table.
    for _ in 0..1_100 {
        let mut client = server.connect();
        client.close(1000, "");
        client.next_close();
        drop(client);
        wait_until("it is gone", || server.handle.stats().connections == 2);
        let probe = server.connect();
        wait_until("it is open", || server.handle.connections().len() == 3);
        let id = server.handle.connections().into_iter().max().unwrap();
        assert_eq!(server.handle.join(id, "group"), Ok(()), "connection {id}");
        drop(probe);
        wait_until("it is gone", || server.handle.stats().connections == 2);
    }
}
