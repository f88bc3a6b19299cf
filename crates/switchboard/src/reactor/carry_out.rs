//! Carrying out commands.

use std::sync::Arc;
use std::task::Context;

use super::connection::{Connection, Hold, Phase};
use super::deflate::Shared;
use super::groups::{Memberships, Moved};
use super::{PROCESS_BELL_TOKEN, Reactor};
use crate::admission::Refusal;
use crate::command::{Answer, Asked, Command, Question, Reply};
use crate::{ConnectionId, ConnectionState};

/// What is done in one turn of the loop for other threads, and for other processes: in commands, and deliveries of what they
/// publish. Some two milliseconds. A command is never divided: one that publishes to a hundred thousand takes some twenty.
const COMMAND_WORK_MAX: usize = 16 << 10;

/// Connections that are found by their ids in the time of one command, or frame that is read.
const LOOKUPS_A_FRAME: usize = 4;

impl Reactor {
    /// What other threads have sent, up to what may be done in one turn.
    pub(super) fn carry_out_remote(&mut self) {
        let mut commands = std::mem::take(&mut self.remote);
        if commands.is_empty() {
            // Neither conversion copies: the queue's memory is used again.
            let mut taken = Vec::from(commands);
            self.core.inboxes[self.index].take_remote(&mut taken);
            commands = taken.into();
        }
        let (mut weight, end) = (0, self.work + COMMAND_WORK_MAX);
        while self.work < end
            && let Some(command) = commands.pop_front()
        {
            weight += command.weight();
            self.carry_out(command);
        }
        if weight > 0 {
            self.core.inboxes[self.index].finished(weight);
        }
        self.remote = commands;
    }

    /// What code on this thread has sent, until there is no more.
    pub(super) fn carry_out_local(&mut self) {
        let mut commands = std::mem::take(&mut self.scratch.local_commands);
        while self.core.inboxes[self.index].take_local(&mut commands) {
            for command in commands.drain(..) {
                self.carry_out(command);
            }
        }
        self.scratch.local_commands = commands;
    }

    /// What other processes have asked for, and what follows from what they have handled, up to what may be done in one turn.
    /// The rest is kept, and nothing is fetched before it has been carried out: so there is never more of it than the rings hold.
    pub(super) fn carry_out_processes(&mut self) {
        let end = self.work + COMMAND_WORK_MAX;
        while self.work < end
            && let Some(command) = self.postponed.pop_front()
        {
            self.carry_out(command);
        }
        if self.postponed.is_empty() {
            let mut commands = std::mem::take(&mut self.scratch.commands);
            self.dispatch.look();
            while self.dispatch.next_record() {
                self.carry_out_record(&mut commands, end);
                self.dispatch.carried_out();
            }
            self.dispatch.settle(&mut commands);
            self.carry_out_until(&mut commands, end);
            self.scratch.commands = commands;
        }
        self.carry_out_local();
    }

    fn carry_out_record(&mut self, commands: &mut Vec<Command>, end: usize) {
        match self.dispatch.small_push() {
            Some(push) if self.work < end => {
                self.work += 1;
                self.with_open(push.id, |reactor, key| reactor.push_small(key, push));
            }
            Some(push) => {
                let (id, frame, overflow) = (push.id, self.frame_of(push), push.overflow);
                self.postponed.push_back(Command::RemotePush { id, frame, overflow });
            }
            None => {
                self.dispatch.take_record(commands);
                self.carry_out_until(commands, end);
            }
        }
    }

    /// Once there is no more time for commands in this turn, they wait for the next one, in order.
    fn carry_out_until(&mut self, commands: &mut Vec<Command>, end: usize) {
        for command in commands.drain(..) {
            match self.work < end {
                true => self.carry_out(command),
                false => self.postponed.push_back(command),
            }
        }
    }

