//! What text is made of: how long it is for people, and which of its characters do what cannot be seen.

use unicode_properties::{GeneralCategory, UnicodeGeneralCategory as _};
use unicode_segmentation::UnicodeSegmentation as _;

use crate::limits::MARKS_MAX;

/// The number of characters as people count them: grapheme clusters (UAX #29). A family of emoji is one, and so is a letter
/// with all its accents: a bound on bytes belongs to each bound on these.
pub(crate) fn count(text: &str) -> usize {
    text.graphemes(true).count()
}

/// Is there anything to see in `text`?
pub(crate) fn is_blank(text: &str) -> bool {
    text.chars().all(|c| c.is_whitespace() || c.is_control() || is_invisible(c))
}

/// A message without the control characters that mean nothing in it and much to a terminal; the ends of lines are LF. What
/// changes the direction of text stays: it belongs to some languages, and whoever shows a message keeps it inside of it.
pub(crate) fn without_controls(text: String) -> String {
    if !text.contains(|c: char| c.is_control() && c != '\n' && c != '\t') {
        return text;
    }
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    text.chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t')).collect()
}

/// Is every character of a name one that shows, or one that the characters beside it need?
pub(crate) fn are_fit_for_a_name(name: &str) -> bool {
    let mut before = None;
    let mut marks = 0;
    let mut rest = name.chars().peekable();
    while let Some(c) = rest.next() {
        marks = match c.general_category() {
            GeneralCategory::NonspacingMark | GeneralCategory::EnclosingMark if !is_selector(c) => marks + 1,
            _ if is_invisible(c) => marks,
            _ => 0,
        };
        let begins_with_a_mark = marks > 0 && before.is_none_or(char::is_whitespace);
        if marks > MARKS_MAX || begins_with_a_mark || !is_fit(c, before, rest.peek().copied()) {
            return false;
        }
        before = Some(c);
    }
    true
}

fn is_fit(c: char, before: Option<char>, after: Option<char>) -> bool {
    match c {
        '\u{200C}' | '\u{200D}' => before.is_some_and(can_be_joined) && after.is_some_and(can_be_joined),
        '\u{E0020}'..='\u{E007F}' => before.is_some_and(|before| before == FLAG || is_tag(before)),
        _ if is_selector(c) => before.is_some_and(|before| {
            !before.is_ascii_alphabetic() && !before.is_whitespace() && !is_invisible(before)
        }),
        _ if is_invisible(c) => false,
        // Emoji are younger than any table; what else is not assigned may become anything.
        '\u{1F000}'..='\u{1FAFF}' => true,
        _ => !matches!(
            c.general_category(),
            GeneralCategory::Control
                | GeneralCategory::Format
                | GeneralCategory::LineSeparator
                | GeneralCategory::ParagraphSeparator
                | GeneralCategory::PrivateUse
                | GeneralCategory::Surrogate
                | GeneralCategory::Unassigned
        ),
    }
}

/// The black flag, which tags make one of a country's part.
const FLAG: char = '\u{1F3F4}';

fn is_tag(c: char) -> bool {
    matches!(c, '\u{E0020}'..='\u{E007F}')
}

/// Joiners are needed by emoji and by the scripts of Persian and India, and mean nothing between ASCII characters.
fn can_be_joined(c: char) -> bool {
    !c.is_ascii() && !c.is_whitespace() && (!is_invisible(c) || is_selector(c))
}

/// Chooses among the forms of the character before it, as for emoji and in Japanese names.
fn is_selector(c: char) -> bool {
    matches!(c, '\u{180B}'..='\u{180D}' | '\u{180F}' | '\u{FE00}'..='\u{FE0F}' | '\u{E0100}'..='\u{E01EF}')
}

/// Takes no ink: joiners, selectors, fillers, marks of direction. A name of nothing else would look empty.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{00AD}' | '\u{034F}' | '\u{061C}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}'
        | '\u{180B}'..='\u{180F}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}'
        | '\u{2800}' | '\u{3164}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF0}'..='\u{FFFB}'
        | '\u{1D173}'..='\u{1D17A}' | '\u{E0000}'..='\u{E0FFF}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_count_what_they_see() {
        for (text, expected) in [
            ("", 0),
            ("Ann", 3),
            ("李雷", 2),
            ("e\u{301}", 1),
            ("👩\u{200D}👩\u{200D}👧\u{200D}👦", 1),
            ("🇨🇳🇩🇪", 2),
            ("👍🏽", 1),
            ("한국", 2),
            ("\r\n", 1),
        ] {
            assert_eq!(count(text), expected, "{text:?}");
        }
    }

    #[test]
    fn names_of_every_script_are_fit() {
        for name in [
            "Ann",
            "Zoë O’Neill-Ćosić",
            "李雷",
            "葛\u{E0100}城",
            "やまだ たろう",
            "김철수",
            "Иван",
            "عبد الله",
            "علی\u{200C}رضا",
            "שָׁלוֹם",
            "श्री\u{200D}मान",
            "ประยุทธ์",
            "བསྒྲུབས",
            "Nguyễn Thị Hồng",
            "👩\u{200D}💻",
            "❤\u{FE0F}\u{200D}🔥 1\u{FE0F}\u{20E3}",
            "🏴\u{E0067}\u{E0062}\u{E0065}\u{E006E}\u{E0067}\u{E007F}",
            "🧑🏽\u{200D}🚀 🇨🇳",
            "<b>Ann</b>",
            "__proto__",
        ] {
            assert!(are_fit_for_a_name(name), "{name:?}");
        }
    }

    #[test]
    fn what_cannot_be_seen_or_piles_up_is_not() {
        for name in [
            "a\nb",
            "a\u{0}b",
            "a\u{7f}",
            "a\u{85}b",
            "a\u{2028}b",
            "a\u{2029}b",
            "a\u{202E}b",
            "a\u{2066}b",
            "a\u{200E}b",
            "a\u{061C}b",
            "An\u{200B}n",
            "An\u{200D}n",
            "Ann\u{200C}",
            "李\u{200D}",
            "Ann\u{FE0F}",
            "李\u{FE0F}\u{FE0F}",
            "An\u{AD}n",
            "An\u{34F}n",
            "An\u{2060}n",
            "Ann\u{FEFF}",
            "Ann\u{3164}",
            "Ann\u{115F}",
            "Ann\u{FFA0}",
            "Ann\u{2800}",
            "Ann\u{E0041}",
            "Ann\u{E0001}",
            "Ann\u{E000}",
            "Ann\u{FFFF}",
            "Ann\u{378}",
            "\u{301}Ann",
            "Ann \u{301}",
            "A\u{301}\u{302}\u{303}\u{304}\u{305}",
            "A\u{301}\u{200D}\u{302}\u{303}\u{304}\u{305}",
        ] {
            assert!(!are_fit_for_a_name(name), "{name:?}");
        }
    }

    #[test]
    fn a_message_keeps_its_lines_and_loses_what_moves_a_terminal() {
        let cleaned = |text: &str| without_controls(text.to_owned());
        assert_eq!(cleaned("a\tb\nc"), "a\tb\nc");
        assert_eq!(cleaned("a\r\nb\rc"), "a\nb\nc");
        assert_eq!(cleaned("\u{1b}[31mred\u{0}\u{7f}\u{9b}1m"), "[31mred1m");
        let arabic = "\u{202B}سلام\u{202C} שלום \u{2067}x\u{2069}";
        assert_eq!(cleaned(arabic), arabic);
    }
}
