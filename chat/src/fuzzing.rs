//! What fuzzing reaches: everything that reads what a client or another process has written. Not for programs.

use bytes::Bytes;
use serde_json::Value;

use crate::account::Token;
use crate::account::call::{Answer, Call};
use crate::http::cookie;
use crate::hub::Command;
use crate::limits::{
    DIRECT_PEOPLE_MAX, EMOJI_BYTES_MAX, HTML_BYTES_MAX, ID_BYTES_MAX, INVITATION_DAYS_MAX,
    INVITATION_USES_MAX, MENTION_PLACES_MAX, MUTE_MINUTES_MAX, NAME_BYTES_MAX, PAGE_MESSAGES_MAX,
    QUOTE_BYTES_MAX, ROOM_BYTES_MAX, ROOMS_PER_CONNECTION_MAX, TEXT_BYTES_MAX, TOPIC_BYTES_MAX,
};
use crate::protocol::conversation::{self, Kind};
use crate::protocol::request::{ConversationRequest, OrderRequest, Whom};
use crate::protocol::{Envelope, Request, event, moderation};
use crate::search;
use crate::session::Session;
use crate::{markdown, mentions};

/// Reads a text frame of a client's. What is accepted is within its limits, what is refused is refused by a frame of JSON.
///
/// # Panics
/// If that is not so.
pub fn frame(text: &str) {
    for by_https in [false, true] {
        if let Some((token, _)) = cookie::token([text], by_https) {
            assert!(text.to_ascii_lowercase().contains(&token.to_text()));
        }
    }
    assert_eq!(
        Token::parse(text).is_some(),
        text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
    );
    match Envelope::parse(text) {
        Ok(envelope) => {
            let id = envelope.id.as_deref();
            assert!(id.is_none_or(|id| id.len() <= ID_BYTES_MAX));
            check_request(&envelope.request);
        }
        Err(refusal) => {
            let answer = read(&refusal.to_json());
            assert_eq!(answer["type"], "error");
            assert!(answer["data"].is_string());
        }
    }
}

fn check_request(request: &Request) {
    match request {
        Request::Connect { name, client } => {
            // What a session and the hub's mail have room for.
            assert!(name.as_ref().is_none_or(|name| (1..=NAME_BYTES_MAX).contains(&name.len())));
            assert!(client.as_ref().is_none_or(|client| client.len() <= ID_BYTES_MAX));
            name.iter().for_each(|name| check_name(&event::connect(name), name));
        }
        Request::Message { text, .. } | Request::Edit { text, .. } => {
            assert!((1..=TEXT_BYTES_MAX).contains(&text.len()));
            check_html(&markdown::to_html(text).unwrap_or_default());
            assert!(markdown::quote(text).len() <= QUOTE_BYTES_MAX);
            assert!(mentions::candidates(text).len() <= MENTION_PLACES_MAX);
            // What the index takes for one word is one.
            let terms = search::of_message(1, true, text, text);
            assert!(terms.chars().all(|c| c == ' ' || !c.is_ascii() || c.is_ascii_alphanumeric()));
        }
        // It is stored between tabs and ends of lines.
        Request::React { emoji, .. } => {
            assert!((1..=EMOJI_BYTES_MAX + 3).contains(&emoji.len()) && !emoji.contains(char::is_whitespace));
        }
        Request::Create { title, key, topic, .. } => {
            assert!(topic.len() <= TOPIC_BYTES_MAX);
            assert!((1..=ROOM_BYTES_MAX).contains(&title.len()));
            // Lower case may take more bytes.
            assert!((1..=2 * ROOM_BYTES_MAX).contains(&key.len()));
            check_name(&conversation::created(None, key, title, Kind::Public), key);
        }
        Request::History { limit, .. } => assert!(*limit <= PAGE_MESSAGES_MAX),
        Request::Search(search) => assert!(search.limit <= PAGE_MESSAGES_MAX),
        Request::Resume { rooms } => assert!(rooms.len() <= ROOMS_PER_CONNECTION_MAX),
        Request::Moderate { act, name, minutes } => {
            assert!((1..=NAME_BYTES_MAX).contains(&name.len()) && *minutes <= MUTE_MINUTES_MAX);
            check_name(&moderation::moderated(None, *act, name, 0), name);
        }
        Request::Conversation(request) => check_conversation(request),
        Request::Order(request) => check_order(request),
        Request::Delete { .. }
        | Request::Join { .. }
        | Request::Leave { .. }
        | Request::Rooms
        | Request::Who { .. }
        | Request::Away { .. }
        | Request::Guests { .. } => {}
    }
}

