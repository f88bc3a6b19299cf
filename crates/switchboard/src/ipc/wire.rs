//! How values are written into messages and rings, and read from there.
//!
//! Numbers are little-endian, byte strings have their length before them. What is read may come from a process that has
//! gone mad: reading never panics, and never allocates more than the input could fill.

use std::ffi::OsStr;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

pub(crate) use super::Corrupt;
use crate::places::Source;
use crate::{PeerAddr, Transport};

/// Appends values to a buffer, which can be kept and used again.
#[derive(Debug)]
pub(crate) struct Writer<'a>(&'a mut Vec<u8>);

impl<'a> Writer<'a> {
    pub(crate) fn new(buffer: &'a mut Vec<u8>) -> Writer<'a> {
        Writer(buffer)
    }

    /// Bytes as they are, without a length.
    pub(crate) fn raw(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.extend_from_slice(bytes);
        self
    }

    pub(crate) fn u8(&mut self, value: u8) -> &mut Self {
        self.raw(&[value])
    }

    pub(crate) fn bool(&mut self, value: bool) -> &mut Self {
        self.u8(u8::from(value))
    }

    pub(crate) fn u16(&mut self, value: u16) -> &mut Self {
        self.raw(&value.to_le_bytes())
    }

    pub(crate) fn u32(&mut self, value: u32) -> &mut Self {
        self.raw(&value.to_le_bytes())
    }

    pub(crate) fn u64(&mut self, value: u64) -> &mut Self {
        self.raw(&value.to_le_bytes())
    }

    /// A length. None is larger than a message or ring can be.
    fn len(&mut self, len: usize) -> &mut Self {
        debug_assert!(u32::try_from(len).is_ok());
        self.u32(len as u32)
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.len(bytes.len()).raw(bytes)
    }

    pub(crate) fn str(&mut self, text: &str) -> &mut Self {
        self.bytes(text.as_bytes())
    }

    pub(crate) fn path(&mut self, path: &Path) -> &mut Self {
        self.bytes(path.as_os_str().as_bytes())
    }

    pub(crate) fn option<T>(
        &mut self,
        value: Option<T>,
        write: impl FnOnce(&mut Writer<'a>, T),
    ) -> &mut Self {
        self.bool(value.is_some());
        if let Some(value) = value {
            write(self, value);
        }
        self
    }

    /// Each item must write at least one byte.
    pub(crate) fn list<T>(
        &mut self,
        items: impl IntoIterator<Item = T, IntoIter: ExactSizeIterator>,
        mut write: impl FnMut(&mut Writer<'a>, T),
    ) -> &mut Self {
        let items = items.into_iter();
        self.len(items.len());
        items.for_each(|item| write(self, item));
        self
    }

    pub(crate) fn duration(&mut self, duration: Duration) -> &mut Self {
        self.u64(duration.as_secs()).u32(duration.subsec_nanos())
    }

    pub(crate) fn time(&mut self, time: SystemTime) -> &mut Self {
        self.duration(time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default())
    }

    pub(crate) fn peer(&mut self, peer: &PeerAddr) -> &mut Self {
        match peer {
            PeerAddr::Unix => self.u8(0),
            PeerAddr::Inet(address) => self.u8(1).address(address),
        }
    }

    pub(crate) fn transport(&mut self, transport: Transport) -> &mut Self {
        self.bool(transport == Transport::Tls)
    }

    pub(crate) fn source(&mut self, source: &Source) -> &mut Self {
        self.peer(&source.peer).transport(source.transport).bool(source.unnamed)
    }

    pub(crate) fn address(&mut self, address: &SocketAddr) -> &mut Self {
        let (ip, flow, scope) = match address {
            SocketAddr::V4(address) => (address.ip().to_ipv6_mapped(), 0, 0),
            SocketAddr::V6(address) => (*address.ip(), address.flowinfo(), address.scope_id()),
        };
        self.bool(address.is_ipv4()).raw(&ip.octets()).u16(address.port()).u32(flow).u32(scope)
    }
}

/// Takes values from a byte string, in the order in which they were written.
#[derive(Debug, Clone)]
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader(bytes)
    }

    /// The bytes that have not been read.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.0
    }

