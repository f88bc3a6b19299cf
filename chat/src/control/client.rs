//! The side of whoever gives an order.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::net::UnixStream as StdUnixStream;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, bail};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::time::timeout;

use super::{FAILED, OK, Order, address, is_trusted, own_uid};
use crate::limits::ANSWER_BYTES_MAX;
use crate::store::data_path;

/// How long an order may take: longer than the server's own limits on starting workers, and on stopping.
const ANSWER_WITHIN: Duration = Duration::from_secs(120);

/// Has the server that runs on this data directory carry out an order, and prints what it says.
pub(crate) fn carry_out(order: Order, data: &Path) -> anyhow::Result<()> {
    let data = data_path(data)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let carried_out = runtime.block_on(async { timeout(ANSWER_WITHIN, give(order, &data)).await });
    let text = carried_out
        .with_context(|| format!("the server has not answered within {} s", ANSWER_WITHIN.as_secs()))??;
    print!("{text}");
    Ok(())
}

async fn give(order: Order, data: &Path) -> anyhow::Result<String> {
    let mut stream = connect(data)?;
    let peer = stream.peer_cred()?;
    let owner = std::fs::metadata(data)?.uid();
    if !is_trusted(peer.uid(), &[own_uid(), owner]) {
        bail!("somebody else's program (user {}) answers for {}", peer.uid(), data.display());
    }
    // Opened while the process surely lives: its number cannot be another's.
    let process =
        peer.pid().and_then(Pid::from_raw).and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok());
    // Whoever does not listen may still say why.
    let _ = stream.write_all(format!("{}\n", order.name()).as_bytes()).await;
    let answer = read_answer(&mut stream).await.with_context(|| lost(data))?;
    match answer.split_once('\n') {
        Some((OK, text)) => Ok(text.to_owned()),
        Some((FAILED, text)) => bail!("{}", text.trim_end()),
        // That of a stop is the end of the process.
        _ if order == Order::Stop && answer.is_empty() => {
            process.map_or(Ok(()), |process| await_end(&process))?;
            Ok("stopped\n".to_owned())
        }
        _ => bail!("{}", lost(data)),
    }
}

/// Returns when a process has ended, and has given back all that it held.
fn await_end(process: &OwnedFd) -> anyhow::Result<()> {
    let patience = Timespec::try_from(ANSWER_WITHIN)?;
    match poll(&mut [PollFd::new(process, PollFlags::IN)], Some(&patience))? {
        0 => bail!("the server takes more than {} s to end", ANSWER_WITHIN.as_secs()),
        _ => Ok(()),
    }
}

fn connect(data: &Path) -> anyhow::Result<UnixStream> {
    let stream = StdUnixStream::connect_addr(&address(data)?).map_err(|error| match error.kind() {
        io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound => {
            anyhow::anyhow!("no server runs on the data directory {}", data.display())
        }
        _ => anyhow::Error::new(error).context("cannot reach the server"),
    })?;
    stream.set_nonblocking(true)?;
    Ok(UnixStream::from_std(stream)?)
}

async fn read_answer(stream: &mut UnixStream) -> io::Result<String> {
    let mut bytes = Vec::new();
    match stream.take(ANSWER_BYTES_MAX as u64).read_to_end(&mut bytes).await {
        // A process that is killed resets what it has not read.
        Err(error) if error.kind() != io::ErrorKind::ConnectionReset => return Err(error),
        _ => {}
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn lost(data: &Path) -> String {
    format!("the server on the data directory {} ended before it had answered", data.display())
}
