//! What is searched for, and where a page of history is.

use super::{limit, string, whole, wrong};
use crate::characters;
use crate::limits::{
    NAME_BYTES_MAX, PAGE_MESSAGES_MAX, SEARCH_BYTES_MAX, SEARCH_CHARS_MAX, SEARCH_HITS, SEARCH_PIECES_MAX,
};
use crate::protocol::field::{Field, Fields};
use crate::protocol::{Code, Refusal};
use crate::search::{BadQuery, Query};

/// What a message must be to be found: all of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Search {
    pub(crate) query: Query,
    /// The key of its room.
    pub(crate) room: Option<String>,
    /// The name of its sender.
    pub(crate) from: Option<String>,
    /// When it was sent: then or later, in milliseconds since 1970.
    pub(crate) after: Option<u64>,
    /// Before that.
    pub(crate) before: Option<u64>,
    pub(crate) limit: usize,
    /// Only messages older than this one: the last of the answer before.
    pub(crate) cursor: Option<Cursor>,
}

/// Names the last message of an answer, by nothing that its reader does not know anyway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cursor {
    pub(crate) seq: u64,
    /// The key of its room.
    pub(crate) room: String,
}

/// Which piece of a room's history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PagePosition {
    /// The last messages before this `seq`.
    Before(u64),
    /// The first ones after this `seq`.
    After(u64),
    /// Those around the first one of this time or later, in milliseconds since 1970.
    At(u64),
}

impl Search {
    pub(super) fn parse(fields: Fields) -> Result<Self, Refusal> {
        let optional = |key, field: Option<Field>| field.map(|field| string(key, Some(field))).transpose();
        let time = |key, field: Option<Field>| field.map(|field| whole(key, Some(field))).transpose();
        let search = Self {
            query: query(&string("text", fields.text)?)?,
            room: optional("room", fields.room)?,
            from: optional("from", fields.from)?,
            after: time("after", fields.after)?,
            before: time("before", fields.before)?,
            limit: limit(fields.limit, SEARCH_HITS)?,
            cursor: fields.cursor.map(|field| cursor(&field)).transpose()?,
        };
        if search.from.as_ref().is_some_and(|name| !(1..=NAME_BYTES_MAX).contains(&name.len())) {
            let sentence = format!("`from` must be a name, of 1 to {NAME_BYTES_MAX} bytes.");
            return Err(Refusal::new(Code::BadValue, sentence));
        }
        let has_filter = search.room.is_some()
            || search.from.is_some()
            || search.after.is_some()
            || search.before.is_some();
        if search.query.is_empty() && !has_filter {
            let sentence =
                "There is nothing to search for. Give a `text`, or a `room`, `from`, `after` or `before`.";
            return Err(Refusal::new(Code::EmptyText, sentence));
        }
        Ok(search)
    }
}

fn query(text: &str) -> Result<Query, Refusal> {
    if text.len() > SEARCH_BYTES_MAX || characters::count(text) > SEARCH_CHARS_MAX {
        let sentence = format!("What is searched for has at most {SEARCH_CHARS_MAX} characters.");
        return Err(Refusal::new(Code::TextTooLong, sentence));
    }
    Query::parse(text).map_err(|bad| match bad {
        BadQuery::Nothing => {
            Refusal::new(Code::BadValue, "`text` has no word, character or emoji that could be searched for.")
        }
        BadQuery::TooMany => Refusal::new(
            Code::BadValue,
            format!(
                "`text` must have at most {SEARCH_PIECES_MAX} words, or characters of scripts without spaces."
            ),
        ),
    })
}

impl Cursor {
    /// As clients are given it.
    pub(crate) fn to_text(&self) -> String {
        format!("{}.{}", self.seq, self.room)
    }

    fn from_text(text: &str) -> Option<Self> {
        let (seq, room) = text.split_once('.')?;
        Some(Self { seq: seq.parse().ok()?, room: room.to_owned() })
    }
}

fn cursor(field: &Field) -> Result<Cursor, Refusal> {
    match field {
        Field::Text(text) => Cursor::from_text(text).ok_or_else(Refusal::bad_cursor),
        other => Err(wrong("cursor", "a string", Some(other))),
    }
}

impl PagePosition {
    pub(super) fn parse(fields: &mut Fields) -> Result<Self, Refusal> {
        let number =
            |key, field: &mut Option<Field>| field.take().map(|field| whole(key, Some(field))).transpose();
        let before = number("before", &mut fields.before)?.map(Self::Before);
        let after = number("after", &mut fields.after)?.map(Self::After);
        let at = number("at", &mut fields.at)?.map(Self::At);
        let mut given = [before, after, at].into_iter().flatten();
        let place = given.next().unwrap_or(Self::Before(u64::MAX));
        match given.next() {
            None => Ok(place),
            Some(_) => {
                let sentence = "Give one of `before`, `after` and `at`, or none for the last messages.";
                Err(Refusal::new(Code::BadValue, sentence))
            }
        }
    }
}

const _: () = assert!(SEARCH_HITS <= PAGE_MESSAGES_MAX);
