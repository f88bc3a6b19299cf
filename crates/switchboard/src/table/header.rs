//! What concerns the server as a whole: counters, places, the clock.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use crate::sys::shared_struct;

/// The most reactors that a server can have (`Config::reactors`).
pub(crate) const REACTORS_MAX: usize = 256;

shared_struct! {
    /// Written by the process that has the reactors, read by all.
    #[derive(Debug)]
    pub(crate) struct Header {
        /// Which layout this is.
        pub(super) magic: AtomicU64,
        /// Milliseconds since the Unix epoch when the server started.
        pub(crate) started_ms: AtomicU64,
        /// The server's clock less the system's monotonic one, in milliseconds.
        pub(crate) clock_offset_ms: AtomicU64,
        /// When the stop began, by the server's clock; 0: it has not.
        pub(crate) stopped_ms: AtomicU64,
        /// Places taken by connections that are open or about to be.
        pub(crate) places: AtomicU64,
        pub(crate) http_places: AtomicU64,
        /// Ids given out so far; below the size of the range, a higher id was never in use.
        pub(super) given_ids: AtomicU64,
        pub(super) next_id: AtomicU32,
        pub(super) first_id: AtomicU32,
        pub(crate) counters: Counters,
        /// Sockets that each reactor owns.
        pub(crate) loads: [AtomicU64; REACTORS_MAX],
    }
}

const _: () = assert!(size_of::<Header>() == 64 + size_of::<Counters>() + 8 * REACTORS_MAX);

shared_struct! {
    /// Counted since the server started, by all reactors.
    #[derive(Debug)]
    pub(crate) struct Counters {
        pub(crate) accepted: AtomicU64,
        pub(crate) opened: AtomicU64,
        pub(crate) closed: AtomicU64,
        pub(crate) refused: AtomicU64,
        pub(crate) received_messages: AtomicU64,
        pub(crate) received_bytes: AtomicU64,
        pub(crate) sent_bytes: AtomicU64,
        pub(crate) writes: AtomicU64,
        pub(crate) dropped_messages: AtomicU64,
    }
}

impl Counters {
    pub(crate) fn add(counter: &AtomicU64, amount: u64) {
        counter.fetch_add(amount, Ordering::Relaxed);
    }
}
