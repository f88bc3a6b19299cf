//! The rooms there are: their titles, their counters and who is in them. Public rooms are never removed.

use std::collections::{BTreeSet, HashMap};
use std::ops::{Index, IndexMut};
use std::sync::Arc;

use crate::limits::{PRIVATE_ROOMS_MAX, ROOMS_MAX};
use crate::lookalike;
use crate::presence::Members;
use crate::protocol::conversation::Kind;
use crate::protocol::event::Position;
use crate::store::RoomRow;
use crate::store::history::RoomRef;

/// A room in memory.
#[derive(Debug)]
pub(crate) struct Room {
    /// In the database.
    pub(crate) id: i64,
    pub(crate) key: Arc<str>,
    pub(crate) kind: Kind,
    /// The person who has made it, if a session said who that was.
    pub(crate) creator: Option<i64>,
    pub(crate) title: Arc<str>,
    /// What it is about; empty: nobody has said.
    pub(crate) topic: Arc<str>,
    /// Nothing is written there any more.
    pub(crate) is_archived: bool,
    /// The last message's, those of the open transaction included.
    pub(crate) seq: u64,
    /// The number of what has happened last to a message, that of the open transaction included.
    pub(crate) change: u64,
    /// The row of the last message in the database. It tells which of two rooms was used later.
    pub(crate) last_row: i64,
    /// The `seq` of the last message that mentions anybody, or did so once: nothing after it has to be searched for mentions.
    pub(crate) last_mention: u64,
    stored: Stored,
    /// Of a public one: what it is found by in [`Rooms::by_look`].
    looks: Vec<String>,
    pub(crate) members: Members,
}

/// What of a room is in the database.
#[derive(Clone, Debug)]
struct Stored {
    position: Position,
    title: Arc<str>,
    topic: Arc<str>,
    is_archived: bool,
}

impl Room {
    /// How far it is stored.
    pub(crate) fn committed(&self) -> Position {
        self.stored.position
    }

    /// With what the open transaction has recorded.
    pub(crate) fn position(&self) -> Position {
        Position { seq: self.seq, change: self.change }
    }

    /// Do its members know of each other whether they are there? Anybody can begin a direct conversation with anybody, who hears of it
    /// by its first message: nobody is watched before.
    pub(crate) fn shows_whereabouts(&self) -> bool {
        self.kind != Kind::Direct || self.seq > 0
    }

    pub(crate) fn reference(&self) -> RoomRef {
        RoomRef { id: self.id, key: self.key.clone() }
    }

    fn commit(&mut self) {
        self.stored = Stored {
            position: self.position(),
            title: self.title.clone(),
            topic: self.topic.clone(),
            is_archived: self.is_archived,
        };
    }

    fn roll_back(&mut self) {
        let Stored { position, title, topic, is_archived } = self.stored.clone();
        (self.seq, self.change) = (position.seq, position.change);
        (self.title, self.topic, self.is_archived) = (title, topic, is_archived);
    }
}

/// Names a room of [`Rooms`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct RoomIndex(usize);

