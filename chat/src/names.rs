//! What people and rooms may be called, and the key that a room's title turns into.

use unicode_normalization::UnicodeNormalization;

use crate::characters::{self, are_fit_for_a_name, is_blank};
use crate::limits::{NAME_BYTES_MAX, NAME_CHARS_MAX, ROOM_BYTES_MAX, ROOM_CHARS_MAX};

/// Why a name or a title was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BadName {
    /// Nothing that can be seen.
    Blank,
    /// More characters or bytes than allowed.
    TooLong,
    /// Characters that cannot be seen, change the direction of text, pile up on each other, or belong to another script than
    /// what they stand on.
    Forbidden,
}

/// A person's name: in Unicode form NFC, trimmed, with single spaces.
pub(crate) fn person_name(raw: &str) -> Result<String, BadName> {
    checked(raw, NAME_CHARS_MAX, NAME_BYTES_MAX)
}

/// A room's title, made like a name, and its key: the title in NFKC and lower case with `-` for white space, so that titles
/// which people would confuse are one room.
pub(crate) fn room_title(raw: &str) -> Result<(String, String), BadName> {
    let title = checked(raw, ROOM_CHARS_MAX, ROOM_BYTES_MAX)?;
    let key = room_key(&title);
    // Compatibility decomposition makes some single characters as long as a sentence.
    if is_too_long(&key, ROOM_CHARS_MAX, ROOM_BYTES_MAX) {
        return Err(BadName::TooLong);
    }
    Ok((title, key))
}

fn checked(raw: &str, chars_max: usize, bytes_max: usize) -> Result<String, BadName> {
    // No normal form would make that short enough; it is not worth looking at.
    if raw.trim().len() > 4 * bytes_max {
        return Err(BadName::TooLong);
    }
    let name: String = raw.trim().nfc().collect();
    if is_blank(&name) {
        return Err(BadName::Blank);
    }
    if !are_fit_for_a_name(&name) {
        return Err(BadName::Forbidden);
    }
    let name = name.split_whitespace().collect::<Vec<_>>().join(" ");
    if is_too_long(&name, chars_max, bytes_max) { Err(BadName::TooLong) } else { Ok(name) }
}

fn is_too_long(name: &str, chars_max: usize, bytes_max: usize) -> bool {
    name.len() > bytes_max || characters::count(name) > chars_max
}

fn room_key(title: &str) -> String {
    // Lower case can undo the normal form, and a compatibility mapping can bring upper case and spaces.
    let folded: String = title.nfkc().flat_map(char::to_lowercase).nfkc().collect();
    folded.split_whitespace().collect::<Vec<_>>().join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_trimmed_and_otherwise_kept() {
        assert_eq!(person_name("  Ann \n").as_deref(), Ok("Ann"));
        assert_eq!(person_name("李 雷").as_deref(), Ok("李 雷"));
        assert_eq!(person_name("李\u{3000} 雷").as_deref(), Ok("李 雷"));
        assert_eq!(person_name("Zoe\u{308}").as_deref(), Ok("Zoë"));
        assert_eq!(person_name("👩\u{200D}💻").as_deref(), Ok("👩\u{200D}💻"));
        assert_eq!(person_name("<b>Ann</b>").as_deref(), Ok("<b>Ann</b>"));
    }

    #[test]
    fn names_that_cannot_be_seen_are_blank() {
        for blank in ["", "  ", "\u{200B}", "\u{3164}\u{2800}", "\t\r\n", "\u{FE0F}\u{200D}", "\u{0}"] {
            assert_eq!(person_name(blank), Err(BadName::Blank), "{blank:?}");
        }
    }

    #[test]
    fn names_with_control_characters_and_overrides_are_refused() {
        for name in ["a\nb", "a\u{0}b", "a\u{7f}", "a\u{202E}b", "a\u{2066}b", "a\u{85}b", "a\u{2028}b"] {
            assert_eq!(person_name(name), Err(BadName::Forbidden), "{name:?}");
        }
    }

    #[test]
    fn names_are_counted_as_people_count_and_their_bytes_are_bounded() {
        assert!(person_name(&"李".repeat(32)).is_ok());
        assert_eq!(person_name(&"李".repeat(33)), Err(BadName::TooLong));
        assert!(person_name(&"q\u{302}".repeat(32)).is_ok(), "a letter with its accent is one");
        assert!(person_name(&"👩\u{200D}👩\u{200D}👧".repeat(7)).is_ok());
        assert_eq!(person_name(&"👩\u{200D}👩\u{200D}👧".repeat(8)), Err(BadName::TooLong), "144 bytes");
        assert_eq!(person_name(&"x".repeat(1_000_000)), Err(BadName::TooLong));
        assert!(room_title(&"茶".repeat(48)).is_ok());
        assert_eq!(room_title(&"x".repeat(49)), Err(BadName::TooLong));
    }

    #[test]
    fn titles_that_people_would_confuse_have_one_key() {
        let key = |title| room_title(title).map(|(_, key)| key);
        assert_eq!(key("Tea time 茶").as_deref(), Ok("tea-time-茶"));
        assert_eq!(key("  TEA \u{3000} TIME 茶 "), key("tea time 茶"));
        assert_eq!(key("Ｔｅａ"), key("tea"));
        assert_eq!(key("ÄRGER"), key("a\u{308}rger"));
        assert_eq!(room_title(" Tea ").map(|(title, _)| title).as_deref(), Ok("Tea"));
    }

    #[test]
    fn a_key_is_its_own_key() {
        for title in ["Tea time", "İstanbul", "ẞ", "K", "ﬁve", "𝐀𝐁", "Σίσυφος"] {
            let key = room_key(title);
            assert_eq!(room_key(&key), key, "{title}");
        }
    }

    #[test]
    fn a_title_that_grows_in_normal_form_is_still_bounded() {
        assert_eq!(room_title(&"\u{FDFA}".repeat(10)), Err(BadName::TooLong));
    }
}
