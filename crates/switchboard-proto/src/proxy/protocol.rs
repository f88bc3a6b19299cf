//! The PROXY protocol, versions 1 and 2 ("The PROXY protocol", HAProxy's proxy-protocol.txt): a header before everything
//! else on a connection, by which a load balancer tells whose connection it carries on.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The longest header that is read: version 2 with some 4 KiB of addresses and extensions. Those in use have some hundred
/// bytes; the format allows 64 KiB, which would only let strangers keep memory.
pub const PROXY_HEADER_BYTES_MAX: usize = 4 << 10;

/// The longest header of version 1, its line end included (§2.1).
const LINE_BYTES_MAX: usize = 107;
const LINE_START: &[u8] = b"PROXY ";
/// What version 2 begins with (§2.2).
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
/// The signature, version and command, family and transport, length.
const FIXED_BYTES: usize = 16;
/// Two paths.
const UNIX_ADDRESSES_BYTES: usize = 216;

/// A header that has been read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProxyHeader {
    /// Its bytes; what follows is the client's.
    pub len: usize,
    /// Whose connection it is.
    pub source: ProxySource,
}

/// Whose connection a proxy carries on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProxySource {
    /// The proxy's own (version 2: LOCAL, a health check), or that of a client that it cannot or will not name (`UNKNOWN`,
    /// AF_UNSPEC): the address of the connection itself holds.
    Unnamed,
    /// A client's, with an IPv4 or IPv6 address. A mapped IPv4 address is told as IPv4.
    Inet(SocketAddr),
    /// A client's that came to the proxy over a Unix socket.
    Unix,
}

/// Why bytes are no header of the PROXY protocol. The connection is to be closed without an answer (§2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProxyError {
    /// It begins like neither version.
    #[error("it does not begin with a PROXY header")]
    Signature,
    /// A line of version 1 that is not of its form, or longer than 107 bytes.
    #[error("its PROXY line is malformed")]
    Line,
    /// Another version, or a command that version 2 does not have.
    #[error("its PROXY header has an unknown version or command")]
    Command,
    /// An address family or transport that version 2 does not have, or that is no stream's.
    #[error("its PROXY header has an unknown address family, or one that is no stream's")]
    Family,
    /// Too short for the addresses that it is to hold, or longer than [`PROXY_HEADER_BYTES_MAX`].
    #[error("its PROXY header has an impossible length")]
    Length,
}

/// Reads the header at the start of `bytes`. `Ok(None)`: it may become one; call again with more, from the same start.
/// That takes fewer than [`PROXY_HEADER_BYTES_MAX`] bytes. Extensions (TLVs) are skipped.
///
/// # Errors
/// As soon as the bytes cannot become a header.
pub fn read_proxy_header(bytes: &[u8]) -> Result<Option<ProxyHeader>, ProxyError> {
    if starts_alike(bytes, SIGNATURE) {
        read_binary(bytes)
    } else if starts_alike(bytes, LINE_START) {
        read_line(bytes)
    } else {
        Err(ProxyError::Signature)
    }
}

/// Is one the beginning of the other?
fn starts_alike(bytes: &[u8], start: &[u8]) -> bool {
    let len = bytes.len().min(start.len());
    bytes[..len] == start[..len]
}

fn read_line(bytes: &[u8]) -> Result<Option<ProxyHeader>, ProxyError> {
    let window = &bytes[..bytes.len().min(LINE_BYTES_MAX)];
    let Some(end) = window.iter().position(|octet| matches!(octet, b'\r' | b'\n')) else {
        return if window.len() < LINE_BYTES_MAX { Ok(None) } else { Err(ProxyError::Line) };
    };
    match window.get(end..end + 2) {
        Some(b"\r\n") => {}
        None if window[end] == b'\r' && window.len() < LINE_BYTES_MAX => return Ok(None),
        _ => return Err(ProxyError::Line),
    }
    let rest = window.get(LINE_START.len()..end).ok_or(ProxyError::Line)?;
    let line = str::from_utf8(rest).map_err(|_| ProxyError::Line)?;
    Ok(Some(ProxyHeader { len: end + 2, source: line_source(line).ok_or(ProxyError::Line)? }))
}

/// What stands between `PROXY ` and the line end.
fn line_source(line: &str) -> Option<ProxySource> {
    // What follows is to be ignored.
    if line == "UNKNOWN" || line.starts_with("UNKNOWN ") {
        return Some(ProxySource::Unnamed);
    }
    let mut words = line.split(' ');
    let family = words.next()?;
    let [source, destination, source_port, destination_port] =
        [words.next()?, words.next()?, words.next()?, words.next()?];
    if words.next().is_some() {
        return None;
    }
    let address = |text: &str| match family {
        "TCP4" => text.parse().ok().map(IpAddr::V4),
        "TCP6" => text.parse().ok().map(IpAddr::V6),
        _ => None,
    };
    let (ip, port) = (address(source)?, port(source_port)?);
    address(destination)?;
    self::port(destination_port)?;
    Some(inet(ip, port))
}

