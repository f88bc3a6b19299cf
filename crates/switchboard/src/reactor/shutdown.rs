//! Stopping.

use super::connection::Phase;
use super::{Reactor, Timer};
use crate::ConnectionId;
use crate::admission::Refusal;
use crate::event::ClosedBy;

/// A stop that has begun.
#[derive(Debug)]
pub(super) struct Stopping {
    deadline_ms: u64,
    /// Connections that have not been told yet.
    untold: Vec<(u32, ConnectionId)>,
    /// How many of them are told at one time.
    portion: usize,
}

/// As many connections of one reactor are told at once: so few do not burden the server that they go to next, and who stops a
/// server by hand does not wait.
const TOLD_AT_ONCE: usize = 256;
/// How often some of the others are told, over half of the time that there is for the stop.
const PORTION_MS: u64 = 100;

impl Reactor {
    /// No new connections; the open ones get what is queued and 1001; handshakes are refused.
    pub(super) fn begin_stop(&mut self) {
        if self.stopping.is_some() {
            return;
        }
        let time_ms = self.core.stop_time_left().as_millis() as u64;
        let deadline_ms = self.core.now_ms() + time_ms;
        let open = self.open.iter().map(|key| (*key, self.connections[*key as usize].id));
        let untold: Vec<_> = open.collect();
        let portions = (time_ms / 2 / PORTION_MS).max(1) as usize;
        let portion = untold.len().div_ceil(portions).max(TOLD_AT_ONCE);
        self.stopping = Some(Stopping { deadline_ms, untold, portion });
        self.wheel.schedule(deadline_ms, Timer::Stop);
        self.stop_listening();
        self.dispatch.stop();
        self.tell_some();
        let unfinished =
            |phase: &Phase| matches!(phase, Phase::Proxy(_) | Phase::Head(_) | Phase::Authorizing(_));
        let handshakes: Vec<u32> = self
            .connections
            .iter()
            .filter(|(_, found)| unfinished(&found.phase))
            .map(|(key, _)| key as u32)
            .collect();
        for key in handshakes {
            match self.connections[key as usize].phase {
                Phase::Proxy(_) | Phase::Head(None) => {
                    self.send_goodbye(key);
                    drop(self.remove(key));
                }
                _ => self.refuse(key, &Refusal::Stopping),
            }
        }
    }

    /// Closes some of the open connections because the server stops, and sees to the others.
    fn tell_some(&mut self) {
        let Some(stopping) = &mut self.stopping else { return };
        let rest = stopping.untold.len().saturating_sub(stopping.portion);
        for (key, id) in stopping.untold.split_off(rest) {
            if self.is_still(key, id) {
                self.close_for_stop(key);
            }
        }
        if rest > 0 {
            self.wheel.schedule(self.now_ms + PORTION_MS, Timer::Stop);
        }
    }

    pub(super) fn close_for_stop(&mut self, key: u32) {
        self.begin_close(key, 1001, "the server is being stopped", ClosedBy::Shutdown);
    }

    /// A part of the time for a stop has passed.
    pub(super) fn go_on_stopping(&mut self) {
        self.tell_some();
        self.stop_expired();
    }

    /// The time for a stop is over: what is left is cut, and the worker told.
    fn stop_expired(&mut self) {
        let Some(stopping) = &self.stopping else { return };
        if self.now_ms < stopping.deadline_ms {
            let deadline_ms = stopping.deadline_ms;
            self.wheel.schedule(deadline_ms, Timer::Stop);
            return;
        }
        let keys: Vec<u32> = self.connections.iter().map(|(key, _)| key as u32).collect();
        for key in keys {
            self.close_expired(key);
        }
    }

    /// Has the stop been carried out, or its time run out?
    pub(super) fn has_stopped(&self) -> bool {
        self.stopping.as_ref().is_some_and(|stopping| {
            let overdue = self.now_ms >= stopping.deadline_ms;
            self.connections.is_empty() && (overdue || self.dispatch.is_idle())
        })
    }
}
