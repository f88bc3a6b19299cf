//! Who is at the other end of each connection.

use std::collections::HashMap;
use std::sync::Arc;

use switchboard::ConnectionId;

use crate::rooms::RoomIndex;
use crate::session::Session;

/// What the hub knows of one connection.
#[derive(Debug)]
pub(super) struct Person {
    /// Asked for the subprotocol `switchboard.v1`.
    pub(super) v1: bool,
    /// Given by `connect`.
    pub(super) name: Option<Arc<str>>,
    /// What `connect` gave, or a key of the hub's making: it makes ids unique to this connection.
    pub(super) client: Arc<str>,
    /// The rooms whose members list has the name: a plain client with a name is in the lobby.
    pub(super) rooms: Vec<RoomIndex>,
}

impl Person {
    pub(super) fn session(&self) -> Session {
        Session {
            v1: self.v1,
            name: self.name.as_deref().unwrap_or_default().to_owned(),
            client: self.client.to_string(),
        }
    }
}

/// All open connections; as many as the server allows.
#[derive(Debug)]
pub(super) struct People {
    people: HashMap<ConnectionId, Person>,
    /// Differs from run to run, so that the hub's client keys are never given twice.
    nonce: String,
    opened: u64,
}

impl People {
    pub(super) fn new(nonce: String) -> Self {
        Self { people: HashMap::new(), nonce, opened: 0 }
    }

    pub(super) fn add(&mut self, conn: ConnectionId, v1: bool) {
        self.opened += 1;
        let client = format!("{}.{}", self.nonce, self.opened).into();
        self.people.insert(conn, Person { v1, name: None, client, rooms: Vec::new() });
    }

    pub(super) fn get(&self, conn: ConnectionId) -> Option<&Person> {
        self.people.get(&conn)
    }

    pub(super) fn get_mut(&mut self, conn: ConnectionId) -> Option<&mut Person> {
        self.people.get_mut(&conn)
    }

    pub(super) fn remove(&mut self, conn: ConnectionId) -> Option<Person> {
        self.people.remove(&conn)
    }
}
