//! Ordinary HTTP by TLS, and connections that become WebSockets after it.

use std::convert::Infallible;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::routing::get;
use http_body::Frame;
use rustls::StreamOwned;
use switchboard::{Config, Conn, Listen, Request, Server};

use super::tls::{get_request, router, server, settings};
use crate::support::*;

#[test]
fn pages_are_served_and_connections_kept_alive() {
    let identity = Identity::new();
    let (server, _) = server(settings(&identity));
    let mut raw = Raw::over(identity.trust().connect(server.address()));
    for _ in 0..20 {
        assert_eq!(raw.request(&get_request("/")).body, "hello");
        assert_eq!(raw.request(&get_request("/nowhere")).status, 404);
    }
    assert_eq!(raw.request(&get_request("/large")).body, "L".repeat(3 << 20));
    let body = vec![b'b'; 1_500_000];
    raw.send(format!("POST /length HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n", body.len()));
    raw.send(&body);
    assert_eq!(raw.answer().body, "1500000");
    raw.send("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    assert_eq!(raw.answer().body, "hello");
    assert_eq!(raw.rest(), b"", "its end is told");
    drop(raw);
    wait_until("nothing is left", || server.handle.stats().sockets == 0);
    assert_eq!(server.handle.stats().http_connections, 0);
}

#[test]
fn a_client_that_ends_its_side_is_answered_what_it_had_asked() {
    let identity = Identity::new();
    let (server, _) = server(settings(&identity));
    let mut stream = identity.trust().connect(server.address());
    stream.write_all(get_request("/large").as_bytes()).unwrap();
    let mut raw = Raw::over(stream);
    assert_eq!(raw.answer().status, 200);
    raw.stream.shutdown_write();
    assert_eq!(raw.rest(), b"");
    wait_until("nothing is left", || server.handle.stats().sockets == 0);
}

/// A client that reads slowly slows the service down, and not into memory.
#[test]
fn a_response_that_is_not_read_is_not_buffered() {
    let identity = Identity::new();
    let endless = Router::new().route("/", get(async || axum::body::Body::new(Chunks(4_096))));
    let config = Config { http_timeout: Duration::from_millis(800), ..settings(&identity) };
    let server = serve(Server::new(ANY).config(config).http(endless));
    let mut stream = identity.trust().connect(server.address());
    stream.write_all(get_request("/").as_bytes()).unwrap();
    stream.flush().unwrap();
    wait_until("it is served", || server.handle.stats().http_connections == 1);
    // It reads nothing: that is an error of its own, after http_timeout.
    wait_until("it is given up", || server.handle.stats().http_connections == 0);
    let sent = server.handle.stats().sent_bytes;
    assert!(sent < 64 << 20, "{sent} bytes of 256 MiB were taken from the service");
    wait_until("nothing is left", || server.handle.stats().sockets == 0);
}

/// So many chunks of 64 KiB.
struct Chunks(u32);

impl http_body::Body for Chunks {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.0 == 0 {
            return Poll::Ready(None);
        }
        self.0 -= 1;
        Poll::Ready(Some(Ok(Frame::data(Bytes::from(vec![b'x'; 64 << 10])))))
    }
}

#[test]
fn a_used_connection_becomes_a_websocket_with_frames_right_behind() {
    let identity = Identity::new();
    let (server, journal) = server(settings(&identity));
    for size in [5, 500, 50_000, 100_000] {
        let mut raw = Raw::over(identity.trust().connect(server.address()));
        assert_eq!(raw.request(&get_request("/")).body, "hello");
        assert_eq!(raw.request(&get_request("/nowhere")).status, 404);
        let texts: Vec<String> = (0..10).map(|number| format!("{number}{}", "f".repeat(size))).collect();
        let frames = Client::encoded_texts(&texts);
        let mut client = Client::open_and_send(raw.into_stream(), &handshake("/"), &frames);
        assert_eq!(client.next_texts(10), texts);
        client.round_trip("and later ones");
        client.close(1000, "");
        assert_eq!(client.until_end(), [Heard::Close(1000, String::new()), Heard::End]);
    }
    wait_until("nothing is left", || server.handle.stats().sockets == 0);
    let stats = server.handle.stats();
    assert_eq!((stats.connections, stats.http_connections, stats.opened, stats.closed), (0, 0, 4, 4));
    journal.check_pairs();
}

