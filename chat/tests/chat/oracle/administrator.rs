//! Whoever keeps order: gives others other names, and sees nothing of their rooms.

use std::collections::BTreeSet;

use serde_json::json;

use super::room::text;
use crate::support::{Browser, Client, Server};

pub(super) struct Administrator {
    line: Client,
    /// The ids of what has no answer yet.
    waiting: BTreeSet<String>,
    asked: u64,
}

impl Administrator {
    /// The first account of a server is the administrator's.
    pub(super) fn new(server: &Server) -> Self {
        let browser = Browser::account(server, "Keeper", "a password");
        let (line, _) = Client::signed_in(server, browser.cookie(), "");
        Self { line, waiting: BTreeSet::new(), asked: 0 }
    }

    /// Asks, and does not wait.
    pub(super) fn rename(&mut self, person: u64, to: &str) {
        self.asked += 1;
        let id = format!("order {}", self.asked);
        println!("{id}: {person} is called {to}");
        self.line.send(json!({"type": "rename_person", "person": person, "to": to, "id": id}));
        self.waiting.insert(id);
    }

    pub(super) fn read(&mut self) {
        for frame in self.line.catch_up() {
            assert_ne!(frame["type"], "error", "{frame}");
            if frame["type"] == "moderated" {
                // After a crash it may be answered twice.
                self.waiting.remove(&text(&frame["id"]));
            }
        }
    }

    pub(super) fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }
}
