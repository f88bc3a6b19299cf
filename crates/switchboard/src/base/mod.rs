//! Base mode: one process, in which every reactor thread calls the handler itself.

mod process;

use std::io;
use std::sync::Arc;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::certificates::Certificates;
use crate::command::Command;
use crate::core::Core;
use crate::descriptors;
use crate::error::{BoxError, ConfigError, StartError};
use crate::launch::{Launch, OnStart};
use crate::listener::Listener;
use crate::pipe::Pipes;
use crate::process::UserProcess;
use crate::reactor::{self, Reactor};
use crate::worker::Runner;
use crate::{Handle, Handler, Worker};

/// What `worker_stop` gets even when the rest of a stop has used up `shutdown_timeout`.
pub(crate) const WORKER_STOP_MIN: Duration = Duration::from_millis(500);

/// What is waited for beyond `shutdown_timeout` before a thread counts as stuck.
const STUCK_MARGIN: Duration = Duration::from_secs(2);

/// What the starting thread waits for.
enum Report {
    /// A worker or user process has started.
    Started,
    Failed(StartError),
    /// A reactor thread has ended.
    Ended,
    /// A user process's thread has ended.
    HelperEnded,
    /// The server is being stopped.
    Stopping,
}

/// Listens, starts the reactors, and waits until they have ended.
pub(crate) fn run<W, H>(launch: Launch, worker_start: W) -> Result<(), StartError>
where
    W: AsyncFn(Worker) -> Result<H, BoxError> + Send + Sync + 'static,
    H: Handler,
{
    launch.config.validate()?;
    if launch.addresses.is_empty() {
        return Err(ConfigError::NoListener.into());
    }
    let certificates = launch.config.tls.clone().map(Certificates::load).transpose()?;
    let backlog = launch.config.accept_backlog;
    let listeners: Result<Vec<_>, _> =
        launch.addresses.iter().map(|address| Listener::bind(address, backlog)).collect();
    let listeners: Arc<[Listener]> = listeners?.into();
    let listening = listeners.iter().map(|listener| listener.address.clone()).collect();
    let handle_signals = launch.config.handle_signals;
    let descriptors_max = descriptors::raise_limit(&launch.config, launch.processes.len());
    if let Some(user) = &launch.config.user {
        listeners.iter().try_for_each(|listener| listener.give_to(user))?;
        user.become_it()?;
    }
    let names = launch.processes.iter().map(|process| process.name.clone()).collect();
    let pipes = Pipes::new(launch.config.reactors, names, launch.config.pipe_bytes_max);
    let core = Core::new(launch.config, listening, pipes, descriptors_max);
    let mut core = core.map_err(system("cannot set up the connection table"))?;
    core.certificates = certificates;
    let handle = Handle::new(Arc::new(core));
    let signals = if handle_signals { Some(Stopper::watch(handle.clone())?) } else { None };
    let worker_start = Arc::new(worker_start);
    let outcome = run_reactors(&handle, listeners, worker_start, launch.on_start, launch.processes);
    if let Some(signals) = signals {
        signals.end();
    }
    outcome
}

fn run_reactors<W, H>(
    handle: &Handle,
    listeners: Arc<[Listener]>,
    worker_start: Arc<W>,
    on_start: Option<OnStart>,
    processes: Vec<UserProcess>,
) -> Result<(), StartError>
where
    W: AsyncFn(Worker) -> Result<H, BoxError> + Send + Sync + 'static,
    H: Handler,
{
    let count = handle.reactors();
    let (report, reports) = mpsc::channel();
    let mut threads = Vec::with_capacity(count);
    let mut helpers = process::start(handle, processes, &report)?;
    for index in 0..count {
        let (handle, worker_start) = (handle.clone(), worker_start.clone());
        let thread = ReactorThread { index, handle, worker_start, report: report.clone() };
        match thread.spawn() {
            Ok(thread) => threads.push(thread),
            Err(error) => {
                let _ = report.send(Report::Failed(error));
                break;
            }
        }
    }
    handle.core().on_stop(move || {
        let _ = report.send(Report::Stopping);
    });
    let (count, helpers_count) = (threads.len(), helpers.len());
    let own = handle.clone();
    let opening = Some(Opening { on_start, listeners });
    let mut launched = Launched { count, helpers: helpers_count, handle: own, opening, failure: None };
    match launched.watch(&reports) {
        true => {
            threads.append(&mut helpers);
            join(threads, count, launched.failure)
        }
        false => {
            let stuck = StartError::Stuck { timeout: handle.core().config.shutdown_timeout };
            Err(launched.failure.unwrap_or(stuck))
        }
    }
}

/// The reactor threads, as the thread sees them that started them.
struct Launched {
    count: usize,
    /// Threads of user processes.
    helpers: usize,
    handle: Handle,
    /// None: that has been done.
    opening: Option<Opening>,
    failure: Option<StartError>,
}

/// What is done when all workers have started.
struct Opening {
    on_start: Option<OnStart>,
    listeners: Arc<[Listener]>,
}

impl Launched {
    /// Has the reactors accept when all workers have started, and waits until all have ended. False if one does not end.
    fn watch(&mut self, reports: &mpsc::Receiver<Report>) -> bool {
        let (mut started, mut ended, mut helpers_ended) = (0, 0, 0);
        while ended < self.count || helpers_ended < self.helpers {
            let report = if self.handle.is_stopping() {
                let limit = self.handle.core().stop_time_left() + WORKER_STOP_MIN + STUCK_MARGIN;
                reports.recv_timeout(limit)
            } else {
                reports.recv().map_err(mpsc::RecvTimeoutError::from)
            };
            match report {
                Ok(Report::Started) => started += 1,
                Ok(Report::Failed(error)) => self.failed(error),
                // It takes the others with it: a server that limps helps nobody.
                Ok(Report::Ended) => {
                    ended += 1;
                    self.handle.shutdown();
                    if ended == self.count {
                        // Nobody sends the user processes anything any more.
                        self.handle.core().pipes.close();
                    }
                }
                Ok(Report::HelperEnded) => {
                    helpers_ended += 1;
                    self.handle.shutdown();
                }
                Ok(Report::Stopping) => {}
                Err(mpsc::RecvTimeoutError::Timeout) => return false,
                Err(mpsc::RecvTimeoutError::Disconnected) => return true,
            }
            if started == self.count + self.helpers || self.handle.is_stopping() {
                self.open();
            }
        }
        true
    }

