//! Why the server ends a connection by itself: the code and the reason of its close frame. Of those below 3500 clients are to
//! come back; with those from 3500 to 3999 they are to stay away until somebody wants them to come.

/// A reason that the chat has; those of the library are RFC 6455's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Farewell {
    /// A version of the server that does not know the connection.
    Unknown,
    /// The browser has another session since.
    Replaced,
    /// The name has become somebody's account.
    NameClaimed,
    /// The session was ended.
    SignedOut,
    /// An administrator wants it.
    Kicked,
    Banned,
}

impl Farewell {
    pub(crate) fn code(self) -> u16 {
        match self {
            Self::Unknown => 1011,
            Self::Replaced => 3001,
            Self::NameClaimed => 3002,
            Self::SignedOut => 3501,
            Self::Kicked => 3502,
            Self::Banned => 3503,
        }
    }

    pub(crate) fn reason(self) -> &'static str {
        match self {
            Self::Unknown => "come back",
            Self::Replaced => "you have signed in anew: come back",
            Self::NameClaimed => {
                "the name has become an account: come back, and sign in or take another name"
            }
            Self::SignedOut => "signed out",
            Self::Kicked => "removed by an administrator",
            Self::Banned => "banned by an administrator",
        }
    }
}
