//! Proxies in front of the server: who is believed, and who the client is then.

use std::io::Write;
use std::time::Duration;

use axum::Extension;
use axum::routing::get;
use switchboard::{Config, Conn, ForwardedField, Listen, Message, PeerAddr, Request, Server};

use crate::support::*;

const V2_SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";

/// Tells every client at once who it is, by its request; a text is answered by who `client_info` says that it is, and an
/// ordinary request by who made it.
fn mirror(listen: Listen, config: Config) -> impl Startable {
    Server::listen_on([listen])
        .config(config)
        .on_open(async |conn: Conn, request: Request| conn.push(request.peer().to_string()))
        .on_message(async |conn: Conn, _: Message| {
            let info = conn.handle().client_info(conn.id());
            conn.push(info.map_or_else(String::new, |info| info.peer.to_string()))
        })
        .http(
            axum::Router::new()
                .route("/", get(async |Extension(peer): Extension<PeerAddr>| peer.to_string())),
        )
}

fn behind_proxy_protocol(config: Config) -> Running {
    serve(mirror(Listen::on(ANY).proxy_protocol(), config))
}

/// Sends `header`, then a handshake; in which pieces is for `write` to say.
#[track_caller]
fn open_after(server: &Running, write: impl FnOnce(&mut Stream, &[u8])) -> Client {
    let mut stream = Stream::tcp(server.address());
    let handshake = handshake("/");
    write(&mut stream, &handshake.request());
    Client::await_101(stream, &handshake).unwrap_or_else(|answer| panic!("refused: {answer:?}"))
}

fn header_v2(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
    let mut bytes = V2_SIGNATURE.to_vec();
    bytes.extend_from_slice(&[command, family]);
    bytes.extend_from_slice(&(rest.len() as u16).to_be_bytes());
    bytes.extend_from_slice(rest);
    bytes
}

#[test]
fn the_address_of_a_proxy_header_is_the_clients() {
    if all_by_tls().is_some() {
        return; // These headers come within TLS.
    }
    let server = behind_proxy_protocol(config());
    let mut v6 = [0; 36];
    v6[..16].copy_from_slice(&"2001:db8::7".parse::<std::net::Ipv6Addr>().unwrap().octets());
    v6[32..34].copy_from_slice(&80u16.to_be_bytes());
    let with_tlvs = [&v6[..], &[4, 0, 5, 1, 2, 3, 4, 5]].concat();
    for (header, expected) in [
        (b"PROXY TCP4 203.0.113.7 127.0.0.1 4711 80\r\n".to_vec(), "203.0.113.7:4711"),
        (b"PROXY TCP6 2001:db8::7 ::1 4711 80\r\n".to_vec(), "[2001:db8::7]:4711"),
        (b"PROXY TCP6 :: ::1 4711 80\r\n".to_vec(), "[::]:4711"),
        (b"PROXY TCP6 :: ::1 0 80\r\n".to_vec(), "[::]:0"),
        (header_v2(0x21, 0x11, &[203, 0, 113, 7, 127, 0, 0, 1, 0, 99, 0, 80]), "203.0.113.7:99"),
        (header_v2(0x21, 0x21, &with_tlvs), "[2001:db8::7]:80"),
        (header_v2(0x21, 0x31, &[0; 216]), "unix"),
    ] {
        // Header and request in one segment.
        let mut client = open_after(&server, |stream, request| {
            stream.write_all(&[&header[..], request].concat()).unwrap();
        });
        client.expect_text(expected);
        client.round_trip_to("who am I", expected);
        // An octet at a time.
        let mut client = open_after(&server, |stream, request| {
            [&header[..], request].concat().iter().for_each(|octet| stream.write_all(&[*octet]).unwrap());
        });
        client.expect_text(expected);
        let mut raw = server.raw();
        raw.send(&header);
        assert_eq!(raw.request("GET / HTTP/1.1\r\nHost: x\r\n\r\n").body, expected);
    }
}

#[test]
fn a_proxy_that_speaks_for_itself_is_the_client() {
    if all_by_tls().is_some() {
        return; // These headers come within TLS.
    }
    let server = behind_proxy_protocol(config());
    for header in [b"PROXY UNKNOWN\r\n".to_vec(), header_v2(0x20, 0, &[]), header_v2(0x21, 0, &[])] {
        let mut stream = Stream::tcp(server.address());
        let own = stream.local_addr().unwrap().to_string();
        let handshake = handshake("/");
        stream.write_all(&[&header[..], &handshake.request()].concat()).unwrap();
        Client::await_101(stream, &handshake).unwrap().expect_text(&own);
    }
}

