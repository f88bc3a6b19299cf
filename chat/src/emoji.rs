//! What may be put under a message: one emoji, whatever it is made of (UTS #51).

use unicode_properties::UnicodeEmoji as _;
use unicode_properties::emoji::EmojiStatus;
use unicode_segmentation::UnicodeSegmentation as _;

use crate::limits::EMOJI_BYTES_MAX;

const JOINER: char = '\u{200D}';
/// Asks for the coloured form.
const SELECTOR: char = '\u{FE0F}';
const KEYCAP: char = '\u{20E3}';
const BLACK_FLAG: char = '\u{1F3F4}';

/// An emoji in the form in which everybody writes it, so that it is counted as one; None if `text` is not one emoji.
pub(crate) fn usual_form(text: &str) -> Option<String> {
    if text.len() > EMOJI_BYTES_MAX || text.graphemes(true).count() != 1 {
        return None;
    }
    let chars: Vec<char> = text.chars().collect();
    match chars[..] {
        [c] if is_text_by_default(c) => Some(format!("{c}{SELECTOR}")),
        [c] => is_coloured(c).then(|| text.to_owned()),
        ['0'..='9' | '#' | '*', SELECTOR, KEYCAP] => Some(text.to_owned()),
        [a, b] if is_regional(a) && is_regional(b) => Some(text.to_owned()),
        [BLACK_FLAG, ref tags @ .., '\u{E007F}'] if !tags.is_empty() => {
            tags.iter().all(|c| matches!(c, '\u{E0020}'..='\u{E007E}')).then(|| text.to_owned())
        }
        _ => chars.split(|c| *c == JOINER).all(is_element).then(|| text.to_owned()),
    }
}

/// What joiners stand between.
fn is_element(chars: &[char]) -> bool {
    match chars {
        [c] | [c, SELECTOR] => is_coloured(*c) || is_text_by_default(*c),
        [c, modifier] => (is_coloured(*c) || is_text_by_default(*c)) && is_modifier(*modifier),
        _ => false,
    }
}

/// Shown as a picture.
fn is_coloured(c: char) -> bool {
    matches!(
        c.emoji_status(),
        EmojiStatus::EmojiPresentation
            | EmojiStatus::EmojiPresentationAndModifierBase
            | EmojiStatus::EmojiPresentationAndModifierAndEmojiComponent
    )
}

/// Shown as a letter unless a selector follows.
fn is_text_by_default(c: char) -> bool {
    !c.is_ascii() && matches!(c.emoji_status(), EmojiStatus::EmojiOther | EmojiStatus::EmojiModifierBase)
}

fn is_modifier(c: char) -> bool {
    matches!(c, '\u{1F3FB}'..='\u{1F3FF}')
}

fn is_regional(c: char) -> bool {
    matches!(c, '\u{1F1E6}'..='\u{1F1FF}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_emoji_of_whatever_kind() {
        for emoji in ["👍", "👍🏽", "❤️", "👨‍👩‍👧‍👦", "🏳️‍🌈", "🏴‍☠️", "🇨🇳", "1️⃣", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "🧑🏽‍🚀", "❤️‍🔥", "☝🏿", "🫱🏻‍🫲🏿"]
        {
            assert_eq!(usual_form(emoji).as_deref(), Some(emoji), "{emoji}");
        }
    }

    #[test]
    fn what_people_see_as_the_same_is_the_same() {
        assert_eq!(usual_form("❤").as_deref(), Some("❤️"));
        assert_eq!(usual_form("☝").as_deref(), Some("☝️"));
    }

    #[test]
    fn nothing_else() {
        for text in [
            "",
            " ",
            "a",
            "1",
            "#",
            "👍👍",
            "👍 ",
            "é",
            "李",
            "👍\u{308}",
            "\u{200d}",
            "👍\u{200d}",
            "<b>",
            "\u{fe0f}",
            "🇨",
            "🏴\u{e0067}",
            "👍\u{e0067}",
            "\u{1f3f4}\u{e007f}",
            "©\u{fe0e}",
            "x👍",
        ] {
            assert_eq!(usual_form(text), None, "{text:?}");
        }
        assert_eq!(usual_form(&["👩"; 20].join("\u{200d}")), None, "too long");
    }
}
