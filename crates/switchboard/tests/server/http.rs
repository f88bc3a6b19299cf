//! Ordinary HTTP on the same port.

use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::Extension;
use axum::routing::{get, post};
use switchboard::{Config, Conn, Decision, Message, PeerAddr, Request, Server};

use crate::support::*;

fn router() -> Router {
    Router::new()
        .route("/", get(async || "hello"))
        .route("/peer", get(async |Extension(peer): Extension<PeerAddr>| peer.to_string()))
        .route("/length", post(async |body: Bytes| body.len().to_string()))
        .route("/large", get(async || "L".repeat(3 << 20)))
        .route(
            "/slow",
            get(async || {
                tokio::time::sleep(Duration::from_millis(300)).await;
                "slow"
            }),
        )
        .route("/hang", get(async || std::future::pending::<String>().await))
        .route("/panic", get(async || -> String { panic!("in a request") }))
}

fn server(config: Config) -> Running {
    serve(
        Server::new(ANY)
            .config(config)
            .http(router())
            .on_message(async |conn: Conn, message: Message| conn.push(message)),
    )
}

fn get_request(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n")
}

#[test]
fn a_router_and_websockets_share_a_port() {
    let server = server(config());
    let mut client = server.connect();
    let answer = server.raw().request(&get_request("/"));
    assert_eq!((answer.status, answer.body.as_str()), (200, "hello"));
    assert_eq!(server.raw().request(&get_request("/nowhere")).status, 404);
    assert_eq!(server.raw().request(&get_request("/length")).status, 405);
    client.round_trip("websocket");
}

#[test]
fn a_connection_is_kept_alive() {
    let server = server(config());
    let mut raw = server.raw();
    for _ in 0..20 {
        assert_eq!(raw.request(&get_request("/")).body, "hello");
    }
    // Several requests in one segment.
    raw.send([get_request("/"), get_request("/nowhere"), get_request("/")].concat());
    assert_eq!(raw.answer().body, "hello");
    assert_eq!(raw.answer().status, 404);
    assert_eq!(raw.answer().body, "hello");
    assert_eq!(server.handle.stats().accepted, 1);
}

