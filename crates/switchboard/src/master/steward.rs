//! The master's side of the manager: starts it, talks to it, and starts another when it dies.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::Child;
use std::time::{Duration, Instant, SystemTime};

use rustix::process::{Pid, WaitOptions, waitpgid};
use signal_hook::consts::SIGKILL;

use crate::ipc::control::ToManager;
use crate::ipc::socket::{Inbound, Packet, Socket, Wait};
use crate::manager::Death;
use crate::role;

/// After such a life, earlier deaths are forgotten.
const LONG: Duration = Duration::from_secs(10);
const DELAY_MIN: Duration = Duration::from_millis(100);
const DELAY_MAX: Duration = Duration::from_secs(10);
/// Who is killed again and again is replaced at once so often in a row, and then after so long.
const KILLS: u32 = 3;
const KILLS_PACE: Duration = Duration::from_millis(100);
/// How long the manager has to exit when all is done.
const EXIT: Duration = Duration::from_secs(2);

/// The manager, while there is one.
#[derive(Debug, Default)]
pub(super) struct Steward {
    manager: Option<Manager>,
    deaths: u32,
    /// In a row: killed from outside soon after it was started.
    kills: u32,
    /// When to start another.
    retry_at: Option<Instant>,
    /// What managers that have died have left behind: each its group of processes, which are this process's children now.
    orphans: Vec<Pid>,
}

#[derive(Debug)]
struct Manager {
    process: Child,
    control: Socket,
    /// What did not fit into the socket yet.
    outbox: VecDeque<(Vec<u8>, Option<OwnedFd>)>,
    born: Instant,
    since: SystemTime,
}

impl Steward {
    /// Starts a manager from the master's own executable, whatever has become of its file.
    pub(super) fn start(&mut self) -> io::Result<()> {
        let (control, theirs) = Socket::pair()?;
        let mut command = role::command("/proc/self/exe", None, theirs);
        // A group of its own, so that what it leaves behind can be told from children that the program has here.
        let process = command.process_group(0).spawn()?;
        let (born, since, outbox) = (Instant::now(), SystemTime::now(), VecDeque::new());
        self.manager = Some(Manager { process, control, outbox, born, since });
        self.retry_at = None;
        Ok(())
    }

    /// To be polled for input, and with `true` for room.
    pub(super) fn descriptor(&self) -> Option<(BorrowedFd<'_>, bool)> {
        self.manager.as_ref().map(|manager| (manager.control.as_fd(), !manager.outbox.is_empty()))
    }

    pub(super) fn retry_at(&self) -> Option<Instant> {
        self.retry_at
    }

    /// Its number, and since when it runs.
    pub(super) fn pid(&self) -> Option<(u32, SystemTime)> {
        self.manager.as_ref().map(|manager| (manager.process.id(), manager.since))
    }

    /// Without a manager nothing is sent: the next one learns what is from its welcome.
    pub(super) fn send(&mut self, message: &ToManager, descriptor: Option<BorrowedFd<'_>>) {
        let Some(manager) = &mut self.manager else { return };
        let descriptor = match descriptor.map(|descriptor| descriptor.try_clone_to_owned()).transpose() {
            Ok(descriptor) => descriptor,
            Err(error) => return tracing::error!(%error, "cannot tell the manager of a process"),
        };
        manager.outbox.push_back((message.encode(), descriptor));
        self.flush();
    }

    /// Sends what fits now.
    pub(super) fn flush(&mut self) {
        let Some(manager) = &mut self.manager else { return };
        while let Some((message, descriptor)) = manager.outbox.front() {
            let descriptors: Vec<_> = descriptor.iter().map(AsFd::as_fd).collect();
            match manager.control.send(message, &descriptors, Wait::No) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                // Its end is noticed elsewhere.
                _ => drop(manager.outbox.pop_front()),
            }
        }
    }

    /// The next message. None: nothing more now. An error: it is gone.
    pub(super) fn receive<'a>(&mut self, inbound: &'a mut Inbound) -> io::Result<Option<Packet<'a>>> {
        let Some(manager) = &self.manager else { return Ok(None) };
        match inbound.receive(&manager.control, Wait::No) {
            Ok(Some(packet)) => Ok(Some(packet)),
            Ok(None) => Err(io::ErrorKind::UnexpectedEof.into()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// It is gone. Says how it ended; another is to be started at [`Steward::retry_at`].
    pub(super) fn died(&mut self, now: Instant) -> String {
        let Some(mut manager) = self.manager.take() else { return "was not there".into() };
        // It has closed its socket: there is nothing to wait for.
        let _ = manager.process.kill();
        let how = manager.process.wait();
        self.orphans.extend(Pid::from_raw(manager.process.id() as i32));
        let lived = now.saturating_duration_since(manager.born);
        let killed = how.as_ref().is_ok_and(|how| how.signal() == Some(SIGKILL));
        if killed {
            // From outside, which says nothing about the next one: it begins at once, but does not take a processor for itself.
            self.kills = if lived >= KILLS_PACE { 0 } else { self.kills + 1 };
            let delay = if self.kills > KILLS { KILLS_PACE } else { Duration::ZERO };
            self.retry_at = Some(now + delay);
        } else {
            self.deaths = if lived >= LONG { 0 } else { self.deaths + 1 };
            self.back_off(now);
        }
        how.map_or_else(|error| error.to_string(), |how| how.to_string())
    }

    /// How those have ended that managers have left behind, whoever they are.
    pub(super) fn reap(&mut self) -> Vec<(u32, Death)> {
        let mut ended = Vec::new();
        self.orphans.retain(|group| {
            loop {
                match waitpgid(*group, WaitOptions::NOHANG) {
                    Ok(Some((pid, status))) => {
                        ended.push((pid.as_raw_nonzero().get() as u32, Death::from_status(status)));
                    }
                    Ok(None) => return true,
                    // None is left.
                    Err(_) => return false,
                }
            }
        });
        ended
    }

    /// Starting one has failed, or it died: later.
    pub(super) fn back_off(&mut self, now: Instant) {
        let delay = match self.deaths.checked_sub(2) {
            None => Duration::ZERO,
            Some(further) => DELAY_MIN.saturating_mul(1 << further.min(16)).min(DELAY_MAX),
        };
        self.retry_at = Some(now + delay);
    }

    pub(super) fn start_failed(&mut self, now: Instant) {
        self.deaths = (self.deaths + 1).max(2);
        self.back_off(now);
    }

    /// The server has ended: lets the manager exit.
    pub(super) fn finish(&mut self) {
        let Some(Manager { mut process, control, .. }) = self.manager.take() else { return };
        drop(control);
        self.orphans.extend(Pid::from_raw(process.id() as i32));
        let deadline = Instant::now() + EXIT;
        while Instant::now() < deadline {
            match process.try_wait() {
                Ok(None) => std::thread::sleep(Duration::from_millis(5)),
                _ => return,
            }
        }
        tracing::warn!("the manager did not exit and was killed");
        let _ = process.kill();
        let _ = process.wait();
    }
}
