//! A connection as its reactor has it.

use std::os::fd::OwnedFd;
use std::sync::Arc;

use bytes::Bytes;
use switchboard_proto as proto;
use switchboard_proto::handshake::HeadReader;

use super::groups::Memberships;
use super::logs::Part;
use super::output::{Flushed, OutputQueue, Sent};
use super::relay::Relay;
use super::throttle::Meter;
use super::tls::{Scratch, Session};
use crate::event::Closed;
use crate::places::HttpPlace;
use crate::sys::Interest;
use crate::{ConnectionId, Request, Transport};

/// Plain data: what could be written down to take the connection over elsewhere. While it is idle everything that is
/// optional is None: an idle connection owns no buffer.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) socket: OwnedFd,
    pub(super) id: ConnectionId,
    pub(super) phase: Phase,
    pub(super) protocol: proto::Connection,
    /// From the client's first bytes on, where it speaks TLS.
    pub(super) tls: Option<Box<Session>>,
    /// What waits to be sent.
    pub(super) output: Option<Box<OutputQueue>>,
    /// What it is to be sent of a log. Then it has no output of its own, and is dirty.
    pub(super) part: Part,
    /// What has been read and not looked at, because reading is on hold.
    pub(super) stash: Option<Box<Stash>>,
    session: Option<Box<Bytes>>,
    /// What it has sent lately, where that is limited.
    pub(super) meter: Option<Box<Meter>>,
    /// Of groups.
    pub(super) memberships: Memberships,
    /// Of the connections of its user.
    pub(super) user: Option<Box<Memberships>>,
    /// How it is going to end, once its close frame has been sent by us.
    pub(super) ending: Option<Box<Closed>>,
    /// How many bytes it had taken when that was last looked at, modulo 2³².
    pub(super) taken_bytes: u32,
    /// Its place among the reactor's open connections.
    pub(super) open_position: u32,
    /// When the wheel will hand it out, the earliest.
    pub(super) due_ms: u64,
    /// When it was last sent a ping.
    pub(super) pinged_ms: u64,
    /// When it was sent the first ping since it last gave a sign of life, if that is later than the sign.
    pub(super) unanswered_ms: u64,
    /// The limit of a close.
    pub(super) deadline_ms: u64,
    pub(super) interest: Interest,
    pub(super) hold: Hold,
    pub(super) link: Link,
    pub(super) dirty: bool,
    /// Its socket was readable when there was no time for it.
    pub(super) unread: bool,
    pub(super) protected: bool,
    /// It is counted against `max_connections`.
    pub(super) has_place: bool,
    /// It is counted for its peer's address.
    pub(super) counted: bool,
    /// Its PROXY header has named nobody.
    pub(super) unnamed: bool,
    /// The client is gone: nothing can be sent any more, what it had sent is still read.
    pub(super) hung_up: bool,
    /// The kernel took less than it was offered: wait until the socket is writable.
    pub(super) blocked: bool,
}

/// Bytes that nobody has looked at.
pub(super) type Stash = Vec<u8>;

/// What a connection's bytes travel over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Link {
    Plain,
    /// TLS, of which nothing has come yet.
    Awaited,
    Tls,
    /// The client speaks plain HTTP where TLS is spoken.
    Misdirected,
}

/// Where a connection is in its life.
#[derive(Debug)]
pub(super) enum Phase {
    /// The PROXY header, which comes first, is not complete; what came of it.
    Proxy(Option<Box<Stash>>),
    /// The request head is not complete; what came of it.
    Head(Option<Box<HeadReader>>),
    /// The worker decides about this request.
    Authorizing(Box<Request>),
    /// A worker serves its requests, and it is carried to there.
    Relay(Box<Relay>),
    /// Messages flow.
    Open,
    /// Our close frame has been sent first; the peer's is awaited.
    Closing,
    /// It has ended for the user. When the rest of its output has left: with `linger`, what still comes is thrown
    /// away until the client closes, so that a reset does not destroy what it has not read; without, it is over. After
    /// ordinary requests it keeps its place.
    Draining { linger: bool, place: Option<Arc<HttpPlace>> },
}

impl Phase {
    /// Its HTTP place, where it speaks TLS and serves or has served ordinary requests. (Others go to their worker.)
    pub(super) fn http_place(&self) -> Option<Arc<HttpPlace>> {
        match self {
            Phase::Relay(relay) => Some(relay.place.clone()),
            Phase::Draining { place, .. } => place.clone(),
            _ => None,
        }
    }
}

