//! What a connection has of its own because a side takes its context over (RFC 7692 §7.1.1).

use std::fmt;

use super::compressor::Compressor;
use super::inflater::Inflater;

/// Each half is made when it is first needed.
#[derive(Default)]
pub(crate) struct Contexts {
    pub(super) compressor: Option<Compressor>,
    pub(super) inflater: Option<Inflater>,
}

impl Contexts {
    /// What was compressed last will not be sent: what follows does not refer to it.
    pub(crate) fn forget_compressed(&mut self) {
        if let Some(compressor) = &mut self.compressor {
            compressor.reset();
        }
    }
}

impl fmt::Debug for Contexts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Contexts")
            .field("compressor", &self.compressor.is_some())
            .field("inflater", &self.inflater.is_some())
            .finish()
    }
}
