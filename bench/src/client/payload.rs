//! What a message says: who sent it and its number in 16 bytes of ASCII, then a fixed pattern up to its size.

/// Bytes of a [`Stamp`], and so the smallest message.
pub const PAYLOAD_BYTES_MIN: usize = 16;

/// Sender and number of a message, from which the receiver knows whether one is missing, repeated or out of order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Stamp {
    /// Index of the sending connection.
    pub sender: u32,
    /// Counted up from 0 by each sender.
    pub number: u32,
}

impl Stamp {
    /// Half a byte each in the characters `@` to `O`: text that is cheap to write and to read.
    #[must_use]
    pub fn encode(self) -> [u8; PAYLOAD_BYTES_MIN] {
        let mut bytes = [0; PAYLOAD_BYTES_MIN];
        bytes[..8].copy_from_slice(&spread(self.sender).to_le_bytes());
        bytes[8..].copy_from_slice(&spread(self.number).to_le_bytes());
        bytes
    }

    /// `None` when the bytes are no stamp.
    #[must_use]
    pub fn decode(bytes: &[u8; PAYLOAD_BYTES_MIN]) -> Option<Self> {
        let (sender, number) = bytes.split_at(8);
        Some(Self {
            sender: gather(u64::from_le_bytes(sender.try_into().ok()?))?,
            number: gather(u64::from_le_bytes(number.try_into().ok()?))?,
        })
    }
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
}

impl Payloads {
    /// For messages of up to `bytes_max` bytes.
    #[must_use]
    pub fn new(bytes_max: usize) -> Self {
        // A period that no buffer size is a multiple of, so that a block out of place does not match. From `#` to `[`, so that
        // it is the same in a string of JSON.
        let pattern = (0..bytes_max.max(PAYLOAD_BYTES_MIN)).map(|i| b'#' + u8::try_from(i % 57).unwrap_or(0));
        Self { pattern: pattern.collect() }
    }

    /// A payload of `bytes` bytes, at least [`PAYLOAD_BYTES_MIN`] and at most what [`Payloads::new`] was told.
    #[must_use]
    pub fn make(&self, stamp: Stamp, bytes: usize) -> Vec<u8> {
        let mut payload = self.pattern[..bytes.clamp(PAYLOAD_BYTES_MIN, self.pattern.len())].to_vec();
        payload[..PAYLOAD_BYTES_MIN].copy_from_slice(&stamp.encode());
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

    /// The stamp of `payload`; `None` when any of its bytes is not what [`Payloads::make`] would have written.
    #[must_use]
    pub fn check(&self, payload: &[u8]) -> Option<Stamp> {
        let (stamp, rest) = payload.split_first_chunk::<PAYLOAD_BYTES_MIN>()?;
        let expected = self.pattern.get(PAYLOAD_BYTES_MIN..payload.len())?;
        if rest != expected {
            return None;
        }
        Stamp::decode(stamp)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_is_text_of_its_size_and_gives_its_stamp_back() {
        let payloads = Payloads::new(1000);
        for (sender, number) in [(0, 0), (1, u32::MAX), (u32::MAX, 7), (0x1234_5678, 0x9abc_def0)] {
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
