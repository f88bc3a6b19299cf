//! What is known of a connection.

use std::fmt;
use std::net::SocketAddr;
use std::time::SystemTime;

use bytes::Bytes;

use crate::ConnectionId;

/// Who is at the other end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PeerAddr {
    /// An IPv4 or IPv6 address and port. IPv4 clients of an IPv6 listener appear as IPv4.
    Inet(SocketAddr),
    /// A client of a Unix socket.
    Unix,
}

impl fmt::Display for PeerAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PeerAddr::Inet(address) => address.fmt(f),
            PeerAddr::Unix => f.write_str("unix"),
        }
    }
}

/// What a connection's bytes travel over, between its client and this server: a proxy that ends TLS makes it plain. A service
/// for ordinary HTTP requests finds it in their extensions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Transport {
    /// As they are.
    Plain,
    /// TLS.
    Tls,
}

/// A connection as the connection table has it (Swoole: `getClientInfo`).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClientInfo {
    /// Its id.
    pub id: ConnectionId,
    /// The client's address, as [`Request::peer`](crate::Request::peer) has it.
    pub peer: PeerAddr,
    /// The user that it was bound to.
    pub user: Option<String>,
    /// Is the opening handshake done, and no close begun?
    pub established: bool,
    /// The reactor that owns the socket, from 0.
    pub reactor: usize,
    /// When it was accepted.
    pub connected_at: SystemTime,
    /// When bytes last came, or the heartbeat saw another sign of life (at first: when it was accepted).
    pub received_at: SystemTime,
    /// When bytes last left, if ever.
    pub sent_at: Option<SystemTime>,
    /// Bytes received on the wire, frame headers included.
    pub received_bytes: u64,
    /// Messages received, control frames not counted.
    pub received_messages: u64,
    /// Bytes sent on the wire.
    pub sent_bytes: u64,
    /// Bytes that wait for the client, apart from what it is sent, with many others, at the end of the turn.
    pub queued_bytes: u64,
}

/// What the server keeps for a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConnectionState {
    /// Its id.
    pub id: ConnectionId,
    /// The user that it is bound to.
    pub user: Option<String>,
    /// Its session bytes.
    pub session: Bytes,
    /// The groups that it is in, sorted.
    pub groups: Vec<String>,
}
