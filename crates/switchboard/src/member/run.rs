//! The loop of a worker or user process, as the main task of its tokio runtime.

use std::future::poll_fn;
use std::io;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::io::unix::AsyncFd;
use tokio::sync::mpsc;

use super::intake::Intake;
use super::journal::RingJournal;
use super::link::News;
use super::ports::RingPorts;
use super::turn::{self, Turn};
use crate::ConnectionId;
use crate::command::Command;
use crate::core::CoreRef;
use crate::event::{Event, EventSource, Flow};
use crate::ipc::Corrupt;
use crate::ipc::codec::Delivery;
use crate::ipc::link::ToInstance;
use crate::ipc::ring::{Sleeping, Whole};
use crate::ports::RemotePorts;
use crate::sys::Ear;

/// Turns in a row before the runtime's other tasks get the thread.
const TURNS_MAX: usize = 4;

/// Records of one lane in one turn.
const RECORDS_MAX: usize = 256;

/// Messages of the master in one turn.
const NEWS_MAX: usize = 64;

/// Who the events are for.
pub(super) trait Part {
    fn take(&mut self, event: Event, context: &mut Context<'_>) -> Result<Flow, Corrupt>;

    /// Events that wait behind a handler are to find this session.
    fn session_changed(&mut self, id: ConnectionId, session: &Bytes);

    /// The master says something that concerns it.
    fn told(&mut self, news: News);
}

/// What the loop is made of.
pub(super) struct Inlets {
    /// One for each reactor.
    pub(super) lanes: Vec<Intake>,
    /// Where reactors see that this process sleeps.
    pub(super) sleeping: Sleeping,
    /// What they ring then.
    pub(super) bell: Ear,
    pub(super) news: mpsc::UnboundedReceiver<News>,
}

/// A worker or user process while it runs.
pub(super) struct Member<P> {
    pub(super) core: CoreRef,
    pub(super) ports: Arc<RingPorts>,
    pub(super) journal: Rc<RingJournal>,
    pub(super) part: P,
    lanes: Vec<Intake>,
    sleeping: Sleeping,
    bell: AsyncFd<OwnedFd>,
    news: mpsc::UnboundedReceiver<News>,
}

impl<P: Part> Member<P> {
    /// Must be called in a tokio runtime with I/O.
    pub(super) fn new(
        core: CoreRef,
        ports: Arc<RingPorts>,
        journal: Rc<RingJournal>,
        inlets: Inlets,
        part: P,
    ) -> io::Result<Member<P>> {
        let Inlets { lanes, sleeping, bell, news } = inlets;
        Ok(Member { core, ports, journal, part, lanes, sleeping, bell: bell.watch()?, news })
    }

