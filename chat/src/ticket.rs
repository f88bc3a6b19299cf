//! The names of what is sent to the hub, by which it knows what it has seen before.

use std::cell::Cell;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};

/// Names one message to the hub, for ever: no two have the same ticket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Ticket {
    /// The sender: a random number of each worker's own.
    pub(crate) origin: u64,
    /// Counts the sender's messages from 1.
    pub(crate) number: u64,
}

/// Gives out tickets; one for each worker.
#[derive(Debug)]
pub(crate) struct Tickets {
    origin: u64,
    given: Cell<u64>,
}

impl Tickets {
    pub(crate) fn new() -> Self {
        Self { origin: random(), given: Cell::new(0) }
    }

    pub(crate) fn next(&self) -> Ticket {
        self.given.set(self.given.get() + 1);
        Ticket { origin: self.origin, number: self.given.get() }
    }
}

/// A text that nobody else has or can guess: 32 hexadecimal digits.
pub(crate) fn random_key() -> String {
    format!("{:016x}{:016x}", random(), random())
}

/// The hash maps of the standard library are keyed by the system's random numbers.
pub(crate) fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_tickets_are_the_same() {
        let (one, other) = (Tickets::new(), Tickets::new());
        let (a, b, c) = (one.next(), one.next(), other.next());
        assert_eq!((a.origin, a.number, b.number), (b.origin, 1, 2));
        assert_ne!(a.origin, c.origin);
        assert_ne!(random_key(), random_key());
        assert_eq!(random_key().len(), 32);
    }
}
