//! People are known again, accounts are their owners' alone, and whoever wants to be somebody else does not get far.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{Browser, Client, Response, Server, TempDirectory};

const PASSWORD: &str = "correct horse battery";

fn code(response: &Response) -> &str {
    response.body["code"].as_str().unwrap_or_else(|| panic!("no error: {response:?}"))
}

/// The code of the error with which a connect is answered.
fn refused(client: &mut Client, name: &str) -> String {
    client.send(json!({"type": "connect", "text": name, "id": "refused"}));
    loop {
        let frame = client.next();
        if frame["id"] == "refused" || frame["type"] == "error" {
            return frame["code"].as_str().unwrap_or_else(|| panic!("no error: {frame}")).to_owned();
        }
    }
}

#[test]
fn a_guest_is_known_again_by_the_cookie_on_every_page() {
    let directory = TempDirectory::new();
    let mut browser;
    {
        let server = Server::on(directory.path(), [""; 0]);
        let mut nobody = Browser::default();
        assert_eq!(nobody.ask(&server, "GET", "/session", Value::Null).body, json!({"person": null}));
        browser = Browser::guest(&server, "  Ann ");
        let person = browser.ask(&server, "GET", "/session", Value::Null).body["person"].clone();
        assert_eq!(person, json!({"id": person["id"], "name": "Ann", "guest": true, "role": "guest"}));
        for text in ["", "Ann"] {
            let (_, welcome) = Client::signed_in(&server, browser.cookie(), text);
            assert_eq!((&welcome["name"], &welcome["person"]), (&json!("Ann"), &person), "{text:?}");
        }
        let mut other = Client::person(&server, "Cy", &["lobby"]);
        assert_eq!(refused(&mut Client::v1(&server), ""), "bad_name", "who has no cookie has no name");
        // Another name is the person's from then on, and its other pages are told.
        let (mut first, _) = Client::signed_in(&server, browser.cookie(), "");
        first.ask(json!({"type": "join", "room": "lobby"}), "joined");
        let (mut second, welcome) = Client::signed_in(&server, browser.cookie(), "Bea");
        assert_eq!(welcome["person"]["name"], "Bea");
        assert_eq!(first.await_type("person")["person"], welcome["person"]);
        second.send(json!({"type": "who", "room": "lobby"}));
        assert_eq!(second.await_type("who")["members"], json!(["Bea", "Cy"]));
        other.await_type("connect");
        server.stop();
        let mut server = server;
        server.wait();
    }
    let server = Server::on(directory.path(), [""; 0]);
    let (_, welcome) = Client::signed_in(&server, browser.cookie(), "");
    assert_eq!(welcome["name"], "Bea", "after a restart, too");
    assert_eq!(browser.ask(&server, "GET", "/session", Value::Null).status, 200);
}

#[test]
fn a_client_without_a_cookie_comes_as_ever() {
    let server = Server::start();
    let mut plain = Client::plain(&server);
    assert_eq!(
        plain.ask(json!({"type": "connect", "text": "Ann"}), "connect"),
        json!({"type": "connect", "data": "Welcome Ann to join us", "from": "Ann"})
    );
    let mut v1 = Client::v1(&server);
    assert_eq!(v1.ask(json!({"type": "connect", "text": "Bob"}), "welcome")["person"], Value::Null);
}

