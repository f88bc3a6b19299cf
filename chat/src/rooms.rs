//! The rooms there are: their titles, their counters and who is in them. Rooms are never removed.

use std::collections::HashMap;
use std::ops::{Index, IndexMut};
use std::sync::Arc;

use crate::limits::ROOMS_MAX;
use crate::lookalike;
use crate::presence::Members;
use crate::protocol::event::Position;
use crate::store::RoomRow;
use crate::store::history::RoomRef;

/// A room in memory.
#[derive(Debug)]
pub(crate) struct Room {
    /// In the database.
    pub(crate) id: i64,
    pub(crate) key: Arc<str>,
    pub(crate) title: Arc<str>,
    /// The last message's, those of the open transaction included.
    pub(crate) seq: u64,
    /// The number of what has happened last to a message, that of the open transaction included.
    pub(crate) change: u64,
    /// How far it is stored.
    committed: Position,
    pub(crate) members: Members,
}

impl Room {
    /// How far it is stored.
    pub(crate) fn committed(&self) -> Position {
        self.committed
    }

    /// With what the open transaction has recorded.
    pub(crate) fn position(&self) -> Position {
        Position { seq: self.seq, change: self.change }
    }

    pub(crate) fn reference(&self) -> RoomRef {
        RoomRef { id: self.id, key: self.key.clone() }
    }
}

/// Names a room of [`Rooms`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RoomIndex(usize);

/// All rooms, the oldest first.
#[derive(Debug, Default)]
pub(crate) struct Rooms {
    rooms: Vec<Room>,
    by_key: HashMap<Arc<str>, RoomIndex>,
    by_id: HashMap<i64, RoomIndex>,
    /// By what their titles look like; of two that look the same, the older one.
    by_look: HashMap<String, RoomIndex>,
}

impl Rooms {
    pub(crate) fn load(rows: Vec<RoomRow>) -> Self {
        let mut rooms = Self::default();
        for row in rows {
            rooms.add(row);
        }
        rooms
    }

    pub(crate) fn add(&mut self, row: RoomRow) -> RoomIndex {
        let index = RoomIndex(self.rooms.len());
        let key: Arc<str> = row.key.into();
        self.by_key.insert(key.clone(), index);
        self.by_id.insert(row.id, index);
        for look in lookalike::keys(&row.title) {
            self.by_look.entry(look).or_insert(index);
        }
        self.rooms.push(Room {
            id: row.id,
            key,
            title: row.title.into(),
            seq: row.seq,
            change: row.change,
            committed: Position { seq: row.seq, change: row.change },
            members: Members::default(),
        });
        index
    }

    pub(crate) fn is_full(&self) -> bool {
        self.rooms.len() >= ROOMS_MAX
    }

    pub(crate) fn find(&self, key: &str) -> Option<RoomIndex> {
        self.by_key.get(key).copied()
    }

    /// The room that one of this title would be taken for.
    pub(crate) fn find_original(&self, title: &str) -> Option<RoomIndex> {
        lookalike::keys(title).iter().find_map(|look| self.by_look.get(look).copied())
    }

    pub(crate) fn with_id(&self, id: i64) -> Option<RoomIndex> {
        self.by_id.get(&id).copied()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (RoomIndex, &Room)> {
        self.rooms.iter().enumerate().map(|(index, room)| (RoomIndex(index), room))
    }

    /// What was recorded is stored.
    pub(crate) fn commit(&mut self) {
        for room in &mut self.rooms {
            room.committed = room.position();
        }
    }

    /// What was recorded since the last commit never happened.
    pub(crate) fn roll_back(&mut self) {
        for room in &mut self.rooms {
            (room.seq, room.change) = (room.committed.seq, room.committed.change);
        }
    }
}

impl Index<RoomIndex> for Rooms {
    type Output = Room;

    fn index(&self, index: RoomIndex) -> &Room {
        &self.rooms[index.0]
    }
}

impl IndexMut<RoomIndex> for Rooms {
    fn index_mut(&mut self, index: RoomIndex) -> &mut Room {
        &mut self.rooms[index.0]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transaction_that_fails_leaves_the_counters_as_they_were() {
        let row = RoomRow { id: 1, key: "lobby".into(), title: "Lobby".into(), seq: 4, change: 2 };
        let mut rooms = Rooms::load(vec![row]);
        let lobby = rooms.find("lobby").expect("the lobby");
        rooms[lobby].seq += 2;
        rooms[lobby].change += 1;
        rooms.commit();
        rooms[lobby].seq += 1;
        rooms[lobby].change += 1;
        let (stored, recorded) = (Position { seq: 6, change: 3 }, Position { seq: 7, change: 4 });
        assert_eq!((rooms[lobby].position(), rooms[lobby].committed()), (recorded, stored));
        rooms.roll_back();
        assert_eq!((rooms[lobby].position(), rooms[lobby].committed()), (stored, stored));
    }
}
