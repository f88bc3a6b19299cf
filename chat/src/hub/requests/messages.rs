//! Messages to rooms.

use super::{Caller, not_joined};
use crate::hub::effect::{Delivery, Effect};
use crate::hub::outbox::{Group, Outbox};
use crate::hub::{Hub, now_ms};
use crate::markdown;
use crate::protocol::message::Reply;
use crate::protocol::{GUEST, LOBBY, Message, Refusal};
use crate::rooms::RoomIndex;
use crate::store::{NewMessage, Recorded, Target};

impl<O: Outbox> Hub<O> {
    pub(super) fn message(
        &mut self,
        caller: &Caller,
        room: &str,
        text: String,
        reply_to: Option<u64>,
    ) -> Result<(), Refusal> {
        let Caller { conn, ticket, id } = caller.clone();
        let Some(person) = self.people.get(conn) else { return Ok(()) };
        let index = self.find(room)?;
        if person.v1 && !person.rooms.contains(&index) || !person.v1 && room != LOBBY {
            return Err(not_joined(room, person.v1));
        }
        let from = person.name.as_deref().unwrap_or(GUEST).to_owned();
        let reply = reply_to.map(|seq| self.reply(index, seq)).transpose()?;
        let room = &mut self.rooms[index];
        let author = person.login.map(|login| login.person);
        let message = Message {
            seq: room.seq + 1,
            from,
            person: author,
            text,
            ts: now_ms(),
            reply,
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
            client: &person.client,
            client_id: id.as_deref(),
            reply_to,
        });
        match recorded {
            Ok(Recorded::New { row }) => {
                room.seq = message.seq;
                let (group, room) = (Group::Room(room.id), room.key.clone());
                self.effects.push(Effect::Deliver(Delivery {
                    row,
                    conn: Some(conn),
                    id,
                    group,
                    room,
                    message,
                }));
            }
            Ok(Recorded::Known { room_id, message }) => {
                let room = self.rooms.with_id(room_id).ok_or_else(Refusal::internal)?;
                let room = self.rooms[room].key.clone();
                self.effects.push(Effect::Repeat { asker: self.asker(caller), room, message });
            }
            Err(error) => {
                tracing::error!(%error, "a message was not stored");
                return Err(Refusal::internal().room(&*room.key));
            }
        }
        Ok(())
    }

    /// What a message answers.
    fn reply(&self, room: RoomIndex, seq: u64) -> Result<Reply, Refusal> {
        let Target { message, .. } = self.target(room, seq)?;
        let Message { from, text, deleted, .. } = message;
        Ok(Reply { seq, from, quote: markdown::quote(&text), deleted })
    }
}
