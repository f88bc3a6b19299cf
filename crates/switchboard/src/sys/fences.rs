//! What the [biased lock](super::BiasedMutex) needs of the processor and of the kernel. Its tests put a model in the place of
//! these.

use std::cell::UnsafeCell;
use std::sync::OnceLock;
pub(super) use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::atomic::{compiler_fence, fence};
pub(super) use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use rustix::thread::{MembarrierCommand, membarrier};

/// So often in a row has the owner taken the mutex when it goes back to doing without.
pub(super) const ALONE: u32 = 1_000;

/// So often is a fence of the kernel's asked for before it is taken for forbidden.
const FENCE_ATTEMPTS: u32 = 1_000;
/// So often is the processor offered to others before this thread sleeps: the one that it waits for may be of a lower priority.
const YIELDS: u32 = 100;

/// A value that is reached through a pointer.
#[derive(Debug)]
pub(super) struct Cell<T>(UnsafeCell<T>);

impl<T> Cell<T> {
    pub(super) fn new(value: T) -> Cell<T> {
        Cell(UnsafeCell::new(value))
    }

    pub(super) fn with_mut<R>(&self, act: impl FnOnce(*mut T) -> R) -> R {
        act(self.0.get())
    }
}

/// Can the kernel make all cores of this process pass a fence? (Linux 4.14.)
fn has_membarrier() -> bool {
    static HAS: OnceLock<bool> = OnceLock::new();
    *HAS.get_or_init(|| membarrier(MembarrierCommand::RegisterPrivateExpedited).is_ok())
}

/// Before the first of them is needed.
pub(super) fn prepare_fences() {
    has_membarrier();
}

/// A fence for who passes often; it costs nothing where [`heavy_fence`] can do its part.
pub(super) fn light_fence() {
    if has_membarrier() { compiler_fence(Ordering::SeqCst) } else { fence(Ordering::SeqCst) }
}

/// The other side's.
pub(super) fn heavy_fence() {
    fence(Ordering::SeqCst);
    if !has_membarrier() {
        return;
    }
    // For want of memory it may fail now and not the next time.
    for round in 0..FENCE_ATTEMPTS {
        if membarrier(MembarrierCommand::PrivateExpedited).is_ok() {
            return;
        }
        wait(round);
    }
    // It has been forbidden since the process began. Without it two threads would write to the same memory.
    std::process::abort();
}

/// Lets others go on; longer, the more often it was in vain.
pub(super) fn wait(round: u32) {
    match round {
        ..YIELDS => thread::yield_now(),
        _ => thread::sleep(Duration::from_micros(50)),
    }
}

/// Of the calling thread; never 0, and never another's.
pub(super) fn thread_number() -> u64 {
    static LAST: AtomicU64 = AtomicU64::new(0);
    thread_local! {
        static OWN: u64 = LAST.fetch_add(1, Ordering::Relaxed) + 1;
    }
    OWN.with(|own| *own)
}
