//! tokio-websockets. Whatever can be answered at once leaves in few writes: all that is ready is fed, then flushed.

use futures_util::{FutureExt, SinkExt, StreamExt};
use switchboard_bench_peers::{Error, Hub, Load, accept, forward};
use tokio::net::{TcpListener, TcpStream};
use tokio_websockets::{Message, ServerBuilder, WebSocketStream};

fn main() -> Result<(), Error> {
    switchboard_bench_peers::run(serve)
}

async fn serve(listener: TcpListener, load: Load) -> Result<(), Error> {
    accept(listener, move |stream, hub| async move {
        let (_request, socket) = ServerBuilder::new().accept(stream).await?;
        match load {
            Load::Echo => tokio::task::unconstrained(echo(socket)).await,
            Load::Broadcast => broadcast(socket, hub).await,
        }
    })
    .await
}

async fn echo(mut socket: WebSocketStream<TcpStream>) -> Result<(), Error> {
    let mut ready = Vec::new();
    while let Some(message) = socket.next().await {
        ready.push(message?);
        // All that is there first: reading sends what was fed before.
        while let Some(message) = socket.next().now_or_never() {
            let Some(message) = message else { return Ok(()) };
            ready.push(message?);
        }
        for message in ready.drain(..).filter(|message| message.is_text() || message.is_binary()) {
            socket.feed(message).await?;
        }
        socket.flush().await?;
    }
    Ok(())
}

async fn broadcast(socket: WebSocketStream<TcpStream>, hub: Hub<Message>) -> Result<(), Error> {
    let queue = hub.subscribe();
    let (sender, mut receiver) = socket.split();
    let writer = tokio::spawn(forward(queue, sender));
    while let Some(Ok(message)) = receiver.next().await {
        if message.is_text() || message.is_binary() {
            hub.broadcast(&message);
        }
    }
    writer.abort();
    Ok(())
}
