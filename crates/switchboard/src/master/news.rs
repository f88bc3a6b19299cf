//! What other threads tell the thread that leads the master.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

use super::lanes::{LaneReport, Reporter};
use crate::error::StartError;
use crate::status::ConductorRequest;
use crate::sys::Doorbell;

/// Requests that may wait for an answer.
const REQUESTS_MAX: usize = 1_024;

/// Something that the conductor has to know.
#[derive(Debug)]
pub(super) enum News {
    Lane(LaneReport),
    Request(ConductorRequest),
    /// A stop has begun.
    Stopping,
    ReactorFailed(StartError),
    ReactorEnded {
        reactor: usize,
        panicked: bool,
    },
}

/// One for each thread that has something to tell.
#[derive(Debug, Clone)]
pub(super) struct NewsSender {
    sender: mpsc::Sender<News>,
    bell: Arc<Doorbell>,
    requests: Arc<AtomicUsize>,
}

#[derive(Debug)]
pub(super) struct NewsReceiver {
    receiver: mpsc::Receiver<News>,
    bell: Arc<Doorbell>,
    requests: Arc<AtomicUsize>,
}

pub(super) fn channel() -> io::Result<(NewsSender, NewsReceiver)> {
    let (sender, receiver) = mpsc::channel();
    let (bell, requests) = (Arc::new(Doorbell::new()?), Arc::new(AtomicUsize::new(0)));
    let sender = NewsSender { sender, bell: bell.clone(), requests: requests.clone() };
    Ok((sender, NewsReceiver { receiver, bell, requests }))
}

impl NewsSender {
    /// What takes the reports of the reactors' lanes.
    pub(super) fn reporter(&self) -> Reporter {
        let sender = self.clone();
        Arc::new(move |report| sender.send(News::Lane(report)))
    }

    /// Passes a request on, unless too many wait already.
    pub(super) fn request(&self, request: ConductorRequest) {
        if self.requests.fetch_add(1, Ordering::Relaxed) < REQUESTS_MAX {
            return self.send(News::Request(request));
        }
        self.requests.fetch_sub(1, Ordering::Relaxed);
        request.refuse_busy();
    }

    pub(super) fn send(&self, news: News) {
        // After the end nobody needs to know.
        if self.sender.send(news).is_ok() {
            self.bell.ring();
        }
    }
}

impl NewsReceiver {
    /// To be polled for input.
    pub(super) fn descriptor(&self) -> BorrowedFd<'_> {
        self.bell.as_fd()
    }

    /// Everything that has come.
    pub(super) fn take(&self) -> Vec<News> {
        self.bell.silence();
        let news: Vec<News> = self.receiver.try_iter().collect();
        let requests = news.iter().filter(|news| matches!(news, News::Request(_))).count();
        self.requests.fetch_sub(requests, Ordering::Relaxed);
        news
    }
}