    fn carry_out(&mut self, command: Command) {
        self.work += 1;
        match command {
            Command::Push { id, frame, by_owner, overflow } => {
                let key = self.key_of(id);
                match key {
                    Some(_) if !by_owner => self.entry(id).arrived(frame.len()),
                    None if !by_owner => self.entry(id).unreserve(frame.len()),
                    // What the owner has counted is gone with the connection.
                    _ => {}
                }
                if let Some(key) = key {
                    self.push_reserved(key, &frame, overflow);
                }
            }
            Command::RemotePush { id, frame, overflow } => {
                self.with_open(id, |reactor, key| reactor.push_unreserved(key, &frame, overflow));
            }
            Command::PushMany { ids, frame } => {
                self.work += ids.len() / LOOKUPS_A_FRAME;
                let mut shared = Shared::of(&frame);
                for id in ids {
                    self.with_open(id, |reactor, key| reactor.push_shared(key, &mut shared));
                }
            }
            Command::Broadcast { frame } => {
                let keys = self.copy_keys(|reactor| &reactor.open);
                self.fan_out(keys, &frame, &[]);
            }
            Command::Publish { group, frame, except } => {
                let keys = self.copy_keys(|reactor| reactor.groups.members(&group));
                self.fan_out(keys, &frame, &except);
            }
            Command::PushToUser { user, frame } => {
                let keys = self.copy_keys(|reactor| reactor.users.members(&user));
                self.fan_out(keys, &frame, &[]);
            }
            Command::Join { id, group, counted } => self.join(id, &group, counted),
            Command::Leave { id, group, counted } => self.leave(id, &group, counted),
            Command::Bind { id, user } => self.with_open(id, |reactor, key| reactor.bind(key, &user)),
            Command::SetSession { id, session, echo } => {
                let origin = echo.map(|(instance, _)| instance);
                self.with_open(id, |reactor, key| {
                    reactor.dispatch.session_changed(key, id, &session, origin);
                    reactor.connections[key as usize].set_session(session);
                });
                if let Some((instance, token)) = echo {
                    self.dispatch.echo(instance, token, id);
                }
            }
            Command::Ask(question) => self.answer(question),
            Command::Adopt(adopted) => self.adopt(*adopted),
            Command::Authorized { id, decision } => self.authorized(id, *decision),
            Command::Listen(listeners) => self.listen(&listeners),
            Command::Shutdown => self.begin_stop(),
            other => self.carry_out_on_one(other),
        }
    }

    /// Commands that concern other processes.
    fn carry_out_on_process(&mut self, command: Command) {
        match command {
            Command::Pipe { from, to, body, receipt } => {
                let mut context = Context::from_waker(&self.waker);
                self.dispatch.pipe(from, to, body, receipt, &mut context);
            }
            Command::Attach(lane) => {
                let watched = self.poller.add_bell(&lane.heard, PROCESS_BELL_TOKEN);
                self.dispatch.attach(*lane, watched);
            }
            Command::Route { slot, instance } => self.dispatch.route(slot, instance),
            Command::Detach { instance, of_itself } => self.dispatch.detach(instance, of_itself),
            _ => {}
        }
    }

    /// Commands that end or hold one connection.
    fn carry_out_on_one(&mut self, command: Command) {
        match command {
            Command::Disconnect { id, code, reason, by } => {
                self.with_live(id, |reactor, key| {
                    if reactor.connections[key as usize].is_open() {
                        reactor.begin_close(key, code, &reason, by);
                    } else {
                        // No close frame before the handshake is done.
                        reactor.refuse(key, &Refusal::Withdrawn);
                    }
                });
            }
            Command::PushRefused { id, closes } => match self.key_of(id) {
                Some(key) if closes && self.connections[key as usize].is_open() => self.overflowed(key),
                Some(key) => self.tell_of_room(key),
                // The mark may stand on whoever has the slot now.
                None => drop(self.entry(id).take_refused()),
            },
            Command::Abort { id } => {
                if let Some(key) = self.key_of(id) {
                    self.abort(key);
                }
            }
            Command::Pause { id } => self.with_open(id, |reactor, key| reactor.hold(key, Hold::PAUSED)),
            Command::Resume { id } => self.with_open(id, |reactor, key| reactor.release(key, Hold::PAUSED)),
            Command::RemoteRefused { id, closes } => {
                self.tally.dropped_messages += 1;
                if self.key_of(id).is_some() && self.entry(id).set_refused(closes) {
                    self.carry_out_on_one(Command::PushRefused { id, closes });
                }
            }
            Command::HandlerReady { id } => {
                self.with_open(id, |reactor, key| reactor.release(key, Hold::HANDLER));
            }
            Command::Settled { id } => self.with_open(id, |reactor, key| reactor.settled(key)),
            Command::HandlerBehind { id } => {
                self.with_open(id, |reactor, key| reactor.hold(key, Hold::HANDLER));
            }
            Command::Protect { id, protected } => self.with_open(id, |reactor, key| {
                reactor.connections[key as usize].protected = protected;
            }),
            other => self.carry_out_on_process(other),
        }
    }

    fn with_open(&mut self, id: ConnectionId, act: impl FnOnce(&mut Reactor, u32)) {
        if let Some(key) = self.key_of(id)
            && self.connections[key as usize].is_open()
        {
            act(self, key);
        }
    }

    /// In its handshake or open.
    fn with_live(&mut self, id: ConnectionId, act: impl FnOnce(&mut Reactor, u32)) {
        if let Some(key) = self.key_of(id)
            && matches!(
                self.connections[key as usize].phase,
                Phase::Head(_) | Phase::Authorizing(_) | Phase::Open
            )
        {
            act(self, key);
        }
    }

