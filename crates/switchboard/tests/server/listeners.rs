//! Where a server listens.

use std::net::TcpListener;
use std::os::unix::net::UnixListener;

use switchboard::{ListenAddr, Server, StartError};

use crate::support::*;

#[test]
fn a_server_listens_on_several_addresses_of_several_kinds() {
    let path = temporary_path("sock");
    let server = serve(
        Server::new(ANY)
            .config(config())
            .listen("127.0.0.1:0")
            .listen(format!("unix:{}", path.display()))
            .on_message(async |conn: switchboard::Conn, message: switchboard::Message| {
                conn.handle().broadcast(message)
            }),
    );
    let listening = server.handle.listening().to_vec();
    assert_eq!(listening.len(), 3);
    let mut clients = Vec::new();
    for address in &listening {
        clients.push(match address {
            ListenAddr::Inet(address) => {
                assert_ne!(address.port(), 0, "the port that the system chose");
                Client::connect(*address)
            }
            _ => Client::connect_unix(&path),
        });
    }
    wait_until("all are open", || server.handle.connections().len() == 3);
    for number in 0..3 {
        clients[number].text("to all");
        for client in &mut clients {
            client.expect_text("to all");
        }
    }
    assert_eq!(listening[2].to_string(), format!("unix:{}", path.display()));
}

#[test]
fn the_file_of_a_unix_socket_is_removed_at_the_end() {
    let path = temporary_path("sock");
    let mut server = serve(Server::new(format!("unix:{}", path.display())).config(config()));
    let mut client = Client::connect_unix(&path);
    server.handle.shutdown();
    assert_eq!(client.next_close().0, 1001);
    server.wait();
    assert!(!path.exists());
}

#[test]
fn the_file_of_a_unix_socket_is_removed_when_the_start_fails() {
    let path = temporary_path("sock");
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    start_error(Server::new(format!("unix:{}", path.display())).listen(address).config(config()));
    assert!(!path.exists());
}

#[test]
fn a_stale_unix_socket_is_replaced() {
    let path = temporary_path("sock");
    drop(UnixListener::bind(&path).unwrap());
    assert!(path.exists(), "nobody listens, but the file is there");
    let mut server = serve(Server::new(format!("unix:{}", path.display())).config(config()));
    Client::connect_unix(&path);
    server.stop();
}

#[test]
fn a_live_unix_socket_is_not_replaced() {
    let path = temporary_path("sock");
    let alive = serve(echo_on(&path));
    let error = start_error(echo_on(&path));
    assert!(matches!(&error, StartError::Listen { address, .. } if address.contains("unix:")), "{error}");
    let text = error.to_string();
    assert!(text.contains("another program"), "it says what to do: {text}");
    Client::connect_unix(&path).round_trip("alive");
    drop(alive);
}

fn echo_on(path: &std::path::Path) -> impl Startable + use<> {
    Server::new(format!("unix:{}", path.display()))
        .config(config())
        .on_message(async |conn: switchboard::Conn, message: switchboard::Message| conn.push(message))
}

#[test]
fn a_file_that_is_no_socket_is_not_replaced() {
    let path = temporary_path("txt");
    std::fs::write(&path, "precious").unwrap();
    let error = start_error(Server::new(format!("unix:{}", path.display())).config(config()));
    assert!(matches!(error, StartError::Listen { .. }), "{error}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");
    std::fs::remove_file(&path).unwrap();
}

#[test]
fn a_port_in_use_is_named_with_advice() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let error = start_error(Server::new(address.clone()).config(config()));
    assert!(matches!(&error, StartError::Listen { address: of, .. } if *of == address), "{error}");
    let text = error.to_string();
    assert!(text.contains(&address) && text.contains("another program listens there"), "{text}");
}

#[test]
fn an_address_that_is_none_is_explained() {
    for address in
        ["", "localhost", "127.0.0.1", "127.0.0.1:http:2", "127.0.0.1:99999", "unix:", "unix:/no/such/dir/s"]
    {
        let error = start_error(Server::new(address).config(config()));
        assert!(
            matches!(&error, StartError::Listen { address: of, .. } if of == address),
            "{address}: {error}"
        );
    }
}

#[test]
fn an_ipv6_listener_works_and_sees_who_comes() {
    let Ok(probe) = TcpListener::bind("[::1]:0") else { return };
    drop(probe);
    let journal = Journal::default();
    let server = serve(Server::new("[::1]:0").config(config()).on_open(journal.on_open()));
    let client = server.connect();
    let info = server.handle.client_info(journal.opened(0)).unwrap();
    assert_eq!(info.peer, switchboard::PeerAddr::Inet(client.stream.local_addr().unwrap()));
}

#[test]
fn a_port_can_be_listened_on_again_at_once() {
    let mut first = serve(echo(config()));
    let address = first.address();
    let mut client = first.connect();
    client.round_trip("first");
    first.stop();
    let second = serve(
        Server::new(address.to_string())
            .config(config())
            .on_message(async |conn: switchboard::Conn, message: switchboard::Message| conn.push(message)),
    );
    second.connect().round_trip("second");
}

/// Somebody removes the file and starts a successor, before the first one ends.
#[test]
fn a_server_that_ends_leaves_the_unix_socket_of_its_successor() {
    let path = temporary_path("sock");
    let mut first = serve(echo_on(&path));
    std::fs::remove_file(&path).unwrap();
    let mut second = serve(echo_on(&path));
    first.stop();
    Client::connect_unix(&path).round_trip("the second");
    second.stop();
    assert!(!path.exists());
}
