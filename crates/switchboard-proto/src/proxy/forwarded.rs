//! X-Forwarded-For, and Forwarded (RFC 7239): the way that a request has come, as the proxies on it have noted it.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

/// Who had a request before the proxy that noted it down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hop {
    /// An address; the port is 0 where none was noted. A mapped IPv4 address is told as IPv4.
    Known(SocketAddr),
    /// Something else than an address: `unknown`, a hidden name (RFC 7239 §6.3), or what cannot be read.
    Hidden,
}

/// A Forwarded field that cannot be read: which part of it a proxy has written cannot be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the Forwarded field is malformed")]
pub struct MalformedForwarded;

/// The hops of one X-Forwarded-For field, the last one first: `ADDRESS, ADDRESS`, each with or without a port. Of several
/// fields the last is the one to begin with.
pub fn x_forwarded_for(value: &[u8]) -> impl Iterator<Item = Hop> {
    let hops = value.rsplit(|octet| *octet == b',').map(<[u8]>::trim_ascii);
    hops.filter(|hop| !hop.is_empty()).map(|hop| str::from_utf8(hop).map_or(Hop::Hidden, x_hop))
}

/// The hops of one Forwarded field, the last one first (RFC 7239 §4: `for=ADDRESS;…, for="[ADDRESS]:PORT"`). Of several
/// fields the last is the one to begin with.
///
/// # Errors
/// A field that is not of the form of the RFC.
pub fn forwarded(value: &[u8]) -> Result<Vec<Hop>, MalformedForwarded> {
    let mut rest = str::from_utf8(value).map_err(|_| MalformedForwarded)?;
    let mut hops = Vec::new();
    loop {
        let (hop, end) = element(rest)?;
        hops.extend(hop);
        match rest[end..].strip_prefix(',') {
            Some(after) => rest = after,
            None if end == rest.len() => break,
            None => return Err(MalformedForwarded),
        }
    }
    hops.reverse();
    Ok(hops)
}

/// `ADDRESS`, `V4:PORT` or `[V6]:PORT`.
fn x_hop(text: &str) -> Hop {
    let bare = text.parse::<IpAddr>().ok().map(|ip| SocketAddr::new(ip, 0));
    bare.or_else(|| node(text)).map_or(Hop::Hidden, known)
}

fn known(address: SocketAddr) -> Hop {
    Hop::Known(SocketAddr::new(address.ip().to_canonical(), address.port()))
}

/// RFC 7239 §6: `V4`, `V4:PORT`, `[V6]`, `[V6]:PORT`; a hidden port counts as none.
fn node(text: &str) -> Option<SocketAddr> {
    let (ip, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (ip, port) = rest.split_once(']')?;
            (IpAddr::V6(ip.parse::<Ipv6Addr>().ok()?), port)
        }
        None => {
            let at = text.find(':').unwrap_or(text.len());
            (IpAddr::V4(text[..at].parse().ok()?), &text[at..])
        }
    };
    Some(SocketAddr::new(ip, port_of(port)?))
}

/// Nothing, `:PORT` or `:_HIDDEN`.
fn port_of(text: &str) -> Option<u16> {
    match text.strip_prefix(':') {
        None => text.is_empty().then_some(0),
        Some(port) if port.starts_with('_') => port[1..].bytes().all(is_hidden).then_some(0),
        Some(port) if !port.is_empty() && port.bytes().all(|octet| octet.is_ascii_digit()) => {
            port.parse().ok()
        }
        Some(_) => None,
    }
}

/// RFC 7239 §6.3.
fn is_hidden(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || matches!(octet, b'.' | b'_' | b'-')
}

/// One element of the list, up to its comma or the end: its hop, and its length. An empty one has none (RFC 9110 §5.6.1).
fn element(text: &str) -> Result<(Option<Hop>, usize), MalformedForwarded> {
    let (mut at, mut hop, mut any) = (0, None, false);
    loop {
        at += blanks(&text[at..]);
        let name_len = text[at..].bytes().take_while(|octet| is_token(*octet)).count();
        if name_len > 0 {
            any = true;
            let name = &text[at..at + name_len];
            let rest = text[at + name_len..].strip_prefix('=').ok_or(MalformedForwarded)?;
            let (value, len) = value(rest)?;
            at += name_len + 1 + len;
            if name.eq_ignore_ascii_case("for") {
                let read = node(&value).map_or(Hop::Hidden, known);
                // Twice in one element is not allowed (§4).
                if hop.replace(read).is_some() {
                    return Err(MalformedForwarded);
                }
            }
        }
        at += blanks(&text[at..]);
        match text.as_bytes().get(at) {
            Some(b';') => at += 1,
            Some(b',') | None => break,
            Some(_) => return Err(MalformedForwarded),
        }
    }
    // A proxy that does not say for whom hides it.
    Ok((any.then(|| hop.unwrap_or(Hop::Hidden)), at))
}

