//! Setting a master up.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;

use rustix::process::{getpid, set_child_subreaper};
use signal_hook::consts::{SIGCHLD, SIGHUP, SIGINT, SIGTERM, SIGUSR1};

use super::conductor::{Beginning, Conductor};
use super::lanes::LanesShared;
use super::news::{self, News, NewsSender};
use super::reactors::ReactorThread;
use crate::certificates::Certificates;
use crate::command::Command;
use crate::core::Core;
use crate::error::{ConfigError, StartError};
use crate::ipc::control::Welcome;
use crate::ipc::socket_file::SocketFile;
use crate::launch::OnStart;
use crate::listener::Listener;
use crate::manager::Signals;
use crate::pipe::Pipes;
use crate::sys::{set_short_name, set_title};
use crate::{Config, Handle, Listen, ListenAddr, descriptors};

/// A server in Process mode that is ready to go.
pub(crate) struct Master {
    pub(crate) config: Config,
    pub(crate) addresses: Vec<Listen>,
    pub(crate) on_start: Option<OnStart>,
    /// The names of the user processes.
    pub(crate) processes: Vec<String>,
}

impl Master {
    /// Listens, has the other processes started, and leads them until the server is stopped.
    pub(crate) fn run(self) -> Result<(), StartError> {
        self.config.validate()?;
        if self.addresses.is_empty() {
            return Err(ConfigError::NoListener.into());
        }
        let certificates = self.config.tls.clone().map(Certificates::load).transpose()?;
        // Before anything can have changed the file or its name.
        let executable = own_executable().map_err(system("cannot find the own executable"))?;
        let listeners = self.addresses.iter().map(|one| Listener::bind(one, self.config.accept_backlog));
        let listeners: Arc<[Listener]> = listeners.collect::<Result<Vec<_>, _>>()?.into();
        let listening: Vec<ListenAddr> = listeners.iter().map(|listener| listener.address.clone()).collect();
        let descriptors_max = descriptors::raise_limit(&self.config, self.processes.len());
        // Names of a process are written into files in /proc, which are root's once the user has been changed.
        name_master();
        if let Some(user) = &self.config.user {
            listeners.iter().try_for_each(|listener| listener.give_to(user))?;
            user.become_it()?;
            user.check_program(&executable)?;
        }
        let welcome = welcome(&self.config, executable, self.processes.clone(), &listening);
        let mut signals = vec![SIGTERM, SIGINT, SIGUSR1];
        // Without TLS it means nothing, and is left alone.
        signals.extend(certificates.is_some().then_some(SIGHUP));
        let signals = self.config.handle_signals.then(|| Signals::catch(&signals)).transpose();
        let signals = signals.map_err(system("cannot handle signals"))?;
        let children = Signals::catch(&[SIGCHLD]).map_err(system("cannot handle signals"))?;
        let pipes = Pipes::new(self.config.workers, self.processes, self.config.pipe_bytes_max);
        let core = Core::new(self.config, listening, pipes, descriptors_max);
        let mut core = core.map_err(system("cannot set up the connection table"))?;
        core.certificates = certificates;
        let core = Arc::new(core);
        let (sender, news) = news::channel().map_err(system("cannot make a doorbell"))?;
        let (stopping, requests) = (sender.clone(), sender.clone());
        core.on_stop(move || stopping.send(News::Stopping));
        core.on_request(move |request| requests.request(request));
        let handle = Handle::new(core.clone());
        let lanes = LanesShared::new(core.config.workers, sender.reporter());
        let threads = Threads::new(Plan { on_start: self.on_start, listeners, lanes, news: sender });
        adopt_orphans();
        Conductor::new(Beginning { handle, news, signals, children, welcome, threads }).run()
    }
}

