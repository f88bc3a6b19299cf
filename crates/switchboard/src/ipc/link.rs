//! What the master and an instance tell each other over their socket: everything that is not an event or a command of the
//! rings.

use bytes::Bytes;

use super::setup::Setup;
use super::wire::{Corrupt, Reader, Writer};
use crate::admission::Refused;
use crate::error::ReloadError;
use crate::places::Source;
use crate::{PeerAddr, Reloaded, Status};

/// What this program speaks. Old and new programs meet during a reload: everything that changes a message, or what stands
/// in shared memory or rings, changes it.
pub(crate) const VERSION: u32 = 5;

/// What an instance tells the master.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum ToMaster {
    /// The first one, and the same in every version.
    Hello {
        version: u32,
        pid: u32,
    },
    /// `worker_start` has returned. `http`: there is a service for ordinary requests.
    Ready {
        http: bool,
    },
    /// `worker_start` has failed.
    StartFailed {
        reason: String,
    },
    /// An HTTP connection that it was given, from there, has ended.
    HttpEnded {
        source: Source,
    },
    /// A request on such a connection wants a WebSocket: has the server a place for it? `proxied`: the connection is a trusted
    /// proxy's, and `peer` its client.
    Admit {
        token: u64,
        peer: PeerAddr,
        proxied: bool,
        head: Bytes,
    },
    /// An admitted connection of this client will not be open. `refused`: it was answered so.
    PlaceReturned {
        peer: PeerAddr,
        refused: bool,
    },
    /// An admitted connection has been answered with 101; its socket comes with this.
    Upgraded(Box<Upgraded>),
    Request {
        token: u64,
        request: Request,
    },
    /// The program asks for the end of the server.
    Stop,
    /// It has handled `max_requests` messages.
    Retire,
    /// After [`ToInstance::Drain`]: it has no HTTP connection any more.
    HttpIdle,
}

/// A connection that has become a WebSocket. `unread` came after its request.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Upgraded {
    pub(crate) peer: PeerAddr,
    pub(crate) head: Bytes,
    pub(crate) subprotocol: Option<String>,
    pub(crate) user: Option<String>,
    pub(crate) session: Bytes,
    pub(crate) unread: Bytes,
}

/// What an instance asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Request {
    Reload,
    Status,
}

/// What the master answers.
#[derive(Debug, Clone)]
pub(crate) enum Response {
    Reload(Result<Reloaded, ReloadError>),
    Status(Box<Status>),
    /// It has asked too much at one time.
    Busy,
}

/// What the master tells an instance.
#[derive(Debug, Clone)]
pub(crate) enum ToInstance {
    /// What it needs to begin. With it come the shared memory, its channel's two parts, its own doorbell, and as many of the
    /// reactors' doorbells as fit; the others come with [`ToInstance::Bells`].
    Setup(Box<Setup>),
    Bells,
    /// Its program speaks another version than the master.
    Incompatible {
        version: u32,
    },
    /// An HTTP connection, of which `read` has been read; its socket comes with this.
    Http {
        source: Source,
        read: Bytes,
    },
    Admitted {
        token: u64,
        refusal: Option<Refused>,
    },
    /// Another takes over: no new HTTP requests. Events still come.
    Drain,
    /// No more events: run `worker_stop` and exit.
    Quit,
    /// To a user process: its predecessor is gone.
    Go,
    Response {
        token: u64,
        response: Response,
    },
    /// The server is being stopped.
    Stopping,
}

