//! The commands that speak to a running server.

use std::time::Instant;

use crate::MODE;
use crate::support::{Client, DEADLINE, Server, TempDirectory, run};

#[test]
fn status_shows_the_processes_and_their_connections() {
    let server = Server::start();
    let _clients = [Client::person(&server, "Ann", &["lobby"]), Client::plain(&server)];
    let (output, out, err) = server.order("status");
    assert!(output.status.success(), "{err}");
    assert!(out.contains(server.address()) && out.contains("connections: 2 open"), "{out}");
    assert!(out.contains(&server.data().canonicalize().expect("there").display().to_string()), "{out}");
    let processes = server.processes();
    let count = |name: &str| processes.iter().filter(|process| process.name.starts_with(name)).count();
    assert_eq!(count("master"), 1);
    let expected = if MODE == "base" { (0, 0) } else { (1, 1) };
    assert_eq!((count("manager"), count("hub")), expected, "{out}");
    assert_eq!(count("worker") > 0, MODE == "process", "{out}");
    assert!(processes.iter().all(|process| process.state == "running"), "{out}");
}

#[test]
fn stop_returns_when_the_server_has_ended() {
    let directory = TempDirectory::new();
    let mut server = Server::on(directory.path(), [""; 0]);
    let mut ann = Client::person(&server, "Ann", &["lobby"]);
    let (output, out, err) = server.order("stop");
    assert!(output.status.success(), "{err}");
    assert_eq!(out, "stopped\n");
    assert_eq!(ann.await_close(), 1001);
    assert!(server.has_ended(), "at once");
    assert!(server.wait().success());
    // So another one can have the directory.
    let server = Server::on(directory.path(), [""; 0]);
    assert_eq!(server.processes()[0].name, "master");
}

#[test]
fn a_server_that_does_not_run_is_not_found() {
    let directory = TempDirectory::new();
    let data = directory.path().display().to_string();
    for order in ["status", "reload", "stop"] {
        let (output, out, err) = run(&[order, "--data", &data]);
        assert_eq!((output.status.code(), out.as_str()), (Some(1), ""));
        assert!(err.contains("no server runs") && err.contains(&data), "{err}");
        let nowhere = format!("{data}/nowhere");
        let (output, _, err) = run(&[order, "--data", &nowhere]);
        assert_eq!(output.status.code(), Some(1));
        assert!(err.contains(&nowhere) && err.contains("--data"), "{err}");
    }
    let server = Server::on(directory.path(), [""; 0]);
    assert!(server.order("status").0.status.success());
    server.kill();
    let (output, _, err) = run(&["status", "--data", &data]);
    assert_eq!(output.status.code(), Some(1), "nothing is left behind by a server that was killed");
    assert!(err.contains("no server runs"), "{err}");
}

#[test]
fn a_server_is_found_by_any_path_to_its_data() {
    let server = Server::start();
    let other = TempDirectory::new();
    let link = other.path().join("link");
    std::os::unix::fs::symlink(server.data(), &link).expect("linked");
    let (output, out, err) = run(&["--data", &link.display().to_string(), "status"]);
    assert!(output.status.success() && out.contains(server.address()), "{out}{err}");
}

#[test]
fn whoever_says_nothing_or_nonsense_to_the_server_holds_nobody_up() {
    use std::io::{Read as _, Write as _};
    use std::os::linux::net::SocketAddrExt as _;
    use std::os::unix::fs::MetadataExt as _;
    use std::os::unix::net::{SocketAddr, UnixStream};

    let server = Server::start();
    let directory = std::fs::metadata(server.data()).expect("there");
    let name = format!("switchboard-chat/{:x}-{:x}", directory.dev(), directory.ino());
    let address = SocketAddr::from_abstract_name(name).expect("a name");
    let connect = || UnixStream::connect_addr(&address).expect("it listens");
    let answer = |said: &[u8]| {
        let mut stream = connect();
        stream.set_read_timeout(Some(DEADLINE)).expect("set");
        let _ = stream.write_all(said);
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer);
        answer
    };
    let _silent: Vec<_> = (0..4).map(|_| connect()).collect();
    assert!(answer(b"dance\n").starts_with("failed\n"));
    assert_eq!(answer(&[0xff; 100_000]), "");
    let began = Instant::now();
    assert!(answer(b"status\n").starts_with("ok\n"));
    assert!(began.elapsed() < DEADLINE);
    let _many: Vec<_> = (0..10).map(|_| connect()).collect();
    assert!(answer(b"status\n").starts_with("ok\n"), "the silent ones are sent away");
}

#[test]
fn one_process_cannot_be_reloaded() {
    if MODE != "base" {
        return;
    }
    let server = Server::start();
    let (output, out, err) = server.order("reload");
    assert_eq!((output.status.code(), out.as_str()), (Some(1), ""));
    assert!(err.contains("not reloaded"), "{err}");
}
