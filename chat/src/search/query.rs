//! What somebody has typed to search for.

use std::ops::Range;

use super::fold::{self, Kind, Piece};
use super::terms;
use crate::limits::SEARCH_PIECES_MAX;

/// Words that must all be in a message, and phrases.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Query {
    phrases: Vec<Phrase>,
}

/// Pieces that must follow one another.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Phrase {
    pieces: Vec<Piece>,
    /// Its last word matches the beginning of a word, too: it may not have been typed to its end yet. Not if it is one letter only.
    is_open: bool,
}

/// Why nothing can be searched for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BadQuery {
    /// It is not empty, but has no word, no character that is searched for by itself, and no emoji.
    Nothing,
    TooMany,
}

impl Query {
    /// What is between quotation marks is a phrase, and so is what has several pieces and no space (`foo-bar`, `用React写`). The rest are
    /// words, of which the last one may be a beginning.
    pub(crate) fn parse(text: &str) -> Result<Self, BadQuery> {
        let mut phrases = Vec::new();
        for (number, part) in text.split(is_quotation_mark).enumerate() {
            // Every second part is between two quotation marks.
            let is_quoted = number % 2 == 1;
            let typed: Vec<&str> = if is_quoted { vec![part] } else { part.split_whitespace().collect() };
            for typed in typed {
                let pieces = fold::pieces(typed);
                if !pieces.is_empty() {
                    phrases.push(Phrase { pieces, is_open: !is_quoted });
                }
            }
        }
        let last = phrases.len().saturating_sub(1);
        for (number, phrase) in phrases.iter_mut().enumerate() {
            let ends_in_a_word = phrase
                .pieces
                .last()
                .is_some_and(|piece| piece.kind == Kind::Word && terms::beginning(piece).is_some());
            phrase.is_open = phrase.is_open && number == last && ends_in_a_word;
        }
        if phrases.is_empty() && !text.trim().is_empty() {
            return Err(BadQuery::Nothing);
        }
        if phrases.iter().map(|phrase| phrase.pieces.len()).sum::<usize>() > SEARCH_PIECES_MAX {
            return Err(BadQuery::TooMany);
        }
        Ok(Self { phrases })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.phrases.is_empty()
    }

    /// Conditions for a query of FTS5, which all messages that are meant fulfil, and few others.
    pub(crate) fn conditions(&self) -> Vec<String> {
        let mut conditions: Vec<String> = Vec::new();
        for Phrase { pieces, is_open } in &self.phrases {
            for (at, piece) in pieces.iter().enumerate() {
                let before = at.checked_sub(1).and_then(|before| terms::pair(&pieces[before], piece));
                let pair = pieces.get(at + 1).and_then(|next| terms::pair(piece, next));
                let beginning =
                    if *is_open && at + 1 == pieces.len() { terms::beginning(piece) } else { None };
                match pair {
                    Some(pair) => conditions.push(exactly(&pair)),
                    None if before.is_some() => {}
                    None => conditions.push(exactly(&beginning.unwrap_or_else(|| terms::single(piece)))),
                }
            }
        }
        conditions.sort_unstable();
        conditions.dedup();
        conditions
    }

    /// The places of everything that is searched for, in the text of a message without its Markdown marks: ranges of bytes, ascending, which
    /// do not overlap. None if something is not there.
    pub(crate) fn find(&self, text: &str) -> Option<Vec<Range<usize>>> {
        let pieces = if self.is_empty() { Vec::new() } else { fold::pieces(text) };
        let mut found = Vec::new();
        for phrase in &self.phrases {
            let before = found.len();
            found.extend(phrase.places(&pieces));
            if found.len() == before {
                return None;
            }
        }
        found.sort_unstable_by_key(|range: &Range<usize>| (range.start, range.end));
        Some(merged(found))
    }
}

impl Phrase {
    fn places<'a>(&'a self, pieces: &'a [Piece]) -> impl Iterator<Item = Range<usize>> + 'a {
        pieces.windows(self.pieces.len()).filter(|window| self.is(window)).filter_map(|window| {
            let (first, last) = (window.first()?, window.last()?);
            Some(first.range.start..last.range.end)
        })
    }

    fn is(&self, window: &[Piece]) -> bool {
        let last = self.pieces.len() - 1;
        self.pieces.iter().zip(window).enumerate().all(|(at, (wanted, piece))| {
            let has_text = match self.is_open && at == last {
                true => piece.text.starts_with(&wanted.text),
                false => piece.text == wanted.text,
            };
            // Where the query has nothing between two characters, the text must not have anything either.
            let must_join = at > 0 && terms::pair(&self.pieces[at - 1], wanted).is_some();
            has_text && (!must_join || piece.is_joined)
        })
    }
}

/// A term in quotation marks, so that FTS5 does not take it for an operator.
pub(crate) fn exactly(term: &str) -> String {
    format!("\"{term}\"")
}

fn merged(ranges: Vec<Range<usize>>) -> Vec<Range<usize>> {
    let mut out: Vec<Range<usize>> = Vec::with_capacity(ranges.len());
    for range in ranges {
        match out.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => out.push(range),
        }
    }
    out
}

fn is_quotation_mark(c: char) -> bool {
    matches!(c, '"' | '“' | '”' | '„' | '＂')
}
