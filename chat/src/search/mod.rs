//! What is searched for, and what a text must have to be found: the same for whoever writes the index and for whoever asks.
//!
//! A text is cut into pieces ([`fold`]): words, single characters of scripts that write no spaces, and emoji, all without the
//! differences that people do not type, such as case. The index knows which terms a message has ([`terms`]), but not their places in
//! it. So it only gives candidates; whether one of them is a hit is decided by its text ([`Query::find`]).

mod context;
mod fold;
mod query;
mod terms;

pub(crate) use context::context;
pub(crate) use query::{BadQuery, Query, exactly};
pub(crate) use terms::{of_message, public_term, room_term, sender_term};

#[cfg(test)]
mod tests;
