//! One open client connection: whole frames are recognised without a copy, everything unusual goes through the protocol
//! crate.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use anyhow::{Context, Result, ensure};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags};
use switchboard_proto::{Event, MessageKind, OpCode, Role};

use super::frames::MASK;
use crate::poller::Poller;

/// Bytes taken from a socket at once, at least.
const INBOX_BYTES_MIN: usize = 512 * 1024;

/// Largest message that a server may send us.
const MESSAGE_BYTES_MAX: usize = 64 << 20;

/// The read buffer that all connections share.
#[derive(Debug)]
pub struct Inbox {
    buffer: Vec<u8>,
}

impl Inbox {
    /// Has room for several messages of `payload_bytes_max` bytes.
    #[must_use]
    pub fn new(payload_bytes_max: usize) -> Self {
        Self { buffer: vec![0; INBOX_BYTES_MIN.max(payload_bytes_max * 4)] }
    }
}

/// A connection after its handshake.
pub struct Connection {
    socket: OwnedFd,
    index: usize,
    protocol: switchboard_proto::Connection,
    /// Start of a frame whose rest has not come yet.
    partial: Vec<u8>,
    /// What the socket had no room for.
    unsent: Vec<u8>,
    lost: Option<String>,
}

impl Connection {
    /// `received`: bytes that came after the head of the handshake response.
    pub(super) fn new(socket: OwnedFd, index: usize, received: &[u8]) -> Self {
        Self {
            socket,
            index,
            protocol: switchboard_proto::Connection::new(Role::Client, MESSAGE_BYTES_MAX),
            partial: received.to_vec(),
            unsent: Vec::new(),
            lost: None,
        }
    }

    /// Why the connection ended before its time, if it did.
    #[must_use]
    pub fn lost(&self) -> Option<&str> {
        self.lost.as_deref()
    }

    /// Sends frames, or keeps them until the socket has room.
    ///
    /// # Errors
    /// The poller's; a connection that ends is no error but [`lost`](Self::lost).
    pub fn send(&mut self, poller: &Poller, frames: &[u8]) -> Result<()> {
        if self.lost.is_some() {
            return Ok(());
        }
        if !self.unsent.is_empty() {
            self.unsent.extend_from_slice(frames);
            return Ok(());
        }
        let sent = self.send_now(poller, frames)?;
        if sent < frames.len() && self.lost.is_none() {
            self.unsent.extend_from_slice(&frames[sent..]);
            poller.want_write(&self.socket, self.index, true)?;
        }
        Ok(())
    }

    /// Sends what was kept; to be called when the socket has room again.
    ///
    /// # Errors
    /// As of [`send`](Self::send).
    pub fn flush(&mut self, poller: &Poller) -> Result<()> {
        let unsent = std::mem::take(&mut self.unsent);
        let sent = self.send_now(poller, &unsent)?;
        if self.lost.is_some() {
            return Ok(());
        }
        if sent < unsent.len() {
            self.unsent.extend_from_slice(&unsent[sent..]);
        } else {
            poller.want_write(&self.socket, self.index, false)?;
        }
        Ok(())
    }

    fn send_now(&mut self, poller: &Poller, bytes: &[u8]) -> Result<usize> {
        match rustix::net::send(&self.socket, bytes, SendFlags::NOSIGNAL | SendFlags::DONTWAIT) {
            Ok(sent) => Ok(sent),
            Err(Errno::AGAIN | Errno::INTR) => Ok(0),
            Err(error) => {
                self.lose(poller, error.to_string())?;
                Ok(0)
            }
        }
    }

