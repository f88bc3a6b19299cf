//! What workers ask the hub of people, and its answers, as bytes. Builds of different versions meet during a reload: a hub that
//! does not know calls drops them, for they begin as requests of another version (see [`wire`](crate::hub)), and who asked
//! waits in vain until its deadline.
//!
//! ```text
//! version u8, flags u8 (0), connection u64 (1), id (short text, empty)    as all that reaches the hub
//! key u64, kind u8, fields of the kind                                     a call
//! version u8, key u64, kind u8, fields of the kind                         an answer
//! ```

use std::net::{IpAddr, Ipv6Addr};

use super::{Profile, Role, TokenHash};
use crate::binary::{Input, Output};

/// No version that requests have.
pub(crate) const VERSION: u8 = 0x81;

/// A question. Each can be asked twice without harm: the second time it finds done what the first one did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    /// To come as a guest.
    Enter {
        name: String,
        agent: String,
        token: TokenHash,
        replaces: Option<TokenHash>,
        address: Option<IpAddr>,
        /// Of whoever comes by one.
        invitation: Option<TokenHash>,
    },
    /// An account's password, in order to verify one; it counts as an attempt.
    Account {
        name: String,
        address: Option<IpAddr>,
    },
    /// The same of whoever has this session.
    Own {
        token: TokenHash,
        address: Option<IpAddr>,
    },
    /// A session of an account whose password was verified against `password`.
    SignIn {
        person: i64,
        password: String,
        agent: String,
        token: TokenHash,
        replaces: Option<TokenHash>,
        address: Option<IpAddr>,
    },
    /// `before`: what the password was verified against; None: a guest's first one. `next`: the session's new token.
    SetPassword {
        token: TokenHash,
        before: Option<String>,
        password: String,
        next: TokenHash,
    },
    SignOut {
        token: TokenHash,
        everywhere: bool,
    },
    /// One's own session of this number is to end.
    EndSession {
        token: TokenHash,
        session: i64,
    },
}

/// What the hub says to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Done,
    Somebody(Profile),
    /// None: there is no such account, or it has no password.
    Account {
        profile: Option<Profile>,
        password: Option<String>,
    },
    /// As HTTP says it: the status, and the body.
    Refused {
        status: u16,
        retry_after_ms: u64,
        body: String,
    },
}

mod kind {
    pub(super) const ENTER: u8 = 0;
    pub(super) const ACCOUNT: u8 = 1;
    pub(super) const OWN: u8 = 2;
    pub(super) const SIGN_IN: u8 = 3;
    pub(super) const SET_PASSWORD: u8 = 4;
    pub(super) const SIGN_OUT: u8 = 5;
    /// To come by an invitation.
    pub(super) const ENTER_INVITED: u8 = 6;
    pub(super) const END_SESSION: u8 = 7;

    pub(super) const DONE: u8 = 0;
    pub(super) const SOMEBODY: u8 = 1;
    pub(super) const ACCOUNT_ANSWER: u8 = 2;
    pub(super) const REFUSED: u8 = 3;
}

/// Is it a call, and no request?
pub(crate) fn is_call(bytes: &[u8]) -> bool {
    bytes.first() == Some(&VERSION)
}

impl Call {
    pub(crate) fn encode(&self, key: u64) -> Vec<u8> {
        let mut out = Output::default();
        out.byte(VERSION);
        out.byte(0);
        out.number(1);
        out.short_text("");
        out.number(key);
        match self {
            Self::Enter { name, agent, token, replaces, address, invitation } => {
                out.byte(if invitation.is_some() { kind::ENTER_INVITED } else { kind::ENTER });
                out.short_text(name);
                out.short_text(agent);
                put_tokens(&mut out, Some(token), replaces.as_ref());
                put_address(&mut out, *address);
                if let Some(invitation) = invitation {
                    out.bytes(invitation.as_bytes());
                }
            }
            Self::Account { name, address } => {
                out.byte(kind::ACCOUNT);
                out.short_text(name);
                put_address(&mut out, *address);
            }
            Self::Own { token, address } => {
                out.byte(kind::OWN);
                put_tokens(&mut out, Some(token), None);
                put_address(&mut out, *address);
            }
            Self::SignIn { person, password, agent, token, replaces, address } => {
                out.byte(kind::SIGN_IN);
                out.number(person.cast_unsigned());
                out.short_text(password);
                out.short_text(agent);
                put_tokens(&mut out, Some(token), replaces.as_ref());
                put_address(&mut out, *address);
            }
            Self::SetPassword { token, before, password, next } => {
                out.byte(kind::SET_PASSWORD);
                put_tokens(&mut out, Some(token), Some(next));
                out.short_text(before.as_deref().unwrap_or_default());
                out.short_text(password);
            }
            Self::SignOut { token, everywhere } => {
                out.byte(kind::SIGN_OUT);
                put_tokens(&mut out, Some(token), None);
                out.byte(u8::from(*everywhere));
            }
            Self::EndSession { token, session } => {
                out.byte(kind::END_SESSION);
                put_tokens(&mut out, Some(token), None);
                out.number(session.cast_unsigned());
            }
        }
        out.finish()
    }

