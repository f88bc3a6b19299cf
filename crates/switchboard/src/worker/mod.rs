//! The side of the user's code: runs handlers, serves HTTP.

mod guard;
mod http;
mod replay;
mod runner;
mod upgrade;

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::task::Context;

use bytes::Bytes;
use switchboard_proto::MessageKind;

use crate::command::{Answer, Command};
use crate::event::{Event, EventKind, Flow};
use crate::instance::InstanceId;
use crate::ipc::codec::SmallPush;
use crate::master::lanes::LaneSetup;
use crate::pipe::{Receipt, Slot};
use crate::places::HttpPlace;
use crate::{ConnectionId, Message};

pub use http::HttpService;
pub(crate) use runner::{Journal, Runner};

/// A checked message where the protocol has left it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Payload<'a> {
    pub(crate) kind: MessageKind,
    pub(crate) bytes: &'a [u8],
}

/// What stands between a reactor and the user's code: in Base mode the worker itself, called directly; in Process mode the
/// rings to other processes.
pub(crate) trait Dispatch {
    /// Takes an event of the connection that the reactor has under `key`. Events of one connection are handled one at a
    /// time, in the order in which they are delivered. `context` is for handlers that are polled on the spot.
    fn deliver(&mut self, key: u32, event: Event, context: &mut Context<'_>) -> Flow;

    /// The same for a message, which has not been copied yet.
    fn deliver_message(
        &mut self,
        key: u32,
        id: ConnectionId,
        session: Bytes,
        payload: Payload<'_>,
        context: &mut Context<'_>,
    ) -> Flow {
        let message = Message::from_checked(payload.kind, payload.bytes);
        self.deliver(key, Event::new(id, session, EventKind::Message(message)), context)
    }

    /// Can a connection's messages be taken, as many as one read may bring?
    fn has_room(&mut self, _id: ConnectionId) -> bool {
        true
    }

    /// If not: has it to wait with the `unread` bytes that have come? Then [`Command::HandlerReady`] comes when there is room.
    fn has_to_wait(&mut self, _id: ConnectionId, _unread: u64) -> bool {
        false
    }

    /// Are events of the connection with another process? Then [`Command::Settled`] comes when they have been handled.
    fn tell_when_settled(&mut self, _id: ConnectionId) -> bool {
        false
    }

    /// The reactor has forgotten a connection: its key may come to mean another.
    fn forget(&mut self, _key: u32, _id: ConnectionId) {}

    /// Takes a message from one worker or user process to another.
    fn pipe(&mut self, from: Slot, to: Slot, body: Bytes, receipt: Receipt, context: &mut Context<'_>);

    /// A connection's session has changed: events that wait behind a handler happened before, but are handled after.
    /// `origin`: the process whose code did it, if it is not this one.
    fn session_changed(&mut self, key: u32, id: ConnectionId, session: &Bytes, origin: Option<InstanceId>);

    /// A connection has been bound to a user.
    fn bound(&mut self, _key: u32, _id: ConnectionId, _user: &str) {}

    /// Is there a service for ordinary HTTP requests?
    fn serves_http(&self) -> bool;

    /// Takes over a socket on which an ordinary request has begun; `read` has been read from it. It is given back, without
    /// its place, if nobody can take it.
    fn serve_http(&mut self, socket: OwnedFd, place: Arc<HttpPlace>, read: Bytes) -> Result<(), OwnedFd>;

    /// Finishes the HTTP requests that have begun, and no others.
    fn stop(&mut self);

    /// Is nothing being handled?
    fn is_idle(&self) -> bool;

    /// Looks what other processes have asked of the reactor.
    fn look(&mut self) {}

    /// Goes on to the next record of what has been looked at. False: there is none.
    fn next_record(&mut self) -> bool {
        false
    }

    /// The record, if it is a small push.
    fn small_push(&self) -> Option<SmallPush> {
        None
    }

    /// Appends the message of that push.
    fn copy_pushed(&self, _into: &mut Vec<u8>) {}

    /// Appends what the reactor has to do for the record, whatever it is.
    fn take_record(&mut self, _commands: &mut Vec<Command>) {}

    /// The record has been carried out.
    fn carried_out(&mut self) {}

    /// After all that has been carried out: appends what follows from what other processes have handled, or not.
    fn settle(&mut self, _commands: &mut Vec<Command>) {}

    /// The turn ends: other processes get what it has produced for them. `empty`: the reactor has no connections.
    fn publish(&mut self, _empty: bool) {}

    /// Announces that the reactor is going to sleep. False if other processes have asked for something meanwhile.
    fn prepare_sleep(&mut self) -> bool {
        true
    }

    /// The answer to a question of another process.
    fn answer(&mut self, _instance: InstanceId, _token: u64, _answer: Answer) {}

    /// What another process asked for with this token has been done.
    fn echo(&mut self, _instance: InstanceId, _token: u64, _id: ConnectionId) {}

    /// Another process has been started; `watched`: whether the reactor hears its bell.
    fn attach(&mut self, _lane: LaneSetup, _watched: io::Result<()>) {}

    /// A slot's events go to another process from now on, or to none for the time being.
    fn route(&mut self, _slot: Slot, _instance: Option<InstanceId>) {}

    /// Another process has ended.
    fn detach(&mut self, _instance: InstanceId, _of_itself: bool) {}
}
