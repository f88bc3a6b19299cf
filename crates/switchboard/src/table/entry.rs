//! One connection's entry in the table.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::atomic::{AtomicU8, AtomicU16, AtomicU32, AtomicU64, Ordering, fence};
use std::time::{Duration, SystemTime};

use crate::config::USER_NAME_BYTES_LIMIT;
use crate::sys::shared_struct;
use crate::{ClientInfo, ConnectionId, PeerAddr};

/// Where a connection is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum State {
    /// Nobody has the slot.
    Free = 0,
    /// Accepted, the opening handshake is not finished.
    Handshake = 1,
    /// Messages flow.
    Open = 2,
    /// A close frame has been sent or received, or the transport failed.
    Closing = 3,
}

shared_struct! {
    /// 88 bytes for each connection, all zero while the slot is free.
    #[derive(Debug)]
    pub(crate) struct Entry {
        /// 0: the slot is free.
        id: AtomicU32,
        /// The owner's key for the connection.
        key: AtomicU32,
        state: AtomicU8,
        reactor: AtomicU8,
        port: AtomicU16,
        /// Groups that it is in, counting joins and leaves that are on their way. Whoever adds subtracts, as with
    /// `reserved`.
    groups: AtomicU16,
        /// 1: a push was refused for want of room; the owner tells when there is some again. 2: the connection is
        /// to be closed for it.
        refused: AtomicU8,
        /// What is or is not: [`BOUND`], [`UNIX`].
        flags: AtomicU8,
        /// Bytes accepted for the client that the kernel has not taken yet, as the owner has them.
        queued: AtomicU32,
        /// Those that other threads have accepted, on their way to the owner. Whoever adds to it subtracts it again, so it
        /// stays right when a slot passes from one connection to another.
        reserved: AtomicU32,
        /// An IPv6 address or a mapped IPv4 one. (There is none that a proxy could not name, so none means a Unix socket.)
        address: [AtomicU64; 2],
        /// Milliseconds since the Unix epoch.
        connected_at: AtomicU64,
        received_at: AtomicU64,
        sent_at: AtomicU64,
        received_bytes: AtomicU64,
        sent_bytes: AtomicU64,
        received_messages: AtomicU64,
    }
}

/// It is bound to a user.
const BOUND: u8 = 1;
/// Its peer is at a Unix socket.
const UNIX: u8 = 2;

const _: () = assert!(size_of::<Entry>() == 88 && align_of::<Entry>() == 8);

impl Entry {
    /// Takes a free slot for `id`.
    pub(super) fn claim(&self, id: u32) -> bool {
        let claimed = self.id.compare_exchange(0, id, Ordering::AcqRel, Ordering::Relaxed).is_ok();
        if claimed {
            self.state.store(State::Handshake as u8, Ordering::Release);
        }
        claimed
    }

    pub(super) fn release(&self) {
        self.state.store(State::Free as u8, Ordering::Release);
        for counter in [&self.connected_at, &self.received_at, &self.sent_at] {
            counter.store(0, Ordering::Relaxed);
        }
        for counter in [&self.received_bytes, &self.sent_bytes, &self.received_messages] {
            counter.store(0, Ordering::Relaxed);
        }
        self.refused.store(0, Ordering::Relaxed);
        self.queued.store(0, Ordering::Relaxed);
        self.id.store(0, Ordering::Release);
    }

    /// Fills in a slot that was just claimed.
    pub(crate) fn occupy(&self, reactor: u8, key: u32, peer: &PeerAddr, now_ms: u64) {
        self.reactor.store(reactor, Ordering::Relaxed);
        self.key.store(key, Ordering::Relaxed);
        self.set_peer(peer);
        self.connected_at.store(now_ms, Ordering::Relaxed);
        self.received_at.store(now_ms, Ordering::Relaxed);
        fence(Ordering::Release);
    }

    /// A proxy has told who it is that has connected. Until the connection is open nobody else asks.
    pub(crate) fn set_peer(&self, peer: &PeerAddr) {
        let (address, port) = match peer {
            PeerAddr::Inet(address) => (mapped(address.ip()), address.port()),
            PeerAddr::Unix => (0, 0),
        };
        self.set_flag(UNIX, *peer == PeerAddr::Unix);
        self.port.store(port, Ordering::Relaxed);
        self.address[0].store((address >> 64) as u64, Ordering::Relaxed);
        self.address[1].store(address as u64, Ordering::Relaxed);
    }

    pub(crate) fn id(&self) -> u32 {
        self.id.load(Ordering::Acquire)
    }

    pub(crate) fn key(&self) -> u32 {
        self.key.load(Ordering::Relaxed)
    }

