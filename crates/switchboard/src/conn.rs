//! A connection, as handlers are given it.

use bytes::Bytes;

use crate::error::{ConnectionError, PushError};
use crate::{ClientInfo, ConnectionId, Handle, Message};

/// One connection together with the handle of its server: shorthand for the calls of [`Handle`] that take an id. It may
/// be kept and used after the connection is gone: every call then says so.
#[derive(Debug, Clone)]
pub struct Conn {
    id: ConnectionId,
    handle: Handle,
    session: Bytes,
    attempt: u32,
}

impl Conn {
    pub(crate) fn new(id: ConnectionId, handle: Handle, session: Bytes, attempt: u32) -> Conn {
        Conn { id, handle, session, attempt }
    }

    /// The connection's id (Swoole's `$fd`).
    pub fn id(&self) -> ConnectionId {
        self.id
    }

    /// 1: the event for which this was made is given to a handler for the first time. More: a worker died, or was killed
    /// after `drain_timeout`, while it handled it, so that what the handler does may have been done before, in part or whole.
    /// Always 1 in Base mode.
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// The server.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// See [`Handle::push`].
    pub fn push(&self, message: impl Into<Message>) -> Result<(), PushError> {
        self.handle.push(self.id, message)
    }

    /// See [`Handle::join`].
    pub fn join(&self, group: &str) -> Result<(), ConnectionError> {
        self.handle.join(self.id, group)
    }

    /// See [`Handle::leave`].
    pub fn leave(&self, group: &str) -> Result<(), ConnectionError> {
        self.handle.leave(self.id, group)
    }

    /// See [`Handle::bind`].
    pub fn bind(&self, user: &str) -> Result<(), ConnectionError> {
        self.handle.bind(self.id, user)
    }

    /// The session bytes as they were when the event happened, or as this `Conn` has set them since.
    pub fn session(&self) -> &Bytes {
        &self.session
    }

    /// See [`Handle::set_session`].
    pub fn set_session(&mut self, session: impl Into<Bytes>) -> Result<(), ConnectionError> {
        let session = session.into();
        self.handle.set_session(self.id, session.clone())?;
        self.session = session;
        Ok(())
    }

    /// See [`Handle::disconnect`].
    pub fn disconnect(&self, code: u16, reason: &str) -> Result<(), ConnectionError> {
        self.handle.disconnect(self.id, code, reason)
    }

    /// See [`Handle::close`].
    pub fn close(&self) -> Result<(), ConnectionError> {
        self.handle.close(self.id)
    }

    /// See [`Handle::abort`].
    pub fn abort(&self) -> Result<(), ConnectionError> {
        self.handle.abort(self.id)
    }

    /// See [`Handle::pause`].
    pub fn pause(&self) -> Result<(), ConnectionError> {
        self.handle.pause(self.id)
    }

    /// See [`Handle::resume`].
    pub fn resume(&self) -> Result<(), ConnectionError> {
        self.handle.resume(self.id)
    }

    /// See [`Handle::protect`].
    pub fn protect(&self, protected: bool) -> Result<(), ConnectionError> {
        self.handle.protect(self.id, protected)
    }

    /// See [`Handle::client_info`].
    pub fn info(&self) -> Option<ClientInfo> {
        self.handle.client_info(self.id)
    }
}
