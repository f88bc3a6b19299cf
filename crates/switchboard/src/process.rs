//! User processes (Swoole: `addProcess`).

use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use tokio::sync::{mpsc, watch};

use crate::Handle;
use crate::error::BoxError;
use crate::pipe::{Delivered, PipeMessage, Receipt};

/// A process of the user's beside the workers: supervised like them, reloaded with them, with the same [`Handle`]. It gets
/// the messages that others send it with [`Handle::send_message`]: a single writer, or one connection to a database for
/// the whole server. Only one of a name is at work at a time. In Base mode it is a thread.
///
/// It runs until [`recv`](Process::recv) answers None, and then returns. If it returns before, fails or panics, it is started
/// anew, ever more slowly if that happens again and again; in Base mode, and at the first start, the server stops. It has to
/// call `recv` or [`recv_many`](Process::recv_many) even if it expects no messages: that is what makes it ready.
///
/// ```no_run
/// use switchboard::{BoxError, Process};
///
/// async fn count(mut process: Process) -> Result<(), BoxError> {
///     process.take_over().await;
///     let mut bytes = 0;
///     while let Some(message) = process.recv().await {
///         bytes += message.body().len();
///     }
///     println!("{bytes} bytes");
///     Ok(())
/// }
/// ```
pub struct Process {
    name: String,
    handle: Handle,
    messages: mpsc::UnboundedReceiver<Delivered>,
    /// Messages that have come and have not been given out.
    waiting: VecDeque<Delivered>,
    /// Of the messages that were given out last.
    receipts: Vec<Receipt>,
    host: Box<dyn Host>,
    /// Turns true when the predecessor has ended.
    free: watch::Receiver<bool>,
    is_ready: bool,
}

/// What a process tells whoever runs it.
pub(crate) trait Host {
    /// It can take over, or serves.
    fn ready(&self);
    /// A message is about to be given out.
    fn begins(&self, _receipt: &Receipt) {}
    /// This message is the only one that is being handled: if the process dies, that was it. None: there is none, or more.
    fn is_alone(&self, _receipt: Option<&Receipt>) {}
    /// A message has been handled.
    fn handled(&self, receipt: Receipt);
}

pub(crate) type ProcessFuture = Pin<Box<dyn Future<Output = Result<(), BoxError>>>>;

/// A user process in the making.
#[derive(Clone)]
pub(crate) struct UserProcess {
    pub(crate) name: String,
    pub(crate) run: Arc<dyn Fn(Process) -> ProcessFuture + Send + Sync>,
}

impl fmt::Debug for UserProcess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UserProcess").field("name", &self.name).finish_non_exhaustive()
    }
}

impl UserProcess {
    pub(crate) fn new<F>(name: String, run: F) -> UserProcess
    where
        F: AsyncFn(Process) -> Result<(), BoxError> + Send + Sync + 'static,
    {
        let run = Arc::new(run);
        let run = move |process| -> ProcessFuture {
            let run = run.clone();
            Box::pin(async move { run(process).await })
        };
        UserProcess { name, run: Arc::new(run) }
    }
}

impl Process {
    pub(crate) fn new(
        name: String,
        handle: Handle,
        messages: mpsc::UnboundedReceiver<Delivered>,
        host: Box<dyn Host>,
        free: watch::Receiver<bool>,
    ) -> Process {
        let (waiting, receipts) = (VecDeque::new(), Vec::new());
        Process { name, handle, messages, waiting, receipts, host, free, is_ready: false }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The server.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Returns when the predecessor has ended: the process of the same name from before a reload. Take what only one
    /// process may have, a database's write connection for one, after it.
    ///
    /// Where there is a predecessor, this also says that this process is ready to take over; an error that is returned
    /// before that fails the reload, with its text. Without a predecessor, at the start of the server or after a crash,
    /// this returns at once, and the process counts as ready when it first asks for messages.
    pub async fn take_over(&mut self) {
        if !*self.free.borrow() {
            self.ready();
        }
        let _ = self.free.wait_for(|free| *free).await;
    }

    /// The next message; None when the process is to finish and return. Asking for the next one says that the one before
    /// has been handled: until then the server keeps it, and gives it to the successor if this process dies, with
    /// [`attempt`](PipeMessage::attempt) greater than 1. [Takes over](Process::take_over) first.
    pub async fn recv(&mut self) -> Option<PipeMessage> {
        let mut one = Vec::with_capacity(1);
        self.recv_many(&mut one, 1).await;
        one.pop()
    }

    /// As [`recv`](Process::recv), but takes all that wait, up to `max`, and appends them to `into`. All of them count as being
    /// handled until this is called again. A message that may have
    /// killed a process comes alone. 0: finish and return. Whoever stops waiting, as in a timeout, loses nothing.
    pub async fn recv_many(&mut self, into: &mut Vec<PipeMessage>, max: usize) -> usize {
        self.ask().await;
        let max = max.max(1);
        if self.waiting.is_empty() {
            let mut delivered = Vec::new();
            self.messages.recv_many(&mut delivered, max).await;
            self.waiting.extend(delivered);
        }
        let mut count = 0;
        while count < max
            && let Some(Delivered { message, receipt, suspect }) = self.waiting.pop_front_if(|next| {
                // Alone, so that it is known what it does.
                count == 0 || !next.suspect
            })
        {
            self.host.begins(&receipt);
            into.push(message);
            self.receipts.push(receipt);
            count += 1;
            if suspect {
                break;
            }
        }
        if let [receipt] = &self.receipts[..] {
            self.host.is_alone(Some(receipt));
        }
        count
    }

    async fn ask(&mut self) {
        self.take_over().await;
        self.ready();
        for receipt in self.receipts.drain(..) {
            self.host.handled(receipt);
        }
        self.host.is_alone(None);
    }

    fn ready(&mut self) {
        if !std::mem::replace(&mut self.is_ready, true) {
            self.host.ready();
        }
    }
}

impl fmt::Debug for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Process").field("name", &self.name).finish_non_exhaustive()
    }
}
