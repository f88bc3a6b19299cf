//! Runs a handler on the events of one worker.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::future::{Future, poll_fn};
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::sync::Mutex;

use super::guard::{Panic, poll_guarded};
use super::http::HttpServer;
use super::{Dispatch, Payload};
use crate::command::Command;
use crate::event::{ClosedBy, Event, EventKind, EventSource, Flow};
use crate::handle::Handle;
use crate::instance::InstanceId;
use crate::pipe::{PipeMessage, Receipt, Slot};
use crate::places::{HttpPlace, Source};
use crate::{Conn, ConnectionId, Decision, Handler, Message};

/// Close code of a connection whose handler panicked (RFC 6455 §7.4.1).
const INTERNAL_ERROR: u16 = 1011;

/// Runs a handler, in the process of its reactor or in a worker's.
///
/// A handler's future is polled once on the spot, in a box that is used again and again; only if it is pending does it
/// become a task. While it is one, the later events of its connection wait in a queue, or they would overtake it.
pub(crate) struct Runner<H> {
    shared: Rc<Shared<H>>,
    /// The box, empty between events, and one for messages.
    slot: Option<Box<dyn Any>>,
    message_slot: Option<Box<dyn Any>>,
    http: Option<HttpServer>,
    backlog_max: usize,
    backlog_bytes_max: usize,
}

/// Writes down which events are being handled, so that none is lost with the process. One that a handler finishes in its
/// first poll is not mentioned: whoever delivered it sees that.
pub(crate) trait Journal {
    /// The handler of this event is about to be polled; None: it has been.
    fn polls(&self, receipt: Option<&Receipt>);
    /// The event is handled alone, because it may have killed a worker; None: it has been.
    fn tries(&self, receipt: Option<&Receipt>);
    /// The event waits behind an earlier one of its source.
    fn waits(&self, receipt: &Receipt);
    /// One that waited begins.
    fn begins(&self, receipt: &Receipt);
    /// The event's handler has been polled, and is pending.
    fn goes_on(&self, receipt: &Receipt);
    /// One that waited or went on is over.
    fn finishes(&self, receipt: Receipt);
    /// Something that a stop waits for is over.
    fn calms_down(&self);
}

/// How an event was given out.
struct Given {
    attempt: u32,
    receipt: Receipt,
}

/// While it lives, a suspect event is being handled.
struct Tried<'a>(&'a dyn Journal);

impl<'a> Tried<'a> {
    fn begin(journal: &'a dyn Journal, receipt: &Receipt) -> Tried<'a> {
        journal.tries(Some(receipt));
        Tried(journal)
    }
}

impl Drop for Tried<'_> {
    fn drop(&mut self) {
        self.0.tries(None);
    }
}