    /// Takes what has arrived and gives every whole message to `on_message`.
    ///
    /// # Errors
    /// Those of `on_message` and of the poller.
    pub fn receive(
        &mut self,
        poller: &Poller,
        inbox: &mut Inbox,
        mut on_message: impl FnMut(MessageKind, &[u8]) -> Result<()>,
    ) -> Result<()> {
        if self.lost.is_some() {
            return Ok(());
        }
        let carried = self.partial.len();
        let (head, room) = inbox
            .buffer
            .split_at_mut_checked(carried)
            .filter(|(_, room)| !room.is_empty())
            .context("the server sent a frame larger than any message of this load")?;
        let received = match rustix::net::recv(&self.socket, room, RecvFlags::DONTWAIT) {
            Ok((0, _)) => return self.lose(poller, "the server closed the connection".into()),
            Ok((received, _)) => received,
            Err(Errno::AGAIN | Errno::INTR) => return Ok(()),
            Err(error) => return self.lose(poller, error.to_string()),
        };
        head.copy_from_slice(&self.partial);
        self.partial.clear();
        let input = &mut inbox.buffer[..carried + received];
        let mut start = 0;
        while let Some((header_bytes, frame_bytes)) = frame_extent(&input[start..]) {
            let Some(frame) = input[start..].get_mut(..frame_bytes) else { break };
            match whole_message(frame[0]).filter(|_| frame[1] & MASKED == 0) {
                Some(kind) => on_message(kind, &frame[header_bytes..])?,
                None => self.receive_unusual(poller, frame, &mut on_message)?,
            }
            if self.lost.is_some() {
                return Ok(());
            }
            start += frame_bytes;
        }
        self.partial.extend_from_slice(&input[start..]);
        Ok(())
    }

    /// Control frames, fragments and violations.
    #[cold]
    fn receive_unusual(
        &mut self,
        poller: &Poller,
        frame: &mut [u8],
        on_message: &mut impl FnMut(MessageKind, &[u8]) -> Result<()>,
    ) -> Result<()> {
        let mut start = 0;
        let mut closed = None;
        while start < frame.len() {
            match self.protocol.receive(&mut frame[start..]) {
                Ok(received) => {
                    start += received.consumed;
                    match received.event {
                        Some(Event::Message { kind, payload }) => on_message(kind, payload)?,
                        Some(Event::Close { code, reason }) => {
                            closed = Some(format!("closed by the server: {} {reason}", code.get()));
                        }
                        Some(Event::Ping(_) | Event::Pong(_)) => {}
                        None => ensure!(received.consumed > 0, "the protocol left bytes of a whole frame"),
                    }
                }
                Err(error) => {
                    closed = Some(error.to_string());
                    break;
                }
            }
        }
        let mut replies = Vec::new();
        while self.protocol.poll_transmit_masked(MASK, &mut replies) {}
        if !replies.is_empty() {
            self.send(poller, &replies)?;
        }
        match closed {
            Some(reason) => self.lose(poller, reason),
            None => Ok(()),
        }
    }

    fn lose(&mut self, poller: &Poller, reason: String) -> Result<()> {
        if self.lost.is_none() {
            poller.remove(&self.socket)?;
            self.lost = Some(reason);
        }
        Ok(())
    }
}

impl AsFd for Connection {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

const MASKED: u8 = 0x80;
const FIN: u8 = 0x80;

/// The kind of message that a frame with this first byte holds wholly: FIN is set, no reserved bit is, and it is text or
/// binary.
fn whole_message(first: u8) -> Option<MessageKind> {
    const TEXT: u8 = FIN | OpCode::Text as u8;
    const BINARY: u8 = FIN | OpCode::Binary as u8;
    match first {
        TEXT => Some(MessageKind::Text),
        BINARY => Some(MessageKind::Binary),
        _ => None,
    }
}

/// Length of the header, and of header and payload, of the frame that `bytes` starts with (RFC 6455 §5.2).
fn frame_extent(bytes: &[u8]) -> Option<(usize, usize)> {
    let second = *bytes.get(1)?;
    let (length_bytes, payload_bytes) = match second & !MASKED {
        126 => (2, u64::from(u16::from_be_bytes(*bytes.get(2..)?.first_chunk()?))),
        127 => (8, u64::from_be_bytes(*bytes.get(2..)?.first_chunk()?)),
        short => (0, u64::from(short)),
    };
    let mask_bytes = if second & MASKED == 0 { 0 } else { MASK.len() };
    let header_bytes = 2 + length_bytes + mask_bytes;
    Some((header_bytes, header_bytes.saturating_add(usize::try_from(payload_bytes).unwrap_or(usize::MAX))))
}
