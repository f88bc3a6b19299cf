//! Leaves out of the page's scripts and style sheets what only their readers need: lines that are nothing but a comment, and what
//! lines are indented by. Whatever stands on a line with anything else stays as it is, so that nothing has to be known of strings
//! and regular expressions; of what a template literal holds nothing is touched. The others keep their numbers, for errors that
//! tell of them.

/// In which language a file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Script,
    Style,
}

impl Kind {
    /// None: it stays as it is.
    pub(crate) fn of(name: &str) -> Option<Self> {
        match name.rsplit_once('.')?.1 {
            "js" => Some(Self::Script),
            "css" => Some(Self::Style),
            _ => None,
        }
    }
}

/// The same program, or the same rules. An error says what is not understood.
pub(crate) fn shorten(text: &str, kind: Kind) -> Result<String, String> {
    let mut out = String::with_capacity(text.len());
    let (mut in_comment, mut in_template) = (false, false);
    for (number, line) in text.split('\n').enumerate() {
        if number > 0 {
            out.push('\n');
        }
        let trimmed = line.trim();
        let comment = if in_comment { Some(trimmed) } else { trimmed.strip_prefix("/*") };
        if in_template {
            out.push_str(line);
        } else if let Some(comment) = comment {
            match comment.split_once("*/") {
                None => in_comment = true,
                Some((_, "")) => in_comment = false,
                // Something follows, and the comment stays with it.
                Some(_) if !in_comment => out.push_str(trimmed),
                Some(_) => {
                    return Err(format!("line {}: begin a new line after a comment of several", number + 1));
                }
            }
            continue;
        } else if kind == Kind::Script && trimmed.starts_with("//") {
            continue;
        } else {
            out.push_str(trimmed);
        }
        if kind == Kind::Script && backticks(line) % 2 == 1 {
            in_template = !in_template;
        }
    }
    match (in_comment, in_template) {
        (true, _) => Err("a comment does not end".to_owned()),
        (_, true) => {
            Err("a template literal does not end, or there is a backtick that begins none: write \\x60"
                .to_owned())
        }
        _ => Ok(out),
    }
}

/// How many backticks of a line begin or end a template literal: all that are not escaped.
fn backticks(line: &str) -> usize {
    let mut escaped = false;
    let mut is_one = |character: char| {
        let one = character == '`' && !escaped;
        escaped = character == '\\' && !escaped;
        one
    };
    line.chars().filter(|character| is_one(*character)).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_indents_go_and_lines_keep_their_numbers() {
        let script = "/**\n * What it is.\n */\nexport class A {\n  /** One line. @type {B} */\n  b = /** @type {B} */ (c); // as it is\n\n  // gone\n  d = 1;\n}\n";
        let expected = "\n\n\nexport class A {\n\nb = /** @type {B} */ (c); // as it is\n\n\nd = 1;\n}\n";
        assert_eq!(shorten(script, Kind::Script).as_deref(), Ok(expected));
        let style = "/* Colours */\na {\n  color: red; /* not blue */\n}\n";
        assert_eq!(shorten(style, Kind::Style).as_deref(), Ok("\na {\ncolor: red; /* not blue */\n}\n"));
    }

    #[test]
    fn what_only_looks_like_a_comment_stays() {
        for kept in ["a = 'http://x/*';", "/** @type {A} */ let a;", "x = /\\/*[^/]*/u;", "a = `//`;"] {
            assert_eq!(shorten(kept, Kind::Script).as_deref(), Ok(kept));
        }
        assert_eq!(shorten("//a", Kind::Style).as_deref(), Ok("//a"));
        let template = "x = `\n  // \\` in it\n  /* and */\n  ${1}`;\n  y = 2;";
        assert_eq!(
            shorten(template, Kind::Script).as_deref(),
            Ok("x = `\n  // \\` in it\n  /* and */\n  ${1}`;\ny = 2;")
        );
    }

    #[test]
    fn what_is_neither_stays_as_it_is() {
        assert_eq!(
            ["a/b.js", "a.css", "a.html", "a"].map(Kind::of),
            [Some(Kind::Script), Some(Kind::Style), None, None]
        );
    }

    #[test]
    fn what_is_not_understood_is_an_error() {
        for text in ["/*\n a */ b = 1;", "/* a", "a = `", "a = /`/;"] {
            assert!(shorten(text, Kind::Script).is_err(), "{text}");
        }
    }
}
