//! A message as frames carry it.

use super::json::{self, Object};
use crate::markdown;

/// A message as it is stored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) seq: u64,
    /// The sender's name when it was sent.
    pub(crate) from: String,
    /// The sender's number, if a session said who it was.
    pub(crate) person: Option<i64>,
    /// Empty once it is deleted.
    pub(crate) text: String,
    /// Milliseconds since 1970, by the server's clock.
    pub(crate) ts: u64,
    /// When its text was changed last, in the same way.
    pub(crate) edited: Option<u64>,
    pub(crate) deleted: bool,
    /// The number in its room of what has happened to it last; 0: nothing has.
    pub(crate) change: u64,
    pub(crate) reply: Option<Reply>,
    /// The oldest first.
    pub(crate) reactions: Vec<Reaction>,
    /// Whom it mentions, ascending; 0: everybody.
    pub(crate) mentions: Vec<i64>,
}

/// What a message answers, as it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reply {
    pub(crate) seq: u64,
    pub(crate) from: String,
    /// The beginning of its text, see [`markdown::quote`].
    pub(crate) quote: String,
    pub(crate) deleted: bool,
}

/// An emoji under a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reaction {
    pub(crate) emoji: String,
    /// How many people have put it there.
    pub(crate) count: u64,
    /// The first of them.
    pub(crate) from: Vec<String>,
    /// Is whoever is shown it among them? False in what is sent to many.
    pub(crate) mine: bool,
}

impl Message {
    /// To v1 clients of its room, and in every answer that holds history. `id` only for its sender.
    pub(crate) fn to_json(&self, room: &str, id: Option<&str>) -> String {
        self.write(room, id).finish()
    }

    /// To plain clients: what they know of a message.
    pub(crate) fn to_plain_json(&self, room: &str, id: Option<&str>) -> String {
        self.write_core(room).optional("id", id).finish()
    }

    /// As a part of what tells of its change: with what replies to it show of it from then on.
    pub(crate) fn to_changed_json(&self, room: &str, id: Option<&str>) -> String {
        self.write(room, id).string("quote", &markdown::quote(&self.text)).finish()
    }

    /// As a hit of a search: with what is shown of it there, pieces of which every second one is what was found.
    pub(crate) fn to_hit_json(&self, room: &str, id: Option<&str>, context: &[String]) -> String {
        let context = json::array(context.iter().map(|piece| json::string(piece)));
        self.write(room, id).raw("context", &context).finish()
    }

    /// Is there anything in it that plain clients do not know of?
    pub(crate) fn is_rich(&self) -> bool {
        self.person.is_some()
            || self.reply.is_some()
            || self.change > 0
            || !self.mentions.is_empty()
            || markdown::to_html(&self.text).is_some()
    }

    fn write_core(&self, room: &str) -> Object {
        Object::of_type("message")
            .string("data", &self.text)
            .string("room", room)
            .number("seq", self.seq)
            .string("from", &self.from)
            .number("ts", self.ts)
    }

    fn write(&self, room: &str, id: Option<&str>) -> Object {
        let mut out = self.write_core(room).optional_number("person", self.person.map(i64::cast_unsigned));
        if !self.mentions.is_empty() {
            let people = self.mentions.iter().map(|person| person.to_string());
            out = out.raw("mentions", &json::array(people));
        }
        out = out
            .optional("html", markdown::to_html(&self.text).as_deref())
            .optional_number("edited", self.edited)
            .flag("deleted", self.deleted)
            .optional_number("change", Some(self.change).filter(|change| *change > 0));
        if let Some(reply) = &self.reply {
            out = out.raw("reply", &reply.to_json());
        }
        if !self.reactions.is_empty() {
            out = out.raw("reactions", &json::array(self.reactions.iter().map(Reaction::to_json)));
        }
        out.optional("id", id)
    }
}

impl Reply {
    fn to_json(&self) -> String {
        Object::nested()
            .number("seq", self.seq)
            .string("from", &self.from)
            .string("data", &self.quote)
            .boolean("deleted", self.deleted)
            .finish()
    }
}

impl Reaction {
    fn to_json(&self) -> String {
        let out = Object::nested()
            .string("emoji", &self.emoji)
            .number("count", self.count)
            .raw("from", &names(&self.from));
        if self.mine { out.boolean("mine", true).finish() } else { out.finish() }
    }
}

