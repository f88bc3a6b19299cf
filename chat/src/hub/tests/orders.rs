//! What administrators ask for: another name for somebody, and invitations.

use std::net::IpAddr;

use super::conversations::world;
use super::unstored::spoil;
use super::*;
use crate::account::call::{Answer, Call};
use crate::account::{Token, TokenHash};

fn token() -> TokenHash {
    Token::random().expect("random").hash()
}

impl World {
    /// Whoever is at a connection has the first account.
    fn crown(&mut self, conn: u64) {
        let login = self.session(conn).login.expect("a session");
        let made = self.hub.writer.set_password(login, (None, "a hash"), &token(), now_ms());
        made.expect("stored").expect("no obstacle");
    }

    fn call(&mut self, call: Call) -> Answer {
        run(self.hub.called(1, &call.encode(7)));
        let bytes = self.clients.0.borrow_mut().answers.pop().expect("an answer");
        Answer::decode(&bytes).expect("readable").1
    }

    fn come_invited(&mut self, token: TokenHash, name: &str, invitation: Option<TokenHash>) -> Answer {
        let address = Some(IpAddr::from([192, 0, 2, 1]));
        self.call(Call::Enter {
            name: name.into(),
            agent: String::new(),
            token,
            replaces: None,
            address,
            invitation,
        })
    }

    /// What the administrator is shown of invitations: their numbers, and the uses that are left.
    fn holding(&mut self) -> Vec<(u64, u64)> {
        let list = self.answer(1, json!({"type": "invitations"})).remove(0);
        let list = list["invitations"].as_array().expect("a list").clone();
        let number = |one: &Value, key: &str| one[key].as_u64().expect("a number");
        list.iter().map(|one| (number(one, "number"), number(one, "uses"))).collect()
    }

    /// Whom the database has, by number.
    fn name_of_person(&self, person: i64) -> String {
        self.hub.writer.identity(person).expect("read").expect("there").name
    }
}

fn refused(answer: &Answer) -> &str {
    match answer {
        Answer::Refused { body, .. } => {
            let start = body.find("\"code\":\"").expect("a code") + 8;
            body[start..].split('"').next().expect("a code")
        }
        other => panic!("no refusal: {other:?}"),
    }
}

/// Ann, who is the administrator, at 1 and 2, Bob at 3 and 6 and Eve at 4, in the lobby; Ann and Bob have a conversation.
fn court() -> (World, [i64; 3], String) {
    let (mut world, people) = world();
    world.crown(1);
    let bob = world.session(3).login.expect("a session");
    world.page(6, bob, &["lobby"]);
    for conn in [1, 3, 4] {
        world.ask(conn, json!({"type": "join", "room": "lobby"}));
    }
    let direct = world.direct(1, &[people[1]]);
    world.ask(1, json!({"type": "join", "room": direct}));
    world.ask(1, say(&direct, "hello"));
    world.forget();
    (world, people, direct)
}

fn rename(whom: (&str, Value), to: &str) -> Value {
    json!({"type": "rename_person", whom.0: whom.1, "to": to, "id": "r"})
}

#[test]
fn somebody_is_renamed_for_everybody() {
    let (mut world, [_, bob, _], direct) = court();
    world.ask(1, rename(("name", json!("Bob")), "Bobby"));
    let answer = json!({"type": "moderated", "id": "r", "act": "rename", "name": "Bob", "to": "Bobby"});
    assert!(world.received(1).contains(&answer));
    let (eve, own) = (world.received(4), world.received(3));
    let notices = [
        json!({"type": "leave", "room": "lobby", "from": "Bob", "members": 4}),
        json!({"type": "join", "room": "lobby", "from": "Bobby", "members": 5}),
    ];
    assert!(notices.iter().all(|notice| eve.iter().filter(|told| *told == notice).count() == 1), "{eve:?}");
    for told in [&own, &world.received(6)] {
        let person = told.iter().find(|frame| frame["type"] == "person").expect("they are told themselves");
        assert_eq!((&person["person"]["id"], &person["person"]["name"]), (&json!(bob), &json!("Bobby")));
    }
    let names = |world: &mut World, conn| {
        let listed = world.listed(conn, &direct).expect("listed");
        each(listed["people"].as_array().expect("people"), "name")
    };
    assert_eq!(names(&mut world, 2), ["Ann", "Bobby"]);
    assert_eq!(world.who(4, "lobby"), json!(["Ann", "Bobby", "Cy", "Eve"]));
    assert_eq!(world.answer(3, say("lobby", "hi"))[0]["from"], "Bobby");
    assert_eq!((world.session(3).name.as_str(), world.session(6).name.as_str()), ("Bobby", "Bobby"));
    world.replace_hub();
    assert_eq!(world.answer(6, say("lobby", "ho"))[0]["from"], "Bobby");
}

