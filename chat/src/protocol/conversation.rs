//! Conversations as frames tell of them: rooms with all that somebody has to do with them, and what happens to memberships.

use super::event::{Page, presence_name};
use super::json::{self, Object};
use crate::hub::Whereabouts;

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

    /// An unknown kind is taken for one that nobody may see.
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

/// A person in a list of those who belong to a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Member {
    pub(crate) person: Someone,
    /// None: it is whoever is told, or not for whoever is told to know, or a worker tells, which does not know.
    pub(crate) whereabouts: Option<Whereabouts>,
}

impl Member {
    pub(crate) fn to_json(&self) -> String {
        self.whereabouts.iter().fold(self.person.open(), |out, whereabouts| whereabouts.write(out)).finish()
    }
}

impl Whereabouts {
    /// As a part of what is said of somebody.
    fn write(self, out: Object) -> Object {
        match self {
            Self::Here(presence) => {
                out.string("presence", presence_name(presence)).number("since", presence.since_ms)
            }
            Self::Gone { seen_ms: Some(seen_ms) } => out.number("seen_ms", seen_ms),
            Self::Gone { seen_ms: None } => out,
        }
    }
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
    /// How many messages come after it.
    pub(crate) unread: u64,
    /// How many of those mention the reader.
    pub(crate) mentions: u64,
}

impl Reading {
    fn write(self, out: Object) -> Object {
        let out = out.boolean("member", true).number("read", self.read).number("unread", self.unread);
        if self.mentions > 0 { out.number("mentions", self.mentions) } else { out }
    }
}

/// A room from the point of view of one connection and its person.
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
    /// Names that are there; None: whoever tells of it does not know.
    pub(crate) members: Option<usize>,
    pub(crate) kind: Kind,
    pub(crate) topic: &'a str,
    pub(crate) is_archived: bool,
    /// None: the frame goes to many, and has nothing that differs between them.
    pub(crate) standing: Option<Standing>,
    /// Of a direct one.
    pub(crate) people: Vec<Member>,
}

impl RoomSummary<'_> {
    /// As a part of other frames.
    pub(crate) fn to_json(&self) -> String {
        self.write(Object::nested()).finish()
    }

    /// To those who may see the room. `id` for whoever has asked for it, `by` for whoever was invited.
    pub(crate) fn to_event(&self, id: Option<&str>, by: Option<&Someone>) -> String {
        write_by(self.write(Object::of_type("room").optional("id", id)), by).finish()
    }

    fn write(&self, out: Object) -> Object {
        let mut out = out.string("room", self.room).string("title", self.title).number("seq", self.seq);
        if let Some(members) = self.members {
            out = out.number("members", members as u64);
        }
        if let Some(standing) = &self.standing {
            out = out.boolean("joined", standing.joined);
        }
        out = out
            .number("change", self.change)
            .optional("kind", self.kind.name())
            .optional("topic", Some(self.topic).filter(|topic| !topic.is_empty()))
            .flag("archived", self.is_archived);
        if let Some(Standing { reading, is_muted, may_manage, .. }) = self.standing {
            if let Some(reading) = reading {
                out = reading.write(out);
            }
            out = out.flag("muted", is_muted).flag("manage", may_manage);
        }
        if self.kind == Kind::Direct { out.raw("people", &people(&self.people)) } else { out }
    }
}

