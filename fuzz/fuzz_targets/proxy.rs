//! What proxies say of their clients: a PROXY header is the same however it is split and whatever follows it, and nothing
//! that a client writes changes what the proxy adds behind it.
#![no_main]

use std::net::{Ipv4Addr, SocketAddr};

use libfuzzer_sys::fuzz_target;
use switchboard_proto::proxy::{
    Hop, PROXY_HEADER_BYTES_MAX, ProxyError, ProxySource, forwarded, read_proxy_header, x_forwarded_for,
};

fuzz_target!(|bytes: &[u8]| {
    a_header(bytes);
    fields(bytes);
});

fn a_header(bytes: &[u8]) {
    let whole = read_proxy_header(bytes);
    let mut parts = (0..=bytes.len()).map(|len| read_proxy_header(&bytes[..len]));
    assert_eq!(parts.find(|read| *read != Ok(None)).unwrap_or(Ok(None)), whole);
    match whole {
        Ok(Some(header)) => {
            assert!(header.len <= bytes.len() && header.len <= PROXY_HEADER_BYTES_MAX);
            assert_eq!(read_proxy_header(&bytes[..header.len]), whole);
            if let ProxySource::Inet(address) = header.source {
                assert_eq!(address.ip().to_canonical(), address.ip());
                let line = format!("PROXY {} {} 1\r\n", words(address), address.port());
                let again =
                    read_proxy_header(line.as_bytes()).map(|header| header.map(|header| header.source));
                assert_eq!(again, Ok(Some(header.source)));
            }
        }
        Ok(None) => assert!(bytes.len() < PROXY_HEADER_BYTES_MAX),
        Err(ProxyError::Signature) => assert!(!bytes.starts_with(b"PROXY ")),
        Err(_) => {}
    }
}

fn words(address: SocketAddr) -> String {
    let family = if address.is_ipv4() { "TCP4" } else { "TCP6" };
    format!("{family} {} {}", address.ip(), address.ip())
}

fn fields(bytes: &[u8]) {
    let ours = Hop::Known(SocketAddr::new(Ipv4Addr::new(192, 0, 2, 1).into(), 0));
    let x = [bytes, b", 192.0.2.1"].concat();
    assert_eq!(x_forwarded_for(&x).next(), Some(ours));
    assert!(x_forwarded_for(bytes).count() <= bytes.len());
    if let Ok(hops) = forwarded(bytes) {
        assert!(hops.len() <= bytes.len());
        let ours_too = forwarded(&[bytes, b", for=192.0.2.1"].concat());
        assert_eq!(ours_too.map(|hops| hops.len()), Ok(hops.len() + 1));
    }
    if let Ok(hops) = forwarded(&[bytes, b", for=192.0.2.1"].concat()) {
        assert_eq!(hops.first(), Some(&ours));
    }
}
