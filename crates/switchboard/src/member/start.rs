//! The life of a worker's or user process's process, from its socket to its exit.

use std::future::Future;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use rustix::process::{Signal, getpid, kill_process};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1};
use tokio::task::{JoinError, spawn_local, unconstrained};
use tokio::time::timeout;

use super::attach::{Attached, Program, attach};
use super::journal::RingJournal;
use super::link::Link;
use super::process::ProcessPart;
use super::run::{Inlets, Member, Part};
use super::worker::WorkerPart;
use crate::base::WORKER_STOP_MIN;
use crate::error::BoxError;
use crate::ipc::link::ToMaster;
use crate::ipc::socket::Socket;
use crate::ipc::socket_file::SocketFile;
use crate::process::UserProcess;
use crate::role::InstanceRole;
use crate::sys::{set_short_name, set_title};
use crate::worker::Runner;
use crate::{Handler, Worker, manager};

/// How long a process that has done everything waits for room for its last commands.
const LAST_COMMANDS_MAX: Duration = Duration::from_millis(500);

/// How long the news of a failed start may take from here to the master and on to the manager.
const HEARD_MAX: Duration = Duration::from_secs(1);

/// Of what a program says about its failure.
const REASON_BYTES_MAX: usize = 16 << 10;

/// Is a worker until the master lets it go, or is gone itself.
pub(crate) fn run_worker<W, H>(socket: Socket, role: &InstanceRole, worker_start: W, program: Program) -> !
where
    W: AsyncFn(Worker) -> Result<H, BoxError> + Send + Sync + 'static,
    H: Handler,
{
    live(socket, role, program, |attached| serve_worker(attached, worker_start))
}

/// Is a user process until the master lets it go, or is gone itself.
pub(crate) fn run_process(socket: Socket, role: &InstanceRole, process: UserProcess, program: Program) -> ! {
    live(socket, role, program, |attached| serve_process(attached, process))
}

fn live<F>(socket: Socket, role: &InstanceRole, program: Program, serve: impl FnOnce(Attached) -> F) -> !
where
    F: Future<Output = io::Result<()>>,
{
    let name = role.short_name();
    set_short_name(&name);
    // A script that has executed this program has named it otherwise.
    let title = role.title();
    if std::env::args_os().next().is_none_or(|name| name != *title) {
        set_title(&title);
    }
    let lived = catch_unwind(AssertUnwindSafe(|| try_live(socket, program, serve)));
    let status = match lived {
        Ok(Ok(())) => 0,
        Ok(Err(error)) => {
            tracing::error!(%error, process = name, "this process ends");
            1
        }
        Err(_) => {
            tracing::error!(process = name, "this process ends because the server's own code panicked");
            1
        }
    };
    std::process::exit(status)
}

fn try_live<F>(socket: Socket, program: Program, serve: impl FnOnce(Attached) -> F) -> io::Result<()>
where
    F: Future<Output = io::Result<()>>,
{
    // Terminals and service managers send these to all processes of a group: it is the master who acts on them.
    manager::ignore(&[SIGINT, SIGTERM, SIGHUP, SIGUSR1])?;
    let link = Link::new(socket)?;
    let attached = match attach(link.clone(), program) {
        Ok(Some(attached)) => attached,
        Ok(None) => return Ok(()),
        Err(error) => return Err(start_failed(&link, error.to_string())),
    };
    let core = attached.handle.core().clone();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build_local(Default::default());
    let runtime = runtime.map_err(|error| start_failed(&link, format!("cannot start a runtime: {error}")))?;
    let served = runtime.block_on(unconstrained(serve(attached)));
    // Blocking tasks of the user's that have begun get the time that is left, not for ever.
    runtime.shutdown_timeout(core.stop_time_left());
    served
}

/// Tells the master, too.
fn start_failed(link: &Link, reason: String) -> io::Error {
    // Without a master nobody has to know.
    if link.send_last(&start_failure(&reason)).is_ok() {
        wait_for_the_end();
    }
    io::Error::other(reason)
}

/// A message has an end.
pub(super) fn start_failure(reason: &str) -> ToMaster {
    let end = reason.floor_char_boundary(REASON_BYTES_MAX);
    ToMaster::StartFailed { reason: reason[..end].to_owned() }
}

/// A start has failed, and the master knows. The manager kills this process when it has heard why; by an exit before that it
/// would only see that the start has failed.
pub(super) fn wait_for_the_end() {
    std::thread::sleep(HEARD_MAX);
}

/// The master is gone, and nothing that this process does can reach anybody: not even a handler that blocks, or what a
/// program does at its exit, may keep it.
fn die(ended: io::Result<()>, files: &[SocketFile]) {
    if let Err(error) = ended {
        tracing::error!(%error, "the socket to the master failed");
    }
    // The manager does it, too, if it has not been killed together with its master.
    files.iter().for_each(SocketFile::remove);
    let _ = kill_process(getpid(), Signal::KILL);
}

