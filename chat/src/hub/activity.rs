//! What members are told of conversations that their connections are not in: that there is a message, and how many they have
//! not read.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use switchboard::{ConnectionId, Text};

use super::Hub;
use super::outbox::{Outbox, Outgoing};
use super::people::Client;
use crate::limits::NOTICE_MEMBERS_MAX;
use crate::markdown;
use crate::protocol::Message;
use crate::protocol::conversation::{self, Activity};
use crate::rooms::RoomIndex;

/// Stands for everybody among the numbers of the people whom a message mentions.
pub(super) const EVERYBODY: i64 = 0;

impl<O: Outbox> Hub<O> {
    /// Tells of a message to those connections of members that are not in its room. Those that are in it have been sent the message.
    pub(super) async fn tell_activity(&self, room: RoomIndex, message: &Message) {
        let conns = self.elsewhere(room, message);
        if conns.is_empty() {
            return;
        }
        let key = self.key(room);
        let quote = markdown::quote(&message.text);
        let activity = Activity {
            room: &key,
            seq: message.seq,
            change: self.rooms[room].change,
            from: &message.from,
            person: message.person,
            ts: message.ts,
            quote: &quote,
        };
        let mut frames: BTreeMap<i64, Text> = BTreeMap::new();
        for conn in conns {
            let Some(person) = self.people.get(conn).and_then(Client::number) else { continue };
            let frame = match frames.entry(person) {
                Entry::Occupied(frame) => frame.into_mut(),
                Entry::Vacant(place) => {
                    let Some(membership) = self.memberships.get(person, room) else { continue };
                    let Ok(reading) = self.reading(person, room, membership, message.seq) else { continue };
                    place.insert(activity.to_json(reading).into())
                }
            };
            self.outbox.send(Outgoing::Push { conn, frame: frame.clone() }).await;
        }
    }

    /// The connections of members that are not in the room; if there are too many members, or too many connections, those of the
    /// members who are mentioned.
    fn elsewhere(&self, room: RoomIndex, message: &Message) -> Vec<ConnectionId> {
        let Some(conns) = self.memberships.elsewhere(room) else { return Vec::new() };
        let are_many = conns.len() > NOTICE_MEMBERS_MAX || self.is_large(room);
        if !are_many || message.mentions.contains(&EVERYBODY) {
            return conns.iter().copied().collect();
        }
        let mentioned = message.mentions.iter().flat_map(|person| self.people.of_person(*person));
        mentioned.filter(|conn| conns.contains(conn)).copied().collect()
    }

    /// A message has changed that mentioned these people, or mentions them now: those who have not read it are told their new count of
    /// mentions.
    pub(super) async fn recount(&self, room: RoomIndex, seq: u64, people: &[i64]) {
        let people: Vec<i64> = match people.contains(&EVERYBODY) {
            true => self.memberships.here(room).collect(),
            false => people.to_vec(),
        };
        let key = self.key(room);
        for person in people {
            let unread = self.memberships.get(person, room).filter(|membership| membership.read < seq);
            let Some(membership) = unread else { continue };
            let last = self.rooms[room].seq;
            let Ok(reading) = self.reading(person, room, membership, last) else { continue };
            let frame: Text = conversation::read(None, &key, reading).into();
            for conn in self.people.pages_of(person) {
                self.outbox.send(Outgoing::Push { conn, frame: frame.clone() }).await;
            }
        }
    }
}
