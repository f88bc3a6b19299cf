//! How often clients may ask: what reaches other people, or the disk, is limited for each connection and for each address.
//! The hub sees all requests of all connections, whichever worker they come through, so its buckets are the only ones. A new
//! hub begins with full ones.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use tokio::time::Instant;

use crate::bucket::{Bucket, Rate};
use crate::limits::{ADDRESSES_MAX, pace};
use crate::protocol::request::ConversationRequest;
use crate::protocol::{Refusal, Request};

/// What requests are counted as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Message,
    Change,
    Reaction,
    Name,
    Join,
    Create,
    List,
    Look,
    Away,
    Direct,
    Arrange,
    Read,
    Typing,
    Begin,
    Insist,
}

const KINDS: usize = 15;

impl Kind {
    fn of(request: &Request) -> Self {
        match request {
            Request::Message { .. } => Self::Message,
            Request::Edit { .. } | Request::Delete { .. } => Self::Change,
            Request::React { .. } => Self::Reaction,
            Request::Connect { .. } => Self::Name,
            Request::Join { .. } | Request::Leave { .. } | Request::Resume { .. } => Self::Join,
            Request::Create { .. } => Self::Create,
            Request::Away { .. } => Self::Away,
            Request::Moderate { .. } | Request::Guests { .. } | Request::Order(_) => Self::Look,
            Request::Rooms => Self::List,
            Request::Who { .. } | Request::History { .. } | Request::Search(_) => Self::Look,
            Request::Conversation(request) => Self::of_conversation(request),
        }
    }

    fn of_conversation(request: &ConversationRequest) -> Self {
        match request {
            ConversationRequest::Direct { .. } => Self::Direct,
            ConversationRequest::Invite { .. }
            | ConversationRequest::Remove { .. }
            | ConversationRequest::Rename { .. }
            | ConversationRequest::Topic { .. }
            | ConversationRequest::Archive { .. } => Self::Arrange,
            ConversationRequest::Read { .. } | ConversationRequest::Quiet { .. } => Self::Read,
            ConversationRequest::Typing { .. } => Self::Typing,
            ConversationRequest::Members { .. } => Self::Look,
        }
    }

    /// For each connection, and for each address if there is a limit.
    fn rates(self) -> (Rate, Option<Rate>) {
        match self {
            Self::Message => (pace::MESSAGES, Some(pace::MESSAGES_OF_ADDRESS)),
            Self::Change => (pace::CHANGES, Some(pace::CHANGES_OF_ADDRESS)),
            Self::Reaction => (pace::REACTIONS, Some(pace::REACTIONS_OF_ADDRESS)),
            Self::Name => (pace::NAMES, Some(pace::NAMES_OF_ADDRESS)),
            Self::Join => (pace::JOINS, Some(pace::JOINS_OF_ADDRESS)),
            Self::Create => (pace::ROOMS, Some(pace::ROOMS_OF_ADDRESS)),
            Self::List => (pace::LISTS, Some(pace::LISTS_OF_ADDRESS)),
            Self::Look => (pace::LOOKS, None),
            Self::Away => (pace::AWAYS, Some(pace::AWAYS_OF_ADDRESS)),
            Self::Direct => (pace::DIRECTS, Some(pace::DIRECTS_OF_ADDRESS)),
            Self::Arrange => (pace::ARRANGEMENTS, Some(pace::ARRANGEMENTS_OF_ADDRESS)),
            Self::Read => (pace::READS, Some(pace::READS_OF_ADDRESS)),
            Self::Typing => (pace::TYPING, Some(pace::TYPING_OF_ADDRESS)),
            Self::Begin => (pace::BEGINNINGS, Some(pace::BEGINNINGS_OF_ADDRESS)),
            Self::Insist => (pace::INVITATIONS, Some(pace::INVITATIONS_OF_ADDRESS)),
        }
    }

    fn what(self) -> &'static str {
        match self {
            Self::Message => "sending messages",
            Self::Change => "changing messages",
            Self::Reaction => "reacting",
            Self::Name => "changing names",
            Self::Join => "going in and out of rooms",
            Self::Create => "creating rooms",
            Self::List | Self::Look => "asking",
            Self::Away => "coming and going",
            Self::Direct => "opening conversations",
            Self::Arrange => "changing rooms",
            Self::Read => "reading",
            Self::Typing => "typing",
            Self::Begin => "beginning conversations",
            Self::Insist => "inviting people who have not looked at other invitations",
        }
    }
}

/// The buckets of one connection, or of one address.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Buckets {
    of: [Bucket; KINDS],
    /// Until then no message is let through: those that were on their way when one was refused must not overtake it.
    silent_until: Option<Instant>,
}

