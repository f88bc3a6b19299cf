//! The command line. Every flag is also an environment variable, `SWITCHBOARD_` and its name.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::builder::{FalseyValueParser, PossibleValuesParser};
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use switchboard::{ForwardedField, Mode, TlsConfig, TrustedProxy};
use tracing::Level;

use crate::control::Order;
use crate::http::origin;

/// Where the server listens if nobody says otherwise.
const LISTEN_DEFAULT: &str = "127.0.0.1:9502";

/// What the command line asks for.
#[derive(Clone, Debug)]
pub(crate) enum Task {
    Serve(Box<ServeOptions>),
    /// Something of the server that runs on this data directory.
    Control(Order, PathBuf),
}

/// How to serve.
#[derive(Clone, Debug)]
pub(crate) struct ServeOptions {
    /// `HOST:PORT` or `unix:PATH`.
    pub(crate) listen: Vec<String>,
    pub(crate) data: PathBuf,
    pub(crate) mode: Mode,
    /// None: one for each core.
    pub(crate) reactors: Option<usize>,
    /// None: one for each core.
    pub(crate) workers: Option<usize>,
    /// Reload when the program on disk has changed.
    pub(crate) watch: bool,
    /// None: the library's default.
    pub(crate) max_connections: Option<usize>,
    /// None: no limit.
    pub(crate) max_connections_per_address: Option<usize>,
    /// New connections of one client address; 0: no limit.
    pub(crate) handshakes_per_second: u32,
    /// Of one connection; 0: no limit.
    pub(crate) messages_per_second: u32,
    /// Of one connection; 0: no limit.
    pub(crate) bytes_per_second: usize,
    pub(crate) trusted_proxies: Vec<TrustedProxy>,
    pub(crate) forwarded_field: ForwardedField,
    /// Connections begin with a header of the PROXY protocol.
    pub(crate) proxy_protocol: bool,
    /// Beside the server's own.
    pub(crate) allowed_origins: Vec<String>,
    /// How many times the usual a client may ask; 0: any number of times.
    pub(crate) rate_limits: u32,
    /// How long somebody without a connection has not left.
    pub(crate) leave_grace: Duration,
    /// Who to run as when started as root.
    pub(crate) user: Option<String>,
    pub(crate) tls: Option<TlsConfig>,
    pub(crate) log: Level,
}

impl Task {
    /// Prints help, the version or what is wrong, and ends the process, where that is asked for.
    pub(crate) fn from_arguments() -> anyhow::Result<Self> {
        Self::from_matches(&command().get_matches())
    }

    fn from_matches(matches: &ArgMatches) -> anyhow::Result<Self> {
        // Flags may stand before or after the command.
        let (name, matches) = matches.subcommand().unwrap_or(("serve", matches));
        let data = match matches.get_one::<PathBuf>("data") {
            Some(data) => data.clone(),
            None => data_default(std::env::var_os("XDG_DATA_HOME"), std::env::var_os("HOME"))?,
        };
        Ok(match Order::from_name(name) {
            Some(order) => Self::Control(order, data),
            None => Self::Serve(Box::new(ServeOptions::from_matches(matches, data)?)),
        })
    }
}

