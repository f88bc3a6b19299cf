//! Who is in a room, by name: two connections of one name are one member, as one person with two tabs is.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::limits::{MEMBERS_BYTES_MAX, MEMBERS_LISTED_MAX};
use crate::protocol::event::MemberList;

/// The members of one room. Their number is bounded by that of the connections.
#[derive(Debug, Default)]
pub(crate) struct Members {
    /// Connections by name.
    counts: BTreeMap<Arc<str>, usize>,
}

impl Members {
    /// A connection of this name came in. Is it the first?
    pub(crate) fn enter(&mut self, name: &Arc<str>) -> bool {
        let count = self.counts.entry(name.clone()).or_insert(0);
        *count += 1;
        *count == 1
    }

    /// A connection of this name went. Was it the last?
    pub(crate) fn leave(&mut self, name: &str) -> bool {
        match self.counts.get_mut(name) {
            Some(count) if *count > 1 => {
                *count -= 1;
                false
            }
            Some(_) => self.counts.remove(name).is_some(),
            None => false,
        }
    }

    pub(crate) fn contains(&self, name: &str) -> bool {
        self.counts.contains_key(name)
    }

    /// The number of different names.
    pub(crate) fn len(&self) -> usize {
        self.counts.len()
    }

    /// The names in the order of their characters, as many as an answer may hold.
    pub(crate) fn list(&self) -> MemberList {
        let mut bytes = 0;
        let names = self.counts.keys().take(MEMBERS_LISTED_MAX).take_while(|name| {
            // Quotes and a comma; characters that are escaped are not worth counting exactly.
            bytes += 2 * name.len() + 3;
            bytes <= MEMBERS_BYTES_MAX
        });
        MemberList::new(names.map(|name| &**name), self.len())
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
        assert!(members.enter(&name("Ann")));
        assert!(!members.enter(&name("Ann")));
        assert!(members.enter(&name("李雷")));
        assert_eq!((members.len(), members.list().names.as_str()), (2, r#"["Ann","李雷"]"#));
        assert!(!members.leave("Ann"));
        assert!(members.leave("Ann"));
        assert!(!members.leave("Ann"), "who is not here cannot leave");
        assert_eq!(members.len(), 1);
    }

    #[test]
    fn a_list_is_bounded_and_its_count_is_not() {
        let mut members = Members::default();
        for n in 0..2_000 {
            members.enter(&name(&format!("person {n}")));
        }
        let list = members.list();
        let names: Vec<String> = serde_json::from_str(&list.names).expect("JSON");
        assert_eq!((names.len(), list.count), (MEMBERS_LISTED_MAX, 2_000));
        for n in 0..500 {
            members.enter(&name(&format!("!{n:03}{}", "\"".repeat(28))));
        }
        let list = members.list();
        assert!(list.names.len() <= MEMBERS_BYTES_MAX + 2 && list.count == 2_500, "{}", list.names.len());
    }
}
