//! What all connections of a thread share to compress and to inflate.

use std::fmt;

use super::compressor::Compressor;
use super::contexts::Contexts;
use super::inflater::Inflater;
use super::inflation::Inflation;
use crate::MessageKind;
use crate::error::Violation;

/// What a buffer keeps for the next message.
const KEPT_BYTES: usize = 64 << 10;

/// Compressors – one for each size of the window –, an inflater, and the buffers that both write to.
///
/// It takes memory when it is first used: some 370 KiB for each size of the window that messages are compressed for, and
/// 110 KiB to inflate. The buffers hold one message at a time; [`trim`](Self::trim) brings them back to 64 KiB.
pub struct Codec {
    level: u8,
    /// Messages are compressed even if they become larger by it.
    grow: bool,
    /// For windows of 9 to 15 bits.
    compressors: [Option<Box<Compressor>>; 7],
    inflater: Option<Box<Inflater>>,
    compressed: Vec<u8>,
    /// Holds the message that was inflated last.
    inflation: Option<Box<Inflation>>,
}

/// The payload of a compressed message.
#[derive(Clone, Copy)]
pub(crate) struct Deflated<'a> {
    pub(crate) kind: MessageKind,
    pub(crate) payload: &'a [u8],
    /// What it may become.
    pub(crate) max: usize,
}

impl fmt::Debug for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Codec").field("level", &self.level).finish_non_exhaustive()
    }
}

impl Default for Codec {
    fn default() -> Codec {
        Codec::new(Codec::LEVEL)
    }
}

impl Codec {
    /// The level that is a good one for short messages: higher ones take longer, and save next to nothing.
    pub const LEVEL: u8 = 4;

    /// `level`: how hard compressors try, from 1 (fast) to 9 (small).
    pub fn new(level: u8) -> Codec {
        Codec {
            level,
            grow: false,
            compressors: [const { None }; 7],
            inflater: None,
            compressed: Vec::new(),
            inflation: None,
        }
    }

    /// Messages are compressed even if they become larger by it, by some bytes: for tests of peers.
    #[must_use]
    pub fn always(mut self) -> Codec {
        self.grow = true;
        self
    }

    /// The payload of `message` for all connections whose sending side takes no context over and has a window of
    /// `window_bits`. It goes into a frame with RSV1 (RFC 7692 §6.1, §7.2.1). None if it would not be smaller.
    pub fn compress(&mut self, window_bits: u8, message: &[u8]) -> Option<&[u8]> {
        let bits = window_bits.clamp(9, 15);
        let level = self.level;
        let compressor = self.compressors[usize::from(bits - 9)]
            .get_or_insert_with(|| Box::new(Compressor::shared(level, bits)));
        compressor.reset();
        release(&mut self.compressed);
        let len = compressor.message(message, self.grow, &mut self.compressed)?;
        Some(&self.compressed[..len])
    }

    /// The same within the context of one connection.
    pub(crate) fn compress_in(
        &mut self,
        contexts: &mut Contexts,
        window_bits: u8,
        message: &[u8],
    ) -> Option<&[u8]> {
        let level = self.level;
        let compressor = contexts.compressor.get_or_insert_with(|| Compressor::own(level, window_bits));
        release(&mut self.compressed);
        let len = compressor.message(message, self.grow, &mut self.compressed)?;
        Some(&self.compressed[..len])
    }

    /// Inflates a message of at most `max` bytes, within the context of its connection if that has one; or goes on with
    /// what was `begun`. An answer is what is to be gone on with, because the `budget` is used up.
    pub(crate) fn inflate(
        &mut self,
        begun: Option<Box<Inflation>>,
        contexts: Option<&mut Contexts>,
        message: Deflated<'_>,
        budget: &mut usize,
    ) -> Result<Option<Box<Inflation>>, Violation> {
        let is_new = begun.is_none();
        let mut inflation = begun.or_else(|| self.inflation.take()).unwrap_or_default();
        if is_new {
            inflation.begin(message.kind, message.max);
        }
        let own = contexts.map(|contexts| contexts.inflater.get_or_insert_with(Inflater::new));
        if own.is_none() && is_new {
            let inflater = self.inflater.take();
            let mut inflater = inflater.unwrap_or_else(|| Box::new(Inflater::new()));
            inflater.reset();
            inflation.inflater = Some(inflater);
        }
        match inflation.advance(own, message.payload, budget) {
            Ok(false) => Ok(Some(inflation)),
            ended => {
                self.take_back(inflation);
                ended.map(|_| None)
            }
        }
    }

    /// What an inflation has used serves the next one.
    pub(crate) fn take_back(&mut self, mut inflation: Box<Inflation>) {
        if let Some(inflater) = inflation.inflater.take() {
            self.inflater = Some(inflater);
        }
        self.inflation = Some(inflation);
    }

    /// What was inflated last.
    pub(crate) fn inflated(&self) -> &[u8] {
        self.inflation.as_deref().map_or(&[], |inflation| inflation.out.bytes())
    }

    #[cfg(test)]
    pub(crate) fn inflated_capacity(&self) -> usize {
        self.inflation.as_deref().map_or(0, |inflation| inflation.out.capacity())
    }

    /// Frees what only a large message needed: to be called now and then, when nothing is borrowed any more.
    pub fn trim(&mut self) {
        if let Some(inflation) = &mut self.inflation {
            inflation.out.release();
        }
        release(&mut self.compressed);
    }
}

fn release(buffer: &mut Vec<u8>) {
    if buffer.len() > KEPT_BYTES {
        *buffer = Vec::new();
    }
}