/// 0 to 65535, without a sign or leading zeros.
fn port(text: &str) -> Option<u16> {
    let plain = text.bytes().all(|octet| octet.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    plain.then(|| text.parse().ok()).flatten()
}

fn inet(ip: IpAddr, port: u16) -> ProxySource {
    ProxySource::Inet(SocketAddr::new(ip.to_canonical(), port))
}

fn read_binary(bytes: &[u8]) -> Result<Option<ProxyHeader>, ProxyError> {
    let octet = |index: usize| bytes.get(index).copied();
    let is_local = match octet(12) {
        None => return Ok(None),
        Some(0x20) => true,
        Some(0x21) => false,
        Some(_) => return Err(ProxyError::Command),
    };
    let addresses_len = match octet(13) {
        None => return Ok(None),
        Some(0x00) => 0,
        Some(0x11) => 12,
        Some(0x21) => 36,
        Some(0x31) => UNIX_ADDRESSES_BYTES,
        // What is said of the proxy's own connections does not matter.
        Some(_) if is_local => 0,
        Some(_) => return Err(ProxyError::Family),
    };
    let (Some(high), Some(low)) = (octet(14), octet(15)) else { return Ok(None) };
    let rest_len = usize::from(u16::from_be_bytes([high, low]));
    let len = FIXED_BYTES + rest_len;
    if len > PROXY_HEADER_BYTES_MAX || (!is_local && rest_len < addresses_len) {
        return Err(ProxyError::Length);
    }
    let Some(rest) = bytes.get(FIXED_BYTES..len) else { return Ok(None) };
    let source = match (is_local, addresses_len) {
        (true, _) | (_, 0) => ProxySource::Unnamed,
        (_, UNIX_ADDRESSES_BYTES) => ProxySource::Unix,
        _ => binary_source(rest, addresses_len).ok_or(ProxyError::Length)?,
    };
    Ok(Some(ProxyHeader { len, source }))
}

/// Source and destination address, source and destination port.
fn binary_source(rest: &[u8], addresses_len: usize) -> Option<ProxySource> {
    if addresses_len == 12 {
        let ip: [u8; 4] = *rest.first_chunk()?;
        Some(inet(Ipv4Addr::from(ip).into(), u16::from_be_bytes([*rest.get(8)?, *rest.get(9)?])))
    } else {
        let ip: [u8; 16] = *rest.first_chunk()?;
        Some(inet(Ipv6Addr::from(ip).into(), u16::from_be_bytes([*rest.get(32)?, *rest.get(33)?])))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn binary(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let mut bytes = SIGNATURE.to_vec();
        bytes.extend_from_slice(&[command, family]);
        bytes.extend_from_slice(&(rest.len() as u16).to_be_bytes());
        bytes.extend_from_slice(rest);
        bytes
    }

    fn source(bytes: &[u8]) -> Result<ProxySource, ProxyError> {
        let header = read_proxy_header(bytes)?.expect("the header is whole");
        assert_eq!(header.len, bytes.len());
        Ok(header.source)
    }

    fn address(text: &str) -> ProxySource {
        ProxySource::Inet(text.parse().unwrap())
    }

    #[test]
    fn lines_of_version_1() {
        for (line, expected) in [
            ("PROXY TCP4 192.0.2.1 198.51.100.9 56324 443\r\n", address("192.0.2.1:56324")),
            ("PROXY TCP4 255.255.255.255 255.255.255.255 65535 0\r\n", address("255.255.255.255:65535")),
            ("PROXY TCP6 2001:db8::7 2001:db8::1 1 2\r\n", address("[2001:db8::7]:1")),
            ("PROXY TCP6 ::ffff:192.0.2.1 ::1 1 2\r\n", address("192.0.2.1:1")),
            ("PROXY UNKNOWN\r\n", ProxySource::Unnamed),
            ("PROXY UNKNOWN whatever this is 1 2 3\r\n", ProxySource::Unnamed),
        ] {
            assert_eq!(source(line.as_bytes()), Ok(expected), "{line:?}");
        }
    }

    #[test]
    fn lines_that_are_none() {
        for line in [
            "PROXY TCP4 192.0.2.1 198.51.100.9 56324 443\n",
            "PROXY TCP4 192.0.2.1 198.51.100.9 56324\r\n",
            "PROXY TCP4 192.0.2.1 198.51.100.9 56324 443 1\r\n",
            "PROXY TCP4  192.0.2.1 198.51.100.9 56324 443\r\n",
            "PROXY TCP4 192.0.2.1 198.51.100.9 65536 443\r\n",
            "PROXY TCP4 192.0.2.1 198.51.100.9 +1 443\r\n",
            "PROXY TCP4 192.0.2.1 198.51.100.9 01 443\r\n",
            "PROXY TCP4 192.0.2.01 198.51.100.9 1 443\r\n",
            "PROXY TCP4 192.0.2.1 nowhere 1 443\r\n",
            "PROXY TCP4 2001:db8::7 2001:db8::1 1 2\r\n",
            "PROXY TCP6 192.0.2.1 198.51.100.9 1 443\r\n",
            "PROXY UDP4 192.0.2.1 198.51.100.9 1 443\r\n",
            "PROXY UNKNOWNS\r\n",
            "PROXY \r\n",
            "PROXY TCP4 192.0.2.1\r198.51.100.9 1 443\r\n",
            "PROXY UNKNOWN \u{e9}\n",
        ] {
            assert_eq!(read_proxy_header(line.as_bytes()), Err(ProxyError::Line), "{line:?}");
        }
        let long = format!("PROXY UNKNOWN {}\r\n", "x".repeat(107 - 16));
        assert_eq!((long.len(), source(long.as_bytes())), (107, Ok(ProxySource::Unnamed)));
        let longer = format!("PROXY UNKNOWN {}", "x".repeat(107 - 14));
        assert_eq!(read_proxy_header(longer.as_bytes()), Err(ProxyError::Line));
        for other in ["GET / HTTP/1.1\r\n", "proxy TCP4 ", "\r\n\r\nGET"] {
            assert_eq!(read_proxy_header(other.as_bytes()), Err(ProxyError::Signature), "{other:?}");
        }
    }

    #[test]
    fn headers_of_version_2() {
        let v4 = [192, 0, 2, 1, 198, 51, 100, 9, 0xdc, 4, 1, 187];
        assert_eq!(source(&binary(0x21, 0x11, &v4)), Ok(address("192.0.2.1:56324")));
        let mut v6 = [0; 36];
        v6[..16].copy_from_slice(&"2001:db8::7".parse::<Ipv6Addr>().unwrap().octets());
        (v6[32], v6[33]) = (1, 2);
        assert_eq!(source(&binary(0x21, 0x21, &v6)), Ok(address("[2001:db8::7]:258")));
        assert_eq!(source(&binary(0x21, 0x31, &[b'/'; 216])), Ok(ProxySource::Unix));
        // Extensions are skipped, whatever they are.
        let with_tlvs = [&v4[..], &[0x20; 300]].concat();
        assert_eq!(source(&binary(0x21, 0x11, &with_tlvs)), Ok(address("192.0.2.1:56324")));
        for (command, family) in [(0x20, 0), (0x20, 0x11), (0x20, 0x77), (0x21, 0)] {
            for rest in [&[][..], &v4, &[7; 1_000]] {
                assert_eq!(source(&binary(command, family, rest)), Ok(ProxySource::Unnamed));
            }
        }
    }

    #[test]
    fn binary_headers_that_are_none() {
        let v4 = [192, 0, 2, 1, 198, 51, 100, 9, 0xdc, 4, 1, 187];
        for (command, family, rest, error) in [
            (0x11, 0x11, &v4[..], ProxyError::Command),
            (0x22, 0x11, &v4, ProxyError::Command),
            (0x21, 0x12, &v4, ProxyError::Family),
            (0x21, 0x01, &v4, ProxyError::Family),
            (0x21, 0x41, &v4, ProxyError::Family),
            (0x21, 0x11, &v4[..11], ProxyError::Length),
            (0x21, 0x21, &v4, ProxyError::Length),
            (0x21, 0x31, &[0; 215], ProxyError::Length),
            (0x20, 0, &[0; 4_081], ProxyError::Length),
        ] {
            assert_eq!(read_proxy_header(&binary(command, family, rest)), Err(error));
        }
        assert!(source(&binary(0x20, 0, &[0; 4_080])).is_ok());
    }

    fn headers() -> impl Strategy<Value = Vec<u8>> {
        let line = "PROXY (TCP4|TCP6|UNKNOWN) [0-9a-f:. ]{0,40}\r\n".prop_map(String::into_bytes);
        let line_4 = any::<([u8; 4], u16)>().prop_map(|(ip, port)| {
            format!("PROXY TCP4 {} 127.0.0.1 {port} 1\r\n", Ipv4Addr::from(ip)).into_bytes()
        });
        let binary = (0x1f..0x23u8, any::<u8>(), proptest::collection::vec(any::<u8>(), 0..250))
            .prop_map(|(command, family, rest)| binary(command, family, &rest));
        prop_oneof![line, line_4, binary, proptest::collection::vec(any::<u8>(), 0..64)]
    }

    proptest! {
        #[test]
        fn a_header_is_the_same_however_it_is_split_and_whatever_follows(
            header in headers(), rest in proptest::collection::vec(any::<u8>(), 0..200),
        ) {
            let all = [&header[..], &rest].concat();
            let whole = read_proxy_header(&all);
            let mut parts = (0..=all.len()).map(|len| read_proxy_header(&all[..len]));
            let first = parts.find(|read| *read != Ok(None)).unwrap_or(Ok(None));
            prop_assert_eq!(first, whole);
            if let Ok(Some(header)) = whole {
                prop_assert!(header.len <= all.len() && header.len <= PROXY_HEADER_BYTES_MAX);
            }
            if whole == Ok(None) {
                prop_assert!(all.len() < PROXY_HEADER_BYTES_MAX);
            }
        }
    }
}
