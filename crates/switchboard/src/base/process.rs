//! User processes in Base mode: threads.

use std::panic::AssertUnwindSafe;
use std::sync::mpsc as std_mpsc;
use std::thread::{self, JoinHandle};

use tokio::sync::{mpsc, watch};

use super::{Report, system};
use crate::error::{BoxError, StartError};
use crate::pipe::Receipt;
use crate::process::{Host, UserProcess};
use crate::{Handle, Process, Recipient};

/// Starts a thread for each; all of them report.
pub(super) fn start(
    handle: &Handle,
    processes: Vec<UserProcess>,
    report: &std_mpsc::Sender<Report>,
) -> Result<Vec<JoinHandle<()>>, StartError> {
    let (senders, receivers): (Vec<_>, Vec<_>) = processes.iter().map(|_| mpsc::unbounded_channel()).unzip();
    handle.core().pipes.set_threads(senders);
    let mut threads = Vec::with_capacity(processes.len());
    for (process, messages) in processes.into_iter().zip(receivers) {
        let report = report.clone();
        let slot = handle.core().pipes.slot(&Recipient::Process(process.name.clone()));
        let handle = slot.map_or_else(|_| handle.clone(), |slot| handle.for_slot(slot));
        let thread = thread::Builder::new().name(process.name.clone());
        let run = move || {
            // Sent on every way out, a panic included.
            let _ended = EndReport(report.clone());
            let (name, stopping) = (process.name.clone(), handle.clone());
            let host = Box::new(Thread(report.clone()));
            // The sender's end is not needed: nothing precedes it.
            let free = watch::channel(true).1;
            let own = Process::new(name.clone(), handle, messages, host, free);
            let failure = match std::panic::catch_unwind(AssertUnwindSafe(|| run_to_end(&process, own))) {
                Ok(Ok(())) if stopping.is_stopping() => return,
                Ok(Ok(())) => "it ended although the server runs".into(),
                Ok(Err(error)) => error,
                Err(_) => "it panicked; the log says where".into(),
            };
            let _ = report.send(Report::Failed(StartError::Process { name, source: failure }));
        };
        threads.push(thread.spawn(run).map_err(system("cannot start a user process's thread"))?);
    }
    Ok(threads)
}

fn run_to_end(process: &UserProcess, own: Process) -> Result<(), BoxError> {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_all().build_local(Default::default())?;
    runtime.block_on((process.run)(own))
}

/// What the process tells the thread that started the server.
struct Thread(std_mpsc::Sender<Report>);

impl Host for Thread {
    fn ready(&self) {
        let _ = self.0.send(Report::Started);
    }

    fn handled(&self, receipt: Receipt) {
        // Gives the room in the window back.
        drop(receipt);
    }
}

struct EndReport(std_mpsc::Sender<Report>);

impl Drop for EndReport {
    fn drop(&mut self) {
        let _ = self.0.send(Report::HelperEnded);
    }
}