fn people(people: &[Member]) -> String {
    json::array(people.iter().map(Member::to_json))
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

/// The end of a room for whoever is not connected yet, as a part of what they are told of themselves.
pub(crate) fn arrival(room: &RoomSummary<'_>, page: &Page, place: &Place) -> String {
    let out = room.write(Object::nested()).raw("messages", &json::array(&page.messages));
    place.write(out.boolean("more", page.more)).finish()
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

/// To a private room: somebody has become a member, or is no longer one. `by`: whoever has invited or removed them.
pub(crate) fn membership(room: &str, person: &Someone, is_member: bool, by: Option<&Someone>) -> String {
    let out = Object::of_type("membership").string("room", room).raw("person", &person.to_json());
    write_by(out.boolean("member", is_member), by).finish()
}

/// Whose doing something was.
fn write_by(out: Object, by: Option<&Someone>) -> Object {
    out.optional("by", by.map(|by| &*by.name))
        .optional_number("by_person", by.map(|by| by.id.cast_unsigned()))
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
    Object::of_type("typing")
        .string("room", room)
        .string("from", from)
        .optional_number("person", person.map(i64::cast_unsigned))
        .finish()
}

/// To those who talk directly with somebody who has come, is away, is back, or is gone.
pub(crate) fn presence(person: &Someone, whereabouts: Whereabouts) -> String {
    let out =
        Object::of_type("presence").number("person", person.id.cast_unsigned()).string("name", &person.name);
    let out = match whereabouts {
        Whereabouts::Here(_) => out,
        Whereabouts::Gone { .. } => out.string("presence", "offline"),
    };
    whereabouts.write(out).finish()
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
    /// The frame for the connections of a member who has read so far.
    pub(crate) fn to_json(self, reading: Reading) -> String {
        Object::of_type("activity")
            .string("room", self.room)
            .number("seq", self.seq)
            .number("change", self.change)
            .string("from", self.from)
            .optional_number("person", self.person.map(i64::cast_unsigned))
            .number("ts", self.ts)
            .number("unread", reading.unread)
            .number("mentions", reading.mentions)
            .string("data", self.quote)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub::Presence;

    fn summary() -> RoomSummary<'static> {
        RoomSummary {
            room: "tea",
            title: "Tea",
            seq: 41,
            change: 12,
            members: Some(3),
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
            room.to_event(Some("7"), Some(&Someone { id: 7, name: "Ann".into() })),
            concat!(
                r#"{"type":"room","id":"7","room":"tea","title":"Tea","seq":41,"members":3,"joined":true,"change":12,"#,
                r#""kind":"private","topic":"Q4","archived":true,"member":true,"read":38,"unread":3,"mentions":1,"#,
                r#""muted":true,"manage":true,"by":"Ann","by_person":7}"#
            )
        );
        let ann = Someone { id: 7, name: "Ann".into() };
        let bob = Someone { id: 9, name: "Bob".into() };
        let gone = Some(Whereabouts::Gone { seen_ms: Some(1_763_800_000_000) });
        let people =
            vec![Member { person: ann, whereabouts: None }, Member { person: bob, whereabouts: gone }];
        let direct = RoomSummary { kind: Kind::Direct, people, ..summary() };
        let end = r#""kind":"direct","people":[{"id":7,"name":"Ann"},{"id":9,"name":"Bob","seen_ms":1763800000000}]}"#;
        assert!(direct.to_json().ends_with(end), "{}", direct.to_json());
    }

    #[test]
    fn somebody_is_here_or_was() {
        let bob = Someone { id: 9, name: "Bob".into() };
        let here = Whereabouts::Here(Presence { is_away: true, since_ms: 7 });
        assert_eq!(
            presence(&bob, here),
            r#"{"type":"presence","person":9,"name":"Bob","presence":"away","since":7}"#
        );
        assert_eq!(
            presence(&bob, Whereabouts::Gone { seen_ms: Some(8) }),
            r#"{"type":"presence","person":9,"name":"Bob","presence":"offline","seen_ms":8}"#
        );
        assert_eq!(
            presence(&bob, Whereabouts::Gone { seen_ms: None }),
            r#"{"type":"presence","person":9,"name":"Bob","presence":"offline"}"#
        );
        let bob = Member { person: bob, whereabouts: Some(here) };
        assert_eq!(bob.to_json(), r#"{"id":9,"name":"Bob","presence":"away","since":7}"#);
    }
}
