//! Who may see which room, and what each person is told of it.
//!
//! A room that somebody may not read does not exist for them. Whatever finds a room for a client goes through [`Hub::find`].

use std::cmp::Reverse;
use std::sync::Arc;

use switchboard::ConnectionId;

use super::calls::{unreadable, unwritable};
use super::effect::Effect;
use super::outbox::{Outbox, Outgoing};
use super::people::Client;
use super::{Hub, now_ms};
use crate::account::Role;
use crate::limits::{
    DIRECT_LISTED_MAX, DIRECT_PEOPLE_MAX, NOTICE_MEMBERS_MAX, ROOMS_BYTES_MAX, ROOMS_LISTED_BYTES_MAX,
};
use crate::protocol::Refusal;
use crate::protocol::conversation::{Kind, Member, Place, Reading, RoomSummary, Someone, Standing};
use crate::protocol::request::shown_room;
use crate::rooms::{Room, RoomIndex};
use crate::store::Membership;

/// Whoever is told of rooms.
#[derive(Clone, Copy, Debug)]
pub(super) struct Onlooker {
    conn: ConnectionId,
    person: Option<i64>,
    is_admin: bool,
}

/// The rooms that somebody may see, as JSON.
#[derive(Debug, Default)]
pub(super) struct RoomList {
    /// As many as fit into one frame.
    pub(super) first: Vec<String>,
    /// The others: an event for each.
    pub(super) rest: Vec<String>,
}

impl<O: Outbox> Hub<O> {
    /// The room of this key, if the connection may know of it.
    pub(super) fn find(&self, conn: ConnectionId, room: &str) -> Result<RoomIndex, Refusal> {
        let person = self.people.get(conn).and_then(Client::number);
        let index = self.rooms.find(room).filter(|index| self.may_read(person, *index));
        index.ok_or_else(|| Refusal::no_such_room().room(shown_room(room)))
    }

    /// Public rooms can be read by everybody, other rooms by their members.
    pub(super) fn may_read(&self, person: Option<i64>, room: RoomIndex) -> bool {
        self.rooms[room].kind == Kind::Public
            || person.is_some_and(|person| self.memberships.get(person, room).is_some())
    }

    /// Loads the memberships of somebody who has a connection from here on.
    pub(super) fn remember(&mut self, person: i64) {
        if !self.memberships.knows(person) {
            self.look_up(person);
        }
    }

    fn look_up(&mut self, person: i64) {
        let stored = self.writer.memberships(person).unwrap_or_else(|error| {
            tracing::error!(%error, "memberships could not be read");
            Vec::new()
        });
        let rooms = &self.rooms;
        let known =
            stored.into_iter().filter_map(|(room, membership)| Some((rooms.with_id(room)?, membership)));
        self.memberships.load(person, known);
    }

    /// Reads all memberships anew: those that were changed since the last commit are not stored.
    pub(super) fn look_up_all(&mut self) {
        let mut rooms = Vec::new();
        for person in self.memberships.people() {
            rooms.extend(self.memberships.of(person).map(|(room, _)| (person, room)));
            self.look_up(person);
            rooms.extend(self.memberships.of(person).map(|(room, _)| (person, room)));
        }
        self.move_back();
        rooms.into_iter().for_each(|(person, room)| self.look_for(person, room));
    }

    /// Notes whether a connection is outside of a room of which its person is a member: it is told of the room's messages by `activity`.
    pub(super) fn see_where(&mut self, conn: ConnectionId, room: RoomIndex) {
        let is_elsewhere = self.people.get(conn).is_some_and(|client| {
            let is_member = |person| self.memberships.get(person, room).is_some();
            client.is_page() && client.number().is_some_and(is_member) && !client.rooms.contains(&room)
        });
        self.memberships.note_elsewhere(room, conn, is_elsewhere);
    }

    /// The same for all connections of somebody.
    pub(super) fn look_for(&mut self, person: i64, room: RoomIndex) {
        for conn in self.people.of_person(person).to_vec() {
            self.see_where(conn, room);
        }
    }

    /// The same for all rooms, when a connection comes, or has got a name.
    pub(super) fn look_around(&mut self, conn: ConnectionId) {
        let Some(person) = self.people.get(conn).and_then(Client::number) else { return };
        let rooms: Vec<_> = self.memberships.of(person).map(|(room, _)| room).collect();
        rooms.into_iter().for_each(|room| self.see_where(conn, room));
    }

    /// A connection has ended, and is not among the people any more.
    pub(super) fn look_away(&mut self, conn: ConnectionId, person: i64) {
        let rooms: Vec<_> = self.memberships.of(person).map(|(room, _)| room).collect();
        rooms.into_iter().for_each(|room| self.memberships.note_elsewhere(room, conn, false));
        if self.people.of_person(person).is_empty() {
            self.memberships.forget(person);
        }
    }

