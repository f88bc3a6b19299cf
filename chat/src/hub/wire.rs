//! What workers send to the hub, as bytes. Builds of different versions meet during a reload, so a request begins with
//! what every version understands: enough to tell the client that it was not understood.
//!
//! ```text
//! version u8, flags u8, connection u64, id of the request (short text, empty: none)    in every version
//! ticket 2 × u64, session (bytes), kind u8, fields of the kind                         in version 1
//! ```

mod conversation;
mod order;

use std::hash::{DefaultHasher, Hasher as _};

use bytes::Bytes;
use switchboard::ConnectionId;

use super::refuse::Unreadable;
use super::{Command, What};
use crate::binary::{Input, Output};
use crate::limits::ROOM_BYTES_MAX;
use crate::protocol::moderation::Act;
use crate::protocol::request::{Known, PagePosition, Search};
use crate::protocol::{Envelope, Request};
use crate::ticket::Ticket;

const VERSION: u8 = 1;
/// A client waits for an answer.
const FLAG_ASKED: u8 = 1;
/// The worker was not the first to be given the event.
const FLAG_REPEATED: u8 = 2;
/// Stands for a number that was left out; no client can send one so large.
const NO_POSITION: u64 = u64::MAX;

// A key that is too long for any room is cut, but stays too long for any room.
const _: () = assert!(ROOM_BYTES_MAX + 4 <= u8::MAX as usize);

mod kind {
    pub(super) const OPENED: u8 = 0;
    pub(super) const CLOSED: u8 = 1;
    pub(super) const CONNECT: u8 = 2;
    pub(super) const MESSAGE: u8 = 3;
    pub(super) const JOIN: u8 = 4;
    pub(super) const LEAVE: u8 = 5;
    pub(super) const CREATE: u8 = 6;
    pub(super) const ROOMS: u8 = 7;
    pub(super) const HISTORY: u8 = 8;
    pub(super) const RESUME: u8 = 9;
    pub(super) const WHO: u8 = 10;
    pub(super) const REPLY: u8 = 11;
    pub(super) const EDIT: u8 = 12;
    pub(super) const DELETE: u8 = 13;
    pub(super) const REACT: u8 = 14;
    /// A `resume` that has the last change of each room, too.
    pub(super) const RESUME_CHANGES: u8 = 15;
    // 16 to 31 belong to messages.
    pub(super) const AWAY: u8 = 32;
    pub(super) const GUESTS: u8 = 33;
    pub(super) const MODERATE: u8 = 34;
    // 60 to 79 belong to history and search.
    /// A search that came before its worker knew that its client has connected; without fields.
    pub(super) const SEARCH: u8 = 60;
    pub(super) const HISTORY_AFTER: u8 = 61;
    pub(super) const HISTORY_AT: u8 = 62;

    /// Does this version of the program write it?
    pub(super) fn is_known(kind: u8) -> bool {
        kind <= RESUME_CHANGES
            || (AWAY..=MODERATE).contains(&kind)
            || (SEARCH..=HISTORY_AT).contains(&kind)
            || super::conversation::is_known(kind)
            || super::order::is_known(kind)
    }
}

impl Command {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let (asked, id) = match &self.what {
            What::Asked { envelope, .. } => (FLAG_ASKED, envelope.id.as_deref().unwrap_or_default()),
            What::Opened | What::Closed => (0, ""),
        };
        let mut out = Output::default();
        out.byte(VERSION);
        out.byte(asked | if self.repeated { FLAG_REPEATED } else { 0 });
        out.number(self.conn.get());
        out.short_text(id);
        out.number(self.ticket.origin);
        out.number(self.ticket.number);
        out.bytes(&self.session);
        match &self.what {
            What::Opened => out.byte(kind::OPENED),
            What::Closed => out.byte(kind::CLOSED),
            What::Asked { envelope, .. } => put_request(&mut out, &envelope.request),
        }
        out.finish()
    }

    /// `attempt`: how often somebody has been given these bytes.
    pub(crate) fn decode(bytes: &Bytes, attempt: u32) -> Result<Self, Unreadable> {
        let mut input = Input::new(bytes);
        let Head { version, flags, conn, id } = Head::read(&mut input).ok_or(Unreadable::Broken)?;
        let foreign = |id| match flags & FLAG_ASKED {
            0 => Unreadable::Foreign,
            _ => Unreadable::ForeignRequest { conn, id },
        };
        if version != VERSION {
            return Err(foreign(id));
        }
        let repeated = flags & FLAG_REPEATED != 0;
        let (ticket, session) = ticket_and_session(&mut input).ok_or(Unreadable::Broken)?;
        let session = bytes.slice_ref(session);
        let kind_and_fields = input.rest();
        let kind = input.byte().ok_or(Unreadable::Broken)?;
        let what = match kind {
            kind::OPENED => What::Opened,
            kind::CLOSED => What::Closed,
            kind if !kind::is_known(kind) => return Err(foreign(id)),
            kind => {
                let request = request(kind, &mut input).ok_or(Unreadable::Broken)?;
                let fingerprint = fingerprint(id.as_deref(), order::as_asked(kind, kind_and_fields));
                What::Asked { envelope: Envelope { id, request }, fingerprint }
            }
        };
        Ok(Self { conn, ticket, attempt, repeated, session, what })
    }
}

