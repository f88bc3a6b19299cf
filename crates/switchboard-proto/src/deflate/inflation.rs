//! The inflating of one message, which may be interrupted.

use std::fmt;

use super::inflated::Inflated;
use super::inflater::Inflater;
use crate::MessageKind;
use crate::error::{self, Violation};

/// How far a message has been inflated, and with what.
#[derive(Default)]
pub(crate) struct Inflation {
    /// None where the connection has one of its own, whose context it takes over.
    pub(super) inflater: Option<Box<Inflater>>,
    pub(super) out: Inflated,
    /// So many bytes of the payload have been read.
    read: usize,
}

impl fmt::Debug for Inflation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inflation").field("read", &self.read).finish_non_exhaustive()
    }
}

impl Inflation {
    /// For a message of at most `max` bytes.
    pub(super) fn begin(&mut self, kind: MessageKind, max: usize) {
        self.out.begin(kind, max);
        self.read = 0;
    }

    /// Goes on with the payload of a message (RFC 7692 §7.2.2) until it is done, which makes the answer true, or the
    /// `budget` used up: by one step more than there was at the most.
    ///
    /// # Errors
    /// It is no deflate stream, does not end as a message does, is more than it may be, or is to be text and is not.
    pub(super) fn advance(
        &mut self,
        own: Option<&mut Inflater>,
        payload: &[u8],
        budget: &mut usize,
    ) -> Result<bool, Violation> {
        let shared = self.inflater.as_deref_mut();
        let Some(inflater) = own.or(shared) else { return Err(error::DEFLATE_INVALID) };
        let mut was_idle = false;
        while *budget > 0 || was_idle {
            let rest = payload.get(self.read..).unwrap_or_default();
            let step = inflater.step(rest, &mut self.out)?;
            self.read += step.read;
            *budget = budget.saturating_sub(step.cost);
            // The end of a block may take a step of its own, with bits of a byte that has been read: one idle step is none.
            if step.idle && was_idle {
                if !rest.is_empty() {
                    return Err(error::DEFLATE_INVALID);
                }
                inflater.tail(&mut self.out)?;
                self.out.finish()?;
                return Ok(true);
            }
            was_idle = step.idle;
        }
        Ok(false)
    }

    /// The memory of what has been inflated so far.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.out.capacity()
    }
}
