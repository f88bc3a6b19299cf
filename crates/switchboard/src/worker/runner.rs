//! Runs a handler on the events of one worker.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::future::{Future, poll_fn};
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Bytes;

use super::Dispatch;
use super::guard::poll_guarded;
use super::http::HttpServer;
use crate::command::Command;
use crate::event::{ClosedBy, Event, EventKind, Flow};
use crate::handle::Handle;
use crate::{Conn, ConnectionId, Decision, Handler, PeerAddr};

/// Close code of a connection whose handler panicked (RFC 6455 §7.4.1).
const INTERNAL_ERROR: u16 = 1011;

/// A worker in the process of its reactor.
///
/// A handler's future is polled once on the spot, in a box that is used again and again; only if it is pending does it
/// become a task. While it is one, the later events of its connection wait in a queue, or they would overtake it.
pub(crate) struct Runner<H> {
    shared: Rc<Shared<H>>,
    /// The box, empty between events.
    slot: Option<Box<dyn Any>>,
    http: Option<HttpServer>,
    backlog_max: usize,
    backlog_bytes_max: usize,
}

/// What the runner's tasks need.
pub(super) struct Shared<H> {
    pub(super) handler: H,
    pub(super) handle: Handle,
    reactor: usize,
    /// The connections whose handler is a task now.
    pending: RefCell<HashMap<ConnectionId, Pending>>,
    /// HTTP connections and upgrades that are being served.
    serving: Cell<usize>,
}

#[derive(Default)]
struct Pending {
    waiting: VecDeque<Event>,
    /// Payload bytes of those messages.
    waiting_bytes: usize,
    /// The reactor has been told to hold.
    held: bool,
}

impl<H: Handler> Runner<H> {
    /// A runner on reactor `reactor`'s thread. Its tasks are spawned on the thread's local runtime.
    pub(crate) fn new(handler: H, handle: Handle, reactor: usize) -> Runner<H> {
        let service = handler.http();
        let config = &handle.core().config;
        let (backlog_max, backlog_bytes_max) = (config.handler_backlog_max, config.message_bytes_max);
        let pending = RefCell::default();
        let shared = Rc::new(Shared { handler, handle, reactor, pending, serving: Cell::new(0) });
        let http = service.map(|service| HttpServer::new(service, &shared.handle));
        Runner { shared, slot: None, http, backlog_max, backlog_bytes_max }
    }

    /// Runs the user's `worker_stop`.
    pub(crate) fn stopped(&self) -> impl Future<Output = ()> + use<H> {
        let shared = self.shared.clone();
        async move { shared.handler.worker_stop().await }
    }

    /// Is a task handling an earlier event of the connection?
    fn is_pending(&self, id: ConnectionId) -> bool {
        let pending = self.shared.pending.borrow();
        // Nearly always empty, so that no look-up is made.
        !pending.is_empty() && pending.contains_key(&id)
    }

    fn queue(&self, event: Event) -> Flow {
        let mut pending = self.shared.pending.borrow_mut();
        let pending = pending.entry(event.id).or_default();
        let is_drain = |event: &Event| matches!(event.kind, EventKind::Drain);
        if is_drain(&event) && pending.waiting.back().is_some_and(is_drain) {
            return Flow::Go;
        }
        pending.waiting_bytes += event.payload_len();
        pending.waiting.push_back(event);
        let behind = pending.waiting.len() >= self.backlog_max;
        pending.held |= behind || pending.waiting_bytes >= self.backlog_bytes_max;
        if pending.held { Flow::Hold } else { Flow::Go }
    }

    /// Polls the future of one event; it goes on as a task if it is pending.
    fn run<F: Future<Output = ()> + 'static>(
        &mut self,
        id: ConnectionId,
        future: F,
        context: &mut Context<'_>,
    ) {
        let slot = self.slot.take().and_then(|slot| slot.downcast::<Slot<F>>().ok());
        let mut slot = slot.unwrap_or_else(|| Box::new(Slot(Box::pin(None))));
        slot.0.set(Some(future));
        let Some(running) = slot.0.as_mut().as_pin_mut() else { return };
        match poll_guarded(running, context) {
            Poll::Ready(result) => {
                slot.0.set(None);
                self.slot = Some(slot);
                if let Err(panic) = result {
                    self.shared.panicked(id, &panic.0);
                }
            }
            Poll::Pending => {
                self.shared.pending.borrow_mut().insert(id, Pending::default());
                tokio::task::spawn_local(self.shared.clone().finish(id, slot.0));
            }
        }
    }
}

/// Something that a stop waits for, while it lives.
pub(super) struct Serving<H: Handler>(Rc<Shared<H>>);

impl<H: Handler> Serving<H> {
    pub(super) fn of(shared: Rc<Shared<H>>) -> Serving<H> {
        shared.serving.set(shared.serving.get() + 1);
        Serving(shared)
    }

    pub(super) fn shared(&self) -> &Shared<H> {
        &self.0
    }
}

impl<H: Handler> Drop for Serving<H> {
    fn drop(&mut self) {
        self.0.serving.set(self.0.serving.get() - 1);
        self.0.finished_one();
    }
}

