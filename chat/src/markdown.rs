//! The small Markdown of messages: their text as HTML, made of a closed list of elements by this file alone.
//!
//! Nothing of a text becomes markup by itself: the parser's events are written out as the elements that are here, and whatever else
//! it has found (headings, pictures, HTML, …) is shown as it was typed. So there is nothing to be filtered afterwards.

mod links;

use std::borrow::Cow;
use std::ops::Range;

use pulldown_cmark::{CodeBlockKind, Event, LinkType, Options, Parser, Tag, TagEnd};
use unicode_segmentation::UnicodeSegmentation as _;

use crate::limits::{HTML_BYTES_MAX, MARKDOWN_DEPTH_MAX, QUOTE_BYTES_MAX, QUOTE_CHARS_MAX};

/// The text as HTML; None if it would say no more than the text itself, or is too long.
///
/// Elements: `p br strong em del code pre blockquote ul ol li a`. `ol` may have `start`, and `a` has `href` (http, https or
/// mailto), `rel` and `target`; no other attributes.
pub(crate) fn to_html(text: &str) -> Option<String> {
    let Rendered { html, plain, is_marked } = render(text)?;
    (is_marked && !plain.trim().is_empty() && html.len() <= HTML_BYTES_MAX).then_some(html)
}

/// The text without marks, as it is read: for search.
pub(crate) fn plain(text: &str) -> Cow<'_, str> {
    match render(text) {
        Some(rendered) if rendered.is_marked && !rendered.plain.trim().is_empty() => rendered.plain.into(),
        _ => text.into(),
    }
}

/// The beginning of a text on one line and without marks, for those who answer it.
pub(crate) fn quote(text: &str) -> String {
    let plain = plain(text);
    let words: Vec<&str> = plain.split_whitespace().collect();
    let line = words.join(" ");
    let mut end = 0;
    for (at, character) in line.grapheme_indices(true).take(QUOTE_CHARS_MAX) {
        if at + character.len() > QUOTE_BYTES_MAX {
            break;
        }
        end = at + character.len();
    }
    line[..end].to_owned()
}

/// Where a text is code, in a line or as a block.
pub(crate) fn code(text: &str) -> Vec<Range<usize>> {
    if !may_have_marks(text) {
        return Vec::new();
    }
    let parser = Parser::new_ext(text, Options::ENABLE_STRIKETHROUGH).into_offset_iter();
    let is_code = |event: &Event<'_>| matches!(event, Event::Code(_) | Event::Start(Tag::CodeBlock(_)));
    parser.filter(|(event, _)| is_code(event)).map(|(_, range)| range).collect()
}

/// Most texts have nothing of all this: they need not be parsed.
fn may_have_marks(text: &str) -> bool {
    let is_mark = |byte| {
        matches!(byte, b'*' | b'_' | b'~' | b'`' | b'[' | b'<' | b'>' | b'-' | b'+' | b'.' | b')' | b'\t')
    };
    text.bytes().any(is_mark) || text.contains("://") || text.contains("    ")
}

struct Rendered {
    html: String,
    plain: String,
    /// Is there an element other than paragraphs and breaks?
    is_marked: bool,
}

fn render(text: &str) -> Option<Rendered> {
    if !may_have_marks(text) {
        return None;
    }
    let parser = Parser::new_ext(text, Options::ENABLE_STRIKETHROUGH);
    // Definitions of links would vanish from the text.
    if parser.reference_definitions().iter().next().is_some() {
        return None;
    }
    let mut renderer = Renderer::new(text);
    for (event, range) in parser.into_offset_iter() {
        renderer.take(event, range);
    }
    renderer.flush();
    Some(Rendered { html: renderer.html, plain: renderer.plain, is_marked: renderer.is_marked })
}

struct Renderer<'a> {
    source: &'a str,
    html: String,
    plain: String,
    is_marked: bool,
    /// Text that has not been written: an address may come in several pieces.
    pending: String,
    /// Elements around what is written.
    depth: usize,
    /// Inside of something that was written as it was typed, so many elements deep.
    skipped: usize,
    in_link: bool,
    in_code_block: bool,
}

impl<'a> Renderer<'a> {
    fn new(source: &'a str) -> Self {
        let (html, plain, pending) = (String::new(), String::new(), String::new());
        let (in_link, in_code_block) = (false, false);
        Self { source, html, plain, is_marked: false, pending, depth: 0, skipped: 0, in_link, in_code_block }
    }

    fn take(&mut self, event: Event<'a>, range: Range<usize>) {
        if self.skipped > 0 {
            match event {
                Event::Start(_) => self.skipped += 1,
                Event::End(_) => self.skipped -= 1,
                _ => {}
            }
            return;
        }
        let typed = &self.source[range];
        match event {
            Event::Text(text) if self.in_code_block => self.pending.push_str(&text),
            // A character reference is as it was typed.
            Event::Text(text) => {
                self.pending.push_str(if text.len() == typed.len() { &text } else { typed });
            }
            Event::SoftBreak | Event::HardBreak => self.line_break(),
            Event::Code(code) => {
                self.open("<code>");
                self.write(&code);
                self.close("</code>");
            }
            Event::Start(tag) => self.start(&tag, typed),
            Event::End(tag) => self.end(tag, typed),
            Event::Rule => self.as_typed_block(typed),
            Event::Html(_)
            | Event::InlineHtml(_)
            | Event::InlineMath(_)
            | Event::DisplayMath(_)
            | Event::FootnoteReference(_)
            | Event::TaskListMarker(_) => self.pending.push_str(typed),
        }
    }