#[test]
fn who_shares_a_conversation_with_somebody_who_is_not_here_is_told_of_their_new_name() {
    let (mut world, [_, bob, _], direct) = court();
    world.close(3);
    world.close(6);
    world.forget();
    world.ask(1, rename(("person", json!(bob)), "Bobby"));
    assert_eq!(world.name_of_person(bob), "Bobby");
    let told = world.received(2);
    let room = told.iter().find(|frame| frame["room"] == *direct).expect("told");
    assert_eq!(each(room["people"].as_array().expect("people"), "name"), ["Ann", "Bobby"]);
}

#[test]
fn nobody_is_renamed_to_what_they_could_not_call_themselves_nor_any_other_administrator() {
    let (mut world, [ann, bob, eve], _) = court();
    let eve_login = world.session(4).login.expect("a session");
    world.hub.writer.set_password(eve_login, (None, "x"), &token(), now_ms()).expect("stored").expect("made");
    for (request, code) in [
        (rename(("name", json!("Nobody")), "Some"), "no_such_person"),
        (rename(("name", json!("Cy")), "Some"), "no_such_person"),
        (rename(("person", json!(bob)), "Eve"), "name_claimed"),
        (rename(("person", json!(bob)), "EVE"), "name_taken"),
        (rename(("person", json!(bob)), "CY"), "name_taken"),
    ] {
        assert_eq!(world.refusal(1, request.clone()), code, "{request}");
    }
    assert_eq!(world.refusal(3, rename(("person", json!(eve)), "Evelyn")), "not_allowed");
    world
        .hub
        .writer
        .connection()
        .execute("UPDATE people SET role = 'admin' WHERE id = ?1", [eve])
        .expect("crowned");
    assert_eq!(world.refusal(1, rename(("person", json!(eve)), "Evelyn")), "not_allowed");
    world.ask(1, rename(("person", json!(ann)), "Anna"));
    assert_eq!(world.name_of_person(ann), "Anna", "oneself");
    assert_eq!(world.session(2).name, "Anna");
    // Of several guests the one who is here is meant.
    let away = world.guest("Bob");
    world.ask(1, rename(("name", json!("Bob")), "Bobby"));
    assert_eq!(
        (world.name_of_person(bob).as_str(), world.name_of_person(away.person).as_str()),
        ("Bobby", "Bob")
    );
    let acts: Vec<String> = {
        let connection = world.hub.writer.connection();
        let mut find =
            connection.prepare("SELECT act || ' ' || subject FROM audit ORDER BY id").expect("legal");
        let rows = find.query_map([], |row| row.get(0)).expect("read");
        rows.collect::<Result<_, _>>().expect("read")
    };
    assert_eq!(acts, ["rename Ann", "renamed Anna", "rename Bob", "renamed Bobby"]);
}

#[test]
fn a_hub_that_dies_while_it_renames_somebody_leaves_nobody_with_the_old_name() {
    let mut alive = 0;
    for commands in 0.. {
        let (mut world, [_, bob, _], direct) = court();
        let before = world.clients.0.borrow().carried_out;
        let batch = vec![world.asked(1, &rename(("name", json!("Bob")), "Bobby"))];
        world.kill_during(commands, batch, vec![]);
        let done = world.clients.0.borrow().carried_out - before;
        let told = world.received(1);
        let answers: Vec<_> = told.iter().filter(|frame| frame["id"] == "r").collect();
        assert!(
            !answers.is_empty() && answers.iter().all(|answer| answer["act"] == "rename"),
            "{commands}: {told:?}"
        );
        assert!(answers.iter().all(|answer| answer["name"] == "Bob" && answer["to"] == "Bobby"));
        assert_eq!(world.name_of_person(bob), "Bobby", "{commands}");
        assert_eq!((world.session(3).name.as_str(), world.session(6).name.as_str()), ("Bobby", "Bobby"));
        let eve = world.received(4);
        let tells =
            |kind: &str, name: &str| eve.iter().any(|frame| frame["type"] == kind && frame["from"] == name);
        assert!(tells("join", "Bobby") && tells("leave", "Bob"), "{commands}: {eve:?}");
        for conn in [3, 6] {
            assert!(world.received(conn).iter().any(|frame| frame["type"] == "person"), "{commands}");
        }
        assert!(world.received(2).iter().any(|frame| frame["room"] == *direct), "{commands}");
        assert_eq!(world.who(4, "lobby"), json!(["Ann", "Bobby", "Cy", "Eve"]), "{commands}");
        if done < commands {
            break;
        }
        alive = commands;
    }
    assert!(alive >= 8, "{alive}");
}