impl Buckets {
    /// How long a message has to wait in all if it has to wait so long for a token.
    fn keep_order(&mut self, wait: Duration, now: Instant) -> Duration {
        let silence = self.silent_until.map_or(Duration::ZERO, |until| until.saturating_duration_since(now));
        if wait.is_zero() || !silence.is_zero() {
            return wait.max(silence);
        }
        let silence = wait.max(Duration::from_millis(pace::SILENCE_MS));
        self.silent_until = Some(now + silence);
        silence
    }

    fn are_full(&self, now: Instant) -> bool {
        self.of.iter().all(|bucket| bucket.is_full(now))
    }
}

/// The buckets of addresses, and how generous the limits are.
#[derive(Debug)]
pub(super) struct Pace {
    /// The limits are multiplied by it; 0: there are none.
    factor: u32,
    addresses: HashMap<IpAddr, Buckets>,
    /// When it makes sense to look for addresses that can be forgotten.
    crowded_until: Option<Instant>,
}

impl Pace {
    pub(super) fn new(factor: u32) -> Self {
        Self { factor, addresses: HashMap::new(), crowded_until: None }
    }

    pub(super) fn factor(&self) -> u32 {
        self.factor
    }

    pub(super) fn is_off(&self) -> bool {
        self.factor == 0
    }

    /// May this be done now? Then it counts; otherwise nothing does.
    pub(super) fn admit(
        &mut self,
        request: &Request,
        connection: &mut Buckets,
        address: Option<IpAddr>,
        now: Instant,
    ) -> Result<(), Refusal> {
        let count = match request {
            Request::Resume { rooms } => u32::try_from(rooms.len()).unwrap_or(u32::MAX).max(1),
            _ => 1,
        };
        self.admit_kind(Kind::of(request), count, connection, address, now)
    }

    /// The same for a new conversation, which will stay for ever.
    pub(super) fn admit_beginning(
        &mut self,
        connection: &mut Buckets,
        address: Option<IpAddr>,
        now: Instant,
    ) -> Result<(), Refusal> {
        self.admit_kind(Kind::Begin, 1, connection, address, now)
    }

    /// The same for an invitation of somebody who has not looked at another one.
    pub(super) fn admit_insistence(
        &mut self,
        connection: &mut Buckets,
        address: Option<IpAddr>,
        now: Instant,
    ) -> Result<(), Refusal> {
        self.admit_kind(Kind::Insist, 1, connection, address, now)
    }

    fn admit_kind(
        &mut self,
        kind: Kind,
        count: u32,
        connection: &mut Buckets,
        address: Option<IpAddr>,
        now: Instant,
    ) -> Result<(), Refusal> {
        if self.is_off() {
            return Ok(());
        }
        let (own_rate, address_rate) = kind.rates();
        let own_rate = own_rate.times(self.factor);
        let mut wait = connection.of[kind as usize].wait(own_rate, count, now);
        let shared = match (address.map(bucket_of), address_rate) {
            (Some(Some(address)), Some(rate)) => Some((address, rate.times(self.factor))),
            _ => None,
        };
        let shared = shared.and_then(|(address, rate)| Some((self.address(address, now)?, rate)));
        let shared = shared.map(|(buckets, rate)| (&mut buckets.of[kind as usize], rate));
        if let Some((bucket, rate)) = &shared {
            wait = wait.max(bucket.wait(*rate, count, now));
        }
        if kind == Kind::Message {
            wait = connection.keep_order(wait, now);
        }
        if !wait.is_zero() {
            return Err(Refusal::rate_limited(kind.what(), wait));
        }
        connection.of[kind as usize].take(own_rate, count, now);
        if let Some((bucket, rate)) = shared {
            bucket.take(rate, count, now);
        }
        Ok(())
    }

    /// None: there are too many addresses to count for another one. Each of its connections has limits of its own.
    fn address(&mut self, address: IpAddr, now: Instant) -> Option<&mut Buckets> {
        if self.addresses.len() >= ADDRESSES_MAX && !self.addresses.contains_key(&address) {
            if self.crowded_until.is_some_and(|until| now < until) {
                return None;
            }
            self.addresses.retain(|_, buckets| !buckets.are_full(now));
            if self.addresses.len() >= ADDRESSES_MAX {
                self.crowded_until = Some(now + Duration::from_secs(1));
                return None;
            }
        }
        Some(self.addresses.entry(address).or_default())
    }
}

