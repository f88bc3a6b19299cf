//! Who is in a room, by name: two connections of one name are one member, as one person with two tabs is.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::time::Instant;

use crate::limits::{MEMBERS_BYTES_MAX, MEMBERS_LISTED_MAX};

/// The members of one room. Their number is bounded by that of the connections, and of those that have just gone.
#[derive(Debug, Default)]
pub(crate) struct Members(BTreeMap<Arc<str>, Member>);

#[derive(Debug)]
struct Member {
    connections: usize,
    /// When it leaves, if it has no connection any more and has none until then.
    leaves_at: Option<Instant>,
}

/// How somebody came into a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    First,
    /// There is another connection of that name.
    Beside,
    /// It had lost its last connection, and would have left then.
    Back(Instant),
}

impl Members {
    pub(crate) fn enter(&mut self, name: &Arc<str>) -> Entry {
        match self.0.get_mut(name) {
            None => {
                self.0.insert(name.clone(), Member { connections: 1, leaves_at: None });
                Entry::First
            }
            Some(member) => {
                member.connections += 1;
                member.leaves_at.take().map_or(Entry::Beside, Entry::Back)
            }
        }
    }

    /// A connection of this name went, on purpose. Was it the last?
    pub(crate) fn leave(&mut self, name: &str) -> bool {
        match self.0.get_mut(name) {
            Some(member) if member.connections > 1 => {
                member.connections -= 1;
                false
            }
            Some(_) => self.0.remove(name).is_some(),
            None => false,
        }
    }

    /// A connection of this name was lost. True if it was the last: then the member leaves at that moment.
    pub(crate) fn lose(&mut self, name: &Arc<str>, leaves_at: Instant) -> bool {
        let member = self.0.entry(name.clone()).or_insert(Member { connections: 0, leaves_at: None });
        member.connections = member.connections.saturating_sub(1);
        if member.connections == 0 && member.leaves_at.is_none() {
            member.leaves_at = Some(leaves_at);
            return true;
        }
        false
    }

    /// The moment has come. Has it left?
    pub(crate) fn expire(&mut self, name: &str, now: Instant) -> bool {
        let is_due = |member: &Member| member.leaves_at.is_some_and(|at| at <= now);
        self.0.get(name).is_some_and(is_due) && self.0.remove(name).is_some()
    }

    pub(crate) fn contains(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// Is nobody there, and nobody about to leave?
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The number of different names.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The names in the order of their characters, as many as an answer may hold.
    pub(crate) fn listed(&self) -> impl Iterator<Item = &Arc<str>> {
        let mut bytes = 0;
        self.0.keys().take(MEMBERS_LISTED_MAX).take_while(move |name| {
            // Quotes and a comma; characters that are escaped are not worth counting exactly.
            bytes += 2 * name.len() + 3;
            bytes <= MEMBERS_BYTES_MAX
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(name: &str) -> Arc<str> {
        name.into()
    }

    #[test]
    fn two_connections_of_one_name_are_one_member() {
        let mut members = Members::default();
        assert_eq!(members.enter(&name("Ann")), Entry::First);
        assert_eq!(members.enter(&name("Ann")), Entry::Beside);
        assert_eq!(members.enter(&name("李雷")), Entry::First);
        assert_eq!(members.listed().map(|name| &**name).collect::<Vec<_>>(), ["Ann", "李雷"]);
        assert!(!members.leave("Ann"));
        assert!(members.leave("Ann"));
        assert!(!members.leave("Ann"), "who is not here cannot leave");
        assert_eq!(members.len(), 1);
    }

    #[test]
    fn who_is_lost_and_comes_back_in_time_has_not_left() {
        let (mut members, ann, now) = (Members::default(), name("Ann"), Instant::now());
        let later = now + std::time::Duration::from_secs(15);
        members.enter(&ann);
        members.enter(&ann);
        assert!(!members.lose(&ann, later), "there is another one");
        assert!(members.lose(&ann, later));
        assert!(members.contains("Ann"));
        assert!(!members.expire("Ann", now));
        assert_eq!(members.enter(&ann), Entry::Back(later));
        assert!(!members.expire("Ann", later));
        assert!(members.lose(&ann, later));
        assert!(members.expire("Ann", later));
        assert_eq!(members.len(), 0);
        assert!(members.lose(&ann, later), "who was here before anybody counted leaves, too");
        assert!(members.expire("Ann", later));
    }

    #[test]
    fn a_list_is_bounded_and_its_count_is_not() {
        let mut members = Members::default();
        for n in 0..2_000 {
            members.enter(&name(&format!("person {n}")));
        }
        assert_eq!((members.listed().count(), members.len()), (MEMBERS_LISTED_MAX, 2_000));
        for n in 0..500 {
            members.enter(&name(&format!("!{n:03}{}", "\"".repeat(28))));
        }
        let bytes: usize = members.listed().map(|name| 2 * name.len() + 3).sum();
        assert!(bytes <= MEMBERS_BYTES_MAX && members.len() == 2_500, "{bytes}");
    }
}
