//! TLS: the same server, behind records. (Everything else that is promised holds there as well: all tests of this program
//! run by TLS with `SWITCHBOARD_TEST_TLS` in the environment.)

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::Extension;
use axum::routing::{get, post};
use rustls::{ClientConnection, HandshakeKind, ProtocolVersion};
use switchboard::{
    ClosedBy, Config, Conn, ConnectionId, Handle, Message, Overflow, PushError, Request, Server, Transport,
};

use switchboard_proto::OpCode;

use crate::support::*;

pub(super) fn settings(identity: &Identity) -> Config {
    Config { tls: Some(identity.config()), ..config() }
}

pub(super) fn router() -> Router {
    Router::new()
        .route("/", get(async || "hello"))
        .route("/transport", get(async |Extension(transport): Extension<Transport>| format!("{transport:?}")))
        .route("/length", post(async |body: Bytes| body.len().to_string()))
        .route("/large", get(async || "L".repeat(3 << 20)))
}

pub(super) fn server(config: Config) -> (Running, Journal) {
    let journal = Journal::default();
    let server = Server::new(ANY)
        .config(config)
        .http(router())
        .on_open(journal.on_open())
        .on_message(async |conn: Conn, message: Message| conn.push(message))
        .on_close(journal.on_close());
    (serve(server), journal)
}

pub(super) fn get_request(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n")
}

fn client(trust: &Trust, address: SocketAddr) -> Client {
    Client::open(trust.connect(address), &handshake("/"))
}

fn plain(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

fn session_of(client: &Client) -> &ClientConnection {
    match &client.stream {
        Stream::Tls(stream) => &stream.conn,
        other => panic!("{other:?}"),
    }
}

/// Everything that still comes, whatever the end.
fn rest(mut stream: impl Read) -> Vec<u8> {
    let mut bytes = Vec::new();
    match stream.read_to_end(&mut bytes) {
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
            panic!("it hangs")
        }
        _ => bytes,
    }
}

#[test]
fn messages_pass_in_both_versions_whatever_their_size() {
    let identity = Identity::new();
    let (server, journal) = server(settings(&identity));
    for (number, (version, name)) in [
        (&rustls::version::TLS13, ProtocolVersion::TLSv1_3),
        (&rustls::version::TLS12, ProtocolVersion::TLSv1_2),
    ]
    .into_iter()
    .enumerate()
    {
        let mut client = client(&identity.trust_with(&[version]), server.address());
        assert_eq!(session_of(&client).protocol_version(), Some(name));
        assert_eq!(session_of(&client).alpn_protocol(), None);
        client.round_trip("hello");
        for size in [0, 1, 125, 16_383, 16_384, 16_385, 65_536, 2 << 20] {
            let bytes: Vec<u8> = (0..size).map(|at| at as u8).collect();
            client.binary(&bytes);
            assert_eq!(client.next(), Heard::Binary(bytes));
        }
        let texts: Vec<String> = (0..2_000).map(|number| number.to_string()).collect();
        client.raw(&Client::encoded_texts(&texts));
        assert_eq!(client.next_texts(2_000), texts);
        client.close(1000, "bye");
        // The end of the session is told: the client's library would say so if it were not.
        assert_eq!(client.until_end(), [Heard::Close(1000, String::new()), Heard::End]);
        drop(client);
        let closes = journal.closes();
        assert_eq!(
            (closes.len(), closes[number].1.code, closes[number].1.by),
            (number + 1, 1000, ClosedBy::Client)
        );
    }
    wait_until("nothing is left", || server.handle.stats().sockets == 0);
}

