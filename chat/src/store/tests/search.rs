//! What is found, by whom, and what it costs.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::*;
use crate::limits::PRIVATE_ROOMS_SEARCHED_MAX;
use crate::protocol::event::Hits;
use crate::protocol::request::{Cursor, Search};
use crate::search::Query;
use crate::store::search::find;

fn query(text: &str) -> Search {
    Search { query: Query::parse(text).expect(text), limit: 20, ..Search::default() }
}

fn searched(writer: &Writer, search: &Search, person: Option<i64>) -> Result<Hits, ReadError> {
    find(writer.connection(), search, &Asker { person, viewer: nobody() })
}

/// Room and number of what is found.
fn found_by(writer: &Writer, search: &Search, person: Option<i64>) -> Vec<(String, u64)> {
    let hits = searched(writer, search, person).expect("searched");
    let place = |frame: &String| {
        let frame: serde_json::Value = serde_json::from_str(frame).expect("JSON");
        (frame["room"].as_str().expect("a room").to_owned(), frame["seq"].as_u64().expect("a seq"))
    };
    hits.messages.iter().map(place).collect()
}

fn found(writer: &Writer, search: &Search) -> Vec<u64> {
    found_by(writer, search, None).into_iter().map(|(_, seq)| seq).collect()
}

fn write(writer: &mut Writer, texts: &[&str]) {
    for (text, seq) in texts.iter().zip(1..) {
        writer.record(&message(seq, text)).expect("recorded");
    }
    writer.commit().expect("committed");
}

fn change(writer: &mut Writer, seq: u64, what: What<'_>) {
    let target = writer.target(1, seq).expect("read").expect("there");
    let new =
        NewChange { ticket: ticket(1_000 + seq), conn: 7, request_id: None, room_id: 1, change: seq, what };
    writer.change(&target, &new).expect("changed");
    writer.commit().expect("committed");
}

#[test]
fn what_was_written_is_found_the_newest_first() {
    let directory = TempDirectory::new();
    let mut writer = Writer::open(&directory.database()).expect("opened");
    write(
        &mut writer,
        &["一起喝茶吗", "Herr Müller trinkt Tee", "**茶**叶 👍🏽", "never mind the tea", "喝。茶"],
    );
    for (text, expected) in [
        ("茶", &[5, 3, 1][..]),
        ("喝茶", &[1]),
        ("muller", &[2]),
        ("te", &[4, 2]),
        ("te never", &[]),
        ("never te", &[4]),
        ("\"the tea\"", &[4]),
        ("👍", &[3]),
        ("茶叶 👍", &[3]),
        ("coffee", &[]),
        ("AND OR NOT NEAR(a) te*", &[]),
    ] {
        assert_eq!(found(&writer, &query(text)), expected, "{text}");
    }
    let hits = searched(&writer, &query("muller"), None).expect("searched");
    assert!(!hits.more);
    assert_eq!(
        hits.messages,
        [
            r#"{"type":"message","data":"Herr Müller trinkt Tee","room":"lobby","seq":2,"from":"Ann","ts":1002,"context":["Herr ","Müller"," trinkt Tee"]}"#
        ]
    );
}

#[test]
fn what_is_edited_is_found_by_what_it_is_now_and_what_is_deleted_by_nothing() {
    let directory = TempDirectory::new();
    let mut writer = Writer::open(&directory.database()).expect("opened");
    write(&mut writer, &["xylophone here", "and a zither", "another xylophone"]);
    change(&mut writer, 1, What::Edit { text: "a bassoon", now_ms: 9, mentions: &[] });
    assert_eq!(found(&writer, &query("xylophone")), [3]);
    assert_eq!(found(&writer, &query("bassoon")), [1]);
    change(&mut writer, 2, What::Delete);
    change(&mut writer, 3, What::Delete);
    assert_eq!(found(&writer, &query("zither")), [] as [u64; 0]);
    let of_ann = Search { from: Some("ann".into()), ..query("") };
    assert_eq!(found(&writer, &of_ann), [1], "what is deleted is nobody's");
    let merge = "INSERT INTO search (search) VALUES ('optimize')";
    writer.connection().execute(merge, []).expect("merged");
    writer.close().expect("closed");
    let bytes = std::fs::read(directory.database()).expect("read");
    for word in ["xylophone", "zither"] {
        assert!(!bytes.windows(word.len()).any(|window| window == word.as_bytes()), "{word} is in the file");
    }
}

