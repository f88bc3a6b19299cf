//! What concerns the processes of a server: messages between them, reload, status.

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::Handle;
use crate::command::Command;
use crate::error::{MessageError, QueryError, ReloadError};
use crate::pipe::{Delivered, PipeMessage, Receipt, Slot};
use crate::status::ConductorRequest;
use crate::{Recipient, Reloaded, Status};

/// Between the processes of the server.
impl Handle {
    /// Sends bytes to a worker or user process (Swoole: `sendMessage`), which gets them as
    /// [`on_pipe_message`](crate::Handler::on_pipe_message) or from [`Process::recv`](crate::Process::recv). Messages from
    /// one process to another arrive in order. While `pipe_bytes_max` bytes are on their way there, this waits; a message is
    /// on its way until it has been handled. So two processes that send to each other while they handle, and wait for room,
    /// may wait for ever.
    ///
    /// `Ok` means that the message was accepted; the recipient gets it even if it has to be started anew before that. A
    /// handler that runs again because its worker died sends it again: see
    /// [`PipeMessage::attempt`](crate::PipeMessage::attempt).
    ///
    /// # Errors
    /// `Unknown`: the server was started without such a worker or user process. `TooBig`: more than `pipe_bytes_max` less 64
    /// bytes. `Stopped`.
    pub async fn send_message(
        &self,
        to: impl Into<Recipient>,
        body: impl Into<Bytes>,
    ) -> Result<(), MessageError> {
        let (slot, body) = (self.core.pipes.slot(&to.into())?, body.into());
        let window = self.core.pipes.reserve(slot, &body).await?;
        self.pipe(slot, body, window)
    }

    /// As [`send_message`](Handle::send_message), but does not wait: `QueueFull`.
    pub fn try_send_message(
        &self,
        to: impl Into<Recipient>,
        body: impl Into<Bytes>,
    ) -> Result<(), MessageError> {
        let (slot, body) = (self.core.pipes.slot(&to.into())?, body.into());
        let window = self.core.pipes.try_reserve(slot, &body)?;
        self.pipe(slot, body, window)
    }

    fn pipe(&self, to: Slot, body: Bytes, window: OwnedSemaphorePermit) -> Result<(), MessageError> {
        if let Some(ports) = &self.core.ports {
            ports.pipe(to, body)?;
            // The recipient's process gives it back.
            window.forget();
            return Ok(());
        }
        let receipt = Receipt::Window(window);
        if self.core.pipes.has_thread(to) {
            let message = PipeMessage::new(self.core.pipes.recipient(self.slot), body, 1);
            return self.core.pipes.deliver(to, Delivered { message, receipt, suspect: false });
        }
        let reactor = if self.core.inboxes.len() > usize::from(to) { usize::from(to) } else { 0 };
        let command = Command::Pipe { from: self.slot, to, body, receipt };
        self.send_always(reactor, command).map_err(|_| MessageError::Stopped)
    }

    /// Replaces the code of all workers and user processes by what is on disk now, while every connection stays open
    /// (Swoole: `reload`). Returns when the new ones have taken over, or could not be started; then those that ran before
    /// go on. During a reload others wait, and become one.
    ///
    /// # Errors
    /// `Failed`: the new code cannot be executed, exits, fails or panics before it is ready, is not ready within
    /// `worker_start_timeout`, or speaks another version of the processes' protocol; or the manager died meanwhile. The
    /// sentence says which. `BaseMode`, `Stopped`.
    pub async fn reload(&self) -> Result<Reloaded, ReloadError> {
        let (sender, receiver) = oneshot::channel();
        if !self.core.request(ConductorRequest::Reload(sender)) {
            return Err(ReloadError::BaseMode);
        }
        receiver.await.unwrap_or(Err(ReloadError::Stopped))
    }

    /// The processes of the server and its figures.
    ///
    /// # Errors
    /// `Busy`: too many requests wait for the master's answer. `Stopped`.
    pub async fn status(&self) -> Result<Status, QueryError> {
        let (sender, receiver) = oneshot::channel();
        if !self.core.request(ConductorRequest::Status(sender)) {
            return Ok(Status::of_one_process(self.stats()));
        }
        receiver.await.unwrap_or(Err(QueryError::Stopped))
    }
}
