//! tokio-websockets. Whatever can be answered at once leaves in few writes: all that is ready is fed, then flushed.

use futures_util::{FutureExt, SinkExt, StreamExt};
use switchboard_bench_peers::{Error, Hub, Load};
use tokio::net::{TcpListener, TcpStream};
use tokio_websockets::{Message, ServerBuilder, WebSocketStream};

fn main() -> Result<(), Error> {
    switchboard_bench_peers::run(serve)
}

async fn serve(listener: TcpListener, load: Load) -> Result<(), Error> {
    let hub = Hub::default();
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let hub = hub.clone();
        tokio::spawn(async move {
            let (_request, socket) = ServerBuilder::new().accept(stream).await?;
            match load {
                Load::Echo => tokio::task::unconstrained(echo(socket)).await,
                Load::Broadcast => broadcast(socket, hub).await,
            }
        });
    }
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
    let mut queue = hub.subscribe();
    let (mut sender, mut receiver) = socket.split();
    let writer = tokio::spawn(async move {
        while let Some(message) = queue.recv().await {
            sender.feed(message).await?;
            while let Ok(message) = queue.try_recv() {
                sender.feed(message).await?;
            }
            sender.flush().await?;
        }
        Ok::<_, tokio_websockets::Error>(())
    });
    while let Some(Ok(message)) = receiver.next().await {
        if message.is_text() || message.is_binary() {
            hub.broadcast(&message);
        }
    }
    writer.abort();
    Ok(())
}
