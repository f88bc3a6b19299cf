//! What a message says: who sent it and its number in 16 bytes of ASCII, then a fixed pattern up to its size.

use std::sync::atomic::{AtomicU32, Ordering};

/// Bytes of a [`Stamp`], and so the smallest message.
pub const PAYLOAD_BYTES_MIN: usize = 16;

/// Bits of a sender's index; above them stands the session.
const SENDER_BITS: u32 = 20;
/// The largest index of a sender.
pub const SENDER_MAX: u32 = (1 << SENDER_BITS) - 1;

/// Sender and number of a message, from which the receiver knows whether one is missing, repeated or out of order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Stamp {
    /// Index of the sending connection, at most [`SENDER_MAX`].
    pub sender: u32,
    /// Counted up from 0 by each sender.
    pub number: u32,
}

/// Which connections a message belongs to: those that were opened together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Session(u32);

impl Session {
    /// Another than that of any other generator that runs, or has just run, at the same server; nearly always.
    fn next() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let (count, process) = (COUNT.fetch_add(1, Ordering::Relaxed), std::process::id());
        Self(process.wrapping_mul(5).wrapping_add(count) << SENDER_BITS >> SENDER_BITS)
    }

    /// Half a byte each in the characters `@` to `O`: text that is cheap to write and to read.
    #[must_use]
    pub fn encode(self, stamp: Stamp) -> [u8; PAYLOAD_BYTES_MIN] {
        let mut bytes = [0; PAYLOAD_BYTES_MIN];
        let sender = self.0 << SENDER_BITS | stamp.sender & SENDER_MAX;
        bytes[..8].copy_from_slice(&spread(sender).to_le_bytes());
        bytes[8..].copy_from_slice(&spread(stamp.number).to_le_bytes());
        bytes
    }
}

/// `None` when the bytes are no stamp.
fn decode(bytes: &[u8; PAYLOAD_BYTES_MIN]) -> Option<(Session, Stamp)> {
    let (sender, number) = bytes.split_at(8);
    let sender = gather(u64::from_le_bytes(sender.try_into().ok()?))?;
    let number = gather(u64::from_le_bytes(number.try_into().ok()?))?;
    Some((Session(sender >> SENDER_BITS), Stamp { sender: sender & SENDER_MAX, number }))
}

const HIGH: u64 = 0x4040_4040_4040_4040;
const LOW: u64 = 0x0f0f_0f0f_0f0f_0f0f;

/// Each half byte into a byte of its own.
fn spread(number: u32) -> u64 {
    let mut wide = u64::from(number);
    wide = (wide | (wide << 16)) & 0x0000_ffff_0000_ffff;
    wide = (wide | (wide << 8)) & 0x00ff_00ff_00ff_00ff;
    wide = (wide | (wide << 4)) & LOW;
    wide | HIGH
}

fn gather(mut wide: u64) -> Option<u32> {
    if wide & !LOW != HIGH {
        return None;
    }
    wide &= LOW;
    wide = (wide | (wide >> 4)) & 0x00ff_00ff_00ff_00ff;
    wide = (wide | (wide >> 8)) & 0x0000_ffff_0000_ffff;
    u32::try_from((wide | (wide >> 16)) & 0xffff_ffff).ok()
}

/// Makes payloads and recognises them.
#[derive(Debug)]
pub struct Payloads {
    pattern: Vec<u8>,
    session: Session,
}

impl Payloads {
    /// For messages of up to `bytes_max` bytes.
    #[must_use]
    pub fn new(bytes_max: usize) -> Self {
        // A period that no buffer size is a multiple of, so that a block out of place does not match. From `#` to `[`, so that
        // it is the same in a string of JSON.
        let pattern = (0..bytes_max.max(PAYLOAD_BYTES_MIN)).map(|i| b'#' + u8::try_from(i % 57).unwrap_or(0));
        Self { pattern: pattern.collect(), session: Session::next() }
    }

