//! Who waits for an answer.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Those who wait, by the tokens with which their questions went out.
#[derive(Debug)]
pub(super) struct Tickets<T> {
    state: Mutex<State<T>>,
    max: usize,
}

#[derive(Debug)]
struct State<T> {
    last_token: u64,
    waiting: HashMap<u64, T>,
}

impl<T> Tickets<T> {
    /// No more than `max` wait at one time.
    pub(super) fn new(max: usize) -> Tickets<T> {
        Tickets { state: Mutex::new(State { last_token: 0, waiting: HashMap::new() }), max }
    }

    /// A token for one who will wait; given back if too many do.
    pub(super) fn add(&self, who: T) -> Result<u64, T> {
        let mut state = self.lock();
        if state.waiting.len() >= self.max {
            return Err(who);
        }
        state.last_token += 1;
        let token = state.last_token;
        state.waiting.insert(token, who);
        Ok(token)
    }

    /// Who waits with this token.
    pub(super) fn take(&self, token: u64) -> Option<T> {
        self.lock().waiting.remove(&token)
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
