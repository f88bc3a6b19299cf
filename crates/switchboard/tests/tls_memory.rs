//! What an idle TLS connection costs: bytes of heap of the reactor's thread, counted by the allocator. `docs/tls.md` has the
//! figures; `cargo test -p switchboard --test tls_memory -- --nocapture` prints them.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

#[allow(dead_code, unused_imports, reason = "the other tests use the rest of it")]
#[path = "support/mod.rs"]
mod support;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::atomic::{AtomicIsize, Ordering};

use support::*;
use switchboard::{BoxError, Config, Conn, Handler, Message, Server, Worker};

/// The promise.
const IDLE_BYTES_MAX: usize = 12 << 10;
/// Connections whose cost is looked at, after so many that what all share is there.
const COUNT: usize = 200;

/// Bytes that marked threads hold.
static HELD: AtomicIsize = AtomicIsize::new(0);

thread_local! {
    static MARKED: Cell<bool> = const { Cell::new(false) };
}

struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn count(bytes: isize) {
    if MARKED.try_with(Cell::get).unwrap_or(false) {
        HELD.fetch_add(bytes, Ordering::Relaxed);
    }
}

// SAFETY: the system's allocator does all of it.
#[allow(unsafe_code)]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        // SAFETY: as it was called.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        // SAFETY: as it was called.
        unsafe { System.dealloc(at, layout) }
    }
}

struct Echo;

impl Handler for Echo {
    async fn on_message(&self, conn: Conn, message: Message) {
        let _ = conn.push(message);
    }
}

/// Bytes for each of some idle connections that have all been busy.
fn idle_bytes(tls: Option<(&Identity, &Trust)>) -> usize {
    let config = Config { tls: tls.map(|(identity, _)| identity.config()), ..one_reactor() };
    let worker_start = async |_: Worker| {
        MARKED.with(|marked| marked.set(true));
        Ok::<_, BoxError>(Echo)
    };
    let server = serve(Server::with_handler(config, worker_start).listen(ANY));
    let connect = || {
        let stream = match tls {
            Some((_, trust)) => trust.connect(server.address()),
            None => Stream::tcp(server.address()),
        };
        let mut client = Client::open(stream, &handshake("/"));
        client.round_trip("hello");
        client.binary(&[7; 100_000]);
        assert_eq!(client.next(), Heard::Binary(vec![7; 100_000]));
        client
    };
    let held = || HELD.load(Ordering::Relaxed);
    // The list of connections grows by doubling: both counts are just below a power of two.
    let mut clients: Vec<Client> = (0..64 - 8).map(|_| connect()).collect();
    wait_until("all is counted", || server.handle.stats().received_messages == 2 * clients.len() as u64);
    let before = held();
    clients.extend((0..COUNT).map(|_| connect()));
    let per_connection = (held() - before) / COUNT as isize;
    assert_eq!(server.handle.connections().len(), clients.len());
    usize::try_from(per_connection).unwrap()
}

#[test]
fn an_idle_tls_connection_costs_at_most_12_kib() {
    let identity = Identity::new();
    let plain = idle_bytes(None);
    println!("plain: {plain} bytes");
    for (name, version) in [("TLS 1.3", &rustls::version::TLS13), ("TLS 1.2", &rustls::version::TLS12)] {
        let bytes = idle_bytes(Some((&identity, &identity.trust_with(&[version]))));
        println!("{name}: {bytes} bytes");
        assert!(bytes <= IDLE_BYTES_MAX, "{name}: {bytes} bytes");
    }
}
