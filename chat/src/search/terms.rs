//! The terms of a message, which are all that the index has of it. To the index's own tokenizer, which knows only ASCII, a term is one
//! word: it consists of ASCII letters and digits, and of anything that is not ASCII. Terms that do not come from the text, such as
//! its room, begin with a private-use character, which no piece of a text has.

use unicode_normalization::UnicodeNormalization as _;

use super::fold::{self, Kind, Piece};
use crate::limits::{INDEXED_PIECES_MAX, SEARCH_WORD_CHARS_MAX};
use crate::markdown;

/// Begins the term of a room.
const ROOM: char = '\u{E000}';
/// Begins the term of a sender.
const SENDER: char = '\u{E001}';
/// Begins the term of a beginning that words share.
const BEGINNING: char = '\u{E002}';
/// The whole term of what everybody may read.
const PUBLIC: char = '\u{E003}';
/// Stands for ASCII characters that would end a term.
const ASCII: u32 = 0xE100;

/// So long are the beginnings of a word that have terms of their own. FTS5 can search for beginnings by itself, but it merges the rows of all
/// words with that beginning before it gives the first one, however long that takes.
const BEGINNINGS: [usize; 4] = [2, 3, 5, 8];

/// All terms of a message, with spaces between them.
///
/// An entry can only be removed by the very terms that it was made of. So if they change, by this code or by other Unicode tables, a
/// migration has to have the whole index written anew.
pub(crate) fn of_message(room_id: i64, is_public: bool, sender: &str, text: &str) -> String {
    let mut pieces = fold::pieces(&markdown::plain(text));
    pieces.truncate(INDEXED_PIECES_MAX);
    let mut terms = of_pieces(&pieces);
    terms.extend(is_public.then(public_term));
    terms.push(room_term(room_id));
    terms.push(sender_term(sender));
    let mut out = String::with_capacity(terms.iter().map(|term| term.len() + 1).sum());
    for term in terms {
        out.push_str(&term);
        out.push(' ');
    }
    out
}

/// The terms of a text, each once: its words and how they begin, its emoji, its single characters, and each two of these that stand
/// together.
pub(super) fn of_pieces(pieces: &[Piece]) -> Vec<String> {
    let mut terms = Vec::with_capacity(2 * pieces.len());
    for (at, piece) in pieces.iter().enumerate() {
        if let Some(pair) = pieces.get(at + 1).and_then(|next| pair(piece, next)) {
            terms.push(pair);
        }
        if piece.kind == Kind::Word {
            terms.extend(BEGINNINGS.iter().filter_map(|len| of_beginning(piece, *len)));
        }
        terms.push(single(piece));
    }
    terms.sort_unstable();
    terms.dedup();
    terms
}

/// The term of two adjacent characters.
pub(super) fn pair(piece: &Piece, next: &Piece) -> Option<String> {
    let are_characters = piece.kind == Kind::Character && next.kind == Kind::Character;
    (are_characters && next.is_joined).then(|| format!("{}{}", piece.text, next.text))
}

/// The term of a single piece; of a very long word, that of its beginning.
pub(super) fn single(piece: &Piece) -> String {
    piece.text.chars().take(SEARCH_WORD_CHARS_MAX).collect()
}

/// The term that all words beginning with this one have, and perhaps some others. None: one letter is too short for it.
pub(super) fn beginning(word: &Piece) -> Option<String> {
    BEGINNINGS.iter().rev().find_map(|len| of_beginning(word, *len))
}

/// None: the word is shorter.
fn of_beginning(word: &Piece, len: usize) -> Option<String> {
    let (last, c) = word.text.char_indices().nth(len - 1)?;
    Some(format!("{BEGINNING}{}", &word.text[..last + c.len_utf8()]))
}

/// The term of all messages in public rooms.
pub(crate) fn public_term() -> String {
    PUBLIC.to_string()
}

/// The term of all messages in a room.
pub(crate) fn room_term(room_id: i64) -> String {
    format!("{ROOM}{room_id}")
}

/// The term of all messages under this name, whatever its case and width.
pub(crate) fn sender_term(name: &str) -> String {
    let term =
        name.nfkc().flat_map(char::to_lowercase).map(|c| match c.is_ascii() && !c.is_ascii_alphanumeric() {
            true => char::from_u32(ASCII + u32::from(c)).unwrap_or(SENDER),
            false => c,
        });
    std::iter::once(SENDER).chain(term).collect()
}
