//! Everything that can be set, with its default and the reason for it: the one place where bounds live.

use std::time::Duration;

use crate::Deflate;
use crate::TlsConfig;
use crate::User;
use crate::error::ConfigError;
use crate::{ForwardedField, TrustedProxy};

/// Settings of a [`Server`](crate::Server). Start from [`Config::default`] and change what you need; what does not
/// fit together is refused by [`Server::start`](crate::Server::start) with a sentence that says why.
///
/// In Process mode the settings are those with which the master was started; a reload does not change them.
#[derive(Debug, Clone)]
pub struct Config {
    /// How the server runs. Default: [`Mode::Base`].
    pub mode: Mode,
    /// Threads that own sockets (Swoole: `reactor_num`), 1 to 256. Default: one for each core.
    pub reactors: usize,
    /// Worker processes (Swoole: `worker_num`), 1 to 256. In Base mode every reactor is its own worker, so this is ignored
    /// there. Default: one for each core.
    pub workers: usize,
    /// Open WebSocket connections (Swoole: `max_connection`); who asks for one more gets HTTP 503 with
    /// `Retry-After`. Default: 65,536; a table entry costs memory only once it is used.
    pub max_connections: usize,
    /// Sockets that serve ordinary HTTP requests at one time; the excess gets 503. Default: 1,024.
    pub max_http_connections: usize,
    /// Connections of one client address: WebSockets, handshakes and HTTP connections together, until their sockets are
    /// closed; one more gets HTTP 429. An IPv6 address counts with all of its /64; clients of Unix sockets and
    /// [`trusted_proxies`](Config::trusted_proxies) themselves are not counted. 0: no limit. Default: 0, for behind one address
    /// there may be a whole company, or all customers of a mobile network.
    pub max_connections_per_address: usize,
    /// New connections of one client address in a second, counted alike; more get HTTP 429. Behind a trusted proxy only
    /// WebSocket handshakes count. `rate_burst` times as many may come at once. 0: no limit. Default: 0, for the same reason.
    pub handshakes_per_second: u32,
    /// Messages, pings and pongs that one connection may send in a second, and `rate_burst` times as many at once. When it has
    /// used them up it is not read from until there is room for more; if that goes on for `rate_grace`, it is closed with
    /// 1008. 0: no limit. Default: 0, since what is too much depends on the application.
    pub messages_per_second: u32,
    /// Bytes that one connection may send in a second, on the wire and after its handshake; as with `messages_per_second`.
    /// Default: 0: no limit.
    pub bytes_per_second: usize,
    /// How many seconds' worth of the rates above may come at once, after a pause that was as long; one message or
    /// handshake at the least. Default: 10 s, in which a page may load all that it wants to.
    pub rate_burst: Duration,
    /// For how much longer a connection may be held because of `messages_per_second` or `bytes_per_second` than it is not;
    /// then it is closed with 1008. Whoever sends a little more than it may now and then is never closed, whoever never lets up
    /// is after this time; at zero, everybody at the first excess. Default: 30 s: TCP slows down whoever merely sends much, so closing is for those that never let up.
    pub rate_grace: Duration,
    /// Proxies that are believed when they say, in the field that `forwarded_field` names, for whom they speak: the client is
    /// then the last address in it that is none of theirs, for [`Request::peer`](crate::Request::peer), `client_info`,
    /// dispatch by address and the limits for each address. From everybody else the field is ignored. If there are any, a
    /// listener with [`Listen::proxy_protocol`](crate::Listen::proxy_protocol) serves only them. Default: none.
    pub trusted_proxies: Vec<TrustedProxy>,
    /// Where `trusted_proxies` say for whom they speak. It must be the field that they set themselves: one that they pass on as
    /// it came says what the client likes. Default: [`ForwardedField::XForwardedFor`].
    pub forwarded_field: ForwardedField,
    /// The first connection id (Swoole: `start_session_id`). Default: 1.
    pub first_connection_id: u32,
    /// Connections that the kernel completes before they are accepted. Default: 4,096, which the kernel cuts down
    /// to `net.core.somaxconn`.
    pub accept_backlog: i32,
    /// Bytes of a request head, request line included; more gets 431. Default: 16 KiB, what browsers with large
    /// cookies need. At most 1 MiB; 32 KiB in Process mode, where heads pass from one process to another.
    pub head_bytes_max: usize,
    /// Header fields of a request head; more gets 431. Default: 100.
    pub headers_max: usize,
    /// From accept to the end of the handshake, [`Handler::authorize`](crate::Handler::authorize) included. A client that
    /// is slower gets 408; where it is `authorize` that has not decided, 503. Default: 10 s.
    pub handshake_timeout: Duration,
    /// How long an HTTP client may take to send a request head, be silent between two requests, or read nothing of its
    /// response. A request body that comes slowly is the service's to bound. Default: 30 s.
    pub http_timeout: Duration,
    /// Origins that browsers may connect from, compared whole and without regard to case
    /// (`https://chat.example`). Requests without an `Origin` header do not come from a browser and are let in.
    /// Default: none, which allows every origin.
    pub allowed_origins: Option<Vec<String>>,
    /// Payload bytes of one message, fragments in sum (Swoole: `package_max_length`); more is answered by close
    /// code 1009. Default: 2 MiB.
    pub message_bytes_max: usize,
    /// Compression of messages with the clients that offer it (Swoole: `websocket_compression`). `message_bytes_max` holds for
    /// what they inflate to. Default: none.
    pub deflate: Option<Deflate>,
    /// Bytes that may wait for one slow reader (Swoole: `socket_buffer_size`). An empty queue takes one message of
    /// any allowed size, so that a small limit does not make large messages impossible; and what many are sent in one turn of the loop is only
    /// counted if it does not leave at its end, so that half of the limit may come on top for that long. At most 1 GiB. Default:
    /// 4 MiB: two of the largest messages.
    pub output_bytes_max: usize,
    /// What happens to a push that would exceed `output_bytes_max`. Default: [`Overflow::Close`].
    pub overflow: Overflow,
    /// Bytes of commands (pushes, publishes, …) that may wait for one reactor: as many of other threads, and of its own; in
    /// Process mode, in each process. Beyond it `push` and its kin answer `QueueFull`. Default: 64 MiB.
    pub command_bytes_max: usize,
    /// Messages that may wait for a connection's handler while an earlier one is still being handled; then the
    /// socket is not read until it has caught up. `message_bytes_max` bytes are enough to stop it, too. Default: 16.
    pub handler_backlog_max: usize,
    /// Ping a connection from which no byte came for so long; zero: never. Default: 25 s, below the 30 s and 60 s
    /// after which common proxies cut a silent connection.
    pub ping_interval: Duration,
    /// Close a connection from which no byte came for so long (Swoole's name); zero: never. Default: 60 s.
    pub heartbeat_idle_time: Duration,
    /// How often idle connections are looked for (Swoole's name). Default: 10 s.
    pub heartbeat_check_interval: Duration,
    /// How long a closed connection may take to answer the close frame and to read what is queued. Default: 5 s.
    pub close_timeout: Duration,
    /// How long a stop may take before what is left is cut. Default: 10 s.
    pub shutdown_timeout: Duration,
    /// Session bytes of one connection. At most 1 MiB; 64 KiB in Process mode, where each event carries them. Default: 4 KiB.
    pub session_bytes_max: usize,
    /// Groups that one connection may be in. Default: 128.
    pub groups_per_connection_max: usize,
    /// Bytes of a group's name. Default: 128.
    pub group_name_bytes_max: usize,
    /// Bytes of a user's name; at most [`USER_NAME_BYTES_LIMIT`]. Default: 64.
    pub user_name_bytes_max: usize,
    /// Which worker handles a connection's events. Default: [`DispatchBy::Connection`]. Process mode only, as all that
    /// follows up to `ring_bytes`.
    pub dispatch: DispatchBy,
    /// An event that kills its worker so often, or a message its user process, closes its connection with 1011 or is dropped.
    /// A death by SIGKILL, which comes from outside or for want of memory, counts an eighth. From 1 to 100. Default: 2: the second
    /// time could not be a coincidence.
    pub max_attempts: u32,
    /// Messages after which a worker is replaced by a fresh one (Swoole: `max_request`), give or take an eighth, so that
    /// not all are replaced at once; 0: never. Default: 0.
    pub max_requests: u64,
    /// How long a new worker may take from its start until `worker_start` has returned, and a user process until it is ready
    /// (see [`Process`](crate::Process)). Then it is killed; a reload fails by it. Default: 30 s.
    pub worker_start_timeout: Duration,
    /// How long a worker or user process that has been replaced may take to finish what it has, HTTP requests included (Swoole:
    /// `max_wait_time`); then it is killed, and its successor handles that again. Default: 30 s.
    pub drain_timeout: Duration,
    /// Reload when the executable on disk has changed, and has then not changed for 200 ms; for development. Default: false.
    pub watch: bool,
    /// Bytes of each ring between a reactor and a worker or user process, a power of two; there are two for each pair, and
    /// larger messages go in pieces. Default: 1 MiB; on machines with many cores less, so that all of them together take
    /// some 64 MiB, but never less than 128 KiB.
    pub ring_bytes: usize,
    /// Bytes of messages that may be on their way from one process to another, each counted with 64 bytes more (see
    /// [`Handle::send_message`](crate::Handle::send_message)); 1 KiB to 512 MiB. Default: 1 MiB.
    pub pipe_bytes_max: usize,
    /// Stop on SIGTERM and SIGINT, where a second one ends the process at once; in Process mode also reload on SIGUSR1; with
    /// TLS, read certificate and key again on SIGHUP.
    /// Default: true. Set it to false where the program handles signals itself, or goes on after `start` has returned: the
    /// signals stay caught.
    pub handle_signals: bool,
    /// Run as this user when started as root: all processes of the server do, from the moment in which its listeners are bound
    /// and before anything is accepted; the files of Unix listeners become this user's. The program must be one that the user
    /// can read and execute, and [`Server::start`](crate::Server::start) be called before there are other threads. Nothing of
    /// this process may need root after that. Default: none, which changes nothing.
    pub user: Option<User>,
    /// The certificate and key, with which every TCP listener speaks TLS and nothing else. Default: none, so no TLS.
    pub tls: Option<TlsConfig>,
}

