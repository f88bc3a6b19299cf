//! Connections through TLS: reading them, and how they fail. What speaks plain HTTP where TLS is spoken is told so.

use rustix::io::Errno;
use rustix::net::{RecvFlags, recv};
use switchboard_proto::CloseCode;
use switchboard_proto::handshake::{Request as Head, write_response};

use super::connection::{Link, Phase};
use super::tls::{HANDSHAKE, Received, Scratch, Session};
use super::{READ_BYTES, Reactor};
use crate::admission::Refusal;
use crate::event::{Closed, ClosedBy};

impl Reactor {
    /// One receive of a connection of a TLS listener, as [`read`](Reactor::read) does it for others.
    pub(super) fn read_secure(&mut self, key: u32) {
        let mut scratch = self.tls.take().unwrap_or_default();
        let most = self.bytes_allowed(key);
        let connection = &self.connections[key as usize];
        let kept = connection.tls.as_ref().map(|session| session.incoming()).unwrap_or_default();
        let from = kept.len();
        scratch.ciphertext[..from].copy_from_slice(kept);
        let most = most.min(scratch.ciphertext.len() - from);
        let room = &mut scratch.ciphertext[from..from + most];
        let read = recv(&connection.socket, room, RecvFlags::DONTWAIT);
        let received = match read {
            Ok((1.., _)) => None,
            Ok((0, _)) => Some("the client closed the transport".to_owned()),
            Err(Errno::AGAIN) if connection.hung_up => Some("the client is gone".to_owned()),
            Err(Errno::AGAIN | Errno::INTR) => return self.tls = Some(scratch),
            Err(error) => Some(error.to_string()),
        };
        if let Some(reason) = received {
            self.tls = Some(scratch);
            return self.transport_ended(key, &reason);
        }
        let len = read.map_or(0, |(len, _)| len);
        self.entry(connection.id).received(len, self.now_ms);
        self.tally.received_bytes += len as u64;
        self.count_bytes(key, len);
        let id = self.connections[key as usize].id;
        self.take_ciphertext(key, from + len, scratch);
        if self.is_still(key, id) {
            self.throttle_bytes(key);
        }
    }

    /// What has come behind a PROXY header.
    pub(super) fn begin_session(&mut self, key: u32, bytes: &[u8]) {
        let mut scratch = self.tls.take().unwrap_or_default();
        // With the header it was no more than one read's.
        let len = bytes.len().min(scratch.ciphertext.len());
        scratch.ciphertext[..len].copy_from_slice(&bytes[..len]);
        // The one that is there holds the header still.
        let buffer = std::mem::replace(&mut self.read_buffer, vec![0; READ_BYTES]);
        self.take_ciphertext(key, len, scratch);
        self.read_buffer = buffer;
    }

    /// No more comes, and the client has not said so.
    fn transport_ended(&mut self, key: u32, reason: &str) {
        let connection = &self.connections[key as usize];
        match connection.phase {
            Phase::Relay(_) if !connection.hung_up => self.relay_client_ended(key),
            _ => self.transport_failed(key, reason),
        }
    }

    fn take_ciphertext(&mut self, key: u32, len: usize, mut scratch: Box<Scratch>) {
        let mut buffer = std::mem::take(&mut self.read_buffer);
        let (filled, received) = self.decrypt(key, &mut scratch.ciphertext[..len], &mut buffer);
        self.tls = Some(scratch);
        let connection = &self.connections[key as usize];
        let id = connection.id;
        if connection.tls.as_ref().is_some_and(|session| session.wants_flush(false)) {
            self.mark_dirty(key);
        }
        if filled > 0 {
            self.take_input(key, &mut buffer[..filled]);
        }
        self.read_buffer = buffer;
        // What it said may have ended it.
        if !self.is_still(key, id) {
            return;
        }
        match received {
            Received::Open => {}
            Received::Ended => self.client_ended(key),
            Received::Failed(reason) => self.secure_failed(key, &reason),
        }
    }