#[test]
fn a_transaction_that_fails_leaves_nothing_to_be_found() {
    let directory = TempDirectory::new();
    let mut writer = Writer::open(&directory.database()).expect("opened");
    write(&mut writer, &["first"]);
    writer.record(&message(2, "second")).expect("recorded");
    assert!(writer.record(&message(1, "taken")).is_err());
    assert!(writer.commit().is_err());
    assert_eq!(found(&writer, &query("second")), [] as [u64; 0]);
    writer.record(&message(2, "second again")).expect("recorded");
    writer.commit().expect("committed");
    assert_eq!(found(&writer, &query("second")), [2]);
}

#[test]
fn filters_are_all_kept_to_and_pages_follow_each_other_while_others_write() {
    let directory = TempDirectory::new();
    let mut writer = Writer::open(&directory.database()).expect("opened");
    let tea = writer.create_room(&new_room(900, "Tea")).expect("created").expect("new");
    for seq in 1..=30 {
        let from = if seq % 3 == 0 { "李雷 O'Neil" } else { "Ann" };
        writer.record(&NewMessage { from, ..message(seq, "tea") }).expect("recorded");
        let in_tea = NewMessage { room_id: tea, ticket: ticket(100 + seq), ..message(seq, "tea") };
        writer.record(&in_tea).expect("recorded");
    }
    writer.commit().expect("committed");
    let by = |search: &Search| found_by(&writer, search, None);
    assert_eq!(by(&Search { room: Some("tea".into()), limit: 50, ..query("tea") }).len(), 30);
    let of_lei = Search { from: Some("李雷 o'neil".into()), limit: 50, ..query("tea") };
    assert_eq!(by(&of_lei).len(), 10);
    assert_eq!(by(&Search { room: Some("tea".into()), ..of_lei.clone() }), []);
    // Times are 1,000 and the number.
    let of_a_day = Search { after: Some(1_010), before: Some(1_012), ..query("") };
    let lobby = |seq| ("lobby".to_owned(), seq);
    let in_tea = |seq| ("tea".to_owned(), seq);
    assert_eq!(by(&of_a_day), [in_tea(11), lobby(11), in_tea(10), lobby(10)]);
    assert_eq!(by(&Search { room: Some("lobby".into()), ..of_a_day }), [lobby(11), lobby(10)]);

    let mut all = Vec::new();
    let mut search = Search { limit: 7, ..query("tea") };
    for next in 31..100 {
        let hits = searched(&writer, &search, None).expect("searched");
        all.extend(found_by(&writer, &search, None));
        writer.record(&message(next, "more tea")).expect("recorded");
        writer.commit().expect("committed");
        if !hits.more {
            break;
        }
        search.cursor = hits.cursor;
    }
    let expected: Vec<_> = (1..=30).rev().flat_map(|seq| [in_tea(seq), lobby(seq)]).collect();
    assert_eq!(all, expected);
    for cursor in [("nowhere", 1), ("tea", 99)] {
        let cursor = Some(Cursor { room: cursor.0.into(), seq: cursor.1 });
        assert!(matches!(
            searched(&writer, &Search { cursor, ..query("tea") }, None),
            Err(ReadError::BadCursor)
        ));
    }
}

