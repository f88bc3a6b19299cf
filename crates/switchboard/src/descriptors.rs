//! How many sockets the system lets the process have.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::Config;

/// Descriptors that are not a client's: listeners, epoll, databases, logs.
const OTHERS: u64 = 128;

/// Raises the soft limit of open descriptors to the hard one, and says so if that is less than the configuration allows
/// connections.
pub(crate) fn raise_limit(config: &Config) {
    let limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
        if let Err(error) = setrlimit(Resource::Nofile, raised) {
            tracing::warn!(%error, "cannot raise the limit of open descriptors");
        }
    }
    let Some(descriptors) = getrlimit(Resource::Nofile).current else { return };
    if config.max_connections as u64 + OTHERS > descriptors {
        let connections = descriptors.saturating_sub(OTHERS);
        let remedy = "raise it by `ulimit -n` or systemd's LimitNOFILE";
        tracing::warn!(
            descriptors,
            connections,
            remedy,
            "the limit of open descriptors allows fewer connections"
        );
    }
}