/// Ann, who has an account, takes the name that Cy, and a guest at 7, have.
fn takes_a_name() -> [Value; 2] {
    [rename(("name", json!("Ann")), "Cy"), json!({"type": "connect", "text": "Cy"})]
}

#[test]
fn who_has_the_name_that_an_account_takes_has_to_go_wherever_the_hub_dies() {
    for frame in takes_a_name() {
        for commands in 0..40 {
            let (mut world, ..) = court();
            world.newcomer(7, "Cy");
            let batch = vec![world.asked(1, &frame)];
            world.kill_during(commands, batch, vec![]);
            let open = world.clients.0.borrow().sessions.keys().copied().collect::<Vec<_>>();
            assert_eq!(open, [1, 2, 3, 4, 6], "{frame} {commands}");
            assert_eq!(world.session(2).name, "Cy");
        }
    }
}

#[test]
fn nobody_has_to_go_for_a_name_that_is_not_stored_or_that_a_guest_takes() {
    for frame in takes_a_name() {
        let (mut world, ..) = court();
        spoil(&mut world);
        let batch = vec![world.asked(1, &frame), world.asked(2, &say("lobby", "hi"))];
        world.handle(batch);
        assert!(world.clients.0.borrow().sessions.contains_key(&5), "{frame}");
    }
    let (mut world, ..) = court();
    world.ask(3, json!({"type": "connect", "text": "Cy"}));
    assert_eq!(world.session(6).name, "Cy");
    assert!(world.clients.0.borrow().sessions.contains_key(&5), "guests may have one name");
}

#[test]
fn an_invitation_lets_in_as_many_as_it_says_while_guests_may_not_come() {
    let (mut world, _, _) = court();
    assert_eq!(world.refusal(3, json!({"type": "invitation"})), "not_allowed");
    assert_eq!(world.refusal(3, json!({"type": "invitations"})), "not_allowed");
    assert_eq!(world.refusal(3, json!({"type": "revoke", "number": 1})), "not_allowed");
    let made = world.answer(1, json!({"type": "invitation", "uses": 2, "days": 1, "id": "i"})).remove(0);
    assert_eq!((&made["id"], &made["number"], &made["uses"]), (&json!("i"), &json!(1), &json!(2)));
    let until = made["until_ms"].as_u64().expect("a time");
    assert!(until > now_ms() && until <= now_ms() + 24 * 3_600_000);
    let shown = Token::parse(made["invitation"].as_str().expect("a token")).expect("a token").hash();
    // While guests may come it is not needed, and not used.
    assert!(matches!(world.come_invited(token(), "Dan", Some(shown)), Answer::Somebody(_)));
    assert_eq!(world.holding(), [(1, 2)]);
    world.ask(1, json!({"type": "guests", "allowed": false}));
    assert_eq!(refused(&world.come_invited(token(), "Finn", None)), "guests_closed");
    assert_eq!(refused(&world.come_invited(token(), "Finn", Some(token()))), "bad_invitation");
    assert_eq!(refused(&world.come_invited(token(), "Ann", Some(shown))), "name_claimed");
    assert_eq!(world.holding(), [(1, 2)], "who does not come in uses none");
    let cookie = token();
    for _ in 0..2 {
        assert!(
            matches!(world.come_invited(cookie, "Finn", Some(shown)), Answer::Somebody(_)),
            "asked again"
        );
    }
    assert_eq!(world.holding(), [(1, 1)]);
    assert!(matches!(world.come_invited(token(), "Gil", Some(shown)), Answer::Somebody(_)));
    assert_eq!(refused(&world.come_invited(token(), "Hal", Some(shown))), "bad_invitation");
    assert_eq!(world.holding(), []);
    // Who has come by it stays.
    let login = world.hub.writer.find_login(&cookie, now_ms()).expect("read").expect("there");
    let welcome = world.page(9, login, &["lobby"]);
    assert_eq!(welcome["name"], "Finn");
}

