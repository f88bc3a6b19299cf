//! All clients of a room see one order.

use std::thread;

use serde_json::json;

use crate::support::{Client, Server};

#[test]
fn everybody_sees_the_same_order_while_everybody_writes() {
    const MESSAGES: usize = 100;
    let server = Server::start();
    let mut clients: Vec<Client> = (0..8)
        .map(|n| {
            if n % 2 == 0 {
                Client::plain(&server)
            } else {
                Client::person(&server, &format!("v1 {n}"), &["lobby"])
            }
        })
        .collect();
    // Whoever has its own answer is in the lobby, so nobody misses what comes next.
    for client in &mut clients {
        client.catch_up();
    }
    let expected = MESSAGES * clients.len();
    let threads: Vec<_> = clients
        .into_iter()
        .enumerate()
        .map(|(n, mut client)| {
            thread::spawn(move || {
                for sent in 0..MESSAGES {
                    client.send(
                        json!({"type": "message", "text": format!("{n}/{sent}"), "id": format!("{sent}")}),
                    );
                }
                let mut seen = Vec::new();
                while seen.len() < expected {
                    let frame = client.await_type("message");
                    seen.push((frame["seq"].as_u64().expect("a seq"), frame["data"].to_string()));
                }
                seen
            })
        })
        .collect();
    let seen: Vec<_> = threads.into_iter().map(|thread| thread.join().expect("no panic")).collect();
    let numbers: Vec<u64> = seen[0].iter().map(|(seq, _)| *seq).collect();
    assert_eq!(numbers, (1..=expected as u64).collect::<Vec<_>>());
    for other in &seen[1..] {
        assert_eq!(other, &seen[0]);
    }
    // And each sender's own messages are in the order in which it sent them.
    for n in 0..8 {
        let own = seen[0].iter().filter(|(_, text)| text.starts_with(&format!("\"{n}/")));
        assert!(own.map(|(_, text)| text.clone()).eq((0..MESSAGES).map(|sent| format!("\"{n}/{sent}\""))));
    }
}

#[test]
fn joining_while_others_write_leaves_no_gap_and_no_overlap() {
    let server = Server::start();
    let mut writer = Client::person(&server, "Writer", &["lobby"]);
    let address = thread::scope(|scope| {
        let writing = scope.spawn(move || {
            for n in 1..=400 {
                writer.send(json!({"type": "message", "text": format!("{n}")}));
            }
            while writer.await_type("message")["seq"] != 400 {}
        });
        let readers: Vec<_> = (0..6)
            .map(|n| {
                let server = &server;
                scope.spawn(move || {
                    let mut reader = Client::person(server, &format!("Reader {n}"), &[]);
                    reader.send(json!({"type": "join", "room": "lobby"}));
                    let joined = reader.await_type("joined");
                    let mut last = joined["seq"].as_u64().expect("a seq");
                    while last < 400 {
                        let seq = reader.await_type("message")["seq"].as_u64().expect("a seq");
                        assert_eq!(seq, last + 1);
                        last = seq;
                    }
                })
            })
            .collect();
        writing.join().expect("no panic");
        readers.into_iter().for_each(|reader| reader.join().expect("no panic"));
        server.address().to_owned()
    });
    assert!(!address.is_empty());
}
