//! However a connection ends, its `on_close` comes once, after everything else, and says how it was.

use std::time::{Duration, Instant};

use switchboard::{Closed, ClosedBy, Config, Conn, ConnectionError, Message, PushError, Server};
use switchboard_proto::OpCode;

use crate::support::*;

fn journalled(config: Config) -> (Running, Journal) {
    let journal = Journal::default();
    let server = Server::new(ANY)
        .config(config)
        .on_open(journal.on_open())
        .on_message(journal.on_message())
        .on_close(journal.on_close());
    (serve(server), journal)
}

#[test]
fn a_close_by_the_client_has_its_code_and_reason() {
    let (mut server, journal) = journalled(config());
    let mut client = server.connect();
    client.close(4321, "I am done");
    assert_eq!(client.until_end(), [Heard::Close(4321, String::new()), Heard::End]);
    let closed = journal.expect_close(4321, ClosedBy::Client);
    assert_eq!(closed.reason, "I am done");
    server.stop();
    journal.check_pairs();
}

#[test]
fn a_close_frame_without_a_code_is_1005() {
    let (mut server, journal) = journalled(config());
    let mut client = server.connect();
    client.frame(OpCode::Close, b"");
    assert_eq!(client.next_close().0, 1005, "the answer is as empty");
    journal.expect_close(1005, ClosedBy::Client);
    server.stop();
    journal.check_pairs();
}

#[test]
fn an_end_of_the_transport_without_a_close_frame_is_1006() {
    let (mut server, journal) = journalled(config());
    drop(server.connect());
    let closed = journal.expect_close(1006, ClosedBy::Transport);
    assert!(!closed.reason.is_empty());
    server.stop();
    journal.check_pairs();
}

#[test]
fn a_reset_is_1006() {
    let (mut server, journal) = journalled(config());
    let client = server.connect();
    journal.opened(0);
    client.reset();
    journal.expect_close(1006, ClosedBy::Transport);
    server.stop();
    journal.check_pairs();
}

#[test]
fn an_end_within_a_frame_is_1006() {
    let (mut server, journal) = journalled(config());
    let mut client = server.connect();
    client.raw(&Client::encoded(OpCode::Text, b"only half of it arrives")[..10]);
    drop(client);
    journal.expect_close(1006, ClosedBy::Transport);
    server.stop();
    journal.check_pairs();
}

/// Sends `bytes` and expects the connection to fail with `code`.
#[track_caller]
fn violates(config: Config, bytes: &[u8], code: u16) {
    let (mut server, journal) = journalled(config);
    let mut client = server.connect();
    client.round_trip("before");
    client.raw(bytes);
    let (heard, reason) = client.next_close();
    assert_eq!(heard, code, "{reason}");
    let closed = journal.expect_close(code, ClosedBy::Protocol);
    assert_eq!(closed.reason, reason, "the event says what the client was told");
    assert_eq!(client.next(), Heard::End);
    server.stop();
    journal.check_pairs();
}

#[test]
fn an_unmasked_frame_is_1002() {
    violates(config(), &[0x81, 2, b'h', b'i'], 1002);
}

#[test]
fn a_reserved_bit_is_1002() {
    violates(config(), &[0xc1, 0x80, 0, 0, 0, 0], 1002);
}

#[test]
fn a_reserved_opcode_is_1002() {
    violates(config(), &[0x83, 0x80, 0, 0, 0, 0], 1002);
}

#[test]
fn invalid_utf8_is_1007() {
    violates(config(), &Client::encoded(OpCode::Text, &[0xff, 0xfe]), 1007);
}

#[test]
fn a_message_that_is_too_big_is_1009_and_a_message_at_the_limit_is_not() {
    let limit = Config { message_bytes_max: 1_000, ..config() };
    let (server, _) = journalled(limit.clone());
    server.connect().round_trip(&"x".repeat(1_000));
    violates(limit, &Client::encoded(OpCode::Text, &[b'x'; 1_001]), 1009);
}

#[test]
fn fragments_count_in_sum_towards_the_message_limit() {
    let mut fragments = Vec::new();
    switchboard_proto::encode_masked_frame(OpCode::Text, false, &[b'x'; 600], [1; 4], &mut fragments);
    switchboard_proto::encode_masked_frame(OpCode::Continuation, true, &[b'x'; 600], [1; 4], &mut fragments);
    violates(Config { message_bytes_max: 1_000, ..config() }, &fragments, 1009);
}

