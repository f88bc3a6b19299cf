//! What the instances say. Whatever it is: it must not harm the server.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use rustix::process::{Signal, pidfd_send_signal};
use switchboard_proto::handshake::Request as Head;

use super::death::GRACE;
use super::{Asker, Conductor};
use crate::Request;
use crate::admission::{self, Refusal};
use crate::command::Command;
use crate::decision::Accept;
use crate::instance::InstanceId;
use crate::ipc::channel::MasterSide;
use crate::ipc::control::ToManager;
use crate::ipc::link::{Request as Asked, Response, ToInstance, ToMaster, Upgraded, VERSION};
use crate::ipc::setup::{Limits, Setup};
use crate::ipc::socket::DESCRIPTORS_MAX;
use crate::master::instance::Stage;
use crate::master::lanes::LaneSetup;
use crate::reactor::{Adopted, check_accept, head_limits};
use crate::sys::{Doorbell, Ear};

/// Messages that are taken from one instance before the others have their turn: more than a socket holds.
const MESSAGES_MAX: usize = 1_024;

/// Requests of one instance that may wait for an answer.
const REQUESTS_MAX: usize = 64;

/// The descriptors of a [`ToInstance::Setup`] that are not the reactors' doorbells.
const SETUP_DESCRIPTORS: usize = 4;

impl Conductor {
    /// Takes everything that an instance has sent.
    pub(super) fn receive_from(&mut self, id: InstanceId) {
        self.flush(id);
        let mut inbound = self.take_inbound();
        for _ in 0..MESSAGES_MAX {
            let Some(instance) = self.instances.get(&id).filter(|one| one.doomed.is_none()) else { break };
            let link = instance.link.clone();
            match link.receive(&mut inbound) {
                Ok(Some(packet)) => match ToMaster::decode(packet.bytes) {
                    Ok(message) => self.instance_says(id, message, packet.descriptors, packet.lost),
                    Err(error) => self.condemn(id, error.0),
                },
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                end => {
                    if let Err(error) = end {
                        tracing::debug!(%error, instance = %id, "a socket to an instance failed");
                    }
                    self.doom(id);
                    break;
                }
            }
        }
        self.inbounds.push(inbound);
    }

    /// Its socket is closed. If it is not dead soon, it is killed.
    fn doom(&mut self, id: InstanceId) {
        if let Some(instance) = self.instances.get_mut(&id) {
            instance.doomed.get_or_insert(Instant::now() + GRACE);
        }
    }

    /// It has done what no instance of ours does: it is killed. Its death is dealt with like any other.
    pub(super) fn condemn(&mut self, id: InstanceId, why: &str) {
        let Some(instance) = self.instances.get(&id).filter(|instance| instance.lives()) else { return };
        if instance.doomed.is_none() {
            let (name, pid) = (self.name(instance.slot), instance.pid);
            tracing::error!(pid, why, "{name} has broken its agreement with the master and is killed");
            let _ = pidfd_send_signal(&instance.process, Signal::KILL);
            self.doom(id);
        }
    }

    fn instance_says(&mut self, id: InstanceId, message: ToMaster, descriptors: Vec<OwnedFd>, lost: bool) {
        let wanted = message.descriptors();
        let Some(instance) = self.instances.get(&id) else { return };
        if descriptors.len() != wanted && !lost {
            return self.condemn(id, "a message has another number of descriptors than it should");
        }
        let pid = instance.pid;
        let greeting = instance.stage == Stage::Greeting;
        match message {
            ToMaster::Hello { version, .. } if greeting => self.greet(id, version),
            // It has been refused, or should have said who it is.
            _ if greeting => {}
            ToMaster::Hello { .. } => self.condemn(id, "it greets twice"),
            ToMaster::Ready { http } => self.ready(id, http),
            ToMaster::StartFailed { reason } => {
                self.steward.send(&ToManager::StartFailed { pid, reason }, None);
            }
            ToMaster::HttpEnded { source } => {
                if !instance.link.http_ended(&source) {
                    self.condemn(id, "it ends an HTTP connection that it has not");
                }
            }
            ToMaster::Admit { token, peer, proxied, head } => {
                let admitted = if instance.link.may_upgrade() {
                    admission::admit_late(&self.core, &head, &peer, proxied)
                } else {
                    tracing::warn!(pid, "a worker asks for more places than it has HTTP connections");
                    admission::count_refusal(&self.core);
                    Err((&Refusal::Full).into())
                };
                let refusal = admitted.map(|place| instance.link.admitted(place)).err();
                self.tell(id, &ToInstance::Admitted { token, refusal });
            }
            ToMaster::PlaceReturned { peer, refused } => match instance.link.upgrade_over(&peer) {
                Some(_) if refused => admission::count_refusal(&self.core),
                Some(_) => {}
                None => self.condemn(id, "it returns a place that it has not"),
            },
            ToMaster::Upgraded(upgraded) => self.upgraded(id, *upgraded, descriptors.into_iter().next()),
            ToMaster::Request { token, request } => self.asked(id, token, request),
            ToMaster::Stop => {
                self.core.stop();
            }
            ToMaster::Retire => self.retire(id),
            ToMaster::HttpIdle => {
                if let Some(instance) = self.instances.get_mut(&id) {
                    instance.http_idle = true;
                }
            }
        }
    }

    fn greet(&mut self, id: InstanceId, version: u32) {
        let Some(pid) = self.instances.get(&id).map(|instance| instance.pid) else { return };
        let reason = if version == VERSION {
            match self.set_up(id) {
                Ok(()) => return,
                Err(error) => format!("the master cannot set it up: {error}"),
            }
        } else {
            self.tell(id, &ToInstance::Incompatible { version: VERSION });
            format!(
                "the new program speaks version {version} of the processes' protocol, the running master version \
                 {VERSION}; a restart of the server is needed"
            )
        };
        self.steward.send(&ToManager::StartFailed { pid, reason }, None);
    }

