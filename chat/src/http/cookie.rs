//! The cookie by which a browser is known again.

use crate::account::Token;

/// On a site of https only this name counts: browsers let nobody set it who does not speak for the very host by https, so
/// nobody can slip somebody a session.
const SECURE_NAME: &str = "__Host-switchboard_session";
const NAME: &str = "switchboard_session";

/// Seconds for which a browser keeps it: as long as browsers do at most. It is set anew whenever the page is opened; when it
/// ends is the server's to say.
const MAX_AGE_S: u32 = 400 * 24 * 3_600;

/// The token in the `Cookie` fields of a request, and whether it has the name that only sites of https can give. `by_https`:
/// whether the client surely came by it; behind a proxy not every request tells.
pub(crate) fn token<'a>(fields: impl IntoIterator<Item = &'a str>, by_https: bool) -> Option<(Token, bool)> {
    let (mut secure, mut other) = (None, None);
    let pairs = fields.into_iter().flat_map(|field| field.split(';')).filter_map(|pair| pair.split_once('='));
    for (name, value) in pairs {
        match name.trim() {
            SECURE_NAME => secure = secure.or_else(|| Token::parse(value.trim())),
            NAME => other = other.or_else(|| Token::parse(value.trim())),
            _ => {}
        }
    }
    let other = other.filter(|_| !by_https).map(|token| (token, false));
    secure.map(|token| (token, true)).or(other)
}

/// `Set-Cookie`. No script reads it, and no request that another site's page makes has it.
pub(super) fn set(token: &Token, by_https: bool) -> String {
    field(&token.to_text(), MAX_AGE_S, by_https)
}

/// `Set-Cookie` that removes it.
pub(super) fn clear(by_https: bool) -> String {
    field("", 0, by_https)
}

fn field(value: &str, max_age_s: u32, by_https: bool) -> String {
    let (name, secure) = if by_https { (SECURE_NAME, "; Secure") } else { (NAME, "") };
    format!("{name}={value}; Path=/; Max-Age={max_age_s}; HttpOnly; SameSite=Strict{secure}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(digit: &str) -> String {
        digit.repeat(64)
    }

    fn found(fields: &[&str], by_https: bool) -> Option<String> {
        token(fields.iter().copied(), by_https).map(|(token, _)| token.to_text())
    }

    #[test]
    fn it_is_found_among_others() {
        let own = format!("a=b; switchboard_session={}; c", text("1"));
        assert_eq!(found(&[&own], false), Some(text("1")));
        assert_eq!(found(&["a=b", &own], false), Some(text("1")));
        for none in [
            "",
            "switchboard_session",
            "switchboard_session=",
            "xswitchboard_session=1",
            ";;;=",
            "switchboard_session=zz",
        ] {
            assert_eq!(found(&[none], false), None, "{none}");
        }
    }

    #[test]
    fn by_https_only_the_one_counts_that_nobody_else_can_set() {
        let both = format!("switchboard_session={}; __Host-switchboard_session={}", text("1"), text("2"));
        let slipped = format!("switchboard_session={}", text("1"));
        for by_https in [false, true] {
            assert_eq!(found(&[&both], by_https), Some(text("2")));
        }
        assert_eq!(found(&[&slipped], true), None);
    }

    #[test]
    fn it_is_the_browsers_alone() {
        let token = Token::parse(&text("1")).expect("a token");
        let (secure, plain) = (set(&token, true), set(&token, false));
        assert!(
            secure.starts_with("__Host-switchboard_session=1") && secure.ends_with("; Secure"),
            "{secure}"
        );
        assert!(plain.starts_with("switchboard_session=1") && !plain.contains("Secure"), "{plain}");
        for field in [secure, plain, clear(true), clear(false)] {
            assert!(field.contains("; HttpOnly; SameSite=Strict") && field.contains("; Path=/;"), "{field}");
        }
        assert!(clear(false).contains("Max-Age=0"));
    }
}
