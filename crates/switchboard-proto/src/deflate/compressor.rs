//! One deflate stream that is written.

use zlib_rs::{Deflate, DeflateConfig, DeflateFlush, Status};

use super::TAIL;

/// Memory of a compressor that a thread's connections share, as zlib counts it: for blocks of 16 Ki symbols.
const SHARED_MEM_LEVEL: i32 = 8;
/// Of one that a single connection has: for 2 Ki symbols, which most messages fit into, and 100 KiB less.
const OWN_MEM_LEVEL: i32 = 5;

pub(super) struct Compressor {
    stream: Deflate,
    config: DeflateConfig,
}

impl Compressor {
    pub(super) fn shared(level: u8, window_bits: u8) -> Compressor {
        Compressor::new(level, window_bits, SHARED_MEM_LEVEL)
    }

    pub(super) fn own(level: u8, window_bits: u8) -> Compressor {
        Compressor::new(level, window_bits, OWN_MEM_LEVEL)
    }

    /// A window of 8 bits is written with zlib's 9: it keeps 262 bytes of the window free, so that no distance is above 250.
    fn new(level: u8, window_bits: u8, mem_level: i32) -> Compressor {
        let window_bits = i32::from(window_bits.clamp(9, 15));
        let config = DeflateConfig {
            level: i32::from(level.clamp(1, 9)),
            // Negative: a raw stream (RFC 1951) without zlib's header.
            window_bits: -window_bits,
            mem_level,
            ..DeflateConfig::default()
        };
        Compressor { stream: Deflate::new_with_config(config), config }
    }

    /// What follows refers to nothing before it.
    pub(super) fn reset(&mut self) {
        self.stream.reset();
    }

    /// Writes the payload of one message (RFC 7692 §7.2.1) to the start of `out`, and answers its length. None if that
    /// is not less than `message`'s, unless it may `grow`: then the message is to be sent as it is, and the stream starts
    /// anew.
    pub(super) fn message(&mut self, message: &[u8], grow: bool, out: &mut Vec<u8>) -> Option<usize> {
        let len = message.len();
        // Whatever the message is, this is not filled. A stream whose output did not find room must not be reset: zlib-rs 0.6
        // forgets how much of its buffer that still takes, and panics when it is out of it.
        let room = len + len / 8 + len / 64 + 64 + TAIL.len();
        if out.len() < room {
            out.resize(room, 0);
        }
        let (read, written) = (self.stream.total_in(), self.stream.total_out());
        let status = self.stream.compress(message, &mut out[..room], DeflateFlush::SyncFlush);
        let read = self.stream.total_in() - read;
        let written = (self.stream.total_out() - written) as usize;
        let whole = status == Ok(Status::Ok) && read == len as u64 && written < room;
        if !whole || !out[..written].ends_with(&TAIL) {
            self.stream = Deflate::new_with_config(self.config);
            return None;
        }
        let written = written - TAIL.len();
        if written >= len && !grow {
            self.reset();
            return None;
        }
        Some(written)
    }
}
