//! Errors that tell why.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use crate::{Recipient, TlsError};

/// What user code may return from `worker_start` and the event closures.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Why a message was not accepted for a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PushError {
    /// The connection has been closed, or its close handshake has begun.
    #[error("the connection is closed")]
    Closed,
    /// No connection ever had this id.
    #[error("no connection has had this id")]
    Unknown,
    /// The connection has not finished its opening handshake.
    #[error("the connection has not finished its opening handshake")]
    NotOpen,
    /// The connection's output queue is full (`output_bytes_max`), or the reactor has too many commands waiting
    /// (`command_bytes_max`). `on_drain` tells when the connection's queue has emptied.
    #[error("the output queue is full: the client reads more slowly than it is sent to")]
    QueueFull,
    /// The message is larger than `message_bytes_max`.
    #[error("the message of {bytes} bytes is larger than message_bytes_max ({max})")]
    TooBig {
        /// The message's payload.
        bytes: usize,
        /// The limit.
        max: usize,
    },
}

/// Why a message was not published or broadcast.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PublishError {
    /// The group's or user's name is empty or too long.
    #[error(transparent)]
    Name(#[from] NameError),
    /// The message is larger than `message_bytes_max`.
    #[error("the message of {bytes} bytes is larger than message_bytes_max ({max})")]
    TooBig {
        /// The message's payload.
        bytes: usize,
        /// The limit.
        max: usize,
    },
    /// The server has stopped.
    #[error("the server has stopped")]
    Stopped,
    /// A reactor has too many commands waiting (`command_bytes_max`); nobody was sent the message.
    #[error("too many commands wait for a reactor: publish more slowly")]
    QueueFull,
}

/// A name that is not one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// Names have at least one byte.
    #[error("the name is empty")]
    Empty,
    /// Longer than `group_name_bytes_max` or `user_name_bytes_max`.
    #[error("the name has {bytes} bytes, {max} are allowed")]
    TooLong {
        /// The name's bytes.
        bytes: usize,
        /// The limit.
        max: usize,
    },
}

/// Why a command about one connection was not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectionError {
    /// The connection has been closed, or its close handshake has begun.
    #[error("the connection is closed")]
    Closed,
    /// No connection ever had this id.
    #[error("no connection has had this id")]
    Unknown,
    /// The connection has not finished its opening handshake.
    #[error("the connection has not finished its opening handshake")]
    NotOpen,
    /// The reactor has too many commands waiting (`command_bytes_max`).
    #[error("too many commands wait for the connection's reactor")]
    QueueFull,
    /// The group's or user's name is empty or too long.
    #[error(transparent)]
    Name(#[from] NameError),
    /// The connection is in `groups_per_connection_max` groups.
    #[error("the connection is in {max} groups, more are not allowed")]
    TooManyGroups {
        /// The limit.
        max: usize,
    },
    /// The session is larger than `session_bytes_max`.
    #[error("the session has {bytes} bytes, {max} are allowed")]
    SessionTooLong {
        /// The session's bytes.
        bytes: usize,
        /// The limit.
        max: usize,
    },
    /// The close code must not be sent, or the reason is too long (RFC 6455 §5.5.1, §7.4).
    #[error("{0}")]
    Close(String),
}

/// Why a question to the reactors has no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum QueryError {
    /// The server has stopped.
    #[error("the server has stopped")]
    Stopped,
    /// The connection is closed or never was.
    #[error("the connection is closed")]
    Closed,
    /// A reactor has too many commands waiting (`command_bytes_max`).
    #[error("too many commands wait for a reactor")]
    QueueFull,
    /// Too many requests wait for the master's answer.
    #[error("too many requests wait for the master: ask again later")]
    Busy,
}

/// Why a message to another process was not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MessageError {
    /// There is no such worker or user process.
    #[error("the server has no {recipient}")]
    Unknown {
        /// Who was named.
        recipient: Recipient,
    },
    /// As many bytes as `pipe_bytes_max` allows are on their way to it.
    #[error("too many messages are on their way to it")]
    QueueFull,
    /// The message is larger than `pipe_bytes_max` allows.
    #[error("the message has {bytes} bytes, {max} are allowed")]
    TooBig {
        /// The message's bytes.
        bytes: usize,
        /// The limit.
        max: usize,
    },
    /// The server has stopped.
    #[error("the server has stopped")]
    Stopped,
}

/// Why the code was not reloaded. What ran before goes on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReloadError {
    /// In Base mode there is one process, which cannot be replaced.
    #[error("in Base mode code cannot be reloaded: start the server in Process mode")]
    BaseMode,
    /// The new code could not be started; the sentence says why.
    #[error("{0}")]
    Failed(String),
    /// The server is being stopped.
    #[error("the server is being stopped")]
    Stopped,
}