/// Builds the loop, and begins to read the link.
fn member<P: Part>(attached: Attached, journal: Rc<RingJournal>, part: P) -> io::Result<Member<P>> {
    let Attached { link, handle, ports, lanes, sleeping, bell, files, .. } = attached;
    let news = link.read(move |ended| die(ended, &files))?;
    let inlets = Inlets { lanes, sleeping, bell, news };
    Member::new(handle.core().clone(), ports, journal, inlets, part)
}

fn journal(attached: &Attached) -> Rc<RingJournal> {
    Rc::new(RingJournal::new(attached.ports.clone(), attached.marks.clone()))
}

async fn serve_worker<W, H>(attached: Attached, worker_start: W) -> io::Result<()>
where
    W: AsyncFn(Worker) -> Result<H, BoxError> + Send + Sync + 'static,
    H: Handler,
{
    let (link, handle, journal) = (attached.link.clone(), attached.handle.clone(), journal(&attached));
    let worker = Worker::new(attached.slot, handle.clone());
    let part = WorkerPart::<H>::new(link.clone(), handle.core().config.max_requests);
    let mut member = member(attached, journal.clone(), part)?;
    // A task, so that answers come to it, and a panic stays within it.
    let mut starting = spawn_local(async move { worker_start(worker).await });
    let started = member.run(|member, context| match Pin::new(&mut starting).poll(context) {
        Poll::Ready(started) => Poll::Ready(Some(started)),
        Poll::Pending if member.part.quits => Poll::Ready(None),
        Poll::Pending => Poll::Pending,
    });
    let handler = match started.await? {
        None => return Ok(()),
        Some(Ok(Ok(handler))) => handler,
        Some(Ok(Err(error))) => return Err(start_failed(&link, format!("worker_start: {error}"))),
        Some(Err(error)) => return Err(start_failed(&link, format!("worker_start: {}", panic_text(error)))),
    };
    let runner = Runner::with_journal(handler, handle.clone(), journal);
    let stopped = runner.stopped();
    link.send(&ToMaster::Ready { http: runner.has_http() }, None)?;
    member.part.runner = Some(runner);
    let quit = member.run(|member, _| {
        member.part.report_idle();
        match member.part.quits && member.part.is_calm() && member.is_drained() {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    });
    quit.await?;
    let limit = handle.core().stop_time_left().max(WORKER_STOP_MIN);
    let mut stopping = spawn_local(timeout(limit, stopped));
    match member.run(|_, context| Pin::new(&mut stopping).poll(context)).await? {
        Ok(Ok(())) => {}
        Ok(Err(_)) => tracing::warn!("worker_stop was cut off: it took too long"),
        Err(error) => tracing::error!("worker_stop: {}", panic_text(error)),
    }
    send_rest(&mut member).await
}

async fn serve_process(attached: Attached, process: UserProcess) -> io::Result<()> {
    let (link, handle, journal) = (attached.link.clone(), attached.handle.clone(), journal(&attached));
    let has_predecessor = attached.has_predecessor;
    let (part, own) =
        ProcessPart::new(&process.name, handle.clone(), journal.clone(), link.clone(), has_predecessor);
    let mut member = member(attached, journal, part)?;
    let mut running = spawn_local((process.run)(own));
    let ended = member.run(|member, context| {
        if member.part.quits && member.is_drained() {
            if !member.part.is_free() {
                // It waits for its predecessor, whose place it is not going to take.
                return Poll::Ready(None);
            }
            member.part.close();
        }
        Pin::new(&mut running).poll(context).map(Some)
    });
    let Some(ended) = ended.await? else { return Ok(()) };
    send_rest(&mut member).await?;
    let failure = match ended {
        Ok(Ok(())) if member.part.quits || handle.is_stopping() => return Ok(()),
        Ok(Ok(())) => "it ended although the server runs".to_owned(),
        Ok(Err(error)) => error.to_string(),
        Err(error) => panic_text(error),
    };
    if member.part.is_ready.get() {
        return Err(io::Error::other(failure));
    }
    Err(start_failed(&link, failure))
}

/// Waits until all commands are in their rings: the master takes them from there after this process has ended.
async fn send_rest<P: Part>(member: &mut Member<P>) -> io::Result<()> {
    let flushed = member.run(|member, _| if member.is_flushed() { Poll::Ready(()) } else { Poll::Pending });
    match timeout(LAST_COMMANDS_MAX, flushed).await {
        Ok(flushed) => flushed,
        Err(_) => Err(io::Error::other("the master did not take the last commands")),
    }
}

fn panic_text(error: JoinError) -> String {
    match error.try_into_panic() {
        Ok(panic) => {
            let text = panic.downcast_ref::<&str>().copied();
            let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
            format!("it panicked: {}", text.unwrap_or("with a value that is no text"))
        }
        Err(_) => "it was cancelled".to_owned(),
    }
}
