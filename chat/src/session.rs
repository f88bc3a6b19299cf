//! What the server keeps with each connection: the session bytes that the library holds beside the socket. Nothing
//! else about a connection is known outside the hub, so a handler has no state of its own to lose.

use bytes::Bytes;

/// The layout's version, its first byte: whoever reads bytes of another version treats the client as a new one.
const VERSION: u8 = 1;
const FLAG_V1: u8 = 1;

/// Who is at the other end of a connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Session {
    /// Asked for the subprotocol `switchboard.v1`.
    pub(crate) v1: bool,
    /// The name given in `connect`; empty before it.
    pub(crate) name: String,
    /// The client's stable key, by which resent messages are recognised; empty if there is none yet.
    pub(crate) client: String,
}

impl Session {
    /// Some 10 to 200 bytes, within the library's bound on sessions.
    pub(crate) fn encode(&self) -> Bytes {
        let mut out = Vec::with_capacity(4 + self.name.len() + self.client.len());
        out.push(VERSION);
        out.push(if self.v1 { FLAG_V1 } else { 0 });
        for text in [&self.name, &self.client] {
            // The bounds on names (128 bytes) and keys (64) are below one byte's 255.
            let text = &text[..text.floor_char_boundary(usize::from(u8::MAX))];
            out.push(text.len() as u8);
            out.extend_from_slice(text.as_bytes());
        }
        out.into()
    }

    /// The default, a plain client without a name, for bytes of another version.
    pub(crate) fn decode(bytes: &[u8]) -> Self {
        Self::read(bytes).unwrap_or_default()
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let [VERSION, flags, rest @ ..] = bytes else { return None };
        let (name, rest) = read_text(rest)?;
        let (client, _) = read_text(rest)?;
        Some(Self { v1: flags & FLAG_V1 != 0, name, client })
    }
}

fn read_text(bytes: &[u8]) -> Option<(String, &[u8])> {
    let (&len, rest) = bytes.split_first()?;
    let (text, rest) = rest.split_at_checked(usize::from(len))?;
    Some((str::from_utf8(text).ok()?.to_owned(), rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::{ID_BYTES_MAX, NAME_CHARS_MAX};

    #[test]
    fn a_session_survives_its_encoding() {
        let longest =
            Session { v1: true, name: "𝄞".repeat(NAME_CHARS_MAX), client: "x".repeat(ID_BYTES_MAX) };
        for session in [Session::default(), longest] {
            assert_eq!(Session::decode(&session.encode()), session);
        }
    }

    #[test]
    fn bytes_that_are_no_session_are_a_plain_client() {
        for bytes in [&b""[..], b"\x02\x01\0\0", b"\x01\x01\xff", b"\x01\x01\x01\xff\0"] {
            assert_eq!(Session::decode(bytes), Session::default());
        }
    }
}