/// What every version begins with.
struct Head {
    version: u8,
    flags: u8,
    conn: ConnectionId,
    id: Option<String>,
}

impl Head {
    fn read(input: &mut Input<'_>) -> Option<Self> {
        let (version, flags) = (input.byte()?, input.byte()?);
        let conn = ConnectionId::new(input.number()?)?;
        let id = Some(input.short_text()?).filter(|id| !id.is_empty()).map(str::to_owned);
        Some(Self { version, flags, conn, id })
    }
}

fn ticket_and_session<'a>(input: &mut Input<'a>) -> Option<(Ticket, &'a [u8])> {
    let ticket = Ticket { origin: input.number()?, number: input.number()? };
    Some((ticket, input.bytes()?))
}

/// Tells whether two requests of one connection are the same, word for word.
fn fingerprint(id: Option<&str>, kind_and_fields: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(id.unwrap_or_default().as_bytes());
    hasher.write_u8(0xff);
    hasher.write(kind_and_fields);
    hasher.finish()
}

fn put_request(out: &mut Output, request: &Request) {
    match request {
        Request::Connect { name, client } => {
            out.byte(kind::CONNECT);
            out.short_text(name.as_deref().unwrap_or_default());
            out.short_text(client.as_deref().unwrap_or_default());
        }
        Request::Message { room, text, reply_to: None } => {
            put_room(out, kind::MESSAGE, room);
            out.bytes(text.as_bytes());
        }
        Request::Message { room, text, reply_to: Some(seq) } => {
            put_place(out, kind::REPLY, room, *seq);
            out.bytes(text.as_bytes());
        }
        Request::Edit { room, seq, text } => {
            put_place(out, kind::EDIT, room, *seq);
            out.bytes(text.as_bytes());
        }
        Request::Delete { room, seq } => put_place(out, kind::DELETE, room, *seq),
        Request::React { room, seq, emoji, on } => {
            put_place(out, kind::REACT, room, *seq);
            out.short_text(emoji);
            out.byte(u8::from(*on));
        }
        Request::Join { room } => put_room(out, kind::JOIN, room),
        Request::Leave { room } => put_room(out, kind::LEAVE, room),
        Request::Who { room } => put_room(out, kind::WHO, room),
        Request::Create { title, key, topic, is_private } if *is_private || !topic.is_empty() => {
            conversation::put_create(out, (title, key), topic, *is_private);
        }
        Request::Create { title, key, .. } => {
            put_room(out, kind::CREATE, title);
            out.short_text(key);
        }
        Request::Rooms => out.byte(kind::ROOMS),
        Request::Conversation(request) => conversation::put(out, request),
        Request::Order(request) => order::put(out, request),
        Request::Guests { are_allowed } => {
            out.byte(kind::GUESTS);
            out.byte(u8::from(*are_allowed));
        }
        Request::Moderate { act, name, minutes } => {
            out.byte(kind::MODERATE);
            out.short_text(act.as_str());
            out.short_text(name);
            out.number(*minutes);
        }
        Request::Away { is_away } => {
            out.byte(kind::AWAY);
            out.byte(u8::from(*is_away));
        }
        Request::History { room, place, limit } => put_history(out, room, *place, *limit),
        Request::Search(_) => out.byte(kind::SEARCH),
        Request::Resume { rooms } => put_resume(out, rooms),
    }
}

