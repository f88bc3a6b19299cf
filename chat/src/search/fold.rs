//! A text as search sees it: without case, width and accents, and cut into what can be found by itself.

use std::ops::Range;

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;
use unicode_script::{Script, UnicodeScript as _};
use unicode_segmentation::UnicodeSegmentation as _;

use crate::emoji;

/// What a piece is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Letters and digits, up to anything else.
    Word,
    /// A character of a script that writes no spaces between words, so that nobody but a reader knows where a word ends.
    Character,
    Emoji,
}

/// A piece of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) kind: Kind,
    /// Folded: what people take for the same text is the same here.
    pub(super) text: String,
    /// Its place in the text, in bytes. The pieces of one ligature share theirs.
    pub(super) range: Range<usize>,
    /// There is nothing between it and the piece before it.
    pub(super) is_joined: bool,
}

/// All pieces of a text, in its order.
pub(super) fn pieces(text: &str) -> Vec<Piece> {
    let mut pieces = Pieces::default();
    let mut at = 0;
    while at < text.len() {
        let plain = plain_len(text, at);
        for (byte, place) in text.as_bytes()[at..at + plain].iter().zip(at..) {
            pieces.ascii(*byte, place);
        }
        at += plain;
        let Some(cluster) = text[at..].graphemes(true).next() else { break };
        pieces.take(cluster, at..at + cluster.len());
        at += cluster.len();
    }
    pieces.list
}

/// How many bytes from here on are ASCII that no combining mark follows: most of most texts, which need no Unicode tables.
fn plain_len(text: &str, at: usize) -> usize {
    let rest = &text.as_bytes()[at..];
    let len = rest.iter().position(|byte| !byte.is_ascii()).unwrap_or(rest.len());
    if len == rest.len() { len } else { len.saturating_sub(1) }
}

#[derive(Default)]
struct Pieces {
    list: Vec<Piece>,
    /// The last one is a word that may go on.
    in_word: bool,
    /// Nothing has come since the last one.
    is_joined: bool,
}

impl Pieces {
    fn take(&mut self, cluster: &str, range: Range<usize>) {
        if let &[byte] = cluster.as_bytes() {
            self.ascii(byte, range.start);
        } else if is_plain_han(cluster) {
            self.put(Kind::Character, cluster.to_owned(), range);
        } else if is_emoji(cluster) {
            self.put(Kind::Emoji, usual_emoji(cluster), range);
        } else {
            for c in folded(cluster).chars() {
                match Class::of(c) {
                    Class::Letter => self.letter(c, range.clone()),
                    Class::Character => self.put(Kind::Character, c.to_string(), range.clone()),
                    Class::Mark => self.mark(c, range.end),
                    Class::Nothing => {}
                    Class::Separator => self.separate(),
                }
            }
        }
    }

    fn ascii(&mut self, byte: u8, at: usize) {
        match byte.is_ascii_alphanumeric() {
            true => self.letter(char::from(byte.to_ascii_lowercase()), at..at + 1),
            false => self.separate(),
        }
    }

    fn letter(&mut self, c: char, range: Range<usize>) {
        match self.list.last_mut() {
            Some(word) if self.in_word => {
                word.text.push(c);
                word.range.end = range.end;
            }
            _ => self.put(Kind::Word, c.to_string(), range),
        }
        self.in_word = true;
    }

    /// A combining mark belongs to the piece before it. Without one it is left out.
    fn mark(&mut self, c: char, end: usize) {
        if let Some(piece) = self.list.last_mut().filter(|piece| self.is_joined && piece.kind != Kind::Emoji)
        {
            piece.text.push(c);
            piece.range.end = end;
        }
    }

    fn put(&mut self, kind: Kind, text: String, range: Range<usize>) {
        self.list.push(Piece { kind, text, range, is_joined: self.is_joined });
        self.in_word = false;
        self.is_joined = true;
    }

    fn separate(&mut self) {
        self.in_word = false;
        self.is_joined = false;
    }
}

