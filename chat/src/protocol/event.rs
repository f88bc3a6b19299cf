//! The frames that the server sends, apart from `error`.

use super::conversation::Place;
use super::json::{self, Object};
use super::request::Cursor;
use crate::account::{Profile, Role, Stay};
use crate::hub::Presence;
use crate::limits::{NAME_CHARS_MAX, PAGE_MESSAGES_MAX, ROOM_CHARS_MAX, TEXT_CHARS_MAX};

/// How far a room had come at some moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Position {
    /// Of the last message.
    pub(crate) seq: u64,
    /// Of the last thing that happened to a message that was there already.
    pub(crate) change: u64,
}

/// Everything that somebody missed in a room.
#[derive(Clone, Debug, Default)]
pub(crate) struct Missed {
    /// Frames of type `message`, ascending by `seq`.
    pub(crate) messages: Vec<String>,
    /// Those that the client had before, and that are not as they were; None for clients that do not ask for it.
    pub(crate) changes: Option<Vec<String>>,
}

/// A list of names that may have been cut, and how many there are in all.
#[derive(Clone, Debug)]
pub(crate) struct MemberList {
    pub(crate) names: String,
    /// The same with what they are doing, as far as there is room.
    pub(crate) people: String,
    pub(crate) count: usize,
}

impl MemberList {
    pub(crate) fn new<'a>(
        names: impl IntoIterator<Item = &'a str>,
        people: impl IntoIterator<Item = String>,
        count: usize,
    ) -> Self {
        Self { names: json::array(names.into_iter().map(json::string)), people: json::array(people), count }
    }
}

/// One piece of a room's history.
#[derive(Clone, Debug, Default)]
pub(crate) struct Page {
    /// Frames of type `message`, ascending by `seq`.
    pub(crate) messages: Vec<String>,
    /// Is there something older in the room?
    pub(crate) more: bool,
    /// Is there something newer? None: it ends where whoever asked said.
    pub(crate) newer: Option<bool>,
    /// The message that was asked for by its time.
    pub(crate) seq: Option<u64>,
    /// The number of the room's last change when it was read.
    pub(crate) change: u64,
}

/// What a search has found.
#[derive(Clone, Debug, Default)]
pub(crate) struct Hits {
    /// Frames of type `message` with their context, the newest first.
    pub(crate) messages: Vec<String>,
    /// Is there more to be found?
    pub(crate) more: bool,
    /// The last of them.
    pub(crate) cursor: Option<Cursor>,
}

/// To everybody, when somebody gives a name.
pub(crate) fn connect(name: &str) -> String {
    Object::of_type("connect")
        .string("data", &format!("Welcome {name} to join us"))
        .string("from", name)
        .finish()
}

/// A person, as a key of other frames and as the body of an HTTP response.
fn profile(Profile { id, name, role }: &Profile) -> String {
    Object::nested()
        .number("id", id.cast_unsigned())
        .string("name", name)
        .boolean("guest", *role == Role::Guest)
        .string("role", role.as_str())
        .finish()
}

/// To the other connections of somebody who has changed.
pub(crate) fn person(person: &Profile) -> String {
    Object::of_type("person").raw("person", &profile(person)).finish()
}

/// The body of an HTTP response: who one is. `room`: the end of the one that was asked for, as JSON.
pub(crate) fn whoami(person: Option<&Profile>, room: Option<&str>) -> String {
    let body = Object::nested().raw("person", &person.map_or_else(|| "null".to_owned(), profile));
    match room {
        Some(room) => body.raw("room", room).finish(),
        None => body.finish(),
    }
}