impl ServeOptions {
    fn from_matches(matches: &ArgMatches, data: PathBuf) -> anyhow::Result<Self> {
        let text = |name| matches.get_one::<String>(name).map(String::as_str);
        let many = |name| matches.get_many::<String>(name).into_iter().flatten().cloned().collect();
        let number = |name| matches.get_one::<u32>(name).copied().map(whole);
        let rate = |name| matches.get_one(name).copied().unwrap_or(0);
        let mode = if text("mode") == Some("base") { Mode::Base } else { Mode::Process };
        let watch = matches.get_flag("watch");
        if watch && mode == Mode::Base {
            bail!("--watch needs --mode process: in one process code cannot be reloaded");
        }
        if text("user").is_some() && !matches.contains_id("data") {
            bail!("--user needs --data: the default directory is in the home of whoever starts the server");
        }
        Ok(Self {
            listen: many("listen"),
            data,
            mode,
            reactors: number("reactors"),
            workers: number("workers"),
            watch,
            max_connections: number("max-connections"),
            max_connections_per_address: number("max-connections-per-address"),
            handshakes_per_second: rate("handshakes-per-second"),
            messages_per_second: rate("messages-per-second"),
            bytes_per_second: matches.get_one::<u64>("bytes-per-second").copied().map_or(0, whole),
            trusted_proxies: matches.get_many("trusted-proxy").into_iter().flatten().copied().collect(),
            forwarded_field: match text("forwarded-field") {
                Some("forwarded") => ForwardedField::Forwarded,
                _ => ForwardedField::XForwardedFor,
            },
            proxy_protocol: matches.get_flag("proxy-protocol"),
            allowed_origins: many("allowed-origin"),
            rate_limits: matches.get_one("rate-limits").copied().context("--rate-limits has no value")?,
            leave_grace: Duration::from_secs(
                matches.get_one::<u32>("leave-grace").copied().context("--leave-grace has no value")?.into(),
            ),
            user: text("user").map(str::to_owned),
            tls: tls(matches)?,
            log: text("log").context("--log has no value")?.parse()?,
        })
    }
}

fn tls(matches: &ArgMatches) -> anyhow::Result<Option<TlsConfig>> {
    let file = |name| matches.get_one::<PathBuf>(name).cloned();
    match (file("tls-cert"), file("tls-key")) {
        (Some(certificate), Some(key)) => Ok(Some(TlsConfig { certificate, key })),
        (None, None) => Ok(None),
        _ => bail!("--tls-cert and --tls-key belong together: give both for https, or neither for http"),
    }
}

fn whole(number: impl TryInto<usize>) -> usize {
    number.try_into().unwrap_or(usize::MAX)
}

/// `$XDG_DATA_HOME/switchboard-chat`, or the place that the XDG base directory specification names instead.
fn data_default(xdg_data_home: Option<OsString>, home: Option<OsString>) -> anyhow::Result<PathBuf> {
    // Relative paths are to be ignored, says the specification.
    let absolute = |path: Option<OsString>| path.map(PathBuf::from).filter(|path| path.is_absolute());
    let base = match (absolute(xdg_data_home), absolute(home)) {
        (Some(data), _) => data,
        (None, Some(home)) => home.join(".local/share"),
        (None, None) => bail!("there is no home directory to keep the data in: name a directory with --data"),
    };
    Ok(base.join("switchboard-chat"))
}

fn command() -> Command {
    Command::new("switchboard-chat")
        .version(env!("CARGO_PKG_VERSION"))
        .about("A chat server in one program: the page, the WebSocket and the database.")
        .long_about(
            "A chat server in one program: the page, the WebSocket and the database.\n\n\
             Without options it serves the chat at http://127.0.0.1:9502 and keeps its data in your home \
             directory. Stop it with Ctrl+C: clients are told, and everything is on disk. A new version of the program, \
             put in its place on disk, takes over by `switchboard-chat reload`: clients stay connected.",
        )
        .after_help(
            "Every option can be given as the environment variable named beside it; the command line wins.\n\n\
             Examples:\n  \
             switchboard-chat\n  \
             switchboard-chat --listen 0.0.0.0:9502 --data /var/lib/switchboard\n  \
             switchboard-chat --listen unix:/run/switchboard.sock --allowed-origin https://chat.example\n  \
             switchboard-chat --listen 0.0.0.0:80 --data /var/lib/switchboard --user switchboard\n  \
             switchboard-chat --listen 0.0.0.0:443 --tls-cert fullchain.pem --tls-key privkey.pem\n  \
             switchboard-chat reload --data /var/lib/switchboard",
        )
        .subcommand(Command::new("serve").about("Runs the server; this is what happens without a command"))
        .subcommands(Order::ALL.map(|order| {
            Command::new(order.name()).about(order.description()).args(arguments().map(|argument| {
                match argument.get_id() == "data" {
                    true => argument.help("Data directory of the server [default: as for the server itself]"),
                    false => argument.hide(true),
                }
            }))
        }))
        .disable_help_subcommand(true)
        .args(arguments())
}

fn arguments() -> impl Iterator<Item = Arg> {
    serving().into_iter().chain(limits()).chain(clients()).chain(running())
}

