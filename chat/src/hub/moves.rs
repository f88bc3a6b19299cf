//! Who goes in and out of rooms by what is in the open transaction. If that is not stored they have not gone: neither the hub nor
//! the server, which is told afterwards, has them where they are not.

use switchboard::ConnectionId;

use super::Hub;
use super::effect::Effect;
use super::outbox::{Outbox, Outgoing};
use super::people::Person;
use crate::rooms::RoomIndex;

/// A connection has gone in or out.
#[derive(Clone, Copy, Debug)]
pub(super) struct Move {
    pub(super) conn: ConnectionId,
    pub(super) room: RoomIndex,
    pub(super) way: Way,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    In {
        /// The room believes that somebody of this name has been there already.
        was_there: bool,
    },
    Out,
}

impl<O: Outbox> Hub<O> {
    /// What has come to the effects since there were so many of them is carried out only if the open transaction is stored. The
    /// answers say by themselves whether it is.
    pub(super) fn once_stored(&mut self, from: usize) {
        for effect in self.effects.iter_mut().skip(from) {
            if let Effect::Send(outgoing) = effect
                && !matches!(outgoing, Outgoing::Push { .. })
            {
                *effect = Effect::WhenStored(outgoing.clone());
            }
        }
    }

    /// What was in the open transaction is not stored: they are where they were.
    pub(super) fn move_back(&mut self) {
        for Move { conn, room, way } in std::mem::take(&mut self.moves).into_iter().rev() {
            let may_be_there = self.may_read(self.people.get(conn).and_then(Person::number), room);
            let Some(person) = self.people.get_mut(conn) else { continue };
            let Some(name) = person.name.clone() else { continue };
            let at = person.rooms.iter().position(|joined| *joined == room);
            match (way, at) {
                (Way::In { was_there }, Some(at)) => {
                    person.rooms.swap_remove(at);
                    if was_there {
                        self.lose(room, &name);
                    } else {
                        self.rooms[room].members.leave(&name);
                    }
                }
                (Way::Out, None) if may_be_there => {
                    person.rooms.push(room);
                    self.rooms[room].members.enter(&name);
                }
                _ => {}
            }
        }
    }
}
