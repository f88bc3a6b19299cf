//! Carrying out commands.

use std::sync::Arc;

use super::Reactor;
use super::connection::{Hold, Phase};
use super::groups::{Memberships, Moved};
use crate::ConnectionId;
use crate::admission::Refusal;
use crate::command::{Command, Question};
use crate::event::ClosedBy;
use crate::frame::Frame;

impl Reactor {
    /// What other threads have sent.
    pub(super) fn carry_out_remote(&mut self) {
        let mut commands = std::mem::take(&mut self.scratch.commands);
        self.core.inboxes[self.index].take_remote(&mut commands);
        self.carry_out_all(&mut commands);
        self.scratch.commands = commands;
    }

    /// What code on this thread has sent, until there is no more.
    pub(super) fn carry_out_local(&mut self) {
        let mut commands = std::mem::take(&mut self.scratch.local_commands);
        while self.core.inboxes[self.index].take_local(&mut commands) {
            self.carry_out_all(&mut commands);
        }
        self.scratch.local_commands = commands;
    }

    fn carry_out_all(&mut self, commands: &mut Vec<Command>) {
        let mut weight = 0;
        for command in commands.drain(..) {
            weight += command.weight();
            self.carry_out(command);
        }
        if weight > 0 {
            self.core.inboxes[self.index].finished(weight);
        }
    }

    fn carry_out(&mut self, command: Command) {
        match command {
            Command::Push { id, frame, reserved, overflow } => match self.key_of(id) {
                Some(key) => self.push_reserved(key, &frame, reserved, overflow),
                None => self.entry(id).subtract_queued(reserved),
            },
            Command::PushMany { ids, frame } => {
                for id in ids {
                    self.with_open(id, |reactor, key| reactor.push_shared(key, &frame));
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
            Command::Join { id, group } => self.join(id, &group),
            Command::Leave { id, group } => self.leave(id, &group),
            Command::Bind { id, user } => self.with_open(id, |reactor, key| reactor.bind(key, &user)),
            Command::SetSession { id, session } => self.with_open(id, |reactor, key| {
                reactor.dispatch.session_changed(id, &session);
                reactor.connections[key as usize].set_session(session);
            }),
            Command::Ask(question) => self.answer(question),
            Command::Adopt(adopted) => self.adopt(*adopted),
            Command::Authorized { id, decision } => self.authorized(id, *decision),
            Command::Shutdown => self.begin_stop(),
            other => self.carry_out_on_one(other),
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
            Command::HandlerReady { id } => {
                self.with_open(id, |reactor, key| reactor.release(key, Hold::HANDLER));
            }
            Command::Protect { id, protected } => self.with_open(id, |reactor, key| {
                reactor.connections[key as usize].protected = protected;
            }),
            _ => {}
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
            && !matches!(self.connections[key as usize].phase, Phase::Closing | Phase::Draining { .. })
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

    fn fan_out(&mut self, keys: Vec<u32>, frame: &Frame, except: &[ConnectionId]) {
        for key in &keys {
            let connection = self.connections.get(*key as usize);
            let receives =
                connection.is_some_and(|found| found.is_open() && except.binary_search(&found.id).is_err());
            if receives {
                self.push_shared(*key, frame);
            }
        }
        self.give_keys_back(keys);
    }

    fn join(&mut self, id: ConnectionId, group: &Arc<str>) {
        let entry = self.core.table.slot(id);
        let Some(key) = self.key_of(id).filter(|key| self.connections[*key as usize].is_open()) else {
            return self.entry(id).release_group();
        };
        let memberships = self.connections[key as usize].memberships.get_or_insert_default();
        // Leaves that are on their way let the sender count too few.
        let room = memberships.len() < self.core.config.groups_per_connection_max;
        if !room || !self.groups.join(group, key, memberships) {
            entry.release_group();
        }
    }

    fn leave(&mut self, id: ConnectionId, group: &str) {
        let key = self.key_of(id);
        let memberships = key.and_then(|key| self.connections[key as usize].memberships.as_mut());
        match memberships.and_then(|memberships| self.groups.leave(group, memberships)) {
            Some(moved) => self.settle(moved, |connection| &mut connection.memberships),
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
    }

    fn unbind(&mut self, key: u32) {
        for membership in self.connections[key as usize].user.take().map(|user| *user).unwrap_or_default() {
            let moved = self.users.remove(membership);
            self.settle(moved, |connection| &mut connection.user);
        }
    }

    /// Takes a connection that has ended out of everything.
    pub(super) fn leave_all(&mut self, key: u32) {
        let memberships = self.connections[key as usize].memberships.take();
        let id = self.connections[key as usize].id;
        for membership in memberships.map(|memberships| *memberships).unwrap_or_default() {
            self.entry(id).release_group();
            let moved = self.groups.remove(membership);
            self.settle(moved, |connection| &mut connection.memberships);
        }
        self.unbind(key);
    }

    fn settle(
        &mut self,
        moved: Moved,
        of: fn(&mut super::connection::Connection) -> &mut Option<Box<Memberships>>,
    ) {
        if let Some(key) = moved.key
            && let Some(memberships) = of(&mut self.connections[key as usize])
        {
            moved.settle(memberships);
        }
    }

    fn answer(&mut self, question: Question) {
        // Whoever asked may have stopped waiting.
        match question {
            Question::Members { group, answer } => {
                let _ = answer.send(self.ids(self.groups.members(&group)));
            }
            Question::UserConnections { user, answer } => {
                let _ = answer.send(self.ids(self.users.members(&user)));
            }
            Question::Groups { id, answer } => {
                let connection = self.key_of(id).map(|key| &self.connections[key as usize]);
                let names = connection.map(|connection| match &connection.memberships {
                    Some(memberships) => self.groups.names(memberships),
                    None => Vec::new(),
                });
                let _ = answer.send(names);
            }
            Question::Session { id, answer } => {
                let connection = self.key_of(id).map(|key| &self.connections[key as usize]);
                let _ = answer.send(connection.map(|connection| connection.session()));
            }
        }
    }

    fn ids(&self, keys: &[u32]) -> Vec<ConnectionId> {
        keys.iter().map(|key| self.connections[*key as usize].id).collect()
    }

    /// Closes every open connection because the server stops.
    pub(super) fn close_all(&mut self) {
        let keys = self.copy_keys(|reactor| &reactor.open);
        for key in &keys {
            if self.connections.contains(*key as usize) {
                self.close_for_stop(*key);
            }
        }
        self.give_keys_back(keys);
    }

    pub(super) fn close_for_stop(&mut self, key: u32) {
        self.begin_close(key, 1001, "the server is being stopped", ClosedBy::Shutdown);
    }

    /// Keeps the list's memory for the next one.
    fn give_keys_back(&mut self, mut keys: Vec<u32>) {
        keys.clear();
        self.scratch.keys = keys;
    }
}