#[test]
fn an_invitation_ends_by_time_or_by_hand_and_there_are_not_too_many() {
    let (mut world, _, _) = court();
    world.ask(1, json!({"type": "guests", "allowed": false}));
    let invite = |world: &mut World| {
        let made = world.answer(1, json!({"type": "invitation"})).remove(0);
        let token = made["invitation"].as_str().unwrap_or_else(|| panic!("{made}"));
        (made["number"].as_u64().expect("a number"), Token::parse(token).expect("a token").hash())
    };
    let (first, by_hand) = invite(&mut world);
    let (second, by_time) = invite(&mut world);
    for _ in 0..2 {
        let answer = world.answer(1, json!({"type": "revoke", "number": first, "id": "x"}));
        assert_eq!(answer, [json!({"type": "revoked", "id": "x", "number": first})], "asked twice, too");
    }
    let connection = world.hub.writer.connection();
    connection
        .execute("UPDATE invitations SET until_ms = 1 WHERE id = ?1", [second.cast_signed()])
        .expect("changed");
    for invitation in [by_hand, by_time] {
        assert_eq!(refused(&world.come_invited(token(), "Dan", Some(invitation))), "bad_invitation");
    }
    assert_eq!(world.holding(), []);
    for _ in 0..crate::limits::INVITATIONS_MAX {
        invite(&mut world);
    }
    assert_eq!(world.refusal(1, json!({"type": "invitation"})), "too_many_invitations");
    let list = world.answer(1, json!({"type": "invitations"})).remove(0);
    assert_eq!(list["invitations"][0]["by"], "Ann");
    let last = list["invitations"][0]["number"].clone();
    world.ask(1, json!({"type": "revoke", "number": last}));
    invite(&mut world);
    let kept: i64 = world
        .hub
        .writer
        .connection()
        .query_row("SELECT count(*) FROM invitations", [], |row| row.get(0))
        .expect("counted");
    assert_eq!(kept, crate::limits::INVITATIONS_MAX as i64, "those that have ended are forgotten");
}

#[test]
fn a_hub_that_dies_makes_no_second_invitation_and_tells_the_same_token() {
    let (mut world, _, _) = court();
    let invitation = json!({"type": "invitation", "id": "i"});
    for commands in [0, 1] {
        world.forget();
        let batch = vec![world.asked(1, &invitation)];
        world.kill_during(commands, batch, vec![]);
        let told = world.received(1);
        assert_eq!(told.len(), 1 + commands, "{told:?}");
        assert!(told.iter().all(|answer| answer == &told[0]), "the same: {told:?}");
        assert_eq!(world.holding().len(), 1 + commands);
    }
}

#[test]
fn one_of_ones_own_sessions_ends_and_nobody_elses() {
    let (mut world, [_, bob, _], _) = court();
    let (mine, other) = (token(), token());
    let writer = &mut world.hub.writer;
    for (token, name) in [(&mine, "Zoe"), (&other, "Yan")] {
        let session = crate::store::NewSession { token, agent: "Firefox", now_ms: now_ms() };
        writer.add_guest(name, session, None).expect("stored").expect("no obstacle");
    }
    let find = |world: &World, token| world.hub.writer.find_login(token, now_ms()).expect("read");
    let login = find(&world, &mine).expect("there");
    for session in
        [find(&world, &other).expect("there").session, world.session(3).login.expect("one").session, 999]
    {
        assert_eq!(refused(&world.call(Call::EndSession { token: mine, session })), "no_such_session");
    }
    assert!(world.clients.0.borrow().sessions.contains_key(&3), "{bob}");
    assert_eq!(world.call(Call::EndSession { token: mine, session: login.session }), Answer::Done);
    assert_eq!(find(&world, &mine), None);
    assert_eq!(refused(&world.call(Call::EndSession { token: mine, session: 1 })), "not_signed_in");
}