fn option(name: &'static str, env: &'static str, value: &'static str) -> Arg {
    Arg::new(name).long(name).env(env).value_name(value).global(true).hide_env_values(true)
}

fn switch(name: &'static str, env: &'static str) -> Arg {
    Arg::new(name)
        .long(name)
        .env(env)
        .global(true)
        .hide_env_values(true)
        .action(ArgAction::SetTrue)
        .value_parser(FalseyValueParser::new())
}

/// Where, from what, and how the server runs.
fn serving() -> [Arg; 8] {
    [
        option("listen", "SWITCHBOARD_LISTEN", "ADDR")
            .action(ArgAction::Append)
            .value_delimiter(',')
            .default_value(LISTEN_DEFAULT)
            .help("HOST:PORT or unix:PATH to listen on; may be given several times; port 0 is a free one"),
        option("data", "SWITCHBOARD_DATA", "DIR")
            .value_parser(value_parser!(PathBuf))
            .help("Directory of the database; made if missing [default: ~/.local/share/switchboard-chat]"),
        option("mode", "SWITCHBOARD_MODE", "MODE")
            .value_parser(PossibleValuesParser::new(["process", "base"]))
            .default_value("process")
            .help(
                "process: the code can be replaced, and crash, while clients stay connected; base: all in one process",
            ),
        option("reactors", "SWITCHBOARD_REACTORS", "N")
            .value_parser(value_parser!(u32).range(1..=256))
            .help("Threads that own sockets [default: one for each core]"),
        option("workers", "SWITCHBOARD_WORKERS", "N")
            .value_parser(value_parser!(u32).range(1..=256))
            .help("Processes that handle what clients send; not with --mode base [default: one for each core]"),
        switch("watch", "SWITCHBOARD_WATCH")
            .help("Reload when the program on disk has changed, for development"),
        option("tls-cert", "SWITCHBOARD_TLS_CERT", "FILE")
            .value_parser(value_parser!(PathBuf))
            .help("Certificate chain in PEM: serve https and wss on TCP, and no http; SIGHUP reads it again"),
        option("tls-key", "SWITCHBOARD_TLS_KEY", "FILE")
            .value_parser(value_parser!(PathBuf))
            .help("The certificate's private key in PEM"),
    ]
}

/// What clients may do.
fn limits() -> [Arg; 7] {
    [
        option("max-connections", "SWITCHBOARD_MAX_CONNECTIONS", "N")
            .value_parser(value_parser!(u32).range(1..))
            .help("Clients at a time; more are turned away with 503 [default: 65536]"),
        option("max-connections-per-address", "SWITCHBOARD_MAX_CONNECTIONS_PER_ADDRESS", "N")
            .value_parser(value_parser!(u32).range(1..=8 << 20))
            .help(
                "Connections of one client address, or of one IPv6 /64; more are turned away with 429. Many people may \
                 share an address [default: no limit]",
            ),
        option("handshakes-per-second", "SWITCHBOARD_HANDSHAKES_PER_SECOND", "N")
            .value_parser(value_parser!(u32))
            .help(
                "New connections of one client address in a second, and ten times as many at once; more are turned away with \
                 429; 0 means no limit [default: no limit]",
            ),
        option("messages-per-second", "SWITCHBOARD_MESSAGES_PER_SECOND", "N")
            .value_parser(value_parser!(u32))
            .help(
                "Frames of one connection in a second, whatever is in them, and ten times as many at once; more are slowed \
                 down, and who never lets up is closed with 1008; 0 means no limit [default: no limit]",
            ),
        option("bytes-per-second", "SWITCHBOARD_BYTES_PER_SECOND", "BYTES")
            .value_parser(value_parser!(u64).range(0..=1 << 40))
            .help("Bytes of one connection in a second, in the same way; 0 means no limit [default: no limit]"),
        option("rate-limits", "SWITCHBOARD_RATE_LIMITS", "FACTOR")
            .value_parser(value_parser!(u32).range(0..=1_000))
            .default_value("1")
            .help(
                "How often a client may ask for things, such as sending a message or joining a room: 2 is twice the usual rate, \
                 0 means no limit",
            ),
        option("leave-grace", "SWITCHBOARD_LEAVE_GRACE", "SECONDS")
            .value_parser(value_parser!(u32).range(0..=3_600))
            .default_value("15")
            .help(
                "How long after somebody has lost the last connection the others are told that they have left; whoever is back \
                 by then has not left",
            ),
    ]
}

