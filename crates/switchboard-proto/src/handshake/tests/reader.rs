//! Heads that arrive in parts, in time or not.

use super::*;

fn reader() -> HeadReader {
    HeadReader::new(HeadLimits::default(), 5_000)
}

#[test]
fn a_head_is_complete_with_its_last_byte_however_it_is_split() {
    let bytes = good_with(&[]);
    for piece in 1..=bytes.len() {
        let mut reader = reader();
        let mut result = None;
        for (index, part) in bytes.chunks(piece).enumerate() {
            assert_eq!(result, None, "before the last part");
            result = reader.receive(part, index as u64).unwrap();
        }
        assert_eq!(result, Some(bytes.len()), "pieces of {piece}");
        assert_eq!(reader.buffer(), bytes);
    }
}

#[test]
fn frames_in_the_same_segment_stay_behind_the_head() {
    let head = good_with(&[]);
    let mut reader = reader();
    let len = reader.receive(&[&head[..], b"\x81\x80frame"].concat(), 0).unwrap().unwrap();
    assert_eq!(len, head.len());
    assert_eq!(&reader.buffer()[len..], b"\x81\x80frame");
    assert_eq!(reader.into_buffer().len(), len + 7);
}

#[test]
fn a_head_that_is_late_is_408() {
    let mut reader = reader();
    reader.receive(b"GET / ", 4_999).unwrap();
    assert_eq!(reader.poll_timeout(4_999), Ok(()));
    assert_eq!(reader.poll_timeout(5_000).unwrap_err().status, 408);
    assert_eq!(reader.receive(b"HTTP/1.1\r\n", 5_000).unwrap_err().status, 408);
}

#[test]
fn a_complete_head_is_never_late() {
    let mut reader = reader();
    reader.receive(&good_with(&[]), 0).unwrap();
    assert_eq!(reader.poll_timeout(9_000), Ok(()));
}

#[test]
fn the_verdict_on_a_bad_head_does_not_depend_on_the_split() {
    let long = [b"GET / HTTP/1.1\r\nCookie: ", &[b'a'; 20_000][..]].concat();
    for (bytes, status) in [(&b"GET / HTTP/1.1\r\nHost: a\nb"[..], 400), (&long, 431), (&[b'a'; 20_000], 414)]
    {
        for piece in [1, 2, 1000, usize::MAX] {
            let mut reader = reader();
            let error = bytes.chunks(piece).find_map(|part| reader.receive(part, 0).err());
            assert_eq!(error.map(|error| error.status), Some(status), "pieces of {piece}");
        }
    }
}
