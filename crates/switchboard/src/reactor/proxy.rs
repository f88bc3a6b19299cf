//! The PROXY header that comes before everything else on some listeners.

use switchboard_proto::proxy::{ProxySource, read_proxy_header};

use super::Reactor;
use super::accept::refuse_secure;
use super::connection::{Link, Phase};
use crate::{PeerAddr, admission, trusted};

impl Reactor {
    /// Is whoever connects to such a listener one that is believed?
    pub(super) fn may_send_proxy_header(&self, peer: &PeerAddr) -> bool {
        let config = &self.core.config;
        let may = config.trusted_proxies.is_empty() || trusted::is_trusted(config, peer);
        if !may {
            tracing::debug!(%peer, "closed: it is none of the trusted proxies, and this listener serves only them");
        }
        may
    }

    /// Bytes came while the header was not complete. What follows it is the client's, in whatever phase comes next.
    pub(super) fn read_proxy_header(&mut self, key: u32, bytes: &mut [u8]) {
        let connection = &mut self.connections[key as usize];
        let Phase::Proxy(begun) = &mut connection.phase else { return };
        // Most come in one segment and are never copied.
        let mut gathered = begun.take();
        if let Some(gathered) = &mut gathered {
            gathered.extend_from_slice(bytes);
        }
        let all = gathered.as_mut().map_or(&mut *bytes, |gathered| &mut gathered[..]);
        match read_proxy_header(all) {
            Ok(Some(header)) => self.proxy_header_read(key, header.source, &mut all[header.len..]),
            Ok(None) => *begun = gathered.or_else(|| Some(Box::new(bytes.to_vec()))),
            Err(error) => {
                // The specification wants no answer: what is there may be anything.
                let id = connection.id;
                let peer = self.entry(id).peer();
                tracing::debug!(%error, %peer, "closed before its first request");
                drop(self.remove(key));
            }
        }
    }

    fn proxy_header_read(&mut self, key: u32, source: ProxySource, rest: &mut [u8]) {
        let connection = &mut self.connections[key as usize];
        connection.phase = Phase::Head(None);
        let entry = self.core.table.slot(connection.id);
        match source {
            // What it sends further may be anybody's.
            ProxySource::Unnamed => connection.unnamed = true,
            ProxySource::Inet(address) => entry.set_peer(&PeerAddr::Inet(address)),
            ProxySource::Unix => entry.set_peer(&PeerAddr::Unix),
        }
        match self.core.admit_address(&entry.peer()) {
            Ok(counted) => connection.counted = counted,
            Err(_) if connection.link == Link::Awaited => {
                admission::count_refusal(&self.core);
                return refuse_secure(&self.remove(key));
            }
            Err(refusal) => return self.refuse(key, &refusal),
        }
        match self.connections[key as usize].link {
            _ if rest.is_empty() => {}
            Link::Awaited => self.begin_session(key, rest),
            _ => self.take_input(key, rest),
        }
    }
}
