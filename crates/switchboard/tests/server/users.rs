//! Users and sessions: `bind`, `push_to_user`, `user_connections`, `session`, `set_session`.

use switchboard::{
    Config, Conn, ConnectionError, ConnectionId, Decision, Message, NameError, PublishError, QueryError,
    Request, Server,
};

use crate::support::*;

fn server(config: Config) -> (Running, Journal) {
    let journal = Journal::default();
    let server = Server::new(ANY)
        .config(Config { reactors: 3, ..config })
        .on_open(journal.on_open())
        .on_message(journal.on_message())
        .on_close(journal.on_close());
    (serve(server), journal)
}

fn connect(server: &Running, journal: &Journal) -> (Client, ConnectionId) {
    let before = journal.opens().len();
    (server.connect(), journal.opened(before))
}

#[test]
fn a_user_has_all_connections_that_are_bound_to_it() {
    let (server, journal) = server(config());
    let mut all: Vec<_> = (0..6).map(|_| connect(&server, &journal)).collect();
    for (number, (_, id)) in all.iter().enumerate() {
        server.handle.bind(*id, ["ann", "李雷"][number % 2]).unwrap();
    }
    let ann: Vec<ConnectionId> = all.iter().step_by(2).map(|(_, id)| *id).collect();
    assert_eq!(block_on(server.handle.user_connections("ann")).unwrap(), ann);
    assert_eq!(block_on(server.handle.user_connections("nobody")).unwrap(), []);
    server.handle.push_to_user("ann", "dear ann").unwrap();
    server.handle.push_to_user("李雷", "你好").unwrap();
    server.handle.push_to_user("nobody", "is there?").unwrap();
    for (number, (client, id)) in all.iter_mut().enumerate() {
        client.expect_text(["dear ann", "你好"][number % 2]);
        client.round_trip("and nothing else");
        let user = server.handle.client_info(*id).unwrap().user;
        assert_eq!(user.as_deref(), Some(["ann", "李雷"][number % 2]));
    }
}

#[test]
fn bind_moves_a_connection_from_one_user_to_another() {
    let (server, journal) = server(config());
    let (mut client, id) = connect(&server, &journal);
    server.handle.bind(id, "ann").unwrap();
    server.handle.bind(id, "bob").unwrap();
    server.handle.push_to_user("ann", "for ann").unwrap();
    server.handle.push_to_user("bob", "for bob").unwrap();
    client.expect_text("for bob");
    assert_eq!(block_on(server.handle.user_connections("ann")).unwrap(), []);
    assert_eq!(block_on(server.handle.user_connections("bob")).unwrap(), [id]);
    assert_eq!(server.handle.client_info(id).unwrap().user.as_deref(), Some("bob"));
    server.handle.bind(id, "bob").unwrap();
    assert_eq!(block_on(server.handle.user_connections("bob")).unwrap(), [id]);
}

#[test]
fn a_connection_that_ends_is_no_longer_its_users() {
    let (server, journal) = server(config());
    let (client, id) = connect(&server, &journal);
    let (_other, other_id) = connect(&server, &journal);
    for id in [id, other_id] {
        server.handle.bind(id, "ann").unwrap();
    }
    drop(client);
    journal.closed_of(id);
    assert_eq!(block_on(server.handle.user_connections("ann")).unwrap(), [other_id]);
}

#[test]
fn user_names_have_a_length() {
    let (server, journal) = server(Config { user_name_bytes_max: 6, ..config() });
    let (_client, id) = connect(&server, &journal);
    let too_long = NameError::TooLong { bytes: 7, max: 6 };
    server.handle.bind(id, "李雷").unwrap();
    assert_eq!(server.handle.bind(id, "1234567"), Err(ConnectionError::Name(too_long)));
    assert_eq!(server.handle.bind(id, ""), Err(ConnectionError::Name(NameError::Empty)));
    assert_eq!(server.handle.push_to_user("1234567", "x"), Err(PublishError::Name(too_long)));
    assert_eq!(block_on(server.handle.user_connections("李雷")).unwrap(), [id]);
}

