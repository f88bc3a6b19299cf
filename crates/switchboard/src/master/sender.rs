//! The master's end of the socket to one instance, as the reactors share it with the conductor.

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use super::lanes::HttpGate;
use crate::ipc::link::ToInstance;
use crate::ipc::socket::{Inbound, Packet, Socket, Wait};
use crate::{PeerAddr, Transport};

/// Sends to an instance, from any thread, and knows what of the server's the instance holds.
#[derive(Debug)]
pub(super) struct LinkSender {
    socket: Socket,
    serves_http: AtomicBool,
    lent: Mutex<Lent>,
}

/// Places that are to be given back; those of HTTP connections by their peers.
#[derive(Debug, Default)]
struct Lent {
    http: HashMap<PeerAddr, usize>,
    http_count: usize,
    upgrades: usize,
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

    /// False: it had no HTTP connection of this peer.
    pub(super) fn http_ended(&self, peer: &PeerAddr) -> bool {
        let mut lent = self.lent();
        let some = match lent.http.get_mut(peer) {
            Some(1) => lent.http.remove(peer).is_some(),
            Some(count) => {
                *count -= 1;
                true
            }
            None => false,
        };
        lent.http_count -= usize::from(some);
        lent.behind = (lent.behind + usize::from(some)).min(lent.upgrades);
        some
    }

    /// Has it HTTP connections that have not ended?
    pub(super) fn holds_http(&self) -> bool {
        self.lent().http_count > 0
    }

    /// May it ask for one more place? Each HTTP connection upgrades once; one is to spare.
    pub(super) fn may_upgrade(&self) -> bool {
        let lent = self.lent();
        lent.upgrades - lent.behind <= lent.http_count
    }

    /// A place has been taken for an upgrade.
    pub(super) fn admitted(&self) {
        self.lent().upgrades += 1;
    }

    /// False: no place had been taken.
    pub(super) fn upgrade_over(&self) -> bool {
        let mut lent = self.lent();
        let some = lent.upgrades > 0;
        lent.upgrades -= usize::from(some);
        lent.behind = lent.behind.min(lent.upgrades);
        some
    }

    /// The instance is gone: answers whose HTTP connections, and how many places for upgrades, it has left.
    pub(super) fn close(&self) -> (Vec<PeerAddr>, usize) {
        let mut lent = self.lent();
        (lent.closed, lent.behind, lent.http_count) = (true, 0, 0);
        let http = std::mem::take(&mut lent.http).into_iter();
        let http = http.flat_map(|(peer, count)| std::iter::repeat_n(peer, count)).collect();
        (http, std::mem::take(&mut lent.upgrades))
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

    /// The HTTP place that the caller has taken goes with the socket; if the socket comes back, because the instance does
    /// not keep up or is gone, so does the place.
    fn try_send(
        &self,
        socket: OwnedFd,
        peer: PeerAddr,
        transport: Transport,
        read: Bytes,
    ) -> Result<(), OwnedFd> {
        let message = ToInstance::Http { peer, transport, read }.encode();
        let mut lent = self.lent();
        if lent.closed || self.socket.send(&message, &[socket.as_fd()], Wait::No).is_err() {
            return Err(socket);
        }
        *lent.http.entry(peer).or_default() += 1;
        lent.http_count += 1;
        Ok(())
    }
}

impl AsFd for LinkSender {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn socket() -> OwnedFd {
        std::fs::File::open("/dev/null").unwrap().into()
    }

    #[test]
    fn what_an_instance_holds_is_counted_and_comes_back() {
        let (ours, theirs) = Socket::pair().unwrap();
        let link = LinkSender::new(ours);
        for _ in 0..3 {
            link.try_send(socket(), PeerAddr::Unix, Transport::Plain, Bytes::from_static(b"GET /")).unwrap();
        }
        let mut inbound = Inbound::new();
        let packet = inbound.receive(&theirs, Wait::Yes).unwrap().unwrap();
        assert_eq!(packet.descriptors.len(), 1);
        assert!(matches!(ToInstance::decode(packet.bytes), Ok(ToInstance::Http { .. })));
        assert!(link.http_ended(&PeerAddr::Unix));
        assert!(!link.upgrade_over(), "it has none");
        link.admitted();
        assert!(!link.http_ended(&PeerAddr::Inet(([127, 0, 0, 1], 1).into())), "not of this one");
        assert_eq!(link.close(), (vec![PeerAddr::Unix; 2], 1));
        assert!(!link.http_ended(&PeerAddr::Unix));
        assert!(
            link.try_send(socket(), PeerAddr::Unix, Transport::Plain, Bytes::new()).is_err(),
            "it is gone"
        );
    }

    #[test]
    fn no_more_places_are_asked_for_than_there_are_connections() {
        let (ours, _theirs) = Socket::pair().unwrap();
        let link = LinkSender::new(ours);
        let lend = |count| {
            for _ in 0..count {
                link.try_send(socket(), PeerAddr::Unix, Transport::Plain, Bytes::new()).unwrap();
            }
        };
        let admit_all = || {
            let places = std::iter::repeat_with(|| link.may_upgrade()).take_while(|may| *may);
            places.inspect(|_| link.admitted()).count()
        };
        lend(6);
        assert_eq!(admit_all(), 7, "and one to spare");
        assert!(link.upgrade_over());
        // All are answered with 101 before the first socket is passed on.
        (0..6).for_each(|_| assert!(link.http_ended(&PeerAddr::Unix)));
        lend(3);
        assert_eq!(admit_all(), 4);
        (0..10).for_each(|_| assert!(link.upgrade_over()));
        assert_eq!(admit_all(), 4, "of those that have ended nothing is left");
        assert_eq!(link.close(), (vec![PeerAddr::Unix; 3], 4));
    }
}