fn blanks(text: &str) -> usize {
    text.bytes().take_while(|octet| matches!(octet, b' ' | b'\t')).count()
}

/// RFC 9110 §5.6.2.
fn is_token(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&octet)
}

/// A token or a quoted string (RFC 9110 §5.6.4), and its length as written.
fn value(text: &str) -> Result<(String, usize), MalformedForwarded> {
    let Some(quoted) = text.strip_prefix('"') else {
        let len = text.bytes().take_while(|octet| is_token(*octet)).count();
        // Many proxies write an IPv4 address with a port without the quotes that it wants.
        let len = match text[len..].strip_prefix(':') {
            Some(port) => len + 1 + port.bytes().take_while(u8::is_ascii_digit).count(),
            None => len,
        };
        return if len > 0 { Ok((text[..len].to_owned(), len)) } else { Err(MalformedForwarded) };
    };
    let (mut value, mut escaped) = (String::new(), false);
    for (at, character) in quoted.char_indices() {
        match character {
            _ if escaped => {
                value.push(character);
                escaped = false;
            }
            '\\' => escaped = true,
            '"' => return Ok((value, at + 2)),
            _ => value.push(character),
        }
    }
    Err(MalformedForwarded)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn address(text: &str) -> Hop {
        Hop::Known(text.parse().unwrap())
    }

    #[test]
    fn addresses_of_x_forwarded_for_come_last_first() {
        let read = |value: &str| x_forwarded_for(value.as_bytes()).collect::<Vec<_>>();
        assert_eq!(
            read("203.0.113.7, 2001:db8::1 ,[2001:db8::2]:80,\t198.51.100.1:99"),
            [
                address("198.51.100.1:99"),
                address("[2001:db8::2]:80"),
                address("[2001:db8::1]:0"),
                address("203.0.113.7:0")
            ]
        );
        assert_eq!(read("::ffff:192.0.2.1"), [address("192.0.2.1:0")]);
        assert_eq!(read("[::ffff:192.0.2.1]"), [address("192.0.2.1:0")]);
        assert_eq!(read(" ,, "), []);
        for hidden in [
            "unknown",
            "_x",
            "1.2.3",
            "1.2.3.4.5",
            "1.2.3.04",
            "1.2.3.4:",
            "1.2.3.4:99999",
            "[::1",
            "1.2.3.4 x",
            "é",
        ] {
            assert_eq!(read(hidden), [Hop::Hidden], "{hidden:?}");
        }
    }

    #[test]
    fn elements_of_forwarded_come_last_first() {
        let read = |value: &str| forwarded(value.as_bytes());
        // RFC 7239 §4, §7.1.
        assert_eq!(read("for=\"_gazonk\""), Ok(vec![Hop::Hidden]));
        assert_eq!(read("For=\"[2001:db8:cafe::17]:4711\""), Ok(vec![address("[2001:db8:cafe::17]:4711")]));
        assert_eq!(read("for=192.0.2.60;proto=http;by=203.0.113.43"), Ok(vec![address("192.0.2.60:0")]));
        assert_eq!(
            read("for=192.0.2.43, for=198.51.100.17"),
            Ok(vec![address("198.51.100.17:0"), address("192.0.2.43:0")])
        );
        assert_eq!(
            read("for=192.0.2.43,for=\"[2001:db8:cafe::17]\",for=unknown"),
            Ok(vec![Hop::Hidden, address("[2001:db8:cafe::17]:0"), address("192.0.2.43:0")])
        );
        assert_eq!(read("for=\"192.0.2.43:_x\" ; host=\"a,b;c\\\"d\""), Ok(vec![address("192.0.2.43:0")]));
        assert_eq!(read("for=192.0.2.43:80"), Ok(vec![address("192.0.2.43:80")]));
        assert_eq!(read("proto=https"), Ok(vec![Hop::Hidden]), "it does not say for whom");
        assert_eq!(read(", for=192.0.2.1,"), Ok(vec![address("192.0.2.1:0")]));
        for malformed in [
            "for=\"192.0.2.1",
            "for",
            "for=",
            "for =1.2.3.4",
            "for=1.2.3.4 by=x",
            "for=1.2.3.4;for=1.2.3.5",
            "=x",
            "for=\"x\"y",
            "for=[::1]",
            "é=1",
        ] {
            assert_eq!(read(malformed), Err(MalformedForwarded), "{malformed:?}");
        }
    }

    proptest! {
        #[test]
        fn what_a_client_has_written_does_not_change_what_the_proxy_adds(before in "[ -~]{0,40}") {
            let ours = address("192.0.2.1:0");
            let value = format!("{before}, 192.0.2.1");
            prop_assert_eq!(x_forwarded_for(value.as_bytes()).next(), Some(ours));
            // In one field it may, but then all of it is refused.
            let value = format!("{before}, for=192.0.2.1");
            if let Ok(hops) = forwarded(value.as_bytes()) {
                prop_assert_eq!(hops.first(), Some(&ours));
            }
        }
    }
}