#[test]
fn bytes_that_come_one_at_a_time_are_records_all_the_same() {
    let identity = Identity::new();
    let (server, _) = server(settings(&identity));
    let mut socket = plain(server.address());
    let mut session = identity.trust().session();
    let drip = |session: &mut ClientConnection, socket: &mut TcpStream| {
        while session.wants_write() {
            let mut bytes = Vec::new();
            session.write_tls(&mut bytes).unwrap();
            bytes.iter().for_each(|byte| socket.write_all(&[*byte]).unwrap());
        }
    };
    let read = |session: &mut ClientConnection, socket: &mut TcpStream| {
        assert_ne!(session.read_tls(socket).unwrap(), 0);
        session.process_new_packets().unwrap();
    };
    while session.is_handshaking() {
        drip(&mut session, &mut socket);
        if session.is_handshaking() {
            read(&mut session, &mut socket);
        }
    }
    session.writer().write_all(&handshake("/").request()).unwrap();
    session.writer().write_all(&Client::encoded_texts(["drop by drop"])).unwrap();
    drip(&mut session, &mut socket);
    let mut said = Vec::new();
    while !said.ends_with(b"\x81\x0cdrop by drop") {
        read(&mut session, &mut socket);
        let mut buffer = [0; 4_096];
        if let Ok(len) = session.reader().read(&mut buffer) {
            said.extend_from_slice(&buffer[..len]);
        }
    }
    assert!(said.starts_with(b"HTTP/1.1 101 "));
}

#[test]
fn a_request_tells_that_it_came_by_tls() {
    let identity = Identity::new();
    let path = temporary_path("socket");
    let show = async |conn: Conn, request: Request| conn.push(format!("{:?}", request.transport()));
    let builder = Server::new(ANY).listen(format!("unix:{}", path.display())).config(settings(&identity));
    let server = serve(builder.http(router()).on_open(show));
    let mut raw = Raw::over(identity.trust().connect(server.address()));
    assert_eq!(raw.request(&get_request("/transport")).body, "Tls");
    // The upgrade of a connection that has served requests tells it, too.
    Client::open(raw.into_stream(), &handshake("/")).expect_text("Tls");
    client(&identity.trust(), server.address()).expect_text("Tls");
    // Unix sockets are plain.
    let mut raw = Raw::over(Stream::unix(&path));
    assert_eq!(raw.request(&get_request("/transport")).body, "Plain");
    Client::connect_unix(&path).expect_text("Plain");
}

#[test]
fn plain_http_is_sent_to_where_it_belongs() {
    let identity = Identity::new();
    let (server, journal) = server(settings(&identity));
    let ask = |request: &str| {
        let mut raw = Raw::over(Stream::Tcp(plain(server.address())));
        // In two pieces, as it may come.
        raw.send(&request[..3]);
        raw.send(&request[3..]);
        Answer::parse(&raw.rest())
    };
    let answer = ask("GET /a?b=c HTTP/1.1\r\nHost: chat.example:9502\r\n\r\n");
    assert_eq!((answer.status, answer.header("location")), (308, Some("https://chat.example:9502/a?b=c")));
    assert!(answer.body.contains("TLS"), "{answer:?}");
    let answer = ask("HEAD / HTTP/1.1\r\nHost: [::1]\r\n\r\n");
    assert_eq!(
        (answer.status, answer.header("location"), answer.body.as_str()),
        (308, Some("https://[::1]/"), "")
    );
    assert_eq!(ask(&upgrade_request("/ws", "")).header("location"), Some("https://localhost/ws"));
    for request in [
        "POST / HTTP/1.1\r\nHost: chat.example\r\n\r\n",
        "GET / HTTP/1.0\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: evil/../\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: user@evil\r\n\r\n",
        "GET http://x/ HTTP/1.1\r\nHost: x\r\n\r\n",
    ] {
        let answer = ask(request);
        assert_eq!((answer.status, answer.header("location")), (400, None), "{request}: {answer:?}");
        assert!(answer.body.contains("https://"), "{answer:?}");
    }
    assert_eq!(ask("what is\x01 this\r\n\r\n").status, 400);
    assert!(journal.opens().is_empty());
    client(&identity.trust(), server.address()).round_trip("unharmed");
}

#[test]
fn tls_where_none_is_spoken_is_answered_at_once() {
    let server = serve(Server::new(ANY).config(Config { tls: None, ..config() }));
    let identity = Identity::new();
    let mut session = identity.trust().session();
    let mut hello = Vec::new();
    session.write_tls(&mut hello).unwrap();
    let mut stream = plain(server.address());
    stream.write_all(&hello).unwrap();
    let answer = Answer::parse(&rest(stream));
    assert_eq!(answer.status, 400);
    assert!(answer.body.contains("does not speak TLS"), "{answer:?}");
}

