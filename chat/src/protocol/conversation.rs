//! Conversations as frames tell of them: rooms with all that somebody has to do with them, and what happens to memberships.

use super::event::presence_name;
use super::json::{self, Object};
use crate::hub::Presence;

/// Who may know of a room, and be in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// Everybody.
    #[default]
    Public,
    /// Its members, who were invited.
    Private,
    /// Some people, always the same.
    Direct,
}

impl Kind {
    /// As the database has it.
    pub(crate) fn number(self) -> i64 {
        match self {
            Self::Public => 0,
            Self::Private => 1,
            Self::Direct => 2,
        }
    }

    /// What is none of them nobody is to see.
    pub(crate) fn from_number(number: i64) -> Self {
        match number {
            0 => Self::Public,
            2 => Self::Direct,
            _ => Self::Private,
        }
    }

    /// Rooms are public if nothing else is said.
    fn name(self) -> Option<&'static str> {
        match self {
            Self::Public => None,
            Self::Private => Some("private"),
            Self::Direct => Some("direct"),
        }
    }
}

/// A person as one of several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Someone {
    pub(crate) id: i64,
    pub(crate) name: String,
}

impl Someone {
    fn open(&self) -> Object {
        Object::nested().number("id", self.id.cast_unsigned()).string("name", &self.name)
    }

    fn to_json(&self) -> String {
        self.open().finish()
    }
}

/// How far somebody has read a room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reading {
    /// Up to this message.
    pub(crate) read: u64,
    /// So many come after it,
    pub(crate) unread: u64,
    /// and so many of them mention whoever reads.
    pub(crate) mentions: u64,
}

impl Reading {
    fn write(self, out: Object) -> Object {
        let out = out.boolean("member", true).number("read", self.read).number("unread", self.unread);
        if self.mentions > 0 { out.number("mentions", self.mentions) } else { out }
    }
}

/// What somebody has to do with a room.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Standing {
    /// Is the connection in it?
    pub(crate) joined: bool,
    /// None: they are no member.
    pub(crate) reading: Option<Reading>,
    pub(crate) is_muted: bool,
    pub(crate) may_manage: bool,
}

/// A room in a list, or an event that tells of it.
#[derive(Clone, Debug)]
pub(crate) struct RoomSummary<'a> {
    pub(crate) room: &'a str,
    pub(crate) title: &'a str,
    pub(crate) seq: u64,
    pub(crate) change: u64,
    /// Names that are there.
    pub(crate) members: usize,
    pub(crate) kind: Kind,
    pub(crate) topic: &'a str,
    pub(crate) is_archived: bool,
    /// None: it is told to many.
    pub(crate) standing: Option<Standing>,
    /// Of a direct one.
    pub(crate) people: Vec<Someone>,
}

impl RoomSummary<'_> {
    /// As a part of other frames.
    pub(crate) fn to_json(&self) -> String {
        self.write(Object::nested()).finish()
    }

    /// To those who may see the room. `id` for whoever has asked for it, `by` for whoever was invited.
    pub(crate) fn to_event(&self, id: Option<&str>, by: Option<&str>) -> String {
        self.write(Object::of_type("room").optional("id", id)).optional("by", by).finish()
    }

    fn write(&self, out: Object) -> Object {
        let mut out = out
            .string("room", self.room)
            .string("title", self.title)
            .number("seq", self.seq)
            .number("members", self.members as u64);
        if let Some(standing) = &self.standing {
            out = out.boolean("joined", standing.joined);
        }
        out = out
            .number("change", self.change)
            .optional("kind", self.kind.name())
            .optional("topic", Some(self.topic).filter(|topic| !topic.is_empty()));
        if self.is_archived {
            out = out.boolean("archived", true);
        }
        if let Some(Standing { reading, is_muted, may_manage, .. }) = self.standing {
            if let Some(reading) = reading {
                out = reading.write(out);
            }
            if is_muted {
                out = out.boolean("muted", true);
            }
            if may_manage {
                out = out.boolean("manage", true);
            }
        }
        if self.kind == Kind::Direct { out.raw("people", &people(&self.people)) } else { out }
    }
}

fn people(people: &[Someone]) -> String {
    json::array(people.iter().map(Someone::to_json))
}

/// What the answers to `join` and `resume` say to members, beside what they say to all.
#[derive(Clone, Debug, Default)]
pub(crate) struct Place {
    pub(crate) reading: Option<Reading>,
    /// How far the others of a direct conversation have read.
    pub(crate) reads: Option<Vec<(i64, u64)>>,
}

impl Place {
    pub(super) fn write(&self, out: Object) -> Object {
        let out = match self.reading {
            Some(reading) => reading.write(out),
            None => out,
        };
        let Some(reads) = &self.reads else { return out };
        let read = |(person, seq): &(i64, u64)| {
            Object::nested().number("person", person.cast_unsigned()).number("seq", *seq).finish()
        };
        out.raw("reads", &json::array(reads.iter().map(read)))
    }
}

pub(crate) fn created(id: Option<&str>, room: &str, title: &str, kind: Kind) -> String {
    Object::of_type("created")
        .optional("id", id)
        .string("room", room)
        .string("title", title)
        .optional("kind", kind.name())
        .finish()
}

/// The answer with a conversation of some people.
pub(crate) fn direct(id: Option<&str>, room: &RoomSummary<'_>) -> String {
    Object::of_type("direct").optional("id", id).raw("room", &room.to_json()).finish()
}

