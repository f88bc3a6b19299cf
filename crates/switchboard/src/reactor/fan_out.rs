//! Sending one message to many: see [`logs`](super::logs).

use std::io;

use rustix::io::Errno;
use rustix::net::{SendFlags, send};

use super::Reactor;
use super::connection::Connection;
use super::deflate::Shared;
use super::logs::{Form, Part};
use super::output::Sent;
use crate::ConnectionId;
use crate::frame::Frame;

/// Deliveries that take as long as one frame that is read: each of them notes a number.
const DELIVERIES_A_FRAME: usize = 16;

impl Reactor {
    /// Queues a message for all of these connections but those in `except`, which is sorted.
    pub(super) fn fan_out(&mut self, keys: Vec<u32>, frame: &Frame, except: &[ConnectionId]) {
        self.work += keys.len() / DELIVERIES_A_FRAME;
        let mut shared = Shared::of(frame);
        for key in &keys {
            let connection = self.connections.get(*key as usize).filter(|found| found.is_open());
            let Some(connection) = connection else { continue };
            if except.is_empty() || except.binary_search(&connection.id).is_err() {
                self.push_shared(*key, &mut shared);
            }
        }
        self.give_keys_back(keys);
    }

    /// Queues a message that many connections are sent, if this one has room for it.
    #[inline]
    pub(super) fn push_shared(&mut self, key: u32, shared: &mut Shared<'_>) {
        let connection = &mut self.connections[key as usize];
        let form = shared.form_for(connection, self.core.config.deflate.as_ref());
        let bytes_max = self.core.config.output_bytes_max / 2;
        // All but the first connection of each form find the message in its log.
        if let Some((form, at)) = form.and_then(|form| shared.logged(form))
            && connection.has_no_output()
            && let Some(first) = self.logs.add(&mut connection.part, form, at, bytes_max)
        {
            if first && !connection.dirty {
                connection.dirty = true;
                self.dirty.push(key);
            }
            return;
        }
        self.work += 1;
        match form {
            Some(form) => self.push_in_form(key, shared, form),
            // It refers to what this connection alone was sent.
            None => self.push_unreserved(key, shared.plain(), self.core.config.overflow),
        }
    }

    #[cold]
    fn push_in_form(&mut self, key: u32, shared: &mut Shared<'_>, wanted: Form) {
        self.work += shared.make(wanted, &mut self.codec);
        let (form, frame) = shared.made(wanted);
        let bytes_max = self.core.config.output_bytes_max / 2;
        // What is much of a queue's limit is offered to the kernel before anything joins it.
        if shared.logged(wanted).is_none()
            && frame.len() <= bytes_max
            && let Some(at) = self.logs.append(form, frame)
        {
            shared.set_logged(wanted, form, at);
        }
        let connection = &mut self.connections[key as usize];
        if let Some((form, at)) = shared.logged(wanted)
            && connection.has_no_output()
            && self.logs.add(&mut connection.part, form, at, bytes_max).is_some()
        {
            return self.mark_dirty(key);
        }
        let (_, frame) = shared.made(wanted);
        self.push_encoded(key, frame, self.core.config.overflow);
    }

    /// Queues for the connection itself what it was to get of a log: something else is going to follow.
    #[inline]
    pub(super) fn own_part(&mut self, key: u32) {
        let part = std::mem::take(&mut self.connections[key as usize].part);
        if !part.is_empty() {
            self.queue_part(key, part);
        }
    }

    #[cold]
    fn queue_part(&mut self, key: u32, part: Part) {
        let connection = &mut self.connections[key as usize];
        let spare = &mut self.spare_outputs;
        let output = connection.output.get_or_insert_with(|| spare.take());
        self.work += 1 + self.logs.frames(part).len() / DELIVERIES_A_FRAME;
        for frame in self.logs.frames(part) {
            output.push_frame(frame.head(), frame.body());
        }
        self.core.table.slot(connection.id).add_queued(self.logs.bytes(part).len());
        self.logs.release(part);
    }

    /// The connection gets nothing more.
    pub(super) fn drop_part(&mut self, key: u32) {
        self.logs.release(std::mem::take(&mut self.connections[key as usize].part));
    }

    /// Sends a connection its part of a log. True: there is more to do for it at once.
    pub(super) fn flush_part(&mut self, key: u32) -> bool {
        let connection = &mut self.connections[key as usize];
        debug_assert!(connection.output.is_none(), "what is queued comes behind a part");
        let (id, part) = (connection.id, std::mem::take(&mut connection.part));
        let bytes = self.logs.bytes(part);
        match send_some(connection, bytes) {
            Ok(sent) if sent == bytes.len() => {
                self.logs.release(part);
                self.count_sent(id, Sent { bytes: sent, data_bytes: 0 });
                self.flushed_all(key)
            }
            Ok(sent) => {
                self.queue_part(key, part);
                let connection = &mut self.connections[key as usize];
                connection.blocked = true;
                let data_bytes = connection.output.as_mut().map_or(0, |output| output.leave(sent));
                self.count_sent(id, Sent { bytes: sent, data_bytes });
                self.after_flush(key);
                false
            }
            Err(error) => {
                self.logs.release(part);
                self.hang_up(key, &error.to_string());
                false
            }
        }
    }
}

/// As much as the kernel takes.
fn send_some(connection: &Connection, bytes: &[u8]) -> io::Result<usize> {
    loop {
        match send(&connection.socket, bytes, SendFlags::NOSIGNAL | SendFlags::DONTWAIT) {
            Ok(sent) => return Ok(sent),
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => return Ok(0),
            Err(error) => return Err(error.into()),
        }
    }
}
