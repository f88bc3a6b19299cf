//! Giving events out, and keeping what cannot be given out yet.

use std::sync::atomic::Ordering;

use super::lane::{Done, Lane};
use super::parcel::{Credit, Parcel};
use super::route::SourceKey;
use super::{LaneReport, Lanes};
use crate::command::Command;
use crate::config::DispatchBy;
use crate::event::{EventKind, Flow};
use crate::ipc::codec::encode_taken;
use crate::pipe::Slot;
use crate::worker::Payload;
use crate::{ConnectionId, PeerAddr};

impl Lanes {
    /// Gives an event out, or keeps it until that can be done.
    pub(super) fn offer(&mut self, key: SourceKey, parcel: Parcel) -> Flow {
        self.unfinished += 1;
        let is_message = parcel.is_message();
        if self.routes.get(&key).is_none_or(|route| route.detained.is_empty()) {
            match self.give(key, parcel) {
                None => return Flow::Go,
                Some(parcel) => self.detain(key, parcel),
            }
        } else {
            self.detain(key, parcel);
        }
        match self.routes.get_mut(&key).filter(|_| is_message) {
            Some(route) => {
                route.held = true;
                Flow::Hold
            }
            None => Flow::Go,
        }
    }

    /// Gives out a message where it stands, which is how most go. False: nothing has been done.
    pub(super) fn give_message(&mut self, id: ConnectionId, session: &[u8], payload: Payload<'_>) -> bool {
        let key = SourceKey::connection(id);
        let slot = self.slot_of(key);
        let Some(target) = self.slots[usize::from(slot)].instance else { return false };
        let route = self.routes.entry(key).or_default();
        if !route.detained.is_empty() || route.outstanding > 0 && route.instance != Some(target) {
            return false;
        }
        let Some(lane) = self.lanes.iter_mut().find(|lane| lane.instance == target) else { return false };
        if !lane.give_message(key, id, session, payload) {
            return false;
        }
        route.instance = Some(target);
        route.outstanding += 1;
        self.unfinished += 1;
        true
    }

    /// Is there room for what a connection may send now?
    pub(super) fn finds_room_for(&mut self, key: SourceKey) -> bool {
        let slot = usize::from(self.slot_of(key));
        let target = self.slots[slot].instance;
        let Some(lane) = self.lanes.iter_mut().find(|lane| Some(lane.instance) == target) else {
            return true;
        };
        // What others have been promised does not count: it would be kept for them in one turn and not used before the next,
        // when it is promised again, to yet others.
        lane.finds_room()
    }

    /// The connection waits for room, held.
    pub(super) fn wait_for_room(&mut self, key: SourceKey) {
        self.routes.entry(key).or_default().held = true;
        self.list(key);
    }

    /// Gives an event to the process that its slot is routed to, unless events of the same source are with another. Gives it
    /// back if that cannot be done now.
    fn give(&mut self, key: SourceKey, parcel: Parcel) -> Option<Parcel> {
        let slot = self.slot_of(key);
        let Some(target) = self.slots[usize::from(slot)].instance else { return Some(parcel) };
        let route = self.routes.entry(key).or_default();
        if route.outstanding > 0 && route.instance != Some(target) {
            return Some(parcel);
        }
        let Some(lane) = self.lanes.iter_mut().find(|lane| lane.instance == target) else {
            return Some(parcel);
        };
        if let Some(parcel) = lane.give(key, parcel, &mut self.head) {
            return Some(parcel);
        }
        route.instance = Some(target);
        route.outstanding += 1;
        None
    }

    fn detain(&mut self, key: SourceKey, mut parcel: Parcel) {
        let slot = usize::from(self.slot_of(key));
        let route = self.routes.entry(key).or_default();
        let is_drain = |parcel: &Parcel| matches!(parcel.event.kind, EventKind::Drain);
        if is_drain(&parcel) && route.detained.back().is_some_and(is_drain) {
            self.unfinished -= 1;
            return;
        }
        parcel.is_excess = self.read_without_room == Some(key);
        self.excess_bytes += parcel.excess_bytes();
        route.detained.push_back(parcel);
        self.slots[slot].queued += 1;
        self.list(key);
    }

    /// Puts a source of which something waits into its slot's list.
    pub(super) fn list(&mut self, key: SourceKey) {
        let slot = usize::from(self.slot_of(key));
        if let Some(route) = self.routes.get_mut(&key)
            && !std::mem::replace(&mut route.listed, true)
        {
            self.slots[slot].waiting.push_back(key);
        }
    }