/// What is counted as one address: of IPv6 the network that one customer has. None: it is this machine, which may be a proxy
/// for everybody.
pub(crate) fn bucket_of(address: IpAddr) -> Option<IpAddr> {
    match address.to_canonical() {
        address if address.is_loopback() => None,
        // What translates between the two families (RFC 6052 §2.1) has all of IPv4 in one /64.
        IpAddr::V6(address) if address.segments()[..6] == [0x64, 0xff9b, 0, 0, 0, 0] => Some(address.into()),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Some(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into())
        }
        address => Some(address),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::request::Known;

    fn message() -> Request {
        Request::Message { room: "lobby".into(), text: "hi".into(), reply_to: None }
    }

    fn address(text: &str) -> Option<IpAddr> {
        Some(text.parse().expect("an address"))
    }

    /// How many go through at one moment.
    fn admitted(pace: &mut Pace, connection: &mut Buckets, from: Option<IpAddr>, now: Instant) -> u32 {
        (0..100_000).take_while(|_| pace.admit(&message(), connection, from, now).is_ok()).count() as u32
    }

    #[test]
    fn a_connection_has_its_limit_and_each_kind_its_own() {
        let (mut pace, mut own, now) = (Pace::new(1), Buckets::default(), Instant::now());
        assert_eq!(admitted(&mut pace, &mut own, None, now), pace::MESSAGES.at_once);
        let refusal = pace.admit(&message(), &mut own, None, now).expect_err("too many");
        let wait = refusal.retry_after_ms.expect("it says when");
        let moment = now + Duration::from_millis(wait / 2);
        assert!(
            pace.admit(&message(), &mut own, None, moment).is_err(),
            "what was on its way does not overtake it"
        );
        let later = now + Duration::from_millis(wait);
        assert!(pace.admit(&message(), &mut own, None, later).is_ok(), "and then it is so");
        assert!(pace.admit(&Request::Rooms, &mut own, None, now).is_ok());
        assert_eq!(admitted(&mut pace, &mut Buckets::default(), None, now), pace::MESSAGES.at_once);
    }

    #[test]
    fn the_connections_of_an_address_share_one() {
        let (mut pace, now) = (Pace::new(1), Instant::now());
        let mut sum = |text: &str| -> u32 {
            (0..100).map(|_| admitted(&mut pace, &mut Buckets::default(), address(text), now)).sum()
        };
        assert_eq!(sum("203.0.113.7"), pace::MESSAGES_OF_ADDRESS.at_once);
        assert_eq!(sum("::ffff:203.0.113.7"), 0, "it is the same");
        assert_eq!(sum("2001:db8:1:2::7"), pace::MESSAGES_OF_ADDRESS.at_once);
        assert_eq!(sum("2001:db8:1:2:ffff::8"), 0, "it is one customer's");
        assert_eq!(sum("2001:db8:1:3::8"), pace::MESSAGES_OF_ADDRESS.at_once);
        assert_eq!(sum("64:ff9b::192.0.2.1"), pace::MESSAGES_OF_ADDRESS.at_once);
        assert_eq!(
            sum("64:ff9b::192.0.2.2"),
            pace::MESSAGES_OF_ADDRESS.at_once,
            "another person, behind the same NAT64"
        );
        assert_eq!(sum("127.0.0.1"), 100 * pace::MESSAGES.at_once, "it may be a proxy");
    }

    #[test]
    fn limits_can_be_wider_and_off() {
        let now = Instant::now();
        let once = pace::MESSAGES.at_once;
        assert_eq!(admitted(&mut Pace::new(3), &mut Buckets::default(), None, now), 3 * once);
        assert_eq!(admitted(&mut Pace::new(0), &mut Buckets::default(), None, now), 100_000);
    }

    #[test]
    fn a_resume_counts_as_all_its_rooms() {
        let (mut pace, mut own, now) = (Pace::new(1), Buckets::default(), Instant::now());
        let rooms = |count: u32| Request::Resume {
            rooms: (0..count).map(|n| (n.to_string(), Known { seq: 0, change: None })).collect(),
        };
        let half = pace::JOINS.at_once / 2;
        assert!(pace.admit(&rooms(half), &mut own, None, now).is_ok());
        assert!(pace.admit(&rooms(half), &mut own, None, now).is_ok());
        assert!(pace.admit(&rooms(1), &mut own, None, now).is_err());
    }

    #[test]
    fn addresses_are_forgotten_when_their_buckets_are_full_and_never_too_many_are_kept() {
        let (mut pace, now) = (Pace::new(1), Instant::now());
        let nth = |n: usize| address(&format!("10.{}.{}.{}", n >> 16, n >> 8 & 255, n & 255));
        for n in 0..ADDRESSES_MAX + 10 {
            assert!(pace.admit(&message(), &mut Buckets::default(), nth(n), now).is_ok(), "{n}");
        }
        assert_eq!(pace.addresses.len(), ADDRESSES_MAX);
        let later = now + Duration::from_secs(3_600);
        assert!(pace.admit(&message(), &mut Buckets::default(), address("192.0.2.1"), later).is_ok());
        assert_eq!(pace.addresses.len(), 1);
    }
}
