//! The opening handshake on a socket of the reactor (RFC 6455 §4.2).

use bytes::Bytes;
use switchboard_proto::deflate::{Agreement, Parameters};
use switchboard_proto::handshake::{HeadLimits, HeadReader, Request as Head, Upgrade, write_response};

use super::connection::{Connection, Hold, Link, Phase};
use super::{Reactor, Timer, tls};
use crate::admission::{self, Refusal};
use crate::decision::{Accept, Verdict};
use crate::event::{EventKind, Flow};
use crate::handle::check_name;
use crate::places::{HttpPlace, Source};
use crate::table::Counters;
use crate::table::{Entry, State};
use crate::{Config, ConnectionId, Decision, PeerAddr, Request};

pub(crate) fn head_limits(config: &Config) -> HeadLimits {
    HeadLimits { head_bytes_max: config.head_bytes_max, headers_max: config.headers_max }
}

impl Reactor {
    /// Bytes came while the head was not complete.
    pub(super) fn read_head(&mut self, key: u32, bytes: &[u8]) {
        let limits = head_limits(&self.core.config);
        let deadline_ms = self.handshake_deadline(key);
        let connection = &mut self.connections[key as usize];
        let Phase::Head(reader) = &mut connection.phase else { return };
        let Some(reader) = reader else {
            if connection.link == Link::Plain && bytes.first() == Some(&tls::HANDSHAKE) {
                return self.refuse(key, &Refusal::TlsOnPlain);
            }
            // Most heads come in one segment and are never copied.
            match Head::parse(bytes, &limits) {
                Ok(Some(head)) => return self.head_complete(key, &head, bytes),
                Ok(None) => {
                    connection.phase = Phase::Head(Some(Box::new(HeadReader::new(limits, deadline_ms))));
                    return self.read_head(key, bytes);
                }
                Err(error) => return self.refuse(key, &Refusal::Handshake(error)),
            }
        };
        match reader.receive(bytes, self.now_ms) {
            Ok(None) => {}
            Ok(Some(_)) => {
                let bytes = match std::mem::replace(&mut connection.phase, Phase::Head(None)) {
                    Phase::Head(Some(reader)) => reader.into_buffer(),
                    _ => Vec::new(),
                };
                match Head::parse(&bytes, &limits) {
                    Ok(Some(head)) => self.head_complete(key, &head, &bytes),
                    Ok(None) => {}
                    Err(error) => self.refuse(key, &Refusal::Handshake(error)),
                }
            }
            Err(error) => self.refuse(key, &Refusal::Handshake(error)),
        }
    }

    pub(super) fn handshake_deadline(&self, key: u32) -> u64 {
        let entry = self.entry(self.connections[key as usize].id);
        entry.connected_at() + self.core.config.handshake_timeout.as_millis() as u64
    }

    fn head_complete(&mut self, key: u32, head: &Head<'_>, bytes: &[u8]) {
        if self.connections[key as usize].link == Link::Misdirected {
            return self.redirect(key, head);
        }
        if !head.wants_websocket() {
            return self.hand_over(key, bytes);
        }
        let peer = match self.find_client(key, head) {
            Ok(peer) => peer,
            Err(refusal) => return self.refuse(key, &refusal),
        };
        if let Err(refusal) = admission::admit(&self.core, head) {
            return self.refuse(key, &refusal);
        }
        // Empty lines that came before it (RFC 9112 §2.2) are no part of the request.
        let before = bytes.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        let request = Request::new(Bytes::copy_from_slice(&bytes[before..head.head_len()]), peer);
        let request = request.with_transport(self.connections[key as usize].transport());
        let rest = &bytes[head.head_len()..];
        let connection = &mut self.connections[key as usize];
        connection.has_place = true;
        connection.stash = (!rest.is_empty()).then(|| Box::new(rest.to_vec()));
        connection.phase = Phase::Authorizing(Box::new(request.clone()));
        connection.hold.set(Hold::HANDLER);
        self.mark_dirty(key);
        self.deliver(key, EventKind::Authorize(Box::new(request)));
        self.carry_out_local();
    }

    /// Whose the request is, if a proxy has sent it; that one is counted for its address.
    fn find_client(&mut self, key: u32, head: &Head<'_>) -> Result<PeerAddr, Refusal> {
        let connection = &mut self.connections[key as usize];
        let entry = self.core.table.slot(connection.id);
        let field = self.core.config.forwarded_field.name();
        let values = head.headers().filter(|(name, _)| name.eq_ignore_ascii_case(field));
        let source = source_of(connection, entry);
        let client = source.client_of(&self.core.config, values.map(|(_, value)| value));
        let client = client.map_err(|_| Refusal::Forwarded)?;
        if !connection.counted {
            entry.set_peer(&client);
            connection.counted = self.core.admit_address(&client)?;
        }
        Ok(client)
    }

    /// An ordinary request: the socket goes to the worker, with what was read.
    fn hand_over(&mut self, key: u32, bytes: &[u8]) {
        if !self.dispatch.serves_http() {
            return self.refuse(key, &Refusal::NoHttp);
        }
        if self.core.is_stopping() {
            return self.refuse(key, &Refusal::Stopping);
        }
        let connection = &self.connections[key as usize];
        let source = source_of(connection, self.core.table.slot(connection.id));
        let Some(place) = HttpPlace::take(&self.core, source) else {
            return self.refuse(key, &Refusal::Full);
        };
        if connection.tls.is_some() {
            return self.begin_relay(key, place, bytes);
        }
        place.set_counted(std::mem::take(&mut self.connections[key as usize].counted));
        let socket = self.remove(key);
        let _ = self.poller.remove(&socket);
        if let Err(socket) = self.dispatch.serve_http(socket, place, Bytes::copy_from_slice(bytes)) {
            super::accept::refuse(&socket, &Refusal::Full);
        }
    }

