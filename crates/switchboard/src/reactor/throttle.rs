//! What one connection may send in a second.

use switchboard_proto::CloseCode;

use super::Reactor;
use super::connection::Hold;
use crate::Config;
use crate::event::ClosedBy;
use crate::rate::{Bucket, Rate};

/// The limits that hold for every connection.
#[derive(Debug, Clone, Copy)]
pub(super) struct Throttle {
    messages: Option<Rate>,
    bytes: Option<Rate>,
    grace_ms: u64,
}

/// What a connection has sent lately.
#[derive(Debug, Default)]
pub(super) struct Meter {
    messages: Bucket,
    bytes: Bucket,
    /// For how much longer it has been held than it has not, and when it was held or let go last.
    held_ms: u64,
    changed_ms: u64,
}

impl Throttle {
    /// None: there are no limits.
    pub(super) fn new(config: &Config) -> Option<Throttle> {
        let messages = Rate::new(config.messages_per_second.into(), config.rate_burst);
        let bytes = Rate::new(config.bytes_per_second as u64, config.rate_burst);
        let grace_ms = config.rate_grace.as_millis() as u64;
        (messages.is_some() || bytes.is_some()).then_some(Throttle { messages, bytes, grace_ms })
    }

    /// Counts a message or a control frame.
    pub(super) fn count_message(&self, meter: &mut Option<Box<Meter>>, now_ms: u64) {
        if let (Some(rate), Some(meter)) = (self.messages, meter) {
            rate.take(&mut meter.messages, 1, now_ms);
        }
    }

    /// When one that has used up what it may send is read from again.
    fn resumes_ms(&self, meter: &Meter) -> u64 {
        let resumes = |rate: Option<Rate>, bucket| rate.map_or(0, |rate| rate.time_for_portion(bucket));
        resumes(self.messages, meter.messages).max(resumes(self.bytes, meter.bytes))
    }
}

impl Reactor {
    /// How many bytes may be read from a connection now, at least one.
    pub(super) fn bytes_allowed(&mut self, key: u32) -> usize {
        let connection = &mut self.connections[key as usize];
        // What comes during a handshake has its own limits.
        let Some(throttle) = self.throttle.filter(|_| connection.is_open()) else { return usize::MAX };
        let meter = connection.meter.get_or_insert_default();
        let level = throttle.bytes.map_or(u64::MAX, |rate| rate.level(meter.bytes, self.now_ms));
        usize::try_from(level).unwrap_or(usize::MAX).max(1)
    }

    /// Counts bytes that have been read.
    pub(super) fn count_bytes(&mut self, key: u32, len: usize) {
        let meter = &mut self.connections[key as usize].meter;
        if let (Some(Throttle { bytes: Some(rate), .. }), Some(meter)) = (&self.throttle, meter) {
            rate.take(&mut meter.bytes, len as u64, self.now_ms);
        }
    }

    /// More has come: holds the connection if it has sent as many messages as it may.
    pub(super) fn throttle_messages(&mut self, key: u32) {
        let meter = &self.connections[key as usize].meter;
        if let (Some(Throttle { messages: Some(rate), .. }), Some(meter)) = (&self.throttle, meter)
            && rate.level(meter.messages, self.now_ms) == 0
        {
            self.throttle(key);
        }
    }

    /// Holds the connection if it has sent as many bytes as it may.
    pub(super) fn throttle_bytes(&mut self, key: u32) {
        let meter = &self.connections[key as usize].meter;
        if let (Some(Throttle { bytes: Some(rate), .. }), Some(meter)) = (&self.throttle, meter)
            && rate.level(meter.bytes, self.now_ms) == 0
        {
            self.throttle(key);
        }
    }

    /// Holds an open connection for a while, or closes it if that has gone on for too long.
    fn throttle(&mut self, key: u32) {
        let connection = &mut self.connections[key as usize];
        // The client's own end is not made another by what it had sent before.
        if !connection.is_open()
            || connection.hold.contains(Hold::THROTTLE)
            || connection.hold.contains(Hold::ENDING)
        {
            return;
        }
        let (Some(throttle), Some(meter)) = (&self.throttle, &mut connection.meter) else { return };
        meter.held_ms = meter.held_ms.saturating_sub(self.now_ms - meter.changed_ms.min(self.now_ms));
        if meter.held_ms >= throttle.grace_ms {
            let reason = "more is sent than messages_per_second or bytes_per_second allow";
            return self.close_now(key, CloseCode::POLICY, reason, ClosedBy::Flood);
        }
        meter.changed_ms = self.now_ms;
        let resumes_ms = throttle.resumes_ms(meter);
        self.hold(key, Hold::THROTTLE);
        self.schedule(key, resumes_ms);
    }

    /// Lets an open connection go on whose time has come, and forgets what has been sent long ago.
    pub(super) fn unthrottle(&mut self, key: u32) {
        let connection = &mut self.connections[key as usize];
        let (Some(throttle), Some(meter)) = (&self.throttle, &mut connection.meter) else { return };
        if !connection.hold.contains(Hold::THROTTLE) {
            let is_quiet = meter.messages.is_full(self.now_ms) && meter.bytes.is_full(self.now_ms);
            if is_quiet && self.now_ms >= meter.changed_ms + meter.held_ms {
                connection.meter = None;
            }
            return;
        }
        let resumes_ms = throttle.resumes_ms(meter);
        if self.now_ms < resumes_ms {
            return self.schedule(key, resumes_ms);
        }
        meter.held_ms += self.now_ms - meter.changed_ms.min(self.now_ms);
        meter.changed_ms = self.now_ms;
        self.release(key, Hold::THROTTLE);
    }
}