    /// So many bytes as they are.
    pub(crate) fn raw(&mut self, len: usize) -> Result<&'a [u8], Corrupt> {
        let (taken, rest) = self.0.split_at_checked(len).ok_or(Corrupt("it ends too early"))?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Corrupt> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(Corrupt("it ends too early"))?;
        self.0 = rest;
        Ok(*taken)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, Corrupt> {
        self.array().map(u8::from_le_bytes)
    }

    pub(crate) fn bool(&mut self) -> Result<bool, Corrupt> {
        match self.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Corrupt("a flag is neither 0 nor 1")),
        }
    }

    pub(crate) fn u16(&mut self) -> Result<u16, Corrupt> {
        self.array().map(u16::from_le_bytes)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, Corrupt> {
        self.array().map(u32::from_le_bytes)
    }

    pub(crate) fn u64(&mut self) -> Result<u64, Corrupt> {
        self.array().map(u64::from_le_bytes)
    }

    pub(crate) fn bytes(&mut self) -> Result<&'a [u8], Corrupt> {
        let len = self.u32()?;
        self.raw(len as usize)
    }

    pub(crate) fn str(&mut self) -> Result<&'a str, Corrupt> {
        str::from_utf8(self.bytes()?).map_err(|_| Corrupt("a text is not UTF-8"))
    }

    pub(crate) fn string(&mut self) -> Result<String, Corrupt> {
        self.str().map(str::to_owned)
    }

    pub(crate) fn path(&mut self) -> Result<PathBuf, Corrupt> {
        Ok(PathBuf::from(OsStr::from_bytes(self.bytes()?)))
    }

    pub(crate) fn option<T>(
        &mut self,
        read: impl FnOnce(&mut Reader<'a>) -> Result<T, Corrupt>,
    ) -> Result<Option<T>, Corrupt> {
        if self.bool()? { read(self).map(Some) } else { Ok(None) }
    }

    pub(crate) fn list<T>(
        &mut self,
        mut read: impl FnMut(&mut Reader<'a>) -> Result<T, Corrupt>,
    ) -> Result<Vec<T>, Corrupt> {
        let count = self.u32()? as usize;
        // Each item has a byte at least: what does not fit is not begun.
        if count > self.0.len() {
            return Err(Corrupt("a list is longer than what holds it"));
        }
        let mut items = Vec::new();
        for _ in 0..count {
            items.push(read(self)?);
        }
        Ok(items)
    }

    pub(crate) fn duration(&mut self) -> Result<Duration, Corrupt> {
        let (secs, nanos) = (self.u64()?, self.u32()?);
        if nanos >= 1_000_000_000 {
            return Err(Corrupt("a duration has a second too many"));
        }
        Ok(Duration::new(secs, nanos))
    }

    pub(crate) fn time(&mut self) -> Result<SystemTime, Corrupt> {
        SystemTime::UNIX_EPOCH.checked_add(self.duration()?).ok_or(Corrupt("a time that no clock shows"))
    }

    pub(crate) fn peer(&mut self) -> Result<PeerAddr, Corrupt> {
        match self.u8()? {
            0 => Ok(PeerAddr::Unix),
            1 => self.address().map(PeerAddr::Inet),
            _ => Err(Corrupt("an unknown kind of address")),
        }
    }

    pub(crate) fn source(&mut self) -> Result<Source, Corrupt> {
        Ok(Source { peer: self.peer()?, transport: self.transport()?, unnamed: self.bool()? })
    }

    pub(crate) fn transport(&mut self) -> Result<Transport, Corrupt> {
        Ok(if self.bool()? { Transport::Tls } else { Transport::Plain })
    }

    pub(crate) fn address(&mut self) -> Result<SocketAddr, Corrupt> {
        let is_v4 = self.bool()?;
        let ip = Ipv6Addr::from(self.array::<16>()?);
        let (port, flow, scope) = (self.u16()?, self.u32()?, self.u32()?);
        if is_v4 {
            let ip = ip.to_ipv4_mapped().ok_or(Corrupt("an IPv4 address that is none"))?;
            return Ok(SocketAddr::new(IpAddr::V4(ip), port));
        }
        Ok(std::net::SocketAddrV6::new(ip, port, flow, scope).into())
    }

    /// Everything must have been read.
    pub(crate) fn end(self) -> Result<(), Corrupt> {
        if self.0.is_empty() { Ok(()) } else { Err(Corrupt("it goes on after its end")) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, Clone, PartialEq)]
    struct Sample {
        numbers: (u8, u16, u32, u64, bool),
        bytes: Vec<u8>,
        text: String,
        option: Option<u32>,
        list: Vec<String>,
        duration: Duration,
        address: SocketAddr,
    }

    fn write(sample: &Sample) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut writer = Writer::new(&mut bytes);
        let (a, b, c, d, e) = sample.numbers;
        writer.u8(a).u16(b).u32(c).u64(d).bool(e).bytes(&sample.bytes).str(&sample.text);
        writer.option(sample.option, |writer, value| {
            writer.u32(value);
        });
        writer.list(&sample.list, |writer, text| {
            writer.str(text);
        });
        writer.duration(sample.duration).peer(&PeerAddr::Inet(sample.address)).peer(&PeerAddr::Unix);
        bytes
    }

    fn read(bytes: &[u8]) -> Result<Sample, Corrupt> {
        let mut reader = Reader::new(bytes);
        let numbers = (reader.u8()?, reader.u16()?, reader.u32()?, reader.u64()?, reader.bool()?);
        let (bytes, text) = (reader.bytes()?.to_vec(), reader.string()?);
        let option = reader.option(Reader::u32)?;
        let list = reader.list(Reader::string)?;
        let duration = reader.duration()?;
        let PeerAddr::Inet(address) = reader.peer()? else { return Err(Corrupt("not inet")) };
        if reader.peer()? != PeerAddr::Unix {
            return Err(Corrupt("not unix"));
        }
        reader.end()?;
        Ok(Sample { numbers, bytes, text, option, list, duration, address })
    }

    fn address() -> impl Strategy<Value = SocketAddr> {
        prop_oneof![
            (any::<[u8; 4]>(), any::<u16>()).prop_map(|(ip, port)| SocketAddr::new(ip.into(), port)),
            (any::<[u8; 16]>(), any::<u16>(), any::<u32>()).prop_map(|(ip, port, scope)| {
                std::net::SocketAddrV6::new(ip.into(), port, 0, scope).into()
            }),
        ]
    }

    fn samples() -> impl Strategy<Value = Sample> {
        let duration = (any::<u64>(), 0..1_000_000_000u32).prop_map(|(s, n)| Duration::new(s, n));
        (
            any::<(u8, u16, u32, u64, bool)>(),
            any::<Vec<u8>>(),
            any::<String>(),
            any::<Option<u32>>(),
            any::<Vec<String>>(),
            duration,
            address(),
        )
            .prop_map(|(numbers, bytes, text, option, list, duration, address)| Sample {
                numbers,
                bytes,
                text,
                option,
                list,
                duration,
                address,
            })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn what_is_written_is_read(sample in samples()) {
            prop_assert_eq!(read(&write(&sample)), Ok(sample));
        }

        #[test]
        fn a_part_of_it_is_refused(sample in samples(), cut in any::<prop::sample::Index>()) {
            let bytes = write(&sample);
            prop_assert!(read(&bytes[..cut.index(bytes.len())]).is_err());
        }

        #[test]
        fn anything_can_be_read(bytes in any::<Vec<u8>>()) {
            let _ = read(&bytes);
        }
    }

    #[test]
    fn a_length_that_lies_costs_nothing() {
        let mut bytes = Vec::new();
        Writer::new(&mut bytes).u32(u32::MAX).raw(b"abc");
        assert!(Reader::new(&bytes).bytes().is_err());
        assert!(Reader::new(&bytes).list(Reader::u8).is_err());
    }

    #[test]
    fn what_follows_the_end_is_refused() {
        let mut reader = Reader::new(&[1, 2]);
        assert_eq!(reader.u8(), Ok(1));
        assert_eq!(reader.rest(), [2]);
        assert!(reader.end().is_err());
    }
}
