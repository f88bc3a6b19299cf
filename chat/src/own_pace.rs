//! How often clients may do what the worker does by itself: read history, search, and be told that a frame is wrong. It is counted in the
//! worker that has the connection; requests to the hub are counted by the hub.

use std::cell::RefCell;
use std::collections::HashMap;
use std::net::IpAddr;

use switchboard::ConnectionId;
use tokio::time::Instant;

use crate::bucket::{Bucket, Rate};
use crate::hub::bucket_of;
use crate::limits::{ADDRESSES_MAX, pace};
use crate::protocol::Refusal;

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A page of history.
    History,
    /// A search, or its next page.
    Search,
    /// A frame that was answered by what is wrong with it.
    Unreadable,
}

const KINDS: usize = 3;

impl Kind {
    fn rate(self) -> Rate {
        match self {
            Self::History => pace::HISTORY,
            Self::Search => pace::SEARCHES,
            Self::Unreadable => pace::UNREADABLE,
        }
    }

    fn what(self) -> &'static str {
        match self {
            Self::History => "reading",
            Self::Search => "searching",
            Self::Unreadable => "sending what cannot be read",
        }
    }
}

/// The buckets of those open connections of this worker that have done such things.
#[derive(Debug)]
pub(crate) struct OwnPace {
    /// The limits are multiplied by it; 0: there are none.
    factor: u32,
    buckets: RefCell<HashMap<ConnectionId, [Bucket; KINDS]>>,
    /// By address, for searches only: all searches of a worker share one thread.
    searches: RefCell<HashMap<IpAddr, Bucket>>,
}

impl OwnPace {
    pub(crate) fn new(factor: u32) -> Self {
        Self { factor, buckets: RefCell::default(), searches: RefCell::default() }
    }

    /// May it be done now? Then it counts; otherwise nothing does.
    pub(crate) fn admit(&self, conn: ConnectionId, kind: Kind) -> Result<(), Refusal> {
        self.admit_at(conn, kind, Instant::now())
    }

    /// The same for a search, which is counted for the address, too.
    pub(crate) fn admit_search(&self, conn: ConnectionId, address: Option<IpAddr>) -> Result<(), Refusal> {
        self.admit_search_at(conn, address, Instant::now())
    }

    fn admit_search_at(
        &self,
        conn: ConnectionId,
        address: Option<IpAddr>,
        now: Instant,
    ) -> Result<(), Refusal> {
        let rate = pace::SEARCHES_OF_ADDRESS.times(self.factor);
        let mut searches = self.searches.borrow_mut();
        let address = address.and_then(bucket_of).filter(|_| self.factor > 0);
        if searches.len() >= ADDRESSES_MAX {
            // Few are not full: only those that have searched within the last seconds.
            searches.retain(|_, bucket| !bucket.is_full(now));
        }
        let Some(address) = address.filter(|_| searches.len() < ADDRESSES_MAX) else {
            return self.admit_at(conn, Kind::Search, now);
        };
        let bucket = searches.entry(address).or_default();
        let wait = bucket.wait(rate, 1, now);
        if !wait.is_zero() {
            return Err(Refusal::rate_limited(Kind::Search.what(), wait));
        }
        self.admit_at(conn, Kind::Search, now)?;
        bucket.take(rate, 1, now);
        Ok(())
    }

    fn admit_at(&self, conn: ConnectionId, kind: Kind, now: Instant) -> Result<(), Refusal> {
        if self.factor == 0 {
            return Ok(());
        }
        let rate = kind.rate().times(self.factor);
        let mut buckets = self.buckets.borrow_mut();
        let bucket = &mut buckets.entry(conn).or_default()[kind as usize];
        let wait = bucket.wait(rate, 1, now);
        if !wait.is_zero() {
            return Err(Refusal::rate_limited(kind.what(), wait));
        }
        bucket.take(rate, 1, now);
        Ok(())
    }

    pub(crate) fn forget(&self, conn: ConnectionId) {
        self.buckets.borrow_mut().remove(&conn);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admitted(pace: &OwnPace, number: u64, kind: Kind, now: Instant) -> u32 {
        let conn = ConnectionId::new(number).expect("a legal id");
        (0..1_000).take_while(|_| pace.admit_at(conn, kind, now).is_ok()).count() as u32
    }

    #[test]
    fn each_connection_and_each_kind_has_its_bucket() {
        let (own, now) = (OwnPace::new(1), Instant::now());
        for number in [1, 2] {
            assert_eq!(admitted(&own, number, Kind::Unreadable, now), pace::UNREADABLE.at_once);
            assert_eq!(admitted(&own, number, Kind::History, now), pace::HISTORY.at_once);
            assert_eq!(admitted(&own, number, Kind::History, now), 0);
        }
        own.forget(ConnectionId::new(1).expect("a legal id"));
        assert_eq!(own.buckets.borrow().len(), 1);
    }

    #[test]
    fn searches_of_one_address_share_a_bucket() {
        let (own, now) = (OwnPace::new(1), Instant::now());
        let admitted = |from: &str, numbers: std::ops::Range<u64>| {
            let address = Some(from.parse().expect("an address"));
            let admitted = |number| {
                let conn = ConnectionId::new(number).expect("a legal id");
                (0..1_000).take_while(|_| own.admit_search_at(conn, address, now).is_ok()).count() as u32
            };
            numbers.map(admitted).sum::<u32>()
        };
        assert_eq!(admitted("192.0.2.1", 1..2), pace::SEARCHES.at_once);
        assert_eq!(admitted("192.0.2.1", 2..100), pace::SEARCHES_OF_ADDRESS.at_once - pace::SEARCHES.at_once);
        assert_eq!(admitted("192.0.2.2", 100..101), pace::SEARCHES.at_once, "another address");
        assert_eq!(admitted("127.0.0.1", 200..300), 100 * pace::SEARCHES.at_once, "it may be a proxy");
    }

    #[test]
    fn limits_can_be_wider_and_off() {
        let now = Instant::now();
        assert_eq!(admitted(&OwnPace::new(3), 1, Kind::Unreadable, now), 3 * pace::UNREADABLE.at_once);
        let off = OwnPace::new(0);
        assert_eq!(admitted(&off, 1, Kind::Unreadable, now), 1_000);
        assert!(off.buckets.borrow().is_empty());
    }
}
