//! A connection of the floor: 16 bytes while idle.

use std::os::fd::{AsRawFd, OwnedFd};

use anyhow::Result;
use rustix::io::Errno;
use rustix::net::SendFlags;

use crate::poller::Poller;

/// A receiver that is this far behind is cut off.
const UNSENT_BYTES_MAX: usize = 4 << 20;

pub(super) struct Connection {
    pub(super) socket: OwnedFd,
    /// The handshake is done.
    pub(super) upgraded: bool,
    waiting: Option<Box<Waiting>>,
}

/// Made on need.
#[derive(Default)]
struct Waiting {
    /// Start of a frame whose rest has not come.
    partial: Vec<u8>,
    /// What the socket had no room for.
    unsent: Vec<u8>,
}

impl Connection {
    pub(super) fn new(socket: OwnedFd) -> Self {
        Self { socket, upgraded: false, waiting: None }
    }

    /// Moves the kept bytes to the start of `buffer` and gives their number.
    pub(super) fn take_partial(&mut self, buffer: &mut [u8]) -> usize {
        let Some(waiting) = &mut self.waiting else { return 0 };
        let partial = std::mem::take(&mut waiting.partial);
        buffer[..partial.len()].copy_from_slice(&partial);
        partial.len()
    }

    /// Keeps bytes until more come; false when they are more than any message of a load.
    pub(super) fn keep_partial(&mut self, bytes: &[u8]) -> bool {
        if !bytes.is_empty() {
            self.waiting.get_or_insert_default().partial.extend_from_slice(bytes);
        }
        bytes.len() < super::BUFFER_BYTES
    }

    /// One send; false when the connection is at its end.
    pub(super) fn send(&mut self, poller: &Poller, bytes: &[u8]) -> Result<bool> {
        if bytes.is_empty() {
            return Ok(true);
        }
        if let Some(waiting) = self.waiting.as_mut().filter(|waiting| !waiting.unsent.is_empty()) {
            waiting.unsent.extend_from_slice(bytes);
            return Ok(waiting.unsent.len() <= UNSENT_BYTES_MAX);
        }
        let sent = match rustix::net::send(&self.socket, bytes, SendFlags::NOSIGNAL) {
            Ok(sent) => sent,
            Err(Errno::AGAIN | Errno::INTR) => 0,
            Err(_) => return Ok(false),
        };
        if sent < bytes.len() {
            self.waiting.get_or_insert_default().unsent.extend_from_slice(&bytes[sent..]);
            self.want_write(poller, true)?;
        }
        Ok(true)
    }

    /// Sends what was kept; false when the connection is at its end.
    pub(super) fn flush(&mut self, poller: &Poller) -> Result<bool> {
        let Some(waiting) = &mut self.waiting else { return Ok(true) };
        match rustix::net::send(&self.socket, &waiting.unsent, SendFlags::NOSIGNAL) {
            Ok(sent) => drop(waiting.unsent.drain(..sent)),
            Err(Errno::AGAIN | Errno::INTR) => {}
            Err(_) => return Ok(false),
        }
        if waiting.unsent.is_empty() {
            self.want_write(poller, false)?;
        }
        Ok(true)
    }

    fn want_write(&self, poller: &Poller, want: bool) -> Result<()> {
        Ok(poller.want_write(&self.socket, usize::try_from(self.socket.as_raw_fd())?, want)?)
    }
}
