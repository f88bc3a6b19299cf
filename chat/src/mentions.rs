//! Who is mentioned in a text: `@` and a name, in whatever case, where a word could begin.
//!
//! In what people type nothing marks the end of a name, and Chinese has no spaces between words. So the text is compared with known names,
//! and the longest one that fits is meant. Nothing is found within code.

use std::ops::Range;

use unicode_normalization::UnicodeNormalization as _;
use unicode_script::{Script, UnicodeScript as _};

use crate::limits::{MENTION_PLACES_MAX, NAME_BYTES_MAX};
use crate::markdown;

/// The names that mention everybody in a room, folded.
pub(crate) const EVERYBODY: [&str; 2] = ["room", "所有人"];

/// The `@` of Western keyboards and of East Asian ones.
const SIGNS: [char; 2] = ['@', '＠'];

/// The beginnings of what may be names, as they were typed: each as long as the longest name could be.
pub(crate) fn candidates(text: &str) -> Vec<&str> {
    if !text.contains(SIGNS) {
        return Vec::new();
    }
    let code = markdown::code(text);
    let is_in_code = |at: usize| code.iter().any(|range: &Range<usize>| range.contains(&at));
    let signs = text.match_indices(SIGNS).filter(|(at, _)| may_begin(text, *at) && !is_in_code(*at));
    signs
        .map(|(at, sign)| {
            let rest = &text[at + sign.len()..];
            // In other Unicode forms the same letters may take more bytes.
            &rest[..rest.floor_char_boundary(2 * NAME_BYTES_MAX)]
        })
        .take(MENTION_PLACES_MAX)
        .collect()
}

/// A name, or what may begin with one, in the form in which they are compared.
pub(crate) fn fold(text: &str) -> String {
    text.nfkc().flat_map(char::to_lowercase).nfkc().collect()
}

/// Does a text begin with this name, and does the name end there? Both are folded.
pub(crate) fn begins_with(text: &str, name: &str) -> bool {
    let Some(rest) = text.strip_prefix(name) else { return false };
    let (last, next) = (name.chars().next_back(), rest.chars().next());
    last.is_some() && !(last.is_some_and(is_of_a_word) && next.is_some_and(is_of_a_word))
}

/// Can the `@` at this place begin a mention? Not within an e-mail or web address.
fn may_begin(text: &str, at: usize) -> bool {
    let before = text[..at].chars().next_back();
    before.is_none_or(|before| !is_of_a_word(before) && before != '/')
}

/// Does this character continue the word beside it? In scripts without spaces between words a name can end anywhere.
fn is_of_a_word(character: char) -> bool {
    let is_unspaced = matches!(
        character.script(),
        Script::Han
            | Script::Hiragana
            | Script::Katakana
            | Script::Bopomofo
            | Script::Hangul
            | Script::Thai
            | Script::Lao
            | Script::Khmer
            | Script::Myanmar
    );
    (character.is_alphanumeric() || character == '_') && !is_unspaced && character != 'ー'
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Which of these names are found, each at its place the longest.
    fn found<'a>(text: &str, names: &[&'a str]) -> Vec<&'a str> {
        let longest = |candidate: &&str| {
            let candidate = fold(candidate);
            let fitting = names.iter().filter(|name| begins_with(&candidate, &fold(name)));
            fitting.max_by_key(|name| name.len()).copied()
        };
        candidates(text).iter().filter_map(longest).collect()
    }

    #[test]
    fn the_longest_name_that_fits_is_meant_in_whatever_case() {
        let names = ["Ann", "Ann Lee", "Bob"];
        assert_eq!(found("hi @Ann", &names), ["Ann"]);
        assert_eq!(found("@ann lee, @BOB!", &names), ["Ann Lee", "Bob"]);
        assert_eq!(found("@Ann Leeds (@bob's)", &names), ["Ann", "Bob"]);
        assert_eq!(found("@Annabel @Ann2 @Ann_ @ Ann", &names), [""; 0]);
        assert_eq!(found("@Zoe\u{308}", &["Zoë"]), ["Zoë"]);
    }

    #[test]
    fn chinese_names_need_no_space_after_them_nor_before() {
        let names = ["李雷", "李", "韩梅梅", "Ann", "김철수", "さくら"];
        assert_eq!(found("你好@李雷你在吗", &names), ["李雷"]);
        assert_eq!(found("@李雷@韩梅梅 看", &names), ["李雷", "韩梅梅"]);
        assert_eq!(found("＠李雷：好", &names), ["李雷"], "with the sign of a Chinese keyboard");
        assert_eq!(found("@李四", &names), ["李"]);
        assert_eq!(found("请@Ann看看", &names), ["Ann"]);
        assert_eq!(found("@김철수는 @さくらさん", &names), ["김철수", "さくら"]);
        assert_eq!(found("@所有人开会", &EVERYBODY), ["所有人"]);
        assert_eq!(found("@Room @rooms", &EVERYBODY), ["room"]);
    }

    #[test]
    fn addresses_and_code_mention_nobody() {
        let names = ["Ann", "example"];
        assert_eq!(found("me@example.org https://x.org/@Ann a_@Ann @@Ann", &names), ["Ann"]);
        assert_eq!(found("`@Ann`", &names), [""; 0]);
        assert_eq!(found("```\n@Ann\n```\n", &names), [""; 0]);
        assert_eq!(found("`x` @Ann", &names), ["Ann"]);
        assert_eq!(found("*@Ann*", &names), ["Ann"]);
    }

    #[test]
    fn a_text_that_is_nothing_else_is_bounded() {
        let text = "@ ".repeat(8_000);
        assert_eq!(candidates(&text).len(), MENTION_PLACES_MAX);
        assert!(
            candidates(&"@李".repeat(4_000)).iter().all(|candidate| candidate.len() <= 2 * NAME_BYTES_MAX)
        );
    }
}