/// One of the twenty thousand Han characters that have no other form, for which nothing needs to be folded.
fn is_plain_han(cluster: &str) -> bool {
    let mut chars = cluster.chars();
    chars.next().is_some_and(|c| matches!(c, '\u{4E00}'..='\u{9FFF}')) && chars.next().is_none()
}

/// The folded form of a grapheme cluster.
fn folded(cluster: &str) -> String {
    let mut out = String::with_capacity(cluster.len());
    // In these scripts people leave accents out, because they type fast or have another keyboard. Elsewhere a mark makes another letter.
    let is_bare = cluster
        .nfkd()
        .next()
        .is_some_and(|c| matches!(c.script(), Script::Latin | Script::Greek | Script::Cyrillic));
    if is_bare {
        cluster.nfkd().filter(|c| !is_combining_mark(*c)).for_each(|c| push_small(&mut out, c));
    } else {
        cluster.nfkc().for_each(|c| push_small(&mut out, c));
    }
    out
}

/// Appends a character in lower case. Letters that no normal form decomposes are replaced by what people type on other keyboards.
fn push_small(out: &mut String, c: char) {
    for c in c.to_lowercase() {
        match c {
            'ß' => out.push_str("ss"),
            'æ' => out.push_str("ae"),
            'œ' => out.push_str("oe"),
            'ø' => out.push('o'),
            'ł' => out.push('l'),
            'đ' => out.push('d'),
            'ħ' => out.push('h'),
            'ı' => out.push('i'),
            'ς' => out.push('σ'),
            c => out.push(c),
        }
    }
}

/// What a folded character is to a text.
enum Class {
    Letter,
    Character,
    Mark,
    /// Invisible: neither ends a word nor is part of one.
    Nothing,
    Separator,
}

impl Class {
    fn of(c: char) -> Self {
        match c {
            '\u{AD}'
            | '\u{180B}'..='\u{180F}'
            | '\u{200B}'..='\u{200F}'
            | '\u{2060}'
            | '\u{FE00}'..='\u{FE0F}'
            | '\u{FEFF}'
            | '\u{E0100}'..='\u{E01EF}' => Self::Nothing,
            c if is_combining_mark(c) => Self::Mark,
            c if c.is_alphanumeric() && is_unspaced(c) => Self::Character,
            c if c.is_alphanumeric() => Self::Letter,
            // Emoji that are newer than the tables.
            '\u{1F000}'..='\u{1FAFF}' => Self::Character,
            _ => Self::Separator,
        }
    }
}

/// Is it of a script that writes no spaces between words? Korean does write them, but joins so many endings to its words that it is
/// better searched for by syllables.
fn is_unspaced(c: char) -> bool {
    // The Japanese mark of a long vowel belongs to no script.
    c == 'ー'
        || matches!(
            c.script(),
            Script::Han
                | Script::Hiragana
                | Script::Katakana
                | Script::Hangul
                | Script::Bopomofo
                | Script::Yi
                | Script::Thai
                | Script::Lao
                | Script::Khmer
                | Script::Myanmar
        )
}

fn is_emoji(cluster: &str) -> bool {
    let may_be = cluster.chars().next().is_some_and(|first| match first.is_ascii() {
        true => cluster.ends_with('\u{20E3}'),
        false => !first.is_alphanumeric(),
    });
    may_be && emoji::usual_form(cluster).is_some()
}

/// An emoji without its skin tone and its variation selector.
fn usual_emoji(cluster: &str) -> String {
    let is_form = |c: char| matches!(c, '\u{FE0E}' | '\u{FE0F}' | '\u{1F3FB}'..='\u{1F3FF}');
    let is_term = |c: char| !c.is_ascii() || c.is_ascii_alphanumeric();
    let usual: String = cluster.chars().filter(|c| !is_form(*c) && is_term(*c)).collect();
    if usual.is_empty() { cluster.to_owned() } else { usual }
}
