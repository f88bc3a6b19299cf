//! What happens to messages that are there already.
//!
//! Each of these requests says how a message shall be: asked for once more, it changes nothing, and is answered by how it is.

use super::settings::writable;
use super::{Caller, not_joined};
use crate::hub::calls::unwritable;
use crate::hub::effect::Effect;
use crate::hub::outbox::Outbox;
use crate::hub::people::Client;
use crate::hub::{Hub, now_ms};
use crate::limits::{EMOJI_PER_MESSAGE_MAX, REACTIONS_PER_MESSAGE_MAX};
use crate::protocol::message::Change;
use crate::protocol::{Code, Refusal};
use crate::rooms::RoomIndex;
use crate::store::{Deed, NewChange, StoreError, Target, What};

impl<O: Outbox> Hub<O> {
    /// Another text for an own message.
    pub(super) fn edit(&mut self, caller: &Caller, room: &str, seq: u64, text: &str) -> Result<(), Refusal> {
        let (room, target) = self.present(caller, room, seq)?;
        if !self.is_own(caller, &target) {
            return Err(not_yours());
        }
        if target.message.text == text {
            self.leave_unchanged(caller, room, target);
            return Ok(());
        }
        let author = self.people.get(caller.conn).and_then(Client::number);
        let mentions = self.mentioned(room, author, text)?;
        self.change(caller, room, &target, What::Edit { text, mentions: &mentions, now_ms: now_ms() })
    }

    /// An own message, or, for an administrator, anybody's: nothing of it is left.
    pub(super) fn delete(&mut self, caller: &Caller, room: &str, seq: u64) -> Result<(), Refusal> {
        let (room, target) = self.joined_target(caller, room, seq)?;
        let admin = if self.is_own(caller, &target) {
            None
        } else {
            Some(self.admin(caller).map_err(|_| not_yours())?)
        };
        if target.message.deleted {
            self.leave_unchanged(caller, room, target);
            return Ok(());
        }
        if let Some(admin) = admin {
            let (subject, detail) = (&*target.message.from, target.row.cast_unsigned());
            let deed = Deed { actor: admin.id, act: "delete", subject, detail, at_ms: now_ms() };
            self.writer.record_deed(deed).map_err(unwritable)?;
            tracing::info!(admin = admin.id, name = ?subject, message = detail, "an administrator has deleted a message");
        }
        self.change(caller, room, &target, What::Delete)
    }

    /// An emoji of somebody's under a message, or none any more.
    pub(super) fn react(
        &mut self,
        caller: &Caller,
        room: &str,
        seq: u64,
        emoji: &str,
        on: bool,
    ) -> Result<(), Refusal> {
        let (room, target) = self.present(caller, room, seq)?;
        let Some(name) = self.people.get(caller.conn).and_then(|client| client.name.clone()) else {
            return Ok(());
        };
        let has_reacted =
            self.writer.has_reacted(&target, emoji, &name).map_err(|error| unreadable(&error))?;
        let reactions = &target.message.reactions;
        let held = reactions.iter().find(|reaction| reaction.emoji == emoji);
        if has_reacted == on {
            let change = Change::Reaction {
                seq,
                emoji: emoji.to_owned(),
                from: name.to_string(),
                on,
                count: held.map_or(0, |reaction| reaction.count),
                names: None,
            };
            self.answer_unchanged(caller, room, target.message.change, change);
            return Ok(());
        }
        let people: u64 = reactions.iter().map(|reaction| reaction.count).sum();
        let is_full = held.is_none() && reactions.len() >= EMOJI_PER_MESSAGE_MAX;
        if on && (is_full || people >= REACTIONS_PER_MESSAGE_MAX) {
            let sentence = format!(
                "There are as many reactions to this message as there may be: {EMOJI_PER_MESSAGE_MAX} different ones, and {REACTIONS_PER_MESSAGE_MAX} in all."
            );
            return Err(Refusal::new(Code::TooManyReactions, sentence));
        }
        self.change(caller, room, &target, What::React { emoji, name: &name, on })
    }

