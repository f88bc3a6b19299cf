//! Which pages may speak to this server. A browser sends the cookies of a site with every request to it, and so the name and
//! password that somebody has signed in with, and opens a WebSocket to any server that a page names: so a page of somebody
//! else could act as whoever looks at it (RFC 6455 §10.2). The chat itself signs nobody in; a proxy in front of it may.

use anyhow::bail;

/// The header fields by which a browser tells, without being asked by a page, who somebody is.
pub(crate) const CREDENTIALS: [&str; 3] = ["cookie", "authorization", "proxy-authorization"];

/// The pages of this server, and those of the origins that are listed. If none is, any page may that comes without
/// credentials: it can do no more than a program could that is no browser.
#[derive(Clone, Debug, Default)]
pub(crate) struct Origins {
    listed: Vec<String>,
}

/// What a request says of where it comes from.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Provenance<'a> {
    pub(crate) origin: Option<&'a str>,
    pub(crate) host: Option<&'a str>,
    /// One of [`CREDENTIALS`] is there.
    pub(crate) has_credentials: bool,
    /// This server speaks TLS with whoever sends it: a page that came without it is none of ours, though its host has the name.
    pub(crate) by_tls: bool,
}

impl Origins {
    pub(crate) fn new(listed: &[String]) -> Self {
        Self { listed: listed.to_vec() }
    }

    /// May a WebSocket be opened? Programs other than browsers send no origin, or the one that they like.
    pub(crate) fn admit(&self, request: Provenance<'_>) -> Result<(), String> {
        let Some(origin) = request.origin else { return Ok(()) };
        let is_listed = self.listed.iter().any(|listed| listed.eq_ignore_ascii_case(origin));
        let is_harmless = self.listed.is_empty() && !request.has_credentials;
        if is_harmless || is_listed || is_same(origin, request) {
            return Ok(());
        }
        let shown: String = origin.chars().take(100).filter(|c| !c.is_control()).collect();
        Err(format!(
            "Pages of the origin {shown} may not connect here: it is not that of this server, {}. Behind a proxy, have it \
             pass the header Host on; or let these pages in by --allowed-origin.\n",
            request.host.unwrap_or("which the request does not name")
        ))
    }

    /// May an ordinary request be answered? Without credentials it is anybody's.
    pub(crate) fn admit_http(&self, request: Provenance<'_>) -> Result<(), String> {
        if request.has_credentials { self.admit(request) } else { Ok(()) }
    }
}

/// Browsers send `SCHEME://HOST[:PORT]`, and origins are compared whole: anything else would keep everybody out.
pub(crate) fn parse(text: &str) -> anyhow::Result<String> {
    match text.split_once("://") {
        Some((scheme, host)) if !scheme.is_empty() && !host.is_empty() && !host.contains('/') => {
            Ok(text.to_owned())
        }
        _ => bail!(
            "an origin is SCHEME://HOST or SCHEME://HOST:PORT, without a path, such as https://chat.example"
        ),
    }
}

/// Is the page of the server that it speaks to? A proxy may have taken TLS off, so the scheme only tells the port.
fn is_same(origin: &str, Provenance { host, by_tls, .. }: Provenance<'_>) -> bool {
    let Some((scheme, authority)) = origin.split_once("://") else { return false };
    let port = match () {
        () if scheme.eq_ignore_ascii_case("https") => ":443",
        () if scheme.eq_ignore_ascii_case("http") && !by_tls => ":80",
        () => return false,
    };
    let bare = |authority: &str| authority.strip_suffix(port).unwrap_or(authority).to_ascii_lowercase();
    host.is_some_and(|host| !host.is_empty() && bare(host) == bare(authority))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admits(listed: &[&str], origin: &str, host: &str, has_credentials: bool) -> bool {
        let listed: Vec<_> = listed.iter().map(|origin| (*origin).to_owned()).collect();
        let request = Provenance { origin: Some(origin), host: Some(host), has_credentials, by_tls: false };
        let origins = Origins::new(&listed);
        let admitted = origins.admit(request).is_ok();
        assert_eq!(origins.admit_http(request).is_ok(), admitted || !has_credentials);
        admitted
    }

    #[test]
    fn a_page_may_speak_to_its_own_server() {
        for (origin, host) in [
            ("http://127.0.0.1:9502", "127.0.0.1:9502"),
            ("http://Chat.Example", "chat.example"),
            ("http://chat.example", "chat.example:80"),
            ("https://chat.example", "chat.example"),
            ("https://chat.example:8443", "chat.example:8443"),
            ("https://[::1]:8443", "[::1]:8443"),
        ] {
            assert!(admits(&[], origin, host, true), "{origin} at {host}");
        }
    }

    #[test]
    fn by_tls_the_page_has_to_have_come_by_tls_too() {
        for (origin, by_tls, expected) in [
            ("https://chat.example", true, true),
            ("http://chat.example", true, false),
            ("http://chat.example", false, true),
            // A proxy has taken it off.
            ("https://chat.example", false, true),
        ] {
            let host = Some("chat.example");
            let request = Provenance { origin: Some(origin), host, has_credentials: true, by_tls };
            assert_eq!(Origins::default().admit(request).is_ok(), expected, "{origin} {by_tls}");
        }
    }

    #[test]
    fn other_pages_may_not() {
        for (origin, host) in [
            ("https://evil.example", "chat.example"),
            ("https://chat.example.evil.example", "chat.example"),
            ("https://evil.example/chat.example", "chat.example"),
            ("https://chat.example@evil.example", "chat.example"),
            ("http://127.0.0.1:3000", "127.0.0.1:9502"),
            ("http://chat.example", "chat.example:443"),
            ("https://chat.example:80", "chat.example"),
            ("null", "chat.example"),
            ("", "chat.example"),
            ("null", "null"),
            ("file://", ""),
            ("chrome-extension://chat.example", "chat.example"),
            ("https://", ""),
        ] {
            assert!(!admits(&[], origin, host, true), "{origin} at {host}");
            for has_credentials in [false, true] {
                assert!(
                    !admits(&["https://other.example"], origin, host, has_credentials),
                    "{origin} at {host}"
                );
            }
            assert!(admits(&[], origin, host, false), "{origin} at {host}: there is nothing to be stolen");
        }
        let nowhere = Provenance {
            origin: Some("https://chat.example"),
            has_credentials: true,
            ..Provenance::default()
        };
        assert!(Origins::default().admit(nowhere).is_err());
    }

    #[test]
    fn pages_that_are_listed_may_too() {
        assert!(admits(
            &["https://a.example", "https://b.example"],
            "https://B.example",
            "chat.example",
            true
        ));
        assert!(admits(&["https://a.example"], "https://chat.example", "chat.example", true), "and its own");
    }

    #[test]
    fn who_is_refused_is_told_what_to_do() {
        let request = Provenance {
            origin: Some("https://a.example\u{7}"),
            host: Some("10.0.0.1:9502"),
            has_credentials: true,
            by_tls: false,
        };
        let said = Origins::default().admit(request).expect_err("foreign");
        for word in ["https://a.example ", "10.0.0.1:9502", "--allowed-origin", "Host"] {
            assert!(said.contains(word), "{said}");
        }
    }

    #[test]
    fn what_is_no_origin_is_refused_at_the_start() {
        assert!(parse("https://chat.example:8443").is_ok());
        for wrong in ["chat.example", "https://chat.example/", "https://", "://x", "", "*"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