    /// Makes somebody a member, or changes what is kept of a member: how far they have read, whether they have muted or hidden the room.
    pub(super) fn put_membership(
        &mut self,
        person: i64,
        room: RoomIndex,
        membership: Membership,
    ) -> Result<(), Refusal> {
        let id = self.rooms[room].id;
        self.writer.put_membership(person, id, membership, now_ms()).map_err(unwritable)?;
        let was_member = self.memberships.get(person, room).is_some();
        self.memberships.put(person, room, membership);
        if !was_member {
            self.look_for(person, room);
        }
        Ok(())
    }

    pub(super) fn end_membership(&mut self, person: i64, room: RoomIndex) -> Result<(), Refusal> {
        let id = self.rooms[room].id;
        self.writer.end_membership(person, id).map_err(unwritable)?;
        self.memberships.end(person, room);
        self.look_for(person, room);
        Ok(())
    }

    /// Has the room so many members that not all of them can be told of everything?
    pub(super) fn is_large(&self, room: RoomIndex) -> bool {
        self.memberships.count_here(room).max(self.rooms[room].members.len()) > NOTICE_MEMBERS_MAX
    }

    /// Who may rename a room, archive it, and remove people.
    pub(super) fn may_manage(&self, person: i64, room: RoomIndex) -> bool {
        self.manages(person, self.is_admin(person), room)
    }

    fn manages(&self, person: i64, is_admin: bool, room: RoomIndex) -> bool {
        let room = &self.rooms[room];
        room.kind != Kind::Direct && (is_admin || room.creator == Some(person))
    }

    fn is_admin(&self, person: i64) -> bool {
        let identity = self.writer.identity(person).unwrap_or_default();
        identity.is_some_and(|identity| identity.role == Role::Admin)
    }

    pub(super) fn onlooker(&self, conn: ConnectionId) -> Onlooker {
        let person = self.people.get(conn).and_then(Client::number);
        Onlooker { conn, person, is_admin: person.is_some_and(|person| self.is_admin(person)) }
    }

    /// How far a member has read the room as it was when `last` was its last message.
    pub(super) fn reading(
        &self,
        person: i64,
        room: RoomIndex,
        membership: Membership,
        last: u64,
    ) -> Result<Reading, Refusal> {
        let (read, room) = (membership.read, &self.rooms[room]);
        let mentions = if read < room.last_mention {
            self.writer.count_mentions(person, room.id, (read, last)).map_err(unreadable)?
        } else {
            0
        };
        Ok(Reading { read, unread: last.saturating_sub(read), mentions })
    }

    /// What somebody who comes into a room is told of their own: how far they have read, and, in a direct conversation, how far the
    /// others have.
    pub(super) fn place(&self, person: Option<i64>, room: RoomIndex) -> Result<Place, Refusal> {
        let membership = person.and_then(|person| Some((person, self.memberships.get(person, room)?)));
        let Some((person, membership)) = membership else { return Ok(Place::default()) };
        let reads = match self.rooms[room].kind {
            Kind::Direct => {
                let reads = self.writer.reads(self.rooms[room].id).map_err(unreadable)?;
                Some(reads.into_iter().filter(|(other, _)| *other != person).collect())
            }
            Kind::Public | Kind::Private => None,
        };
        Ok(Place { reading: Some(self.reading(person, room, membership, self.rooms[room].seq)?), reads })
    }

