//! Requests about conversations on their way to the hub. Their kinds are 40 to 59.

use super::{long_text, put_place, put_room};
use crate::binary::{Input, Output};
use crate::limits::DIRECT_PEOPLE_MAX;
use crate::protocol::Request;
use crate::protocol::request::{ConversationRequest, Whom};

/// A `create` that says more than a title.
const CREATE: u8 = 40;
const DIRECT: u8 = 41;
const INVITE: u8 = 42;
const REMOVE: u8 = 43;
const RENAME: u8 = 44;
const TOPIC: u8 = 45;
const ARCHIVE: u8 = 46;
const READ: u8 = 47;
const QUIET: u8 = 48;
const TYPING: u8 = 49;
const MEMBERS: u8 = 50;

const NUMBER: u8 = 0;
const NAME: u8 = 1;

/// Does this version of the program write it?
pub(super) fn is_known(kind: u8) -> bool {
    (CREATE..=MEMBERS).contains(&kind)
}

pub(super) fn put_create(out: &mut Output, (title, key): (&str, &str), topic: &str, is_private: bool) {
    put_room(out, CREATE, title);
    out.short_text(key);
    out.bytes(topic.as_bytes());
    out.byte(u8::from(is_private));
}

pub(super) fn put(out: &mut Output, request: &ConversationRequest) {
    match request {
        ConversationRequest::Direct { people } => {
            out.byte(DIRECT);
            // The bound on them is far below.
            out.byte(people.len() as u8);
            people.iter().for_each(|whom| put_whom(out, whom));
        }
        ConversationRequest::Invite { room, whom } => {
            put_room(out, INVITE, room);
            put_whom(out, whom);
        }
        ConversationRequest::Remove { room, whom } => {
            put_room(out, REMOVE, room);
            put_whom(out, whom);
        }
        ConversationRequest::Rename { room, title, key } => {
            put_room(out, RENAME, room);
            out.short_text(title);
            out.short_text(key);
        }
        ConversationRequest::Topic { room, topic } => {
            put_room(out, TOPIC, room);
            out.bytes(topic.as_bytes());
        }
        ConversationRequest::Archive { room, on } => put_switch(out, ARCHIVE, room, *on),
        ConversationRequest::Read { room, seq } => put_place(out, READ, room, *seq),
        ConversationRequest::Quiet { room, on } => put_switch(out, QUIET, room, *on),
        ConversationRequest::Typing { room } => put_room(out, TYPING, room),
        ConversationRequest::Members { room } => put_room(out, MEMBERS, room),
    }
}

fn put_switch(out: &mut Output, kind: u8, room: &str, on: bool) {
    put_room(out, kind, room);
    out.byte(u8::from(on));
}

pub(super) fn put_whom(out: &mut Output, whom: &Whom) {
    match whom {
        Whom::Number(number) => {
            out.byte(NUMBER);
            out.number(number.cast_unsigned());
        }
        Whom::Name(name) => {
            out.byte(NAME);
            out.short_text(name);
        }
    }
}

pub(super) fn take(kind: u8, input: &mut Input<'_>) -> Option<Request> {
    if kind == DIRECT {
        let count = usize::from(input.byte()?);
        let people = (0..count.min(DIRECT_PEOPLE_MAX)).map(|_| whom(input)).collect::<Option<_>>()?;
        return Some(Request::Conversation(ConversationRequest::Direct { people }));
    }
    let room = input.short_text()?.to_owned();
    Some(Request::Conversation(match kind {
        CREATE => {
            return Some(Request::Create {
                title: room,
                key: input.short_text()?.to_owned(),
                topic: long_text(input)?,
                is_private: input.byte()? != 0,
            });
        }
        INVITE => ConversationRequest::Invite { room, whom: whom(input)? },
        REMOVE => ConversationRequest::Remove { room, whom: whom(input)? },
        RENAME => ConversationRequest::Rename {
            room,
            title: input.short_text()?.to_owned(),
            key: input.short_text()?.to_owned(),
        },
        TOPIC => ConversationRequest::Topic { room, topic: long_text(input)? },
        ARCHIVE => ConversationRequest::Archive { room, on: input.byte()? != 0 },
        READ => ConversationRequest::Read { room, seq: input.number()? },
        QUIET => ConversationRequest::Quiet { room, on: input.byte()? != 0 },
        TYPING => ConversationRequest::Typing { room },
        MEMBERS => ConversationRequest::Members { room },
        _ => return None,
    }))
}

pub(super) fn whom(input: &mut Input<'_>) -> Option<Whom> {
    Some(match input.byte()? {
        NUMBER => Whom::Number(input.number()?.cast_signed()),
        NAME => Whom::Name(input.short_text()?.to_owned()),
        _ => return None,
    })
}
