//! What stands around a payload on the wire, and what is said before the first one.

use anyhow::{Result, bail};
use clap::ValueEnum;

use super::payload::PAYLOAD_BYTES_MIN;

/// What the keys of the rooms begin with in which people of the chat meet; they are told apart by a number.
const ROOM: &str = "bench-";

/// What follows the text in an event of such a room.
const IN_ROOM: &[u8] = br#"","room":"bench-"#;

/// How the server wants to be spoken to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Dialect {
    /// A message is a payload.
    #[default]
    Plain,
    /// Socket.IO over Engine.IO 4: events named `message`.
    SocketIo,
    /// The chat's `switchboard.v1`: everybody has a name, is in one of the rooms, and posts messages there.
    Chat,
}

/// A message as it goes to the server.
#[derive(Debug)]
pub(super) struct Envelope {
    pub(super) before: Vec<u8>,
    pub(super) after: &'static [u8],
    /// Where else the payload's stamp stands in `before`.
    pub(super) stamp_offset: Option<usize>,
}

/// What a message of the server means.
#[derive(Debug, PartialEq, Eq)]
pub enum Heard<'a> {
    /// Somebody's payload, or what ought to be one.
    Payload(&'a [u8]),
    /// The connection has been let in.
    Welcome,
    /// Something about others.
    News,
}

impl Dialect {
    /// The request's target and subprotocol.
    pub(super) fn request(self) -> (&'static str, Option<&'static str>) {
        match self {
            Self::Plain => ("/", None),
            Self::SocketIo => ("/socket.io/?EIO=4&transport=websocket", None),
            Self::Chat => ("/", Some("switchboard.v1")),
        }
    }

    /// What connection `index` says first, if it has to ask to be let in. The first one of each of the `rooms` does so before all
    /// others.
    pub(super) fn greeting(self, index: usize, rooms: usize) -> Vec<String> {
        match self {
            Self::Plain => Vec::new(),
            Self::SocketIo => vec!["40".into()],
            Self::Chat => {
                let connect = format!(r#"{{"type":"connect","text":"bench-{index}"}}"#);
                let room = index % rooms;
                let create = format!(r#"{{"type":"create","room":"{ROOM}{room}"}}"#);
                let join = format!(r#"{{"type":"join","room":"{ROOM}{room}"}}"#);
                if index < rooms { vec![connect, create, join] } else { vec![connect, join] }
            }
        }
    }

    pub(super) fn envelope(self, room: usize) -> Envelope {
        let (before, after): (String, &[u8]) = match self {
            Self::Plain => (String::new(), b""),
            Self::SocketIo => (r#"42["message",""#.into(), br#""]"#),
            Self::Chat => {
                let id = "@".repeat(PAYLOAD_BYTES_MIN);
                (format!(r#"{{"type":"message","room":"{ROOM}{room}","id":"{id}","text":""#), br#""}"#)
            }
        };
        let stamp_offset = before.find("@@@@");
        Envelope { before: before.into_bytes(), after, stamp_offset }
    }

    /// # Errors
    /// The server refuses something.
    #[inline]
    pub fn understand(self, message: &[u8]) -> Result<Heard<'_>> {
        match self {
            Self::Plain => Ok(Heard::Payload(message)),
            Self::SocketIo => Ok(Heard::of_socket_io(message)),
            Self::Chat => Heard::of_chat(message),
        }
    }
}

impl<'a> Heard<'a> {
    fn of_socket_io(message: &'a [u8]) -> Self {
        match message {
            // The server's part of Engine.IO's handshake.
            [b'0', ..] => Self::News,
            [b'4', b'0', ..] => Self::Welcome,
            _ => {
                let payload =
                    message.strip_prefix(br#"42["message",""#).and_then(|rest| rest.strip_suffix(br#""]"#));
                Self::Payload(payload.unwrap_or(message))
            }
        }
    }

    /// An event's first key is its type; a payload has no quotation mark in it.
    fn of_chat(message: &'a [u8]) -> Result<Self> {
        if let Some(rest) = message.strip_prefix(br#"{"type":"message","data":""#) {
            let end = rest.iter().position(|&byte| byte == b'"').unwrap_or(rest.len());
            let (payload, after) = rest.split_at(end);
            return Ok(Self::Payload(if after.starts_with(IN_ROOM) { payload } else { message }));
        }
        if message.starts_with(br#"{"type":"joined""#) {
            return Ok(Self::Welcome);
        }
        let error = message.starts_with(br#"{"type":"error""#);
        // The room is there from the run before.
        if error && !message.starts_with(br#"{"type":"error","code":"room_exists""#) {
            bail!("the chat refuses: {}", String::from_utf8_lossy(message));
        }
        Ok(Self::News)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_is_found_in_what_a_server_makes_of_a_message() {
        assert_eq!(Dialect::Plain.understand(b"@@A").unwrap(), Heard::Payload(b"@@A"));
        assert_eq!(Dialect::SocketIo.understand(br#"42["message","@@A"]"#).unwrap(), Heard::Payload(b"@@A"));
        let event =
            br#"{"type":"message","data":"@@A","room":"bench-0","seq":7,"from":"bench-0","ts":1,"id":"x"}"#;
        assert_eq!(Dialect::Chat.understand(event).unwrap(), Heard::Payload(b"@@A"));
    }

    #[test]
    fn what_is_no_payload_is_told_from_it() {
        assert_eq!(Dialect::SocketIo.understand(br#"0{"sid":"x"}"#).unwrap(), Heard::News);
        assert_eq!(Dialect::SocketIo.understand(br#"40{"sid":"x"}"#).unwrap(), Heard::Welcome);
        assert_eq!(Dialect::Chat.understand(br#"{"type":"joined","room":"bench"}"#).unwrap(), Heard::Welcome);
        assert_eq!(Dialect::Chat.understand(br#"{"type":"connect","data":"hi"}"#).unwrap(), Heard::News);
        assert!(Dialect::Chat.understand(br#"{"type":"error","code":"busy"}"#).is_err());
    }

    #[test]
    fn a_message_of_another_room_is_no_payload() {
        let event = br#"{"type":"message","data":"@@A","room":"lobby","seq":7}"#;
        assert_eq!(Dialect::Chat.understand(event).unwrap(), Heard::Payload(event));
    }
}
