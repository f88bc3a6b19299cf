//! The small grammar of header fields (RFC 9110 §5.5, §5.6).

/// A token: one or more of the visible ASCII characters that are no delimiters (RFC 9110 §5.6.2).
pub(super) fn is_token(value: &[u8]) -> bool {
    let is_token_octet = |octet: &u8| octet.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(octet);
    !value.is_empty() && value.iter().all(is_token_octet)
}

/// May this stand as the value of a header field? No control bytes but the tab, so no line end (RFC 9110 §5.5).
pub(super) fn is_value(value: &[u8]) -> bool {
    value.iter().all(|octet| matches!(octet, b'\t' | b' '..=b'~' | 0x80..=0xff))
}

/// The elements of a comma-separated list, without the white space around them and without empty ones, which a
/// recipient has to ignore (RFC 9110 §5.6.1.2).
pub(super) fn list(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|octet| *octet == b',').map(<[u8]>::trim_ascii).filter(|element| !element.is_empty())
}

/// Does one of the lists hold `token`, in any case of letters?
pub(super) fn lists_contain<'a>(lists: impl Iterator<Item = &'a [u8]>, token: &str) -> bool {
    lists.flat_map(list).any(|element| element.eq_ignore_ascii_case(token.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_visible_ascii_without_delimiters() {
        assert!(is_token(b"switchboard.v1") && is_token(b"!#$%&'*+-.^_`|~"));
        for wrong in ["", "a b", "a,b", "a/b", "a\"", "a(b)", "a:b", "caf\u{e9}", "a\r"] {
            assert!(!is_token(wrong.as_bytes()), "{wrong:?}");
        }
    }

    #[test]
    fn lists_ignore_case_white_space_and_empty_elements() {
        let values: [&[u8]; 2] = [b" keep-alive ,\t, UpGrade", b"x"];
        assert!(lists_contain(values.into_iter(), "upgrade"));
        assert!(lists_contain(values.into_iter(), "keep-alive"));
        assert!(!lists_contain(values.into_iter(), "up"));
        assert_eq!(list(b",, a ,b,").collect::<Vec<_>>(), [b"a", b"b"]);
    }
}