    /// Gives an instance everything that it shares with the master, and the reactors their lanes to it.
    fn set_up(&mut self, id: InstanceId) -> io::Result<()> {
        let config = &self.core.config;
        let Some(instance) = self.instances.get(&id) else { return Ok(()) };
        let table = self.core.table.fd().ok_or(io::ErrorKind::Unsupported)?;
        let slot = instance.slot;
        let side = MasterSide::create(config.reactors, config.ring_bytes)?;
        let bell = Arc::new(Doorbell::new()?);
        let is_process = slot >= self.welcome.workers;
        let go = is_process && self.may_go(slot, id);
        let setup = Setup {
            instance: id,
            slot,
            generation: instance.generation,
            workers: self.welcome.workers,
            reactors: config.reactors as u16,
            ring_bytes: config.ring_bytes,
            table_slots: self.core.table.slots(),
            first_connection_id: config.first_connection_id,
            has_predecessor: is_process && !go,
            limits: Limits::of(config),
            listening: self.core.listening.clone(),
            processes: self.welcome.processes.clone(),
            files: self.welcome.files.clone(),
        };
        // One for each reactor, and of this instance alone: what it does with it is no other's loss.
        let heard = side.lanes.iter().map(|_| Doorbell::new()).collect::<io::Result<Vec<_>>>()?;
        let bells: Vec<_> = heard.iter().map(AsFd::as_fd).collect();
        let (first, further) = bells.split_at(bells.len().min(DESCRIPTORS_MAX - SETUP_DESCRIPTORS));
        let ear = Ear::of(&bell)?;
        let mut descriptors = vec![table, side.down.as_fd(), side.up.as_fd(), ear.as_fd()];
        descriptors.extend(first);
        instance.link.send(&ToInstance::Setup(Box::new(setup)).encode(), &descriptors)?;
        for bells in further.chunks(DESCRIPTORS_MAX) {
            instance.link.send(&ToInstance::Bells.encode(), bells)?;
        }
        for ((inbox, lane), heard) in self.core.inboxes.iter().zip(side.lanes).zip(heard) {
            let (bell, http, marks) = (bell.clone(), instance.link.clone(), side.marks.clone());
            let gauge = instance.gauge.clone();
            let setup = LaneSetup { instance: id, slot, lane, marks, bell, heard, http, gauge };
            let _ = inbox.send_always(Command::Attach(Box::new(setup)));
        }
        if let Some(instance) = self.instances.get_mut(&id) {
            (instance.attached, instance.stage) = (true, Stage::Starting);
        }
        if go {
            self.let_go(id);
        }
        Ok(())
    }

    fn ready(&mut self, id: InstanceId, http: bool) {
        let Some(instance) = self.instances.get_mut(&id) else { return };
        if instance.stage != Stage::Starting {
            return;
        }
        instance.stage = Stage::Ready;
        instance.link.set_serves_http(http);
        let pid = instance.pid;
        self.steward.send(&ToManager::Ready { pid }, None);
    }

    fn retire(&mut self, id: InstanceId) {
        let Some(instance) = self.instances.get_mut(&id) else { return };
        if instance.stage == Stage::Active && !std::mem::replace(&mut instance.retiring, true) {
            let pid = instance.pid;
            self.steward.send(&ToManager::Retire { pid }, None);
        }
    }

    fn asked(&mut self, id: InstanceId, token: u64, asked: Asked) {
        let Some(instance) = self.instances.get_mut(&id) else { return };
        let response = match asked {
            Asked::Status => Response::Status(Box::new(self.status())),
            Asked::Reload if instance.requests >= REQUESTS_MAX => Response::Busy,
            Asked::Reload => {
                instance.requests += 1;
                return self.reload(Asker::Instance { instance: id, token });
            }
        };
        self.tell(id, &ToInstance::Response { token, response });
    }

    /// A socket that has become a WebSocket goes to the reactor that has the fewest, or to the one that has its session.
    fn upgraded(&mut self, id: InstanceId, upgraded: Upgraded, socket: Option<OwnedFd>) {
        let Some(instance) = self.instances.get(&id) else { return };
        let Upgraded { peer, head, subprotocol, user, session, unread } = upgraded;
        let Some(place) = instance.link.upgrade_over(&peer) else {
            return self.condemn(id, "it upgrades a connection that has no place");
        };
        let accept = Accept { subprotocol, headers: Vec::new(), user, session };
        let parsed = Head::parse(&head, &head_limits(&self.core.config));
        let sound = matches!(parsed, Ok(Some(head)) if head.upgrade().is_ok());
        if !sound || check_accept(&self.core.config, &accept).is_err() {
            return self.condemn(id, "it has upgraded a connection that could not be");
        }
        let Some(socket) = socket else {
            return tracing::warn!("an upgraded connection was lost: the master has no descriptors left");
        };
        // Under TLS it is only what its connection was carried over: that one has not left its reactor.
        let relayed = self.core.relays.find(&socket).map(|(reactor, _)| reactor);
        let least = || {
            let reactors = 0..self.core.config.reactors;
            reactors.min_by_key(|reactor| self.core.load(*reactor).load(Ordering::Relaxed))
        };
        let reactor = relayed.or_else(least).unwrap_or(0);
        let request = Request::new(head, peer);
        let adopted = Box::new(Adopted::Upgraded { socket, request, accept, unread, place });
        let _ = self.core.inboxes[reactor].send_always(Command::Adopt(adopted));
    }
}
