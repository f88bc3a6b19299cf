//! Sessions that this process has set, until the master has them.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use crate::ConnectionId;

/// An event that was on its way when a session was set shall find that session. So it is kept here until the reactor says
/// that it has it: events that come after that carry it.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    state: Mutex<State>,
    /// How many are kept: looked at without the lock.
    count: AtomicUsize,
    has_news: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    last_token: u64,
    kept: HashMap<ConnectionId, (u64, Bytes)>,
    /// Set since these were last taken.
    news: Vec<(ConnectionId, Bytes)>,
}

impl Sessions {
    /// Has `send` tell the reactor, with a token that comes back, and keeps the session if it could.
    pub(super) fn set<E>(
        &self,
        id: ConnectionId,
        session: Bytes,
        send: impl FnOnce(u64) -> Result<(), E>,
    ) -> Result<(), E> {
        // Held while it is sent: who sets it last here is to be the last there.
        let mut state = self.lock();
        state.last_token += 1;
        let token = state.last_token;
        send(token)?;
        state.kept.insert(id, (token, session.clone()));
        state.news.push((id, session));
        self.count.store(state.kept.len(), Ordering::Release);
        self.has_news.store(true, Ordering::Release);
        Ok(())
    }

    /// What was set last, if the reactor does not have it yet.
    pub(super) fn get(&self, id: ConnectionId) -> Option<Bytes> {
        if self.count.load(Ordering::Acquire) == 0 {
            return None;
        }
        self.lock().kept.get(&id).map(|(_, session)| session.clone())
    }

    /// The reactor has the session that was set with this token.
    pub(super) fn settled(&self, id: ConnectionId, token: u64) {
        let mut state = self.lock();
        if state.kept.get(&id).is_some_and(|(kept, _)| *kept == token) {
            state.kept.remove(&id);
            self.count.store(state.kept.len(), Ordering::Release);
        }
    }

    /// Was something set since the last call of [`take_news`](Sessions::take_news)?
    pub(super) fn has_news(&self) -> bool {
        self.has_news.load(Ordering::Relaxed)
    }

    /// What was set since the last call, for events that wait behind a handler.
    pub(super) fn take_news(&self) -> Vec<(ConnectionId, Bytes)> {
        if !self.has_news.swap(false, Ordering::Acquire) {
            return Vec::new();
        }
        std::mem::take(&mut self.lock().news)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
