//! What handlers do to connections from within their events.

use std::time::Duration;

use switchboard::{Closed, ClosedBy, Conn, Message, PushError, Request, Server};
use switchboard_proto::OpCode;

use crate::support::*;

#[test]
fn on_open_can_close_what_it_opened() {
    let journal = Journal::default();
    let mut server = serve(
        Server::new(ANY)
            .config(config())
            .on_open(async |conn: Conn, request: Request| {
                let _ = conn.push("goodbye");
                match request.path() {
                    "/disconnect" => drop(conn.disconnect(4_004, "not today")),
                    _ => drop(conn.abort()),
                }
            })
            .on_message(journal.on_message())
            .on_close(journal.on_close()),
    );
    let frames = Client::encoded_texts(["sent with the handshake"]);
    let stream = Stream::tcp(server.address());
    let mut client = Client::open_and_send(stream, &handshake("/disconnect"), &frames);
    client.expect_text("goodbye");
    assert_eq!(client.next_close(), (4_004, "not today".into()));
    journal.expect_close(4_004, ClosedBy::Server);
    let mut raw = server.raw();
    raw.send(upgrade_request("/abort", ""));
    raw.rest();
    wait_until("both have ended", || journal.closes().len() == 2);
    server.stop();
    assert_eq!(journal.entries().len(), 2, "no message was handled");
}

#[test]
fn the_reply_goes_out_before_the_close_that_follows_it() {
    let server = serve(Server::new(ANY).config(config()).on_message(async |conn: Conn, message: Message| {
        let _ = conn.push(message);
        let _ = conn.disconnect(4_005, "and that is all");
        assert_eq!(conn.push("too late?").err().into_iter().find(|error| *error != PushError::Closed), None);
    }));
    for _ in 0..20 {
        let mut client = server.connect();
        client.text("hello");
        assert_eq!(client.next(), Heard::Text("hello".into()));
        let next = client.next();
        // A push that was accepted before the close was carried out must not overtake or follow the close frame.
        assert_eq!(next, Heard::Close(4_005, "and that is all".into()));
        assert_eq!(client.next(), Heard::End);
    }
}

#[test]
fn no_message_of_the_same_segment_is_handled_after_abort() {
    let journal = Journal::default();
    let handled = journal.clone();
    let server = serve(
        Server::new(ANY)
            .config(one_reactor())
            .on_message(async move |conn: Conn, message: Message| {
                handled.add(Entry::Message(conn.id(), message.as_text().unwrap_or_default().into()));
                conn.abort()
            })
            .on_close(journal.on_close()),
    );
    let mut client = server.connect();
    client.raw(&Client::encoded_texts(["one", "two", "three"]));
    assert_eq!(client.next(), Heard::Reset);
    journal.expect_close(1006, ClosedBy::Server);
    assert_eq!(journal.entries().len(), 2, "{:?}", journal.entries());
}

#[test]
fn one_handler_can_end_the_connection_of_another() {
    let journal = Journal::default();
    let server = serve(
        Server::new(ANY)
            .config(config())
            .on_open(journal.on_open())
            .on_message(async |conn: Conn, _: Message| {
                for id in conn.handle().connections() {
                    if id != conn.id() {
                        let _ = conn.handle().disconnect(id, 4_006, "by another");
                    }
                }
                conn.push("done")
            })
            .on_close(journal.on_close()),
    );
    let mut clients = server.connect_many(6);
    journal.opened(5);
    let mut survivor = clients.remove(2);
    // They talk while they are closed.
    for client in &mut clients {
        client.ping(b"");
    }
    survivor.text("all others out");
    for client in &mut clients {
        assert_eq!(client.next_close(), (4_006, "by another".into()));
    }
    survivor.expect_text("done");
    wait_until("they have ended", || journal.closes().len() == 5);
    assert!(journal.closes().iter().all(|(_, closed)| closed.by == ClosedBy::Server && closed.code == 4_006));
}

#[test]
fn on_close_can_tell_the_others_and_not_the_one_that_is_gone() {
    let journal = Journal::default();
    let closing = journal.clone();
    let server = serve(
        Server::new(ANY)
            .config(config())
            .on_open(async |conn: Conn, _: Request| conn.join("room"))
            .on_message(async |conn: Conn, message: Message| conn.push(message))
            .on_close(async move |conn: Conn, closed: Closed| {
                closing.note(format!("{:?}", conn.push("are you there?")));
                conn.handle().publish("room", format!("{} left with {}", conn.id(), closed.code), &[])
            }),
    );
    let (mut staying, mut leaving) = (server.connect(), server.connect());
    staying.round_trip("in");
    leaving.round_trip("in");
    let ids = server.handle.connections();
    leaving.close(1000, "");
    let left = staying.next_text();
    assert!(ids.iter().any(|id| left == format!("{id} left with 1000")), "{left}");
    assert_eq!(leaving.until_end(), [Heard::Close(1000, String::new()), Heard::End]);
    journal.wait_note("Err(Closed)");
}

