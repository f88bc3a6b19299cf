//! Proxies whose word about their clients is taken.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use switchboard_proto::proxy::{Hop, MalformedForwarded, forwarded, x_forwarded_for};

use crate::{Config, PeerAddr};

/// An address, or a network of addresses, from which proxies connect: `ADDRESS`, `ADDRESS/BITS`, or `unix` for whoever
/// connects through a Unix socket. See [`Config::trusted_proxies`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrustedProxy(Network);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Network {
    Inet { ip: IpAddr, bits: u8 },
    Unix,
}

/// A text that is no [`TrustedProxy`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no address or network: give ADDRESS, ADDRESS/BITS (such as 10.0.0.0/8 or fd00::/8) or unix"
)]
pub struct TrustedProxyError(String);

/// The header field in which trusted proxies tell for whom they speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ForwardedField {
    /// `X-Forwarded-For`: a list of addresses, to which each proxy appends its client's.
    XForwardedFor,
    /// `Forwarded` (RFC 7239).
    Forwarded,
}

impl ForwardedField {
    /// In lower case.
    pub(crate) fn name(self) -> &'static str {
        match self {
            ForwardedField::XForwardedFor => "x-forwarded-for",
            ForwardedField::Forwarded => "forwarded",
        }
    }
}

impl FromStr for TrustedProxy {
    type Err = TrustedProxyError;

    fn from_str(text: &str) -> Result<TrustedProxy, TrustedProxyError> {
        if text == "unix" {
            return Ok(TrustedProxy(Network::Unix));
        }
        let (ip, bits) = text.split_once('/').map_or((text, None), |(ip, bits)| (ip, Some(bits)));
        let network = ip.parse::<IpAddr>().ok().and_then(|ip| {
            let whole = if ip.is_ipv4() { 32 } else { 128 };
            let bits =
                bits.map_or(Some(whole), |bits| bits.parse::<u8>().ok().filter(|bits| *bits <= whole))?;
            Some(TrustedProxy(Network::Inet { ip, bits }))
        });
        network.ok_or_else(|| TrustedProxyError(text.to_owned()))
    }
}

impl fmt::Display for TrustedProxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Network::Inet { ip, bits } => write!(f, "{ip}/{bits}"),
            Network::Unix => f.write_str("unix"),
        }
    }
}

impl TrustedProxy {
    fn contains(&self, peer: &PeerAddr) -> bool {
        match (self.0, peer) {
            (Network::Unix, PeerAddr::Unix) => true,
            (Network::Inet { ip, bits }, PeerAddr::Inet(peer)) => match (ip, peer.ip().to_canonical()) {
                (IpAddr::V4(ip), IpAddr::V4(peer)) => {
                    same_start(ip.to_bits().into(), peer.to_bits().into(), bits, 32)
                }
                (IpAddr::V6(ip), IpAddr::V6(peer)) => same_start(ip.to_bits(), peer.to_bits(), bits, 128),
                _ => false,
            },
            _ => false,
        }
    }
}

/// Are the first `bits` of two addresses of `whole` bits the same?
fn same_start(one: u128, other: u128, bits: u8, whole: u8) -> bool {
    bits == 0 || (one ^ other) >> (whole - bits) == 0
}

/// May this peer speak for others?
pub(crate) fn is_trusted(config: &Config, peer: &PeerAddr) -> bool {
    config.trusted_proxies.iter().any(|proxy| proxy.contains(peer))
}

