//! CPU time and memory of a process and all its descendants, from `/proc`.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};

/// Length of the clock tick that `/proc/PID/stat` counts in (`USER_HZ` is 100 on every Linux that Rust runs on).
const TICK: Duration = Duration::from_millis(10);

/// A process and its descendants.
#[derive(Clone, Copy, Debug)]
pub struct ProcessTree {
    root: u32,
}

impl ProcessTree {
    /// The tree under `root`, which need not be a child of this process.
    #[must_use]
    pub fn new(root: u32) -> Self {
        Self { root }
    }

    /// User and system time of all processes of the tree, of their ended threads and of their ended children that were waited for.
    ///
    /// # Errors
    /// The root does not exist (any longer).
    pub fn cpu_time(&self) -> Result<Duration> {
        Ok(self.processes()?.iter().map(|&pid| process_cpu_time(pid)).sum())
    }

    /// Proportional set size in bytes: user-space memory, shared pages divided by the number of their users.
    ///
    /// # Errors
    /// The root does not exist (any longer), or belongs to another user.
    pub fn pss_bytes(&self) -> Result<u64> {
        let mut sum = 0;
        for pid in self.processes()? {
            let rollup = match fs::read_to_string(format!("/proc/{pid}/smaps_rollup")) {
                Ok(rollup) => rollup,
                // A descendant may end between the listing and here.
                Err(_) if pid != self.root => continue,
                Err(error) => return Err(error).with_context(|| format!("memory of process {pid}")),
            };
            let kilobytes = rollup
                .lines()
                .find_map(|line| {
                    line.strip_prefix("Pss:")?.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()
                })
                .with_context(|| format!("no Pss line for process {pid}"))?;
            sum += kilobytes * 1024;
        }
        Ok(sum)
    }

    /// Open descriptors of all processes of the tree.
    ///
    /// # Errors
    /// The root does not exist (any longer), or belongs to another user.
    pub fn descriptors(&self) -> Result<usize> {
        let mut sum = 0;
        for pid in self.processes()? {
            match fs::read_dir(format!("/proc/{pid}/fd")) {
                Ok(entries) => sum += entries.count(),
                Err(_) if pid != self.root => {}
                Err(error) => return Err(error).with_context(|| format!("descriptors of process {pid}")),
            }
        }
        Ok(sum)
    }

    fn processes(&self) -> Result<Vec<u32>> {
        let mut children: HashMap<u32, Vec<u32>> = HashMap::new();
        let mut exists = false;
        for pid in all_processes()? {
            exists |= pid == self.root;
            if let Some(stat) = Stat::read(pid) {
                children.entry(stat.parent).or_default().push(pid);
            }
        }
        anyhow::ensure!(exists, "process {} does not exist: has the server ended?", self.root);
        let mut tree = vec![self.root];
        let mut next = 0;
        while let Some(pid) = tree.get(next) {
            tree.extend(children.remove(pid).unwrap_or_default());
            next += 1;
        }
        Ok(tree)
    }
}

/// CPU time of the kernel's threads that finish network work when the senders cannot keep up with it; it belongs to no process.
///
/// # Errors
/// `/proc` cannot be read.
pub fn ksoftirqd_cpu_time() -> Result<Duration> {
    Ok(all_processes()?
        .filter(|pid| {
            fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name.starts_with("ksoftirqd/"))
        })
        .map(process_cpu_time)
        .sum())
}

fn all_processes() -> Result<impl Iterator<Item = u32>> {
    let entries = fs::read_dir("/proc").context("/proc")?;
    Ok(entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()))
}

/// The scheduler's nanoseconds per thread are finer than the ticks of `stat` but forget ended threads; neither counts too
/// much, so the larger one is the better one.
fn process_cpu_time(pid: u32) -> Duration {
    let Some(stat) = Stat::read(pid) else { return Duration::ZERO };
    stat.own.max(threads_run_time(pid)) + stat.ended_children
}

fn threads_run_time(pid: u32) -> Duration {
    let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else { return Duration::ZERO };
    threads.filter_map(|thread| thread_run_time(&thread.ok()?.path())).sum()
}

fn thread_run_time(thread: &Path) -> Option<Duration> {
    let schedstat = fs::read_to_string(thread.join("schedstat")).ok()?;
    Some(Duration::from_nanos(schedstat.split_whitespace().next()?.parse().ok()?))
}

/// The fields of `/proc/PID/stat` that matter here.
struct Stat {
    parent: u32,
    own: Duration,
    ended_children: Duration,
}

impl Stat {
    fn read(pid: u32) -> Option<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name in parentheses may hold spaces and parentheses; field 3 follows the last one.
        let fields: Vec<&str> = stat.get(stat.rfind(')')? + 1..)?.split_whitespace().collect();
        let field = |number: usize| fields.get(number - 3)?.parse::<u32>().ok();
        let ticks = |number| Some(TICK * field(number)?);
        Some(Self {
            parent: field(4)?,
            own: ticks(14)? + ticks(15)?,
            ended_children: ticks(16)? + ticks(17)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;
    use std::time::Instant;

    use super::*;

    #[test]
    fn cpu_time_of_this_process_grows_with_work() {
        let tree = ProcessTree::new(std::process::id());
        let before = tree.cpu_time().unwrap();
        let start = Instant::now();
        while start.elapsed() < Duration::from_millis(100) {
            std::hint::black_box(fs::read_to_string("/proc/self/stat").unwrap());
        }
        let used = tree.cpu_time().unwrap() - before;
        assert!(used > Duration::from_millis(10), "only {used:?} of 100 ms of work seen");
    }

    #[test]
    fn descendants_count_and_ended_ones_are_not_forgotten() {
        let tree = ProcessTree::new(std::process::id());
        let mut child = Command::new("sleep").arg("30").spawn().unwrap();
        assert!(tree.processes().unwrap().contains(&child.id()));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(!tree.processes().unwrap().contains(&child.id()));
    }

    #[test]
    fn memory_and_descriptors_of_this_process_are_seen() {
        let tree = ProcessTree::new(std::process::id());
        let before = tree.pss_bytes().unwrap();
        let block = vec![1_u8; 32 << 20];
        assert!(tree.pss_bytes().unwrap() >= before + (block.len() as u64) / 2);
        assert!(tree.descriptors().unwrap() >= 3);
    }

    #[test]
    fn a_process_that_does_not_exist_is_an_error() {
        let error = ProcessTree::new(u32::MAX).cpu_time().unwrap_err();
        assert!(error.to_string().contains("does not exist"), "{error}");
    }
}
