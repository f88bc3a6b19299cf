//! What rings need of shared memory and of the processor, as a model.

use std::cell::Cell;
use std::ops::Deref;

use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::sync::atomic::AtomicU64;
pub(crate) use loom::sync::atomic::Ordering;

thread_local! {
    static WITHOUT_FENCES: Cell<bool> = const { Cell::new(false) };
}

/// From now on this thread's models have no fences.
pub(crate) fn forget_fences() {
    WITHOUT_FENCES.set(true);
}

pub(crate) fn fence(order: Ordering) {
    // A model's threads all run on the thread that runs the model.
    if !WITHOUT_FENCES.get() {
        loom::sync::atomic::fence(order);
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Word(Arc<AtomicU64>);

impl Word {
    pub(crate) fn new() -> Word {
        Word(Arc::new(AtomicU64::new(0)))
    }
}

impl Deref for Word {
    type Target = AtomicU64;

    fn deref(&self) -> &AtomicU64 {
        &self.0
    }
}

/// Every byte is watched: two that touch it at the same time, one of them writing, fail the test.
#[derive(Debug, Clone)]
pub(crate) struct Area(Arc<Vec<UnsafeCell<u8>>>);

impl Area {
    pub(crate) fn new(len: usize) -> Area {
        Area(Arc::new((0..len).map(|_| UnsafeCell::new(0)).collect()))
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn write(&mut self, position: u64, parts: &[&[u8]]) {
        for (at, byte) in (position..).zip(parts.iter().copied().flatten()) {
            let cell = &self.0[at as usize % self.0.len()];
            // SAFETY: loom fails the test if anybody else is at this byte.
            cell.with_mut(|place| unsafe { *place = *byte });
        }
    }

    pub(crate) fn read_word(&self, position: u64) -> u64 {
        let mut word = Vec::new();
        self.read(position, size_of::<u64>(), &mut word);
        word.try_into().map_or(0, u64::from_le_bytes)
    }

    pub(crate) fn write_word(&mut self, position: u64, value: u64) {
        self.write(position, &[&value.to_le_bytes()]);
    }

    pub(crate) fn read(&self, position: u64, len: usize, into: &mut Vec<u8>) {
        for at in position..position + len as u64 {
            let cell = &self.0[at as usize % self.0.len()];
            // SAFETY: as above.
            into.push(cell.with(|place| unsafe { *place }));
        }
    }
}
