//! Connections that never read, with every buffer on the way to them full.

use anyhow::{Result, ensure};
use switchboard_proto::MessageKind;

use super::broadcast::{Broadcast, Pace};
use super::session::{Session, Until};
use crate::client::{Deaf, Dialer};
use crate::process::ProcessTree;

/// Payload of the messages that fill the buffers.
const STUFFING_BYTES: usize = 16 * 1024;

/// Connections that never read.
#[derive(Clone, Copy, Debug)]
pub struct SlowReaders {
    /// How many.
    pub count: usize,
    /// What is broadcast, in bytes, before anybody else connects. The kernel's buffers take some MiB of it.
    pub stuffing_bytes: usize,
}

impl SlowReaders {
    /// Opens the connections and fills the buffers, with one further connection that sends, reads and is then closed.
    ///
    /// # Errors
    /// The connections cannot be opened, or the one that reads does not get everything.
    pub fn open(&self, dialer: &Dialer, server: Option<ProcessTree>) -> Result<OpenSlowReaders> {
        let connections = dialer.open_deaf(self.count)?;
        let descriptors = server.map(|tree| tree.descriptors()).transpose()?;
        let mut session = Session::open(dialer, server, 1, STUFFING_BYTES, MessageKind::Text)?;
        let mut frames = [session.frames(STUFFING_BYTES, 1)];
        let messages = self.stuffing_bytes.div_ceil(STUFFING_BYTES) as u64;
        let mut broadcast = Broadcast::new(&mut session, 1)?;
        broadcast.await_subscriptions()?;
        broadcast.drive(&mut frames, Pace::OneAtATime, Until::Messages(messages))?;
        let errors = broadcast.errors();
        ensure!(
            errors.none(),
            "beside slow readers alone, one that reads did not get everything: {errors:?}"
        );
        session.close()?;
        Ok(OpenSlowReaders { connections, server, descriptors })
    }
}

/// Open connections that never read; they close when this is dropped.
pub struct OpenSlowReaders {
    connections: Vec<Deaf>,
    server: Option<ProcessTree>,
    /// The server's, with all of these and no others connected.
    descriptors: Option<usize>,
}

impl OpenSlowReaders {
    /// How many of them the server has closed, while `others` connections are open besides. Its descriptors alone can
    /// tell: behind unread bytes a client sees no end.
    ///
    /// # Errors
    /// The server has ended.
    pub fn closed(&self, others: usize) -> Result<Option<usize>> {
        let (Some(tree), Some(before)) = (self.server, self.descriptors) else { return Ok(None) };
        let missing = (before + others).saturating_sub(tree.descriptors()?);
        Ok(Some(missing.min(self.connections.len())))
    }
}
