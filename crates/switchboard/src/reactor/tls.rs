//! A TLS session: what the client's ciphertext says, and what is sent to it. All that rustls does for a connection is here.
//!
//! A session that is idle owns no buffer: rustls is used without its own (its "unbuffered" interface), records that are not
//! complete and ciphertext that the kernel did not take are kept only while there are some.

use std::fmt;
use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;

use rustix::io::Errno;
use rustix::net::{SendFlags, send};
use rustls::ServerConfig;
use rustls::server::UnbufferedServerConnection;
use rustls::unbuffered::{ConnectionState, EncodeError, EncodeTlsData, EncryptError, InsufficientSizeError};

use super::READ_BYTES;
use super::output::{FLUSH_BYTES_MAX, Flushed, OutputQueue, Sent};

/// The first byte of a record that begins a handshake (RFC 8446 §5.1).
pub(super) const HANDSHAKE: u8 = 0x16;

/// Plaintext that is sealed at one time: what the kernel does not take of it is kept as ciphertext, beside the queue and in
/// addition to its limit. Four of the largest records.
const SEAL_BYTES_MAX: usize = 64 << 10;
/// While so much ciphertext waits for the kernel, no more is made.
const SEALED_BYTES_MAX: usize = 16 << 10;
/// What of the client's bytes is kept for the rest of a record (at most 16 KiB and some hundred bytes, RFC 8446 §5.2) or of
/// a handshake message, which the client may spread over records: a ClientHello has less than 4 KiB.
const INCOMING_BYTES_MAX: usize = 32 << 10;
/// What sealing adds to a piece of plaintext, at most, for all of its records.
const SEALING_BYTES: usize = 512;

pub(super) struct Session {
    tls: UnbufferedServerConnection,
    /// The beginning of what is not complete.
    incoming: Vec<u8>,
    /// What has been sealed and has not left.
    outgoing: Vec<u8>,
    /// The client has said that it sends no more (close_notify).
    ended: bool,
    /// Nothing can be sealed any more: our close_notify has been, or the session has failed.
    sealed: bool,
}

/// Memory that the sessions of a reactor share.
#[derive(Debug)]
pub(super) struct Scratch {
    /// Ciphertext that has been read.
    pub(super) ciphertext: Vec<u8>,
    plaintext: Vec<u8>,
    sealed: Vec<u8>,
}

impl Default for Scratch {
    fn default() -> Scratch {
        Scratch { ciphertext: vec![0; READ_BYTES], plaintext: Vec::new(), sealed: Vec::new() }
    }
}

/// What came of ciphertext.
#[derive(Debug)]
pub(super) enum Received {
    /// More may come.
    Open,
    /// The client has said that it sends no more.
    Ended,
    /// The session cannot go on; an alert that says why waits to be sent.
    Failed(String),
}

impl Session {
    pub(super) fn new(config: Arc<ServerConfig>) -> Result<Session, rustls::Error> {
        let tls = UnbufferedServerConnection::new(config)?;
        Ok(Session { tls, incoming: Vec::new(), outgoing: Vec::new(), ended: false, sealed: false })
    }

    /// What has been kept of the client's bytes: they come before those that are read now.
    pub(super) fn incoming(&self) -> &[u8] {
        &self.incoming
    }

    pub(super) fn has_ended(&self) -> bool {
        self.ended
    }

