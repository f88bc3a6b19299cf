//! What is shown of a message that was found: the words around the first place, on one line.

use std::ops::Range;

use unicode_segmentation::UnicodeSegmentation as _;

use crate::limits::{CONTEXT_BEFORE_CHARS, CONTEXT_BYTES_MAX, CONTEXT_CHARS_MAX};

/// Few words have more bytes.
const WORD_BYTES: usize = 16;

/// Something has been left out.
const ELLIPSIS: &str = "…";

/// Pieces of the text that follow one another; every second one is a match.
pub(crate) fn context(text: &str, found: &[Range<usize>]) -> Vec<String> {
    let window = window(text, found.first().map_or(0, |first| first.start));
    let mut line = Line { pieces: vec![String::new()], ends_in_space: true };
    if window.start > 0 {
        line.push(ELLIPSIS);
    }
    let mut at = window.start;
    for range in found.iter().take_while(|range| range.start < window.end) {
        line.push(&text[at..range.start]);
        line.pieces.push(String::new());
        at = range.end.min(window.end);
        line.push(&text[range.start..at]);
        line.pieces.push(String::new());
    }
    line.push(&text[at..window.end]);
    if window.end < text.trim_end().len() {
        line.push(ELLIPSIS);
    } else if let Some(last) = line.pieces.last_mut() {
        last.truncate(last.trim_end().len());
    }
    line.pieces
}

/// As much of the text around a place as there is room for. Both ends are between characters.
fn window(text: &str, place: usize) -> Range<usize> {
    let start = text[..place].grapheme_indices(true).rev().take(CONTEXT_BEFORE_CHARS).last();
    let start = start.map_or(place, |(at, _)| at);
    let start = if place - start > CONTEXT_BYTES_MAX / 2 { place } else { start };
    let start = start + to_word(&text[start..place]) * usize::from(start > 0);
    let mut end = start;
    for (at, cluster) in text[start..].grapheme_indices(true).take(CONTEXT_CHARS_MAX) {
        if at + cluster.len() > CONTEXT_BYTES_MAX {
            break;
        }
        end = start + at + cluster.len();
    }
    start..end
}

/// Bytes to the next word, if it is near: half a word is hard to read.
fn to_word(text: &str) -> usize {
    let near = &text[..text.floor_char_boundary(WORD_BYTES)];
    near.char_indices().find(|(_, c)| c.is_whitespace()).map_or(0, |(at, c)| at + c.len_utf8())
}

/// Pieces of one line: white space is one space.
struct Line {
    pieces: Vec<String>,
    ends_in_space: bool,
}

impl Line {
    fn push(&mut self, text: &str) {
        let Some(piece) = self.pieces.last_mut() else { return };
        for c in text.chars() {
            let is_space = c.is_whitespace();
            match is_space {
                true if self.ends_in_space => {}
                true => piece.push(' '),
                false => piece.push(c),
            }
            self.ends_in_space = is_space;
        }
    }
}
