//! The socket to the master.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use tokio::sync::mpsc;

use crate::ipc::link::{ToInstance, ToMaster};
use crate::ipc::socket::{Inbound, Socket, Wait};
use crate::ipc::wait::Waiting;
use crate::sys::Doorbell;

/// Sends, from any thread, without waiting: what finds no room is sent by the thread that reads.
#[derive(Debug, Clone)]
pub(super) struct Link(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    socket: Socket,
    /// Each of these is the answer to something that the master has sent, or about one of few connections.
    unsent: Mutex<VecDeque<Unsent>>,
    bell: Doorbell,
}

type Unsent = (Vec<u8>, Option<OwnedFd>);

/// A message of the master, with its descriptors.
#[derive(Debug)]
pub(super) struct News {
    pub(super) message: ToInstance,
    pub(super) descriptors: Vec<OwnedFd>,
}

impl Link {
    pub(super) fn new(socket: Socket) -> io::Result<Link> {
        Ok(Link(Arc::new(Shared { socket, unsent: Mutex::default(), bell: Doorbell::new()? })))
    }

    /// Sends a message. It is an error if that cannot be; the end of the master is found by the thread that reads.
    pub(super) fn send(&self, message: &ToMaster, descriptor: Option<OwnedFd>) -> io::Result<()> {
        let bytes = message.encode();
        let mut unsent = self.0.lock();
        if unsent.is_empty() {
            match self.0.send_now(&bytes, descriptor.as_ref()) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) if !is_end(&error) => return Err(error),
                _ => return Ok(()),
            }
        }
        unsent.push_back((bytes, descriptor));
        self.0.bell.ring();
        Ok(())
    }

    /// Sends what has not been sent and a last message, and waits until that is done.
    pub(super) fn send_last(&self, message: &ToMaster) -> io::Result<()> {
        let mut unsent = self.0.lock();
        for (bytes, descriptor) in unsent.drain(..) {
            let descriptors: Vec<_> = descriptor.iter().map(AsFd::as_fd).collect();
            self.0.socket.send(&bytes, &descriptors, Wait::Yes)?;
        }
        self.0.socket.send(&message.encode(), &[], Wait::Yes)
    }

    /// Waits for the next message; None: the master is gone. Not to be used while a thread reads.
    pub(super) fn receive(&self, inbound: &mut Inbound) -> io::Result<Option<News>> {
        receive(&self.0.socket, inbound, Wait::Yes)
    }

    /// Starts the thread that reads. `ended` is called when the master is gone.
    pub(super) fn read(
        &self,
        ended: impl FnOnce(io::Result<()>) + Send + 'static,
    ) -> io::Result<mpsc::UnboundedReceiver<News>> {
        let (sender, receiver) = mpsc::unbounded_channel();
        let shared = self.0.clone();
        let thread = thread::Builder::new().name("link".into());
        thread.spawn(move || ended(shared.read(&sender)))?;
        Ok(receiver)
    }
}

impl Shared {
    fn read(&self, news: &mpsc::UnboundedSender<News>) -> io::Result<()> {
        let mut inbound = Inbound::new();
        loop {
            let has_unsent = !self.lock().is_empty();
            let mut waiting = Waiting::default();
            waiting.add(self.socket.as_fd(), has_unsent);
            waiting.add(self.bell.as_fd(), false);
            let ready = waiting.wait(None)?;
            if ready.get(1) == Some(&true) {
                self.bell.silence();
            }
            self.send_unsent();
            loop {
                match receive(&self.socket, &mut inbound, Wait::No) {
                    // Nobody listens any more: the process is about to exit.
                    Ok(Some(message)) => drop(news.send(message)),
                    Ok(None) => return Ok(()),
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    Err(error) => return Err(error),
                }
            }
        }
    }

    fn send_unsent(&self) {
        let mut unsent = self.lock();
        while let Some((bytes, descriptor)) = unsent.front() {
            match self.send_now(bytes, descriptor.as_ref()) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) if !is_end(&error) => {
                    tracing::error!(%error, "cannot tell the master something");
                    // A connection that is not passed on leaves its place.
                    let lost = unsent.pop_front().map(|(bytes, _)| ToMaster::decode(&bytes));
                    if let Some(Ok(ToMaster::Upgraded(upgraded))) = lost {
                        let returned = ToMaster::PlaceReturned { peer: upgraded.peer, refused: false };
                        unsent.push_front((returned.encode(), None));
                    }
                }
                _ => drop(unsent.pop_front()),
            }
        }
    }

    fn send_now(&self, bytes: &[u8], descriptor: Option<&OwnedFd>) -> io::Result<()> {
        let descriptors: Vec<_> = descriptor.into_iter().map(AsFd::as_fd).collect();
        self.socket.send(bytes, &descriptors, Wait::No)
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Unsent>> {
        self.unsent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The master is gone, of which the thread that reads learns.
fn is_end(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset)
}

fn receive(socket: &Socket, inbound: &mut Inbound, wait: Wait) -> io::Result<Option<News>> {
    let Some(packet) = inbound.receive(socket, wait)? else { return Ok(None) };
    if packet.lost {
        tracing::error!("the limit of open descriptors is reached: one from the master is lost");
    }
    let message = ToInstance::decode(packet.bytes);
    let message = message.map_err(|corrupt| io::Error::new(io::ErrorKind::InvalidData, corrupt))?;
    Ok(Some(News { message, descriptors: packet.descriptors }))
}