    pub(crate) fn reactor(&self) -> usize {
        usize::from(self.reactor.load(Ordering::Relaxed))
    }

    pub(crate) fn state(&self) -> State {
        match self.state.load(Ordering::Acquire) {
            1 => State::Handshake,
            2 => State::Open,
            3 => State::Closing,
            _ => State::Free,
        }
    }

    pub(crate) fn set_state(&self, state: State) {
        self.state.store(state as u8, Ordering::Release);
    }

    pub(super) fn is_bound(&self) -> bool {
        self.has_flag(BOUND)
    }

    pub(super) fn set_bound(&self, bound: bool) {
        self.set_flag(BOUND, bound);
    }

    fn has_flag(&self, flag: u8) -> bool {
        self.flags.load(Ordering::Acquire) & flag != 0
    }

    /// Only the owner does.
    fn set_flag(&self, flag: u8, on: bool) {
        let flags = self.flags.load(Ordering::Relaxed);
        self.flags.store(if on { flags | flag } else { flags & !flag }, Ordering::Release);
    }

    /// Bytes queued for the client, or on their way there.
    pub(crate) fn queued(&self) -> u64 {
        u64::from(self.queued.load(Ordering::Relaxed)) + u64::from(self.reserved.load(Ordering::Relaxed))
    }

    /// Only the owner does.
    pub(crate) fn add_queued(&self, bytes: usize) {
        let queued = self.queued.load(Ordering::Relaxed);
        self.queued.store(queued.wrapping_add(bytes as u32), Ordering::Relaxed);
    }

    /// Only the owner does.
    pub(crate) fn subtract_queued(&self, bytes: usize) {
        let queued = self.queued.load(Ordering::Relaxed);
        self.queued.store(queued.wrapping_sub(bytes as u32), Ordering::Relaxed);
    }

    /// On the owner's thread: makes room for `bytes` unless the queue would then hold more than `max`; an empty queue always
    /// has room.
    pub(crate) fn reserve_as_owner(&self, bytes: usize, max: usize) -> bool {
        let queued = self.queued();
        let fits = queued == 0 || queued + bytes as u64 <= max as u64;
        if fits {
            self.add_queued(bytes);
        }
        fits
    }

    /// The same on other threads: [`arrived`](Entry::arrived) or [`unreserve`](Entry::unreserve) follows. What the owner adds
    /// or takes over in the very same moment may not be seen, so that `max` can be exceeded by that.
    pub(crate) fn reserve(&self, bytes: usize, max: usize) -> bool {
        let add = |reserved: u32| {
            let queued = u64::from(self.queued.load(Ordering::Relaxed)) + u64::from(reserved);
            let fits = queued == 0 || queued + bytes as u64 <= max as u64;
            fits.then(|| reserved.wrapping_add(bytes as u32))
        };
        self.reserved.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add).is_ok()
    }

    /// What was reserved is not going to be queued.
    pub(crate) fn unreserve(&self, bytes: usize) {
        self.reserved.fetch_sub(bytes as u32, Ordering::Relaxed);
    }

    /// The owner has it, and counts it itself.
    pub(crate) fn arrived(&self, bytes: usize) {
        // In this order, so that nobody sees it twice.
        self.unreserve(bytes);
        self.add_queued(bytes);
    }

    /// A push was refused for want of room; with `closes` the connection is to be closed for it. True if the owner
    /// has to be told.
    pub(crate) fn set_refused(&self, closes: bool) -> bool {
        let refused = 1 + u8::from(closes);
        self.refused.fetch_max(refused, Ordering::Relaxed) < refused
    }

    /// What stands on a refused push: 0: nothing; 1: the owner knows of one; 2: of one that closes the connection.
    pub(crate) fn refused(&self) -> u8 {
        self.refused.load(Ordering::Relaxed)
    }

    /// Was one refused since the last call?
    pub(crate) fn take_refused(&self) -> bool {
        self.refused.load(Ordering::Relaxed) != 0 && self.refused.swap(0, Ordering::Relaxed) != 0
    }

    /// Groups that it is in, as counted.
    pub(crate) fn groups(&self) -> i64 {
        i64::from(self.groups.load(Ordering::Relaxed) as i16)
    }

    /// Counts one more group unless there are `max` already.
    pub(crate) fn reserve_group(&self, max: usize) -> bool {
        let fits = (self.groups.fetch_add(1, Ordering::Relaxed) as i16) < max as i16;
        if !fits {
            self.release_group();
        }
        fits
    }

    pub(crate) fn release_group(&self) {
        self.groups.fetch_sub(1, Ordering::Relaxed);
    }

    /// Takes a [`release_group`](Entry::release_group) back.
    pub(crate) fn restore_group(&self) {
        self.groups.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn received(&self, bytes: usize, now_ms: u64) {
        add_as_owner(&self.received_bytes, bytes as u64);
        self.received_at.store(now_ms, Ordering::Relaxed);
    }

    pub(crate) fn received_message(&self) {
        add_as_owner(&self.received_messages, 1);
    }

    pub(crate) fn sent(&self, bytes: usize, now_ms: u64) {
        add_as_owner(&self.sent_bytes, bytes as u64);
        self.sent_at.store(now_ms, Ordering::Relaxed);
    }

    pub(crate) fn connected_at(&self) -> u64 {
        self.connected_at.load(Ordering::Relaxed)
    }

    pub(crate) fn received_at(&self) -> u64 {
        self.received_at.load(Ordering::Relaxed)
    }

    pub(super) fn sent_at(&self) -> u64 {
        self.sent_at.load(Ordering::Relaxed)
    }

    pub(crate) fn sent_bytes(&self) -> u64 {
        self.sent_bytes.load(Ordering::Relaxed)
    }

    pub(super) fn info(&self, id: ConnectionId, user: Option<String>) -> ClientInfo {
        ClientInfo {
            id,
            peer: self.peer(),
            user,
            established: self.state() == State::Open,
            reactor: self.reactor(),
            connected_at: time(self.connected_at.load(Ordering::Relaxed)),
            received_at: time(self.received_at()),
            sent_at: Some(self.sent_at()).filter(|ms| *ms > 0).map(time),
            received_bytes: self.received_bytes.load(Ordering::Relaxed),
            received_messages: self.received_messages.load(Ordering::Relaxed),
            sent_bytes: self.sent_bytes.load(Ordering::Relaxed),
            queued_bytes: self.queued(),
        }
    }

    pub(crate) fn peer(&self) -> PeerAddr {
        if self.has_flag(UNIX) {
            return PeerAddr::Unix;
        }
        let high = u128::from(self.address[0].load(Ordering::Relaxed));
        let low = u128::from(self.address[1].load(Ordering::Relaxed));
        let ip = Ipv6Addr::from_bits(high << 64 | low).to_canonical();
        PeerAddr::Inet(SocketAddr::new(ip, self.port.load(Ordering::Relaxed)))
    }
}

