//! Starts everything, and stops it in the right order.

use std::io::Write as _;
use std::sync::mpsc;
use std::thread;

use anyhow::{Context as _, anyhow};
use switchboard::{BoxError, Config, Handle, ListenAddr, Overflow, Server, Worker};

use crate::app::Chat;
use crate::cli::Options;
use crate::hub::{self, Hub};
use crate::limits::{FRAME_BYTES_MAX, GROUPS_PER_CONNECTION_MAX, OUTPUT_BYTES_MAX};
use crate::store::reader::Reader;
use crate::store::{DataDirectory, Writer};

/// Runs the server until it is told to stop. What was acknowledged is on disk when it returns.
pub(crate) fn serve(options: &Options) -> anyhow::Result<()> {
    let directory = DataDirectory::open(&options.data)?;
    let writer = Writer::open(&directory.database())?;
    let reader = Reader::start(&directory.database())?;
    let hub = Hub::load(writer, reader)?;
    let (requests, queue) = hub::queue();
    // The hub begins when it is handed the way to the clients, and ends with the last worker.
    let (attach, attached) = mpsc::channel::<Handle>();
    let hub = thread::Builder::new().name("hub".into()).spawn(move || {
        let Ok(handle) = attached.recv() else { return Ok(()) };
        let _alarm = Alarm(handle.clone());
        hub.attach(handle).run(queue)
    })?;

    let data = directory.path().display().to_string();
    let worker_start = async move |_: Worker| Ok::<_, BoxError>(Chat::new(requests.clone()));
    let mut server = Server::with_handler(config(options), worker_start).on_start(move |handle| {
        // The hub waits for it.
        let _ = attach.send(handle.clone());
        announce(handle.listening(), &data);
    });
    for address in &options.listen {
        server = server.listen(address.clone());
    }
    let served = server.start().context("the server did not start");

    let closed = hub.join().map_err(|_| anyhow!("the hub panicked; the log says where"))?;
    served?;
    closed.context("the database was not closed properly; what was acknowledged is stored")?;
    drop(directory);
    Ok(())
}

fn config(options: &Options) -> Config {
    let default = Config::default();
    let origins = &options.allowed_origins;
    Config {
        reactors: options.reactors.unwrap_or(default.reactors),
        max_connections: options.max_connections.unwrap_or(default.max_connections),
        allowed_origins: (!origins.is_empty()).then(|| origins.clone()),
        message_bytes_max: FRAME_BYTES_MAX,
        output_bytes_max: OUTPUT_BYTES_MAX,
        overflow: Overflow::Close,
        groups_per_connection_max: GROUPS_PER_CONNECTION_MAX,
        ..default
    }
}

/// All that goes to standard output.
fn announce(addresses: &[ListenAddr], data: &str) {
    let mut out = std::io::stdout().lock();
    for address in addresses {
        let _ = match address {
            ListenAddr::Inet(address) => writeln!(out, "Switchboard is ready at http://{address}"),
            other => writeln!(out, "Switchboard is ready at {other}"),
        };
    }
    // Whoever closed standard output does not want to know.
    let _ = writeln!(out, "Its data is in {data}");
    let _ = out.flush();
}

/// Stops the server if the hub panics: without it nobody would be answered.
struct Alarm(Handle);

impl Drop for Alarm {
    fn drop(&mut self) {
        if thread::panicking() {
            tracing::error!("the hub panicked: the server stops");
            self.0.shutdown();
        }
    }
}
