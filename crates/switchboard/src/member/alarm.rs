//! Wakes the main task for what comes from this process itself.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::task::Waker;

/// Set off by any task or thread.
#[derive(Debug, Default)]
pub(super) struct Alarm {
    ringing: AtomicBool,
    /// Of the main task, while it sleeps.
    sleeper: Mutex<Option<Waker>>,
}

impl Alarm {
    pub(super) fn ring(&self) {
        self.ringing.store(true, Ordering::Release);
        let sleeper = self.lock().take();
        if let Some(waker) = sleeper {
            waker.wake();
        }
    }

    /// The main task is about to sleep. False: not yet, it was rung for.
    pub(super) fn prepare_sleep(&self, waker: &Waker) -> bool {
        *self.lock() = Some(waker.clone());
        let rung = self.ringing.swap(false, Ordering::Acquire);
        if rung {
            self.awake();
        }
        !rung
    }

    /// The main task is awake: it does not have to be woken.
    pub(super) fn awake(&self) {
        *self.lock() = None;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Waker>> {
        self.sleeper.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
