//! Panics of user code stay where they happen.

use std::any::Any;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

/// Polls a future; a panic is its result. Do not poll it again then.
pub(super) fn poll_guarded<F: Future + ?Sized>(
    future: Pin<&mut F>,
    context: &mut Context<'_>,
) -> Poll<Result<F::Output, Panic>> {
    match catch_unwind(AssertUnwindSafe(|| future.poll(context))) {
        Ok(poll) => poll.map(Ok),
        Err(payload) => Poll::Ready(Err(Panic::from_payload(payload.as_ref()))),
    }
}

/// What user code panicked with.
#[derive(Debug)]
pub(super) struct Panic(pub(super) String);

impl Panic {
    fn from_payload(payload: &(dyn Any + Send)) -> Panic {
        let text = payload.downcast_ref::<&str>().copied();
        let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
        Panic(text.unwrap_or("a value that is no text").to_owned())
    }
}