    /// A room as everybody may be told of it, or, with `onlooker`, as one connection is.
    pub(super) fn summary(
        &self,
        room: RoomIndex,
        onlooker: Option<Onlooker>,
    ) -> Result<RoomSummary<'_>, Refusal> {
        let standing = onlooker.map(|onlooker| self.standing(room, onlooker)).transpose()?;
        let room = &self.rooms[room];
        let people = match room.kind {
            Kind::Direct => self.people_of(room, onlooker.and_then(|onlooker| onlooker.person))?,
            Kind::Public | Kind::Private => Vec::new(),
        };
        Ok(RoomSummary {
            room: &room.key,
            title: &room.title,
            seq: room.seq,
            change: room.change,
            members: Some(room.members.len()),
            kind: room.kind,
            topic: &room.topic,
            is_archived: room.is_archived,
            standing,
            people,
        })
    }

    /// Those of a direct conversation, and where the others are, once something has been said in it.
    pub(super) fn people_of(&self, room: &Room, own: Option<i64>) -> Result<Vec<Member>, Refusal> {
        let people = self.writer.members(room.id, DIRECT_PEOPLE_MAX).map_err(unreadable)?;
        let member = |(person, seen_ms): (Someone, _)| {
            let is_told = Some(person.id) != own && room.shows_whereabouts();
            let whereabouts = is_told.then(|| self.whereabouts(person.id, seen_ms));
            Member { person, whereabouts }
        };
        Ok(people.into_iter().map(member).collect())
    }

    fn standing(&self, room: RoomIndex, onlooker: Onlooker) -> Result<Standing, Refusal> {
        let Onlooker { conn, person, is_admin } = onlooker;
        let joined = self.people.get(conn).is_some_and(|client| client.rooms.contains(&room));
        let Some(person) = person else { return Ok(Standing { joined, ..Standing::default() }) };
        let membership = self.memberships.get(person, room);
        let seq = self.rooms[room].seq;
        let reading = membership.map(|membership| self.reading(person, room, membership, seq)).transpose()?;
        Ok(Standing {
            joined,
            reading,
            is_muted: membership.is_some_and(|membership| membership.is_muted),
            may_manage: self.manages(person, is_admin, room),
        })
    }

    /// All rooms that somebody may see, in this order: the lobby, private rooms, direct conversations (the last used first), and
    /// the other public rooms. If the list is too long its end is left out, which has none of somebody's own rooms.
    pub(super) fn room_list(&self, conn: ConnectionId) -> Result<RoomList, Refusal> {
        let onlooker = self.onlooker(conn);
        let mut private = Vec::new();
        let mut direct = Vec::new();
        for (room, membership) in onlooker.person.into_iter().flat_map(|person| self.memberships.of(person)) {
            match self.rooms[room].kind {
                Kind::Public => {}
                Kind::Private => private.push(room),
                Kind::Direct if membership.is_hidden => {}
                Kind::Direct => direct.push(room),
            }
        }
        private.sort_unstable_by_key(|room| self.rooms[*room].id);
        direct.sort_unstable_by_key(|room| Reverse((self.rooms[*room].last_row, self.rooms[*room].id)));
        direct.truncate(DIRECT_LISTED_MAX);
        let mut list = RoomList::default();
        let mut bytes = 0;
        let public = self.rooms.public();
        let (lobby, public) = public.split_at(public.len().min(1));
        for room in lobby.iter().chain(&private).chain(&direct).chain(public) {
            let summary = self.summary(*room, Some(onlooker))?;
            let json = summary.to_json();
            bytes += json.len() + 1;
            if bytes > ROOMS_LISTED_BYTES_MAX {
                break;
            }
            if bytes > ROOMS_BYTES_MAX {
                list.rest.push(summary.to_event(None, None));
            } else {
                list.first.push(json);
            }
        }
        Ok(list)
    }

    /// Tells a client of something that is in the open transaction, if that is stored.
    pub(super) fn tell(&mut self, conn: ConnectionId, frame: String) {
        self.effects_bytes += frame.len();
        self.effects.push(Effect::WhenStored(Outgoing::Push { conn, frame: frame.into() }));
    }

    /// Tells connections of a room as each of them sees it.
    pub(super) fn tell_room_to(
        &mut self,
        conns: &[ConnectionId],
        room: RoomIndex,
        by: Option<&Someone>,
    ) -> Result<(), Refusal> {
        for conn in conns {
            let frame = self.summary(room, Some(self.onlooker(*conn)))?.to_event(None, by);
            self.tell(*conn, frame);
        }
        Ok(())
    }

    /// The pages of a person, but for one.
    pub(super) fn other_pages(&self, person: i64, except: ConnectionId) -> Vec<ConnectionId> {
        let mut pages = self.people.pages_of(person);
        pages.retain(|conn| *conn != except);
        pages
    }

    /// The members of a room who are here and have not hidden it.
    pub(super) fn who_list(&self, room: RoomIndex) -> impl Iterator<Item = i64> {
        let is_listed =
            move |person: &i64| self.memberships.get(*person, room).is_some_and(|known| !known.is_hidden);
        self.memberships.here(room).filter(is_listed)
    }

    /// The pages of all members of a room who are here.
    pub(super) fn pages_of_members(&self, room: RoomIndex) -> Vec<ConnectionId> {
        self.memberships.here(room).flat_map(|person| self.people.pages_of(person)).collect()
    }

    /// Somebody of this number.
    pub(super) fn someone(&self, id: i64) -> Result<Option<Someone>, Refusal> {
        let identity = self.writer.identity(id).map_err(unreadable)?;
        Ok(identity.map(|identity| Someone { id, name: identity.name }))
    }

    /// The key of a room, for frames.
    pub(super) fn key(&self, room: RoomIndex) -> Arc<str> {
        self.rooms[room].key.clone()
    }
}