/// All rooms.
#[derive(Debug, Default)]
pub(crate) struct Rooms {
    rooms: Vec<Room>,
    /// Those that are everybody's.
    public: Vec<RoomIndex>,
    by_key: HashMap<Arc<str>, RoomIndex>,
    by_id: HashMap<i64, RoomIndex>,
    /// Public ones by what their keys and titles look like, the older ones first: the titles that are stored, and those of the open
    /// transaction.
    by_look: HashMap<String, BTreeSet<RoomIndex>>,
    /// Those to which the open transaction has done something.
    touched: Vec<RoomIndex>,
    /// Places of rooms that have been removed.
    free: Vec<RoomIndex>,
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
        // Public ones are in the order in which they were made.
        let free = if row.kind == Kind::Public { None } else { self.free.pop() };
        let index = free.unwrap_or(RoomIndex(self.rooms.len()));
        let key: Arc<str> = row.key.into();
        let (title, topic): (Arc<str>, Arc<str>) = (row.title.into(), row.topic.into());
        self.by_key.insert(key.clone(), index);
        self.by_id.insert(row.id, index);
        if row.kind == Kind::Public {
            self.public.push(index);
        }
        let position = Position { seq: row.seq, change: row.change };
        let room = Room {
            id: row.id,
            key,
            kind: row.kind,
            creator: row.creator,
            title: title.clone(),
            topic: topic.clone(),
            is_archived: row.is_archived,
            seq: row.seq,
            change: row.change,
            last_row: row.last_row,
            last_mention: row.last_mention,
            stored: Stored { position, title, topic, is_archived: row.is_archived },
            looks: Vec::new(),
            members: Members::default(),
        };
        match self.rooms.get_mut(index.0) {
            Some(place) => *place = room,
            None => self.rooms.push(room),
        }
        self.note_looks(index);
        index
    }

    /// There is no such room any more, and nothing names it. Public ones stay.
    pub(crate) fn remove(&mut self, index: RoomIndex) {
        let Room { id, key, kind, .. } = &self.rooms[index.0];
        if *kind != Kind::Public && self.by_id.remove(id).is_some() {
            self.by_key.remove(key);
            self.free.push(index);
        }
    }

    /// Gives a room another title. When that is stored, the old title is free for other rooms.
    pub(crate) fn rename(&mut self, index: RoomIndex, title: &str) {
        self.touch(index).title = title.into();
        self.note_looks(index);
    }

    fn note_looks(&mut self, index: RoomIndex) {
        let room = &mut self.rooms[index.0];
        if room.kind != Kind::Public {
            return;
        }
        let titles = BTreeSet::from([&room.key, &room.title, &room.stored.title]);
        let looks: Vec<_> = titles.into_iter().flat_map(|title| lookalike::keys(title)).collect();
        for look in std::mem::take(&mut room.looks) {
            if let Some(rooms) = self.by_look.get_mut(&look) {
                rooms.remove(&index);
                if rooms.is_empty() {
                    self.by_look.remove(&look);
                }
            }
        }
        for look in &looks {
            self.by_look.entry(look.clone()).or_default().insert(index);
        }
        room.looks = looks;
    }

    /// Are there as many as there may be?
    pub(crate) fn is_full(&self, kind: Kind) -> bool {
        match kind {
            Kind::Public => self.public.len() >= ROOMS_MAX,
            Kind::Private | Kind::Direct => {
                self.rooms.len() - self.public.len() - self.free.len() >= PRIVATE_ROOMS_MAX
            }
        }
    }

    pub(crate) fn find(&self, key: &str) -> Option<RoomIndex> {
        self.by_key.get(key).copied()
    }

    /// The public room, other than `except`, that a room of this title would be taken for.
    pub(crate) fn find_original(&self, title: &str, except: Option<RoomIndex>) -> Option<RoomIndex> {
        let looks = lookalike::keys(title);
        let mut found = looks.iter().filter_map(|look| self.by_look.get(look)).flatten().copied();
        found.find(|room| Some(*room) != except)
    }

    pub(crate) fn with_id(&self, id: i64) -> Option<RoomIndex> {
        self.by_id.get(&id).copied()
    }

    /// Those that are everybody's, the oldest first.
    pub(crate) fn public(&self) -> &[RoomIndex] {
        &self.public
    }

    /// A room, to change what is in the database of it as part of the open transaction.
    pub(crate) fn touch(&mut self, index: RoomIndex) -> &mut Room {
        if self.touched.last() != Some(&index) {
            self.touched.push(index);
        }
        &mut self.rooms[index.0]
    }

    /// What was recorded is stored.
    pub(crate) fn commit(&mut self) {
        for index in std::mem::take(&mut self.touched) {
            let room = &mut self.rooms[index.0];
            let is_renamed = room.title != room.stored.title;
            room.commit();
            if is_renamed {
                self.note_looks(index);
            }
        }
    }

    /// Undoes what was recorded since the last commit.
    pub(crate) fn roll_back(&mut self) {
        for index in std::mem::take(&mut self.touched) {
            let room = &mut self.rooms[index.0];
            let is_renamed = room.title != room.stored.title;
            room.roll_back();
            if is_renamed {
                self.note_looks(index);
            }
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
        let row = RoomRow {
            id: 1,
            key: "lobby".into(),
            title: "Lobby".into(),
            seq: 4,
            change: 2,
            ..RoomRow::default()
        };
        let mut rooms = Rooms::load(vec![row]);
        let lobby = rooms.find("lobby").expect("the lobby");
        rooms.touch(lobby).seq += 2;
        rooms.touch(lobby).change += 1;
        rooms.commit();
        rooms.touch(lobby).seq += 1;
        rooms.touch(lobby).change += 1;
        let (stored, recorded) = (Position { seq: 6, change: 3 }, Position { seq: 7, change: 4 });
        assert_eq!((rooms[lobby].position(), rooms[lobby].committed()), (recorded, stored));
        rooms.touch(lobby).topic = "tea".into();
        rooms.roll_back();
        assert_eq!(&*rooms[lobby].topic, "");
        assert_eq!((rooms[lobby].position(), rooms[lobby].committed()), (stored, stored));
    }

    #[test]
    fn a_room_is_taken_for_its_key_and_its_title_and_for_nothing_that_it_was_called_in_between() {
        let row =
            |id: i64, key: &str| RoomRow { id, key: key.into(), title: key.into(), ..RoomRow::default() };
        let mut rooms = Rooms::load(vec![row(1, "tea"), row(2, "milk")]);
        let tea = rooms.find("tea").expect("there");
        let found = |rooms: &Rooms| {
            ["Теа", "coffee", "cocoa"].map(|title| rooms.find_original(title, None).is_some())
        };
        assert_eq!(found(&rooms), [true, false, false]);
        rooms.rename(tea, "Coffee");
        assert_eq!(found(&rooms), [true, true, false]);
        rooms.roll_back();
        assert_eq!(found(&rooms), [true, false, false], "it was not stored");
        for title in ["Coffee", "Cocoa"] {
            rooms.rename(tea, title);
            rooms.commit();
        }
        assert_eq!(found(&rooms), [true, false, true]);
        assert_eq!(rooms.find_original("cocoa", Some(tea)), None, "it may be written in another way");
        let milk = rooms.find("milk").expect("there");
        rooms.rename(tea, "milk");
        assert_eq!(rooms.find_original("Milk", Some(tea)), Some(milk), "another one that looks the same");
    }
}
