//! Who is at the keyboard, over all connections that somebody has: by name in rooms, by number among those who know each other by that.
//! Away is who is away on all of them.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;

/// Who has a connection, and, while it is not sure that they have left, who had one. Bounded by the members of the rooms and
/// by the connections.
#[derive(Debug)]
pub(super) struct Presences<K>(HashMap<K, State>);

impl<K> Default for Presences<K> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

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

/// Where somebody is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whereabouts {
    Here(Presence),
    Gone {
        /// In milliseconds since 1970, when they lost the last connection; None: nobody knows any more.
        seen_ms: Option<u64>,
    },
}

impl<K: Eq + Hash + Clone> Presences<K> {
    /// Another connection of theirs. Some: they are seen differently from now on.
    pub(super) fn arrive(&mut self, who: &K, is_away: bool, since_ms: u64) -> Option<Presence> {
        let is_new = !self.0.contains_key(who);
        let state = self.0.entry(who.clone()).or_default();
        state.connections += 1;
        state.away += usize::from(is_away);
        if is_new {
            (state.is_away, state.since_ms) = (is_away, since_ms);
            return None;
        }
        let change = state.settle(since_ms);
        // Another hub hears of their connections in any order: who is there is so since the first of them, who is away since the last.
        match (state.is_away, is_away) {
            (false, false) if change.is_none() => state.since_ms = state.since_ms.min(since_ms),
            (true, true) => state.since_ms = state.since_ms.max(since_ms),
            _ => {}
        }
        change
    }

    /// One less. Who has none keeps the state: perhaps they are back in a moment; if not, [`forget`](Self::forget).
    pub(super) fn depart<Q>(&mut self, who: &Q, was_away: bool, now_ms: u64) -> Option<Presence>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        let state = self.0.get_mut(who)?;
        state.connections = state.connections.saturating_sub(1);
        state.away = state.away.saturating_sub(usize::from(was_away));
        state.settle(now_ms)
    }

    /// One of their connections has changed.
    pub(super) fn turn<Q>(&mut self, who: &Q, is_away: bool, now_ms: u64) -> Option<Presence>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        let state = self.0.get_mut(who)?;
        state.away = if is_away { state.away + 1 } else { state.away.saturating_sub(1) };
        state.settle(now_ms)
    }

    /// Somebody who has no connection any more, and had one when another hub was there.
    pub(super) fn recall(&mut self, who: K, since_ms: u64) {
        self.0.entry(who).or_insert(State { since_ms, ..State::default() });
    }

    /// Unless they have a connection.
    pub(super) fn forget<Q>(&mut self, who: &Q)
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        if !self.is_connected(who) {
            self.0.remove(who);
        }
    }

    pub(super) fn is_connected<Q>(&self, who: &Q) -> bool
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        self.0.get(who).is_some_and(|state| state.connections > 0)
    }

    pub(super) fn get<Q>(&self, who: &Q) -> Option<Presence>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        self.0
            .get(who)
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
    use std::sync::Arc;

    use super::*;

    #[test]
    fn since_when_does_not_depend_on_the_order_in_which_connections_are_heard_of() {
        for order in [[3, 5], [5, 3]] {
            let (mut presences, ann) = (Presences::default(), Arc::<str>::from("Ann"));
            for since_ms in order {
                presences.arrive(&ann, false, since_ms);
            }
            assert_eq!(presences.get(&ann), Some(Presence { is_away: false, since_ms: 3 }));
            let (mut presences, ann) = (Presences::default(), Arc::<str>::from("Ann"));
            for since_ms in order {
                presences.arrive(&ann, true, since_ms);
            }
            assert_eq!(presences.get(&ann), Some(Presence { is_away: true, since_ms: 5 }));
        }
    }

    #[test]
    fn away_is_who_is_away_everywhere() {
        let (mut presences, ann) = (Presences::default(), Arc::<str>::from("Ann"));
        let seen = |change: Option<Presence>| change.map(|presence| presence.is_away);
        assert_eq!(seen(presences.arrive(&ann, false, 1)), None);
        assert_eq!(seen(presences.arrive(&ann, true, 2)), None, "at the other one she is there");
        assert_eq!(seen(presences.turn("Ann", true, 3)), Some(true));
        assert_eq!(presences.get("Ann"), Some(Presence { is_away: true, since_ms: 3 }));
        assert_eq!(seen(presences.turn("Ann", false, 4)), Some(false));
        assert_eq!(
            seen(presences.depart("Ann", false, 5)),
            Some(true),
            "what is left is the one that is away"
        );
        assert_eq!(seen(presences.depart("Ann", true, 6)), None, "who is gone is as they were");
        assert_eq!(seen(presences.arrive(&ann, false, 7)), Some(false), "and is back");
        presences.forget("Ann");
        assert!(presences.get("Ann").is_some());
        presences.depart("Ann", false, 8);
        presences.forget("Ann");
        assert_eq!(presences.get("Ann"), None);
    }
}