/// The body of an HTTP response: one's sessions. `current`: the number of the one that asks.
pub(crate) fn sessions(current: i64, stays: &[Stay]) -> String {
    let each = |Stay { number, agent, created_ms, used_ms }: &Stay| {
        Object::nested()
            .number("number", number.cast_unsigned())
            .string("agent", agent)
            .number("created_ms", *created_ms)
            .number("used_ms", *used_ms)
            .boolean("current", *number == current)
            .finish()
    };
    let list: Vec<_> = stays.iter().map(each).collect();
    Object::nested().raw("sessions", &format!("[{}]", list.join(","))).finish()
}

/// The answer to a v1 client's `connect`. `person`: who has signed in, or is known as a guest. `rooms` are JSON
/// already.
pub(crate) fn welcome(id: Option<&str>, name: &str, person: Option<&Profile>, rooms: &[String]) -> String {
    let limits = Object::nested()
        .number("text", TEXT_CHARS_MAX as u64)
        .number("name", NAME_CHARS_MAX as u64)
        .number("room", ROOM_CHARS_MAX as u64)
        .number("page", PAGE_MESSAGES_MAX as u64)
        .finish();
    let frame = Object::of_type("welcome").optional("id", id).string("name", name);
    let frame = match person {
        Some(person) => frame.raw("person", &profile(person)),
        None => frame,
    };
    frame.raw("rooms", &json::array(rooms)).raw("limits", &limits).finish()
}

pub(crate) fn rooms(id: Option<&str>, rooms: &[String]) -> String {
    Object::of_type("rooms").optional("id", id).raw("rooms", &json::array(rooms)).finish()
}

pub(crate) fn joined(
    id: Option<&str>,
    room: &str,
    title: &str,
    page: &Page,
    position: Position,
    members: &MemberList,
    place: &Place,
) -> String {
    let frame = Object::of_type("joined")
        .optional("id", id)
        .string("room", room)
        .string("title", title)
        .raw("messages", &json::array(&page.messages))
        .boolean("more", page.more)
        .number("seq", position.seq)
        .number("change", position.change)
        .raw("members", &members.names)
        .number("member_count", members.count as u64)
        .raw("people", &members.people);
    place.write(frame).finish()
}

/// `missed` is everything after the client's position, or else `page` the end of the history.
pub(crate) fn resumed(
    id: Option<&str>,
    room: &str,
    missed: Result<&Missed, &Page>,
    position: Position,
    members: &MemberList,
    place: &Place,
) -> String {
    let frame = Object::of_type("resumed")
        .optional("id", id)
        .string("room", room)
        .boolean("complete", missed.is_ok());
    let frame = match missed {
        Ok(Missed { messages, changes }) => {
            let frame = frame.raw("messages", &json::array(messages));
            match changes {
                Some(changes) => frame.raw("changes", &json::array(changes)),
                None => frame,
            }
        }
        Err(page) => frame.raw("messages", &json::array(&page.messages)).boolean("more", page.more),
    };
    let frame = frame
        .number("seq", position.seq)
        .number("change", position.change)
        .raw("members", &members.names)
        .number("member_count", members.count as u64);
    place.write(frame).finish()
}

pub(crate) fn history(id: Option<&str>, room: &str, page: &Page) -> String {
    let mut frame = Object::of_type("history")
        .optional("id", id)
        .string("room", room)
        .raw("messages", &json::array(&page.messages))
        .boolean("more", page.more);
    if let Some(newer) = page.newer {
        frame = frame.boolean("newer", newer);
    }
    frame.optional_number("seq", page.seq).number("change", page.change).finish()
}

pub(crate) fn found(id: Option<&str>, hits: &Hits) -> String {
    let cursor = hits.cursor.as_ref().filter(|_| hits.more).map(Cursor::to_text);
    Object::of_type("found")
        .optional("id", id)
        .raw("hits", &json::array(&hits.messages))
        .boolean("more", hits.more)
        .optional("cursor", cursor.as_deref())
        .finish()
}

pub(crate) fn left(id: Option<&str>, room: &str) -> String {
    Object::of_type("left").optional("id", id).string("room", room).finish()
}

