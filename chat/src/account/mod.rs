//! Who people are: what proves it, and how a worker asks the hub, which alone writes it down.

pub(crate) mod call;
pub(crate) mod desk;
pub(crate) mod password;
mod token;

pub(crate) use token::{Token, TokenHash};

/// What somebody may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Has no password: known as long as the browser keeps its cookie.
    Guest,
    /// Has an account.
    Member,
    /// Has an account, and keeps order.
    Admin,
}

impl Role {
    pub(crate) const ALL: [Self; 3] = [Self::Guest, Self::Member, Self::Admin];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Guest => "guest",
            Self::Member => "member",
            Self::Admin => "admin",
        }
    }

    /// What is no name of a role has no rights.
    pub(crate) fn from_name(name: &str) -> Self {
        Self::ALL.into_iter().find(|role| role.as_str() == name).unwrap_or(Self::Guest)
    }
}

/// A person as the database knows them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) role: Role,
    /// In milliseconds since 1970; in the past: may write.
    pub(crate) muted_until_ms: u64,
    pub(crate) is_banned: bool,
    /// A hash of it (a PHC string); None: a guest.
    pub(crate) password: Option<String>,
}

/// The session by which a connection, or a request, is somebody's: the numbers of both in the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Login {
    pub(crate) session: i64,
    pub(crate) person: i64,
}

/// A session, as its person is told of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stay {
    pub(crate) number: i64,
    /// What the browser called itself when it came.
    pub(crate) agent: String,
    /// Milliseconds since 1970.
    pub(crate) created_ms: u64,
    /// When it was noted last that it is in use.
    pub(crate) used_ms: u64,
}

/// What a client is told of a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Profile {
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) role: Role,
}

impl From<&Identity> for Profile {
    fn from(identity: &Identity) -> Self {
        Self { id: identity.id, name: identity.name.clone(), role: identity.role }
    }
}
