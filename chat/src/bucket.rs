//! Token buckets: how often something may be done.

use std::time::Duration;

use tokio::time::Instant;

/// So many at once, and then one in each interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rate {
    pub(crate) at_once: u32,
    pub(crate) interval: Duration,
}

impl Rate {
    pub(crate) const fn per_second(count: u32, at_once: u32) -> Self {
        Self { at_once, interval: Duration::from_micros(1_000_000 / count as u64) }
    }

    pub(crate) const fn every_seconds(seconds: u64, at_once: u32) -> Self {
        Self { at_once, interval: Duration::from_secs(seconds) }
    }

    /// So many times as often.
    pub(crate) fn times(self, factor: u32) -> Self {
        Self { at_once: self.at_once.saturating_mul(factor), interval: self.interval / factor.max(1) }
    }
}

/// A bucket is one moment: that at which it is full again (the generic cell rate algorithm). A new one is full.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Bucket {
    full_at: Option<Instant>,
}

impl Bucket {
    /// How long until `count` tokens can be taken; zero: now. Of more than there can ever be, as many as there can be.
    pub(crate) fn wait(&self, rate: Rate, count: u32, now: Instant) -> Duration {
        let lent = self.lent(now) + rate.interval * count.min(rate.at_once);
        lent.saturating_sub(rate.interval * rate.at_once)
    }

    /// Takes tokens that are there.
    pub(crate) fn take(&mut self, rate: Rate, count: u32, now: Instant) {
        self.full_at = Some(now + self.lent(now) + rate.interval * count.min(rate.at_once));
    }

    pub(crate) fn is_full(&self, now: Instant) -> bool {
        self.lent(now).is_zero()
    }

    /// The time that it takes to become full.
    fn lent(&self, now: Instant) -> Duration {
        self.full_at.map_or(Duration::ZERO, |full_at| full_at.saturating_duration_since(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate::per_second(2, 3);

    #[test]
    fn a_bucket_gives_what_it_has_and_says_when_there_is_more() {
        let mut bucket = Bucket::default();
        let began = Instant::now();
        for _ in 0..3 {
            assert_eq!(bucket.wait(RATE, 1, began), Duration::ZERO);
            bucket.take(RATE, 1, began);
        }
        assert_eq!(bucket.wait(RATE, 1, began), Duration::from_millis(500));
        assert_eq!(bucket.wait(RATE, 2, began), Duration::from_millis(1_000));
        let later = began + Duration::from_millis(500);
        assert_eq!(bucket.wait(RATE, 1, later), Duration::ZERO);
        bucket.take(RATE, 1, later);
        assert_eq!(bucket.wait(RATE, 1, later), Duration::from_millis(500));
        assert!(!bucket.is_full(later));
        assert!(bucket.is_full(later + Duration::from_millis(1_500)));
    }

    #[test]
    fn more_than_there_can_be_costs_all_there_is() {
        let mut bucket = Bucket::default();
        let now = Instant::now();
        assert_eq!(bucket.wait(RATE, 1_000, now), Duration::ZERO);
        bucket.take(RATE, 1_000, now);
        assert_eq!(bucket.wait(RATE, 1, now), Duration::from_millis(500));
    }

    #[test]
    fn a_rate_can_be_multiplied() {
        let rate = RATE.times(4);
        assert_eq!((rate.at_once, rate.interval), (12, Duration::from_millis(125)));
    }
}
