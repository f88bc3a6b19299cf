//! Everything that happens because time passes: handshakes that take too long, pings, the heartbeat, closes that
//! are not answered. A connection is in the wheel once, at the next time at which something could be due.

use std::time::Duration;

use rustix::net::{RecvFlags, recv};
use switchboard_proto::{CloseCode, OpCode, encode_frame};

use super::connection::{Hold, Phase};
use super::{Reactor, Timer};
use crate::event::ClosedBy;
use crate::sys;

/// Entries for which the list of those that are due keeps its memory.
const TIMERS_KEPT: usize = 1_024;

/// How long the answer to a ping may take, at the least, before its absence counts.
const ANSWER_TIME: Duration = Duration::from_secs(10);

impl Reactor {
    pub(super) fn handle_timers(&mut self) {
        let mut timers = std::mem::take(&mut self.scratch.timers);
        self.wheel.advance(self.now_ms, &mut timers);
        for timer in timers.drain(..) {
            match timer {
                Timer::Connection { key, id } => {
                    let connection = self.connections.get_mut(key as usize).filter(|found| found.id == id);
                    // Entries are not taken out when something becomes due earlier.
                    if let Some(connection) = connection.filter(|found| found.due_ms <= self.now_ms) {
                        connection.due_ms = u64::MAX;
                        self.connection_due(key);
                    }
                }
                Timer::Listener { index } => self.listen_again(index),
                Timer::Stop => self.go_on_stopping(),
            }
        }
        timers.shrink_to(TIMERS_KEPT);
        self.scratch.timers = timers;
        self.carry_out_local();
    }

    fn connection_due(&mut self, key: u32) {
        let connection = &self.connections[key as usize];
        match connection.phase {
            Phase::Proxy(_) | Phase::Head(_) | Phase::Authorizing(_) => {
                let deadline_ms = self.handshake_deadline(key);
                if self.now_ms >= deadline_ms {
                    self.handshake_expired(key);
                } else {
                    self.schedule(key, deadline_ms);
                }
            }
            Phase::Relay(_) => self.relay_due(key),
            Phase::Open if connection.hold.contains(Hold::ENDING) => {
                let deadline_ms = connection.deadline_ms;
                if self.now_ms >= deadline_ms {
                    self.settled(key);
                } else {
                    self.schedule(key, deadline_ms);
                }
            }
            Phase::Open => {
                self.unthrottle(key);
                self.beat(key);
            }
            Phase::Closing | Phase::Draining { .. } => {
                let deadline_ms = connection.deadline_ms;
                if self.now_ms >= deadline_ms {
                    self.close_expired(key);
                } else {
                    self.schedule(key, deadline_ms);
                }
            }
        }
    }

    /// Cuts the connection if it is dead, pings it if it is silent.
    fn beat(&mut self, key: u32) {
        let config = &self.core.config;
        let idle_ms = config.heartbeat_idle_time.as_millis() as u64;
        let ping_ms = config.ping_interval.as_millis() as u64;
        let connection = &self.connections[key as usize];
        let alive_ms = self.alive_ms(key);
        // Nobody is blamed for silence while it is we who do not listen.
        let holds = [Hold::PAUSED, Hold::HANDLER, Hold::THROTTLE, Hold::INFLATING];
        let held = holds.into_iter().any(|hold| connection.hold.contains(hold));
        let exempt = connection.protected || (held && !connection.hung_up);
        let idle = idle_ms > 0 && self.now_ms >= alive_ms + idle_ms && !exempt;
        let idle = idle && (connection.blocked || self.had_a_chance(connection.unanswered_ms, alive_ms));
        if idle && self.has_unread(key) {
            self.entry(connection.id).received(0, self.now_ms);
        } else if idle && !self.takes_output(key) {
            let reason = format!("nothing was received for {} s", idle_ms as f64 / 1_000.0);
            return self.close_now(key, CloseCode::GOING_AWAY, &reason, ClosedBy::Heartbeat);
        }
        let silent_ms = alive_ms.max(self.connections[key as usize].pinged_ms);
        if ping_ms > 0 && self.now_ms >= silent_ms + ping_ms {
            self.ping(key, alive_ms);
        }
        self.schedule_heartbeat(key);
    }

    fn ping(&mut self, key: u32, alive_ms: u64) {
        let connection = &mut self.connections[key as usize];
        connection.pinged_ms = self.now_ms;
        self.takes_output(key);
        let connection = &mut self.connections[key as usize];
        // A ping to a client that does not read would only wait behind what it does not read.
        if connection.blocked {
            return;
        }
        if connection.unanswered_ms <= alive_ms {
            connection.unanswered_ms = self.now_ms;
        }
        self.push_control(key, |out| encode_frame(OpCode::Ping, &[], out));
    }

    /// Could a client that only listens have shown that it lives? Not if this thread stood still when it should have
    /// pinged.
    fn had_a_chance(&self, unanswered_ms: u64, alive_ms: u64) -> bool {
        let idle_time = self.core.config.heartbeat_idle_time;
        let ping_interval = self.core.config.ping_interval;
        if ping_interval.is_zero() || ping_interval >= idle_time {
            return true;
        }
        let answer_ms = (idle_time - ping_interval).min(ANSWER_TIME).as_millis() as u64;
        unanswered_ms > alive_ms && self.now_ms >= unanswered_ms + answer_ms
    }

    /// Have bytes arrived that this thread had no time to read, because a handler blocked it?
    fn has_unread(&self, key: u32) -> bool {
        let socket = &self.connections[key as usize].socket;
        let mut byte = [0u8; 1];
        matches!(recv(socket, &mut byte[..], RecvFlags::PEEK | RecvFlags::DONTWAIT), Ok((1.., _)))
    }

    /// Has a client for which sent bytes wait in the kernel taken any since this was last asked? That is a sign of life: it
    /// cannot answer a ping before it has read what was sent before. The socket's being writable would not show it, for
    /// that needs a good part of its buffer to be free.
    pub(super) fn takes_output(&mut self, key: u32) -> bool {
        let connection = &mut self.connections[key as usize];
        let entry = self.core.table.slot(connection.id);
        let waiting = sys::unsent_bytes(&connection.socket).unwrap_or(0);
        let taken = (entry.sent_bytes() as u32).wrapping_sub(waiting);
        let takes = std::mem::replace(&mut connection.taken_bytes, taken) != taken && waiting > 0;
        if takes {
            entry.received(0, self.now_ms);
        }
        takes
    }

    /// When the client last gave a sign of life.
    fn alive_ms(&self, key: u32) -> u64 {
        self.entry(self.connections[key as usize].id).received_at()
    }

    /// Enters an open connection into the wheel for its next ping or check.
    pub(super) fn schedule_heartbeat(&mut self, key: u32) {
        let config = &self.core.config;
        let idle_ms = config.heartbeat_idle_time.as_millis() as u64;
        let ping_ms = config.ping_interval.as_millis() as u64;
        let check_ms = config.heartbeat_check_interval.as_millis() as u64;
        let alive_ms = self.alive_ms(key);
        let mut at_ms = u64::MAX;
        if idle_ms > 0 {
            // The next multiple of the interval after it would be dead.
            let dead_ms = (alive_ms + idle_ms).max(self.now_ms + 1);
            at_ms = dead_ms.next_multiple_of(check_ms.max(1));
        }
        if ping_ms > 0 {
            let silent_ms = alive_ms.max(self.connections[key as usize].pinged_ms);
            at_ms = at_ms.min((silent_ms + ping_ms).max(self.now_ms + 1));
        }
        if at_ms < u64::MAX {
            self.schedule(key, at_ms);
        }
    }
}