#[test]
fn a_violation_in_the_same_segment_as_messages_comes_after_them() {
    let (server, journal) = journalled(config());
    let mut client = server.connect();
    let mut bytes = Client::encoded_texts(["one", "two"]);
    bytes.extend_from_slice(&[0x81, 0]);
    bytes.extend(Client::encoded_texts(["never"]));
    client.raw(&bytes);
    assert_eq!(client.next_texts(2), ["one", "two"]);
    assert_eq!(client.next_close().0, 1002);
    journal.expect_close(1002, ClosedBy::Protocol);
    let id = journal.opened(0);
    assert_eq!(journal.of(id).len(), 4);
}

#[test]
fn disconnect_sends_code_and_reason_and_the_event_has_them() {
    let (mut server, journal) = journalled(config());
    let mut client = server.connect();
    let id = journal.opened(0);
    server.handle.disconnect(id, 4_000, "moved to another server").unwrap();
    assert_eq!(client.until_end(), [Heard::Close(4_000, "moved to another server".into()), Heard::End]);
    let closed = journal.expect_close(4_000, ClosedBy::Server);
    assert_eq!(closed.reason, "moved to another server");
    server.stop();
    journal.check_pairs();
}

#[test]
fn close_sends_1000() {
    let (server, journal) = journalled(config());
    let mut client = server.connect();
    server.handle.close(journal.opened(0)).unwrap();
    assert_eq!(client.next_close(), (1000, String::new()));
    journal.expect_close(1000, ClosedBy::Server);
}

#[test]
fn disconnect_takes_only_codes_and_reasons_that_may_be_sent() {
    let (server, journal) = journalled(config());
    let mut client = server.connect();
    let id = journal.opened(0);
    for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 2_999, 5_000, u16::MAX] {
        let refused = server.handle.disconnect(id, code, "");
        assert!(
            matches!(&refused, Err(ConnectionError::Close(why)) if why.contains(&code.to_string())),
            "{refused:?}"
        );
    }
    let refused = server.handle.disconnect(id, 1000, &"x".repeat(124));
    assert!(matches!(&refused, Err(ConnectionError::Close(why)) if why.contains("124")), "{refused:?}");
    client.round_trip("still open");
    server.handle.disconnect(id, 4_999, &"x".repeat(123)).unwrap();
    assert_eq!(client.next_close(), (4_999, "x".repeat(123)));
}

#[test]
fn disconnect_sends_what_is_queued_first() {
    let (server, journal) = journalled(config());
    let mut client = server.connect();
    let id = journal.opened(0);
    for number in 0..200 {
        server.handle.push(id, format!("{number} {}", "y".repeat(10_000))).unwrap();
    }
    server.handle.disconnect(id, 4_001, "that was all").unwrap();
    for number in 0..200 {
        assert!(client.next_text().starts_with(&format!("{number} ")));
    }
    assert_eq!(client.next_close(), (4_001, "that was all".into()));
}

#[test]
fn after_disconnect_a_push_says_that_the_connection_is_closed() {
    let (server, journal) = journalled(config());
    let mut client = server.connect().impolite();
    let id = journal.opened(0);
    server.handle.disconnect(id, 1000, "").unwrap();
    client.next_close();
    assert_eq!(server.handle.push(id, "late"), Err(PushError::Closed));
    assert_eq!(server.handle.disconnect(id, 1000, ""), Err(ConnectionError::Closed));
    assert!(!server.handle.is_established(id));
    assert!(!server.handle.connections().contains(&id));
}

#[test]
fn disconnect_waits_for_the_answer_no_longer_than_close_timeout() {
    let (server, journal) = journalled(Config { close_timeout: Duration::from_millis(500), ..config() });
    let mut client = server.connect().impolite();
    let id = journal.opened(0);
    let begun = Instant::now();
    server.handle.disconnect(id, 4_002, "answer!").unwrap();
    let heard = client.until_end();
    assert_eq!(heard[0], Heard::Close(4_002, "answer!".into()));
    assert!(begun.elapsed() >= Duration::from_millis(400), "{:?}", begun.elapsed());
    journal.expect_close(4_002, ClosedBy::Server);
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    wait_until("it is gone", || !server.handle.exists(id));
}

