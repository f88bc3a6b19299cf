//! The user process.

use std::fs::File;
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use switchboard::{BoxError, PipeMessage, Process};

use super::{folder, note, perform};

pub(crate) async fn run(mut process: Process) -> Result<(), BoxError> {
    process.take_over().await;
    let lock = File::create(folder().join("keeper.lock"))?;
    if flock(&lock, FlockOperation::NonBlockingLockExclusive).is_err() {
        note("TWO KEEPERS");
    }
    note(format!("keeper {} {}", process.handle().generation(), std::process::id()));
    let mut messages = Vec::new();
    while process.recv_many(&mut messages, 8).await > 0 {
        for message in messages.drain(..) {
            handle(&process, message).await?;
        }
    }
    note(format!("keeper_stop {}", std::process::id()));
    Ok(())
}

async fn handle(process: &Process, message: PipeMessage) -> Result<(), BoxError> {
    let from = message.from().map_or_else(|| "master".to_owned(), |from| from.to_string());
    let body = String::from_utf8_lossy(message.body()).into_owned();
    match body.split_once(' ') {
        Some(("do", rest)) => perform::perform_for(process.handle(), rest).await,
        Some(("nap", millis)) => tokio::time::sleep(Duration::from_millis(millis.parse()?)).await,
        Some(("die", _)) if message.attempt() == 1 => std::process::abort(),
        Some(("fail", _)) if message.attempt() == 1 => return Err("the keeper fails, as it was told".into()),
        _ => {}
    }
    let shown: String = body.chars().take(60).collect();
    note(format!("kept {} {} {from}: {shown}", message.attempt(), body.len()));
    Ok(())
}
