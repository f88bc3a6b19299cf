//! What a process that has died left unfinished goes to its successor.

use std::collections::HashSet;

use bytes::Bytes;

use super::lane::{Given, Lane, Progress};
use super::parcel::{Credit, Parcel};
use super::route::{KeyHasher, SourceKey};
use super::{LaneReport, Lanes};
use crate::Decision;
use crate::command::Command;
use crate::event::{ClosedBy, Event, EventKind, EventSource};
use crate::ipc::channel::EventPlace;
use crate::ipc::codec::Delivery;
use crate::pipe::Receipt;

/// Close code of a connection whose event cannot be handled (RFC 6455 §7.4.1).
const INTERNAL_ERROR: u16 = 1011;

/// What is known of why a process died.
struct Verdict {
    /// The event that was being handled when it did, in this lane.
    culprit: Option<u64>,
    /// The event whose handler was being polled, in this lane: it had begun.
    polled: Option<u64>,
    /// The suspect that was being tried, in this lane, while another event was being polled.
    doubted: Option<u64>,
    /// It was one of those that had begun, nobody knows which.
    unknown: bool,
    /// Nobody killed it from outside.
    of_itself: bool,
}

impl Verdict {
    fn on(lane: &Lane, reactor: usize) -> Verdict {
        let of_itself = lane.dead == Some(true);
        let here = |place: EventPlace| (place.reactor == reactor).then_some(place.position);
        let polled = lane.marks.polling();
        let (culprit, doubted, unknown) = match (polled, lane.marks.suspect()) {
            // A suspect that is pending may have done it in another thread.
            (Some(polled), Some(suspect)) if polled != suspect => (None, here(suspect), of_itself),
            (Some(place), _) | (None, Some(place)) => (here(place), None, false),
            (None, None) => (None, None, of_itself),
        };
        Verdict { culprit, polled: polled.and_then(here), doubted, unknown, of_itself }
    }
}

impl Lanes {
    /// All commands of the process have been carried out.
    pub(super) fn take_over(&mut self, mut lane: Lane, commands: &mut Vec<Command>) {
        let verdict = Verdict::on(&lane, self.reactor);
        let instance = lane.instance;
        lane.show(0);
        let unfinished = lane.take_unfinished();
        lane.show(0);
        let keys = self.leave(&lane);
        let mut poisoned = HashSet::<SourceKey, KeyHasher>::default();
        let mut returned = Vec::with_capacity(unfinished.len());
        for (given, bytes) in unfinished {
            let key = given.key;
            let Some(parcel) = self.judge(given, &bytes, &verdict) else {
                self.unfinished = self.unfinished.saturating_sub(1);
                continue;
            };
            if parcel.blame.is_too_much(self.core.config.max_attempts) {
                poisoned.insert(key);
                let credit = refuse(parcel, commands);
                self.handled(&[(key, credit)], commands);
            } else if poisoned.contains(&key) && parcel.is_message() {
                self.unfinished = self.unfinished.saturating_sub(1);
            } else {
                returned.push((key, parcel));
            }
        }
        for key in &poisoned {
            // They are not handled any more: the connection is being closed.
            self.drop_detained(*key, Parcel::is_message);
        }
        for (key, parcel) in returned.into_iter().rev() {
            let slot = usize::from(self.slot_of(key));
            self.routes.entry(key).or_default().detained.push_front(parcel);
            self.slots[slot].queued += 1;
        }
        for key in keys {
            if self.routes.get(&key).is_some_and(|route| !route.detained.is_empty()) {
                self.list(key);
            } else {
                self.release(key, commands);
            }
        }
        self.report(LaneReport::Detached { instance, reactor: self.reactor });
    }

    /// Nothing is outstanding with the process any more. Answers whose events were.
    fn leave(&mut self, lane: &Lane) -> Vec<SourceKey> {
        let mut keys = Vec::new();
        for (key, route) in &mut self.routes {
            if route.instance == Some(lane.instance) {
                route.instance = None;
                route.outstanding = 0;
                // Its successor does not know that the connection is held.
                route.held |= std::mem::take(&mut route.behind);
                keys.push(*key);
            }
        }
        keys
    }

    /// Makes a parcel again of what the process had been given.
    fn judge(&self, given: Given, bytes: &Bytes, verdict: &Verdict) -> Option<Parcel> {
        let Ok(Delivery::Event(mut event)) = Delivery::decode(bytes.clone(), Receipt::None, &self.core.pipes)
        else {
            return None;
        };
        let is_culprit = verdict.culprit == Some(given.start);
        let polled = verdict.polled == Some(given.start);
        let begun = is_culprit || polled || given.progress == Progress::GoesOn;
        event.attempt += u32::from(begun);
        // No one event is let kill more processes than that: whatever was beside each of them may be what does it.
        let outlived = verdict.of_itself && event.attempt > self.core.config.max_attempts.saturating_add(1);
        event.suspect |= begun && (verdict.unknown || outlived);
        if let EventKind::Pipe(message) = event.kind {
            event.kind = EventKind::Pipe(message.with_attempt(event.attempt));
        }
        if let Some(session) = self.routes.get(&given.key).and_then(|route| route.session.as_deref()) {
            event.session = session.clone();
        }
        let mut blame = given.blame;
        if is_culprit {
            blame.add(verdict.of_itself);
        } else if verdict.of_itself && verdict.doubted == Some(given.start) {
            blame.add_doubtful();
        }
        Some(Parcel { event, blame, credit: given.credit, is_excess: false })
    }
}

/// An event has killed too many processes. Answers what is given back for it.
fn refuse(parcel: Parcel, commands: &mut Vec<Command>) -> Option<Credit> {
    let deaths = parcel.blame.deaths();
    let Event { source, kind, .. } = parcel.event;
    let EventSource::Connection(id) = source else {
        tracing::error!(
            deaths,
            ?source,
            "a message between processes killed its recipient again; it is dropped"
        );
        return parcel.credit;
    };
    match kind {
        EventKind::Authorize(_) => {
            tracing::error!(connection = %id, deaths, "a handshake killed its worker again; it is refused");
            let decision = Box::new(Decision::reject(500, "internal error\n"));
            commands.push(Command::Authorized { id, decision });
        }
        EventKind::Close(_) => {
            tracing::error!(connection = %id, deaths, "a close event killed its worker again; it is dropped");
        }
        _ => {
            tracing::error!(connection = %id, deaths, "an event killed its worker again; its connection is closed with 1011");
            let reason = "internal error".to_owned();
            commands.push(Command::Disconnect { id, code: INTERNAL_ERROR, reason, by: ClosedBy::Server });
        }
    }
    None
}
