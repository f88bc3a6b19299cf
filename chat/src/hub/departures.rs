//! Who loses the last connection has not left at once: a page that is opened anew, a train in a tunnel, a server that is
//! renewed. The room is told only after some time. Who is about to leave is noted in the database, so that the next hub knows.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::outbox::Outbox;
use super::{Hub, now_ms};
use crate::rooms::RoomIndex;
use crate::store::{NO_ROOM, StoreError};

/// Those who leave soon, in the order in which they do. Bounded by the members of the rooms.
#[derive(Debug)]
pub(super) struct Departures {
    grace: Duration,
    due: BTreeSet<(Instant, RoomIndex, Arc<str>)>,
}

impl Departures {
    pub(super) fn new(grace: Duration) -> Self {
        Self { grace, due: BTreeSet::new() }
    }

    pub(super) fn grace(&self) -> Duration {
        self.grace
    }
}

/// When somebody is gone who is not back until then, in milliseconds since 1970.
pub(super) fn until_ms(grace: Duration) -> u64 {
    now_ms().saturating_add(u64::try_from(grace.as_millis()).unwrap_or(u64::MAX))
}

impl<O: Outbox> Hub<O> {
    /// A connection of this name was lost, and with it perhaps a member of the room.
    pub(super) fn lose(&mut self, room: RoomIndex, name: &Arc<str>) {
        let grace = self.departures.grace;
        if grace.is_zero() {
            self.depart(room, name, None);
            return;
        }
        let leaves_at = Instant::now() + grace;
        if self.rooms[room].members.lose(name, leaves_at) {
            self.departures.due.insert((leaves_at, room, name.clone()));
            let noted = self.writer.note_departure(self.rooms[room].id, name, until_ms(grace));
            warn_if_lost(noted);
        }
    }

    /// A connection was lost that this hub has not known, and nobody else of its name is here.
    pub(super) fn lose_unseen(&mut self, room: RoomIndex, name: &Arc<str>) {
        if self.departures.grace.is_zero() {
            self.tell_departure(room, name, None);
        } else {
            self.lose(room, name);
        }
    }

    /// Somebody is back before the room was told.
    pub(super) fn stay(&mut self, room: RoomIndex, name: &Arc<str>, leaves_at: Instant) {
        self.departures.due.remove(&(leaves_at, room, name.clone()));
        let forgotten = self.writer.forget_departure(self.rooms[room].id, name);
        warn_if_lost(forgotten);
    }

    /// When the next one leaves a room, or is gone.
    pub(super) fn next_departure(&self) -> Option<Instant> {
        let from_room = self.departures.due.first().map(|(at, ..)| *at);
        from_room.into_iter().chain(self.lingering.next()).min()
    }

    /// Tells rooms, and those who know somebody, of those whose moment has come.
    pub(super) async fn say_goodbye(&mut self, now: Instant) {
        let people = self.let_go(now);
        let mut gone = Vec::new();
        while self.departures.due.first().is_some_and(|(at, ..)| *at <= now)
            && let Some((_, room, name)) = self.departures.due.pop_first()
        {
            if self.rooms[room].members.expire(&name, now) {
                self.tell_departure(room, &name, None);
                self.presences.forget(&name);
                gone.push((self.rooms[room].id, name));
            }
        }
        if gone.is_empty() && people.is_empty() {
            return;
        }
        // First they are told: if this process dies in between, the next one tells them again.
        self.settle().await;
        for (room, name) in gone {
            warn_if_lost(self.writer.forget_departure(room, &name));
        }
        for person in people {
            self.forget_lingering(person);
        }
        self.settle().await;
    }

    /// What the hub before knew. Whoever is here again meanwhile stays. `is_empty`: there is nobody who could be told.
    pub(super) fn recall_departures(&mut self, is_empty: bool) -> Result<(), StoreError> {
        let (now, now_ms) = (Instant::now(), now_ms());
        for (room_id, name, until_ms) in self.writer.departures()? {
            let left = Duration::from_millis(until_ms.saturating_sub(now_ms)).min(self.departures.grace);
            if room_id == NO_ROOM {
                self.recall_person(&name, (now + left, until_ms), is_empty);
                continue;
            }
            let room = self.rooms.with_id(room_id);
            match room.filter(|room| !is_empty && !self.rooms[*room].members.contains(&name)) {
                Some(room) => {
                    let name: Arc<str> = name.into();
                    if self.rooms[room].members.lose(&name, now + left) {
                        self.departures.due.insert((now + left, room, name));
                    }
                }
                None => self.writer.forget_departure(room_id, &name)?,
            }
        }
        Ok(())
    }
}

/// Without the record it would not be told of if this process died: no more than that.
pub(super) fn warn_if_lost(result: Result<(), StoreError>) {
    if let Err(error) = result {
        tracing::warn!(%error, "it was not noted who is about to leave");
    }
}
