//! What is on its way to a reactor and not yet in the connection table.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasherDefault, Hasher};

use crate::ConnectionId;

/// What a command will change in the entry of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    None,
    /// So many bytes more are queued.
    Push {
        id: ConnectionId,
        bytes: usize,
    },
    /// One group more than it is in; `table`: as many as the table showed.
    Join {
        id: ConnectionId,
        table: i64,
    },
    /// One group less.
    Leave {
        id: ConnectionId,
        table: i64,
    },
    /// It is marked that a push was refused.
    Refused {
        id: ConnectionId,
        closes: bool,
    },
}

impl Effect {
    fn id(self) -> Option<ConnectionId> {
        match self {
            Effect::None => None,
            Effect::Push { id, .. } | Effect::Join { id, .. } | Effect::Leave { id, .. } => Some(id),
            Effect::Refused { id, .. } => Some(id),
        }
    }
}

/// The effects of all commands of one connection that the reactor has not taken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Sum {
    commands: u32,
    pub(super) bytes: u64,
    /// How many of them change the groups.
    group_commands: u32,
    /// The number of groups, by the table from before the first of these, and by what has been sent since.
    groups: i64,
    refusals: u32,
    closing: u32,
}

impl Sum {
    fn add(&mut self, effect: Effect) {
        self.commands += 1;
        match effect {
            Effect::None => {}
            Effect::Push { bytes, .. } => self.bytes += bytes as u64,
            Effect::Join { table, .. } => self.change_groups(table, 1),
            Effect::Leave { table, .. } => self.change_groups(table, -1),
            Effect::Refused { closes, .. } => {
                self.refusals += 1;
                self.closing += u32::from(closes);
            }
        }
    }

    fn subtract(&mut self, effect: Effect) {
        self.commands -= 1;
        match effect {
            Effect::None => {}
            Effect::Push { bytes, .. } => self.bytes -= bytes as u64,
            Effect::Join { .. } | Effect::Leave { .. } => self.group_commands -= 1,
            Effect::Refused { closes, .. } => {
                self.refusals -= 1;
                self.closing -= u32::from(closes);
            }
        }
    }

    fn change_groups(&mut self, table: i64, change: i64) {
        if self.group_commands == 0 {
            self.groups = table;
        }
        self.group_commands += 1;
        self.groups += change;
    }

    /// How many groups it will be in, where the table shows `table`: there the reactor shows what it carries out before it
    /// says that it has taken it, so that what is on its way may be in it or not.
    pub(super) fn groups(&self, table: i64) -> i64 {
        if self.group_commands == 0 { table } else { self.groups }
    }

    /// As [`Entry::refused`](crate::table::Entry::refused).
    pub(super) fn refused(&self) -> u8 {
        u8::from(self.refusals > 0) + u8::from(self.closing > 0)
    }
}

/// The effects of the commands of one lane that the reactor has not taken.
#[derive(Debug, Default)]
pub(super) struct OnTheWay {
    /// Of those that are in the ring: where they end.
    written: VecDeque<(u64, Effect)>,
    /// Bytes of all pushes, whomever they are for: hardly ever is a look at one connection's needed.
    pushed: u64,
    sums: HashMap<ConnectionId, Sum, BuildHasherDefault<IdHasher>>,
    /// The sums are kept, because somebody has asked for one, or a command waits for room.
    summed: bool,
}

impl OnTheWay {
    /// A command has been accepted and waits for room.
    pub(super) fn accepted(&mut self, effect: Effect) {
        self.sum_up();
        self.add(effect);
    }

    /// One that was accepted has been written, and ends here.
    pub(super) fn written(&mut self, end: u64, effect: Effect) {
        if effect != Effect::None {
            self.written.push_back((end, effect));
        }
    }

    /// A command has been accepted and written at once.
    pub(super) fn sent(&mut self, end: u64, effect: Effect) {
        self.add(effect);
        self.written(end, effect);
    }

    fn add(&mut self, effect: Effect) {
        if let Effect::Push { bytes, .. } = effect {
            self.pushed += bytes as u64;
        }
        if let Some(id) = effect.id().filter(|_| self.summed) {
            self.sums.entry(id).or_default().add(effect);
        }
    }

    fn sum_up(&mut self) {
        if !std::mem::replace(&mut self.summed, true) {
            for (_, effect) in &self.written {
                if let Some(id) = effect.id() {
                    self.sums.entry(id).or_default().add(*effect);
                }
            }
        }
    }

    /// The reactor has taken everything before `head`: it stands in the table.
    pub(super) fn taken(&mut self, head: u64) {
        while let Some((_, effect)) = self.written.pop_front_if(|(end, _)| *end <= head) {
            if let Effect::Push { bytes, .. } = effect {
                self.pushed -= bytes as u64;
            }
            let Some(id) = effect.id().filter(|_| self.summed) else { continue };
            if let Some(sum) = self.sums.get_mut(&id) {
                sum.subtract(effect);
                if sum.commands == 0 {
                    self.sums.remove(&id);
                }
            }
        }
        self.summed = !self.sums.is_empty();
    }

    /// Bytes of pushes to all connections together.
    pub(super) fn pushed(&self) -> u64 {
        self.pushed
    }

    pub(super) fn of(&mut self, id: ConnectionId) -> Sum {
        self.sum_up();
        self.sums.get(&id).copied().unwrap_or_default()
    }

    /// How many of them are in the ring.
    pub(super) fn len(&self) -> usize {
        self.written.len()
    }
}

/// Ids are given out by the master: nobody can choose them so that they collide.
#[derive(Debug, Default)]
pub(super) struct IdHasher(u64);

impl Hasher for IdHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u64(u64::from(*byte)));
    }

    fn write_u32(&mut self, number: u32) {
        self.write_u64(u64::from(number));
    }

    fn write_u64(&mut self, number: u64) {
        // Odd and without a pattern: neighbours end up far apart, in the upper bits and in the lower.
        let product = (self.0 ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = product ^ product >> 32;
    }
}
