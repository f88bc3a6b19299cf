//! The master's end of the socket to one instance, as the reactors share it with the conductor.

use std::collections::HashMap;
use std::hash::Hash;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use super::lanes::HttpGate;
use crate::PeerAddr;
use crate::ipc::link::ToInstance;
use crate::ipc::socket::{Inbound, Packet, Socket, Wait};
use crate::places::{HttpPlace, Source, UpgradePlace};

/// Sends to an instance, from any thread, and knows what of the server's the instance holds.
#[derive(Debug)]
pub(super) struct LinkSender {
    socket: Socket,
    serves_http: AtomicBool,
    lent: Mutex<Lent>,
}

/// Places that are given back when they are dropped; those of HTTP connections by where they come from, those for upgrades by
/// their clients.
#[derive(Debug, Default)]
struct Lent {
    http: HashMap<Source, Vec<Arc<HttpPlace>>>,
    http_count: usize,
    upgrades: HashMap<PeerAddr, Vec<UpgradePlace>>,
    upgrades_count: usize,
    /// Of these, how many may be of HTTP connections that have ended: a worker says that one has ended as soon as it has
    /// been answered with 101, and passes its socket on, or the place back, afterwards.
    behind: usize,
    closed: bool,
}

impl LinkSender {
    pub(super) fn new(socket: Socket) -> LinkSender {
        LinkSender { socket, serves_http: AtomicBool::new(false), lent: Mutex::default() }
    }

    pub(super) fn set_serves_http(&self, serves: bool) {
        self.serves_http.store(serves, Ordering::Relaxed);
    }

    /// One of its HTTP connections has ended. False: it had none from there.
    pub(super) fn http_ended(&self, source: &Source) -> bool {
        let mut lent = self.lent();
        let Some(place) = take_one(&mut lent.http, source) else { return false };
        lent.http_count -= 1;
        lent.behind = (lent.behind + 1).min(lent.upgrades_count);
        // Its client's address must not be free before the WebSocket is there that it becomes.
        if let Some(upgrade) = lent.upgrades.get_mut(&source.peer).and_then(|upgrades| upgrades.last_mut()) {
            upgrade.count_instead_of(&place);
        }
        true
    }

    /// Has it HTTP connections that have not ended?
    pub(super) fn holds_http(&self) -> bool {
        self.lent().http_count > 0
    }

    /// May it ask for one more place? Each HTTP connection upgrades once; one is to spare.
    pub(super) fn may_upgrade(&self) -> bool {
        let lent = self.lent();
        lent.upgrades_count - lent.behind <= lent.http_count
    }

    /// A place has been taken for an upgrade.
    pub(super) fn admitted(&self, place: UpgradePlace) {
        let mut lent = self.lent();
        lent.upgrades.entry(*place.client()).or_default().push(place);
        lent.upgrades_count += 1;
    }

    /// None: no place had been taken for this client.
    pub(super) fn upgrade_over(&self, client: &PeerAddr) -> Option<UpgradePlace> {
        let mut lent = self.lent();
        let place = take_one(&mut lent.upgrades, client)?;
        lent.upgrades_count -= 1;
        lent.behind = lent.behind.min(lent.upgrades_count);
        Some(place)
    }

    /// The instance is gone: what it has left is given back.
    pub(super) fn close(&self) {
        let left = std::mem::replace(&mut *self.lent(), Lent { closed: true, ..Lent::default() });
        drop(left);
    }

    pub(super) fn send(&self, message: &[u8], descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
        self.socket.send(message, descriptors, Wait::No)
    }

    pub(super) fn receive<'a>(&self, inbound: &'a mut Inbound) -> io::Result<Option<Packet<'a>>> {
        inbound.receive(&self.socket, Wait::No)
    }

    fn lent(&self) -> MutexGuard<'_, Lent> {
        self.lent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl HttpGate for LinkSender {
    /// False until it is ready.
    fn serves_http(&self) -> bool {
        self.serves_http.load(Ordering::Relaxed)
    }

    /// The place goes with the socket; if the socket comes back, because the instance does not keep up or is gone, the caller
    /// has both.
    fn try_send(&self, socket: OwnedFd, place: &Arc<HttpPlace>, read: Bytes) -> Result<(), OwnedFd> {
        let source = *place.source();
        let message = ToInstance::Http { source, read }.encode();
        let mut lent = self.lent();
        if lent.closed || self.socket.send(&message, &[socket.as_fd()], Wait::No).is_err() {
            return Err(socket);
        }
        lent.http.entry(source).or_default().push(place.clone());
        lent.http_count += 1;
        Ok(())
    }
}

/// One of those that are kept under a key; no key is left without any.
fn take_one<K: Eq + Hash, V>(kept: &mut HashMap<K, Vec<V>>, key: &K) -> Option<V> {
    let those = kept.get_mut(key)?;
    let one = those.pop();
    if those.is_empty() {
        kept.remove(key);
    }
    one
}

impl AsFd for LinkSender {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::Core;
    use crate::core::CoreRef;
    use crate::pipe::Pipes;
    use crate::{Config, Transport};

