//! Nobody can make more noise than others can bear.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{Client, Server, TempDirectory};

fn message(n: usize) -> Value {
    json!({"type": "message", "text": n.to_string(), "id": n.to_string()})
}

/// Sends messages until one is refused; the error, and how many came through before.
fn flood(client: &mut Client) -> (Value, usize) {
    for n in 0..500 {
        client.send(message(n));
    }
    loop {
        let answer = client.next();
        assert_ne!(answer["id"], "499", "there is no limit");
        if answer["type"] == "error" {
            let id = answer["id"].as_str().expect("the request's").parse().expect("a number");
            return (answer, id);
        }
    }
}

#[test]
fn a_flood_is_refused_with_the_time_after_which_it_may_go_on() {
    let directory = TempDirectory::new();
    let server = Server::on(directory.path(), ["--rate-limits", "1"]);
    let mut bob = Client::person(&server, "Bob", &["lobby"]);
    for mut flooding in [Client::person(&server, "Ann", &["lobby"]), Client::plain(&server)] {
        let (error, before) = flood(&mut flooding);
        assert_eq!(error["code"], "rate_limited");
        let wait = error["retry_after_ms"].as_u64().expect("milliseconds");
        assert!(before >= 40 && (1..=60_000).contains(&wait), "{before}: {error}");
        assert!(error["data"].as_str().expect("a sentence").contains("Try again in"), "{error}");
        // It does not cost the others anything.
        bob.send(json!({"type": "message", "text": "hi", "id": "mine"}));
        while bob.next()["id"] != "mine" {}
    }
}

#[test]
fn an_address_opens_no_more_connections_than_the_rate_allows() {
    let directory = TempDirectory::new();
    let server = Server::on(directory.path(), ["--handshakes-per-second", "1"]);
    let opened: Vec<_> = (0..30).map_while(|_| Client::open(&server, "/", None, None).ok()).collect();
    assert!((10..30).contains(&opened.len()), "{}", opened.len());
    let (head, _) = server.get("/healthz", "");
    assert!(head.starts_with("HTTP/1.1 429"), "{head}");
}

#[test]
fn a_flood_of_frames_or_bytes_is_slowed_down() {
    let directory = TempDirectory::new();
    for rate in ["--messages-per-second=20", "--bytes-per-second=2000"] {
        let server = Server::on(directory.path(), [rate, "--rate-limits", "0"]);
        let mut client = Client::plain(&server);
        let began = Instant::now();
        let text = "x".repeat(60);
        for _ in 0..240 {
            client.send(json!({"type": "message", "text": text}));
        }
        client.next_many(240);
        // What may come at once is 200 of them, and as many bytes.
        assert!(began.elapsed() > Duration::from_secs(1), "{rate}: {:?}", began.elapsed());
    }
}

#[test]
fn limits_can_be_switched_off() {
    let directory = TempDirectory::new();
    let server = Server::on(directory.path(), ["--rate-limits", "0"]);
    let mut client = Client::plain(&server);
    for n in 0..500 {
        client.send(message(n));
    }
    for n in 0..500 {
        assert_eq!(client.next()["id"], n.to_string());
    }
}

#[test]
fn frames_that_cannot_be_read_have_a_limit_too() {
    let directory = TempDirectory::new();
    let server = Server::on(directory.path(), ["--rate-limits", "1"]);
    let nameless = json!({"type": "message", "id": "n"}).to_string();
    for (frame, code, id) in [("nonsense", "bad_json", None), (nameless.as_str(), "bad_value", Some("n"))] {
        let mut client = Client::v1(&server);
        for _ in 0..500 {
            client.send_text(frame);
        }
        let answers = client.next_many(500);
        let first = answers.iter().take_while(|answer| answer["code"] == code).count();
        assert!((50..200).contains(&first), "{first} before {:?}", answers.get(first));
        let refused = &answers[first];
        assert_eq!((&refused["code"], refused["id"].as_str()), (&json!("rate_limited"), id));
        assert!(refused["retry_after_ms"].as_u64().is_some_and(|wait| wait <= 1_000), "{refused}");
        // What can be read is done all the same.
        client.send(json!({"type": "connect", "text": "Ann", "id": "c"}));
        while client.next()["id"] != "c" {}
    }
}

#[test]
fn history_has_a_limit_too() {
    let directory = TempDirectory::new();
    let server = Server::on(directory.path(), ["--rate-limits", "1"]);
    let mut ann = Client::person(&server, "Ann", &["lobby"]);
    for _ in 0..500 {
        ann.send(json!({"type": "history", "room": "lobby", "id": "h"}));
    }
    let refused = (0..500).map(|_| ann.next()).find(|answer| answer["type"] == "error").expect("a limit");
    assert_eq!((&refused["code"], &refused["room"]), (&json!("rate_limited"), &json!("lobby")));
    assert!(refused["retry_after_ms"].as_u64().is_some_and(|wait| wait <= 1_000), "{refused}");
}
