//! What administrators ask for.

use super::json::Object;

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

pub(crate) fn guests(id: Option<&str>, are_allowed: bool) -> String {
    Object::of_type("guests").optional("id", id).boolean("allowed", are_allowed).finish()
}