    /// Gives out what waits for a slot, as far as that can be done.
    pub(super) fn give_out(&mut self, slot: Slot, commands: &mut Vec<Command>) {
        let slot = usize::from(slot);
        // Those that go on waiting come to the end of the list.
        for _ in 0..self.slots[slot].waiting.len() {
            let can_take = self.slots[slot].instance.is_some_and(|instance| {
                self.lanes.iter().any(|lane| lane.instance == instance && lane.is_open())
            });
            if !can_take {
                return;
            }
            let Some(key) = self.slots[slot].waiting.pop_front() else { return };
            if let Some(route) = self.routes.get_mut(&key) {
                route.listed = false;
                if !self.give_out_of(key, slot, commands) {
                    return;
                }
            }
        }
    }

    /// False: there is no more room.
    fn give_out_of(&mut self, key: SourceKey, slot: usize, commands: &mut Vec<Command>) -> bool {
        while let Some(parcel) = self.routes.get_mut(&key).and_then(|route| route.detained.pop_front()) {
            let excess = parcel.excess_bytes();
            if let Some(parcel) = self.give(key, parcel) {
                let route = self.routes.entry(key).or_default();
                route.detained.push_front(parcel);
                // Its own events, with another process, are waited for; that is noticed when they are handled.
                let no_room = route.outstanding == 0 || route.instance == self.slots[slot].instance;
                if no_room {
                    route.listed = true;
                    self.slots[slot].waiting.push_front(key);
                }
                return !no_room;
            }
            self.excess_bytes = self.excess_bytes.saturating_sub(excess);
            self.slots[slot].queued = self.slots[slot].queued.saturating_sub(1);
        }
        if !self.may_read(key, slot) {
            self.slots[slot].waiting.push_front(key);
            return false;
        }
        self.release(key, commands);
        true
    }

    /// A connection of which nothing waits any more goes on being read from if there is room for what it may send.
    fn may_read(&mut self, key: SourceKey, slot: usize) -> bool {
        let instance = self.slots[slot].instance;
        let Some(route) = self.routes.get_mut(&key).filter(|route| route.held && !route.behind) else {
            return true;
        };
        let lane = self.lanes.iter_mut().find(|lane| Some(lane.instance) == instance);
        let may = lane.is_none_or(Lane::promise_room);
        route.listed = !may;
        may
    }

    /// Nothing of the source waits any more: its connection can be read from.
    pub(super) fn release(&mut self, key: SourceKey, commands: &mut Vec<Command>) {
        let Some(route) = self.routes.get_mut(&key) else { return };
        if route.held && route.detained.is_empty() {
            route.held = false;
            if let Some(id) = key.id().filter(|_| !route.behind) {
                commands.push(Command::HandlerReady { id });
            }
        }
        if self.routes.get(&key).is_some_and(|route| route.outstanding == 0 && route.detained.is_empty()) {
            self.tell_settled(key, commands);
        }
        self.drop_route(key);
    }

    /// Nothing of the source is left to be handled.
    fn tell_settled(&mut self, key: SourceKey, commands: &mut Vec<Command>) {
        let route = self.routes.get_mut(&key);
        let awaited = route.is_some_and(|route| std::mem::take(&mut route.awaited));
        if let (true, Some(id)) = (awaited, key.id()) {
            self.awaited -= 1;
            commands.push(Command::Settled { id });
        }
    }

    /// Forgets what need not be known any more.
    fn drop_route(&mut self, key: SourceKey) {
        if self.routes.get(&key).is_some_and(|route| route.is_over()) {
            let route = self.routes.remove(&key);
            self.awaited -= usize::from(route.is_some_and(|route| route.awaited));
            if !self.assigned.is_empty()
                && let Some(id) = key.id()
                && self.core.table.find(id).is_none()
            {
                self.assigned.remove(&key);
            }
        }
    }

    /// Events of one source have been handled.
    pub(super) fn handled(&mut self, events: &[Done], commands: &mut Vec<Command>) {
        let Some((key, _)) = events.first() else { return };
        let key = *key;
        self.unfinished = self.unfinished.saturating_sub(events.len());
        for (_, credit) in events {
            if let (Some(Credit::Tell(sender, weight)), Some(to)) = (credit, key.recipient())
                && let Some(lane) = self.lane(*sender)
            {
                lane.piped = lane.piped.saturating_sub(*weight as usize);
                let mut head = Vec::new();
                encode_taken(to, *weight, &mut head);
                lane.tell(&head, Default::default());
            }
        }
        let Some(route) = self.routes.get_mut(&key) else { return };
        route.outstanding = route.outstanding.saturating_sub(events.len() as u32);
        if route.outstanding > 0 {
            return;
        }
        if !route.detained.is_empty() {
            return self.list(key);
        }
        self.tell_settled(key, commands);
        self.drop_route(key);
    }