    /// Runs until `until`, which is asked after every turn, is ready.
    ///
    /// tokio sleeps in its own epoll, in which the bell is one descriptor, watched edge-triggered and never read; tasks,
    /// sockets and timers of user code wake the same thread.
    pub(super) async fn run<T>(
        &mut self,
        mut until: impl FnMut(&mut Member<P>, &mut Context<'_>) -> Poll<T>,
    ) -> io::Result<T> {
        self.ports.own();
        let mut turns = 0;
        loop {
            let (more, done) = poll_fn(|context| {
                let more = self.turn(context);
                Poll::Ready(more.map(|more| (more, until(self, context))))
            })
            .await
            .map_err(|corrupt| io::Error::new(io::ErrorKind::InvalidData, corrupt))?;
            if let Poll::Ready(done) = done {
                return Ok(done);
            }
            turns += 1;
            if more && turns < TURNS_MAX {
                continue;
            }
            turns = 0;
            if more {
                tokio::task::yield_now().await;
            } else {
                self.sleep().await?;
            }
        }
    }

    /// Returns when there may be something to do.
    async fn sleep(&mut self) -> io::Result<()> {
        let mut asleep = false;
        poll_fn(|context| {
            // Whatever has woken it: a turn in vain costs little.
            if std::mem::replace(&mut asleep, true) {
                return Poll::Ready(Ok(()));
            }
            self.fall_asleep(context)
        })
        .await?;
        self.sleeping.cancel();
        self.ports.alarm.awake();
        Ok(())
    }

    fn fall_asleep(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.ports.alarm.prepare_sleep(context.waker()) {
            return Poll::Ready(Ok(()));
        }
        match self.news.poll_recv(context) {
            Poll::Ready(Some(news)) => {
                self.hear(news);
                return Poll::Ready(Ok(()));
            }
            // The thread that reads the link has ended, and with it the process.
            Poll::Ready(None) | Poll::Pending => {}
        }
        if self.ports.is_clogged() {
            // Nothing is taken before there is room: only that is waited for.
            if self.ports.flush() {
                return Poll::Ready(Ok(()));
            }
        } else {
            self.sleeping.announce();
            let has_more = self.lanes.iter().any(Intake::has_more);
            if has_more || self.ports.is_clogged() || !self.journal.settle() {
                return Poll::Ready(Ok(()));
            }
        }
        // What the bell has rung for until now was seen above; what comes is a new edge.
        while let Poll::Ready(ready) = self.bell.poll_read_ready(context) {
            ready?.clear_ready();
        }
        Poll::Pending
    }

    /// Does what there is to do. True: there is more.
    pub(super) fn turn(&mut self, context: &mut Context<'_>) -> Result<bool, Corrupt> {
        let ports = self.ports.clone();
        if let Some(corrupt) = ports.broken() {
            return Err(corrupt);
        }
        let mut turn = Turn::begin(&ports);
        let mut heard = 0;
        while heard < NEWS_MAX
            && let Ok(news) = self.news.try_recv()
        {
            self.hear(news);
            heard += 1;
        }
        self.pass_sessions_on();
        let mut more = heard == NEWS_MAX;
        for lane in 0..self.lanes.len() {
            more |= self.take_from(lane, &mut turn, context)?;
        }
        Ok(more)
    }

    /// Deals with what has come from one reactor. True: there is more.
    fn take_from(
        &mut self,
        lane: usize,
        turn: &mut Turn<'_>,
        context: &mut Context<'_>,
    ) -> Result<bool, Corrupt> {
        let before = self.lanes[lane].released();
        let mut more = false;
        for taken in 0.. {
            // What was issued so far is to be in its rings before anything is called dealt with.
            if !self.ports.flush() || !self.journal.settle() {
                break;
            }
            more = self.lanes[lane].has_more();
            let intake = &mut self.lanes[lane];
            if taken >= RECORDS_MAX || (taken > 0 && !turn.goes_on()) {
                intake.release();
                self.journal.released();
                break;
            }
            let whole = intake.next()?;
            self.journal.released();
            let Some(whole) = whole else { break };
            let is_last = !self.lanes[lane].has_more();
            if is_last {
                // Its handler may block; what those before it have sent does not wait for it.
                self.ports.ring_all();
            }
            turn::begin_event(is_last);
            self.deal_with(lane, whole, context)?;
        }
        let intake = &self.lanes[lane];
        if intake.released() != before && intake.space_wanted() {
            self.ports.ring(lane);
        }
        Ok(more && !self.ports.is_clogged())
    }

    fn deal_with(&mut self, lane: usize, whole: Whole, context: &mut Context<'_>) -> Result<(), Corrupt> {
        match self.lanes[lane].decode(whole, &self.core.pipes)? {
            Delivery::Event(event) => return self.take(lane, event, context),
            Delivery::Echo { id, token } => self.ports.sessions.settled(id, token),
            Delivery::Session { id, session } => {
                // What this process has set since is set after it there, too.
                if self.ports.sessions.get(id).is_none() {
                    self.part.session_changed(id, &session);
                }
            }
            Delivery::Answer { token, answer } => self.ports.answered(token, answer),
            Delivery::Taken { to, weight } => self.core.pipes.taken(to, weight),
        }
        Ok(())
    }

    fn take(&mut self, lane: usize, mut event: Event, context: &mut Context<'_>) -> Result<(), Corrupt> {
        let source = event.source;
        if let EventSource::Connection(id) = source
            && let Some(session) = self.ports.sessions.get(id)
        {
            event.session = session;
        }
        self.journal.set_taking(true);
        let flow = self.part.take(event, context);
        self.journal.set_taking(false);
        let flow = flow?;
        if let (Flow::Hold, EventSource::Connection(id)) = (flow, source) {
            let _ = self.ports.send_always(lane, Command::HandlerBehind { id });
        }
        self.pass_sessions_on();
        Ok(())
    }

    fn pass_sessions_on(&mut self) {
        if self.ports.sessions.has_news() {
            for (id, session) in self.ports.sessions.take_news() {
                self.part.session_changed(id, &session);
            }
        }
    }

    /// The master says something.
    fn hear(&mut self, news: News) {
        match news.message {
            ToInstance::Admitted { token, refusal } => self.ports.admitted(token, refusal),
            ToInstance::Response { token, response } => self.ports.responded(token, response),
            message => self.part.told(News { message, ..news }),
        }
    }

    /// Has everything been dealt with that has come, and been said what there is to say?
    pub(super) fn is_drained(&self) -> bool {
        self.is_flushed() && self.lanes.iter().all(Intake::is_empty)
    }

    /// Is everything in its ring that was issued?
    pub(super) fn is_flushed(&self) -> bool {
        self.ports.flush() && self.journal.settle()
    }
}
