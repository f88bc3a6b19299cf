use std::path::PathBuf;

use super::*;
use crate::Reloaded;

const WORKERS: u16 = 2;
const SEC: Duration = Duration::from_secs(1);
const MS: Duration = Duration::from_millis(1);

/// A machine, and a world that does what it says.
struct World {
    machine: Machine,
    now: Instant,
    next_pid: u32,
    /// What opening or spawning answers.
    openable: bool,
    spawnable: bool,
    /// Slot, generation and process, in the order of their starts.
    started: Vec<(u16, u32, u32)>,
    killed: Vec<u32>,
    sent: Vec<FromManager>,
    exited: bool,
}

fn welcome(generation: u32) -> Welcome {
    Welcome {
        generation,
        executable: PathBuf::from("/app"),
        workers: WORKERS,
        processes: vec!["hub".into()],
        start_timeout: 30 * SEC,
        drain_timeout: 20 * SEC,
        watch: false,
        files: Vec::new(),
    }
}

impl World {
    fn new(generation: u32) -> World {
        World {
            machine: Machine::new(&welcome(generation)),
            now: Instant::now(),
            next_pid: 100,
            openable: true,
            spawnable: true,
            started: Vec::new(),
            killed: Vec::new(),
            sent: Vec::new(),
            exited: false,
        }
    }

    /// One in which generation 1 runs.
    fn running() -> World {
        let mut world = World::new(0);
        world.say(ToManager::Begin);
        world.all_ready();
        assert!(matches!(world.sent.last(), Some(FromManager::Activate { generation: 1, .. })));
        world.sent.clear();
        world.started.clear();
        world
    }

    fn work(&mut self) {
        while let Some(action) = self.machine.next_action() {
            match action {
                Action::Open { generation } => {
                    let opened = if self.openable { Ok(()) } else { Err("no such file".into()) };
                    self.machine.opened(self.now, generation, opened);
                }
                Action::Spawn { key, slot, generation } if self.machine.wants(key) => {
                    let spawned = if self.spawnable { Ok(self.next_pid) } else { Err("no".into()) };
                    if spawned.is_ok() {
                        self.started.push((slot, generation, self.next_pid));
                        self.next_pid += 1;
                    }
                    self.machine.spawned(self.now, key, spawned);
                }
                Action::Spawn { .. } | Action::Keep { .. } => {}
                Action::Kill { pid } => self.killed.push(pid),
                Action::Send(message) => self.sent.push(message),
                Action::Exit => self.exited = true,
            }
        }
    }

    fn say(&mut self, message: ToManager) {
        self.machine.message(self.now, message);
        self.work();
    }

    fn die(&mut self, pid: u32, how: Death) {
        self.machine.died(self.now, pid, how);
        self.work();
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
        self.machine.tick(self.now);
        self.work();
    }

    fn reload(&mut self, request: u64) {
        self.say(ToManager::Reload { request });
    }

    /// All that have been started since the last call say that they are ready.
    fn all_ready(&mut self) -> Vec<u32> {
        let pids: Vec<u32> = std::mem::take(&mut self.started).iter().map(|(_, _, pid)| *pid).collect();
        for pid in &pids {
            self.say(ToManager::Ready { pid: *pid });
        }
        pids
    }

    fn outcomes(&mut self) -> Vec<(Vec<u64>, Result<Reloaded, ReloadError>)> {
        let sent = std::mem::take(&mut self.sent);
        let outcome = |message| match message {
            FromManager::Reloaded { requests, outcome } => Some((requests, outcome)),
            _ => None,
        };
        sent.into_iter().filter_map(outcome).collect()
    }

    /// The reason of the only outcome, which is a failure.
    fn failure(&mut self) -> String {
        match self.outcomes().as_slice() {
            [(_, Err(ReloadError::Failed(reason)))] => reason.clone(),
            other => panic!("no failure: {other:?}"),
        }
    }

    fn activated(&self) -> Vec<(u32, Vec<(u16, u32)>)> {
        let activated = self.sent.iter().filter_map(|message| match message {
            FromManager::Activate { generation, processes } => Some((*generation, processes.clone())),
            _ => None,
        });
        activated.collect()
    }
}

#[test]
fn all_slots_start_and_become_active_together() {
    let mut world = World::new(0);
    world.say(ToManager::Begin);
    assert_eq!(world.started, [(0, 1, 100), (1, 1, 101), (2, 1, 102)]);
    world.say(ToManager::Ready { pid: 100 });
    world.say(ToManager::Ready { pid: 102 });
    assert_eq!(world.activated(), []);
    world.say(ToManager::Ready { pid: 101 });
    assert_eq!(world.activated(), [(1, vec![(0, 100), (1, 101), (2, 102)])]);
}

#[test]
fn a_first_start_that_fails_ends_everything_and_says_why() {
    let mut world = World::new(0);
    world.say(ToManager::Begin);
    world.die(101, Death::Exited(3));
    let reason = "worker 1 exited with status 3 before it was ready".to_owned();
    assert!(world.sent.contains(&FromManager::FirstStartFailed { reason }));
    assert_eq!(world.killed, [100, 102]);
    assert!(!world.exited);
    world.die(100, Death::Killed(9));
    world.die(102, Death::Killed(9));
    assert!(world.exited);
}

