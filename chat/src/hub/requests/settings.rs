//! How a room is called, what it is about, and whether anything is written there.

use super::Caller;
use super::rooms::room_exists;
use crate::hub::Hub;
use crate::hub::calls::unwritable;
use crate::hub::effect::Effect;
use crate::hub::outbox::{Group, Outbox, Outgoing};
use crate::protocol::conversation::Kind;
use crate::protocol::{Code, LOBBY, Refusal};
use crate::rooms::{Room, RoomIndex, Rooms};

impl<O: Outbox> Hub<O> {
    /// Another title; the key stays.
    pub(super) fn rename(
        &mut self,
        caller: &Caller,
        room: &str,
        title: &str,
        key: &str,
    ) -> Result<(), Refusal> {
        let room = self.managed(caller, room)?;
        if self.rooms[room].kind == Kind::Public {
            let taken = self.rooms.find(key).filter(|other| *other != room);
            if let Some(other) = taken.or_else(|| self.rooms.find_original(title, Some(room))) {
                return Err(room_exists(&self.key(other)));
            }
        }
        self.settle_room(caller, room, |rooms| rooms.rename(room, title))
    }

    pub(super) fn set_topic(&mut self, caller: &Caller, room: &str, topic: &str) -> Result<(), Refusal> {
        let room = self.managed(caller, room)?;
        self.settle_room(caller, room, |rooms| rooms.touch(room).topic = topic.into())
    }

    pub(super) fn archive(&mut self, caller: &Caller, room: &str, on: bool) -> Result<(), Refusal> {
        let room = self.managed(caller, room)?;
        if &*self.rooms[room].key == LOBBY {
            return Err(Refusal::new(Code::NotAllowed, "The lobby is always open.").room(LOBBY));
        }
        self.settle_room(caller, room, |rooms| rooms.touch(room).is_archived = on)
    }

    /// A room that the caller may change.
    fn managed(&self, caller: &Caller, room: &str) -> Result<RoomIndex, Refusal> {
        let person = self.signed_in(caller)?;
        let room = self.find(caller.conn, room)?;
        self.manager(person, room)?;
        Ok(room)
    }

    pub(super) fn manager(&self, person: i64, room: RoomIndex) -> Result<(), Refusal> {
        if self.may_manage(person, room) {
            return Ok(());
        }
        let sentence = match self.rooms[room].kind {
            Kind::Direct => "A direct conversation has neither a title nor a topic, and is never archived.",
            Kind::Public | Kind::Private => {
                "Only whoever has made the room, or an administrator, may do that."
            }
        };
        Err(Refusal::new(Code::NotAllowed, sentence).room(&*self.key(room)))
    }

    /// Changes a room, and tells all who may see it.
    fn settle_room(
        &mut self,
        caller: &Caller,
        index: RoomIndex,
        change: impl FnOnce(&mut Rooms),
    ) -> Result<(), Refusal> {
        let of = |room: &Room| (room.title.clone(), room.topic.clone(), room.is_archived);
        let before = of(&self.rooms[index]);
        change(&mut self.rooms);
        let room = &self.rooms[index];
        let now = of(room);
        if now != before {
            let (title, topic, is_archived) = &now;
            self.writer.change_room(room.id, title, topic, *is_archived).map_err(unwritable)?;
        }
        self.note_deed(caller, index)?;
        self.tell_room(caller, index, now != before)
    }

    /// `is_news`: the others do not know it yet, and are told, too.
    pub(super) fn tell_room(
        &mut self,
        caller: &Caller,
        index: RoomIndex,
        is_news: bool,
    ) -> Result<(), Refusal> {
        let own = self.summary(index, Some(self.onlooker(caller.conn)))?.to_event(caller.id.as_deref(), None);
        self.confirm(caller, index, own);
        if !is_news {
            return Ok(());
        }
        if self.rooms[index].kind == Kind::Public {
            let frame = self.summary(index, None)?.to_event(None, None).into();
            let outgoing = Outgoing::Publish { group: Group::V1, frame, except: Some(caller.conn) };
            self.effects.push(Effect::WhenStored(outgoing));
            return Ok(());
        }
        let mut pages = self.pages_of_members(index);
        pages.retain(|conn| *conn != caller.conn);
        self.tell_room_to(&pages, index, None)
    }
}

/// Nothing is written in an archived room.
pub(super) fn writable(room: &Room) -> Result<(), Refusal> {
    if room.is_archived {
        let sentence = "The room is archived: it can be read, and nothing can be written there.";
        return Err(Refusal::new(Code::Archived, sentence).room(&*room.key));
    }
    Ok(())
}
