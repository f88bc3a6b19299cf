//! One's devices can be signed out one by one, administrators give people another name, and invite guests where none may come.

use serde_json::{Value, json};

use crate::support::{Browser, Client, Response, Server, TempDirectory};

const PASSWORD: &str = "correct horse battery";

fn code(response: &Response) -> &str {
    response.body["code"].as_str().unwrap_or_else(|| panic!("no error: {response:?}"))
}

/// Ann's browser, who is the administrator, and her page.
fn administrator(server: &Server) -> (Browser, Client) {
    let admin = Browser::account(server, "Ann", PASSWORD);
    let (page, _) = Client::signed_in(server, admin.cookie(), "");
    (admin, page)
}

fn ask(client: &mut Client, frame: Value, kind: &str) -> Value {
    client.catch_up();
    client.ask(frame, kind)
}

fn number(session: &Value) -> u64 {
    session["number"].as_u64().expect("a number")
}

fn come(server: &Server, name: &str, invitation: &str) -> Response {
    Browser::default().ask(server, "POST", "/session", json!({"name": name, "invitation": invitation}))
}

#[test]
fn ones_devices_are_listed_and_each_is_signed_out_by_itself() {
    let server = Server::start();
    let mut here = Browser::account(&server, "Ann", PASSWORD);
    let mut phone = Browser::default();
    let fields = format!("Origin: http://{}\r\nUser-Agent: Phone/1.0\r\n", server.address());
    let body = json!({"name": "Ann", "password": PASSWORD}).to_string();
    assert_eq!(phone.ask_with(&server, "POST", "/session", &fields, &body).status, 200);
    let (mut page_here, _) = Client::signed_in(&server, here.cookie(), "");
    let (mut page_there, _) = Client::signed_in(&server, phone.cookie(), "");
    let list = here.ask(&server, "GET", "/sessions", Value::Null);
    assert_eq!((list.status, list.header("cache-control")), (200, Some("no-store")));
    let sessions = list.body["sessions"].as_array().expect("a list").clone();
    assert_eq!(
        sessions.iter().map(|one| one["current"].clone()).collect::<Vec<_>>(),
        [json!(false), json!(true)]
    );
    assert_eq!(sessions[0]["agent"], "Phone/1.0");
    for session in &sessions {
        assert!(session["used_ms"].as_u64() >= session["created_ms"].as_u64(), "{session}");
        assert!(session["created_ms"].as_u64() > Some(1_700_000_000_000), "{session}");
        assert!(
            session["agent"].is_string() && session.as_object().expect("an object").len() == 5,
            "{session}"
        );
    }
    let (there, own) = (number(&sessions[0]), number(&sessions[1]));
    page_there.catch_up();

    let ended = here.ask(&server, "DELETE", &format!("/sessions/{there}"), Value::Null);
    assert_eq!((ended.status, &ended.body["person"]["name"]), (200, &json!("Ann")));
    assert_eq!(page_there.await_close(), 3501);
    assert_eq!(phone.ask(&server, "GET", "/session", Value::Null).body, json!({"person": null}));
    page_here.catch_up();
    let left = here.ask(&server, "GET", "/sessions", Value::Null).body["sessions"].clone();
    assert_eq!(left.as_array().expect("a list").iter().map(number).collect::<Vec<_>>(), [own]);
    let ended = here.ask(&server, "DELETE", &format!("/sessions/{own}"), Value::Null);
    assert_eq!((ended.status, ended.body), (200, json!({"person": null})), "one's own, too");
    assert!(here.cookie.is_none());
    assert_eq!(page_here.await_close(), 3501);
}

#[test]
fn nobody_ends_the_sessions_of_others_or_those_that_there_are_not() {
    let server = Server::start();
    let mut here = Browser::account(&server, "Ann", PASSWORD);
    let (mut page, _) = Client::signed_in(&server, here.cookie(), "");
    let there = number(&here.ask(&server, "GET", "/sessions", Value::Null).body["sessions"][0]);
    let bob = Browser::account(&server, "Bob", PASSWORD);
    for (mut browser, number, status, expected) in [
        (bob.clone(), there.to_string(), 404, "no_such_session"),
        (here.clone(), "999999".to_owned(), 404, "no_such_session"),
        (here.clone(), "first".to_owned(), 400, "bad_value"),
        (Browser::default(), there.to_string(), 401, "not_signed_in"),
    ] {
        let response = browser.ask(&server, "DELETE", &format!("/sessions/{number}"), Value::Null);
        assert_eq!((response.status, code(&response)), (status, expected), "{number}");
    }
    let nobody = Browser::default().ask(&server, "GET", "/sessions", Value::Null);
    assert_eq!((nobody.status, code(&nobody)), (401, "not_signed_in"));
    let forged = here.clone().ask_with(
        &server,
        "DELETE",
        &format!("/sessions/{there}"),
        "Origin: https://evil.example\r\n",
        "",
    );
    assert_eq!(forged.status, 403);
    page.catch_up();
}