#[test]
fn the_name_of_an_account_is_its_owners_alone() {
    let server = Server::start();
    let mut squatter = Client::person(&server, "Ann", &["lobby"]);
    let mut plain = Client::plain(&server);
    plain.ask(json!({"type": "connect", "text": "Ann"}), "connect");
    let other_guest = Browser::guest(&server, "Ann");
    let mut ann = Browser::guest(&server, "Ann");
    let (mut page, _) = Client::signed_in(&server, ann.cookie(), "");

    let before = ann.cookie().to_owned();
    let response = ann.ask(&server, "POST", "/account", json!({"password": PASSWORD}));
    let person = response.body["person"].clone();
    assert_eq!((&person["guest"], &person["role"]), (&json!(false), &json!("admin")), "the first one");
    assert_eq!(page.await_type("person")["person"], person);
    page.await_type("guests");
    assert_ne!(ann.cookie(), before, "and its token is a new one");
    let mut thief = Browser { cookie: Some(before) };
    assert_eq!(thief.ask(&server, "GET", "/session", Value::Null).body["person"], Value::Null);

    // Those who have been using the name are asked to come back, and cannot come as it.
    assert_eq!((squatter.await_close(), plain.await_close()), (3002, 3002));
    assert_eq!(refused(&mut Client::v1(&server), "Ann"), "name_claimed");
    assert_eq!(refused(&mut Client::plain(&server), "Ann"), "name_claimed");
    assert_eq!(refused(&mut Client::with_cookie(&server, other_guest.cookie()), ""), "name_claimed");
    for (imitation, expected) in [("Ann", "name_claimed"), ("ANN", "name_taken"), ("Аnn", "name_taken")] {
        let response = Browser::default().ask(&server, "POST", "/session", json!({"name": imitation}));
        assert_eq!((response.status, code(&response)), (409, expected), "{imitation}");
    }
    let response = other_guest.clone().ask(&server, "POST", "/account", json!({"password": PASSWORD}));
    assert_eq!(code(&response), "name_claimed");
    // The owner's page has stayed.
    page.ask(json!({"type": "rooms"}), "rooms");
    let (_, welcome) = Client::signed_in(&server, ann.cookie(), "");
    assert_eq!(welcome["person"], person);

    let mut bob = Browser::account(&server, "Bob", PASSWORD);
    assert_eq!(bob.ask(&server, "GET", "/session", Value::Null).body["person"]["role"], "member");
    // An account that takes another name takes its rights along, and gives the old one back.
    Client::signed_in(&server, ann.cookie(), "Anna");
    assert_eq!(refused(&mut Client::v1(&server), "Anna"), "name_claimed");
    Client::person(&server, "Ann", &[]);
}

#[test]
fn an_account_is_signed_in_to_from_anywhere_with_its_password_alone() {
    let server = Server::start();
    for (name, password) in [("Ann", PASSWORD), ("李雷", "пароль\u{0}密码🔑"), ("Nul", "nul\u{0}nul\u{0}")]
    {
        Browser::account(&server, name, password);
        let mut elsewhere = Browser::default();
        let shorter: String = password.chars().skip(1).collect();
        for wrong in ["", "x", &shorter, &format!("{password} "), &"x".repeat(1_000)] {
            let response = elsewhere.sign_in(&server, name, wrong);
            assert_eq!((response.status, code(&response)), (401, "wrong_password"), "{name} {wrong:?}");
        }
        let unknown = elsewhere.sign_in(&server, "Nobody", password);
        let wrong = elsewhere.sign_in(&server, name, "something else");
        assert_eq!((unknown.status, &unknown.body), (wrong.status, &wrong.body), "they cannot be told apart");
        assert!(elsewhere.cookie.is_none());
        let response = elsewhere.sign_in(&server, name, password);
        assert_eq!((response.status, &response.body["person"]["name"]), (200, &json!(name)), "{response:?}");
        let (_, welcome) = Client::signed_in(&server, elsewhere.cookie(), "");
        assert_eq!(welcome["person"]["guest"], false);
    }
    // Whoever writes it in small letters means the same account.
    assert_eq!(Browser::default().sign_in(&server, "ann", PASSWORD).status, 200);
}

