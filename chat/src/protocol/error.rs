//! What a client is told when a request cannot be carried out: a code for programs, a sentence for people.

use std::borrow::Cow;
use std::time::Duration;

use super::json::Object;
use crate::limits::{CONNECT_KNOWN_WITHIN_MS, INVITATIONS_MAX};

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
    NameTaken,
    BadRoom,
    RoomExists,
    NoSuchRoom,
    NoSuchMessage,
    TooSlow,
    NotYours,
    TooManyReactions,
    NotJoined,
    NotConnected,
    TooManyRooms,
    BadFrame,
    RateLimited,
    NameClaimed,
    BadPassword,
    WrongPassword,
    NotSignedIn,
    AccountsFull,
    BadRequest,
    NotAllowed,
    NoSuchPerson,
    Muted,
    Banned,
    GuestsClosed,
    BadInvitation,
    TooManyInvitations,
    NoSuchSession,
    Archived,
    RoomFull,
    UnopenedInvitations,
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
            Self::NameTaken => "name_taken",
            Self::BadRoom => "bad_room",
            Self::RoomExists => "room_exists",
            Self::NoSuchRoom => "no_such_room",
            Self::NoSuchMessage => "no_such_message",
            Self::TooSlow => "too_slow",
            Self::NotYours => "not_yours",
            Self::TooManyReactions => "too_many_reactions",
            Self::NotJoined => "not_joined",
            Self::NotConnected => "not_connected",
            Self::TooManyRooms => "too_many_rooms",
            Self::BadFrame => "bad_frame",
            Self::RateLimited => "rate_limited",
            Self::NameClaimed => "name_claimed",
            Self::BadPassword => "bad_password",
            Self::WrongPassword => "wrong_password",
            Self::NotSignedIn => "not_signed_in",
            Self::AccountsFull => "accounts_full",
            Self::BadRequest => "bad_request",
            Self::NotAllowed => "not_allowed",
            Self::NoSuchPerson => "no_such_person",
            Self::Muted => "muted",
            Self::Banned => "banned",
            Self::GuestsClosed => "guests_closed",
            Self::BadInvitation => "bad_invitation",
            Self::TooManyInvitations => "too_many_invitations",
            Self::NoSuchSession => "no_such_session",
            Self::Archived => "archived",
            Self::RoomFull => "room_full",
            Self::UnopenedInvitations => "unopened_invitations",
            Self::Busy => "busy",
            Self::Internal => "internal",
        }
    }

    /// The status with which HTTP says it.
    pub(crate) fn status(self) -> u16 {
        match self {
            Self::WrongPassword | Self::NotSignedIn => 401,
            Self::Banned | Self::GuestsClosed | Self::BadInvitation => 403,
            Self::NoSuchSession => 404,
            Self::NameTaken | Self::NameClaimed => 409,
            Self::RateLimited => 429,
            Self::Busy | Self::AccountsFull => 503,
            Self::Internal => 500,
            _ => 400,
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
    pub(crate) room: Option<Box<str>>,
    /// The name that somebody else has.
    pub(crate) name: Option<Box<str>>,
    /// Until when it is so, in milliseconds since 1970.
    pub(crate) until_ms: Option<u64>,
    /// Milliseconds after which the same may be asked again.
    pub(crate) retry_after_ms: Option<u64>,
}

impl Refusal {
    pub(crate) fn new(code: Code, sentence: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code,
            sentence: sentence.into(),
            id: None,
            room: None,
            name: None,
            until_ms: None,
            retry_after_ms: None,
        }
    }

    pub(crate) fn id(mut self, id: Option<String>) -> Self {
        self.id = id;
        self
    }

    pub(crate) fn room(mut self, room: impl Into<String>) -> Self {
        self.room = Some(room.into().into());
        self
    }

    /// `original`: who could be taken for whoever asks.
    pub(crate) fn name_taken(original: String) -> Self {
        let sentence = format!(
            "Somebody here is called \"{original}\", which looks the same. Choose another name; if that one is yours, write it exactly so."
        );
        Self { name: Some(original.into()), ..Self::new(Code::NameTaken, sentence) }
    }

    /// The name is an account's, and whoever asks has not signed in to it.
    pub(crate) fn name_claimed() -> Self {
        let sentence = "This name is an account's. Sign in to it if it is yours, or choose another name.";
        Self::new(Code::NameClaimed, sentence)
    }

    pub(crate) fn guests_closed() -> Self {
        let sentence =
            "Guests cannot come in here at present. Sign in to an account, or come by an invitation.";
        Self::new(Code::GuestsClosed, sentence)
    }

    /// There is none of this token, or it has been used up, or has ended.
    pub(crate) fn bad_invitation() -> Self {
        let sentence = "This invitation does not hold: it has ended, was used as often as it could be, or is not whole. Ask for another one, or sign in to an account.";
        Self::new(Code::BadInvitation, sentence)
    }

    pub(crate) fn too_many_invitations() -> Self {
        let sentence = format!("{INVITATIONS_MAX} invitations hold at present. `revoke` one of them first.");
        Self::new(Code::TooManyInvitations, sentence)
    }

    /// None of one's own has this number.
    pub(crate) fn no_such_session() -> Self {
        let sentence =
            "None of your sessions has this number; it may have ended already. `GET /sessions` lists them.";
        Self::new(Code::NoSuchSession, sentence)
    }

    pub(crate) fn muted(until_ms: u64) -> Self {
        let sentence = "An administrator has asked you to be silent for a while. You can read along.";
        Self { until_ms: Some(until_ms), ..Self::new(Code::Muted, sentence) }
    }

    pub(crate) fn banned() -> Self {
        Self::new(Code::Banned, "An administrator has banned this account.")
    }

    pub(crate) fn not_signed_in() -> Self {
        let sentence = "Nobody has this session, or it has ended. Come in again, with POST /session.";
        Self::new(Code::NotSignedIn, sentence)
    }

    /// For what only somebody who is known can ask.
    pub(crate) fn needs_session() -> Self {
        let sentence = "This is for people with a session alone. Come in with POST /session, and connect with its cookie.";
        Self::new(Code::NotSignedIn, sentence)
    }

    /// Something that may be done so many times within some time only; `what` as in `writing messages`.
    pub(crate) fn rate_limited(what: &str, wait: Duration) -> Self {
        let seconds = wait.as_millis().div_ceil(1_000).max(1);
        let unit = if seconds == 1 { "second" } else { "seconds" };
        let sentence =
            format!("You are {what} faster than the server allows. Try again in {seconds} {unit}.");
        let retry_after_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).max(1);
        Self { retry_after_ms: Some(retry_after_ms), ..Self::new(Code::RateLimited, sentence) }
    }

    pub(crate) fn no_such_room() -> Self {
        Self::new(Code::NoSuchRoom, "There is no such room. Ask for the `rooms` there are, or `create` it.")
    }

    /// It was never written, or it is deleted.
    pub(crate) fn no_such_message() -> Self {
        Self::new(Code::NoSuchMessage, "There is no such message in this room, or it has been deleted.")
    }

    /// A cursor that no search has given, or of a room that can be read no more.
    pub(crate) fn bad_cursor() -> Self {
        let sentence = "`cursor` must be the one of the answer before this request. Search anew without it.";
        Self::new(Code::BadValue, sentence)
    }

    /// A search that has found nothing within its time.
    pub(crate) fn too_slow() -> Self {
        let sentence = "This takes too long to search for. Say in which `room`, `from` whom, or `after` and `before` which time.";
        Self::new(Code::TooSlow, sentence)
    }

    /// More requests than the server can carry out; nothing was done.
    pub(crate) fn busy() -> Self {
        Self::new(
            Code::Busy,
            "The server has more requests than it can carry out. Try again in a few seconds.",
        )
    }

    /// Something that is done where it was not known yet that the client has connected; it will be in a moment.
    pub(crate) fn not_yet() -> Self {
        Self { retry_after_ms: Some(CONNECT_KNOWN_WITHIN_MS), ..Self::busy() }
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
            .optional("name", self.name.as_deref())
            .optional_number("until_ms", self.until_ms)
            .optional_number("retry_after_ms", self.retry_after_ms)
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
