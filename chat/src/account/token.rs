//! What a browser shows to be known again, in a cookie, or to be let in, with an invitation: 256 random bits.

use rustix::rand::{GetRandomFlags, getrandom};
use sha2::{Digest as _, Sha256};

const BYTES: usize = 32;

/// A secret. It is with the browser, or whoever is invited, alone; the database has its [`TokenHash`].
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Token([u8; BYTES]);

/// Nothing of it is for logs.
impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token")
    }
}

/// The SHA-256 of a token: nothing is gained by looking for one that is near.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TokenHash([u8; BYTES]);

impl Token {
    pub(crate) fn random() -> std::io::Result<Self> {
        Ok(Self(random_bytes()?))
    }

    /// 64 hexadecimal digits, or it is none.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let digits = text.as_bytes();
        if digits.len() != 2 * BYTES {
            return None;
        }
        let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
        let mut bytes = [0; BYTES];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = digit(pair[0])? << 4 | digit(pair[1])?;
        }
        Some(Self(bytes))
    }

    pub(crate) fn to_text(&self) -> String {
        use std::fmt::Write as _;
        self.0.iter().fold(String::with_capacity(2 * BYTES), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
    }

    pub(crate) fn as_bytes(&self) -> &[u8; BYTES] {
        &self.0
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    pub(crate) fn hash(&self) -> TokenHash {
        TokenHash(Sha256::digest(self.0).into())
    }
}

impl TokenHash {
    pub(crate) fn as_bytes(&self) -> &[u8; BYTES] {
        &self.0
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }
}

/// From the system's generator.
pub(super) fn random_bytes<const N: usize>() -> std::io::Result<[u8; N]> {
    let mut bytes = [0; N];
    let mut filled = 0;
    while filled < N {
        match getrandom(&mut bytes[filled..], GetRandomFlags::empty()) {
            Ok(count) => filled += count,
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_survives_its_writing_and_no_two_are_the_same() {
        let (one, other) = (Token::random().expect("random"), Token::random().expect("random"));
        let read = Token::parse(&one.to_text()).expect("a token");
        assert_eq!(read.hash(), one.hash());
        assert_ne!(one.hash(), other.hash());
        assert_ne!(one.hash().as_bytes(), &one.0, "the hash is not the token");
    }

    #[test]
    fn what_is_no_token_is_none() {
        let long = "a".repeat(65);
        let wide = "é".repeat(32);
        for text in
            ["", "abc", &"g".repeat(64), &"a".repeat(63), &long, &wide, &format!("+{}", "a".repeat(63))]
        {
            assert!(Token::parse(text).is_none(), "{text}");
        }
        assert!(Token::parse(&"A0".repeat(32)).is_some());
    }
}
