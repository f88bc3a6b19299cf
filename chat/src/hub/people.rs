//! Who is at the other end of each connection.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use switchboard::ConnectionId;
use tokio::time::Instant;

use super::pace::Buckets;
use crate::account::Login;
use crate::mentions::fold;
use crate::rooms::{RoomIndex, Rooms};
use crate::session::Session;
use crate::ticket::Ticket;

/// What the hub knows of one connection.
#[derive(Debug)]
pub(super) struct Client {
    /// Asked for the subprotocol `switchboard.v1`.
    pub(super) v1: bool,
    /// Given by `connect`; changed by [`People::call`].
    pub(super) name: Option<Arc<str>>,
    /// What `connect` gave, or a key of the server's making: it makes ids unique to this connection.
    pub(super) key: Arc<str>,
    /// The rooms whose members list has the name: a plain client with a name is in the lobby.
    pub(super) rooms: Vec<RoomIndex>,
    /// Who it is, if a cookie said so.
    pub(super) login: Option<Login>,
    /// In milliseconds since 1970; in the past: may write.
    pub(super) muted_until_ms: u64,
    /// Nobody is at the keyboard.
    pub(super) is_away: bool,
    /// Since when that is so, or the connection has a name, in milliseconds since 1970.
    pub(super) since_ms: u64,
    /// The last request that changed the above.
    changed_by: Ticket,
    last_request: Option<LastRequest>,
    /// When it was told last that somebody writes here.
    pub(super) typed_at: Option<Instant>,
    /// How much it has asked for lately.
    pub(super) buckets: Buckets,
}

#[derive(Clone, Copy, Debug)]
struct LastRequest {
    fingerprint: u64,
    /// The one before it was the same, word for word.
    is_habit: bool,
}

impl Client {
    pub(super) fn from_session(session: Session, rooms: &Rooms) -> Self {
        let Session { v1, name, client, changed_by, rooms: ids, login, is_away, since_ms } = session;
        Self {
            v1,
            name: Some(name).filter(|name| !name.is_empty()).map(Into::into),
            key: client.into(),
            rooms: ids.into_iter().filter_map(|id| rooms.with_id(id)).collect(),
            login,
            muted_until_ms: 0,
            is_away,
            since_ms,
            changed_by,
            last_request: None,
            typed_at: None,
            buckets: Buckets::default(),
        }
    }

    pub(super) fn session(&self, rooms: &Rooms) -> Session {
        Session {
            v1: self.v1,
            name: self.name.as_deref().unwrap_or_default().to_owned(),
            client: self.key.to_string(),
            changed_by: self.changed_by,
            rooms: self.rooms.iter().map(|index| rooms[*index].id).collect(),
            login: self.login,
            is_away: self.is_away,
            since_ms: self.since_ms,
        }
    }

    /// Is it told of more than the smallest protocol has?
    pub(super) fn is_page(&self) -> bool {
        self.v1 && self.name.is_some()
    }

    /// The number of whoever has a session.
    pub(super) fn number(&self) -> Option<i64> {
        self.login.map(|login| login.person)
    }

    pub(super) fn change(&mut self, ticket: Ticket) {
        self.changed_by = ticket;
    }

    /// Have the changes of this request been carried out? Requests of one sender come in order.
    pub(super) fn was_changed_by(&self, ticket: Ticket) -> bool {
        self.changed_by.origin == ticket.origin && self.changed_by.number >= ticket.number
    }

    /// Notes a request, and says whether it is the last one once more. `repeated`: its sender may have died after it had
    /// sent it the first time; then nothing of this connection has come in between. Who is in the habit of saying the same
    /// again and again is believed to say it again.
    pub(super) fn has_just_asked(&mut self, fingerprint: u64, repeated: bool) -> bool {
        let same = self.last_request.filter(|last| last.fingerprint == fingerprint);
        if repeated && same.is_some_and(|last| !last.is_habit) {
            return true;
        }
        self.last_request = Some(LastRequest { fingerprint, is_habit: same.is_some() });
        false
    }
}

