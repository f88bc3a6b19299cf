//! What waits for one client is bounded, whatever the policy and wherever it comes from.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use switchboard::{
    BoxError, ClosedBy, Config, Conn, ConnectionId, Handle, Handler, Message, Overflow, PushError,
};
use switchboard::{Request, Server, Worker};

use crate::support::*;

const LIMIT: usize = 200_000;
const MESSAGE: usize = 10_000;

fn limited(overflow: Overflow) -> Config {
    Config { output_bytes_max: LIMIT, overflow, ..config() }
}

/// Journals opens, drains and closes; echoes.
struct Draining(Journal);

impl Handler for Draining {
    async fn on_open(&self, conn: Conn, _: Request) {
        self.0.add(Entry::Open(conn.id()));
    }

    async fn on_message(&self, conn: Conn, message: Message) {
        let _ = conn.push(message);
    }

    async fn on_drain(&self, conn: Conn) {
        self.0.note(format!("drain {}", conn.id()));
    }

    async fn on_close(&self, conn: Conn, closed: switchboard::Closed) {
        self.0.add(Entry::Close(conn.id(), closed));
    }
}

fn server(config: Config) -> (Running, Journal) {
    let journal = Journal::default();
    let of_workers = journal.clone();
    let server =
        Server::with_handler(config, async move |_: Worker| Ok::<_, BoxError>(Draining(of_workers.clone())))
            .listen(ANY);
    (serve(server), journal)
}

fn numbered(number: usize) -> String {
    format!("{number} {}", "n".repeat(MESSAGE))
}

fn number_of(text: &str) -> usize {
    text.split_once(' ').unwrap().0.parse().unwrap()
}

fn queued(handle: &Handle, id: ConnectionId) -> usize {
    handle.client_info(id).map_or(0, |info| info.queued_bytes as usize)
}

/// Pushes until the queue stays full, because the kernel takes no more. Answers how many were accepted.
fn fill_for_good(handle: &Handle, id: ConnectionId) -> usize {
    let (mut accepted, mut refused) = (0, 0);
    while refused < 3 {
        match handle.push(id, numbered(accepted)) {
            Ok(()) => (accepted, refused) = (accepted + 1, 0),
            Err(PushError::QueueFull) => refused += 1,
            Err(other) => panic!("{other}"),
        }
        assert!(accepted < 100_000, "there is no limit");
        // Two answers: the turn that gave the first has been flushed.
        for _ in 0..2 {
            block_on(handle.groups(id)).unwrap();
        }
    }
    accepted
}

/// Pushes until the queue is full. Answers how many were accepted.
fn fill(handle: &Handle, id: ConnectionId) -> usize {
    for number in 0.. {
        match handle.push(id, numbered(number)) {
            Ok(()) => {}
            Err(PushError::QueueFull) => return number,
            Err(other) => panic!("{other}"),
        }
        assert!(queued(handle, id) <= LIMIT + 2 * MESSAGE);
        assert!(number < 100_000, "there is no limit");
        // The kernel takes some until it is full too.
        std::thread::yield_now();
    }
    unreachable!()
}

#[test]
fn with_close_a_client_that_does_not_read_is_closed_with_whole_frames_and_a_reason() {
    let (mut server, journal) = server(limited(Overflow::Close));
    let mut client = server.connect_narrow();
    let id = journal.opened(0);
    let accepted = fill(&server.handle, id);
    let closed = journal.expect_close(1008, ClosedBy::Overflow);
    assert_eq!(server.handle.push(id, "more"), Err(PushError::Closed));
    // What had begun to leave arrives whole and in order, then the close frame: the client's parser sees to that.
    let heard = client.until_end();
    let texts: Vec<usize> = heard
        .iter()
        .filter_map(|heard| match heard {
            Heard::Text(text) => Some(number_of(text)),
            _ => None,
        })
        .collect();
    assert!(texts.iter().copied().eq(0..texts.len()) && texts.len() <= accepted, "{texts:?}");
    assert!(heard.contains(&Heard::Close(1008, closed.reason)), "the client is told");
    server.stop();
    journal.check_pairs();
}

#[test]
fn with_close_a_client_that_never_reads_again_is_gone_after_close_timeout() {
    let settings = Config { close_timeout: Duration::from_millis(300), ..limited(Overflow::Close) };
    let (server, journal) = server(settings);
    let _client = server.connect_narrow();
    let id = journal.opened(0);
    fill(&server.handle, id);
    journal.expect_close(1008, ClosedBy::Overflow);
    wait_until("it is gone", || !server.handle.exists(id) && server.handle.stats().sockets == 0);
}

