//! Who waits says so, and is woken only then.

use crate::sys::{Ordering, Word, fence};

/// A word that one side sets before it waits, and the other clears when it has something for it.
///
/// The fences are what makes it work: of "set the word, look for work" on one side and "make work, look at the word" on
/// the other, at least one look has to see what the other side has written. Without fences a processor may let both
/// looks overtake the writes, x86 included.
///
/// The word is only ever exchanged, never just stored to: so its changes have one order, whoever makes them.
#[derive(Debug, Clone)]
pub(crate) struct Sleeping(Word);

impl Sleeping {
    pub(crate) fn new(word: Word) -> Sleeping {
        Sleeping(word)
    }

    /// Says that this side is about to wait. It has to look once more at everything that could wake it; if there is
    /// something, it [cancels](Sleeping::cancel) and goes on.
    pub(crate) fn announce(&self) {
        Sleeping::announce_all([self]);
    }

    /// [Announces](Sleeping::announce) the same to several others at the price of one.
    pub(crate) fn announce_all<'a>(words: impl IntoIterator<Item = &'a Sleeping>) {
        for word in words {
            word.0.swap(1, Ordering::Relaxed);
        }
        fence(Ordering::SeqCst);
    }

    /// Says that this side is awake.
    pub(crate) fn cancel(&self) {
        // Whoever was late to clear it rings in vain, which is harmless.
        self.0.swap(0, Ordering::Relaxed);
    }

    /// After something was published: does the other side have to be woken? Only one of several askers is told so.
    #[must_use]
    pub(crate) fn wake(&self) -> bool {
        fence(Ordering::SeqCst);
        self.0.load(Ordering::Relaxed) != 0 && self.0.swap(0, Ordering::Relaxed) != 0
    }
}
