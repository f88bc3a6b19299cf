//! `authorize` sees the request, and decides.

use std::time::Duration;

use switchboard::{Config, Conn, Decision, Message, PeerAddr, Request, Server};
use switchboard_proto::OpCode;

use crate::support::*;

#[test]
fn authorize_and_on_open_see_the_request() {
    let journal = Journal::default();
    let (asked, opened) = (journal.clone(), journal.clone());
    let server = serve(
        Server::new(ANY)
            .config(config())
            .authorize(async move |request: Request| {
                asked.note(describe(&request));
                Decision::accept().subprotocol("b")
            })
            .on_open(async move |_: Conn, request: Request| opened.note(describe(&request))),
    );
    let handshake = handshake("/a/b%20c?d=e&f")
        .protocol("a")
        .protocol("b")
        .header("X-Name", "李雷")
        .header("Origin", "http://o");
    let client = Client::open(Stream::tcp(server.address()), &handshake);
    let peer = client.stream.local_addr().unwrap();
    let seen = format!(
        "/a/b%20c Some(\"d=e&f\") Some(\"李雷\") Some(\"http://o\") [\"a\", \"b\"] {peer} Some(\"localhost\")"
    );
    journal.wait_note(&format!("{seen} Some(\"b\")"));
    assert_eq!(journal.notes()[0], format!("{seen} None"), "nothing is chosen before the decision");
}

fn describe(request: &Request) -> String {
    format!(
        "{} {:?} {:?} {:?} {:?} {} {:?} {:?}",
        request.path(),
        request.query(),
        request.header("x-name"),
        request.origin(),
        request.protocols(),
        request.peer(),
        request.headers().find(|(name, _)| *name == "Host").map(|(_, value)| value),
        request.subprotocol(),
    )
}

#[test]
fn a_client_of_a_unix_socket_is_seen_as_such() {
    let journal = Journal::default();
    let asked = journal.clone();
    let path = temporary_path("sock");
    let _server = serve(Server::new(format!("unix:{}", path.display())).config(config()).authorize(
        async move |request: Request| {
            assert_eq!(request.peer(), PeerAddr::Unix);
            asked.note(request.peer().to_string());
            Decision::accept()
        },
    ));
    Client::connect_unix(&path);
    journal.wait_note("unix");
}

#[test]
fn an_accepted_client_is_told_subprotocol_and_headers_and_is_somebody() {
    let server = serve(
        Server::new(ANY)
            .config(config())
            .authorize(async |_: Request| {
                Decision::accept()
                    .subprotocol("chat.v2")
                    .header("X-Server", "one")
                    .header("Set-Cookie", "a=b")
                    .user("ann")
                    .session("her session")
            })
            .on_open(async |conn: Conn, _: Request| {
                let info = conn.info();
                let user = info.and_then(|info| info.user).unwrap_or_default();
                conn.push(format!("{user}, {}", String::from_utf8_lossy(conn.session())))
            }),
    );
    let handshake = handshake("/").protocol("chat.v1").protocol("chat.v2");
    let mut client = Client::open(Stream::tcp(server.address()), &handshake);
    assert_eq!(client.subprotocol.as_deref(), Some("chat.v2"));
    assert!(client.response.contains("X-Server: one\r\n") && client.response.contains("Set-Cookie: a=b\r\n"));
    client.expect_text("ann, her session");
    server.handle.push_to_user("ann", "for ann").unwrap();
    client.expect_text("for ann");
}

#[test]
fn a_rejected_client_is_told_why_and_never_opens() {
    let journal = Journal::default();
    let server = serve(
        Server::new(ANY)
            .config(config())
            .authorize(async |request: Request| match request.query() {
                Some("token=right") => Decision::accept(),
                _ => Decision::reject(401, "a token, please\n").header("WWW-Authenticate", "Bearer"),
            })
            .on_open(journal.on_open())
            .on_message(journal.on_message())
            .on_close(journal.on_close()),
    );
    let mut raw = server.raw();
    raw.send(upgrade_request("/?token=wrong", ""));
    let answer = Answer::parse(&raw.rest());
    assert_eq!((answer.status, answer.body.as_str()), (401, "a token, please\n"));
    assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
    assert_eq!(answer.header("connection"), Some("close"));
    assert_eq!(answer.header("content-length"), Some("16"));
    let refused = Client::try_open(Stream::tcp(server.address()), &handshake("/"));
    assert!(matches!(refused, Err(answer) if answer.status == 401));
    Client::connect_to(server.address(), "/?token=right").round_trip("in");
    drop((raw, server));
    assert_eq!(journal.opens().len(), 1);
    journal.check_pairs();
}