/// Who the clients are, and on whose behalf they come.
fn clients() -> [Arg; 4] {
    [
        option("trusted-proxy", "SWITCHBOARD_TRUSTED_PROXY", "CIDR")
            .action(ArgAction::Append)
            .value_delimiter(',')
            .value_parser(value_parser!(TrustedProxy))
            .help(
                "ADDRESS, ADDRESS/BITS or unix: a proxy that is believed when it says who its clients are; may be given \
                 several times [default: none]",
            ),
        option("forwarded-field", "SWITCHBOARD_FORWARDED_FIELD", "FIELD")
            .value_parser(PossibleValuesParser::new(["x-forwarded-for", "forwarded"]))
            .default_value("x-forwarded-for")
            .help("The header field in which trusted proxies say so; it must be one that they set themselves"),
        switch("proxy-protocol", "SWITCHBOARD_PROXY_PROTOCOL")
            .help("Connections begin with a header of the PROXY protocol, as load balancers send it; others are closed"),
        option("allowed-origin", "SWITCHBOARD_ALLOWED_ORIGIN", "ORIGIN")
            .action(ArgAction::Append)
            .value_delimiter(',')
            .value_parser(origin::parse)
            .help(
                "Origin whose pages may connect, such as https://chat.example; may be given several times [default: \
                 this server's own, and any that sends no cookies and no password]",
            ),
    ]
}