/// Whoever may not read a room finds nothing of it, by whatever they ask, and is told the same of it as of one that there is not.
#[test]
fn nobody_finds_what_they_may_not_read() {
    let directory = TempDirectory::new();
    let mut writer = Writer::open(&directory.database()).expect("opened");
    // Ann is 1, Bob is 2; the rooms by their kind: public, private, direct.
    let rooms = [
        ("tea", 0, &[][..]),
        ("Pann", 1, &[1][..]),
        ("Pboth", 1, &[1, 2]),
        ("D1-2", 2, &[1, 2]),
        ("D1-3", 2, &[1, 3]),
    ];
    for (number, (key, kind, members)) in rooms.iter().enumerate() {
        let id = writer
            .create_room(&NewRoom { key, ..new_room(900 + number as u64, key) })
            .expect("created")
            .expect("new");
        let connection = writer.connection();
        connection.execute("UPDATE rooms SET kind = ?2 WHERE id = ?1", (id, kind)).expect("updated");
        for person in *members {
            let put = "INSERT INTO memberships (person, room_id, since_ms) VALUES (?1, ?2, 0)";
            connection.execute(put, (person, id)).expect("inserted");
        }
        let secret =
            NewMessage { room_id: id, ticket: ticket(number as u64 + 1), ..message(1, "secret 秘密") };
        writer.record(&secret).expect("recorded");
        writer.commit().expect("committed");
    }
    for (person, readable) in [
        (None, &["tea"][..]),
        (Some(1), &["tea", "Pann", "Pboth", "D1-2", "D1-3"]),
        (Some(2), &["tea", "Pboth", "D1-2"]),
        (Some(3), &["tea", "D1-3"]),
        (Some(4), &["tea"]),
    ] {
        let of_ann = Search { from: Some("Ann".into()), ..query("") };
        let of_then = Search { after: Some(0), ..query("") };
        for search in
            [query("secret"), query("秘密"), query("sec"), query("\"secret 秘密\""), of_ann, of_then]
        {
            let mut keys: Vec<_> =
                found_by(&writer, &search, person).into_iter().map(|(room, _)| room).collect();
            keys.reverse();
            assert_eq!(keys, readable, "{person:?} {search:?}");
        }
        for (key, ..) in rooms.iter().chain(&[("nowhere", 0, &[][..])]) {
            let is_readable = readable.contains(key);
            let in_room = Search { room: Some((*key).into()), ..query("secret") };
            let hits = searched(&writer, &in_room, person);
            assert_eq!(hits.is_ok(), is_readable, "{person:?} {key}");
            assert!(is_readable || matches!(hits, Err(ReadError::NoSuchRoom)), "{person:?} {key}");
            let cursor = Some(Cursor { seq: 1, room: (*key).into() });
            let hits = searched(&writer, &Search { cursor, ..query("secret") }, person);
            assert!(is_readable || matches!(hits, Err(ReadError::BadCursor)), "{person:?} {key}");
        }
    }
}

/// A database of before there was an index, with so many messages.
fn without_index(directory: &TempDirectory, count: i64) {
    let mut connection = Connection::open(directory.database()).expect("opened");
    for migration in &schema::MIGRATIONS[..10] {
        connection.execute_batch(migration).expect("the tables of version 10");
    }
    connection.pragma_update(None, "user_version", 10).expect("changed");
    put_many(&mut connection, 1, count);
}

/// The newest first, while others write, edit and delete, and whenever the process is killed.
#[test]
fn messages_of_before_there_was_an_index_come_into_it_by_and_by() {
    let directory = TempDirectory::new();
    without_index(&directory, 1_800);
    let mut writer = Writer::open(&directory.database()).expect("opened");
    assert_eq!(found(&writer, &query("number")), [] as [u64; 0], "a start does not wait for them");
    writer.record(&message(1_801, "the number of now")).expect("recorded");
    writer.commit().expect("committed");
    assert!(writer.index_more().expect("indexed"));
    assert_eq!(found(&writer, &query("number"))[..3], [1_801, 1_800, 1_799]);
    let old = |writer: &Writer| found(writer, &query("\"number 1000\""));
    assert_eq!(old(&writer), [] as [u64; 0]);
    // Some that are there, and some that are not yet.
    for (deleted, edited) in [(1_700, 1_701), (700, 701)] {
        change(&mut writer, deleted, What::Delete);
        change(&mut writer, edited, What::Edit { text: "a bassoon", now_ms: 9, mentions: &[] });
    }
    assert_eq!(found(&writer, &query("bassoon")), [1_701]);
    // Killed, while there was more in hand.
    writer.connection().execute_batch("BEGIN IMMEDIATE; UPDATE not_indexed SET below = 0;").expect("begun");
    drop(writer);
    let mut writer = Writer::open(&directory.database()).expect("opened again");
    assert_eq!(found(&writer, &query("bassoon")), [1_701]);
    let mut portions = 0;
    while writer.index_more().expect("indexed") {
        portions += 1;
        assert!(portions < 10, "it ends");
    }
    assert!(portions >= 2 && !writer.index_more().expect("indexed"));
    assert_eq!(found(&writer, &query("bassoon")), [1_701, 701]);
    assert_eq!(old(&writer), [1_000]);
    for (seq, is_there) in
        [(1, true), (1_700, false), (1_701, false), (700, false), (701, false), (1_800, true)]
    {
        let hits = found(&writer, &query(&format!("\"number {seq}\"")));
        assert_eq!(hits, if is_there { vec![seq] } else { vec![] });
    }
    let check = "INSERT INTO search (search, rank) VALUES ('integrity-check', 0)";
    writer.connection().execute(check, []).expect("it is whole");
}

