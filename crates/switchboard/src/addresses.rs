//! What is counted for each client address.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::rate::{Bucket, Rate};
use crate::{Config, PeerAddr, trusted};

/// Apart from each other, so that reactors seldom wait for one another.
const SHARDS: usize = 64;
/// Addresses without a connection that a shard remembers, for their rate of handshakes: all shards together some 65,000, some
/// 3 MiB. When there are more, those that have been quiet for long enough are forgotten; if that makes too little room, all of
/// them: whoever has that many addresses is not held by a limit for each.
const IDLE_MAX: usize = 1_024;

/// How many connections each client address has, and how fast it makes new ones.
///
/// An IPv4 address counts alone, an IPv6 address with all of its /64: that is what one customer is given at the least.
/// Clients of Unix sockets, and trusted proxies themselves, are not counted.
#[derive(Debug)]
pub(crate) struct Addresses {
    shards: Box<[Mutex<Shard>]>,
    hasher: RandomState,
    /// 0: no limit.
    connections_max: usize,
    handshakes: Option<Rate>,
}

#[derive(Debug, Default)]
struct Shard {
    addresses: HashMap<Key, Counted>,
    /// Addresses without a connection.
    idle: usize,
}

#[derive(Debug, Default)]
struct Counted {
    connections: usize,
    handshakes: Bucket,
}

/// What counts as one client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Key(u128);

/// Why an address gets no further connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Excess {
    Connections,
    Handshakes,
}

impl Key {
    fn of(ip: IpAddr) -> Key {
        match ip.to_canonical() {
            IpAddr::V4(ip) => Key(ip.to_ipv6_mapped().to_bits()),
            // What translates between the two families (RFC 6052 §2.1) has all of IPv4 in one /64.
            IpAddr::V6(ip) if ip.segments()[..6] == [0x64, 0xff9b, 0, 0, 0, 0] => Key(ip.to_bits()),
            IpAddr::V6(ip) => Key(ip.to_bits() & !u128::from(u64::MAX)),
        }
    }
}

impl Addresses {
    pub(crate) fn new(config: &Config) -> Addresses {
        Addresses {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            hasher: RandomState::new(),
            connections_max: config.max_connections_per_address,
            handshakes: Rate::new(config.handshakes_per_second.into(), config.rate_burst),
        }
    }

    /// Is anything limited?
    fn is_on(&self) -> bool {
        self.connections_max > 0 || self.handshakes.is_some()
    }

    /// The address that counts; None: this peer is not limited.
    fn key(&self, config: &Config, peer: &PeerAddr) -> Option<Key> {
        match peer {
            PeerAddr::Inet(address) if self.is_on() && !trusted::is_trusted(config, peer) => {
                Some(Key::of(address.ip()))
            }
            _ => None,
        }
    }

    /// One more connection of this peer, if it may have one. Whoever is answered true gives it back by
    /// [`release`](Addresses::release); others are not counted.
    pub(crate) fn admit(&self, config: &Config, peer: &PeerAddr, now_ms: u64) -> Result<bool, Excess> {
        let Some(key) = self.key(config, peer) else { return Ok(false) };
        let mut shard = self.shard(key);
        let counted = shard.enter(key, now_ms);
        if self.connections_max > 0 && counted.connections >= self.connections_max {
            return Err(Excess::Connections);
        }
        if let Some(rate) = self.handshakes {
            if rate.level(counted.handshakes, now_ms) == 0 {
                return Err(Excess::Handshakes);
            }
            rate.take(&mut counted.handshakes, 1, now_ms);
        }
        shard.add(key);
        Ok(true)
    }

    /// A counted connection has ended.
    pub(crate) fn release(&self, config: &Config, peer: &PeerAddr, now_ms: u64) {
        let Some(key) = self.key(config, peer) else { return };
        self.shard(key).subtract(key, now_ms);
    }