    /// Is this message the caller's own? What somebody with a session has sent is that person's, from wherever they come; anything
    /// else is of whoever has its client key.
    fn is_own(&self, caller: &Caller, target: &Target) -> bool {
        let Some(client) = self.people.get(caller.conn) else { return false };
        match target.message.person {
            Some(author) => client.login.is_some_and(|login| login.person == author),
            None => target.client.as_deref() == Some(&*client.key),
        }
    }

    /// A message of a room, deleted or not.
    pub(super) fn target(&self, room: RoomIndex, seq: u64) -> Result<Target, Refusal> {
        let room = &self.rooms[room];
        let target = self.writer.target(room.id, seq).map_err(|error| unreadable(&error))?;
        target.ok_or_else(|| Refusal::no_such_message().room(&*room.key))
    }

    /// A message of a room that the caller is in.
    fn joined_target(&self, caller: &Caller, room: &str, seq: u64) -> Result<(RoomIndex, Target), Refusal> {
        let index = self.find(caller.conn, room)?;
        let Some(client) = self.people.get(caller.conn) else { return Err(Refusal::internal()) };
        if !client.rooms.contains(&index) {
            return Err(not_joined(room, client.v1));
        }
        writable(&self.rooms[index])?;
        Ok((index, self.target(index, seq)?))
    }

    /// The same, if it has not been deleted.
    fn present(&self, caller: &Caller, room: &str, seq: u64) -> Result<(RoomIndex, Target), Refusal> {
        let (index, target) = self.joined_target(caller, room, seq)?;
        if target.message.deleted {
            return Err(Refusal::no_such_message().room(&*self.rooms[index].key));
        }
        Ok((index, target))
    }

    fn change(
        &mut self,
        caller: &Caller,
        room: RoomIndex,
        target: &Target,
        what: What<'_>,
    ) -> Result<(), Refusal> {
        let room = self.rooms.touch(room);
        let change = room.change + 1;
        let changed = self.writer.change(
            target,
            &NewChange {
                ticket: caller.ticket,
                conn: caller.conn.get(),
                request_id: caller.id.as_deref(),
                room_id: room.id,
                change,
                what,
            },
        );
        let stored = changed.map_err(|error| {
            tracing::error!(%error, "a change of a message was not stored");
            Refusal::internal().room(&*room.key)
        })?;
        room.change = change;
        let recount = changed_mentions(&target.message.mentions, what);
        if !recount.is_empty() {
            room.last_mention = room.last_mention.max(target.message.seq);
        }
        self.effects.push(Effect::Change { room: room.key.clone(), stored, recount });
        Ok(())
    }

    fn leave_unchanged(&mut self, caller: &Caller, room: RoomIndex, target: Target) {
        let number = target.message.change;
        self.answer_unchanged(caller, room, number, Change::Message(target.message));
    }

    /// It is so already: only who asked is told.
    fn answer_unchanged(&mut self, caller: &Caller, room: RoomIndex, number: u64, change: Change) {
        let room = self.rooms[room].key.clone();
        self.effects.push(Effect::Unchanged { asker: self.asker(caller), room, number, change });
    }
}

/// Those who are mentioned now and were not before, or the other way round.
fn changed_mentions(before: &[i64], what: What<'_>) -> Vec<i64> {
    let now = match what {
        What::Edit { mentions, .. } => mentions,
        What::Delete => &[],
        What::React { .. } => return Vec::new(),
    };
    let only = |some: &[i64], others: &[i64]| -> Vec<i64> {
        some.iter().filter(|person| !others.contains(person)).copied().collect()
    };
    [only(before, now), only(now, before)].concat()
}

fn not_yours() -> Refusal {
    Refusal::new(Code::NotYours, "This message is not yours: only who has sent it can do that.")
}

fn unreadable(error: &StoreError) -> Refusal {
    tracing::error!(%error, "a message could not be read");
    Refusal::internal()
}
