//! Names, and what rooms are told of who is there.

use std::sync::Arc;

use switchboard::ConnectionId;

use super::Caller;
use crate::account::{Profile, Role};
use crate::hub::calls::{unreadable, unwritable};
use crate::hub::conversations::RoomList;
use crate::hub::effect::Effect;
use crate::hub::moves::Move;
use crate::hub::outbox::{Group, Outbox, Outgoing};
use crate::hub::{Hub, now_ms};
use crate::limits::NOTICE_MEMBERS_MAX;
use crate::presence::Entry;
use crate::protocol::conversation::Kind;
use crate::protocol::request::no_name;
use crate::protocol::{LOBBY, Refusal, event};
use crate::rooms::RoomIndex;

impl<O: Outbox> Hub<O> {
    /// A first name, or another one. `name`: None if it is to be the session's. `key`: the client's own.
    pub(super) fn connect(
        &mut self,
        caller: &Caller,
        name: Option<String>,
        key: Option<String>,
    ) -> Result<(), Refusal> {
        let conn = caller.conn;
        let Introduced { name, profile, renamed } = self.introduce(conn, name)?;
        let rooms_told = self.room_list(conn)?;
        let before = self.people.call(conn, &name);
        let is_renamed = renamed.is_some();
        if let Some(own) = renamed {
            let (before, is_first) = (before.clone().unwrap_or(own), before.is_none());
            self.moves.push(Move::Called { conn, before, is_first });
        }
        let Some(client) = self.people.get_mut(conn) else { return Ok(()) };
        if let Some(key) = key {
            client.key = key.into();
        }
        let v1 = client.v1;
        if v1 && before.is_none() {
            self.effects.push(Effect::Send(Outgoing::Join { conn, group: Group::V1 }));
        }
        let from = self.effects.len();
        if v1 {
            self.welcome(caller, (&name, profile.as_ref()), rooms_told, is_renamed);
        }
        self.announce(conn, &name, v1);
        self.take_place(conn, before, &name);
        if let Some(profile) = profile {
            self.rename_others(caller, &profile, is_renamed)?;
        }
        self.changed(caller);
        if is_renamed {
            self.all_once_stored(from);
        }
        Ok(())
    }

    /// The rooms of a connection that has got its name know it by that; a plain client comes into the lobby with its first one.
    fn take_place(&mut self, conn: ConnectionId, before: Option<Arc<str>>, name: &Arc<str>) {
        let Some(client) = self.people.get_mut(conn) else { return };
        let (v1, rooms, is_first) = (client.v1, client.rooms.clone(), before.is_none());
        let lobby = self.rooms.find(LOBBY).filter(|_| !v1);
        if rooms.is_empty() {
            client.rooms.extend(lobby);
        }
        match before {
            Some(before) if before != *name => {
                self.call(conn, &before, name);
                self.move_rooms(&rooms, &before, name, conn);
            }
            None => {
                if let Some(lobby) = lobby {
                    self.enter(lobby, name, conn);
                }
            }
            Some(_) => {}
        }
        if is_first {
            self.arrived(conn, name);
            self.look_around(conn);
        }
    }

    /// The other connections of whoever has connected under this name, and whoever else has to do with it.
    fn rename_others(&mut self, caller: &Caller, profile: &Profile, is_renamed: bool) -> Result<(), Refusal> {
        self.rename_connections(profile, Some(caller.conn), is_renamed);
        if is_renamed {
            self.tell_new_name(profile.id)?;
        }
        // The hub before may have stored the name, and died before it closed the connections of others.
        if is_renamed || caller.again {
            self.claim_name(profile);
        }
        Ok(())
    }

