//! The reactor threads of a master.

use std::io;
use std::thread::{self, JoinHandle};

use super::lanes::{Lanes, LanesShared};
use super::news::{News, NewsSender};
use crate::core::CoreRef;
use crate::error::StartError;
use crate::reactor::{self, Reactor};

/// What a reactor thread begins with.
pub(super) struct ReactorThread {
    pub(super) index: usize,
    pub(super) core: CoreRef,
    pub(super) lanes: LanesShared,
    pub(super) news: NewsSender,
}

impl ReactorThread {
    pub(super) fn spawn(self) -> Result<JoinHandle<()>, StartError> {
        let thread = thread::Builder::new().name(format!("reactor-{}", self.index));
        let spawned = thread.spawn(move || self.main());
        spawned.map_err(|source| StartError::System { what: "cannot start a reactor thread", source })
    }

    fn main(self) {
        // Sent on every way out, a panic included.
        let _ended = EndReport { reactor: self.index, news: self.news.clone() };
        let news = self.news.clone();
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build_local(Default::default());
        let ran = match runtime {
            Ok(runtime) => runtime.block_on(tokio::task::unconstrained(self.serve())),
            Err(error) => Err(error),
        };
        if let Err(source) = ran {
            news.send(News::ReactorFailed(StartError::System { what: "a reactor failed", source }));
        }
    }

    async fn serve(self) -> io::Result<()> {
        let dispatch = Box::new(Lanes::new(self.index, self.core.clone(), self.lanes.clone()));
        let reactor = Reactor::new(self.index, self.core.clone(), dispatch)?;
        reactor::run(reactor).await
    }
}

struct EndReport {
    reactor: usize,
    news: NewsSender,
}

impl Drop for EndReport {
    fn drop(&mut self) {
        self.news.send(News::ReactorEnded { reactor: self.reactor, panicked: thread::panicking() });
    }
}
