//! What the peer servers share: their arguments, their listener, their list of receivers.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::{Sink, SinkExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

/// What the server does with a message.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Load {
    /// Back to its sender.
    Echo,
    /// To every open connection, the sender's too.
    Broadcast,
}

/// Any failure of a connection or of the start.
pub type Error = Box<dyn std::error::Error + Send + Sync>;

/// `echo|broadcast --listen ADDR`.
pub fn arguments() -> Result<(Load, SocketAddr), Error> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [load, flag, address] = arguments.as_slice() else {
        return Err("usage: PEER echo|broadcast --listen ADDRESS:PORT".into());
    };
    let load = match load.as_str() {
        "echo" => Load::Echo,
        "broadcast" => Load::Broadcast,
        other => return Err(format!("unknown load `{other}`: say echo or broadcast").into()),
    };
    if flag != "--listen" {
        return Err(format!("unknown flag `{flag}`: the only one is --listen").into());
    }
    let address = address.parse().map_err(|error| format!("--listen {address}: {error}"))?;
    Ok((load, address))
}

/// Runs `serve` on a runtime of one thread, as the suite gives every server one core.
pub fn run<F>(serve: impl FnOnce(TcpListener, Load) -> F) -> Result<(), Error>
where
    F: Future<Output = Result<(), Error>>,
{
    let (load, address) = arguments()?;
    tokio::runtime::Builder::new_current_thread().enable_io().build()?.block_on(async {
        let listener = TcpListener::bind(address).await?;
        println!("listening on {}", listener.local_addr()?);
        serve(listener, load).await
    })
}

/// Gives each connection, and the list of receivers, to a task of its own.
pub async fn accept<M, F>(listener: TcpListener, handle: impl Fn(TcpStream, Hub<M>) -> F) -> Result<(), Error>
where
    F: Future<Output = Result<(), Error>> + Send + 'static,
{
    let hub = Hub::default();
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(handle(stream, hub.clone()));
    }
}

/// Sends what a queue brings: all that is ready is fed, then flushed.
pub async fn forward<M, S: Sink<M> + Unpin>(
    mut queue: mpsc::Receiver<M>,
    mut sender: S,
) -> Result<(), S::Error> {
    while let Some(message) = queue.recv().await {
        sender.feed(message).await?;
        while let Ok(message) = queue.try_recv() {
            sender.feed(message).await?;
        }
        sender.flush().await?;
    }
    Ok(())
}

/// Messages that wait for one receiver before further ones are dropped for it.
const QUEUE_MESSAGES_MAX: usize = 1024;

/// The open connections of a broadcast server.
pub struct Hub<M>(Arc<Mutex<Vec<mpsc::Sender<M>>>>);

impl<M> Clone for Hub<M> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<M> Default for Hub<M> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<M: Clone> Hub<M> {
    /// A queue that gets every later message; dropping it unsubscribes.
    pub fn subscribe(&self) -> mpsc::Receiver<M> {
        let (sender, receiver) = mpsc::channel(QUEUE_MESSAGES_MAX);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(sender);
        receiver
    }

    /// Queues `message` for all; a receiver whose queue is full misses it.
    pub fn broadcast(&self, message: &M) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|sender| {
            !matches!(sender.try_send(message.clone()), Err(mpsc::error::TrySendError::Closed(_)))
        });
    }
}
