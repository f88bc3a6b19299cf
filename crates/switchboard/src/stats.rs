//! Figures about a running server.

use std::time::SystemTime;

/// A snapshot (Swoole: `stats()`). Counters run from the start of the server.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// When the server started.
    pub started_at: SystemTime,
    /// Connections that are open, or whose handshake has been admitted.
    pub connections: usize,
    /// Sockets that serve ordinary HTTP requests.
    pub http_connections: usize,
    /// Sockets that the reactors own, those in a handshake or closing included.
    pub sockets: usize,
    /// Sockets accepted.
    pub accepted: u64,
    /// Opening handshakes finished.
    pub opened: u64,
    /// Open connections that have ended.
    pub closed: u64,
    /// Handshakes refused, for any reason.
    pub refused: u64,
    /// Messages received.
    pub received_messages: u64,
    /// Bytes received from open connections.
    pub received_bytes: u64,
    /// Bytes sent to connections.
    pub sent_bytes: u64,
    /// Turns of the loop that sent something to a connection: everything that one turn produces for a connection leaves
    /// in one write, so far as the kernel takes it.
    pub writes: u64,
    /// Messages that the overflow policy dropped, or that met a full queue.
    pub dropped_messages: u64,
}
