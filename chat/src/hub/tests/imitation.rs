//! Nobody is taken for somebody else.

use super::*;

fn connect(name: &str) -> Value {
    json!({"type": "connect", "text": name, "id": "c"})
}

#[test]
fn a_name_that_looks_like_one_in_use_is_refused_and_says_which() {
    let mut world = World::new();
    world.person(1, "Ann", &["lobby"]);
    world.v1(2);
    for imitation in ["Аnn", "ann", "ANN", "Ａｎｎ"] {
        let answer = world.answer(2, connect(imitation));
        assert_eq!(answer.len(), 1, "{answer:?}");
        assert_eq!(
            (&answer[0]["code"], &answer[0]["name"], &answer[0]["id"]),
            (&json!("name_taken"), &json!("Ann"), &json!("c")),
            "{imitation}"
        );
    }
    assert_eq!(world.who(1, "lobby"), json!(["Ann"]));
    // The same person on another device, and somebody else.
    assert_eq!(world.answer(2, connect("Ann"))[0]["type"], "welcome");
    assert_eq!(world.answer(2, connect("Anna"))[0]["type"], "welcome");
    // Plain clients, too.
    world.plain(3);
    assert_eq!(world.refusal(3, connect("аnna")), "name_taken");
}

#[test]
fn who_was_here_before_is_not_imitated_either() {
    let mut world = World::new();
    world.person(1, "李雷", &["lobby"]);
    world.person(2, "Ivan", &["lobby"]);
    world.close(1);
    world.close(2);
    world.hub = hub_on(&world.directory, &world.clients);
    world.v1(3);
    assert_eq!(world.refusal(3, connect("lvan")), "name_taken");
    assert_eq!(world.answer(3, connect("李磊"))[0]["type"], "welcome");
    assert_eq!(world.answer(3, connect("Ivan"))[0]["type"], "welcome");
}

#[test]
fn the_own_name_may_be_written_in_another_way() {
    let mut world = World::new();
    world.person(1, "ann", &["lobby"]);
    assert_eq!(world.answer(1, connect("Ann"))[0]["type"], "welcome");
    // Both are in the register from now on: whoever was called so may come back.
    world.v1(2);
    for name in ["ann", "Ann"] {
        assert_eq!(world.answer(2, connect(name))[0]["type"], "welcome");
    }
    assert_eq!(world.refusal(2, connect("Аnn")), "name_taken");
}

#[test]
fn a_room_that_looks_like_another_one_is_that_one() {
    let mut world = World::new();
    world.person(1, "Ann", &["lobby"]);
    let create = |title: &str| json!({"type": "create", "room": title});
    assert_eq!(world.answer(1, create("Tea time"))[0]["type"], "created");
    for (imitation, key) in [("Lоbby", "lobby"), ("Теа time", "tea-time"), ("L0BBY", "lobby")] {
        let answer = world.answer(1, create(imitation));
        assert_eq!(
            (&answer[0]["code"], &answer[0]["room"]),
            (&json!("room_exists"), &json!(key)),
            "{imitation}"
        );
    }
}