impl ToMaster {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut writer = Writer::new(&mut bytes);
        match self {
            ToMaster::Hello { version, pid } => writer.u8(0).u32(*version).u32(*pid),
            ToMaster::Ready { http } => writer.u8(1).bool(*http),
            ToMaster::StartFailed { reason } => writer.u8(2).str(reason),
            ToMaster::HttpEnded { source } => writer.u8(3).source(source),
            ToMaster::Admit { token, peer, proxied, head } => {
                writer.u8(4).u64(*token).peer(peer).bool(*proxied).bytes(head)
            }
            ToMaster::PlaceReturned { peer, refused } => writer.u8(5).peer(peer).bool(*refused),
            ToMaster::Upgraded(upgraded) => {
                upgraded.write(writer.u8(6));
                &mut writer
            }
            ToMaster::Request { token, request } => {
                writer.u8(7).u64(*token).u8(if *request == Request::Reload { 0 } else { 1 })
            }
            ToMaster::Stop => writer.u8(8),
            ToMaster::Retire => writer.u8(9),
            ToMaster::HttpIdle => writer.u8(10),
        };
        bytes
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<ToMaster, Corrupt> {
        let mut reader = Reader::new(bytes);
        let message = match reader.u8()? {
            // Another version may say more.
            0 => return Ok(ToMaster::Hello { version: reader.u32()?, pid: reader.u32()? }),
            1 => ToMaster::Ready { http: reader.bool()? },
            2 => ToMaster::StartFailed { reason: reader.string()? },
            3 => ToMaster::HttpEnded { source: reader.source()? },
            4 => {
                let (token, peer, proxied) = (reader.u64()?, reader.peer()?, reader.bool()?);
                ToMaster::Admit { token, peer, proxied, head: read_bytes(&mut reader)? }
            }
            5 => ToMaster::PlaceReturned { peer: reader.peer()?, refused: reader.bool()? },
            6 => ToMaster::Upgraded(Box::new(Upgraded::read(&mut reader)?)),
            7 => {
                let token = reader.u64()?;
                let request = if reader.bool()? { Request::Status } else { Request::Reload };
                ToMaster::Request { token, request }
            }
            8 => ToMaster::Stop,
            9 => ToMaster::Retire,
            10 => ToMaster::HttpIdle,
            _ => return Err(Corrupt("an unknown message to the master")),
        };
        reader.end()?;
        Ok(message)
    }

    /// How many descriptors come with it.
    pub(crate) fn descriptors(&self) -> usize {
        usize::from(matches!(self, ToMaster::Upgraded(_)))
    }
}

impl Upgraded {
    fn write(&self, writer: &mut Writer<'_>) {
        writer.peer(&self.peer).bytes(&self.head);
        for text in [&self.subprotocol, &self.user] {
            writer.option(text.as_deref(), |writer, text| {
                writer.str(text);
            });
        }
        writer.bytes(&self.session).bytes(&self.unread);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Upgraded, Corrupt> {
        Ok(Upgraded {
            peer: reader.peer()?,
            head: read_bytes(reader)?,
            subprotocol: reader.option(Reader::string)?,
            user: reader.option(Reader::string)?,
            session: read_bytes(reader)?,
            unread: read_bytes(reader)?,
        })
    }
}

impl ToInstance {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut writer = Writer::new(&mut bytes);
        match self {
            ToInstance::Incompatible { version } => {
                writer.u8(0).u32(*version);
            }
            ToInstance::Setup(setup) => setup.write(writer.u8(1)),
            ToInstance::Bells => {
                writer.u8(2);
            }
            ToInstance::Http { source, read } => {
                writer.u8(3).source(source).bytes(read);
            }
            ToInstance::Admitted { token, refusal } => {
                writer
                    .u8(4)
                    .u64(*token)
                    .option(refusal.as_ref(), |writer, refusal| write_refused(refusal, writer));
            }
            ToInstance::Drain => {
                writer.u8(5);
            }
            ToInstance::Quit => {
                writer.u8(6);
            }
            ToInstance::Go => {
                writer.u8(7);
            }
            ToInstance::Response { token, response } => response.write(writer.u8(8).u64(*token)),
            ToInstance::Stopping => {
                writer.u8(9);
            }
        }
        bytes
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<ToInstance, Corrupt> {
        let mut reader = Reader::new(bytes);
        let message = match reader.u8()? {
            // Another version may say more.
            0 => return Ok(ToInstance::Incompatible { version: reader.u32()? }),
            1 => ToInstance::Setup(Box::new(Setup::read(&mut reader)?)),
            2 => ToInstance::Bells,
            3 => ToInstance::Http { source: reader.source()?, read: read_bytes(&mut reader)? },
            4 => {
                let (token, refusal) = (reader.u64()?, reader.option(read_refused)?);
                ToInstance::Admitted { token, refusal }
            }
            5 => ToInstance::Drain,
            6 => ToInstance::Quit,
            7 => ToInstance::Go,
            8 => ToInstance::Response { token: reader.u64()?, response: Response::read(&mut reader)? },
            9 => ToInstance::Stopping,
            _ => return Err(Corrupt("an unknown message to an instance")),
        };
        reader.end()?;
        Ok(message)
    }
}

fn write_refused(refused: &Refused, writer: &mut Writer<'_>) {
    writer.u16(refused.status).list(&refused.headers, |writer, (name, value)| {
        writer.str(name).str(value);
    });
    writer.str(&refused.body);
}

fn read_refused(reader: &mut Reader<'_>) -> Result<Refused, Corrupt> {
    let status = reader.u16()?;
    let headers = reader.list(|reader| Ok((reader.string()?, reader.string()?)))?;
    Ok(Refused { status, headers, body: reader.string()? })
}

impl Response {
    fn write(&self, writer: &mut Writer<'_>) {
        match self {
            Response::Busy => {
                writer.u8(0);
            }
            Response::Reload(outcome) => write_outcome(writer.u8(1), outcome),
            Response::Status(status) => status.write(writer.u8(2)),
        }
    }

