//! What is searched for, and what a text must have to be found: the same for whoever writes the index and for whoever asks.
//!
//! A text is cut into pieces ([`fold`]): words, single characters of scripts that write no spaces, and emoji, without the
//! differences that nobody types. The index has the terms of each message ([`terms`]), without where in it they stand; it names the
//! messages that may be meant, and whether they are is decided by looking at them ([`Query::find`]).

mod context;
mod fold;
mod query;
mod terms;

pub(crate) use context::context;
pub(crate) use query::{BadQuery, Query, exactly};
pub(crate) use terms::{of_message, public_term, room_term, sender_term};

#[cfg(test)]
mod tests;
