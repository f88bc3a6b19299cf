//! Messages to rooms.

use super::{Caller, not_joined};
use crate::hub::effect::{Delivery, Effect};
use crate::hub::outbox::{Group, Outbox};
use crate::hub::{Hub, now_ms};
use crate::protocol::event::Message;
use crate::protocol::{GUEST, LOBBY, Refusal};
use crate::store::{NewMessage, Recorded};

impl<O: Outbox> Hub<O> {
    pub(super) fn message(&mut self, caller: &Caller, room: &str, text: String) -> Result<(), Refusal> {
        let Caller { conn, ticket, id } = caller.clone();
        let Some(person) = self.people.get(conn) else { return Ok(()) };
        let index = self.find(room)?;
        if person.v1 && !person.rooms.contains(&index) || !person.v1 && room != LOBBY {
            return Err(not_joined(room, person.v1));
        }
        let from = person.name.as_deref().unwrap_or(GUEST).to_owned();
        let room = &mut self.rooms[index];
        let message = Message { seq: room.seq + 1, from, text, ts: now_ms() };
        let recorded = self.writer.record(&NewMessage {
            ticket,
            conn: conn.get(),
            room_id: room.id,
            seq: message.seq,
            ts: message.ts,
            from: &message.from,
            text: &message.text,
            client_id: id.as_deref().map(|id| (&*person.client, id)),
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
}