/// Whoever they are whose header names nobody: that they come through a trusted proxy does not make them one.
#[test]
fn behind_a_header_that_names_nobody_no_field_is_believed() {
    if all_by_tls().is_some() {
        return; // These headers come within TLS.
    }
    let config = || Config { trusted_proxies: vec!["127.0.0.1".parse().unwrap()], ..config() };
    let server = behind_proxy_protocol(config());
    let forged = "X-Forwarded-For: 203.0.113.7\r\n";
    let get = format!("GET / HTTP/1.1\r\nHost: x\r\n{forged}\r\n");
    for header in [b"PROXY UNKNOWN\r\n".to_vec(), header_v2(0x20, 0, &[]), header_v2(0x21, 0, &[])] {
        let connect = || {
            let mut raw = server.raw();
            raw.send(&header);
            (raw.stream.local_addr().unwrap().to_string(), raw)
        };
        let (own, raw) = connect();
        Client::open(raw.into_stream(), &with_lines(forged)).expect_text(&own);
        let (own, mut raw) = connect();
        assert_eq!(raw.request(&get).body, own);
        Client::open(raw.into_stream(), &with_lines(forged)).expect_text(&own);
    }
    // One that is named and trusted is believed.
    let named = b"PROXY TCP4 127.0.0.1 127.0.0.1 4711 80\r\n";
    let mut raw = server.raw();
    raw.send(named);
    Client::open(raw.into_stream(), &with_lines(forged)).expect_text("203.0.113.7:0");
    let mut raw = server.raw();
    raw.send(named);
    assert_eq!(raw.request(&get).body, "203.0.113.7:0");
    Client::open(raw.into_stream(), &with_lines(forged)).expect_text("203.0.113.7:0");
}

#[test]
fn a_connection_without_a_proxy_header_is_closed_without_an_answer() {
    if all_by_tls().is_some() {
        return; // These headers come within TLS.
    }
    let server = behind_proxy_protocol(config());
    for bytes in [
        upgrade_request("/", "").into_bytes(),
        b"PROXY TCP4 203.0.113.7 127.0.0.1 4711\r\n".to_vec(),
        [b"PROXY UNKNOWN ", &[b'x'; 100][..]].concat(),
        header_v2(0x21, 0x11, &[1, 2, 3]),
        header_v2(0x21, 0x12, &[0; 12]),
        header_v2(0x20, 0, &[0; 5_000]),
        b"\x16\x03\x01".to_vec(),
    ] {
        let mut raw = server.raw();
        raw.send(&bytes);
        assert_eq!(raw.rest(), b"", "{bytes:?}");
    }
    wait_until("the sockets are closed", || server.handle.stats().sockets == 0);
}

#[test]
fn a_proxy_header_that_drips_does_not_extend_the_handshake() {
    let server = behind_proxy_protocol(Config { handshake_timeout: Duration::from_millis(400), ..config() });
    let mut raw = server.raw();
    let mut octets = [b"PROXY UNKNOWN ", &[b'x'; 80][..]].concat().into_iter();
    wait_until("the connection is closed", || {
        std::thread::sleep(Duration::from_millis(20));
        let octet = octets.next().expect("the server waited for the whole header");
        raw.stream.write_all(&[octet]).is_err()
    });
}

#[test]
fn where_proxies_are_named_others_may_not_send_a_proxy_header() {
    if all_by_tls().is_some() {
        return; // These headers come within TLS.
    }
    let trusted = |proxy: &str| Config { trusted_proxies: vec![proxy.parse().unwrap()], ..config() };
    let server = behind_proxy_protocol(trusted("10.0.0.0/8"));
    let mut raw = server.raw();
    let _ = raw.stream.write_all(b"PROXY TCP4 203.0.113.7 127.0.0.1 4711 80\r\n");
    assert_eq!(raw.rest(), b"");
    let server = behind_proxy_protocol(trusted("127.0.0.0/8"));
    let mut client = open_after(&server, |stream, request| {
        stream.write_all(b"PROXY TCP4 203.0.113.7 127.0.0.1 4711 80\r\n").unwrap();
        stream.write_all(request).unwrap();
    });
    client.expect_text("203.0.113.7:4711");
}

