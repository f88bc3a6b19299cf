//! What clients ask for. A [`Request`] has been checked: names are trimmed and legal, texts are within their limits;
//! what is left to find out is what only the hub knows.

mod conversation;
mod order;
mod search;

use std::borrow::Cow;

use serde_json::error::Category;

use super::field::{Field, Fields};
use super::moderation::Act;
use super::{Code, LOBBY, Refusal};
use crate::limits::{
    ID_BYTES_MAX, MUTE_MINUTES_MAX, NAME_CHARS_MAX, PAGE_MESSAGES_MAX, ROOM_CHARS_MAX,
    ROOMS_PER_CONNECTION_MAX, TEXT_BYTES_MAX, TEXT_CHARS_MAX,
};
use crate::names::{self, BadName};
use crate::{characters, emoji};
pub(crate) use conversation::{ConversationRequest, Whom, direct_people};
pub(crate) use order::OrderRequest;
pub(crate) use search::{Cursor, PagePosition, Search};

/// A request and the client's name for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Envelope {
    /// Echoed in the answer or the error.
    pub(crate) id: Option<String>,
    pub(crate) request: Request,
}

/// The types of frame that a client sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Request {
    Connect {
        /// None: that of the session.
        name: Option<String>,
        client: Option<String>,
    },
    Message {
        room: String,
        text: String,
        /// The `seq` of the message that it answers.
        reply_to: Option<u64>,
    },
    Edit {
        room: String,
        seq: u64,
        text: String,
    },
    Delete {
        room: String,
        seq: u64,
    },
    React {
        room: String,
        seq: u64,
        /// In its usual form.
        emoji: String,
        on: bool,
    },
    Join {
        room: String,
    },
    Leave {
        room: String,
    },
    Create {
        title: String,
        key: String,
        /// What it is about; empty: nobody has said.
        topic: String,
        /// For those who are invited; its key is another one then.
        is_private: bool,
    },
    Rooms,
    History {
        room: String,
        place: PagePosition,
        limit: usize,
    },
    Search(Box<Search>),
    /// How far the client has come in each room, in the order of the frame.
    Resume {
        rooms: Vec<(String, Known)>,
    },
    Who {
        room: String,
    },
    /// Nobody is at the keyboard, or somebody again.
    Away {
        is_away: bool,
    },
    /// `minutes`: of a mute.
    Moderate {
        act: Act,
        name: String,
        minutes: u64,
    },
    /// Whether guests may come.
    Guests {
        are_allowed: bool,
    },
    Conversation(ConversationRequest),
    Order(OrderRequest),
}

/// What a client has of a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Known {
    /// The last message.
    pub(crate) seq: u64,
    /// The last change; None: it does not follow them.
    pub(crate) change: Option<u64>,
}

impl Envelope {
    /// Reads one text frame.
    pub(crate) fn parse(frame: &str) -> Result<Self, Refusal> {
        let mut fields: Fields = serde_json::from_str(frame).map_err(|error| bad_json(&error))?;
        let id = client_string("id", fields.id.take())?;
        match Request::parse(fields) {
            Ok(request) => Ok(Self { id, request }),
            Err(refusal) => Err(refusal.id(id)),
        }
    }
}

