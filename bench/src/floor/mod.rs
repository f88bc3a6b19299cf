//! The floors: a single-threaded epoll loop that does the system calls of a WebSocket server and no more. It trusts its
//! client: no UTF-8, no opcode, no length is checked, nothing but data frames is understood, there is no handler.
//!
//! `floor` is no lower bound: a server that joins what it sends singly can be below it. `tick` joins, too: all that one turn of
//! the loop has for a connection leaves in one send.

mod connection;
mod frames;

use std::convert::Infallible;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::AsRawFd;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Parser, ValueEnum};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SocketFlags};

use crate::poller::{Poller, Ready};
use connection::Connection;
use frames::{Frame, Head};

/// Read buffer that all connections share.
const BUFFER_BYTES: usize = 512 * 1024;

/// Connections that wait for `accept`.
const BACKLOG: i32 = 4096;

/// The number of the listener among the polled sockets; connections have those of their descriptors.
const LISTENER: usize = usize::MAX;

/// Who gets a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Its sender: all that one read brought leaves in one send.
    Sender,
    /// Every connection: one send for each connection and message.
    Everyone,
    /// Every connection: one send for each connection and turn of the loop.
    EveryoneOnceATurn,
}

/// What a floor is told.
#[derive(Parser)]
pub struct Arguments<Load: ValueEnum + Send + Sync + 'static> {
    /// What happens to a message.
    pub load: Load,
    /// Loopback ADDRESS:PORT; port 0 picks a free one.
    #[arg(long)]
    pub listen: SocketAddr,
}

/// Listens on `address`, says so on stdout and serves; returns only when that fails.
#[must_use]
pub fn serve(program: &str, address: SocketAddr, answer: Answer) -> ExitCode {
    let result = Floor::bind(address, answer).and_then(|mut floor| {
        println!("listening on {}", floor.address());
        floor.run()
    });
    match result {
        Ok(never) => match never {},
        Err(error) => {
            eprintln!("{program}: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The server.
pub struct Floor {
    listener: TcpListener,
    address: SocketAddr,
    answer: Answer,
    poller: Poller,
    /// By descriptor.
    connections: Vec<Option<Connection>>,
    buffer: Vec<u8>,
    /// Frames to send.
    out: Vec<u8>,
    /// Frames that everybody is sent at the end of the turn.
    for_everyone: Vec<u8>,
}

impl Floor {
    /// Listens on `address`.
    ///
    /// # Errors
    /// The address is in use or not of this machine.
    pub fn bind(address: SocketAddr, answer: Answer) -> Result<Self> {
        let listener = TcpListener::bind(address).with_context(|| format!("cannot listen on {address}"))?;
        // A second `listen` only lengthens the queue.
        rustix::net::listen(&listener, BACKLOG)?;
        let poller = Poller::new()?;
        poller.add(&listener, LISTENER)?;
        Ok(Self {
            address: listener.local_addr()?,
            listener,
            answer,
            poller,
            connections: Vec::new(),
            buffer: vec![0; BUFFER_BYTES],
            out: Vec::new(),
            for_everyone: Vec::new(),
        })
    }

    /// Where it listens, with the port that was picked.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until the process ends.
    ///
    /// # Errors
    /// The poller's or the listener's.
    pub fn run(&mut self) -> Result<Infallible> {
        loop {
            let ready = self.poller.wait(None)?;
            for position in 0..ready {
                match self.poller.ready(position) {
                    Some(event) if event.index == LISTENER => self.accept()?,
                    Some(event) => self.serve(event)?,
                    None => {}
                }
            }
            if !self.for_everyone.is_empty() {
                send_to_all(&mut self.connections, &self.poller, &self.for_everyone)?;
                self.for_everyone.clear();
            }
        }
    }

    fn accept(&mut self) -> Result<()> {
        let socket =
            match rustix::net::accept_with(&self.listener, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK) {
                Ok(socket) => socket,
                Err(Errno::AGAIN | Errno::INTR | Errno::CONNABORTED) => return Ok(()),
                Err(error) => return Err(error).context("accept"),
            };
        rustix::net::sockopt::set_tcp_nodelay(&socket, true)?;
        let slot = usize::try_from(socket.as_raw_fd())?;
        self.poller.add(&socket, slot)?;
        if self.connections.len() <= slot {
            self.connections.resize_with(slot + 1, || None);
        }
        self.connections[slot] = Some(Connection::new(socket));
        Ok(())
    }

    fn serve(&mut self, event: Ready) -> Result<()> {
        let Some(connection) = self.connections.get_mut(event.index).and_then(Option::as_mut) else {
            return Ok(());
        };
        let mut open = !event.writable || connection.flush(&self.poller)?;
        if open && event.readable {
            open = self.read(event.index)?;
        }
        if !open {
            self.connections[event.index] = None;
        }
        Ok(())
    }

    /// One receive and all that follows from it; false when the connection is at its end.
    fn read(&mut self, index: usize) -> Result<bool> {
        let Some(connection) = self.connections[index].as_mut() else { return Ok(true) };
        let carried = connection.take_partial(&mut self.buffer);
        let received =
            match rustix::net::recv(&connection.socket, &mut self.buffer[carried..], RecvFlags::empty()) {
                Ok((0, _)) => return Ok(false),
                Ok((received, _)) => received,
                Err(Errno::AGAIN | Errno::INTR) => 0,
                Err(_) => return Ok(false),
            };
        let mut input = &self.buffer[..carried + received];
        self.out.clear();
        if !connection.upgraded {
            input = match frames::accept(input, &mut self.out) {
                Head::Accepted(rest) => rest,
                Head::Refused => return Ok(false),
                Head::Incomplete => return Ok(connection.keep_partial(input)),
            };
            connection.upgraded = true;
            if !connection.send(&self.poller, &self.out)? {
                return Ok(false);
            }
            self.out.clear();
        }
        while let Some((frame, rest)) = Frame::split(input) {
            input = rest;
            if frame.is_close() {
                return Ok(false);
            }
            match self.answer {
                Answer::Sender => frame.append_answer(&mut self.out),
                Answer::Everyone => {
                    frame.append_answer(&mut self.out);
                    send_to_all(&mut self.connections, &self.poller, &self.out)?;
                    self.out.clear();
                }
                Answer::EveryoneOnceATurn => frame.append_answer(&mut self.for_everyone),
            }
        }
        let Some(connection) = self.connections[index].as_mut() else { return Ok(false) };
        Ok(connection.keep_partial(input) && connection.send(&self.poller, &self.out)?)
    }
}

fn send_to_all(connections: &mut [Option<Connection>], poller: &Poller, frame: &[u8]) -> Result<()> {
    for slot in connections {
        if let Some(connection) = slot.as_mut().filter(|connection| connection.upgraded)
            && !connection.send(poller, frame)?
        {
            *slot = None;
        }
    }
    Ok(())
}
