//! The HTTP service of the workers.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Path;
use axum::routing::{get, post};
use bytes::Bytes;
use http_body::Frame;
use switchboard::Worker;
use tokio::time::{Interval, interval};

use super::{note, perform};

pub(crate) fn router(worker: Worker) -> Router {
    let handle = worker.handle().clone();
    let who = format!("{} {} {}", worker.id(), handle.generation(), std::process::id());
    Router::new()
        .route("/who", get(async move || who.clone()))
        .route("/length", post(async |body: Bytes| body.len().to_string()))
        .route("/stream/{chunks}", get(async |Path(chunks): Path<u32>| Body::new(Stream::new(chunks))))
        .route(
            "/slow/{millis}",
            get(async |Path(millis): Path<u64>| {
                note(format!("request {}", std::process::id()));
                tokio::time::sleep(Duration::from_millis(millis)).await;
                "slow"
            }),
        )
        .route("/die", get(async || -> String { std::process::abort() }))
        .route("/panic", get(async || -> String { panic!("a request panics, as it was told") }))
        .route(
            "/do/{command}",
            get(move |Path(command): Path<String>| {
                let handle = handle.clone();
                async move { perform::perform(&handle, None, &command.replace('+', " ")).await }
            }),
        )
}

/// A body that comes in pieces, one in 20 ms.
struct Stream {
    left: u32,
    clock: Interval,
}

impl Stream {
    fn new(chunks: u32) -> Stream {
        Stream { left: chunks, clock: interval(Duration::from_millis(20)) }
    }
}

impl http_body::Body for Stream {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        ready!(self.clock.poll_tick(context));
        self.left -= 1;
        Poll::Ready(Some(Ok(Frame::data(Bytes::from(format!("chunk {}\n", self.left))))))
    }
}
