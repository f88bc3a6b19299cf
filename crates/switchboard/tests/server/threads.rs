//! The handle is used from many threads at once, while connections come and go.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use switchboard::{Config, Conn, Handle, Message, Overflow, Request, Server};

use crate::support::*;

/// Does everything that a handle can, to whatever connections there are.
fn meddle(handle: &Handle, seed: usize) {
    let ids = handle.connections();
    assert!(ids.is_sorted(), "ascending");
    for (number, id) in ids.iter().enumerate() {
        match (number + seed) % 14 {
            0 => drop(handle.push(*id, "one")),
            1 => drop(handle.push_with(*id, vec![1; 3_000], Overflow::DropOldest)),
            2 => drop(handle.join(*id, &format!("group {}", number % 3))),
            3 => drop(handle.leave(*id, &format!("group {}", number % 3))),
            4 => drop(handle.bind(*id, &format!("user {}", number % 4))),
            5 => drop(handle.set_session(*id, vec![2; 10])),
            6 => drop(handle.client_info(*id).map(|info| assert!(info.id == *id))),
            7 => drop(handle.protect(*id, true)),
            8 => drop(handle.pause(*id)),
            9 => drop(handle.resume(*id)),
            10 => drop(block_on(handle.groups(*id))),
            11 if seed.is_multiple_of(5) => drop(handle.disconnect(*id, 4_000, "meddled with")),
            12 if seed.is_multiple_of(7) => drop(handle.abort(*id)),
            _ => drop((handle.exists(*id), handle.is_established(*id))),
        }
    }
    let _ = handle.push_many(&ids, "many");
    let _ = handle.broadcast("all");
    let _ = handle.publish(&format!("group {}", seed % 3), "group", &ids[..ids.len() / 2]);
    let _ = handle.push_to_user(&format!("user {}", seed % 4), "user");
    let _ = block_on(handle.members("group 1"));
    let _ = block_on(handle.user_connections("user 1"));
    let stats = handle.stats();
    assert!(stats.closed <= stats.opened, "{stats:?}");
}

#[test]
fn whatever_threads_do_at_once_every_open_has_its_close_and_nothing_is_left() {
    let journal = Journal::default();
    let mut server = serve(
        Server::new(ANY)
            .config(Config { reactors: 3, close_timeout: Duration::from_millis(300), ..config() })
            .on_open(journal.on_open())
            .on_message(async |conn: Conn, message: Message| {
                tokio::task::yield_now().await;
                conn.push(message)
            })
            .on_close(journal.on_close()),
    );
    let over = Arc::new(AtomicBool::new(false));
    let meddlers: Vec<_> = (0..3)
        .map(|thread| {
            let (handle, over) = (server.handle.clone(), over.clone());
            thread::spawn(move || {
                let mut seed = thread;
                while !over.load(Ordering::Relaxed) {
                    meddle(&handle, seed);
                    seed += 3;
                }
            })
        })
        .collect();
    let begun = Instant::now();
    let mut clients = Vec::new();
    while begun.elapsed() < Duration::from_secs(3) {
        let mut client = server.connect();
        client.stream.set_write_timeout(Duration::from_secs(1));
        // It may have been cut already.
        let _ = std::io::Write::write_all(&mut client.stream, &Client::encoded_texts(["hello", "again"]));
        clients.push(client);
        match clients.len() % 6 {
            0 => drop(clients.remove(0)),
            3 => clients.remove(0).reset(),
            _ => {}
        }
        if clients.len() > 30 {
            clients.clear();
        }
    }
    over.store(true, Ordering::Relaxed);
    meddlers.into_iter().for_each(|meddler| meddler.join().unwrap());
    drop(clients);
    // Paused ones do not notice by themselves.
    wait_until("all have ended", || {
        for id in server.handle.connections() {
            let _ = server.handle.resume(id);
        }
        server.handle.connections().is_empty() && server.handle.stats().sockets == 0
    });
    assert!(journal.opens().len() > 50, "{} connections", journal.opens().len());
    assert_eq!(server.handle.stats().connections, 0);
    for group in ["group 0", "group 1", "group 2"] {
        assert_eq!(block_on(server.handle.members(group)).unwrap(), []);
    }
    let mut last = server.connect();
    last.text("as on the first day");
    last.expect_text("as on the first day");
    drop(last);
    server.stop();
    journal.check_pairs();
}

#[test]
fn a_group_limit_holds_whichever_threads_join() {
    let server = serve(
        Server::new(ANY)
            .config(Config { groups_per_connection_max: 5, ..config() })
            .on_open(async |conn: Conn, _: Request| conn.push(conn.id().to_string())),
    );
    let mut client = server.connect();
    let text = client.next_text();
    let id = server.handle.connections()[0];
    assert_eq!(text, id.to_string());
    let joiners: Vec<_> = (0..4)
        .map(|thread| {
            let handle = server.handle.clone();
            thread::spawn(move || {
                (0..100).filter(|number| handle.join(id, &format!("{thread} {number}")).is_ok()).count()
            })
        })
        .collect();
    let joined: usize = joiners.into_iter().map(|joiner| joiner.join().unwrap()).sum();
    assert_eq!(joined, 5);
    assert_eq!(block_on(server.handle.groups(id)).unwrap().len(), 5);
}

#[test]
fn queued_bytes_come_back_to_zero_whoever_pushed() {
    let server = serve(echo(Config { reactors: 3, output_bytes_max: 50_000, ..config() }));
    let mut clients = server.connect_many(4);
    wait_until("all are open", || server.handle.connections().len() == 4);
    let ids = server.handle.connections();
    let pushers: Vec<_> = (0..3)
        .map(|thread| {
            let (handle, ids) = (server.handle.clone(), ids.clone());
            thread::spawn(move || {
                let policies = [Overflow::DropNewest, Overflow::DropOldest];
                for number in 0..2_000 {
                    let policy = policies[(number + thread) % 2];
                    let _ = handle.push_with(ids[number % 4], vec![0; 10 + number], policy);
                    if number % 50 == 0 {
                        let _ = handle.publish("nobody", "x", &[]);
                    }
                }
            })
        })
        .collect();
    pushers.into_iter().for_each(|pusher| pusher.join().unwrap());
    // What is queued may leave no room for it yet; an echo would then close the connection.
    for id in &ids {
        let push = || server.handle.push_with(*id, "last", Overflow::DropNewest).is_ok();
        wait_until("there is room", push);
    }
    for client in &mut clients {
        client.until(&Heard::Text("last".into()));
    }
    wait_until("nothing is queued", || {
        ids.iter().all(|id| server.handle.client_info(*id).is_some_and(|info| info.queued_bytes == 0))
    });
}
