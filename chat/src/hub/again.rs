//! What to do with requests that come again, because the hub that had them died before it was done with them.
//!
//! A batch is acknowledged when the next one is asked for. Until then a death leaves its requests in doubt, and the
//! next hub is given them once more. Some of them may have been carried out:
//!
//! * A message, a change of one, or a room: then its request's ticket is in the record that was stored in the same transaction. It is not
//!   stored again. What of it had not been published the next hub publishes before it asks for anything
//!   ([`Hub::publish_rest`]), whether the request comes again or not: it has smaller numbers than what is new.
//! * A change of a connection's name or rooms: its session is changed last, and has the ticket. Then all of it was done.
//! * Anything else is only an answer to whoever asked, and is given again.
//!
//! So everything is stored once. What was being sent at the moment of the death, one message or notice, may be sent twice:
//! better than never. `seq` tells clients that they have a message.

use switchboard::ConnectionId;

use super::Hub;
use super::activity::EVERYBODY;
use super::effect::{Delivery, Effect};
use super::outbox::{Group, Outbox};
use crate::limits::BATCH_REQUESTS_MAX;
use crate::protocol::conversation::Kind;
use crate::store::{Progress, StoreError};

impl<O: Outbox> Hub<O> {
    /// Publishes what the hub before has stored and not published. `last`: what was published last; None if nobody knows,
    /// which is so if there is nobody to have missed anything.
    pub(super) async fn publish_rest(&mut self, last: Option<Progress>) -> Result<(), StoreError> {
        let end = Progress { message: self.writer.last_row()?, change: self.writer.last_change_row()? };
        let last = last.unwrap_or(end);
        self.progress =
            Progress { message: last.message.min(end.message), change: last.change.min(end.change) };
        self.outbox.note_published(self.progress);
        let senders = self.writer.last_senders();
        for stored in self.writer.stored_after(self.progress.message, BATCH_REQUESTS_MAX)? {
            let Some(room) = self.rooms.with_id(stored.room_id) else { continue };
            if self.rooms[room].kind == Kind::Direct {
                // It may be new to them, or have been hidden.
                let pages = self.memberships.elsewhere(room);
                if let Err(refusal) = self.tell_room_to(&pages, room, None) {
                    tracing::error!(?refusal, "somebody was not told of a conversation");
                }
            }
            let room = &self.rooms[room];
            self.effects.push(Effect::Deliver(Delivery {
                row: stored.row,
                conn: senders.get(&stored.row).and_then(|conn| ConnectionId::new(*conn)),
                id: stored.client_id,
                group: Group::Room(room.id),
                room: room.key.clone(),
                message: stored.message,
            }));
        }
        // Messages first: they are as they are now, and what has happened to them is known by its number.
        for stored in self.writer.changes_after(self.progress.change)? {
            let Some(room) = self.rooms.with_id(stored.room_id) else { continue };
            // Whom it has mentioned before nobody knows any more: all count anew.
            let recount = vec![EVERYBODY];
            self.effects.push(Effect::Change { room: self.rooms[room].key.clone(), stored, recount });
        }
        self.settle().await;
        Ok(())
    }
}