#[test]
fn messages_after_a_pause_wait_in_order_until_the_resume() {
    let journal = Journal::default();
    let server = serve(Server::new(ANY).config(config()).on_open(journal.on_open()).on_message(
        async |conn: Conn, message: Message| {
            if message.as_text().is_some_and(|text| text.ends_with('0')) {
                let _ = conn.pause();
            }
            conn.push(message)
        },
    ));
    let mut client = server.connect();
    let id = journal.opened(0);
    let texts: Vec<String> = (1..=30).map(|number| number.to_string()).collect();
    client.raw(&Client::encoded_texts(&texts[..15]));
    assert_eq!(client.next_texts(10), texts[..10]);
    assert_eq!(client.next_within(Duration::from_millis(50)), None);
    client.raw(&Client::encoded_texts(&texts[15..]));
    for chunk in texts[10..].chunks(10) {
        server.handle.resume(id).unwrap();
        assert_eq!(client.next_texts(10), chunk);
        assert_eq!(client.next_within(Duration::from_millis(50)), None);
    }
    server.handle.resume(id).unwrap();
    client.round_trip("31");
}

#[test]
fn a_pause_and_a_resume_at_once_lose_nothing() {
    let journal = Journal::default();
    let server = serve(Server::new(ANY).config(one_reactor()).on_open(journal.on_open()).on_message(
        async |conn: Conn, message: Message| {
            let _ = conn.pause();
            if message.len().is_multiple_of(2) {
                tokio::task::yield_now().await;
            }
            let _ = conn.resume();
            conn.push(message)
        },
    ));
    let mut client = server.connect();
    let texts: Vec<String> = (0..2_000).map(|number| number.to_string()).collect();
    for chunk in texts.chunks(100) {
        client.raw(&Client::encoded_texts(chunk));
    }
    assert_eq!(client.next_texts(2_000), texts);
}

#[test]
fn a_close_of_both_sides_at_once_is_one_close() {
    let journal = Journal::default();
    let mut server = serve(
        Server::new(ANY)
            .config(config())
            .on_open(journal.on_open())
            .on_message(async |conn: Conn, _: Message| conn.disconnect(4_007, "from here"))
            .on_close(journal.on_close()),
    );
    for _ in 0..50 {
        // It has sent its close frame already, and sends no other.
        let mut client = server.connect().impolite();
        let mut bytes = Client::encoded_texts(["close!"]);
        bytes.extend(Client::encoded(OpCode::Close, &4_008u16.to_be_bytes()));
        client.raw(&bytes);
        assert_eq!(client.next(), Heard::Close(4_007, "from here".into()));
        assert_eq!(client.next(), Heard::End);
    }
    server.stop();
    journal.check_pairs();
    assert!(journal.closes().iter().all(|(_, closed)| closed.code == 4_007 && closed.by == ClosedBy::Server));
}

#[test]
fn a_client_that_sends_and_goes_is_heard_to_the_end_although_it_reads_nothing() {
    // Over TCP the client's own kernel would throw away what has not left it.
    let journal = Journal::default();
    let path = temporary_path("sock");
    let _server = serve(
        Server::new(format!("unix:{}", path.display()))
            .config(one_reactor())
            .on_open(journal.on_open())
            .on_message(journal.on_message())
            .on_close(journal.on_close()),
    );
    let mut client = Client::connect_unix(&path);
    let texts: Vec<String> = (0..200).map(|number| format!("{number} {}", "g".repeat(200))).collect();
    let mut bytes = Client::encoded_texts(&texts);
    bytes.extend(Client::encoded(OpCode::Close, &1000u16.to_be_bytes()));
    client.raw(&bytes);
    drop(client);
    journal.expect_close(1000, ClosedBy::Client);
    assert_eq!(journal.entries().len(), 202);
}

#[test]
fn a_frame_that_arrives_in_many_pieces_is_one_message() {
    let server = serve(echo(config()));
    let mut clients = server.connect_many(3);
    let text = "in pieces, and others in between ".repeat(30);
    let frames: Vec<Vec<u8>> = clients.iter().map(|_| Client::encoded_texts([&text, "next"])).collect();
    for at in 0..frames[0].len() {
        for (client, frame) in clients.iter_mut().zip(&frames) {
            client.raw(&frame[at..=at]);
        }
    }
    for client in &mut clients {
        client.expect_text(&text);
        client.expect_text("next");
    }
}