#[test]
fn after_disconnect_messages_of_the_client_are_not_handled() {
    let (server, journal) = journalled(config());
    let mut client = server.connect().impolite();
    let id = journal.opened(0);
    server.handle.disconnect(id, 4_003, "").unwrap();
    client.next_close();
    client.text("too late");
    client.frame(OpCode::Close, &4_003u16.to_be_bytes());
    let closed = journal.expect_close(4_003, ClosedBy::Server);
    assert_eq!(journal.of(id), [Entry::Open(id), Entry::Close(id, closed)]);
}

#[test]
fn abort_resets() {
    let (mut server, journal) = journalled(config());
    let mut client = server.connect();
    let id = journal.opened(0);
    server.handle.abort(id).unwrap();
    assert_eq!(client.next(), Heard::Reset);
    journal.expect_close(1006, ClosedBy::Server);
    assert_eq!(server.handle.abort(id), Err(ConnectionError::Closed));
    server.stop();
    journal.check_pairs();
}

#[test]
fn abort_gets_rid_of_a_client_that_does_not_read() {
    let (server, journal) = journalled(Config { output_bytes_max: 64 << 20, ..config() });
    let _client = server.connect_narrow();
    let id = journal.opened(0);
    for _ in 0..20 {
        server.handle.push(id, vec![1; 1 << 20]).unwrap();
    }
    server.handle.abort(id).unwrap();
    journal.expect_close(1006, ClosedBy::Server);
    wait_until("it is gone", || !server.handle.exists(id));
}

#[test]
fn an_event_that_panics_closes_its_connection_with_1011_and_no_other() {
    let journal = Journal::default();
    let mut server = serve(
        Server::new(ANY)
            .config(one_reactor())
            .on_open(journal.on_open())
            .on_message(async |conn: Conn, message: Message| {
                assert_ne!(message.as_text(), Some("panic"));
                tokio::task::yield_now().await;
                assert_ne!(message.as_text(), Some("panic later"));
                conn.push(message)
            })
            .on_close(journal.on_close()),
    );
    let mut other = server.connect();
    other.round_trip("before");
    for panic in ["panic", "panic later"] {
        let mut client = server.connect();
        client.round_trip("fine");
        client.text(panic);
        assert_eq!(client.next_close().0, 1011, "{panic}");
        let id = journal.opened(journal.opens().len() - 1);
        let closed = journal.closed_of(id);
        assert_eq!((closed.code, closed.by), (1011, ClosedBy::Server));
        other.round_trip("as if nothing had happened");
    }
    server.stop();
    journal.check_pairs();
}

#[test]
fn on_open_and_on_close_may_panic() {
    let mut server = serve(
        Server::new(ANY)
            .config(one_reactor())
            .on_open(async |_: Conn, request: switchboard::Request| {
                assert_ne!(request.path(), "/panic");
            })
            .on_message(async |conn: Conn, message: Message| conn.push(message))
            .on_close(async |_: Conn, closed: Closed| assert_eq!(closed.code, 0, "on_close panics")),
    );
    let mut client = Client::connect_to(server.address(), "/panic");
    assert_eq!(client.next_close().0, 1011);
    server.connect().round_trip("unharmed");
    server.stop();
}

#[test]
fn every_open_has_its_one_close_whatever_the_clients_do() {
    let (mut server, journal) = journalled(Config { reactors: 3, ..config() });
    for round in 0..25 {
        let mut clients = server.connect_many(8);
        clients[0].close(1000, "");
        clients[1].raw(&[0xff; 20]);
        clients[2].stream.shutdown_write();
        clients[3].text("and gone");
        clients[4].text("closed while it is echoed");
        clients[4].frame(OpCode::Close, b"");
        let aborted = journal.opened(round * 8 + 7);
        // Not all of them may be open still.
        let _ = server.handle.abort(aborted);
        for (number, client) in clients.into_iter().enumerate() {
            if number == 5 {
                client.reset();
            }
        }
    }
    wait_until("all have ended", || journal.closes().len() == 200);
    server.stop();
    journal.check_pairs();
    assert_eq!(journal.opens().len(), 200);
    assert_eq!(server.handle.stats().closed, 200);
}