#[test]
fn a_password_is_changed_by_whoever_knows_the_old_one_and_ends_the_other_sessions() {
    let server = Server::start();
    let mut ann = Browser::account(&server, "Ann", PASSWORD);
    let mut phone = Browser::default();
    phone.sign_in(&server, "Ann", PASSWORD);
    let (mut own, _) = Client::signed_in(&server, ann.cookie(), "");
    let (mut other, _) = Client::signed_in(&server, phone.cookie(), "");
    for body in [json!({"password": "another one"}), json!({"password": "another one", "old": "wrong"})] {
        let response = ann.ask(&server, "POST", "/account", body);
        assert_eq!((response.status, code(&response)), (401, "wrong_password"));
    }
    for bad in ["short", "ann", &"x".repeat(257)] {
        let response = ann.ask(&server, "POST", "/account", json!({"password": bad, "old": PASSWORD}));
        assert_eq!((response.status, code(&response)), (400, "bad_password"), "{bad}");
    }
    let body = json!({"password": "another one", "old": PASSWORD});
    assert_eq!(ann.ask(&server, "POST", "/account", body).status, 200);
    assert_eq!(other.await_close(), 3501);
    assert_eq!(phone.ask(&server, "GET", "/session", Value::Null).body["person"], Value::Null);
    own.catch_up();
    assert_eq!(phone.sign_in(&server, "Ann", PASSWORD).status, 401);
    assert_eq!(phone.sign_in(&server, "Ann", "another one").status, 200);
    let response = Browser::default().ask(&server, "POST", "/account", json!({"password": PASSWORD}));
    assert_eq!((response.status, code(&response)), (401, "not_signed_in"));
}

#[test]
fn who_signs_out_is_out_here_or_everywhere() {
    let server = Server::start();
    let mut here = Browser::account(&server, "Ann", PASSWORD);
    let mut there = Browser::default();
    there.sign_in(&server, "Ann", PASSWORD);
    let (mut page_here, _) = Client::signed_in(&server, here.cookie(), "");
    let (mut page_there, _) = Client::signed_in(&server, there.cookie(), "");
    let cookie = here.cookie().to_owned();
    assert_eq!(here.ask(&server, "DELETE", "/session", Value::Null).status, 200);
    assert_eq!(page_here.await_close(), 3501);
    assert!(here.cookie.is_none());
    let mut stale = Browser { cookie: Some(cookie) };
    assert_eq!(stale.ask(&server, "GET", "/session", Value::Null).body, json!({"person": null}));
    page_there.catch_up();
    here.sign_in(&server, "Ann", PASSWORD);
    assert_eq!(here.ask(&server, "DELETE", "/sessions", Value::Null).status, 200);
    assert_eq!(page_there.await_close(), 3501);
    assert_eq!(there.ask(&server, "GET", "/session", Value::Null).body, json!({"person": null}));
    assert_eq!(here.ask(&server, "DELETE", "/session", Value::Null).status, 200, "who is out is out");
}

#[test]
fn a_session_cannot_be_slipped_in_or_guessed() {
    let server = Server::start();
    Browser::account(&server, "Ann", PASSWORD);
    // A token that somebody else has chosen is nobody's, before and after it was used to sign in.
    let chosen = format!("switchboard_session={}", "ab".repeat(32));
    let mut victim = Browser { cookie: Some(chosen.clone()) };
    victim.sign_in(&server, "Ann", PASSWORD);
    assert_ne!(victim.cookie(), chosen);
    for cookie in [&chosen, "switchboard_session=", "switchboard_session=%00", "switchboard_session=zz"] {
        let mut guess = Browser { cookie: Some((*cookie).to_owned()) };
        assert_eq!(
            guess.ask(&server, "GET", "/session", Value::Null).body["person"],
            Value::Null,
            "{cookie}"
        );
        assert_eq!(refused(&mut Client::with_cookie(&server, cookie), "Ann"), "name_claimed");
    }
}

