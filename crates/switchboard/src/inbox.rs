//! How commands reach a reactor: a queue for other threads, and a shorter way for code on the reactor's own.

use std::cell::RefCell;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use crate::Config;
use crate::command::Command;
use crate::sys::Doorbell;

/// One reactor's incoming commands. Those of one sending thread stay in order.
#[derive(Debug)]
pub(crate) struct Inbox {
    queue: Mutex<Queue>,
    /// What waits here, by [`Command::weight`].
    weight: AtomicUsize,
    weight_max: usize,
    /// Pushes of the reactor's own thread that weigh more than this are carried out before it handles another event.
    batch_weight_max: usize,
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
    /// What they weigh.
    weight: usize,
    /// One of them is no push: it may concern what the reactor is about to do.
    is_urgent: bool,
    /// Set while the reactor sleeps on this thread.
    waker: Option<Waker>,
}

impl Local {
    fn queue(&mut self, command: Command, weight: usize, batch_weight_max: usize) {
        self.weight += weight;
        self.is_urgent |= !matches!(command, Command::Push { .. }) || self.weight > batch_weight_max;
        self.commands.push(command);
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

/// The most that [`Inbox::batch_weight_max`] is: what waits should still be in the processor's first cache.
const BATCH_WEIGHT_MAX: usize = 4 << 10;

thread_local! {
    /// Commands from this thread, which is a reactor's, to itself: no lock and no doorbell.
    static LOCAL: RefCell<Option<Local>> = const { RefCell::new(None) };
}

impl Inbox {
    /// For one of the reactors.
    pub(crate) fn new(config: &Config) -> io::Result<Inbox> {
        // What one event after the other pushes to a connection that reads must not fill its queue.
        let batch_weight_max = BATCH_WEIGHT_MAX.min(config.output_bytes_max / 4);
        Ok(Inbox {
            queue: Mutex::default(),
            weight: AtomicUsize::new(0),
            weight_max: config.command_bytes_max,
            batch_weight_max,
            bell: Doorbell::new()?,
        })
    }

    /// Queues a command. What the server itself sends (`Shutdown`, `HandlerReady`, …) is never refused for want
    /// of room; use [`send_always`](Inbox::send_always) for it.
    pub(crate) fn send(&self, command: Command) -> Result<(), Refused> {
        self.queue(command, self.weight_max)
    }

    /// Queues a command however full the inbox is.
    pub(crate) fn send_always(&self, command: Command) -> Result<(), Refused> {
        self.queue(command, usize::MAX)
    }

    fn queue(&self, command: Command, weight_max: usize) -> Result<(), Refused> {
        let weight = command.weight();
        let waiting = self.weight.load(Ordering::Relaxed) + weight;
        let own = self.with_local(command, |local, command| {
            if waiting + local.weight > weight_max {
                return Err(Refused::Full);
            }
            local.queue(command, weight, self.batch_weight_max);
            Ok(())
        });
        let command = match own {
            Ok(queued) => return queued,
            Err(command) => command,
        };
        if waiting > weight_max {
            return Err(Refused::Full);
        }
        self.weight.fetch_add(weight, Ordering::Relaxed);
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
        let local = self.with_local((), |local, ()| local.weight).unwrap_or(0);
        self.weight.load(Ordering::Relaxed) + local + weight <= self.weight_max
    }

    /// Is this the reactor's own thread?
    pub(crate) fn is_own(&self) -> bool {
        self.with_local((), |_, ()| ()).is_ok()
    }

    /// Gives `with` back when this is not the reactor's own thread.
    fn with_local<W, T>(&self, with: W, act: impl FnOnce(&mut Local, W) -> T) -> Result<T, W> {
        LOCAL.with(|local| match local.borrow_mut().as_mut() {
            Some(local) if std::ptr::eq(local.inbox, self) => Ok(act(local, with)),
            _ => Err(with),
        })
    }

    /// Makes the calling thread the owner, until the guard is dropped.
    pub(crate) fn own(&self) -> OwnerGuard<'_> {
        let local = Local { inbox: self, commands: Vec::new(), weight: 0, is_urgent: false, waker: None };
        LOCAL.with(|slot| *slot.borrow_mut() = Some(local));
        OwnerGuard(self)
    }

    /// Takes the commands that this thread sent to itself. `into` must be empty; its memory is reused.
    pub(crate) fn take_local(&self, into: &mut Vec<Command>) -> bool {
        let taken = self.with_local((), |local, ()| {
            (local.weight, local.is_urgent) = (0, false);
            std::mem::swap(&mut local.commands, into);
        });
        taken.is_ok() && !into.is_empty()
    }

    /// Are there commands of this thread to itself that should not wait for the next ones?
    pub(crate) fn has_urgent(&self) -> bool {
        self.with_local((), |local, ()| local.is_urgent).unwrap_or(false)
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
