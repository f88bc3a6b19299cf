//! The connection table: what every thread may know of every connection without asking its reactor.
//!
//! An entry is written by the reactor that owns the connection (`reserved` and `groups` by whoever adds to them) and
//! read by anybody. It is plain old data in one mapping, so that other processes can read it too.

mod entry;
mod header;

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use entry::UserName;
pub(crate) use entry::{Entry, State};
pub(crate) use header::{Counters, Header};

use crate::sys::{Access, Mapping, Memory};
use crate::{ClientInfo, ConnectionId};

/// What the header begins with. The last byte is raised with every change of the layout or of what the fields mean.
const MAGIC: u64 = u64::from_le_bytes(*b"swbtabl\x02");

/// Each of the three parts begins at a multiple of this.
const PAGE: usize = 4096;

/// All connections of one server.
#[derive(Debug)]
pub(crate) struct Table {
    /// One value.
    header: Mapping<Header>,
    entries: Mapping<Entry>,
    /// Apart from the entries: connections that are bound to no user never touch these pages.
    users: Mapping<UserName>,
    /// By which other processes attach; None where this is one of them.
    fd: Option<OwnedFd>,
}

/// Where the parts are, for so many slots.
struct Layout {
    slots: usize,
    entries: usize,
    users: usize,
    len: usize,
}

impl Layout {
    fn new(slots: usize) -> Layout {
        let entries = size_of::<Header>().next_multiple_of(PAGE);
        let users = (entries + slots * size_of::<Entry>()).next_multiple_of(PAGE);
        Layout { slots, entries, users, len: users + slots * size_of::<UserName>() }
    }

    fn table(&self, memory: &Arc<Memory>, fd: Option<OwnedFd>) -> io::Result<Table> {
        Ok(Table {
            header: Mapping::within(memory, 0, 1)?,
            entries: Mapping::within(memory, self.entries, self.slots)?,
            users: Mapping::within(memory, self.users, self.slots)?,
            fd,
        })
    }
}

impl Table {
    /// Room for `sockets` connections at one time. It has twice as many slots, so that a free one is found at
    /// once when ids have wrapped.
    pub(crate) fn new(sockets: usize, first_id: u32) -> io::Result<Table> {
        let layout = Layout::new((sockets * 2).next_power_of_two().min(crate::CONNECTION_ID_MAX as usize));
        let (memory, fd) = Memory::create(c"switchboard-table", layout.len, Access::Read)?;
        let table = layout.table(&memory, Some(fd))?;
        let header = table.header();
        header.magic.store(MAGIC, Ordering::Relaxed);
        header.next_id.store(first_id - 1, Ordering::Relaxed);
        header.first_id.store(first_id - 1, Ordering::Relaxed);
        Ok(table)
    }

    /// The table of another process, by what its [`fd`](Table::fd) has given. It can only be read: whoever writes to it
    /// dies.
    pub(crate) fn attach(fd: impl AsFd, slots: usize) -> io::Result<Table> {
        let invalid = |why: &'static str| io::Error::new(io::ErrorKind::InvalidData, why);
        if !slots.is_power_of_two() || slots > crate::CONNECTION_ID_MAX as usize {
            return Err(invalid("no such number of slots"));
        }
        let layout = Layout::new(slots);
        let table = layout.table(&Memory::attach(fd, layout.len, Access::Read)?, None)?;
        if table.header().magic.load(Ordering::Relaxed) != MAGIC {
            return Err(invalid("a connection table of another layout"));
        }
        Ok(table)
    }

    /// What lets another process attach; None in such a process.
    pub(crate) fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.fd.as_ref().map(AsFd::as_fd)
    }

    /// How many connections it has room for.
    pub(crate) fn slots(&self) -> usize {
        self.entries.len()
    }

    /// What concerns the server as a whole.
    pub(crate) fn header(&self) -> &Header {
        &self.header[0]
    }

    fn first(&self) -> u32 {
        self.header().first_id.load(Ordering::Relaxed)
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
            let id = ConnectionId::nth(self.header().next_id.fetch_add(1, Ordering::Relaxed));
            self.header().given_ids.fetch_add(1, Ordering::Relaxed);
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
        let given = self.header().given_ids.load(Ordering::Relaxed);
        let position = (id.local() - 1).wrapping_sub(self.first()) % crate::CONNECTION_ID_MAX;
        u64::from(position) < given
    }

    pub(crate) fn bind(&self, id: ConnectionId, user: &str) {
        self.users[self.slot_of(id)].set(user);
        self.slot(id).set_bound(true);
    }

    /// The ids of all open connections, ascending.
    pub(crate) fn open_ids(&self) -> Vec<ConnectionId> {
        let given = self.header().given_ids.load(Ordering::Relaxed).min(self.entries.len() as u64) as u32;
        let first = self.first();
        // Slots that no id has come to are left alone: looking at them would cost their memory.
        let slots = (0..given).map(|n| self.slot(ConnectionId::nth(first.wrapping_add(n))));
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
    use crate::PeerAddr;

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

    #[test]
    fn every_peer_comes_back_as_it_was_written() {
        let table = table(4, 1);
        let id = table.claim().unwrap();
        for text in ["[::]:0", "[::]:9", "[::1]:0", "192.0.2.1:7", "0.0.0.0:0", "unix", "[2001:db8::1]:1"] {
            let peer = text.parse().map_or(PeerAddr::Unix, PeerAddr::Inet);
            table.bind(id, "ann");
            table.slot(id).set_peer(&peer);
            assert_eq!(table.slot(id).peer(), peer, "{text}");
            assert_eq!(table.info(id).unwrap().user.as_deref(), Some("ann"));
        }
    }

    #[test]
    fn who_attaches_reads_what_the_owner_writes() {
        let ours = table(4, 1);
        let theirs = Table::attach(ours.fd().unwrap(), ours.slots()).unwrap();
        let id = ours.claim().unwrap();
        ours.bind(id, "ann");
        assert_eq!(theirs.info(id).unwrap().user.as_deref(), Some("ann"));
        assert!(theirs.was_given(id));
        assert!(theirs.fd().is_none());
        assert!(Table::attach(ours.fd().unwrap(), ours.slots() * 2).is_err());
        assert!(Table::attach(ours.fd().unwrap(), 3).is_err());
    }
}
