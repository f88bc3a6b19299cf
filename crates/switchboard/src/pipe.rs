//! Messages between the processes of a server (Swoole: `sendMessage` and `pipeMessage`).

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError, mpsc};

use crate::error::MessageError;

/// Who a message is for, or who sent it. `2u16` and `"hub"` turn into one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Recipient {
    /// The worker of this number, from 0.
    Worker(u16),
    /// The user process of this name.
    Process(String),
}

impl From<u16> for Recipient {
    fn from(worker: u16) -> Recipient {
        Recipient::Worker(worker)
    }
}

impl From<&str> for Recipient {
    fn from(process: &str) -> Recipient {
        Recipient::Process(process.to_owned())
    }
}

impl From<String> for Recipient {
    fn from(process: String) -> Recipient {
        Recipient::Process(process)
    }
}

impl fmt::Display for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Recipient::Worker(number) => write!(f, "worker {number}"),
            Recipient::Process(name) => write!(f, "process {name}"),
        }
    }
}

/// A message from another process of the server ([`Handle::send_message`](crate::Handle::send_message)).
#[derive(Debug)]
pub struct PipeMessage {
    from: Option<Recipient>,
    body: Bytes,
    attempt: u32,
}

impl PipeMessage {
    pub(crate) fn new(from: Option<Recipient>, body: Bytes, attempt: u32) -> PipeMessage {
        PipeMessage { from, body, attempt }
    }

    pub(crate) fn with_attempt(self, attempt: u32) -> PipeMessage {
        PipeMessage { attempt, ..self }
    }

    /// Who sent it; None: the program that started the server.
    pub fn from(&self) -> Option<&Recipient> {
        self.from.as_ref()
    }

    /// Its bytes.
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// Its bytes.
    pub fn into_body(self) -> Bytes {
        self.body
    }

    /// 1 for the first time that it is given to somebody. It comes again, with a larger number, if the process that was
    /// handling it died: to a worker until it has killed `max_attempts` of them, to a user process until that has handled it.
    ///
    /// It says nothing of the sender: one that died and began an event again has sent two messages, each with attempt 1.
    pub fn attempt(&self) -> u32 {
        self.attempt
    }
}

/// A worker's or user process's number; user processes come after the workers.
pub(crate) type Slot = u16;

/// The sender of what comes from the program that started the server.
pub(crate) const NO_SLOT: Slot = Slot::MAX;

/// What a message weighs beside its bytes.
const MESSAGE_OVERHEAD: usize = 64;

/// The ways from this process to all others.
#[derive(Debug)]
pub(crate) struct Pipes {
    workers: u16,
    processes: Vec<String>,
    /// What each recipient may be sent before it has taken something of it.
    windows: Vec<Arc<Semaphore>>,
    bytes_max: usize,
    /// In Base mode the user processes are threads: their queues.
    threads: Mutex<Vec<mpsc::UnboundedSender<Delivered>>>,
}

/// A message and what is dropped when it has been handled.
#[derive(Debug)]
pub(crate) struct Delivered {
    pub(crate) message: PipeMessage,
    pub(crate) receipt: Receipt,
    /// It may have killed a process: to be handled alone.
    pub(crate) suspect: bool,
}

/// What is given back when an event has been handled.
#[derive(Debug, Default)]
pub(crate) enum Receipt {
    /// Nothing.
    #[default]
    None,
    /// Room in the window of a recipient in this process.
    Window(#[allow(dead_code, reason = "dropping it gives the room back")] OwnedSemaphorePermit),
    /// Its place in an event ring: the reactor, and the position at which the record begins.
    Lane { reactor: u16, position: u64 },
}

impl Receipt {
    /// A second one for the same place in an event ring.
    pub(crate) fn place(&self) -> Option<Receipt> {
        match self {
            Receipt::Lane { reactor, position } => {
                Some(Receipt::Lane { reactor: *reactor, position: *position })
            }
            _ => None,
        }
    }
}

impl Pipes {
    pub(crate) fn new(workers: usize, processes: Vec<String>, bytes_max: usize) -> Pipes {
        let window = |_| Arc::new(Semaphore::new(bytes_max.min(Semaphore::MAX_PERMITS)));
        let windows = (0..workers + processes.len()).map(window).collect();
        Pipes { workers: workers as u16, processes, windows, bytes_max, threads: Mutex::default() }
    }

