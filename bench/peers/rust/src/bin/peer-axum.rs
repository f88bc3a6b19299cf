//! axum's WebSocket extractor, used as its documentation does.

use axum::Router;
use axum::extract::State;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::response::Response;
use axum::routing::any;
use axum::serve::ListenerExt;
use futures_util::{SinkExt, StreamExt};
use switchboard_bench_peers::{Error, Hub, Load};
use tokio::net::TcpListener;

fn main() -> Result<(), Error> {
    switchboard_bench_peers::run(serve)
}

async fn serve(listener: TcpListener, load: Load) -> Result<(), Error> {
    let app = match load {
        Load::Echo => Router::new().route("/", any(upgrade_echo)),
        Load::Broadcast => Router::new().route("/", any(upgrade_broadcast)).with_state(Hub::default()),
    };
    let listener = listener.tap_io(|stream| {
        if let Err(error) = stream.set_nodelay(true) {
            eprintln!("TCP_NODELAY: {error}");
        }
    });
    Ok(axum::serve(listener, app).await?)
}

async fn upgrade_echo(upgrade: WebSocketUpgrade) -> Response {
    upgrade.on_upgrade(echo)
}

async fn echo(mut socket: WebSocket) {
    while let Some(Ok(message)) = socket.recv().await {
        if matches!(message, Message::Text(_) | Message::Binary(_)) && socket.send(message).await.is_err() {
            return;
        }
    }
}

async fn upgrade_broadcast(upgrade: WebSocketUpgrade, State(hub): State<Hub<Message>>) -> Response {
    upgrade.on_upgrade(move |socket| broadcast(socket, hub))
}

async fn broadcast(socket: WebSocket, hub: Hub<Message>) {
    let mut queue = hub.subscribe();
    let (mut sender, mut receiver) = socket.split();
    let writer = tokio::spawn(async move {
        while let Some(message) = queue.recv().await {
            if sender.send(message).await.is_err() {
                return;
            }
        }
    });
    while let Some(Ok(message)) = receiver.next().await {
        if matches!(message, Message::Text(_) | Message::Binary(_)) {
            hub.broadcast(&message);
        }
    }
    writer.abort();
}
