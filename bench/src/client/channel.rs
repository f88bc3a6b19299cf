//! The bytes of a connection, plain or by TLS.

use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use rustix::net::{RecvFlags, SendFlags};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore};

/// A socket that never blocks, and the session that speaks TLS over it, if one does.
pub(super) struct Channel {
    socket: OwnedFd,
    tls: Option<Box<ClientConnection>>,
}

/// Trusts the certificates in a PEM file and no others.
///
/// # Errors
/// The file cannot be read, or holds no certificate.
pub fn trust(file: &Path) -> Result<Arc<ClientConfig>> {
    let mut roots = RootCertStore::empty();
    let certificates = CertificateDer::pem_file_iter(file).with_context(|| file.display().to_string())?;
    for certificate in certificates {
        roots.add(certificate.with_context(|| file.display().to_string())?)?;
    }
    anyhow::ensure!(!roots.is_empty(), "{}: there is no certificate in it", file.display());
    Ok(Arc::new(ClientConfig::builder().with_root_certificates(roots).with_no_client_auth()))
}

impl Channel {
    /// With `tls` it is spoken to `host`; the handshake goes on in [`recv`](Self::recv).
    pub(super) fn new(
        socket: OwnedFd,
        tls: Option<(&Arc<ClientConfig>, ServerName<'static>)>,
    ) -> Result<Self> {
        let session = tls.map(|(config, host)| ClientConnection::new(config.clone(), host)).transpose()?;
        Ok(Self { socket, tls: session.map(Box::new) })
    }

    /// Gives the number of bytes that were taken; of those some may still wait: [`has_unsent`](Self::has_unsent).
    pub(super) fn send(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some(tls) = &mut self.tls else { return Socket(&self.socket).write(bytes) };
        let taken = tls.writer().write(bytes)?;
        flush(tls, &self.socket)?;
        Ok(taken)
    }

    /// Bytes that were taken wait for room in the socket; `send` with none tries again.
    pub(super) fn has_unsent(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.wants_write() && !tls.is_handshaking())
    }

    /// As `read(2)`: 0 is the end, [`ErrorKind::WouldBlock`] nothing for now.
    pub(super) fn recv(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(tls) = &mut self.tls else { return Socket(&self.socket).read(buffer) };
        loop {
            match tls.reader().read(buffer) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                read => return read,
            }
            if tls.read_tls(&mut Socket(&self.socket))? == 0 {
                return Ok(0);
            }
            tls.process_new_packets().map_err(|error| io::Error::new(ErrorKind::InvalidData, error))?;
            flush(tls, &self.socket)?;
        }
    }
}

fn flush(tls: &mut ClientConnection, socket: &OwnedFd) -> io::Result<()> {
    while tls.wants_write() {
        match tls.write_tls(&mut Socket(socket)) {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

impl AsFd for Channel {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

struct Socket<'a>(&'a OwnedFd);

impl Read for Socket<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let (received, _) = rustix::net::recv(self.0, buffer, RecvFlags::DONTWAIT)?;
        Ok(received)
    }
}

impl Write for Socket<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(rustix::net::send(self.0, bytes, SendFlags::NOSIGNAL | SendFlags::DONTWAIT)?)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
