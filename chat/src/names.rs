//! What people and rooms may be called, and the key that a room's title turns into.

use unicode_normalization::UnicodeNormalization;

use crate::limits::{NAME_CHARS_MAX, ROOM_CHARS_MAX};

/// Why a name or a title was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BadName {
    /// Nothing that can be seen.
    Blank,
    /// More Unicode scalar values than allowed.
    TooLong,
    /// A control character, a line separator or one that overrides the direction of text.
    Forbidden,
}

/// A person's name, trimmed.
pub(crate) fn person_name(raw: &str) -> Result<String, BadName> {
    checked(raw, NAME_CHARS_MAX)
}

/// A room's title, trimmed, and its key: the title in NFKC and lower case with `-` for white space, so that titles
/// which people would confuse are one room.
pub(crate) fn room_title(raw: &str) -> Result<(String, String), BadName> {
    let title = checked(raw, ROOM_CHARS_MAX)?;
    let key = room_key(&title);
    // Compatibility decomposition makes some single characters as long as a sentence.
    if key.chars().count() > ROOM_CHARS_MAX {
        return Err(BadName::TooLong);
    }
    Ok((title, key))
}

/// Is there anything to see in `text`?
pub(crate) fn is_blank(text: &str) -> bool {
    text.chars().all(|c| c.is_whitespace() || c.is_control() || is_invisible(c))
}

fn checked(raw: &str, chars_max: usize) -> Result<String, BadName> {
    let name = raw.trim();
    if is_blank(name) {
        Err(BadName::Blank)
    } else if name.chars().any(is_forbidden) {
        Err(BadName::Forbidden)
    } else if name.chars().count() > chars_max {
        Err(BadName::TooLong)
    } else {
        Ok(name.to_owned())
    }
}

fn room_key(title: &str) -> String {
    // Lower case can undo the normal form, and a compatibility mapping can bring upper case and spaces.
    let folded: String = title.nfkc().flat_map(char::to_lowercase).nfkc().collect();
    folded.split_whitespace().collect::<Vec<_>>().join("-")
}

/// Breaks a line, or makes the text around it read in another order than it was written.
fn is_forbidden(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

/// Takes no ink and no room: joiners, selectors and fillers. Legal inside a name (emoji need them), but a name of
/// nothing else would look empty.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{00AD}' | '\u{034F}' | '\u{061C}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}'
        | '\u{180B}'..='\u{180F}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}'
        | '\u{2800}' | '\u{3164}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFA0}' | '\u{E0000}'..='\u{E0FFF}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_trimmed_and_otherwise_kept() {
        assert_eq!(person_name("  Ann \n").as_deref(), Ok("Ann"));
        assert_eq!(person_name("李 雷").as_deref(), Ok("李 雷"));
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
    fn names_are_counted_in_scalar_values() {
        assert!(person_name(&"李".repeat(32)).is_ok());
        assert_eq!(person_name(&"李".repeat(33)), Err(BadName::TooLong));
        assert!(room_title(&"x".repeat(48)).is_ok());
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
