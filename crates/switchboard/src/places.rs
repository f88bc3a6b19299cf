//! What connections hold that serve ordinary HTTP requests, or become WebSockets after some: it is given back when the last part of
//! such a connection is gone, wherever that is.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use switchboard_proto::proxy::MalformedForwarded;

use crate::admission::Refusal;
use crate::core::CoreRef;
use crate::{Config, PeerAddr, Transport, trusted};

/// Where the requests of a connection come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Source {
    pub(crate) peer: PeerAddr,
    pub(crate) transport: Transport,
    /// Its PROXY header named nobody. Who speaks is not known then, so what stands in a forwarded field may be the client's own.
    pub(crate) unnamed: bool,
}

impl Source {
    /// Is it a proxy whose word about its clients is taken?
    pub(crate) fn is_proxy(&self, config: &Config) -> bool {
        !self.unnamed && trusted::is_trusted(config, &self.peer)
    }

    /// Whose a request is that it has sent: see [`trusted::client_of`].
    ///
    /// # Errors
    /// A trusted proxy has passed on a field that cannot be read.
    pub(crate) fn client_of<'a>(
        &self,
        config: &Config,
        values: impl IntoIterator<Item = &'a [u8]>,
    ) -> Result<PeerAddr, MalformedForwarded> {
        if self.unnamed {
            return Ok(self.peer);
        }
        trusted::client_of(config, self.peer, values)
    }
}

/// One of the places for connections that serve ordinary HTTP requests. Under TLS such a connection has two parts, its reactor's and its
/// worker's, of which either may outlive the other; each holds the place.
#[derive(Debug)]
pub(crate) struct HttpPlace {
    core: CoreRef,
    source: Source,
    /// The connection is counted for its peer's address by this. (Under TLS its reactor still has it, and counts it.)
    counted: AtomicBool,
}

impl HttpPlace {
    /// None: all are taken.
    pub(crate) fn take(core: &CoreRef, source: Source) -> Option<Arc<HttpPlace>> {
        let counted = AtomicBool::new(false);
        core.take_http_place().then(|| Arc::new(HttpPlace { core: core.clone(), source, counted }))
    }

    pub(crate) fn source(&self) -> &Source {
        &self.source
    }

    /// From now on this counts the connection for its peer's address, or not.
    pub(crate) fn set_counted(&self, counted: bool) {
        self.counted.store(counted, Ordering::Relaxed);
    }

    /// Was it counted by this? Whoever is answered true counts it from now on.
    pub(crate) fn take_count(&self) -> bool {
        self.counted.swap(false, Ordering::Relaxed)
    }
}

impl Drop for HttpPlace {
    fn drop(&mut self) {
        if self.take_count() {
            self.core.release_address(&self.source.peer);
        }
        self.core.give_http_place_back();
    }
}

/// A place among the open connections for one that has served HTTP requests and is about to become a WebSocket; with it, from when it is
/// let in until its reactor has it, what it counts for its client's address.
#[derive(Debug)]
pub(crate) struct UpgradePlace {
    core: CoreRef,
    client: PeerAddr,
    counted: bool,
    /// Its connection has it.
    passed_on: bool,
}

impl UpgradePlace {
    /// For a place that has been taken.
    pub(crate) fn new(core: &CoreRef, client: PeerAddr) -> UpgradePlace {
        UpgradePlace { core: core.clone(), client, counted: false, passed_on: false }
    }

    pub(crate) fn client(&self) -> &PeerAddr {
        &self.client
    }

    /// The connection is a proxy's, so that nothing has counted for its client yet.
    pub(crate) fn admit_client(&mut self) -> Result<(), Refusal> {
        self.counted = self.core.admit_address(&self.client)?;
        Ok(())
    }

    /// The requests came from the client itself: what they counted for its address, the WebSocket does.
    pub(crate) fn count_instead_of(&mut self, http: &HttpPlace) {
        if !self.counted && http.source.peer == self.client {
            self.counted = http.take_count();
        }
    }

    /// To the connection. True: it is counted for its client's address.
    pub(crate) fn pass_on(mut self) -> bool {
        self.passed_on = true;
        self.counted
    }
}

impl Drop for UpgradePlace {
    fn drop(&mut self) {
        if !self.passed_on {
            if self.counted {
                self.core.release_address(&self.client);
            }
            self.core.give_place_back();
        }
    }
}