#[test]
fn who_is_renamed_by_an_administrator_is_called_so_everywhere_and_signs_in_so() {
    let directory = TempDirectory::new();
    let server = Server::on(directory.path(), [""; 0]);
    let (_admin, mut ann) = administrator(&server);
    let desk = Browser::account(&server, "Bob", PASSWORD);
    let (mut bob, welcome) = Client::signed_in(&server, desk.cookie(), "");
    let (mut bob_out, _) = Client::signed_in(&server, desk.cookie(), "");
    let mut cy = Client::person(&server, "Cy", &["lobby"]);
    let mut plain = Client::plain(&server);
    plain.ask(json!({"type": "connect", "text": "Plain"}), "connect");
    for client in [&mut bob, &mut bob_out] {
        ask(client, json!({"type": "join", "room": "lobby"}), "joined");
    }
    let rename = |to: &str| json!({"type": "rename_person", "name": "Bob", "to": to, "id": "1"});
    for client in [&mut bob, &mut cy] {
        assert_eq!(ask(client, rename("Bobby"), "error")["code"], "not_allowed");
    }
    for (frame, expected) in [
        (rename("Ann"), "name_claimed"),
        (rename("\u{0410}nn"), "name_taken"),
        (rename(" "), "bad_name"),
        (json!({"type": "rename_person", "name": "Nobody", "to": "X"}), "no_such_person"),
        (json!({"type": "rename_person", "name": "Bob"}), "bad_value"),
    ] {
        assert_eq!(ask(&mut ann, frame.clone(), "error")["code"], expected, "{frame}");
    }
    let answer = ask(&mut ann, rename("Bobby"), "moderated");
    assert_eq!(
        answer,
        json!({"type": "moderated", "id": "1", "act": "rename", "name": "Bob", "to": "Bobby"})
    );
    for client in [&mut bob, &mut bob_out] {
        let person = client.await_type("person")["person"].clone();
        assert_eq!((&person["id"], &person["name"]), (&welcome["person"]["id"], &json!("Bobby")));
    }
    cy.catch_up();
    let there = ask(&mut cy, json!({"type": "who", "room": "lobby"}), "who");
    assert_eq!(there["members"], json!(["Bobby", "Cy", "Plain"]));
    let said = ask(&mut bob, json!({"type": "message", "text": "hi"}), "message");
    assert_eq!(said["from"], "Bobby");
    assert_eq!(plain.await_type("message")["from"], "Bobby");
    assert_eq!(Browser::default().sign_in(&server, "Bob", PASSWORD).status, 401);
    assert_eq!(Browser::default().sign_in(&server, "Bobby", PASSWORD).status, 200);
    // By number, while they are not here; and back again.
    drop((bob, bob_out));
    let back = json!({"type": "rename_person", "person": welcome["person"]["id"], "to": "Bob"});
    assert_eq!(ask(&mut ann, back, "moderated")["name"], "Bobby");
    let (_, welcome) = Client::signed_in(&server, desk.cookie(), "");
    assert_eq!(welcome["name"], "Bob");
    server.stop();
}

