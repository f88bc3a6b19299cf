//! UTF-8 of text messages whose octets arrive in parts (RFC 6455 §5.6, §8.1).

/// Below this the checker by vectors leaves it to the standard library, which is slow to begin.
const VECTOR_BYTES: usize = 64;

/// Is it UTF-8? Most short texts are ASCII, which is soon seen.
#[inline]
pub(crate) fn is_valid(text: &[u8]) -> bool {
    (text.len() < VECTOR_BYTES && text.is_ascii()) || simdutf8::basic::from_utf8(text).is_ok()
}

/// Decides, octet by octet, whether what has arrived can still become valid UTF-8.
///
/// Only the octets of a code point that is not complete yet are kept; everything before them was checked.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Utf8Progress {
    tail: [u8; 4],
    tail_len: u8,
}

impl Utf8Progress {
    /// Takes the next octets. False as soon as no continuation can make the whole valid UTF-8.
    #[must_use]
    pub(crate) fn push(&mut self, chunk: &[u8]) -> bool {
        let mut rest = chunk;
        while self.tail_len > 0 {
            let Some((&octet, after)) = rest.split_first() else {
                return true;
            };
            rest = after;
            let len = usize::from(self.tail_len);
            self.tail[len] = octet;
            match prefix(&self.tail[..=len]) {
                Prefix::Whole => self.tail_len = 0,
                Prefix::Incomplete => self.tail_len += 1,
                Prefix::Invalid => return false,
            }
        }

        let (whole, tail) = rest.split_at(whole_len(rest));
        if simdutf8::basic::from_utf8(whole).is_err() {
            return false;
        }
        if tail.is_empty() {
            return true;
        }
        self.tail[..tail.len()].copy_from_slice(tail);
        self.tail_len = tail.len() as u8;
        prefix(tail) == Prefix::Incomplete
    }

    /// Is what arrived valid as it stands, with no code point left open?
    pub(crate) fn is_whole(&self) -> bool {
        self.tail_len == 0
    }
}

#[derive(PartialEq)]
enum Prefix {
    Whole,
    Incomplete,
    Invalid,
}

/// What the octets of at most one code point are worth. The standard library knows the ranges of second
/// octets (no overlong forms, no surrogates, nothing past U+10FFFF).
fn prefix(octets: &[u8]) -> Prefix {
    match std::str::from_utf8(octets) {
        Ok(_) => Prefix::Whole,
        Err(error) if error.error_len().is_none() => Prefix::Incomplete,
        Err(_) => Prefix::Invalid,
    }
}

/// The length of `octets` without a code point at its end whose octets have not all arrived.
fn whole_len(octets: &[u8]) -> usize {
    let len = octets.len();
    for back in 1..=len.min(3) {
        let width = match octets[len - back] {
            0x80..=0xbf => continue,
            0xc0..=0xdf => 2,
            0xe0..=0xef => 3,
            0xf0..=0xff => 4,
            0x00..=0x7f => 1,
        };
        return if width > back { len - back } else { len };
    }
    len
}

#[cfg(test)]
mod tests {
    use super::Utf8Progress;

    /// The index of the octet at which the validator gives up, fed one octet at a time.
    fn fails_at(octets: &[u8]) -> Option<usize> {
        let mut progress = Utf8Progress::default();
        octets.iter().position(|octet| !progress.push(&[*octet]))
    }

    #[test]
    fn every_code_point_passes_however_it_is_split() {
        for point in (0..=0x10_ffff).step_by(13).filter_map(char::from_u32) {
            let text = format!("a{point}z");
            for cut in 0..=text.len() {
                let (left, right) = text.as_bytes().split_at(cut);
                let mut progress = Utf8Progress::default();
                assert!(
                    progress.push(left) && progress.push(right) && progress.is_whole(),
                    "{point:?} at {cut}"
                );
            }
        }
    }

    #[test]
    fn invalid_text_fails_at_the_very_octet_that_makes_it_invalid() {
        assert_eq!(fails_at(b"ok\x80"), Some(2), "continuation without a lead");
        assert_eq!(fails_at(b"\xc0\x80"), Some(0), "overlong two-octet form");
        assert_eq!(fails_at(b"\xe0\x80\x80"), Some(1), "overlong three-octet form");
        assert_eq!(fails_at(b"\xed\xa0\x80"), Some(1), "surrogate");
        assert_eq!(fails_at(b"\xf4\x90\x80\x80"), Some(1), "past U+10FFFF");
        assert_eq!(fails_at(b"\xf5"), Some(0), "no such lead");
        assert_eq!(fails_at(b"\xe2\x82A"), Some(2), "code point broken off");
        assert_eq!(fails_at("κόσμε".as_bytes()), None);
    }

    #[test]
    fn the_verdict_is_the_standard_librarys_for_all_short_sequences_in_one_piece_and_in_two() {
        let interesting =
            [0x00, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc2, 0xdf, 0xe0, 0xe1, 0xed];
        let interesting: Vec<u8> =
            interesting.into_iter().chain([0xef, 0xf0, 0xf1, 0xf4, 0xf5, 0xff]).collect();
        let mut sequence = [0u8; 4];
        for index in 0..interesting.len().pow(4) {
            let mut number = index;
            for octet in &mut sequence {
                *octet = interesting[number % interesting.len()];
                number /= interesting.len();
            }
            let expected = std::str::from_utf8(&sequence).is_ok();
            let mut whole = Utf8Progress::default();
            assert_eq!(whole.push(&sequence) && whole.is_whole(), expected, "{sequence:x?}");
            let mut parts = Utf8Progress::default();
            let (left, right) = sequence.split_at(index % 5);
            assert_eq!(parts.push(left) && parts.push(right) && parts.is_whole(), expected, "{sequence:x?}");
        }
    }

    #[test]
    fn an_open_code_point_is_not_whole() {
        let mut progress = Utf8Progress::default();
        assert!(progress.push(b"caf\xc3"));
        assert!(!progress.is_whole());
        assert!(progress.push(b"\xa9"));
        assert!(progress.is_whole());
    }
}