/// Of the version that had another index.
#[test]
fn an_index_of_other_terms_is_made_anew() {
    let directory = TempDirectory::new();
    without_index(&directory, 10);
    let connection = Connection::open(directory.database()).expect("opened");
    connection.execute_batch(schema::MIGRATIONS[10]).expect("version 11");
    connection.execute("INSERT INTO search (rowid, terms) VALUES (1, 'old')", []).expect("inserted");
    connection.pragma_update(None, "user_version", 11).expect("changed");
    let mut writer = Writer::open(&directory.database()).expect("opened");
    while writer.index_more().expect("indexed") {}
    assert_eq!(found(&writer, &query("number")).len(), 10);
    assert_eq!(found(&writer, &query("old")), [] as [u64; 0]);
}

/// So many messages of a room, one in each second, by people of ten names.
pub(super) fn put_many(connection: &mut Connection, room: i64, count: i64) {
    let put = "WITH RECURSIVE n (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < ?2)
         INSERT INTO messages (room_id, seq, sent_ms, sender, text)
         SELECT ?1, i, i * 1000, 'Person ' || (i % 10), 'This is the number ' || i || ' of 数字很多的消息, and **nothing** more' FROM n";
    connection.execute(put, (room, count)).expect("inserted");
}

/// What was put there behind the writer's back.
pub(super) fn index_all(writer: &mut Writer) {
    let all = "UPDATE not_indexed SET below = (SELECT max(id) + 1 FROM messages)";
    writer.connection().execute(all, []).expect("updated");
    while writer.index_more().expect("indexed") {}
}

/// What SQLite's machine does for something.
fn steps<T>(connection: &mut Connection, work: impl FnOnce(&Connection) -> T) -> (u64, T) {
    let count = Arc::new(AtomicU64::new(0));
    let counter = count.clone();
    let look = move || {
        counter.fetch_add(1, Ordering::Relaxed);
        false
    };
    connection.progress_handler(1, Some(look)).expect("set");
    let done = work(connection);
    connection.progress_handler(0, None::<fn() -> bool>).expect("set");
    (count.load(Ordering::Relaxed), done)
}

/// Pages of a long history: at its end, somewhere, in both directions, by time.
const PLACES: [(PagePosition, &[u64]); 7] = [
    (PagePosition::Before(u64::MAX), &[9_998, 9_999, 10_000]),
    (PagePosition::Before(5_000), &[4_997, 4_998, 4_999]),
    (PagePosition::After(5_000), &[5_001, 5_002, 5_003]),
    (PagePosition::After(10_000), &[]),
    (PagePosition::At(5_000_000), &[4_999, 5_000, 5_001]),
    (PagePosition::At(0), &[1, 2]),
    (PagePosition::At(u64::MAX), &[9_998, 9_999, 10_000]),
];