/// The answer when somebody was invited.
pub(crate) fn invited(id: Option<&str>, room: &str, person: &Someone) -> String {
    about("invited", id, room, person)
}

/// The answer when somebody was removed.
pub(crate) fn removed(id: Option<&str>, room: &str, person: &Someone) -> String {
    about("removed", id, room, person)
}

fn about(kind: &str, id: Option<&str>, room: &str, person: &Someone) -> String {
    Object::of_type(kind).optional("id", id).string("room", room).raw("person", &person.to_json()).finish()
}

/// To a private room: somebody is a member now, or is none any more. `by`: whoever has seen to it.
pub(crate) fn membership(room: &str, person: &Someone, is_member: bool, by: &str) -> String {
    Object::of_type("membership")
        .string("room", room)
        .raw("person", &person.to_json())
        .boolean("member", is_member)
        .string("by", by)
        .finish()
}

/// To the connections of somebody who has left a room, or was removed.
pub(crate) fn gone(room: &str) -> String {
    Object::of_type("gone").string("room", room).finish()
}

/// To the connections of somebody: how far they have read.
pub(crate) fn read(id: Option<&str>, room: &str, reading: Reading) -> String {
    Object::of_type("read")
        .optional("id", id)
        .string("room", room)
        .number("seq", reading.read)
        .number("unread", reading.unread)
        .number("mentions", reading.mentions)
        .finish()
}

/// To the others of a direct conversation: how far somebody has read.
pub(crate) fn read_by(room: &str, person: i64, seq: u64) -> String {
    Object::of_type("read")
        .string("room", room)
        .number("seq", seq)
        .number("person", person.cast_unsigned())
        .finish()
}

pub(crate) fn quiet(id: Option<&str>, room: &str, on: bool) -> String {
    Object::of_type("quiet").optional("id", id).string("room", room).boolean("on", on).finish()
}

pub(crate) fn typing(room: &str, from: &str, person: Option<i64>) -> String {
    let out = Object::of_type("typing").string("room", room).string("from", from);
    match person {
        Some(person) => out.number("person", person.cast_unsigned()).finish(),
        None => out.finish(),
    }
}

/// One of the members of a room. `presence`: of those who have a connection.
pub(crate) fn member(person: &Someone, presence: Option<Presence>) -> String {
    person.open().optional("presence", presence.map(presence_name)).finish()
}

pub(crate) fn members(id: Option<&str>, room: &str, members: impl IntoIterator<Item = String>) -> String {
    Object::of_type("members")
        .optional("id", id)
        .string("room", room)
        .raw("people", &json::array(members))
        .finish()
}

/// A message in a conversation that a connection is not in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Activity<'a> {
    pub(crate) room: &'a str,
    pub(crate) seq: u64,
    pub(crate) change: u64,
    pub(crate) from: &'a str,
    pub(crate) person: Option<i64>,
    pub(crate) ts: u64,
    /// The beginning of its text.
    pub(crate) quote: &'a str,
}

impl Activity<'_> {
    /// To connections of a member who has read so far.
    pub(crate) fn to_json(self, reading: Reading) -> String {
        let out = Object::of_type("activity")
            .string("room", self.room)
            .number("seq", self.seq)
            .number("change", self.change)
            .string("from", self.from);
        let out = match self.person {
            Some(person) => out.number("person", person.cast_unsigned()),
            None => out,
        };
        out.number("ts", self.ts)
            .number("unread", reading.unread)
            .number("mentions", reading.mentions)
            .string("data", self.quote)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary() -> RoomSummary<'static> {
        RoomSummary {
            room: "tea",
            title: "Tea",
            seq: 41,
            change: 12,
            members: 3,
            kind: Kind::Public,
            topic: "",
            is_archived: false,
            standing: None,
            people: Vec::new(),
        }
    }

    #[test]
    fn a_public_room_is_told_as_ever() {
        assert_eq!(
            summary().to_event(None, None),
            r#"{"type":"room","room":"tea","title":"Tea","seq":41,"members":3,"change":12}"#
        );
        let listed = RoomSummary { standing: Some(Standing::default()), ..summary() };
        assert_eq!(
            listed.to_json(),
            r#"{"room":"tea","title":"Tea","seq":41,"members":3,"joined":false,"change":12}"#
        );
    }

    #[test]
    fn a_room_says_what_somebody_has_to_do_with_it() {
        let reading = Some(Reading { read: 38, unread: 3, mentions: 1 });
        let standing = Standing { joined: true, reading, is_muted: true, may_manage: true };
        let room = RoomSummary {
            kind: Kind::Private,
            topic: "Q4",
            is_archived: true,
            standing: Some(standing),
            ..summary()
        };
        assert_eq!(
            room.to_event(Some("7"), Some("Ann")),
            concat!(
                r#"{"type":"room","id":"7","room":"tea","title":"Tea","seq":41,"members":3,"joined":true,"change":12,"#,
                r#""kind":"private","topic":"Q4","archived":true,"member":true,"read":38,"unread":3,"mentions":1,"#,
                r#""muted":true,"manage":true,"by":"Ann"}"#
            )
        );
        let ann = Someone { id: 7, name: "Ann".into() };
        let direct = RoomSummary { kind: Kind::Direct, people: vec![ann], ..summary() };
        assert!(direct.to_json().ends_with(r#""kind":"direct","people":[{"id":7,"name":"Ann"}]}"#));
    }
}