/// What all rings of a server with so many reactors and workers may take together, and each of them.
const RINGS_BYTES: usize = 64 << 20;
const RING_BYTES_DEFAULT: std::ops::RangeInclusive<usize> = 128 << 10..=1 << 20;

fn ring_bytes(cores: usize) -> usize {
    let rings = 2 * cores * (cores + 1);
    let share = (RINGS_BYTES / rings).clamp(*RING_BYTES_DEFAULT.start(), *RING_BYTES_DEFAULT.end());
    // The power of two that is not above it.
    1 << share.ilog2()
}

/// The longest time that can be set: a year.
const DURATION_MAX: Duration = Duration::from_secs(365 * 24 * 3_600);

/// What the connection table has room for.
pub const USER_NAME_BYTES_LIMIT: usize = 120;

/// All of them are compared with the address of a new connection.
const TRUSTED_PROXIES_MAX: usize = 256;

/// In Process mode a head, twice as much that was read behind it and once more what a reactor reads at one time, and a session
/// must fit into one message between two processes (`ipc::socket::MESSAGE_BYTES_MAX`).
const PROCESS_HEAD_BYTES_LIMIT: usize = 32 << 10;
const PROCESS_SESSION_BYTES_LIMIT: usize = 64 << 10;

/// How a server runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// One process: each reactor thread calls the handlers itself. The fastest echo, and easy to debug; there is no reload,
    /// and a crash takes everything with it.
    Base,
    /// A master that owns the sockets, a manager, and workers whose code can be replaced, or crash, while every client stays
    /// connected (Swoole: `SWOOLE_PROCESS`).
    ///
    /// Who dies is replaced at once, from the executable that it ran. Who dies again and again, each time within a second of
    /// being ready or before it is, waits: from the third time on 100 ms, and twice as long each further time, up to 10 s; a life
    /// of 10 s, or a reload, ends that. A death by SIGKILL comes from outside and does not count: after three of them within a
    /// second of being ready, the process is merely not started more often than every 100 ms. (Killed before it is ready, from
    /// the second time on, it waits like the others.) While a worker is missing for more than a second, or cannot be started,
    /// another one handles its connections' events.
    Process,
}

