//! A user process's part.

use std::cell::Cell;
use std::rc::Rc;
use std::task::Context;

use bytes::Bytes;
use tokio::sync::{mpsc, watch};

use super::journal::RingJournal;
use super::link::{Link, News};
use super::run::Part;
use crate::ConnectionId;
use crate::event::{Event, EventKind, Flow};
use crate::ipc::Corrupt;
use crate::ipc::link::{ToInstance, ToMaster};
use crate::pipe::{Delivered, Receipt};
use crate::process::Host;
use crate::worker::Journal;
use crate::{Handle, Process};

/// Queues messages for a user process's function.
pub(super) struct ProcessPart {
    /// None: there will be no more messages.
    messages: Option<mpsc::UnboundedSender<Delivered>>,
    journal: Rc<RingJournal>,
    free: watch::Sender<bool>,
    pub(super) is_ready: Rc<Cell<bool>>,
    /// There will be no more events.
    pub(super) quits: bool,
}

impl ProcessPart {
    /// Also answers what the function is given.
    pub(super) fn new(
        name: &str,
        handle: Handle,
        journal: Rc<RingJournal>,
        link: Link,
        has_predecessor: bool,
    ) -> (ProcessPart, Process) {
        let (sender, receiver) = mpsc::unbounded_channel();
        let (free, is_free) = watch::channel(!has_predecessor);
        let is_ready = Rc::new(Cell::new(false));
        let host = MemberHost { journal: journal.clone(), link, is_ready: is_ready.clone() };
        let process = Process::new(name.to_owned(), handle, receiver, Box::new(host), is_free);
        (ProcessPart { messages: Some(sender), journal, free, is_ready, quits: false }, process)
    }

    /// May it have what only one process may have?
    pub(super) fn is_free(&self) -> bool {
        *self.free.borrow()
    }

    /// No more messages: the function is to finish.
    pub(super) fn close(&mut self) {
        self.messages = None;
    }
}

impl Part for ProcessPart {
    fn take(&mut self, event: Event, _context: &mut Context<'_>) -> Result<Flow, Corrupt> {
        if let (EventKind::Pipe(message), Some(messages)) = (event.kind, &self.messages) {
            // Said before the record is released: from then on only this tells that it is not handled.
            self.journal.waits(&event.receipt);
            // If the function has ended, this process is about to, and the successor gets the message.
            let _ = messages.send(Delivered { message, receipt: event.receipt, suspect: event.suspect });
        }
        Ok(Flow::Go)
    }

    fn session_changed(&mut self, _id: ConnectionId, _session: &Bytes) {}

    fn told(&mut self, news: News) {
        match news.message {
            ToInstance::Go => drop(self.free.send_replace(true)),
            ToInstance::Quit => self.quits = true,
            _ => {}
        }
    }
}

/// Passes on what the process says.
struct MemberHost {
    journal: Rc<RingJournal>,
    link: Link,
    is_ready: Rc<Cell<bool>>,
}

impl Host for MemberHost {
    fn ready(&self) {
        self.is_ready.set(true);
        if let Err(error) = self.link.send(&ToMaster::Ready { http: false }, None) {
            tracing::error!(%error, "cannot tell the master that this process is ready");
        }
    }

    fn begins(&self, receipt: &Receipt) {
        self.journal.begins(receipt);
    }

    fn is_alone(&self, receipt: Option<&Receipt>) {
        self.journal.tries(receipt);
    }

    fn handled(&self, receipt: Receipt) {
        self.journal.finishes(receipt);
    }
}
