//! The check of every delivery: each receiver gets each message of each sender once, in the sender's order.

use std::collections::HashSet;

use anyhow::{Result, ensure};

use super::payload::Stamp;

/// Skipped numbers that are remembered; a server that loses more is not worth measuring.
const SKIPPED_MAX: usize = 1_000_000;

/// What arrived so far, by receiver and sender.
#[derive(Debug)]
pub struct Deliveries {
    /// `next[receiver * senders + sender]`: the number that must come next.
    next: Vec<u32>,
    senders: usize,
    rooms: usize,
    skipped: HashSet<(usize, Stamp)>,
    duplicated: u64,
    out_of_order: u64,
    unexpected: u64,
}

impl Deliveries {
    /// For `receivers` receivers that each get everything from senders 0 to `senders - 1`.
    #[must_use]
    pub fn new(receivers: usize, senders: usize) -> Self {
        Self::in_rooms(receivers, senders, 1)
    }

    /// The same, where nobody gets anything from another room; receivers and senders are in the rooms in turn.
    #[must_use]
    pub fn in_rooms(receivers: usize, senders: usize, rooms: usize) -> Self {
        Self {
            next: vec![0; receivers * senders],
            senders,
            rooms,
            skipped: HashSet::new(),
            duplicated: 0,
            out_of_order: 0,
            unexpected: 0,
        }
    }

    /// Notes one delivery; `true` if it is the first of this message to this receiver.
    ///
    /// # Errors
    /// More than a million messages are missing.
    #[inline]
    pub fn record(&mut self, receiver: usize, stamp: Stamp) -> Result<bool> {
        let sender = stamp.sender as usize;
        let next = match self.next.get_mut(receiver * self.senders + sender) {
            Some(next) if sender < self.senders && sender % self.rooms == receiver % self.rooms => next,
            _ => {
                self.unexpected += 1;
                return Ok(false);
            }
        };
        if *next == stamp.number {
            *next += 1;
            return Ok(true);
        }
        self.record_irregular(receiver, stamp)
    }

    #[cold]
    fn record_irregular(&mut self, receiver: usize, stamp: Stamp) -> Result<bool> {
        let next = &mut self.next[receiver * self.senders + stamp.sender as usize];
        if stamp.number > *next {
            let gap = (stamp.number - *next) as usize;
            ensure!(self.skipped.len() + gap <= SKIPPED_MAX, "more than {SKIPPED_MAX} messages are missing");
            let skipped = (*next..stamp.number).map(|number| (receiver, Stamp { number, ..stamp }));
            self.skipped.extend(skipped);
            *next = stamp.number + 1;
            return Ok(true);
        }
        let late = self.skipped.remove(&(receiver, stamp));
        if late {
            self.out_of_order += 1;
        } else {
            self.duplicated += 1;
        }
        Ok(late)
    }

    /// The number that must come next to this receiver from this sender.
    #[must_use]
    pub fn next(&self, receiver: usize, sender: usize) -> u32 {
        self.next.get(receiver * self.senders + sender).copied().unwrap_or(0)
    }

    /// Messages that came to a receiver more than once, each further time counted.
    #[must_use]
    pub fn duplicated(&self) -> u64 {
        self.duplicated
    }

    /// Messages that came after a later one of the same sender.
    #[must_use]
    pub fn out_of_order(&self) -> u64 {
        self.out_of_order
    }

    /// Messages from a sender that was never to reach this receiver.
    #[must_use]
    pub fn unexpected(&self) -> u64 {
        self.unexpected
    }

    /// Deliveries that have not come, when each sender has sent `sent(sender)` messages.
    #[must_use]
    pub fn missing(&self, sent: impl Fn(usize) -> u32) -> u64 {
        let after_last: u64 = self
            .next
            .iter()
            .enumerate()
            .map(|(index, &next)| (index / self.senders, index % self.senders, next))
            .filter(|(receiver, sender, _)| receiver % self.rooms == sender % self.rooms)
            .map(|(_, sender, next)| u64::from(sent(sender).saturating_sub(next)))
            .sum();
        after_last + self.skipped.len() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deliver(deliveries: &mut Deliveries, receiver: usize, numbers: &[u32]) {
        for &number in numbers {
            deliveries.record(receiver, Stamp { sender: 0, number }).unwrap();
        }
    }

    #[test]
    fn a_faultless_run_counts_nothing() {
        let mut deliveries = Deliveries::new(2, 1);
        deliver(&mut deliveries, 0, &[0, 1, 2]);
        deliver(&mut deliveries, 1, &[0, 1, 2]);
        assert_eq!(deliveries.missing(|_| 3), 0);
        assert_eq!((deliveries.duplicated(), deliveries.out_of_order(), deliveries.unexpected()), (0, 0, 0));
    }

    #[test]
    fn what_never_came_is_missing_whether_skipped_or_at_the_end() {
        let mut deliveries = Deliveries::new(2, 1);
        deliver(&mut deliveries, 0, &[0, 2]);
        assert_eq!(deliveries.missing(|_| 4), 2 + 4);
        assert_eq!(deliveries.out_of_order(), 0);
    }

    #[test]
    fn what_came_late_is_out_of_order_and_not_missing() {
        let mut deliveries = Deliveries::new(1, 1);
        deliver(&mut deliveries, 0, &[1, 0, 2]);
        assert_eq!(deliveries.missing(|_| 3), 0);
        assert_eq!((deliveries.duplicated(), deliveries.out_of_order()), (0, 1));
    }

    #[test]
    fn what_came_twice_is_duplicated_and_is_no_first_delivery() {
        let mut deliveries = Deliveries::new(1, 1);
        assert!(deliveries.record(0, Stamp { sender: 0, number: 0 }).unwrap());
        assert!(!deliveries.record(0, Stamp { sender: 0, number: 0 }).unwrap());
        assert_eq!((deliveries.duplicated(), deliveries.out_of_order()), (1, 0));
    }

    #[test]
    fn an_unknown_sender_is_unexpected() {
        let mut deliveries = Deliveries::new(2, 2);
        assert!(!deliveries.record(0, Stamp { sender: 2, number: 0 }).unwrap());
        assert_eq!(deliveries.unexpected(), 1);
    }

    #[test]
    fn what_is_said_in_another_room_is_neither_missing_nor_expected() {
        let mut deliveries = Deliveries::in_rooms(4, 2, 2);
        for receiver in [0, 2] {
            deliver(&mut deliveries, receiver, &[0]);
        }
        assert_eq!(deliveries.missing(|_| 1), 2, "those in room 1");
        deliver(&mut deliveries, 1, &[0]);
        assert_eq!(deliveries.unexpected(), 1);
    }

    #[test]
    fn a_server_that_loses_without_end_is_given_up() {
        let mut deliveries = Deliveries::new(1, 1);
        assert!(deliveries.record(0, Stamp { sender: 0, number: u32::MAX }).is_err());
    }
}