    /// Takes what the client has sent, [`incoming`](Session::incoming) included. Writes what it says to `plaintext`, which has
    /// at least the length of `ciphertext`, and answers how many bytes that are.
    pub(super) fn receive(&mut self, ciphertext: &mut [u8], plaintext: &mut [u8]) -> (usize, Received) {
        let (mut taken, mut filled) = (0, 0);
        loop {
            let status = self.tls.process_tls_records(&mut ciphertext[taken..]);
            let mut discard = status.discard;
            let mut waits = false;
            match status.state {
                Ok(ConnectionState::ReadTraffic(mut traffic)) => {
                    while let Some(Ok(record)) = traffic.next_record() {
                        discard += record.discard;
                        let end = filled + record.payload.len();
                        let Some(room) = plaintext.get_mut(filled..end) else { break };
                        room.copy_from_slice(record.payload);
                        filled = end;
                    }
                }
                Ok(ConnectionState::EncodeTlsData(data)) => encode(data, &mut self.outgoing),
                Ok(ConnectionState::TransmitTlsData(data)) => data.done(),
                Ok(ConnectionState::PeerClosed) => self.ended = true,
                Ok(_) => waits = true,
                Err(error) => {
                    self.fail();
                    return (filled, Received::Failed(error.to_string()));
                }
            }
            taken += discard;
            if waits {
                break;
            }
        }
        let left = ciphertext.get(taken..).unwrap_or_default();
        if self.ended {
            // Nothing that follows counts (RFC 8446 §6.1).
            self.incoming = Vec::new();
            return (filled, Received::Ended);
        }
        if left.len() > INCOMING_BYTES_MAX {
            self.fail();
            return (filled, Received::Failed("a handshake message is too long".to_owned()));
        }
        self.incoming = left.to_vec();
        (filled, Received::Open)
    }

    /// Nothing but the alert that says why is sent any more.
    fn fail(&mut self) {
        while self.tls.wants_write() {
            match self.tls.process_tls_records(&mut []).state {
                Ok(ConnectionState::EncodeTlsData(data)) => encode(data, &mut self.outgoing),
                Ok(ConnectionState::TransmitTlsData(data)) => data.done(),
                _ => break,
            }
        }
        self.sealed = true;
        self.incoming = Vec::new();
    }

    /// Is there something to send besides what is in the queue? With `last`, what is in the queue is all that will be sent.
    pub(super) fn wants_flush(&self, last: bool) -> bool {
        !self.outgoing.is_empty() || (last && !self.sealed && !self.tls.is_handshaking())
    }

    /// Seals what is queued and sends what the kernel takes; with `last` close_notify follows it (RFC 8446 §6.1). What has been
    /// sealed has left the queue, as what the kernel has has.
    pub(super) fn flush(
        &mut self,
        mut queue: Option<&mut OutputQueue>,
        last: bool,
        socket: impl AsFd,
        scratch: &mut Scratch,
    ) -> (Flushed, Sent) {
        let mut sent = Sent::default();
        loop {
            if sent.bytes >= FLUSH_BYTES_MAX {
                return (Flushed::More, sent);
            }
            let sealed = &mut scratch.sealed;
            sealed.clear();
            sealed.extend_from_slice(&std::mem::take(&mut self.outgoing));
            if let Some(queue) = queue.as_deref_mut()
                && sealed.len() < SEALED_BYTES_MAX
            {
                let piece = queue.peek(SEAL_BYTES_MAX, &mut scratch.plaintext);
                let len = piece.len();
                let left = match self.seal(piece, sealed) {
                    Ok(()) => len,
                    // There is no session, or none any more, in which it could be said.
                    Err(CannotSeal::NoSession) => queue.len(),
                    Err(CannotSeal::UsedUp) => {
                        let error = io::Error::other("the keys of the TLS session are used up");
                        return (Flushed::Failed(error), sent);
                    }
                };
                sent.data_bytes += queue.leave(left);
            }
            let emptied = queue.as_ref().is_none_or(|queue| queue.len() == 0);
            if last && emptied {
                self.seal_end(sealed);
            }
            if sealed.is_empty() {
                return (Flushed::All, sent);
            }
            match send_sealed(&socket, sealed) {
                Ok(bytes) => {
                    sent.bytes += bytes;
                    if bytes < sealed.len() {
                        self.outgoing = sealed[bytes..].to_vec();
                        return (Flushed::Blocked, sent);
                    }
                }
                Err(error) => return (Flushed::Failed(error), sent),
            }
            if emptied {
                return (Flushed::All, sent);
            }
        }
    }