/// Whose a request is that `peer` has sent: the last hop of which a trusted proxy tells and that is not one itself. `values`
/// are those of the field that [`Config::forwarded_field`] names, in the order in which they came; what others than trusted
/// proxies send in it does not count.
///
/// # Errors
/// A trusted proxy has passed on a field that cannot be read.
pub(crate) fn client_of<'a>(
    config: &Config,
    peer: PeerAddr,
    values: impl IntoIterator<Item = &'a [u8]>,
) -> Result<PeerAddr, MalformedForwarded> {
    if !is_trusted(config, &peer) {
        return Ok(peer);
    }
    let mut client = peer;
    let values: Vec<&[u8]> = values.into_iter().collect();
    for value in values.into_iter().rev() {
        let hops: Vec<Hop> = match config.forwarded_field {
            ForwardedField::XForwardedFor => x_forwarded_for(value).collect(),
            ForwardedField::Forwarded => forwarded(value)?,
        };
        for hop in hops {
            // Who is hidden has come through the last proxy that is known.
            let Hop::Known(address) = hop else { return Ok(client) };
            client = PeerAddr::Inet(address);
            if !is_trusted(config, &client) {
                return Ok(client);
            }
        }
    }
    Ok(client)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(proxies: &[&str], field: ForwardedField) -> Config {
        let trusted_proxies = proxies.iter().map(|proxy| proxy.parse().unwrap()).collect();
        Config { trusted_proxies, forwarded_field: field, ..Config::default() }
    }

    fn peer(text: &str) -> PeerAddr {
        if text == "unix" { PeerAddr::Unix } else { PeerAddr::Inet(text.parse().unwrap()) }
    }

    fn client(config: &Config, from: &str, values: &[&str]) -> String {
        let values = values.iter().map(|value| value.as_bytes());
        client_of(config, peer(from), values)
            .map_or_else(|error| error.to_string(), |client| client.to_string())
    }

    #[test]
    fn networks_are_read_and_matched() {
        for (network, inside, outside) in [
            ("10.0.0.0/8", "10.255.0.1:1", "11.0.0.1:1"),
            ("192.0.2.1", "192.0.2.1:5", "192.0.2.2:5"),
            ("0.0.0.0/0", "255.1.1.1:1", "[::1]:1"),
            ("::/0", "[ff::1]:1", "1.2.3.4:1"),
            ("fd00::/8", "[fdff::1]:1", "[fe00::1]:1"),
            ("2001:db8::/65", "[2001:db8::7fff:0:0:1]:1", "[2001:db8::8000:0:0:1]:1"),
            ("unix", "unix", "127.0.0.1:1"),
        ] {
            let config = config(&[network], ForwardedField::Forwarded);
            assert!(is_trusted(&config, &peer(inside)), "{network} {inside}");
            assert!(!is_trusted(&config, &peer(outside)), "{network} {outside}");
            let proxy: TrustedProxy = network.parse().unwrap();
            assert_eq!(proxy.to_string().parse(), Ok(proxy));
        }
        for wrong in
            ["", "10.0.0.0/33", "::/129", "10.0.0/8", "x", "10.0.0.0/", "10.0.0.0/-1", "Unix", "[::1]"]
        {
            assert!(wrong.parse::<TrustedProxy>().is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn the_client_is_the_last_hop_that_is_not_trusted() {
        let config = config(&["10.0.0.0/8", "unix"], ForwardedField::XForwardedFor);
        for (from, values, expected) in [
            ("10.0.0.1:80", &["203.0.113.7"][..], "203.0.113.7:0"),
            ("unix", &["203.0.113.7:99"], "203.0.113.7:99"),
            ("10.0.0.1:80", &["6.6.6.6, 203.0.113.7, 10.0.0.2"], "203.0.113.7:0"),
            ("10.0.0.1:80", &["6.6.6.6", "203.0.113.7, 10.0.0.2", "10.3.3.3"], "203.0.113.7:0"),
            // All of them are proxies: the first one is whose request it is.
            ("10.0.0.1:80", &["10.0.0.3, 10.0.0.2"], "10.0.0.3:0"),
            ("10.0.0.1:80", &["203.0.113.7, unknown, 10.0.0.2"], "10.0.0.2:0"),
            ("10.0.0.1:80", &["unknown"], "10.0.0.1:80"),
            ("10.0.0.1:80", &[], "10.0.0.1:80"),
            ("unix", &[], "unix"),
            // Whoever is not trusted may write what he likes.
            ("203.0.113.9:80", &["10.0.0.1"], "203.0.113.9:80"),
        ] {
            assert_eq!(client(&config, from, values), expected, "{from} {values:?}");
        }
    }

    #[test]
    fn forwarded_is_read_strictly() {
        let config = config(&["10.0.0.0/8"], ForwardedField::Forwarded);
        assert_eq!(
            client(&config, "10.0.0.1:1", &["for=6.6.6.6", "for=\"[2001:db8::1]:9\", for=10.1.1.1"]),
            "[2001:db8::1]:9"
        );
        // What stands before the last field cannot spoil it.
        assert_eq!(client(&config, "10.0.0.1:1", &["for=\"", "for=203.0.113.7"]), "203.0.113.7:0");
        assert_eq!(
            client(&config, "10.0.0.1:1", &["for=\"x, for=203.0.113.7"]),
            "the Forwarded field is malformed"
        );
        assert_eq!(client(&config, "203.0.113.9:1", &["for=\"x"]), "203.0.113.9:1");
    }
}
