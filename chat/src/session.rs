//! What the server keeps with each connection: the session bytes that the library holds beside the socket. They outlive
//! every process that runs this code, so neither a handler nor the hub has state of a connection to lose.

use bytes::Bytes;

use crate::account::Login;
use crate::binary::{Input, Output};
use crate::limits::{ID_BYTES_MAX, NAME_BYTES_MAX, ROOMS_PER_CONNECTION_MAX, SESSION_BYTES_MAX};
use crate::ticket::Ticket;

/// The layout's version, its first byte. Fields are only ever added at the end, so that builds of one version
/// understand each other; bytes of another version are not understood.
const VERSION: u8 = 2;
const FLAG_V1: u8 = 1;
const FLAG_AWAY: u8 = 2;

/// Who is at the other end of a connection, and where. What the hub must know of a connection is here, so that another
/// hub can go on from it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Session {
    /// Asked for the subprotocol `switchboard.v1`.
    pub(crate) v1: bool,
    /// The name given in `connect`; empty before it.
    pub(crate) name: String,
    /// The client's stable key, by which resent messages are recognised: the client's own, or one that the server made.
    pub(crate) client: String,
    /// The last request that changed this, its effects on others included.
    pub(crate) changed_by: Ticket,
    /// The rooms that it is in, by their ids in the database.
    pub(crate) rooms: Vec<i64>,
    /// Who it is, if a cookie said so.
    pub(crate) login: Option<Login>,
    /// Nobody is at the keyboard.
    pub(crate) is_away: bool,
    /// Since when that is so, or the connection has a name, in milliseconds since 1970.
    pub(crate) since_ms: u64,
}

impl Session {
    /// Some 60 to 700 bytes.
    pub(crate) fn encode(&self) -> Bytes {
        let mut out = Output::default();
        out.byte(VERSION);
        let flag = |is_set, flag| if is_set { flag } else { 0 };
        out.byte(flag(self.v1, FLAG_V1) | flag(self.is_away, FLAG_AWAY));
        // The bounds on names (128 bytes) and keys (64) are below those of short texts.
        out.short_text(&self.name);
        out.short_text(&self.client);
        out.number(self.changed_by.origin);
        out.number(self.changed_by.number);
        let rooms = &self.rooms[..self.rooms.len().min(ROOMS_PER_CONNECTION_MAX)];
        out.byte(rooms.len() as u8);
        rooms.iter().for_each(|room| out.number(room.cast_unsigned()));
        // Numbers in the database begin with 1.
        let Login { session, person } = self.login.unwrap_or(Login { session: 0, person: 0 });
        out.number(session.cast_unsigned());
        out.number(person.cast_unsigned());
        out.number(self.since_ms);
        out.finish().into()
    }

    /// None if the bytes are of another version.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut input = Input::new(bytes);
        if input.byte()? != VERSION {
            return None;
        }
        let flags = input.byte()?;
        let (v1, is_away) = (flags & FLAG_V1 != 0, flags & FLAG_AWAY != 0);
        let name = input.short_text()?.to_owned();
        let client = input.short_text()?.to_owned();
        let changed_by = Ticket { origin: input.number()?, number: input.number()? };
        let count = usize::from(input.byte()?).min(ROOMS_PER_CONNECTION_MAX);
        let rooms = (0..count).map(|_| input.number().map(u64::cast_signed)).collect::<Option<_>>()?;
        // What an older build has not written: nobody.
        let mut number = || input.number().unwrap_or(0).cast_signed();
        let login = Some(Login { session: number(), person: number() }).filter(|login| login.session != 0);
        let since_ms = number().cast_unsigned();
        Some(Self { v1, name, client, changed_by, rooms, login, is_away, since_ms })
    }
}

const _: () = assert!(ROOMS_PER_CONNECTION_MAX <= u8::MAX as usize);
const _: () = assert!(
    NAME_BYTES_MAX + ID_BYTES_MAX + ROOMS_PER_CONNECTION_MAX * 8 + 45 <= SESSION_BYTES_MAX / 4 * 3,
    "a newer build finds room for more"
);

#[cfg(test)]
mod tests {
    use super::*;

    fn longest() -> Session {
        Session {
            v1: true,
            name: "𝄞".repeat(NAME_BYTES_MAX / 4),
            client: "x".repeat(ID_BYTES_MAX),
            changed_by: Ticket { origin: u64::MAX, number: 7 },
            rooms: (1..=ROOMS_PER_CONNECTION_MAX as i64).collect(),
            login: Some(Login { session: i64::MAX, person: 7 }),
            is_away: true,
            since_ms: u64::MAX,
        }
    }

    #[test]
    fn a_session_survives_its_encoding() {
        for session in [Session::default(), longest()] {
            let bytes = session.encode();
            assert!(bytes.len() <= SESSION_BYTES_MAX);
            assert_eq!(Session::decode(&bytes), Some(session));
        }
    }

    #[test]
    fn what_a_newer_build_adds_is_ignored() {
        let bytes = [&longest().encode()[..], b"and more"].concat();
        assert_eq!(Session::decode(&bytes), Some(longest()));
    }

    #[test]
    fn bytes_that_are_no_session_are_none() {
        let whole = longest().encode();
        let older = whole.len() - 24;
        for end in 0..older {
            assert_eq!(Session::decode(&whole[..end]), None, "the first {end} bytes");
        }
        assert_eq!(Session::decode(&whole[..older]), Some(Session { login: None, since_ms: 0, ..longest() }));
        for at in 0..whole.len() {
            let mut changed = whole.to_vec();
            changed[at] ^= 0xff;
            // Whatever it is: no panic.
            let _ = Session::decode(&changed);
        }
        assert_eq!(Session::decode(b"\x01\x01\0\0"), None, "another version");
    }
}