/// What the runner's tasks need.
pub(super) struct Shared<H> {
    pub(super) handler: H,
    pub(super) handle: Handle,
    /// None: events are not written down, because this is the process of the reactor.
    journal: Option<Rc<dyn Journal>>,
    /// The reactor in whose process this is.
    reactor: usize,
    /// The sources whose handler is a task now.
    pending: RefCell<HashMap<EventSource, Pending>>,
    /// Held while a suspect event is handled.
    suspects: Mutex<()>,
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
        Runner::build(handler, handle, reactor, None)
    }

    /// A runner in a worker's process.
    pub(crate) fn with_journal(handler: H, handle: Handle, journal: Rc<dyn Journal>) -> Runner<H> {
        Runner::build(handler, handle, 0, Some(journal))
    }

    fn build(handler: H, handle: Handle, reactor: usize, journal: Option<Rc<dyn Journal>>) -> Runner<H> {
        let service = handler.http();
        let config = &handle.core().config;
        let (backlog_max, backlog_bytes_max) = (config.handler_backlog_max, config.message_bytes_max);
        let pending = RefCell::default();
        let (suspects, serving) = (Mutex::new(()), Cell::new(0));
        let shared = Rc::new(Shared { handler, handle, journal, reactor, pending, suspects, serving });
        let http = service.map(|service| HttpServer::new(service, &shared.handle));
        Runner { shared, slot: None, message_slot: None, http, backlog_max, backlog_bytes_max }
    }

    /// Runs the user's `worker_stop`.
    pub(crate) fn stopped(&self) -> impl Future<Output = ()> + use<H> {
        let shared = self.shared.clone();
        async move { shared.handler.worker_stop().await }
    }

    /// Is a task handling an earlier event of the source?
    pub(crate) fn is_pending(&self, source: EventSource) -> bool {
        let pending = self.shared.pending.borrow();
        // Nearly always empty, so that no look-up is made.
        !pending.is_empty() && pending.contains_key(&source)
    }

    /// Takes an event.
    pub(crate) fn handle(&mut self, event: Event, context: &mut Context<'_>) -> Flow {
        let source = event.source;
        if self.is_pending(source) {
            return self.queue(event);
        }
        match event {
            Event {
                source: EventSource::Connection(id),
                kind: EventKind::Message(message),
                suspect: false,
                session,
                attempt,
                receipt,
            } => self.handle_message(id, session, message, Given { attempt, receipt }, context),
            event => self.handle_rare(event, context),
        }
        Flow::Go
    }

    fn handle_rare(&mut self, mut event: Event, context: &mut Context<'_>) {
        let source = event.source;
        let receipt = std::mem::take(&mut event.receipt);
        let (shared, slot) = (self.shared.clone(), &mut self.slot);
        match event.suspect.then(|| receipt.place()).flatten() {
            None => self.shared.run(slot, source, receipt, shared.dispatch(event), context),
            Some(place) => self.shared.run(slot, source, receipt, shared.handle_alone(event, place), context),
        }
    }

    /// Takes the usual event: a message, on a connection with nothing pending, that is no suspect.
    fn handle_message(
        &mut self,
        id: ConnectionId,
        session: Bytes,
        message: Message,
        given: Given,
        context: &mut Context<'_>,
    ) {
        let Given { attempt, receipt } = given;
        let shared = self.shared.clone();
        let future = async move {
            let conn = Conn::new(id, shared.handle.clone(), session, attempt);
            shared.handler.on_message(conn, message).await;
        };
        self.shared.run(&mut self.message_slot, id.into(), receipt, future, context);
    }

    fn queue(&self, event: Event) -> Flow {
        let mut pending = self.shared.pending.borrow_mut();
        let pending = pending.entry(event.source).or_default();
        let is_drain = |event: &Event| matches!(event.kind, EventKind::Drain);
        if is_drain(&event) && pending.waiting.back().is_some_and(is_drain) {
            return Flow::Go;
        }
        if let Some(journal) = &self.shared.journal {
            journal.waits(&event.receipt);
        }
        pending.waiting_bytes += event.payload_len();
        pending.waiting.push_back(event);
        let behind = pending.waiting.len() >= self.backlog_max;
        pending.held |= behind || pending.waiting_bytes >= self.backlog_bytes_max;
        if pending.held { Flow::Hold } else { Flow::Go }
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
struct Room<F>(Pin<Box<Option<F>>>);

impl<H: Handler> Shared<H> {
    /// Polls the future of one event, in the box if that fits; it goes on as a task if it is pending.
    fn run<F: Future<Output = ()> + 'static>(
        self: &Rc<Self>,
        spare: &mut Option<Box<dyn Any>>,
        source: EventSource,
        receipt: Receipt,
        future: F,
        context: &mut Context<'_>,
    ) {
        let slot = spare.take().and_then(|slot| slot.downcast::<Room<F>>().ok());
        let mut slot = slot.unwrap_or_else(|| Box::new(Room(Box::pin(None))));
        slot.0.set(Some(future));
        let Some(running) = slot.0.as_mut().as_pin_mut() else { return };
        match self.poll(&receipt, running, context) {
            Poll::Ready(result) => {
                slot.0.set(None);
                *spare = Some(slot);
                if let Err(panic) = result {
                    self.panicked(source, &panic.0);
                }
            }
            Poll::Pending => {
                if let Some(journal) = &self.journal {
                    journal.goes_on(&receipt);
                }
                self.pending.borrow_mut().insert(source, Pending::default());
                tokio::task::spawn_local(self.clone().finish(source, receipt, slot.0));
            }
        }
    }

    /// Handles an event, and no other suspect meanwhile; that is written down under this receipt.
    async fn handle_alone(self: Rc<Self>, event: Event, receipt: Receipt) {
        let _alone = self.suspects.lock().await;
        let _tried = self.journal.as_deref().map(|journal| Tried::begin(journal, &receipt));
        self.clone().dispatch(event).await;
    }

    /// Handles an event.
    async fn dispatch(self: Rc<Self>, event: Event) {
        let Event { source, session, kind, attempt, .. } = event;
        let id = match (source, kind) {
            (EventSource::Connection(id), kind) => (id, kind),
            (EventSource::Pipe(_), EventKind::Pipe(message)) => {
                return self.handler.on_pipe_message(self.handle.clone(), message).await;
            }
            (EventSource::Pipe(_), _) => return,
        };
        let conn = |id| Conn::new(id, self.handle.clone(), session, attempt);
        match id {
            (id, EventKind::Authorize(request)) => {
                let decision = Box::new(self.handler.authorize(*request).await);
                self.send(id, Command::Authorized { id, decision });
            }
            (id, EventKind::Open(request)) => self.handler.on_open(conn(id), *request).await,
            (id, EventKind::Message(message)) => self.handler.on_message(conn(id), message).await,
            (id, EventKind::Drain) => self.handler.on_drain(conn(id)).await,
            (id, EventKind::Close(closed)) => self.handler.on_close(conn(id), closed).await,
            (_, EventKind::Pipe(_)) => {}
        }
    }

    /// Polls the handler of an event; it is written down that this is being done.
    fn poll<F: Future + ?Sized>(
        &self,
        receipt: &Receipt,
        future: Pin<&mut F>,
        context: &mut Context<'_>,
    ) -> Poll<Result<F::Output, Panic>> {
        let Some(journal) = &self.journal else { return poll_guarded(future, context) };
        journal.polls(Some(receipt));
        let polled = poll_guarded(future, context);
        journal.polls(None);
        polled
    }

    /// Runs a pending handler to its end, then the events that came meanwhile, in order.
    async fn finish<F: Future<Output = ()>>(
        self: Rc<Self>,
        source: EventSource,
        receipt: Receipt,
        mut first: Pin<Box<Option<F>>>,
    ) {
        let rest = async move {
            if let Some(first) = first.as_mut().as_pin_mut() {
                first.await;
            }
        };
        self.guarded(source, &receipt, rest).await;
        self.finished(receipt);
        while let Some(mut event) = self.next_waiting(source).await {
            let receipt = std::mem::take(&mut event.receipt);
            if let Some(journal) = &self.journal {
                journal.begins(&receipt);
            }
            match event.suspect.then(|| receipt.place()).flatten() {
                None => self.guarded(source, &receipt, self.clone().dispatch(event)).await,
                Some(place) => {
                    self.guarded(source, &receipt, self.clone().handle_alone(event, place)).await;
                }
            }
            self.finished(receipt);
        }
    }

    fn finished(&self, receipt: Receipt) {
        if let Some(journal) = &self.journal {
            journal.finishes(receipt);
        }
    }

    async fn guarded(&self, source: EventSource, receipt: &Receipt, future: impl Future<Output = ()>) {
        let mut future = std::pin::pin!(future);
        if let Err(panic) = poll_fn(|context| self.poll(receipt, future.as_mut(), context)).await {
            self.panicked(source, &panic.0);
        }
    }

    /// The next event of a source whose handler has finished; without one the source is no longer pending.
    async fn next_waiting(&self, source: EventSource) -> Option<Event> {
        if self.pending.borrow().get(&source).is_some_and(|pending| !pending.waiting.is_empty()) {
            // The reactor first carries out what the handler asked for: the next event is to find its session.
            tokio::task::yield_now().await;
        }
        let mut all = self.pending.borrow_mut();
        let pending = all.get_mut(&source)?;
        let event = pending.waiting.pop_front();
        pending.waiting_bytes -= event.as_ref().map_or(0, Event::payload_len);
        let caught_up = pending.waiting.is_empty() && std::mem::take(&mut pending.held);
        if event.is_none() {
            all.remove(&source);
        }
        drop(all);
        if event.is_none() {
            self.finished_one();
        }
        if let (true, EventSource::Connection(id)) = (caught_up, source) {
            self.send(id, Command::HandlerReady { id });
        }
        event
    }

    /// Whoever waits for a stop, asleep, has this process looked at.
    fn finished_one(&self) {
        match &self.journal {
            Some(journal) => journal.calms_down(),
            None if self.handle.is_stopping() => {
                let _ = self.handle.send_always(self.reactor, Command::Shutdown);
            }
            None => {}
        }
    }

    fn panicked(&self, source: EventSource, panic: &str) {
        // Whatever state the handler was in, the source's next message must not find it.
        let dropped = self.drop_messages(source);
        dropped.into_iter().for_each(|receipt| self.finished(receipt));
        let EventSource::Connection(id) = source else {
            tracing::error!(panic, "a handler of messages from other processes panicked");
            return;
        };
        tracing::error!(connection = %id, panic, "a handler panicked; its connection is closed with 1011");
        let reason = "internal error".to_owned();
        // A handshake whose authorize panicked is refused; for an open connection this decision means nothing.
        let decision = Box::new(Decision::reject(500, "internal error\n"));
        self.send(id, Command::Authorized { id, decision });
        self.send(id, Command::Disconnect { id, code: INTERNAL_ERROR, reason, by: ClosedBy::Server });
    }

    /// Drops the messages of a connection that wait.
    fn drop_messages(&self, source: EventSource) -> Vec<Receipt> {
        let mut all = self.pending.borrow_mut();
        let Some(pending) = all.get_mut(&source) else { return Vec::new() };
        if let EventSource::Pipe(_) = source {
            return Vec::new();
        }
        let is_message = |event: &Event| matches!(event.kind, EventKind::Message(_));
        let waiting = std::mem::take(&mut pending.waiting);
        let (dropped, kept): (VecDeque<Event>, VecDeque<Event>) = waiting.into_iter().partition(is_message);
        pending.waiting = kept;
        pending.waiting_bytes = 0;
        dropped.into_iter().map(|event| event.receipt).collect()
    }

    /// Sends the reactor of a connection a command about it.
    pub(super) fn send(&self, id: ConnectionId, command: Command) {
        if let Some(entry) = self.handle.core().table.find(id) {
            // After the reactor has stopped nobody needs it.
            let _ = self.handle.send_always(entry.reactor(), command);
        }
    }

    pub(super) fn reactor(&self) -> usize {
        self.reactor
    }
}