fn put_history(out: &mut Output, room: &str, place: PagePosition, limit: usize) {
    match place {
        PagePosition::Before(seq) => put_place(out, kind::HISTORY, room, seq),
        PagePosition::After(seq) => put_place(out, kind::HISTORY_AFTER, room, seq),
        PagePosition::At(ms) => put_place(out, kind::HISTORY_AT, room, ms),
    }
    out.number(limit as u64);
}

fn put_resume(out: &mut Output, rooms: &[(String, Known)]) {
    let follows = rooms.iter().any(|(_, known)| known.change.is_some());
    out.byte(if follows { kind::RESUME_CHANGES } else { kind::RESUME });
    out.byte(rooms.len() as u8);
    for (room, known) in rooms {
        out.short_text(room);
        out.number(known.seq);
        if follows {
            out.number(known.change.unwrap_or(NO_POSITION));
        }
    }
}

fn put_place(out: &mut Output, kind: u8, room: &str, seq: u64) {
    put_room(out, kind, room);
    out.number(seq);
}

fn put_room(out: &mut Output, kind: u8, room: &str) {
    out.byte(kind);
    out.short_text(room);
}

fn request(kind: u8, input: &mut Input<'_>) -> Option<Request> {
    let mut text = || input.short_text().map(str::to_owned);
    Some(match kind {
        kind::CONNECT => {
            let mut optional = || Some(text()?).map(|text| Some(text).filter(|text| !text.is_empty()));
            Request::Connect { name: optional()?, client: optional()? }
        }
        kind::MESSAGE => {
            let room = text()?;
            Request::Message { room, text: long_text(input)?, reply_to: None }
        }
        kind::REPLY => {
            let (room, reply_to) = (text()?, Some(input.number()?));
            Request::Message { room, text: long_text(input)?, reply_to }
        }
        kind::EDIT => {
            let (room, seq) = (text()?, input.number()?);
            Request::Edit { room, seq, text: long_text(input)? }
        }
        kind::DELETE => Request::Delete { room: text()?, seq: input.number()? },
        kind::REACT => Request::React {
            room: text()?,
            seq: input.number()?,
            emoji: input.short_text()?.to_owned(),
            on: input.byte()? != 0,
        },
        kind::JOIN => Request::Join { room: text()? },
        kind::LEAVE => Request::Leave { room: text()? },
        kind::WHO => Request::Who { room: text()? },
        kind::CREATE => {
            Request::Create { title: text()?, key: text()?, topic: String::new(), is_private: false }
        }
        kind::GUESTS => Request::Guests { are_allowed: input.byte()? != 0 },
        kind::MODERATE => {
            let act = Act::from_name(&text()?)?;
            Request::Moderate { act, name: text()?, minutes: input.number()? }
        }
        kind::AWAY => Request::Away { is_away: input.byte()? != 0 },
        kind::ROOMS => Request::Rooms,
        kind::HISTORY => history(input, PagePosition::Before)?,
        kind::HISTORY_AFTER => history(input, PagePosition::After)?,
        kind::HISTORY_AT => history(input, PagePosition::At)?,
        kind::SEARCH => Request::Search(Box::<Search>::default()),
        kind::RESUME | kind::RESUME_CHANGES => Request::Resume { rooms: resumed(kind, input)? },
        kind if order::is_known(kind) => return order::take(kind, input).map(Request::Order),
        kind => return conversation::take(kind, input),
    })
}

fn history(input: &mut Input<'_>, place: fn(u64) -> PagePosition) -> Option<Request> {
    let (room, number) = (input.short_text()?.to_owned(), input.number()?);
    Some(Request::History { room, place: place(number), limit: usize::try_from(input.number()?).ok()? })
}

fn resumed(kind: u8, input: &mut Input<'_>) -> Option<Vec<(String, Known)>> {
    let count = input.byte()?;
    let room = |_| {
        let (room, seq) = (input.short_text()?.to_owned(), input.number()?);
        let change = if kind == kind::RESUME { NO_POSITION } else { input.number()? };
        Some((room, Known { seq, change: Some(change).filter(|change| *change != NO_POSITION) }))
    };
    (0..count).map(room).collect()
}

