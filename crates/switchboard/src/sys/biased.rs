//! A lock that nearly always one thread takes.
//!
//! A locked instruction waits until everything that was written before it is in the cache. After a message has been copied
//! into a ring this takes longer than the copy. So the lock's owner does without: it says that it is inside, and looks whether
//! anybody else wants in. Who else does takes this from it first, with a system call that has every core of the process
//! pass a fence (`membarrier`); from then on all of them take a mutex, until for a while only the owner has taken it.

use super::fences::{
    ALONE, AtomicBool, AtomicU32, AtomicU64, Cell, Mutex, MutexGuard, Ordering, PoisonError, heavy_fence,
    light_fence, prepare_fences, thread_number, wait,
};

/// See the module. Who holds it does not take it again.
#[derive(Debug)]
pub(crate) struct BiasedMutex<T> {
    value: Cell<T>,
    mutex: Mutex<()>,
    /// The owner's number; 0: there is none. It is given once.
    owner: AtomicU64,
    /// The owner is inside without the mutex.
    inside: AtomicBool,
    /// All take the mutex. Changed by who holds that.
    shared: AtomicBool,
    /// How often in a row the owner has taken the mutex. Changed by who holds that.
    alone: AtomicU32,
}

// SAFETY: one thread at a time reaches the value: `inside` and `shared` see to it, or the mutex.
unsafe impl<T: Send> Sync for BiasedMutex<T> {}

/// The owner is inside while this lives.
struct Inside<'a>(&'a AtomicBool);

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

impl<T> BiasedMutex<T> {
    /// A lock without an owner. Best made while the process has one thread: its first one prepares that for the fences, which takes
    /// the kernel some milliseconds where there are others.
    pub(crate) fn new(value: T) -> BiasedMutex<T> {
        prepare_fences();
        BiasedMutex {
            value: Cell::new(value),
            mutex: Mutex::new(()),
            owner: AtomicU64::new(0),
            inside: AtomicBool::new(false),
            shared: AtomicBool::new(true),
            alone: AtomicU32::new(0),
        }
    }

    /// The calling thread is the owner from now on, unless another is.
    pub(crate) fn own(&self) {
        let _ = self.owner.compare_exchange(0, thread_number(), Ordering::Relaxed, Ordering::Relaxed);
    }

    /// Holds the lock while `act` runs. A panic in that does not poison it.
    ///
    /// # Panics
    /// If the thread holds it already.
    pub(crate) fn with<R>(&self, act: impl FnOnce(&mut T) -> R) -> R {
        if self.owner.load(Ordering::Relaxed) == thread_number() {
            return self.with_as_owner(act);
        }
        let _guard = self.lock();
        self.share();
        // SAFETY: the owner is not in without the mutex, for `shared` is set; the others need it.
        self.value.with_mut(|value| act(unsafe { &mut *value }))
    }

    fn with_as_owner<R>(&self, act: impl FnOnce(&mut T) -> R) -> R {
        assert!(!self.inside.load(Ordering::Relaxed), "a lock is taken by who holds it");
        if let Some(_inside) = self.enter() {
            // SAFETY: nobody else is in: they would have set `shared`, and wait for `inside` to be cleared.
            return self.value.with_mut(|value| act(unsafe { &mut *value }));
        }
        let _guard = self.lock();
        // Nobody waits for it to be cleared while this has the mutex.
        self.inside.store(true, Ordering::Relaxed);
        let _inside = Inside(&self.inside);
        // SAFETY: whoever else is in has the mutex.
        let result = self.value.with_mut(|value| act(unsafe { &mut *value }));
        self.count();
        result
    }

    /// The owner enters without the mutex, if nobody else wants in.
    fn enter(&self) -> Option<Inside<'_>> {
        self.inside.store(true, Ordering::Relaxed);
        let inside = Inside(&self.inside);
        light_fence();
        (!self.shared.load(Ordering::Relaxed)).then_some(inside)
    }

    /// The owner has the mutex.
    fn count(&self) {
        let alone = self.alone.load(Ordering::Relaxed) + 1;
        self.alone.store(alone % ALONE, Ordering::Relaxed);
        if alone == ALONE {
            // For the next time: this time it has the mutex, so nobody else is in.
            self.shared.store(false, Ordering::Relaxed);
        }
    }

    /// Another thread has the mutex: the owner is to take it as well.
    fn share(&self) {
        self.alone.store(0, Ordering::Relaxed);
        if self.shared.load(Ordering::Relaxed) {
            return;
        }
        self.shared.store(true, Ordering::Relaxed);
        heavy_fence();
        // Either the owner has seen `shared`, or this sees that it is inside; which is never for long.
        for round in 0.. {
            if !self.inside.load(Ordering::Acquire) {
                return;
            }
            wait(round);
        }
    }

    fn lock(&self) -> MutexGuard<'_, ()> {
        self.mutex.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