/// Which worker handles a connection's events (Swoole: `dispatch_mode`). Whichever it is: the events of one connection are
/// handled in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DispatchBy {
    /// By the connection's id (Swoole: 2).
    Connection,
    /// By the client's address, so that one client's connections share a worker (Swoole: 4).
    Address,
    /// By the user that it is bound to (Swoole: 5); until then by the connection's id.
    User,
    /// The worker with the fewest connections when it opens (Swoole: 3, without its loss of order).
    LeastLoaded,
}

/// What happens when a push would exceed a connection's output limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overflow {
    /// The connection is closed with 1008 (its queue is dropped) and the push answers `QueueFull`.
    Close,
    /// The new message is not queued; the push answers `QueueFull`.
    DropNewest,
    /// The oldest messages that have not begun to leave are dropped to make room.
    DropOldest,
}

impl Default for Config {
    fn default() -> Config {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Config {
            mode: Mode::Base,
            reactors: cores,
            workers: cores,
            max_connections: 65_536,
            max_http_connections: 1_024,
            max_connections_per_address: 0,
            handshakes_per_second: 0,
            messages_per_second: 0,
            bytes_per_second: 0,
            rate_burst: Duration::from_secs(10),
            rate_grace: Duration::from_secs(30),
            trusted_proxies: Vec::new(),
            forwarded_field: ForwardedField::XForwardedFor,
            first_connection_id: 1,
            accept_backlog: 4_096,
            head_bytes_max: 16 << 10,
            headers_max: 100,
            handshake_timeout: Duration::from_secs(10),
            http_timeout: Duration::from_secs(30),
            allowed_origins: None,
            message_bytes_max: 2 << 20,
            deflate: None,
            output_bytes_max: 4 << 20,
            overflow: Overflow::Close,
            command_bytes_max: 64 << 20,
            handler_backlog_max: 16,
            ping_interval: Duration::from_secs(25),
            heartbeat_idle_time: Duration::from_secs(60),
            heartbeat_check_interval: Duration::from_secs(10),
            close_timeout: Duration::from_secs(5),
            shutdown_timeout: Duration::from_secs(10),
            session_bytes_max: 4 << 10,
            groups_per_connection_max: 128,
            group_name_bytes_max: 128,
            user_name_bytes_max: 64,
            dispatch: DispatchBy::Connection,
            max_attempts: 2,
            max_requests: 0,
            worker_start_timeout: Duration::from_secs(30),
            drain_timeout: Duration::from_secs(30),
            watch: false,
            ring_bytes: ring_bytes(cores),
            pipe_bytes_max: 1 << 20,
            handle_signals: true,
            user: None,
            tls: None,
        }
    }
}

