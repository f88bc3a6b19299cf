//! What connections say after the handshake, where a server lets nobody in before.

use std::ops::Range;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use switchboard_proto::{OpCode, encode_masked_frame};

use super::connection::{Connection, Inbox};
use super::dialect::{Dialect, Heard};
use super::frames::MASK;
use crate::poller::Poller;

/// How long nothing may come while somebody is not let in.
const PATIENCE: Duration = Duration::from_secs(10);

/// Connections that ask to be let in at once: each answer holds the last messages of a room.
const AT_A_TIME: usize = 1_000;

/// The frames.
pub(super) fn greeting(dialect: Dialect, index: usize, rooms: usize) -> Vec<u8> {
    let mut frames = Vec::new();
    for message in dialect.greeting(index, rooms) {
        encode_masked_frame(OpCode::Text, true, message.as_bytes(), MASK, &mut frames);
    }
    frames
}

/// Has the server let all connections in; the first one of each of the `rooms` before the others, as it may have to prepare something
/// for them.
///
/// # Errors
/// The server refuses one of them, or nothing comes for ten seconds.
pub fn greet(
    dialect: Dialect,
    rooms: usize,
    connections: &mut [Connection],
    poller: &mut Poller,
    inbox: &mut Inbox,
) -> Result<()> {
    if dialect == Dialect::Plain {
        return Ok(());
    }
    let mut welcome = vec![false; connections.len()];
    let mut from = 0;
    while from < connections.len() {
        let to = if from == 0 { rooms } else { from + AT_A_TIME };
        let some = from..to.min(connections.len());
        for index in some.clone() {
            connections[index].send(poller, &greeting(dialect, index, rooms))?;
        }
        await_welcome(dialect, some.clone(), &mut welcome, connections, poller, inbox)?;
        from = some.end;
    }
    Ok(())
}

fn await_welcome(
    dialect: Dialect,
    some: Range<usize>,
    welcome: &mut [bool],
    connections: &mut [Connection],
    poller: &mut Poller,
    inbox: &mut Inbox,
) -> Result<()> {
    let mut last_progress = Instant::now();
    while !welcome[some.clone()].iter().all(|&is_in| is_in) {
        ensure!(last_progress.elapsed() <= PATIENCE, "the server lets nobody in");
        let ready = poller.wait(Some(PATIENCE))?;
        for position in 0..ready {
            let Some(event) = poller.ready(position) else { continue };
            let connection = &mut connections[event.index];
            if event.writable {
                connection.flush(poller)?;
            }
            connection.receive(poller, inbox, |_, message| {
                welcome[event.index] |= dialect.understand(message)? == Heard::Welcome;
                Ok(())
            })?;
            if let Some(reason) = connection.lost() {
                anyhow::bail!("connection {} was not let in: {reason}", event.index);
            }
            last_progress = Instant::now();
        }
    }
    Ok(())
}
