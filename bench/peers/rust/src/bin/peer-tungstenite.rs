//! tokio-tungstenite. Whatever can be answered at once leaves in one write: `feed` while more is ready, then `flush`.

use std::future::poll_fn;
use std::task::{Poll, ready};

use futures_util::{SinkExt, StreamExt};
use switchboard_bench_peers::{Error, Hub, Load, accept, forward};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

fn main() -> Result<(), Error> {
    switchboard_bench_peers::run(serve)
}

async fn serve(listener: TcpListener, load: Load) -> Result<(), Error> {
    accept(listener, move |stream, hub| async move {
        let socket = tokio_tungstenite::accept_async(stream).await?;
        match load {
            Load::Echo => echo(socket).await,
            Load::Broadcast => broadcast(socket, hub).await,
        }
    })
    .await
}

async fn echo(mut socket: WebSocketStream<TcpStream>) -> Result<(), Error> {
    let (mut held, mut unflushed) = (None, false);
    poll_fn(|context| {
        loop {
            if held.is_some() {
                ready!(socket.poll_ready_unpin(context))?;
                if let Some(message) = held.take() {
                    socket.start_send_unpin(message)?;
                    unflushed = true;
                }
            }
            match socket.poll_next_unpin(context)? {
                Poll::Ready(Some(message)) if message.is_text() || message.is_binary() => {
                    held = Some(message)
                }
                Poll::Ready(Some(_)) => {}
                Poll::Ready(None) => return Poll::Ready(Ok(())),
                Poll::Pending => {
                    if unflushed {
                        unflushed = socket.poll_flush_unpin(context)?.is_pending();
                    }
                    return Poll::Pending;
                }
            }
        }
    })
    .await
}

async fn broadcast(socket: WebSocketStream<TcpStream>, hub: Hub<Message>) -> Result<(), Error> {
    let queue = hub.subscribe();
    let (sender, mut receiver) = socket.split();
    // A task of its own: every poll of the receiver prepares a read buffer of 128 KiB.
    let writer = tokio::spawn(forward(queue, sender));
    while let Some(Ok(message)) = receiver.next().await {
        if message.is_text() || message.is_binary() {
            hub.broadcast(&message);
        }
    }
    writer.abort();
    Ok(())
}
