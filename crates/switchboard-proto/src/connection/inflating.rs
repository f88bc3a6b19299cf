//! Compressed messages that are whole: they are inflated at once, or in as many calls as the caller has time for.

use super::partial::{Inflating, Partial};
use super::receive::{Found, Source};
use super::{Connection, MessageKind, Role};
use crate::deflate::{Codec, Deflated};
use crate::error::{self, Violation};

/// What the application asks and wants.
impl Connection {
    /// Is a compressed message here that has not been inflated to its end, because
    /// [`receive_within`](Self::receive_within) had no time for it?
    #[inline]
    pub fn is_inflating(&self) -> bool {
        self.partial.as_deref().is_some_and(|partial| partial.inflating.is_some())
    }

    /// Frees what has been inflated so far of a message that is not to be gone on with for the time being: then it begins
    /// again. With a context that is taken over that cannot be, and nothing happens.
    pub fn forget_inflated(&mut self, codec: &mut Codec) {
        if !self.inflating_contexts()
            && let Some(inflating) =
                self.partial.as_deref_mut().and_then(|partial| partial.inflating.as_mut())
            && let Some(inflation) = inflating.inflation.take()
        {
            codec.take_back(inflation);
        }
    }
}

/// What [`receive_within`](Connection::receive_within) does.
impl Connection {
    /// What lies at `source` becomes what the codec holds, unless that takes too long.
    #[cold]
    pub(super) fn begin_inflating(
        &mut self,
        input: &[u8],
        kind: MessageKind,
        source: Source,
        codec: Option<&mut Codec>,
        budget: &mut usize,
    ) -> Result<Option<Found>, Violation> {
        let codec = codec.ok_or(error::RESERVED_BITS)?;
        let (contexts, max) = (self.inflating_contexts(), self.message_bytes_max);
        let contexts = contexts.then(|| &mut **self.contexts.get_or_insert_default());
        let own = match source {
            Source::Input { start, end } => Some(&input[start..end]),
            _ => None,
        };
        let gathered = self.partial.as_deref().map_or(&[][..], Partial::message_payload);
        let message = Deflated { kind, payload: own.unwrap_or(gathered), max };
        let inflation = match *budget {
            0 => None,
            _ => match codec.inflate(None, contexts, message, budget)? {
                None => return Ok(Some(Found::inflated(kind))),
                rest => rest,
            },
        };
        self.partial.get_or_insert_default().keep_inflating(kind, own, inflation);
        Ok(None)
    }

    #[cold]
    pub(super) fn go_on_inflating(
        &mut self,
        codec: Option<&mut Codec>,
        budget: &mut usize,
    ) -> Result<Option<Found>, Violation> {
        let codec = codec.ok_or(error::RESERVED_BITS)?;
        let (contexts, max) = (self.inflating_contexts(), self.message_bytes_max);
        let inflating = self.partial.as_deref_mut().and_then(|partial| partial.inflating.as_mut());
        let Some(Inflating { kind, payload, inflation }) = inflating.filter(|_| *budget > 0) else {
            return Ok(None);
        };
        let kind = *kind;
        let contexts = contexts.then(|| &mut **self.contexts.get_or_insert_default());
        *inflation = codec.inflate(inflation.take(), contexts, Deflated { kind, payload, max }, budget)?;
        if inflation.is_some() {
            return Ok(None);
        }
        if let Some(partial) = self.partial.as_deref_mut() {
            partial.inflating = None;
        }
        self.free_if_empty();
        Ok(Some(Found::inflated(kind)))
    }

    /// Does the other side take over the context that its messages are to be inflated in?
    fn inflating_contexts(&self) -> bool {
        self.deflate.is_some_and(|parameters| match self.role {
            Role::Server => !parameters.client_no_context_takeover,
            Role::Client => !parameters.server_no_context_takeover,
        })
    }
}
