//! The server's side: a small thread of the master.

use std::io;
use std::os::unix::net::{SocketAddr, UnixListener as StdUnixListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use switchboard::Handle;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

use super::table::{Table, seconds_and_milliseconds};
use super::{BYTES_WITHIN, FAILED, OK, Order, address, is_trusted, own_uid};
use crate::limits::{ORDER_BYTES_MAX, ORDERS_MAX};

/// How often the address is tried, and how long after each other: a server that was killed gives it up when it has ended.
const BIND_ATTEMPTS: u32 = 20;
const BIND_EVERY: Duration = Duration::from_millis(100);

/// Takes orders about the server from now on. A server that cannot is none the worse for it, but for the log.
pub(crate) fn serve(handle: &Handle, data: &Path) {
    if let Err(error) = start(Desk { handle: handle.clone(), data: data.to_owned() }) {
        tracing::warn!(%error, "the commands status, reload and stop will not find this server");
    }
}

fn start(desk: Desk) -> io::Result<()> {
    let listener = listen(&address(&desk.data)?)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let run = move || {
        if let Err(error) = runtime.block_on(desk.run(listener)) {
            tracing::warn!(%error, "the commands status, reload and stop do not find this server any more");
        }
    };
    std::thread::Builder::new().name("control".into()).spawn(run).map(drop)
}

fn listen(address: &SocketAddr) -> io::Result<StdUnixListener> {
    let mut attempts = 1;
    let listener = loop {
        match StdUnixListener::bind_addr(address) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && attempts < BIND_ATTEMPTS => {
                attempts += 1;
                std::thread::sleep(BIND_EVERY);
            }
            other => break other?,
        }
    };
    listener.set_nonblocking(true)?;
    Ok(listener)
}

#[derive(Clone)]
struct Desk {
    handle: Handle,
    data: PathBuf,
}

impl Desk {
    async fn run(self, listener: StdUnixListener) -> io::Result<()> {
        let listener = UnixListener::from_std(listener)?;
        let places = Arc::new(Semaphore::new(ORDERS_MAX));
        loop {
            let Ok(place) = places.clone().acquire_owned().await else { return Ok(()) };
            match listener.accept().await {
                Ok((stream, _)) => {
                    let desk = self.clone();
                    tokio::spawn(async move {
                        if let Err(error) = desk.receive(stream).await {
                            tracing::debug!(%error, "an order was not answered");
                        }
                        drop(place);
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "an order was not received");
                    sleep(BIND_EVERY).await;
                }
            }
        }
    }

    async fn receive(&self, mut stream: UnixStream) -> io::Result<()> {
        if !is_trusted(stream.peer_cred()?.uid(), &[own_uid()]) {
            return reply(
                &mut stream,
                Err("only the user who runs the server, and root, may do that".into()),
            )
            .await;
        }
        let name = timeout(BYTES_WITHIN, read_order(&mut stream)).await??;
        tracing::debug!(order = name, "an order came");
        match Order::from_name(&name) {
            Some(Order::Status) => reply(&mut stream, self.status().await).await,
            Some(Order::Reload) => reply(&mut stream, self.reload().await).await,
            Some(Order::Stop) => {
                self.handle.shutdown();
                // The end of this process ends the stream.
                std::future::pending().await
            }
            None => reply(&mut stream, Err("the running server does not know this command".into())).await,
        }
    }

    async fn status(&self) -> Result<String, String> {
        let status = self.handle.status().await.map_err(|error| error.to_string())?;
        Ok(Table::new(&status, self.handle.listening(), &self.data).to_string())
    }

    async fn reload(&self) -> Result<String, String> {
        let reloaded = self.handle.reload().await.map_err(|error| format!("not reloaded: {error}"))?;
        let took = seconds_and_milliseconds(reloaded.took);
        Ok(format!("reloaded: generation {} → {} in {took}\n", reloaded.from, reloaded.to))
    }
}

async fn read_order(stream: &mut UnixStream) -> io::Result<String> {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\n") {
        if bytes.len() >= ORDER_BYTES_MAX {
            return Err(io::ErrorKind::InvalidData.into());
        }
        bytes.push(stream.read_u8().await?);
    }
    Ok(String::from_utf8_lossy(bytes.trim_ascii()).into_owned())
}

async fn reply(stream: &mut UnixStream, answer: Result<String, String>) -> io::Result<()> {
    let (word, text) = match &answer {
        Ok(text) => (OK, text),
        Err(text) => (FAILED, text),
    };
    timeout(BYTES_WITHIN, stream.write_all(format!("{word}\n{text}").as_bytes())).await?
}
