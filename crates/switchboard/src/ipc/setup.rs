//! What an instance is told when it begins.

use std::time::Duration;

use super::socket_file::SocketFile;
use super::wire::{Corrupt, Reader, Writer};
use crate::instance::InstanceId;
use crate::{Config, Deflate, ForwardedField, ListenAddr, Overflow, TrustedProxy};

/// Who the instance is, the sizes of what it shares with the master, and the settings that the master holds it to.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Setup {
    pub(crate) instance: InstanceId,
    pub(crate) slot: u16,
    pub(crate) generation: u32,
    pub(crate) workers: u16,
    pub(crate) reactors: u16,
    pub(crate) ring_bytes: usize,
    pub(crate) table_slots: usize,
    pub(crate) first_connection_id: u32,
    /// To a user process: its predecessor is alive, so it has to wait for [`Go`](super::link::ToInstance::Go).
    pub(crate) has_predecessor: bool,
    pub(crate) limits: Limits,
    pub(crate) listening: Vec<ListenAddr>,
    /// The names of the user processes, in the order of their slots.
    pub(crate) processes: Vec<String>,
    /// To be removed when the master is gone.
    pub(crate) files: Vec<SocketFile>,
}

/// The settings of the master that hold in an instance, whatever its own program says.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Limits {
    /// In the order of [`Limits::sizes`].
    sizes: [u64; 13],
    max_requests: u64,
    overflow: Overflow,
    /// In the order of [`Limits::times`].
    times: [Duration; 4],
    allowed_origins: Option<Vec<String>>,
    trusted_proxies: Vec<TrustedProxy>,
    forwarded_field: ForwardedField,
    deflate: Option<Deflate>,
}

impl Limits {
    pub(crate) fn of(config: &Config) -> Limits {
        let mut config = config.clone();
        Limits {
            sizes: Limits::sizes(&mut config).map(|size| *size as u64),
            max_requests: config.max_requests,
            overflow: config.overflow,
            times: Limits::times(&mut config).map(|time| *time),
            allowed_origins: config.allowed_origins,
            trusted_proxies: config.trusted_proxies,
            forwarded_field: config.forwarded_field,
            deflate: config.deflate,
        }
    }

    /// Puts them in the place of what `config` says.
    pub(crate) fn apply(&self, config: &mut Config) {
        for (own, size) in Limits::sizes(config).into_iter().zip(self.sizes) {
            *own = usize::try_from(size).unwrap_or(usize::MAX);
        }
        for (own, time) in Limits::times(config).into_iter().zip(self.times) {
            *own = time;
        }
        config.max_requests = self.max_requests;
        config.overflow = self.overflow;
        config.allowed_origins.clone_from(&self.allowed_origins);
        config.trusted_proxies.clone_from(&self.trusted_proxies);
        config.forwarded_field = self.forwarded_field;
        config.deflate.clone_from(&self.deflate);
    }

    fn sizes(config: &mut Config) -> [&mut usize; 13] {
        [
            &mut config.max_connections,
            &mut config.max_http_connections,
            &mut config.message_bytes_max,
            &mut config.output_bytes_max,
            &mut config.command_bytes_max,
            &mut config.handler_backlog_max,
            &mut config.session_bytes_max,
            &mut config.groups_per_connection_max,
            &mut config.group_name_bytes_max,
            &mut config.user_name_bytes_max,
            &mut config.head_bytes_max,
            &mut config.headers_max,
            &mut config.pipe_bytes_max,
        ]
    }

    fn times(config: &mut Config) -> [&mut Duration; 4] {
        [
            &mut config.handshake_timeout,
            &mut config.http_timeout,
            &mut config.shutdown_timeout,
            &mut config.drain_timeout,
        ]
    }

