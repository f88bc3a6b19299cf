//! One open client connection: whole frames are recognised without a copy, everything unusual goes through the protocol
//! crate.

use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, BorrowedFd};

use anyhow::{Context, Result, ensure};
use switchboard_proto::deflate::{Codec, Parameters};
use switchboard_proto::{Event, MessageKind, OpCode, Role};

use super::channel::Channel;
use super::frames::MASK;
use crate::poller::Poller;

/// Bytes taken from a socket at once, at least.
const INBOX_BYTES_MIN: usize = 512 * 1024;

/// Largest message that a server may send us.
const MESSAGE_BYTES_MAX: usize = 64 << 20;

/// The read buffer and the inflater that all connections share.
pub struct Inbox {
    buffer: Vec<u8>,
    codec: Codec,
    received_bytes: u64,
}

impl Inbox {
    /// Has room for several messages of `payload_bytes_max` bytes.
    #[must_use]
    pub fn new(payload_bytes_max: usize) -> Self {
        Self {
            buffer: vec![0; INBOX_BYTES_MIN.max(payload_bytes_max * 4)],
            codec: Codec::new(Codec::LEVEL),
            received_bytes: 0,
        }
    }

    /// Bytes of frames that all connections have received, compressed as they came, without TLS.
    #[must_use]
    pub fn received_bytes(&self) -> u64 {
        self.received_bytes
    }
}

/// A connection after its handshake.
pub struct Connection {
    channel: Channel,
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
    pub(super) fn new(channel: Channel, index: usize, received: &[u8], deflate: Option<Parameters>) -> Self {
        let mut protocol = switchboard_proto::Connection::new(Role::Client, MESSAGE_BYTES_MAX);
        if let Some(parameters) = deflate {
            protocol.use_deflate(parameters);
        }
        Self { channel, index, protocol, partial: received.to_vec(), unsent: Vec::new(), lost: None }
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
        if (sent < frames.len() || self.channel.has_unsent()) && self.lost.is_none() {
            self.unsent.extend_from_slice(&frames[sent..]);
            poller.want_write(&self.channel, self.index, true)?;
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
        if sent < unsent.len() || self.channel.has_unsent() {
            self.unsent.extend_from_slice(&unsent[sent..]);
        } else {
            poller.want_write(&self.channel, self.index, false)?;
        }
        Ok(())
    }

    fn send_now(&mut self, poller: &Poller, bytes: &[u8]) -> Result<usize> {
        match self.channel.send(bytes) {
            Ok(sent) => Ok(sent),
            Err(error) if is_for_now(&error) => Ok(0),
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
        let received = match self.channel.recv(room) {
            Ok(0) => return self.lose(poller, "the server closed the connection".into()),
            Ok(received) => received,
            Err(error) if is_for_now(&error) => return Ok(()),
            Err(error) => return self.lose(poller, error.to_string()),
        };
        inbox.received_bytes += received as u64;
        head.copy_from_slice(&self.partial);
        self.partial.clear();
        let input = &mut inbox.buffer[..carried + received];
        let mut start = 0;
        while let Some((header_bytes, frame_bytes)) = frame_extent(&input[start..]) {
            let Some(frame) = input[start..].get_mut(..frame_bytes) else { break };
            match whole_message(frame[0]).filter(|_| frame[1] & MASKED == 0) {
                Some(kind) => on_message(kind, &frame[header_bytes..])?,
                None => self.receive_unusual(poller, frame, &mut inbox.codec, &mut on_message)?,
            }
            if self.lost.is_some() {
                return Ok(());
            }
            start += frame_bytes;
        }
        self.partial.extend_from_slice(&input[start..]);
        Ok(())
    }

    /// Compressed messages, control frames, fragments and violations.
    fn receive_unusual(
        &mut self,
        poller: &Poller,
        frame: &mut [u8],
        codec: &mut Codec,
        on_message: &mut impl FnMut(MessageKind, &[u8]) -> Result<()>,
    ) -> Result<()> {
        let mut start = 0;
        let mut closed = None;
        while start < frame.len() {
            match self.protocol.receive_with(&mut frame[start..], codec) {
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
            poller.remove(&self.channel)?;
            self.lost = Some(reason);
        }
        Ok(())
    }
}

impl AsFd for Connection {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.channel.as_fd()
    }
}

fn is_for_now(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
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
