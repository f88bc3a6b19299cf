//! Token buckets.

use std::time::Duration;

/// How much may come in a second, and at once after a pause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rate {
    per_second: u64,
    /// How long an empty bucket takes to fill.
    burst_ns: u64,
}

/// One bucket: when it will be full again, in nanoseconds of the clock. A default one is full.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Bucket(u64);

impl Rate {
    /// None: `per_second` is 0, there is no limit. The bucket holds what comes in `burst`, and at least one.
    pub(crate) fn new(per_second: u64, burst: Duration) -> Option<Rate> {
        let one_ns = 1_000_000_000u64.checked_div(per_second)?.max(1);
        let burst_ns = u64::try_from(burst.as_nanos()).unwrap_or(u64::MAX / 4).min(u64::MAX / 4);
        Some(Rate { per_second, burst_ns: burst_ns.max(one_ns) })
    }

    fn time_of(self, amount: u64) -> u64 {
        let nanoseconds = u128::from(amount) * 1_000_000_000 / u128::from(self.per_second);
        u64::try_from(nanoseconds).unwrap_or(u64::MAX / 4).min(u64::MAX / 4)
    }

    /// What is in the bucket.
    pub(crate) fn level(self, bucket: Bucket, now_ms: u64) -> u64 {
        let left_ns = self.burst_ns.saturating_sub(bucket.0.saturating_sub(now_ms * 1_000_000));
        u64::try_from(u128::from(left_ns) * u128::from(self.per_second) / 1_000_000_000).unwrap_or(u64::MAX)
    }

    /// Takes so much out of the bucket, down to less than nothing.
    pub(crate) fn take(self, bucket: &mut Bucket, amount: u64, now_ms: u64) {
        bucket.0 = bucket.0.max(now_ms * 1_000_000).saturating_add(self.time_of(amount));
    }

    /// When there will be a tenth of a second's worth in the bucket, and at least one: waking up for less would cost more
    /// than it saves.
    pub(crate) fn time_for_portion(self, bucket: Bucket) -> u64 {
        let need_ns = self.time_of((self.per_second / 10).max(1)).min(self.burst_ns);
        (bucket.0 + need_ns).saturating_sub(self.burst_ns).div_ceil(1_000_000)
    }
}

impl Bucket {
    pub(crate) fn is_full(self, now_ms: u64) -> bool {
        self.0 <= now_ms * 1_000_000
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: u64 = 1_700_000_000_000;

    #[test]
    fn a_full_bucket_holds_its_burst_and_fills_at_its_rate() {
        let rate = Rate::new(10, Duration::from_secs(2)).unwrap();
        let mut bucket = Bucket::default();
        assert_eq!(rate.level(bucket, NOW), 20);
        rate.take(&mut bucket, 20, NOW);
        assert_eq!(
            (rate.level(bucket, NOW), rate.level(bucket, NOW + 99), rate.level(bucket, NOW + 100)),
            (0, 0, 1)
        );
        assert_eq!(rate.time_for_portion(bucket), NOW + 100);
        assert!(!bucket.is_full(NOW + 1_999) && bucket.is_full(NOW + 2_000));
        assert_eq!(rate.level(bucket, NOW + 10_000), 20);
    }

    #[test]
    fn the_smallest_bucket_holds_one() {
        let rate = Rate::new(1, Duration::ZERO).unwrap();
        let mut bucket = Bucket::default();
        assert_eq!(rate.level(bucket, NOW), 1);
        rate.take(&mut bucket, 1, NOW);
        assert_eq!(rate.time_for_portion(bucket), NOW + 1_000);
        assert_eq!(Rate::new(0, Duration::from_secs(1)), None);
    }

    proptest! {
        #[test]
        fn no_more_passes_than_the_burst_and_the_rate(
            per_second in 1..5_000_000u64, burst_ms in 0..20_000u64,
            steps in proptest::collection::vec((0..2_000u64, 1..10_000u64), 1..100),
        ) {
            let rate = Rate::new(per_second, Duration::from_millis(burst_ms)).unwrap();
            let (mut bucket, mut now, mut passed) = (Bucket::default(), NOW, 0u64);
            for (pause, amount) in steps {
                now += pause;
                let part = amount.min(rate.level(bucket, now));
                rate.take(&mut bucket, part, now);
                passed += part;
                let most = u128::from(per_second) * u128::from(burst_ms.max(1_000 / per_second) + now - NOW) / 1_000 + 1;
                prop_assert!(u128::from(passed) <= most, "{passed} of {most}");
                let wait = rate.time_for_portion(bucket);
                prop_assert!(rate.level(bucket, wait.max(now)) >= 1);
            }
        }
    }
}