/// Adds to a counter that only the calling thread writes: no locked instruction is needed.
fn add_as_owner(counter: &AtomicU64, amount: u64) {
    counter.store(counter.load(Ordering::Relaxed) + amount, Ordering::Relaxed);
}

fn mapped(ip: IpAddr) -> u128 {
    match ip {
        IpAddr::V4(ip) => ip.to_ipv6_mapped().to_bits(),
        IpAddr::V6(ip) => ip.to_bits(),
    }
}

fn time(ms: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(ms)
}

shared_struct! {
    /// The user that a connection is bound to. A reader that meets a writer sees an odd or a changed version and
    /// tries again.
    #[derive(Debug)]
    pub(super) struct UserName {
        version: AtomicU32,
        len: AtomicU32,
        words: [AtomicU64; USER_NAME_BYTES_LIMIT / 8],
    }
}

const _: () = assert!(size_of::<UserName>() == 128);

impl UserName {
    pub(super) fn set(&self, user: &str) {
        let bytes = &user.as_bytes()[..user.len().min(USER_NAME_BYTES_LIMIT)];
        let version = self.version.load(Ordering::Relaxed);
        self.version.store(version.wrapping_add(1), Ordering::Relaxed);
        fence(Ordering::Release);
        self.len.store(bytes.len() as u32, Ordering::Relaxed);
        for (word, chunk) in self.words.iter().zip(bytes.chunks(8)) {
            let mut padded = [0u8; 8];
            padded[..chunk.len()].copy_from_slice(chunk);
            word.store(u64::from_le_bytes(padded), Ordering::Relaxed);
        }
        self.version.store(version.wrapping_add(2), Ordering::Release);
    }

    pub(super) fn get(&self) -> Option<String> {
        loop {
            let version = self.version.load(Ordering::Acquire);
            let len = self.len.load(Ordering::Relaxed) as usize;
            let mut bytes = Vec::with_capacity(len.next_multiple_of(8));
            for word in self.words.iter().take(len.div_ceil(8)) {
                bytes.extend_from_slice(&word.load(Ordering::Relaxed).to_le_bytes());
            }
            bytes.truncate(len);
            fence(Ordering::Acquire);
            if version.is_multiple_of(2) && self.version.load(Ordering::Relaxed) == version {
                return String::from_utf8(bytes).ok().filter(|user| !user.is_empty());
            }
            std::hint::spin_loop();
        }
    }
}