    /// `is_recorded`: by what is in the open transaction.
    fn welcome(
        &mut self,
        caller: &Caller,
        (name, profile): (&str, Option<&Profile>),
        RoomList { first, rest }: RoomList,
        is_recorded: bool,
    ) {
        let frame = event::welcome(caller.id.as_deref(), name, profile, &first);
        match is_recorded {
            true => self.confirm_order(caller, frame),
            false => self.push(caller.conn, frame),
        }
        rest.into_iter().for_each(|frame| self.push(caller.conn, frame));
        if profile.is_some_and(|profile| profile.role == Role::Admin) {
            self.tell_of_guests(caller.conn);
        }
    }

    /// Tells everybody. Where so many are connected that nobody could read it, v1 clients are told of themselves alone.
    fn announce(&mut self, conn: ConnectionId, name: &str, v1: bool) {
        let frame = event::connect(name);
        self.publish(Group::Plain, frame.clone().into(), None);
        if self.people.len() <= NOTICE_MEMBERS_MAX {
            self.publish(Group::V1, frame.into(), None);
        } else if v1 {
            self.push(conn, frame);
        }
    }

    /// Who a connection is from here on: somebody with a session has a name of theirs, which another one replaces.
    fn introduce(&mut self, conn: ConnectionId, name: Option<String>) -> Result<Introduced, Refusal> {
        let now = now_ms();
        let Some(client) = self.people.get(conn) else { return Err(Refusal::internal()) };
        let before = client.name.clone();
        let identity = match client.login {
            Some(login) => self.writer.identity(login.person).map_err(unreadable)?,
            None => None,
        };
        let own = identity.as_ref().map(|identity| &*identity.name).or(before.as_deref());
        let name = name.or_else(|| identity.as_ref().map(|identity| identity.name.clone()));
        let name = name.ok_or_else(no_name)?;
        self.check_name(&name, own, identity.as_ref().map(|identity| identity.id), now)?;
        let renamed = identity.as_ref().filter(|identity| identity.name != name);
        let own = renamed.map(|identity| identity.name.as_str().into());
        if let Some(identity) = renamed {
            self.writer.rename(identity, &name, now).map_err(unwritable)?;
        }
        self.note_name(&name, now);
        let profile = identity.map(|identity| Profile { name: name.clone(), ..Profile::from(&identity) });
        Ok(Introduced { name: name.into(), profile, renamed: own })
    }

    /// Direct conversations show the names of their people: whoever shares one with somebody is told of the new name.
    pub(super) fn tell_new_name(&mut self, person: i64) -> Result<(), Refusal> {
        let is_here = self.memberships.knows(person);
        self.remember(person);
        let is_direct = |room: &RoomIndex| self.rooms[*room].kind == Kind::Direct;
        let rooms: Vec<_> = self.memberships.of(person).map(|(room, _)| room).filter(is_direct).collect();
        if !is_here {
            self.memberships.forget(person);
        }
        for room in rooms {
            let pages: Vec<_> = self.who_list(room).flat_map(|person| self.people.pages_of(person)).collect();
            self.tell_room_to(&pages, room, None)?;
        }
        Ok(())
    }

    /// Gives the connections of a person the person's new name, and tells them. `except`: the one that asked for it, which has it
    /// already. `is_recorded`: the name is in the open transaction, and has to be taken back if that fails.
    pub(super) fn rename_connections(
        &mut self,
        profile: &Profile,
        except: Option<ConnectionId>,
        is_recorded: bool,
    ) {
        let name: Arc<str> = profile.name.as_str().into();
        let mut conns = self.people.of_person(profile.id).to_vec();
        conns.retain(|conn| Some(*conn) != except);
        for conn in conns {
            let before = self.people.get(conn).and_then(|client| client.name.clone());
            let Some(before) = before.filter(|before| *before != name) else { continue };
            self.people.call(conn, &name);
            let Some(client) = self.people.get(conn) else { continue };
            let (rooms, v1) = (client.rooms.clone(), client.v1);
            let session = client.session(&self.rooms).encode();
            self.call(conn, &before, &name);
            self.move_rooms(&rooms, &before, &name, conn);
            if v1 {
                self.push(conn, event::person(profile));
            }
            self.effects.push(Effect::Send(Outgoing::Session { conn, session }));
            if is_recorded {
                self.moves.push(Move::Called { conn, before, is_first: false });
            }
        }
    }

