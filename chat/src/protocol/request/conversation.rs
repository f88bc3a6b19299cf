//! What clients ask about conversations: who is in them, how they are called, how far they have been read.

use super::super::field::{Field, Fields};
use super::super::{Code, Refusal};
use super::{name, string, title, truth, whole, wrong};
use crate::characters;
use crate::limits::{DIRECT_PEOPLE_MAX, TOPIC_BYTES_MAX, TOPIC_CHARS_MAX};

/// A request about a conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ConversationRequest {
    /// The conversation with these people.
    Direct {
        people: Vec<Whom>,
    },
    /// Makes somebody a member of a private room.
    Invite {
        room: String,
        whom: Whom,
    },
    /// Ends somebody's membership.
    Remove {
        room: String,
        whom: Whom,
    },
    Rename {
        room: String,
        title: String,
        key: String,
    },
    Topic {
        room: String,
        topic: String,
    },
    Archive {
        room: String,
        on: bool,
    },
    /// Up to which message it has been read.
    Read {
        room: String,
        seq: u64,
    },
    /// Mutes it for whoever asks, or no more.
    Quiet {
        room: String,
        on: bool,
    },
    /// Somebody is writing.
    Typing {
        room: String,
    },
    /// Who is a member.
    Members {
        room: String,
    },
}

/// How a request names a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Whom {
    Number(i64),
    Name(String),
}

impl ConversationRequest {
    /// None: it is none of these types.
    pub(super) fn parse(kind: &str, fields: &mut Fields) -> Option<Result<Self, Refusal>> {
        let room = fields.room.take();
        Some(match kind {
            "direct" => people(fields).map(|people| Self::Direct { people }),
            "invite" => about(room, fields).map(|(room, whom)| Self::Invite { room, whom }),
            "remove" => about(room, fields).map(|(room, whom)| Self::Remove { room, whom }),
            "rename" => string("room", room).and_then(|room| {
                let (title, key) = title(&string("title", fields.title.take())?)?;
                Ok(Self::Rename { room, title, key })
            }),
            "topic" => string("room", room).and_then(|room| {
                Ok(Self::Topic { room, topic: topic(string("topic", fields.topic.take())?)? })
            }),
            "archive" => string("room", room)
                .and_then(|room| Ok(Self::Archive { room, on: truth("archived", fields.archived.take())? })),
            "read" => string("room", room)
                .and_then(|room| Ok(Self::Read { room, seq: whole("seq", fields.seq.take())? })),
            "quiet" => string("room", room)
                .and_then(|room| Ok(Self::Quiet { room, on: truth("on", fields.on.take())? })),
            "typing" => string("room", room).map(|room| Self::Typing { room }),
            "members" => string("room", room).map(|room| Self::Members { room }),
            _ => {
                fields.room = room;
                return None;
            }
        })
    }

    /// The key of the one room that it is about.
    pub(crate) fn room(&self) -> Option<&str> {
        match self {
            Self::Direct { .. } => None,
            Self::Invite { room, .. }
            | Self::Remove { room, .. }
            | Self::Rename { room, .. }
            | Self::Topic { room, .. }
            | Self::Archive { room, .. }
            | Self::Read { room, .. }
            | Self::Quiet { room, .. }
            | Self::Typing { room }
            | Self::Members { room } => Some(room),
        }
    }

    /// Does it show something to others that the sender has written or decided? Then somebody who is muted cannot ask for it.
    pub(super) fn speaks(&self) -> bool {
        matches!(self, Self::Invite { .. } | Self::Rename { .. } | Self::Topic { .. })
    }
}

fn about(room: Option<Field>, fields: &mut Fields) -> Result<(String, Whom), Refusal> {
    Ok((string("room", room)?, whom(fields)?))
}

/// By `person`, or by `name`.
pub(super) fn whom(fields: &mut Fields) -> Result<Whom, Refusal> {
    match (fields.person.take(), fields.name.take()) {
        (None, Some(Field::Text(text))) => Ok(Whom::Name(name(&text)?)),
        (None, Some(other)) => Err(wrong("name", "a string", Some(&other))),
        (person, _) => number("person", person),
    }
}

fn number(key: &str, field: Option<Field>) -> Result<Whom, Refusal> {
    whole(key, field).map(|number| Whom::Number(number.cast_signed()))
}