#[test]
fn a_handshake_that_drips_is_cut_at_its_time() {
    let identity = Identity::new();
    let config = Config { handshake_timeout: Duration::from_millis(500), ..settings(&identity) };
    let (server, _) = server(config);
    let mut session = identity.trust().session();
    let mut hello = Vec::new();
    session.write_tls(&mut hello).unwrap();
    let silent = plain(server.address());
    let mut stream = plain(server.address());
    let begun = Instant::now();
    let mut bytes = hello.iter().cycle();
    stream.set_nonblocking(true).unwrap();
    let ended = loop {
        // Slowly, but never silent for long. A prefix of a ClientHello is never complete.
        let at = begun.elapsed().as_millis() / 20;
        if at < 100 && (at as usize) < hello.len() - 1 {
            let _ = stream.write(&[*bytes.next().unwrap()]);
        }
        match stream.read(&mut [0; 16]) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            other => break other,
        }
        assert!(begun.elapsed() < PATIENCE, "it was not cut");
        std::thread::sleep(Duration::from_millis(20));
    };
    assert!(!matches!(ended, Ok(1..)), "{ended:?}");
    assert!(begun.elapsed() >= Duration::from_millis(450), "{:?}", begun.elapsed());
    assert_eq!(rest(silent), b"");
    wait_until("nothing is left", || server.handle.stats().sockets == 0);
}

#[test]
fn a_request_within_tls_has_its_time_too() {
    let identity = Identity::new();
    let config = Config { handshake_timeout: Duration::from_millis(500), ..settings(&identity) };
    let (server, _) = server(config);
    let mut raw = Raw::over(identity.trust().connect(server.address()));
    raw.send("GET / HTTP/1.1\r\nHost: x\r\n");
    let answer = Answer::parse(&raw.rest());
    assert_eq!(answer.status, 408, "{answer:?}");
}

#[test]
fn http_1_1_is_agreed_on_and_nothing_else() {
    let identity = Identity::new();
    let (server, _) = server(settings(&identity));
    let offer = |protocols: &[&str]| {
        let mut config = (*identity.trust().0).clone();
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        let mut stream = Trust(Arc::new(config)).connect(server.address());
        let written = stream.write_all(get_request("/").as_bytes()).and_then(|()| stream.read(&mut [0; 64]));
        let Stream::Tls(stream) = stream else { unreachable!() };
        (written, stream.conn.alpn_protocol().map(<[u8]>::to_vec))
    };
    let (written, agreed) = offer(&["h2", "http/1.1"]);
    assert!(written.is_ok());
    assert_eq!(agreed.as_deref(), Some(&b"http/1.1"[..]));
    let (written, _) = offer(&["h2"]);
    let error = written.expect_err("h2 was agreed on").to_string();
    assert!(error.contains("NoApplicationProtocol"), "{error}");
}

#[test]
fn sessions_are_resumed_on_whichever_reactor() {
    let identity = Identity::new();
    let (server, journal) = server(Config { reactors: 3, ..settings(&identity) });
    for version in [&rustls::version::TLS13, &rustls::version::TLS12] {
        let trust = identity.trust_with(&[version]);
        let kinds: Vec<HandshakeKind> = (0..6)
            .map(|_| {
                let mut client = client(&trust, server.address());
                client.round_trip("so that the ticket has been read");
                session_of(&client).handshake_kind().unwrap()
            })
            .collect();
        let (first, others) = kinds.split_first().unwrap();
        assert_eq!(*first, HandshakeKind::Full);
        assert!(others.iter().all(|kind| *kind == HandshakeKind::Resumed), "{version:?}: {kinds:?}");
    }
    assert_eq!(journal.opens().len(), 12);
}

fn queued(handle: &Handle, id: ConnectionId) -> usize {
    handle.client_info(id).map_or(0, |info| info.queued_bytes as usize)
}

