//! What a hub does first: it learns from the server who is there. Nobody is told anything by it.

use bytes::Bytes;
use switchboard::{ConnectionId, ConnectionState};

use super::Hub;
use super::outbox::{Group, Outbox, Outgoing};
use crate::close::Farewell;
use crate::session::Session;

/// What the server keeps for an open connection.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    pub(super) conn: ConnectionId,
    pub(super) session: Bytes,
    /// By their names.
    pub(super) groups: Vec<String>,
}

impl From<ConnectionState> for Kept {
    fn from(ConnectionState { id, session, groups, .. }: ConnectionState) -> Self {
        Self { conn: id, session, groups }
    }
}

impl<O: Outbox> Hub<O> {
    /// Goes on from what the server keeps for its open connections.
    pub(super) async fn rebuild(&mut self, connections: Vec<Kept>) {
        for connection in &connections {
            match Session::decode(&connection.session) {
                Some(session) => self.welcome_back(connection, session).await,
                None => {
                    tracing::warn!(
                        conn = %connection.conn,
                        "a connection's session is of another version of the program: it is asked to come back"
                    );
                    self.outbox
                        .send(Outgoing::Disconnect { conn: connection.conn, farewell: Farewell::Unknown })
                        .await;
                }
            }
        }
        if !connections.is_empty() {
            tracing::info!(connections = connections.len(), "took over the open connections");
        }
    }

    async fn welcome_back(&mut self, connection: &Kept, session: Session) {
        let conn = connection.conn;
        if !session.v1 {
            // From the moment in which it opened, whether a hub has heard of that or not.
            self.outbox.send(Outgoing::Join { conn, group: Group::Plain }).await;
        }
        if !self.is_signed_in(&session) {
            self.send_away(conn, Farewell::SignedOut);
            return;
        }
        let joined = session.rooms.len();
        self.admit(conn, session);
        // A hub that died while it put a connection into a room would have changed the session last. The room is entered
        // when the request comes again; until then its messages are none of the connection's. And one that died while it
        // put somebody out of a room had not come to all of their connections.
        for group in connection.groups.iter().filter_map(|name| Group::from_name(name)) {
            let Group::Room(id) = group else { continue };
            let client = self.people.get(conn);
            let is_there =
                client.is_some_and(|client| client.rooms.iter().any(|room| self.rooms[*room].id == id));
            if !is_there {
                self.outbox.send(Outgoing::Leave { conn, group }).await;
            }
        }
        // Rooms that it has been put out of are not its own again when its person is invited once more.
        if let Some(client) = self.people.get(conn).filter(|client| client.rooms.len() < joined) {
            let session = client.session(&self.rooms).encode();
            self.outbox.send(Outgoing::Session { conn, session }).await;
        }
    }
}
