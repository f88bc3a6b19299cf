//! The command line. Every flag is also an environment variable, `SWITCHBOARD_` and its name.

use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::{Context as _, bail};
use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use tracing::Level;

/// Where the server listens if nobody says otherwise.
const LISTEN_DEFAULT: &str = "127.0.0.1:9502";

/// What the command line asks for.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// `HOST:PORT` or `unix:PATH`.
    pub(crate) listen: Vec<String>,
    pub(crate) data: PathBuf,
    /// None: one for each core.
    pub(crate) reactors: Option<usize>,
    /// None: the library's default.
    pub(crate) max_connections: Option<usize>,
    /// Empty: any.
    pub(crate) allowed_origins: Vec<String>,
    pub(crate) log: Level,
}

impl Options {
    /// Prints help, the version or what is wrong, and ends the process, where that is asked for.
    pub(crate) fn from_arguments() -> anyhow::Result<Self> {
        Self::from_matches(&command().get_matches())
    }

    fn from_matches(matches: &ArgMatches) -> anyhow::Result<Self> {
        // Flags may stand before or after `serve`.
        let matches = matches.subcommand().map_or(matches, |(_, matches)| matches);
        let many = |name| matches.get_many::<String>(name).into_iter().flatten().cloned().collect();
        let log: &String = matches.get_one("log").context("--log has no value")?;
        Ok(Self {
            listen: many("listen"),
            data: match matches.get_one::<PathBuf>("data") {
                Some(data) => data.clone(),
                None => data_default(std::env::var_os("XDG_DATA_HOME"), std::env::var_os("HOME"))?,
            },
            reactors: matches.get_one("reactors").copied().map(whole),
            max_connections: matches.get_one("max-connections").copied().map(whole),
            allowed_origins: many("allowed-origin"),
            log: log.parse()?,
        })
    }
}

fn whole(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
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

/// Browsers send `SCHEME://HOST[:PORT]`, and origins are compared whole: anything else would keep everybody out.
fn origin(text: &str) -> Result<String, String> {
    match text.split_once("://") {
        Some((scheme, host)) if !scheme.is_empty() && !host.is_empty() && !host.contains('/') => {
            Ok(text.to_owned())
        }
        _ => Err(
            "an origin is SCHEME://HOST or SCHEME://HOST:PORT, without a path, such as https://chat.example"
                .into(),
        ),
    }
}

fn command() -> Command {
    Command::new("switchboard-chat")
        .version(env!("CARGO_PKG_VERSION"))
        .about("A chat server in one program: the page, the WebSocket and the database.")
        .long_about(
            "A chat server in one program: the page, the WebSocket and the database.\n\n\
             Started without anything it serves the chat at http://127.0.0.1:9502 and keeps its data in your home \
             directory. Stop it with Ctrl+C: clients are told, and everything is on disk.",
        )
        .after_help(
            "Every option can be given as the environment variable named beside it; the command line wins.\n\n\
             Examples:\n  \
             switchboard-chat\n  \
             switchboard-chat --listen 0.0.0.0:9502 --data /var/lib/switchboard\n  \
             switchboard-chat --listen unix:/run/switchboard.sock --allowed-origin https://chat.example",
        )
        .subcommand(Command::new("serve").about("Runs the server; this is what happens without a command"))
        .disable_help_subcommand(true)
        .args(arguments())
}

fn arguments() -> [Arg; 7] {
    let option = |name: &'static str, env: &'static str, value: &'static str| {
        Arg::new(name).long(name).env(env).value_name(value).global(true).hide_env_values(true)
    };
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
            .value_parser(PossibleValuesParser::new(["base"]))
            .default_value("base")
            .help("Process model; base: one process"),
        option("reactors", "SWITCHBOARD_REACTORS", "N")
            .value_parser(value_parser!(u32).range(1..=256))
            .help("Threads that own sockets [default: one for each core]"),
        option("max-connections", "SWITCHBOARD_MAX_CONNECTIONS", "N")
            .value_parser(value_parser!(u32).range(1..))
            .help("Clients at a time; more are turned away with 503 [default: 65536]"),
        option("allowed-origin", "SWITCHBOARD_ALLOWED_ORIGIN", "ORIGIN")
            .action(ArgAction::Append)
            .value_delimiter(',')
            .value_parser(origin)
            .help(
                "Origin whose pages may connect, such as https://chat.example; may be given several times \
                 [default: any]",
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

    fn options(arguments: &[&str]) -> Options {
        let matches =
            command().try_get_matches_from([&["switchboard-chat"], arguments].concat()).expect("legal");
        Options::from_matches(&matches).expect("complete")
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
            &["--data", "/d", "serve", "--listen", "a:1", "--listen", "b:2"],
            &["--data", "/d", "--listen", "a:1", "--listen", "b:2", "serve"],
        ] {
            let options = options(arguments);
            assert_eq!(
                (options.listen.join(" "), options.data),
                ("a:1 b:2".into(), "/d".into()),
                "{arguments:?}"
            );
        }
        assert_eq!(options(&["--data", "/d"]).listen, [LISTEN_DEFAULT]);
    }

    #[test]
    fn values_out_of_range_are_refused() {
        for arguments in
            [["--reactors", "0"], ["--max-connections", "0"], ["--mode", "both"], ["--log", "loud"]]
        {
            let result = command().try_get_matches_from([&["switchboard-chat"], &arguments[..]].concat());
            assert!(result.is_err(), "{arguments:?}");
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