#[test]
fn a_slow_reader_meets_its_bound_and_gets_what_was_accepted() {
    const LIMIT: usize = 200_000;
    let identity = Identity::new();
    let config = Config { output_bytes_max: LIMIT, overflow: Overflow::DropNewest, ..settings(&identity) };
    let (server, journal) = server(config);
    let Stream::Tls(narrow) = identity.trust().over(narrow(server.address())) else { unreachable!() };
    let mut client = Client::open(Stream::Tls(narrow), &handshake("/"));
    let id = journal.opened(0);
    let (mut accepted, mut refused) = (0, 0);
    while refused < 5 {
        match server.handle.push(id, format!("{accepted} {}", "n".repeat(10_000))) {
            Ok(()) => (accepted, refused) = (accepted + 1, 0),
            Err(PushError::QueueFull) => refused += 1,
            Err(other) => panic!("{other}"),
        }
        assert!(queued(&server.handle, id) <= LIMIT + 20_000);
        // The turn that answers the second has flushed.
        for _ in 0..2 {
            block_on(server.handle.groups(id)).unwrap();
        }
    }
    assert!(queued(&server.handle, id) > LIMIT / 2);
    for number in 0..accepted {
        let text = client.next_text();
        assert_eq!(text.split(' ').next(), Some(number.to_string().as_str()));
    }
    wait_until("nothing waits", || queued(&server.handle, id) == 0);
    client.round_trip("as if nothing had been");
}

fn narrow(address: SocketAddr) -> TcpStream {
    use rustix::net::{AddressFamily, SocketFlags, SocketType};
    let flags = SocketFlags::CLOEXEC;
    let socket = rustix::net::socket_with(AddressFamily::INET, SocketType::STREAM, flags, None).unwrap();
    rustix::net::sockopt::set_socket_recv_buffer_size(socket.as_fd(), 4 << 10).unwrap();
    rustix::net::connect(&socket, &address).unwrap();
    socket.into()
}

#[test]
fn a_reader_too_slow_for_the_policy_is_closed_with_1008() {
    let identity = Identity::new();
    let config = Config {
        output_bytes_max: 200_000,
        close_timeout: Duration::from_millis(500),
        ..settings(&identity)
    };
    let (server, journal) = server(config);
    let client = Client::open(identity.trust().over(narrow(server.address())), &handshake("/")).impolite();
    let id = journal.opened(0);
    while server.handle.push(id, vec![7; 50_000]).is_ok() {
        assert!(queued(&server.handle, id) <= 300_000);
        block_on(server.handle.groups(id)).ok();
    }
    wait_until("it is closed", || journal.closes().len() == 1);
    assert_eq!((journal.closes()[0].1.code, journal.closes()[0].1.by), (1008, ClosedBy::Overflow));
    wait_until("nothing is left", || server.handle.stats().sockets == 0);
    drop(client);
}

#[test]
fn a_broken_record_ends_one_connection_and_no_other() {
    let identity = Identity::new();
    let (server, journal) = server(settings(&identity));
    let mut other = client(&identity.trust(), server.address());
    let mut broken = client(&identity.trust(), server.address());
    broken.round_trip("well so far");
    let Stream::Tls(stream) = &mut broken.stream else { unreachable!() };
    stream.sock.write_all(b"\x17\x03\x03\x00\x20this is not what the keys would").unwrap();
    stream.sock.write_all(b"! ").unwrap();
    let error = stream.read(&mut [0; 64]).expect_err("it was not ended").to_string();
    assert!(error.contains("BadRecordMac"), "{error}");
    wait_until("its end is told", || journal.closes().len() == 1);
    let closed = journal.closes()[0].1.clone();
    assert_eq!((closed.code, closed.by), (1006, ClosedBy::Transport));
    assert!(closed.reason.starts_with("TLS: "), "{closed:?}");
    other.round_trip("unharmed");
}

