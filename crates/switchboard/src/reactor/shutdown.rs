//! Stopping.

use super::connection::Phase;
use super::{Reactor, Timer};
use crate::admission::Refusal;

/// A stop that has begun.
#[derive(Debug)]
pub(super) struct Stopping {
    deadline_ms: u64,
}

impl Reactor {
    /// No new connections; the open ones get what is queued and 1001; handshakes are refused.
    pub(super) fn begin_stop(&mut self) {
        if self.stopping.is_some() {
            return;
        }
        let deadline_ms = self.core.now_ms() + self.core.stop_time_left().as_millis() as u64;
        self.stopping = Some(Stopping { deadline_ms });
        self.wheel.schedule(deadline_ms, Timer::Stop);
        self.stop_listening();
        self.dispatch.stop();
        self.close_all();
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
                Phase::Proxy(_) | Phase::Head(None) => drop(self.remove(key)),
                _ => self.refuse(key, &Refusal::Stopping),
            }
        }
    }

    /// The time for a stop is over: what is left is cut, and the worker told.
    pub(super) fn stop_expired(&mut self) {
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