fn people(fields: &mut Fields) -> Result<Vec<Whom>, Refusal> {
    let list = |key, field: Option<Field>| match field {
        None => Ok(Vec::new()),
        Some(Field::List(items)) => Ok(items),
        Some(other) => Err(wrong(key, "an array", Some(&other))),
    };
    let mut people = Vec::new();
    for person in list("people", fields.people.take())? {
        people.push(number("people", Some(person))?);
    }
    for field in list("names", fields.names.take())? {
        people.push(Whom::Name(name(&string("names", Some(field))?)?));
    }
    if people.is_empty() || people.len() > DIRECT_PEOPLE_MAX {
        return Err(direct_people());
    }
    Ok(people)
}

/// Refuses too many people for one direct conversation, or none.
pub(crate) fn direct_people() -> Refusal {
    let others = DIRECT_PEOPLE_MAX - 1;
    let sentence = format!(
        "A direct conversation is with 1 to {others} others: give their numbers in `people`, or their names in `names`."
    );
    Refusal::new(Code::BadValue, sentence)
}

/// What a room is about, on one line.
pub(super) fn topic(text: String) -> Result<String, Refusal> {
    let sentence = |what: &str| Err(Refusal::new(Code::BadValue, format!("`topic` {what}.")));
    if text.len() > 4 * TOPIC_BYTES_MAX {
        return sentence(&too_long());
    }
    let text = characters::without_controls(text);
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.len() > TOPIC_BYTES_MAX || characters::count(&line) > TOPIC_CHARS_MAX {
        return sentence(&too_long());
    }
    if !line.is_empty() && !characters::are_fit_for_a_name(&line) {
        return sentence(
            "cannot hold characters that are invisible, change the direction of text, or pile up on each other",
        );
    }
    Ok(line)
}

fn too_long() -> String {
    format!("has at most {TOPIC_CHARS_MAX} characters and {TOPIC_BYTES_MAX} bytes")
}

#[cfg(test)]
mod tests {
    use super::super::{Envelope, Request};
    use super::*;

    fn request(frame: &str) -> ConversationRequest {
        match Envelope::parse(frame).expect(frame).request {
            Request::Conversation(request) => request,
            other => panic!("{other:?}"),
        }
    }

    fn code(frame: &str) -> Code {
        Envelope::parse(frame).expect_err(frame).code
    }

    #[test]
    fn people_are_named_by_number_or_by_name() {
        let direct = request(r#"{"type":"direct","people":[9,12],"names":[" 李雷 "]}"#);
        let people = vec![Whom::Number(9), Whom::Number(12), Whom::Name("李雷".into())];
        assert_eq!(direct, ConversationRequest::Direct { people });
        let invite = |whom| ConversationRequest::Invite { room: "P1".into(), whom };
        assert_eq!(request(r#"{"type":"invite","room":"P1","person":9}"#), invite(Whom::Number(9)));
        assert_eq!(
            request(r#"{"type":"invite","room":"P1","name":"Ann"}"#),
            invite(Whom::Name("Ann".into()))
        );
        for frame in [
            r#"{"type":"direct"}"#,
            r#"{"type":"direct","people":[]}"#,
            r#"{"type":"direct","people":9}"#,
            r#"{"type":"direct","people":["9"]}"#,
            r#"{"type":"direct","names":[9]}"#,
            r#"{"type":"direct","people":[1,2,3,4,5,6,7,8,9,10]}"#,
            r#"{"type":"invite","room":"P1"}"#,
            r#"{"type":"invite","person":9}"#,
            r#"{"type":"remove","room":"P1","name":9}"#,
            r#"{"type":"archive","room":"tea","archived":1}"#,
            r#"{"type":"read","room":"tea"}"#,
            r#"{"type":"quiet","room":"tea"}"#,
            r#"{"type":"typing"}"#,
        ] {
            assert_eq!(code(frame), Code::BadValue, "{frame}");
        }
    }

    #[test]
    fn a_topic_is_one_line_and_bounded() {
        let topic = |text: &str| super::topic(text.to_owned());
        assert_eq!(topic("  Q4\n and  more ").as_deref(), Ok("Q4 and more"));
        assert_eq!(topic("").as_deref(), Ok(""));
        assert!(topic(&"茶".repeat(TOPIC_CHARS_MAX)).is_ok());
        assert!(topic(&"x".repeat(TOPIC_CHARS_MAX + 1)).is_err());
        assert!(topic("\u{202E}x").is_err());
    }
}
