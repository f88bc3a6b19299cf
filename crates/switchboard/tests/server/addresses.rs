//! Limits for each client address.

use std::io::Write;
use std::time::Duration;

use switchboard::{Config, Conn, Decision, Listen, Message, Request, Server};

use crate::support::*;

fn echo_with_http(listen: impl Into<Listen>, config: Config) -> impl Startable {
    Server::new(listen)
        .config(config)
        .on_message(async |conn: Conn, message: Message| conn.push(message))
        .http(axum::Router::new().route("/", axum::routing::get(async || "page")))
}

fn two_each() -> Config {
    Config { max_connections_per_address: 2, ..config() }
}

/// A connection from another address of the loopback network.
fn from(server: &Running, last: u8) -> Stream {
    Stream::tcp_from(([127, 0, 0, last], 0).into(), server.address())
}

#[track_caller]
fn refused(stream: Stream) -> Answer {
    let answer = Client::try_open(stream, &handshake("/")).err().expect("it was let in");
    assert!(answer.header("retry-after").is_some_and(|seconds| seconds.parse::<u32>().is_ok()), "{answer:?}");
    answer
}

#[test]
fn an_address_has_no_more_connections_than_it_may_and_another_one_its_own() {
    if all_by_tls().is_some() {
        return; // The answer is an alert.
    }
    let server = serve(echo_with_http(ANY, two_each()));
    let mut clients = server.connect_many(2);
    let answer = refused(Stream::tcp(server.address()));
    assert_eq!(answer.status, 429);
    assert!(answer.body.contains("connections"), "{answer:?}");
    let mut others: Vec<Client> = (0..2).map(|_| Client::open(from(&server, 2), &handshake("/"))).collect();
    assert_eq!(refused(from(&server, 2)).status, 429);
    for client in clients.iter_mut().chain(&mut others) {
        client.round_trip("undisturbed");
    }
    assert_eq!(server.handle.stats().refused, 2);
}

#[test]
fn an_addresss_place_is_free_again_however_its_connection_ended() {
    if all_by_tls().is_some() {
        return; // The answer is an alert.
    }
    let server = serve(echo_with_http(ANY, Config { max_connections_per_address: 1, ..config() }));
    let free = || {
        wait_until("the socket is gone", || {
            let stats = server.handle.stats();
            stats.sockets == 0 && stats.http_connections == 0
        })
    };
    for _ in 0..3 {
        let mut closed = server.connect();
        assert_eq!(refused(Stream::tcp(server.address())).status, 429);
        closed.close(1000, "");
        closed.next_close();
        drop(closed);
        free();
        server.connect().reset();
        free();
        // A handshake that is refused, one that is not finished, and ordinary requests.
        let mut raw = server.raw();
        raw.send("NONSENSE\r\n\r\n");
        raw.rest();
        drop(raw);
        free();
        let mut raw = server.raw();
        raw.send("GET / HT");
        wait_until("it has been accepted", || server.handle.stats().sockets == 1);
        drop(raw);
        free();
        let mut raw = server.raw();
        assert_eq!(raw.request("GET / HTTP/1.1\r\nHost: x\r\n\r\n").body, "page");
        assert_eq!(refused(Stream::tcp(server.address())).status, 429);
        // It upgrades in its own place.
        raw.send(upgrade_request("/", ""));
        assert!(raw.head_and_rest().0.starts_with("HTTP/1.1 101"));
        wait_until("the reactor has it", || server.handle.connections().len() == 1);
        assert_eq!(refused(Stream::tcp(server.address())).status, 429);
        drop(raw);
        free();
    }
    server.connect().round_trip("in");
}

#[test]
fn behind_a_trusted_proxy_each_client_is_counted_for_itself() {
    if all_by_tls().is_some() {
        return; // HTTP connections stay with the reactors.
    }
    let server = serve(echo_with_http(
        ANY,
        Config { trusted_proxies: vec!["127.0.0.1".parse().unwrap()], ..two_each() },
    ));
    let open = |client: &str| {
        let handshake = handshake("/").header("X-Forwarded-For", client);
        Client::try_open(Stream::tcp(server.address()), &handshake)
    };
    let mut clients: Vec<Client> =
        ["203.0.113.7", "203.0.113.7", "203.0.113.8", "203.0.113.8", "2001:db8::1", "2001:db8::2"]
            .map(|client| open(client).unwrap_or_else(|answer| panic!("{client}: {answer:?}")))
            .into();
    for client in ["203.0.113.7", "6.6.6.6, 203.0.113.8", "2001:db8::3"] {
        assert_eq!(open(client).err().expect("it was let in").status, 429, "{client}");
    }
    // The same on the proxy's kept-alive connections, of which it may have many.
    let mut raws: Vec<Raw> = (0..5).map(|_| server.raw()).collect();
    for raw in &mut raws {
        assert_eq!(
            raw.request("GET / HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 203.0.113.7\r\n\r\n").body,
            "page"
        );
    }
    let answer = raws[0].request(&upgrade_request("/", "X-Forwarded-For: 203.0.113.7\r\n"));
    assert_eq!(answer.status, 429);
    raws[0].send(upgrade_request("/", "X-Forwarded-For: 203.0.113.9\r\n"));
    assert!(raws[0].head_and_rest().0.starts_with("HTTP/1.1 101"));
    clients.iter_mut().for_each(|client| client.round_trip("undisturbed"));
    drop(clients);
    wait_until("they are gone", || server.handle.stats().sockets == 1);
    assert!(open("203.0.113.7").is_ok());
}