impl Request {
    fn parse(mut fields: Fields) -> Result<Self, Refusal> {
        let kind = kind(fields.kind.take())?;
        if let Some(request) = ConversationRequest::parse(&kind, &mut fields) {
            return request.map(Self::Conversation);
        }
        if let Some(request) = OrderRequest::parse(&kind, &mut fields) {
            return request.map(Self::Order);
        }
        match kind.as_str() {
            "connect" => Ok(Self::Connect {
                name: name_or_none(&string("text", fields.text)?)?,
                client: client_string("client", fields.client)?,
            }),
            "message" => Ok(Self::Message {
                room: if fields.room.is_none() { LOBBY.to_owned() } else { string("room", fields.room)? },
                text: text(string("text", fields.text)?)?,
                reply_to: fields.reply_to.map(|field| whole("reply_to", Some(field))).transpose()?,
            }),
            "edit" => Ok(Self::Edit {
                room: string("room", fields.room)?,
                seq: whole("seq", fields.seq)?,
                text: text(string("text", fields.text)?)?,
            }),
            "delete" => {
                Ok(Self::Delete { room: string("room", fields.room)?, seq: whole("seq", fields.seq)? })
            }
            "react" => Ok(Self::React {
                room: string("room", fields.room)?,
                seq: whole("seq", fields.seq)?,
                emoji: emoji(&string("emoji", fields.emoji)?)?,
                on: truth("on", fields.on)?,
            }),
            "join" => Ok(Self::Join { room: string("room", fields.room)? }),
            "leave" => Ok(Self::Leave { room: string("room", fields.room)? }),
            "create" => create(fields),
            "rooms" => Ok(Self::Rooms),
            "history" => Ok(Self::History {
                place: PagePosition::parse(&mut fields)?,
                room: string("room", fields.room)?,
                limit: limit(fields.limit, PAGE_MESSAGES_MAX)?,
            }),
            "search" => Ok(Self::Search(Box::new(Search::parse(fields)?))),
            "resume" => Ok(Self::Resume { rooms: positions(fields.rooms)? }),
            "away" => Ok(Self::Away { is_away: truth("away", fields.away)? }),
            "who" => Ok(Self::Who { room: string("room", fields.room)? }),
            "guests" => Ok(Self::Guests { are_allowed: truth("allowed", fields.allowed)? }),
            other => match Act::from_name(other) {
                Some(act) => Ok(Self::Moderate {
                    act,
                    name: name(&string("name", fields.name)?)?,
                    minutes: if act == Act::Mute { minutes(fields.minutes)? } else { 0 },
                }),
                None => Err(unknown_type(other)),
            },
        }
    }

    /// Does it change what the server keeps with the connection: its name, or the rooms that it is in?
    pub(crate) fn changes_session(&self) -> bool {
        matches!(
            self,
            Self::Connect { .. }
                | Self::Join { .. }
                | Self::Leave { .. }
                | Self::Resume { .. }
                | Self::Away { .. }
        )
    }

    /// The key of the one room that it is about.
    pub(crate) fn room(&self) -> Option<&str> {
        match self {
            Self::Message { room, .. }
            | Self::Edit { room, .. }
            | Self::Delete { room, .. }
            | Self::React { room, .. }
            | Self::Join { room }
            | Self::Leave { room }
            | Self::History { room, .. }
            | Self::Who { room } => Some(room),
            Self::Conversation(request) => request.room(),
            Self::Connect { .. }
            | Self::Create { .. }
            | Self::Rooms
            | Self::Resume { .. }
            | Self::Away { .. }
            | Self::Moderate { .. }
            | Self::Guests { .. }
            | Self::Order(_)
            | Self::Search(_) => None,
        }
    }

    /// Does it put something before other people's eyes? Who is to be silent may not.
    pub(crate) fn speaks(&self) -> bool {
        match self {
            Self::Message { .. } | Self::Edit { .. } | Self::React { on: true, .. } | Self::Create { .. } => {
                true
            }
            Self::Conversation(request) => request.speaks(),
            _ => false,
        }
    }

    /// Does a client need the subprotocol `switchboard.v1` for it?
    pub(crate) fn is_v1_only(&self) -> bool {
        !matches!(self, Self::Connect { .. } | Self::Message { .. })
    }
}

fn kind(field: Option<Field>) -> Result<String, Refusal> {
    match field {
        Some(Field::Text(kind)) => Ok(kind),
        Some(other) => Err(wrong("type", "a string", Some(&other))),
        None => Err(Refusal::new(
            Code::NoType,
            "Every frame needs a `type`, such as {\"type\":\"message\",\"text\":\"hi\"}.",
        )),
    }
}

