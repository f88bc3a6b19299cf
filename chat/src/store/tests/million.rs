//! What a million messages cost, in figures. Not a test of anything: run it by its name, and look at what it prints.

use std::time::Instant;

use super::search::{index_all, put_many};
use super::*;
use crate::protocol::request::Search;
use crate::search::{Query, of_message};
use crate::store::search::find;

const MANY: i64 = 1_000_000;

/// What is said in a chat, in several languages.
const TALK: [&str; 6] = [
    "Did the soak test survive the night?",
    "It did. Ten thousand connections, one reload in the middle, nobody noticed.",
    "我把昨晚的压测结果整理好了：广播到最后一个客户端 38 毫秒，比上周快了一半。",
    "要不要约 7:30 在巴沟站见？",
    "**Perfect**, thank you both. Then the plan for today: write it up, update the picture, cake 🎂",
    "ok",
];

/// Nanoseconds that this thread has been running for.
fn cpu() -> u64 {
    let line = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux tells");
    line.split(' ').next().and_then(|number| number.parse().ok()).expect("a number")
}

fn timed<T>(what: &str, work: impl FnOnce() -> T) -> T {
    let (began, used) = (Instant::now(), cpu());
    let done = work();
    let (cpu, wall) = ((cpu() - used) / 1_000, began.elapsed().as_micros());
    println!("{what}: {cpu} µs of CPU, {wall} µs in all");
    done
}

fn size(writer: &Writer) -> i64 {
    let pragma = |name: &str| {
        writer.connection().query_row(&format!("PRAGMA {name}"), [], |row| row.get::<_, i64>(0)).expect(name)
    };
    pragma("page_count") * pragma("page_size")
}

#[test]
#[ignore = "it takes minutes, and measures"]
fn a_million_messages() {
    let directory = TempDirectory::new();
    let mut writer = Writer::open(&directory.database()).expect("opened");
    timed("a million messages", || put_many(writer.connection_mut(), 1, MANY));
    let talk = "UPDATE messages SET text = ?2 || ' ' || id WHERE id % 6 = ?1";
    for (number, text) in TALK.iter().enumerate() {
        writer.connection().execute(talk, (number as i64, text)).expect("updated");
    }
    let before = size(&writer);
    timed("the index of them", || index_all(&mut writer));
    let after = size(&writer);
    println!("{before} bytes of messages, {} of the index", after - before);

    for place in [
        PagePosition::Before(u64::MAX),
        PagePosition::Before(500_000),
        PagePosition::After(500_000),
        PagePosition::At(500_000_000),
    ] {
        let page = || writer.page(&lobby(), place, 50, NO_LIMIT, &nobody()).expect("page").messages.len();
        page();
        assert_eq!(timed(&format!("the page {place:?}"), page), 50);
    }
    let asker = Asker::default();
    let search =
        |text: &str| Search { query: Query::parse(text).expect(text), limit: 20, ..Search::default() };
    let searches = [
        search("soak"),
        search("压测"),
        search("的"),
        search("123456"),
        search("o"),
        search("1"),
        search("\"to do\" soak"),
        search("nothinglikeit"),
        Search {
            from: Some("Person 3".into()),
            after: Some(100_000_000),
            before: Some(100_100_000),
            ..search("")
        },
        Search { from: Some("Person 3".into()), ..search("ok") },
        // All have one and the other, and none has both beside each other.
        search("\"survive soak\""),
    ];
    for (number, search) in searches.iter().enumerate() {
        let hits = timed(&format!("search {number}"), || find(writer.connection(), search, &asker));
        println!("  {:?}", hits.map(|hits| (hits.messages.len(), hits.more)));
    }
}

/// Posts so many messages, some to a transaction.
fn post(writer: &mut Writer, from: u64, count: u64, at_a_time: u64) {
    for seq in from..from + count {
        let text = TALK[(seq % 6) as usize];
        writer.record(&NewMessage { from: "Ann", ..message(seq, text) }).expect("recorded");
        if seq % at_a_time == 0 {
            writer.begin_batch();
            writer.commit().expect("committed");
        }
    }
    writer.commit().expect("committed");
}

#[test]
#[ignore = "it measures"]
fn what_the_index_adds_to_posting() {
    for round in 0..3 {
        for at_a_time in [1, 64] {
            let cost = |is_indexed: bool| {
                let directory = TempDirectory::new();
                let mut writer = Writer::open(&directory.database()).expect("opened");
                if !is_indexed {
                    let nothing =
                        "DROP TABLE search; CREATE TABLE search (rowid INTEGER PRIMARY KEY, terms TEXT);
                         CREATE TRIGGER left_out BEFORE INSERT ON search BEGIN SELECT raise(IGNORE); END;";
                    writer.connection().execute_batch(nothing).expect("replaced");
                }
                post(&mut writer, 1, 2_000, 64);
                let used = cpu();
                post(&mut writer, 2_001, 10_000, at_a_time);
                (cpu() - used) / 10_000
            };
            let (with, without) = (cost(true), cost(false));
            let used = cpu();
            let terms: usize = (0..10_000).map(|n| of_message(1, true, "Ann", TALK[n % 6]).len()).sum();
            let cut = (cpu() - used) / 10_000;
            println!(
                "round {round}, {at_a_time} at a time: {with} ns of CPU a message; without the index {without}, of which terms {cut} ({terms})"
            );
        }
    }
}

/// Texts of the greatest length, as many different characters as can be.
fn long_han(number: u32) -> String {
    (0..4_000)
        .filter_map(|at| char::from_u32(0x4E00 + (at * 7 + at * at * 13 + number * 977) % 20_000))
        .collect()
}

#[test]
#[ignore = "it measures"]
fn what_long_messages_cost() {
    let directory = TempDirectory::new();
    let mut writer = Writer::open(&directory.database()).expect("opened");
    let (posted, edited) = (100, 50);
    post(&mut writer, 1_000, 5_000, 64);
    let used = cpu();
    for number in 0..posted {
        writer.record(&message(7_000 + number, &long_han(number as u32))).expect("recorded");
        writer.commit().expect("committed");
    }
    println!("a long message posted: {} µs of CPU", (cpu() - used) / posted / 1_000);
    let used = cpu();
    for number in 0..edited {
        let target = writer.target(1, 7_000 + number).expect("read").expect("there");
        let text = long_han(1_000 + number as u32);
        let what = What::Edit { text: &text, now_ms: 9, mentions: &[] };
        let ticket = ticket(100_000 + number);
        let new = NewChange { ticket, conn: 7, request_id: None, room_id: 1, change: number + 1, what };
        writer.change(&target, &new).expect("changed");
        writer.commit().expect("committed");
    }
    println!("and edited: {} µs", (cpu() - used) / edited / 1_000);
}