#[test]
fn a_reload_replaces_all_at_once_and_reports() {
    let mut world = World::running();
    world.reload(7);
    assert_eq!(world.started, [(0, 2, 103), (1, 2, 104), (2, 2, 105)]);
    world.pass(250 * MS);
    world.all_ready();
    assert_eq!(world.activated(), [(2, vec![(0, 103), (1, 104), (2, 105)])]);
    assert_eq!(world.outcomes(), [(vec![7], Ok(Reloaded::new(1, 2, 250 * MS)))]);
    // The old ones leave in peace.
    for pid in 100..103 {
        world.say(ToManager::Drained { pid });
        world.die(pid, Death::Exited(0));
    }
    assert!(world.killed.is_empty() && world.started.is_empty());
}

#[test]
fn every_bad_build_leaves_the_old_workers_alone() {
    type Bad = (fn(&mut World), &'static str);
    let bad: [Bad; 6] = [
        (|world| world.die(104, Death::Killed(11)), "worker 1 was killed by SIGSEGV before it was ready"),
        (|world| world.die(105, Death::Exited(0)), "process hub exited with status 0 before it was ready"),
        (
            |world| {
                let reason = "worker_start: no database".into();
                world.say(ToManager::StartFailed { pid: 103, reason });
            },
            "worker 0: worker_start: no database",
        ),
        (
            |world| {
                world.say(ToManager::Ready { pid: 103 });
                world.pass(30 * SEC);
            },
            "worker 1 was not ready within 30s",
        ),
        (
            |world| {
                world.say(ToManager::Ready { pid: 103 });
                world.die(103, Death::Exited(1));
            },
            "worker 0 exited with status 1 before it was ready",
        ),
        (
            |world| {
                world.say(ToManager::StartFailed { pid: 104, reason: "another version".into() });
            },
            "worker 1: another version",
        ),
    ];
    for (spoil, reason) in bad {
        let mut world = World::running();
        world.reload(1);
        spoil(&mut world);
        assert_eq!(world.failure(), format!("{reason}; generation 1 goes on"));
        assert!(world.killed.iter().all(|pid| *pid >= 103), "{:?}", world.killed);
        for pid in 103..106 {
            world.die(pid, Death::Killed(9));
        }
        // A good build succeeds afterwards, with the number that the bad one would have had.
        world.started.clear();
        world.reload(2);
        assert!(world.started.iter().all(|(_, generation, _)| *generation == 2));
        world.all_ready();
        assert!(matches!(world.outcomes().as_slice(), [(_, Ok(_))]));
    }
}

#[test]
fn a_missing_executable_or_a_failing_spawn_fails_the_reload() {
    let mut world = World::running();
    world.openable = false;
    world.reload(1);
    assert_eq!(world.failure(), "no such file; generation 1 goes on");
    world.openable = true;
    world.spawnable = false;
    world.reload(2);
    assert_eq!(world.failure(), "worker 0 could not be started: no; generation 1 goes on");
    assert!(world.killed.is_empty() && world.started.is_empty());
}

#[test]
fn reloads_during_a_reload_are_one_afterwards() {
    let mut world = World::running();
    world.reload(1);
    world.reload(2);
    world.reload(3);
    world.all_ready();
    assert!(matches!(world.outcomes().as_slice(), [(requests, Ok(_))] if requests == &[1]));
    assert!(world.started.iter().all(|(_, generation, _)| *generation == 3));
    world.all_ready();
    assert!(matches!(world.outcomes().as_slice(), [(requests, Ok(_))] if requests == &[2, 3]));
    assert!(world.started.is_empty());
}

#[test]
fn who_does_not_finish_draining_is_killed() {
    let mut world = World::running();
    world.reload(1);
    world.all_ready();
    world.die(101, Death::Exited(0));
    world.pass(20 * SEC - MS);
    assert!(world.killed.is_empty());
    assert_eq!(world.machine.deadline(), Some(world.now + MS));
    world.pass(MS);
    assert_eq!(world.killed, [100, 102]);
    world.pass(SEC);
    assert_eq!(world.killed, [100, 102], "once");
}

#[test]
fn a_fifth_generation_waits_until_an_older_one_has_drained() {
    let mut world = World::running();
    for request in 1..=4 {
        world.reload(request);
        world.all_ready();
    }
    world.outcomes();
    world.reload(5);
    assert!(world.started.is_empty(), "generations 1 to 4 drain");
    for pid in 100..103 {
        world.say(ToManager::Drained { pid });
    }
    assert_eq!(world.started.len(), 3, "generation 1 has nothing left to do");
}

#[test]
fn the_dead_are_replaced_at_once_and_back_off_when_it_goes_on() {
    let mut world = World::running();
    world.pass(11 * SEC);
    let mut pid = 101;
    for expected in [0, 0, 100, 200, 400] {
        world.die(pid, Death::Killed(11));
        if expected > 0 {
            assert!(world.started.is_empty());
            world.pass((expected - 1) * MS);
            assert!(world.started.is_empty());
            world.pass(MS);
        }
        let (slot, generation, next) = world.started[0];
        assert_eq!((slot, generation), (1, 1));
        world.all_ready();
        assert_eq!(world.activated().last(), Some(&(1, vec![(1, next)])));
        pid = next;
        // The first death does not count: it came after a long life.
        if expected == 0
            && world.sent.iter().filter(|sent| matches!(sent, FromManager::Died { .. })).count() == 1
        {
            world.die(pid, Death::Killed(11));
            pid = world.all_ready()[0];
        }
    }
    world.pass(11 * SEC);
    world.die(pid, Death::Killed(11));
    assert_eq!(world.started.len(), 1, "a long life is forgiven");
}

#[test]
fn who_is_killed_again_and_again_is_replaced_all_the_same() {
    let mut world = World::running();
    let mut pid = 101;
    for _ in 0..50 {
        world.die(pid, Death::Killed(9));
        world.pass(100 * MS);
        pid = world.all_ready()[0];
    }
}

#[test]
fn a_replacement_that_is_never_ready_backs_off() {
    let mut world = World::running();
    world.die(102, Death::Killed(6));
    for delay in [100, 200, 400] {
        let (slot, _, pid) = world.started.remove(0);
        assert_eq!(slot, 2);
        world.die(pid, Death::Exited(1));
        assert!(world.started.is_empty());
        world.pass(delay * MS);
    }
    let hanging = world.started.remove(0).2;
    world.pass(30 * SEC);
    assert_eq!(world.killed, [hanging]);
    world.die(hanging, Death::Killed(9));
    world.pass(800 * MS);
    assert_eq!(world.started.len(), 1);
}

#[test]
fn a_crash_during_a_reload_is_replaced_by_the_old_code() {
    let mut world = World::running();
    world.reload(1);
    let rolled = std::mem::take(&mut world.started);
    world.die(100, Death::Killed(11));
    let (slot, generation, replacement) = world.started.remove(0);
    assert_eq!((slot, generation), (0, 1));
    // The reload wins: the replacement that is not ready is not needed any more.
    for (_, _, pid) in rolled {
        world.say(ToManager::Ready { pid });
    }
    assert_eq!(world.killed, [replacement]);
    assert_eq!(world.activated().last().unwrap().0, 2);
}

#[test]
fn who_retires_is_replaced_by_the_same_generation_and_drains() {
    let mut world = World::running();
    world.say(ToManager::Retire { pid: 100 });
    world.say(ToManager::Retire { pid: 100 });
    assert_eq!(world.started, [(0, 1, 103)]);
    world.all_ready();
    assert_eq!(world.activated(), [(1, vec![(0, 103)])]);
    world.die(100, Death::Exited(0));
    assert!(world.started.is_empty() && world.killed.is_empty());
}

#[test]
fn a_failed_replacement_leaves_who_retires_at_work() {
    let mut world = World::running();
    world.say(ToManager::Retire { pid: 100 });
    world.die(103, Death::Exited(1));
    assert!(world.killed.is_empty());
    world.pass(100 * MS);
    assert_eq!(world.started.last(), Some(&(0, 1, 104)));
}

#[test]
fn a_new_manager_adopts_and_replaces_what_is_missing() {
    let mut world = World::new(5);
    let adopt = |slot, pid, draining| ToManager::Adopt { slot, generation: 5, pid, draining };
    world.say(adopt(0, 50, false));
    world.say(adopt(2, 52, false));
    world.say(adopt(1, 41, true));
    world.say(ToManager::Begin);
    assert_eq!(world.started.iter().map(|(slot, ..)| *slot).collect::<Vec<_>>(), [1]);
    world.all_ready();
    world.say(ToManager::Died { pid: 50, how: Death::Killed(9) });
    assert_eq!(world.started.len(), 1, "an adopted one is replaced, too");
    world.pass(20 * SEC);
    assert!(world.killed.contains(&41), "and an adopted one's drain has its limit");
}

#[test]
fn a_stop_starts_nothing_and_kills_who_stays() {
    let mut world = World::running();
    world.reload(1);
    world.reload(2);
    let rolled: Vec<u32> = world.started.iter().map(|(_, _, pid)| *pid).collect();
    world.say(ToManager::Stop { within: 2 * SEC });
    assert_eq!(world.outcomes(), [(vec![2, 1], Err(ReloadError::Stopped))]);
    assert_eq!(world.killed, rolled);
    for pid in rolled {
        world.die(pid, Death::Killed(9));
    }
    world.reload(3);
    assert_eq!(world.outcomes(), [(vec![3], Err(ReloadError::Stopped))]);
    world.die(100, Death::Exited(0));
    world.die(101, Death::Exited(0));
    world.killed.clear();
    world.pass(2 * SEC);
    assert_eq!(world.killed, [102]);
    assert!(!world.exited);
    world.die(102, Death::Killed(9));
    assert!(world.exited);
}