    /// The keys of a set, apart from it: sending to a member may end it and so change the set.
    fn copy_keys(&mut self, set: impl FnOnce(&Reactor) -> &[u32]) -> Vec<u32> {
        let mut keys = std::mem::take(&mut self.scratch.keys);
        keys.clear();
        keys.extend_from_slice(set(self));
        keys
    }

    fn join(&mut self, id: ConnectionId, group: &Arc<str>, counted: bool) {
        let entry = self.core.table.slot(id);
        if !counted {
            entry.restore_group();
        }
        let Some(key) = self.key_of(id).filter(|key| self.connections[*key as usize].is_open()) else {
            return self.entry(id).release_group();
        };
        let memberships = &mut self.connections[key as usize].memberships;
        // Leaves that are on their way let the sender count too few.
        let room = memberships.as_slice().len() < self.core.config.groups_per_connection_max;
        if !room || !self.groups.join(group, key, memberships) {
            entry.release_group();
        }
    }

    fn leave(&mut self, id: ConnectionId, group: &str, counted: bool) {
        if !counted {
            self.entry(id).release_group();
        }
        let key = self.key_of(id);
        let memberships = key.map(|key| &mut self.connections[key as usize].memberships);
        match memberships.and_then(|memberships| self.groups.leave(group, memberships)) {
            Some(moved) => self.settle(moved, |connection| Some(&mut connection.memberships)),
            // It was not in.
            None => self.entry(id).restore_group(),
        }
    }

    /// Makes a connection one of the user's, and of nobody else's.
    pub(super) fn bind(&mut self, key: u32, user: &Arc<str>) {
        self.unbind(key);
        let connection = &mut self.connections[key as usize];
        self.users.join(user, key, connection.user.get_or_insert_default());
        self.core.table.bind(connection.id, user);
        self.dispatch.bound(key, connection.id, user);
    }

    fn unbind(&mut self, key: u32) {
        let mut memberships = self.connections[key as usize].user.take().unwrap_or_default();
        while let Some(membership) = memberships.pop() {
            let moved = self.users.remove(membership);
            self.settle(moved, |connection| connection.user.as_deref_mut());
        }
    }

    /// Takes a connection that has ended out of everything.
    pub(super) fn leave_all(&mut self, key: u32) {
        let mut memberships = std::mem::take(&mut self.connections[key as usize].memberships);
        let id = self.connections[key as usize].id;
        while let Some(membership) = memberships.pop() {
            self.entry(id).release_group();
            let moved = self.groups.remove(membership);
            self.settle(moved, |connection| Some(&mut connection.memberships));
        }
        self.unbind(key);
    }

    fn settle(&mut self, moved: Moved, of: fn(&mut Connection) -> Option<&mut Memberships>) {
        if let Some(key) = moved.key
            && let Some(memberships) = of(&mut self.connections[key as usize])
        {
            moved.settle(memberships);
        }
    }

    fn answer(&mut self, Question { asked, reply }: Question) {
        let answer = match asked {
            Asked::Members(group) => Answer::Ids(self.ids(self.groups.members(&group))),
            Asked::UserConnections(user) => Answer::Ids(self.ids(self.users.members(&user))),
            Asked::Groups(id) => match self.key_of(id) {
                Some(key) => Answer::Groups(self.group_names(&self.connections[key as usize])),
                None => Answer::Gone,
            },
            Asked::Session(id) => match self.key_of(id) {
                Some(key) => Answer::Session(self.connections[key as usize].session()),
                None => Answer::Gone,
            },
            Asked::Snapshot => {
                let open = self.open.iter().map(|key| &self.connections[*key as usize]);
                Answer::Snapshot(open.map(|connection| self.state_of(connection)).collect())
            }
        };
        match reply {
            // Whoever asked may have stopped waiting.
            Reply::Here(sender) => drop(sender.send(answer)),
            Reply::Instance { instance, token } => self.dispatch.answer(instance, token, answer),
        }
    }

    fn group_names(&self, connection: &Connection) -> Vec<String> {
        let mut names = self.groups.names(&connection.memberships);
        names.sort_unstable();
        names
    }

    fn state_of(&self, connection: &Connection) -> ConnectionState {
        let id = connection.id;
        ConnectionState {
            id,
            user: self.core.table.info(id).and_then(|info| info.user),
            session: connection.session(),
            groups: self.group_names(connection),
        }
    }

    fn ids(&self, keys: &[u32]) -> Vec<ConnectionId> {
        keys.iter().map(|key| self.connections[*key as usize].id).collect()
    }

    /// Keeps the list's memory for the next one.
    pub(super) fn give_keys_back(&mut self, mut keys: Vec<u32>) {
        keys.clear();
        self.scratch.keys = keys;
    }
}