/// The open connections, as far as the hub has heard of them; as many as the server allows.
#[derive(Debug, Default)]
pub(super) struct People {
    connections: HashMap<ConnectionId, Client>,
    /// Those of people with a session, by person.
    of_person: HashMap<i64, Vec<ConnectionId>>,
    /// Those people by what they are called, in the form in which names are compared, and how many connections are called so.
    named: HashMap<String, BTreeMap<i64, usize>>,
}

impl People {
    pub(super) fn add(&mut self, conn: ConnectionId, client: Client) {
        if let Some(Login { person, .. }) = client.login {
            self.of_person.entry(person).or_default().push(conn);
        }
        self.note_name(&client);
        self.connections.insert(conn, client);
    }

    /// A connection is called so from here on. What it was called before.
    pub(super) fn call(&mut self, conn: ConnectionId, name: &Arc<str>) -> Option<Arc<str>> {
        let mut client = self.connections.remove(&conn)?;
        self.forget_name(&client);
        let before = client.name.replace(name.clone());
        self.note_name(&client);
        self.connections.insert(conn, client);
        before
    }

    /// The people with a session who are called so; `folded`: by what names are compared by.
    pub(super) fn named(&self, folded: &str) -> impl Iterator<Item = i64> {
        self.named.get(folded).into_iter().flatten().map(|(person, _)| *person)
    }

    fn note_name(&mut self, client: &Client) {
        if let (Some(name), Some(number)) = (&client.name, client.number()) {
            *self.named.entry(fold(name)).or_default().entry(number).or_default() += 1;
        }
    }

    fn forget_name(&mut self, client: &Client) {
        let (Some(name), Some(number)) = (&client.name, client.number()) else { return };
        let name = fold(name);
        let Some(people) = self.named.get_mut(&name) else { return };
        if let Some(count) = people.get_mut(&number) {
            *count -= 1;
            if *count == 0 {
                people.remove(&number);
            }
        }
        if people.is_empty() {
            self.named.remove(&name);
        }
    }

    pub(super) fn len(&self) -> usize {
        self.connections.len()
    }

    pub(super) fn get(&self, conn: ConnectionId) -> Option<&Client> {
        self.connections.get(&conn)
    }

    pub(super) fn get_mut(&mut self, conn: ConnectionId) -> Option<&mut Client> {
        self.connections.get_mut(&conn)
    }

    /// The connections of a person.
    pub(super) fn of_person(&self, person: i64) -> &[ConnectionId] {
        self.of_person.get(&person).map_or(&[], Vec::as_slice)
    }

    /// Those of them that are told of more than the smallest protocol has.
    pub(super) fn pages_of(&self, person: i64) -> Vec<ConnectionId> {
        let is_page = |conn: &&ConnectionId| self.get(**conn).is_some_and(Client::is_page);
        self.of_person(person).iter().filter(is_page).copied().collect()
    }

    /// The rooms in which somebody of this name is.
    pub(super) fn rooms_of(&self, name: &str) -> Vec<RoomIndex> {
        let theirs = self.connections.values().filter(|client| client.name.as_deref() == Some(name));
        let mut rooms: Vec<_> = theirs.flat_map(|person| person.rooms.iter().copied()).collect();
        rooms.sort_unstable();
        rooms.dedup();
        rooms
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (ConnectionId, &Client)> {
        self.connections.iter().map(|(conn, person)| (*conn, person))
    }

    pub(super) fn remove(&mut self, conn: ConnectionId) -> Option<Client> {
        let removed = self.connections.remove(&conn)?;
        self.forget_name(&removed);
        if let Some(Login { person, .. }) = removed.login
            && let Some(theirs) = self.of_person.get_mut(&person)
        {
            theirs.retain(|other| *other != conn);
            if theirs.is_empty() {
                self.of_person.remove(&person);
            }
        }
        Some(removed)
    }
}