    /// A payload of `bytes` bytes, at least [`PAYLOAD_BYTES_MIN`] and at most what [`Payloads::new`] was told.
    #[must_use]
    pub fn make(&self, stamp: Stamp, bytes: usize) -> Vec<u8> {
        let mut payload = self.pattern[..bytes.clamp(PAYLOAD_BYTES_MIN, self.pattern.len())].to_vec();
        payload[..PAYLOAD_BYTES_MIN].copy_from_slice(&self.session.encode(stamp));
        payload
    }

    /// The size of the largest payload.
    #[must_use]
    pub fn bytes_max(&self) -> usize {
        self.pattern.len()
    }

    /// The same as [`Payloads::check`], for a payload of the largest size.
    #[must_use]
    pub fn check_whole(&self, payload: &[u8]) -> Option<Stamp> {
        if payload.len() == self.pattern.len() { self.check(payload) } else { None }
    }

    /// What stands above each sender.
    #[must_use]
    pub fn session(&self) -> Session {
        self.session
    }

    /// Was this sent by a connection that is none of this session? One that has gone may have published it before, and a part of
    /// the server that had much to do, or a handler that took its time, has got to it after these connections had come.
    #[must_use]
    pub fn is_of_others(&self, payload: &[u8]) -> bool {
        let stamp = payload.first_chunk().and_then(decode);
        stamp.is_some_and(|(session, _)| session != self.session)
    }

    /// The stamp of `payload`; `None` when any of its bytes is not what [`Payloads::make`] would have written.
    #[must_use]
    pub fn check(&self, payload: &[u8]) -> Option<Stamp> {
        let (stamp, rest) = payload.split_first_chunk::<PAYLOAD_BYTES_MIN>()?;
        let expected = self.pattern.get(PAYLOAD_BYTES_MIN..payload.len())?;
        if rest != expected {
            return None;
        }
        let (session, stamp) = decode(stamp)?;
        (session == self.session).then_some(stamp)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_is_text_of_its_size_and_gives_its_stamp_back() {
        let payloads = Payloads::new(1000);
        for (sender, number) in [(0, 0), (1, u32::MAX), (SENDER_MAX, 7), (0x4_5678, 0x9abc_def0)] {
            for bytes in [16, 17, 125, 126, 1000] {
                let stamp = Stamp { sender, number };
                let payload = payloads.make(stamp, bytes);
                assert_eq!(payload.len(), bytes);
                assert!(payload.is_ascii());
                assert_eq!(payloads.check(&payload), Some(stamp));
            }
        }
    }

    #[test]
    fn a_message_of_another_session_is_none_of_this_one_and_not_a_changed_one() {
        let (own, other) = (Payloads::new(100), Payloads::new(20_000));
        let theirs = other.make(Stamp { sender: 3, number: 9 }, 20_000);
        assert_eq!(own.check(&theirs), None);
        assert!(own.is_of_others(&theirs));
        let mut ours = own.make(Stamp { sender: 3, number: 9 }, 100);
        ours[50] ^= 1;
        assert_eq!(own.check(&ours), None);
        assert!(!own.is_of_others(&ours) && !own.is_of_others(b"short"));
    }

    #[test]
    fn a_changed_missing_or_extra_byte_is_noticed() {
        let payloads = Payloads::new(200);
        let good = payloads.make(Stamp { sender: 3, number: 9 }, 100);
        for position in 0..good.len() {
            let mut bad = good.clone();
            bad[position] ^= 0x80;
            assert_eq!(payloads.check(&bad), None, "byte {position}");
        }
        assert_eq!(payloads.check(&good[..15]), None);
        assert_eq!(payloads.check_whole(&good), None, "a part of what it ought to be");
        let stamp = Stamp { sender: 3, number: 9 };
        assert_eq!(payloads.check_whole(&payloads.make(stamp, 200)), Some(stamp));
        assert_eq!(payloads.check(&payloads.make(Stamp { sender: 0, number: 0 }, 200)[1..]), None);
    }
}
