mod search;

use std::sync::Arc;

use super::history::{self, RoomRef};
use super::reader::{ReadError, Reader, Wanted};
use super::search::Asker;
use super::*;
use crate::limits::READS_QUEUED_MAX;
use crate::protocol::conversation::Kind;
use crate::protocol::request::PagePosition;
use crate::testing::TempDirectory;
use crate::ticket::Ticket;

const NO_LIMIT: usize = usize::MAX;

fn lobby() -> RoomRef {
    RoomRef { id: 1, key: Arc::from("lobby") }
}

fn nobody() -> Viewer {
    Viewer::default()
}

fn ticket(number: u64) -> Ticket {
    Ticket { origin: 1, number }
}

fn message(seq: u64, text: &str) -> NewMessage<'_> {
    NewMessage {
        ticket: ticket(seq),
        conn: 77,
        room_id: 1,
        seq,
        ts: 1_000 + seq,
        from: "Ann",
        person: None,
        text,
        client: "key",
        client_id: None,
        reply_to: None,
        mentions: &[],
    }
}

fn new_room(number: u64, title: &str) -> NewRoom<'_> {
    NewRoom {
        ticket: ticket(number),
        key: "tea",
        title,
        kind: Kind::Public,
        topic: "",
        creator: None,
        members: &[],
        now_ms: 5,
    }
}

fn fill(writer: &mut Writer, seqs: impl IntoIterator<Item = u64>) {
    for seq in seqs {
        writer.record(&message(seq, &format!("text {seq}"))).expect("recorded");
    }
    writer.commit().expect("committed");
}

fn seqs(messages: &[String]) -> Vec<u64> {
    let seq = |json: &String| serde_json::from_str::<serde_json::Value>(json).ok()?["seq"].as_u64();
    messages.iter().map(|json| seq(json).expect(json)).collect()
}

#[test]
fn a_new_database_has_an_empty_lobby() {
    let directory = TempDirectory::new();
    let writer = Writer::open(&directory.database()).expect("opened");
    let lobby = RoomRow { id: 1, key: "lobby".into(), title: "Lobby".into(), ..RoomRow::default() };
    assert_eq!(writer.rooms().expect("rooms"), [lobby]);
}