    fn failed(&mut self, error: StartError) {
        self.failure.get_or_insert(error);
        self.handle.shutdown();
    }

    /// Once, unless a stop has been quicker.
    fn open(&mut self) {
        let Some(Opening { on_start, listeners }) = self.opening.take() else { return };
        if self.handle.is_stopping() {
            return;
        }
        if let Some(on_start) = on_start {
            on_start(&self.handle);
        }
        for inbox in &self.handle.core().inboxes {
            let _ = inbox.send_always(Command::Listen(listeners.clone()));
        }
    }
}

/// `reactors`: how many of the threads, which come first, are theirs.
fn join(
    threads: Vec<JoinHandle<()>>,
    reactors: usize,
    failure: Option<StartError>,
) -> Result<(), StartError> {
    let mut outcome = failure.map_or(Ok(()), Err);
    for (reactor, thread) in threads.into_iter().enumerate() {
        // What a user process's thread panicked with has been reported.
        if thread.join().is_err() && reactor < reactors {
            outcome = Err(StartError::ReactorPanicked { reactor });
        }
    }
    outcome
}

struct ReactorThread<W> {
    index: usize,
    handle: Handle,
    worker_start: Arc<W>,
    report: mpsc::Sender<Report>,
}

impl<W, H> ReactorThread<W>
where
    W: AsyncFn(Worker) -> Result<H, BoxError> + Send + Sync + 'static,
    H: Handler,
{
    fn spawn(self) -> Result<JoinHandle<()>, StartError> {
        let name = format!("reactor-{}", self.index);
        let thread = thread::Builder::new().name(name);
        thread.spawn(move || self.main()).map_err(system("cannot start a reactor thread"))
    }

    fn main(self) {
        // Sent on every way out, a panic included.
        let _ended = EndReport(self.report.clone());
        let report = self.report.clone();
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build_local(Default::default());
        let ran = match runtime {
            Ok(runtime) => {
                let core = self.handle.core().clone();
                let served = runtime.block_on(tokio::task::unconstrained(self.serve()));
                // Blocking tasks of the user's that have begun get the time that is left, not for ever.
                runtime.shutdown_timeout(core.stop_time_left());
                served
            }
            Err(error) => Err(system("cannot start a runtime")(error)),
        };
        if let Err(error) = ran {
            let _ = report.send(Report::Failed(error));
        }
    }

    async fn serve(self) -> Result<(), StartError> {
        let handle = self.handle.for_slot(self.index as u16);
        let worker = Worker::new(self.index as u16, handle.clone());
        let handler = (self.worker_start)(worker).await;
        let worker = self.index as u16;
        let handler = handler.map_err(|source| StartError::WorkerStart { worker, source })?;
        let runner = Runner::new(handler, handle, self.index);
        let stopped = runner.stopped();
        let core = self.handle.core().clone();
        let reactor = Reactor::new(self.index, core.clone(), Box::new(runner));
        let reactor = reactor.map_err(system("cannot start a reactor"))?;
        // It does not accept yet, but answers those who ask it something while others start.
        let _ = self.report.send(Report::Started);
        reactor::run(reactor).await.map_err(system("a reactor failed"))?;
        let limit = core.stop_time_left().max(WORKER_STOP_MIN);
        if tokio::time::timeout(limit, stopped).await.is_err() {
            tracing::warn!(worker, "worker_stop was cut off: it took too long");
        }
        Ok(())
    }
}

struct EndReport(mpsc::Sender<Report>);

impl Drop for EndReport {
    fn drop(&mut self) {
        let _ = self.0.send(Report::Ended);
    }
}

/// Turns SIGTERM and SIGINT into a shutdown; a second one ends the process at once. With TLS, SIGHUP has certificate and
/// key read again; without, it is left alone.
struct Stopper {
    signals: signal_hook::iterator::Handle,
    thread: JoinHandle<()>,
}

impl Stopper {
    fn watch(handle: Handle) -> Result<Stopper, StartError> {
        let mut signals = Signals::new([SIGTERM, SIGINT]).map_err(system("cannot handle signals"))?;
        if handle.core().certificates.is_some() {
            signals.add_signal(SIGHUP).map_err(system("cannot handle signals"))?;
        }
        let control = signals.handle();
        let watch = move || {
            for signal in signals.forever() {
                if let (SIGHUP, Some(certificates)) = (signal, &handle.core().certificates) {
                    certificates.reload();
                    continue;
                }
                if handle.is_stopping() {
                    tracing::warn!(signal, "stopped at once by a second signal");
                    std::process::exit(128 + signal);
                }
                tracing::info!(signal, "stopping");
                handle.shutdown();
            }
        };
        let thread = thread::Builder::new().name("signals".into()).spawn(watch);
        Ok(Stopper { signals: control, thread: thread.map_err(system("cannot start the signal thread"))? })
    }

    fn end(self) {
        self.signals.close();
        let _ = self.thread.join();
    }
}

fn system(what: &'static str) -> impl Fn(io::Error) -> StartError {
    move |source| StartError::System { what, source }
}
