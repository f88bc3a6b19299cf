//! How often passwords and invitations may be tried, and guests may come: for an account from one address, for an account in all, and for an
//! address. The hub counts, whichever worker is asked.

use std::collections::HashMap;
use std::net::IpAddr;

use tokio::time::Instant;

use super::pace::bucket_of;
use crate::bucket::{Bucket, Rate};
use crate::limits::{ATTEMPTS_MAX, pace};
use crate::protocol::Refusal;

/// What has a bucket.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Subject {
    Account(i64, String),
    AccountFrom(i64, String, Option<IpAddr>),
    Address(IpAddr),
    Guests(IpAddr),
    Invitations(IpAddr),
}

impl Subject {
    fn rate(&self) -> Rate {
        match self {
            Self::Account(..) => pace::SIGN_INS_OF_ACCOUNT,
            Self::AccountFrom(..) | Self::Invitations(_) => pace::SIGN_INS,
            Self::Address(_) => pace::SIGN_INS_OF_ADDRESS,
            Self::Guests(_) => pace::GUESTS_OF_ADDRESS,
        }
    }
}

/// See the module. A new hub begins with full buckets.
#[derive(Debug)]
pub(super) struct Attempts {
    /// The limits are multiplied by it; 0: there are none.
    factor: u32,
    buckets: HashMap<Subject, Bucket>,
}

impl Attempts {
    pub(super) fn new(factor: u32) -> Self {
        Self { factor, buckets: HashMap::new() }
    }

    /// May a password of this account be tried? Then it counts. `account`: its number, or 0 and the name that nobody has.
    pub(super) fn admit(
        &mut self,
        account: i64,
        name: &str,
        address: Option<IpAddr>,
        now: Instant,
    ) -> Result<(), Refusal> {
        let (name, address) = (subject_name(account, name), address.and_then(bucket_of));
        let own = [Subject::AccountFrom(account, name.clone(), address), Subject::Account(account, name)];
        let subjects = own.into_iter().chain(address.map(Subject::Address)).collect();
        self.take(subjects, "trying passwords", now)
    }

    /// The password was right: whoever it was may mistype it again.
    pub(super) fn forgive(&mut self, account: i64, address: Option<IpAddr>) {
        let address = address.and_then(bucket_of);
        self.buckets.remove(&Subject::AccountFrom(account, String::new(), address));
    }

    /// May an invitation be shown? Then it counts, as a password that is tried does.
    pub(super) fn admit_invitation(&mut self, address: Option<IpAddr>, now: Instant) -> Result<(), Refusal> {
        let address = address.and_then(bucket_of);
        let subjects = address
            .into_iter()
            .flat_map(|address| [Subject::Invitations(address), Subject::Address(address)]);
        self.take(subjects.collect(), "trying invitations", now)
    }

    /// It held: others behind the same address may be invited, too.
    pub(super) fn forgive_invitation(&mut self, address: Option<IpAddr>) {
        if let Some(address) = address.and_then(bucket_of) {
            self.buckets.remove(&Subject::Invitations(address));
        }
    }

    /// May somebody come as a guest?
    pub(super) fn admit_guest(&mut self, address: Option<IpAddr>, now: Instant) -> Result<(), Refusal> {
        let subjects = address.and_then(bucket_of).map(Subject::Guests).into_iter().collect();
        self.take(subjects, "coming in", now)
    }

    /// Of each one, or of none.
    fn take(&mut self, subjects: Vec<Subject>, what: &str, now: Instant) -> Result<(), Refusal> {
        if self.factor == 0 {
            return Ok(());
        }
        if self.buckets.len() + subjects.len() > ATTEMPTS_MAX {
            self.buckets.retain(|_, bucket| !bucket.is_full(now));
            if self.buckets.len() + subjects.len() > ATTEMPTS_MAX {
                return Err(Refusal::rate_limited(what, pace::SIGN_INS.interval));
            }
        }
        let rate = |subject: &Subject| subject.rate().times(self.factor);
        let bucket = |subject: &Subject| self.buckets.get(subject).copied().unwrap_or_default();
        let waits = subjects.iter().map(|subject| bucket(subject).wait(rate(subject), 1, now));
        let wait = waits.max().unwrap_or_default();
        if !wait.is_zero() {
            return Err(Refusal::rate_limited(what, wait));
        }
        for subject in subjects {
            let rate = subject.rate().times(self.factor);
            self.buckets.entry(subject).or_default().take(rate, 1, now);
        }
        Ok(())
    }
}