#[test]
fn a_body_that_comes_in_parts_is_received_whole() {
    let server = server(config());
    let mut raw = server.raw();
    raw.send("POST /length HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\nfirst");
    for _ in 0..9 {
        raw.send(vec![b'x'; 10_000]);
    }
    raw.send(vec![b'x'; 9_995]);
    assert_eq!(raw.answer().body, "100000");
    raw.send("POST /length HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
    raw.send("2\r\nde\r\n0\r\n\r\n");
    assert_eq!(raw.answer().body, "5");
}

#[test]
fn a_large_response_arrives_whole() {
    let server = server(config());
    let mut raw = Raw::over(Stream::narrow(server.address()));
    let answer = raw.request(&get_request("/large"));
    assert_eq!(answer.body.len(), 3 << 20);
}

#[test]
fn a_head_that_comes_byte_by_byte_is_served() {
    let server = server(config());
    let mut raw = server.raw();
    for byte in get_request("/").bytes() {
        raw.send([byte]);
    }
    assert_eq!(raw.answer().body, "hello");
}

#[test]
fn the_service_knows_the_clients_address() {
    let server = server(config());
    let mut raw = server.raw();
    let own = raw.stream.local_addr().unwrap().to_string();
    assert_eq!(raw.request(&get_request("/peer")).body, own);
}

#[test]
fn http_is_served_over_a_unix_socket() {
    let path = temporary_path("sock");
    let _server = serve(Server::new(format!("unix:{}", path.display())).config(config()).http(router()));
    let mut raw = Raw::over(Stream::unix(&path));
    assert_eq!(raw.request(&get_request("/peer")).body, "unix");
    assert_eq!(raw.request(&get_request("/")).body, "hello");
}

#[test]
fn a_request_that_panics_ends_its_connection_and_no_other() {
    let server = server(one_reactor());
    let mut client = server.connect();
    let mut raw = server.raw();
    raw.send(get_request("/panic"));
    let answer = Answer::parse(&raw.rest());
    assert!(matches!(answer.status, 0 | 500), "{answer:?}");
    client.round_trip("unharmed");
    assert_eq!(server.raw().request(&get_request("/")).body, "hello");
    drop(raw);
    wait_until("its place is free", || server.handle.stats().http_connections == 0);
}

#[test]
fn without_a_service_a_request_is_told_to_upgrade() {
    let server = serve(echo(config()));
    let mut raw = server.raw();
    raw.send(get_request("/"));
    let answer = Answer::parse(&raw.rest());
    assert_eq!(answer.status, 426);
    assert_eq!(answer.header("upgrade"), Some("websocket"));
    assert!(answer.body.contains("WebSocket"));
}

#[test]
fn one_http_connection_too_many_gets_503() {
    let server = server(Config { max_http_connections: 2, ..config() });
    let mut kept: Vec<Raw> = (0..2).map(|_| server.raw()).collect();
    for raw in &mut kept {
        assert_eq!(raw.request(&get_request("/")).status, 200);
    }
    assert_eq!(server.handle.stats().http_connections, 2);
    let mut third = server.raw();
    third.send(get_request("/"));
    let answer = Answer::parse(&third.rest());
    assert_eq!(answer.status, 503);
    assert!(answer.header("retry-after").is_some());
    server.connect().round_trip("WebSockets have places of their own");
    drop(kept.pop());
    wait_until("a place is free", || server.handle.stats().http_connections == 1);
    assert_eq!(server.raw().request(&get_request("/")).status, 200);
}

/// A proxy keeps connections alive, and upgrades one that has served requests.
fn used(server: &Running) -> Raw {
    let mut raw = server.raw();
    assert_eq!(raw.request(&get_request("/")).body, "hello");
    assert_eq!(raw.request(&get_request("/nowhere")).status, 404);
    raw
}

#[test]
fn a_connection_that_has_served_requests_can_be_upgraded() {
    let server = serve(
        Server::new(ANY)
            .config(config())
            .http(router())
            .authorize(async |request: Request| {
                Decision::accept()
                    .subprotocol("chat")
                    .header("X-Path", request.path())
                    .user("ann")
                    .session("s")
            })
            .on_open(async |conn: Conn, request: Request| {
                let user = conn.info().and_then(|info| info.user);
                conn.push(format!(
                    "{} {:?} {:?} {:?}",
                    request.path(),
                    request.query(),
                    request.subprotocol(),
                    user
                ))
            })
            .on_message(async |conn: Conn, message: Message| conn.push(message)),
    );
    for _ in 0..5 {
        let stream = used(&server).into_stream();
        let mut client = Client::open(stream, &handshake("/ws?a=b").protocol("chat"));
        assert_eq!(client.subprotocol.as_deref(), Some("chat"));
        assert!(client.response.to_lowercase().contains("x-path: /ws\r\n"), "{}", client.response);
        client.expect_text("/ws Some(\"a=b\") Some(\"chat\") Some(\"ann\")");
        client.round_trip("hello");
        client.binary(&vec![5; 200_000]);
        assert_eq!(client.next(), Heard::Binary(vec![5; 200_000]));
        client.close(1000, "");
        assert_eq!(client.until_end(), [Heard::Close(1000, String::new()), Heard::End]);
    }
    wait_until("nothing is left", || server.handle.stats().sockets == 0);
    let stats = server.handle.stats();
    assert_eq!((stats.connections, stats.http_connections, stats.opened, stats.closed), (0, 0, 5, 5));
}

#[test]
fn frames_right_behind_a_late_upgrade_are_delivered() {
    let server = server(config());
    for size in [5, 500, 100_000] {
        let texts: Vec<String> = (0..10).map(|number| format!("{number}{}", "f".repeat(size))).collect();
        let stream = used(&server).into_stream();
        let mut client = Client::open_and_send(stream, &handshake("/"), &Client::encoded_texts(&texts));
        assert_eq!(client.next_texts(10), texts);
        client.round_trip("and later ones");
    }
}

#[test]
fn a_request_and_an_upgrade_and_frames_in_one_segment_are_all_served() {
    let server = server(config());
    let mut stream = Stream::tcp(server.address());
    let handshake = handshake("/");
    let mut bytes = get_request("/").into_bytes();
    bytes.extend(handshake.request());
    bytes.extend(Client::encoded_texts(["at once"]));
    std::io::Write::write_all(&mut stream, &bytes).unwrap();
    let mut raw = Raw::over(stream);
    assert_eq!(raw.answer().body, "hello");
    // The rest of the bytes may have been read with the response: look at them all.
    let (head, rest) = raw.head_and_rest();
    assert!(head.starts_with("HTTP/1.1 101"), "{head}");
    raw.expect_bytes(rest, b"\x81\x07at once");
}

#[test]
fn a_late_upgrade_is_refused_as_an_early_one_is() {
    let server = serve(
        Server::new(ANY)
            .config(Config {
                max_connections: 1,
                allowed_origins: Some(vec!["http://us".into()]),
                ..config()
            })
            .http(router())
            .authorize(async |request: Request| match request.path() {
                "/no" => Decision::reject(403, "no\n").header("X-Why", "because"),
                "/panic" => panic!("in authorize"),
                "/protocol" => Decision::accept().subprotocol("not offered"),
                _ => Decision::accept(),
            }),
    );
    let answer = used(&server).request(&upgrade_request("/no", ""));
    assert_eq!((answer.status, answer.body.as_str(), answer.header("x-why")), (403, "no\n", Some("because")));
    assert_eq!(used(&server).request(&upgrade_request("/", "Origin: http://them\r\n")).status, 403);
    assert_eq!(used(&server).request(&upgrade_request("/protocol", "")).status, 500);
    assert_eq!(used(&server).request(&upgrade_request("/panic", "")).status, 500);
    let old = upgrade_request("/", "").replace("Version: 13", "Version: 8");
    let answer = used(&server).request(&old);
    assert_eq!((answer.status, answer.header("sec-websocket-version")), (426, Some("13")));
    let _only = server.connect();
    let answer = used(&server).request(&upgrade_request("/", ""));
    assert_eq!(answer.status, 503);
    assert!(answer.header("retry-after").is_some());
    assert_eq!(server.handle.stats().connections, 1, "refusals take no places");
}

#[test]
fn a_late_upgrade_has_a_limit_in_time_too() {
    let server = serve(
        Server::new(ANY)
            .config(Config { max_connections: 1, handshake_timeout: Duration::from_millis(300), ..config() })
            .http(router())
            .authorize(async |request: Request| match request.path() {
                "/hang" => std::future::pending().await,
                _ => Decision::accept(),
            }),
    );
    let answer = used(&server).request(&upgrade_request("/hang", ""));
    assert!(matches!(answer.status, 408 | 503), "{answer:?}");
    wait_until("the place is free", || server.handle.stats().connections == 0);
    server.connect();
}

#[test]
fn a_request_that_runs_when_the_server_stops_is_answered() {
    let mut server = server(config());
    let mut slow = server.raw();
    slow.send(get_request("/slow"));
    let mut idle = used(&server);
    wait_until("both are served", || server.handle.stats().http_connections == 2);
    server.handle.shutdown();
    assert_eq!(idle.rest(), b"", "who waits for nothing is let go at once");
    assert_eq!(slow.answer().body, "slow");
    assert_eq!(slow.rest(), b"");
    let begun = std::time::Instant::now();
    server.wait();
    assert!(begun.elapsed() < Duration::from_secs(2), "it waited for more than the request");
}

#[test]
fn a_request_that_hangs_does_not_keep_the_server_from_stopping() {
    let mut server = server(Config { shutdown_timeout: Duration::from_secs(1), ..config() });
    let mut raw = server.raw();
    raw.send(get_request("/hang"));
    wait_until("it is served", || server.handle.stats().http_connections == 1);
    let took = server.stop();
    assert!(took < Duration::from_secs(3), "{took:?}");
}

#[test]
fn a_client_that_goes_frees_its_http_place() {
    let server = server(config());
    for target in ["/", "/hang", "/slow"] {
        let mut raw = server.raw();
        raw.send(get_request(target));
        wait_until("it is served", || server.handle.stats().http_connections == 1);
        drop(raw);
        wait_until("its place is free", || server.handle.stats().http_connections == 0);
    }
}
