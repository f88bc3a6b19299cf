//! What the tests share: a server in a thread, a client on a blocking socket, and waiting with a deadline.

mod client;
mod http;
mod journal;
mod log;
mod server;
mod stream;
mod tls;

pub(crate) use client::{Client, Heard, handshake};
pub(crate) use http::{Answer, Raw, upgrade_request};
pub(crate) use journal::{Entry, Journal};
pub(crate) use log::Log;
pub(crate) use server::{ANY, Running, Startable, config, echo, one_reactor, serve, start_error};
pub(crate) use stream::Stream;
pub(crate) use tls::{Identity, Trust, all_by_tls};

use std::future::Future;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// How long a test waits for what must happen, on a machine that does other things too.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Waits for a condition.
#[track_caller]
pub(crate) fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Runs a future on a runtime of its own.
#[track_caller]
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime
        .block_on(async { tokio::time::timeout(PATIENCE, future).await })
        .expect("a future that did not finish")
}

/// A number that no other call has given: for masking keys, nonces and file names.
pub(crate) fn unique() -> u32 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// A path in the temporary directory that nobody uses.
pub(crate) fn temporary_path(extension: &str) -> std::path::PathBuf {
    let name = format!("switchboard-{}-{}.{extension}", std::process::id(), unique());
    std::env::temp_dir().join(name)
}
