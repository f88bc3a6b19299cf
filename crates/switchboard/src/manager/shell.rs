//! Carries out what the [`Machine`] says, and tells it what happens.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::process::{
    Pid, PidfdFlags, Signal, WaitOptions, getpid, pidfd_open, pidfd_send_signal, set_child_subreaper, wait,
};
use signal_hook::consts::{SIGCHLD, SIGHUP, SIGINT, SIGTERM, SIGUSR1};

use super::death::Death;
use super::executable::Executable;
use super::machine::{Action, Key, Machine, ORPHANS};
use super::signals::{self, Signals};
use super::watch::{self, Signature, Watch};
use crate::ipc::control::{FromManager, ToManager, Welcome};
use crate::ipc::socket::{Inbound, Packet, Socket, Wait};
use crate::ipc::socket_file::SocketFile;
use crate::ipc::wait::Waiting;
use crate::role::{self, InstanceRole};
use crate::sys::{die_with_parent, set_short_name};

/// Runs the manager until the server has ended.
///
/// # Errors
/// Without a word from its master, or when the system refuses what it cannot do without.
pub(crate) fn run(control: Socket) -> io::Result<()> {
    set_short_name("sb-manager");
    signals::ignore(&[SIGINT, SIGTERM, SIGHUP])?;
    let signals = Signals::catch(&[SIGUSR1, SIGCHLD])?;
    // What a worker has started and left behind is reaped here.
    let _ = set_child_subreaper(Some(getpid()));
    let mut inbound = Inbound::new();
    let Some(packet) = inbound.receive(&control, Wait::Yes)? else { return Ok(()) };
    let Ok(ToManager::Welcome(welcome)) = ToManager::decode(packet.bytes) else {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "the master's first word is none"));
    };
    let executable = packet.descriptors.into_iter().next();
    let mut shell = Shell::new(&welcome, control, executable);
    while !shell.done {
        shell.turn(&signals, &mut inbound)?;
    }
    Ok(())
}

struct Shell {
    machine: Machine,
    control: Socket,
    /// False: the master is gone.
    master: bool,
    done: bool,
    executable: std::path::PathBuf,
    executables: BTreeMap<u32, Executable>,
    /// Descriptors of the processes, by their numbers; and whether they are this process's children.
    processes: BTreeMap<u32, (OwnedFd, bool)>,
    /// The names of the user processes.
    names: Vec<String>,
    workers: u16,
    files: Vec<SocketFile>,
    watch: Option<Watch>,
    look_at: Instant,
}

impl Shell {
    fn new(welcome: &Welcome, control: Socket, executable: Option<OwnedFd>) -> Shell {
        let mut shell = Shell {
            machine: Machine::new(welcome),
            control,
            master: true,
            done: false,
            executable: welcome.executable.clone(),
            executables: BTreeMap::new(),
            processes: BTreeMap::new(),
            names: welcome.processes.clone(),
            workers: welcome.workers,
            files: welcome.files.clone(),
            watch: welcome.watch.then(Watch::default),
            look_at: Instant::now(),
        };
        if let Some(executable) = executable {
            let executable = Executable::new(executable);
            shell.know(&executable);
            shell.executables.insert(welcome.generation, executable);
        }
        shell
    }

    /// Waits until something happens, and deals with it.
    fn turn(&mut self, signals: &Signals, inbound: &mut Inbound) -> io::Result<()> {
        self.wait(signals)?;
        let now = Instant::now();
        // First: when the master has gone, the deaths of the others are no crashes.
        self.receive(now, inbound);
        for signal in signals.take() {
            match signal {
                SIGUSR1 => self.machine.reload(now, None),
                _ => self.reap(now),
            }
        }
        self.look_after_adopted(now);
        self.look(now);
        self.machine.tick(now);
        while let Some(action) = self.machine.next_action() {
            self.carry_out(action);
        }
        Ok(())
    }

    fn wait(&self, signals: &Signals) -> io::Result<()> {
        let mut waiting = Waiting::default();
        if self.master {
            waiting.add(self.control.as_fd(), false);
        }
        for descriptor in signals.descriptors() {
            waiting.add(descriptor, false);
        }
        // Of its own children SIGCHLD tells, and of the others the master.
        for (process, _) in self.processes.values().filter(|(_, own)| !own && !self.master) {
            waiting.add(process.as_fd(), false);
        }
        let look_at = self.watch.is_some().then_some(self.look_at);
        let deadline = self.machine.deadline().into_iter().chain(look_at).min();
        let round_up = Duration::from_millis(1);
        let timeout = deadline.map(|at| at.saturating_duration_since(Instant::now()) + round_up);
        waiting.wait(timeout).map(drop)
    }

    /// Takes everything that the master has said.
    fn receive(&mut self, now: Instant, inbound: &mut Inbound) {
        while self.master {
            match inbound.receive(&self.control, Wait::No) {
                Ok(Some(packet)) => self.message(now, packet),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Ok(None) => self.master_gone(now),
                Err(error) => {
                    tracing::error!(%error, "the manager cannot hear its master");
                    self.master_gone(now);
                }
            }
        }
    }

    fn master_gone(&mut self, now: Instant) {
        self.master = false;
        self.files.iter().for_each(SocketFile::remove);
        // The others see its end themselves.
        self.machine.stop(now, ORPHANS);
    }