    fn read(reader: &mut Reader<'_>) -> Result<Response, Corrupt> {
        match reader.u8()? {
            0 => Ok(Response::Busy),
            1 => read_outcome(reader).map(Response::Reload),
            2 => Ok(Response::Status(Box::new(Status::read(reader)?))),
            _ => Err(Corrupt("an unknown response")),
        }
    }
}

pub(super) fn write_outcome(writer: &mut Writer<'_>, outcome: &Result<Reloaded, ReloadError>) {
    match outcome {
        Ok(reloaded) => {
            writer.u8(0).u32(reloaded.from).u32(reloaded.to).duration(reloaded.took);
        }
        Err(ReloadError::Stopped) => {
            writer.u8(1);
        }
        Err(error) => {
            writer.u8(2).str(&error.to_string());
        }
    }
}

pub(super) fn read_outcome(reader: &mut Reader<'_>) -> Result<Result<Reloaded, ReloadError>, Corrupt> {
    Ok(match reader.u8()? {
        0 => Ok(Reloaded::new(reader.u32()?, reader.u32()?, reader.duration()?)),
        1 => Err(ReloadError::Stopped),
        2 => Err(ReloadError::Failed(reader.string()?)),
        _ => return Err(Corrupt("an unknown outcome of a reload")),
    })
}

fn read_bytes(reader: &mut Reader<'_>) -> Result<Bytes, Corrupt> {
    reader.bytes().map(Bytes::copy_from_slice)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use proptest::prelude::*;

    use super::*;
    use crate::{ProcessInfo, ProcessRole, ProcessState, Recipient, Stats, Transport};

    fn bytes() -> impl Strategy<Value = Bytes> {
        any::<Vec<u8>>().prop_map(Bytes::from)
    }

    fn peers() -> impl Strategy<Value = PeerAddr> {
        prop_oneof![
            Just(PeerAddr::Unix),
            any::<([u8; 4], u16)>().prop_map(|(ip, port)| PeerAddr::Inet((ip, port).into())),
            any::<([u8; 16], u16)>().prop_map(|(ip, port)| PeerAddr::Inet((ip, port).into())),
        ]
    }

    fn sources() -> impl Strategy<Value = Source> {
        (peers(), any::<(bool, bool)>()).prop_map(|(peer, (tls, unnamed))| {
            let transport = if tls { Transport::Tls } else { Transport::Plain };
            Source { peer, transport, unnamed }
        })
    }

    fn upgraded() -> impl Strategy<Value = Upgraded> {
        let texts = any::<(Option<String>, Option<String>)>();
        (peers(), bytes(), texts, bytes(), bytes()).prop_map(
            |(peer, head, (subprotocol, user), session, unread)| Upgraded {
                peer,
                head,
                subprotocol,
                user,
                session,
                unread,
            },
        )
    }

    fn to_master() -> impl Strategy<Value = ToMaster> {
        prop_oneof![
            any::<(u32, u32)>().prop_map(|(version, pid)| ToMaster::Hello { version, pid }),
            any::<bool>().prop_map(|http| ToMaster::Ready { http }),
            any::<String>().prop_map(|reason| ToMaster::StartFailed { reason }),
            (any::<u64>(), peers(), any::<bool>(), bytes())
                .prop_map(|(token, peer, proxied, head)| { ToMaster::Admit { token, peer, proxied, head } }),
            sources().prop_map(|source| ToMaster::HttpEnded { source }),
            (peers(), any::<bool>()).prop_map(|(peer, refused)| ToMaster::PlaceReturned { peer, refused }),
            upgraded().prop_map(|upgraded| ToMaster::Upgraded(Box::new(upgraded))),
            any::<(u64, bool)>().prop_map(|(token, status)| {
                let request = if status { Request::Status } else { Request::Reload };
                ToMaster::Request { token, request }
            }),
            prop::sample::select(vec![ToMaster::Stop, ToMaster::Retire, ToMaster::HttpIdle]),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        #[test]
        fn every_message_to_the_master_comes_back(message in to_master()) {
            prop_assert_eq!(ToMaster::decode(&message.encode()), Ok(message));
        }

        #[test]
        fn a_part_of_a_message_is_refused(message in to_master(), cut in any::<prop::sample::Index>()) {
            let bytes = message.encode();
            prop_assert!(ToMaster::decode(&bytes[..cut.index(bytes.len())]).is_err());
        }

        #[test]
        fn http_and_refusals_come_back(
            source in sources(), read in bytes(), token in any::<u64>(),
            refused in any::<Option<(u16, Vec<(String, String)>, String)>>(),
        ) {
            let http = ToInstance::Http { source, read };
            let refusal = refused.map(|(status, headers, body)| Refused { status, headers, body });
            let admitted = ToInstance::Admitted { token, refusal };
            for message in [http, admitted] {
                let read = ToInstance::decode(&message.encode()).unwrap();
                prop_assert_eq!(format!("{read:?}"), format!("{message:?}"));
            }
        }

        #[test]
        fn anything_can_be_decoded(bytes in any::<Vec<u8>>()) {
            let _ = ToMaster::decode(&bytes);
            let _ = ToInstance::decode(&bytes);
        }
    }

    #[test]
    fn answers_come_back() {
        let process = |role, state| ProcessInfo {
            role,
            pid: 7,
            generation: 3,
            state,
            since: SystemTime::UNIX_EPOCH + Duration::from_millis(1_234),
            outstanding: 5,
            queued: 6,
        };
        let stats = Stats {
            started_at: SystemTime::UNIX_EPOCH + Duration::from_secs(9),
            connections: 1,
            http_connections: 2,
            sockets: 3,
            accepted: 4,
            opened: 5,
            closed: 6,
            refused: 7,
            received_messages: 8,
            received_bytes: 9,
            sent_bytes: 10,
            writes: 11,
            dropped_messages: 12,
        };
        let status = Status {
            processes: vec![
                process(ProcessRole::Master, ProcessState::Running),
                process(ProcessRole::Manager, ProcessState::Running),
                process(ProcessRole::Member(Recipient::Worker(2)), ProcessState::Starting),
                process(ProcessRole::Member("hub".into()), ProcessState::Draining),
            ],
            stats,
        };
        let responses = [
            Response::Busy,
            Response::Reload(Ok(Reloaded::new(1, 2, Duration::from_millis(3)))),
            Response::Reload(Err(ReloadError::Failed("why".into()))),
            Response::Reload(Err(ReloadError::Stopped)),
            Response::Status(Box::new(status)),
        ];
        for response in responses {
            let message = ToInstance::Response { token: 5, response };
            let read = ToInstance::decode(&message.encode()).unwrap();
            assert_eq!(format!("{read:?}"), format!("{message:?}"));
        }
    }

    #[test]
    fn a_greeting_of_another_version_is_understood() {
        let mut bytes = ToMaster::Hello { version: 9, pid: 1 }.encode();
        bytes.extend_from_slice(b"and more");
        assert_eq!(ToMaster::decode(&bytes), Ok(ToMaster::Hello { version: 9, pid: 1 }));
    }
}