impl Config {
    /// For how many sockets there is room that open connections cannot take: for those in a handshake, those being told 503, and
    /// those that linger. A sixteenth of the connections, so that a full server still answers. It is no limit for them: a crowd
    /// that comes back at once may take what is free.
    pub(crate) fn handshakes_max(&self) -> usize {
        (self.max_connections / 16).max(256)
    }

    /// Sockets that the reactors own at one time. With TLS those that serve HTTP requests are theirs, too.
    pub(crate) fn sockets_max(&self) -> usize {
        let http = if self.tls.is_some() { self.max_http_connections } else { 0 };
        self.max_connections + self.handshakes_max() + http
    }

    pub(crate) fn validate(&self) -> Result<(), ConfigError> {
        let within = |name, value: usize, min: usize, max: usize| {
            if (min..=max).contains(&value) {
                Ok(())
            } else {
                Err(ConfigError::Range { name, value, min, max })
            }
        };
        within("reactors", self.reactors, 1, 256)?;
        within("workers", self.workers, 1, 256)?;
        within("max_connections", self.max_connections, 1, 8 << 20)?;
        within("max_http_connections", self.max_http_connections, 1, 1 << 20)?;
        let id_max = crate::CONNECTION_ID_MAX as usize;
        within("first_connection_id", self.first_connection_id as usize, 1, id_max)?;
        within("head_bytes_max", self.head_bytes_max, 256, 1 << 20)?;
        if self.mode == Mode::Process {
            within("head_bytes_max", self.head_bytes_max, 256, PROCESS_HEAD_BYTES_LIMIT)?;
            within("session_bytes_max", self.session_bytes_max, 0, PROCESS_SESSION_BYTES_LIMIT)?;
        }
        within("headers_max", self.headers_max, 8, 1 << 10)?;
        within("message_bytes_max", self.message_bytes_max, 1, 1 << 30)?;
        if let Some(deflate) = &self.deflate {
            deflate.validate()?;
        }
        within("output_bytes_max", self.output_bytes_max, 1, 1 << 30)?;
        within("command_bytes_max", self.command_bytes_max, self.message_bytes_max + 1_024, 1 << 40)?;
        within("handler_backlog_max", self.handler_backlog_max, 1, 1 << 20)?;
        within("session_bytes_max", self.session_bytes_max, 0, 1 << 20)?;
        within("groups_per_connection_max", self.groups_per_connection_max, 0, 30_000)?;
        within("group_name_bytes_max", self.group_name_bytes_max, 1, 1 << 12)?;
        within("user_name_bytes_max", self.user_name_bytes_max, 1, USER_NAME_BYTES_LIMIT)?;
        within("max_attempts", self.max_attempts as usize, 1, 100)?;
        within("ring_bytes", self.ring_bytes, 4 << 10, 1 << 30)?;
        if !self.ring_bytes.is_power_of_two() {
            return Err(ConfigError::PowerOfTwo { name: "ring_bytes", value: self.ring_bytes });
        }
        within("pipe_bytes_max", self.pipe_bytes_max, 1 << 10, 1 << 29)?;
        let lasting = |name, value: Duration, min: Duration| {
            if (min..=DURATION_MAX).contains(&value) {
                Ok(())
            } else {
                Err(ConfigError::Duration { name, value, min, max: DURATION_MAX })
            }
        };
        let tick = Duration::from_millis(1);
        lasting("handshake_timeout", self.handshake_timeout, tick)?;
        lasting("ping_interval", self.ping_interval, Duration::ZERO)?;
        lasting("heartbeat_idle_time", self.heartbeat_idle_time, Duration::ZERO)?;
        lasting("heartbeat_check_interval", self.heartbeat_check_interval, Duration::ZERO)?;
        lasting("close_timeout", self.close_timeout, tick)?;
        lasting("shutdown_timeout", self.shutdown_timeout, Duration::ZERO)?;
        lasting("worker_start_timeout", self.worker_start_timeout, tick)?;
        lasting("drain_timeout", self.drain_timeout, Duration::ZERO)?;
        lasting("http_timeout", self.http_timeout, tick)?;
        lasting("rate_burst", self.rate_burst, Duration::ZERO)?;
        lasting("rate_grace", self.rate_grace, Duration::ZERO)?;
        within("max_connections_per_address", self.max_connections_per_address, 0, 8 << 20)?;
        within("bytes_per_second", self.bytes_per_second, 0, 1 << 40)?;
        within("trusted_proxies", self.trusted_proxies.len(), 0, TRUSTED_PROXIES_MAX)?;
        within("accept_backlog", usize::try_from(self.accept_backlog).unwrap_or(0), 1, 1 << 30)?;
        if self.heartbeat_idle_time > Duration::ZERO && self.heartbeat_check_interval.is_zero() {
            return Err(ConfigError::CheckInterval);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    #[test]
    fn the_document_of_the_limits_names_every_setting_and_no_other() {
        let source = include_str!("config.rs");
        let fields = source.split("pub struct Config {").nth(1).unwrap().split("\n}").next().unwrap();
        let fields = fields.lines().filter_map(|line| line.strip_prefix("    pub ")?.split(':').next());
        let fields: BTreeSet<&str> = fields.collect();
        let document = include_str!("../../../docs/limits.md");
        let rows = document.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
        // Settings of something else are named with it.
        let named: BTreeSet<&str> = rows.filter(|name| !name.contains("::")).collect();
        assert_eq!(fields, named);
    }
}
