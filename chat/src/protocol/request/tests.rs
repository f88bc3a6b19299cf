use super::*;

fn code(frame: &str) -> Code {
    Envelope::parse(frame).expect_err(frame).code
}

fn request(frame: &str) -> Request {
    Envelope::parse(frame).expect(frame).request
}

#[test]
fn every_request_is_read() {
    let connect =
        |client: Option<&str>| Request::Connect { name: Some("Ann".into()), client: client.map(Into::into) };
    assert_eq!(request(r#"{"type":"connect","text":" Ann "}"#), connect(None));
    assert_eq!(request(r#"{"type":"connect","text":"Ann","client":"k"}"#), connect(Some("k")));
    let message = |room: &str| Request::Message { room: room.into(), text: " hi\n".into(), reply_to: None };
    assert_eq!(request(r#"{"type":"message","text":" hi\n"}"#), message(LOBBY));
    assert_eq!(request(r#"{"type":"message","text":" hi\n","room":"tea"}"#), message("tea"));
    assert_eq!(request(r#"{"type":"join","room":"tea"}"#), Request::Join { room: "tea".into() });
    assert_eq!(request(r#"{"type":"leave","room":"tea"}"#), Request::Leave { room: "tea".into() });
    assert_eq!(
        request(r#"{"type":"create","room":" Tea time "}"#),
        Request::Create {
            title: "Tea time".into(),
            key: "tea-time".into(),
            topic: String::new(),
            is_private: false
        }
    );
    assert_eq!(request(r#"{"type":"rooms"}"#), Request::Rooms);
    assert_eq!(request(r#"{"type":"who","room":"tea"}"#), Request::Who { room: "tea".into() });
}

#[test]
fn history_has_a_page_by_default_and_never_more() {
    let history = |place, limit| Request::History { room: "tea".into(), place, limit };
    let last = PagePosition::Before(u64::MAX);
    assert_eq!(request(r#"{"type":"history","room":"tea"}"#), history(last, 50));
    assert_eq!(
        request(r#"{"type":"history","room":"tea","before":12,"limit":3}"#),
        history(PagePosition::Before(12), 3)
    );
    assert_eq!(
        request(r#"{"type":"history","room":"tea","before":0,"limit":1000000}"#),
        history(PagePosition::Before(0), 50)
    );
    assert_eq!(
        request(r#"{"type":"history","room":"tea","after":12}"#),
        history(PagePosition::After(12), 50)
    );
    assert_eq!(
        request(r#"{"type":"history","room":"tea","at":9,"limit":5}"#),
        history(PagePosition::At(9), 5)
    );
    assert_eq!(code(r#"{"type":"history","room":"tea","limit":0}"#), Code::BadValue);
    assert_eq!(code(r#"{"type":"history","room":"tea","before":5,"after":3}"#), Code::BadValue);
}

#[test]
fn a_search_says_what_is_wrong_with_it() {
    let Request::Search(search) = request(
        r#"{"type":"search","text":"茶 yesterday","room":"tea","from":"李雷","after":1,"before":2,"limit":3,"cursor":"41.tea"}"#,
    ) else {
        panic!("a search")
    };
    assert_eq!((search.room.as_deref(), search.from.as_deref()), (Some("tea"), Some("李雷")));
    assert_eq!((search.after, search.before, search.limit), (Some(1), Some(2), 3));
    assert_eq!(search.cursor, Some(Cursor { seq: 41, room: "tea".into() }));
    assert_eq!(search.cursor.as_ref().map(Cursor::to_text).as_deref(), Some("41.tea"));
    let Request::Search(search) = request(r#"{"type":"search","text":" ","room":"tea"}"#) else {
        panic!("a search")
    };
    assert!(search.query.is_empty() && search.limit == 20);
    let long = format!(r#"{{"type":"search","text":"{}"}}"#, "x ".repeat(101));
    let many = format!(r#"{{"type":"search","text":"{}"}}"#, "x ".repeat(65));
    for (frame, expected, word) in [
        (r#"{"type":"search"}"#, Code::BadValue, "text"),
        (r#"{"type":"search","text":" "}"#, Code::EmptyText, "text"),
        (r#"{"type":"search","text":"!? ,"}"#, Code::BadValue, "word"),
        (r#"{"type":"search","text":"?","room":"tea"}"#, Code::BadValue, "word"),
        (r#"{"type":"search","text":"x","from":""}"#, Code::BadValue, "from"),
        (r#"{"type":"search","text":"x","from":7}"#, Code::BadValue, "from"),
        (r#"{"type":"search","text":"x","after":"yesterday"}"#, Code::BadValue, "after"),
        (r#"{"type":"search","text":"x","limit":0}"#, Code::BadValue, "limit"),
        (r#"{"type":"search","text":"x","cursor":"nonsense"}"#, Code::BadValue, "cursor"),
        (r#"{"type":"search","text":"x","cursor":7}"#, Code::BadValue, "cursor"),
        (&long, Code::TextTooLong, "200"),
        (&many, Code::BadValue, "64"),
    ] {
        let refusal = Envelope::parse(frame).expect_err(frame);
        assert_eq!(refusal.code, expected, "{frame}: {}", refusal.sentence);
        assert!(refusal.sentence.contains(word), "{frame}: {}", refusal.sentence);
    }
}

fn known(seq: u64) -> Known {
    Known { seq, change: None }
}

#[test]
fn resume_keeps_the_order_of_the_frame() {
    assert_eq!(
        request(r#"{"type":"resume","rooms":{"tea":3,"lobby":41,"tea":4}}"#),
        Request::Resume { rooms: vec![("tea".into(), known(4)), ("lobby".into(), known(41))] }
    );
    let rooms = |count| (0..count).map(|n| format!("\"r{n}\":1")).collect::<Vec<_>>().join(",");
    assert!(Envelope::parse(&format!(r#"{{"type":"resume","rooms":{{{}}}}}"#, rooms(50))).is_ok());
    assert_eq!(code(&format!(r#"{{"type":"resume","rooms":{{{}}}}}"#, rooms(51))), Code::TooManyRooms);
}

#[test]
fn resume_takes_the_last_change_of_a_room_too() {
    assert_eq!(
        request(r#"{"type":"resume","rooms":{"tea":{"change":12,"seq":41,"more":[]},"lobby":{"seq":1}}}"#),
        Request::Resume {
            rooms: vec![("tea".into(), Known { seq: 41, change: Some(12) }), ("lobby".into(), known(1))]
        }
    );
    for value in ["{}", r#"{"change":1}"#, r#"{"seq":-1}"#, r#"{"seq":1,"change":"2"}"#, "true", "[]"] {
        assert_eq!(
            code(&format!(r#"{{"type":"resume","rooms":{{"tea":{value}}}}}"#)),
            Code::BadValue,
            "{value}"
        );
    }
}

#[test]
fn what_is_to_happen_to_a_message_is_checked() {
    assert_eq!(
        request(r#"{"type":"react","room":"tea","seq":7,"emoji":"❤","on":true}"#),
        Request::React { room: "tea".into(), seq: 7, emoji: "❤️".into(), on: true }
    );
    assert_eq!(
        request(r#"{"type":"message","room":"tea","text":"yes","reply_to":7}"#),
        Request::Message { room: "tea".into(), text: "yes".into(), reply_to: Some(7) }
    );
    for frame in [
        r#"{"type":"react","room":"tea","seq":7,"emoji":"ok","on":true}"#,
        r#"{"type":"react","room":"tea","seq":7,"emoji":"👍","on":1}"#,
        r#"{"type":"react","room":"tea","seq":7,"emoji":"👍"}"#,
        r#"{"type":"edit","room":"tea","text":"x"}"#,
        r#"{"type":"edit","seq":1,"text":"x"}"#,
        r#"{"type":"delete","room":"tea","seq":"1"}"#,
        r#"{"type":"message","text":"x","reply_to":"1"}"#,
    ] {
        assert_eq!(code(frame), Code::BadValue, "{frame}");
    }
    assert_eq!(code(r#"{"type":"edit","room":"tea","seq":1,"text":" "}"#), Code::EmptyText);
}

#[test]
fn what_is_no_object_is_bad_json() {
    for frame in
        ["", "hi", "{", "[]", "[1,2]", "\"a\"", "1", "null", "{}{}", "{\"type\":\"rooms\"}x", "{'type':1}"]
    {
        assert_eq!(code(frame), Code::BadJson, "{frame}");
    }
}

#[test]
fn wrong_values_are_named() {
    for (frame, key) in [
        (r#"{"type":5}"#, "type"),
        (r#"{"type":null}"#, "type"),
        (r#"{"type":"message"}"#, "text"),
        (r#"{"type":"message","text":5}"#, "text"),
        (r#"{"type":"message","text":null}"#, "text"),
        (r#"{"type":"message","text":["hi"]}"#, "text"),
        (r#"{"type":"message","text":{"a":1}}"#, "text"),
        (r#"{"type":"message","text":"hi","room":7}"#, "room"),
        (r#"{"type":"message","text":"hi","room":null}"#, "room"),
        (r#"{"type":"connect"}"#, "text"),
        (r#"{"type":"connect","text":true}"#, "text"),
        (r#"{"type":"connect","text":"Ann","client":1}"#, "client"),
        (r#"{"type":"connect","text":"Ann","client":""}"#, "client"),
        (r#"{"type":"join"}"#, "room"),
        (r#"{"type":"history","room":"x","before":-1}"#, "before"),
        (r#"{"type":"history","room":"x","before":1.5}"#, "before"),
        (r#"{"type":"history","room":"x","before":18446744073709551615}"#, "before"),
        (r#"{"type":"history","room":"x","limit":"5"}"#, "limit"),
        (r#"{"type":"resume"}"#, "rooms"),
        (r#"{"type":"resume","rooms":[1]}"#, "rooms"),
        (r#"{"type":"resume","rooms":{"tea":"1"}}"#, "rooms.tea"),
        (r#"{"type":"rooms","id":5}"#, "id"),
        (r#"{"type":"rooms","id":""}"#, "id"),
    ] {
        let refusal = Envelope::parse(frame).expect_err(frame);
        assert_eq!(refusal.code, Code::BadValue, "{frame}");
        assert!(refusal.sentence.contains(&format!("`{key}`")), "{frame}: {}", refusal.sentence);
    }
    assert_eq!(code(&format!(r#"{{"type":"rooms","id":"{}"}}"#, "x".repeat(65))), Code::BadValue);
}

#[test]
fn each_refusal_has_its_code_and_the_id_of_the_frame() {
    for (frame, expected) in [
        ("{}", Code::NoType),
        (r#"{"text":"hi"}"#, Code::NoType),
        (r#"{"type":"dance"}"#, Code::UnknownType),
        (r#"{"type":"message","text":" \n\u200b"}"#, Code::EmptyText),
        (r#"{"type":"connect","text":"  "}"#, Code::BadName),
        (r#"{"type":"connect","text":"a\u202eb"}"#, Code::BadName),
        (r#"{"type":"create","room":" "}"#, Code::BadRoom),
    ] {
        assert_eq!(code(frame), expected, "{frame}");
    }
    assert_eq!(code(&format!(r#"{{"type":"connect","text":"{}"}}"#, "李".repeat(33))), Code::NameTooLong);
    assert_eq!(code(&format!(r#"{{"type":"create","room":"{}"}}"#, "x".repeat(49))), Code::BadRoom);
    let refusal = Envelope::parse(r#"{"id":"7","type":"message","text":""}"#).expect_err("empty");
    assert_eq!((refusal.code, refusal.id.as_deref()), (Code::EmptyText, Some("7")));
}

#[test]
fn a_text_is_counted_in_scalar_values() {
    let longest = format!(r#"{{"type":"message","text":"{}"}}"#, "👋".repeat(4000));
    assert!(Envelope::parse(&longest).is_ok());
    let longer = format!(r#"{{"type":"message","text":"{}"}}"#, "x".repeat(4001));
    assert_eq!(code(&longer), Code::TextTooLong);
    let escaped = format!(r#"{{"type":"message","text":"{}"}}"#, "\\ud83d\\udc4b".repeat(4000));
    assert!(escaped.len() < crate::limits::FRAME_BYTES_MAX);
    assert!(Envelope::parse(&escaped).is_ok());
}

#[test]
fn nesting_and_unknown_keys_are_harmless() {
    let deep = |open: &str, close: &str| {
        format!(r#"{{"x":{}1{},"type":"rooms"}}"#, open.repeat(30_000), close.repeat(30_000))
    };
    assert!(matches!(Envelope::parse(&deep("[", "]")), Ok(_) | Err(Refusal { code: Code::BadJson, .. })));
    assert!(matches!(
        Envelope::parse(&deep("{\"a\":", "}")),
        Ok(_) | Err(Refusal { code: Code::BadJson, .. })
    ));
    let deep_room = format!(r#"{{"type":"join","room":{}}}"#, "[".repeat(50_000));
    assert_eq!(code(&deep_room), Code::BadJson);
    assert_eq!(request(r#"{"a":[{"b":null}],"type":"rooms","type":"rooms"}"#), Request::Rooms);
}

#[test]
fn only_the_smallest_protocol_is_for_plain_clients() {
    assert!(!request(r#"{"type":"connect","text":"Ann"}"#).is_v1_only());
    assert!(!request(r#"{"type":"message","text":"hi"}"#).is_v1_only());
    assert!(request(r#"{"type":"rooms"}"#).is_v1_only());
}
