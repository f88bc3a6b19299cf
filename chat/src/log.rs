//! The log: standard error of all processes of the server, each line with the process that wrote it.

use std::fmt;
use std::io::IsTerminal as _;

use tracing::Level;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};

/// From here on this process logs, as the part of the server with this title.
pub(crate) fn start(level: Level, title: String) {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_max_level(level)
        .with_timer(Stamp { title })
        .init();
}

/// The time and the process, at the beginning of each line.
struct Stamp {
    title: String,
}

impl FormatTime for Stamp {
    fn format_time(&self, writer: &mut Writer<'_>) -> fmt::Result {
        SystemTime.format_time(writer)?;
        write!(writer, " [{}]", self.title)
    }
}
