//! Signals as something to poll for.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use signal_hook::SigId;
use signal_hook::low_level::{pipe, unregister};

/// Signals that are caught while it lives. (The system's default does not come back: they are ignored then.)
#[derive(Debug)]
pub(crate) struct Signals(Vec<(i32, SigId, UnixStream)>);

impl Signals {
    pub(crate) fn catch(signals: &[i32]) -> io::Result<Signals> {
        let mut caught = Signals(Vec::new());
        for signal in signals {
            let (reader, writer) = UnixStream::pair()?;
            reader.set_nonblocking(true)?;
            caught.0.push((*signal, pipe::register(*signal, writer)?, reader));
        }
        Ok(caught)
    }

    /// To be polled for input.
    pub(crate) fn descriptors(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.0.iter().map(|(_, _, reader)| reader.as_fd())
    }

    /// Those that came since the last call, each once.
    pub(crate) fn take(&self) -> Vec<i32> {
        let came = |reader: &UnixStream| {
            let mut any = false;
            while rustix::io::read(reader, &mut [0; 64]).is_ok_and(|bytes| bytes > 0) {
                any = true;
            }
            any
        };
        self.0.iter().filter(|(_, _, reader)| came(reader)).map(|(signal, ..)| *signal).collect()
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        for (_, id, _) in &self.0 {
            unregister(*id);
        }
    }
}

/// Terminals and service managers send these to a whole group of processes: it is the master who acts on them.
pub(crate) fn ignore(signals: &[i32]) -> io::Result<()> {
    for signal in signals {
        signal_hook::flag::register(*signal, Arc::new(AtomicBool::new(false)))?;
    }
    Ok(())
}
