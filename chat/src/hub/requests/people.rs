//! Names, and what rooms are told of who is there.

use std::sync::Arc;

use switchboard::{ConnectionId, Text};

use super::Caller;
use crate::hub::effect::Effect;
use crate::hub::outbox::{Group, Outbox, Outgoing};
use crate::hub::{Hub, now_ms};
use crate::limits::NOTICE_MEMBERS_MAX;
use crate::protocol::{LOBBY, Refusal, event};
use crate::rooms::RoomIndex;

impl<O: Outbox> Hub<O> {
    /// A first name, or another one.
    pub(super) fn connect(
        &mut self,
        caller: &Caller,
        name: Arc<str>,
        client: Option<String>,
    ) -> Result<(), Refusal> {
        let conn = caller.conn;
        let lobby = self.rooms.find(LOBBY);
        self.register(conn, &name)?;
        let Some(person) = self.people.get_mut(conn) else { return Ok(()) };
        let before = person.name.replace(name.clone());
        if let Some(client) = client {
            person.client = client.into();
        }
        let v1 = person.v1;
        let rooms = person.rooms.clone();
        if !v1 && rooms.is_empty() {
            person.rooms.extend(lobby);
        }
        if v1 && before.is_none() {
            self.effects.push(Effect::Send(Outgoing::Join { conn, group: Group::V1 }));
        }
        if v1 {
            let frame = event::welcome(caller.id.as_deref(), &name, self.summaries(conn));
            self.push(conn, frame);
        }
        let frame: Text = event::connect(&name).into();
        for group in [Group::Plain, Group::V1] {
            self.publish(group, frame.clone(), None);
        }
        match before {
            Some(before) if before != name => {
                for room in rooms {
                    self.depart(room, &before, Some(conn));
                    self.enter(room, &name, conn);
                }
            }
            None if !v1 => {
                if let Some(lobby) = lobby {
                    self.enter(lobby, &name, conn);
                }
            }
            _ => {}
        }
        self.changed(caller);
        Ok(())
    }

    /// Sees to it that nobody is taken for somebody else: a name that looks like another one is refused.
    fn register(&mut self, conn: ConnectionId, name: &str) -> Result<(), Refusal> {
        let now = now_ms();
        // Who writes the own name in another way imitates nobody.
        let own = self.people.get(conn).and_then(|person| person.name.clone());
        let original = self.writer.find_original(name, own.as_deref(), now).map_err(|error| {
            tracing::error!(%error, "names could not be read");
            Refusal::internal()
        })?;
        if let Some(original) = original {
            return Err(Refusal::name_taken(original));
        }
        if let Err(error) = self.writer.note_name(name, now) {
            // It is not protected from imitation until it comes the next time.
            tracing::warn!(%error, "a name was not noted");
        }
        Ok(())
    }

    /// A member more, and what its room is told of it: nothing if somebody of that name is there already.
    pub(super) fn entered(&mut self, room: RoomIndex, name: &Arc<str>, conn: ConnectionId) -> Option<Effect> {
        let room = &mut self.rooms[room];
        let first = room.members.enter(name);
        (first && room.members.len() <= NOTICE_MEMBERS_MAX).then(|| {
            Effect::Send(Outgoing::Publish {
                group: Group::Room(room.id),
                frame: event::join(&room.key, name, room.members.len()).into(),
                except: Some(conn),
            })
        })
    }

    pub(super) fn enter(&mut self, room: RoomIndex, name: &Arc<str>, conn: ConnectionId) {
        let notice = self.entered(room, name, conn);
        self.effects.extend(notice);
    }

    /// A member less; the room is told when it was the last of that name.
    pub(super) fn depart(&mut self, room: RoomIndex, name: &str, except: Option<ConnectionId>) {
        if self.rooms[room].members.leave(name) {
            self.tell_departure(room, name, except);
        }
    }

    pub(super) fn tell_departure(&mut self, room: RoomIndex, name: &str, except: Option<ConnectionId>) {
        let room = &self.rooms[room];
        if room.members.len() < NOTICE_MEMBERS_MAX {
            let frame = event::leave(&room.key, name, room.members.len()).into();
            self.publish(Group::Room(room.id), frame, except);
        }
    }
}
