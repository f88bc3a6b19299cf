//! What the reactor asks of its lanes.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::task::Context;

use bytes::Bytes;

use super::lane::Lane;
use super::parcel::{Credit, Parcel};
use super::route::SourceKey;
use super::{LaneReport, LaneSetup, Lanes};
use crate::command::{Answer, Command, Question, Reply};
use crate::event::{Event, EventKind, EventSource, Flow};
use crate::instance::InstanceId;
use crate::ipc::Corrupt;
use crate::ipc::codec::{Order, SmallPush, encode_answer, encode_echo, encode_session};
use crate::ipc::ring::Sleeping;
use crate::pipe::{PipeMessage, Pipes, Receipt, Slot};
use crate::places::HttpPlace;
use crate::worker::{Dispatch, Payload};
use crate::{Config, ConnectionId, Message};

/// What is read from a connection though its process has no room: a few pings, or a short message.
const LITTLE_BYTES: u64 = 512;

/// Nothing is, if messages that have come like that take so many bytes.
const EXCESS_BYTES_MAX: usize = 4 << 20;

impl Dispatch for Lanes {
    fn deliver(&mut self, _key: u32, event: Event, _context: &mut Context<'_>) -> Flow {
        let EventSource::Connection(id) = event.source else { return Flow::Go };
        let key = SourceKey::connection(id);
        if matches!(event.kind, EventKind::Authorize(_) | EventKind::Open(_)) {
            self.assign(key, id);
        }
        self.offer(key, Parcel::new(event))
    }

    fn deliver_message(
        &mut self,
        key: u32,
        id: ConnectionId,
        session: Bytes,
        payload: Payload<'_>,
        context: &mut Context<'_>,
    ) -> Flow {
        if self.give_message(id, &session, payload) {
            return Flow::Go;
        }
        let message = Message::from_checked(payload.kind, payload.bytes);
        self.deliver(key, Event::new(id, session, EventKind::Message(message)), context)
    }

    fn has_room(&mut self, id: ConnectionId) -> bool {
        self.read_without_room = None;
        // Hardly ever is one full.
        self.lanes.iter().all(Lane::has_room) || self.finds_room_for(SourceKey::connection(id))
    }

    fn has_to_wait(&mut self, id: ConnectionId, unread: u64) -> bool {
        // Pings are answered here, whoever stands still; and a message finds a place among those that wait.
        if unread <= LITTLE_BYTES && self.excess_bytes < EXCESS_BYTES_MAX {
            self.read_without_room = Some(SourceKey::connection(id));
            return false;
        }
        self.wait_for_room(SourceKey::connection(id));
        true
    }

    fn tell_when_settled(&mut self, id: ConnectionId) -> bool {
        let route = self.routes.get_mut(&SourceKey::connection(id));
        let route = route.filter(|route| route.outstanding > 0 || !route.detained.is_empty());
        let Some(route) = route else { return false };
        self.awaited += usize::from(!std::mem::replace(&mut route.awaited, true));
        true
    }

    fn forget(&mut self, _key: u32, id: ConnectionId) {
        self.forget_connection(id);
    }

    fn pipe(&mut self, from: Slot, to: Slot, body: Bytes, receipt: Receipt, _context: &mut Context<'_>) {
        if usize::from(to) < self.slots.len() {
            let message = PipeMessage::new(None, body, 1);
            let event = Event::pipe(from, message, Receipt::None);
            let parcel = Parcel { credit: Some(Credit::Here(receipt)), ..Parcel::new(event) };
            self.offer(SourceKey::pipe(from, to), parcel);
        }
    }

    fn session_changed(&mut self, _key: u32, id: ConnectionId, session: &Bytes, origin: Option<InstanceId>) {
        let Some(route) = self.routes.get_mut(&SourceKey::connection(id)) else { return };
        route.session = Some(Box::new(session.clone()));
        for parcel in &mut route.detained {
            parcel.event.session = session.clone();
        }
        // Whoever has set it knows.
        let holder = route.instance.filter(|holder| route.outstanding > 0 && Some(*holder) != origin);
        if let Some(lane) = holder.and_then(|holder| self.lane(holder)) {
            let mut head = Vec::new();
            encode_session(id, &mut head);
            lane.tell(&head, session.clone());
        }
    }

