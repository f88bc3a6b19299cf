//! The program as whoever runs it sees it.

use serde_json::json;

use crate::support::{Client, Server, TempDirectory, command, run};

#[test]
fn it_prints_its_address_and_where_its_data_is() {
    let directory = TempDirectory::new();
    let data = directory.path().join("not yet/there");
    let mut server = Server::on(&data, ["serve"]);
    assert!(server.address().starts_with("127.0.0.1:"));
    let line = server.line();
    assert!(line.contains(&data.canonicalize().expect("made").display().to_string()), "{line}");
    assert!(data.join("chat.db").exists());
}

#[test]
fn help_and_version_are_there() {
    let (output, help, _) = run(&["--help"]);
    assert!(output.status.success());
    for word in [
        "--listen",
        "--data",
        "--mode",
        "--workers",
        "--watch",
        "--reactors",
        "--max-connections",
        "--handshakes-per-second",
        "--messages-per-second",
        "--bytes-per-second",
        "SWITCHBOARD_MESSAGES_PER_SECOND",
        "--allowed-origin",
        "--user",
        "--rate-limits",
        "SWITCHBOARD_LISTEN",
        "9502",
        "status",
        "reload",
        "stop",
    ] {
        assert!(help.contains(word), "{word} is not in\n{help}");
    }
    let (output, version, _) = run(&["--version"]);
    assert!(output.status.success());
    assert_eq!(version.trim(), format!("switchboard-chat {}", env!("CARGO_PKG_VERSION")));
}

#[test]
fn what_it_does_not_understand_it_says() {
    for (arguments, word) in [
        (&["--lisen", "x"][..], "--lisen"),
        (&["--mode", "both"], "process"),
        (&["--reactors", "none"], "--reactors"),
        (&["--allowed-origin", "chat.example"], "https://chat.example"),
        (&["dance"], "dance"),
    ] {
        let (output, _, err) = run(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(err.contains(word), "{arguments:?}: {err}");
    }
}

#[test]
fn the_environment_is_as_good_as_the_command_line() {
    let directory = TempDirectory::new();
    let data = directory.path().join("data");
    let mut command = command();
    command
        .env("SWITCHBOARD_LISTEN", "127.0.0.1:0")
        .env("SWITCHBOARD_DATA", &data)
        .env("SWITCHBOARD_REACTORS", "1");
    command.env("SWITCHBOARD_LOG", "error");
    let server = Server::from_command(command, &data);
    Client::plain(&server).ask(json!({"type": "message", "text": "hi"}), "message");
    assert!(server.data().join("chat.db").exists());
}

#[test]
fn a_data_directory_has_one_server() {
    let server = Server::start();
    let data = server.data().display().to_string();
    let (output, out, err) = run(&["--listen", "127.0.0.1:0", "--data", &data]);
    assert_eq!(output.status.code(), Some(1));
    assert!(err.contains("another switchboard-chat") && err.contains(&data), "{err}");
    assert_eq!(out, "");
}

#[test]
fn what_is_in_the_way_is_named() {
    let directory = TempDirectory::new();
    let file = directory.path().join("file");
    std::fs::write(&file, "").expect("written");
    let below = file.join("data").display().to_string();
    let (output, _, err) = run(&["--listen", "127.0.0.1:0", "--data", &below]);
    assert_eq!(output.status.code(), Some(1));
    assert!(err.contains(&below) && err.contains("--data"), "{err}");
    assert_eq!(err.matches("os error").count(), 1, "said once: {err}");

    let server = Server::start();
    let data = directory.path().join("other").display().to_string();
    let (output, _, err) = run(&["--listen", server.address(), "--data", &data]);
    assert_eq!(output.status.code(), Some(1));
    assert!(err.contains(server.address()), "{err}");
}

#[test]
fn a_database_that_cannot_be_used_is_a_sentence() {
    let directory = TempDirectory::new();
    let data = directory.path().display().to_string();
    std::fs::write(directory.path().join("chat.db"), "I am a letter. ".repeat(1_000)).expect("written");
    let refused = || {
        let (output, out, err) = run(&["--listen", "127.0.0.1:0", "--log", "error", "--data", &data]);
        assert_eq!((output.status.code(), out.as_str()), (Some(1), ""), "{err}");
        let said: Vec<_> = err.lines().filter(|line| line.starts_with("switchboard-chat: ")).collect();
        assert_eq!(said.len(), 1, "{err}");
        said[0].to_owned()
    };
    let said = refused();
    assert_eq!((said.matches("not a database").count(), said.matches("chat.db").count()), (1, 1), "{said}");

    std::fs::remove_file(directory.path().join("chat.db")).expect("removed");
    let mut server = Server::on(directory.path(), [""; 0]);
    server.stop();
    server.wait();
    let database = rusqlite::Connection::open(directory.path().join("chat.db")).expect("opened");
    database.pragma_update(None, "user_version", 99).expect("changed");
    assert_eq!(refused().matches("version 99").count(), 1);
}

#[test]
fn a_page_of_somebody_else_cannot_use_what_somebody_has_signed_in_with() {
    let server = Server::start();
    let own = format!("http://{}", server.address());
    let open = |origin: &str, fields: &str| {
        server.request(format!(
            "GET /ws HTTP/1.1\r\nHost: {}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\nOrigin: {origin}\r\n{fields}\r\n",
            server.address()
        ))
    };
    for origin in ["https://evil.example", "http://127.0.0.1:1", "null"] {
        for fields in
            ["Cookie: a=b\r\n", "Authorization: Basic YTpi\r\n", "Proxy-Authorization: Basic YTpi\r\n"]
        {
            let (head, body) = open(origin, fields);
            assert!(head.starts_with("HTTP/1.1 403"), "{fields}: {head}");
            assert!(body.contains(origin) && body.contains("--allowed-origin"), "{body}");
        }
    }
    assert!(Client::open(&server, "/ws", None, Some(&own)).is_ok());
    assert!(Client::open(&server, "/ws", None, None).is_ok());
}

#[test]
fn with_allowed_origins_all_other_pages_stay_out() {
    let directory = TempDirectory::new();
    let server =
        Server::on(directory.path(), ["--allowed-origin", "https://chat.example,https://two.example"]);
    let own = format!("http://{}", server.address());
    for (origin, allowed) in [
        (Some("https://chat.example"), true),
        (Some("https://two.example"), true),
        (Some(own.as_str()), true),
        (None, true),
        (Some("https://evil.example"), false),
        (Some("null"), false),
    ] {
        assert_eq!(Client::open(&server, "/ws", None, origin).is_ok(), allowed, "{origin:?}");
    }
}

#[test]
fn a_server_that_is_full_says_so() {
    let directory = TempDirectory::new();
    let server = Server::on(directory.path(), ["--max-connections", "2"]);
    let _clients = [Client::plain(&server), Client::plain(&server)];
    let refused = Client::open(&server, "/", None, None).err();
    assert_eq!(refused, Some(switchboard_proto::handshake::ClientError::Status(503)));
    assert!(server.get("/healthz", "").0.starts_with("HTTP/1.1 200"), "but it is well");
}
