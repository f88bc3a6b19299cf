//! Messages that were there before the index for searches was are put into it, some at a time, while the hub does its work.

use std::time::Duration;

use tokio::time::Instant;

use crate::limits::INDEX_PAUSES;
use crate::store::Writer;

/// After an error: the disk may be full.
const AFTER_ERROR: Duration = Duration::from_secs(60);

/// `due`: when to put some more into it; None: all messages are there.
#[derive(Debug)]
pub(super) struct Indexing {
    due: Option<Instant>,
}

impl Indexing {
    pub(super) fn new() -> Self {
        Self { due: Some(Instant::now()) }
    }

    pub(super) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Puts some more into it if it is time to; no transaction may be open. Called after every batch, so that it goes on however busy the hub is.
    pub(super) fn go_on(&mut self, writer: &mut Writer) {
        let began = Instant::now();
        if self.due.is_none_or(|due| began < due) {
            return;
        }
        let pause = match writer.index_more() {
            Ok(true) => began.elapsed() * INDEX_PAUSES,
            Ok(false) => {
                self.due = None;
                return;
            }
            Err(error) => {
                tracing::error!(%error, "older messages cannot be found yet: the index for searches was not written");
                AFTER_ERROR
            }
        };
        self.due = Some(Instant::now() + pause);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TempDirectory;

    #[tokio::test]
    async fn it_ends_when_all_are_there() {
        let directory = TempDirectory::new();
        let mut writer = Writer::open(&directory.database()).expect("opened");
        let mut indexing = Indexing::new();
        assert!(indexing.due().is_some_and(|due| due <= Instant::now()));
        indexing.go_on(&mut writer);
        assert_eq!(indexing.due(), None);
        writer.connection().execute("DROP TABLE not_indexed", []).expect("dropped");
        let mut indexing = Indexing::new();
        indexing.go_on(&mut writer);
        assert!(
            indexing.due().is_some_and(|due| due > Instant::now() + AFTER_ERROR / 2),
            "not at once again"
        );
    }
}