    fn bound(&mut self, _key: u32, id: ConnectionId, user: &str) {
        self.assign_user(id, user);
    }

    fn serves_http(&self) -> bool {
        // While the one that did is being replaced, too.
        self.served_http || self.lanes.iter().any(|lane| lane.http.serves_http())
    }

    fn serve_http(&mut self, mut socket: OwnedFd, place: Arc<HttpPlace>, read: Bytes) -> Result<(), OwnedFd> {
        let workers = self.shared.loads.len().min(self.slots.len());
        for _ in 0..workers {
            self.next_http = (self.next_http + 1) % workers;
            let Some(instance) = self.slots[self.next_http].instance else { continue };
            let lane = self.lanes.iter().find(|lane| lane.instance == instance && lane.dead.is_none());
            let Some(lane) = lane.filter(|lane| lane.http.serves_http()) else { continue };
            match lane.http.try_send(socket, &place, read.clone()) {
                Ok(()) => return Ok(()),
                Err(back) => socket = back,
            }
        }
        Err(socket)
    }

    fn stop(&mut self) {
        self.stopping = true;
    }

    fn is_idle(&self) -> bool {
        // What processes still have to say is listened to until they have ended.
        self.lanes.is_empty()
    }

    fn look(&mut self) {
        if std::mem::take(&mut self.asleep) {
            self.lanes.iter().for_each(|lane| lane.rings.reactor_sleeping.cancel());
        }
        // The youngest is looked at first and the oldest carried out first: what an old process did before its successor
        // was given anything comes before what the successor does.
        for index in (0..self.lanes.len()).rev() {
            let lane = &mut self.lanes[index];
            if lane.broken {
                continue;
            }
            if let Err(what) = lane.sample().and_then(|()| lane.look()) {
                self.distrust(index, what);
            }
        }
        self.read_lane = 0;
    }

    fn next_record(&mut self) -> bool {
        while let Some(lane) = self.lanes.get_mut(self.read_lane) {
            match lane.next_record() {
                Ok(true) => return true,
                Ok(false) => {}
                Err(what) => self.distrust(self.read_lane, what),
            }
            self.read_lane += 1;
        }
        false
    }

    fn small_push(&self) -> Option<SmallPush> {
        let lane = &self.lanes[self.read_lane];
        SmallPush::read(&lane.record, lane.rings.commands.first_bytes(&lane.record))
    }

    fn copy_pushed(&self, into: &mut Vec<u8>) {
        let lane = &self.lanes[self.read_lane];
        lane.rings.commands.copy(&lane.record, SmallPush::HEAD_BYTES, into);
    }

    fn take_record(&mut self, commands: &mut Vec<Command>) {
        let index = self.read_lane;
        if let Err(what) = self.read_record(index, commands) {
            self.distrust(index, what);
        }
    }

    fn carried_out(&mut self) {
        // From now on it shows in the connection table, and the process need not reckon with it any more.
        let lane = &mut self.lanes[self.read_lane];
        lane.rings.commands.advance(lane.record.end);
    }

    fn settle(&mut self, commands: &mut Vec<Command>) {
        let mut done = std::mem::take(&mut self.done);
        for lane in self.lanes.iter_mut() {
            lane.release();
            lane.judge(&mut done);
        }
        // Often there are several of one source in a row.
        for run in done.chunk_by(|one, next| one.0 == next.0) {
            self.handled(run, commands);
        }
        done.clear();
        self.done = done;
        while let Some(index) = self.lanes.iter().position(|lane| lane.dead.is_some()) {
            let lane = self.lanes.remove(index);
            self.take_over(lane, commands);
        }
        for index in 0..self.lanes.len() {
            self.lanes[index].write_on();
            if self.lanes[index].is_overrun() {
                self.distrust(index, Corrupt("it does not take what it is told"));
            }
        }
        for slot in 0..self.slots.len() {
            if !self.slots[slot].waiting.is_empty() {
                self.give_out(slot as Slot, commands);
            }
        }
    }