/// A setting that cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// Outside its range.
    #[error("{name} is {value}; it must be from {min} to {max}")]
    Range {
        /// The field of `Config`.
        name: &'static str,
        /// What it was set to.
        value: usize,
        /// The smallest allowed.
        min: usize,
        /// The largest allowed.
        max: usize,
    },
    /// A time outside its range.
    #[error("{name} is {value:?}; it must be from {min:?} to {max:?}")]
    Duration {
        /// The field of `Config`.
        name: &'static str,
        /// What it was set to.
        value: Duration,
        /// The shortest allowed.
        min: Duration,
        /// The longest allowed.
        max: Duration,
    },
    /// An idle time without an interval at which to look.
    #[error("heartbeat_check_interval is zero; with a heartbeat_idle_time it must be longer")]
    CheckInterval,
    /// A size that must be a power of two.
    #[error("{name} is {value}; it must be a power of two")]
    PowerOfTwo {
        /// The field of `Config`.
        name: &'static str,
        /// What it was set to.
        value: usize,
    },
    /// A user process's name that is not one, or is used twice.
    #[error(
        "the user process {name:?}: names have 1 to 32 letters, digits, `-` or `_`, and each is used once"
    )]
    ProcessName {
        /// The name.
        name: String,
    },
    /// Nothing to listen on.
    #[error("no address to listen on: give at least one")]
    NoListener,
}

/// Why a server cannot run as another user.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UserError {
    /// A file of users or groups.
    #[error("cannot read {path}: {source}")]
    Unreadable {
        /// Which file.
        path: &'static str,
        /// The system's error.
        source: io::Error,
    },
    /// Not in `/etc/passwd`.
    #[error("there is no user {name:?}; one that only a directory service knows is given as UID:GID")]
    Unknown {
        /// As it was given.
        name: String,
    },
    /// Not in `/etc/group`.
    #[error("there is no group {name:?}")]
    UnknownGroup {
        /// As it was given.
        name: String,
    },
    /// It is root.
    #[error("root has all rights, which the server is to give up: name another user")]
    Root,
    /// The process has not the right to change its user.
    #[error("only root can become the user {name:?}: start the server as root, or as that user")]
    NotRoot {
        /// Who was to be become.
        name: String,
    },
    /// Other threads would stay root.
    #[error("the process has other threads, which would stay root: start the server before any of them")]
    Threads,
    /// The system refused.
    #[error("cannot become the user {name:?}: {source}")]
    Refused {
        /// Who was to be become.
        name: String,
        /// The system's error.
        source: io::Error,
    },
    /// The process could become root again.
    #[error("the process could become root again after it had changed its user; it does not go on")]
    Regained,
    /// The file of a Unix listener could not be given to the user.
    #[error("cannot give {} to the user {name:?}: {source}", path.display())]
    Give {
        /// Who was to get it.
        name: String,
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The program could not be started again as that user, for workers and reloads.
    #[error(
        "the user {name:?} cannot read and execute {}: {source}; put the program where that user can",
        path.display()
    )]
    Program {
        /// Who cannot.
        name: String,
        /// The program.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
}

/// Why a server did not start, or how it failed. Its `Debug` is its `Display`, so that a `main` that returns it prints a
/// sentence.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// A setting that cannot be.
    #[error("configuration: {0}")]
    Config(#[from] ConfigError),
    /// The certificate or its key cannot be used; the sentence says which file, and what to do.
    #[error("TLS: {0}")]
    Tls(#[from] TlsError),
    /// The server cannot run as the user that was named.
    #[error(transparent)]
    User(#[from] UserError),
    /// A listener could not be opened.
    #[error("cannot listen on {address}: {reason}")]
    Listen {
        /// As it was given.
        address: String,
        /// What was wrong.
        reason: String,
    },
    /// The user's `worker_start` failed.
    #[error("worker_start of worker {worker}: {source}")]
    WorkerStart {
        /// Which worker.
        worker: u16,
        /// What it said.
        source: BoxError,
    },
    /// A user process failed: at the start, or, in Base mode, at any time.
    #[error("process {name}: {source}")]
    Process {
        /// Its name.
        name: String,
        /// What it said.
        source: BoxError,
    },
    /// The workers of the first start did not become ready; the sentence says which and why.
    #[error("{0}")]
    FirstStart(String),
    /// The system refused something that the server cannot do without.
    #[error("{what}: {source}")]
    System {
        /// What was being done.
        what: &'static str,
        /// The system's error.
        source: io::Error,
    },
    /// A handler blocked its thread, or a `worker_start` did not end, so that the stop could not be finished in time. The
    /// thread is left behind.
    #[error(
        "a handler or worker_start blocks: the server could not stop within shutdown_timeout ({timeout:?})"
    )]
    Stuck {
        /// The time that there was.
        timeout: Duration,
    },
    /// A reactor thread panicked: a bug in the server.
    #[error("reactor {reactor} panicked; the server cannot go on")]
    ReactorPanicked {
        /// Which reactor.
        reactor: usize,
    },
}

impl fmt::Debug for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
