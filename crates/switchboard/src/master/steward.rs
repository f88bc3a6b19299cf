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
/// A manager that reads nothing for so long of what waits for it is replaced.
const STALL: Duration = Duration::from_secs(5);
/// When to send again what the system had no memory or no descriptors for.
const SEND_AGAIN: Duration = Duration::from_millis(100);
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
    /// Since when nothing of that could be sent.
    stalled: Option<Instant>,
    /// Not for want of room: when to try again.
    send_again: Option<Instant>,
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
        let (stalled, send_again) = (None, None);
        self.manager = Some(Manager { process, control, outbox, stalled, send_again, born, since });
        self.retry_at = None;
        Ok(())
    }

    /// To be polled for input, and with `true` for room.
    pub(super) fn descriptor(&self) -> Option<(BorrowedFd<'_>, bool)> {
        let output = |manager: &Manager| !manager.outbox.is_empty() && manager.send_again.is_none();
        self.manager.as_ref().map(|manager| (manager.control.as_fd(), output(manager)))
    }

    pub(super) fn retry_at(&self) -> Option<Instant> {
        self.retry_at
    }

    /// When there is something to do although nothing has happened.
    pub(super) fn deadlines(&self) -> impl Iterator<Item = Instant> {
        let manager = self.manager.as_ref();
        let stalled = manager.and_then(|manager| manager.stalled).map(|since| since + STALL);
        let again = manager.and_then(|manager| manager.send_again);
        [self.retry_at, stalled, again].into_iter().flatten()
    }

    /// Kills a manager that has stopped reading. Its end is noticed like any other, after its last words.
    pub(super) fn settle_stall(&mut self, now: Instant) {
        let Some(manager) = &mut self.manager else { return };
        if manager.stalled.is_some_and(|since| now >= since + STALL) {
            tracing::error!(pid = manager.process.id(), "the manager does not read and is killed");
            let _ = manager.process.kill();
            manager.outbox.clear();
            (manager.stalled, manager.send_again) = (None, None);
        }
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
        let now = Instant::now();
        if manager.send_again.is_some_and(|at| now < at) {
            return;
        }
        manager.send_again = None;
        while let Some((message, descriptor)) = manager.outbox.front() {
            let descriptors: Vec<_> = descriptor.iter().map(AsFd::as_fd).collect();
            match manager.control.send(message, &descriptors, Wait::No) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    manager.stalled.get_or_insert(now);
                    return;
                }
                // Its end is noticed elsewhere.
                Err(error) if is_end(&error) => {}
                Err(error) if is_too_large(&error) => {
                    tracing::error!(%error, "cannot tell the manager something");
                }
                // What comes after it waits, too.
                Err(error) => {
                    if manager.stalled.replace(manager.stalled.unwrap_or(now)).is_none() {
                        tracing::error!(%error, "cannot tell the manager something now; trying again");
                    }
                    manager.send_again = Some(now + SEND_AGAIN);
                    return;
                }
            }
            manager.outbox.pop_front();
            manager.stalled = None;
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

fn is_end(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset)
}

/// No later attempt would be better.
fn is_too_large(error: &io::Error) -> bool {
    let too_large = rustix::io::Errno::MSGSIZE.raw_os_error();
    error.kind() == io::ErrorKind::InvalidInput || error.raw_os_error() == Some(too_large)
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_manager_that_does_not_read_is_killed_and_its_last_words_are_heard() {
        let (control, theirs) = Socket::pair().unwrap();
        let process = Command::new("sleep").arg("60").process_group(0).spawn().unwrap();
        let (born, since, outbox) = (Instant::now(), SystemTime::now(), VecDeque::new());
        let (stalled, send_again) = (None, None);
        let manager = Manager { process, control, outbox, stalled, send_again, born, since };
        let mut steward = Steward { manager: Some(manager), ..Steward::default() };
        for request in 0..10_000 {
            steward.send(&ToManager::Reload { request }, None);
        }
        let left = |steward: &Steward| steward.manager.as_ref().unwrap().outbox.len();
        assert!(left(&steward) > 0);
        let now = Instant::now();
        assert!(steward.deadlines().all(|at| at > now && at <= now + STALL));
        // It reads a little: the time begins anew.
        let mut inbound = Inbound::new();
        for request in 0..100 {
            let packet = inbound.receive(&theirs, Wait::No).unwrap().unwrap();
            assert_eq!(ToManager::decode(packet.bytes).unwrap(), ToManager::Reload { request });
        }
        let before = left(&steward);
        steward.flush();
        assert!(left(&steward) < before);
        assert_eq!(steward.descriptor().map(|(_, output)| output), Some(true));
        steward.settle_stall(Instant::now());
        assert!(left(&steward) > 0);
        steward.settle_stall(Instant::now() + STALL);
        assert_eq!((left(&steward), steward.deadlines().count()), (0, 0));
        theirs.send(b"last words", &[], Wait::No).unwrap();
        drop(theirs);
        assert_eq!(steward.receive(&mut inbound).unwrap().unwrap().bytes, b"last words");
        assert!(steward.receive(&mut inbound).is_err());
        assert!(steward.died(Instant::now()).contains("signal: 9"));
    }
}