/// Room for one future, in place.
struct Slot<F>(Pin<Box<Option<F>>>);

impl<H: Handler> Shared<H> {
    /// Handles one event.
    async fn handle(self: Rc<Self>, event: Event) {
        let Event { id, session, kind } = event;
        match kind {
            EventKind::Authorize(request) => {
                let decision = Box::new(self.handler.authorize(*request).await);
                self.send(Command::Authorized { id, decision });
            }
            EventKind::Open(request) => self.handler.on_open(self.conn(id, session), *request).await,
            EventKind::Message(message) => self.handler.on_message(self.conn(id, session), message).await,
            EventKind::Drain => self.handler.on_drain(self.conn(id, session)).await,
            EventKind::Close(closed) => self.handler.on_close(self.conn(id, session), closed).await,
        }
    }

    /// Runs a pending handler to its end, then the events that came meanwhile, in order.
    async fn finish<F: Future<Output = ()>>(
        self: Rc<Self>,
        id: ConnectionId,
        mut first: Pin<Box<Option<F>>>,
    ) {
        self.guarded(id, async move {
            if let Some(first) = first.as_mut().as_pin_mut() {
                first.await;
            }
        })
        .await;
        while let Some(event) = self.next_waiting(id).await {
            self.guarded(id, self.clone().handle(event)).await;
        }
    }

    async fn guarded(&self, id: ConnectionId, future: impl Future<Output = ()>) {
        let mut future = std::pin::pin!(future);
        if let Err(panic) = poll_fn(|context| poll_guarded(future.as_mut(), context)).await {
            self.panicked(id, &panic.0);
        }
    }

    /// The next event of a connection whose handler has finished; without one the connection is no longer pending.
    async fn next_waiting(&self, id: ConnectionId) -> Option<Event> {
        if self.pending.borrow().get(&id).is_some_and(|pending| !pending.waiting.is_empty()) {
            // The reactor first carries out what the handler asked for: the next event is to find its session.
            tokio::task::yield_now().await;
        }
        let mut all = self.pending.borrow_mut();
        let pending = all.get_mut(&id)?;
        let event = pending.waiting.pop_front();
        pending.waiting_bytes -= event.as_ref().map_or(0, Event::payload_len);
        let caught_up = pending.waiting.is_empty() && std::mem::take(&mut pending.held);
        if event.is_none() {
            all.remove(&id);
        }
        drop(all);
        if event.is_none() {
            self.finished_one();
        }
        if caught_up {
            self.send(Command::HandlerReady { id });
        }
        event
    }

    /// A reactor that is stopping waits for this, asleep.
    fn finished_one(&self) {
        if self.handle.is_stopping() {
            self.send(Command::Shutdown);
        }
    }

    fn panicked(&self, id: ConnectionId, panic: &str) {
        tracing::error!(connection = %id, panic, "a handler panicked; its connection is closed with 1011");
        // Whatever state the handler was in, the connection's next message must not find it.
        if let Some(pending) = self.pending.borrow_mut().get_mut(&id) {
            pending.waiting.retain(|event| !matches!(event.kind, EventKind::Message(_)));
            pending.waiting_bytes = 0;
        }
        let reason = "internal error".to_owned();
        // A handshake whose authorize panicked is refused; for an open connection this decision means nothing.
        self.send(Command::Authorized { id, decision: Box::new(Decision::reject(500, "internal error\n")) });
        self.send(Command::Disconnect { id, code: INTERNAL_ERROR, reason, by: ClosedBy::Server });
    }

    fn conn(&self, id: ConnectionId, session: Bytes) -> Conn {
        Conn::new(id, self.handle.clone(), session)
    }

    pub(super) fn send(&self, command: Command) {
        // After the reactor has stopped nobody needs it.
        let _ = self.handle.core().inboxes[self.reactor].send_always(command);
    }
}

impl<H: Handler> Dispatch for Runner<H> {
    fn deliver(&mut self, event: Event, context: &mut Context<'_>) -> Flow {
        let id = event.id;
        if self.is_pending(id) {
            return self.queue(event);
        }
        self.run(id, self.shared.clone().handle(event), context);
        Flow::Go
    }

    fn session_changed(&mut self, id: ConnectionId, session: &Bytes) {
        let mut pending = self.shared.pending.borrow_mut();
        for event in pending.get_mut(&id).into_iter().flat_map(|pending| &mut pending.waiting) {
            event.session = session.clone();
        }
    }

    fn serves_http(&self) -> bool {
        self.http.is_some()
    }

    fn serve_http(&mut self, socket: OwnedFd, peer: PeerAddr, read: Bytes) {
        if let Some(http) = &self.http {
            http.serve(self.shared.clone(), socket, peer, read);
        }
    }

    fn stop(&mut self) {
        if let Some(http) = &self.http {
            http.stop();
        }
    }

    fn is_idle(&self) -> bool {
        self.shared.pending.borrow().is_empty() && self.shared.serving.get() == 0
    }
}
