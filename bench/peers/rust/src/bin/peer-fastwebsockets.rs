//! fastwebsockets behind hyper, as in its own echo example; the broadcast uses its split halves, for `read_frame` must
//! not be cancelled.

use fastwebsockets::upgrade::{UpgradeFut, upgrade};
use fastwebsockets::{FragmentCollector, FragmentCollectorRead, Frame, OpCode, Payload, WebSocketError};
use http_body_util::Empty;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use switchboard_bench_peers::{Error, Hub, Load, accept};
use tokio::net::TcpListener;

fn main() -> Result<(), Error> {
    switchboard_bench_peers::run(serve)
}

/// One message as all receivers share it.
#[derive(Clone)]
struct Message {
    opcode: OpCode,
    payload: Bytes,
}

async fn serve(listener: TcpListener, load: Load) -> Result<(), Error> {
    accept(listener, move |stream, hub| async move {
        let service = service_fn(move |request| answer(request, load, hub.clone()));
        http1::Builder::new().serve_connection(TokioIo::new(stream), service).with_upgrades().await?;
        Ok(())
    })
    .await
}

async fn answer(
    mut request: Request<Incoming>,
    load: Load,
    hub: Hub<Message>,
) -> Result<Response<Empty<Bytes>>, WebSocketError> {
    let (response, connection) = upgrade(&mut request)?;
    tokio::spawn(async move {
        match load {
            Load::Echo => tokio::task::unconstrained(echo(connection)).await,
            Load::Broadcast => broadcast(connection, hub).await,
        }
    });
    Ok(response)
}

async fn echo(connection: UpgradeFut) -> Result<(), WebSocketError> {
    let mut socket = FragmentCollector::new(connection.await?);
    loop {
        let frame = socket.read_frame().await?;
        match frame.opcode {
            OpCode::Close => return Ok(()),
            OpCode::Text | OpCode::Binary => socket.write_frame(frame).await?,
            _ => {}
        }
    }
}

async fn broadcast(connection: UpgradeFut, hub: Hub<Message>) -> Result<(), WebSocketError> {
    let (receiver, mut sender) = connection.await?.split(tokio::io::split);
    let mut receiver = FragmentCollectorRead::new(receiver);
    let mut queue = hub.subscribe();
    let writer = tokio::spawn(async move {
        while let Some(Message { opcode, payload }) = queue.recv().await {
            let frame = Frame::new(true, opcode, None, Payload::Borrowed(&payload));
            if sender.write_frame(frame).await.is_err() {
                return;
            }
        }
    });
    // The generator sends no ping, so nothing needs to be answered here.
    let mut no_reply = |_| async { Ok::<_, WebSocketError>(()) };
    let result = loop {
        match receiver.read_frame::<_, WebSocketError>(&mut no_reply).await {
            Ok(Frame { opcode: OpCode::Close, .. }) => break Ok(()),
            Ok(Frame { opcode: opcode @ (OpCode::Text | OpCode::Binary), payload, .. }) => {
                hub.broadcast(&Message { opcode, payload: Bytes::copy_from_slice(&payload) });
            }
            Ok(_) => {}
            Err(error) => break Err(error),
        }
    };
    writer.abort();
    result
}
