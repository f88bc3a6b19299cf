//! Nobody is taken for somebody else.

use serde_json::json;

use crate::support::{Client, Server};

fn call_oneself(server: &Server, name: &str) -> String {
    let mut client = Client::v1(server);
    client.send(json!({"type": "connect", "text": name, "id": "1"}));
    let answer = loop {
        let frame = client.next();
        if frame["id"] == "1" {
            break frame;
        }
    };
    answer["code"].as_str().unwrap_or("welcome").to_owned()
}

#[test]
fn a_name_with_something_that_nobody_sees_is_refused() {
    let server = Server::start();
    let _ann = Client::person(&server, "Ann", &[]);
    for without_ink in [
        '\u{1D159}',
        '\u{13441}',
        '\u{13442}',
        '\u{16FE4}',
        '\u{2D7F}',
        '\u{1107F}',
        '\u{1039}',
        '\u{17D2}',
        '\u{0951}',
        '\u{1CD0}',
        '\u{0D4D}',
        '\u{FFFC}',
        '\u{3164}',
        '\u{2065}',
        '\u{0600}',
    ] {
        for name in [format!("Ann{without_ink}"), format!("A{without_ink}nn")] {
            assert_eq!(call_oneself(&server, &name), "bad_name", "{name:?}");
        }
    }
    assert_eq!(call_oneself(&server, "\u{1D159}\u{13441}"), "bad_name");
}

#[test]
fn a_title_with_something_that_nobody_sees_is_refused() {
    let server = Server::start();
    let mut ann = Client::person(&server, "Ann", &[]);
    for title in ["T\u{1D159}ea", "Lobby\u{13441}", "Lob\u{1CD0}by", "Tea\u{1039}"] {
        ann.send(json!({"type": "create", "room": title}));
        assert_eq!(ann.await_type("error")["code"], "bad_room", "{title:?}");
    }
}

#[test]
fn a_name_that_looks_like_that_of_somebody_is_taken() {
    let server = Server::start();
    for (name, imitations) in [
        ("Ann", &["Аnn", "ANN", "Ａｎｎ"][..]),
        ("O'Neil", &["O´Neil", "O’Neil", "O‘Neil"]),
        ("fred", &["ſred", "ꬵred", "ſRED"]),
        ("ivan", &["i\u{307}van"]),
    ] {
        let _original = Client::person(&server, name, &[]);
        for imitation in imitations {
            assert_eq!(call_oneself(&server, imitation), "name_taken", "{imitation:?} beside {name:?}");
        }
    }
}

#[test]
fn names_as_people_write_them_are_welcome() {
    let server = Server::start();
    for name in [
        "Nguyễn Thị Hồng",
        "नरेन्द्र मोदी",
        "สมชาย ใจดี",
        "محمّد بن سلمان",
        "דָּוִד בֶּן־גּוּרִיּוֹן",
        "သန္တာ မြတ်နိုး",
        "មករា ចន្ទ្រា",
        "李雷 Leo",
        "Sørina-Zoë d’Œuvre",
    ] {
        assert_eq!(call_oneself(&server, name), "welcome", "{name}");
    }
}