#[test]
fn what_was_committed_is_there_after_opening_again() {
    let directory = TempDirectory::new();
    let mut writer = Writer::open(&directory.database()).expect("opened");
    let tea = writer.create_room(&new_room(1, "Tea")).expect("created").expect("new");
    assert_eq!(writer.create_room(&new_room(2, "TEA")).expect("no error"), None, "the key is taken");
    writer.record(&NewMessage { room_id: tea, ..message(1, "茶 \"quoted\"\n") }).expect("recorded");
    writer.commit().expect("committed");
    writer.record(&NewMessage { room_id: tea, ..message(2, "never committed") }).expect("recorded");
    drop(writer);

    let writer = Writer::open(&directory.database()).expect("opened again");
    let rooms: Vec<_> = writer.rooms().expect("rooms").into_iter().map(|room| (room.key, room.seq)).collect();
    assert_eq!(rooms, [("lobby".to_owned(), 0), ("tea".to_owned(), 1)]);
    let tea = RoomRef { id: tea, key: Arc::from("tea") };
    let page = writer.page(&tea, PagePosition::Before(u64::MAX), 50, NO_LIMIT, &nobody()).expect("page");
    assert_eq!(
        page.messages,
        [r#"{"type":"message","data":"茶 \"quoted\"\n","room":"tea","seq":1,"from":"Ann","ts":1001}"#]
    );
}

#[test]
fn a_message_is_visible_to_others_only_once_it_is_committed() {
    let directory = TempDirectory::new();
    let mut writer = Writer::open(&directory.database()).expect("opened");
    let other = open_reader(&directory.database()).expect("a second connection");
    let seen = || {
        history::page(&other, &lobby(), PagePosition::Before(u64::MAX), 50, NO_LIMIT, &nobody())
            .expect("page")
            .messages
            .len()
    };
    writer.record(&message(1, "a")).expect("recorded");
    writer.record(&message(2, "b")).expect("recorded");
    assert_eq!(seen(), 0);
    writer.commit().expect("committed");
    assert_eq!(seen(), 2, "both by one commit");
}

#[test]
fn the_same_client_and_id_is_the_same_message() {
    let directory = TempDirectory::new();
    let mut writer = Writer::open(&directory.database()).expect("opened");
    let with = |seq, text, client, id| NewMessage { client, client_id: Some(id), ..message(seq, text) };
    let known = |seq, text: &str| Recorded::Known {
        room_id: 1,
        message: Box::new(crate::protocol::Message {
            seq,
            from: "Ann".into(),
            text: text.into(),
            ts: 1_000 + seq,
            ..Default::default()
        }),
    };
    let new = |row| Recorded::New { row };
    assert_eq!(writer.record(&with(1, "first", "ann", "1")).expect("new"), new(1));
    assert_eq!(writer.record(&with(2, "again", "ann", "1")).expect("in one transaction"), known(1, "first"));
    writer.commit().expect("committed");
    assert_eq!(writer.record(&with(2, "again", "ann", "1")).expect("in a later one"), known(1, "first"));
    assert_eq!(writer.record(&with(2, "other id", "ann", "2")).expect("new"), new(2));
    assert_eq!(writer.record(&with(3, "other client", "bob", "1")).expect("new"), new(3));
    assert_eq!(writer.record(&message(4, "no id")).expect("new"), new(4));
    assert_eq!(writer.record(&message(5, "no id")).expect("new"), new(5));
    writer.commit().expect("committed");
    let page = writer
        .page(
            &lobby(),
            PagePosition::Before(u64::MAX),
            50,
            NO_LIMIT,
            &Viewer { client: "ann".into(), name: "".into() },
        )
        .expect("page");
    assert_eq!(seqs(&page.messages), [1, 2, 3, 4, 5]);
    let ids: Vec<_> = page.messages.iter().map(|json| json.contains("\"id\":")).collect();
    assert_eq!(ids, [true, true, false, false, false], "only its sender sees an id");
}

#[test]
fn a_transaction_in_which_a_statement_failed_stores_nothing() {
    let directory = TempDirectory::new();
    let mut writer = Writer::open(&directory.database()).expect("opened");
    fill(&mut writer, 1..=3);
    writer.record(&message(4, "good")).expect("recorded");
    assert!(writer.record(&message(3, "taken")).is_err());
    assert!(matches!(writer.record(&message(5, "too late")), Err(StoreError::Aborted)));
    assert!(writer.commit().is_err());
    assert_eq!(writer.rooms().expect("rooms")[0].seq, 3);
    fill(&mut writer, [4]);
    assert_eq!(writer.rooms().expect("rooms")[0].seq, 4, "and the next one works");
}

#[test]
fn pages_end_before_a_seq_and_say_whether_there_is_more() {
    let directory = TempDirectory::new();
    let mut writer = Writer::open(&directory.database()).expect("opened");
    fill(&mut writer, 1..=120);
    let page = |before, limit, bytes| {
        let page =
            writer.page(&lobby(), PagePosition::Before(before), limit, bytes, &nobody()).expect("page");
        (seqs(&page.messages), page.more)
    };
    assert_eq!(page(u64::MAX, 50, NO_LIMIT), ((71..=120).collect(), true));
    assert_eq!(page(71, 50, NO_LIMIT), ((21..=70).collect(), true));
    assert_eq!(page(21, 50, NO_LIMIT), ((1..=20).collect(), false));
    assert_eq!(page(51, 50, NO_LIMIT), ((1..=50).collect(), false));
    assert_eq!(page(1, 50, NO_LIMIT), (vec![], false));
    assert_eq!(page(0, 50, NO_LIMIT), (vec![], false));
    assert_eq!(page(121, 3, NO_LIMIT), (vec![118, 119, 120], true));
    let one =
        r#"{"type":"message","data":"text 120","room":"lobby","seq":120,"from":"Ann","ts":1120},"#.len();
    assert_eq!(page(u64::MAX, 50, 2 * one), (vec![119, 120], true), "as many as the bytes allow");
    assert_eq!(page(u64::MAX, 50, 0), (vec![], true));
}

#[test]
fn what_was_missed_is_given_whole_or_not_at_all() {
    let directory = TempDirectory::new();
    let mut writer = Writer::open(&directory.database()).expect("opened");
    fill(&mut writer, 1..=20);
    let missed = |range, messages, bytes| {
        let missed = writer.missed(&lobby(), range, messages, bytes, &nobody()).expect("read");
        missed.map(|messages| seqs(&messages))
    };
    assert_eq!(missed((15, 20), 5, NO_LIMIT), Some((16..=20).collect()));
    assert_eq!(missed((14, 20), 5, NO_LIMIT), None);
    assert_eq!(missed((0, 20), 500, NO_LIMIT), Some((1..=20).collect()));
    assert_eq!(
        missed((10, 12), 500, NO_LIMIT),
        Some(vec![11, 12]),
        "up to the last one that the client will not get"
    );
    assert_eq!(missed((20, 20), 500, 0), Some(vec![]));
    assert_eq!(missed((15, 20), 500, 100), None);
}

#[test]
fn history_is_read_along_an_index() {
    let directory = TempDirectory::new();
    let writer = Writer::open(&directory.database()).expect("opened");
    for query in [
        "SELECT text FROM messages WHERE room_id = 1 AND seq < 5 ORDER BY seq DESC LIMIT 51",
        "SELECT text FROM messages WHERE room_id = 1 AND seq > 5 AND seq <= 9 ORDER BY seq LIMIT 501",
        "SELECT max(seq) FROM messages WHERE room_id = 1",
        "SELECT seq FROM messages WHERE client = 'a' AND client_id = 'b'",
    ] {
        let mut statement = writer.connection().prepare(&format!("EXPLAIN QUERY PLAN {query}")).expect(query);
        let plan: Vec<String> =
            statement.query_map([], |row| row.get(3)).and_then(Iterator::collect).expect(query);
        assert!(
            plan.iter().all(|step| step.starts_with("SEARCH") && step.contains("INDEX")),
            "{query}: {plan:?}"
        );
    }
}

#[test]
fn what_the_last_batch_left_is_known_after_opening_again() {
    let directory = TempDirectory::new();
    let mut writer = Writer::open(&directory.database()).expect("opened");
    fill(&mut writer, 1..=2);
    writer.begin_batch();
    fill(&mut writer, 3..=4);
    let tea = writer.create_room(&new_room(10, "Tea")).expect("created").expect("new");
    // A transaction that fails leaves nothing, and takes nothing of what was there.
    writer.record(&message(5, "rolled back")).expect("recorded");
    assert!(writer.record(&message(4, "taken")).is_err());
    assert!(writer.commit().is_err());
    let with_id = NewMessage { client: "ann", client_id: Some("x"), ..message(5, "with an id") };
    writer.record(&with_id).expect("recorded");
    let again = NewMessage { ticket: ticket(6), ..with_id };
    assert!(matches!(writer.record(&again), Ok(Recorded::Known { .. })));
    writer.commit().expect("committed");
    assert_eq!(writer.find_repeat(ticket(5)), None, "whoever has done it knows");
    drop(writer);

    let open = || Writer::open(&directory.database()).expect("opened again");
    let found = |writer: &mut Writer| {
        [2, 3, 4, 5, 6, 7, 10]
            .map(|number| (number, writer.find_repeat(ticket(number))))
            .into_iter()
            .filter_map(|(number, stored)| Some((number, stored?)))
            .collect::<Vec<_>>()
    };
    let message_in = |row| Stored::Message { row, conn: 77 };
    let room = Stored::Room { row: tea };
    assert_eq!(found(&mut open()), [(3, message_in(3)), (4, message_in(4)), (5, message_in(5)), (10, room)]);
    assert_eq!(open().last_senders(), [(3, 77), (4, 77), (5, 77)].into());

    // Those that have not come again yet, and those that have and are not acknowledged, still may.
    let mut writer = open();
    writer.begin_batch();
    assert_eq!(writer.find_repeat(ticket(3)), Some(message_in(3)));
    writer.begin_batch();
    assert_eq!(writer.find_repeat(ticket(4)), Some(message_in(4)));
    writer.record(&NewMessage { ticket: ticket(7), ..message(6, "new") }).expect("recorded");
    writer.commit().expect("committed");
    drop(writer);
    assert_eq!(found(&mut open()), [(4, message_in(4)), (5, message_in(5)), (7, message_in(6)), (10, room)]);
}

#[test]
fn what_was_stored_after_a_message_is_found_in_the_order_of_its_storing() {
    let directory = TempDirectory::new();
    let mut writer = Writer::open(&directory.database()).expect("opened");
    assert_eq!(writer.last_row().expect("read"), 0);
    fill(&mut writer, 1..=3);
    writer
        .record(&NewMessage { client: "ann", client_id: Some("x"), ..message(4, "own") })
        .expect("recorded");
    writer.commit().expect("committed");
    assert_eq!(writer.last_row().expect("read"), 4);
    let after = |row, max| writer.stored_after(row, max).expect("read");
    let texts: Vec<_> = after(1, 10).into_iter().map(|stored| stored.message.text).collect();
    assert_eq!(texts, ["text 2", "text 3", "own"]);
    let last = after(1, 1);
    assert_eq!((last[0].row, last[0].room_id, last[0].client_id.as_deref()), (4, 1, Some("x")));
    assert!(after(4, 10).is_empty());
}

#[test]
fn what_has_been_published_is_known_to_the_next_process() {
    let directory = TempDirectory::new();
    let open = || Published::open(directory.path()).expect("there");
    let published = open().expect("nobody has it");
    assert_eq!(published.last(), None);
    published.note(Progress { message: 41, change: 7 });
    published.note(Progress { message: 42, change: 7 });
    assert!(open().is_none(), "one process at a time");
    drop(published);
    assert_eq!(open().expect("it was given back").last(), Some(Progress { message: 42, change: 7 }));
}

fn wanted(room: &str, before: u64) -> Wanted {
    Wanted { room: room.to_owned(), place: PagePosition::Before(before), limit: 3, asker: Asker::default() }
}

#[test]
fn the_reader_answers_from_its_own_thread_as_soon_as_there_is_a_database() {
    let directory = TempDirectory::new();
    let reader = Reader::start(directory.database(), "reader", READS_QUEUED_MAX).expect("started");
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let read = |wanted| runtime.block_on(reader.read(wanted));
    assert!(matches!(read(wanted("lobby", 9)), Err(ReadError::Store(_))), "not yet");
    let mut writer = Writer::open(&directory.database()).expect("opened");
    fill(&mut writer, 1..=10);
    let page = read(wanted("lobby", 9)).expect("read");
    assert_eq!((seqs(&page.messages), page.more), (vec![6, 7, 8], true));
    assert!(matches!(read(wanted("tea", 9)), Err(ReadError::NoSuchRoom)));
}

#[test]
fn closing_writes_the_log_back() {
    let directory = TempDirectory::new();
    let mut writer = Writer::open(&directory.database()).expect("opened");
    fill(&mut writer, 1..=10);
    assert!(directory.path().join("chat.db-wal").exists());
    writer.close().expect("closed");
    assert!(!directory.path().join("chat.db-wal").exists());
}

#[test]
fn a_data_directory_has_one_server() {
    let directory = TempDirectory::new();
    let path = directory.path().join("a/b");
    let first = DataDirectory::open(&path, None).expect("made, with its parents");
    let error = DataDirectory::open(&path, None).expect_err("taken").to_string();
    assert!(error.contains(&format!("process {}", std::process::id())), "{error}");
    assert!(error.contains("--data"), "{error}");
    drop(first);
    assert!(DataDirectory::open(&path, None).is_ok());
}

#[test]
fn a_directory_that_cannot_be_made_is_named() {
    let directory = TempDirectory::new();
    let file = directory.path().join("file");
    std::fs::write(&file, "").expect("written");
    let error = DataDirectory::open(&file.join("data"), None).expect_err("a file is in the way").to_string();
    assert!(error.contains("file/data") && error.contains("--data"), "{error}");
}

#[test]
fn a_file_that_is_no_database_is_left_alone() {
    let directory = TempDirectory::new();
    std::fs::write(directory.database(), "I am a letter, not a database. ".repeat(100)).expect("written");
    let error = Writer::open(&directory.database()).err().expect("refused").to_string();
    assert!(error.contains("chat.db"), "{error}");
}

#[test]
fn a_database_of_a_newer_version_is_left_alone() {
    let directory = TempDirectory::new();
    let writer = Writer::open(&directory.database()).expect("opened");
    assert!(check(&directory.database()).is_ok(), "while somebody writes");
    writer.connection().pragma_update(None, "user_version", 99).expect("changed");
    let error = check(&directory.database()).expect_err("and it is known before it is taken over");
    assert!(matches!(error, StoreError::TooNew { found: 99, .. }), "{error}");
    drop(writer);
    let error = Writer::open(&directory.database()).err().expect("refused");
    assert!(matches!(error, StoreError::TooNew { found: 99, .. }), "{error}");
}

#[test]
fn a_database_of_the_first_version_is_brought_up_to_date() {
    let directory = TempDirectory::new();
    let connection = Connection::open(directory.database()).expect("opened");
    connection.execute_batch(schema::MIGRATIONS[0]).expect("the tables of version 1");
    connection.pragma_update(None, "user_version", 1).expect("changed");
    let text = "INSERT INTO messages (room_id, seq, sent_ms, sender, text) VALUES (1, 1, 5, 'Ann', 'old')";
    connection.execute_batch(text).expect("inserted");
    drop(connection);
    assert!(check(&directory.database()).is_ok());
    let mut writer = Writer::open(&directory.database()).expect("opened");
    assert_eq!(writer.rooms().expect("rooms")[0].seq, 1);
    fill(&mut writer, [2]);
    assert_eq!(writer.last_row().expect("read"), 2);
}

#[test]
fn names_that_looked_alike_before_there_was_a_register_both_stay() {
    let directory = TempDirectory::new();
    let connection = Connection::open(directory.database()).expect("opened");
    for migration in &schema::MIGRATIONS[..2] {
        connection.execute_batch(migration).expect("the tables of version 2");
    }
    connection.pragma_update(None, "user_version", 2).expect("changed");
    let now = 200 * 24 * 3_600 * 1_000_u64;
    for (seq, (sender, sent_ms)) in
        [("Ann", now), ("Аnn", now - 1), ("ann", now - 2), ("Old", 5), ("a\u{202e}b", now)].iter().enumerate()
    {
        let put = "INSERT INTO messages (room_id, seq, sent_ms, sender, text) VALUES (1, ?1, ?2, ?3, 'x')";
        connection.execute(put, (seq as i64 + 1, *sent_ms as i64, sender)).expect("inserted");
    }
    drop(connection);
    let mut writer = Writer::open(&directory.database()).expect("opened");
    let original = |writer: &Writer, name: &str| writer.find_original(name, None, now).expect("read");
    for name in ["Ann", "Аnn", "ann", "Anna", "old"] {
        assert_eq!(original(&writer, name), None, "{name}: it was here, or is nobody's");
    }
    assert!(original(&writer, "ANN").is_some());
    // Who has come is noted in the transaction, and those of long ago are forgotten.
    writer.note_name("Bea", now).expect("noted");
    writer.commit().expect("committed");
    assert_eq!(original(&writer, "bea").as_deref(), Some("Bea"));
    assert_eq!(writer.find_original("bea", Some("Bea"), now).expect("read"), None, "it is the own name");
    let later = now + crate::limits::NAME_KEPT_MS + 1;
    writer.note_name("Carl", later).expect("noted");
    writer.commit().expect("committed");
    assert_eq!(writer.find_original("ANN", None, later).expect("read"), None);
    let left: i64 = writer
        .connection()
        .query_row("SELECT count(DISTINCT name) FROM lookalikes WHERE name <> 'Carl'", [], |row| row.get(0))
        .expect("counted");
    assert_eq!(left, 5, "they are removed now and then");
    drop(writer);
    let mut writer = Writer::open(&directory.database()).expect("opened");
    writer.note_name("Dora", later).expect("noted");
    let names: i64 = writer
        .connection()
        .query_row("SELECT count(DISTINCT name) FROM lookalikes", [], |row| row.get(0))
        .expect("counted");
    assert_eq!(names, 2, "Carl and Dora");
}

#[test]
fn what_is_no_database_is_found_out_without_touching_it() {
    let directory = TempDirectory::new();
    assert!(check(&directory.database()).is_ok(), "there is none yet");
    let letter = "I am a letter, not a database. ".repeat(100);
    std::fs::write(directory.database(), &letter).expect("written");
    let error = check(&directory.database()).expect_err("refused").to_string();
    assert!(error.contains("chat.db"), "{error}");
    assert_eq!(std::fs::read_to_string(directory.database()).expect("there"), letter);
}

#[test]
fn whoever_was_forgotten_before_names_were_kept_is_called_as_in_their_last_message() {
    let directory = TempDirectory::new();
    let connection = Connection::open(directory.database()).expect("opened");
    for migration in &schema::MIGRATIONS[..12] {
        connection.execute_batch(migration).expect("an earlier version");
    }
    connection.pragma_update(None, "user_version", 12).expect("changed");
    connection
        .execute_batch(
            "INSERT INTO rooms (id, key, title, created_ms, kind) VALUES (2, 'D7-8', '', 1, 2);
             INSERT INTO messages (room_id, seq, sent_ms, sender, text, person)
                 VALUES (2, 1, 1, 'Ann', 'hi', 7), (2, 2, 1, 'Anna', 'hi', 7);
             INSERT INTO memberships (person, room_id, since_ms) VALUES (7, 2, 1), (8, 2, 1);",
        )
        .expect("filled");
    drop(connection);
    let writer = Writer::open(&directory.database()).expect("brought up to date");
    let members: Vec<_> = writer.members(2, 9).expect("read").into_iter().map(|(member, _)| member).collect();
    assert_eq!(members.iter().map(|member| &*member.name).collect::<Vec<_>>(), ["Anna", "?"]);
}
