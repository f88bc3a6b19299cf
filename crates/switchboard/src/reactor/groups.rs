//! Named sets of connections: groups, and the connections of a user.

use std::collections::HashMap;
use std::sync::Arc;

use super::store::Store;

/// Sets of slab keys under names. Each set is a dense array, so that walking it is as fast as memory allows; a
/// set is forgotten with its last member.
#[derive(Debug, Default)]
pub(super) struct Groups {
    by_name: HashMap<Arc<str>, u32>,
    groups: Store<Group>,
}

#[derive(Debug)]
struct Group {
    name: Arc<str>,
    members: Vec<u32>,
}

/// That a connection is in a group, and where in its array.
#[derive(Debug, Clone, Copy)]
pub(super) struct Membership {
    group: u32,
    position: u32,
}

/// All memberships of one connection. Most have one or none, and need no memory beside the connection's own.
#[derive(Debug, Default)]
pub(super) enum Memberships {
    #[default]
    None,
    One(Membership),
    #[expect(clippy::box_collection, reason = "the connection is to be small")]
    Several(Box<Vec<Membership>>),
}

impl Memberships {
    pub(super) fn as_slice(&self) -> &[Membership] {
        match self {
            Memberships::None => &[],
            Memberships::One(membership) => std::slice::from_ref(membership),
            Memberships::Several(memberships) => memberships,
        }
    }

    fn as_mut_slice(&mut self) -> &mut [Membership] {
        match self {
            Memberships::None => &mut [],
            Memberships::One(membership) => std::slice::from_mut(membership),
            Memberships::Several(memberships) => memberships,
        }
    }

    fn push(&mut self, membership: Membership) {
        match self {
            Memberships::None => *self = Memberships::One(membership),
            Memberships::One(first) => *self = Memberships::Several(Box::new(vec![*first, membership])),
            Memberships::Several(memberships) => memberships.push(membership),
        }
    }

    /// Takes one of them out.
    pub(super) fn pop(&mut self) -> Option<Membership> {
        self.swap_remove(self.as_slice().len().checked_sub(1)?)
    }

    fn swap_remove(&mut self, index: usize) -> Option<Membership> {
        match self {
            Memberships::Several(memberships) if index < memberships.len() => {
                let taken = memberships.swap_remove(index);
                if let [last] = memberships[..] {
                    *self = Memberships::One(last);
                }
                Some(taken)
            }
            Memberships::One(only) if index == 0 => {
                let only = *only;
                *self = Memberships::None;
                Some(only)
            }
            _ => None,
        }
    }
}

impl Groups {
    /// Adds `key`, whose memberships are `of`. False if it is in already.
    pub(super) fn join(&mut self, name: &Arc<str>, key: u32, of: &mut Memberships) -> bool {
        let group = match self.by_name.get(name) {
            Some(group) => *group,
            None => {
                let group = self.groups.insert(Group { name: name.clone(), members: Vec::new() }) as u32;
                self.by_name.insert(name.clone(), group);
                group
            }
        };
        if of.as_slice().iter().any(|membership| membership.group == group) {
            return false;
        }
        let members = &mut self.groups[group as usize].members;
        of.push(Membership { group, position: members.len() as u32 });
        members.push(key);
        true
    }

    /// Takes `key` out of a group. False if it was not in. `memberships` finds those of the connection that takes
    /// over its place in the array.
    pub(super) fn leave(&mut self, name: &str, of: &mut Memberships) -> Option<Moved> {
        let group = *self.by_name.get(name)?;
        let index = of.as_slice().iter().position(|membership| membership.group == group)?;
        of.swap_remove(index).map(|membership| self.remove(membership))
    }

    /// Takes out one membership, which the caller has removed from its connection.
    pub(super) fn remove(&mut self, membership: Membership) -> Moved {
        let group = &mut self.groups[membership.group as usize];
        group.members.swap_remove(membership.position as usize);
        let key = group.members.get(membership.position as usize).copied();
        if group.members.is_empty() {
            let group = self.groups.remove(membership.group as usize);
            self.by_name.remove(&group.name);
        }
        Moved { key, membership }
    }

    /// The members' keys; empty if there is no such group.
    pub(super) fn members(&self, name: &str) -> &[u32] {
        self.by_name.get(name).map_or(&[], |group| &self.groups[*group as usize].members)
    }

    /// The names of the groups that these memberships are in.
    pub(super) fn names(&self, of: &Memberships) -> Vec<String> {
        of.as_slice()
            .iter()
            .map(|membership| self.groups[membership.group as usize].name.to_string())
            .collect()
    }
}

/// The member that took over the place of one that left, and which place that is.
#[derive(Debug, Clone, Copy)]
#[must_use]
pub(super) struct Moved {
    pub(super) key: Option<u32>,
    membership: Membership,
}

impl Moved {
    /// Corrects the memberships of the connection `key`.
    pub(super) fn settle(self, of: &mut Memberships) {
        if let Some(moved) =
            of.as_mut_slice().iter_mut().find(|membership| membership.group == self.membership.group)
        {
            moved.position = self.membership.position;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn members_are_those_who_joined_and_did_not_leave(
            steps in proptest::collection::vec((any::<bool>(), 0..6u32, 0..4usize), 0..200),
        ) {
            let names: Vec<Arc<str>> = ["a", "b", "c", "群"].map(Arc::from).to_vec();
            let mut groups = Groups::default();
            let mut of: Vec<Memberships> = (0..6).map(|_| Memberships::default()).collect();
            let mut model: BTreeMap<usize, BTreeSet<u32>> = BTreeMap::new();
            for (join, key, name) in steps {
                let set = model.entry(name).or_default();
                if join {
                    prop_assert_eq!(groups.join(&names[name], key, &mut of[key as usize]), set.insert(key));
                } else {
                    let moved = groups.leave(&names[name], &mut of[key as usize]);
                    prop_assert_eq!(moved.is_some(), set.remove(&key));
                    if let Some(moved) = moved && let Some(other) = moved.key {
                        moved.settle(&mut of[other as usize]);
                    }
                }
                for (index, name) in names.iter().enumerate() {
                    let members: BTreeSet<u32> = groups.members(name).iter().copied().collect();
                    prop_assert_eq!(members.len(), groups.members(name).len());
                    prop_assert_eq!(&members, model.entry(index).or_default());
                }
            }
        }
    }
}