impl<H: Handler> Runner<H> {
    /// A connection's session has changed.
    pub(crate) fn change_session(&mut self, id: ConnectionId, session: &Bytes) {
        let mut pending = self.shared.pending.borrow_mut();
        let pending = pending.get_mut(&EventSource::Connection(id));
        for event in pending.into_iter().flat_map(|pending| &mut pending.waiting) {
            event.session = session.clone();
        }
    }

    pub(crate) fn has_http(&self) -> bool {
        self.http.is_some()
    }

    /// Serves a socket; drops it if there is no service. `place`: its own, where the reactors are in this process.
    pub(crate) fn serve(
        &mut self,
        socket: OwnedFd,
        source: Source,
        place: Option<Arc<HttpPlace>>,
        read: Bytes,
    ) {
        if let Some(http) = &self.http {
            http.serve(self.shared.clone(), socket, (source, place), read);
        }
    }

    /// Finishes the HTTP requests that have begun, and no others.
    pub(crate) fn stop_http(&mut self) {
        if let Some(http) = &self.http {
            http.stop();
        }
    }

    /// HTTP connections and upgrades that are being served.
    pub(crate) fn serving(&self) -> usize {
        self.shared.serving.get()
    }

    pub(crate) fn is_calm(&self) -> bool {
        self.shared.pending.borrow().is_empty() && self.serving() == 0
    }
}

