//! `push`: from anywhere, in order, with errors that tell why.

use std::thread;

use switchboard::{
    Config, Conn, ConnectionId, Handle, Message, Overflow, PublishError, PushError, Request, Server,
};

use crate::support::*;

fn three_reactors() -> Config {
    Config { reactors: 3, ..config() }
}

/// The ids of clients that say who they are by their path, in the order of the clients.
fn ids(handle: &Handle, clients: &mut [Client]) -> Vec<ConnectionId> {
    wait_until("all are open", || handle.connections().len() == clients.len());
    let ports = clients.iter().map(|client| client.stream.local_addr());
    ports
        .map(|port| {
            let same = |id: &&ConnectionId| match handle.client_info(**id).map(|info| info.peer) {
                Some(switchboard::PeerAddr::Inet(address)) => Some(address) == port,
                _ => false,
            };
            *handle.connections().iter().find(same).expect("the client's connection")
        })
        .collect()
}

#[test]
fn a_handler_can_push_to_every_connection_of_every_reactor() {
    let server =
        serve(Server::new(ANY).config(three_reactors()).on_message(async |conn: Conn, message: Message| {
            for id in conn.handle().connections() {
                let _ = conn.handle().push(id, message.clone());
            }
        }));
    // A reactor that has eight more than another passes new ones on.
    let mut clients = server.connect_many(12);
    let ids = ids(&server.handle, &mut clients);
    let reactors: std::collections::HashSet<usize> =
        ids.iter().filter_map(|id| server.handle.client_info(*id)).map(|info| info.reactor).collect();
    assert!(reactors.len() > 1, "the clients are all on one reactor");
    for sender in 0..clients.len() {
        clients[sender].text(&format!("from {sender}"));
        for client in &mut clients {
            client.expect_text(&format!("from {sender}"));
        }
    }
}

