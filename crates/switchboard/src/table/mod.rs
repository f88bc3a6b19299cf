//! The connection table: what every thread may know of every connection without asking its reactor.
//!
//! An entry is written by the reactor that owns the connection (`queued` and `groups` by whoever adds to them) and
//! read by anybody. It is plain old data in one mapping, so that other processes can read it too.

mod entry;

use std::io;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use entry::UserName;
pub(crate) use entry::{Entry, State};

use crate::sys::Mapping;
use crate::{ClientInfo, ConnectionId};

/// All connections of one server.
#[derive(Debug)]
pub(crate) struct Table {
    entries: Mapping<Entry>,
    /// Apart from the entries: connections that are bound to no user never touch these pages.
    users: Mapping<UserName>,
    next: AtomicU32,
    /// Ids given out so far; below the size of the range, a higher id was never in use.
    given: AtomicU64,
    first: u32,
}

impl Table {
    /// Room for `sockets` connections at one time. It has twice as many slots, so that a free one is found at
    /// once when ids have wrapped.
    pub(crate) fn new(sockets: usize, first_id: u32) -> io::Result<Table> {
        let slots = (sockets * 2).next_power_of_two().min(crate::CONNECTION_ID_MAX as usize);
        Ok(Table {
            entries: Mapping::new(slots)?,
            users: Mapping::new(slots)?,
            next: AtomicU32::new(first_id - 1),
            given: AtomicU64::new(0),
            first: first_id - 1,
        })
    }

    fn slot_of(&self, id: ConnectionId) -> usize {
        id.local() as usize & (self.entries.len() - 1)
    }

    /// The entry of this very connection; None once it is gone, whoever has the slot now.
    pub(crate) fn find(&self, id: ConnectionId) -> Option<&Entry> {
        let entry = self.slot(id);
        (entry.id() == id.local()).then_some(entry)
    }

    /// The slot that this id has or had.
    pub(crate) fn slot(&self, id: ConnectionId) -> &Entry {
        &self.entries[self.slot_of(id)]
    }

    /// Claims the next free id; its entry is in state [`State::Handshake`]. None when every slot is taken.
    pub(crate) fn claim(&self) -> Option<ConnectionId> {
        for _ in 0..self.entries.len() {
            let id = ConnectionId::nth(self.next.fetch_add(1, Ordering::Relaxed));
            self.given.fetch_add(1, Ordering::Relaxed);
            if self.entries[self.slot_of(id)].claim(id.local()) {
                return Some(id);
            }
        }
        None
    }

    /// Gives the id's slot back. From now on the id is stale.
    pub(crate) fn release(&self, id: ConnectionId) {
        let entry = self.slot(id);
        if entry.is_bound() {
            entry.set_bound(false);
            self.users[self.slot_of(id)].set("");
        }
        entry.release();
    }

    /// Could a connection have had this id?
    pub(crate) fn was_given(&self, id: ConnectionId) -> bool {
        let given = self.given.load(Ordering::Relaxed);
        let position = (id.local() - 1).wrapping_sub(self.first) % crate::CONNECTION_ID_MAX;
        u64::from(position) < given
    }

    pub(crate) fn bind(&self, id: ConnectionId, user: &str) {
        self.users[self.slot_of(id)].set(user);
        self.slot(id).set_bound(true);
    }

    /// The ids of all open connections, ascending.
    pub(crate) fn open_ids(&self) -> Vec<ConnectionId> {
        let given = self.given.load(Ordering::Relaxed).min(self.entries.len() as u64) as u32;
        // Slots that no id has come to are left alone: looking at them would cost their memory.
        let slots = (0..given).map(|n| self.slot(ConnectionId::nth(self.first.wrapping_add(n))));
        let open = slots.filter(|entry| entry.state() == State::Open);
        let mut ids: Vec<_> = open.filter_map(|entry| ConnectionId::new(u64::from(entry.id()))).collect();
        ids.sort_unstable();
        ids
    }

    pub(crate) fn info(&self, id: ConnectionId) -> Option<ClientInfo> {
        let entry = self.find(id)?;
        let user = entry.is_bound().then(|| self.users[self.slot_of(id)].get()).flatten();
        let info = entry.info(id, user);
        // The slot may have passed to another connection while it was read.
        (entry.id() == id.local()).then_some(info)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(sockets: usize, first_id: u32) -> Table {
        Table::new(sockets, first_id).unwrap()
    }

    #[test]
    fn ids_wrap_and_skip_those_in_use() {
        let table = table(4, crate::CONNECTION_ID_MAX);
        let last = table.claim().unwrap();
        assert_eq!(last.get(), u64::from(crate::CONNECTION_ID_MAX));
        assert_eq!(table.claim().unwrap().get(), 1);
        // 8 slots: 16,777,216 has slot 0, so 8 is skipped.
        let later: Vec<u64> = (0..7).map_while(|_| table.claim()).map(ConnectionId::get).collect();
        assert_eq!(later, [2, 3, 4, 5, 6, 7]);
        assert!(table.claim().is_none(), "all 8 slots are taken");
        table.release(last);
        let next = table.claim().unwrap();
        assert_eq!(next.get() % 8, 0, "the slot that is free again");
        assert!(table.find(last).is_none(), "the old id is stale");
        assert!(table.find(next).is_some());
    }

    #[test]
    fn an_id_that_was_never_given_is_told_from_one_that_is_gone() {
        let table = table(64, 10);
        let id = table.claim().unwrap();
        assert!(table.was_given(id));
        assert!(!table.was_given(ConnectionId::new(11).unwrap()));
        assert!(!table.was_given(ConnectionId::new(9).unwrap()));
        table.release(id);
        assert!(table.was_given(id));
    }

    #[test]
    fn a_users_name_comes_back_as_it_was_bound() {
        let table = table(4, 1);
        let id = table.claim().unwrap();
        assert_eq!(table.info(id).unwrap().user, None);
        table.bind(id, "李雷 & Ann");
        assert_eq!(table.info(id).unwrap().user.as_deref(), Some("李雷 & Ann"));
        table.release(id);
        assert!(table.info(id).is_none());
    }
}