    /// Appends `plaintext` as records.
    fn seal(&mut self, plaintext: &[u8], sealed: &mut Vec<u8>) -> Result<(), CannotSeal> {
        if plaintext.is_empty() {
            return Ok(());
        }
        self.with_traffic(sealed, |traffic, sealed| {
            let before = sealed.len();
            let mut room = plaintext.len() + SEALING_BYTES;
            loop {
                sealed.resize(before + room, 0);
                match traffic.encrypt(plaintext, &mut sealed[before..]) {
                    Ok(len) => {
                        sealed.truncate(before + len);
                        return Ok(());
                    }
                    Err(EncryptError::InsufficientSize(InsufficientSizeError { required_size }))
                        if required_size > room =>
                    {
                        room = required_size;
                    }
                    Err(_) => {
                        sealed.truncate(before);
                        return Err(CannotSeal::UsedUp);
                    }
                }
            }
        })
    }

    /// Appends close_notify, once.
    fn seal_end(&mut self, sealed: &mut Vec<u8>) {
        if self.sealed {
            return;
        }
        let _ = self.with_traffic(sealed, |traffic, sealed| {
            let before = sealed.len();
            sealed.resize(before + SEALING_BYTES, 0);
            let len = traffic.queue_close_notify(&mut sealed[before..]).unwrap_or(0);
            sealed.truncate(before + len);
            Ok(())
        });
        self.sealed = true;
    }

    /// Gets to where the session can seal, if its handshake is done. What it has to say of itself comes before.
    fn with_traffic(
        &mut self,
        sealed: &mut Vec<u8>,
        mut seal: impl FnMut(&mut Traffic<'_>, &mut Vec<u8>) -> Result<(), CannotSeal>,
    ) -> Result<(), CannotSeal> {
        if self.sealed {
            return Err(CannotSeal::NoSession);
        }
        loop {
            // All that is complete has been taken, so nothing but the rest of it is looked at again.
            let status = self.tls.process_tls_records(&mut self.incoming);
            let discard = status.discard;
            let done = match status.state {
                Ok(ConnectionState::EncodeTlsData(data)) => {
                    encode(data, sealed);
                    None
                }
                Ok(ConnectionState::TransmitTlsData(data)) => {
                    data.done();
                    None
                }
                Ok(ConnectionState::WriteTraffic(mut traffic)) => Some(seal(&mut traffic, sealed)),
                _ => Some(Err(CannotSeal::NoSession)),
            };
            self.incoming.drain(..discard);
            if let Some(done) = done {
                return done;
            }
        }
    }
}

type Traffic<'a> = rustls::unbuffered::WriteTraffic<'a, rustls::server::ServerConnectionData>;

/// Why something cannot be sealed.
#[derive(Debug)]
enum CannotSeal {
    /// The handshake is not done, or the session has ended.
    NoSession,
    /// TLS 1.2 cannot change keys that have been used for too many records.
    UsedUp,
}

/// Appends what the session has to say of itself.
fn encode(mut data: EncodeTlsData<'_, rustls::server::ServerConnectionData>, out: &mut Vec<u8>) {
    // It says how much room it needs.
    if let Err(EncodeError::InsufficientSize(InsufficientSizeError { required_size })) = data.encode(&mut [])
    {
        let before = out.len();
        out.resize(before + required_size, 0);
        let len = data.encode(&mut out[before..]).unwrap_or(0);
        out.truncate(before + len);
    }
}

/// Sends what the kernel takes.
fn send_sealed(socket: impl AsFd, sealed: &[u8]) -> io::Result<usize> {
    loop {
        match send(&socket, sealed, SendFlags::NOSIGNAL | SendFlags::DONTWAIT) {
            Ok(bytes) => return Ok(bytes),
            Err(Errno::AGAIN) => return Ok(0),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (incoming, outgoing) = (self.incoming.len(), self.outgoing.len());
        write!(
            f,
            "Session {{ incoming: {incoming}, outgoing: {outgoing}, ended: {}, sealed: {} }}",
            self.ended, self.sealed
        )
    }
}