    fn publish(&mut self, empty: bool) {
        self.served_http = self.served_http || self.lanes.iter().any(|lane| lane.http.serves_http());
        let anything_waits = self.anything_waits();
        for lane in &mut self.lanes {
            lane.publish();
            let routed = self.slots.iter().find(|slot| slot.instance == Some(lane.instance));
            lane.show(routed.map_or(0, |slot| slot.queued));
            if anything_waits || routed.is_none() && lane.was_routed || lane.is_waiting() {
                lane.ask_for_release();
            }
        }
        self.report_idle(empty);
    }

    fn prepare_sleep(&mut self) -> bool {
        let anything_waits = self.anything_waits();
        self.asleep = true;
        Sleeping::announce_all(self.lanes.iter().map(|lane| &lane.rings.reactor_sleeping));
        let retires = |lane: &Lane| lane.was_routed && !self.is_routed(lane.instance);
        let news =
            self.lanes.iter().any(|lane| lane.has_news(anything_waits || lane.is_waiting() || retires(lane)));
        !news
    }

    fn answer(&mut self, instance: InstanceId, token: u64, answer: Answer) {
        if let Some(lane) = self.lane(instance) {
            let mut bytes = Vec::new();
            let answer = if lane.is_crowded() { &Answer::Busy } else { &answer };
            encode_answer(token, answer, &mut bytes);
            lane.tell(&[], bytes.into());
        }
    }

    fn echo(&mut self, instance: InstanceId, token: u64, id: ConnectionId) {
        if let Some(lane) = self.lane(instance) {
            let mut head = Vec::new();
            encode_echo(id, token, &mut head);
            lane.tell(&head, Bytes::new());
        }
    }

    fn attach(&mut self, lane: LaneSetup, watched: io::Result<()>) {
        let max = self.core.config.command_bytes_max;
        let instance = lane.instance;
        self.lanes.push(Lane::new(lane, max.saturating_mul(2), max));
        if let Err(error) = watched {
            tracing::error!(instance = instance.0, %error, "the bell of a process cannot be watched");
            self.distrust(self.lanes.len() - 1, Corrupt("nobody hears its bell"));
        }
    }

    fn route(&mut self, slot: Slot, instance: Option<InstanceId>) {
        let Some(route) = self.slots.get_mut(usize::from(slot)) else { return };
        route.instance = instance;
        if let Some(lane) = instance.and_then(|instance| self.lane(instance)) {
            lane.was_routed = true;
            lane.reported_idle = false;
        }
    }

    fn detach(&mut self, instance: InstanceId, of_itself: bool) {
        for slot in self.slots.iter_mut().filter(|slot| slot.instance == Some(instance)) {
            slot.instance = None;
        }
        match self.lane(instance) {
            Some(lane) => lane.dead = Some(of_itself),
            None => self.report(LaneReport::Detached { instance, reactor: self.reactor }),
        }
    }
}

impl Lanes {
    fn is_routed(&self, instance: InstanceId) -> bool {
        self.slots.iter().any(|slot| slot.instance == Some(instance))
    }

    /// Does somebody wait for events to be handled?
    fn anything_waits(&self) -> bool {
        self.stopping
            || self.awaited > 0
            || self.slots.iter().any(|slot| slot.queued > 0 || !slot.waiting.is_empty())
    }

    /// A process has written what cannot be. Nothing of it is believed any more.
    fn distrust(&mut self, index: usize, what: Corrupt) {
        let lane = &mut self.lanes[index];
        if !std::mem::replace(&mut lane.broken, true) {
            let instance = lane.instance;
            tracing::error!(instance = instance.0, %what, "a worker's ring cannot be read; the worker is replaced");
            self.report(LaneReport::Violated { instance, what });
        }
    }