#[test]
fn what_is_no_handshake_is_answered_by_an_alert() {
    let identity = Identity::new();
    let (server, _) = server(settings(&identity));
    for garbage in
        [&b"\x16\x03\x01\x00\x05hello"[..], b"\x16\xff\xff\xff\xff\xff\xff", b"\x16\x03\x01\x00\x00"]
    {
        let mut stream = plain(server.address());
        stream.write_all(garbage).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let answer = rest(stream);
        assert!(answer.is_empty() || answer.starts_with(b"\x15\x03"), "{answer:?}");
    }
    // One that spreads a ClientHello of 64 KiB over records, to have it kept.
    let mut stream = plain(server.address());
    let mut sent = stream
        .write_all(b"\x16\x03\x01\x40\x00\x01\x00\xff\xf0")
        .and_then(|()| stream.write_all(&[0; 0x3ffc]));
    for _ in 0..3 {
        sent = sent
            .and_then(|()| stream.write_all(b"\x16\x03\x01\x40\x00"))
            .and_then(|()| stream.write_all(&[0; 0x4000]));
    }
    rest(stream);
    wait_until("nothing is left", || server.handle.stats().sockets == 0);
    client(&identity.trust(), server.address()).round_trip("unharmed");
}

#[test]
fn who_leaves_without_a_close_frame_is_let_go() {
    let identity = Identity::new();
    let (server, journal) = server(settings(&identity));
    let mut orderly = client(&identity.trust(), server.address());
    orderly.text("last words");
    orderly.stream.shutdown_write();
    assert_eq!(journal.opened(0).to_string(), "1");
    wait_until("its end is told", || journal.closes().len() == 1);
    assert_eq!(journal.closes()[0].1.code, 1006);
    let abrupt = client(&identity.trust(), server.address());
    journal.opened(1);
    abrupt.reset();
    wait_until("its end is told", || journal.closes().len() == 2);
    wait_until("nothing is left", || server.handle.stats().sockets == 0);
}

/// Sends what the session has to say in one segment.
fn send_at_once(stream: &mut Stream) {
    let Stream::Tls(stream) = stream else { panic!("{stream:?}") };
    let mut segment = Vec::new();
    while stream.conn.wants_write() {
        stream.conn.write_tls(&mut segment).unwrap();
    }
    stream.sock.write_all(&segment).unwrap();
}

/// The end of a session is that of one direction.
#[test]
fn whoever_ends_the_session_behind_its_messages_is_answered_all_the_same() {
    let identity = Identity::new();
    let (server, journal) = server(settings(&identity));
    let mut client = client(&identity.trust(), server.address());
    let Stream::Tls(stream) = &mut client.stream else { panic!("{:?}", client.stream) };
    let frames =
        [Client::encoded_texts(["first", "second"]), Client::encoded(OpCode::Close, &[3, 232])].concat();
    stream.conn.writer().write_all(&frames).unwrap();
    stream.conn.send_close_notify();
    send_at_once(&mut client.stream);
    assert_eq!(rest(client.stream), b"\x81\x05first\x81\x06second\x88\x02\x03\xe8");
    journal.expect_close(1000, ClosedBy::Client);

    let mut stream = identity.trust().connect(server.address());
    let Stream::Tls(session) = &mut stream else { panic!("{stream:?}") };
    session.conn.complete_io(&mut session.sock).unwrap();
    session.conn.writer().write_all(upgrade_request("/", "Host: b\r\n").as_bytes()).unwrap();
    session.conn.send_close_notify();
    send_at_once(&mut stream);
    assert!(String::from_utf8_lossy(&rest(stream)).starts_with("HTTP/1.1 400 "));
    wait_until("nothing is left", || server.handle.stats().sockets == 0);
}

#[test]
fn a_stop_tells_everybody_and_waits_for_nobody() {
    let identity = Identity::new();
    let (mut server, _) = server(settings(&identity));
    let mut client = client(&identity.trust(), server.address());
    let mut raw = Raw::over(identity.trust().connect(server.address()));
    assert_eq!(raw.request(&get_request("/")).body, "hello");
    let begun = Instant::now();
    server.handle.shutdown();
    assert_eq!(client.until_end(), [Heard::Close(1001, "the server is being stopped".into()), Heard::End]);
    assert_eq!(raw.rest(), b"");
    server.wait();
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
}

#[test]
fn a_server_without_a_usable_certificate_does_not_start() {
    let identity = Identity::new();
    std::fs::remove_file(identity.folder.join("key.pem")).unwrap();
    let error = start_error(echo(settings(&identity))).to_string();
    assert!(error.starts_with("TLS: ") && error.contains("key.pem: cannot be read"), "{error}");
}