fn names(names: &[String]) -> String {
    json::array(names.iter().map(|name| json::string(name)))
}

/// What happened to a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// It was edited or deleted: what it is now.
    Message(Message),
    /// Somebody has put an emoji there, or taken it away.
    Reaction {
        seq: u64,
        emoji: String,
        from: String,
        on: bool,
        count: u64,
        /// The first of those who have it there, if that is more than `from` more or less.
        names: Option<Vec<String>>,
    },
}

impl Change {
    /// The event. `id` only for whoever asked for it.
    pub(crate) fn to_json(&self, room: &str, change: u64, id: Option<&str>) -> String {
        match self {
            Self::Message(message) => Object::of_type("changed")
                .string("room", room)
                .number("seq", message.seq)
                .number("change", change)
                .raw("message", &message.to_changed_json(room, None))
                .optional("id", id)
                .finish(),
            Self::Reaction { seq, emoji, from, on, count, names: first } => {
                let out = Object::of_type("reaction")
                    .string("room", room)
                    .number("seq", *seq)
                    .number("change", change)
                    .string("emoji", emoji)
                    .string("from", from)
                    .boolean("on", *on)
                    .number("count", *count);
                let out = match first {
                    Some(first) => out.raw("names", &names(first)),
                    None => out,
                };
                out.optional("id", id).finish()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hi() -> Message {
        Message { seq: 7, from: "Ann".into(), text: "hi".into(), ts: 1_763_800_000_000, ..Message::default() }
    }

    #[test]
    fn the_smallest_protocol_to_the_letter() {
        let expected =
            r#"{"type":"message","data":"hi","room":"lobby","seq":7,"from":"Ann","ts":1763800000000}"#;
        assert_eq!(hi().to_json("lobby", None), expected);
        assert_eq!(hi().to_plain_json("lobby", None), expected);
        assert!(hi().to_json("lobby", Some("c1-17")).ends_with(r#","id":"c1-17"}"#));
    }

    #[test]
    fn what_has_happened_to_a_message_is_in_it_and_not_for_plain_clients() {
        let reply = Reply { seq: 3, from: "Bob".into(), quote: "hey".into(), deleted: false };
        let reaction =
            Reaction { emoji: "👍".into(), count: 2, from: vec!["Ann".into(), "Bob".into()], mine: true };
        let message = Message {
            text: "*hi*".into(),
            person: Some(9),
            edited: Some(5),
            change: 12,
            reply: Some(reply),
            reactions: vec![reaction],
            ..hi()
        };
        assert_eq!(
            message.to_json("t", Some("x")),
            concat!(
                r#"{"type":"message","data":"*hi*","room":"t","seq":7,"from":"Ann","ts":1763800000000,"person":9,"#,
                r#""html":"<p><em>hi</em></p>","edited":5,"change":12,"#,
                r#""reply":{"seq":3,"from":"Bob","data":"hey","deleted":false},"#,
                r#""reactions":[{"emoji":"👍","count":2,"from":["Ann","Bob"],"mine":true}],"id":"x"}"#
            )
        );
        assert_eq!(
            message.to_plain_json("t", None),
            r#"{"type":"message","data":"*hi*","room":"t","seq":7,"from":"Ann","ts":1763800000000}"#
        );
        let deleted = Message { text: String::new(), deleted: true, change: 13, ..hi() };
        assert_eq!(
            Change::Message(deleted).to_json("t", 13, Some("r")),
            concat!(
                r#"{"type":"changed","room":"t","seq":7,"change":13,"message":{"type":"message","data":"","room":"t","#,
                r#""seq":7,"from":"Ann","ts":1763800000000,"deleted":true,"change":13,"quote":""},"id":"r"}"#
            )
        );
    }

    #[test]
    fn a_reaction_is_told_by_what_is_new() {
        let change = |names| Change::Reaction {
            seq: 7,
            emoji: "👍".into(),
            from: "Ann".into(),
            on: false,
            count: 0,
            names,
        };
        assert_eq!(
            change(None).to_json("t", 2, None),
            r#"{"type":"reaction","room":"t","seq":7,"change":2,"emoji":"👍","from":"Ann","on":false,"count":0}"#
        );
        assert!(
            change(Some(vec!["Bob".into()])).to_json("t", 2, None).ends_with(r#""count":0,"names":["Bob"]}"#)
        );
    }
}
