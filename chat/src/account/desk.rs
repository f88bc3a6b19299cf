//! Where a worker asks the hub something and waits for the answer, which comes as a message from process to process.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use switchboard::Handle;
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::call::{Answer, Call};
use crate::hub::HUB;
use crate::limits::{CALL_WAIT_MS_MAX, CALLS_WAITING_MAX};
use crate::protocol::Refusal;
use crate::ticket::random;

/// The calls of one worker that wait for their answers.
#[derive(Debug)]
pub(crate) struct Desk {
    handle: Handle,
    waiting: Mutex<Waiting>,
}

#[derive(Debug)]
struct Waiting {
    /// Keys begin anywhere: an answer to a worker that has gone is none to its successor.
    last_key: u64,
    answers: HashMap<u64, oneshot::Sender<Answer>>,
}

impl Desk {
    pub(crate) fn new(handle: Handle) -> Self {
        let waiting = Waiting { last_key: random(), answers: HashMap::new() };
        Self { handle, waiting: Mutex::new(waiting) }
    }

    /// Waits until the hub has answered; `busy` if that takes too long. A hub that is killed meanwhile leaves the call to the
    /// next one.
    pub(crate) async fn ask(&self, call: Call) -> Result<Answer, Refusal> {
        let (sender, answer) = oneshot::channel();
        let key = {
            let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            // Those who ask may have given up.
            waiting.answers.retain(|_, sender| !sender.is_closed());
            if waiting.answers.len() >= CALLS_WAITING_MAX {
                return Err(Refusal::busy());
            }
            waiting.last_key = waiting.last_key.wrapping_add(1);
            let key = waiting.last_key;
            waiting.answers.insert(key, sender);
            key
        };
        let asked = async {
            self.handle.send_message(HUB, call.encode(key)).await.ok()?;
            answer.await.ok()
        };
        timeout(Duration::from_millis(CALL_WAIT_MS_MAX), asked).await.ok().flatten().ok_or_else(Refusal::busy)
    }

    /// A message came that may be an answer.
    pub(crate) fn receive(&self, body: &[u8]) {
        let Some((key, answer)) = Answer::decode(body) else {
            tracing::warn!("a message to a worker could not be read and was dropped");
            return;
        };
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sender) = waiting.answers.remove(&key) {
            // Whoever asked may have given up.
            let _ = sender.send(answer);
        }
    }
}
