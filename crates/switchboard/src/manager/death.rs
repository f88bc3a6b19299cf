//! How a process ended, in words.

use std::fmt;

use rustix::process::WaitStatus;
use signal_hook::consts::signal;

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Death {
    Exited(i32),
    /// By a signal.
    Killed(i32),
    /// Somebody else's child: the system tells its parent only.
    Unknown,
}

impl Death {
    pub(crate) fn from_status(status: WaitStatus) -> Death {
        match (status.exit_status(), status.terminating_signal()) {
            (Some(status), _) => Death::Exited(status),
            (_, Some(signal)) => Death::Killed(signal),
            _ => Death::Unknown,
        }
    }

    /// Did somebody kill it with the signal that cannot be caught? Then it did not die of what it was doing.
    pub(crate) fn is_sigkill(self) -> bool {
        self == Death::Killed(signal::SIGKILL)
    }
}

impl fmt::Display for Death {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Death::Exited(status) => write!(f, "exited with status {status}"),
            Death::Killed(number) => match signal_name(*number) {
                Some(name) => write!(f, "was killed by {name}"),
                None => write!(f, "was killed by signal {number}"),
            },
            Death::Unknown => f.write_str("ended"),
        }
    }
}

fn signal_name(number: i32) -> Option<&'static str> {
    Some(match number {
        signal::SIGABRT => "SIGABRT",
        signal::SIGALRM => "SIGALRM",
        signal::SIGBUS => "SIGBUS",
        signal::SIGFPE => "SIGFPE",
        signal::SIGHUP => "SIGHUP",
        signal::SIGILL => "SIGILL",
        signal::SIGINT => "SIGINT",
        signal::SIGKILL => "SIGKILL",
        signal::SIGPIPE => "SIGPIPE",
        signal::SIGQUIT => "SIGQUIT",
        signal::SIGSEGV => "SIGSEGV",
        signal::SIGSYS => "SIGSYS",
        signal::SIGTERM => "SIGTERM",
        signal::SIGTRAP => "SIGTRAP",
        signal::SIGUSR1 => "SIGUSR1",
        signal::SIGUSR2 => "SIGUSR2",
        signal::SIGXCPU => "SIGXCPU",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deaths_are_told_in_words() {
        assert_eq!(Death::Killed(11).to_string(), "was killed by SIGSEGV");
        assert_eq!(Death::Killed(64).to_string(), "was killed by signal 64");
        assert_eq!(Death::Exited(3).to_string(), "exited with status 3");
        assert!(Death::Killed(9).is_sigkill() && !Death::Killed(15).is_sigkill());
    }
}
