//! The grammar of Sec-WebSocket-Extensions (RFC 6455 §9.1).

use std::borrow::Cow;

use super::fields::is_token;

/// An extension that is offered, or accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extension<'a> {
    /// Its name, a token.
    pub name: &'a str,
    /// Its parameters in their order: each a token, and a token as its value if it has one, without quotes.
    pub parameters: Vec<(&'a str, Option<Cow<'a, str>>)>,
}

/// Reads the extensions of one header field. None if they are not as RFC 6455 §9.1 wants them.
pub(super) fn parse(value: &[u8]) -> Option<Vec<Extension<'_>>> {
    let mut rest = Rest(std::str::from_utf8(value).ok()?);
    let mut extensions = Vec::new();
    loop {
        // Empty elements of a list are to be ignored (RFC 9110 §5.6.1.2).
        while rest.take(',') {}
        if rest.0.is_empty() {
            break;
        }
        let mut extension = Extension { name: rest.token()?, parameters: Vec::new() };
        while rest.take(';') {
            let name = rest.token()?;
            let value = if rest.take('=') { Some(rest.value()?) } else { None };
            extension.parameters.push((name, value));
        }
        extensions.push(extension);
        if !rest.0.is_empty() && !rest.0.starts_with(',') {
            return None;
        }
    }
    (!extensions.is_empty()).then_some(extensions)
}

/// What has not been read; white space before the next thing does not count.
struct Rest<'a>(&'a str);

impl<'a> Rest<'a> {
    fn skip_space(&mut self) {
        self.0 = self.0.trim_start_matches([' ', '\t']);
    }

    /// Passes over `delimiter` if it comes next, and the white space around it.
    fn take(&mut self, delimiter: char) -> bool {
        self.skip_space();
        let Some(rest) = self.0.strip_prefix(delimiter) else { return false };
        self.0 = rest;
        self.skip_space();
        true
    }

    fn token(&mut self) -> Option<&'a str> {
        let len = self.0.bytes().take_while(|octet| is_token(&[*octet])).count();
        let (token, rest) = self.0.split_at(len);
        self.0 = rest;
        self.skip_space();
        (len > 0).then_some(token)
    }

    /// A token, or one in quotes (RFC 9110 §5.6.4).
    fn value(&mut self) -> Option<Cow<'a, str>> {
        let Some(quoted) = self.0.strip_prefix('"') else {
            return self.token().map(Cow::Borrowed);
        };
        let end = unescaped_quote(quoted)?;
        let (text, rest) = quoted.split_at(end);
        self.0 = &rest[1..];
        self.skip_space();
        let text = if text.contains('\\') { Cow::Owned(without_escapes(text)) } else { Cow::Borrowed(text) };
        is_token(text.as_bytes()).then_some(text)
    }
}

fn unescaped_quote(text: &str) -> Option<usize> {
    let mut escaped = false;
    text.bytes().position(|octet| {
        let ends = octet == b'"' && !escaped;
        escaped = octet == b'\\' && !escaped;
        ends
    })
}

fn without_escapes(text: &str) -> String {
    let mut characters = text.chars();
    let mut plain = String::with_capacity(text.len());
    while let Some(character) = characters.next() {
        plain.extend(if character == '\\' { characters.next() } else { Some(character) });
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: &str) -> Option<Vec<String>> {
        let show = |extension: Extension<'_>| {
            let mut text = extension.name.to_owned();
            for (name, value) in extension.parameters {
                text += &match value {
                    Some(value) => format!("|{name}={value}"),
                    None => format!("|{name}"),
                };
            }
            text
        };
        Some(parse(value.as_bytes())?.into_iter().map(show).collect())
    }

    #[test]
    fn extensions_are_tokens_with_parameters_in_lists() {
        for (value, expected) in [
            ("a", vec!["a"]),
            ("a, b;c", vec!["a", "b|c"]),
            ("foo; bar=1 ;baz=\"2\",\t,x", vec!["foo|bar=1|baz=2", "x"]),
            ("a;b=\"c\\d\\\\\"", vec![]),
            ("a;b=\"\\c\\d\"", vec!["a|b=cd"]),
            (" , a ; b = c , ", vec!["a|b=c"]),
            ("a;b;b=1;b=2", vec!["a|b|b=1|b=2"]),
        ] {
            let expected =
                (!expected.is_empty()).then(|| expected.into_iter().map(str::to_owned).collect::<Vec<_>>());
            assert_eq!(read(value), expected, "{value:?}");
        }
    }

    #[test]
    fn what_does_not_conform_is_no_list_of_extensions() {
        for value in [
            "",
            " ",
            ",",
            "a b",
            "a;",
            "a;;b",
            ";a",
            "a;=1",
            "a;b=",
            "a;b=\"",
            "a;b=\"\"",
            "a;b=\"c d\"",
            "a;b=\"c\"d",
            "a;b=\"c\\\"",
            "a/b",
            "a;b=c d",
            "a=1",
            "\"a\"",
            "a;\"b\"",
            "caf\u{e9}",
            "a;b=1;,",
        ] {
            assert_eq!(read(value), None, "{value:?}");
        }
    }
}
