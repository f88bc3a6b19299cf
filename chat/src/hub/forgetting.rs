//! Rooms that nobody can see any more, and conversations in which nobody has said anything for long, are forgotten: each counts
//! towards the number that there may be. They are looked for, and removed, some at a time, while the hub does its work.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use tokio::time::Instant;

use super::outbox::Outbox;
use super::{Hub, now_ms};
use crate::limits::{INDEX_PAUSES, ROOM_EMPTY_MS, ROOMS_LOOKED_AT_EVERY_MS, SILENT_DIRECT_KEPT_MS};
use crate::protocol::conversation;
use crate::rooms::RoomIndex;
use crate::store::{EmptyRooms, Forgotten, StoreError};

/// After an error: the disk may be full.
const AFTER_ERROR: Duration = Duration::from_secs(60);

/// See the module. Bounded by the rooms.
#[derive(Debug)]
pub(super) struct Forgetting {
    due: Instant,
    /// When all rooms are looked at again, once they all have been.
    next_walk: Instant,
    /// Rooms of greater numbers have not been looked at in the present walk.
    after: i64,
    /// Those that were empty when they were looked at last, and since when.
    empty: BTreeMap<i64, Instant>,
    /// Among those are some that have not been so for long.
    has_news: bool,
    /// Those that are to be forgotten.
    doomed: VecDeque<i64>,
}

impl Forgetting {
    pub(super) fn new() -> Self {
        let (now, empty, doomed) = (Instant::now(), BTreeMap::new(), VecDeque::new());
        Self { due: now, next_walk: now, after: 0, empty, has_news: false, doomed }
    }

    /// Takes note of some more rooms.
    fn note(&mut self, found: &EmptyRooms, now: Instant) {
        let EmptyRooms { rooms, last } = found;
        let (after, to) = (self.after, last.unwrap_or(i64::MAX));
        self.empty.retain(|room, _| *room <= after || *room > to || rooms.contains(room));
        for room in rooms {
            let since = *self.empty.entry(*room).or_insert(now);
            if now.saturating_duration_since(since) >= Duration::from_millis(ROOM_EMPTY_MS) {
                self.empty.remove(room);
                self.doomed.push_back(*room);
            } else {
                self.has_news = true;
            }
        }
        self.after = last.unwrap_or(0);
        if last.is_none() {
            let has_news = std::mem::take(&mut self.has_news);
            let rest = if has_news { ROOM_EMPTY_MS } else { ROOMS_LOOKED_AT_EVERY_MS };
            self.next_walk = now + Duration::from_millis(rest);
        }
    }

    /// When there is something to be done again. `pause`: after a part of something.
    fn rest(&mut self, now: Instant, pause: Duration) {
        let is_done = self.doomed.is_empty() && self.after == 0;
        self.due = if is_done { self.next_walk } else { now + pause };
    }
}

impl<O: Outbox> Hub<O> {
    /// When there is something to be done.
    pub(super) fn forgets_at(&self) -> Instant {
        self.forgetting.due
    }

    /// Goes on if it is time; no transaction may be open.
    pub(super) async fn forget_rooms(&mut self, now: Instant) {
        if now < self.forgetting.due {
            return;
        }
        let began = Instant::now();
        let done = match self.forgetting.doomed.front() {
            Some(room) => self.forget_room(*room).await,
            None => self.look_for_empty_rooms(now),
        };
        match done {
            Ok(()) => self.forgetting.rest(now, began.elapsed() * INDEX_PAUSES),
            Err(error) => {
                tracing::error!(%error, "rooms that nobody can see any more were not removed");
                self.forgetting.due = now + AFTER_ERROR;
            }
        }
    }

    fn look_for_empty_rooms(&mut self, now: Instant) -> Result<(), StoreError> {
        let found = self.writer.empty_rooms(self.forgetting.after, silent_before())?;
        self.forgetting.note(&found, now);
        Ok(())
    }

    /// Removes some of a room. Whoever has it in their list is told before: if this process dies in between, the next one finds the room
    /// and tells them once more.
    async fn forget_room(&mut self, id: i64) -> Result<(), StoreError> {
        let before_ms = silent_before();
        // Of one that was forgotten before the hub knows nothing any more.
        let room = self.rooms.with_id(id);
        let is_empty = room.is_none_or(|room| self.rooms[room].members.is_empty());
        if !is_empty || !self.writer.may_forget(id, before_ms)? {
            self.forgetting.doomed.pop_front();
            return Ok(());
        }
        if let Some(room) = room {
            self.tell_end(room).await;
        }
        let forgotten = self.writer.forget_room(id, before_ms)?;
        if forgotten != Forgotten::Part {
            self.forgetting.doomed.pop_front();
        }
        if let (Forgotten::All, Some(room)) = (forgotten, room) {
            for person in self.memberships.here(room).collect::<Vec<_>>() {
                self.memberships.end(person, room);
                self.look_for(person, room);
            }
            self.rooms.remove(room);
        }
        Ok(())
    }

    /// Whoever has it in their list.
    async fn tell_end(&mut self, room: RoomIndex) {
        let frame = conversation::gone(&self.key(room));
        let told: Vec<_> = self.who_list(room).flat_map(|person| self.people.pages_of(person)).collect();
        told.into_iter().for_each(|conn| self.push(conn, frame.clone()));
        self.settle().await;
    }
}

/// Direct conversations that have begun before this moment may go.
fn silent_before() -> u64 {
    now_ms().saturating_sub(SILENT_DIRECT_KEPT_MS)
}