fn long_text(input: &mut Input<'_>) -> Option<String> {
    str::from_utf8(input.bytes()?).ok().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::{ROOMS_PER_CONNECTION_MAX, TEXT_CHARS_MAX};

    fn commands() -> Vec<Command> {
        let frames = [
            r#"{"type":"connect","text":"Ann","client":"key","id":"1"}"#.to_owned(),
            r#"{"type":"connect","text":"李雷"}"#.to_owned(),
            r#"{"type":"message","text":"hi\n"}"#.to_owned(),
            format!(r#"{{"type":"message","room":"tea","text":"{}","id":"x"}}"#, "𝄞".repeat(TEXT_CHARS_MAX)),
            r#"{"type":"join","room":"tea"}"#.to_owned(),
            r#"{"type":"leave","room":"tea"}"#.to_owned(),
            r#"{"type":"create","room":"Tea time"}"#.to_owned(),
            r#"{"type":"rooms","id":"8"}"#.to_owned(),
            r#"{"type":"history","room":"tea"}"#.to_owned(),
            r#"{"type":"history","room":"tea","before":0,"limit":3}"#.to_owned(),
            r#"{"type":"history","room":"tea","after":7}"#.to_owned(),
            r#"{"type":"history","room":"tea","at":1763800000000,"limit":3}"#.to_owned(),
            r#"{"type":"resume","rooms":{"tea":3,"lobby":41}}"#.to_owned(),
            r#"{"type":"who","room":"tea"}"#.to_owned(),
            r#"{"type":"message","room":"tea","text":"yes","reply_to":7}"#.to_owned(),
            r#"{"type":"edit","room":"tea","seq":7,"text":"no","id":"e"}"#.to_owned(),
            r#"{"type":"delete","room":"tea","seq":7}"#.to_owned(),
            r#"{"type":"react","room":"tea","seq":7,"emoji":"👍🏽","on":true}"#.to_owned(),
            r#"{"type":"resume","rooms":{"tea":{"seq":3,"change":0},"lobby":41}}"#.to_owned(),
            r#"{"type":"create","room":"Budget","private":true,"topic":"Q4"}"#.to_owned(),
            r#"{"type":"direct","people":[9,12],"names":["李雷"]}"#.to_owned(),
            r#"{"type":"invite","room":"P1","person":9}"#.to_owned(),
            r#"{"type":"remove","room":"P1","name":"Ann"}"#.to_owned(),
            r#"{"type":"rename","room":"tea","title":"Tea"}"#.to_owned(),
            r#"{"type":"topic","room":"tea","topic":"leaves"}"#.to_owned(),
            r#"{"type":"archive","room":"tea","archived":true}"#.to_owned(),
            r#"{"type":"read","room":"tea","seq":41,"id":"r"}"#.to_owned(),
            r#"{"type":"quiet","room":"tea","on":true}"#.to_owned(),
            r#"{"type":"typing","room":"tea"}"#.to_owned(),
            r#"{"type":"members","room":"tea"}"#.to_owned(),
            r#"{"type":"rename_person","name":"Bob","to":"Bobby"}"#.to_owned(),
            r#"{"type":"rename_person","person":9,"to":"李雷"}"#.to_owned(),
            r#"{"type":"invitation","days":3,"uses":1000,"id":"i"}"#.to_owned(),
            r#"{"type":"invitations"}"#.to_owned(),
            r#"{"type":"revoke","number":3}"#.to_owned(),
        ];
        let asked = frames.iter().map(|frame| {
            let envelope = Envelope::parse(frame).expect(frame);
            What::Asked { envelope, fingerprint: 0 }
        });
        [What::Opened, What::Closed]
            .into_iter()
            .chain(asked)
            .zip(1..)
            .map(|(what, n)| command(n, what))
            .collect()
    }

    fn command(number: u64, what: What) -> Command {
        Command {
            conn: ConnectionId::new(number).expect("a legal id"),
            ticket: Ticket { origin: 77, number },
            attempt: 1,
            repeated: number.is_multiple_of(2),
            session: Bytes::from_static(b"session"),
            what,
        }
    }

    fn decode(bytes: &[u8]) -> Result<Command, Unreadable> {
        Command::decode(&Bytes::copy_from_slice(bytes), 1)
    }

    fn without_fingerprint(mut command: Command) -> Command {
        if let What::Asked { fingerprint, .. } = &mut command.what {
            assert_ne!(std::mem::take(fingerprint), 0);
        }
        command
    }

    #[test]
    fn every_command_survives_its_encoding() {
        for command in commands() {
            let decoded = decode(&command.encode()).expect("readable");
            assert_eq!(without_fingerprint(decoded), command);
        }
    }

    #[test]
    fn a_fingerprint_is_of_what_was_asked_alone() {
        let fingerprint = |frame: &str, number| {
            let envelope = Envelope::parse(frame).expect(frame);
            let command = command(number, What::Asked { envelope, fingerprint: 0 });
            match decode(&command.encode()).expect("readable").what {
                What::Asked { fingerprint, .. } => fingerprint,
                other => panic!("{other:?}"),
            }
        };
        let hi = r#"{"type":"message","text":"hi","id":"1"}"#;
        assert_eq!(fingerprint(hi, 1), fingerprint(hi, 2), "whoever sent it");
        let invitation = r#"{"type":"invitation","uses":3}"#;
        assert_eq!(fingerprint(invitation, 1), fingerprint(invitation, 1), "whatever its token is");
        assert_ne!(fingerprint(invitation, 1), fingerprint(r#"{"type":"invitation","uses":4}"#, 1));
        for other in
            [r#"{"type":"message","text":"ho","id":"1"}"#, r#"{"type":"message","text":"hi","id":"2"}"#]
        {
            assert_ne!(fingerprint(hi, 1), fingerprint(other, 1));
        }
    }

    #[test]
    fn what_a_newer_build_adds_is_ignored_and_what_it_changes_is_known_by_its_connection() {
        let whole = commands().swap_remove(2).encode();
        let longer = [&whole[..], b"and more"].concat();
        assert!(decode(&longer).is_ok());
        let foreign = Err(Unreadable::ForeignRequest {
            conn: ConnectionId::new(3).expect("a legal id"),
            id: Some("1".to_owned()),
        });
        let mut newer = whole.clone();
        newer[0] = 2;
        assert_eq!(decode(&newer), foreign);
        let mut opened = commands().swap_remove(0).encode();
        opened[0] = 2;
        assert_eq!(decode(&opened), Err(Unreadable::Foreign), "nobody waits for an answer");
        let at = whole.len() - "key".len() - 1 - "Ann".len() - 1 - 1;
        let mut unknown = whole;
        assert_eq!(std::mem::replace(&mut unknown[at], 200), kind::CONNECT);
        assert_eq!(decode(&unknown), foreign);
    }

    #[test]
    fn bytes_that_are_no_command_are_refused_without_a_panic() {
        for command in commands() {
            let whole = command.encode();
            // Of the longest one the ends are enough.
            let ends = (0..whole.len()).filter(|end| *end < 100 || *end + 100 > whole.len());
            for end in ends {
                assert!(decode(&whole[..end]).is_err(), "the first {end} bytes");
            }
            for at in 0..whole.len().min(200) {
                for flip in [0x01, 0x80, 0xff] {
                    let mut changed = whole.clone();
                    changed[at] ^= flip;
                    // Whatever it is.
                    let _ = decode(&changed);
                }
            }
        }
    }

    #[test]
    fn a_resume_of_all_rooms_and_a_room_too_long_to_be_one_are_sent() {
        let rooms = (0..ROOMS_PER_CONNECTION_MAX)
            .map(|n| (format!("{n}{}", "李".repeat(200)), Known { seq: n as u64, change: Some(1) }))
            .collect();
        let asked = Envelope { id: None, request: Request::Resume { rooms } };
        let command = command(1, What::Asked { envelope: asked, fingerprint: 0 });
        let What::Asked { envelope, .. } = decode(&command.encode()).expect("readable").what else {
            panic!()
        };
        let Request::Resume { rooms } = envelope.request else { panic!() };
        assert_eq!(rooms.len(), ROOMS_PER_CONNECTION_MAX);
        assert!(rooms.iter().all(|(room, _)| room.len() > ROOM_BYTES_MAX));
    }
}