/// The worker is done with it long before.
#[test]
fn a_connection_counts_until_its_client_has_gone_too() {
    let identity = Identity::new();
    let config = Config { max_http_connections: 1, close_timeout: PATIENCE * 3, ..limited(&identity) };
    let (server, _) = server(config);
    for _ in 0..3 {
        let mut raw = Raw::over(identity.trust().connect(server.address()));
        raw.send("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        assert_eq!(raw.answer().body, "hello");
        assert_eq!(raw.rest(), b"", "no more comes");
        let stats = server.handle.stats();
        assert_eq!((stats.sockets, stats.http_connections), (1, 1));
        let error = identity.trust().connect(server.address()).read(&mut [0; 16]);
        assert!(error.expect_err("it was let in").to_string().contains("InternalError"));
        drop(raw);
        wait_until("nothing is left", || server.handle.stats().sockets == 0);
        assert_eq!(server.handle.stats().http_connections, 0);
    }
}

/// And not for as long as it may take to read a response.
#[test]
fn a_client_that_has_been_told_everything_and_stays_has_the_time_of_a_close() {
    let identity = Identity::new();
    let config = Config {
        http_timeout: PATIENCE * 3,
        close_timeout: Duration::from_millis(300),
        ..settings(&identity)
    };
    let (server, _) = server(config);
    for _ in 0..5 {
        let mut raw = Raw::over(identity.trust().connect(server.address()));
        raw.send("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        assert_eq!(raw.answer().body, "hello");
        assert_eq!(raw.rest(), b"");
        wait_until("it is given up", || server.handle.stats().sockets == 0);
    }
}

fn limited(identity: &Identity) -> Config {
    Config { max_connections_per_address: 1, ..settings(identity) }
}

/// The client of a header of the PROXY protocol that stands before everything else, in one segment with it or not.
fn behind_header(trust: &Trust, address: SocketAddr, apart: bool) -> Stream {
    let mut session = trust.session();
    let mut hello = Vec::new();
    session.write_tls(&mut hello).unwrap();
    let mut socket = TcpStream::connect(address).unwrap();
    socket.set_nodelay(true).unwrap();
    let header = b"PROXY TCP4 203.0.113.7 203.0.113.1 4711 443\r\n";
    if apart {
        socket.write_all(header).unwrap();
        socket.write_all(&hello).unwrap();
    } else {
        socket.write_all(&[&header[..], &hello].concat()).unwrap();
    }
    Stream::Tls(Box::new(StreamOwned::new(session, socket)))
}

#[test]
fn a_header_of_the_proxy_protocol_comes_before_tls() {
    let identity = Identity::new();
    let show = async |conn: Conn, request: Request| {
        conn.push(format!("{} {:?}", request.peer(), request.transport()))
    };
    let builder = Server::new(Listen::on(ANY).proxy_protocol()).config(settings(&identity));
    let server = serve(builder.http(router()).on_open(show));
    for apart in [false, true] {
        let stream = behind_header(&identity.trust(), server.address(), apart);
        Client::open(stream, &handshake("/")).expect_text("203.0.113.7:4711 Tls");
        let mut raw = Raw::over(behind_header(&identity.trust(), server.address(), apart));
        assert_eq!(raw.request(&get_request("/")).body, "hello");
        Client::open(raw.into_stream(), &handshake("/")).expect_text("203.0.113.7:4711 Tls");
    }
}

/// A header that names nobody lets nobody be named, neither at once nor on a connection that has been used.
#[test]
fn behind_a_header_that_names_nobody_no_field_is_believed_by_tls() {
    let identity = Identity::new();
    let trusted_proxies = vec!["127.0.0.1".parse().unwrap()];
    let builder = Server::new(Listen::on(ANY).proxy_protocol());
    let builder = builder.config(Config { trusted_proxies, ..settings(&identity) }).http(router());
    let show = async |conn: Conn, request: Request| conn.push(request.peer().to_string());
    let server = serve(builder.on_open(show));
    let forged = handshake("/").header("X-Forwarded-For", "203.0.113.7");
    let connect = || {
        let mut socket = TcpStream::connect(server.address()).unwrap();
        socket.set_nodelay(true).unwrap();
        socket.write_all(b"PROXY UNKNOWN\r\n").unwrap();
        (socket.local_addr().unwrap().to_string(), identity.trust().over(socket))
    };
    let (own, stream) = connect();
    Client::open(stream, &forged).expect_text(&own);
    let (own, stream) = connect();
    let mut raw = Raw::over(stream);
    assert_eq!(raw.request(&get_request("/")).body, "hello");
    Client::open(raw.into_stream(), &forged).expect_text(&own);
}

/// The proxy speaks TLS with us, and upgrades connections that have served requests.
#[test]
fn behind_a_trusted_proxy_each_client_is_counted_for_itself_by_tls_too() {
    let identity = Identity::new();
    let trusted_proxies = vec!["127.0.0.1".parse().unwrap()];
    let (server, journal) = server(Config { trusted_proxies, ..limited(&identity) });
    let used = || {
        let mut raw = Raw::over(identity.trust().connect(server.address()));
        assert_eq!(raw.request(&get_request("/")).body, "hello");
        raw
    };
    let request = handshake("/").header("X-Forwarded-For", "203.0.113.7");
    for round in 0..3 {
        let mut client = Client::open(used().into_stream(), &request);
        let peer = server.handle.client_info(journal.opened(round)).unwrap().peer;
        assert_eq!(peer.to_string(), "203.0.113.7:0");
        let refused = used().request(&upgrade_request("/", "X-Forwarded-For: 203.0.113.7\r\n"));
        assert_eq!(refused.status, 429);
        client.close(1000, "");
        client.until_end();
        drop(client);
        wait_until("its place is free", || server.handle.stats().sockets == 0);
    }
}

#[test]
fn an_address_has_its_limits_by_tls_too() {
    let identity = Identity::new();
    let (server, _) = server(limited(&identity));
    let connect = || identity.trust().connect(server.address());
    let free = || wait_until("its place is free", || server.handle.stats().sockets == 0);
    let refused = || {
        let error = connect().read(&mut [0; 16]).expect_err("it was let in").to_string();
        assert!(error.contains("InternalError"), "{error}");
    };
    for _ in 0..3 {
        let mut client = Client::open(connect(), &handshake("/"));
        client.round_trip("in");
        refused();
        client.close(1000, "");
        client.until_end();
        drop(client);
        free();
        // The requests of a connection, and the WebSocket that it becomes, are one.
        let mut raw = Raw::over(connect());
        assert_eq!(raw.request(&get_request("/")).body, "hello");
        refused();
        let mut client = Client::open(raw.into_stream(), &handshake("/"));
        wait_until("it is a WebSocket only", || server.handle.stats().http_connections == 0);
        refused();
        client.close(1000, "");
        client.until_end();
        drop(client);
        free();
    }
}
