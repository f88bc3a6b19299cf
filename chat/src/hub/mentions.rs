//! Whom a message mentions: members of its room, or everybody.

use std::collections::BTreeSet;

use super::Hub;
use super::activity::EVERYBODY;
use super::calls::unreadable;
use super::outbox::Outbox;
use crate::limits::{MENTION_LOOKUPS_MAX, MENTIONABLE_MAX, MENTIONS_MAX, NAME_CHARS_MAX};
use crate::mentions::{self, begins_with, candidates, fold};
use crate::protocol::Refusal;
use crate::rooms::RoomIndex;

/// Names, folded, and whose they are.
type Names = Vec<(String, i64)>;

impl<O: Outbox> Hub<O> {
    /// The people that a text mentions, ascending; `author`: who writes it, who is not mentioned by it.
    pub(super) fn mentioned(
        &self,
        room: RoomIndex,
        author: Option<i64>,
        text: &str,
    ) -> Result<Vec<i64>, Refusal> {
        let candidates = candidates(text);
        if candidates.is_empty() {
            return Ok(Vec::new());
        }
        let id = self.rooms[room].id;
        let is_crowded = self.writer.count_members(id).map_err(unreadable)? > MENTIONABLE_MAX;
        let mut names: Names = if is_crowded {
            Names::new()
        } else {
            let members = self.writer.members(id, MENTIONABLE_MAX).map_err(unreadable)?;
            members.into_iter().map(|(member, _)| (fold(&member.name), member.id)).collect()
        };
        let may_call_all =
            !self.is_large(room) && !is_crowded || author.is_some_and(|author| self.may_manage(author, room));
        if may_call_all {
            names.extend(mentions::EVERYBODY.map(|name| (name.to_owned(), EVERYBODY)));
        }
        let mut found = BTreeSet::new();
        for (place, candidate) in candidates.into_iter().enumerate() {
            let folded = fold(candidate);
            if is_crowded {
                self.add_those_here(room, &folded, &mut names);
            }
            if is_crowded && place < MENTION_LOOKUPS_MAX {
                let named = self.named_exactly(room, candidate)?;
                names.extend(named.into_iter().filter(|(name, _)| begins_with(&folded, name)));
            }
            found.extend(longest(&names, &folded).filter(|person| Some(*person) != author));
            if found.len() >= MENTIONS_MAX {
                break;
            }
        }
        Ok(found.into_iter().take(MENTIONS_MAX).collect())
    }

    /// Members who are here and with whose name a folded text begins.
    fn add_those_here(&self, room: RoomIndex, text: &str, names: &mut Names) {
        let ends = text.char_indices().map(|(at, character)| at + character.len_utf8());
        for name in ends.map(|end| &text[..end]).filter(|name| begins_with(text, name)) {
            if names.iter().any(|(known, person)| known == name && *person != EVERYBODY) {
                continue;
            }
            let members = self.people.named(name).filter(|who| self.memberships.get(*who, room).is_some());
            // Those and whoever writes.
            names.extend(members.take(MENTIONS_MAX + 1).map(|person| (name.to_owned(), person)));
        }
    }

    /// Members of a large room whose name a text begins with, letter by letter.
    fn named_exactly(&self, room: RoomIndex, text: &str) -> Result<Names, Refusal> {
        let ends = text.char_indices().map(|(at, character)| at + character.len_utf8());
        let mut names = Vec::new();
        for end in ends.take(NAME_CHARS_MAX) {
            let name = &text[..end];
            let people = self.writer.members_named(self.rooms[room].id, name).map_err(unreadable)?;
            names.extend(people.into_iter().map(|person| (fold(name), person)));
        }
        Ok(names)
    }
}

/// All those of the longest name with which a text begins.
fn longest<'a>(names: &'a Names, text: &str) -> impl Iterator<Item = i64> + use<'a> {
    let fitting = names.iter().filter(|(name, _)| begins_with(text, name));
    let longest = fitting.map(|(name, _)| name).max_by_key(|name| name.len());
    names.iter().filter(move |(name, _)| longest == Some(name)).map(|(_, person)| *person)
}
