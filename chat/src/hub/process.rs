//! The hub as a process of the server.

use std::path::Path;
use std::time::Duration;

use switchboard::{BoxError, Handle, PipeMessage, Process, QueryError, Recipient};
use tokio::time::{Instant, sleep, timeout_at};

use super::indexing::Indexing;
use super::outbox::ToClients;
use super::pace::Pace;
use super::rebuild::Kept;
use super::refuse::Unreadable;
use super::{Command, Hub, What};
use crate::account::call::is_call;
use crate::limits::{
    BATCH_REQUESTS_MAX, PREDECESSOR_WAIT_MS_MAX, REACTOR_WAIT_MS_MAX, REQUEST_ATTEMPTS_MAX,
    REQUEST_ATTEMPTS_TOGETHER_MAX,
};
use crate::store::{self, Published, StoreError, Writer, database_in};

/// Runs until the server stops or another hub takes over. What was acknowledged is on disk when it returns.
///
/// `rate_limits`: see [`Pace`]. `leave_grace`: see [`Hub::load`].
pub(crate) async fn run(
    mut process: Process,
    data: &Path,
    rate_limits: u32,
    leave_grace: Duration,
) -> Result<(), BoxError> {
    let database = database_in(data);
    // While there may still be another one to go on with.
    store::check(&database)?;
    process.take_over().await;
    let handle = process.handle().clone();
    let published = take_alone(data).await?;
    let connections = connections(&handle).await?;
    // Where nobody is, nobody has missed anything.
    let last_published = published.last().filter(|_| !connections.is_empty());
    let outbox = ToClients::new(handle.clone(), published);
    let mut hub = Hub::load(outbox, Writer::open(&database)?, Pace::new(rate_limits), leave_grace)?;
    let is_empty = connections.is_empty();
    hub.rebuild(connections).await;
    hub.recall_departures(is_empty)?;
    hub.publish_rest(last_published).await?;

    let mut messages = Vec::with_capacity(BATCH_REQUESTS_MAX);
    // What has ended more than one hub comes alone, so that the others are not refused with it.
    let mut is_careful = true;
    let mut indexing = Indexing::new();
    loop {
        let receiving = process.recv_many(&mut messages, if is_careful { 1 } else { BATCH_REQUESTS_MAX });
        let due = hub.next_departure().into_iter().chain(indexing.due()).chain([hub.forgets_at()]).min();
        let received = match due {
            Some(at) => timeout_at(at, receiving).await,
            None => Ok(receiving.await),
        };
        match received {
            Ok(0) => break,
            Ok(_) => {}
            // Whatever else there is to do: nobody is kept waiting to leave.
            Err(_) => {
                hub.say_goodbye(Instant::now()).await;
                indexing.go_on(&mut hub.writer);
                hub.forget_rooms(Instant::now()).await;
                continue;
            }
        }
        is_careful = messages.iter().any(|message| message.attempt() > REQUEST_ATTEMPTS_TOGETHER_MAX);
        carry_out(&mut hub, messages.drain(..)).await;
        hub.say_goodbye(Instant::now()).await;
        indexing.go_on(&mut hub.writer);
        hub.forget_rooms(Instant::now()).await;
    }
    hub.close()?;
    Ok(())
}

/// Carries out messages in their order: what clients have asked for together, each call of a worker by itself.
async fn carry_out(hub: &mut Hub<ToClients>, messages: impl ExactSizeIterator<Item = PipeMessage>) {
    let mut batch = Vec::with_capacity(messages.len());
    hub.begin_batch();
    for message in messages {
        if is_call(message.body()) {
            hub.handle(std::mem::take(&mut batch)).await;
            answer(hub, &message).await;
            continue;
        }
        match read(&message) {
            Ok(command) => batch.push(command),
            Err(unreadable) => hub.refuse(unreadable).await,
        }
    }
    hub.handle(batch).await;
}

/// The right to write to the database. A server that was killed leaves its hub behind for some moments.
async fn take_alone(data: &Path) -> Result<Published, StoreError> {
    let began = Instant::now();
    loop {
        if let Some(published) = Published::open(data)? {
            return Ok(published);
        }
        if began.elapsed() > Duration::from_millis(PREDECESSOR_WAIT_MS_MAX) {
            return Err(StoreError::InUse { path: data.to_owned(), owner: String::new() });
        }
        sleep(Duration::from_millis(5)).await;
    }
}

/// All open connections; waits for reactors that have much to do.
async fn connections(handle: &Handle) -> Result<Vec<Kept>, QueryError> {
    // Before the server has started nobody could answer.
    if handle.connections().is_empty() {
        return Ok(Vec::new());
    }
    let began = Instant::now();
    loop {
        match handle.snapshot().await {
            Err(QueryError::QueueFull) if began.elapsed() < Duration::from_millis(REACTOR_WAIT_MS_MAX) => {
                sleep(Duration::from_millis(1)).await;
            }
            // Nobody is there any more, and what is queued is still to be stored.
            Err(QueryError::Stopped) => return Ok(Vec::new()),
            answer => return answer.map(|states| states.into_iter().map(Kept::from).collect()),
        }
    }
}

async fn answer(hub: &mut Hub<ToClients>, message: &PipeMessage) {
    match message.from() {
        Some(Recipient::Worker(worker)) if message.attempt() <= REQUEST_ATTEMPTS_MAX => {
            hub.called(*worker, message.body()).await;
        }
        _ => tracing::error!("a call is nobody's, or has ended the hub several times; it was dropped"),
    }
}

fn read(message: &PipeMessage) -> Result<Command, Unreadable> {
    let command = Command::decode(message.body(), message.attempt())?;
    match command.what {
        What::Asked { envelope, .. } if command.attempt > REQUEST_ATTEMPTS_MAX => {
            Err(Unreadable::Fatal { conn: command.conn, id: envelope.id })
        }
        _ => Ok(command),
    }
}
