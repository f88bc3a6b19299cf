//! The biased lock, and its models.

#[path = "../../src/sys/biased.rs"]
mod biased;
/// What it needs of the processor, as a model: there a fence of the kernel's is one of this thread's, and the owner's other one
/// is none less.
mod fences {
    use loom::cell::UnsafeCell;
    pub(super) use loom::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
    pub(super) use loom::sync::{Mutex, MutexGuard};
    pub(super) use std::sync::PoisonError;

    pub(super) const ALONE: u32 = 2;

    #[derive(Debug)]
    pub(super) struct Cell<T>(UnsafeCell<T>);

    impl<T> Cell<T> {
        pub(super) fn new(value: T) -> Cell<T> {
            Cell(UnsafeCell::new(value))
        }

        /// Fails the test if anybody else is in.
        pub(super) fn with_mut<R>(&self, act: impl FnOnce(*mut T) -> R) -> R {
            self.0.with_mut(act)
        }
    }

    pub(super) fn wait(_round: u32) {
        loom::thread::yield_now();
    }

    pub(super) fn prepare_fences() {}

    pub(super) fn light_fence() {
        crate::sys::fence(Ordering::SeqCst);
    }

    pub(super) fn heavy_fence() {
        crate::sys::fence(Ordering::SeqCst);
    }

    loom::thread_local! {
        static NUMBER: std::cell::Cell<u64> = std::cell::Cell::new(2);
    }

    pub(super) fn thread_number() -> u64 {
        NUMBER.with(std::cell::Cell::get)
    }

    /// The calling thread is the one that owns locks.
    pub(super) fn be_owner() {
        NUMBER.with(|number| number.set(1));
    }
}

use biased::BiasedMutex;
use loom::sync::Arc;
use loom::thread;

/// A lock that its owner, the calling thread, has to itself.
fn owned() -> Arc<BiasedMutex<u32>> {
    fences::be_owner();
    let lock = Arc::new(BiasedMutex::new(0));
    lock.own();
    (0..fences::ALONE).for_each(|_| lock.with(|_| ()));
    lock
}

#[test]
fn one_thread_at_a_time_is_in() {
    loom::model(|| {
        let lock = owned();
        let others = lock.clone();
        let other = thread::spawn(move || {
            others.with(|value| *value += 1);
            others.with(|value| *value += 1);
        });
        lock.with(|value| *value += 1);
        lock.with(|value| *value += 1);
        other.join().unwrap();
        assert_eq!(lock.with(|value| *value), 4);
    });
}

#[test]
fn two_others_and_the_owner_take_turns() {
    crate::models::model_within(3, || {
        let lock = owned();
        let others = [lock.clone(), lock.clone()];
        let others = others.map(|other| thread::spawn(move || other.with(|value| *value += 1)));
        lock.with(|value| *value += 1);
        lock.with(|value| *value += 1);
        others.into_iter().for_each(|other| other.join().unwrap());
        assert_eq!(lock.with(|value| *value), 4);
    });
}

#[test]
#[should_panic(expected = "Causality violation")]
fn without_fences_two_would_be_in() {
    crate::sys::forget_fences();
    loom::model(|| {
        let lock = owned();
        let other = lock.clone();
        let other = thread::spawn(move || other.with(|value| *value += 1));
        lock.with(|value| *value += 1);
        other.join().unwrap();
    });
}