impl<H: Handler> Dispatch for Runner<H> {
    fn deliver(&mut self, _key: u32, event: Event, context: &mut Context<'_>) -> Flow {
        self.handle(event, context)
    }

    fn deliver_message(
        &mut self,
        _key: u32,
        id: ConnectionId,
        session: Bytes,
        payload: Payload<'_>,
        context: &mut Context<'_>,
    ) -> Flow {
        let message = Message::from_checked(payload.kind, payload.bytes);
        if self.is_pending(id.into()) {
            return self.queue(Event::new(id, session, EventKind::Message(message)));
        }
        let given = Given { attempt: 1, receipt: Receipt::None };
        self.handle_message(id, session, message, given, context);
        Flow::Go
    }

    fn pipe(&mut self, from: Slot, _to: Slot, body: Bytes, receipt: Receipt, context: &mut Context<'_>) {
        let message = PipeMessage::new(self.shared.handle.core().pipes.recipient(from), body, 1);
        self.handle(Event::pipe(from, message, receipt), context);
    }

    fn session_changed(&mut self, _key: u32, id: ConnectionId, session: &Bytes, _origin: Option<InstanceId>) {
        self.change_session(id, session);
    }

    fn serves_http(&self) -> bool {
        self.has_http()
    }

    fn serve_http(&mut self, socket: OwnedFd, place: Arc<HttpPlace>, read: Bytes) -> Result<(), OwnedFd> {
        self.serve(socket, *place.source(), Some(place), read);
        Ok(())
    }

    fn stop(&mut self) {
        self.stop_http();
    }

    fn is_idle(&self) -> bool {
        self.is_calm()
    }
}