    fn decrypt(&mut self, key: u32, ciphertext: &mut [u8], plaintext: &mut [u8]) -> (usize, Received) {
        let connection = &mut self.connections[key as usize];
        if connection.link == Link::Awaited {
            if ciphertext.first() != Some(&HANDSHAKE) {
                connection.link = Link::Misdirected;
                plaintext[..ciphertext.len()].copy_from_slice(ciphertext);
                return (ciphertext.len(), Received::Open);
            }
            connection.link = Link::Tls;
            let config = self.core.certificates.as_ref().map(|certificates| certificates.current());
            match config.map(Session::new) {
                Some(Ok(session)) => connection.tls = Some(Box::new(session)),
                Some(Err(error)) => return (0, Received::Failed(error.to_string())),
                None => {}
            }
        }
        match &mut connection.tls {
            Some(session) => session.receive(ciphertext, plaintext),
            None => (0, Received::Failed("there is no certificate".to_owned())),
        }
    }

    /// The client has said that it sends no more, which ends its direction only (RFC 8446 §6.1). What it has sent before is
    /// handled first, and what is there to be said by then is sent; no more is waited for, as where the transport ends.
    pub(super) fn client_ended(&mut self, key: u32) {
        let connection = &mut self.connections[key as usize];
        match &mut connection.phase {
            Phase::Relay(_) => self.relay_client_ended(key),
            // Nothing more can come that a reset would cut off.
            Phase::Draining { linger, .. } => *linger = false,
            _ if connection.hold.is_empty() && connection.stash.is_none() => {
                self.end_by_transport(key, "the client closed the transport", false);
            }
            _ => {}
        }
    }

    fn secure_failed(&mut self, key: u32, reason: &str) {
        let peer = self.entry(self.connections[key as usize].id).peer();
        tracing::debug!(%peer, reason, "a TLS session failed");
        // Nothing but the alert is sent any more.
        let connection = &mut self.connections[key as usize];
        if let Some(output) = connection.output.take() {
            self.core.table.slot(connection.id).subtract_queued(output.data_len());
        }
        self.end_by_transport(key, &format!("TLS: {reason}"), true);
    }

    fn end_by_transport(&mut self, key: u32, reason: &str, linger: bool) {
        let (code, reason) = (CloseCode::ABNORMAL.get(), reason.to_owned());
        self.end(key, Closed { code, reason, by: ClosedBy::Transport });
        self.drain(key, linger);
    }

    /// The time to wait is over: close_notify if the kernel takes it, so that the client can tell this end from an attack.
    pub(super) fn send_goodbye(&mut self, key: u32) {
        let connection = &mut self.connections[key as usize];
        if let Some(session) = connection.tls.as_mut().filter(|_| !connection.blocked) {
            session.flush(None, true, &connection.socket, self.tls.get_or_insert_default());
        }
    }

    /// A request in plain HTTP where TLS is spoken. What a browser's address line or a link may have sent is sent to where it
    /// should have gone.
    pub(super) fn redirect(&mut self, key: u32, head: &Head<'_>) {
        let follows = matches!(head.method(), "GET" | "HEAD") && head.target().starts_with('/');
        let host = head.header("host").filter(|host| follows && is_host(host));
        let Some(host) = host.and_then(|host| str::from_utf8(host).ok()) else {
            return self.refuse(key, &Refusal::PlainOnTls);
        };
        let location = format!("https://{host}{}", head.target());
        let body = format!("This port speaks TLS: {location}\n");
        let body = if head.method() == "HEAD" { "" } else { &body };
        let headers = [("Location".to_owned(), location)];
        self.respond(key, |out| write_response(308, &headers, body.as_bytes(), out));
    }
}

/// A name or address, with or without a port (RFC 9110 §7.2), of characters that mean nothing else in a URL.
fn is_host(host: &[u8]) -> bool {
    let legal = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._:[]".contains(byte);
    (1..=261).contains(&host.len()) && host.iter().all(legal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_but_a_host_becomes_part_of_a_location() {
        for host in ["localhost", "chat.example:9502", "[::1]:443", "127.0.0.1"] {
            assert!(is_host(host.as_bytes()), "{host}");
        }
        for host in ["", "a b", "a/b", "user@host", "a\\b", "a?b", "a#b", "a\"b", "ä"] {
            assert!(!is_host(host.as_bytes()), "{host}");
        }
    }
}