#[test]
fn what_a_trusted_proxy_says_is_believed_in_handshakes_and_ordinary_requests() {
    let config = Config { trusted_proxies: vec!["127.0.0.1".parse().unwrap()], ..config() };
    let server = serve(mirror(ANY.into(), config));
    for (lines, expected) in [
        ("X-Forwarded-For: 203.0.113.7\r\n", "203.0.113.7:0"),
        ("X-Forwarded-For: 6.6.6.6, 203.0.113.7:99, 127.0.0.1\r\n", "203.0.113.7:99"),
        ("X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-For: 2001:db8::1\r\n", "[2001:db8::1]:0"),
    ] {
        let mut client = Client::open(Stream::tcp(server.address()), &with_lines(lines));
        client.expect_text(expected);
        client.round_trip_to("who am I", expected);
        // Each request of a kept-alive connection is another client's.
        let mut raw = server.raw();
        for lines in [lines, "X-Forwarded-For: 198.51.100.1\r\n", lines] {
            let expected = if lines.contains("198") { "198.51.100.1:0" } else { expected };
            assert_eq!(raw.request(&format!("GET / HTTP/1.1\r\nHost: x\r\n{lines}\r\n")).body, expected);
        }
        // And so is an upgrade on it.
        raw.send(upgrade_request("/", lines));
        let (head, rest) = raw.head_and_rest();
        assert!(head.starts_with("HTTP/1.1 101"), "{head}");
        let frame = [&[0x81, expected.len() as u8][..], expected.as_bytes()].concat();
        raw.expect_bytes(rest, &frame);
    }
}

/// A handshake with further header lines.
fn with_lines(lines: &str) -> switchboard_proto::handshake::ClientHandshake {
    lines
        .lines()
        .filter_map(|line| line.split_once(": "))
        .fold(handshake("/"), |handshake, (name, value)| handshake.header(name, value))
}

#[test]
fn what_others_say_is_ignored() {
    for config in [config(), Config { trusted_proxies: vec!["10.0.0.0/8".parse().unwrap()], ..config() }] {
        let server = serve(mirror(ANY.into(), config));
        let handshake = with_lines("X-Forwarded-For: 10.0.0.1\r\nForwarded: for=\"x\r\n");
        let stream = Stream::tcp(server.address());
        let own = stream.local_addr().unwrap().to_string();
        Client::open(stream, &handshake).expect_text(&own);
        let mut raw = server.raw();
        let own = raw.stream.local_addr().unwrap().to_string();
        let request = "GET / HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 10.0.0.1\r\n\r\n";
        assert_eq!(raw.request(request).body, own);
    }
}

#[test]
fn only_the_field_that_the_proxies_set_is_read_and_a_malformed_one_is_refused() {
    let server = serve(mirror(
        ANY.into(),
        Config {
            trusted_proxies: vec!["127.0.0.1".parse().unwrap()],
            forwarded_field: ForwardedField::Forwarded,
            ..config()
        },
    ));
    let handshake =
        with_lines("X-Forwarded-For: 6.6.6.6\r\nForwarded: for=\"[2001:db8::1]:9\";proto=https\r\n");
    Client::open(Stream::tcp(server.address()), &handshake).expect_text("[2001:db8::1]:9");
    let malformed = with_lines("Forwarded: for=\"6.6.6.6, for=203.0.113.7\r\n");
    let answer = Client::try_open(Stream::tcp(server.address()), &malformed).err().expect("it was let in");
    assert_eq!(answer.status, 400);
    let answer = server.raw().request("GET / HTTP/1.1\r\nHost: x\r\nForwarded: for\r\n\r\n");
    assert_eq!(answer.status, 400);
}

#[test]
fn a_proxy_at_a_unix_socket_can_be_trusted() {
    let path = temporary_path("sock");
    let config = Config { trusted_proxies: vec!["unix".parse().unwrap()], ..config() };
    let _server = serve(mirror(format!("unix:{}", path.display()).into(), config));
    let handshake = with_lines("X-Forwarded-For: 203.0.113.7\r\n");
    Client::open(Stream::unix(&path), &handshake).expect_text("203.0.113.7:0");
    // hyper serves a Unix socket although the client has an address.
    let mut raw = Raw::over(Stream::unix(&path));
    let request = "GET / HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 203.0.113.7\r\n\r\n";
    assert_eq!(raw.request(request).body, "203.0.113.7:0");
    raw.send(upgrade_request("/", "X-Forwarded-For: 203.0.113.8\r\n"));
    let (head, rest) = raw.head_and_rest();
    assert!(head.starts_with("HTTP/1.1 101"), "{head}");
    raw.expect_bytes(rest, b"\x81\x0d203.0.113.8:0");
}

#[test]
fn a_proxy_header_may_come_over_a_unix_socket() {
    let path = temporary_path("sock");
    let _server = serve(mirror(Listen::on(format!("unix:{}", path.display())).proxy_protocol(), config()));
    let mut raw = Raw::over(Stream::unix(&path));
    raw.send("PROXY TCP4 203.0.113.7 127.0.0.1 4711 80\r\n");
    assert_eq!(raw.request("GET / HTTP/1.1\r\nHost: x\r\n\r\n").body, "203.0.113.7:4711");
}