#[test]
fn a_session_cannot_be_used_by_another_site() {
    let server = Server::start();
    let ann = Browser::account(&server, "Ann", PASSWORD);
    for (method, path) in
        [("POST", "/session"), ("DELETE", "/session"), ("DELETE", "/sessions"), ("POST", "/account")]
    {
        for origin in ["https://evil.example", "null", "http://127.0.0.1:1"] {
            let mut forged = ann.clone();
            let fields = format!("Origin: {origin}\r\n");
            let response =
                forged.ask_with(&server, method, path, &fields, r#"{"name":"Eve","password":"12345678"}"#);
            assert_eq!(
                (response.status, response.header("set-cookie")),
                (403, None),
                "{method} {path} {origin}"
            );
            let mut nobody = Browser::default();
            let response = nobody.ask_with(&server, method, path, &fields, r#"{"name":"Eve"}"#);
            assert_eq!(response.status, 403, "nor is anybody signed in by it");
        }
    }
    let foreign = [("Cookie", Some(ann.cookie())), ("Origin", Some("https://evil.example"))];
    assert!(Client::open_with(&server, "/ws", Some("switchboard.v1"), &foreign).is_err());
    // A form of another site can send no JSON.
    for kind in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""] {
        let fields = format!("Content-Type: {kind}\r\n");
        let response = Browser::default().ask_with(&server, "POST", "/session", &fields, r#"{"name":"Eve"}"#);
        assert_eq!(response.status, 415, "{kind}");
    }
}

#[test]
fn the_cookie_of_a_session_is_out_of_reach_of_scripts_and_other_sites() {
    let server = Server::start();
    let mut ann = Browser::account(&server, "Ann", PASSWORD);
    let response = ann.ask(&server, "GET", "/session", Value::Null);
    let field = response.header("set-cookie").expect("it is set anew");
    for attribute in ["HttpOnly", "SameSite=Strict", "Path=/"] {
        assert!(field.contains(attribute), "{field}");
    }
    assert_eq!(response.header("cache-control"), Some("no-store"));
    // Where a proxy has taken TLS off, the page's origin tells.
    let fields = format!("Origin: https://{}\r\n", server.address());
    let mut eve = Browser::default();
    let responses = [
        eve.ask_with(&server, "POST", "/session", &fields, r#"{"name":"Eve"}"#),
        // A request that does not tell keeps it as it is.
        eve.ask_with(&server, "GET", "/session", "", ""),
    ];
    for response in responses {
        let field = response.header("set-cookie").expect("a cookie");
        assert!(field.starts_with("__Host-switchboard_session=") && field.ends_with("; Secure"), "{field}");
    }
}

#[test]
fn a_body_that_is_too_long_too_slow_or_no_object_is_refused() {
    let server = Server::start();
    let mut browser = Browser::default();
    let long = format!(r#"{{"name":"{}"}}"#, "x".repeat(100_000));
    assert_eq!(browser.ask_with(&server, "POST", "/session", "", &long).status, 413);
    for (body, code) in [
        ("", "bad_value"),
        ("{", "bad_value"),
        ("[]", "bad_value"),
        ("{}", "bad_value"),
        (r#"{"name":7}"#, "bad_value"),
        (r#"{"name":"Ann","password":{}}"#, "bad_value"),
        (r#"{"name":" "}"#, "bad_name"),
        (r#"{"name":"a\u202eb"}"#, "bad_name"),
        ("{\"name\":\"\u{0}\"}", "bad_value"),
    ] {
        let response = browser.ask_with(&server, "POST", "/session", "", body);
        assert_eq!((response.status, response.body["code"].as_str()), (400, Some(code)), "{body}");
    }
    let deep = format!(r#"{{"name":{}"#, "[".repeat(2_000));
    assert_eq!(browser.ask_with(&server, "POST", "/session", "", &deep).status, 400);
    assert_eq!(browser.ask_with(&server, "PUT", "/session", "", "{}").status, 405);
    // One that never ends.
    let mut stream = TcpStream::connect(server.address()).expect("it listens");
    let head = format!(
        "POST /session HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nContent-Length: 20\r\n\r\n{{",
        server.address()
    );
    stream.write_all(head.as_bytes()).expect("sent");
    stream.set_read_timeout(Some(crate::support::DEADLINE)).expect("set");
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).expect("an answer");
    assert_eq!(&answer, b"HTTP/1.1 408");
}

#[test]
fn passwords_cannot_be_tried_for_long() {
    let directory = TempDirectory::new();
    let server = Server::on(directory.path(), ["--rate-limits", "1"]);
    Browser::account(&server, "Ann", PASSWORD);
    for name in ["Ann", "Nobody"] {
        let answers: Vec<_> =
            (0..7).map(|n| Browser::default().sign_in(&server, name, &format!("guess {n}"))).collect();
        let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
        assert_eq!(statuses, [401, 401, 401, 401, 401, 429, 429], "{name}");
        let last = &answers[6];
        assert!(last.header("retry-after").is_some_and(|wait| wait.parse::<u32>().is_ok()), "{last:?}");
        assert_eq!(code(last), "rate_limited");
    }
    // The right one is no exception, and the others are not affected.
    assert_eq!(Browser::default().sign_in(&server, "Ann", PASSWORD).status, 429);
    Browser::guest(&server, "Bob");
}

#[test]
fn a_crowd_that_signs_in_holds_up_nobody_who_chats() {
    let server = Server::start();
    Browser::account(&server, "Ann", PASSWORD);
    let mut bob = Client::person(&server, "Bob", &["lobby"]);
    let slowest = thread::scope(|scope| {
        let crowd: Vec<_> = (0..100)
            .map(|n| {
                let password = if n % 2 == 0 { PASSWORD } else { "wrong, all of it" };
                let server = &server;
                scope.spawn(move || Browser::default().sign_in(server, "Ann", password).status)
            })
            .collect();
        let mut slowest = Duration::ZERO;
        while crowd.iter().any(|one| !one.is_finished()) {
            let began = Instant::now();
            bob.ask(json!({"type": "message", "text": "hi"}), "message");
            slowest = slowest.max(began.elapsed());
        }
        let statuses: Vec<u16> = crowd.into_iter().map(|one| one.join().expect("no panic")).collect();
        assert!(statuses.iter().all(|status| [200, 401, 503].contains(status)), "{statuses:?}");
        assert!(statuses.contains(&200) && statuses.contains(&401), "{statuses:?}");
        slowest
    });
    assert!(slowest < Duration::from_secs(5), "a message took {slowest:?}");
}

#[test]
fn a_person_has_a_bounded_number_of_sessions() {
    let server = Server::start();
    let mut first = Browser::account(&server, "Ann", PASSWORD);
    for _ in 0..20 {
        assert_eq!(Browser::default().sign_in(&server, "Ann", PASSWORD).status, 200);
    }
    assert_eq!(
        first.ask(&server, "GET", "/session", Value::Null).body["person"],
        Value::Null,
        "the oldest went"
    );
}

#[test]
fn an_administrator_keeps_order_and_nobody_else_does() {
    let server = Server::start();
    let admin = Browser::account(&server, "Ann", PASSWORD);
    let (mut ann, _) = Client::signed_in(&server, admin.cookie(), "");
    let bob_there = Browser::account(&server, "Bob", PASSWORD);
    let (mut bob, _) = Client::signed_in(&server, bob_there.cookie(), "");
    bob.ask(json!({"type": "join", "room": "lobby"}), "joined");
    let mut guest = Client::person(&server, "Cy", &[]);
    ann.catch_up();
    for frame in [json!({"type": "kick", "name": "Ann"}), json!({"type": "guests", "allowed": false})] {
        for client in [&mut bob, &mut guest] {
            client.catch_up();
            assert_eq!(client.ask(frame.clone(), "error")["code"], "not_allowed");
        }
    }
    for (frame, code) in [
        (json!({"type": "kick", "name": "Ann"}), "not_allowed"),
        (json!({"type": "ban", "name": "Nobody"}), "no_such_person"),
        (json!({"type": "mute", "name": "Cy", "minutes": 5}), "no_such_person"),
        (json!({"type": "mute", "name": "Bob"}), "bad_value"),
        (json!({"type": "mute", "name": "Bob", "minutes": 0}), "bad_value"),
    ] {
        assert_eq!(ann.ask(frame.clone(), "error")["code"], code, "{frame}");
    }
    let muted = ann.ask(json!({"type": "mute", "name": "Bob", "minutes": 5, "id": "m"}), "moderated");
    let error = bob.ask(json!({"type": "message", "text": "hi"}), "error");
    assert_eq!((&error["code"], &error["until_ms"]), (&json!("muted"), &muted["until_ms"]));
    ann.ask(json!({"type": "unmute", "name": "Bob"}), "moderated");
    bob.ask(json!({"type": "message", "text": "hi"}), "message");

    ann.ask(json!({"type": "kick", "name": "Cy"}), "moderated");
    assert_eq!(guest.await_close(), 3502);
    ann.ask(json!({"type": "ban", "name": "Bob"}), "moderated");
    assert_eq!(bob.await_close(), 3503);
    assert_eq!(refused(&mut Client::with_cookie(&server, bob_there.cookie()), "Bob"), "name_claimed");
    let response = Browser::default().sign_in(&server, "Bob", PASSWORD);
    assert_eq!((response.status, code(&response)), (403, "banned"));
    ann.catch_up();
    ann.ask(json!({"type": "unban", "name": "Bob"}), "moderated");
    assert_eq!(Browser::default().sign_in(&server, "Bob", PASSWORD).status, 200);
}

#[test]
fn a_message_is_its_senders_on_every_device_and_an_administrator_deletes_any() {
    fn ask(client: &mut Client, frame: &Value, kind: &str) -> Value {
        client.catch_up();
        client.ask(frame.clone(), kind)
    }
    let server = Server::start();
    let admin = Browser::account(&server, "Ann", PASSWORD);
    let (mut ann, _) = Client::signed_in(&server, admin.cookie(), "");
    let desk = Browser::account(&server, "Bob", PASSWORD);
    let (mut bob, welcome) = Client::signed_in(&server, desk.cookie(), "");
    let mut phone = Browser::default();
    assert_eq!(phone.sign_in(&server, "Bob", PASSWORD).status, 200);
    let (mut bob_out, _) = Client::signed_in(&server, phone.cookie(), "");
    let mut guest = Client::person(&server, "Cy", &["lobby"]);
    for client in [&mut ann, &mut bob, &mut bob_out] {
        ask(client, &json!({"type": "join", "room": "lobby"}), "joined");
    }
    let sent = ask(&mut bob, &json!({"type": "message", "text": "hi", "id": "1"}), "message");
    assert_eq!(sent["person"], welcome["person"]["id"]);
    let edit = json!({"type": "edit", "room": "lobby", "seq": 1, "text": "hello", "id": "2"});
    for client in [&mut guest, &mut ann] {
        assert_eq!(ask(client, &edit, "error")["code"], "not_yours");
    }
    let changed = ask(&mut bob_out, &edit, "changed");
    assert_eq!(
        (&changed["message"]["data"], &changed["message"]["person"]),
        (&json!("hello"), &sent["person"])
    );

    ask(&mut ann, &json!({"type": "mute", "name": "Bob", "minutes": 5, "id": "m"}), "moderated");
    let react = json!({"type": "react", "room": "lobby", "seq": 1, "emoji": "👍", "on": true});
    for frame in [edit, react] {
        assert_eq!(ask(&mut bob_out, &frame, "error")["code"], "muted", "{frame}");
    }
    let delete = json!({"type": "delete", "room": "lobby", "seq": 1, "id": "3"});
    assert_eq!(ask(&mut guest, &delete, "error")["code"], "not_yours");
    for _ in 0..2 {
        assert_eq!(ask(&mut ann, &delete, "changed")["message"]["deleted"], true, "asked twice, too");
    }
}

#[test]
fn a_server_that_is_closed_to_guests_lets_no_new_ones_in() {
    let server = Server::start();
    let admin = Browser::account(&server, "Ann", PASSWORD);
    let (mut ann, _) = Client::signed_in(&server, admin.cookie(), "");
    let known = Browser::guest(&server, "Bob");
    ann.catch_up();
    assert_eq!(ann.ask(json!({"type": "guests", "allowed": false}), "guests")["allowed"], false);
    let response = Browser::default().ask(&server, "POST", "/session", json!({"name": "Cy"}));
    assert_eq!((response.status, code(&response)), (403, "guests_closed"));
    assert_eq!(refused(&mut Client::v1(&server), "Cy"), "guests_closed");
    let mut plain = Client::plain(&server);
    assert_eq!(plain.ask(json!({"type": "message", "text": "hi"}), "error")["code"], "guests_closed");
    Client::signed_in(&server, known.cookie(), "");
    assert_eq!(Browser::default().sign_in(&server, "Ann", PASSWORD).status, 200);
    ann.catch_up();
    ann.ask(json!({"type": "guests", "allowed": true}), "guests");
    Client::person(&server, "Cy", &[]);
}
