//! A TCP or Unix stream, or TLS over TCP.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use rustix::net::sockopt;
use rustix::net::{AddressFamily, SocketFlags, SocketType};
use rustls::{ClientConnection, StreamOwned};

#[derive(Debug)]
pub(crate) enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl Stream {
    pub(crate) fn tcp(address: SocketAddr) -> Stream {
        Stream::over(connect(address))
    }

    /// As the server speaks: see [`all_by_tls`](super::all_by_tls).
    fn over(socket: TcpStream) -> Stream {
        match super::all_by_tls() {
            Some(identity) => identity.trust().over(socket),
            None => Stream::Tcp(socket),
        }
    }

    /// A TCP stream from an address of its own.
    pub(crate) fn tcp_from(own: SocketAddr, address: SocketAddr) -> Stream {
        let socket =
            rustix::net::socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::CLOEXEC, None)
                .unwrap();
        rustix::net::bind(&socket, &own).unwrap();
        rustix::net::connect(&socket, &address).unwrap();
        Stream::Tcp(socket.into())
    }

    /// A TCP stream whose kernel keeps little of what is not read.
    pub(crate) fn narrow(address: SocketAddr) -> Stream {
        let socket =
            rustix::net::socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::CLOEXEC, None)
                .unwrap();
        sockopt::set_socket_recv_buffer_size(&socket, 4 << 10).unwrap();
        rustix::net::connect(&socket, &address).unwrap();
        Stream::over(socket.into())
    }

    pub(crate) fn unix(path: &Path) -> Stream {
        Stream::Unix(UnixStream::connect(path).unwrap())
    }

    pub(crate) fn set_read_timeout(&self, timeout: Duration) {
        let timeout = Some(timeout.max(Duration::from_micros(1)));
        match self {
            Stream::Tls(stream) => stream.sock.set_read_timeout(timeout).unwrap(),
            Stream::Tcp(stream) => stream.set_read_timeout(timeout).unwrap(),
            Stream::Unix(stream) => stream.set_read_timeout(timeout).unwrap(),
        }
    }

    pub(crate) fn set_write_timeout(&self, timeout: Duration) {
        match self {
            Stream::Tls(stream) => stream.sock.set_write_timeout(Some(timeout)).unwrap(),
            Stream::Tcp(stream) => stream.set_write_timeout(Some(timeout)).unwrap(),
            Stream::Unix(stream) => stream.set_write_timeout(Some(timeout)).unwrap(),
        }
    }

    pub(crate) fn shutdown_write(&mut self) {
        match self {
            Stream::Tls(stream) => {
                stream.conn.send_close_notify();
                stream.flush().unwrap();
                stream.sock.shutdown(std::net::Shutdown::Write).unwrap();
            }
            Stream::Tcp(stream) => stream.shutdown(std::net::Shutdown::Write).unwrap(),
            Stream::Unix(stream) => stream.shutdown(std::net::Shutdown::Write).unwrap(),
        }
    }

    pub(crate) fn try_clone(&self) -> Stream {
        match self {
            Stream::Tls(_) => panic!("a TLS session cannot be shared"),
            Stream::Tcp(stream) => Stream::Tcp(stream.try_clone().unwrap()),
            Stream::Unix(stream) => Stream::Unix(stream.try_clone().unwrap()),
        }
    }

    pub(crate) fn local_addr(&self) -> Option<SocketAddr> {
        match self {
            Stream::Tls(stream) => stream.sock.local_addr().ok(),
            Stream::Tcp(stream) => stream.local_addr().ok(),
            Stream::Unix(_) => None,
        }
    }
}

pub(crate) fn connect(address: SocketAddr) -> TcpStream {
    let socket = TcpStream::connect(address).unwrap();
    socket.set_nodelay(true).unwrap();
    socket
}

/// Ends a TCP connection by a reset.
pub(crate) fn reset(stream: Stream) {
    sockopt::set_socket_linger(&stream, Some(Duration::ZERO)).unwrap();
    drop(stream);
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Stream::Tls(stream) => stream.read(buffer),
            Stream::Tcp(stream) => stream.read(buffer),
            Stream::Unix(stream) => stream.read(buffer),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Stream::Tls(stream) => stream.write(bytes),
            Stream::Tcp(stream) => stream.write(bytes),
            Stream::Unix(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Stream::Tls(stream) => stream.flush(),
            _ => Ok(()),
        }
    }
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Stream::Tls(stream) => stream.sock.as_fd(),
            Stream::Tcp(stream) => stream.as_fd(),
            Stream::Unix(stream) => stream.as_fd(),
        }
    }
}
