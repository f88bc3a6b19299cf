//! What administrators ask for.

use super::json::Object;
use crate::account::Token;

/// An invitation that holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Invitation {
    pub(crate) number: i64,
    /// The name of who has made it.
    pub(crate) by: String,
    /// Milliseconds since 1970.
    pub(crate) until_ms: u64,
    /// So many more guests may come by it.
    pub(crate) uses: u64,
}

/// Something that is done to somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    /// May not write for a while.
    Mute,
    Unmute,
    /// Has to go, and may come back.
    Kick,
    /// Has to go, and may not come back.
    Ban,
    Unban,
}

impl Act {
    pub(crate) const ALL: [Self; 5] = [Self::Mute, Self::Unmute, Self::Kick, Self::Ban, Self::Unban];

    /// The type of its frame.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Mute => "mute",
            Self::Unmute => "unmute",
            Self::Kick => "kick",
            Self::Ban => "ban",
            Self::Unban => "unban",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|act| act.as_str() == name)
    }
}

/// The answer when it is done. `until_ms`: for a mute.
pub(crate) fn moderated(id: Option<&str>, act: Act, name: &str, until_ms: u64) -> String {
    let frame =
        Object::of_type("moderated").optional("id", id).string("act", act.as_str()).string("name", name);
    match act {
        Act::Mute => frame.number("until_ms", until_ms).finish(),
        _ => frame.finish(),
    }
}

/// The answer when somebody was called `name` and is called `to` now.
pub(crate) fn renamed(id: Option<&str>, name: &str, to: &str) -> String {
    Object::of_type("moderated")
        .optional("id", id)
        .string("act", "rename")
        .string("name", name)
        .string("to", to)
        .finish()
}

/// The answer to whoever has asked for an invitation: the only time that its token is told.
pub(crate) fn invitation(id: Option<&str>, token: &Token, invitation: &Invitation) -> String {
    Object::of_type("invitation")
        .optional("id", id)
        .number("number", invitation.number.cast_unsigned())
        .string("invitation", &token.to_text())
        .number("until_ms", invitation.until_ms)
        .number("uses", invitation.uses)
        .finish()
}

pub(crate) fn invitations(id: Option<&str>, invitations: &[Invitation]) -> String {
    let each = |Invitation { number, by, until_ms, uses }: &Invitation| {
        let number = Object::nested().number("number", number.cast_unsigned());
        number.string("by", by).number("until_ms", *until_ms).number("uses", *uses).finish()
    };
    let list: Vec<_> = invitations.iter().map(each).collect();
    let list = format!("[{}]", list.join(","));
    Object::of_type("invitations").optional("id", id).raw("invitations", &list).finish()
}

pub(crate) fn revoked(id: Option<&str>, number: i64) -> String {
    Object::of_type("revoked").optional("id", id).number("number", number.cast_unsigned()).finish()
}

pub(crate) fn guests(id: Option<&str>, are_allowed: bool) -> String {
    Object::of_type("guests").optional("id", id).boolean("allowed", are_allowed).finish()
}
