//! Addresses in texts.

use std::ops::Range;

use super::escape;

const SCHEMES: [&str; 2] = ["https://", "http://"];

/// May a link lead there?
pub(super) fn is_safe(url: &str) -> bool {
    let is_of =
        |scheme: &str| url.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme));
    (SCHEMES.into_iter().any(is_of) || is_of("mailto:"))
        && !url.contains(|c: char| c.is_control() || c.is_whitespace())
}

/// The element's beginning. The page that it leads to learns nothing of the one on which it is, and cannot reach it.
pub(super) fn start(url: &str) -> String {
    let mut out = String::from("<a href=\"");
    escape(url, &mut out);
    out.push_str("\" rel=\"noopener noreferrer nofollow\" target=\"_blank\">");
    out
}

/// The first address that stands in a text by itself.
pub(super) fn find(text: &str) -> Option<Range<usize>> {
    let mut from = 0;
    while let Some(at) = text[from..].find("://") {
        let colon = from + at;
        let after = colon + "://".len();
        let scheme = text[..colon]
            .rfind(|c: char| !c.is_ascii_alphabetic())
            .map_or(0, |before| before + text[before..].chars().next().map_or(1, char::len_utf8));
        let end = end_of(text, after);
        let is_word = !text[..scheme].ends_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
        if is_word && end > after && is_safe(&text[scheme..end]) && begins_with_a_host(&text[after..end]) {
            return Some(scheme..end);
        }
        from = after;
    }
    None
}

fn begins_with_a_host(rest: &str) -> bool {
    rest.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '[')
}

/// Where an address ends: before white space, quotes and the punctuation of Chinese. Letters that are not ASCII belong to it only
/// in a path: who writes Chinese puts no space behind a host.
fn end_of(text: &str, start: usize) -> usize {
    let mut in_path = false;
    let mut end = text.len();
    for (at, c) in text[start..].char_indices() {
        in_path |= c == '/';
        if !belongs(c) || !c.is_ascii() && !in_path {
            end = start + at;
            break;
        }
    }
    without_punctuation(text, start, end)
}

fn belongs(c: char) -> bool {
    !c.is_whitespace()
        && !c.is_control()
        && !matches!(c, '<' | '>' | '"' | '`' | '\u{2018}'..='\u{201F}' | '\u{2026}' | '\u{2014}')
        && !matches!(c, '\u{3000}'..='\u{303F}' | '\u{FF00}'..='\u{FF0F}' | '\u{FF1A}'..='\u{FF20}' | '\u{FF3B}'..='\u{FF40}' | '\u{FF5B}'..='\u{FF65}')
}

/// What ends the sentence around it is none of it; a closing bracket is, if it was opened in it.
fn without_punctuation(text: &str, start: usize, mut end: usize) -> usize {
    while let Some(last) = text[start..end].chars().next_back() {
        let inside = &text[start..end];
        let is_outside = match last {
            '.' | ',' | ';' | ':' | '!' | '?' | '\'' | '*' | '_' | '~' => true,
            ')' => inside.matches(')').count() > inside.matches('(').count(),
            ']' => inside.matches(']').count() > inside.matches('[').count(),
            _ => false,
        };
        if !is_outside {
            break;
        }
        end -= last.len_utf8();
    }
    end
}