pub(crate) fn who(id: Option<&str>, room: &str, members: &MemberList) -> String {
    Object::of_type("who")
        .optional("id", id)
        .string("room", room)
        .raw("members", &members.names)
        .number("member_count", members.count as u64)
        .raw("people", &members.people)
        .finish()
}

/// One of the people in a list of them.
pub(crate) fn person_in_room(name: &str, presence: Presence) -> String {
    Object::nested()
        .string("name", name)
        .string("presence", presence_name(presence))
        .number("since", presence.since_ms)
        .finish()
}

/// To the rooms of somebody who is away now, or here again.
pub(crate) fn presence(name: &str, presence: Presence) -> String {
    Object::of_type("presence")
        .string("name", name)
        .string("presence", presence_name(presence))
        .number("since", presence.since_ms)
        .finish()
}

pub(crate) fn away(id: Option<&str>, is_away: bool) -> String {
    Object::of_type("away").optional("id", id).boolean("away", is_away).finish()
}

pub(super) fn presence_name(presence: Presence) -> &'static str {
    if presence.is_away { "away" } else { "online" }
}

/// Somebody came into a room.
pub(crate) fn join(room: &str, name: &str, members: usize) -> String {
    notice("join", room, name, members)
}

/// Somebody left a room, or is gone.
pub(crate) fn leave(room: &str, name: &str, members: usize) -> String {
    notice("leave", room, name, members)
}

fn notice(kind: &str, room: &str, name: &str, members: usize) -> String {
    Object::of_type(kind).string("room", room).string("from", name).number("members", members as u64).finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_protocol_to_the_letter() {
        assert_eq!(connect("Ann"), r#"{"type":"connect","data":"Welcome Ann to join us","from":"Ann"}"#);
    }

    #[test]
    fn answers_have_the_keys_of_the_protocol() {
        assert_eq!(
            welcome(Some("1"), "Ann", None, &["{}".into()]),
            concat!(
                r#"{"type":"welcome","id":"1","name":"Ann","rooms":[{}],"#,
                r#""limits":{"text":4000,"name":32,"room":48,"page":50}}"#
            )
        );
        let presence = Presence { is_away: true, since_ms: 7 };
        let members = MemberList::new(["Ann", "李雷"], [person_in_room("Ann", presence)], 2);
        let page = Page { messages: vec!["{}".into()], more: true, change: 2, ..Page::default() };
        let at = |seq| Position { seq, change: 2 };
        assert_eq!(
            joined(None, "lobby", "Lobby", &page, at(41), &members, &Place::default()),
            r#"{"type":"joined","room":"lobby","title":"Lobby","messages":[{}],"more":true,"seq":41,"change":2,"members":["Ann","李雷"],"member_count":2,"people":[{"name":"Ann","presence":"away","since":7}]}"#
        );
        assert_eq!(
            resumed(None, "t", Ok(&Missed::default()), at(3), &members, &Place::default()),
            r#"{"type":"resumed","room":"t","complete":true,"messages":[],"seq":3,"change":2,"members":["Ann","李雷"],"member_count":2}"#
        );
        let missed = Missed { messages: vec![], changes: Some(vec!["{}".into()]) };
        assert!(
            resumed(None, "t", Ok(&missed), at(3), &members, &Place::default())
                .contains(r#""messages":[],"changes":[{}],"seq":3"#)
        );
        assert_eq!(
            resumed(None, "t", Err(&page), at(3), &members, &Place::default()),
            r#"{"type":"resumed","room":"t","complete":false,"messages":[{}],"more":true,"seq":3,"change":2,"members":["Ann","李雷"],"member_count":2}"#
        );
        assert_eq!(join("t", "Ann", 4), r#"{"type":"join","room":"t","from":"Ann","members":4}"#);
        assert_eq!(leave("t", "Ann", 3), r#"{"type":"leave","room":"t","from":"Ann","members":3}"#);
    }
}