/// As whom the server runs, and what it tells.
fn running() -> [Arg; 2] {
    [
        option("user", "SWITCHBOARD_USER", "USER").help(
            "Run as this user, by name, UID or USER:GROUP, once the addresses are bound; for a server that is started as \
             root [default: whoever starts it]",
        ),
        option("log", "SWITCHBOARD_LOG", "LEVEL")
            .value_parser(PossibleValuesParser::new(["error", "warn", "info", "debug", "trace"]))
            .default_value("info")
            .help("How much is logged to standard error"),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(arguments: &[&str]) -> anyhow::Result<Task> {
        let matches =
            command().try_get_matches_from([&["switchboard-chat"], arguments].concat()).expect("legal");
        Task::from_matches(&matches)
    }

    fn options(arguments: &[&str]) -> ServeOptions {
        match task(arguments).expect("complete") {
            Task::Serve(options) => *options,
            other => panic!("{arguments:?}: {other:?}"),
        }
    }

    #[test]
    fn the_command_line_is_consistent() {
        command().debug_assert();
    }

    #[test]
    fn flags_may_stand_before_or_after_serve_or_alone() {
        for arguments in [
            &["--data", "/d", "--listen", "a:1", "--listen", "b:2", "--mode", "base"][..],
            &["serve", "--data", "/d", "--listen", "a:1,b:2", "--mode=base"],
            &["--data", "/d", "serve", "--listen", "a:1", "--listen", "b:2", "--mode=base"],
            &["--data", "/d", "--listen", "a:1", "--listen", "b:2", "--mode=base", "serve"],
        ] {
            let options = options(arguments);
            assert_eq!(
                (options.listen.join(" "), options.data, options.mode),
                ("a:1 b:2".into(), "/d".into(), Mode::Base),
                "{arguments:?}"
            );
        }
        let default = options(&["--data", "/d"]);
        assert_eq!((default.listen, default.mode), (vec![LISTEN_DEFAULT.to_owned()], Mode::Process));
        assert_eq!((default.workers, default.watch), (None, false));
        let options = options(&["--data", "/d", "--workers", "3", "--watch"]);
        assert_eq!((options.workers, options.watch), (Some(3), true));
    }

    #[test]
    fn proxies_and_what_an_address_may_have_are_told() {
        let given = options(&[
            "--data",
            "/d",
            "--trusted-proxy",
            "10.0.0.0/8,unix",
            "--trusted-proxy=::1",
            "--forwarded-field=forwarded",
            "--proxy-protocol",
            "--max-connections-per-address=50",
        ]);
        let proxies: Vec<String> = given.trusted_proxies.iter().map(ToString::to_string).collect();
        assert_eq!(proxies, ["10.0.0.0/8", "unix", "::1/128"]);
        assert_eq!(given.forwarded_field, ForwardedField::Forwarded);
        assert_eq!((given.max_connections_per_address, given.proxy_protocol), (Some(50), true));
        let default = options(&["--data", "/d"]);
        assert!(default.trusted_proxies.is_empty() && !default.proxy_protocol);
        assert_eq!(default.max_connections_per_address, None);
    }

    #[test]
    fn rates_are_told_and_off_by_default() {
        let rates = |options: ServeOptions| {
            (options.handshakes_per_second, options.messages_per_second, options.bytes_per_second)
        };
        let given = options(&[
            "--data",
            "/d",
            "--handshakes-per-second=5",
            "--messages-per-second",
            "20",
            "--bytes-per-second=1048576",
        ]);
        assert_eq!(rates(given), (5, 20, 1_048_576));
        let off = options(&["--data", "/d", "--handshakes-per-second=0", "--bytes-per-second=0"]);
        assert_eq!(rates(off), (0, 0, 0));
        assert_eq!(rates(options(&["--data", "/d"])), (0, 0, 0));
    }

    #[test]
    fn a_running_server_is_named_by_its_data_directory() {
        for arguments in [["reload", "--data", "/d"], ["--data", "/d", "reload"]] {
            match task(&arguments).expect("complete") {
                Task::Control(order, data) => assert_eq!((order, data), (Order::Reload, "/d".into())),
                other => panic!("{arguments:?}: {other:?}"),
            }
        }
        assert!(matches!(task(&["status", "--data", "/d"]), Ok(Task::Control(Order::Status, _))));
        assert!(matches!(task(&["stop", "--data", "/d"]), Ok(Task::Control(Order::Stop, _))));
    }

    #[test]
    fn values_out_of_range_are_refused() {
        for arguments in [
            ["--reactors", "0"],
            ["--workers", "257"],
            ["--max-connections", "0"],
            ["--max-connections-per-address", "0"],
            ["--handshakes-per-second", "-1"],
            ["--messages-per-second", "5000000000"],
            ["--bytes-per-second", "1099511627777"],
            ["--trusted-proxy", "10.0.0.0/33"],
            ["--forwarded-field", "x-real-ip"],
            ["--mode", "both"],
            ["--rate-limits", "1001"],
            ["--log", "loud"],
        ] {
            let result = command().try_get_matches_from([&["switchboard-chat"], &arguments[..]].concat());
            assert!(result.is_err(), "{arguments:?}");
        }
        let error =
            task(&["--data", "/d", "--mode", "base", "--watch"]).expect_err("nothing to reload").to_string();
        assert!(error.contains("--mode process"), "{error}");
    }

    #[test]
    fn a_certificate_and_its_key_are_given_together() {
        let with = options(&["--data", "/d", "--tls-cert", "c.pem", "--tls-key", "k.pem"]).tls;
        assert_eq!(with, Some(TlsConfig { certificate: "c.pem".into(), key: "k.pem".into() }));
        assert_eq!(options(&["--data", "/d"]).tls, None);
        for one in [["--tls-cert", "c.pem"], ["--tls-key", "k.pem"]] {
            let error = task(&[&["--data", "/d"], &one[..]].concat()).expect_err("half of it").to_string();
            assert!(error.contains("belong together"), "{error}");
        }
    }

    #[test]
    fn data_is_kept_where_the_xdg_specification_says() {
        let path = |xdg: &str, home: &str| {
            data_default(Some(xdg.into()), Some(home.into())).map(|path| path.display().to_string()).ok()
        };
        assert_eq!(path("/x", "/home/ann").as_deref(), Some("/x/switchboard-chat"));
        assert_eq!(path("", "/home/ann").as_deref(), Some("/home/ann/.local/share/switchboard-chat"));
        assert_eq!(path("relative", "/home/ann").as_deref(), Some("/home/ann/.local/share/switchboard-chat"));
        assert!(data_default(None, None).is_err());
    }
}