    /// The worker has decided.
    pub(super) fn authorized(&mut self, id: ConnectionId, decision: Decision) {
        let Some(key) = self.key_of(id) else { return };
        let Phase::Authorizing(request) = &self.connections[key as usize].phase else { return };
        let request = (**request).clone();
        match decision.0 {
            Verdict::Reject { status, headers, body } => {
                self.respond(key, |out| write_response(status, &headers, &body, out));
            }
            Verdict::Accept(accept) => match self.write_accept(key, &request, &accept) {
                Ok(deflate) => self.open(key, request, accept, deflate),
                Err(reason) => {
                    tracing::error!(reason, "authorize gave a decision that cannot be carried out");
                    self.refuse(key, &Refusal::BadDecision);
                }
            },
        }
    }

    /// Answers what has been agreed upon about compression.
    fn write_accept(
        &mut self,
        key: u32,
        request: &Request,
        accept: &Accept,
    ) -> Result<Option<Parameters>, String> {
        check_accept(&self.core.config, accept)?;
        let head = Head::parse(request.head(), &head_limits(&self.core.config));
        let head = head.map_err(|error| error.to_string())?.ok_or("the head is not complete")?;
        let upgrade = head.upgrade().map_err(|error| error.to_string())?;
        let agreement = agree(&self.core.config, &upgrade);
        let mut written = Ok(());
        self.push_control(key, |out| {
            written = upgrade.accept(accept.subprotocol.as_deref(), agreement.as_ref(), &accept.headers, out);
        });
        written.map_err(|error| error.to_string())?;
        Ok(agreement.map(|agreement| agreement.parameters))
    }

    /// The handshake is done: the connection is open, and the worker is told.
    pub(super) fn open(&mut self, key: u32, request: Request, accept: Accept, deflate: Option<Parameters>) {
        let request = request.with_subprotocol(accept.subprotocol.as_deref());
        let now_ms = self.now_ms;
        let connection = &mut self.connections[key as usize];
        let id = connection.id;
        connection.phase = Phase::Open;
        if let Some(parameters) = deflate {
            connection.protocol.use_deflate(parameters);
        }
        connection.pinged_ms = now_ms;
        connection.open_position = self.open.len() as u32;
        connection.set_session(accept.session);
        connection.hold.clear(Hold::HANDLER);
        self.open.push(key);
        if let Some(user) = accept.user {
            self.bind(key, &user.into());
        }
        self.entry(id).set_state(State::Open);
        Counters::add(&self.core.counters().opened, 1);
        self.schedule_heartbeat(key);
        if self.deliver(key, EventKind::Open(Box::new(request))) == Flow::Hold {
            self.hold(key, Hold::HANDLER);
        }
        self.ready.push_back((key, id));
        self.mark_dirty(key);
    }

    pub(super) fn refuse(&mut self, key: u32, refusal: &Refusal) {
        self.respond(key, |out| refusal.write(out));
    }

    /// Answers the request with `write`'s response and ends the connection, which never was open.
    pub(super) fn respond(&mut self, key: u32, write: impl FnOnce(&mut Vec<u8>)) {
        admission::count_refusal(&self.core);
        self.give_place_back(key);
        self.push_control(key, write);
        self.drain(key, true);
    }

    /// The handshake took too long.
    pub(super) fn handshake_expired(&mut self, key: u32) {
        let connection = &self.connections[key as usize];
        let timeout = match &connection.phase {
            // Nothing was asked, so nothing is answered.
            Phase::Proxy(_) | Phase::Head(None) => None,
            Phase::Head(Some(reader)) => reader.poll_timeout(self.now_ms).err().map(Refusal::Handshake),
            _ => Some(Refusal::Undecided),
        };
        match timeout {
            Some(refusal) => self.refuse(key, &refusal),
            None => {
                self.send_goodbye(key);
                drop(self.remove(key));
            }
        }
    }

    pub(super) fn schedule(&mut self, key: u32, at_ms: u64) {
        let connection = &mut self.connections[key as usize];
        if at_ms < connection.due_ms {
            let timer = Timer::Connection { key, id: connection.id };
            connection.due_ms = self.wheel.schedule(at_ms, timer);
        }
    }
}

fn source_of(connection: &Connection, entry: &Entry) -> Source {
    Source { peer: entry.peer(), transport: connection.transport(), unnamed: connection.unnamed }
}

/// What the client and the server agree upon about compression.
pub(crate) fn agree(config: &Config, upgrade: &Upgrade<'_>) -> Option<Agreement> {
    let deflate = config.deflate.as_ref()?;
    upgrade.deflate(&deflate.settings())
}

/// The same for a request that has been answered already: by a worker, whose settings are those of the reactor.
pub(super) fn agreed(config: &Config, request: &Request) -> Option<Parameters> {
    config.deflate.as_ref()?;
    let head = Head::parse(request.head(), &head_limits(config)).ok()??;
    Some(agree(config, &head.upgrade().ok()?)?.parameters)
}

/// Whether what `authorize` wants to set is within the limits.
pub(crate) fn check_accept(config: &Config, accept: &Accept) -> Result<(), String> {
    if let Some(user) = &accept.user {
        check_name(user, config.user_name_bytes_max).map_err(|error| format!("user: {error}"))?;
    }
    let (bytes, max) = (accept.session.len(), config.session_bytes_max);
    if bytes > max {
        return Err(format!("the session has {bytes} bytes, {max} are allowed"));
    }
    Ok(())
}
