//! What to do with requests that come again, because the hub that had them died before it was done with them.
//!
//! A batch is acknowledged when the next one is asked for. Until then a death leaves its requests in doubt, and the
//! next hub is given them once more. Some of them may have been carried out:
//!
//! * A message, a change of one, or a room: then its request's ticket is in the record that was stored in the same transaction. It is not
//!   stored again. What of it had not been published the next hub publishes before it asks for anything
//!   ([`Hub::publish_rest`]), whether the request comes again or not: it has smaller numbers than what is new.
//! * What is done to a conversation (who is in it, how it is called, how far somebody has read it): then its ticket is there as
//!   well. Requests of other workers may be carried out before those that come again, so it is not done once more: whoever asked is
//!   answered, and all are told how it is now.
//! * What an administrator has done that must not be done twice (another name for somebody, an invitation): its ticket is there with the
//!   row of the record of the deed, which says what to answer.
//! * A change of a connection's name or rooms: its session is changed last, and has the ticket. Then all of it was done.
//! * Anything else is only an answer to whoever asked, and is given again.
//!
//! So everything is stored once. What was being sent at the moment of the death, one message or notice, may be sent twice:
//! better than never. `seq` tells clients that they have a message.

use std::collections::{BTreeMap, HashMap};

use switchboard::ConnectionId;

use super::Hub;
use super::effect::{Delivery, Effect};
use super::outbox::{Group, Outbox};
use crate::limits::BATCH_REQUESTS_MAX;
use crate::protocol::conversation::Kind;
use crate::protocol::message::Change;
use crate::rooms::RoomIndex;
use crate::store::{Progress, StoreError, Stored, StoredChange};

/// The senders' own copies of messages that the hub before has stored, where the sender is not in the room yet: their `join` was in
/// the same batch, and has to be answered before. As many as a batch has requests.
pub(super) type LateCopies = HashMap<Stored, (ConnectionId, String)>;

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
        let sender = |row| senders.get(&row).and_then(|conn| ConnectionId::new(*conn));
        for stored in self.writer.stored_after(self.progress.message, BATCH_REQUESTS_MAX)? {
            let Some(room) = self.rooms.with_id(stored.room_id) else { continue };
            let mut conn = sender(stored.row);
            let early = conn.filter(|conn| stored.client_id.is_some() && self.is_early(*conn, room));
            if self.rooms[room].kind == Kind::Direct {
                // It may be new to them, or have been hidden.
                let pages: Vec<_> = self.memberships.elsewhere(room).into_iter().flatten().copied().collect();
                if let Err(refusal) = self.tell_room_to(&pages, room, None) {
                    tracing::error!(?refusal, "somebody was not told of a conversation");
                }
            }
            let room = &self.rooms[room];
            if let Some(sender) = early {
                let copy = stored.message.to_json(&room.key, stored.client_id.as_deref());
                let left = Stored::Message { row: stored.row, conn: sender.get() };
                self.late_copies.insert(left, (sender, copy));
                conn = None;
            }
            self.effects.push(Effect::Deliver(Delivery {
                row: stored.row,
                conn,
                id: stored.client_id,
                group: Group::Room(room.id),
                room: room.key.clone(),
                message: stored.message,
            }));
        }
        // Messages first: they are as they are now, and what has happened to them is known by its number.
        let changes = self.writer.changes_after(self.progress.change)?;
        // Before the changes: what is published is not told again if this hub dies as well.
        self.recount_once(&changes);
        for mut stored in changes {
            let Some(room) = self.rooms.with_id(stored.room_id) else { continue };
            let key = self.rooms[room].key.clone();
            let early = ConnectionId::new(stored.conn).filter(|conn| self.is_early(*conn, room));
            if let (Some(sender), Some(_)) = (early, &stored.request_id) {
                let copy = stored.change.to_json(&key, stored.number, stored.request_id.as_deref());
                self.late_copies.insert(Stored::Change { row: stored.row }, (sender, copy));
                stored.conn = 0;
            }
            self.effects.push(Effect::Change { room: key, stored, recount: Vec::new() });
        }
        self.settle().await;
        Ok(())
    }

    /// Whom changed messages have mentioned before nobody knows any more: all members of their rooms count anew, once.
    fn recount_once(&mut self, changes: &[StoredChange]) {
        let mut recounts = BTreeMap::new();
        for stored in changes {
            if let (Some(room), Change::Message(message)) =
                (self.rooms.with_id(stored.room_id), &stored.change)
            {
                let seq = recounts.entry(room).or_insert(message.seq);
                *seq = message.seq.max(*seq);
            }
        }
        self.effects.extend(recounts.into_iter().map(|(room, seq)| Effect::Recount { room, seq }));
    }

    /// Would something of the room come to the connection before the answer by which it comes into it?
    fn is_early(&self, conn: ConnectionId, room: RoomIndex) -> bool {
        self.people.get(conn).is_some_and(|client| client.v1 && !client.rooms.contains(&room))
    }
}