#[test]
fn frames_sent_with_the_handshake_wait_for_a_decision_that_awaits() {
    for delay in [0, 1, 50] {
        let server = serve(
            Server::new(ANY)
                .config(config())
                .authorize(async move |_: Request| {
                    if delay > 0 {
                        tokio::time::sleep(Duration::from_millis(delay)).await;
                    }
                    Decision::accept()
                })
                .on_open(async |conn: Conn, _: Request| conn.push("open"))
                .on_message(async |conn: Conn, message: Message| conn.push(message)),
        );
        let mut frames = Client::encoded_texts(["one", "two"]);
        frames.extend(Client::encoded(OpCode::Ping, b"?"));
        let last = Client::encoded_texts(["three"]);
        frames.extend_from_slice(&last[..4]);
        let mut client = Client::open_and_send(Stream::tcp(server.address()), &handshake("/"), &frames);
        client.raw(&last[4..]);
        client.expect_text("open");
        client.expect_text("one");
        client.expect_text("two");
        assert_eq!(client.next(), Heard::Pong(b"?".into()), "after {delay} ms");
        client.expect_text("three");
    }
}

#[test]
fn frames_sent_while_the_decision_is_made_are_delivered_in_order() {
    let journal = Journal::default();
    let asked = journal.clone();
    let server = serve(
        Server::new(ANY)
            .config(config())
            .authorize(async move |_: Request| {
                asked.note("asked");
                tokio::time::sleep(Duration::from_millis(100)).await;
                Decision::accept()
            })
            .on_message(async |conn: Conn, message: Message| conn.push(message)),
    );
    let mut stream = Stream::tcp(server.address());
    let handshake = handshake("/");
    let write = |stream: &mut Stream, bytes: &[u8]| std::io::Write::write_all(stream, bytes).unwrap();
    write(&mut stream, &handshake.request());
    journal.wait_note("asked");
    let texts: Vec<String> = (0..50).map(|number| number.to_string()).collect();
    for text in &texts {
        write(&mut stream, &Client::encoded_texts([text]));
    }
    let mut client = Client::await_101(stream, &handshake).unwrap();
    assert_eq!(client.next_texts(50), texts);
}

#[test]
fn a_client_that_goes_while_the_decision_is_made_never_opens() {
    let journal = Journal::default();
    let asked = journal.clone();
    let mut server = serve(
        Server::new(ANY)
            .config(config())
            .authorize(async move |_: Request| {
                asked.note("asked");
                tokio::time::sleep(Duration::from_millis(100)).await;
                Decision::accept()
            })
            .on_open(journal.on_open())
            .on_close(journal.on_close()),
    );
    let mut raw = server.raw();
    raw.send(upgrade_request("/", ""));
    journal.wait_note("asked");
    drop(raw);
    wait_until("it is gone", || server.handle.stats().sockets == 0);
    assert_eq!(server.handle.stats().connections, 0, "its place is free");
    server.stop();
    journal.check_pairs();
}

#[test]
fn a_subprotocol_that_was_not_offered_is_an_error_of_the_program() {
    let log = Log::collect();
    let server = serve(
        Server::new(ANY)
            .config(config())
            .authorize(async |_: Request| Decision::accept().subprotocol("never-offered")),
    );
    let refused = Client::try_open(Stream::tcp(server.address()), &handshake("/").protocol("other"));
    let answer = refused.err().expect("it was accepted");
    assert_eq!(answer.status, 500);
    assert!(!answer.body.contains("never-offered"), "the client is not told what went wrong: {answer:?}");
    assert!(log.has(&["ERROR", "never-offered"]), "the log says it");
    assert_eq!(server.handle.stats().connections, 0);
}