    fn start(&mut self, tag: &Tag<'_>, typed: &str) {
        if matches!(tag, Tag::BlockQuote(_) | Tag::List(_) | Tag::Item | Tag::CodeBlock(_)) {
            self.begin_line();
        }
        match tag {
            Tag::Paragraph => self.bare("<p>"),
            Tag::Strong => self.open("<strong>"),
            Tag::Emphasis => self.open("<em>"),
            Tag::Strikethrough if typed.starts_with("~~") => self.open("<del>"),
            // In China a single one is a friendly way to end a sentence.
            Tag::Strikethrough => self.pending.push('~'),
            Tag::BlockQuote(_) => self.open("<blockquote>"),
            Tag::List(None) => self.open("<ul>"),
            Tag::List(Some(1)) => self.open("<ol>"),
            Tag::List(Some(start)) => self.open(&format!("<ol start=\"{start}\">")),
            Tag::Item => self.open("<li>"),
            Tag::CodeBlock(CodeBlockKind::Indented | CodeBlockKind::Fenced(_)) => {
                self.open("<pre><code>");
                self.in_code_block = true;
            }
            Tag::Link { link_type, dest_url, .. } => self.start_link(*link_type, dest_url, typed),
            Tag::Image { .. } => {
                self.pending.push_str(typed);
                self.skipped = 1;
            }
            _ => {
                self.as_typed_block(typed);
                self.skipped = 1;
            }
        }
    }

    fn end(&mut self, tag: TagEnd, typed: &str) {
        match tag {
            TagEnd::Paragraph => {
                self.bare("</p>");
                self.plain.push('\n');
            }
            TagEnd::Strong => self.close("</strong>"),
            TagEnd::Emphasis => self.close("</em>"),
            TagEnd::Strikethrough if typed.starts_with("~~") => self.close("</del>"),
            TagEnd::Strikethrough => self.pending.push('~'),
            TagEnd::BlockQuote(_) => self.close("</blockquote>"),
            TagEnd::List(false) => self.close("</ul>"),
            TagEnd::List(true) => self.close("</ol>"),
            TagEnd::Item => {
                self.close("</li>");
                self.plain.push('\n');
            }
            TagEnd::CodeBlock => {
                self.close("</code></pre>");
                self.in_code_block = false;
                self.plain.push('\n');
            }
            TagEnd::Link => {
                self.close("</a>");
                self.in_link = false;
            }
            _ => {}
        }
    }

    fn start_link(&mut self, link_type: LinkType, url: &str, typed: &str) {
        let url = if link_type == LinkType::Email { format!("mailto:{url}") } else { url.to_owned() };
        if links::is_safe(&url) {
            self.open(&links::start(&url));
            self.in_link = true;
        } else {
            self.pending.push_str(typed);
            self.skipped = 1;
        }
    }

    /// A block that means nothing here: a paragraph of what was typed.
    fn as_typed_block(&mut self, typed: &str) {
        self.bare("<p>");
        for (number, line) in typed.trim_end().split('\n').enumerate() {
            if number > 0 {
                self.line_break();
            }
            self.pending.push_str(line);
        }
        self.bare("</p>");
        self.plain.push('\n');
    }

    fn line_break(&mut self) {
        self.bare("<br>");
        self.plain.push('\n');
    }

    /// What comes belongs to no word before it.
    fn begin_line(&mut self) {
        self.flush();
        if !self.plain.is_empty() && !self.plain.ends_with('\n') {
            self.plain.push('\n');
        }
    }

    /// Deeper than anybody needs, elements are left out and their contents stay.
    fn open(&mut self, tag: &str) {
        self.flush();
        self.depth += 1;
        if self.depth <= MARKDOWN_DEPTH_MAX {
            self.html.push_str(tag);
            self.is_marked = true;
        }
    }

    fn close(&mut self, tag: &str) {
        self.flush();
        if self.depth <= MARKDOWN_DEPTH_MAX {
            self.html.push_str(tag);
        }
        self.depth = self.depth.saturating_sub(1);
    }

    fn bare(&mut self, tag: &str) {
        self.flush();
        self.html.push_str(tag);
    }

    fn write(&mut self, text: &str) {
        escape(text, &mut self.html);
        self.plain.push_str(text);
    }

    fn flush(&mut self) {
        let pending = std::mem::take(&mut self.pending);
        if self.in_link || self.in_code_block {
            self.write(&pending);
            return;
        }
        let mut rest = &pending[..];
        while let Some(found) = links::find(rest) {
            self.write(&rest[..found.start]);
            let url = &rest[found.clone()];
            self.html.push_str(&links::start(url));
            self.write(url);
            self.html.push_str("</a>");
            self.is_marked = true;
            rest = &rest[found.end..];
        }
        self.write(rest);
    }
}

/// Text in HTML, inside and outside of attributes.
fn escape(text: &str, out: &mut String) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests;
