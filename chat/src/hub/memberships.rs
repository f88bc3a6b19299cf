//! What the database knows of memberships, kept in memory for the people who have a connection, so that no message needs a look-up.
//! It is bounded by the number of connections, and by how many rooms one person can be a member of.

use std::collections::{BTreeSet, HashMap};

use switchboard::ConnectionId;

use crate::rooms::RoomIndex;
use crate::store::Membership;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Memberships {
    /// By person: what they are a member of.
    of: HashMap<i64, HashMap<RoomIndex, Membership>>,
    /// By room: its members who have a connection.
    here: HashMap<RoomIndex, BTreeSet<i64>>,
    /// By room: connections of members that are not in the room, and are told of its messages by `activity`.
    elsewhere: HashMap<RoomIndex, BTreeSet<ConnectionId>>,
}

impl Memberships {
    pub(super) fn knows(&self, person: i64) -> bool {
        self.of.contains_key(&person)
    }

    /// Somebody has a connection now, or is looked up again.
    pub(super) fn load(&mut self, person: i64, rooms: impl IntoIterator<Item = (RoomIndex, Membership)>) {
        self.forget(person);
        let rooms: HashMap<_, _> = rooms.into_iter().collect();
        for room in rooms.keys() {
            self.here.entry(*room).or_default().insert(person);
        }
        self.of.insert(person, rooms);
    }

    /// They have none any more.
    pub(super) fn forget(&mut self, person: i64) {
        for room in self.of.remove(&person).unwrap_or_default().into_keys() {
            take(&mut self.here, room, &person);
        }
    }

    /// None: they are no member, or not here.
    pub(super) fn get(&self, person: i64, room: RoomIndex) -> Option<Membership> {
        self.of.get(&person)?.get(&room).copied()
    }

    /// All that somebody is a member of.
    pub(super) fn of(&self, person: i64) -> impl Iterator<Item = (RoomIndex, Membership)> {
        self.of.get(&person).into_iter().flatten().map(|(room, membership)| (*room, *membership))
    }

    /// The members of a room who have a connection.
    pub(super) fn here(&self, room: RoomIndex) -> impl Iterator<Item = i64> {
        self.here.get(&room).into_iter().flatten().copied()
    }

    pub(super) fn count_here(&self, room: RoomIndex) -> usize {
        self.here.get(&room).map_or(0, BTreeSet::len)
    }

    /// Everybody who has a connection.
    pub(super) fn people(&self) -> Vec<i64> {
        self.of.keys().copied().collect()
    }

    /// Does nothing for people without a connection.
    pub(super) fn put(&mut self, person: i64, room: RoomIndex, membership: Membership) {
        if let Some(rooms) = self.of.get_mut(&person) {
            rooms.insert(room, membership);
            self.here.entry(room).or_default().insert(person);
        }
    }

    pub(super) fn end(&mut self, person: i64, room: RoomIndex) {
        if let Some(rooms) = self.of.get_mut(&person) {
            rooms.remove(&room);
        }
        take(&mut self.here, room, &person);
    }

    /// `is_elsewhere`: the connection is a member's, and not in the room.
    pub(super) fn note_elsewhere(&mut self, room: RoomIndex, conn: ConnectionId, is_elsewhere: bool) {
        if is_elsewhere {
            self.elsewhere.entry(room).or_default().insert(conn);
        } else {
            take(&mut self.elsewhere, room, &conn);
        }
    }

    /// The connections of members that are not in the room, if there are any.
    pub(super) fn elsewhere(&self, room: RoomIndex) -> Option<&BTreeSet<ConnectionId>> {
        self.elsewhere.get(&room)
    }
}

/// Removes one from the set of a room, and the set itself if it is empty then.
fn take<T: Ord>(sets: &mut HashMap<RoomIndex, BTreeSet<T>>, room: RoomIndex, one: &T) {
    if let Some(set) = sets.get_mut(&room) {
        set.remove(one);
        if set.is_empty() {
            sets.remove(&room);
        }
    }
}
