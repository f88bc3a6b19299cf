//! The biased lock, among real threads.

use std::sync::Arc;
use std::thread;

use super::BiasedMutex;
use super::fences::ALONE;

#[test]
fn one_thread_at_a_time_is_in() {
    let lock = Arc::new(BiasedMutex::new((0u64, 0u64)));
    lock.own();
    let add = |lock: &BiasedMutex<(u64, u64)>| {
        lock.with(|(one, other)| {
            assert_eq!(one, other);
            *one += 1;
            *other += 1;
        });
    };
    let others: Vec<_> = (0..2)
        .map(|_| {
            let lock = lock.clone();
            thread::spawn(move || {
                for n in 0..20_000 {
                    add(&lock);
                    if n % 100 == 0 {
                        // So that the owner has it to itself now and then.
                        thread::yield_now();
                    }
                }
            })
        })
        .collect();
    let mut own = 0;
    while others.iter().any(|other| !other.is_finished()) || own < 10 * u64::from(ALONE) {
        add(&lock);
        own += 1;
    }
    others.into_iter().for_each(|other| other.join().unwrap());
    assert_eq!(lock.with(|(one, _)| *one), own + 40_000);
}

#[test]
fn a_panic_lets_the_others_in() {
    let lock = Arc::new(BiasedMutex::new(0));
    lock.own();
    for _ in 0..=ALONE {
        lock.with(|value| *value += 1);
    }
    let panics = || lock.with(|_| panic!("in the lock"));
    assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(panics)).is_err());
    let other = lock.clone();
    thread::spawn(move || other.with(|value| *value += 1)).join().unwrap();
    assert_eq!(lock.with(|value| *value), ALONE + 2);
}

#[test]
fn whoever_holds_it_and_takes_it_again_is_told_so() {
    // While all take the mutex, at the moment when the owner goes back to doing without, and after that.
    for before in [0, ALONE - 1, ALONE] {
        let lock = BiasedMutex::new(0);
        lock.own();
        (0..before).for_each(|_| lock.with(|value| *value += 1));
        let again = || lock.with(|_| lock.with(|value| *value += 1));
        let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(again));
        assert!(panic.is_err(), "after {before}");
        assert_eq!(lock.with(|value| *value), before);
    }
}
