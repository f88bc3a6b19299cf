//! Taking part in a server: what the master sends first.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use super::intake::Intake;
use super::link::Link;
use super::ports::{Identity, RingPorts, ToReactor};
use crate::core::Core;
use crate::core::CoreRef;
use crate::ipc::channel::{InstanceSide, Marks};
use crate::ipc::link::{ToInstance, ToMaster, VERSION};
use crate::ipc::ring::Sleeping;
use crate::ipc::setup::Setup;
use crate::ipc::socket::Inbound;
use crate::ipc::socket_file::SocketFile;
use crate::pipe::Pipes;
use crate::sys::{Doorbell, Ear};
use crate::table::Table;
use crate::{Config, Handle, Mode};

/// The longest record: nothing that the master sends comes near it.
const RECORD_BYTES_MAX: usize = u32::MAX as usize;

/// What this program would be as a master.
#[derive(Debug)]
pub(crate) struct Program {
    pub(crate) config: Config,
    /// The names of its user processes.
    pub(crate) processes: Vec<String>,
}

/// A process that takes part.
#[derive(Debug)]
pub(super) struct Attached {
    pub(super) link: Link,
    /// For this process's slot.
    pub(super) handle: Handle,
    pub(super) ports: Arc<RingPorts>,
    pub(super) marks: Marks,
    pub(super) lanes: Vec<Intake>,
    pub(super) sleeping: Sleeping,
    pub(super) bell: Ear,
    pub(super) slot: u16,
    pub(super) has_predecessor: bool,
    /// To be removed when the master is gone.
    pub(super) files: Vec<SocketFile>,
}

/// What has come with the setup.
struct Descriptors {
    table: OwnedFd,
    down: OwnedFd,
    up: OwnedFd,
    bell: OwnedFd,
    reactors: Vec<OwnedFd>,
}

/// Greets the master and takes what it sends. None: the master has gone.
pub(super) fn attach(link: Link, program: Program) -> io::Result<Option<Attached>> {
    link.send(&ToMaster::Hello { version: VERSION, pid: std::process::id() }, None)?;
    let mut inbound = Inbound::new();
    let Some(news) = link.receive(&mut inbound)? else { return Ok(None) };
    let setup = match news.message {
        ToInstance::Setup(setup) => *setup,
        ToInstance::Incompatible { version } => {
            let both = format!("the server speaks version {version}, this program version {VERSION}");
            return Err(invalid(both));
        }
        _ => return Err(invalid("the master's first message is no setup")),
    };
    if setup.processes != program.processes {
        let (server, own) = (setup.processes.join(", "), program.processes.join(", "));
        let both = format!("the server has the user processes [{server}], this program [{own}]");
        return Err(invalid(format!("{both}: a restart is needed")));
    }
    let mut descriptors = news.descriptors;
    while descriptors.len() < 4 + usize::from(setup.reactors) {
        let Some(news) = link.receive(&mut inbound)? else { return Ok(None) };
        if !matches!(news.message, ToInstance::Bells) || news.descriptors.is_empty() {
            return Err(invalid("descriptors are missing: the limit of open ones may be too low"));
        }
        descriptors.extend(news.descriptors);
    }
    let mut rest = descriptors.into_iter();
    let (Some(table), Some(down), Some(up), Some(bell)) =
        (rest.next(), rest.next(), rest.next(), rest.next())
    else {
        return Err(invalid("descriptors are missing"));
    };
    let descriptors = Descriptors { table, down, up, bell, reactors: rest.collect() };
    build(link, setup, descriptors, program.config).map(Some)
}

fn build(link: Link, setup: Setup, with: Descriptors, mut config: Config) -> io::Result<Attached> {
    setup.limits.apply(&mut config);
    config.mode = Mode::Process;
    config.reactors = usize::from(setup.reactors);
    config.workers = usize::from(setup.workers);
    config.ring_bytes = setup.ring_bytes;
    config.first_connection_id = setup.first_connection_id;
    let table = Table::attach(with.table, setup.table_slots)?;
    let side = InstanceSide::attach(with.down, with.up, config.reactors, config.ring_bytes)?;
    let (mut lanes, mut outlets) = (Vec::new(), Vec::new());
    for (index, (lane, bell)) in side.lanes.into_iter().zip(with.reactors).enumerate() {
        lanes.push(Intake::new(index, lane.events, RECORD_BYTES_MAX));
        let bell = Doorbell::received(bell);
        outlets.push(ToReactor { commands: lane.commands, sleeping: lane.reactor_sleeping, bell });
    }
    let me = Identity { instance: setup.instance, slot: setup.slot };
    let ports = Arc::new(RingPorts::new(outlets, me, &config, link.clone()));
    let pipes = Pipes::new(config.workers, setup.processes, config.pipe_bytes_max);
    let mut core = Core::remote(config, table, setup.listening, pipes, Box::new(ports.clone()));
    core.generation = setup.generation;
    Ok(Attached {
        link,
        handle: Handle::new(CoreRef::keep(core)).for_slot(setup.slot),
        ports,
        marks: side.marks,
        lanes,
        sleeping: side.worker_sleeping,
        bell: Ear::received(with.bell),
        slot: setup.slot,
        has_predecessor: setup.has_predecessor,
        files: setup.files,
    })
}

fn invalid(why: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why.into())
}
