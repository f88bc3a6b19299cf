//! Messages to rooms.

use super::settings::writable;
use super::{Caller, not_joined};
use crate::hub::calls::{unreadable, unwritable};
use crate::hub::effect::{Delivery, Effect};
use crate::hub::outbox::{Group, Outbox};
use crate::hub::people::Client;
use crate::hub::{Hub, now_ms};
use crate::markdown;
use crate::protocol::conversation::{self, Kind};
use crate::protocol::message::Reply;
use crate::protocol::{GUEST, LOBBY, Message, Refusal};
use crate::rooms::RoomIndex;
use crate::store::{Membership, NewMessage, Recorded, Target};

impl<O: Outbox> Hub<O> {
    pub(super) fn message(
        &mut self,
        caller: &Caller,
        room: &str,
        text: String,
        reply_to: Option<u64>,
    ) -> Result<(), Refusal> {
        let Caller { conn, ticket, id, .. } = caller.clone();
        let Some(client) = self.people.get(conn) else { return Ok(()) };
        let index = self.find(conn, room)?;
        if client.v1 && !client.rooms.contains(&index) || !client.v1 && room != LOBBY {
            return Err(not_joined(room, client.v1));
        }
        let from = client.name.as_deref().unwrap_or(GUEST).to_owned();
        let (author, key) = (client.number(), client.key.clone());
        if let Err(refusal) = writable(&self.rooms[index]) {
            // What was sent before the room was archived has been sent.
            let known = self.writer.find_sent(&key, id.as_deref()).map_err(unwritable)?;
            let (room_id, message) = known.ok_or(refusal)?;
            return self.repeat(caller, index, room_id, message);
        }
        let reply = reply_to.map(|seq| self.reply(index, seq)).transpose()?;
        let mentions = self.mentioned(index, author, &text)?;
        let room = &self.rooms[index];
        let message = Message {
            seq: room.seq + 1,
            from,
            person: author,
            text,
            ts: now_ms(),
            reply,
            mentions,
            ..Message::default()
        };
        let recorded = self.writer.record(&NewMessage {
            ticket,
            conn: conn.get(),
            room_id: room.id,
            seq: message.seq,
            ts: message.ts,
            from: &message.from,
            person: message.person,
            text: &message.text,
            client: &key,
            client_id: id.as_deref(),
            reply_to,
            mentions: &message.mentions,
        });
        match recorded {
            Ok(Recorded::New { row }) => self.recorded(caller, index, row, message),
            Ok(Recorded::Known { room_id, message }) => {
                return self.repeat(caller, index, room_id, *message);
            }
            Err(error) => {
                tracing::error!(%error, "a message was not stored");
                return Err(Refusal::internal().room(&*room.key));
            }
        }
        Ok(())
    }

    /// A message was sent before, to whatever room: whoever sends it again is shown it. `asked`: the room that it is sent to now.
    fn repeat(
        &mut self,
        caller: &Caller,
        asked: RoomIndex,
        room_id: i64,
        message: Message,
    ) -> Result<(), Refusal> {
        let author = self.people.get(caller.conn).and_then(Client::number);
        let stored = self.rooms.with_id(room_id).filter(|room| self.may_read(author, *room));
        // It was sent to a room that whoever sends it again may not see any more.
        let room = stored.ok_or_else(|| Refusal::no_such_room().room(&*self.key(asked)))?;
        let (asker, room) = (self.asker(caller), self.key(room));
        self.effects.push(Effect::Repeat { asker, room, message });
        Ok(())
    }

    /// A message is in the open transaction.
    fn recorded(&mut self, caller: &Caller, index: RoomIndex, row: i64, message: Message) {
        let room = self.rooms.touch(index);
        (room.seq, room.last_row) = (message.seq, row);
        if !message.mentions.is_empty() {
            room.last_mention = message.seq;
        }
        let (group, room) = (Group::Room(room.id), room.key.clone());
        self.follow(index, message.person, message.seq);
        let (conn, id) = (Some(caller.conn), caller.id.clone());
        self.effects.push(Effect::Deliver(Delivery { row, conn, id, group, room, message }));
    }

    /// Whoever writes has read what was written before. A conversation that somebody had hidden is in their list again, which
    /// they are told before they are told of the message. What of it is not stored keeps the message from being stored.
    fn follow(&mut self, room: RoomIndex, author: Option<i64>, seq: u64) {
        if self.rooms[room].kind == Kind::Direct
            && let Ok(true) = self.writer.unhide(self.rooms[room].id).map_err(unwritable)
        {
            self.show(room);
        }
        if let Some(author) = author
            && let Some(membership) = self.memberships.get(author, room)
        {
            let _ = self.put_membership(author, room, Membership { read: seq, ..membership });
        }
    }

    /// The same for a message that comes again: an earlier request that comes again, too, may have changed how far its sender has read.
    pub(super) fn follow_again(&mut self, caller: &Caller, row: i64) {
        let Ok(Some((room_id, seq))) = self.writer.place_of(row).map_err(unreadable) else { return };
        let Some(room) = self.rooms.with_id(room_id) else { return };
        let author = self.people.get(caller.conn).and_then(Client::number);
        let of = |hub: &Self| author.and_then(|author| Some((author, hub.memberships.get(author, room)?)));
        let before = of(self);
        self.follow(room, author, seq);
        let Some((author, membership)) = of(self).filter(|now| before != Some(*now)) else { return };
        let Ok(reading) = self.reading(author, room, membership, self.rooms[room].seq) else { return };
        let frame = conversation::read(None, &self.key(room), reading);
        for conn in self.people.pages_of(author) {
            self.tell(conn, frame.clone());
        }
    }

    /// A conversation is in everybody's list again.
    fn show(&mut self, room: RoomIndex) {
        for person in self.memberships.here(room).collect::<Vec<_>>() {
            let known = self.memberships.get(person, room).filter(|known| known.is_hidden);
            let Some(membership) = known else { continue };
            self.memberships.put(person, room, Membership { is_hidden: false, ..membership });
            if let Err(refusal) = self.tell_room_to(&self.people.pages_of(person), room, None) {
                tracing::error!(?refusal, "somebody was not told of a conversation");
            }
        }
    }

    /// What a message answers.
    fn reply(&self, room: RoomIndex, seq: u64) -> Result<Reply, Refusal> {
        let Target { message, .. } = self.target(room, seq)?;
        let Message { from, text, deleted, .. } = message;
        Ok(Reply { seq, from, quote: markdown::quote(&text), deleted })
    }
}