fn create(fields: Fields) -> Result<Request, Refusal> {
    let (title, key) = title(&string("room", fields.room)?)?;
    let topic = fields.topic.map(|field| string("topic", Some(field))).transpose()?;
    Ok(Request::Create {
        title,
        key,
        topic: conversation::topic(topic.unwrap_or_default())?,
        is_private: fields.private.map_or(Ok(false), |field| truth("private", Some(field)))?,
    })
}

fn bad_json(error: &serde_json::Error) -> Refusal {
    let sentence = match error.classify() {
        Category::Data => {
            "A frame must be one JSON object, such as {\"type\":\"message\",\"text\":\"hi\"}.".to_owned()
        }
        _ => format!("The frame is not valid JSON: {error}."),
    };
    Refusal::new(Code::BadJson, sentence)
}

fn unknown_type(kind: &str) -> Refusal {
    // The sentence repeats what the client sent, but not all of it.
    let shown: String = kind.chars().take(32).collect();
    Refusal::new(
        Code::UnknownType,
        format!("There is no type \"{shown}\". See the protocol for those there are."),
    )
}

fn wrong(key: &str, expected: &str, found: Option<&Field>) -> Refusal {
    let sentence = match found {
        Some(field) => format!("`{key}` must be {expected}, not {}.", field.kind()),
        None => format!("`{key}` is missing: it must be {expected}."),
    };
    Refusal::new(Code::BadValue, sentence)
}

fn string(key: &str, field: Option<Field>) -> Result<String, Refusal> {
    match field {
        Some(Field::Text(text)) => Ok(text),
        other => Err(wrong(key, "a string", other.as_ref())),
    }
}

fn whole(key: &str, field: Option<Field>) -> Result<u64, Refusal> {
    match field {
        // SQLite's integers, and those that JavaScript counts exactly, end before u64's.
        Some(Field::Whole(number)) if number <= i64::MAX as u64 => Ok(number),
        other => Err(wrong(key, "a whole number from 0 to 9223372036854775807", other.as_ref())),
    }
}

fn minutes(field: Option<Field>) -> Result<u64, Refusal> {
    match field {
        Some(Field::Whole(minutes)) if (1..=MUTE_MINUTES_MAX).contains(&minutes) => Ok(minutes),
        other => Err(wrong("minutes", "a whole number from 1 to 527040", other.as_ref())),
    }
}

fn truth(key: &str, field: Option<Field>) -> Result<bool, Refusal> {
    match field {
        Some(Field::Truth(truth)) => Ok(truth),
        other => Err(wrong(key, "true or false", other.as_ref())),
    }
}

fn emoji(text: &str) -> Result<String, Refusal> {
    let sentence = "`emoji` must be one emoji, such as \"👍\".";
    emoji::usual_form(text).ok_or_else(|| Refusal::new(Code::BadValue, sentence))
}

/// A string of the client's choosing that it may leave out.
fn client_string(key: &str, field: Option<Field>) -> Result<Option<String>, Refusal> {
    match field {
        None => Ok(None),
        Some(Field::Text(text)) if (1..=ID_BYTES_MAX).contains(&text.len()) => Ok(Some(text)),
        Some(Field::Text(text)) => Err(Refusal::new(
            Code::BadValue,
            format!("`{key}` must have 1 to {ID_BYTES_MAX} bytes, not {}.", text.len()),
        )),
        Some(other) => Err(wrong(key, "a string", Some(&other))),
    }
}

/// A person's name, as it is known from here on.
pub(crate) fn name(raw: &str) -> Result<String, Refusal> {
    names::person_name(raw).map_err(|bad| match bad {
        BadName::Blank => no_name(),
        BadName::Forbidden => Refusal::new(
            Code::BadName,
            "A name cannot hold characters that are invisible, change the direction of text, or pile up on each other.",
        ),
        BadName::TooLong => Refusal::new(
            Code::NameTooLong,
            format!("A name has at most {NAME_CHARS_MAX} characters. Choose a shorter one."),
        ),
    })
}

/// Who has a session need not say a name. The hub knows who has.
fn name_or_none(raw: &str) -> Result<Option<String>, Refusal> {
    if raw.is_empty() { Ok(None) } else { name(raw).map(Some) }
}