#[test]
fn history_is_read_from_both_ends_and_at_a_time() {
    let directory = TempDirectory::new();
    let mut writer = Writer::open(&directory.database()).expect("opened");
    put_many(writer.connection_mut(), 1, 10_000);
    for (place, expected) in PLACES {
        let page = writer.page(&lobby(), place, 3, NO_LIMIT, &nobody()).expect("page");
        assert_eq!(seqs(&page.messages), expected, "{place:?}");
        let (first, last) = (expected.first(), expected.last());
        assert_eq!(page.more, first.is_none_or(|first| *first > 1), "{place:?}");
        let newer = last.is_some_and(|last| *last < 10_000);
        assert_eq!(page.newer, (!matches!(place, PagePosition::Before(_))).then_some(newer), "{place:?}");
    }
    let at = |ms| writer.page(&lobby(), PagePosition::At(ms), 3, NO_LIMIT, &nobody()).expect("page").seq;
    assert_eq!((at(4_999_001), at(0), at(10_000_001)), (Some(5_000), Some(1), None));
    let empty = RoomRef { id: 99, key: "empty".into() };
    let page = writer.page(&empty, PagePosition::At(5), 3, NO_LIMIT, &nobody()).expect("page");
    assert_eq!((page.messages.len(), page.more, page.newer, page.seq), (0, false, Some(false), None));
    let page = writer.page(&lobby(), PagePosition::At(5_000_000), 50, 700, &nobody()).expect("page");
    assert!(seqs(&page.messages).contains(&5_000) && page.more && page.newer == Some(true), "as many as fit");
}

/// What is read does not depend on how much there is; a time is looked for by halving.
#[test]
fn a_long_history_costs_no_more_than_a_short_one() {
    let directory = TempDirectory::new();
    let mut writer = Writer::open(&directory.database()).expect("opened");
    let tea = writer.create_room(&new_room(900, "Tea")).expect("created").expect("new");
    put_many(writer.connection_mut(), 1, 10_000);
    put_many(writer.connection_mut(), tea, 20);
    let tea = RoomRef { id: tea, key: "tea".into() };
    let mut cost = |room: &RoomRef, place| {
        let read = |connection: &Connection| {
            history::page(connection, room, place, 10, NO_LIMIT, &nobody()).expect("page").messages.len()
        };
        steps(writer.connection_mut(), read)
    };
    for (place, in_tea) in [
        (PagePosition::Before(u64::MAX), PagePosition::Before(u64::MAX)),
        (PagePosition::Before(5_000), PagePosition::Before(15)),
        (PagePosition::After(5_000), PagePosition::After(5)),
        (PagePosition::At(5_000_000), PagePosition::At(10_000)),
    ] {
        // The first one of a kind is compiled, too.
        cost(&lobby(), place);
        let (long, many) = cost(&lobby(), place);
        let (short, few) = cost(&tea, in_tea);
        assert_eq!((many, few), (10, 10), "{place:?}");
        assert!(long <= short + 250, "{place:?}: {long} steps, and {short} of a short one");
    }
}

#[test]
fn whoever_has_many_conversations_finds_what_is_in_the_last_ones() {
    let directory = TempDirectory::new();
    let mut writer = Writer::open(&directory.database()).expect("opened");
    let count = PRIVATE_ROOMS_SEARCHED_MAX as i64 + 100;
    let connection = writer.connection();
    connection
        .execute(
            "WITH RECURSIVE n (i) AS (VALUES (2) UNION ALL SELECT i + 1 FROM n WHERE i <= ?1)
             INSERT INTO rooms (id, key, title, created_ms, kind) SELECT i, 'D' || i, '', 0, 2 FROM n",
            [count],
        )
        .expect("rooms");
    let put = "INSERT INTO memberships (person, room_id, since_ms) SELECT 1, id, 0 FROM rooms WHERE kind = 2";
    connection.execute(put, []).expect("memberships");
    // The oldest one has been used last.
    for room_id in (3..=count).chain([2]) {
        let ticket = ticket(room_id as u64);
        writer.record(&NewMessage { room_id, ticket, ..message(1, "tea") }).expect("recorded");
    }
    writer.commit().expect("committed");
    let hits = found_by(&writer, &Search { limit: 50, ..query("tea") }, Some(1));
    assert_eq!((hits.len(), hits[0].0.as_str()), (50, "D2"));
    let of_long_ago = Search { room: Some("D3".into()), ..query("tea") };
    assert_eq!(found_by(&writer, &of_long_ago, Some(1)).len(), 1, "asked for by itself");
}

