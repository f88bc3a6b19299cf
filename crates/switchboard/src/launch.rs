//! What `Server::start` comes to: each process of a server plays its part.

use std::io;

use crate::base;
use crate::error::{BoxError, ConfigError, StartError};
use crate::handle::Handle;
use crate::ipc::socket::Socket;
use crate::master::Master;
use crate::member::Program;
use crate::process::UserProcess;
use crate::role::{InstanceRole, Part};
use crate::{Config, Handler, Listen, Mode, Worker, manager, member};

/// What to do once the server listens.
pub(crate) type OnStart = Box<dyn FnOnce(&Handle) + Send>;

/// A server that is ready to go.
pub(crate) struct Launch {
    pub(crate) config: Config,
    pub(crate) addresses: Vec<Listen>,
    pub(crate) on_start: Option<OnStart>,
    pub(crate) processes: Vec<UserProcess>,
}

/// The longest name of a user process.
const PROCESS_NAME_BYTES_MAX: usize = 32;

impl Launch {
    /// Runs the server in its master; in the other processes, their part of it to the end of the process.
    pub(crate) fn run<W, H>(self, worker_start: W) -> Result<(), StartError>
    where
        W: AsyncFn(Worker) -> Result<H, BoxError> + Send + Sync + 'static,
        H: Handler,
    {
        let part = Part::take();
        match part.map_err(|source| StartError::System { what: "cannot find the own role", source })? {
            Part::Master if self.config.mode == Mode::Base => {
                check_names(&self.processes)?;
                base::run(self, worker_start)
            }
            Part::Master => {
                check_names(&self.processes)?;
                let Launch { config, addresses, on_start, processes } = self;
                let processes = processes.into_iter().map(|process| process.name).collect();
                Master { config, addresses, on_start, processes }.run()
            }
            Part::Manager(control) => be_manager(control),
            Part::Instance(socket, role) => self.be_instance(socket, &role, worker_start),
        }
    }

    fn be_instance<W, H>(self, socket: Socket, role: &InstanceRole, worker_start: W) -> !
    where
        W: AsyncFn(Worker) -> Result<H, BoxError> + Send + Sync + 'static,
        H: Handler,
    {
        if let Err(error) = check_names(&self.processes) {
            // At the next start of the server it would be too late to say so.
            member::refuse(&socket, &error.to_string());
        }
        let processes = self.processes.iter().map(|process| process.name.clone()).collect();
        let program = Program { config: self.config, processes };
        let Some(name) = &role.process else { member::run_worker(socket, role, worker_start, program) };
        match self.processes.into_iter().find(|process| process.name == *name) {
            Some(process) => member::run_process(socket, role, process, program),
            // The master was started with another program.
            None => member::refuse(
                &socket,
                &format!("the program has no process {name:?} any more: a restart is needed"),
            ),
        }
    }
}

fn be_manager(control: Socket) -> ! {
    let ran: io::Result<()> = manager::run(control);
    let status = match ran {
        Ok(()) => 0,
        Err(error) => {
            tracing::error!(%error, "the manager ends");
            1
        }
    };
    std::process::exit(status)
}

fn check_names(processes: &[UserProcess]) -> Result<(), ConfigError> {
    for (index, process) in processes.iter().enumerate() {
        let name = &process.name;
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        let sound = (1..=PROCESS_NAME_BYTES_MAX).contains(&name.len()) && name.bytes().all(legal);
        if !sound || processes[..index].iter().any(|other| other.name == *name) {
            return Err(ConfigError::ProcessName { name: name.clone() });
        }
    }
    Ok(())
}
