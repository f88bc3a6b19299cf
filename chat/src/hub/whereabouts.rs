//! Where people with a session are: at the keyboard, away, or gone since some moment. One person is one, however many connections they
//! have, and known by number: guests may have one name. Those who share a direct conversation with somebody in which something was said
//! are told.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};

use switchboard::{ConnectionId, Text};
use tokio::time::Instant;

use super::calls::unreadable;
use super::departures::{until_ms, warn_if_lost};
use super::effect::Effect;
use super::outbox::{Outbox, Outgoing};
use super::presences::Whereabouts;
use super::{Hub, now_ms};
use crate::account::Login;
use crate::limits::{DIRECT_LISTED_MAX, PRESENCE_PEOPLE_MAX};
use crate::protocol::conversation::{self, Kind, Member};
use crate::rooms::RoomIndex;
use crate::store::NO_ROOM;

/// Those who have lost the last connection and are not gone yet: a page that is opened anew, a train in a tunnel. It is in the database
/// who they are, so that another hub knows. Bounded by the connections that end within the grace.
#[derive(Debug, Default)]
pub(super) struct Lingering {
    due: BTreeSet<(Instant, i64)>,
    gone_at: HashMap<i64, Instant>,
}

impl Lingering {
    fn add(&mut self, person: i64, gone_at: Instant) {
        self.remove(person);
        self.due.insert((gone_at, person));
        self.gone_at.insert(person, gone_at);
    }

    /// Was it one of them?
    fn remove(&mut self, person: i64) -> bool {
        let Some(gone_at) = self.gone_at.remove(&person) else { return false };
        self.due.remove(&(gone_at, person))
    }

    /// When the next one is gone.
    pub(super) fn next(&self) -> Option<Instant> {
        self.due.first().map(|(at, _)| *at)
    }
}

impl<O: Outbox> Hub<O> {
    /// `seen_ms`: as the database has it.
    pub(super) fn whereabouts(&self, person: i64, seen_ms: Option<u64>) -> Whereabouts {
        self.persons.get(&person).map_or(Whereabouts::Gone { seen_ms }, Whereabouts::Here)
    }

    /// Another connection of somebody has a name.
    pub(super) fn appear(&mut self, person: i64, is_away: bool, now_ms: u64) {
        let was_gone = self.persons.get(&person).is_none();
        self.return_in_time(person);
        let change = self.persons.arrive(&person, is_away, now_ms);
        if was_gone || change.is_some() {
            self.tell_whereabouts(person);
        }
    }

    /// Nobody is at one of their connections, or somebody again.
    pub(super) fn turn_person(&mut self, person: i64, is_away: bool, now_ms: u64) {
        if self.persons.turn(&person, is_away, now_ms).is_some() {
            self.tell_whereabouts(person);
        }
    }

    /// One of their connections has ended, and is not among the people any more.
    pub(super) fn disappear(&mut self, login: Login, was_away: bool) {
        let change = self.persons.depart(&login.person, was_away, now_ms());
        if !self.persons.is_connected(&login.person) {
            self.lose_person(login);
        } else if change.is_some() {
            self.tell_whereabouts(login.person);
        }
    }

    /// A connection has ended that this hub has not known. The hub before may have had no time to tell what that has changed.
    pub(super) fn disappear_unseen(&mut self, login: Login) {
        if self.persons.is_connected(&login.person) {
            self.tell_whereabouts(login.person);
        } else if self.persons.get(&login.person).is_none() {
            self.persons.recall(login.person, now_ms());
            self.lose_person(login);
        }
    }

    /// Somebody has lost the last connection. Who has signed out is gone at once.
    fn lose_person(&mut self, login: Login) {
        let (person, grace) = (login.person, self.departures.grace());
        warn_if_lost(self.writer.note_seen(person, now_ms()));
        let is_signed_in = self.writer.use_login(login, now_ms()).unwrap_or(true);
        if grace.is_zero() || !is_signed_in {
            self.persons.forget(&person);
            self.tell_whereabouts(person);
            return;
        }
        self.lingering.add(person, Instant::now() + grace);
        let noted = self.writer.note_departure(NO_ROOM, &person.to_string(), until_ms(grace));
        warn_if_lost(noted);
    }