    /// The slot that handles a source's events.
    pub(super) fn slot_of(&self, key: SourceKey) -> Slot {
        if let Some(recipient) = key.recipient() {
            return recipient;
        }
        if let Some(slot) = self.assigned.get(&key) {
            return *slot;
        }
        let number = key.id().map_or(0, |id| id.local());
        (number as usize % self.shared.loads.len().max(1)) as Slot
    }

    /// The first event of a connection: its worker is chosen, unless that follows from the id.
    pub(super) fn assign(&mut self, key: SourceKey, id: ConnectionId) {
        if self.assigned.contains_key(&key) {
            return;
        }
        let workers = self.shared.loads.len().max(1) as u64;
        let slot = match (self.core.config.dispatch, self.core.table.slot(id).peer()) {
            (DispatchBy::Address, PeerAddr::Inet(address)) => (hash(address.ip()) % workers) as usize,
            (DispatchBy::LeastLoaded, _) => {
                let loads = self.shared.loads.iter().enumerate();
                let least = loads.min_by_key(|(_, load)| load.load(Ordering::Relaxed));
                let Some((slot, load)) = least else { return };
                load.fetch_add(1, Ordering::Relaxed);
                slot
            }
            _ => return,
        };
        self.assigned.insert(key, slot as Slot);
    }

    /// A connection is bound to a user: if that is the way, its events go to the user's worker, those that wait included.
    pub(super) fn assign_user(&mut self, id: ConnectionId, user: &str) {
        if self.core.config.dispatch != DispatchBy::User {
            return;
        }
        let key = SourceKey::connection(id);
        let before = usize::from(self.slot_of(key));
        let slot = (hash(user) % self.shared.loads.len().max(1) as u64) as Slot;
        self.assigned.insert(key, slot);
        let Some(route) = self.routes.get_mut(&key) else { return };
        let waits = route.detained.len() as u64;
        if waits > 0 && before != usize::from(slot) {
            self.slots[before].queued = self.slots[before].queued.saturating_sub(waits);
            self.slots[usize::from(slot)].queued += waits;
            // Its place in the old list is skipped.
            self.slots[before].waiting.retain(|listed| *listed != key);
            route.listed = false;
            self.list(key);
        }
    }

    /// Drops some of what waits of a source.
    pub(super) fn drop_detained(&mut self, key: SourceKey, which: impl Fn(&Parcel) -> bool) {
        let slot = usize::from(self.slot_of(key));
        let Some(route) = self.routes.get_mut(&key) else { return };
        let (mut dropped, mut excess) = (0, 0);
        route.detained.retain(|parcel| {
            let drops = which(parcel);
            if drops {
                dropped += 1;
                excess += parcel.excess_bytes();
            }
            !drops
        });
        self.unfinished = self.unfinished.saturating_sub(dropped);
        self.excess_bytes = self.excess_bytes.saturating_sub(excess);
        self.slots[slot].queued = self.slots[slot].queued.saturating_sub(dropped as u64);
    }

    /// A connection is gone. What it has left to be handled is.
    pub(super) fn forget_connection(&mut self, id: ConnectionId) {
        let key = SourceKey::connection(id);
        if let Some(route) = self.routes.get_mut(&key) {
            (route.behind, route.held) = (false, false);
            // Nobody waits for a decision about it any more.
            self.drop_detained(key, |parcel| matches!(parcel.event.kind, EventKind::Authorize(_)));
        }
        self.drop_route(key);
        if self.core.config.dispatch == DispatchBy::LeastLoaded
            && let Some(slot) = self.assigned.get(&key)
            && let Some(load) = self.shared.loads.get(usize::from(*slot))
        {
            load.fetch_sub(1, Ordering::Relaxed);
        }
        if !self.routes.contains_key(&key) {
            self.assigned.remove(&key);
        }
    }

    /// Tells that processes which nobody is routed to have handled everything, and whether this reactor is quiet.
    pub(super) fn report_idle(&mut self, empty: bool) {
        let (reactor, shared) = (self.reactor, self.shared.clone());
        let slots = &self.slots;
        for lane in &mut self.lanes {
            let routed = slots.iter().any(|slot| slot.instance == Some(lane.instance));
            let idle = lane.was_routed && !routed && lane.outstanding == 0 && lane.dead.is_none();
            if idle && !std::mem::replace(&mut lane.reported_idle, true) {
                (shared.report)(LaneReport::Idle { instance: lane.instance, reactor });
            }
            lane.was_routed |= routed;
            lane.reported_idle &= !routed;
        }
        let quiet = self.stopping && empty && self.unfinished == 0;
        if self.stopping && quiet != self.was_quiet {
            self.was_quiet = quiet;
            (shared.report)(LaneReport::Quiet { reactor, quiet });
        }
    }
}

/// The same in every process and at every start.
fn hash(value: impl std::hash::Hash) -> u64 {
    use std::hash::{DefaultHasher, Hasher};
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}
