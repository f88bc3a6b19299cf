//! How commands reach a reactor: a queue for other threads, and a shorter way for code on the reactor's own.

use std::cell::RefCell;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use crate::command::Command;
use crate::sys::Doorbell;

/// One reactor's incoming commands. Those of one sending thread stay in order.
#[derive(Debug)]
pub(crate) struct Inbox {
    queue: Mutex<Queue>,
    /// What waits here and in the owner's [`LOCAL`] queue, by [`Command::weight`].
    weight: AtomicUsize,
    weight_max: usize,
    bell: Doorbell,
}

#[derive(Debug, Default)]
struct Queue {
    commands: Vec<Command>,
    /// The reactor sleeps, or is about to: ring.
    sleeping: bool,
    closed: bool,
}

/// Why a command was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    Full,
    Stopped,
}

struct Local {
    inbox: *const Inbox,
    commands: Vec<Command>,
    /// Set while the reactor sleeps on this thread.
    waker: Option<Waker>,
}

thread_local! {
    /// Commands from this thread, which is a reactor's, to itself: no lock and no doorbell.
    static LOCAL: RefCell<Option<Local>> = const { RefCell::new(None) };
}

impl Inbox {
    pub(crate) fn new(weight_max: usize) -> io::Result<Inbox> {
        Ok(Inbox { queue: Mutex::default(), weight: AtomicUsize::new(0), weight_max, bell: Doorbell::new()? })
    }

    /// Queues a command. What the server itself sends (`Shutdown`, `HandlerReady`, …) is never refused for want
    /// of room; use [`send_always`](Inbox::send_always) for it.
    pub(crate) fn send(&self, command: Command) -> Result<(), Refused> {
        if self.weight.load(Ordering::Relaxed) + command.weight() > self.weight_max {
            return Err(Refused::Full);
        }
        self.send_always(command)
    }

    /// Queues a command however full the inbox is.
    pub(crate) fn send_always(&self, command: Command) -> Result<(), Refused> {
        self.weight.fetch_add(command.weight(), Ordering::Relaxed);
        let Some(command) = self.send_local(command) else { return Ok(()) };
        let mut queue = self.lock();
        if queue.closed {
            return Err(Refused::Stopped);
        }
        queue.commands.push(command);
        if std::mem::take(&mut queue.sleeping) {
            drop(queue);
            self.bell.ring();
        }
        Ok(())
    }

    /// Would a command of this weight find room? For a command to several reactors, of which none should get it
    /// if one cannot.
    pub(crate) fn has_room(&self, weight: usize) -> bool {
        self.weight.load(Ordering::Relaxed) + weight <= self.weight_max
    }

    /// Gives the command back when this is not the reactor's own thread.
    fn send_local(&self, command: Command) -> Option<Command> {
        LOCAL.with(|local| match local.borrow_mut().as_mut() {
            Some(local) if std::ptr::eq(local.inbox, self) => {
                local.commands.push(command);
                if let Some(waker) = local.waker.take() {
                    waker.wake();
                }
                None
            }
            _ => Some(command),
        })
    }

    /// Makes the calling thread the owner, until the guard is dropped.
    pub(crate) fn own(&self) -> OwnerGuard<'_> {
        let local = Local { inbox: self, commands: Vec::new(), waker: None };
        LOCAL.with(|slot| *slot.borrow_mut() = Some(local));
        OwnerGuard(self)
    }

    /// Takes the commands that this thread sent to itself. `into` must be empty; its memory is reused.
    pub(crate) fn take_local(&self, into: &mut Vec<Command>) -> bool {
        LOCAL.with(|local| match local.borrow_mut().as_mut() {
            Some(local) if !local.commands.is_empty() => {
                std::mem::swap(&mut local.commands, into);
                true
            }
            _ => false,
        })
    }

    /// Takes what other threads sent. `into` must be empty; its memory is reused.
    pub(crate) fn take_remote(&self, into: &mut Vec<Command>) {
        let mut queue = self.lock();
        queue.sleeping = false;
        std::mem::swap(&mut queue.commands, into);
    }

    /// A taken command is done with.
    pub(crate) fn finished(&self, weight: usize) {
        self.weight.fetch_sub(weight, Ordering::Relaxed);
    }

    /// Announces that the owner is going to sleep, unless something waits. `waker` wakes it for commands from its
    /// own thread, the doorbell for those from others.
    pub(crate) fn prepare_sleep(&self, waker: &Waker) -> bool {
        let local_waits = LOCAL.with(|local| match local.borrow_mut().as_mut() {
            Some(local) if local.commands.is_empty() => {
                local.waker = Some(waker.clone());
                false
            }
            _ => true,
        });
        if local_waits {
            return false;
        }
        let mut queue = self.lock();
        queue.sleeping = queue.commands.is_empty();
        queue.sleeping
    }

    pub(crate) fn bell(&self) -> &Doorbell {
        &self.bell
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// While it lives, the current thread is the inbox's owner. Afterwards nothing is taken any more.
pub(crate) struct OwnerGuard<'a>(&'a Inbox);

impl Drop for OwnerGuard<'_> {
    fn drop(&mut self) {
        let local = LOCAL.with(|local| local.borrow_mut().take());
        let mut queue = self.0.lock();
        queue.closed = true;
        let left = std::mem::take(&mut queue.commands);
        drop(queue);
        // Dropped outside of both borrows: a command may hold a sender whose receiver wakes a task.
        drop((local, left));
    }
}