/// There is no name, and no session that would have one.
pub(crate) fn no_name() -> Refusal {
    Refusal::new(Code::BadName, "The name is empty. Choose one that can be seen.")
}

fn title(raw: &str) -> Result<(String, String), Refusal> {
    names::room_title(raw).map_err(|bad| {
        let sentence: Cow<'static, str> = match bad {
            BadName::Blank => "The room's title is empty. Choose one that can be seen.".into(),
            BadName::Forbidden => {
                "A title cannot hold characters that are invisible, change the direction of text, or pile up on each other."
                    .into()
            }
            BadName::TooLong => {
                format!("A room's title has at most {ROOM_CHARS_MAX} characters. Choose a shorter one.")
                    .into()
            }
        };
        Refusal::new(Code::BadRoom, sentence)
    })
}

fn text(text: String) -> Result<String, Refusal> {
    let text = characters::without_controls(text);
    // Whatever has so many bytes is too long; its characters need not be counted.
    let chars = if text.len() > TEXT_BYTES_MAX { None } else { Some(characters::count(&text)) };
    if chars.is_none_or(|chars| chars > TEXT_CHARS_MAX) {
        let sentence = format!(
            "The text is too long; a message has at most {TEXT_CHARS_MAX} characters and {TEXT_BYTES_MAX} bytes. Send it in parts."
        );
        Err(Refusal::new(Code::TextTooLong, sentence))
    } else if characters::is_blank(&text) {
        Err(Refusal::new(Code::EmptyText, "The text is empty. Send something that can be seen."))
    } else {
        Ok(text)
    }
}

/// `otherwise`: where the client does not say.
fn limit(field: Option<Field>, otherwise: usize) -> Result<usize, Refusal> {
    let Some(field) = field else { return Ok(otherwise) };
    match whole("limit", Some(field))? {
        0 => Err(Refusal::new(Code::BadValue, format!("`limit` must be from 1 to {PAGE_MESSAGES_MAX}."))),
        more => Ok(usize::try_from(more).unwrap_or(PAGE_MESSAGES_MAX).min(PAGE_MESSAGES_MAX)),
    }
}

fn positions(field: Option<Field>) -> Result<Vec<(String, Known)>, Refusal> {
    let entries = match field {
        Some(Field::Object(entries)) => entries,
        other => return Err(wrong("rooms", "an object of room and seq", other.as_ref())),
    };
    let mut rooms: Vec<(String, Known)> = Vec::new();
    for (room, value) in entries {
        let known = known(&format!("rooms.{}", shown_room(&room)), value)?;
        match rooms.iter_mut().find(|(other, _)| *other == room) {
            Some((_, position)) => *position = known,
            None => rooms.push((room, known)),
        }
        if rooms.len() > ROOMS_PER_CONNECTION_MAX {
            return Err(too_many_rooms());
        }
    }
    Ok(rooms)
}

/// A number, or an object of `seq` and `change`.
fn known(key: &str, value: Field) -> Result<Known, Refusal> {
    let Field::Object(entries) = value else {
        return Ok(Known { seq: whole(key, Some(value))?, change: None });
    };
    let (mut seq, mut change) = (None, None);
    for (name, value) in entries {
        match name.as_str() {
            "seq" => seq = Some(value),
            "change" => change = Some(value),
            _ => {}
        }
    }
    let change = change.map(|change| whole(&format!("{key}.change"), Some(change))).transpose()?;
    Ok(Known { seq: whole(&format!("{key}.seq"), seq)?, change })
}

/// The connection is in as many rooms as it may be, or asks for more.
pub(crate) fn too_many_rooms() -> Refusal {
    let sentence =
        format!("A connection can be in {ROOMS_PER_CONNECTION_MAX} rooms at a time. Leave one first.");
    Refusal::new(Code::TooManyRooms, sentence)
}

/// A room's key as far as an answer repeats it.
pub(crate) fn shown_room(room: &str) -> String {
    room.chars().take(ROOM_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests;