// A server has many, most of them idle.
const _: () = assert!(size_of::<Connection>() <= 192);

impl Connection {
    pub(super) fn new(
        socket: OwnedFd,
        id: ConnectionId,
        phase: Phase,
        link: Link,
        message_bytes_max: usize,
    ) -> Connection {
        Connection {
            socket,
            id,
            phase,
            protocol: proto::Connection::new(proto::Role::Server, message_bytes_max),
            tls: None,
            output: None,
            part: Part::default(),
            stash: None,
            session: None,
            meter: None,
            memberships: Memberships::None,
            user: None,
            ending: None,
            taken_bytes: 0,
            open_position: 0,
            due_ms: u64::MAX,
            pinged_ms: 0,
            unanswered_ms: 0,
            deadline_ms: u64::MAX,
            interest: Interest::READ,
            hold: Hold::default(),
            link,
            dirty: false,
            unread: false,
            protected: false,
            has_place: false,
            counted: false,
            unnamed: false,
            hung_up: false,
            blocked: false,
        }
    }

    pub(super) fn is_open(&self) -> bool {
        matches!(self.phase, Phase::Open)
    }

    pub(super) fn transport(&self) -> Transport {
        if self.tls.is_some() { Transport::Tls } else { Transport::Plain }
    }

    pub(super) fn session(&self) -> Bytes {
        self.session.as_deref().cloned().unwrap_or_default()
    }

    pub(super) fn set_session(&mut self, session: Bytes) {
        self.session = (!session.is_empty()).then(|| Box::new(session));
    }

    pub(super) fn queued(&self) -> usize {
        self.output.as_ref().map_or(0, |output| output.len())
    }

    /// Is what waits the last that is sent?
    fn says_its_last(&self) -> bool {
        match &self.phase {
            Phase::Draining { .. } => true,
            Phase::Relay(relay) => relay.has_ended(),
            _ => false,
        }
    }

    pub(super) fn wants_flush(&self) -> bool {
        let of_session =
            || self.tls.as_ref().is_some_and(|session| session.wants_flush(self.says_its_last()));
        self.output.is_some() || of_session()
    }

    /// Sends what the kernel takes.
    pub(super) fn flush(&mut self, scratch: &mut Option<Box<Scratch>>) -> (Flushed, Sent) {
        let last = self.says_its_last();
        match (&mut self.tls, &mut self.output) {
            (Some(session), output) => {
                session.flush(output.as_deref_mut(), last, &self.socket, scratch.get_or_insert_default())
            }
            (None, Some(output)) => output.flush(&self.socket),
            (None, None) => (Flushed::All, Sent::default()),
        }
    }

    /// May it be sent what stands in a log: nothing of its own comes before, and TLS does not seal for it alone?
    #[inline]
    pub(super) fn has_no_output(&self) -> bool {
        self.output.is_none() && self.tls.is_none() && !self.blocked && !self.hung_up
    }

    /// What the socket should be watched for.
    pub(super) fn wanted_interest(&self) -> Interest {
        Interest { read: self.hold.is_empty(), write: self.blocked }
    }
}

/// Why a connection is not read from, as a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Hold(u8);

impl Hold {
    /// Its handler, or the decision about its handshake, is behind.
    pub(super) const HANDLER: Hold = Hold(1);
    /// The user paused it.
    pub(super) const PAUSED: Hold = Hold(2);
    /// It does not read what it is sent, so it may not send more.
    pub(super) const OUTPUT: Hold = Hold(4);
    /// The client has ended it; what it had sent before is still being handled.
    pub(super) const ENDING: Hold = Hold(8);
    /// It has sent as much as it may for the time being.
    pub(super) const THROTTLE: Hold = Hold(16);
    /// The worker that serves its requests is behind, or there is nothing to be read any more.
    pub(super) const RELAY: Hold = Hold(32);
    /// Its next message has to be inflated, and there was no time for that.
    pub(super) const INFLATING: Hold = Hold(64);

    pub(super) fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub(super) fn contains(self, other: Hold) -> bool {
        self.0 & other.0 != 0
    }

    pub(super) fn set(&mut self, other: Hold) {
        self.0 |= other.0;
    }

    pub(super) fn clear(&mut self, other: Hold) {
        self.0 &= !other.0;
    }
}