#[test]
fn the_longest_user_name_comes_back_whole() {
    let longest = "ü".repeat(switchboard::USER_NAME_BYTES_LIMIT / 2);
    let settings = Config { user_name_bytes_max: switchboard::USER_NAME_BYTES_LIMIT, ..config() };
    let (server, journal) = server(settings);
    let (_client, id) = connect(&server, &journal);
    server.handle.bind(id, &longest).unwrap();
    wait_until("it is bound", || server.handle.client_info(id).unwrap().user.is_some());
    assert_eq!(server.handle.client_info(id).unwrap().user, Some(longest));
}

#[test]
fn to_bind_an_id_that_is_gone_or_never_was_says_which() {
    let (server, journal) = server(config());
    let (client, id) = connect(&server, &journal);
    drop(client);
    journal.closed_of(id);
    wait_until("it is gone", || !server.handle.exists(id));
    assert_eq!(server.handle.bind(id, "ann"), Err(ConnectionError::Closed));
    let never = ConnectionId::new(999_999).unwrap();
    assert_eq!(server.handle.bind(never, "ann"), Err(ConnectionError::Unknown));
}

/// Ids are small numbers: a program may have one of a connection that is still in its handshake.
#[test]
fn a_name_bound_during_a_handshake_that_fails_reaches_no_stranger() {
    let (server, journal) = server(Config { reactors: 1, ..config() });
    let raw = server.raw();
    let first = ConnectionId::new(1).unwrap();
    wait_until("it is accepted", || server.handle.exists(first));
    // Whether that is refused is not the question.
    let _ = server.handle.bind(first, "ann");
    drop(raw);
    wait_until("it is gone", || !server.handle.exists(first));
    let (mut stranger, _) = connect(&server, &journal);
    server.handle.push_to_user("ann", "secret").unwrap();
    stranger.round_trip("nothing but this");
    assert_eq!(block_on(server.handle.user_connections("ann")).unwrap(), []);
}

#[test]
fn a_session_stays_with_its_connection_and_comes_with_each_event() {
    let journal = Journal::default();
    let closing = journal.clone();
    let server = serve(
        Server::new(ANY)
            .config(config())
            .authorize(async |_: Request| Decision::accept().session("begin"))
            .on_open(async |conn: Conn, _: Request| conn.push(conn.session().to_vec()))
            .on_message(async |mut conn: Conn, message: Message| {
                let _ = conn.push(conn.session().to_vec());
                let _ = conn.set_session(message.as_bytes().to_vec());
                let _ = conn.push(conn.session().to_vec());
            })
            .on_close(async move |conn: Conn, _: switchboard::Closed| {
                closing.note(String::from_utf8_lossy(conn.session()));
            }),
    );
    let mut client = server.connect();
    assert_eq!(client.next(), Heard::Binary(b"begin".into()));
    for (before, after) in [("begin", "one"), ("one", ""), ("", "three")] {
        client.text(after);
        assert_eq!(client.next(), Heard::Binary(before.into()));
        assert_eq!(client.next(), Heard::Binary(after.into()));
    }
    let id = server.handle.connections()[0];
    assert_eq!(block_on(server.handle.session(id)).unwrap(), "three");
    server.handle.set_session(id, "from outside").unwrap();
    assert_eq!(block_on(server.handle.session(id)).unwrap(), "from outside");
    client.close(1000, "");
    journal.wait_note("from outside");
    wait_until("it is gone", || !server.handle.exists(id));
    assert_eq!(block_on(server.handle.session(id)), Err(QueryError::Closed));
}

#[test]
fn what_an_event_sets_the_next_event_finds_although_it_came_meanwhile() {
    let server =
        serve(Server::new(ANY).config(config()).on_message(async |mut conn: Conn, message: Message| {
            let _ = conn.push(conn.session().to_vec());
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            let _ = conn.set_session(message.as_bytes().to_vec());
        }));
    let mut client = server.connect();
    client.raw(&Client::encoded_texts(["one", "two", "three"]));
    for expected in ["", "one", "two"] {
        assert_eq!(client.next(), Heard::Binary(expected.into()));
    }
}

#[test]
fn a_session_has_a_limit() {
    let (server, journal) = server(Config { session_bytes_max: 10, ..config() });
    let (_client, id) = connect(&server, &journal);
    server.handle.set_session(id, vec![1; 10]).unwrap();
    let refused = server.handle.set_session(id, vec![2; 11]);
    assert_eq!(refused, Err(ConnectionError::SessionTooLong { bytes: 11, max: 10 }));
    assert_eq!(block_on(server.handle.session(id)).unwrap(), vec![1; 10]);
}
