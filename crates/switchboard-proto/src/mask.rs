//! Masking of payloads (RFC 6455 §5.3).

/// XORs `payload` with the masking `key` in place; masking and unmasking are the same operation (RFC 6455 §5.3).
///
/// `offset` is the position of `payload[0]` within the payload of its frame, so that a payload which arrives
/// in parts can be unmasked part by part.
///
/// The loop is written over fixed-size blocks, which the compiler turns into vector instructions.
#[inline]
pub fn apply_mask(payload: &mut [u8], key: [u8; 4], offset: usize) {
    // The key as it stands at payload[0]: little-endian, so the first octet is the lowest byte.
    let word = u32::from_le_bytes(key).rotate_right(8 * (offset % 4) as u32);
    let double = u64::from(word) | u64::from(word) << 32;
    let pattern = u128::from(double) | u128::from(double) << 64;

    let mut blocks = payload.chunks_exact_mut(64);
    for block in &mut blocks {
        for lane in block.as_chunks_mut::<16>().0 {
            *lane = (u128::from_le_bytes(*lane) ^ pattern).to_le_bytes();
        }
    }
    let (lanes, rest) = blocks.into_remainder().as_chunks_mut::<16>();
    for lane in lanes {
        *lane = (u128::from_le_bytes(*lane) ^ pattern).to_le_bytes();
    }
    // Each step so far was a multiple of four bytes: the key starts anew.
    let (eights, rest) = rest.as_chunks_mut::<8>();
    for eight in eights {
        *eight = (u64::from_le_bytes(*eight) ^ double).to_le_bytes();
    }
    for (byte, key_byte) in rest.iter_mut().zip(double.to_le_bytes()) {
        *byte ^= key_byte;
    }
}

#[cfg(test)]
mod tests {
    use super::apply_mask;

    fn reference(payload: &mut [u8], key: [u8; 4], offset: usize) {
        for (index, byte) in payload.iter_mut().enumerate() {
            *byte ^= key[(index + offset) % 4];
        }
    }

    #[test]
    fn equals_the_octet_by_octet_definition_at_every_length_and_offset() {
        let key = [0x37, 0xfa, 0x21, 0x3d];
        for len in 0..200 {
            for offset in 0..5 {
                let original: Vec<u8> = (0..len).map(|index| (index * 7) as u8).collect();
                let (mut fast, mut slow) = (original.clone(), original);
                apply_mask(&mut fast, key, offset);
                reference(&mut slow, key, offset);
                assert_eq!(fast, slow, "len {len}, offset {offset}");
            }
        }
    }

    #[test]
    fn masking_twice_restores_the_payload() {
        let mut payload = *b"Hello, WebSocket, this is longer than one block of the loop, which is 64 bytes";
        let original = payload;
        apply_mask(&mut payload, [1, 2, 3, 4], 0);
        assert_ne!(payload, original);
        apply_mask(&mut payload, [1, 2, 3, 4], 0);
        assert_eq!(payload, original);
    }

    #[test]
    fn a_payload_unmasked_in_two_parts_equals_one_unmasked_at_once() {
        let whole: Vec<u8> = (0..=255).collect();
        for cut in 0..whole.len() {
            let (mut at_once, mut parts) = (whole.clone(), whole.clone());
            apply_mask(&mut at_once, [9, 8, 7, 6], 0);
            let (left, right) = parts.split_at_mut(cut);
            apply_mask(left, [9, 8, 7, 6], 0);
            apply_mask(right, [9, 8, 7, 6], cut);
            assert_eq!(at_once, parts, "cut at {cut}");
        }
    }
}
