//! What the master and the manager tell each other. Both run the same program, so there is one version of this.

use std::path::PathBuf;
use std::time::Duration;

use super::link::{read_outcome, write_outcome};
use super::socket_file::SocketFile;
use super::wire::{Corrupt, Reader, Writer};
use crate::Reloaded;
use crate::error::ReloadError;
use crate::manager::Death;

/// What the manager tells the master.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum FromManager {
    /// A process has been started. The other end of its standard input comes with this, and a descriptor of the process.
    Spawned {
        slot: u16,
        generation: u32,
        pid: u32,
    },
    /// These (slot and process) take over. The executable that they run comes with this.
    Activate {
        generation: u32,
        processes: Vec<(u16, u32)>,
    },
    Died {
        pid: u32,
        how: Death,
    },
    /// How a reload went, to all who asked for it.
    Reloaded {
        requests: Vec<u64>,
        outcome: Result<Reloaded, ReloadError>,
    },
    /// The server cannot begin.
    FirstStartFailed {
        reason: String,
    },
}

/// What the master tells the manager.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum ToManager {
    /// The first one. With a generation, the executable that it runs comes with this.
    Welcome(Box<Welcome>),
    /// A process that another manager has started; a descriptor of it comes with this.
    Adopt {
        slot: u16,
        generation: u32,
        pid: u32,
        draining: bool,
    },
    /// That was the last one.
    Begin,
    Ready {
        pid: u32,
    },
    StartFailed {
        pid: u32,
        reason: String,
    },
    Reload {
        request: u64,
    },
    Retire {
        pid: u32,
    },
    /// A process that another manager has started has ended: it is its master's child now.
    Died {
        pid: u32,
        how: Death,
    },
    /// It has nothing left to do, and has been told to exit.
    Drained {
        pid: u32,
    },
    /// The server stops: start nothing any more; who still lives after this time is killed.
    Stop {
        within: Duration,
    },
}

/// What the manager has to know.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Welcome {
    /// What runs; 0: nothing yet.
    pub(crate) generation: u32,
    pub(crate) executable: PathBuf,
    pub(crate) workers: u16,
    /// The names of the user processes, in the order of their slots.
    pub(crate) processes: Vec<String>,
    pub(crate) start_timeout: Duration,
    pub(crate) drain_timeout: Duration,
    pub(crate) watch: bool,
    /// To be removed when the master is gone.
    pub(crate) files: Vec<SocketFile>,
}

impl FromManager {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut writer = Writer::new(&mut bytes);
        match self {
            FromManager::Spawned { slot, generation, pid } => {
                writer.u8(0).u16(*slot).u32(*generation).u32(*pid);
            }
            FromManager::Activate { generation, processes } => {
                writer.u8(1).u32(*generation).list(processes, |writer, (slot, pid)| {
                    writer.u16(*slot).u32(*pid);
                });
            }
            FromManager::Died { pid, how } => {
                write_death(writer.u8(2).u32(*pid), *how);
            }
            FromManager::Reloaded { requests, outcome } => {
                writer.u8(3).list(requests, |writer, request| {
                    writer.u64(*request);
                });
                write_outcome(&mut writer, outcome);
            }
            FromManager::FirstStartFailed { reason } => {
                writer.u8(4).str(reason);
            }
        }
        bytes
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<FromManager, Corrupt> {
        let mut reader = Reader::new(bytes);
        let message = match reader.u8()? {
            0 => FromManager::Spawned { slot: reader.u16()?, generation: reader.u32()?, pid: reader.u32()? },
            1 => {
                let generation = reader.u32()?;
                let processes = reader.list(|reader| Ok((reader.u16()?, reader.u32()?)))?;
                FromManager::Activate { generation, processes }
            }
            2 => {
                let pid = reader.u32()?;
                FromManager::Died { pid, how: read_death(&mut reader)? }
            }
            3 => {
                let requests = reader.list(Reader::u64)?;
                FromManager::Reloaded { requests, outcome: read_outcome(&mut reader)? }
            }
            4 => FromManager::FirstStartFailed { reason: reader.string()? },
            _ => return Err(Corrupt("an unknown message from the manager")),
        };
        reader.end()?;
        Ok(message)
    }
}

impl ToManager {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut writer = Writer::new(&mut bytes);
        match self {
            ToManager::Welcome(welcome) => welcome.write(writer.u8(0)),
            ToManager::Adopt { slot, generation, pid, draining } => {
                writer.u8(1).u16(*slot).u32(*generation).u32(*pid).bool(*draining);
            }
            ToManager::Begin => {
                writer.u8(2);
            }
            ToManager::Ready { pid } => {
                writer.u8(3).u32(*pid);
            }
            ToManager::StartFailed { pid, reason } => {
                writer.u8(4).u32(*pid).str(reason);
            }
            ToManager::Reload { request } => {
                writer.u8(5).u64(*request);
            }
            ToManager::Retire { pid } => {
                writer.u8(6).u32(*pid);
            }
            ToManager::Drained { pid } => {
                writer.u8(7).u32(*pid);
            }
            ToManager::Stop { within } => {
                writer.u8(8).duration(*within);
            }
            ToManager::Died { pid, how } => write_death(writer.u8(9).u32(*pid), *how),
        }
        bytes
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<ToManager, Corrupt> {
        let mut reader = Reader::new(bytes);
        let message = match reader.u8()? {
            0 => ToManager::Welcome(Box::new(Welcome::read(&mut reader)?)),
            1 => ToManager::Adopt {
                slot: reader.u16()?,
                generation: reader.u32()?,
                pid: reader.u32()?,
                draining: reader.bool()?,
            },
            2 => ToManager::Begin,
            3 => ToManager::Ready { pid: reader.u32()? },
            4 => ToManager::StartFailed { pid: reader.u32()?, reason: reader.string()? },
            5 => ToManager::Reload { request: reader.u64()? },
            6 => ToManager::Retire { pid: reader.u32()? },
            7 => ToManager::Drained { pid: reader.u32()? },
            8 => ToManager::Stop { within: reader.duration()? },
            9 => {
                let pid = reader.u32()?;
                ToManager::Died { pid, how: read_death(&mut reader)? }
            }
            _ => return Err(Corrupt("an unknown message to the manager")),
        };
        reader.end()?;
        Ok(message)
    }
}

