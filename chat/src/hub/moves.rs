//! What happens to connections because of something in the open transaction: they go in or out of rooms, or are called by another
//! name. If that is not stored, it has not happened: the hub undoes it ([`Hub::move_back`]), and the server, which is told after the
//! commit, never hears of it ([`Hub::once_stored`]).

use std::sync::Arc;

use switchboard::ConnectionId;

use super::Hub;
use super::effect::Effect;
use super::outbox::{Outbox, Outgoing};
use super::people::Client;
use crate::presence::Entry;
use crate::rooms::RoomIndex;

/// One step to undo.
#[derive(Clone, Debug)]
pub(super) enum Move {
    In {
        conn: ConnectionId,
        room: RoomIndex,
        /// Somebody of this name was in the room already, so that the room was not told of another member.
        was_there: bool,
    },
    Out {
        conn: ConnectionId,
        room: RoomIndex,
    },
    /// The connection has been called by the new name of its person.
    Called {
        conn: ConnectionId,
        before: Arc<str>,
        /// The connection had no name yet; `before` is the person's.
        is_first: bool,
    },
}

impl<O: Outbox> Hub<O> {
    /// The effects from this index on are carried out only if the open transaction is stored. Pushes are left as they are: they
    /// answer whoever has asked.
    pub(super) fn once_stored(&mut self, from: usize) {
        self.these_once_stored(from, |outgoing| !matches!(outgoing, Outgoing::Push { .. }));
    }

    /// The same for pushes, too: whoever has asked is answered by an [`Effect::Answer`].
    pub(super) fn all_once_stored(&mut self, from: usize) {
        self.these_once_stored(from, |_| true);
    }

    fn these_once_stored(&mut self, from: usize, which: impl Fn(&Outgoing) -> bool) {
        for effect in self.effects.iter_mut().skip(from) {
            if let Effect::Send(outgoing) = effect
                && which(outgoing)
            {
                *effect = Effect::WhenStored(outgoing.clone());
            }
        }
    }

    /// The open transaction was not stored: all connections are put back where they were, under the names that they had.
    pub(super) fn move_back(&mut self) {
        for step in std::mem::take(&mut self.moves).into_iter().rev() {
            match step {
                Move::In { conn, room, was_there } => self.take_out(conn, room, was_there),
                Move::Out { conn, room } => self.put_back(conn, room),
                Move::Called { conn, before, is_first } => self.call_back(conn, &before, is_first),
            }
        }
    }

    fn take_out(&mut self, conn: ConnectionId, room: RoomIndex, was_there: bool) {
        let Some(client) = self.people.get_mut(conn) else { return };
        let Some(name) = client.name.clone() else { return };
        let Some(at) = client.rooms.iter().position(|joined| *joined == room) else { return };
        client.rooms.swap_remove(at);
        if was_there {
            self.lose(room, &name);
        } else {
            self.rooms[room].members.leave(&name);
        }
    }

    fn put_back(&mut self, conn: ConnectionId, room: RoomIndex) {
        let may_be_there = self.may_read(self.people.get(conn).and_then(Client::number), room);
        let Some(client) = self.people.get_mut(conn) else { return };
        let Some(name) = client.name.clone() else { return };
        if may_be_there && !client.rooms.contains(&room) {
            client.rooms.push(room);
            self.rooms[room].members.enter(&name);
        }
    }

    /// Nobody was told of the new name, so nobody is told that it is gone; only of a connection that is new to its rooms they are
    /// told now.
    fn call_back(&mut self, conn: ConnectionId, before: &Arc<str>, is_first: bool) {
        let Some(name) = self.people.call(conn, before) else { return };
        let Some(client) = self.people.get(conn) else { return };
        let number = client.number().filter(|_| is_first);
        let (is_away, since_ms, rooms) = (client.is_away, client.since_ms, client.rooms.clone());
        self.presences.depart(&name, is_away, since_ms);
        self.presences.forget(&name);
        self.presences.arrive(before, is_away, since_ms);
        for room in rooms {
            self.rooms[room].members.leave(&name);
            if is_first {
                self.enter(room, before, conn);
            } else if let Entry::Back(leaves_at) = self.rooms[room].members.enter(before) {
                self.stay(room, before, leaves_at);
            }
        }
        // That they are there was to be told when it is stored.
        if let Some(number) = number {
            self.tell_whereabouts(number);
        }
        // Other requests of the batch may have sent a session with the new name.
        if let Some(client) = self.people.get(conn) {
            let session = client.session(&self.rooms).encode();
            self.effects.push(Effect::Send(Outgoing::Session { conn, session }));
        }
    }
}