fn welcome(
    config: &Config,
    executable: PathBuf,
    processes: Vec<String>,
    listening: &[ListenAddr],
) -> Welcome {
    let file = |address: &ListenAddr| {
        let ListenAddr::Unix(path) = address else { return None };
        SocketFile::of(path)
    };
    Welcome {
        generation: 0,
        executable,
        workers: config.workers as u16,
        processes,
        start_timeout: config.worker_start_timeout,
        drain_timeout: config.drain_timeout,
        watch: config.watch,
        files: listening.iter().filter_map(file).collect(),
    }
}

fn adopt_orphans() {
    // If a manager dies, its children become this process's.
    if let Err(error) = set_child_subreaper(Some(getpid())) {
        tracing::warn!(%error, "cannot adopt the workers of a manager that dies");
    }
}

fn name_master() {
    set_title("switchboard: master");
    set_short_name("sb-master");
}

/// The path to execute at a reload: as the program was called, if that is a path, so that a symbolic link can be moved to
/// another program.
fn own_executable() -> io::Result<PathBuf> {
    let called = PathBuf::from(std::env::args_os().next().unwrap_or_default());
    let identity = |path: &PathBuf| fs::metadata(path).map(|meta| (meta.dev(), meta.ino())).ok();
    let own = PathBuf::from("/proc/self/exe");
    if called.components().count() > 1 && identity(&called).is_some() && identity(&called) == identity(&own) {
        return std::path::absolute(called);
    }
    std::env::current_exe()
}

/// What the reactor threads need to begin.
pub(super) struct Plan {
    on_start: Option<OnStart>,
    listeners: Arc<[Listener]>,
    lanes: LanesShared,
    news: NewsSender,
}

/// The reactor threads.
pub(super) struct Threads {
    plan: Option<Plan>,
    threads: Vec<JoinHandle<()>>,
    /// Which of them have ended, and which have nothing to do any more during a stop.
    ended: Vec<bool>,
    quiet: Vec<bool>,
}

impl Threads {
    fn new(plan: Plan) -> Threads {
        Threads { plan: Some(plan), threads: Vec::new(), ended: Vec::new(), quiet: Vec::new() }
    }

    /// Starts the threads, which do not accept yet: those who start have something to ask them.
    pub(super) fn start(&mut self, handle: &Handle) -> Result<(), StartError> {
        let Some(plan) = &self.plan else { return Ok(()) };
        for index in 0..handle.reactors() {
            let (lanes, news) = (plan.lanes.clone(), plan.news.clone());
            let thread = ReactorThread { index, core: handle.core().clone(), lanes, news };
            self.threads.push(thread.spawn()?);
            self.ended.push(false);
            self.quiet.push(false);
        }
        Ok(())
    }

    /// All workers have started: tells the program, and accepts. Once.
    pub(super) fn open(&mut self, handle: &Handle) {
        let Some(Plan { on_start, listeners, .. }) = self.plan.take() else { return };
        if let Some(on_start) = on_start {
            on_start(handle);
        }
        for inbox in &handle.core().inboxes {
            let _ = inbox.send_always(Command::Listen(listeners.clone()));
        }
    }

    pub(super) fn running(&self) -> usize {
        self.ended.iter().filter(|ended| !**ended).count()
    }

    pub(super) fn ended(&mut self, reactor: usize) {
        if let Some(ended) = self.ended.get_mut(reactor) {
            *ended = true;
        }
    }

    pub(super) fn set_quiet(&mut self, reactor: usize, quiet: bool) {
        if let Some(known) = self.quiet.get_mut(reactor) {
            *known = quiet;
        }
    }

    /// During a stop: have all of them ended, or nothing left to do?
    pub(super) fn are_quiet(&self) -> bool {
        self.ended.iter().zip(&self.quiet).all(|(ended, quiet)| *ended || *quiet)
    }

    /// Waits for all, which have ended.
    pub(super) fn join(&mut self) {
        for thread in self.threads.drain(..) {
            // Its panic has been reported.
            let _ = thread.join();
        }
    }
}

fn system(what: &'static str) -> impl Fn(io::Error) -> StartError {
    move |source| StartError::System { what, source }
}