#[test]
fn administrators_know_whether_guests_may_come_and_nobody_else_is_told() {
    let server = Server::start();
    let allowed = |allowed: bool| json!({"type": "guests", "allowed": allowed});
    let (mut admin, mut bob) = (Browser::guest(&server, "Ann"), Client::person(&server, "Bob", &[]));
    let (mut ann, _) = Client::signed_in(&server, admin.cookie(), "");
    admin.ask(&server, "POST", "/account", json!({"password": PASSWORD}));
    assert_eq!(ann.await_type("guests"), allowed(true), "when one becomes an administrator");
    let mut phone = Browser::default();
    phone.sign_in(&server, "Ann", PASSWORD);
    let come = || {
        let mut client = Client::with_cookie(&server, phone.cookie());
        client.ask(json!({"type": "connect", "text": ""}), "welcome");
        client
    };
    let mut elsewhere = come();
    assert_eq!(elsewhere.next(), allowed(true), "when one comes");
    ann.send(json!({"type": "guests", "allowed": false, "id": "close"}));
    assert_eq!(ann.await_type("guests"), json!({"type": "guests", "id": "close", "allowed": false}));
    assert_eq!(elsewhere.await_type("guests"), allowed(false), "when it is changed on another device");
    assert_eq!(come().next(), allowed(false), "when one comes back");
    assert!(bob.catch_up().iter().all(|frame| frame["type"] != "guests"));
}

#[test]
fn guests_who_are_invited_come_into_a_server_that_is_closed_to_guests() {
    let server = Server::start();
    let (_admin, mut ann) = administrator(&server);
    let mut guest = Client::person(&server, "Cy", &[]);
    for frame in [
        json!({"type": "invitation"}),
        json!({"type": "invitations"}),
        json!({"type": "revoke", "number": 1}),
    ] {
        assert_eq!(ask(&mut guest, frame.clone(), "error")["code"], "not_allowed", "{frame}");
    }
    for frame in [json!({"type": "invitation", "days": 366}), json!({"type": "invitation", "uses": 0})] {
        assert_eq!(ask(&mut ann, frame.clone(), "error")["code"], "bad_value", "{frame}");
    }
    let made = ask(&mut ann, json!({"type": "invitation", "days": 2, "uses": 2, "id": "i"}), "invitation");
    let invitation = made["invitation"].as_str().expect("a token").to_owned();
    let list = ask(&mut ann, json!({"type": "invitations"}), "invitations");
    let expected = json!({"number": made["number"], "by": "Ann", "until_ms": made["until_ms"], "uses": 2});
    assert_eq!(
        list,
        json!({"type": "invitations", "invitations": [expected]}),
        "its token is not told again"
    );
    // While guests may come nobody looks at it.
    for given in [invitation.as_str(), "anything"] {
        assert_eq!(come(&server, &format!("Early {}", given.len()), given).status, 200);
    }
    ask(&mut ann, json!({"type": "guests", "allowed": false}), "guests");
    let half = &invitation[..40];
    for wrong in [half, "", "ab", &"ab".repeat(32), &invitation.replace(|c: char| c.is_ascii_digit(), "g")] {
        let response = come(&server, "Dan", wrong);
        assert_eq!((response.status, code(&response)), (403, "bad_invitation"), "{wrong:?}");
        assert_eq!(response.header("set-cookie"), None);
    }
    assert_eq!(come(&server, "ann", &invitation).status, 409, "an imitation is no guest either");
    let mut dan = Browser::default();
    let body = json!({"name": "Dan", "invitation": invitation});
    assert_eq!(dan.ask(&server, "POST", "/session", body).body["person"]["role"], "guest");
    let (mut page, welcome) = Client::signed_in(&server, dan.cookie(), "");
    assert_eq!(welcome["name"], "Dan");
    ask(&mut page, json!({"type": "join", "room": "lobby"}), "joined");
    assert_eq!(come(&server, "Eve", &invitation).status, 200);
    assert_eq!(code(&come(&server, "Finn", &invitation)), "bad_invitation", "it is used up");
    let (_, welcome) = Client::signed_in(&server, dan.cookie(), "");
    assert_eq!(welcome["name"], "Dan", "who has come stays");

    let made = ask(&mut ann, json!({"type": "invitation"}), "invitation");
    let number = made["number"].clone();
    let revoked = ask(&mut ann, json!({"type": "revoke", "number": number, "id": "r"}), "revoked");
    assert_eq!(revoked, json!({"type": "revoked", "id": "r", "number": number}));
    assert_eq!(code(&come(&server, "Gil", made["invitation"].as_str().expect("a token"))), "bad_invitation");
    let list = ask(&mut ann, json!({"type": "invitations"}), "invitations");
    assert_eq!(list["invitations"], json!([]));
}