/// An account has its number; what nobody is called is counted by its name.
fn subject_name(account: i64, name: &str) -> String {
    if account == 0 { name.to_owned() } else { String::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Option<IpAddr> {
        Some(text.parse().expect("an address"))
    }

    fn admitted(attempts: &mut Attempts, account: i64, from: Option<IpAddr>, now: Instant) -> u32 {
        (0..1_000).take_while(|_| attempts.admit(account, "x", from, now).is_ok()).count() as u32
    }

    #[test]
    fn an_account_has_few_attempts_from_an_address_and_some_more_from_all() {
        let (mut attempts, now) = (Attempts::new(1), Instant::now());
        assert_eq!(admitted(&mut attempts, 1, address("192.0.2.1"), now), pace::SIGN_INS.at_once);
        assert_eq!(
            admitted(&mut attempts, 1, address("192.0.2.2"), now),
            pace::SIGN_INS.at_once,
            "another address"
        );
        let rest: u32 =
            (3..200).map(|n| admitted(&mut attempts, 1, address(&format!("192.0.2.{n}")), now)).sum();
        assert_eq!(rest + 2 * pace::SIGN_INS.at_once, pace::SIGN_INS_OF_ACCOUNT.at_once);
        assert_eq!(
            admitted(&mut attempts, 0, address("198.51.100.1"), now),
            pace::SIGN_INS.at_once,
            "nobody's name, too"
        );
    }

    #[test]
    fn an_address_cannot_try_all_accounts() {
        let (mut attempts, now) = (Attempts::new(1), Instant::now());
        let sum: u32 =
            (1..200).map(|account| admitted(&mut attempts, account, address("192.0.2.1"), now)).sum();
        assert_eq!(sum, pace::SIGN_INS_OF_ADDRESS.at_once);
    }

    #[test]
    fn invitations_are_tried_as_seldom_as_passwords_and_those_that_hold_are_forgiven() {
        let (mut attempts, now) = (Attempts::new(1), Instant::now());
        let tried = |attempts: &mut Attempts, from: Option<IpAddr>| {
            (0..1_000).take_while(|_| attempts.admit_invitation(from, now).is_ok()).count() as u32
        };
        let (here, there) = (address("192.0.2.1"), address("192.0.2.2"));
        assert_eq!(tried(&mut attempts, here), pace::SIGN_INS.at_once);
        assert_eq!(tried(&mut attempts, there), pace::SIGN_INS.at_once);
        attempts.forgive_invitation(here);
        assert_eq!(tried(&mut attempts, here), pace::SIGN_INS.at_once);
        for _ in 0..100 {
            attempts.forgive_invitation(here);
            tried(&mut attempts, here);
        }
        attempts.forgive_invitation(here);
        assert_eq!(tried(&mut attempts, here), 0, "together no more than passwords for all accounts");
    }

    #[test]
    fn who_was_right_may_be_wrong_again_and_limits_can_be_off() {
        let (mut attempts, now) = (Attempts::new(1), Instant::now());
        let here = address("127.0.0.1");
        assert_eq!(admitted(&mut attempts, 1, here, now), pace::SIGN_INS.at_once);
        attempts.forgive(1, here);
        assert_eq!(admitted(&mut attempts, 1, here, now), pace::SIGN_INS.at_once);
        assert_eq!(admitted(&mut Attempts::new(0), 1, here, now), 1_000);
    }

    #[test]
    fn what_is_counted_is_bounded() {
        let (mut attempts, now) = (Attempts::new(1), Instant::now());
        let refused =
            (0..ATTEMPTS_MAX as i64).filter(|account| attempts.admit(*account, "", None, now).is_err());
        assert!(refused.count() > 0);
        assert!(attempts.buckets.len() <= ATTEMPTS_MAX);
        let later = now + std::time::Duration::from_secs(24 * 3_600);
        assert!(attempts.admit(1, "", None, later).is_ok());
    }
}