/// What is written where somebody may not read makes their searches no slower: nobody can tell by the time whether a word was said there.
#[test]
fn a_search_costs_the_same_whatever_is_said_elsewhere() {
    let directory = TempDirectory::new();
    let mut writer = Writer::open(&directory.database()).expect("opened");
    let secret = NewRoom { kind: Kind::Private, ..new_room(900, "secret") };
    let secret = writer.create_room(&secret).expect("created").expect("new");
    put_many(writer.connection_mut(), 1, 10);
    let words = ["number", "数字", "num", "\"nothing more\""];
    let of_then = Search { after: Some(1), ..query("") };
    put_many(writer.connection_mut(), secret, 2_000);
    let put = "INSERT INTO memberships (person, room_id, since_ms) VALUES (1, ?1, 0)";
    writer.connection().execute(put, [secret]).expect("a member");
    index_all(&mut writer);
    let mut cost = |search: &Search, person: Option<i64>| {
        let asker = Asker { person, viewer: nobody() };
        let read = |connection: &Connection| find(connection, search, &asker).expect("found").messages.len();
        steps(writer.connection_mut(), read);
        steps(writer.connection_mut(), read)
    };
    for search in words.iter().map(|text| query(text)).chain([of_then]) {
        let (steps, hits) = cost(&search, Some(2));
        assert_eq!(hits, 10);
        assert!(steps < 3_000, "{search:?}: {steps} steps");
        assert_eq!(cost(&search, Some(1)).1, 20, "a member finds them");
    }
}

/// A search walks along what has all its words, and not along the messages.
#[test]
fn a_search_costs_what_it_finds() {
    let directory = TempDirectory::new();
    let mut writer = Writer::open(&directory.database()).expect("opened");
    put_many(writer.connection_mut(), 1, 5_000);
    index_all(&mut writer);
    let asker = Asker::default();
    for search in [
        query("number"),
        query("数字"),
        query("5000"),
        query("\"5000\""),
        query("nu"),
        query("numb"),
        query("1"),
        Search { from: Some("person 3".into()), ..query("") },
        Search { after: Some(1_000_000), before: Some(1_100_000), ..query("number") },
    ] {
        steps(writer.connection_mut(), |connection| find(connection, &search, &asker).is_ok());
        let (cost, hits) = steps(writer.connection_mut(), |connection| find(connection, &search, &asker));
        let count = hits.expect("searched").messages.len() as u64;
        assert!(cost < 1_000 + 150 * count, "{search:?}: {cost} steps for {count}");
    }
}

#[test]
fn a_search_that_takes_too_long_ends_with_what_it_has() {
    let directory = TempDirectory::new();
    let mut writer = Writer::open(&directory.database()).expect("opened");
    put_many(writer.connection_mut(), 1, 3_000);
    index_all(&mut writer);
    // All messages have both words, and only one has them side by side.
    let change = |writer: &mut Writer, seq: i64| {
        let (row, text) = (seq, "nothing number");
        let old: String = writer
            .connection()
            .query_row("SELECT text FROM messages WHERE id = ?1", [row], |row| row.get(0))
            .expect("there");
        assert!(old.contains("number"));
        writer.connection().execute("UPDATE messages SET text = ?2 WHERE id = ?1", (row, text)).expect("put");
    };
    let search = query("\"nothing number\"");
    let limited = |writer: &mut Writer| {
        let left = Arc::new(AtomicU64::new(20_000));
        let look = move || left.fetch_sub(1, Ordering::Relaxed) == 1;
        writer.connection_mut().progress_handler(1, Some(look)).expect("set");
        let hits = searched(writer, &search, None);
        writer.connection_mut().progress_handler(0, None::<fn() -> bool>).expect("set");
        hits
    };
    assert!(matches!(limited(&mut writer), Err(ReadError::TooSlow)));
    change(&mut writer, 2_999);
    let hits = limited(&mut writer).expect("one was found before");
    assert_eq!((seqs(&hits.messages), hits.more), (vec![2_999], true));
    assert_eq!(hits.cursor, Some(Cursor { seq: 2_999, room: "lobby".into() }));
}