#[test]
fn any_thread_can_push_and_what_one_thread_pushes_keeps_its_order() {
    let server = serve(Server::new(ANY).config(three_reactors()));
    let mut clients = server.connect_many(6);
    let ids = ids(&server.handle, &mut clients);
    let threads: Vec<_> = (0..4)
        .map(|thread| {
            let (handle, ids) = (server.handle.clone(), ids.clone());
            thread::spawn(move || {
                for number in 0..200 {
                    for id in &ids {
                        handle.push(*id, format!("{thread} {number}")).unwrap();
                    }
                }
            })
        })
        .collect();
    for client in &mut clients {
        let mut next = [0; 4];
        for _ in 0..800 {
            let text = client.next_text();
            let (thread, number) = text.split_once(' ').unwrap();
            let thread: usize = thread.parse().unwrap();
            assert_eq!(number.parse::<u32>().unwrap(), next[thread], "thread {thread}");
            next[thread] += 1;
        }
    }
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

#[test]
fn tasks_of_another_runtime_can_push() {
    let server = serve(Server::new(ANY).config(three_reactors()));
    let mut clients = server.connect_many(3);
    let ids = ids(&server.handle, &mut clients);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    for id in ids {
        let handle = server.handle.clone();
        runtime.spawn(async move {
            for number in 0..100 {
                handle.push(id, number.to_string()).unwrap();
                tokio::task::yield_now().await;
            }
        });
    }
    let expected: Vec<String> = (0..100).map(|number| number.to_string()).collect();
    for client in &mut clients {
        assert_eq!(client.next_texts(100), expected, "a task that moves between threads keeps its order");
    }
}

#[test]
fn a_task_that_a_handler_spawns_can_push() {
    let server = serve(Server::new(ANY).config(config()).on_message(async |conn: Conn, message: Message| {
        tokio::task::spawn_local(async move {
            tokio::task::yield_now().await;
            conn.push(message)
        });
    }));
    server.connect().round_trip("later");
}

#[test]
fn a_push_from_on_open_comes_after_the_handshake() {
    let server =
        serve(Server::new(ANY).config(config()).on_open(async |conn: Conn, _: Request| conn.push("welcome")));
    for _ in 0..20 {
        server.connect().expect_text("welcome");
    }
}

#[test]
fn text_arrives_as_text_and_bytes_as_binary() {
    let server = serve(Server::new(ANY).config(config()));
    let mut client = server.connect();
    let id = ids(&server.handle, std::slice::from_mut(&mut client))[0];
    server.handle.push(id, "text").unwrap();
    server.handle.push(id, String::from("string")).unwrap();
    server.handle.push(id, vec![0xff, 0]).unwrap();
    server.handle.push(id, &b"slice"[..]).unwrap();
    server.handle.push(id, "").unwrap();
    client.expect_text("text");
    client.expect_text("string");
    assert_eq!(client.next(), Heard::Binary(vec![0xff, 0]));
    assert_eq!(client.next(), Heard::Binary(b"slice".to_vec()));
    client.expect_text("");
}

#[test]
fn a_push_to_a_connection_that_is_gone_says_closed() {
    let server = serve(echo(config()));
    let mut client = server.connect();
    let id = ids(&server.handle, std::slice::from_mut(&mut client))[0];
    drop(client);
    wait_until("it is gone", || !server.handle.exists(id));
    assert_eq!(server.handle.push(id, "hello?"), Err(PushError::Closed));
}

#[test]
fn a_push_to_an_id_that_never_was_says_unknown() {
    let server = serve(echo(config()));
    let never = ConnectionId::new(1_000_000).unwrap();
    assert_eq!(server.handle.push(never, "hello?"), Err(PushError::Unknown));
}

#[test]
fn a_push_during_the_handshake_says_not_open() {
    let server = serve(echo(config()));
    let _raw = server.raw();
    let first = ConnectionId::new(1).unwrap();
    wait_until("it is accepted", || server.handle.exists(first));
    assert_eq!(server.handle.push(first, "too early"), Err(PushError::NotOpen));
    assert!(!server.handle.is_established(first));
}

#[test]
fn a_push_of_more_than_a_message_may_have_says_too_big() {
    let server = serve(echo(Config { message_bytes_max: 1_000, ..config() }));
    let mut client = server.connect();
    let id = ids(&server.handle, std::slice::from_mut(&mut client))[0];
    let big = "x".repeat(1_001);
    assert_eq!(server.handle.push(id, big.clone()), Err(PushError::TooBig { bytes: 1_001, max: 1_000 }));
    assert_eq!(server.handle.broadcast(big.clone()), Err(PublishError::TooBig { bytes: 1_001, max: 1_000 }));
    assert!(matches!(server.handle.publish("g", big.clone(), &[]), Err(PublishError::TooBig { .. })));
    assert!(matches!(server.handle.push_many(&[id], big), Err(PublishError::TooBig { .. })));
    client.round_trip("nothing of it was sent");
}

#[test]
fn a_push_to_a_full_queue_says_so_and_with_the_policy_of_the_push() {
    let server = serve(echo(Config { output_bytes_max: 100_000, ..config() }));
    let mut client = server.connect_narrow();
    let id = ids(&server.handle, std::slice::from_mut(&mut client))[0];
    let filled =
        (0..10_000).find_map(|_| server.handle.push_with(id, vec![0; 50_000], Overflow::DropNewest).err());
    assert_eq!(filled, Some(PushError::QueueFull));
    assert!(server.handle.is_established(id), "DropNewest does not close");
}

#[test]
fn push_many_goes_to_those_it_names_and_counts_them() {
    let server = serve(echo(three_reactors()));
    let mut clients = server.connect_many(6);
    let mut ids = ids(&server.handle, &mut clients);
    let gone = ids.pop().unwrap();
    drop(clients.pop());
    wait_until("it is gone", || !server.handle.exists(gone));
    let never = ConnectionId::new(1_000_000).unwrap();
    let chosen = [ids[0], gone, ids[2], never, ids[4]];
    assert_eq!(server.handle.push_many(&chosen, "you"), Ok(3));
    for (number, client) in clients.iter_mut().enumerate() {
        if number % 2 == 0 {
            client.expect_text("you");
        }
        client.round_trip("only that");
    }
    assert_eq!(server.handle.push_many(&[], "nobody"), Ok(0));
}

#[test]
fn a_broadcast_reaches_every_connection_of_every_reactor_once() {
    let server = serve(
        Server::new(ANY)
            .config(three_reactors())
            .on_message(async |conn: Conn, message: Message| conn.handle().broadcast(message)),
    );
    let mut clients = server.connect_many(10);
    wait_until("all are open", || server.handle.connections().len() == 10);
    // A half-done handshake receives nothing and disturbs nothing.
    let mut half = server.raw();
    half.send("GET / HTTP/1.1\r\n");
    server.handle.broadcast("from a thread").unwrap();
    clients[3].text("from a client");
    for client in &mut clients {
        let mut texts = client.next_texts(2);
        texts.sort();
        assert_eq!(texts, ["from a client", "from a thread"]);
    }
    server.handle.broadcast(vec![1u8, 2]).unwrap();
    for client in &mut clients {
        assert_eq!(client.next(), Heard::Binary(vec![1, 2]), "and nothing twice");
    }
}

#[test]
fn broadcasts_and_pushes_of_one_thread_reach_everyone_in_one_order() {
    let server = serve(Server::new(ANY).config(three_reactors()));
    let mut clients = server.connect_many(5);
    let ids = ids(&server.handle, &mut clients);
    for number in 0..300 {
        match number % 3 {
            0 => server.handle.broadcast(number.to_string()).unwrap(),
            1 => assert_eq!(server.handle.push_many(&ids, number.to_string()), Ok(5)),
            _ => ids.iter().for_each(|id| server.handle.push(*id, number.to_string()).unwrap()),
        }
    }
    let expected: Vec<String> = (0..300).map(|number| number.to_string()).collect();
    for client in &mut clients {
        assert_eq!(client.next_texts(300), expected);
    }
}

#[test]
fn a_server_can_push_to_the_clients_of_another_server() {
    let quiet = serve(Server::new(ANY).config(one_reactor()));
    let other = quiet.handle.clone();
    let server = serve(
        Server::new(ANY)
            .config(one_reactor())
            .on_message(async move |_: Conn, message: Message| other.broadcast(message)),
    );
    let mut listening = quiet.connect();
    wait_until("it is open", || quiet.handle.connections().len() == 1);
    server.connect().text("across");
    listening.expect_text("across");
}