    fn socket() -> OwnedFd {
        std::fs::File::open("/dev/null").unwrap().into()
    }

    struct Rig {
        core: CoreRef,
        link: LinkSender,
        theirs: Socket,
    }

    impl Rig {
        fn new() -> Rig {
            let config = Config { max_connections_per_address: 1, ..Config::default() };
            let pipes = Pipes::new(config.workers, Vec::new(), config.pipe_bytes_max);
            let core = CoreRef::from(Arc::new(Core::new(config, Vec::new(), pipes, 1_000).unwrap()));
            let (ours, theirs) = Socket::pair().unwrap();
            Rig { core, link: LinkSender::new(ours), theirs }
        }

        fn lend(&self, source: Source, counted: bool) -> bool {
            let place = HttpPlace::take(&self.core, source).unwrap();
            place.set_counted(counted);
            self.link.try_send(socket(), &place, Bytes::from_static(b"GET /")).is_ok()
        }

        fn admit(&self, client: PeerAddr) {
            assert!(self.core.take_place());
            self.link.admitted(UpgradePlace::new(&self.core, client));
        }

        /// Places that are taken: of HTTP connections, and of open ones.
        fn taken(&self) -> (usize, usize) {
            let stats = self.core.stats();
            (stats.http_connections, stats.connections)
        }
    }

    fn source(peer: PeerAddr) -> Source {
        Source { peer, transport: Transport::Plain, unnamed: false }
    }

    fn client() -> PeerAddr {
        PeerAddr::Inet(([203, 0, 113, 7], 1).into())
    }

    #[test]
    fn what_an_instance_holds_is_counted_and_comes_back() {
        let rig = Rig::new();
        let unix = source(PeerAddr::Unix);
        (0..3).for_each(|_| assert!(rig.lend(unix, false)));
        let mut inbound = Inbound::new();
        let packet = inbound.receive(&rig.theirs, Wait::Yes).unwrap().unwrap();
        assert_eq!(packet.descriptors.len(), 1);
        assert!(matches!(ToInstance::decode(packet.bytes), Ok(ToInstance::Http { .. })));
        assert!(rig.link.http_ended(&unix));
        assert!(rig.link.upgrade_over(&PeerAddr::Unix).is_none(), "it has none");
        rig.admit(PeerAddr::Unix);
        assert!(!rig.link.http_ended(&source(client())), "not of this one");
        assert!(rig.link.upgrade_over(&client()).is_none(), "nor for this one");
        assert_eq!(rig.taken(), (2, 1));
        rig.link.close();
        assert_eq!(rig.taken(), (0, 0));
        assert!(!rig.link.http_ended(&unix));
        assert!(!rig.lend(unix, false), "it is gone");
        assert_eq!(rig.taken(), (0, 0));
    }

    #[test]
    fn no_more_places_are_asked_for_than_there_are_connections() {
        let rig = Rig::new();
        let unix = source(PeerAddr::Unix);
        let lend = |count| (0..count).for_each(|_| assert!(rig.lend(unix, false)));
        let admit_all = || {
            let places = std::iter::repeat_with(|| rig.link.may_upgrade()).take_while(|may| *may);
            places.inspect(|_| rig.admit(PeerAddr::Unix)).count()
        };
        lend(6);
        assert_eq!(admit_all(), 7, "and one to spare");
        assert!(rig.link.upgrade_over(&PeerAddr::Unix).is_some());
        // All are answered with 101 before the first socket is passed on.
        (0..6).for_each(|_| assert!(rig.link.http_ended(&unix)));
        lend(3);
        assert_eq!(admit_all(), 4);
        (0..10).for_each(|_| assert!(rig.link.upgrade_over(&PeerAddr::Unix).is_some()));
        assert_eq!(admit_all(), 4, "of those that have ended nothing is left");
        rig.link.close();
        assert_eq!(rig.taken(), (0, 0));
    }

    #[test]
    fn an_address_is_counted_from_its_requests_to_the_end_of_its_websocket() {
        let rig = Rig::new();
        let is_free = || {
            let admitted = rig.core.admit_address(&client());
            admitted.inspect(|_| rig.core.release_address(&client())).is_ok()
        };
        for outcome in ["passed on", "returned", "died"] {
            assert!(rig.core.admit_address(&client()).unwrap());
            assert!(rig.lend(source(client()), true));
            rig.admit(client());
            assert!(rig.link.http_ended(&source(client())));
            assert!(!is_free(), "{outcome}");
            match outcome {
                "passed on" => {
                    assert!(rig.link.upgrade_over(&client()).unwrap().pass_on());
                    assert!(!is_free(), "{outcome}");
                    rig.core.release_address(&client());
                    rig.core.give_place_back();
                }
                "returned" => drop(rig.link.upgrade_over(&client())),
                _ => rig.link.close(),
            }
            assert!(is_free(), "{outcome}");
            assert_eq!(rig.taken(), (0, 0), "{outcome}");
        }
    }
}