    fn shard(&self, key: Key) -> MutexGuard<'_, Shard> {
        let index = self.hasher.hash_one(key) as usize % self.shards.len();
        self.shards[index].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shard {
    /// The address's entry; a new one has no connection yet.
    fn enter(&mut self, key: Key, now_ms: u64) -> &mut Counted {
        if !self.addresses.contains_key(&key) {
            if self.idle >= IDLE_MAX {
                self.forget(now_ms);
            }
            self.idle += 1;
        }
        self.addresses.entry(key).or_default()
    }

    fn add(&mut self, key: Key) {
        if let Some(counted) = self.addresses.get_mut(&key) {
            self.idle -= usize::from(counted.connections == 0);
            counted.connections += 1;
        }
    }

    fn subtract(&mut self, key: Key, now_ms: u64) {
        let Some(counted) = self.addresses.get_mut(&key).filter(|counted| counted.connections > 0) else {
            return;
        };
        counted.connections -= 1;
        if counted.connections == 0 {
            self.idle += 1;
            if counted.handshakes.is_full(now_ms) {
                self.addresses.remove(&key);
                self.idle -= 1;
            } else if self.idle > IDLE_MAX {
                self.forget(now_ms);
            }
        }
    }

    /// Makes room among the addresses without a connection.
    fn forget(&mut self, now_ms: u64) {
        self.addresses.retain(|_, counted| counted.connections > 0 || !counted.handshakes.is_full(now_ms));
        let idle = |counted: &&Counted| counted.connections == 0;
        self.idle = self.addresses.values().filter(idle).count();
        if self.idle > IDLE_MAX / 2 {
            self.addresses.retain(|_, counted| counted.connections > 0);
            self.idle = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    const NOW: u64 = 1_700_000_000_000;

    fn limits(connections: usize, handshakes: u32) -> Config {
        Config {
            max_connections_per_address: connections,
            handshakes_per_second: handshakes,
            rate_burst: Duration::from_secs(2),
            trusted_proxies: vec!["10.0.0.0/8".parse().unwrap()],
            ..Config::default()
        }
    }

    fn peer(text: &str) -> PeerAddr {
        PeerAddr::Inet(std::net::SocketAddr::new(text.parse().unwrap(), 9))
    }

    #[test]
    fn what_counts_as_one_client() {
        let config = limits(1, 0);
        for (one, other, same) in [
            ("192.0.2.1", "192.0.2.2", false),
            ("192.0.2.1", "::ffff:192.0.2.1", true),
            ("2001:db8::1", "2001:db8::ffff:ffff:ffff:ffff", true),
            ("2001:db8::1", "2001:db8:0:1::1", false),
            ("64:ff9b::192.0.2.1", "64:ff9b::192.0.2.2", false),
        ] {
            let addresses = Addresses::new(&config);
            assert_eq!(addresses.admit(&config, &peer(one), NOW), Ok(true));
            assert_eq!(addresses.admit(&config, &peer(other), NOW).is_err(), same, "{one} {other}");
        }
        let addresses = Addresses::new(&config);
        for exempt in [peer("10.1.1.1"), PeerAddr::Unix] {
            (0..5).for_each(|_| assert_eq!(addresses.admit(&config, &exempt, NOW), Ok(false)));
        }
    }

    #[test]
    fn a_place_is_free_again_when_its_connection_has_ended() {
        let config = limits(2, 0);
        let addresses = Addresses::new(&config);
        let client = peer("192.0.2.1");
        assert_eq!(addresses.admit(&config, &client, NOW), Ok(true));
        assert_eq!(addresses.admit(&config, &client, NOW), Ok(true));
        assert_eq!(addresses.admit(&config, &client, NOW), Err(Excess::Connections));
        addresses.release(&config, &client, NOW);
        assert_eq!(addresses.admit(&config, &client, NOW), Ok(true));
        (0..4).for_each(|_| addresses.release(&config, &client, NOW));
        assert!(addresses.shards.iter().all(|shard| shard.lock().unwrap().addresses.is_empty()));
    }

    #[test]
    fn handshakes_have_a_rate_that_outlives_their_connections() {
        let config = limits(0, 5);
        let addresses = Addresses::new(&config);
        let client = peer("192.0.2.1");
        let connect = |now| {
            let admitted = addresses.admit(&config, &client, now);
            if admitted == Ok(true) {
                addresses.release(&config, &client, now);
            }
            admitted
        };
        (0..10).for_each(|_| assert_eq!(connect(NOW), Ok(true)));
        assert_eq!(connect(NOW), Err(Excess::Handshakes));
        assert_eq!(connect(NOW + 200), Ok(true));
        assert_eq!(connect(NOW + 200), Err(Excess::Handshakes));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(8))]
        #[test]
        fn however_many_addresses_come_the_table_stays_small(
            ips in proptest::collection::vec(any::<u32>(), 1..2_000), step_ms in 0..3u64,
        ) {
            let config = limits(3, 1);
            let addresses = Addresses::new(&config);
            let mut connected = Vec::new();
            // All in one shard, so that it is full soon.
            let mut shard = Shard::default();
            for (index, ip) in ips.iter().cycle().take(20_000).enumerate() {
                let now = NOW + index as u64 * step_ms;
                let client = PeerAddr::Inet((std::net::Ipv4Addr::from_bits(ip.wrapping_mul(index as u32 | 1)), 1).into());
                if addresses.admit(&config, &client, now) == Ok(true) {
                    if index % 50 == 0 { connected.push(client) } else { addresses.release(&config, &client, now) }
                }
                let key = Key(index as u128);
                let rate = addresses.handshakes.unwrap();
                rate.take(&mut shard.enter(key, now).handshakes, 1, now);
                prop_assert!(shard.addresses.len() <= IDLE_MAX + 1);
                prop_assert_eq!(shard.idle, shard.addresses.len());
            }
            for shard in &addresses.shards {
                let shard = shard.lock().unwrap();
                let idle = shard.addresses.values().filter(|counted| counted.connections == 0).count();
                prop_assert_eq!(idle, shard.idle);
                prop_assert!(idle <= IDLE_MAX + 1);
            }
            let now = NOW + 20_000 * step_ms;
            connected.iter().for_each(|client| addresses.release(&config, client, now));
            let left: usize = addresses.shards.iter().flat_map(|shard| {
                shard.lock().unwrap().addresses.values().map(|counted| counted.connections).collect::<Vec<_>>()
            }).sum();
            prop_assert_eq!(left, 0);
        }
    }
}