    fn message(&mut self, now: Instant, packet: Packet<'_>) {
        let message = match ToManager::decode(packet.bytes) {
            Ok(message) => message,
            Err(error) => return tracing::error!(%error, "the manager does not understand its master"),
        };
        match message {
            ToManager::Adopt { pid, .. } => match packet.descriptors.into_iter().next() {
                Some(process) => drop(self.processes.insert(pid, (process, false))),
                None => return tracing::error!(pid, "a process to adopt without its descriptor"),
            },
            ToManager::Died { pid, .. } => drop(self.processes.remove(&pid)),
            _ => {}
        }
        self.machine.message(now, message);
    }

    /// Learns how children have ended; also those that others left behind.
    fn reap(&mut self, now: Instant) {
        while let Ok(Some((pid, status))) = wait(WaitOptions::NOHANG) {
            let pid = pid.as_raw_nonzero().get() as u32;
            self.processes.remove(&pid);
            self.machine.died(now, pid, Death::from_status(status));
        }
    }

    /// Those that another manager has started, when there is no master any more that tells of their end.
    fn look_after_adopted(&mut self, now: Instant) {
        if self.master {
            return;
        }
        let ended = |process: &OwnedFd| {
            let mut waiting = Waiting::default();
            waiting.add(process.as_fd(), false);
            waiting.wait(Some(Duration::ZERO)).is_ok_and(|ready| ready == [true])
        };
        let adopted = self.processes.iter().filter(|(_, (process, own))| !own && ended(process));
        let ended: Vec<u32> = adopted.map(|(pid, _)| *pid).collect();
        for pid in ended {
            self.processes.remove(&pid);
            self.machine.died(now, pid, Death::Unknown);
        }
    }

    fn look(&mut self, now: Instant) {
        let Some(watch) = &mut self.watch else { return };
        if now < self.look_at {
            return;
        }
        self.look_at = now + watch::INTERVAL;
        if watch.look(Signature::of(&self.executable)) {
            tracing::info!("the executable has changed");
            self.machine.reload(now, None);
        }
    }

    fn carry_out(&mut self, action: Action) {
        match action {
            Action::Open { generation } => {
                let opened = Executable::open(&self.executable).map(|executable| {
                    self.know(&executable);
                    self.executables.insert(generation, executable);
                });
                let path = self.executable.display();
                let opened = opened.map_err(|error| format!("{path} cannot be executed: {error}"));
                self.machine.opened(Instant::now(), generation, opened);
            }
            Action::Keep { generations } => {
                self.executables.retain(|generation, _| generations.contains(generation));
            }
            Action::Spawn { key, slot, generation } => self.start(key, slot, generation),
            Action::Kill { pid } => {
                if let Some((process, _)) = self.processes.get(&pid) {
                    // It may have ended meanwhile.
                    let _ = pidfd_send_signal(process, Signal::KILL);
                }
            }
            Action::Send(message) => self.send(&message),
            Action::Exit => self.done = true,
        }
    }

    fn start(&mut self, key: Key, slot: u16, generation: u32) {
        if !self.machine.wants(key) {
            return;
        }
        let spawned = match self.spawn(slot, generation) {
            Ok(process) => process,
            Err(error) => {
                return self.machine.spawned(Instant::now(), key, Err(error.to_string()));
            }
        };
        let Process { pid, process, link } = spawned;
        // Sent here and not as the machine's action, for the descriptors; so it is first.
        let message = FromManager::Spawned { slot, generation, pid };
        let sent = self.control.send(&message.encode(), &[link.as_fd(), process.as_fd()], Wait::Yes);
        self.processes.insert(pid, (process, true));
        if let Err(error) = sent
            && self.master
        {
            // The end of the master is dealt with when it is heard of.
            tracing::debug!(%error, "cannot tell the master of a new process");
        }
        self.machine.spawned(Instant::now(), key, Ok(pid));
    }

    fn spawn(&self, slot: u16, generation: u32) -> io::Result<Process> {
        let executable = self.executables.get(&generation).ok_or(io::ErrorKind::NotFound)?;
        let process =
            slot.checked_sub(self.workers).and_then(|index| self.names.get(usize::from(index)).cloned());
        let role = InstanceRole { slot, generation, process };
        let (link, theirs) = Socket::pair()?;
        let program = executable.name(&self.executable);
        let mut command = role::command(&program, Some(&role), theirs);
        // A program that hangs before it knows its role would not notice that everybody else is gone.
        die_with_parent(&mut command);
        let child = command.spawn()?;
        let pid = child.id();
        // It cannot have been reaped yet: that happens in this thread.
        let process = pidfd_open(Pid::from_child(&child), PidfdFlags::empty())?;
        Ok(Process { pid, process, link })
    }

    fn send(&self, message: &FromManager) {
        let executable = match message {
            FromManager::Activate { generation, .. } => self.executables.get(generation),
            _ => None,
        };
        let descriptors: Vec<_> = executable.iter().map(AsFd::as_fd).collect();
        if let Err(error) = self.control.send(&message.encode(), &descriptors, Wait::Yes)
            && self.master
        {
            tracing::debug!(%error, "the manager cannot reach its master");
        }
    }

    /// This one runs, or will be tried: the watch leaves it alone.
    fn know(&mut self, executable: &Executable) {
        if let (Some(watch), Ok(stat)) = (&mut self.watch, rustix::fs::fstat(executable)) {
            watch.know(Signature::from_stat(&stat));
        }
    }
}

/// A process that has just been started.
struct Process {
    pid: u32,
    process: OwnedFd,
    link: Socket,
}