#[test]
fn with_drop_newest_what_was_accepted_arrives_and_what_was_refused_does_not() {
    let (server, journal) = server(limited(Overflow::DropNewest));
    let mut client = server.connect_narrow();
    let id = journal.opened(0);
    let accepted = fill_for_good(&server.handle, id);
    let dropped = server.handle.stats().dropped_messages;
    for _ in 0..10 {
        assert_eq!(server.handle.push(id, numbered(usize::MAX)), Err(PushError::QueueFull));
    }
    assert_eq!(server.handle.stats().dropped_messages, dropped + 10);
    for number in 0..accepted {
        assert_eq!(number_of(&client.next_text()), number);
    }
    journal.wait_note(&format!("drain {id}"));
    server.handle.push(id, "room again").unwrap();
    client.expect_text("room again");
    assert!(journal.closes().is_empty());
}

#[test]
fn with_drop_oldest_the_newest_arrive_whole_and_in_order() {
    let (server, journal) = server(limited(Overflow::DropOldest));
    let mut client = server.connect_narrow();
    let id = journal.opened(0);
    let mut last = 0;
    while server.handle.stats().dropped_messages < 50 {
        server.handle.push(id, numbered(last)).unwrap();
        last += 1;
        // Each is carried out before the next, so that none is refused on the way.
        wait_until("it is within the limit", || queued(&server.handle, id) <= LIMIT);
        assert!(last < 10_000, "nothing is dropped");
    }
    let mut received = Vec::new();
    while received.last() != Some(&(last - 1)) {
        received.push(number_of(&client.next_text()));
    }
    assert!(received.is_sorted_by(|earlier, later| earlier < later), "{received:?}");
    assert_eq!(received.len() + 50, last, "{received:?}");
    assert!(journal.closes().is_empty());
}

/// While the reactor is busy, what is on its way to it is bounded too.
#[test]
fn with_drop_oldest_a_producer_cannot_run_ahead_of_the_reactor() {
    let (server, journal) = server(limited(Overflow::DropOldest));
    let mut client = server.connect_narrow();
    let id = journal.opened(0);
    for number in 0..2_000 {
        let _ = server.handle.push(id, numbered(number));
        let queued = queued(&server.handle, id);
        assert!(queued <= 2 * LIMIT + 2 * MESSAGE, "{queued} bytes");
    }
    let mut before = None;
    wait_until("it has room for the last", || server.handle.push(id, numbered(2_000)).is_ok());
    while before != Some(2_000) {
        let number = number_of(&client.next_text());
        assert!(before < Some(number), "{number} after {before:?}");
        before = Some(number);
    }
}

#[test]
fn drop_oldest_counts_every_message_that_it_drops() {
    let (server, journal) = server(limited(Overflow::DropOldest));
    let mut client = server.connect_narrow();
    let id = journal.opened(0);
    let mut sent = 0;
    while server.handle.stats().dropped_messages == 0 || sent % 50 != 0 {
        server.handle.push(id, numbered(sent)).unwrap();
        sent += 1;
        // Each is carried out before the next, so that none is refused on the way.
        wait_until("it is queued", || queued(&server.handle, id) <= LIMIT);
    }
    // One that takes the place of many.
    server.handle.push(id, "L".repeat(LIMIT - 20)).unwrap();
    let mut received = 0;
    while client.next_text().len() < LIMIT - 20 {
        received += 1;
    }
    assert_eq!(server.handle.stats().dropped_messages, sent as u64 - received);
}

#[test]
fn a_publish_to_a_full_queue_follows_the_policy_and_reaches_the_others() {
    for (overflow, stays) in
        [(Overflow::Close, false), (Overflow::DropNewest, true), (Overflow::DropOldest, true)]
    {
        let (server, journal) = server(limited(overflow));
        let _slow = server.connect_narrow();
        let slow = journal.opened(0);
        let mut others = server.connect_many(3);
        journal.opened(3);
        for number in 0..1_000 {
            server.handle.broadcast(numbered(number)).unwrap();
            for other in &mut others {
                assert_eq!(number_of(&other.next_text()), number);
            }
            assert!(queued(&server.handle, slow) <= LIMIT + 2 * MESSAGE);
        }
        assert!(server.handle.stats().dropped_messages > 0, "{overflow:?}");
        assert_eq!(server.handle.is_established(slow), stays, "{overflow:?}");
        if !stays {
            assert_eq!(journal.closed_of(slow).by, ClosedBy::Overflow);
        }
        assert_eq!(journal.closes().len(), usize::from(!stays), "{overflow:?}");
    }
}

#[test]
fn a_message_larger_than_the_limit_goes_to_an_empty_queue() {
    let (server, journal) = server(Config { output_bytes_max: 1_000, ..config() });
    let mut client = server.connect();
    let id = journal.opened(0);
    for len in [2 << 20, 1_001, 999] {
        server.handle.push(id, "w".repeat(len)).unwrap();
        assert_eq!(client.next_text().len(), len);
        wait_until("the queue is empty", || queued(&server.handle, id) == 0);
        server.handle.broadcast("v".repeat(len)).unwrap();
        assert_eq!(client.next_text().len(), len);
        wait_until("the queue is empty", || queued(&server.handle, id) == 0);
    }
}

