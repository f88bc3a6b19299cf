//! What proxies say about the clients that they speak for: the PROXY protocol ([`read_proxy_header`]), and the header
//! fields X-Forwarded-For and Forwarded ([`x_forwarded_for`], [`forwarded`]).
//!
//! All of it is only as true as whoever sent it. Whom to believe is for the caller to decide.

mod forwarded;
mod protocol;

pub use forwarded::{Hop, MalformedForwarded, forwarded, x_forwarded_for};
pub use protocol::{PROXY_HEADER_BYTES_MAX, ProxyError, ProxyHeader, ProxySource, read_proxy_header};
