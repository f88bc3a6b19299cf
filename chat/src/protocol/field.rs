//! Reads the keys that the protocol knows out of a frame and skips everything else without storing it, so that a
//! frame costs memory only for what it is used for.

use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::limits::DIRECT_PEOPLE_MAX;

/// The value of a known key.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Field {
    Text(String),
    Whole(u64),
    Truth(bool),
    /// In the order of the frame; a key that comes twice is there twice.
    Object(Vec<(String, Field)>),
    /// As many as any list of the protocol may have, and one more.
    List(Vec<Field>),
    /// A value that no key of the protocol takes, by its name.
    Other(&'static str),
}

impl Field {
    /// For a sentence: "`room` must be a string, not …".
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "a string",
            Self::Whole(_) => "a number",
            Self::Truth(_) => "a boolean",
            Self::Object(_) => "an object",
            Self::List(_) => "an array",
            Self::Other(kind) => kind,
        }
    }
}

/// The known keys of one frame. Of a key that comes twice the last one counts.
#[derive(Debug, Default)]
pub(super) struct Fields {
    pub(super) kind: Option<Field>,
    pub(super) id: Option<Field>,
    pub(super) text: Option<Field>,
    pub(super) room: Option<Field>,
    pub(super) client: Option<Field>,
    pub(super) before: Option<Field>,
    pub(super) limit: Option<Field>,
    pub(super) rooms: Option<Field>,
    pub(super) seq: Option<Field>,
    pub(super) emoji: Option<Field>,
    pub(super) on: Option<Field>,
    pub(super) reply_to: Option<Field>,
    pub(super) away: Option<Field>,
    pub(super) allowed: Option<Field>,
    pub(super) minutes: Option<Field>,
    pub(super) name: Option<Field>,
    pub(super) title: Option<Field>,
    pub(super) topic: Option<Field>,
    pub(super) private: Option<Field>,
    pub(super) people: Option<Field>,
    pub(super) names: Option<Field>,
    pub(super) person: Option<Field>,
    pub(super) archived: Option<Field>,
    pub(super) from: Option<Field>,
    pub(super) after: Option<Field>,
    pub(super) at: Option<Field>,
    pub(super) cursor: Option<Field>,
    pub(super) to: Option<Field>,
    pub(super) days: Option<Field>,
    pub(super) uses: Option<Field>,
    pub(super) number: Option<Field>,
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(FieldsVisitor)
    }
}

struct FieldsVisitor;

impl<'de> Visitor<'de> for FieldsVisitor {
    type Value = Fields;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
        let mut fields = Fields::default();
        while let Some(key) = map.next_key()? {
            let slot = match key {
                Key::Type => &mut fields.kind,
                Key::Id => &mut fields.id,
                Key::Text => &mut fields.text,
                Key::Room => &mut fields.room,
                Key::Client => &mut fields.client,
                Key::Before => &mut fields.before,
                Key::Limit => &mut fields.limit,
                Key::Rooms => &mut fields.rooms,
                Key::Seq => &mut fields.seq,
                Key::Emoji => &mut fields.emoji,
                Key::On => &mut fields.on,
                Key::ReplyTo => &mut fields.reply_to,
                Key::Away => &mut fields.away,
                Key::Allowed => &mut fields.allowed,
                Key::Minutes => &mut fields.minutes,
                Key::Name => &mut fields.name,
                Key::Title => &mut fields.title,
                Key::Topic => &mut fields.topic,
                Key::Private => &mut fields.private,
                Key::People => &mut fields.people,
                Key::Names => &mut fields.names,
                Key::Person => &mut fields.person,
                Key::Archived => &mut fields.archived,
                Key::From => &mut fields.from,
                Key::After => &mut fields.after,
                Key::At => &mut fields.at,
                Key::Cursor => &mut fields.cursor,
                Key::To => &mut fields.to,
                Key::Days => &mut fields.days,
                Key::Uses => &mut fields.uses,
                Key::Number => &mut fields.number,
                Key::Unknown => {
                    map.next_value::<IgnoredAny>()?;
                    continue;
                }
            };
            *slot = Some(map.next_value()?);
        }
        Ok(fields)
    }
}

enum Key {
    Type,
    Id,
    Text,
    Room,
    Client,
    Before,
    Limit,
    Rooms,
    Seq,
    Emoji,
    On,
    ReplyTo,
    Away,
    Allowed,
    Minutes,
    Name,
    Title,
    Topic,
    Private,
    People,
    Names,
    Person,
    Archived,
    From,
    After,
    At,
    Cursor,
    To,
    Days,
    Uses,
    Number,
    Unknown,
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_identifier(KeyVisitor)
    }
}

struct KeyVisitor;

impl Visitor<'_> for KeyVisitor {
    type Value = Key;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<Key, E> {
        Ok(match key {
            "type" => Key::Type,
            "id" => Key::Id,
            "text" => Key::Text,
            "room" => Key::Room,
            "client" => Key::Client,
            "before" => Key::Before,
            "limit" => Key::Limit,
            "rooms" => Key::Rooms,
            "seq" => Key::Seq,
            "emoji" => Key::Emoji,
            "on" => Key::On,
            "reply_to" => Key::ReplyTo,
            "away" => Key::Away,
            "allowed" => Key::Allowed,
            "minutes" => Key::Minutes,
            "name" => Key::Name,
            "title" => Key::Title,
            "topic" => Key::Topic,
            "private" => Key::Private,
            "people" => Key::People,
            "names" => Key::Names,
            "person" => Key::Person,
            "archived" => Key::Archived,
            "from" => Key::From,
            "after" => Key::After,
            "at" => Key::At,
            "cursor" => Key::Cursor,
            "to" => Key::To,
            "days" => Key::Days,
            "uses" => Key::Uses,
            "number" => Key::Number,
            _ => Key::Unknown,
        })
    }
}

impl<'de> Deserialize<'de> for Field {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FieldVisitor)
    }
}

struct FieldVisitor;

impl<'de> Visitor<'de> for FieldVisitor {
    type Value = Field;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_str<E>(self, text: &str) -> Result<Field, E> {
        Ok(Field::Text(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Field, E> {
        Ok(Field::Text(text))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Field, E> {
        Ok(Field::Whole(number))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Field, E> {
        Ok(Field::Other("a negative number"))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Field, E> {
        Ok(Field::Other("a fraction"))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Field, E> {
        Ok(Field::Truth(value))
    }

    fn visit_unit<E>(self) -> Result<Field, E> {
        Ok(Field::Other("null"))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Field, A::Error> {
        let mut list = Vec::new();
        while list.len() <= DIRECT_PEOPLE_MAX {
            match items.next_element()? {
                Some(item) => list.push(item),
                None => return Ok(Field::List(list)),
            }
        }
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Field::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Field, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Field::Object(entries))
    }
}
