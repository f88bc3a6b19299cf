//! What a program makes, gives handlers, and starts.

use std::fmt;
use std::future::ready;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request as HttpRequest, Response as HttpResponse};
use hyper::body::{Body, Incoming};
use tower_service::Service;

use crate::closures::{Authorize, Closures, OnClose, OnMessage, OnOpen, Unset};
use crate::error::{BoxError, StartError};
use crate::launch::{Launch, OnStart};
use crate::process::UserProcess;
use crate::{Config, Handle, Handler, HttpService, Listen, Process, Worker};

/// A WebSocket server in the making.
///
/// ```no_run
/// use switchboard::{Closed, Conn, Message, Request, Server};
///
/// fn main() -> Result<(), switchboard::StartError> {
///     Server::new("127.0.0.1:9501")
///         .on_open(async |conn: Conn, request: Request| println!("{} opened {}", conn.id(), request.path()))
///         .on_message(async |conn: Conn, message: Message| conn.push(message))
///         .on_close(async |conn: Conn, closed: Closed| println!("{} closed: {}", conn.id(), closed.code))
///         .start()
/// }
/// ```
#[must_use = "a server does nothing until it is started"]
pub struct Server<S = Closures> {
    config: Config,
    addresses: Vec<Listen>,
    on_start: Option<OnStart>,
    processes: Vec<UserProcess>,
    /// Closures, or what makes a handler for each worker.
    source: S,
}

impl Server {
    /// A server that listens on `address`: `HOST:PORT`, `[IPV6]:PORT`, or `unix:PATH`. Port 0 lets the system choose.
    pub fn new(address: impl Into<Listen>) -> Server {
        Server::listen_on([address])
    }

    /// A server that listens on all of these addresses.
    pub fn listen_on(addresses: impl IntoIterator<Item = impl Into<Listen>>) -> Server {
        let http = None;
        let closures = Closures { authorize: Unset, open: Unset, message: Unset, close: Unset, http };
        let addresses = addresses.into_iter().map(Into::into).collect();
        Server {
            config: Config::default(),
            addresses,
            on_start: None,
            processes: Vec::new(),
            source: closures,
        }
    }
}

impl<W> Server<WorkerStart<W>> {
    /// A server whose events go to a [`Handler`]: `worker_start` is run for each worker, on the worker's thread, and
    /// makes its handler with whatever state it wants (Swoole: `workerStart`). If it fails, the server does not start; in a
    /// reload, the workers that run go on.
    pub fn with_handler(config: Config, worker_start: W) -> Server<WorkerStart<W>> {
        let source = WorkerStart(worker_start);
        Server { config, addresses: Vec::new(), on_start: None, processes: Vec::new(), source }
    }
}

impl<S> Server<S> {
    /// Replaces the settings.
    pub fn config(mut self, config: Config) -> Server<S> {
        self.config = config;
        self
    }

    /// Listens on a further address.
    pub fn listen(mut self, address: impl Into<Listen>) -> Server<S> {
        self.addresses.push(address.into());
        self
    }

    /// Adds a user process (Swoole: `addProcess`): see [`Process`]. `name` has 1 to 32 ASCII letters, digits, `-` or `_`, and is
    /// used once. In Process mode the list is the master's: one that a new build adds is not started before a restart, and
    /// one that it lacks fails the reload.
    pub fn process<F>(mut self, name: impl Into<String>, run: F) -> Server<S>
    where
        F: AsyncFn(Process) -> Result<(), BoxError> + Send + Sync + 'static,
    {
        self.processes.push(UserProcess::new(name.into(), run));
        self
    }

    /// Runs `action` once, in the process that has the sockets, when all workers have started and before the server accepts
    /// (Swoole: `start`).
    pub fn on_start(mut self, action: impl FnOnce(&Handle) + Send + 'static) -> Server<S> {
        self.on_start = Some(Box::new(action));
        self
    }
}

impl<A, O, M, C> Server<Closures<A, O, M, C>> {
    /// Decides about handshakes before they are answered.
    pub fn authorize<F: Authorize>(self, decide: F) -> Server<Closures<F, O, M, C>> {
        self.map(|closures| Closures {
            authorize: decide,
            open: closures.open,
            message: closures.message,
            close: closures.close,
            http: closures.http,
        })
    }

    /// What to do when a connection has opened.
    pub fn on_open<F: OnOpen>(self, open: F) -> Server<Closures<A, F, M, C>> {
        self.map(|closures| Closures {
            authorize: closures.authorize,
            open,
            message: closures.message,
            close: closures.close,
            http: closures.http,
        })
    }

    /// What to do with a message.
    pub fn on_message<F: OnMessage>(self, message: F) -> Server<Closures<A, O, F, C>> {
        self.map(|closures| Closures {
            authorize: closures.authorize,
            open: closures.open,
            message,
            close: closures.close,
            http: closures.http,
        })
    }

    /// What to do when a connection has ended.
    pub fn on_close<F: OnClose>(self, close: F) -> Server<Closures<A, O, M, F>> {
        self.map(|closures| Closures {
            authorize: closures.authorize,
            open: closures.open,
            message: closures.message,
            close,
            http: closures.http,
        })
    }

    /// Serves the requests that ask for no WebSocket. See [`HttpService::new`].
    pub fn http<T, B>(mut self, service: T) -> Server<Closures<A, O, M, C>>
    where
        T: Service<HttpRequest<Incoming>, Response = HttpResponse<B>> + Clone + Send + Sync + 'static,
        T::Error: Into<BoxError>,
        T::Future: 'static,
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        self.source.http = Some(HttpService::new(service));
        self
    }

    fn map<T>(self, change: impl FnOnce(Closures<A, O, M, C>) -> T) -> Server<T> {
        let Server { config, addresses, on_start, processes, source } = self;
        Server { config, addresses, on_start, processes, source: change(source) }
    }
}

impl<A: Authorize, O: OnOpen, M: OnMessage, C: OnClose> Server<Closures<A, O, M, C>> {
    /// Runs the server on this thread and the reactors' until it is shut down. In Process mode it returns in the master only;
    /// the other processes, in which `main` comes here as well, do their part and exit.
    ///
    /// # Errors
    /// A setting that cannot be, an address that cannot be listened on, workers that could not be started, or something that
    /// the system refused.
    pub fn start(self) -> Result<(), StartError> {
        let Server { config, addresses, on_start, processes, source } = self;
        let closures = Arc::new(source);
        let worker_start = move |_: Worker| ready(Ok::<_, BoxError>(closures.clone()));
        Launch { config, addresses, on_start, processes }.run(worker_start)
    }
}

/// What makes a handler for each worker.
pub struct WorkerStart<W>(W);

impl<W, H> Server<WorkerStart<W>>
where
    W: AsyncFn(Worker) -> Result<H, BoxError> + Send + Sync + 'static,
    H: Handler,
{
    /// Runs the server on this thread and the reactors' until it is shut down. In Process mode it returns in the master only;
    /// the other processes, in which `main` comes here as well, do their part and exit.
    ///
    /// # Errors
    /// A setting that cannot be, an address that cannot be listened on, a `worker_start` that failed, or something
    /// that the system refused.
    pub fn start(self) -> Result<(), StartError> {
        let Server { config, addresses, on_start, processes, source } = self;
        Launch { config, addresses, on_start, processes }.run(source.0)
    }
}

impl<S> fmt::Debug for Server<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("config", &self.config)
            .field("addresses", &self.addresses)
            .finish_non_exhaustive()
    }
}