    pub(crate) fn slot(&self, recipient: &Recipient) -> Result<Slot, MessageError> {
        let unknown = || MessageError::Unknown { recipient: recipient.clone() };
        match recipient {
            Recipient::Worker(number) if *number < self.workers => Ok(*number),
            Recipient::Worker(_) => Err(unknown()),
            Recipient::Process(name) => {
                let index = self.processes.iter().position(|process| process == name);
                index.map(|index| self.workers + index as u16).ok_or_else(unknown)
            }
        }
    }

    pub(crate) fn recipient(&self, slot: Slot) -> Option<Recipient> {
        if slot < self.workers {
            return Some(Recipient::Worker(slot));
        }
        self.processes.get(usize::from(slot - self.workers)).cloned().map(Recipient::Process)
    }

    /// Workers and user processes.
    pub(crate) fn slots(&self) -> usize {
        self.windows.len()
    }

    pub(crate) fn is_worker(&self, slot: Slot) -> bool {
        slot < self.workers
    }

    /// How much of a window a message takes.
    pub(crate) fn weight(body: &Bytes) -> u32 {
        (body.len() + MESSAGE_OVERHEAD) as u32
    }

    fn check_size(&self, body: &Bytes) -> Result<u32, MessageError> {
        let max = self.bytes_max - MESSAGE_OVERHEAD;
        if body.len() > max {
            return Err(MessageError::TooBig { bytes: body.len(), max });
        }
        Ok(Pipes::weight(body))
    }

    pub(crate) fn try_reserve(&self, to: Slot, body: &Bytes) -> Result<OwnedSemaphorePermit, MessageError> {
        let weight = self.check_size(body)?;
        let window = self.windows[usize::from(to)].clone();
        window.try_acquire_many_owned(weight).map_err(|error| match error {
            TryAcquireError::NoPermits => MessageError::QueueFull,
            TryAcquireError::Closed => MessageError::Stopped,
        })
    }

    pub(crate) async fn reserve(&self, to: Slot, body: &Bytes) -> Result<OwnedSemaphorePermit, MessageError> {
        let weight = self.check_size(body)?;
        let window = self.windows[usize::from(to)].clone();
        window.acquire_many_owned(weight).await.map_err(|_| MessageError::Stopped)
    }

    /// The recipient has taken messages of this weight.
    pub(crate) fn taken(&self, to: Slot, weight: u32) {
        if let Some(window) = self.windows.get(usize::from(to)) {
            // Whatever another process says, no window grows beyond its size.
            let room = self.bytes_max.saturating_sub(window.available_permits());
            window.add_permits(room.min(weight as usize));
        }
    }

    /// In Base mode: the queues of the user processes.
    pub(crate) fn set_threads(&self, threads: Vec<mpsc::UnboundedSender<Delivered>>) {
        *self.lock() = threads;
    }

    /// Is the recipient a thread of this process?
    pub(crate) fn has_thread(&self, to: Slot) -> bool {
        !self.is_worker(to) && !self.lock().is_empty()
    }

    /// In Base mode: gives a message to a user process.
    pub(crate) fn deliver(&self, to: Slot, delivered: Delivered) -> Result<(), MessageError> {
        let index = usize::from(to.saturating_sub(self.workers));
        let sender = self.lock().get(index).cloned().ok_or(MessageError::Stopped)?;
        sender.send(delivered).map_err(|_| MessageError::Stopped)
    }

    /// No more messages: the user processes end when they have handled those that they have.
    pub(crate) fn close(&self) {
        self.lock().clear();
        for window in &self.windows {
            window.close();
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<mpsc::UnboundedSender<Delivered>>> {
        self.threads.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
