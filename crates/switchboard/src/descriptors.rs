//! How many sockets the system lets the process have.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::{Config, Mode};

/// What is kept for the program itself: databases, logs, files that it reads.
const PROGRAM: u64 = 64;
/// Those of one reactor: two for its epoll, its doorbell, and those of its runtime.
const REACTOR: u64 = 8;
/// Those that a master has for one other process: its socket, the process itself, two pieces of shared memory, a doorbell;
/// and one on its way. Besides, a doorbell for each reactor.
const INSTANCE: u64 = 6;
/// Generations that may run at one time before descriptors are short: the one that serves, and one that is being started.
const GENERATIONS: u64 = 2;

/// Raises the soft limit of open descriptors to the hard one, and says how many connections it allows. Answers how many client
/// sockets the process may have: so many that it can still start others, pass sockets on, and open files.
pub(crate) fn raise_limit(config: &Config, user_processes: usize) -> usize {
    let limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
        if let Err(error) = setrlimit(Resource::Nofile, raised) {
            tracing::warn!(%error, "cannot raise the limit of open descriptors");
        }
    }
    let Some(descriptors) = getrlimit(Resource::Nofile).current else { return usize::MAX };
    let kept = open_now() + kept(config, user_processes);
    // However few there are, some are for clients.
    let sockets =
        usize::try_from(descriptors.saturating_sub(kept).max(descriptors / 4)).unwrap_or(usize::MAX);
    let connections = sockets.min(config.max_connections);
    if connections < config.max_connections {
        tracing::warn!(
            descriptors,
            connections,
            max_connections = config.max_connections,
            "the limit of open descriptors allows fewer connections than max_connections: raise it by `ulimit -n` or \
             systemd's LimitNOFILE"
        );
    } else {
        tracing::info!(descriptors, connections, "the limit of open descriptors allows all connections");
    }
    sockets
}

/// What will be needed for other things than clients.
fn kept(config: &Config, user_processes: usize) -> u64 {
    let instances = match config.mode {
        Mode::Base => 0,
        Mode::Process => (config.workers + user_processes) as u64 * GENERATIONS,
    };
    let reactors = config.reactors as u64;
    PROGRAM + reactors * REACTOR + instances * (INSTANCE + reactors)
}

/// What the program has opened already.
fn open_now() -> u64 {
    std::fs::read_dir("/proc/self/fd").map_or(8, |descriptors| descriptors.count() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_grows_with_reactors_and_processes() {
        let base = Config { mode: Mode::Base, reactors: 2, workers: 100, ..Config::default() };
        assert_eq!(kept(&base, 3), 64 + 16);
        let process = Config { mode: Mode::Process, workers: 4, ..base };
        assert_eq!(kept(&process, 1), 64 + 16 + 5 * 2 * (6 + 2));
        assert!(open_now() >= 3);
    }
}
