//! Starts everything, and stops it in the right order.

use std::io::Write as _;
use std::sync::Arc;

use anyhow::anyhow;
use switchboard::{BoxError, Config, Deflate, Listen, ListenAddr, Overflow, Process, Server, User, Worker};

use crate::account::desk::Desk;
use crate::account::password::Passwords;
use crate::app::Chat;
use crate::cli::ServeOptions;
use crate::http::arrival::Arrivals;
use crate::http::origin::Origins;
use crate::http::people::Office;
use crate::hub::{self, HUB, HubSender};
use crate::limits::{
    FRAME_BYTES_MAX, GROUPS_PER_CONNECTION_MAX, HUB_QUEUE_BYTES_MAX, OUTPUT_BYTES_MAX, READS_QUEUED_MAX,
    RING_BYTES, SEARCHES_QUEUED_MAX, SESSION_BYTES_MAX,
};
use crate::store::reader::Reader;
use crate::store::{DataDirectory, data_path, database_in};
use crate::{control, role, sandbox};

/// Runs the server until it is told to stop. What was acknowledged is on disk when it returns. Every process of the server
/// comes here; only the master returns.
pub(crate) fn serve(options: &ServeOptions) -> anyhow::Result<()> {
    // The master holds the directory for all of them, until it ends.
    let user = sandbox::user(options)?;
    let directory =
        role::is_master().then(|| DataDirectory::open(&options.data, user.as_ref())).transpose()?;
    let data = data_path(&options.data)?;
    let database = database_in(&data);

    let origins = Origins::new(&options.allowed_origins);
    let hub_data = data.clone();
    let (rate_limits, leave_grace) = (options.rate_limits, options.leave_grace);
    let hub = async move |process: Process| hub::run(process, &hub_data, rate_limits, leave_grace).await;
    let worker_start = async move |worker: Worker| {
        let office = Office {
            desk: Arc::new(Desk::new(worker.handle().clone())),
            reader: Arc::new(Reader::start(database.clone(), "reader", READS_QUEUED_MAX)?),
            searcher: Arc::new(Reader::start(database.clone(), "searcher", SEARCHES_QUEUED_MAX)?),
            passwords: Passwords::new(),
            arrivals: Arc::new(Arrivals::new(rate_limits)),
        };
        Ok::<_, BoxError>(Chat::new(
            HubSender::new(worker.handle().clone()),
            office,
            origins.clone(),
            rate_limits,
        ))
    };
    let mut server = Server::with_handler(config(options, user), worker_start).process(HUB, hub);
    let scheme = if options.tls.is_some() { "https" } else { "http" };
    server = server.on_start(move |handle| {
        control::serve(handle, &data);
        announce(handle.listening(), scheme, &data.display().to_string());
    });
    for address in &options.listen {
        let listen = Listen::on(address);
        server = server.listen(if options.proxy_protocol { listen.proxy_protocol() } else { listen });
    }
    // Its sentence is whole.
    server.start().map_err(|error| anyhow!("the server did not start: {error}"))?;
    drop(directory);
    Ok(())
}

fn config(options: &ServeOptions, user: Option<User>) -> Config {
    let default = Config::default();
    Config {
        mode: options.mode,
        reactors: options.reactors.unwrap_or(default.reactors),
        workers: options.workers.unwrap_or(default.workers),
        watch: options.watch,
        tls: options.tls.clone(),
        max_connections: options.max_connections.unwrap_or(default.max_connections),
        max_connections_per_address: options.max_connections_per_address.unwrap_or(0),
        handshakes_per_second: options.handshakes_per_second,
        messages_per_second: options.messages_per_second,
        bytes_per_second: options.bytes_per_second,
        trusted_proxies: options.trusted_proxies.clone(),
        forwarded_field: options.forwarded_field,
        message_bytes_max: FRAME_BYTES_MAX,
        output_bytes_max: OUTPUT_BYTES_MAX,
        overflow: Overflow::Close,
        deflate: Some(Deflate::default()),
        session_bytes_max: SESSION_BYTES_MAX,
        groups_per_connection_max: GROUPS_PER_CONNECTION_MAX,
        pipe_bytes_max: HUB_QUEUE_BYTES_MAX,
        ring_bytes: RING_BYTES,
        user,
        ..default
    }
}

/// All that goes to standard output.
fn announce(addresses: &[ListenAddr], scheme: &str, data: &str) {
    let mut out = std::io::stdout().lock();
    for address in addresses {
        let _ = match address {
            ListenAddr::Inet(address) => writeln!(out, "Switchboard is ready at {scheme}://{address}"),
            other => writeln!(out, "Switchboard is ready at {other}"),
        };
    }
    // Whoever closed standard output does not want to know.
    let _ = writeln!(out, "Its data is in {data}");
    let _ = out.flush();
}