/// A proxy's connections that have served requests: their upgrades are decided about at the same time.
#[test]
fn of_many_late_upgrades_at_once_an_address_gets_as_many_as_it_may_have() {
    let trusted_proxies = vec!["127.0.0.1".parse().unwrap()];
    let server = serve(
        Server::new(ANY)
            .config(Config { trusted_proxies, ..two_each() })
            .http(axum::Router::new().route("/", axum::routing::get(async || "page")))
            .authorize(async |request: Request| {
                tokio::time::sleep(Duration::from_millis(100)).await;
                if request.path() == "/no" { Decision::reject(403, "no") } else { Decision::accept() }
            })
            .on_message(async |conn: Conn, message: Message| conn.push(message)),
    );
    let forwarded = |target| handshake(target).header("X-Forwarded-For", "203.0.113.7");
    let ask_all = |target| {
        let used = (0..12).map(|_| {
            let mut raw = server.raw();
            assert_eq!(raw.request("GET / HTTP/1.1\r\nHost: x\r\n\r\n").body, "page");
            raw
        });
        let mut used: Vec<Raw> = used.collect();
        used.iter_mut().for_each(|raw| raw.send(forwarded(target).request()));
        used
    };
    let free = || {
        wait_until("all are gone", || {
            let stats = server.handle.stats();
            (stats.sockets, stats.http_connections, stats.connections) == (0, 0, 0)
        })
    };
    for _ in 0..3 {
        let mut asked = ask_all("/");
        let heads: Vec<String> = asked.iter_mut().map(|raw| raw.head_and_rest().0).collect();
        let count = |status| heads.iter().filter(|head| head.starts_with(status)).count();
        assert_eq!((count("HTTP/1.1 101"), count("HTTP/1.1 429")), (2, 10), "{heads:?}");
        let fresh = || Client::try_open(Stream::tcp(server.address()), &forwarded("/"));
        assert_eq!(fresh().err().expect("it was let in").status, 429);
        drop(asked);
        free();
        // Those that are refused, and those that go while it is decided, leave nothing behind.
        let refused: Vec<u16> = ask_all("/no").iter_mut().map(|raw| raw.answer().status).collect();
        assert_eq!(refused.iter().filter(|status| **status == 403).count(), 2, "{refused:?}");
        drop(ask_all("/"));
        free();
        let clients: Vec<Client> = (0..2).map(|_| fresh().expect("it was kept out")).collect();
        assert_eq!(fresh().err().expect("it was let in").status, 429);
        drop(clients);
        free();
    }
}

#[test]
fn behind_the_proxy_protocol_each_client_is_counted_for_itself() {
    if all_by_tls().is_some() {
        return; // These headers come within TLS.
    }
    let server = serve(echo_with_http(Listen::on(ANY).proxy_protocol(), two_each()));
    let open = |client: &str| {
        let mut stream = Stream::tcp(server.address());
        let to = if client.starts_with("TCP6") { "::1" } else { "127.0.0.1" };
        write!(stream, "PROXY {client} {to} 4711 80\r\n").unwrap();
        Client::try_open(stream, &handshake("/"))
    };
    for (client, other) in [("TCP4 203.0.113.7", "TCP4 203.0.113.8"), ("TCP6 ::", "TCP6 2001:db8::1")] {
        for _ in 0..2 {
            let clients: Vec<_> = [client, client, other].map(|client| open(client).ok().unwrap()).into();
            assert_eq!(open(client).err().expect("it was let in").status, 429);
            drop(clients);
            wait_until("they are gone", || server.handle.stats().sockets == 0);
        }
        assert!(open(client).is_ok());
        wait_until("it is gone", || server.handle.stats().sockets == 0);
    }
}

#[test]
fn clients_of_a_unix_socket_are_not_counted() {
    let path = temporary_path("sock");
    let _server = serve(echo_with_http(format!("unix:{}", path.display()), two_each()));
    let mut clients: Vec<Client> = (0..5).map(|_| Client::connect_unix(&path)).collect();
    clients.iter_mut().for_each(|client| client.round_trip("in"));
}

#[test]
fn an_address_that_connects_too_often_waits() {
    if all_by_tls().is_some() {
        return; // The answer is an alert.
    }
    let settings = Config { handshakes_per_second: 2, rate_burst: Duration::from_secs(2), ..config() };
    let server = serve(echo_with_http(ANY, settings));
    // What may come at once, and what has come in meanwhile.
    let outcome = |_| Client::try_open(Stream::tcp(server.address()), &handshake("/"));
    let refusals: Vec<Answer> = (0..40).map(outcome).filter_map(Result::err).collect();
    assert!(refusals.len() >= 10, "only {} of 40 were refused", refusals.len());
    assert!(refusals.iter().all(|answer| answer.status == 429), "{refusals:?}");
    Client::open(from(&server, 3), &handshake("/")).round_trip("another one need not");
    wait_until("it may again", || outcome(0).is_ok());
}
