//! What rooms are told of who is at the keyboard.

use std::sync::Arc;

use switchboard::{ConnectionId, Text};

use super::Caller;
use crate::hub::outbox::{Group, Outbox};
use crate::hub::{Hub, Presence, now_ms};
use crate::limits::{NOTICE_MEMBERS_MAX, PEOPLE_BYTES_MAX};
use crate::protocol::event::{self, MemberList};
use crate::rooms::RoomIndex;

impl<O: Outbox> Hub<O> {
    /// Nobody is at this connection, or somebody again.
    pub(super) fn away(&mut self, caller: &Caller, is_away: bool) {
        self.push(caller.conn, event::away(caller.id.as_deref(), is_away));
        let now_ms = now_ms();
        let Some(client) = self.people.get_mut(caller.conn) else { return };
        if client.is_away == is_away {
            return;
        }
        (client.is_away, client.since_ms) = (is_away, now_ms);
        let number = client.number();
        if let Some(name) = client.name.clone() {
            let change = self.presences.turn(&name, is_away, now_ms);
            self.tell_presence(&name, change);
            if let Some(number) = number {
                self.turn_person(number, is_away, now_ms);
            }
        }
        self.changed(caller);
    }

    /// A connection has a name now.
    pub(super) fn arrived(&mut self, conn: ConnectionId, name: &Arc<str>) {
        let now_ms = now_ms();
        let Some(client) = self.people.get_mut(conn) else { return };
        client.since_ms = now_ms;
        let (is_away, number) = (client.is_away, client.number());
        let change = self.presences.arrive(name, is_away, now_ms);
        self.tell_presence(name, change);
        if let Some(number) = number {
            self.appear(number, is_away, now_ms);
        }
    }

    /// A connection is called differently.
    pub(super) fn call(&mut self, conn: ConnectionId, before: &str, name: &Arc<str>) {
        let Some(client) = self.people.get(conn) else { return };
        let (is_away, now_ms) = (client.is_away, now_ms());
        let left = self.presences.depart(before, is_away, now_ms);
        self.presences.forget(before);
        self.tell_presence(before, left);
        let came = self.presences.arrive(name, is_away, now_ms);
        self.tell_presence(name, came);
    }

    /// A connection has ended. `lingers`: it was in rooms that are not told yet.
    pub(super) fn departed(&mut self, name: &str, was_away: bool, lingers: bool) {
        let change = self.presences.depart(name, was_away, now_ms());
        if !lingers {
            self.presences.forget(name);
        }
        self.tell_presence(name, change);
    }

    /// All rooms that somebody is in, unless they are too large.
    fn tell_presence(&mut self, name: &str, change: Option<Presence>) {
        let Some(presence) = change else { return };
        let is_told = |room: &RoomIndex| {
            let members = &self.rooms[*room].members;
            members.contains(name) && members.len() <= NOTICE_MEMBERS_MAX
        };
        let rooms = self.people.rooms_of(name).into_iter().filter(is_told);
        let groups: Vec<_> = rooms.map(|room| Group::Room(self.rooms[room].id)).collect();
        let frame: Text = event::presence(name, presence).into();
        for group in groups {
            self.publish(group, frame.clone(), None);
        }
    }

    /// Who is in a room, and how.
    pub(super) fn member_list(&self, room: RoomIndex) -> MemberList {
        let members = &self.rooms[room].members;
        let mut bytes = 0;
        let people = members.listed().map_while(|name| {
            let presence = self.presences.get(name).unwrap_or(Presence { is_away: false, since_ms: 0 });
            let person = event::person_in_room(name, presence);
            bytes += person.len() + 1;
            (bytes <= PEOPLE_BYTES_MAX).then_some(person)
        });
        MemberList::new(members.listed().map(|name| &**name), people, members.len())
    }
}