    fn read_record(&mut self, index: usize, commands: &mut Vec<Command>) -> Result<(), Corrupt> {
        let lane = &mut self.lanes[index];
        let mut payload = Vec::new();
        lane.rings.commands.copy(&lane.record, 0, &mut payload);
        let Some(whole) = lane.assembler.push(&lane.record, &mut payload)? else { return Ok(()) };
        self.take_order(index, Order::decode(&whole.payload)?, commands)
    }

    fn take_order(&mut self, index: usize, order: Order, commands: &mut Vec<Command>) -> Result<(), Corrupt> {
        let lane = &mut self.lanes[index];
        let instance = lane.instance;
        match order {
            Order::Mark { mark, position } => lane.mark(mark, position, &mut self.done)?,
            Order::Pipe { to, body } => return self.relay(index, to, body),
            Order::Ask { token, asked } => {
                let reply = Reply::Instance { instance, token };
                commands.push(Command::Ask(Question { asked, reply }));
            }
            Order::SetSession { id, token, session } => {
                if session.len() > self.core.config.session_bytes_max {
                    return Err(Corrupt("a session that is too long"));
                }
                commands.push(Command::SetSession { id, session, echo: Some((instance, token)) });
            }
            Order::Command(Command::HandlerBehind { id }) => {
                let route = self.routes.get_mut(&SourceKey::connection(id));
                if let Some(route) = route.filter(|route| route.instance == Some(instance)) {
                    route.behind = true;
                    commands.push(Command::HandlerBehind { id });
                }
            }
            Order::Command(Command::HandlerReady { id }) => {
                let key = SourceKey::connection(id);
                if let Some(route) = self.routes.get_mut(&key).filter(|route| route.behind) {
                    (route.behind, route.held) = (false, true);
                    self.release(key, commands);
                }
            }
            Order::Command(command) => {
                check(&command, &self.core.config)?;
                commands.push(command);
            }
        }
        Ok(())
    }

    /// Passes a message on to another process.
    fn relay(&mut self, index: usize, to: Slot, body: Bytes) -> Result<(), Corrupt> {
        let config = &self.core.config;
        let lane = &mut self.lanes[index];
        let (from, instance, weight) = (lane.slot, lane.instance, Pipes::weight(&body));
        lane.piped += weight as usize;
        // A window for each recipient is all that an honest process uses.
        if usize::from(to) >= self.slots.len() || lane.piped > config.pipe_bytes_max * self.slots.len() {
            return Err(Corrupt("a message to nobody, or more messages than are allowed"));
        }
        let message = PipeMessage::new(None, body, 1);
        let event = Event::pipe(from, message, Receipt::None);
        let parcel = Parcel { credit: Some(Credit::Tell(instance, weight)), ..Parcel::new(event) };
        self.offer(SourceKey::pipe(from, to), parcel);
        Ok(())
    }
}

/// Whether a command keeps to the limits that the process's own handle has checked.
fn check(command: &Command, config: &Config) -> Result<(), Corrupt> {
    let name = |name: &str, max: usize| {
        if (1..=max).contains(&name.len()) {
            Ok(())
        } else {
            Err(Corrupt("a name that is empty or too long"))
        }
    };
    let size = |bytes: usize| {
        // A frame's header has at most 10 bytes.
        if bytes <= config.message_bytes_max + 10 {
            Ok(())
        } else {
            Err(Corrupt("a message that is too big"))
        }
    };
    match command {
        Command::Join { group, .. } | Command::Leave { group, .. } => {
            name(group, config.group_name_bytes_max)
        }
        Command::Bind { user, .. } => name(user, config.user_name_bytes_max),
        Command::RemotePush { frame, .. } | Command::PushMany { frame, .. } => size(frame.len()),
        Command::Broadcast { frame } | Command::Publish { frame, .. } => size(frame.len()),
        Command::PushToUser { frame, .. } => size(frame.len()),
        _ => Ok(()),
    }
}