#[test]
fn a_client_that_reads_is_not_cut_for_what_one_turn_brings_together() {
    let (server, journal) = server(Config { output_bytes_max: 20_000, ..one_reactor() });
    let mut client = server.connect();
    // Far more than the limit in one segment, which comes back at once.
    let texts: Vec<String> = (0..600).map(|number| format!("{number} {}", "b".repeat(90))).collect();
    for _ in 0..20 {
        client.raw(&Client::encoded_texts(&texts));
        assert_eq!(client.next_texts(600), texts);
    }
    assert!(journal.closes().is_empty());
}

#[test]
fn clients_that_read_are_not_cut_when_all_of_them_broadcast_at_once() {
    let journal = Journal::default();
    let server = serve(
        Server::new(ANY)
            .config(Config { output_bytes_max: 10_000, ..config() })
            .on_message(async |conn: Conn, message: Message| conn.handle().broadcast(message))
            .on_close(journal.on_close()),
    );
    let mut clients = server.connect_many(20);
    wait_until("all are open", || server.handle.connections().len() == 20);
    // 45 kB for each, of which the kernel takes what the server does not hold back.
    let frames = Client::encoded_texts(vec!["c".repeat(150); 15]);
    for client in &mut clients {
        client.raw(&frames);
    }
    for client in &mut clients {
        client.next_texts(300);
    }
    assert!(journal.closes().is_empty());
}

/// Handlers that push in a loop are bound like everybody else.
#[test]
fn a_handler_cannot_queue_more_than_the_limit() {
    for overflow in [Overflow::Close, Overflow::DropNewest, Overflow::DropOldest] {
        let (report, reports) = mpsc::channel();
        let server = serve(Server::new(ANY).config(limited(overflow)).on_message(
            async move |conn: Conn, _: Message| {
                let mut most = 0;
                for number in 0..1_000 {
                    let _ = conn.push(numbered(number));
                    most = most.max(conn.info().map_or(0, |info| info.queued_bytes as usize));
                }
                let _ = report.send(most);
            },
        ));
        let mut client = server.connect();
        client.text("push!");
        let most = reports.recv_timeout(PATIENCE).unwrap();
        let bound = if overflow == Overflow::DropOldest { 2 * LIMIT } else { LIMIT };
        assert!(most <= bound + MESSAGE + 100, "{overflow:?}: {most} bytes");
    }
}

/// Commands for a reactor that is busy are bounded, and who was refused hears of room again.
#[test]
fn a_push_refused_because_the_reactor_is_busy_is_followed_by_on_drain() {
    struct Blocking(Journal, Arc<AtomicBool>);
    impl Handler for Blocking {
        async fn on_message(&self, _: Conn, _: Message) {
            self.0.note("blocks");
            while self.1.load(Ordering::Relaxed) {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        async fn on_drain(&self, _: Conn) {
            self.0.note("drain");
        }
    }
    let (journal, block) = (Journal::default(), Arc::new(AtomicBool::new(true)));
    let (of_workers, blocking) = (journal.clone(), block.clone());
    let settings = Config {
        message_bytes_max: 10_000,
        command_bytes_max: 50_000,
        output_bytes_max: 10 << 20,
        ..one_reactor()
    };
    let server = serve(
        Server::with_handler(settings, async move |_: Worker| {
            Ok::<_, BoxError>(Blocking(of_workers.clone(), blocking.clone()))
        })
        .listen(ANY),
    );
    let mut client = server.connect();
    wait_until("it is open", || server.handle.connections().len() == 1);
    let id = server.handle.connections()[0];
    client.text("block");
    journal.wait_note("blocks");
    let accepted = (0..1_000)
        .take_while(|number| server.handle.push(id, numbered(*number)[..10_000].to_owned()).is_ok());
    let accepted = accepted.count();
    block.store(false, Ordering::Relaxed);
    assert!(accepted <= 5, "{accepted} messages were accepted");
    journal.wait_note("drain");
    for number in 0..accepted {
        assert_eq!(number_of(&client.next_text()), number);
    }
}

/// The refusal and the flush that empties the queue may happen at the same time.
#[test]
fn a_producer_that_waits_for_on_drain_never_waits_in_vain() {
    let (server, journal) =
        server(Config { output_bytes_max: 30_000, overflow: Overflow::DropNewest, ..one_reactor() });
    let mut client = server.connect();
    let id = journal.opened(0);
    let reader = std::thread::spawn(move || {
        let mut next = 0;
        while next < 5_000 {
            assert_eq!(number_of(&client.next_text()), next);
            next += 1;
        }
    });
    let mut drains = 0;
    for number in 0..5_000 {
        while server.handle.push(id, numbered(number)) == Err(PushError::QueueFull) {
            drains =
                journal.wait("on_drain", |entries| Some(entries.len()).filter(|now| *now > drains + 1)) - 1;
        }
    }
    reader.join().unwrap();
}
