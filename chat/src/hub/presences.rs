//! Who is at the keyboard: by name, over all connections that somebody has. Away is who is away on all of them.

use std::collections::HashMap;
use std::sync::Arc;

/// Who has a connection, and, while it is not sure that they have left, who had one. Bounded by the members of the rooms and
/// by the connections.
#[derive(Debug, Default)]
pub(super) struct Presences(HashMap<Arc<str>, State>);

#[derive(Clone, Copy, Debug, Default)]
struct State {
    connections: usize,
    /// Those among them at which nobody is.
    away: usize,
    is_away: bool,
    /// Milliseconds since 1970.
    since_ms: u64,
}

/// What others see of somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Presence {
    pub(crate) is_away: bool,
    pub(crate) since_ms: u64,
}

impl Presences {
    /// Another connection of this name. Some: they are seen differently from now on.
    pub(super) fn arrive(&mut self, name: &Arc<str>, is_away: bool, since_ms: u64) -> Option<Presence> {
        let is_new = !self.0.contains_key(name);
        let state = self.0.entry(name.clone()).or_default();
        state.connections += 1;
        state.away += usize::from(is_away);
        if is_new {
            (state.is_away, state.since_ms) = (is_away, since_ms);
            return None;
        }
        state.settle(since_ms)
    }

    /// One less. Who has none keeps the state: perhaps they are back in a moment; if not, [`forget`](Self::forget).
    pub(super) fn depart(&mut self, name: &str, was_away: bool, now_ms: u64) -> Option<Presence> {
        let state = self.0.get_mut(name)?;
        state.connections = state.connections.saturating_sub(1);
        state.away = state.away.saturating_sub(usize::from(was_away));
        state.settle(now_ms)
    }

    /// One of their connections has changed.
    pub(super) fn turn(&mut self, name: &str, is_away: bool, now_ms: u64) -> Option<Presence> {
        let state = self.0.get_mut(name)?;
        state.away = if is_away { state.away + 1 } else { state.away.saturating_sub(1) };
        state.settle(now_ms)
    }

    /// Unless they have a connection.
    pub(super) fn forget(&mut self, name: &str) {
        if self.0.get(name).is_some_and(|state| state.connections == 0) {
            self.0.remove(name);
        }
    }

    pub(super) fn get(&self, name: &str) -> Option<Presence> {
        self.0
            .get(name)
            .map(|State { is_away, since_ms, .. }| Presence { is_away: *is_away, since_ms: *since_ms })
    }
}

impl State {
    fn settle(&mut self, now_ms: u64) -> Option<Presence> {
        if self.connections == 0 || self.is_away == (self.away == self.connections) {
            return None;
        }
        self.is_away = !self.is_away;
        self.since_ms = now_ms;
        Some(Presence { is_away: self.is_away, since_ms: now_ms })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn away_is_who_is_away_everywhere() {
        let (mut presences, ann): (_, Arc<str>) = (Presences::default(), "Ann".into());
        let seen = |change: Option<Presence>| change.map(|presence| presence.is_away);
        assert_eq!(seen(presences.arrive(&ann, false, 1)), None);
        assert_eq!(seen(presences.arrive(&ann, true, 2)), None, "at the other one she is there");
        assert_eq!(seen(presences.turn(&ann, true, 3)), Some(true));
        assert_eq!(presences.get("Ann"), Some(Presence { is_away: true, since_ms: 3 }));
        assert_eq!(seen(presences.turn(&ann, false, 4)), Some(false));
        assert_eq!(
            seen(presences.depart(&ann, false, 5)),
            Some(true),
            "what is left is the one that is away"
        );
        assert_eq!(seen(presences.depart(&ann, true, 6)), None, "who is gone is as they were");
        assert_eq!(seen(presences.arrive(&ann, false, 7)), Some(false), "and is back");
        presences.forget("Ann");
        assert!(presences.get("Ann").is_some());
        presences.depart(&ann, false, 8);
        presences.forget("Ann");
        assert_eq!(presences.get("Ann"), None);
    }
}
