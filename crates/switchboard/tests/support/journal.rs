//! What the server's events were, in the order in which they were handled.

use std::sync::{Arc, Condvar, Mutex};
use std::time::Instant;

use switchboard::{Closed, ClosedBy, Conn, ConnectionId, Message, OnClose, OnMessage, OnOpen, Request};

use super::PATIENCE;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Entry {
    Open(ConnectionId),
    Message(ConnectionId, String),
    Close(ConnectionId, Closed),
    Note(String),
}

impl Entry {
    fn id(&self) -> Option<ConnectionId> {
        match self {
            Entry::Open(id) | Entry::Message(id, _) | Entry::Close(id, _) => Some(*id),
            Entry::Note(_) => None,
        }
    }
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Journal(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    entries: Mutex<Vec<Entry>>,
    changed: Condvar,
}

impl Journal {
    pub(crate) fn add(&self, entry: Entry) {
        self.0.entries.lock().unwrap().push(entry);
        self.0.changed.notify_all();
    }

    pub(crate) fn note(&self, text: impl Into<String>) {
        self.add(Entry::Note(text.into()));
    }

    pub(crate) fn entries(&self) -> Vec<Entry> {
        self.0.entries.lock().unwrap().clone()
    }

    /// The entries of one connection.
    pub(crate) fn of(&self, id: ConnectionId) -> Vec<Entry> {
        self.entries().into_iter().filter(|entry| entry.id() == Some(id)).collect()
    }

    pub(crate) fn notes(&self) -> Vec<String> {
        let note = |entry| match entry {
            Entry::Note(text) => Some(text),
            _ => None,
        };
        self.entries().into_iter().filter_map(note).collect()
    }

    pub(crate) fn opens(&self) -> Vec<ConnectionId> {
        let open = |entry| match entry {
            Entry::Open(id) => Some(id),
            _ => None,
        };
        self.entries().into_iter().filter_map(open).collect()
    }

    pub(crate) fn closes(&self) -> Vec<(ConnectionId, Closed)> {
        let close = |entry| match entry {
            Entry::Close(id, closed) => Some((id, closed)),
            _ => None,
        };
        self.entries().into_iter().filter_map(close).collect()
    }

    /// Waits until what `find` looks for is there.
    #[track_caller]
    pub(crate) fn wait<T>(&self, what: &str, mut find: impl FnMut(&[Entry]) -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        let mut entries = self.0.entries.lock().unwrap();
        loop {
            if let Some(found) = find(&entries) {
                return found;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "waited in vain for {what}; so far: {entries:?}");
            entries = self.0.changed.wait_timeout(entries, left).unwrap().0;
        }
    }

    /// The `n`th connection to open, from 0.
    #[track_caller]
    pub(crate) fn opened(&self, n: usize) -> ConnectionId {
        self.wait("a connection to open", |entries| {
            let opens = entries.iter().filter(|entry| matches!(entry, Entry::Open(_)));
            opens.clone().nth(n).and_then(Entry::id)
        })
    }

    /// How the first connection to end ended.
    #[track_caller]
    pub(crate) fn closed(&self) -> Closed {
        self.wait("a close", |entries| {
            entries.iter().find_map(|entry| match entry {
                Entry::Close(_, closed) => Some(closed.clone()),
                _ => None,
            })
        })
    }

    #[track_caller]
    pub(crate) fn closed_of(&self, id: ConnectionId) -> Closed {
        self.wait("a close", |entries| {
            entries.iter().find_map(|entry| match entry {
                Entry::Close(of, closed) if *of == id => Some(closed.clone()),
                _ => None,
            })
        })
    }

    /// The first connection to end has ended like this.
    #[track_caller]
    pub(crate) fn expect_close(&self, code: u16, by: ClosedBy) -> Closed {
        let closed = self.closed();
        assert_eq!((closed.code, closed.by), (code, by), "{closed:?}");
        closed
    }

    #[track_caller]
    pub(crate) fn wait_note(&self, text: &str) {
        self.wait(text, |entries| {
            entries.iter().any(|entry| matches!(entry, Entry::Note(note) if note == text)).then_some(())
        });
    }

    /// Every open has had exactly one close, after it, and there is nothing after that.
    #[track_caller]
    pub(crate) fn check_pairs(&self) {
        let entries = self.entries();
        for id in self.opens() {
            let of: Vec<&Entry> = entries.iter().filter(|entry| entry.id() == Some(id)).collect();
            assert!(matches!(of.first(), Some(Entry::Open(_))), "{id}: {of:?}");
            assert!(matches!(of.last(), Some(Entry::Close(..))), "{id}: {of:?}");
            let ends = of.iter().filter(|entry| matches!(entry, Entry::Open(_) | Entry::Close(..))).count();
            assert_eq!(ends, 2, "{id}: {of:?}");
        }
        assert_eq!(self.opens().len(), self.closes().len());
    }
}

/// Closures that write into the journal.
impl Journal {
    pub(crate) fn on_open(&self) -> impl OnOpen + use<> {
        let journal = self.clone();
        async move |conn: Conn, _: Request| journal.add(Entry::Open(conn.id()))
    }

    /// Echoes too.
    pub(crate) fn on_message(&self) -> impl OnMessage + use<> {
        let journal = self.clone();
        async move |conn: Conn, message: Message| {
            let text = String::from_utf8_lossy(message.as_bytes()).into_owned();
            journal.add(Entry::Message(conn.id(), text));
            conn.push(message)
        }
    }

    pub(crate) fn on_close(&self) -> impl OnClose + use<> {
        let journal = self.clone();
        async move |conn: Conn, closed: Closed| journal.add(Entry::Close(conn.id(), closed))
    }
}