#[test]
fn headers_and_names_that_cannot_be_are_errors_of_the_program() {
    let server =
        serve(Server::new(ANY).config(config()).authorize(async |request: Request| match request.path() {
            "/injection" => Decision::accept().header("X-A", "b\r\nX-C: d"),
            "/owned" => Decision::accept().header("Sec-WebSocket-Accept", "mine"),
            "/user" => Decision::accept().user("u".repeat(1_000)),
            "/nobody" => Decision::accept().user(""),
            "/session" => Decision::accept().session(vec![0; 100_000]),
            _ => Decision::accept(),
        }));
    for path in ["/injection", "/owned", "/user", "/nobody", "/session"] {
        let refused = Client::try_open(Stream::tcp(server.address()), &handshake(path));
        assert!(matches!(&refused, Err(answer) if answer.status == 500), "{path}");
    }
    Client::connect_to(server.address(), "/fine");
}

#[test]
fn a_rejection_cannot_be_made_to_forge_a_response() {
    let server =
        serve(Server::new(ANY).config(config()).authorize(async |request: Request| match request.path() {
            "/header" => Decision::reject(403, "no").header("X-A", "b\r\n\r\nHTTP/1.1 200 OK"),
            "/continue" => Decision::reject(100, "no"),
            "/upgrade" => Decision::reject(101, "no"),
            _ => Decision::reject(1_000, "no"),
        }));
    for (path, status) in [("/header", 403), ("/continue", 500), ("/upgrade", 500), ("/", 500)] {
        let mut raw = server.raw();
        raw.send(upgrade_request(path, ""));
        let answer = Answer::parse(&raw.rest());
        assert_eq!((answer.status, answer.body.as_str()), (status, "no"), "{path}: {answer:?}");
    }
}

#[test]
fn an_authorize_that_panics_refuses_and_the_server_goes_on() {
    let server = serve(Server::new(ANY).config(one_reactor()).authorize(async |request: Request| {
        assert_ne!(request.path(), "/now");
        tokio::task::yield_now().await;
        assert_ne!(request.path(), "/later");
        Decision::accept()
    }));
    for path in ["/now", "/later"] {
        let refused = Client::try_open(Stream::tcp(server.address()), &handshake(path));
        assert!(matches!(&refused, Err(answer) if answer.status == 500), "{path}");
    }
    Client::connect(server.address());
    assert_eq!(server.handle.stats().refused, 2);
}

#[test]
fn only_pages_of_allowed_origins_may_connect() {
    let allowed = Some(vec!["https://chat.example".to_owned(), "http://localhost:3000".to_owned()]);
    let server = serve(Server::new(ANY).config(Config { allowed_origins: allowed, ..config() }));
    let open = |origin: &str| {
        Client::try_open(Stream::tcp(server.address()), &handshake("/").header("Origin", origin))
    };
    for origin in ["https://chat.example", "HTTPS://CHAT.EXAMPLE", "http://localhost:3000"] {
        assert!(open(origin).is_ok(), "{origin}");
    }
    for origin in ["https://evil.example", "https://chat.example.evil", "http://chat.example", "null"] {
        assert!(matches!(open(origin), Err(answer) if answer.status == 403), "{origin}");
    }
    // Not a browser.
    server.connect();
}

#[test]
fn every_origin_may_connect_where_none_is_configured() {
    let server = serve(Server::new(ANY).config(config()));
    let any = handshake("/").header("Origin", "https://anybody.example");
    assert!(Client::try_open(Stream::tcp(server.address()), &any).is_ok());
}

#[test]
fn an_upgrade_that_is_no_good_is_refused_with_the_reason() {
    let server = serve(Server::new(ANY).config(config()));
    let good = upgrade_request("/", "");
    let cases = [
        (good.replace("Version: 13", "Version: 12"), 426),
        (good.replace("GET", "POST"), 405),
        (good.replace("dGhlIHNhbXBsZSBub25jZQ==", "short"), 400),
        (good.replace("Connection: Upgrade\r\n", ""), 400),
        (good.replace("Host: localhost\r\n", ""), 400),
        (good.replace("HTTP/1.1", "HTTP/1.0"), 400),
        ("\u{16}\u{3}\u{1} this is TLS, not HTTP \r\n\r\n".to_owned(), 400),
    ];
    for (request, status) in cases {
        let mut raw = server.raw();
        raw.send(&request);
        let answer = Answer::parse(&raw.rest());
        assert_eq!(answer.status, status, "{request}\n{answer:?}");
        if status == 426 {
            assert_eq!(answer.header("sec-websocket-version"), Some("13"));
        }
        assert!(!answer.body.is_empty());
    }
}