#[test]
fn who_comes_twice_by_one_invitation_takes_one_use_of_it() {
    let server = Server::start();
    let (_admin, mut ann) = administrator(&server);
    ask(&mut ann, json!({"type": "guests", "allowed": false}), "guests");
    let made = ask(&mut ann, json!({"type": "invitation", "uses": 3}), "invitation");
    let uses = |ann: &mut Client| {
        let list = ask(ann, json!({"type": "invitations"}), "invitations");
        list["invitations"][0]["uses"].as_u64().unwrap_or(0)
    };
    let body = json!({"name": "Dan", "invitation": made["invitation"]});
    let mut dan = Browser::default();
    assert_eq!(dan.ask(&server, "POST", "/session", body.clone()).status, 200);
    assert_eq!(uses(&mut ann), 2);
    let before = dan.cookie().to_owned();
    assert_eq!(dan.ask(&server, "POST", "/session", body.clone()).status, 200);
    assert_eq!(uses(&mut ann), 2, "he is in the place of the guest that he was");
    let mut old = Browser { cookie: Some(before) };
    assert_eq!(old.ask(&server, "GET", "/session", Value::Null).body["person"], Value::Null);
    // A cookie that is nobody's is nobody's place.
    assert_eq!(old.ask(&server, "POST", "/session", body.clone()).status, 200);
    assert_eq!(uses(&mut ann), 1);
    // Who is silenced does not become another one for nothing.
    ask(&mut ann, json!({"type": "mute", "name": "Dan", "minutes": 10}), "moderated");
    assert_eq!(dan.ask(&server, "POST", "/session", body.clone()).status, 200);
    assert_eq!(uses(&mut ann), 0);
    assert_eq!(
        dan.ask(&server, "POST", "/session", body.clone()).status,
        200,
        "it takes none of those that there are not"
    );
    assert_eq!(code(&Browser::default().ask(&server, "POST", "/session", body.clone())), "bad_invitation");
    // Nor does an account make guests out of nothing.
    assert_eq!(dan.ask(&server, "POST", "/account", json!({"password": "correct horse"})).status, 200);
    assert_eq!(code(&dan.ask(&server, "POST", "/session", body)), "bad_invitation");
    assert_eq!(
        dan.ask(&server, "GET", "/session", Value::Null).body["person"]["role"],
        "member",
        "and is as it was"
    );
}

#[test]
fn invitations_cannot_be_tried_for_long_and_are_not_in_the_database() {
    let directory = TempDirectory::new();
    let server = Server::on(directory.path(), ["--rate-limits", "1", "--trusted-proxy", "127.0.0.1"]);
    let (_admin, mut ann) = administrator(&server);
    ask(&mut ann, json!({"type": "guests", "allowed": false}), "guests");
    let made = ask(&mut ann, json!({"type": "invitation"}), "invitation");
    let invitation = made["invitation"].as_str().expect("a token").to_owned();
    let try_from = |address: &str, name: &str, invitation: &str| {
        let fields = format!("Origin: http://{}\r\nX-Forwarded-For: {address}\r\n", server.address());
        let body = json!({"name": name, "invitation": invitation}).to_string();
        Browser::default().ask_with(&server, "POST", "/session", &fields, &body)
    };
    let guess = "ab".repeat(32);
    let answers: Vec<_> = (0..7).map(|_| try_from("192.0.2.1", "Eve", &guess)).collect();
    let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    assert_eq!(statuses, [403, 403, 403, 403, 403, 429, 429]);
    assert!(answers[6].header("retry-after").is_some());
    assert_eq!(try_from("192.0.2.1", "Bob", &invitation).status, 429, "a right one is no exception");
    assert_eq!(try_from("192.0.2.2", "Bob", &invitation).status, 200, "others are not affected");
    let stored = std::fs::read_dir(directory.path()).expect("readable").filter_map(|file| {
        let path = file.expect("an entry").path();
        path.is_file().then(|| std::fs::read(path).expect("readable"))
    });
    let bytes: Vec<u8> = (0..32)
        .map(|at| u8::from_str_radix(&invitation[2 * at..2 * at + 2], 16).expect("hexadecimal digits"))
        .collect();
    for file in stored {
        let has = |needle: &[u8]| file.windows(needle.len()).any(|window| window == needle);
        assert!(!has(invitation.as_bytes()) && !has(&bytes));
    }
}
