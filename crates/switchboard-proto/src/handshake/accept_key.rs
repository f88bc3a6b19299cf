//! The proof that the peer speaks WebSocket (RFC 6455 §1.3, §4.2.2).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest as _, Sha1};

/// The fixed string of RFC 6455 §1.3.
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// The length of an accept key: 20 bytes of SHA-1 in base64.
pub(super) const ACCEPT_KEY_LEN: usize = 28;

/// The `Sec-WebSocket-Accept` that answers `key` (RFC 6455 §4.2.2 item 5.4), in ASCII.
pub(super) fn accept_key(key: &[u8]) -> [u8; ACCEPT_KEY_LEN] {
    let digest = Sha1::new().chain_update(key).chain_update(GUID).finalize();
    let mut encoded = [0; ACCEPT_KEY_LEN];
    let written = STANDARD.encode_slice(digest, &mut encoded);
    debug_assert_eq!(written.ok(), Some(ACCEPT_KEY_LEN), "20 bytes are 28 characters of base64");
    encoded
}

/// The `Sec-WebSocket-Key` of a nonce (RFC 6455 §4.1 item 7).
pub(super) fn encode_key(nonce: [u8; 16]) -> String {
    STANDARD.encode(nonce)
}

/// Is this the base64 of 16 bytes (RFC 6455 §4.2.1 item 5)? Sixteen bytes are 22 characters and two of padding.
pub(super) fn is_key(value: &[u8]) -> bool {
    let is_base64 = |octet: &u8| octet.is_ascii_alphanumeric() || matches!(octet, b'+' | b'/');
    value.len() == 24 && value[..22].iter().all(is_base64) && value.ends_with(b"==")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_section_1_3() {
        assert_eq!(&accept_key(b"dGhlIHNhbXBsZSBub25jZQ=="), b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        assert_eq!(encode_key(*b"the sample nonce"), "dGhlIHNhbXBsZSBub25jZQ==");
    }

    #[test]
    fn a_key_is_the_base64_of_16_bytes() {
        assert!(is_key(b"dGhlIHNhbXBsZSBub25jZQ=="));
        for wrong in [
            "",
            "dGhlIHNhbXBsZSBub25jZQ",
            "dGhlIHNhbXBsZSBub25jZSE=",
            "dGhlIHNhbXBsZSBub25jZSEh",
            "dGhl HNhbXBsZSBub25jZQ==",
        ] {
            assert!(!is_key(wrong.as_bytes()), "{wrong}");
        }
    }
}