    /// Tells all pages of a person what has become of them, and an administrator what is theirs to decide.
    pub(in crate::hub) fn tell_person(&mut self, profile: &Profile) {
        for conn in self.people.pages_of(profile.id) {
            self.push(conn, event::person(profile));
            if profile.role == Role::Admin {
                self.tell_of_guests(conn);
            }
        }
    }

    /// Sees to it that nobody is taken for somebody else: a name that is somebody's account, or looks like another one, is
    /// refused. `own`: whoever writes the own name in another way imitates nobody.
    pub(in crate::hub) fn check_name(
        &self,
        name: &str,
        own: Option<&str>,
        person: Option<i64>,
        now: u64,
    ) -> Result<(), Refusal> {
        let account = self.writer.find_account(name).map_err(unreadable)?;
        if let Some(account) = account.filter(|account| Some(account.id) != person) {
            let is_same = account.name == name;
            return Err(if is_same { Refusal::name_claimed() } else { Refusal::name_taken(account.name) });
        }
        match self.writer.find_original(name, own, now).map_err(unreadable)? {
            Some(original) => Err(Refusal::name_taken(original)),
            None => Ok(()),
        }
    }

    pub(in crate::hub) fn note_name(&mut self, name: &str, now: u64) {
        if let Err(error) = self.writer.note_name(name, now) {
            // It is not protected from imitation until it comes the next time.
            tracing::warn!(%error, "a name was not noted");
        }
    }

    fn move_rooms(&mut self, rooms: &[RoomIndex], before: &str, name: &Arc<str>, conn: ConnectionId) {
        for room in rooms {
            self.depart(*room, before, Some(conn));
            self.enter(*room, name, conn);
        }
    }

    /// A member more, and what its room is told of it: nothing if somebody of that name is there already. Who comes is taken to be at the
    /// keyboard if nothing else is said.
    pub(super) fn entered(&mut self, room: RoomIndex, name: &Arc<str>, conn: ConnectionId) -> Vec<Effect> {
        let entry = self.rooms[room].members.enter(name);
        if let Entry::Back(leaves_at) = entry {
            self.stay(room, name, leaves_at);
        }
        let room = &self.rooms[room];
        if entry != Entry::First || room.members.len() > NOTICE_MEMBERS_MAX {
            return Vec::new();
        }
        let away = self.presences.get(name).filter(|presence| presence.is_away);
        let away = away.map(|presence| event::presence(name, presence));
        let told = std::iter::once(event::join(&room.key, name, room.members.len())).chain(away);
        let notice = |frame: String| {
            let (group, frame) = (Group::Room(room.id), frame.into());
            Effect::Send(Outgoing::Publish { group, frame, except: Some(conn) })
        };
        told.map(notice).collect()
    }

    pub(in crate::hub) fn enter(&mut self, room: RoomIndex, name: &Arc<str>, conn: ConnectionId) {
        let notices = self.entered(room, name, conn);
        self.effects.extend(notices);
    }

    /// A member less; the room is told when it was the last of that name.
    pub(in crate::hub) fn depart(&mut self, room: RoomIndex, name: &str, except: Option<ConnectionId>) {
        if self.rooms[room].members.leave(name) {
            self.tell_departure(room, name, except);
        }
    }

    pub(in crate::hub) fn tell_departure(
        &mut self,
        room: RoomIndex,
        name: &str,
        except: Option<ConnectionId>,
    ) {
        let room = &self.rooms[room];
        if room.members.len() < NOTICE_MEMBERS_MAX {
            let frame = event::leave(&room.key, name, room.members.len()).into();
            self.publish(Group::Room(room.id), frame, except);
        }
    }
}

/// Who somebody is from here on.
struct Introduced {
    name: Arc<str>,
    /// With a session.
    profile: Option<Profile>,
    /// They were called so, and differently.
    renamed: Option<Arc<str>>,
}