fn check_order(request: &OrderRequest) {
    match request {
        OrderRequest::Rename { whom, to } => {
            check_whom(whom);
            assert!((1..=NAME_BYTES_MAX).contains(&to.len()));
            check_name(&moderation::renamed(None, to, to), to);
        }
        OrderRequest::Invitation { days, uses, .. } => {
            assert!((1..=INVITATION_DAYS_MAX).contains(days) && (1..=INVITATION_USES_MAX).contains(uses));
        }
        OrderRequest::Revoke { number } => assert!(*number >= 0),
        OrderRequest::Invitations => {}
    }
}

fn check_whom(whom: &Whom) {
    match whom {
        Whom::Number(number) => assert!(*number >= 0),
        Whom::Name(name) => assert!((1..=NAME_BYTES_MAX).contains(&name.len())),
    }
}

fn check_conversation(request: &ConversationRequest) {
    match request {
        ConversationRequest::Direct { people } => {
            assert!((1..=DIRECT_PEOPLE_MAX).contains(&people.len()));
            people.iter().for_each(check_whom);
        }
        ConversationRequest::Invite { whom, .. } | ConversationRequest::Remove { whom, .. } => {
            check_whom(whom)
        }
        ConversationRequest::Rename { title, key, .. } => {
            assert!((1..=ROOM_BYTES_MAX).contains(&title.len()));
            assert!((1..=2 * ROOM_BYTES_MAX).contains(&key.len()));
        }
        ConversationRequest::Topic { topic, .. } => assert!(topic.len() <= TOPIC_BYTES_MAX),
        ConversationRequest::Archive { .. }
        | ConversationRequest::Read { .. }
        | ConversationRequest::Quiet { .. }
        | ConversationRequest::Typing { .. }
        | ConversationRequest::Members { .. } => {}
    }
}

/// Of an element nobody but the server has written a letter, except in addresses, and those are of three schemes.
fn check_html(html: &str) {
    assert!(html.len() <= HTML_BYTES_MAX);
    for element in html.split('<').skip(1) {
        let Some((tag, _)) = element.split_once('>') else { panic!("{html}") };
        let (name, attributes) = tag.split_once(' ').unwrap_or((tag, ""));
        let name = name.strip_prefix('/').unwrap_or(name);
        let known = ["p", "br", "strong", "em", "del", "code", "pre", "blockquote", "ul", "ol", "li", "a"];
        assert!(known.contains(&name), "{tag}");
        let is_address =
            name == "a" && attributes.starts_with("href=\"") && attributes.matches('"').count() == 6;
        let is_number =
            name == "ol" && attributes.starts_with("start=\"") && attributes.matches('"').count() == 2;
        assert!(attributes.is_empty() || is_address || is_number, "{tag}");
    }
}

/// What a client has named stays one string in the frames that tell others of it.
fn check_name(frame: &str, name: &str) {
    let event = read(frame);
    assert!(event.as_object().is_some_and(|event| event.values().any(|value| value.as_str() == Some(name))));
}

/// What is no JSON is null.
fn read(frame: &str) -> Value {
    serde_json::from_str(frame).unwrap_or_default()
}

/// Reads the bytes that a connection's session and the hub's mail are kept in, as a process of another build may have
/// written them.
pub fn stored(bytes: &[u8]) {
    let _ = Session::decode(bytes);
    let _ = Command::decode(&Bytes::copy_from_slice(bytes), 1);
    let _ = (Call::decode(bytes), Answer::decode(bytes));
}
