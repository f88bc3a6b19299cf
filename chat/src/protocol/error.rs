//! What a client is told when a request cannot be carried out: a code for programs, a sentence for people.

use std::borrow::Cow;

use super::json::Object;

/// The codes of the `error` frame. They are part of the protocol: none changes its meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Code {
    BadJson,
    NoType,
    UnknownType,
    BadValue,
    EmptyText,
    TextTooLong,
    BadName,
    NameTooLong,
    BadRoom,
    RoomExists,
    NoSuchRoom,
    NotJoined,
    NotConnected,
    TooManyRooms,
    BadFrame,
    Busy,
    Internal,
}

impl Code {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::BadJson => "bad_json",
            Self::NoType => "no_type",
            Self::UnknownType => "unknown_type",
            Self::BadValue => "bad_value",
            Self::EmptyText => "empty_text",
            Self::TextTooLong => "text_too_long",
            Self::BadName => "bad_name",
            Self::NameTooLong => "name_too_long",
            Self::BadRoom => "bad_room",
            Self::RoomExists => "room_exists",
            Self::NoSuchRoom => "no_such_room",
            Self::NotJoined => "not_joined",
            Self::NotConnected => "not_connected",
            Self::TooManyRooms => "too_many_rooms",
            Self::BadFrame => "bad_frame",
            Self::Busy => "busy",
            Self::Internal => "internal",
        }
    }
}

/// A request that was refused. The connection stays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) code: Code,
    /// Says what was wrong and what to do about it.
    pub(crate) sentence: Cow<'static, str>,
    /// The `id` of the request, if it had one.
    pub(crate) id: Option<String>,
    /// The room that the refusal concerns.
    pub(crate) room: Option<String>,
}

impl Refusal {
    pub(crate) fn new(code: Code, sentence: impl Into<Cow<'static, str>>) -> Self {
        Self { code, sentence: sentence.into(), id: None, room: None }
    }

    pub(crate) fn id(mut self, id: Option<String>) -> Self {
        self.id = id;
        self
    }

    pub(crate) fn room(mut self, room: impl Into<String>) -> Self {
        self.room = Some(room.into());
        self
    }

    pub(crate) fn no_such_room() -> Self {
        Self::new(Code::NoSuchRoom, "There is no such room. Ask for the `rooms` there are, or `create` it.")
    }

    /// More requests than the server can carry out; nothing was done.
    pub(crate) fn busy() -> Self {
        Self::new(
            Code::Busy,
            "The server has more requests than it can carry out. Try again in a few seconds.",
        )
    }

    /// The fault is the server's; its log says more.
    pub(crate) fn internal() -> Self {
        Self::new(
            Code::Internal,
            "The server could not read or write its database; nothing was stored. Try again later, and tell whoever runs the server.",
        )
    }

    /// The `error` frame.
    pub(crate) fn to_json(&self) -> String {
        Object::of_type("error")
            .string("code", self.code.as_str())
            .string("data", &self.sentence)
            .optional("id", self.id.as_deref())
            .optional("room", self.room.as_deref())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_carries_code_sentence_id_and_room() {
        let refusal = Refusal::new(Code::NoSuchRoom, "There is no \"x\".").id(Some("7".into())).room("x");
        assert_eq!(
            refusal.to_json(),
            r#"{"type":"error","code":"no_such_room","data":"There is no \"x\".","id":"7","room":"x"}"#
        );
    }
}