    /// Somebody has a connection again before anybody was told.
    pub(super) fn return_in_time(&mut self, person: i64) {
        if self.lingering.remove(person) {
            self.forget_lingering(person);
        }
    }

    pub(super) fn forget_lingering(&mut self, person: i64) {
        warn_if_lost(self.writer.forget_departure(NO_ROOM, &person.to_string()));
    }

    /// Tells of those whose moment has come, and gives their numbers.
    pub(super) fn let_go(&mut self, now: Instant) -> Vec<i64> {
        let mut gone = Vec::new();
        while self.lingering.next().is_some_and(|at| at <= now)
            && let Some((_, person)) = self.lingering.due.pop_first()
        {
            self.lingering.gone_at.remove(&person);
            self.persons.forget(&person);
            self.tell_whereabouts(person);
            gone.push(person);
        }
        gone
    }

    /// Somebody whom the hub before has seen go. `is_empty`: there is nobody who could be told.
    pub(super) fn recall_person(
        &mut self,
        number: &str,
        (gone_at, until_ms): (Instant, u64),
        is_empty: bool,
    ) {
        match number.parse::<i64>() {
            Ok(person) if !is_empty && self.persons.get(&person).is_none() => {
                self.persons.recall(person, until_ms);
                self.lingering.add(person, gone_at);
            }
            _ => warn_if_lost(self.writer.forget_departure(NO_ROOM, number)),
        }
    }

    /// The pages of those who share a direct conversation with somebody: each once, however many conversations that are.
    pub(super) fn tell_whereabouts(&mut self, person: i64) {
        let pages = self.pages_of_acquaintances(person);
        if pages.is_empty() {
            return;
        }
        let Ok(Some(someone)) = self.someone(person) else { return };
        let seen_ms = self.writer.seen_ms(person).map_err(unreadable).unwrap_or_default();
        let frame: Text = conversation::presence(&someone, self.whereabouts(person, seen_ms)).into();
        for conn in pages {
            self.effects_bytes += frame.len();
            self.effects.push(Effect::Send(Outgoing::Push { conn, frame: frame.clone() }));
        }
    }

    /// The first message of a direct conversation has been told: its people hear of each other whether they are there, as they do from
    /// here on of each change. It is a part of telling the message, so a hub that dies in between leaves it to the next one.
    pub(super) async fn tell_of_each_other(&self, room: RoomIndex) {
        let told: Vec<_> = self.who_list(room).collect();
        for Member { person, whereabouts } in self.people_of(&self.rooms[room], None).unwrap_or_default() {
            let Some(whereabouts) = whereabouts else { continue };
            let frame: Text = conversation::presence(&person, whereabouts).into();
            let others = told.iter().filter(|other| **other != person.id);
            for conn in others.flat_map(|other| self.people.pages_of(*other)) {
                self.outbox.send(Outgoing::Push { conn, frame: frame.clone() }).await;
            }
        }
    }

    /// Of too many those with whom somebody has talked last. Who has hidden the conversation does not see it.
    fn pages_of_acquaintances(&self, person: i64) -> Vec<ConnectionId> {
        let mut acquaintances = BTreeSet::new();
        for room in self.direct_rooms(person) {
            acquaintances.extend(self.who_list(room).filter(|other| *other != person));
            if acquaintances.len() >= PRESENCE_PEOPLE_MAX {
                break;
            }
        }
        acquaintances
            .into_iter()
            .take(PRESENCE_PEOPLE_MAX)
            .flat_map(|other| self.people.pages_of(other))
            .collect()
    }

    /// The direct conversations of somebody, who may be gone, in which something was said; those that were used last come first.
    fn direct_rooms(&self, person: i64) -> Vec<RoomIndex> {
        let mut rooms: Vec<_> = if self.memberships.knows(person) {
            self.memberships.of(person).map(|(room, _)| room).collect()
        } else {
            let stored = self.writer.memberships(person).map_err(unreadable).unwrap_or_default();
            stored.into_iter().filter_map(|(room, _)| self.rooms.with_id(room)).collect()
        };
        rooms.retain(|room| {
            let room = &self.rooms[*room];
            room.kind == Kind::Direct && room.shows_whereabouts()
        });
        rooms.sort_unstable_by_key(|room| Reverse((self.rooms[*room].last_row, self.rooms[*room].id)));
        rooms.truncate(DIRECT_LISTED_MAX);
        rooms
    }
}