impl Welcome {
    fn write(&self, writer: &mut Writer<'_>) {
        writer.u32(self.generation).path(&self.executable).u16(self.workers);
        writer.list(&self.processes, |writer, name| {
            writer.str(name);
        });
        writer.duration(self.start_timeout).duration(self.drain_timeout).bool(self.watch);
        writer.list(&self.files, |writer, file| file.write(writer));
    }

    fn read(reader: &mut Reader<'_>) -> Result<Welcome, Corrupt> {
        Ok(Welcome {
            generation: reader.u32()?,
            executable: reader.path()?,
            workers: reader.u16()?,
            processes: reader.list(Reader::string)?,
            start_timeout: reader.duration()?,
            drain_timeout: reader.duration()?,
            watch: reader.bool()?,
            files: reader.list(SocketFile::read)?,
        })
    }
}

fn write_death(writer: &mut Writer<'_>, how: Death) {
    let (kind, number) = match how {
        Death::Exited(status) => (0, status),
        Death::Killed(signal) => (1, signal),
        Death::Unknown => (2, 0),
    };
    writer.u8(kind).u32(number as u32);
}

fn read_death(reader: &mut Reader<'_>) -> Result<Death, Corrupt> {
    let (kind, number) = (reader.u8()?, reader.u32()? as i32);
    match kind {
        0 => Ok(Death::Exited(number)),
        1 => Ok(Death::Killed(number)),
        2 => Ok(Death::Unknown),
        _ => Err(Corrupt("an unknown death")),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn outcomes() -> impl Strategy<Value = Result<Reloaded, ReloadError>> {
        prop_oneof![
            (any::<u32>(), any::<u32>(), any::<u32>())
                .prop_map(|(from, to, ms)| { Ok(Reloaded::new(from, to, Duration::from_millis(ms.into()))) }),
            any::<String>().prop_map(|reason| Err(ReloadError::Failed(reason))),
            Just(Err(ReloadError::Stopped)),
        ]
    }

    fn deaths() -> impl Strategy<Value = Death> {
        prop_oneof![
            any::<i32>().prop_map(Death::Exited),
            any::<i32>().prop_map(Death::Killed),
            Just(Death::Unknown),
        ]
    }

    fn from_manager() -> impl Strategy<Value = FromManager> {
        prop_oneof![
            any::<(u16, u32, u32)>().prop_map(|(slot, generation, pid)| FromManager::Spawned {
                slot,
                generation,
                pid
            }),
            any::<(u32, Vec<(u16, u32)>)>()
                .prop_map(|(generation, processes)| FromManager::Activate { generation, processes }),
            (any::<u32>(), deaths()).prop_map(|(pid, how)| FromManager::Died { pid, how }),
            (any::<Vec<u64>>(), outcomes())
                .prop_map(|(requests, outcome)| FromManager::Reloaded { requests, outcome }),
            any::<String>().prop_map(|reason| FromManager::FirstStartFailed { reason }),
        ]
    }

    fn welcomes() -> impl Strategy<Value = Welcome> {
        let file = any::<(String, u64, u64, u64)>().prop_map(|(path, device, inode, born)| {
            let path = path.into();
            SocketFile { path, device, inode, born }
        });
        let files = prop::collection::vec(file, 0..4);
        let plain = any::<(u32, String, u16, Vec<String>, u32, u32, bool)>();
        (plain, files).prop_map(|((generation, path, workers, processes, start, drain, watch), files)| {
            Welcome {
                generation,
                executable: path.into(),
                workers,
                processes,
                start_timeout: Duration::from_millis(start.into()),
                drain_timeout: Duration::from_millis(drain.into()),
                watch,
                files,
            }
        })
    }

    fn to_manager() -> impl Strategy<Value = ToManager> {
        prop_oneof![
            welcomes().prop_map(|welcome| ToManager::Welcome(Box::new(welcome))),
            any::<(u16, u32, u32, bool)>().prop_map(|(slot, generation, pid, draining)| ToManager::Adopt {
                slot,
                generation,
                pid,
                draining
            }),
            Just(ToManager::Begin),
            any::<u32>().prop_map(|pid| ToManager::Ready { pid }),
            any::<(u32, String)>().prop_map(|(pid, reason)| ToManager::StartFailed { pid, reason }),
            any::<u64>().prop_map(|request| ToManager::Reload { request }),
            any::<u32>().prop_map(|pid| ToManager::Retire { pid }),
            (any::<u32>(), deaths()).prop_map(|(pid, how)| ToManager::Died { pid, how }),
            any::<u32>().prop_map(|pid| ToManager::Drained { pid }),
            any::<u32>().prop_map(|ms| ToManager::Stop { within: Duration::from_millis(ms.into()) }),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn every_message_comes_back(one in from_manager(), other in to_manager()) {
            prop_assert_eq!(FromManager::decode(&one.encode()), Ok(one));
            prop_assert_eq!(ToManager::decode(&other.encode()), Ok(other));
        }

        #[test]
        fn anything_can_be_decoded(bytes in any::<Vec<u8>>()) {
            let _ = FromManager::decode(&bytes);
            let _ = ToManager::decode(&bytes);
        }
    }
}