    /// The call and its key.
    pub(crate) fn decode(bytes: &[u8]) -> Option<(u64, Self)> {
        let mut input = Input::new(bytes);
        let (_version, _flags, _conn) = (input.byte()?, input.byte()?, input.number()?);
        input.short_text()?;
        let key = input.number()?;
        let call = match input.byte()? {
            kind @ (kind::ENTER | kind::ENTER_INVITED) => {
                let (name, agent) = (text(&mut input)?, text(&mut input)?);
                let (token, replaces) = tokens(&mut input)?;
                let address = address(&mut input)?;
                let invitation = match kind {
                    kind::ENTER => None,
                    _ => Some(TokenHash::from_bytes(input.bytes()?)?),
                };
                Self::Enter { name, agent, token: token?, replaces, address, invitation }
            }
            kind::ACCOUNT => Self::Account { name: text(&mut input)?, address: address(&mut input)? },
            kind::OWN => Self::Own { token: tokens(&mut input)?.0?, address: address(&mut input)? },
            kind::SIGN_IN => {
                let person = input.number()?.cast_signed();
                let (password, agent) = (text(&mut input)?, text(&mut input)?);
                let (token, replaces) = tokens(&mut input)?;
                let address = address(&mut input)?;
                Self::SignIn { person, password, agent, token: token?, replaces, address }
            }
            kind::SET_PASSWORD => {
                let (token, next) = tokens(&mut input)?;
                let before = Some(text(&mut input)?).filter(|before| !before.is_empty());
                Self::SetPassword { token: token?, before, password: text(&mut input)?, next: next? }
            }
            kind::END_SESSION => {
                Self::EndSession { token: tokens(&mut input)?.0?, session: input.number()?.cast_signed() }
            }
            kind::SIGN_OUT => Self::SignOut { token: tokens(&mut input)?.0?, everywhere: input.byte()? != 0 },
            _ => return None,
        };
        Some((key, call))
    }
}

impl Answer {
    pub(crate) fn encode(&self, key: u64) -> Vec<u8> {
        let mut out = Output::default();
        out.byte(VERSION);
        out.number(key);
        match self {
            Self::Done => out.byte(kind::DONE),
            Self::Somebody(profile) => {
                out.byte(kind::SOMEBODY);
                put_profile(&mut out, profile);
            }
            Self::Account { profile, password } => {
                out.byte(kind::ACCOUNT_ANSWER);
                out.short_text(password.as_deref().unwrap_or_default());
                if let Some(profile) = profile {
                    put_profile(&mut out, profile);
                }
            }
            Self::Refused { status, retry_after_ms, body } => {
                out.byte(kind::REFUSED);
                out.number((*status).into());
                out.number(*retry_after_ms);
                out.bytes(body.as_bytes());
            }
        }
        out.finish()
    }

    /// The answer, and the key of the call that it answers.
    pub(crate) fn decode(bytes: &[u8]) -> Option<(u64, Self)> {
        let mut input = Input::new(bytes);
        if input.byte()? != VERSION {
            return None;
        }
        let key = input.number()?;
        let answer = match input.byte()? {
            kind::DONE => Self::Done,
            kind::SOMEBODY => Self::Somebody(profile(&mut input)?),
            kind::ACCOUNT_ANSWER => {
                let password = Some(text(&mut input)?).filter(|password| !password.is_empty());
                Self::Account { password, profile: profile(&mut input) }
            }
            kind::REFUSED => Self::Refused {
                status: u16::try_from(input.number()?).ok()?,
                retry_after_ms: input.number()?,
                body: str::from_utf8(input.bytes()?).ok()?.to_owned(),
            },
            _ => return None,
        };
        Some((key, answer))
    }
}