    fn write(&self, writer: &mut Writer<'_>) {
        for size in self.sizes {
            writer.u64(size);
        }
        writer.u64(self.max_requests);
        for time in self.times {
            writer.duration(time);
        }
        writer.u8(match self.overflow {
            Overflow::Close => 0,
            Overflow::DropNewest => 1,
            Overflow::DropOldest => 2,
        });
        writer.option(self.allowed_origins.as_ref(), |writer, origins| {
            writer.list(origins, |writer, origin| {
                writer.str(origin);
            });
        });
        writer.list(&self.trusted_proxies, |writer, proxy| {
            writer.str(&proxy.to_string());
        });
        writer.bool(self.forwarded_field == ForwardedField::Forwarded);
        writer.option(self.deflate.as_ref(), write_deflate);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Limits, Corrupt> {
        let (mut sizes, mut times) = ([0; 13], [Duration::ZERO; 4]);
        for size in &mut sizes {
            *size = reader.u64()?;
        }
        let max_requests = reader.u64()?;
        for time in &mut times {
            *time = reader.duration()?;
        }
        let overflow = match reader.u8()? {
            0 => Overflow::Close,
            1 => Overflow::DropNewest,
            2 => Overflow::DropOldest,
            _ => return Err(Corrupt("an unknown overflow policy")),
        };
        let allowed_origins = reader.option(|reader| reader.list(Reader::string))?;
        let trusted_proxies = reader.list(|reader| {
            reader.string()?.parse().map_err(|_| Corrupt("a trusted proxy that is no network"))
        })?;
        let forwarded_field =
            if reader.bool()? { ForwardedField::Forwarded } else { ForwardedField::XForwardedFor };
        let deflate = reader.option(read_deflate)?;
        Ok(Limits {
            sizes,
            max_requests,
            overflow,
            times,
            allowed_origins,
            trusted_proxies,
            forwarded_field,
            deflate,
        })
    }
}

impl Setup {
    pub(super) fn write(&self, writer: &mut Writer<'_>) {
        writer.u32(self.instance.0).u16(self.slot).u32(self.generation);
        writer.u16(self.workers).u16(self.reactors);
        writer.u64(self.ring_bytes as u64).u64(self.table_slots as u64);
        writer.u32(self.first_connection_id).bool(self.has_predecessor);
        self.limits.write(writer);
        writer.list(&self.listening, write_listening);
        writer.list(&self.processes, |writer, name| {
            writer.str(name);
        });
        writer.list(&self.files, |writer, file| file.write(writer));
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Setup, Corrupt> {
        Ok(Setup {
            instance: InstanceId(reader.u32()?),
            slot: reader.u16()?,
            generation: reader.u32()?,
            workers: reader.u16()?,
            reactors: reader.u16()?,
            ring_bytes: read_size(reader)?,
            table_slots: read_size(reader)?,
            first_connection_id: reader.u32()?,
            has_predecessor: reader.bool()?,
            limits: Limits::read(reader)?,
            listening: reader.list(read_listening)?,
            processes: reader.list(Reader::string)?,
            files: reader.list(SocketFile::read)?,
        })
    }
}

fn read_size(reader: &mut Reader<'_>) -> Result<usize, Corrupt> {
    usize::try_from(reader.u64()?).map_err(|_| Corrupt("a size that no memory has"))
}

fn write_deflate(writer: &mut Writer<'_>, deflate: &Deflate) {
    writer.u64(deflate.message_bytes_min as u64).u8(deflate.level);
    writer.bool(deflate.server_context_takeover).bool(deflate.client_context_takeover);
    writer.u8(deflate.server_max_window_bits).u8(deflate.client_max_window_bits);
}

fn read_deflate(reader: &mut Reader<'_>) -> Result<Deflate, Corrupt> {
    Ok(Deflate {
        message_bytes_min: read_size(reader)?,
        level: reader.u8()?,
        server_context_takeover: reader.bool()?,
        client_context_takeover: reader.bool()?,
        server_max_window_bits: reader.u8()?,
        client_max_window_bits: reader.u8()?,
    })
}

fn write_listening(writer: &mut Writer<'_>, address: &ListenAddr) {
    match address {
        ListenAddr::Inet(address) => writer.u8(0).address(address),
        ListenAddr::Unix(path) => writer.u8(1).path(path),
    };
}

fn read_listening(reader: &mut Reader<'_>) -> Result<ListenAddr, Corrupt> {
    match reader.u8()? {
        0 => reader.address().map(ListenAddr::Inet),
        1 => reader.path().map(ListenAddr::Unix),
        _ => Err(Corrupt("an unknown kind of listener")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_masters_limits_replace_those_of_the_program() {
        let master = Config {
            message_bytes_max: 123,
            overflow: Overflow::DropOldest,
            allowed_origins: Some(vec!["https://a.example".into()]),
            handshake_timeout: Duration::from_millis(1_500),
            trusted_proxies: vec!["10.0.0.0/8".parse().unwrap(), "unix".parse().unwrap()],
            forwarded_field: ForwardedField::Forwarded,
            deflate: Some(Deflate { level: 7, client_context_takeover: true, ..Deflate::default() }),
            ..Config::default()
        };
        let setup = Setup {
            instance: InstanceId(7),
            slot: 3,
            generation: 9,
            workers: 4,
            reactors: 2,
            ring_bytes: 1 << 18,
            table_slots: 1 << 17,
            first_connection_id: 5,
            has_predecessor: true,
            limits: Limits::of(&master),
            listening: vec![
                ListenAddr::Inet("[::1%3]:80".parse().unwrap_or_else(|_| "[::1]:80".parse().unwrap())),
                ListenAddr::Inet("127.0.0.1:9501".parse().unwrap()),
                ListenAddr::Unix("/run/李.sock".into()),
            ],
            processes: vec!["hub".into(), "writer".into()],
            files: vec![SocketFile { path: "/run/李.sock".into(), device: 1, inode: 2, born: 3 }],
        };
        let mut bytes = Vec::new();
        setup.write(&mut Writer::new(&mut bytes));
        let mut reader = Reader::new(&bytes);
        let read = Setup::read(&mut reader).unwrap();
        reader.end().unwrap();
        assert_eq!(read, setup);
        let mut own = Config::default();
        read.limits.apply(&mut own);
        assert_eq!(Limits::of(&own), Limits::of(&master));
        assert_eq!(own.message_bytes_max, 123);
        for cut in 0..bytes.len() {
            assert!(Setup::read(&mut Reader::new(&bytes[..cut])).is_err());
        }
    }
}