fn text(input: &mut Input<'_>) -> Option<String> {
    input.short_text().map(str::to_owned)
}

fn put_tokens(out: &mut Output, one: Option<&TokenHash>, other: Option<&TokenHash>) {
    for token in [one, other] {
        out.bytes(token.map_or(&[], |token| token.as_bytes().as_slice()));
    }
}

fn tokens(input: &mut Input<'_>) -> Option<(Option<TokenHash>, Option<TokenHash>)> {
    Some((TokenHash::from_bytes(input.bytes()?), TokenHash::from_bytes(input.bytes()?)))
}

fn put_address(out: &mut Output, address: Option<IpAddr>) {
    match address {
        None => out.bytes(&[]),
        Some(IpAddr::V4(address)) => out.bytes(&address.to_ipv6_mapped().octets()),
        Some(IpAddr::V6(address)) => out.bytes(&address.octets()),
    }
}

fn address(input: &mut Input<'_>) -> Option<Option<IpAddr>> {
    let octets: Option<[u8; 16]> = input.bytes()?.try_into().ok();
    Some(octets.map(|octets| IpAddr::from(Ipv6Addr::from(octets)).to_canonical()))
}

fn put_profile(out: &mut Output, Profile { id, name, role }: &Profile) {
    out.number(id.cast_unsigned());
    out.short_text(name);
    out.short_text(role.as_str());
}

fn profile(input: &mut Input<'_>) -> Option<Profile> {
    let id = input.number()?.cast_signed();
    Some(Profile { id, name: text(input)?, role: Role::from_name(input.short_text()?) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::Token;

    fn token() -> TokenHash {
        Token::random().expect("random").hash()
    }

    fn calls() -> Vec<Call> {
        let address = Some("192.0.2.7".parse().expect("an address"));
        let (name, agent, password) = ("李雷".to_owned(), "Firefox".to_owned(), "$argon2id$…".to_owned());
        let enter = |invitation| {
            let (name, agent) = (name.clone(), agent.clone());
            Call::Enter { name, agent, token: token(), replaces: None, address, invitation }
        };
        vec![
            enter(None),
            enter(Some(token())),
            Call::Account { name, address: None },
            Call::Own { token: token(), address: Some("2001:db8::1".parse().expect("an address")) },
            Call::SignIn {
                person: 7,
                password: password.clone(),
                agent,
                token: token(),
                replaces: Some(token()),
                address,
            },
            Call::SetPassword { token: token(), before: None, password: password.clone(), next: token() },
            Call::SetPassword { token: token(), before: Some("old".into()), password, next: token() },
            Call::SignOut { token: token(), everywhere: true },
            Call::EndSession { token: token(), session: 7 },
        ]
    }

    #[test]
    fn calls_and_answers_survive_their_encoding_and_are_never_half_read() {
        for call in calls() {
            let bytes = call.encode(41);
            assert!(is_call(&bytes));
            for end in 0..bytes.len() {
                assert_eq!(Call::decode(&bytes[..end]), None, "{call:?}, the first {end} bytes");
            }
            assert_eq!(Call::decode(&bytes), Some((41, call)));
        }
        let profile = Profile { id: 3, name: "Ann".into(), role: Role::Admin };
        for answer in [
            Answer::Done,
            Answer::Somebody(profile.clone()),
            Answer::Account { profile: Some(profile), password: Some("x".into()) },
            Answer::Account { profile: None, password: None },
            Answer::Refused { status: 429, retry_after_ms: 1_500, body: "{}".into() },
        ] {
            let bytes = answer.encode(42);
            assert_eq!(Answer::decode(&bytes), Some((42, answer)));
            let _ = Answer::decode(&bytes[..bytes.len() - 1]);
        }
    }

    #[test]
    fn a_hub_that_knows_no_calls_drops_them() {
        use crate::hub::Command;
        for call in calls() {
            assert!(Command::decode(&call.encode(1).into(), 1).is_err());
        }
    }
}
